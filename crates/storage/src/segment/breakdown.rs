//! Where the bytes of a segment go: the lengths that its directory tells, by what they are for.

use super::directory::{HEADER_LEN, PartEntry};
use super::observer::{ScanPartId, SectionId};
use super::reader::Segment;
use super::{part_id, search, sections};
use crate::columns::{ColumnKey, Owner};
use crate::maintenance::settle;

impl Segment {
    /// Tells the length of every part: what kind of part it is, its name, its bytes. They come to
    /// the length of the object. A name may come several times.
    pub(crate) fn for_each_part(
        &self,
        keys: &[ColumnKey],
        tell: &mut dyn FnMut(&'static str, String, u64),
    ) {
        let directory = self.directory();
        for group in &directory.groups {
            for PartEntry { id, len, .. } in &group.parts {
                let (kind, name) = name_of_part(*id, keys);
                tell(kind, name, u64::from(*len));
            }
            for PartEntry { id, len, .. } in &group.scan {
                let (kind, name) = match ScanPartId(*id) {
                    search::FILTER_PART => ("searching", "filter of rare values"),
                    settle::FACTS_PART => ("settled traces", "facts"),
                    _ => ("searching", "another"),
                };
                tell(kind, name.to_owned(), u64::from(*len));
            }
        }
        for PartEntry { id, len, .. } in &directory.sections {
            let (kind, name) = name_of_section(*id, keys);
            tell(kind, name, u64::from(*len));
        }
        let filter_len = directory.filter.len() as u64;
        tell("indexes", "filter of trace ids".to_owned(), filter_len);
        tell("indexes", "trace index".to_owned(), directory.index.len());
        tell("frame", "header".to_owned(), HEADER_LEN as u64);
        tell("frame", "directory".to_owned(), self.footer_len() - filter_len);
    }
}

fn name_of_part(id: u32, keys: &[ColumnKey]) -> (&'static str, String) {
    if let Some((key, is_text)) = part_id::key_of(id) {
        let form = if is_text { ", as texts" } else { "" };
        return ("values", format!("{}{form}", name_of_key(key, keys)));
    }
    let name = match id {
        part_id::TRACES => "trace table",
        part_id::TRACE_HIGH => "trace id, high half",
        part_id::SPAN_ID => "span id",
        part_id::PARENT => "parent",
        part_id::PARENT_ELSEWHERE => "parent, elsewhere",
        part_id::START => "start",
        part_id::DURATION => "duration",
        part_id::MARKS => "kind, status and flags",
        part_id::NAME => "name",
        part_id::RESOURCE => "resource",
        part_id::SCOPE => "scope",
        part_id::ADDRESS => "address",
        part_id::SHAPE => "shape",
        part_id::EVENT_COUNT => "event count",
        part_id::EVENT_TIME => "event time",
        part_id::EVENT_NAME => "event name",
        part_id::EVENT_SHAPE => "event shape",
        part_id::LINK_COUNT..=part_id::LINK_SHAPE => "links",
        _ => return ("columns", format!("part {id}")),
    };
    ("columns", name.to_owned())
}

fn name_of_section(id: u32, keys: &[ColumnKey]) -> (&'static str, String) {
    if id >= SectionId::OBSERVED_MIN {
        let (kind, name) = match SectionId(id) {
            search::SUMMARY_SECTION => ("searching", "summary of groups"),
            search::FAULTS_SECTION => ("searching", "faults"),
            search::NAMES_SECTION => ("searching", "names by service"),
            settle::ROLLUP_SECTION => ("settled traces", "rollup"),
            settle::STRAYS_SECTION => ("settled traces", "rollup of other minutes"),
            settle::WHOLES_SECTION => ("settled traces", "whole traces"),
            _ => return ("sections", format!("section {id:#x}")),
        };
        return (kind, name.to_owned());
    }
    if let Some(key) = id.checked_sub(sections::KEY_DICTIONARY_MIN) {
        return ("dictionaries", name_of_key(key, keys));
    }
    let name = match id {
        sections::KEYS => "keys",
        sections::SHAPES => "shapes",
        sections::NAMES => "names",
        sections::EVENT_NAMES => "event names",
        sections::RESOURCES => "resources",
        sections::SERVICES => "services",
        sections::SCOPES => "scopes",
        sections::ADDRESSES => "addresses",
        _ => return ("dictionaries", format!("section {id}")),
    };
    ("dictionaries", name.to_owned())
}

fn name_of_key(key: u32, keys: &[ColumnKey]) -> String {
    let Some(ColumnKey { owner, name, kind }) = keys.get(key as usize) else {
        return format!("key {key}");
    };
    match owner {
        Owner::SpanAttribute => format!("{name} ({kind:?})"),
        Owner::EventAttribute => format!("event {name} ({kind:?})"),
        Owner::LinkAttribute => format!("link {name} ({kind:?})"),
        Owner::Field(field) => format!("field {field:?}"),
    }
}
