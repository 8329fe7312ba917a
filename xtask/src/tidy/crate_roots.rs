//! A `lib.rs` is a table of contents: docs, `mod` and `use`, and nothing that computes.

use super::Finding;
use super::rust_source::{RustSource, line_of};
use super::tree::Tree;

/// Words that begin an item with a body of its own.
const ITEM_WORDS: &[&str] = &[
    "async",
    "const",
    "enum",
    "fn",
    "impl",
    "macro_rules",
    "static",
    "struct",
    "trait",
    "type",
    "union",
    "unsafe",
];

/// Finds items in a `lib.rs` that belong in a module.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_root = |path: &str| path.starts_with("crates/") && path.ends_with("src/lib.rs");
    for file in tree.written_here(&["rs"]).filter(|file| is_root(&file.path)) {
        let source = RustSource::new(&file.text);
        let tests = source.test_items();
        let mut depth = 0_usize;
        let mut offset = 0;
        for line in source.code.split_inclusive('\n') {
            let is_top_level = depth == 0 && !tests.iter().any(|item| item.contains(&offset));
            if let Some(word) = item_word(line).filter(|_| is_top_level) {
                let message = format!("`{word}` in lib.rs; move it to a module of its own");
                findings.push(Finding::at(&file.path, line_of(&file.text, offset), message));
            }
            depth = (depth + line.matches('{').count()).saturating_sub(line.matches('}').count());
            offset += line.len();
        }
    }
    findings
}

/// Returns the word that makes the line the beginning of an item.
fn item_word(line: &str) -> Option<&'static str> {
    let mut rest = line.trim_start();
    if let Some(behind_pub) = rest.strip_prefix("pub") {
        rest = behind_pub.trim_start();
        if rest.starts_with('(') {
            rest = rest.split_once(')').map_or("", |(_, behind)| behind).trim_start();
        }
    }
    let first =
        rest.split(|character: char| !character.is_alphanumeric() && character != '_').next();
    ITEM_WORDS.iter().copied().find(|&word| first == Some(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Option<usize>> {
        let tree =
            Tree::of_files(&[("crates/a/src/lib.rs", text), ("crates/a/src/b.rs", "fn f() {}")]);
        check(&tree).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn docs_modules_and_uses_are_a_table_of_contents() {
        let text = "//! fn in docs\n#![warn(x)]\nmod a;\npub mod b;\npub use a::{\n    C,\n    static_thing,\n};\n\
                    #[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";
        assert_eq!(lines(text), []);
    }

    #[test]
    fn items_are_found_whatever_their_visibility() {
        let text = "//! Docs.\npub struct A;\npub(crate) const fn f() {\n    const B: u8 = 1;\n}\nimpl A {}\n";
        assert_eq!(lines(text), [Some(2), Some(3), Some(6)]);
    }
}
