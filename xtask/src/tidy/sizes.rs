//! Files that can be read in one sitting. Functions are clippy's (`too_many_lines`).

use super::Finding;
use super::rust_source::RustSource;
use super::tree::{SourceFile, Tree};

/// The most lines a file has unless [`LONGER`] gives a reason.
const LINES_MAX: usize = 600;

/// The most lines a file has whatever the reason.
const LINES_MAX_EVER: usize = 1000;

/// Files over [`LINES_MAX`], each with the reason why two would be worse.
const LONGER: &[(&str, &str)] = &[];

/// Finds files that are too long, and reasons that are no longer needed.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    check_but_for(tree, LONGER)
}

fn check_but_for(tree: &Tree, longer: &[(&str, &str)]) -> Vec<Finding> {
    let is_listed = |path: &str| longer.iter().any(|(listed, _)| *listed == path);
    let mut findings = Vec::new();
    for file in tree.written_here(&["rs", "ts", "tsx", "css"]) {
        let lines = line_count(file);
        let limit = if is_listed(&file.path) { LINES_MAX_EVER } else { LINES_MAX };
        if lines > limit {
            let message = format!(
                "{lines} lines besides inline tests, over the limit of {limit}; look for the \
                 second idea in it"
            );
            findings.push(Finding::of_file(&file.path, message));
        } else if is_listed(&file.path) && lines <= LINES_MAX {
            let message = format!("{lines} lines need no reason; take it off the list");
            findings.push(Finding::of_file(&file.path, message));
        }
    }
    findings
}

/// Counts the lines of a file, without the tests inside it.
fn line_count(file: &SourceFile) -> usize {
    let all = file.text.lines().count();
    if !file.path.ends_with(".rs") {
        return all;
    }
    let tests = RustSource::new(&file.text).test_items();
    all - tests.into_iter().map(|item| file.text[item].lines().count()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: usize, tests: usize, longer: &[(&str, &str)]) -> usize {
        let tests = "    //\n".repeat(tests);
        let text = format!("{}#[cfg(test)]\nmod tests {{\n{tests}}}\n", "//\n".repeat(lines));
        check_but_for(&Tree::of_files(&[("a.rs", &text)]), longer).len()
    }

    #[test]
    fn a_file_over_the_limit_is_found_and_its_tests_do_not_count() {
        assert_eq!(found(LINES_MAX, 900, &[]), 0);
        assert_eq!(found(LINES_MAX + 1, 0, &[]), 1);
    }

    #[test]
    fn a_reason_allows_more_but_not_everything_and_must_be_needed() {
        let reason = [("a.rs", "one big table")];
        assert_eq!(found(LINES_MAX + 1, 0, &reason), 0);
        assert_eq!(found(LINES_MAX_EVER + 1, 0, &reason), 1);
        assert_eq!(found(LINES_MAX, 0, &reason), 1);
    }

    #[test]
    fn other_languages_are_counted_whole() {
        let long = "a\n".repeat(LINES_MAX + 1);
        assert_eq!(check(&Tree::of_files(&[("a.ts", &long), ("a.json", &long)])).len(), 1);
    }
}
