//! The flags of `spandrel bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::commands::measure::corpus_flags::{CorpusFlags, Size};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct BenchFlags {
    #[command(subcommand)]
    pub(super) command: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Write a corpus to a file.
    Generate(GenerateFlags),
    /// How many bytes a span takes in the store, and where they go.
    Size(RunFlags),
    /// How much processor time and writing a span costs until it is in a merged segment.
    Ingest(RunFlags),
    /// How long it takes to get a trace by its id.
    Lookup(RunFlags),
    /// How long it takes to find traces by what is in them.
    Search(RunFlags),
    /// All of that with one store.
    All(RunFlags),
}

/// Which file to write.
#[derive(Args, Debug)]
pub(super) struct GenerateFlags {
    #[command(flatten)]
    pub(super) corpus: CorpusFlags,
    /// The format of the requests in it
    #[arg(long, value_enum, default_value_t = FileFormat::OtlpFrames)]
    pub(super) format: FileFormat,
    /// The file
    #[arg(long)]
    pub(super) out: PathBuf,
}

/// How a corpus is written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FileFormat {
    /// Each request as OTLP protobuf, behind its length and its count of spans, four bytes each
    OtlpFrames,
    /// Each request as a line of OTLP JSON
    OtlpJson,
    /// Each request as a line of Zipkin v1 JSON
    ZipkinV1Json,
    /// Each request as a line of Zipkin v2 JSON
    ZipkinV2Json,
}

/// How to measure.
#[derive(Args, Debug)]
pub(super) struct RunFlags {
    #[command(flatten)]
    pub(super) corpus: CorpusFlags,
    /// Where the corpus and the store are put [default: a folder that is removed afterwards]
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Make each request when it is sent instead of reading it back from a file, for a corpus that
    /// the disk has no room for; the process's memory then has the making of it, its time not
    #[arg(long)]
    pub(super) no_corpus_file: bool,
    /// Leave the store in the data folder; without an own --data-dir, say where it is
    #[arg(long)]
    pub(super) keep: bool,
    /// The memory budget, of which the store gets the shares that it has in the server
    #[arg(long, default_value = "1GiB", value_name = "SIZE")]
    pub(super) memory: Size,
    /// How many requests wait for their acknowledgement at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(super) in_flight: u32,
    /// How many segments of a level are merged into one [default: the server's]
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=1024))]
    pub(super) fan_in: Option<u16>,
    /// Leave the segments as the server's own rules leave them; without this, what has not been
    /// merged at the end is merged then
    #[arg(long)]
    pub(super) no_last_merge: bool,
    /// How many traces are asked for by id, and compared
    #[arg(long, default_value_t = 1000)]
    pub(super) lookups: u32,
    /// How often each search is asked
    #[arg(long, default_value_t = 20)]
    pub(super) search_rounds: u32,
    /// Compare every trace of the corpus, and every answer with one counted by hand
    #[arg(long)]
    pub(super) verify_all: bool,
    /// Write the figures to a file as JSON too
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}
