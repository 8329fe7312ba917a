//! The reader of manifests, for fuzzing.

use super::Manifest;
use super::encoding::with_checksums;

/// Reads bytes as a manifest, and then once more with the checksums put right, which would keep
/// most lies from being read at all. Whatever the bytes are, it does not panic, and what is read
/// is written as it was read.
///
/// # Panics
///
/// Panics when a manifest reads back as another one: that is a fault of this crate.
pub fn read_hostile_manifest(bytes: &[u8]) {
    for bytes in [bytes, &with_checksums(bytes.to_vec())] {
        let Ok(decoded) = Manifest::decode(bytes) else { continue };
        let encoded = decoded.manifest.encode();
        let again = Manifest::decode(&encoded).expect("what was written is a manifest");
        assert_eq!((&again.manifest, again.damage), (&decoded.manifest, None));
        assert!(decoded.damage.is_some() || encoded == bytes, "one manifest, two encodings");
    }
}
