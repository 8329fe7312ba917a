//! Requests that nobody should send: each is answered as listed, or the list is shown wrong
//! here. After every one the server lives, and the next good request is stored and read back.

use std::path::Path;
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::http::{Answer, send, send_raw};
use crate::server::Server;

/// What is answered where a row leaves a choice, or where it is wrong: row, status, why.
const OURS: &[(&str, u16, &str)] = &[
    ("zt_empty_body", 202, "as Zipkin: an empty body is no spans"),
    ("zt_trailing", 202, "as Zipkin: what follows the list is not looked at"),
    ("zp_ip_5bytes", 202, "the address is dropped, the span is kept"),
    ("z2_empty_body", 202, "as Zipkin: an empty body is no spans"),
    ("z2_traceid_upper", 400, "as Zipkin: ids are lower-hex"),
    ("z2_ts_neg", 202, "as Zipkin: a time below one is none"),
    ("z2_ts_str", 202, "as Zipkin: a number in quotes is that number"),
    ("z2_dur_neg", 202, "as Zipkin: a duration below one is none"),
    ("z2_tags_num", 202, "as Zipkin: a number is its text"),
    ("z2_ann_no_ts", 400, "as Zipkin: an incomplete annotation is refused"),
    ("z2_port_neg", 202, "the row is wrong: Zipkin takes a port below one as unknown"),
    ("q_limit_max", 200, "a limit over the largest is the largest"),
    ("q_lookback_huge", 200, "the window starts in 1970"),
    ("q_annq_ands", 400, "as Zipkin: 100 parts at the most"),
    ("q_dup", 200, "of a repeated parameter the first counts"),
    ("q_id_zero", 400, "zero is no id"),
    ("q_many_10k", 400, "an id named twice is redundant"),
    ("q_spans_no_svc", 400, "as Zipkin: the parameter is required"),
    ("path_traversal", 404, "a path is compared, and never opened"),
    ("path_nul", 404, "the row is of a page that is not there: no path is ever opened"),
    ("host_rebind", 403, "the request is understood, and not allowed"),
    ("gzip_trailing_junk", 400, "what follows a member is another member, or damage"),
    ("bomb_gzip_multimember", 202, "5,000 empty members are an empty body"),
    ("zstd_window_max", 400, "no window is that large"),
    ("zstd_fcs_1TiB", 400, "the frame has fewer bytes than it says"),
    ("snappy_block_4GiB", 415, "an encoding that is not taken is refused by its name"),
    ("lz4_frame_trunc", 415, "as the row before"),
];

/// The lists: those of the codec, which a request wraps, and the server's own.
const LISTS: [&str; 4] = [
    include_str!("../../../codec/testdata/hostile/wire.jsonl"),
    include_str!("../../../codec/testdata/hostile/http.jsonl"),
    include_str!("../../testdata/badinput/encoded.jsonl"),
    include_str!("../../testdata/badinput/requests.jsonl"),
];

/// One row of a list.
struct Row(Value);

impl Row {
    fn list(text: &str) -> Vec<Self> {
        text.lines().map(|line| Self(serde_json::from_str(line).expect("a row is JSON"))).collect()
    }

    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    /// The statuses that the row's expectation names or means.
    fn listed(&self) -> Vec<u16> {
        let Value::String(expect) = &self.0["expect"] else {
            return vec![self.0["expect"].to_string().parse().expect("a status")];
        };
        let words = expect.split(|letter: char| !letter.is_ascii_digit());
        let mut statuses: Vec<u16> = words.filter_map(|word| word.parse().ok()).collect();
        statuses.retain(|status| (200..600).contains(status));
        let is_kept = expect.contains("accept") || expect.contains("drop");
        if is_kept && !statuses.contains(&202) {
            statuses.push(202);
        }
        statuses
    }

    /// How many spans are stored when the answer is 202.
    fn accepted_spans(&self) -> u64 {
        let is_empty =
            ["body", "hex"].iter().any(|key| matches!(self.0[*key].as_str(), Some("" | "[]")));
        u64::from(!is_empty && !self.text("expect").contains("accept 0"))
    }

