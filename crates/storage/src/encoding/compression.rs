//! What encoding and decoding keep between parts: zstd's contexts, and buffers to work in.

use std::fmt;

use super::damaged::{Damaged, Fault};
use super::input::Input;
use super::template;

/// Higher levels were measured to buy one percent of a column at most.
pub(super) const COLUMN_LEVEL: i32 = 1;

/// Dictionaries are written once a segment, and hold what repeats least.
pub(super) const DICTIONARY_LEVEL: i32 = 3;

/// A frame of fewer bytes saves nothing: its own head and tables take as much.
const COMPRESSED_LEN_MIN: usize = 32;

/// What is kept between parts that are encoded: one for each thread that encodes.
///
/// Its buffers grow to the largest part seen, and stay.
#[derive(Default)]
pub struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
    level: i32,
    compressed: Vec<u8>,
    /// Byte planes and bitmaps, before they are compressed.
    pub(super) bytes: Vec<u8>,
    pub(super) narrow: Narrow,
    pub(super) lens: Vec<u32>,
    pub(super) templates: template::Splitter,
}

/// Numbers as offsets from their smallest, in the narrowest width that takes them.
#[derive(Default)]
pub(super) struct Narrow {
    pub(super) u16s: Vec<u16>,
    pub(super) u32s: Vec<u32>,
    pub(super) u64s: Vec<u64>,
    pub(super) doubles: Vec<f64>,
}

impl Encoder {
    /// Makes one; the buffers come with the first part.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses, if there is enough to compress, and that takes at least a twentieth away.
    pub(super) fn compress(&mut self, bytes: &[u8], level: i32) -> Option<&[u8]> {
        if bytes.len() < COMPRESSED_LEN_MIN {
            return None;
        }
        if self.level != level {
            self.compressor.set_compression_level(level).ok()?;
            self.level = level;
        }
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
        // A compressor that fails leaves the part uncompressed, which reads back as well.
        let len = self.compressor.compress_to_buffer(bytes, &mut self.compressed).ok()?;
        (len < bytes.len() - bytes.len() / 20).then_some(&self.compressed[..len])
    }

    /// [`Self::compress`], of the bytes that stand in [`Self::bytes`].
    pub(super) fn compress_own(&mut self, level: i32) -> Option<&[u8]> {
        let bytes = std::mem::take(&mut self.bytes);
        let is_smaller = self.compress(&bytes, level).is_some();
        self.bytes = bytes;
        is_smaller.then_some(&self.compressed)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Encoder").finish_non_exhaustive()
    }
}

/// What is kept between parts that are decoded: one for each thread that decodes.
///
/// Its buffers grow to the largest part seen, and stay.
#[derive(Default)]
pub struct Decoder {
    decompressor: zstd::bulk::Decompressor<'static>,
    pub(super) bytes: Vec<u8>,
    pub(super) narrow: Narrow,
    pub(super) templates: template::Joiner,
}

impl Decoder {
    /// Makes one; the buffers come with the first part.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decompresses all that is left of the input into exactly `len` bytes, appended to an empty
    /// `out`. Nothing that the frame says of its own length is believed.
    pub(super) fn decompress(
        &mut self,
        input: &mut Input<'_>,
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Damaged> {
        let start = *input;
        out.clear();
        out.reserve(len);
        let what = "a zstd frame";
        let found = self
            .decompressor
            .decompress_to_buffer(input.rest(), out)
            .map_err(|_| start.damaged(Fault::Compression { what }))?;
        if found != len {
            let (expected, found) = (len as u64, found as u64);
            let what = "decompressed bytes";
            return Err(start.damaged(Fault::Miscounted { what, expected, found }));
        }
        Ok(())
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Decoder").finish_non_exhaustive()
    }
}
