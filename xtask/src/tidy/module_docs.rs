//! Every Rust file opens with `//!`: what it is, and what it never does.

use super::Finding;
use super::tree::Tree;

/// Finds Rust files that do not open with their own description.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_undescribed = |text: &str| {
        let docs = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        docs.strip_prefix("//!").is_none_or(|words| words.split_whitespace().count() < 2)
    };
    tree.written_here(&["rs"])
        .filter(|file| is_undescribed(&file.text))
        .map(|file| {
            let message = "open the file with `//!`: what it is, and what it never does";
            Finding::at(&file.path, 1, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        let described = "\n//! Keeps spans.\nfn f() {}\n";
        let tree = Tree::of_files(&[
            ("a.rs", described),
            ("b.rs", "fn f() {}\n//! Too late.\n"),
            ("c.rs", "//! DESC\n"),
            ("d.rs", ""),
            ("e.md", "no docs"),
        ]);
        let found: Vec<String> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["b.rs", "c.rs", "d.rs"]);
    }
}
