//! `spandrel verify`: checks every byte of the segments of a store that no server has open.

use anyhow::{Context as _, bail};
use spandrel_storage::{VerifyReport, verify};

use super::offline::disk_of;
use super::print::{escaped, print_lines};
use super::progress_line::{ProgressLine, Unit};
use crate::cli::VerifyFlags;
use crate::config;

/// Checks, prints what was found, and fails when something is damaged.
pub(crate) fn run(flags: VerifyFlags) -> anyhow::Result<()> {
    let data_dir = config::data_dir(flags.data_dir)?;
    let disk = disk_of(&data_dir)?;
    let mut line = ProgressLine::new("verifying", Unit::Bytes);
    let report = verify(&disk, &mut |work| line.tell(work.done_len, work.total_len))
        .with_context(|| format!("the data folder {}", data_dir.display()))?;
    drop(line);
    print_lines(lines(&report))?;
    let damage_count = report.damaged.len() + usize::from(report.manifest_damage.is_some());
    if damage_count > 0 {
        bail!("{damage_count} of the store's files are damaged");
    }
    Ok(())
}

fn lines(report: &VerifyReport) -> Vec<String> {
    let damaged = report.damaged.iter();
    let damaged = damaged.map(|(path, reason)| format!("damaged: {path}: {}", escaped(reason)));
    let manifest = report.manifest_damage.iter();
    let manifest = manifest.map(|reason| format!("damaged: manifest: {}", escaped(reason)));
    let orphans = report.orphans.iter();
    let orphans = orphans.map(|path| format!("left by a crash, goes at the next start: {path}"));
    let VerifyReport { segments, bytes, spans, .. } = report;
    let sum = format!("{segments} segments with {bytes} bytes were checked, {spans} spans read");
    damaged.chain(manifest).chain(orphans).chain([sum]).collect()
}
