//! Puts the checksums of a log file right, for fuzzing: they would keep most lies from being read
//! at all.

use super::file_header::{FILE_HEADER_LEN, FileHeader, with_checksums};
use super::record::{MARKER, Site, put_checksums};

/// Makes of any bytes a log file whose headers and records have the checksums that belong to what
/// they say, as far as there are headers and records in them.
#[must_use]
pub fn with_log_checksums(file: &[u8]) -> Vec<u8> {
    let mut file = with_checksums(file.to_vec());
    let Ok(header) = FileHeader::decode(&file) else { return file };
    let mut at = FILE_HEADER_LEN;
    while let Some(found) = file.get(at..).and_then(|rest| memchr::memmem::find(rest, &MARKER)) {
        at += found;
        let site = Site { seed: header.checksum_seed(), offset: at as u64 };
        at += put_checksums(&mut file[at..], site).unwrap_or(MARKER.len());
    }
    file
}
