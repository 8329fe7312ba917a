//! The server's own account: at every door, received is stored and rejected and dropped.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::thread;

use prost::Message as _;
use spandrel_codec::otlp::Format;
use tempfile::tempdir;

use super::call::{EXPORT, REPORT, call, frame};
use super::http::compress;
use super::{JSON, PROTOBUF, RpcStatus, post, request, with_bad_span};
use crate::http::{Answer, send};
use crate::server::Server;

/// The counters of a page, summed by name and door.
pub(crate) fn counters(page: &str) -> BTreeMap<(String, String), u64> {
    let mut sums = BTreeMap::new();
    for line in page.lines() {
        let Some((name, rest)) =
            line.strip_prefix("spandrel_").and_then(|line| line.split_once("{door=\""))
        else {
            continue;
        };
        let (door, rest) = rest.split_once('"').expect("a label ends");
        let (_, value) = rest.rsplit_once(' ').expect("a value");
        let value: u64 = value.parse().expect("a counter");
        *sums.entry((name.to_owned(), door.to_owned())).or_default() += value;
    }
    sums
}

const DOORS: [&str; 3] = ["main", "otlp-grpc", "otlp-http"];

/// What each door's counters say: spans received, stored, rejected, dropped; then requests
/// received, stored, refused.
fn accounts(server: &Server) -> [[u64; 7]; 3] {
    let counters = counters(server.get("/metrics").text());
    DOORS.map(|door| {
        let names = ["received_spans", "stored_spans", "rejected_spans", "dropped_spans"];
        let requests = ["received_requests", "stored_requests", "refused_requests"];
        let mut names = names.into_iter().chain(requests);
        std::array::from_fn(|_| {
            let name = format!("{}_total", names.next().expect("seven names"));
            counters.get(&(name, door.to_owned())).copied().unwrap_or(0)
        })
    })
}

fn adds_up(of_door: &[u64; 7]) -> bool {
    let [spans, stored, rejected, dropped, requests, taken, refused] = of_door;
    *spans == stored + rejected + dropped && *requests == taken + refused
}

fn storm([main, grpc, http]: [SocketAddr; 3], seed: u128) {
    for round in 0..20_u128 {
        let good = request(Format::Proto, seed * 1_000 + round + 1, 30);
        let mixed = with_bad_span(good.clone());
        let cut = &good[..good.len() - 3];
        for door in [main, http] {
            for body in [&good[..], &mixed, cut] {
                post(door, PROTOBUF, &[], body);
            }
            post(door, PROTOBUF, &[("Content-Encoding", "gzip")], &compress("gzip", &mixed));
            post(door, JSON, &[], b"{\"resourceSpans\":[");
            post(door, "text/plain", &[], b"");
        }
        for body in
            [frame(false, &good), frame(false, &mixed), frame(false, cut), b"\x02".repeat(5)]
        {
            call(grpc, EXPORT, &[], body);
        }
        call(main, REPORT, &[], frame(false, b"\x0a\x02\x0a"));
        let list = br#"[{"traceId":"1","id":"2"},{"traceId":"x","id":"2"}]"#;
        send(main, "POST", "/api/v2/spans", &[("Content-Type", JSON)], list).expect("an answer");
        hang_up(http, &good);
    }
}

/// Says more than it sends, and goes away.
fn hang_up(to: SocketAddr, body: &[u8]) {
    let mut stream = TcpStream::connect(to).expect("it listens");
    let len = body.len() + 10;
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: {to}\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len}\r\n\r\n"
    );
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

/// A refusal for want of memory says when to come back, in its head and in its status.
fn assert_is_told_when(answer: &Answer) {
    let status = RpcStatus::decode(&answer.body[..]).expect("a status");
    assert_eq!((answer.status, status.code), (503, 14), "{status:?}");
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(status.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    // RetryInfo { retry_delay: Duration { seconds: 5 } }
    assert_eq!(status.details[0].value, [0x0a, 2, 0x08, 5]);
}

#[test]
fn after_a_storm_of_good_and_bad_requests_every_doors_account_adds_up() {
    let folder = tempdir().unwrap();
    // So little memory that some is refused for want of it.
    let server = Server::start(folder.path(), &["--memory", "64MiB"]);
    let doors = DOORS.map(|name| server.door(name));
    let http = doors[2];
    thread::scope(|scope| {
        for seed in 1..=3 {
            scope.spawn(move || storm(doors, seed));
        }
        scope.spawn(move || {
            // Its spans take more than requests may have.
            let large = compress("gzip", &request(Format::Proto, 0xffff, 30_000));
            let gzip = [("Content-Encoding", "gzip")];
            for _ in 0..5 {
                assert_is_told_when(&post(http, PROTOBUF, &gzip, &large));
            }
        });
    });
    // Those who hung up are noticed a little later.
    server.wait_until(|server| accounts(server).iter().all(adds_up));
    let accounts = accounts(&server);
    for (door, [spans, stored, rejected, dropped, requests, ..]) in DOORS.iter().zip(&accounts) {
        println!(
            "{door}: {spans} spans received, {stored} stored, {rejected} rejected, {dropped} dropped; {requests} requests"
        );
        assert!(*stored > 0 && *rejected > 0, "{door}");
    }
    let [_, grpc_door, http_door] = accounts;
    assert!(http_door[3] > 0, "nothing was dropped for want of memory");
    let of_round = 30 + 31;
    assert!(grpc_door[0] >= 60 * of_round, "each round has a good and a mixed request");
}
