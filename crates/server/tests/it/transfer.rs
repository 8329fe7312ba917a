//! `spandrel export` and `spandrel import`: what goes out comes in again as it was.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use spandrel_codec::otlp;
use spandrel_model::Span;
use tempfile::tempdir;
use testkit::seeded_span;

use crate::article::{SHARED, post_capture};
use crate::http::send;
use crate::server::{SPANDREL, Server};

fn run(arguments: &[&str]) -> Output {
    Command::new(SPANDREL).args(arguments).output().expect("the binary runs")
}

fn succeeded(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(error, "", "nothing is said where standard error is no terminal");
    String::from_utf8(output.stdout).expect("text")
}

fn export(server: &Server, flags: &[&str]) -> String {
    succeeded(run(&[&["export", "--url", &server.url()], flags].concat()))
}

fn import(server: &Server, lines: &str, flags: &[&str]) -> Output {
    let mut child = Command::new(SPANDREL)
        .args(["import", "-", "--url", &server.url()])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that stops early reads no further.
    let _ = stdin.write_all(lines.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// Spans with everything that the model has.
fn post_seeded(server: &Server, count: u64) {
    let spans: Vec<Span<'static>> = (0..count).map(seeded_span).collect();
    let mut body = Vec::new();
    otlp::encode(otlp::Format::Json, &spans, &mut body);
    let answer = send(server.address, "POST", "/api/spandrel/import", &[], &body);
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["accepted"], count);
}

/// Says where two exports differ, and not all that is in them.
fn assert_same(left: &str, right: &str) {
    let differs = left.lines().zip(right.lines()).position(|(left, right)| left != right);
    assert_eq!(differs, None, "the first line that differs");
    assert_eq!(left.lines().count(), right.lines().count());
}

fn sorted(lines: &str) -> String {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn an_export_imported_elsewhere_exports_the_same() {
    let folder = tempdir().unwrap();
    let server = Server::start(&folder.path().join("from"), &[]);
    post_seeded(&server, 300);
    post_capture(&server, &SHARED);
    for format in ["otlp", "zipkin"] {
        let exported = export(&server, &["--format", format]);
        let check = |other: &Server| {
            let again = export(other, &["--format", format]);
            match format {
                "otlp" => assert_same(&again, &exported),
                // Zipkin's times are coarser, so traces may come in another order.
                _ => assert_same(&sorted(&again), &sorted(&exported)),
            }
        };
        assert!(exported.lines().count() > 1);
        let other = Server::start(&folder.path().join(format), &[]);
        let report = succeeded(import(&other, &exported, &[]));
        assert!(report.contains("are imported\n"), "{report}");
        check(&other);

        // The log knows the format, and so does a flush.
        other.kill();
        let other = Server::start(&folder.path().join(format), &[]);
        check(&other);
        let flushed = send(other.address, "POST", "/api/spandrel/flush", &[], b"").unwrap();
        assert_eq!(flushed.status, 200);
        check(&other);
    }
}

#[test]
fn a_folder_is_exported_without_a_server_and_stays_as_it_is() {
    let folder = tempdir().unwrap();
    let data_dir = folder.path().to_str().unwrap();
    let server = Server::start(folder.path(), &[]);
    post_seeded(&server, 50);
    assert_eq!(send(server.address, "POST", "/api/spandrel/flush", &[], b"").unwrap().status, 200);
    post_capture(&server, &SHARED);
    let exported = export(&server, &[]);
    let in_use = run(&["export", "--data-dir", data_dir]);
    assert!(!in_use.status.success());
    server.terminate();
    for _time in 0..2 {
        assert_same(&succeeded(run(&["export", "--data-dir", data_dir])), &exported);
    }
    let none = folder.path().join("none");
    assert!(!run(&["export", "--data-dir", none.to_str().unwrap()]).status.success());
    assert!(!Path::new(&none).exists());
}

#[test]
fn an_export_is_narrowed_by_service_and_by_age() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let trace_id = post_capture(&server, &SHARED);
    let old =
        br#"[{"traceId":"99","id":"1","timestamp":1000000,"localEndpoint":{"serviceName":"old"}}]"#;
    assert_eq!(server.post("/api/v2/spans", "application/json", old).status, 202);
    let of_server = export(&server, &["--service", "SERVER", "--format", "zipkin"]);
    assert_eq!(of_server.lines().count(), 6, "the trace comes whole");
    assert!(of_server.lines().all(|line| line.contains(&trace_id)));
    let of_old = export(&server, &["--until", "5000d", "--format", "zipkin"]);
    assert!(of_old.lines().count() == 1 && of_old.contains("\"old\""), "{of_old}");
    assert_eq!(export(&server, &["--service", "nobody"]), "");
    assert!(!export(&server, &["--since", "5000d", "--format", "zipkin"]).contains("\"old\""));
    let wrong = run(&["export", "--since", "yesterday", "--url", &server.url()]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("`yesterday` is no age"));
}

#[test]
fn parquet_comes_with_a_feature() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    post_seeded(&server, 20);
    let output = run(&["export", "--format", "parquet", "--url", &server.url()]);
    if cfg!(feature = "parquet") {
        let of_server = output.stdout;
        assert!(of_server.starts_with(b"PAR1") && of_server.ends_with(b"PAR1"));
        server.terminate();
        let data_dir = folder.path().to_str().unwrap();
        let of_folder = run(&["export", "--format", "parquet", "--data-dir", data_dir]).stdout;
        assert!(of_folder == of_server, "the same spans make the same file");
    } else {
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("--features parquet"), "{error}");
    }
}

#[test]
fn bad_lines_are_named_and_skipped_or_stop_the_import() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let span = |id: u64| format!(r#"{{"traceId":"7","id":"{id}","timestamp":5}}"#);
    let lines = format!("{}\nno spans\n\n{}\n{{\"resourceSpans\":7}}\n", span(1), span(2));
    let output = import(&server, &lines, &[]);
    assert!(output.status.success());
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(report, "2 spans of 2 lines are imported, 2 bad lines were skipped\n");
    let named = String::from_utf8(output.stderr).unwrap();
    assert!(named.contains("line 2: no line of JSON") && named.contains("line 5: "), "{named}");
    assert_eq!(export(&server, &["--format", "zipkin"]).lines().count(), 2);

    let strict = import(&server, &format!("{}\nno spans\n{}", span(3), span(4)), &["--strict"]);
    assert!(!strict.status.success());
    let error = String::from_utf8(strict.stderr).unwrap();
    assert!(error.contains("line 2: ") && error.contains("(1 spans"), "{error}");
    assert_eq!(export(&server, &["--format", "zipkin"]).lines().count(), 3);

    let file = folder.path().join("lines");
    fs::write(&file, span(5)).unwrap();
    let output = run(&["import", file.to_str().unwrap(), "--url", &server.url()]);
    assert_eq!(succeeded(output), "1 spans of 1 lines are imported\n");
}
