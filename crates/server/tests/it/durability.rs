//! An acknowledgement is true: whatever ends the server, what it answered with 202 is there
//! when it starts again, whole.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use spandrel_codec::zipkin::{Format, decode, encode};
use spandrel_model::Span;
use tempfile::tempdir;
use testkit::Seeded;

use crate::http::{Answer, send};
use crate::server::Server;

/// How many times the server is killed, unless SPANDREL_KILL_ROUNDS says.
const KILL_ROUNDS: u64 = 20;
/// And how many times while it is maintained, which takes longer.
const MAINTAINED_ROUNDS: u64 = 12;
/// How many times it is asked to end, under each durability.
const TERM_ROUNDS: u64 = 3;
/// How many senders there are, each with a connection for each request.
const SENDERS: u64 = 8;
/// After how many acknowledgements at the most the server is ended.
const ACKS_MAX: u64 = 200;
/// How long one acknowledgement may take; far more than it needs.
const ACK_TIMEOUT: Duration = Duration::from_secs(60);

fn rounds_of(usual: u64) -> u64 {
    let asked = std::env::var("SPANDREL_KILL_ROUNDS").ok();
    asked.map_or(usual, |count| count.parse().expect("a number of rounds"))
}

/// Makes the trace of a number: the same spans each time, unlike those of any other number.
fn trace_of(number: u64) -> Value {
    let mut seeded = Seeded::new(number);
    let start_us = 1_700_000_000_000_000 + number;
    let span = |index: u64| {
        let kind = if seeded.one_in(2) { "CLIENT" } else { "SERVER" };
        let payload_len = usize::try_from(seeded.below(2_000)).expect("it fits");
        let mut span = json!({
            "traceId": trace_id_of(number),
            "id": format!("{:016x}", index + 1),
            "kind": kind,
            "name": format!("span {index} of {number}"),
            "timestamp": start_us + index,
            "duration": 1 + seeded.below(1_000_000),
            "localEndpoint": { "serviceName": format!("service {}", seeded.below(3)) },
            "annotations": [{ "timestamp": start_us + index, "value": "began" }],
            "tags": { "payload": "p".repeat(payload_len) },
        });
        if index > 0 {
            span["parentId"] = format!("{index:016x}").into();
        }
        span
    };
    (0..1 + number % 4).map(span).collect()
}

fn trace_id_of(number: u64) -> String {
    format!("{:016x}", number + 1)
}

/// The ways in, each with its content type and encoding.
const WAYS: [(Format, &str, &str, &str); 4] = [
    (Format::V1Thrift, "/api/v1/spans", "application/x-thrift", "identity"),
    (Format::V2Json, "/api/v2/spans", "application/json", "identity"),
    (Format::V2Proto, "/api/v2/spans", "application/x-protobuf", "identity"),
    (Format::V2Json, "/api/v2/spans", "application/json", "gzip"),
];

/// Posts the trace of a number by one of the ways.
fn post(address: SocketAddr, number: u64, way: u64) -> std::io::Result<Answer> {
    let (format, path, content_type, encoding) = WAYS[usize::try_from(way % 4).expect("it fits")];
    let mut spans: Vec<Span<'static>> = Vec::new();
    decode(Format::V2Json, trace_of(number).to_string().as_bytes(), &mut spans).expect("it is v2");
    let mut body = Vec::new();
    encode(format, spans.iter(), &mut body);
    if encoding == "gzip" {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&body).expect("memory takes it");
        body = gzip.finish().expect("memory takes it");
    }
    let headers = [("content-type", content_type), ("content-encoding", encoding)];
    send(address, "POST", path, &headers, &body)
}

/// What the senders of one round know.
#[derive(Default)]
struct Round {
    /// The numbers whose request was answered with 202.
    acked: Vec<u64>,
    /// The numbers whose request was not: their spans may be there or not.
    unanswered: Vec<u64>,
}

/// Posts from all senders at once until the server is gone; it is ended after some answers. `work`
/// goes on meanwhile, until the server is gone as well.
fn load(
    server: Server,
    round: u64,
    acks: u64,
    work: impl FnOnce(SocketAddr) + Send,
    end: impl FnOnce(Server),
) -> Round {
    let address = server.address;
    let (acked_sender, acked) = mpsc::channel();
    let (unanswered_sender, unanswered) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || work(address));
        for sender in 0..SENDERS {
            let (acked, unanswered) = (acked_sender.clone(), unanswered_sender.clone());
            scope.spawn(move || {
                let first = (round << 32) | (sender << 24);
                for number in first.. {
                    match post(address, number, sender) {
                        Ok(answer) if answer.status == 202 => acked.send(number).expect("a reader"),
                        Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                        Err(_gone) => return unanswered.send(number).expect("a reader"),
                    }
                }
            });
        }
        drop((acked_sender, unanswered_sender));
        let mut done = Round::default();
        for _ in 0..acks {
            done.acked.push(acked.recv_timeout(ACK_TIMEOUT).expect("an acknowledgement in time"));
        }
        end(server);
        done.acked.extend(&acked);
        done.unanswered.extend(&unanswered);
        done
    })
}