    fn bytes(&self) -> Vec<u8> {
        if let Some(body) = self.0["body"].as_str() {
            return body.as_bytes().to_vec();
        }
        if let Some(depth) = self.0["nested_depth"].as_u64() {
            // A list of one struct, in whose unknown field that many structs are in one another.
            let depth = usize::try_from(depth).expect("it fits");
            let head = vec![0x0c, 0, 0, 0, 1];
            return [head, [0x0c, 0x00, 0x63].repeat(depth), vec![0; depth + 1]].concat();
        }
        match self.0["file"].as_str() {
            Some(name) => testdata(&format!("testdata/badinput/{name}")),
            None => from_hex(self.text("hex")),
        }
    }

    /// Sends the row as the request that it is, or that wraps it.
    fn send(&self, server: &Server) -> Answer {
        let protocol = self.text("protocol");
        let encoding = protocol.strip_prefix("content-encoding ");
        let (path, mut headers) = match (protocol, encoding) {
            ("zipkin-v1-thrift", _) => {
                ("/api/v1/spans", vec![("content-type", "application/x-thrift")])
            }
            ("zipkin-v2-protobuf", _) => {
                ("/api/v2/spans", vec![("content-type", "application/x-protobuf")])
            }
            (_, Some(encoding)) => ("/api/v2/spans", vec![("content-encoding", encoding)]),
            _ => (self.text("path"), Vec::new()),
        };
        for (name, value) in self.0["headers"].as_object().into_iter().flatten() {
            headers.push((name, value.as_str().expect("a header is text")));
        }
        let method = if protocol.is_empty() { self.text("method") } else { "POST" };
        send(server.address, method, path, &headers, &self.bytes()).expect("an answer")
    }
}

pub(crate) fn testdata(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |two| u8::from_str_radix(str::from_utf8(two).expect("ASCII"), 16).expect("digits");
    digits.map(byte).collect()
}

/// A server that is sent what nobody should send.
struct Target {
    server: Server,
    good_requests: u64,
    _folder: TempDir,
}

impl Target {
    fn start(flags: &[&str]) -> Self {
        let folder = tempdir().expect("a folder");
        let server = Server::start(folder.path(), flags);
        Self { server, good_requests: 0, _folder: folder }
    }

    /// Posts a good span and reads it back: the server lives, takes, keeps and finds.
    fn assert_serves(&mut self, after: &str) {
        self.good_requests += 1;
        let trace_id = format!("{:016x}", 0x900d_0000 + self.good_requests);
        let span = json!([{ "traceId": trace_id, "id": "0000000000000001", "name": after.to_lowercase() }]);
        let body = span.to_string();
        let answer = self.server.post("/api/v2/spans", "application/json", body.as_bytes());
        assert_eq!(answer.status, 202, "after {after}: {}", answer.text());
        let read = self.server.get(&format!("/api/v2/trace/{trace_id}"));
        assert_eq!((read.status, read.json()), (200, span), "after {after}");
    }

    /// How many spans the store holds, the good ones not counted.
    fn hostile_spans(&self) -> u64 {
        self.metric("spandrel_head_spans") - self.good_requests
    }

    fn metric(&self, name: &str) -> u64 {
        let page = self.server.get("/metrics");
        let value = page.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no metric {name}"))
    }

    /// The most memory that the process ever had.
    fn peak_resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid()));
        let status = status.expect("the process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib << 10
    }
}

/// No refusal is a crash in disguise, and none is without a reason.
fn assert_sound(answer: &Answer, of: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    assert!(answer.status < 500 && !text.contains("panic"), "{of}: {} {text}", answer.status);
    if answer.status >= 400 {
        assert!(!text.is_empty(), "{of}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{of}");
    }
    let allows = |(name, _): &(String, String)| name.starts_with("access-control-");
    assert!(!answer.headers.iter().any(allows), "{of}: {:?}", answer.headers);
    assert_eq!(answer.header("set-cookie"), None, "{of}");
}

