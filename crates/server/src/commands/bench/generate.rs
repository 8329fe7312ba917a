//! `spandrel bench generate`: a corpus as a file of requests.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use spandrel_codec::{otlp, zipkin};
use spandrel_corpus::Request;

use super::corpus_file::CorpusFacts;
use super::flags::{FileFormat, GenerateFlags};
use crate::commands::measure::corpus_flags::CorpusFlags;
use crate::commands::print::print_lines;

pub(super) fn run(flags: &GenerateFlags) -> anyhow::Result<()> {
    let facts = write_corpus(&flags.corpus, flags.format, &flags.out)?;
    print_lines([serde_json::to_string(&facts)?])
}

/// Writes a corpus, and returns what it is.
fn write_corpus(
    flags: &CorpusFlags,
    format: FileFormat,
    path: &Path,
) -> anyhow::Result<CorpusFacts> {
    let in_file = || path.display().to_string();
    let file = File::create(path).with_context(in_file)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut facts = CorpusFacts::wanted(flags);
    let mut requests = flags.requests();
    let mut record = Vec::new();
    for request in requests.by_ref() {
        record.clear();
        facts.body_bytes += encode(format, &request, &mut record);
        facts.spans += request.spans.len() as u64;
        facts.requests += 1;
        file.write_all(&record).with_context(in_file)?;
    }
    facts.traces = requests.traces_made();
    file.flush().with_context(in_file)?;
    Ok(facts)
}

/// Appends a request as it stands in the file; returns the length of its body.
fn encode(format: FileFormat, request: &Request, out: &mut Vec<u8>) -> u64 {
    let spans = &request.spans;
    match format {
        FileFormat::OtlpFrames => {
            spandrel_corpus::otlp::encode_frame(request, out);
            return out.len() as u64 - 8;
        }
        FileFormat::OtlpJson => otlp::encode(otlp::Format::Json, spans, out),
        FileFormat::ZipkinV1Json => zipkin::encode(zipkin::Format::V1Json, spans, out),
        FileFormat::ZipkinV2Json => zipkin::encode(zipkin::Format::V2Json, spans, out),
    }
    out.push(b'\n');
    out.len() as u64 - 1
}
