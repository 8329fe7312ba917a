//! Nothing half done is committed: no reminders to oneself, no debugging aids.

use super::Finding;
use super::rust_source::{RustSource, line_of};
use super::tree::Tree;

/// Written in halves, so that this file does not find itself.
const MACROS: &[&str] =
    &[concat!("to", "do!("), concat!("unimple", "mented!("), concat!("db", "g!(")];
const REMINDERS: &[&str] = &[concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];

/// Finds leftovers in Rust code and comments, and reminders in scripts and styles.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.written_here(&["rs"]) {
        let source = RustSource::new(&file.text);
        let macros = MACROS.iter().flat_map(|word| source.code.match_indices(word));
        let comments = source.comments.iter().filter_map(|comment| {
            let word = reminder(&comment.text)?;
            Some((comment.offset, word))
        });
        for (offset, word) in macros.chain(comments) {
            findings.push(Finding::at(&file.path, line_of(&file.text, offset), complaint(word)));
        }
    }
    for file in tree.written_here(&["ts", "tsx", "js", "mjs", "css", "toml", "md"]) {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(word) = reminder(line) {
                findings.push(Finding::at(&file.path, index + 1, complaint(word)));
            }
        }
    }
    findings
}

/// Returns the reminder that stands in the text as a word of its own.
fn reminder(text: &str) -> Option<&str> {
    text.split(|character: char| !character.is_alphanumeric()).find(|word| REMINDERS.contains(word))
}

fn complaint(word: &str) -> String {
    format!("`{word}` is left over; do it now, or write down elsewhere what is to be done")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_found_in_code_and_comments_but_not_in_strings() {
        let text = format!(
            "{}x);\n// {}: later\nlet a = \"{}\";\n",
            MACROS[2], REMINDERS[0], REMINDERS[1]
        );
        let lines: Vec<Option<usize>> =
            check(&Tree::of_files(&[("a.rs", &text)])).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [Some(1), Some(2)]);
    }

    #[test]
    fn a_reminder_is_a_word_of_its_own() {
        let text = format!("{}\nAUTO{}S\n", REMINDERS[1], REMINDERS[1]);
        assert_eq!(check(&Tree::of_files(&[("a.ts", &text)])).len(), 1);
    }
}
