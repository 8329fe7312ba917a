//! What is committed speaks of no one machine: no absolute paths of a build box, no address of a
//! package registry, which is the package manager's configuration.

use super::Finding;
use super::tree::{Tree, is_made_elsewhere};

/// Written in halves, so that this file does not find itself.
const PLACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/tm", "p/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs"),
    concat!("proxy.", "golang.org"),
    concat!("files.", "pythonhosted"),
];

/// Finds machine paths and registry addresses in committed text.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let written_here = tree.files.iter().filter(|file| !is_made_elsewhere(&file.path));
    for file in written_here.filter(|file| !file.path.ends_with("tidy/test_paths.rs")) {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(place) = PLACES.iter().find(|place| names(line, place)) {
                let message = format!("`{place}` is a matter of one machine; leave it out");
                findings.push(Finding::at(&file.path, index + 1, message));
            }
        }
    }
    findings
}

/// Whether the line names the place itself: a folder of that name further down a path, as in
/// `$HOME/work/`, is another.
fn names(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(offset, _)| {
        let before = line[..offset].chars().next_back();
        !place.starts_with('/')
            || before.is_none_or(|before| !before.is_alphanumeric() && !"_-.})*".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> usize {
        check(&Tree::of_files(&[("a.md", line)])).len()
    }

    #[test]
    fn paths_of_a_machine_and_registries_are_found() {
        for place in PLACES {
            assert_eq!(found(&format!("see {place}x")), 1, "{place}");
            assert_eq!(found(&format!("\"file://{place}\"")), 1, "{place}");
        }
    }

    #[test]
    fn folders_of_that_name_further_down_are_not() {
        assert_eq!(found(concat!("a/wo", "rk/b ${X}/tm", "p/ /tmpfiles")), 0);
    }
}
