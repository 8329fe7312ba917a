//! The store behind the server: it is read while its log is replayed, written to segments,
//! changed, copied, checked.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::http::{Answer, send};
use crate::server::{SPANDREL, Server};

/// Spans of one trace, each with a tag.
fn trace_of(trace_id: u64, count: u64) -> Value {
    let span = |id: u64| {
        json!({
            "traceId": format!("{trace_id:016x}"),
            "id": format!("{id:016x}"),
            "kind": "SERVER",
            "name": format!("operation {}", id % 7),
            "timestamp": 1_700_000_000_000_000_u64 + trace_id * 1_000 + id,
            "duration": 10 + id,
            "localEndpoint": { "serviceName": format!("service {}", trace_id % 3) },
            "tags": { "number": (trace_id * 31 + id).to_string() },
        })
    };
    (1..=count).map(span).collect()
}

fn post(server: &Server, trace_id: u64, count: u64) {
    post_to(server.address, trace_id, count);
}

fn post_to(address: SocketAddr, trace_id: u64, count: u64) {
    let body = trace_of(trace_id, count).to_string();
    let headers = [("Content-Type", "application/json")];
    let answer = send(address, "POST", "/api/v2/spans", &headers, body.as_bytes());
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn change(server: &Server, method: &str, path: &str) -> Answer {
    send(server.address, method, path, &[], b"").expect("an answer")
}

fn is_kept(server: &Server, trace_id: u64, count: usize) -> bool {
    let answer = server.get(&format!("/api/v2/trace/{trace_id:016x}"));
    match answer.status {
        200 => answer.json().as_array().map(Vec::len) == Some(count),
        404 => false,
        status => panic!("{status}: {}", answer.text()),
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(SPANDREL).args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn segment_files(data_dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![data_dir.join("segments")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

#[test]
fn what_was_flushed_is_read_from_segments_now_and_after_a_crash() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    (1..=20).for_each(|trace_id| post(&server, trace_id, 5));
    let flushed = change(&server, "POST", "/api/spandrel/flush");
    assert_eq!((flushed.status, flushed.json()["spans"].as_u64()), (200, Some(100)));
    post(&server, 7, 9);
    server.kill();

    let server = Server::start(folder.path(), &[]);
    let status = server.get("/api/spandrel/status").json();
    assert_eq!(status["segments"]["spans"], 100, "{status}");
    assert_eq!(status["partial"], Value::Null);
    assert!((1..=20).filter(|id| *id != 7).all(|trace_id| is_kept(&server, trace_id, 5)));
    assert!(is_kept(&server, 7, 9), "what comes again is shown once");
    let metrics = server.get("/metrics");
    assert!(metrics.text().contains("\nspandrel_segment_spans 100\n"), "{}", metrics.text());
}

#[test]
fn questions_are_answered_while_the_log_is_replayed_and_say_that_they_are_partial() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    // Long enough to replay that somebody can look at it.
    for trace_id in 1..=40 {
        post(&server, trace_id, 2_000);
    }
    server.kill();

    let (status, log) = Server::start_open(folder.path(), &[]).terminate();
    assert!(status.success(), "asked to end while it replays, it ends well: {log}");

    let server = Server::start_open(folder.path(), &[]);
    let mut partial = 0;
    loop {
        let answer = server.get("/api/spandrel/services").json();
        let ready = server.get("/ready");
        let Some(reason) = answer["partial"].as_str() else { break };
        assert!(reason.contains("the log is being replayed"), "{reason}");
        partial += 1;
        // The next question may come after the end of the replay.
        if ready.status == 503 {
            assert_eq!(ready.json()["ready"], false);
        }
    }
    println!("{partial} partial answers while the log was replayed");
    server.wait_ready();
    assert_eq!(server.get("/ready").status, 200);
    assert!((1..=40).all(|trace_id| is_kept(&server, trace_id, 2_000)));
    let answer = server.get("/api/v2/trace/0000000000000001");
    assert_eq!(answer.header("spandrel-partial"), None);
}

#[test]
fn a_deleted_trace_is_gone_for_good() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    (1..=3).for_each(|trace_id| post(&server, trace_id, 2));
    change(&server, "POST", "/api/spandrel/flush");
    post(&server, 2, 4);
    let path = "/api/spandrel/traces/0000000000000002";
    let deleted = change(&server, "DELETE", path);
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    assert_eq!(deleted.json()["traceId"], "0000000000000002");
    assert!(deleted.json()["deletedSpans"].as_u64() >= Some(4), "{}", deleted.text());
    assert_eq!(change(&server, "DELETE", path).status, 404);
    assert_eq!(change(&server, "DELETE", "/api/spandrel/traces/xyz").status, 400);
    let check = |server: &Server| {
        assert!(!is_kept(server, 2, 4));
        assert!(is_kept(server, 1, 2) && is_kept(server, 3, 2));
    };
    check(&server);
    server.kill();
    let server = Server::start(folder.path(), &[]);
    check(&server);
    post(&server, 2, 1);
    assert!(is_kept(&server, 2, 1), "what comes after the deletion is kept");
}

#[test]
fn a_pinned_trace_outlives_the_retention_until_it_is_unpinned() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    (1..=3).for_each(|trace_id| post(&server, trace_id, 2));
    change(&server, "POST", "/api/spandrel/flush");
    let pin = "/api/spandrel/traces/0000000000000002/pin";
    assert_eq!(change(&server, "POST", pin).json()["pinnedSpans"], 2);
    let missing = change(&server, "POST", "/api/spandrel/traces/0000000000000009/pin");
    assert_eq!(missing.status, 404);
    assert!(is_kept(&server, 2, 2), "the copy is not shown twice");
    server.terminate();

    // A byte is less than what there is: only what is pinned may stay.
    let server = Server::start(folder.path(), &["--retention-size", "1B"]);
    server.wait_until(|server| !is_kept(server, 1, 2) && !is_kept(server, 3, 2));
    assert!(is_kept(&server, 2, 2));
    assert_eq!(change(&server, "DELETE", pin).json()["wasPinned"], true);
    assert_eq!(change(&server, "DELETE", pin).json()["wasPinned"], false);
    assert!(!is_kept(&server, 2, 2));
}

#[test]
fn at_the_disks_reserve_senders_are_told_to_come_again_and_questions_are_answered() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    post(&server, 1, 2);
    let pin = "/api/spandrel/traces/0000000000000001/pin";
    change(&server, "POST", "/api/spandrel/flush");
    assert_eq!(change(&server, "POST", pin).status, 200);
    server.terminate();

    let server = Server::start(folder.path(), &["--retention-free", "1000000TiB"]);
    let body = trace_of(2, 1).to_string();
    let send = |server: &Server| server.post("/api/v2/spans", "application/json", body.as_bytes());
    server.wait_until(|server| send(server).status == 503);
    let refused = send(&server);
    assert!(refused.text().contains("which are kept free"), "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    assert!(is_kept(&server, 1, 2), "what is pinned stays");
    let metrics = server.get("/metrics");
    assert!(metrics.text().contains(r#"spandrel_store_refusals_total{reason="disk_full"} "#));
}

#[test]
fn a_backup_ends_although_spans_keep_coming() {
    let folder = tempdir().unwrap();
    let (data_dir, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let server = Server::start(&data_dir, &[]);
    post(&server, 1, 2);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for sender in 0..4 {
            let (address, is_over) = (server.address, &is_over);
            scope.spawn(move || {
                let numbers = (2..).take_while(|_| !is_over.load(Ordering::Relaxed));
                numbers.for_each(|number| post_to(address, (sender << 32) | number, 1));
            });
        }
        let output = run(&["backup", "--to", copy.to_str().unwrap(), "--url", &server.url()]);
        is_over.store(true, Ordering::Relaxed);
        assert!(output.status.success(), "{}", text(&output.stderr));
    });
    assert!(is_kept(&Server::start(&copy, &[]), 1, 2));
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    post(&server, 1, 2);
    let headers = [("Origin", "https://evil.example"), ("Content-Type", "text/plain")];
    for (method, path) in [
        ("DELETE", "/api/spandrel/traces/0000000000000001"),
        ("POST", "/api/spandrel/traces/0000000000000001/pin"),
        ("POST", "/api/spandrel/flush"),
        ("POST", "/api/spandrel/backup?to=/nowhere"),
        ("POST", "/api/spandrel/import"),
    ] {
        let answer = send(server.address, method, path, &headers, b"").unwrap();
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
    }
    assert!(is_kept(&server, 1, 2));
}

#[test]
fn a_server_starts_on_a_backup_and_has_all_that_was_acknowledged() {
    let folder = tempdir().unwrap();
    let (data_dir, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let server = Server::start(&data_dir, &[]);
    (1..=10).for_each(|trace_id| post(&server, trace_id, 3));
    let to = copy.to_str().unwrap();
    let backup = || run(&["backup", "--to", to, "--url", &server.url()]);
    let output = backup();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("30 spans in 1 segments"), "{}", text(&output.stdout));
    let again = backup();
    assert!(!again.status.success() && text(&again.stderr).contains("is not empty"));
    for (to, reason) in [("copy", "absolute"), (data_dir.join("x").to_str().unwrap(), "inside")] {
        let answer = change(&server, "POST", &format!("/api/spandrel/backup?to={to}"));
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(reason), "{}", answer.text());
    }

    let copied = Server::start(&copy, &[]);
    assert!((1..=10).all(|trace_id| is_kept(&copied, trace_id, 3)));
}

#[test]
fn verify_finds_a_flipped_byte_and_the_server_serves_the_rest() {
    let folder = tempdir().unwrap();
    let data_dir = folder.path().to_str().unwrap();
    let verify = || run(&["verify", "--data-dir", data_dir]);
    let missing = run(&["verify", "--data-dir", folder.path().join("no").to_str().unwrap()]);
    assert!(text(&missing.stderr).contains("there is no store"), "{}", text(&missing.stderr));
    assert!(!folder.path().join("no").exists());

    let server = Server::start(folder.path(), &[]);
    (1..=10).for_each(|trace_id| post(&server, trace_id, 3));
    change(&server, "POST", "/api/spandrel/flush");
    let in_use = verify();
    assert!(!in_use.status.success() && text(&in_use.stderr).contains("in use by process"));
    server.terminate();
    let whole = verify();
    assert!(whole.status.success(), "{}", text(&whole.stderr));
    assert!(text(&whole.stdout).contains("30 spans read"), "{}", text(&whole.stdout));

    let [segment] = &segment_files(folder.path())[..] else { panic!("one segment") };
    let mut bytes = fs::read(segment).unwrap();
    // Ids of spans stand there as they are. A start does not read them, and every answer does.
    let ids: Vec<u8> = (1..=3_u64).flat_map(u64::to_le_bytes).collect();
    let place = bytes.windows(ids.len()).position(|window| window == ids).expect("a trace's ids");
    bytes[place] ^= 1;
    fs::write(segment, bytes).unwrap();
    let damaged = verify();
    assert_eq!(damaged.status.code(), Some(1));
    assert!(text(&damaged.stdout).contains("damaged: segments/"), "{}", text(&damaged.stdout));

    let server = Server::start(folder.path(), &[]);
    post(&server, 99, 1);
    // Reading finds it, if the start did not.
    let found: Vec<Answer> =
        (1..=10).map(|id| server.get(&format!("/api/v2/trace/{id:016x}"))).collect();
    assert!(found.iter().any(|answer| answer.status == 404));
    let partial = found.last().and_then(|answer| answer.header("spandrel-partial"));
    assert!(partial.is_some_and(|reason| reason.contains("damaged")), "{partial:?}");
    assert!(is_kept(&server, 99, 1));
    let status = server.get("/api/spandrel/status").json();
    assert_eq!(status["segments"]["quarantined"].as_array().map(Vec::len), Some(1), "{status}");
    assert_eq!(server.get("/health").json()["partial"], status["partial"]);
    let services = server.get("/api/spandrel/services").json();
    assert!(services["partial"].is_string(), "{services}");
}
