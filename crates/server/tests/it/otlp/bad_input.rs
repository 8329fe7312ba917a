//! What nobody should send to OTLP's doors is answered as listed, over HTTP and over gRPC alike,
//! and the next good request is kept.

use std::sync::Mutex;
use std::thread;

use prost::Message as _;
use serde_json::Value;
use spandrel_codec::otlp::Format;
use tempfile::{TempDir, tempdir};

use super::call::{EXPORT, call, frame};
use super::http::compress;
use super::{Exported, JSON, PROTOBUF, RpcStatus, post, request};
use crate::bad_input::{from_hex, testdata};
use crate::http::{send, send_raw};
use crate::server::Server;

const WIRE: &str = include_str!("../../../../codec/testdata/hostile/otlp_wire.jsonl");
const BODIES: &str = include_str!("../../../../codec/testdata/hostile/otlp_http.jsonl");
const ENCODED: &str = include_str!("../../../testdata/badinput/encoded.jsonl");
const REQUESTS: &str = include_str!("../../../testdata/badinput/otlp_requests.jsonl");
const FRAMES: &str = include_str!("../../../testdata/badinput/grpc_frames.jsonl");

/// What is answered where a row leaves a choice: row, status, rejected spans, why.
const OURS: &[(&str, u16, i64, &str)] = &[
    ("pb_bad_utf8_name", 200, 1, "the other spans of its request are kept"),
    ("otlp_json_bom", 400, 0, "a mark of byte order is no JSON"),
    ("otlp_json_dupkey", 200, 0, "both lists are read"),
    ("otlp_json_id_base64", 200, 1, "an id of the wrong length is its span's fault"),
    ("otlp_json_id_odd", 200, 1, "as the row before"),
    ("otlp_json_id_zero", 200, 1, "as the row before"),
    ("otlp_json_kind_name", 200, 0, "names of enums are read, as protobuf's JSON has them"),
    ("otlp_json_two_values", 200, 0, "the last counts, as in protobuf"),
    ("bomb_gzip_nested", 400, 0, "what is inside is no protobuf"),
    ("bomb_gzip_multimember", 200, 0, "5,000 empty members are an empty request"),
    ("gzip_trailing_junk", 400, 0, "what follows a member is another member, or damage"),
    ("zstd_window_max", 400, 0, "no window is that large"),
    ("zstd_fcs_1TiB", 400, 0, "the frame has fewer bytes than it says"),
    ("snappy_block_4GiB", 415, 0, "an encoding that is not taken is refused by its name"),
    ("lz4_frame_trunc", 415, 0, "as the row before"),
];

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect()
}

/// The status that a row asks for, and how many spans are rejected then.
fn listed(row: &Value) -> (u16, i64) {
    let id = row["id"].as_str().expect("a row has a name");
    if let Some((_, status, rejected, _)) = OURS.iter().find(|(of, ..)| *of == id) {
        return (*status, *rejected);
    }
    let Value::String(expect) = &row["expect"] else {
        return (row["expect"].to_string().parse().expect("a status"), 0);
    };
    let (first, _) = expect.split_at_checked(3).expect("three letters or more");
    match first {
        "acc" => (200, 0),
        "par" => (200, 1),
        status => (status.parse().unwrap_or_else(|_| panic!("{id}: {expect}")), 0),
    }
}

/// The code that gRPC has for a status of HTTP.
fn code_of(status: u16) -> i32 {
    match status {
        200 => 0,
        400 => 3,
        413 => 8,
        415 => 12,
        other => panic!("no code is known for {other}"),
    }
}

struct Target {
    server: Server,
    next_trace_id: u128,
    _folder: TempDir,
}

impl Target {
    fn start(flags: &[&str]) -> Self {
        let folder = tempdir().expect("a folder");
        let server = Server::start(folder.path(), flags);
        Self { server, next_trace_id: 0x900d_0000, _folder: folder }
    }

    /// A good request is kept and read back.
    fn assert_serves(&mut self, after: &str) {
        self.next_trace_id += 1;
        let body = request(Format::Proto, self.next_trace_id, 1);
        let answer = post(self.server.address, PROTOBUF, &[], &body);
        assert_eq!(answer.status, 200, "after {after}");
        let path = format!("/api/v2/trace/{:016x}", self.next_trace_id);
        assert_eq!(self.server.get(&path).status, 200, "after {after}");
    }