#[test]
fn every_listed_request_is_answered_as_listed_or_the_list_is_shown_wrong() {
    let mut target = Target::start(&[]);
    let (mut as_listed, mut chosen, mut shown_wrong) = (0, 0, 0);
    for row in LISTS.iter().flat_map(|list| Row::list(list)) {
        let (id, listed) = (row.text("id"), row.listed());
        let stored_before = target.hostile_spans();
        let answer = row.send(&target.server);
        assert_sound(&answer, id);
        let status = answer.status;
        match (OURS.iter().find(|(of, ..)| *of == id), &listed[..]) {
            (Some((_, ours, why)), _) => {
                assert_eq!(status, *ours, "{id} ({why}): {}", answer.text());
                if listed.contains(ours) { chosen += 1 } else { shown_wrong += 1 }
            }
            (None, [only]) => {
                assert_eq!(status, *only, "{id}: {}", answer.text());
                as_listed += 1;
            }
            // The rows of cross-origin reads name no status: the headers matter, see above.
            (None, []) => as_listed += 1,
            (None, _) => panic!("{id} leaves a choice: {listed:?}"),
        }
        let stored = target.hostile_spans() - stored_before;
        let accepted = if status == 202 { row.accepted_spans() } else { 0 };
        assert_eq!(stored, accepted, "{id} stored {stored} spans");
        target.assert_serves(id);
    }
    println!("{as_listed} rows as listed, {chosen} chosen here, {shown_wrong} shown wrong");
    assert_eq!(as_listed + chosen + shown_wrong, 20 + 34 + 13 + 38);
}

#[test]
fn the_answers_chosen_here_are_all_to_listed_rows() {
    let rows: Vec<Row> = LISTS.iter().flat_map(|list| Row::list(list)).collect();
    for (id, _, why) in OURS {
        assert!(rows.iter().any(|row| row.text("id") == *id), "{id}");
        assert!(!why.is_empty(), "{id}");
    }
}

#[test]
fn damaged_gzip_is_refused_in_zipkins_words_and_stacked_encodings_by_type() {
    let mut target = Target::start(&[]);
    for row in Row::list(LISTS[2]) {
        if ["gzip_trunc", "gzip_bad_crc", "gzip_not"].contains(&row.text("id")) {
            assert_eq!(row.send(&target.server).text(), "Cannot gunzip spans");
        }
    }
    let nested = testdata("testdata/badinput/bomb_gzip_nested.bin");
    let headers = [("content-encoding", "gzip, gzip")];
    let answer = send(target.server.address, "POST", "/api/v2/spans", &headers, &nested).unwrap();
    assert_eq!(answer.status, 415, "{}", answer.text());
    target.assert_serves("gzip");
}

/// Whether JSON is a list without anything in it, which is no spans.
fn is_empty_list(json: &[u8]) -> bool {
    serde_json::from_slice::<Value>(json).is_ok_and(|json| json == json!([]))
}

#[test]
fn json_is_accepted_and_refused_as_the_acceptance_suite_says() {
    let mut target = Target::start(&[]);
    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("n_structure_100000_opening_arrays".to_owned(), "[".repeat(100_000).into_bytes()),
        ("n_structure_open_array_object".to_owned(), "[{\"\":".repeat(50_000).into_bytes()),
    ];
    let suite = "../codec/testdata/json_test_suite";
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(suite)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".json") {
            let json = testdata(&format!("{suite}/{name}"));
            cases.push((name, json));
        }
    }
    let (mut accepted, mut refused) = (0, 0);
    for (name, json) in &cases {
        // Where a reader skips it: the value of a member that no span has.
        let member = [br#"[{"traceId":"1","id":"2","x":"#, &json[..], b"}]"].concat();
        let skipped = target.server.post("/api/v2/spans", "application/json", &member);
        let whole = target.server.post("/api/v2/spans", "application/json", json);
        for answer in [&skipped, &whole] {
            assert_sound(answer, name);
            *(if answer.status == 202 { &mut accepted } else { &mut refused }) += 1;
            assert!([202, 400].contains(&answer.status), "{name}: {}", answer.status);
        }
        match &name[..2] {
            "y_" => assert_eq!(skipped.status, 202, "{name}: {}", skipped.text()),
            "n_" => assert_eq!(skipped.status, 400, "{name}"),
            // The suite lets a reader do either; a lone surrogate is then refused as text.
            _ => assert!(name.starts_with("i_"), "{name}"),
        }
        // As a body, none of them is a list of spans: only an empty list, or nothing, is kept.
        let is_no_spans = json.is_empty() || (json[0] == b'[' && is_empty_list(json));
        assert_eq!(whole.status, if is_no_spans { 202 } else { 400 }, "{name}");
        target.assert_serves(name);
    }
    println!("{} files, two requests each: {accepted} accepted, {refused} refused", cases.len());
    assert_eq!(cases.len(), 318);
}

