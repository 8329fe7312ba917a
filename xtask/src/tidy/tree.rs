//! What the rules look at: the committed files, and the packages with their dependencies.
//!
//! Reads everything once; rules never touch the disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// The workspace as the rules see it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Every committed path, relative to the root, with `/` between its parts.
    pub(super) paths: BTreeSet<String>,
    /// The committed files that are text.
    pub(super) files: Vec<SourceFile>,
    /// The workspace's packages.
    pub(super) packages: Vec<Package>,
}

/// A committed text file.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// Relative to the root, with `/` between its parts.
    pub(super) path: String,
    /// All of it.
    pub(super) text: String,
}

/// One package of the workspace.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    /// Its folder, relative to the root.
    pub(super) folder: String,
    pub(super) description: String,
    /// What it needs in order to run; empty of what only its tests and build scripts need.
    pub(super) dependencies: Vec<String>,
}

impl Tree {
    /// Reads the workspace at `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let paths = committed_paths(root)?;
        let mut files = Vec::new();
        for path in &paths {
            match fs::read_to_string(root.join(path)) {
                Ok(text) => files.push(SourceFile { path: path.clone(), text }),
                // Neither what is binary nor what is deleted but not yet committed is text.
                Err(error) if is_no_text(&error) => {}
                Err(error) => return Err(error).with_context(|| format!("reading {path}")),
            }
        }
        Ok(Self { paths, files, packages: packages(root)? })
    }

    /// Returns the text of the file at `path`.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Whether a file is at `path`, or under it when it is a folder's.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        let first_under = self.paths.range(folder.clone()..).next();
        self.paths.contains(path) || first_under.is_some_and(|found| found.starts_with(&folder))
    }

    /// Returns the committed text files whose names end in one of `extensions`, without those
    /// that a program or somebody else wrote.
    pub(super) fn written_here<'t>(
        &'t self,
        extensions: &'t [&str],
    ) -> impl Iterator<Item = &'t SourceFile> {
        self.files.iter().filter(move |file| {
            let extension = file.path.rsplit_once('.').map_or("", |(_, extension)| extension);
            extensions.contains(&extension) && !is_made_elsewhere(&file.path)
        })
    }
}

/// Whether a path lies in a folder of built, generated, copied or recorded files.
pub(super) fn is_made_elsewhere(path: &str) -> bool {
    let folders = ["dist", "generated", "vendored", "testdata", "node_modules"];
    path.split('/').any(|part| folders.contains(&part))
}

fn is_no_text(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::NotFound | ErrorKind::IsADirectory)
}

/// Asks git, because a working tree also holds what nobody means to commit.
fn committed_paths(root: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached"])
        .current_dir(root)
        .output()
        .context("running git, which lists the committed files")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git ls-files: {}", stderr.trim());
    let listed = String::from_utf8(output.stdout).context("a committed path is not UTF-8")?;
    Ok(listed.split_terminator('\0').map(str::to_owned).collect())
}

fn packages(root: &Path) -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .context("asking cargo for the workspace's packages")?;
    let package = |package: &cargo_metadata::Package| {
        let folder = package.manifest_path.parent().context("a manifest is in a folder")?;
        let folder = folder.strip_prefix(&metadata.workspace_root)?;
        let needed =
            package.dependencies.iter().filter(|needed| needed.kind == DependencyKind::Normal);
        Ok(Package {
            name: package.name.to_string(),
            folder: folder.as_str().replace('\\', "/"),
            description: package.description.clone().unwrap_or_default(),
            dependencies: needed.map(|needed| needed.name.clone()).collect(),
        })
    };
    metadata.packages.iter().map(package).collect()
}

#[cfg(test)]
impl Tree {
    /// Makes a tree of text files alone.
    pub(super) fn of_files(files: &[(&str, &str)]) -> Self {
        let file =
            |&(path, text): &(&str, &str)| SourceFile { path: path.into(), text: text.into() };
        Self {
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            files: files.iter().map(file).collect(),
            packages: Vec::new(),
        }
    }

    /// Makes a tree of packages alone, each with the names of what it needs.
    pub(super) fn of_packages(packages: &[(&str, &[&str])]) -> Self {
        let package = |&(name, needed): &(&str, &[&str])| Package {
            name: name.into(),
            folder: format!("crates/{}", name.trim_start_matches("spandrel-")),
            description: "What a test needs of a package.".into(),
            dependencies: needed.iter().map(|&name| name.into()).collect(),
        };
        Self { packages: packages.iter().map(package).collect(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_when_a_file_is_in_it() {
        let tree = Tree::of_files(&[("crates/model/src/lib.rs", ""), ("crates/model-2/a", "")]);
        for path in ["crates/model/src/lib.rs", "crates/model/src/", "crates/model", "crates"] {
            assert!(tree.has(path), "{path}");
        }
        for path in ["crates/mode", "crates/model/src/li", "lib.rs"] {
            assert!(!tree.has(path), "{path}");
        }
    }

    #[test]
    fn recorded_and_built_files_are_not_written_here() {
        let tree =
            Tree::of_files(&[("a/src/a.rs", ""), ("a/testdata/b.rs", ""), ("ui/dist/c.ts", "")]);
        let found: Vec<&str> = tree.written_here(&["rs", "ts"]).map(|file| &*file.path).collect();
        assert_eq!(found, ["a/src/a.rs"]);
    }
}
