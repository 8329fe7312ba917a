//! A segment that was changed since it was written is noticed, and harms nobody.

use bytes::Bytes;
use spandrel_model::Span;

use super::*;
use crate::segment::error::PartName;
use crate::segment::verify::Verified;
use crate::segment::{ByteRange, Fault, VerifyError, verify};

fn small() -> Written {
    let spans: Vec<_> = (0..16).map(testkit::seeded_span).collect();
    write(&spans, WriterOptions { group_row_count_max: 10, ..WriterOptions::default() })
}

fn verify_bytes(bytes: &[u8], footer_len: u32) -> Result<Verified, VerifyError> {
    let mut read = |range: ByteRange| {
        let from = usize::try_from(range.offset).unwrap();
        let part = bytes.get(from..from + range.len);
        part.map(Bytes::copy_from_slice).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    };
    verify("test".into(), bytes.len() as u64, footer_len, &mut read)
}

/// All spans, by way of the groups and of the index.
fn read_all(bytes: &[u8], footer_len: u32) -> Result<Vec<Span<'static>>, SegmentError> {
    let mut opened = open(bytes, footer_len)?;
    let mut spans = opened.spans()?;
    for low in 0..40 {
        spans.extend(opened.trace(low)?);
    }
    Ok(spans)
}

#[test]
fn a_whole_segment_verifies() {
    let written = small();
    let verified = verify_bytes(&written.bytes, written.summary.footer_len).unwrap();
    assert_eq!(verified.span_count, 16);
    assert_eq!(verified.trace_count, written.summary.trace_count);
}

#[test]
fn every_flipped_bit_is_noticed_or_changes_nothing_that_is_read() {
    let written = small();
    let footer_len = written.summary.footer_len;
    let whole = read_all(&written.bytes, footer_len).unwrap();
    let mut bytes = written.bytes.clone();
    for at in 0..bytes.len() {
        for bit in [0, 7] {
            bytes[at] ^= 1 << bit;
            assert!(verify_bytes(&bytes, footer_len).is_err(), "bit {bit} of byte {at}");
            if bit == 0
                && let Ok(read) = read_all(&bytes, footer_len)
            {
                assert_eq!(read, whole, "bit {bit} of byte {at}");
            }
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn every_truncation_is_noticed() {
    let written = small();
    for len in 0..written.bytes.len() {
        let cut = &written.bytes[..len];
        assert!(verify_bytes(cut, written.summary.footer_len).is_err(), "cut at {len}");
        assert!(verify_bytes(cut, len as u32).is_err(), "cut at {len}");
    }
}

#[test]
fn an_error_names_object_part_and_place() {
    let written = small();
    let segment = written.open().unwrap().segment;
    let range = segment.group_range(1);
    let mut bytes = written.bytes.clone();
    bytes[range.offset as usize + range.len - 1] ^= 1;
    let mut opened = open(&bytes, written.summary.footer_len).unwrap();
    let error = opened.group(1).unwrap_err();
    let PartName::GroupPart(1, _) = error.part else { panic!("{error}") };
    assert!(matches!(error.fault, Fault::Checksum { .. }));
    assert!((range.offset..range.offset + range.len as u64).contains(&error.offset));
    assert!(error.to_string().starts_with("test: part "), "{error}");
    assert!(opened.group(0).is_ok(), "the other group is whole");
}

/// Writes another version in header or trailer.
fn of_version(written: &Written, version: u32) -> Vec<u8> {
    let mut bytes = written.bytes.clone();
    let at = bytes.len() - 12;
    bytes[at..at + 4].copy_from_slice(&version.to_le_bytes());
    bytes
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let written = small();
    let bytes = of_version(&written, 2);
    let error = open(&bytes, written.summary.footer_len).err().unwrap();
    assert_eq!(error.fault, Fault::Newer { version: 2, version_max: 1 });
    assert!(error.to_string().contains("format version 2 is newer than 1"), "{error}");
}

/// Puts the checksums of a changed directory right, so that what it says is believed.
fn with_directory(written: &Written, change: impl Fn(&mut Vec<u8>)) -> (Vec<u8>, u32) {
    let footer_start = written.bytes.len() - written.summary.footer_len as usize;
    let (body, footer) = written.bytes.split_at(footer_start);
    let mut directory = footer[..footer.len() - 20].to_vec();
    change(&mut directory);
    let mut bytes = [body, &directory].concat();
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(crc32c::crc32c(&directory).to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(b"SPANDSEG");
    (bytes, directory.len() as u32 + 20)
}

#[test]
fn a_directory_that_lies_under_a_right_checksum_never_panics() {
    let written = small();
    let directory_len = written.summary.footer_len as usize - 20;
    for at in 0..directory_len {
        for value in [0, 1, 0x7f, 0xff] {
            let (bytes, footer_len) = with_directory(&written, |directory| directory[at] = value);
            // Much of it is about bytes that have checksums of their own; what is left may read.
            _ = verify_bytes(&bytes, footer_len);
            _ = open(&bytes, footer_len).map(|mut opened| opened.trace(7));
        }
        let (bytes, footer_len) = with_directory(&written, |directory| directory.truncate(at));
        assert!(verify_bytes(&bytes, footer_len).is_err(), "cut at {at}");
    }
}

#[test]
fn parts_that_lie_under_right_checksums_never_panic() {
    let written = small();
    let footer_len = written.summary.footer_len;
    let body_len = written.bytes.len() - footer_len as usize;
    let mut changed_count = 0;
    for at in 12..body_len {
        for flip in [1, 0xff] {
            let mut bytes = written.bytes.clone();
            bytes[at] ^= flip;
            let opened = written.open().unwrap();
            let footer = opened.segment.directory().clone().with_checksums_of(&bytes).unwrap();
            bytes.truncate(body_len);
            bytes.extend_from_slice(&footer);
            // No checksum can tell; what comes out may be wrong, but comes out in peace.
            if verify_bytes(&bytes, footer.len() as u32).is_ok() {
                changed_count += 1;
            }
        }
    }
    assert!(changed_count > 100, "checksums were put right: {changed_count} still verify");
}
