//! The reader of segments, for fuzzing: the only way in from outside of the crate.

use std::io;

use bytes::Bytes;

use super::directory::{Directory, TRAILER_LEN};
use super::reader::ByteRange;
use super::verify::verify;

/// Reads bytes as a segment, all of it, and then once more with the checksums put right, which
/// would keep most lies from being read at all. Whatever the bytes are, it neither panics nor
/// takes more memory than the limits of the format allow.
pub fn read_hostile_segment(object: &[u8]) {
    let Some((body, trailer)) = object.split_last_chunk::<TRAILER_LEN>() else { return };
    let Some(len) = trailer.first_chunk() else { return };
    let directory_len = u32::from_le_bytes(*len) as usize;
    let Some(directory_start) = body.len().checked_sub(directory_len) else { return };
    let footer_len = (directory_len + TRAILER_LEN) as u32;
    read_whole(object, footer_len);
    let (parts, directory) = body.split_at(directory_start);
    let Ok(directory) = Directory::decode(directory) else { return };
    let Some(footer) = directory.with_checksums_of(parts) else { return };
    read_whole(&[parts, &footer].concat(), footer.len() as u32);
}

fn read_whole(object: &[u8], footer_len: u32) {
    let mut read = |range: ByteRange| {
        let from = usize::try_from(range.offset).ok();
        let part = from.and_then(|from| object.get(from..from.checked_add(range.len)?));
        part.map(Bytes::copy_from_slice).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    };
    // What is wrong with it is of no interest here.
    _ = verify("fuzzed".into(), object.len() as u64, footer_len, &mut read);
}
