//! Parts that an earlier version wrote, which every later version must read.

use std::fs;
use std::path::PathBuf;

use super::samples::samples;

fn path_of(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/encoding/{name}.part"))
}

#[test]
fn every_golden_part_decodes_to_its_column() {
    for (name, _, column) in samples() {
        let part = fs::read(path_of(name)).unwrap();
        assert_eq!(column.decode(&part), Ok(column), "{name}");
    }
}

#[test]
fn every_golden_part_is_of_its_own_method() {
    for (name, method, _) in samples() {
        let part = fs::read(path_of(name)).unwrap();
        assert!(method.is_none_or(|method| part[0] == method), "{name} begins with {:#x}", part[0]);
    }
}

#[test]
fn what_is_written_now_is_what_the_golden_parts_hold() {
    // A newer zstd or pco may write other bytes that read back as well; then a set of parts is
    // added beside these, which stay.
    for (name, _, column) in samples() {
        assert_eq!(column.encode(), fs::read(path_of(name)).unwrap(), "{name}");
    }
}

#[test]
#[ignore = "writes the golden parts, when the format has a new method"]
fn write_golden_parts() {
    for (name, _, column) in samples() {
        if !path_of(name).exists() {
            fs::write(path_of(name), column.encode()).unwrap();
        }
    }
}
