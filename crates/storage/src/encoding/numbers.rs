//! Measured numbers (times, durations, lengths) through pco, which models their distribution.
//!
//! Only what these functions would write is read: pco's other modes may announce tables far
//! larger than the column.

use pco::data_types::Number;
use pco::metadata::{DeltaEncoding, Mode};
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, PagingSpec};

use super::damaged::{Damaged, Fault};
use super::input::Input;

/// Levels above were measured to be slower, and no smaller on row groups.
const LEVEL: usize = 4;

/// The most numbers that pco takes at once.
pub(super) const COUNT_MAX: usize = 1 << 24;

/// The low four bits of a chunk name its mode; this one announces a table of any length.
const MODE_DICTIONARY: u8 = 4;

/// Appends the numbers; `None` when pco would write what [`decode`] refuses.
///
/// Where each number is near the one before, their differences are modelled instead.
pub(super) fn encode<N: Number>(numbers: &[N], is_trend: bool, out: &mut Vec<u8>) -> Option<()> {
    // pco would find out by itself, at a third of the time that all its work takes.
    let delta = if is_trend { DeltaSpec::TryConsecutive(1) } else { DeltaSpec::NoOp };
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_delta_spec(delta)
        .with_paging_spec(PagingSpec::Exact(vec![numbers.len()]));
    let file = FileCompressor::default();
    let mut chunk = file.chunk_compressor(numbers, &config).ok()?;
    if !is_written_here(&chunk.meta().mode, &chunk.meta().delta_encoding) {
        return None;
    }
    file.write_header(&mut *out).ok()?;
    chunk.write_meta(&mut *out).ok()?;
    chunk.write_page(0, out).ok()?;
    Some(())
}

/// Reads `count` numbers, which must be all that is left of the input.
pub(super) fn decode<N: Number + Default>(
    input: &mut Input<'_>,
    count: usize,
    out: &mut Vec<N>,
) -> Result<(), Damaged> {
    let start = *input;
    out.clear();
    let extra = unpack(input.rest(), count, out)
        .ok_or_else(|| start.damaged(Fault::Compression { what: "a column of numbers" }))?;
    let mut left = start;
    left.cut(start.len() - extra)?;
    left.finish()
}

/// Fills the column and returns how many bytes are left over.
fn unpack<N: Number + Default>(bytes: &[u8], count: usize, out: &mut Vec<N>) -> Option<usize> {
    let (file, rest) = FileDecompressor::new(bytes).ok()?;
    if count > COUNT_MAX || rest.first()? & 0xf == MODE_DICTIONARY {
        return None;
    }
    let (mut chunk, rest) = file.chunk_decompressor::<N, _>(rest).ok()?;
    if !is_written_here(&chunk.meta().mode, &chunk.meta().delta_encoding) {
        return None;
    }
    let mut page = chunk.page_decompressor(rest, count).ok()?;
    out.resize(count, N::default());
    let progress = page.read(out).ok()?;
    (progress.finished && progress.n_processed == count).then(|| page.into_src().len())
}

fn is_written_here(mode: &Mode, delta: &DeltaEncoding) -> bool {
    let is_bounded = matches!(delta, DeltaEncoding::NoOp | DeltaEncoding::Consecutive { .. });
    is_bounded && !matches!(mode, Mode::Dict(_))
}
