//! ARCHITECTURE.md is a map of what is there: every crate is on it, and every path on it exists.

use super::Finding;
use super::tree::Tree;

const MAP: &str = "ARCHITECTURE.md";

/// Endings by which a name in code marks is known to be a file's.
const FILE_ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".ts", ".tsx", ".service", ".proto"];

/// Finds crates that the map leaves out, and paths on it that lead to nothing.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(map) = tree.text(MAP) else {
        return vec![Finding::of_file(MAP, "missing; it is the map of the project")];
    };
    let mut findings = Vec::new();
    for package in &tree.packages {
        if !map.contains(&format!("`{}`", package.folder)) {
            let message = format!("`{}` (`{}`) is not on the map", package.folder, package.name);
            findings.push(Finding::of_file(MAP, message));
        }
    }
    for (line, path) in named_paths(tree, map) {
        if !tree.has(path) {
            findings.push(Finding::at(MAP, line, format!("`{path}` is named but not there")));
        }
    }
    findings
}

/// Returns what stands in code marks and reads as a path of this project, with its line.
///
/// Paths are written from the root, so that a reader can open them; `/api` and the like begin
/// with a slash and are no files.
fn named_paths<'t>(tree: &'t Tree, map: &'t str) -> impl Iterator<Item = (usize, &'t str)> {
    let is_top_folder = |name: &str| {
        let folder = format!("{name}/");
        tree.paths.iter().any(|path| path.starts_with(&folder))
    };
    let reads_as_path = move |word: &str| {
        let top = word.split_once('/').map(|(top, _)| top);
        let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        let is_file =
            FILE_ENDINGS.iter().any(|ending| word.len() > ending.len() && word.ends_with(ending));
        is_plain && !word.starts_with('/') && (is_file || top.is_some_and(is_top_folder))
    };
    map.lines().enumerate().flat_map(move |(index, line)| {
        let in_code_marks = line.split('`').skip(1).step_by(2);
        in_code_marks.filter(move |word| reads_as_path(word)).map(move |word| (index + 1, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(map: &str) -> Vec<String> {
        let mut tree = Tree::of_packages(&[("spandrel-model", &[])]);
        let files = Tree::of_files(&[(MAP, map), ("crates/model/src/id.rs", ""), (".ci/run", "")]);
        (tree.files, tree.paths) = (files.files, files.paths);
        check(&tree).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_map_of_what_is_there_is_fine() {
        let map = "`crates/model`: ids in `crates/model/src/id.rs`.\n`.ci/run` checks; \
                   `/api/v2/spans` and `a/b` and `Cow<'a, str>` are no files.\n";
        assert_eq!(found(map), [""; 0]);
    }

    #[test]
    fn a_crate_off_the_map_is_found() {
        assert_eq!(
            found("`crates/codec`")[0],
            "ARCHITECTURE.md: `crates/model` (`spandrel-model`) is not on the map"
        );
    }

    #[test]
    fn a_path_that_leads_to_nothing_is_found() {
        let map = "`crates/model`\n`crates/model/src/ids.rs`, `id.rs`, `.ci/walk`";
        let expected = ["crates/model/src/ids.rs", "id.rs", ".ci/walk"]
            .map(|path| format!("ARCHITECTURE.md:2: `{path}` is named but not there"));
        assert_eq!(found(map), expected);
    }

    #[test]
    fn a_missing_map_is_found() {
        assert_eq!(check(&Tree::default()).len(), 1);
    }
}
