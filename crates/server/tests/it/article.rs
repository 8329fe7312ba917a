//! The article's Go program, as captured: what it posts is kept, and read back whole.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::http::Answer;
use crate::server::Server;

/// One run of the article's program: six requests, in the order sent.
pub(crate) struct Capture {
    bodies: [&'static [u8]; 6],
}

macro_rules! capture {
    ($folder:literal) => {
        Capture {
            bodies: [
                include_bytes!(concat!("../../testdata/", $folder, "/01.thrift")),
                include_bytes!(concat!("../../testdata/", $folder, "/02.thrift")),
                include_bytes!(concat!("../../testdata/", $folder, "/03.thrift")),
                include_bytes!(concat!("../../testdata/", $folder, "/04.thrift")),
                include_bytes!(concat!("../../testdata/", $folder, "/05.thrift")),
                include_bytes!(concat!("../../testdata/", $folder, "/06.thrift")),
            ],
        }
    };
}

/// Server spans have ids of their own.
pub(crate) const OWN_IDS: Capture = capture!("article-go-client");
/// Client and server halves share an id, as in the article's screenshots.
pub(crate) const SHARED: Capture = capture!("article-go-client-shared");

/// Posts a capture as the Go program did, and returns the id of its trace.
pub(crate) fn post_capture(server: &Server, capture: &Capture) -> String {
    for body in capture.bodies {
        let answer = server.post("/api/v1/spans", "application/x-thrift", body);
        assert_eq!((answer.status, answer.body.len()), (202, 0), "{}", answer.text());
    }
    let traces = search(server, "").json();
    let trace_id = traces[0][0]["traceId"].as_str().expect("an id");
    trace_id.to_owned()
}

/// A minute after the captures were made, in milliseconds since 1970.
pub(crate) const AFTER_CAPTURE_MS: u64 = 1_795_365_000_000;

/// Searches as if it were a minute after the captures.
fn search(server: &Server, parameters: &str) -> Answer {
    server.get(&format!("/api/v2/traces?endTs={AFTER_CAPTURE_MS}&{parameters}"))
}

fn count(server: &Server, parameters: &str) -> usize {
    search(server, parameters).json().as_array().expect("a list").len()
}

/// The spans of the trace under a name, earliest first.
fn named<'t>(trace: &'t Value, name: &str) -> Vec<&'t Value> {
    let spans = trace.as_array().expect("a list");
    let mut named: Vec<_> = spans.iter().filter(|span| span["name"] == name).collect();
    named.sort_by_key(|span| span["timestamp"].as_u64());
    named
}

fn events(span: &Value) -> Vec<String> {
    let label = |annotation: &Value| {
        let text = annotation["value"].as_str().expect("a text");
        let fields: Option<Value> = serde_json::from_str(text).ok();
        let event = fields.and_then(|fields| fields["event"].as_str().map(str::to_owned));
        event.unwrap_or_else(|| text.to_owned())
    };
    span["annotations"].as_array().into_iter().flatten().map(label).collect()
}

/// The events of a hop on a new connection.
pub(crate) const FIRST_HOP: [&str; 11] = [
    "GetConn",
    "DNSStart",
    "DNSDone",
    "ConnectStart",
    "ConnectDone",
    "GotConn",
    "WroteHeaders",
    "WroteRequest",
    "GotFirstResponseByte",
    "PutIdleConn",
    "ClosedBody",
];

#[test]
fn the_chain_of_six_spans_is_read_back_whole() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let trace_id = post_capture(&server, &OWN_IDS);
    let trace = server.get(&format!("/api/v2/trace/{trace_id}")).json();
    assert_eq!(trace.as_array().map(Vec::len), Some(6));

    let id_of = |span: &Value| span["id"].clone();
    let root = named(&trace, "client")[0];
    let top = named(&trace, "http client")[0];
    let gets = named(&trace, "http get");
    let of_kind = |kind: &str| -> Vec<&Value> {
        gets.iter().copied().filter(|span| span["kind"] == kind).collect()
    };
    let (clients, servers) = (of_kind("CLIENT"), of_kind("SERVER"));
    assert_eq!(root["parentId"], Value::Null);
    assert_eq!(top["parentId"], id_of(root));
    for (client, server) in clients.iter().zip(&servers) {
        assert_eq!(client["parentId"], id_of(top));
        assert_eq!(server["parentId"], id_of(client));
    }
    assert_eq!((clients.len(), servers.len()), (2, 2));

    assert_eq!(events(clients[0]), FIRST_HOP);
    assert_eq!(events(clients[1]).len(), 7);
    assert!(!events(clients[1]).contains(&"DNSStart".to_owned()));
    assert_eq!(clients[0]["tags"]["http.status_code"], "301");
    assert_eq!(clients[1]["tags"]["http.status_code"], "200");
    let tags = root["tags"].as_object().expect("tags");
    assert!(tags.contains_key("jaeger.version") && tags.contains_key("hostname"), "{tags:?}");
}

