//! Tests read the project's own testdata, and nothing outside the clone.
//!
//! Looks at the string literals of test code: absolute paths, paths that climb out of the root,
//! and environment variables that name a place. A hostile name that a test hands to the code
//! under test is no path that it reads; such literals are listed, each with its reason.

use super::Finding;
use super::rust_source::{RustSource, line_of};
use super::tree::{SourceFile, Tree};

/// Where the file systems of people and machines begin. `/dev` and `/proc` are the kernel's.
const ROOT_FOLDERS: &[&str] =
    &["etc", "home", "mnt", "opt", "root", "srv", "tmp", "usr", "var", "work", "Users"];

/// Endings of the names of environment variables that lead to a place.
const PLACE_ENDINGS: &[&str] = &["DIR", "FILE", "FIXTURES", "FOLDER", "HOME", "PATH", "ROOT"];

/// Literals that look like paths and are only handed in: file, literal, reason.
const ACCEPTED: &[(&str, &str, &str)] =
    &[("xtask/src/tidy/test_paths.rs", "", "the bad input of this rule's own tests")];

/// Finds string literals in test code that lead out of the clone.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rust = tree.written_here(&["rs"]).flat_map(check_rust);
    let scripts = tree.written_here(&["ts", "tsx", "mjs", "js"]).flat_map(check_script);
    rust.chain(scripts).collect()
}

fn check_rust(file: &SourceFile) -> Vec<Finding> {
    let source = RustSource::new(&file.text);
    let tests = source.test_items();
    let is_test =
        |offset| is_test_file(&file.path) || tests.iter().any(|item| item.contains(&offset));
    let mut findings = Vec::new();
    for literal in source.strings.iter().filter(|literal| is_test(literal.offset)) {
        let is_accepted = ACCEPTED.iter().any(|(path, text, _)| {
            *path == file.path && (text.is_empty() || *text == literal.text)
        });
        // `include_str!` reads beside the file; everything else runs in the crate's folder.
        let line = line_of(&file.text, literal.offset);
        let code = source.code.lines().nth(line - 1).unwrap_or_default();
        let is_beside_file = code.contains("include") && !code.contains("env!");
        let folder = if is_beside_file { folder_of(&file.path) } else { crate_folder(&file.path) };
        if let Some(message) = complaint(folder, &literal.text).filter(|_| !is_accepted) {
            findings.push(Finding::at(&file.path, line, message));
        } else if code.contains("env") && names_a_place(&literal.text) && !is_accepted {
            let message = format!("a test must not be led elsewhere by ${}", literal.text);
            findings.push(Finding::at(&file.path, line, message));
        }
    }
    findings
}

/// Checks the quoted texts of a TypeScript or JavaScript file, line by line.
fn check_script(file: &SourceFile) -> Vec<Finding> {
    let folder = folder_of(&file.path);
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let quoted = line.split(['"', '\'', '`']).skip(1).step_by(2);
        for message in quoted.filter_map(|text| complaint(folder, text)) {
            findings.push(Finding::at(&file.path, index + 1, message));
        }
    }
    findings
}

/// Says why a literal leads out of the clone, if it does.
fn complaint(folder: &str, literal: &str) -> Option<String> {
    let mut parts = literal.strip_prefix("file://").unwrap_or(literal).split('/');
    if parts.next() == Some("") && parts.next().is_some_and(|part| ROOT_FOLDERS.contains(&part)) {
        return Some(format!(
            "`{literal}` is a place of one machine; copy what is needed to testdata"
        ));
    }
    let is_path =
        literal.split('/').any(|part| part == "..") && !literal.contains(char::is_whitespace);
    (is_path && resolve(folder, literal).is_none())
        .then(|| format!("`{literal}` leads out of the clone; copy what is needed to testdata"))
}

/// Walks `path` from `folder` and returns where it ends, or `None` when it leaves the root.
pub(super) fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

/// Whether a variable's name says that it holds a place; cargo's own lie inside the clone or
/// its build folder.
fn names_a_place(variable: &str) -> bool {
    let is_variable = variable.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    is_variable
        && !variable.starts_with("CARGO_")
        && variable.rsplit('_').next().is_some_and(|ending| PLACE_ENDINGS.contains(&ending))
}

fn is_test_file(path: &str) -> bool {
    let folders = ["tests", "benches", "fuzz", "testkit"];
    path.ends_with("/tests.rs") || path.split('/').any(|part| folders.contains(&part))
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the folder in which cargo runs the tests of the file's crate.
fn crate_folder(path: &str) -> &str {
    let mut slashes = path.match_indices('/').map(|(offset, _)| offset);
    let depth = if path.starts_with("crates/") { 1 } else { 0 };
    slashes.nth(depth).map_or("", |offset| &path[..offset])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of_files(&[(path, text)])).len()
    }

    const TEST: &str = "crates/a/tests/it/main.rs";

    #[test]
    fn testdata_and_api_paths_are_fine() {
        for text in [
            r#"fs::read("testdata/a.json")"#,
            r#"include_bytes!("../../testdata/a.bin")"#,
            r#"include_bytes!("../../../model/testdata/a.bin")"#,
            r#"Path::new("../codec/testdata")"#,
            r#"post("/api/v2/spans")"#,
            r#"File::open("/dev/full")"#,
            r#"env!("CARGO_MANIFEST_DIR")"#,
            r#"env::var("SPANDREL_SIMULATION_SEEDS")"#,
            r#"say("neither .. nor ../../../../up with words")"#,
        ] {
            assert_eq!(found(TEST, text), 0, "{text}");
        }
    }

    #[test]
    fn paths_out_of_the_clone_are_found() {
        for text in [
            r#"fs::read("/home/me/a.json")"#,
            r#"fs::read("/tmp")"#,
            r#"Url::parse("file:///var/a")"#,
            r#"fs::read("../../../shared/a")"#,
            r#"include_bytes!("../../../../../shared/a")"#,
            r#"concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")"#,
            r#"env::var("SPANDREL_FIXTURES")"#,
            r#"env::var_os("HOME")"#,
        ] {
            assert_eq!(found(TEST, text), 1, "{text}");
        }
    }

    #[test]
    fn code_that_is_no_test_may_name_places() {
        let text =
            "fn f() { open(\"/etc/a\") }\n#[cfg(test)]\nmod tests { fn f() { open(\"/etc/b\") } }";
        let findings = check(&Tree::of_files(&[("crates/a/src/b.rs", text)]));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("/etc/b"));
    }

    #[test]
    fn scripts_are_held_to_it_too() {
        assert_eq!(found("ui/e2e/a.ts", "read('../../crates/a'); import x from '../src/x';"), 0);
        assert_eq!(found("ui/e2e/a.ts", "read('../../../shared/a')"), 1);
        assert_eq!(found("ui/e2e/a.ts", "spawn(`/usr/bin/x`)"), 1);
    }
}
