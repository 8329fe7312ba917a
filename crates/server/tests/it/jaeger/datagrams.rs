//! Batches in datagrams: kept, counted, and never answered.

use std::net::{SocketAddr, UdpSocket};

use serde_json::Value;
use spandrel_codec::jaeger::Format;
use tempfile::tempdir;

use super::{batch, counter, spans_of};
use crate::bad_input::from_hex;
use crate::server::Server;

const WIRE: &str = include_str!("../../../../codec/testdata/hostile/jaeger_wire.jsonl");

pub(super) fn sender(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.connect(to).expect("an address");
    socket
}

/// A message in the binary protocol with the number of its batch and what its client lost.
fn told(trace_id: u128, number: i64, lost: [i64; 3]) -> Vec<u8> {
    let mut message = batch(Format::AgentBinary, trace_id, 1);
    // The ends of the batch and of the arguments.
    assert_eq!(message.split_off(message.len() - 2), [0, 0]);
    message.extend([10, 0, 3]);
    message.extend(number.to_be_bytes());
    message.extend([12, 0, 4]);
    for (id, lost) in (1..).zip(lost) {
        message.extend([10, 0, id]);
        message.extend(lost.to_be_bytes());
    }
    message.extend([0, 0, 0]);
    message
}

#[test]
fn batches_in_both_protocols_are_kept_and_replayed() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let doors = [("jaeger-compact", Format::AgentCompact), ("jaeger-binary", Format::AgentBinary)];
    for (door, format) in doors {
        let socket = sender(server.door(door));
        for trace_id in 1..=20 {
            let trace_id = trace_id + if door == "jaeger-binary" { 100 } else { 0 };
            socket.send(&batch(format, trace_id, 5)).unwrap();
        }
        server.wait_until(|server| counter(server, "stored_spans", door) == 100);
    }
    server.kill();
    let server = Server::start(folder.path(), &[]);
    let ids = (1..=20).chain(101..=120);
    assert_eq!(ids.map(|trace_id| spans_of(&server, trace_id)).sum::<usize>(), 200);
}

#[test]
fn every_listed_datagram_is_dropped_and_counted_and_the_next_good_one_is_kept() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut sent = [0, 0];
    for line in WIRE.lines() {
        let row: Value = serde_json::from_str(line).expect("a row is JSON");
        let (at, door, format) = match row["protocol"].as_str().expect("a protocol") {
            "jaeger-thrift-compact-udp" => (0, "jaeger-compact", Format::AgentCompact),
            "jaeger-thrift-binary-udp" => (1, "jaeger-binary", Format::AgentBinary),
            other => panic!("{other} is no protocol of a datagram"),
        };
        assert_eq!(row["expect"], "drop datagram, count");
        let socket = sender(server.door(door));
        socket.send(&from_hex(row["hex"].as_str().expect("bytes"))).unwrap();
        sent[at] += 1;
        socket.send(&batch(format, 7, 1)).unwrap();
        server.wait_until(|server| counter(server, "stored_requests", door) == sent[at]);
        assert_eq!(counter(&server, "refused_requests", door), sent[at], "{}", row["id"]);
        socket.set_nonblocking(true).unwrap();
        assert!(socket.recv(&mut [0]).is_err(), "a datagram is never answered");
    }
    println!("{} compact and {} binary datagrams dropped and counted", sent[0], sent[1]);
    assert_eq!(sent, [5, 2]);
    // The largest that UDP has, and one that is nothing but zeros.
    let socket = sender(server.door("jaeger-compact"));
    socket.send(&[0x82; 65_507]).unwrap();
    socket.send(&[0; 65_507]).unwrap();
    server.wait_until(|server| counter(server, "refused_requests", "jaeger-compact") == 7);
    let page = server.get("/metrics");
    let malformed = "refused_requests_total{door=\"jaeger-compact\",format=\"jaeger-agent-compact\",reason=\"malformed\"} 7";
    assert!(page.text().contains(malformed), "{}", page.text());
}

#[test]
fn what_a_client_lost_and_which_batches_did_not_come_is_shown() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let socket = sender(server.door("jaeger-binary"));
    for (number, lost) in [(1, [0, 0, 0]), (2, [3, 1, 0]), (5, [3, 1, 2])] {
        socket.send(&told(9, number, lost)).unwrap();
    }
    server.wait_until(|server| {
        let status = server.get("/api/spandrel/status").json();
        status["jaegerClients"]["lostMost"][0]["batches"] == 3
    });
    let client = server.get("/api/spandrel/status").json()["jaegerClients"]["lostMost"][0].clone();
    assert_eq!(client["peer"], socket.local_addr().unwrap().to_string());
    assert_eq!((&client["service"], &client["missingBatches"]), (&"shop".into(), &2.into()));
    let lost = ["lostFullQueue", "lostTooLarge", "lostFailedToSend"].map(|key| &client[key]);
    assert_eq!(lost, [&Value::from(3), &1.into(), &2.into()]);
    assert_eq!(counter(&server, "client_lost_spans", "jaeger-binary"), 6);
    assert_eq!(counter(&server, "client_missing_batches", "jaeger-binary"), 2);
}
