//! The note of what replay is doing, so that a record that ends the process is found.
//!
//! The note is never synced: it has to survive the process, not the power. One that an earlier
//! start of the machine left is not believed.

use std::io;

use super::replay::Position;
use crate::disk::{Disk, DiskFile};

const NOTE_PATH: &str = "replay";
const NOTE_LEN: usize = 32;

/// How often a record may end the process before it is put in quarantine.
pub(super) const DEATHS_MAX: u32 = 2;

/// The note, open for writing while there is something to replay.
pub(super) struct ReplayNote<'a> {
    disk: &'a dyn Disk,
    boot_id: u64,
    /// Where the replay before this one ended without an end, and how many did so there.
    found: Option<(Position, u32)>,
    file: Option<Box<dyn DiskFile>>,
}

impl<'a> ReplayNote<'a> {
    /// Reads the note that the replay before this one left.
    pub(super) fn open(disk: &'a dyn Disk) -> Self {
        let boot_id = disk.boot_id();
        let read = disk.read(NOTE_PATH, NOTE_LEN as u64).ok();
        let found = read.and_then(|bytes| decode(&bytes, boot_id));
        Self { disk, boot_id, found, file: None }
    }

    /// How many processes in a row ended while they decoded the record at this place.
    pub(super) fn deaths_at(&self, position: Position) -> u32 {
        self.found.map_or(0, |(at, begun)| if at == position { begun } else { 0 })
    }

    /// Writes down that the record at this place is about to be decoded.
    ///
    /// A disk that is full must not keep the store from starting, so a note that can't be
    /// written is done without.
    pub(super) fn begin(&mut self, position: Position) {
        let begun = self.deaths_at(position) + 1;
        let bytes = encode(position, begun, self.boot_id);
        if self.file.is_none() {
            self.file = self.disk.create(NOTE_PATH, NOTE_LEN as u64).ok();
        }
        if let Some(file) = &mut self.file {
            let _ = file.write_at(0, &bytes);
        }
    }

    /// Takes the note away: replay came to its end.
    pub(super) fn finish(self) -> io::Result<()> {
        match self.disk.remove(NOTE_PATH) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}

fn encode(position: Position, begun: u32, boot_id: u64) -> [u8; NOTE_LEN] {
    let mut bytes = [0; NOTE_LEN];
    bytes[..8].copy_from_slice(&boot_id.to_le_bytes());
    bytes[8..16].copy_from_slice(&position.file_id.to_le_bytes());
    bytes[16..24].copy_from_slice(&position.offset.to_le_bytes());
    bytes[24..28].copy_from_slice(&begun.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..28]);
    bytes[28..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8], boot_id: u64) -> Option<(Position, u32)> {
    let bytes: &[u8; NOTE_LEN] = bytes.try_into().ok()?;
    let number = |at: usize| {
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were taken"))
    };
    let position = Position { file_id: number(8), offset: number(16) };
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the count")]
    let begun = number(24) as u32;
    (encode(position, begun, boot_id) == *bytes).then_some((position, begun))
}
