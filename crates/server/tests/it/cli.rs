//! The commands that ask a running server.

use std::process::{Command, Output};

use tempfile::tempdir;

use crate::article::{SHARED, post_capture};
use crate::server::{SPANDREL, Server};

fn spandrel(server: &Server, arguments: &[&str]) -> Output {
    Command::new(SPANDREL)
        .args(arguments)
        .args(["--url", &server.url()])
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[test]
fn a_trace_is_drawn_in_the_terminal() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let trace_id = post_capture(&server, &SHARED);
    let output = spandrel(&server, &["trace", &trace_id, "--width", "100"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let drawn = text(&output.stdout);
    let heading = drawn.lines().next().unwrap();
    assert!(heading.starts_with(&format!("trace {trace_id}")), "{heading}");
    assert!(heading.ends_with("4 spans of client, server"), "{heading}");
    assert_eq!(drawn.matches("client -> server  HTTP GET").count(), 2, "{drawn}");
    assert_eq!(drawn.matches("· DNSStart").count(), 1, "{drawn}");
    assert!(drawn.lines().all(|line| line.chars().count() <= 100), "{drawn}");
}

#[test]
fn services_are_listed_and_json_is_passed_on() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let output = spandrel(&server, &["services"]);
    assert!(text(&output.stdout).starts_with("no service has sent spans yet"));

    post_capture(&server, &SHARED);
    assert_eq!(text(&spandrel(&server, &["services"]).stdout), "client\nserver\n");
    let json = spandrel(&server, &["services", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["services"][1], "server");
}

#[test]
fn errors_say_what_is_wrong_on_one_line() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for (arguments, message) in [
        (["trace", "0000000000000abc"], "404 Not Found: 0000000000000abc not found"),
        (["trace", "xyz"], "400 Bad Request: no trace id: the character at 0 is not"),
    ] {
        let output = spandrel(&server, &arguments);
        assert!(!output.status.success());
        let error = text(&output.stderr);
        assert!(error.contains(message) && error.lines().count() == 1, "{error}");
    }
    let url = server.url();
    server.kill();
    let output = Command::new(SPANDREL).args(["services", "--url", &url]).output().unwrap();
    assert!(text(&output.stderr).contains("start one with `spandrel serve`"));
}
