//! Where an export goes: standard output, as lines or as a Parquet file.

use std::io::{self, Write as _};

#[cfg(not(feature = "parquet"))]
use anyhow::bail;
use spandrel_storage::StoredSpan;

#[cfg(feature = "parquet")]
use super::parquet::ParquetOut;
use crate::cli::ExportFormat;
use crate::export::{LineFormat, LinesExport};

/// From how many bytes on what was written is put out.
const PIECE_LEN: usize = 256 << 10;

/// Takes what is exported, as spans or as the lines that a server sends.
pub(super) enum Sink {
    Lines {
        format: LineFormat,
        export: LinesExport,
    },
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetOut>),
}

impl Sink {
    pub(super) fn new(format: ExportFormat) -> anyhow::Result<Self> {
        let lines = |format| Self::Lines { format, export: LinesExport::new(format) };
        match format {
            ExportFormat::Otlp => Ok(lines(LineFormat::Otlp)),
            ExportFormat::Zipkin => Ok(lines(LineFormat::Zipkin)),
            #[cfg(feature = "parquet")]
            ExportFormat::Parquet => Ok(Self::Parquet(Box::new(ParquetOut::new()?))),
            #[cfg(not(feature = "parquet"))]
            ExportFormat::Parquet => bail!(
                "this program was built without Parquet: build it with `cargo build --release --features parquet`"
            ),
        }
    }

    /// The lines that a server is asked for.
    pub(super) fn line_format(&self) -> LineFormat {
        match self {
            Self::Lines { format, .. } => *format,
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => LineFormat::Otlp,
        }
    }

    /// Takes a piece of those lines, which may end anywhere.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(clippy::needless_pass_by_ref_mut, reason = "a Parquet file is changed by it")
    )]
    pub(super) fn take_lines(&mut self, data: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Lines { .. } => Ok(io::stdout().lock().write_all(data)?),
            #[cfg(feature = "parquet")]
            Self::Parquet(out) => out.take_lines(data),
        }
    }

    /// Takes the spans of a trace.
    pub(super) fn take_spans(&mut self, spans: &[StoredSpan]) -> anyhow::Result<()> {
        match self {
            Self::Lines { export, .. } => {
                export.write(spans);
                if export.len() >= PIECE_LEN {
                    io::stdout().lock().write_all(&export.take())?;
                }
                Ok(())
            }
            #[cfg(feature = "parquet")]
            Self::Parquet(out) => out.take_spans(spans),
        }
    }

    /// Puts out what is left.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Lines { mut export, .. } => {
                let mut out = io::stdout().lock();
                out.write_all(&export.take())?;
                Ok(out.flush()?)
            }
            #[cfg(feature = "parquet")]
            Self::Parquet(out) => out.finish(),
        }
    }
}
