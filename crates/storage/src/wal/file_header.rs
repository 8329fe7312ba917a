//! The header of a log file: which file it is, and where the one before it ends.

/// The format version that this program writes, and the newest that it reads.
pub(super) const FORMAT_VERSION: u32 = 1;

/// How long the header is; the first record starts behind it.
pub(super) const FILE_HEADER_LEN: usize = 4096;

/// The header stands here twice, so that one bad sector does not take the file with it.
const COPY_OFFSETS: [usize; 2] = [0, 2048];

const MAGIC: [u8; 8] = *b"SPANDWAL";
const COPY_LEN: usize = 48;
const CHECKED_LEN: usize = COPY_LEN - 4;

/// What a log file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    /// Its number, one of its kind in the folder's whole life.
    pub(super) file_id: u64,
    /// A number that no sender knows. It goes into every checksum of the file, so that no bytes
    /// that a sender made can pass as a record, wherever damage makes the reader look for one.
    pub(super) salt: u64,
    /// The file that was written before, if there was one.
    pub(super) seal: Option<Seal>,
}

/// Where a file ends, whatever stands in it behind that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Which file; never zero.
    pub(crate) file_id: u64,
    /// Its length, header included.
    pub(crate) len: u64,
}

/// Why a header can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// Whole, but of a version that is not known here.
    Newer(u32),
    /// Neither copy is whole.
    Damaged,
}

impl FileHeader {
    /// Where the checksums of the file's records start from.
    pub(super) fn checksum_seed(&self) -> u32 {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.file_id.to_le_bytes());
        bytes[12..].copy_from_slice(&self.salt.to_le_bytes());
        crc32c::crc32c(&bytes)
    }

    /// Prints the header with both its copies.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(COPY_LEN);
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        copy.extend_from_slice(&self.file_id.to_le_bytes());
        copy.extend_from_slice(&self.salt.to_le_bytes());
        let seal = self.seal.unwrap_or(Seal { file_id: 0, len: 0 });
        copy.extend_from_slice(&seal.file_id.to_le_bytes());
        copy.extend_from_slice(&seal.len.to_le_bytes());
        let checksum = crc32c::crc32c(&copy);
        copy.extend_from_slice(&checksum.to_le_bytes());
        let mut bytes = vec![0; FILE_HEADER_LEN];
        for offset in COPY_OFFSETS {
            bytes[offset..offset + COPY_LEN].copy_from_slice(&copy);
        }
        bytes
    }

    /// Reads the header at the start of a file.
    pub(super) fn decode(file: &[u8]) -> Result<Self, HeaderError> {
        let [first, second] = COPY_OFFSETS.map(|offset| {
            file.get(offset..offset + COPY_LEN).map_or(Err(HeaderError::Damaged), decode_copy)
        });
        if first == Err(HeaderError::Damaged) { second } else { first }
    }
}

/// Puts the checksums of both copies right, as far as they are there.
pub(super) fn with_checksums(mut file: Vec<u8>) -> Vec<u8> {
    for offset in COPY_OFFSETS {
        if let Some(copy) = file.get_mut(offset..offset + COPY_LEN) {
            let checksum = crc32c::crc32c(&copy[..CHECKED_LEN]);
            copy[CHECKED_LEN..].copy_from_slice(&checksum.to_le_bytes());
        }
    }
    file
}

fn decode_copy(copy: &[u8]) -> Result<FileHeader, HeaderError> {
    let number = |offset: usize| {
        copy.get(offset..offset + 8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes were taken")))
            .ok_or(HeaderError::Damaged)
    };
    let half = |offset: usize| {
        copy.get(offset..offset + 4)
            .map(|bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes were taken")))
            .ok_or(HeaderError::Damaged)
    };
    // The magic, the version and the checksum keep their places in every version to come.
    let is_whole = copy.get(..CHECKED_LEN).is_some_and(|checked| {
        checked.starts_with(&MAGIC) && half(CHECKED_LEN) == Ok(crc32c::crc32c(checked))
    });
    if !is_whole {
        return Err(HeaderError::Damaged);
    }
    let version = half(8)?;
    if version != FORMAT_VERSION {
        return Err(HeaderError::Newer(version));
    }
    let seal = Seal { file_id: number(28)?, len: number(36)? };
    let seal = (seal.file_id != 0).then_some(seal);
    Ok(FileHeader { file_id: number(12)?, salt: number(20)?, seal })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: FileHeader =
        FileHeader { file_id: 7, salt: 0x5a17, seal: Some(Seal { file_id: 6, len: 5000 }) };

    #[test]
    fn a_header_reads_back_and_survives_the_loss_of_either_copy() {
        let bytes = HEADER.encode();
        assert_eq!(FileHeader::decode(&bytes), Ok(HEADER));
        assert_eq!(FileHeader::decode(&bytes[..COPY_LEN]), Ok(HEADER));
        let mut damaged = bytes;
        damaged[..512].fill(0xff);
        assert_eq!(FileHeader::decode(&damaged), Ok(HEADER));
        damaged[2048] ^= 1;
        assert_eq!(FileHeader::decode(&damaged), Err(HeaderError::Damaged));
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut bytes = HEADER.encode();
        bytes[8] = 2;
        let checksum = crc32c::crc32c(&bytes[..CHECKED_LEN]);
        bytes[CHECKED_LEN..COPY_LEN].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(FileHeader::decode(&bytes), Err(HeaderError::Newer(2)));
    }

    #[test]
    fn files_differ_in_the_seed_of_their_checksums() {
        let next = FileHeader { file_id: 8, ..HEADER };
        let salted = FileHeader { salt: 1, ..HEADER };
        assert_ne!(HEADER.checksum_seed(), next.checksum_seed());
        assert_ne!(HEADER.checksum_seed(), salted.checksum_seed());
    }
}
