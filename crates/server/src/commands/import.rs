//! `spandrel import`: sends exported lines to a server, Zipkin's or OTLP's as they come.
//!
//! Each line is read here first, so that a bad one is named and takes no other with it.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::{Method, StatusCode};

use super::fetch::{Conversation, Question, Server};
use super::print::{escaped, print_lines, warn};
use super::progress_line::{ProgressLine, Unit};
use crate::cli::ImportFlags;
use batch::Batch;
use line::{Line, read_line};

mod batch;
mod line;

/// How many bad lines are named; the rest is counted.
const NAMED_LINES_MAX: u64 = 20;
/// How often a request is sent again that the server can't take now.
const RETRIES_MAX: u32 = 60;
/// How long the server is left alone when it does not say how long.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Imports a file, and prints what became of it.
pub(crate) fn run(flags: &ImportFlags) -> anyhow::Result<()> {
    let (mut lines, total_len) = open(&flags.file)?;
    let mut import = Import {
        conversation: Server::at(&flags.url)?.talk()?,
        progress: ProgressLine::new("importing", Unit::Bytes),
        is_strict: flags.strict,
        batch: Batch::default(),
        spans: 0,
        lines: 0,
        bad_lines: 0,
        named_lines: 0,
        rejected_spans: 0,
    };
    let (mut text, mut number, mut done_len) = (Vec::new(), 0, 0);
    loop {
        let read = read_line(&mut *lines, &mut text)?;
        let Some(len) = read else { break };
        number += 1;
        done_len += len;
        import.take(number, &text)?;
        import.progress.tell(done_len, total_len);
    }
    import.send()?;
    import.report()
}

/// Opens the file, and says how long it is; zero for what has no length.
fn open(path: &Path) -> anyhow::Result<(Box<dyn BufRead>, u64)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), 0));
    }
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    let len = file.metadata().map_or(0, |metadata| metadata.len());
    Ok((Box::new(BufReader::with_capacity(1 << 20, file)), len))
}

struct Import {
    conversation: Conversation,
    progress: ProgressLine,
    is_strict: bool,
    batch: Batch,
    /// Spans that the server has.
    spans: u64,
    /// Lines of those.
    lines: u64,
    bad_lines: u64,
    named_lines: u64,
    /// Spans of OTLP that were refused alone.
    rejected_spans: u64,
}

impl Import {
    /// Takes a line into the batch, which is sent when it is full or the next line is of another
    /// format.
    fn take(&mut self, number: u64, text: &[u8]) -> anyhow::Result<()> {
        let line = match Line::read(text) {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => line,
            Err(reason) => return self.refuse(number, &reason),
        };
        if let Some(reason) = &line.first_rejection {
            self.rejected_spans += line.rejected;
            self.name(number, &format!("{} spans are left out: {reason}", line.rejected))?;
        }
        if !self.batch.has_room_for(&line) {
            self.send()?;
        }
        self.batch.push(number, &line);
        Ok(())
    }

    /// Counts a line that can't be read, and names it.
    fn refuse(&mut self, number: u64, reason: &str) -> anyhow::Result<()> {
        self.bad_lines += 1;
        self.name(number, reason)
    }

    fn name(&mut self, number: u64, reason: &str) -> anyhow::Result<()> {
        let message = format!("line {number}: {}", escaped(reason));
        if self.is_strict {
            // What came before is good, and the file is read in order.
            self.send()?;
            bail!("{message} ({} spans of the lines before it are imported)", self.spans);
        }
        self.named_lines += 1;
        if self.named_lines <= NAMED_LINES_MAX {
            self.progress.clear();
            warn(&message);
        }
        Ok(())
    }

    /// Sends the batch, again and again while the server says that it can't take it now.
    fn send(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let Some((path, body)) = batch.request() else { return Ok(()) };
        let question = Question { body, ..Question::new(Method::POST, path) };
        for _attempt in 0..=RETRIES_MAX {
            let answer = self.conversation.ask(&question)?;
            match answer.status {
                status if status.is_success() => {
                    self.spans += batch.spans;
                    self.lines += batch.lines;
                    return Ok(());
                }
                StatusCode::SERVICE_UNAVAILABLE => {
                    self.conversation.pause(answer.retry_after.unwrap_or(RETRY_PAUSE));
                }
                _ => bail!("{} are refused: {}", batch.place(), answer.error()),
            }
        }
        bail!("{}: the server can't take them, {RETRIES_MAX} times over", batch.place())
    }

    fn report(self) -> anyhow::Result<()> {
        let Self { progress, spans, lines, bad_lines, rejected_spans, .. } = self;
        drop(progress);
        let mut report = format!("{spans} spans of {lines} lines are imported");
        if bad_lines > 0 {
            report += &format!(", {bad_lines} bad lines were skipped");
        }
        if rejected_spans > 0 {
            report += &format!(", {rejected_spans} spans were left out");
        }
        print_lines([report])
    }
}