    /// Sends protobuf over HTTP and over gRPC; both say the same.
    fn assert_answers(&mut self, id: &str, encoding: &str, body: &[u8], expected: (u16, i64)) {
        let answer = post(self.server.address, PROTOBUF, &[("Content-Encoding", encoding)], body);
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, expected.0, "{id}: {text}");
        let rejected = |message: &[u8]| {
            let exported = Exported::decode(message).expect("an answer of OTLP");
            exported.partial_success.map_or(0, |partial| partial.rejected_spans)
        };
        if answer.status == 200 {
            assert_eq!(rejected(&answer.body), expected.1, "{id}");
        } else {
            let status = RpcStatus::decode(&answer.body[..]).expect("a status");
            assert_eq!(status.code, code_of(expected.0), "{id}");
            assert!(!status.message.is_empty() && status.details.is_empty(), "{id}: {status:?}");
        }
        let headers = [("grpc-encoding", encoding)];
        let is_compressed = encoding != "identity";
        let outcome =
            call(self.server.door("otlp-grpc"), EXPORT, &headers, frame(is_compressed, body));
        assert_eq!(
            (outcome.http_status, outcome.code),
            (200, code_of(expected.0)),
            "{id}: {outcome:?}"
        );
        if outcome.code == 0 {
            assert_eq!(rejected(&outcome.answer), expected.1, "{id}");
        }
        self.assert_serves(id);
    }
}

#[test]
fn every_listed_protobuf_body_is_answered_as_listed_by_both_protocols() {
    let mut target = Target::start(&[]);
    let wire = rows(WIRE);
    for row in &wire {
        let id = row["id"].as_str().unwrap();
        let body = from_hex(row["hex"].as_str().unwrap());
        target.assert_answers(id, "identity", &body, listed(row));
    }
    for depth in [101, 1_000, 100_000] {
        let body = [[0x1b].repeat(depth), [0x1c].repeat(depth)].concat();
        target.assert_answers(&format!("groups {depth}"), "identity", &body, (400, 0));
    }
    let many = compress("gzip", &request(Format::Proto, 0x6000, 100_000));
    target.assert_answers("many_spans_1e5", "gzip", &many, (200, 0));
    let encoded = rows(ENCODED);
    for row in &encoded {
        let id = row["id"].as_str().unwrap();
        let protocol = row["protocol"].as_str().unwrap();
        let encoding = protocol.strip_prefix("content-encoding ").unwrap();
        let body = match row["file"].as_str() {
            Some(name) => testdata(&format!("testdata/badinput/{name}")),
            None => from_hex(row["hex"].as_str().unwrap()),
        };
        target.assert_answers(id, encoding, &body, listed(row));
    }
    println!("{} rows, each over HTTP and over gRPC", wire.len() + encoded.len() + 4);
}

#[test]
fn every_listed_json_body_and_request_is_answered_as_listed() {
    let mut target = Target::start(&[]);
    let address = target.server.address;
    for row in rows(BODIES) {
        let id = row["id"].as_str().unwrap();
        let answer = post(address, JSON, &[], row["body"].as_str().unwrap().as_bytes());
        let (status, rejected) = listed(&row);
        assert_eq!(answer.status, status, "{id}: {}", answer.text());
        let answer = answer.json();
        if status == 200 {
            let told = answer["partialSuccess"]["rejectedSpans"].as_str().unwrap_or("0");
            assert_eq!(told, rejected.to_string(), "{id}");
        } else {
            assert_eq!(answer["code"], code_of(status), "{id}");
        }
        target.assert_serves(id);
    }
    for row in rows(REQUESTS) {
        let id = row["id"].as_str().unwrap();
        let long = "a".repeat(131_072);
        let headers = row["headers"].as_object().into_iter().flatten();
        let headers: Vec<(&str, &str)> = headers
            .map(|(name, value)| (&**name, value.as_str().unwrap()))
            .map(|(name, value)| (name, if value == "a*131072" { &long } else { value }))
            .collect();
        let body = row["body"].as_str().unwrap_or_default().as_bytes();
        let method = row["method"].as_str().unwrap();
        match id {
            "otlp_cl_mismatch" | "otlp_cl_te" => {
                assert_refused_or_closed(&target, id, &headers, body);
            }
            _ => {
                let answer = send(address, method, "/v1/traces", &headers, body).unwrap();
                assert_eq!(u64::from(answer.status), row["expect"].as_u64().unwrap(), "{id}");
            }
        }
        target.assert_serves(id);
    }
}