/// Counts the acknowledged requests whose spans are not there, or not as they were sent.
fn count_lost(server: &Server, acked: &[u64]) -> usize {
    let read = |number: u64| server.get(&format!("/api/v2/trace/{}", trace_id_of(number)));
    let is_lost = |number: &&u64| {
        let read = read(**number);
        read.status != 200 || read.json() != trace_of(**number)
    };
    acked.iter().filter(is_lost).count()
}

/// A request that was not answered is there whole, or not at all.
fn assert_whole_or_absent(server: &Server, unanswered: &[u64]) -> usize {
    let mut kept = 0;
    for number in unanswered {
        let read = server.get(&format!("/api/v2/trace/{}", trace_id_of(*number)));
        if read.status != 404 {
            assert_eq!((read.status, read.json()), (200, trace_of(*number)));
            kept += 1;
        }
    }
    kept
}

/// Ends a server under load again and again on one folder, and returns what it counted.
fn rounds(folder: &Path, count: u64, flags: &[&str], end: fn(Server)) -> String {
    let mut seeded = Seeded::new(count);
    let (mut acked, mut unanswered_count, mut kept, mut lost) = (Vec::new(), 0, 0, 0);
    let mut server = Server::start(folder, flags);
    for round in 1..=count {
        let done = load(server, round, seeded.below(ACKS_MAX), |_| {}, end);
        server = Server::start(folder, flags);
        lost += count_lost(&server, &done.acked);
        kept += assert_whole_or_absent(&server, &done.unanswered);
        unanswered_count += done.unanswered.len();
        acked.extend(done.acked);
    }
    let lost_at_last = count_lost(&server, &acked);
    assert!(!acked.is_empty());
    let counted = format!(
        "{count} rounds, {} requests acked, {lost} lost, {lost_at_last} lost at the end; \
         {unanswered_count} unanswered, of which {kept} were kept whole",
        acked.len()
    );
    assert_eq!((lost, lost_at_last), (0, 0), "{counted}");
    counted
}

/// What a maintainer did with a store that is killed again and again.
#[derive(Debug, Default)]
struct Maintained {
    flushes: u64,
    merges: u64,
    /// The numbers of the traces whose deletion was answered with 200: they stay away.
    deleted: Vec<u64>,
    /// Those of which it was not answered: they are there whole, or not at all.
    perhaps_deleted: Vec<u64>,
}

impl Maintained {
    /// Flushes and deletes, one after the other, until the server is gone.
    fn work(&mut self, address: SocketAddr, mut deletable: impl Iterator<Item = u64>) {
        let mut merges = 0;
        while let Ok(answer) = send(address, "POST", "/api/spandrel/flush", &[], b"") {
            self.flushes += u64::from(answer.status == 200);
            if let Ok(metrics) = send(address, "GET", "/metrics", &[], b"") {
                merges = counter(metrics.text(), "spandrel_compactions_total").unwrap_or(merges);
            }
            let Some(number) = deletable.next() else { continue };
            let path = format!("/api/spandrel/traces/{}", trace_id_of(number));
            match send(address, "DELETE", &path, &[], b"") {
                Ok(answer) if answer.status == 200 => self.deleted.push(number),
                _ => self.perhaps_deleted.push(number),
            }
        }
        self.merges += merges;
    }

    fn may_be_gone(&self, number: u64) -> bool {
        self.deleted.contains(&number) || self.perhaps_deleted.contains(&number)
    }

    /// Those of these traces that must be there.
    fn left_of(&self, acked: &[u64]) -> Vec<u64> {
        acked.iter().copied().filter(|number| !self.may_be_gone(*number)).collect()
    }

    /// Counts the deleted traces that are there.
    fn count_back(&self, server: &Server) -> usize {
        let path = |number: &u64| format!("/api/v2/trace/{}", trace_id_of(*number));
        let is_back = |number: &&u64| server.get(&path(number)).status != 404;
        self.deleted.iter().filter(is_back).count()
    }
}

