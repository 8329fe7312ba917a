//! At each of these doors, too, received is stored and rejected and dropped.

use std::net::SocketAddr;
use std::thread;

use spandrel_codec::jaeger::Format;
use tempfile::tempdir;

use super::datagrams::sender;
use super::doors::{POST_SPANS, THRIFT, post};
use super::scribe::{SCRIBE, connect, entry, log_call, say};
use super::{batch, counter, with_bad_span};
use crate::otlp::call::{call, frame};
use crate::server::Server;

const DOORS: [&str; 5] =
    ["jaeger-thrift-http", "jaeger-grpc", "jaeger-compact", "jaeger-binary", "scribe"];
const NAMES: [&str; 7] = [
    "received_spans",
    "stored_spans",
    "rejected_spans",
    "dropped_spans",
    "received_requests",
    "stored_requests",
    "refused_requests",
];
const ROUNDS: u128 = 20;

fn account(server: &Server, door: &str) -> [u64; 7] {
    NAMES.map(|name| counter(server, name, door))
}

fn adds_up(of_door: &[u64; 7]) -> bool {
    let [spans, stored, rejected, dropped, requests, taken, refused] = of_door;
    *spans == stored + rejected + dropped && *requests == taken + refused
}

fn storm(server: &Server) {
    let cut = |body: Vec<u8>| body[..body.len() - 3].to_vec();
    let all = |format| {
        move |id| [batch(format, id, 30), with_bad_span(format, id), cut(batch(format, id, 2))]
    };
    for id in 1..=ROUNDS {
        for body in all(Format::ThriftBinary)(id) {
            post(server, "/api/traces", THRIFT, &body);
        }
        for body in all(Format::Proto)(id) {
            call(server.door("jaeger-grpc"), POST_SPANS, &[], frame(false, &body));
        }
        let messages = [entry(id, 1), "?".to_owned(), entry(id, 2)];
        let mut stream = connect(server.door("scribe"));
        say(&mut stream, &log_call(&messages.each_ref().map(String::as_str))).expect("an answer");
        say(&mut stream, b"\0\0\0\x01\0").expect_err("no call");
    }
}

fn flood(doors: [SocketAddr; 2]) {
    for (door, format) in doors.into_iter().zip([Format::AgentCompact, Format::AgentBinary]) {
        let socket = sender(door);
        for id in 1..=ROUNDS {
            for body in [&batch(format, id, 100)[..], b"\x82", &batch(Format::AgentBinary, id, 5)] {
                socket.send(body).expect("it is sent");
            }
            // Many small ones, of which none waits for the one before.
            for _ in 0..100 {
                socket.send(&batch(format, id, 1)).expect("it is sent");
            }
            if format == Format::AgentBinary {
                socket.send(&with_bad_span(format, id)).expect("it is sent");
            }
        }
    }
}

#[test]
fn after_a_storm_of_good_and_bad_requests_every_door_adds_up() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[&["--memory", "64MiB"][..], &SCRIBE].concat());
    let flooded = ["jaeger-compact", "jaeger-binary"].map(|door| server.door(door));
    thread::scope(|scope| {
        scope.spawn(move || flood(flooded));
        storm(&server);
    });
    // What is in the sockets and in the log's queue is counted a little later.
    server.wait_until(|server| DOORS.iter().all(|door| adds_up(&account(server, door))));
    for door in DOORS {
        let [spans, stored, rejected, dropped, requests, ..] = account(&server, door);
        println!(
            "{door}: {spans} spans received, {stored} stored, {rejected} rejected, {dropped} dropped; {requests} requests"
        );
        assert!(stored > 0, "{door}");
        assert!(rejected > 0 || door == "jaeger-compact", "{door}");
    }
}
