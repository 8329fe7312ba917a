//! `spandrel backup`: has a running server copy its store to a folder of its machine.

use anyhow::{Context as _, anyhow, bail};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::fetch::{Question, Server};
use super::print::print_lines;
use super::progress_line::{ProgressLine, Unit};
use crate::cli::BackupFlags;
use crate::quantity::size_text;

/// A line of the answer: how far the copy is, how it ended, or why it failed.
#[derive(Debug, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Line {
    Progress { done_bytes: u64, total_bytes: u64 },
    Done { segments: u64, bytes: u64, spans: u64 },
    Failed { error: String },
}

/// Asks for a copy, and shows how far it is.
pub(crate) fn run(flags: &BackupFlags) -> anyhow::Result<()> {
    let folder = std::path::absolute(&flags.to)?;
    let Some(to) = folder.to_str() else {
        bail!("the folder {} is not named in UTF-8", folder.display());
    };
    let path = format!("/api/spandrel/backup?to={}", utf8_percent_encode(to, NON_ALPHANUMERIC));
    let mut line = ProgressLine::new("copying", Unit::Bytes);
    let (mut rest, mut last) = (Vec::new(), None);
    let question = Question::new(Method::POST, &path);
    Server::at(&flags.url)?.talk()?.stream(&question, &mut |_| {}, &mut |data| {
        rest.extend_from_slice(&data);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let text: Vec<u8> = rest.drain(..=end).collect();
            let told = serde_json::from_slice(&text).context("the server's answer is not known")?;
            if let Line::Progress { done_bytes, total_bytes } = &told {
                line.tell(*done_bytes, *total_bytes);
            }
            last = Some(told);
        }
        Ok(())
    })?;
    drop(line);
    match last {
        Some(Line::Done { segments, bytes, spans }) => {
            let size = size_text(bytes);
            print_lines([format!("{spans} spans in {segments} segments, {size}, are in {to}")])
        }
        Some(Line::Failed { error }) => Err(anyhow!("the backup failed: {error}")),
        _ => bail!("the server did not say how the backup ended"),
    }
}
