//! The article's program in Rust, from `examples/article`: its two actors report to the real
//! server, and their trace is the article's.

use std::time::Duration;

use article::{init_tracer, run_client, run_server};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::net::TcpListener;

use crate::article::FIRST_HOP;
use crate::server::Server;

/// How long the last spans may take to be sent; far more than they need.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs both actors once; every span of theirs is acknowledged when this returns.
fn tell(server: &Server, shares_span_ids: bool) -> String {
    let tracer = |name| init_tracer(name, &server.url(), shares_span_ids).expect("a good URL");
    let (server_tracer, client_tracer) = (tracer("server"), tracer("client"));
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let answer = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        tokio::spawn(run_server(listener, server_tracer.clone()));
        run_client(&format!("http://localhost:{port}/"), &client_tracer).await.expect("an answer")
    });
    assert!(answer.starts_with("The time is "), "{answer}");
    for tracer in [client_tracer, server_tracer] {
        tracer.close(CLOSE_TIMEOUT).expect("every span is taken");
    }
    let traces = server.get("/api/v2/traces").json();
    assert_eq!(traces.as_array().map(Vec::len), Some(1));
    traces[0][0]["traceId"].as_str().expect("an id").to_owned()
}

/// The named column, as texts by the tree's strings.
fn texts<'t>(tree: &'t Value, column: &Value) -> Vec<&'t str> {
    let text = |index: &Value| {
        let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
        index.map_or("", |index| tree["strings"][index].as_str().expect("a string"))
    };
    column.as_array().expect("a column").iter().map(text).collect()
}

/// The labels of one row's events.
fn events_of(tree: &Value, row: u64) -> Vec<&str> {
    let labels = texts(tree, &tree["events"]["label"]);
    let rows = tree["events"]["row"].as_array().expect("a column");
    rows.iter().zip(labels).filter(|(at, _)| **at == row).map(|(_, label)| label).collect()
}

/// The events of a hop on a connection that the first one left behind.
const SECOND_HOP: [&str; 7] = [
    "GetConn",
    "GotConn",
    "WroteHeaders",
    "WroteRequest",
    "GotFirstResponseByte",
    "PutIdleConn",
    "ClosedBody",
];

#[test]
fn shared_halves_make_the_articles_four_rows_with_every_event_on_its_hop() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let trace_id = tell(&server, true);
    let tree = server.get(&format!("/api/spandrel/traces/{trace_id}")).json();
    let rows = &tree["rows"];
    assert_eq!(texts(&tree, &rows["name"]), ["client", "HTTP Client", "HTTP GET", "HTTP GET"]);
    assert_eq!(texts(&tree, &rows["service"]), ["client", "client", "server", "server"]);
    assert_eq!(rows["parent"], json!([-1, 0, 1, 1]));
    assert_eq!(rows["flags"], json!([0, 0, 4, 4]), "the last two join both halves");
    // A name of two addresses is tried at both: the second may be dialled too.
    let mut first = events_of(&tree, 2);
    first.dedup();
    assert_eq!(without_further_attempts(first), FIRST_HOP);
    assert_eq!(events_of(&tree, 3), SECOND_HOP);

    let span = |row: usize| {
        let span_id = rows["spanId"][row].as_str().expect("an id");
        server.get(&format!("/api/spandrel/traces/{trace_id}/spans/{span_id}")).json()
    };
    let tag = |row: usize, key: &str| {
        let span = span(row);
        let tags = span["tags"].as_array().expect("tags");
        tags.iter().find(|tag| tag["key"] == key).map(|tag| tag["value"].clone())
    };
    assert_eq!(tag(2, "http.status_code"), Some(json!("301")));
    assert_eq!(tag(2, "net/http.reused"), Some(json!("false")));
    assert_eq!(tag(3, "http.status_code"), Some(json!("200")));
    assert_eq!(tag(3, "net/http.reused"), Some(json!("true")));
}

/// Drops the dialling of further addresses: `localhost` may have two, one of which refuses.
fn without_further_attempts(events: Vec<&str>) -> Vec<&str> {
    let dials = |event: &&str| matches!(*event, "ConnectStart" | "ConnectDone");
    let mut kept = Vec::new();
    for event in events {
        if !dials(&event) || !kept.contains(&event) {
            kept.push(event);
        }
    }
    kept
}

#[test]
fn with_ids_of_their_own_the_server_spans_hang_under_the_hops() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let trace_id = tell(&server, false);
    let tree = server.get(&format!("/api/spandrel/traces/{trace_id}")).json();
    assert_eq!(tree["rows"]["parent"], json!([-1, 0, 1, 2, 1, 4]));
    let services = texts(&tree, &tree["rows"]["service"]);
    assert_eq!(services, ["client", "client", "client", "server", "client", "server"]);
    let links = server.get("/api/spandrel/dependencies").json();
    let link = json!({ "parent": "client", "child": "server", "callCount": 2, "errorCount": 0 });
    assert_eq!(links["links"], json!([link]));
}