/// A counter in the text of `/metrics`.
fn counter(metrics: &str, name: &str) -> Option<u64> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.parse().ok()
}

fn asked_to_end(server: Server) {
    let (status, log) = server.terminate();
    assert!(status.success(), "{status}: {log}");
    assert!(log.contains("closed: every acknowledged span is on disk"), "{log}");
}

#[test]
fn killed_under_load_it_loses_nothing_acknowledged() {
    let folder = tempdir().unwrap();
    println!("kill -9: {}", rounds(folder.path(), rounds_of(KILL_ROUNDS), &[], Server::kill));
}

#[test]
fn killed_while_it_flushes_merges_and_deletes_it_loses_nothing_and_nothing_comes_back() {
    let folder = tempdir().unwrap();
    let count = rounds_of(MAINTAINED_ROUNDS);
    let mut seeded = Seeded::new(count);
    let (mut acked, mut unanswered) = (Vec::new(), Vec::new());
    let mut maintained = Maintained::default();
    let (mut lost, mut came_back) = (0, 0);
    let mut server = Server::start(folder.path(), &[]);
    for round in 1..=count {
        // Newest first: some of them are in memory still.
        let chosen = acked.iter().rev().step_by(3).take(8).copied();
        let chosen: Vec<u64> = chosen.filter(|number| !maintained.may_be_gone(*number)).collect();
        let work = |address| maintained.work(address, chosen.into_iter());
        let done = load(server, round, seeded.below(ACKS_MAX), work, Server::kill);
        server = Server::start(folder.path(), &[]);
        lost += count_lost(&server, &maintained.left_of(&done.acked));
        came_back += maintained.count_back(&server);
        assert_whole_or_absent(&server, &done.unanswered);
        acked.extend(done.acked);
        unanswered.extend(done.unanswered);
    }
    lost += count_lost(&server, &maintained.left_of(&acked));
    assert_whole_or_absent(&server, &maintained.perhaps_deleted);
    assert_whole_or_absent(&server, &unanswered);
    let Maintained { flushes, merges, deleted, perhaps_deleted } = &maintained;
    let counted = format!(
        "{count} rounds, {} requests acked, {lost} lost; {flushes} flushes, {merges} merges, {} \
         traces deleted, {came_back} came back; {} deletions and {} requests unanswered",
        acked.len(),
        deleted.len(),
        perhaps_deleted.len(),
        unanswered.len(),
    );
    println!("kill -9 amid flushes, merges and deletions: {counted}");
    assert_eq!((lost, came_back), (0, 0), "{counted}");
    assert!(*flushes > 0 && !deleted.is_empty(), "{counted}");
    let metrics = server.get("/metrics");
    assert_eq!(counter(metrics.text(), "spandrel_quarantined_segments"), Some(0), "{counted}");
}

#[test]
fn killed_under_load_it_keeps_what_the_operating_system_had() {
    let folder = tempdir().unwrap();
    let flags = ["--durability", "interval:50ms"];
    println!(
        "kill -9, interval:50ms: {}",
        rounds(folder.path(), TERM_ROUNDS, &flags, Server::kill)
    );
}

#[test]
fn asked_to_end_under_load_it_ends_well_and_loses_nothing_acknowledged() {
    let folder = tempdir().unwrap();
    println!("SIGTERM: {}", rounds(folder.path(), TERM_ROUNDS, &[], asked_to_end));
    let folder = tempdir().unwrap();
    let flags = ["--durability", "interval:50ms"];
    println!(
        "SIGTERM, interval:50ms: {}",
        rounds(folder.path(), TERM_ROUNDS, &flags, asked_to_end)
    );
}

#[test]
fn a_request_that_is_sent_again_is_read_once() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]);
    for way in 0..4 {
        for _retry in 0..3 {
            assert_eq!(post(server.address, way * 4 + 3, way).unwrap().status, 202);
        }
    }
    for _start in 0..2 {
        for way in 0..4 {
            let trace_id = trace_id_of(way * 4 + 3);
            let trace = server.get(&format!("/api/v2/trace/{trace_id}")).json();
            assert_eq!(trace, trace_of(way * 4 + 3), "way {way}");
            let tree = server.get(&format!("/api/spandrel/traces/{trace_id}")).json();
            let counts = (&tree["spanCount"], &tree["receivedSpanCount"]);
            assert_eq!(counts, (&json!(4), &json!(4)), "way {way}");
        }
        server.kill();
        server = Server::start(folder.path(), &[]);
    }
}
