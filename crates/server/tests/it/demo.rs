//! The article's program through the project's own library, and the server's own traces.

use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::tempdir;

use crate::server::{SPANDREL, Server, lines_of};

/// The names of one row's events, in order.
fn events(tree: &Value, row: u64) -> Vec<&str> {
    let column = |name: &str| tree["events"][name].as_array().expect("a column");
    let label = |index: &Value| {
        let index = usize::try_from(index.as_u64().expect("an index")).expect("it fits");
        tree["strings"][index].as_str().expect("a string")
    };
    let of_row = column("row").iter().zip(column("label")).filter(|(at, _)| **at == row);
    of_row.map(|(_, index)| label(index)).collect()
}

/// The value of a tag of one row.
fn tag(server: &Server, tree: &Value, row: usize, key: &str) -> Option<String> {
    let trace_id = tree["traceId"].as_str().expect("an id");
    let span_id = tree["rows"]["spanId"][row].as_str().expect("an id");
    let span = server.get(&format!("/api/spandrel/traces/{trace_id}/spans/{span_id}")).json();
    let tags = span["tags"].as_array().expect("tags");
    let found = tags.iter().find(|tag| tag["key"] == key)?;
    found["value"].as_str().map(str::to_owned)
}

#[test]
fn the_demo_tells_the_articles_story_to_a_running_server() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let output =
        Command::new(SPANDREL).args(["demo", "--url", &server.url()]).output().expect("it runs");
    let drawn = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let heading = drawn.lines().next().expect("a heading");
    assert!(heading.ends_with("4 spans of client, server"), "{drawn}");
    let link = drawn.lines().last().expect("a link");
    let (_, trace_id) = link.rsplit_once("/traces/").expect("a link to the trace");

    let tree = server.get(&format!("/api/spandrel/traces/{trace_id}")).json();
    assert_eq!(tree["rows"]["depth"], serde_json::json!([0, 1, 2, 2]));
    assert_eq!(tree["rows"]["flags"], serde_json::json!([0, 0, 4, 4]), "two rows join halves");
    let (first, second) = (events(&tree, 2), events(&tree, 3));
    assert_eq!(first[..3], ["GetConn", "DNSStart", "DNSDone"], "{first:?}");
    assert!(first.contains(&"ConnectDone") && first.contains(&"GotFirstResponseByte"));
    assert!(!second.contains(&"DNSStart") && !second.contains(&"ConnectStart"), "{second:?}");
    let tags = |row, key| tag(&server, &tree, row, key);
    assert_eq!(tags(2, "http.status_code").as_deref(), Some("301"));
    assert_eq!(tags(2, "net/http.reused").as_deref(), Some("false"));
    assert_eq!(tags(3, "http.status_code").as_deref(), Some("200"));
    assert_eq!(tags(3, "net/http.reused").as_deref(), Some("true"));
}

#[test]
fn without_a_server_the_demo_brings_one_and_takes_it_away() {
    if TcpStream::connect(("127.0.0.1", 9411)).is_ok() {
        // A Spandrel there would be told the story, as the test above asserts of any server.
        eprintln!("SKIP: port 9411 is taken, so the demo may find a server");
        return;
    }
    let mut demo =
        Command::new(SPANDREL).arg("demo").stdout(Stdio::piped()).spawn().expect("it runs");
    let lines = lines_of(demo.stdout.take().expect("it is piped"));
    let stays = lines.iter().find(|line| line.contains("stays until Ctrl-C"));
    let pid = rustix::process::Pid::from_child(&demo);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    assert!(stays.is_some());
    assert!(demo.wait().expect("it ends").success());
}

#[test]
fn a_server_that_traces_itself_names_its_routes_and_does_not_feed_on_itself() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &["--self-trace"]);
    for _ in 0..3 {
        assert_eq!(server.get("/api/v2/services").status, 200);
    }
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");

    let server = Server::start(folder.path(), &[]);
    let traces = server.get("/api/v2/traces?serviceName=spandrel&limit=100").json();
    let traces = traces.as_array().expect("a list");
    assert_eq!(traces.len(), 3, "one for each request, none for storing them");
    assert_eq!(traces[0][0]["name"], "http get /api/v2/services");
    assert_eq!(traces[0][0]["kind"], "SERVER");
    assert_eq!(traces[0][0]["tags"]["http.status_code"], "200");
}
