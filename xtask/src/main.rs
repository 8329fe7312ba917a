//! The project's own chores, run as `cargo xtask <chore>`.
//!
//! A chore is a program because it has logic worth testing; what is only a list of commands
//! stands in `.ci/run`. Nothing here ships.

mod tidy;

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "usage: cargo xtask tidy";

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy(),
        _ => bail!("{USAGE}"),
    }
}

/// Prints what is untidy, one line each, and fails if there is any.
fn tidy() -> Result<ExitCode> {
    let findings = tidy::check(&workspace_root()?)?;
    let mut out = io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    if findings.is_empty() {
        writeln!(out, "tidy: nothing found")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "tidy: {} found", findings.len())?;
    Ok(ExitCode::FAILURE)
}

/// Returns the folder above this crate's: the root of the clone it was built from.
fn workspace_root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.map(Path::to_path_buf).context("the crate's folder has none above it")
}
