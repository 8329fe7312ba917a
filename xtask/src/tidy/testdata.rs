//! Recorded input says where it is from and under which licence it may be passed on.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::Tree;

/// What a README must say, and the words by which it is known to say so.
const WANTED: [(&str, &[&str]); 2] = [
    ("origin", &["origin", "from ", "ours", "hand-made"]),
    ("licence", &["licence", "license", "apache-2.0", "bsd-", "cc0"]),
];

/// Finds testdata whose README is missing, or silent about origin or licence.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut readmes = BTreeSet::new();
    for path in tree.paths.iter().filter(|path| path.split('/').any(|part| part == "testdata")) {
        match readme_for(tree, path) {
            Some(readme) => {
                readmes.insert(readme);
            }
            None => {
                let message = "no README.md in its folder, or in one above it up to testdata";
                findings.push(Finding::of_file(path, message));
            }
        }
    }
    for readme in readmes {
        let text = tree.text(&readme).unwrap_or_default().to_lowercase();
        for (wanted, words) in WANTED {
            if !words.iter().any(|word| text.contains(word)) {
                let message = format!("says nothing of the data's {wanted}");
                findings.push(Finding::of_file(&readme, message));
            }
        }
    }
    findings
}

/// Returns the README that speaks for a file: the nearest one, no further up than testdata.
fn readme_for(tree: &Tree, path: &str) -> Option<String> {
    let mut folder = path;
    while let Some((above, _)) = folder.rsplit_once('/') {
        folder = above;
        let readme = format!("{folder}/README.md");
        if tree.paths.contains(&readme) {
            return Some(readme);
        }
        if folder.ends_with("/testdata") {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Origin: openzipkin/zipkin. Licence: Apache-2.0.";

    #[test]
    fn a_readme_speaks_for_its_folder_and_those_below() {
        let tree = Tree::of_files(&[("a/testdata/README.md", GOOD), ("a/testdata/b/c.json", "")]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn data_without_a_readme_is_found() {
        let tree = Tree::of_files(&[("a/README.md", GOOD), ("a/testdata/b.bin", "")]);
        assert_eq!(check(&tree).len(), 1);
    }

    #[test]
    fn a_readme_without_origin_or_licence_is_found() {
        let tree = Tree::of_files(&[("a/testdata/README.md", "Spans."), ("a/testdata/b", "")]);
        assert_eq!(check(&tree).len(), 2);
    }
}
