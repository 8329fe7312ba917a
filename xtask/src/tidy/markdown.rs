//! Links of the project's pages lead to files that are there.
//!
//! Only links inside the clone are followed: a page elsewhere may be gone tomorrow, and a test
//! does not use the network.

use super::Finding;
use super::test_paths::resolve;
use super::tree::Tree;

/// Finds links that lead to nothing.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.written_here(&["md"]) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in links(&file.text) {
            let is_there = resolve(folder, target).is_some_and(|path| tree.has(&path));
            if !is_there {
                let message = format!("the link leads to `{target}`, which is not there");
                findings.push(Finding::at(&file.path, line, message));
            }
        }
    }
    findings
}

/// Returns the targets of a page's links that lead to files, with their lines.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        line.split("](").skip(1).filter_map(move |behind| {
            let target = behind.split([')', ' ', '#']).next().unwrap_or_default();
            let is_file = !target.is_empty() && !target.contains(':');
            is_file.then_some((index + 1, target))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_inside_the_clone_must_lead_somewhere() {
        let page = "[a](../LICENSE) [b](gone.md) [c](https://example.org/x) [d](#here)\n\
                    ![e](pictures/a.png) [f](two.md#part)\n";
        let tree = Tree::of_files(&[("LICENSE", ""), ("docs/one.md", page), ("docs/two.md", "")]);
        let found: Vec<String> = check(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/one.md:1: the link leads to `gone.md`, which is not there",
                "docs/one.md:2: the link leads to `pictures/a.png`, which is not there",
            ]
        );
    }

    #[test]
    fn a_link_that_leaves_the_clone_is_found() {
        let tree = Tree::of_files(&[("a.md", "[a](../b/c.md)")]);
        assert_eq!(check(&tree).len(), 1);
    }
}