#[test]
fn the_halves_of_shared_spans_come_back_as_pairs_and_as_one_row() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let trace_id = post_capture(&server, &SHARED);
    let trace = server.get(&format!("/api/v2/trace/{trace_id}")).json();
    let gets = named(&trace, "http get");
    assert_eq!((trace.as_array().map(Vec::len), gets.len()), (Some(6), 4));
    for client in gets.iter().filter(|span| span["kind"] == "CLIENT") {
        let shares_id = |span: &&&Value| span["kind"] == "SERVER" && span["id"] == client["id"];
        assert_eq!(gets.iter().filter(shares_id).count(), 1);
    }

    let tree = server.get(&format!("/api/spandrel/traces/{trace_id}")).json();
    let rows = &tree["rows"];
    assert_eq!((&tree["spanCount"], &tree["receivedSpanCount"]), (&json!(4), &json!(6)));
    assert_eq!(rows["parent"], json!([-1, 0, 1, 1]));
    assert_eq!(rows["depth"], json!([0, 1, 2, 2]));
    let is_joined = |row: usize| rows["flags"][row].as_u64().expect("flags") & 4 != 0;
    assert_eq!([0, 1, 2, 3].map(is_joined), [false, false, true, true]);
    assert_eq!(tree["events"]["row"].as_array().map(Vec::len), Some(18));
}

#[test]
fn a_joined_span_tells_its_events_in_the_order_of_the_call() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let trace_id = post_capture(&server, &SHARED);
    let tree = server.get(&format!("/api/spandrel/traces/{trace_id}")).json();
    let span_id = tree["rows"]["spanId"][2].as_str().expect("an id");
    let span = server.get(&format!("/api/spandrel/traces/{trace_id}/spans/{span_id}")).json();
    let events = span["events"].as_array().expect("events");
    let derived: Vec<_> =
        events.iter().filter(|event| event["isDerived"] == true).map(|e| &e["label"]).collect();
    assert_eq!(derived, ["Client Send", "Server Receive", "Server Send", "Client Receive"]);
    assert_eq!(events.len(), 11 + 4);
    let tags = span["tags"].as_array().expect("tags");
    let has =
        |key: &str, value: &str| tags.iter().any(|tag| tag["key"] == key && tag["value"] == value);
    assert!(has("http.status_code", "301") && has("http.method", "GET"), "{tags:?}");
}

#[test]
fn it_is_found_by_service_name_tag_event_and_duration() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    post_capture(&server, &OWN_IDS);
    for (parameters, found) in [
        ("serviceName=client", 1),
        ("serviceName=SERVER", 1),
        ("serviceName=nobody", 0),
        ("spanName=http+get", 1),
        ("serviceName=server&spanName=client", 0),
        ("spanName=all", 1),
        ("annotationQuery=http.status_code%3D301", 1),
        ("annotationQuery=http.status_code%3D301+and+http.status_code%3D404", 0),
        ("annotationQuery=GotFirstResponseByte", 1),
        ("annotationQuery=http.method", 1),
        ("minDuration=1", 1),
        ("minDuration=1&maxDuration=2", 0),
        ("minDuration=60000000", 0),
        ("limit=1", 1),
    ] {
        assert_eq!(count(&server, parameters), found, "{parameters}");
    }
    let a_day_later = AFTER_CAPTURE_MS + 86_400_000;
    let traces = server.get(&format!("/api/v2/traces?endTs={a_day_later}")).json();
    assert_eq!(traces, json!([]), "the look-back is a day");
}

#[test]
fn names_and_dependencies_are_known() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for capture in [OWN_IDS, SHARED] {
        post_capture(&server, &capture);
    }
    assert_eq!(server.get("/api/v2/services").json(), json!(["client", "server"]));
    let names = server.get("/api/v2/spans?serviceName=client").json();
    assert_eq!(names, json!(["client", "http client", "http get"]));
    assert_eq!(server.get("/zipkin/api/v2/services").json(), json!(["client", "server"]));
    let window = "endTs=4102444800000&lookback=4102444800000";
    let links = server.get(&format!("/api/v2/dependencies?{window}")).json();
    assert_eq!(links, json!([{ "parent": "client", "child": "server", "callCount": 4 }]));
    let links = server.get(&format!("/api/spandrel/dependencies?{window}")).json();
    assert_eq!(links["links"][0]["errorCount"], 0);
}

#[test]
fn an_answer_survives_a_crash() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let trace_id = post_capture(&server, &SHARED);
    let path = format!("/api/v2/trace/{trace_id}");
    let before = server.get(&path).json();
    server.kill();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.get(&path).json(), before);
}
