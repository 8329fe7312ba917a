//! `spandrel bench` from end to end, with corpora of a moment.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::server::SPANDREL;

fn bench(folder: &Path, arguments: &str) -> Output {
    let output = try_bench(folder, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "bench {arguments}: {told}");
    output
}

fn try_bench(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(SPANDREL);
    command.arg("bench").args(arguments.split_whitespace()).current_dir(folder);
    command.output().expect("the binary was built with the test")
}

fn figure(figures: &Value, subject: &str, name: &str) -> f64 {
    let value = figures["figures"][subject][name]["value"].as_f64();
    value.unwrap_or_else(|| panic!("no figure `{name}` of `{subject}` in {figures}"))
}

#[test]
fn what_a_bench_stores_comes_back_as_it_was_sent_whatever_the_corpus() {
    let folder = tempfile::tempdir().unwrap();
    for profile in ["lab", "ten --random-attribute", "shop"] {
        let name = profile.split(' ').next().unwrap();
        let all = "--spans 2k --lookups 20 --search-rounds 1 --verify-all --json figures.json";
        bench(folder.path(), &format!("all --profile {profile} --data-dir {name} {all}"));
        let figures = fs::read(folder.path().join("figures.json")).unwrap();
        let figures: Value = serde_json::from_slice(&figures).unwrap();
        let correctness = "correctness: the store's traces and the corpus made again";
        let compared = figure(&figures, correctness, "spans equal in every field");
        assert!(compared >= 2_000.0, "{name}: {compared} spans were compared");
        assert_eq!(figure(&figures, correctness, "spans lost or changed"), 0.0, "{name}");
        let stored = figure(&figures, "size", "stored, with every index");
        assert!((10.0..400.0).contains(&stored), "{name}: {stored} bytes a span");
        let left: Vec<_> = fs::read_dir(folder.path().join(name)).unwrap().collect();
        assert_eq!(left.len(), 2, "the corpus stays, the store goes: {left:?}");
    }
}

#[test]
fn a_store_that_was_kept_is_asked_without_being_filled_again() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "--spans 500 --data-dir kept --keep --lookups 5";
    bench(folder.path(), &format!("size {flags}"));
    let manifest = folder.path().join("kept/store/manifest");
    let before = fs::read(&manifest).unwrap();
    bench(folder.path(), &format!("lookup {flags}"));
    assert_eq!(fs::read(&manifest).unwrap(), before);

    let output = try_bench(folder.path(), "size --spans 600 --data-dir kept");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("a store of another corpus"), "{told}");
}

#[test]
fn a_corpus_without_a_file_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "--profile shop --spans 2k --no-corpus-file --data-dir made --keep --verify-all";
    bench(folder.path(), &format!("size {flags} --json made.json"));
    assert!(!folder.path().join("made/corpus.otlp").exists());
    bench(folder.path(), "size --profile shop --spans 2k --data-dir read --json read.json");
    let facts = ["made.json", "read.json"].map(|name| {
        let told: Value =
            serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap();
        told["corpus"].clone()
    });
    assert_eq!(facts[0], facts[1]);
    bench(folder.path(), &format!("lookup {flags}"));
}

#[test]
fn a_corpus_is_written_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["otlp-frames", "otlp-json", "zipkin-v1-json", "zipkin-v2-json"] {
        let flags = format!("generate --profile ten --spans 1k --format {format} --out {format}");
        let output = bench(folder.path(), &flags);
        let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
        let len = fs::metadata(folder.path().join(format)).unwrap().len();
        let requests = facts["requests"].as_u64().unwrap();
        let framing = if format == "otlp-frames" { 8 } else { 1 };
        assert_eq!(len, facts["body_bytes"].as_u64().unwrap() + framing * requests, "{format}");
        if format != "otlp-frames" {
            let text = fs::read_to_string(folder.path().join(format)).unwrap();
            assert_eq!(text.lines().count() as u64, requests, "{format}");
            assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        }
    }
}
