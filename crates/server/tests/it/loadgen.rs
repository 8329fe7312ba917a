//! `spandrel loadgen` from end to end, with loads of a moment.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use serde_json::Value;
use tempfile::tempdir;

use crate::server::{SPANDREL, Server};

const LOAD: &str = "load";
const ANSWERS: &str = "answers";
const CHECK: &str = "check: traces read back and the corpus made again";
const PROCESSORS: &str = "processor time and memory";

fn try_loadgen(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(SPANDREL);
    command.arg("loadgen").args(arguments.split_whitespace()).current_dir(folder);
    command.output().expect("the binary was built with the test")
}

/// Runs a load that succeeds, and returns its figures.
fn loadgen(folder: &Path, arguments: &str) -> Value {
    let output = try_loadgen(folder, &format!("{arguments} --json figures.json"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "loadgen {arguments}: {told}");
    figures_in(folder)
}

fn figures_in(folder: &Path) -> Value {
    let figures = fs::read(folder.join("figures.json")).expect("the figures were written");
    serde_json::from_slice(&figures).expect("JSON")
}

fn figure(figures: &Value, subject: &str, name: &str) -> f64 {
    let value = figures["figures"][subject][name]["value"].as_f64();
    value.unwrap_or_else(|| panic!("no figure `{name}` of `{subject}` in {figures}"))
}

#[test]
fn every_protocol_and_encoding_sends_all_spans_and_they_are_there() {
    let (folder, data) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path(), &[]);
    for (seed, (protocol, encoding)) in [
        ("otlp-http", "none"),
        ("otlp-http", "gzip"),
        ("otlp-http-json", "zstd"),
        ("otlp-grpc", "gzip"),
        ("zipkin-v2-json", "gzip"),
        ("zipkin-v2-proto", "none"),
        ("zipkin-v1-json", "none"),
        ("zipkin-v1-thrift", "zstd"),
        ("zipkin-grpc", "none"),
    ]
    .into_iter()
    .enumerate()
    {
        // Another seed is another corpus: no load finds the spans of the one before.
        let load = format!("--protocol {protocol} --encoding {encoding} --seed {seed}");
        let corpus = "--profile shop --spans 2k --spans-per-request 100 --connections 2";
        let target = format!("--target {} --server-pid {} --check all", server.url(), server.pid());
        let figures = loadgen(folder.path(), &format!("{load} {corpus} {target}"));
        let acked = figure(&figures, ANSWERS, "acknowledged spans");
        assert!(acked >= 2_000.0, "{protocol} {encoding}: {figures}");
        assert_eq!(figure(&figures, ANSWERS, "requests never acknowledged"), 0.0);
        assert_eq!(figure(&figures, CHECK, "acknowledged spans lost or changed"), 0.0);
        assert_eq!(figure(&figures, CHECK, "spans never sent"), 0.0);
        // The repetitions of a span that was sent twice count once.
        let there = figure(&figures, CHECK, "acknowledged spans that are there as sent");
        assert!(there >= acked * 0.99, "{protocol} {encoding}: {there} of {acked}");
        assert!(figure(&figures, PROCESSORS, "server, most memory in RAM") > 1.0);
    }
}

#[test]
fn one_command_brings_its_own_server_and_an_open_loop_keeps_to_its_rate() {
    let folder = tempdir().unwrap();
    let load = "--profile ten --spans 2k --spans-per-request 1 --rate 2k --connections 8";
    let figures = loadgen(folder.path(), &format!("{load} --data-dir . --check 50"));
    assert!(figure(&figures, LOAD, "time") >= 0.9, "the last span is due after a second");
    assert!(figure(&figures, CHECK, "traces compared") >= 50.0);
    assert_eq!(figure(&figures, CHECK, "acknowledged spans lost or changed"), 0.0);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "the server's folder goes: {left:?}");
}

#[test]
fn bodies_that_do_not_fit_are_made_while_others_are_sent() {
    let (folder, data) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path(), &[]);
    let load = "--profile ten --spans 10k --spans-per-request 500 --bodies 1MiB";
    let figures = loadgen(folder.path(), &format!("{load} --target {}", server.url()));
    let sent = figure(&figures, ANSWERS, "acknowledged spans");
    let length = figure(&figures, LOAD, "length of a span, as sent");
    assert!(sent >= 10_000.0 && sent * length > 1.5 * f64::from(1 << 20), "{figures}");
    let beside = figure(&figures, PROCESSORS, "client, making bodies beside it");
    assert!(beside > 0.0, "{figures}");
}

#[test]
fn a_refusal_is_counted_and_retried_and_a_server_that_keeps_nothing_is_found_out() {
    let folder = tempdir().unwrap();
    let address = forgetful_server();
    let load =
        "--profile ten --spans 1k --spans-per-request 100 --connections 1 --json figures.json";
    let output = try_loadgen(folder.path(), &format!("{load} --target http://{address}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("has no span"), "{told}");
    let figures = figures_in(folder.path());
    assert_eq!(figure(&figures, ANSWERS, "refused: 503"), 1.0);
    assert_eq!(figure(&figures, ANSWERS, "requests sent again"), 1.0);
    assert_eq!(figure(&figures, ANSWERS, "requests never acknowledged"), 0.0);
    let acked = figure(&figures, ANSWERS, "acknowledged spans");
    let lost = figure(&figures, CHECK, "acknowledged spans lost or changed");
    assert!(acked >= 1_000.0 && lost >= acked * 0.99, "{lost} of {acked}");
}

#[test]
fn another_machine_is_left_alone_unless_it_is_allowed() {
    let folder = tempdir().unwrap();
    // An address of documentation, which nobody has.
    let output = try_loadgen(folder.path(), "--spans 1k --target http://192.0.2.1:9411");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("--allow-remote"), "{told}");
}

#[test]
fn a_load_that_is_told_to_end_takes_its_server_and_its_folder_along() {
    let folder = tempdir().unwrap();
    let mut command = Command::new(SPANDREL);
    let load = "loadgen --profile ten --spans 60k --rate 1k --spans-per-request 1 --data-dir .";
    command.args(load.split_whitespace()).current_dir(folder.path()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The server's log is there once it runs; from then on there is something to take along.
    let has_server = || {
        let entries = fs::read_dir(folder.path()).unwrap().flatten();
        entries.flat_map(|entry| fs::read_dir(entry.path())).flatten().next().is_some()
    };
    while !has_server() {
        assert!(child.try_wait().unwrap().is_none(), "it runs until it is told to end");
        thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(!child.wait().unwrap().success(), "{told}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{told}");
}

/// Refuses the first request, says that it keeps all others, and has no trace.
fn forgetful_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let posts = Arc::new(AtomicU32::new(0));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let posts = Arc::clone(&posts);
            thread::spawn(move || answer_all(stream, &posts));
        }
    });
    address
}

fn answer_all(mut stream: TcpStream, posts: &AtomicU32) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    loop {
        let (mut first, mut len) = (String::new(), 0);
        if !matches!(reader.read_line(&mut first), Ok(1..)) {
            return;
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            if line.trim().is_empty() {
                break;
            }
            let line = line.to_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                len = value.trim().parse().expect("a length");
            }
        }
        reader.read_exact(&mut vec![0; len]).expect("a body");
        let status = match first.starts_with("POST") {
            true if posts.fetch_add(1, Ordering::Relaxed) == 0 => "503 Busy\r\nRetry-After: 0",
            true => "200 OK",
            false => "404 Not Found",
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).expect("it is read");
    }
}
