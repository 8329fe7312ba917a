//! Starting, being asked how it is, being guarded, and closing.

use tempfile::tempdir;

use crate::http::send;
use crate::server::Server;

const ONE_SPAN: &[u8] = br#"[{"traceId":"463ac35c9f6413ad","id":"a2fb4a1d1a96d312","name":"GET /","timestamp":1700000000000000,"duration":1500,"localEndpoint":{"serviceName":"Shop"}}]"#;

#[test]
fn an_operator_sees_that_it_lives_is_ready_and_counts() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/ready").json()["ready"], true);
    assert_eq!(server.post("/api/v2/spans", "application/json", ONE_SPAN).status, 202);

    let metrics = server.get("/metrics");
    let metrics = metrics.text();
    for line in [
        r#"spandrel_received_spans_total{door="main",format="zipkin-v2-json"} 1"#,
        r#"spandrel_stored_spans_total{door="main",format="zipkin-v2-json"} 1"#,
        r#"spandrel_memory_limit_bytes{account="head"}"#,
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let status = server.get("/api/spandrel/status").json();
    assert_eq!(status["doors"][0]["address"], server.address.to_string());
    assert_eq!(status["durability"], "fsync");
}

#[test]
fn asked_to_end_it_closes_cleanly_and_keeps_what_it_acknowledged() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.post("/api/v2/spans", "application/json", ONE_SPAN).status, 202);
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");

    let server = Server::start(folder.path(), &[]);
    let trace = server.get("/api/v2/trace/463ac35c9f6413ad").json();
    assert_eq!(trace[0]["name"], "get /", "Zipkin's door folds names to lower case");
    assert_eq!(server.get("/api/spandrel/services").json()["services"][0], "Shop");
}

#[test]
fn a_second_process_on_the_same_folder_is_refused_with_the_holders_pid() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let log = Server::try_start(folder.path(), &[]).err().expect("it is refused");
    assert!(log.contains(&server.pid().to_string()), "{log}");
}

#[test]
fn a_loopback_door_answers_only_to_names_of_this_machine() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let status = |host: &str| {
        let headers = [("Host", host)];
        send(server.address, "GET", "/api/v2/services", &headers, b"").unwrap().status
    };
    assert_eq!(status("attacker.example:9411"), 403);
    assert_eq!(status("localhost:9411"), 200);
}

#[test]
fn no_page_of_another_site_is_let_in_or_may_read() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let from_evil = |method: &str, path: &str, content_type: &str, body: &[u8]| {
        let headers = [("Origin", "https://evil.example"), ("Content-Type", content_type)];
        send(server.address, method, path, &headers, body).unwrap()
    };
    assert_eq!(from_evil("POST", "/api/v2/spans", "text/plain", ONE_SPAN).status, 415);
    assert_eq!(from_evil("POST", "/api/v1/spans", "text/plain", b"[]").status, 415);
    let read = from_evil("GET", "/api/v2/services", "text/plain", b"");
    assert_eq!(read.header("access-control-allow-origin"), None);
    assert_eq!(read.header("x-content-type-options"), Some("nosniff"));
    let preflight = from_evil("OPTIONS", "/api/v2/spans", "text/plain", b"");
    assert!(preflight.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
}

#[test]
fn what_is_not_there_and_what_is_not_done_say_so() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let missing = server.get("/api/v3/nothing");
    assert_eq!((missing.status, missing.text()), (404, "nothing is at /api/v3/nothing"));
    let missing = server.get("/api/spandrel/nothing");
    assert_eq!(missing.status, 404);
    assert!(missing.json()["error"].is_string(), "the own API speaks JSON");
    let delete = send(server.address, "DELETE", "/api/v2/services", &[], b"").unwrap();
    assert_eq!((delete.status, delete.text()), (405, "DELETE does nothing here"));
}

#[test]
fn wrong_settings_are_refused_before_anything_is_opened() {
    let folder = tempdir().unwrap();
    for (flag, value, text) in [
        ("--memory", "1.5GiB", "memory `1.5GiB` is no size"),
        ("--durability", "never", "neither fsync nor interval"),
        ("--retention-age", "14", "retention-age `14` is no age"),
        ("--retention-size", "120%", "retention-size `120%` is no size"),
        ("--retention-free", "some", "retention-free `some` is no size"),
        ("--config", "/nonexistent/spandrel.toml", "can't be read"),
    ] {
        let log = Server::try_start(folder.path(), &[flag, value]).err().expect("it is refused");
        assert!(log.contains(text), "{log}");
    }
}