/// A length that is a lie ends in a refusal or in a closed connection, and stores nothing.
fn assert_refused_or_closed(target: &Target, id: &str, headers: &[(&str, &str)], body: &[u8]) {
    let address = target.server.address;
    let mut head = format!("POST /v1/traces HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let whole = [head.as_bytes(), b"\r\n", body].concat();
    let status = if id == "otlp_cl_mismatch" {
        // Fewer bytes than were said: the sender ends there.
        half_closed(address, &whole)
    } else {
        send_raw(address, &whole).ok().map(|answer| answer.status)
    };
    assert!(status.is_none_or(|status| status == 400), "{id}: {status:?}");
}

fn half_closed(to: std::net::SocketAddr, bytes: &[u8]) -> Option<u16> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(to).expect("it listens");
    stream.write_all(bytes).expect("it is read");
    stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn every_listed_frame_is_answered_as_listed() {
    let mut target = Target::start(&[]);
    for row in rows(FRAMES) {
        let id = row["id"].as_str().unwrap();
        let body = from_hex(row["hex"].as_str().unwrap());
        let outcome = call(target.server.door("otlp-grpc"), EXPORT, &[], body);
        let code = match id {
            "grpc_len_4g" => 8,
            "grpc_flag_2" | "grpc_compressed_no_encoding" | "grpc_trunc" => 13,
            other => panic!("{other} is not known"),
        };
        assert_eq!(outcome.code, code, "{id}: {outcome:?}");
        assert!(!outcome.headers.contains_key("retry-after"));
        target.assert_serves(id);
    }
    let twice = frame(false, b"").repeat(2);
    assert_eq!(call(target.server.address, EXPORT, &[], twice).code, 13);
    assert_eq!(call(target.server.address, EXPORT, &[], Vec::new()).code, 13);
}

#[test]
fn the_answers_chosen_here_are_all_to_listed_rows() {
    let rows: Vec<Value> = [WIRE, BODIES, ENCODED].iter().flat_map(|text| rows(text)).collect();
    for (id, .., why) in OURS {
        assert!(rows.iter().any(|row| row["id"] == *id) && !why.is_empty(), "{id}");
    }
}

/// Nothing is stored here: what the process takes is what requests take, and itself.
#[test]
fn bombs_through_all_doors_at_once_take_bounded_memory() {
    let mut target = Target::start(&["--memory", "256MiB"]);
    let file = |name: &str| testdata(&format!("testdata/badinput/bomb_{name}.bin"));
    let bombs = [
        ("gzip", file("gzip_1GiB")),
        ("gzip", file("gzip_64MiB_plus1")),
        ("zstd", file("zstd_rle_1GiB")),
    ];
    let (http, grpc) = (target.server.door("otlp-http"), target.server.door("otlp-grpc"));
    let codes = Mutex::new(Vec::new());
    let sender = || {
        for (encoding, bomb) in bombs.iter().cycle().take(6) {
            let status = post(http, PROTOBUF, &[("Content-Encoding", encoding)], bomb).status;
            let code = call(grpc, EXPORT, &[("grpc-encoding", encoding)], frame(true, bomb)).code;
            codes.lock().unwrap().extend([i32::from(status), code]);
        }
    };
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(sender);
        }
    });
    // Over the limit of one request, or no room at this moment.
    let codes = codes.into_inner().unwrap();
    assert!(codes.iter().all(|code| [413, 503, 8, 14].contains(code)), "{codes:?}");
    assert!(codes.contains(&413) && codes.contains(&8), "{codes:?}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", target.server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let peak_kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    println!("{} bombs, peak resident {} MiB", codes.len(), peak_kib >> 10);
    assert!(peak_kib < (256 << 10) * 11 / 10, "the peak was {peak_kib} KiB");
    target.assert_serves("bombs");
}
