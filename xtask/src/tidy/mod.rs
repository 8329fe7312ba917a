//! Checks what neither the compiler nor clippy does: which crate may use which, how large a
//! file may be, and that no test and no page speaks of what is not in the clone.
//!
//! One module a rule; each has tests that show it bites. Rules read files and change none. One
//! more test runs them all over the real workspace, so that `cargo test --workspace` is enough.

mod architecture;
mod crate_roots;
mod dependencies;
mod leftovers;
mod machine_paths;
mod markdown;
mod module_docs;
mod rust_source;
mod sizes;
mod test_paths;
mod testdata;
mod tree;

use std::fmt;
use std::path::Path;

use self::tree::Tree;

/// A rule looks at the workspace and returns what breaks it.
type Rule = fn(&Tree) -> Vec<Finding>;

/// All rules, in the order in which their findings are printed.
const RULES: &[Rule] = &[
    dependencies::check,
    crate_roots::check,
    module_docs::check,
    sizes::check,
    architecture::check,
    markdown::check,
    test_paths::check,
    testdata::check,
    machine_paths::check,
    leftovers::check,
];

/// Something that breaks a rule: where, what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// Counted from one; `None` when the whole file is meant.
    line: Option<usize>,
    message: String,
}

impl Finding {
    fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), message: message.into() }
    }

    fn of_file(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// Runs every rule over the workspace at `root`.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    Ok(RULES.iter().flat_map(|rule| rule(&tree)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let findings = check(&crate::workspace_root().unwrap()).unwrap();
        let shown: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(shown.is_empty(), "\n{}", shown.join("\n"));
    }

    #[test]
    fn a_finding_prints_as_a_place_that_an_editor_opens() {
        assert_eq!(Finding::at("a/b.rs", 7, "too long").to_string(), "a/b.rs:7: too long");
        assert_eq!(Finding::of_file("a/b.rs", "too long").to_string(), "a/b.rs: too long");
    }
}
