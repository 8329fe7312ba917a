//! An export's Parquet file, made here of what a server or a store has: a server needs no Parquet.

use std::io::{self, IsTerminal as _, Stdout, Write as _};

use anyhow::{Context as _, bail};
use spandrel_codec::{SpanSink, otlp};
use spandrel_model::Span;
use spandrel_storage::StoredSpan;

use crate::export::ParquetExport;

/// The longest line that is put together.
const LINE_LEN_MAX: usize = 256 << 20;

/// A Parquet file on standard output.
pub(super) struct ParquetOut {
    file: ParquetExport<Stdout>,
    /// The line that is not whole yet.
    line: Vec<u8>,
}

impl ParquetOut {
    pub(super) fn new() -> anyhow::Result<Self> {
        if io::stdout().is_terminal() {
            bail!("a Parquet file is nothing for a terminal: say `> spans.parquet`");
        }
        Ok(Self { file: ParquetExport::new(io::stdout())?, line: Vec::new() })
    }

    /// Takes a piece of OTLP's lines.
    pub(super) fn take_lines(&mut self, mut data: &[u8]) -> anyhow::Result<()> {
        while let Some(end) = data.iter().position(|byte| *byte == b'\n') {
            let (rest_of_line, rest) = data.split_at(end + 1);
            self.line.extend_from_slice(rest_of_line);
            let line = std::mem::take(&mut self.line);
            self.take_line(&line)?;
            data = rest;
        }
        self.line.extend_from_slice(data);
        if self.line.len() > LINE_LEN_MAX {
            bail!("the server sends a line of over {LINE_LEN_MAX} bytes");
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8]) -> anyhow::Result<()> {
        let mut rows = Rows { file: &mut self.file, written: Ok(()) };
        otlp::decode_archive(otlp::Format::Json, line, &mut rows)
            .context("a line of the server can't be read")?;
        rows.written
    }

    /// Takes the spans of a trace.
    pub(super) fn take_spans(&mut self, spans: &[StoredSpan]) -> anyhow::Result<()> {
        spans.iter().try_for_each(|span| Ok(self.file.write(span)?))
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        Ok(self.file.finish()?.flush()?)
    }
}

/// Writes each span as a row, until one fails.
struct Rows<'f> {
    file: &'f mut ParquetExport<Stdout>,
    written: anyhow::Result<()>,
}

impl SpanSink for Rows<'_> {
    fn span(&mut self, span: &Span<'_>) {
        if self.written.is_ok() {
            self.written = self.file.write(span).map_err(anyhow::Error::from);
        }
    }
}