/// Nothing is stored here, so that what the process takes is what requests take: their account,
/// 19 MiB, and the process itself. The bound is the whole budget; 8 senders whose bombs were
/// believed would take 8 GiB.
#[test]
fn bombs_from_many_senders_take_bounded_memory() {
    const RESIDENT_MAX_BYTES: u64 = 128 << 20;
    let mut target = Target::start(&["--memory", "128MiB"]);
    target.assert_serves("nothing yet");
    let before = target.peak_resident_bytes();
    let address = target.server.address;
    let bomb = |name: &str| testdata(&format!("testdata/badinput/bomb_gzip_{name}.bin"));
    let bombs = ["1GiB", "64MiB_plus1", "nested", "multimember"].map(bomb);
    let statuses = Mutex::new(Vec::new());
    let sender = || {
        let headers = [("content-encoding", "gzip")];
        for bomb in bombs.iter().cycle().take(12) {
            let answer = send(address, "POST", "/api/v2/spans", &headers, bomb).unwrap();
            statuses.lock().unwrap().push(answer.status);
        }
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(sender);
        }
    });
    let statuses = statuses.into_inner().unwrap();
    // 413: over the limit of one request; 503: no room at this moment; the nested one is 400
    // and the empty one 202, both in bounded memory.
    let count = |status: u16| statuses.iter().filter(|known| **known == status).count();
    let [too_large, no_room, malformed, empty] = [413, 503, 400, 202].map(count);
    let peak = target.peak_resident_bytes();
    println!(
        "96 bombs: {too_large} too large, {no_room} without room, {malformed} malformed, {empty} \
         empty; peak resident {} MiB, {} MiB before",
        peak >> 20,
        before >> 20
    );
    assert_eq!(too_large + no_room + malformed + empty, 96, "{statuses:?}");
    assert!(too_large > 0 && peak < RESIDENT_MAX_BYTES, "the peak was {peak} bytes");
    target.assert_serves("bombs");
    assert_eq!(target.hostile_spans(), 0);
}

#[test]
fn heads_without_an_end_are_refused() {
    let mut target = Target::start(&[]);
    let address = target.server.address;
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: {address}\r\n\r\n", "a".repeat(70_000));
    let long_header =
        format!("GET / HTTP/1.1\r\nHost: {address}\r\nX: {}\r\n\r\n", "a".repeat(131_072));
    let ids: Vec<String> = (1..=10_000).map(|id| format!("{id:016x}")).collect();
    let many_ids = format!(
        "GET /api/v2/traceMany?traceIds={} HTTP/1.1\r\nHost: {address}\r\n\r\n",
        ids.join(",")
    );
    for request in [long_path, long_header, many_ids] {
        let status = send_raw(address, request.as_bytes()).expect("an answer").status;
        assert!([414, 431].contains(&status), "{status}");
    }
    let ids = ids[..1_001].join(",");
    let many = target.server.get(&format!("/api/v2/traceMany?traceIds={ids}"));
    assert_eq!((many.status, many.text()), (400, "traceIds names more than 1000 traces"));
    target.assert_serves("heads");
}

#[test]
fn what_a_request_claims_of_its_length_is_not_believed() {
    let mut target = Target::start(&[]);
    let address = target.server.address;
    let post = |headers: &str, body: &str| {
        let head = format!("POST /api/v2/spans HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
        send_raw(address, format!("{head}{body}").as_bytes()).expect("an answer").status
    };
    assert_eq!(post("Content-Length: 9999999999\r\nConnection: close\r\n", "[]"), 413);
    assert_eq!(post("Content-Length: 99999999999999999999\r\n", "[]"), 400);
    assert_eq!(post("Content-Length: -1\r\n", "[]"), 400);
    assert_eq!(post("Content-Length: 2\r\nContent-Length: 3\r\n", "[]"), 400);
    let chunked = "Transfer-Encoding: chunked\r\nConnection: close\r\n";
    assert_eq!(post(chunked, "2\r\n[]\r\n0\r\n\r\n"), 202);
    assert_eq!(post(chunked, "zz\r\n[]\r\n0\r\n\r\n"), 400);
    target.assert_serves("lengths");
}
