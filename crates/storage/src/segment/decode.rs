//! Parts to a group of columns. Everything is checked: what comes out has every list as long as
//! it has to be, and no code that stands for nothing.

use super::encode::{PARENT_ELSEWHERE, start_base, unzigzag};
use super::error::{Fault, PartAt, PartName, SegmentError};
use super::group::{GroupColumns, KeyColumn, NO_ROW, ValueForm};
use super::limits::{TEXT_LEN_MAX, VALUE_COUNT_MAX};
use super::loaded_dictionaries::Dictionaries;
use super::part_id::{self as id, key_part};
use super::projection::Projection;
use super::reader::GroupAt;
use super::trace_table::{self, MIXED_HIGH, TraceTable, add_up};
use crate::columns::{Chunk, Marks, Shapes, TextHeap, link_kind_of};
use crate::encoding::ints;
use crate::encoding::texts::{self, Texts};
use crate::encoding::{Damaged, Decoder, Word};

/// Turns bytes into groups; the room is used again for the next group. One for each thread.
#[derive(Debug, Default)]
pub(crate) struct SegmentDecoder {
    pub(super) decoder: Decoder,
    /// A group between its bytes and its chunk.
    pub(super) group: GroupColumns,
    /// A chunk that is not needed any more, whose room the next one takes.
    pub(super) room: Chunk,
    narrow: Vec<u32>,
    wide: Vec<u64>,
    texts: Texts,
    /// How many lists have each shape, and how many values each key.
    shape_counts: Vec<u32>,
    key_counts: Vec<u64>,
}

/// Bytes that were read of an object.
#[derive(Debug)]
pub(super) struct Fetched<'b> {
    /// Where each stretch starts, and what it is.
    stretches: Vec<(u64, &'b [u8])>,
}

impl<'b> Fetched<'b> {
    pub(super) fn new(stretches: impl IntoIterator<Item = (u64, &'b [u8])>) -> Self {
        Self { stretches: stretches.into_iter().collect() }
    }

    fn get(&self, offset: u64, len: usize) -> Option<&'b [u8]> {
        self.stretches.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(offset.checked_sub(*start)?).ok()?;
            bytes.get(from..from.checked_add(len)?)
        })
    }
}

/// A part that was read and whose checksum is right.
struct Part<'s, 'b> {
    at: PartAt<'s>,
    bytes: &'b [u8],
}

impl<'b> GroupAt<'_, 'b> {
    /// An error about a part that may not be there.
    fn at(&self, id: u32) -> PartAt<'_> {
        let before = self.directory.parts.iter().take_while(|part| part.id < id);
        let offset = self.offset + before.map(|part| u64::from(part.len)).sum::<u64>();
        PartAt { name: self.name, part: PartName::GroupPart(self.number, id), offset }
    }

    fn find(&self, id: u32) -> Result<Option<Part<'_, 'b>>, SegmentError> {
        let Ok(place) = self.directory.parts.binary_search_by_key(&id, |part| part.id) else {
            return Ok(None);
        };
        let (entry, at) = (self.directory.parts[place], self.at(id));
        let missing = || at.fault(Fault::Missing { what: "what was read of the part" });
        let bytes = self.fetched.get(at.offset, entry.len as usize).ok_or_else(missing)?;
        at.check(bytes, entry.checksum)?;
        Ok(Some(Part { at, bytes }))
    }

    fn part(&self, id: u32) -> Result<Part<'_, 'b>, SegmentError> {
        let missing = || self.at(id).fault(Fault::Missing { what: "the part" });
        self.find(id)?.ok_or_else(missing)
    }
}

impl SegmentDecoder {
    /// Makes one; the buffers come with the first group.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Takes back a chunk that is not needed any more: the next whole group is read into its
    /// room.
    pub(crate) fn recycle(&mut self, chunk: Chunk) {
        self.room = chunk;
    }

    /// Lends the room of a group; [`Self::recycle_columns`] takes it back.
    pub(crate) fn take_columns(&mut self) -> GroupColumns {
        std::mem::take(&mut self.group)
    }

    /// Takes back a group that is not needed any more.
    pub(crate) fn recycle_columns(&mut self, columns: GroupColumns) {
        self.group = columns;
    }

    /// Reads the values of more keys into a group whose shapes were read.
    pub(super) fn more_values(
        &mut self,
        group: &GroupAt<'_, '_>,
        wanted: &Projection,
        dictionaries: &Dictionaries,
        into: &mut GroupColumns,
    ) -> Result<(), SegmentError> {
        Reading { decoder: self, group, dictionaries, into }.values(wanted)
    }

    /// Reads the trace table of a group.
    pub(super) fn trace_table(
        &mut self,
        group: &GroupAt<'_, '_>,
        service_count: usize,
        into: &mut TraceTable,
    ) -> Result<(), SegmentError> {
        let Part { at, bytes } = group.part(id::TRACES)?;
        let entry = &group.directory.entry;
        trace_table::decode(bytes, entry.trace_count as usize, &mut self.decoder, into)
            .map_err(|damaged| at.damaged(damaged))?;
        match into.flaw(entry.row_count as usize, service_count) {
            Some(what) => Err(at.inconsistent(what)),
            None => Ok(()),
        }
    }

    /// Reads columns of a group into one that is cleared first.
    pub(super) fn columns(
        &mut self,
        group: &GroupAt<'_, '_>,
        wanted: &Projection,
        dictionaries: &Dictionaries,
        into: &mut GroupColumns,
    ) -> Result<(), SegmentError> {
        into.clear();
        into.row_count = group.directory.entry.row_count as usize;
        into.event_count = group.directory.event_count as usize;
        into.link_count = group.directory.link_count as usize;
        let columns = wanted.closure();
        let wants = |columns_of: u32| columns & columns_of != 0;
        let mut reading = Reading { decoder: self, group, dictionaries, into };
        if wants(Projection::TRACES) {
            reading.traces()?;
        }
        reading.codes(columns)?;
        if wants(Projection::SPAN_ID) {
            raw(
                &reading.group.part(id::SPAN_ID)?,
                reading.into.row_count,
                &mut reading.into.span_id,
            )?;
        }
        if wants(Projection::PARENT) {
            reading.parents(columns & Projection::PARENT_IDS == Projection::PARENT_IDS)?;
        }
        if wants(Projection::MARKS) {
            reading.marks()?;
        }
        if wants(Projection::START) {
            reading.starts()?;
        }
        if wants(Projection::DURATION) {
            let (count, list) = (reading.into.row_count, &mut reading.into.duration_ns);
            ints_of(&mut reading.decoder.decoder, &group.part(id::DURATION)?, count, list)?;
        }
        reading.events(columns)?;
        if wants(Projection::LINKS) {
            reading.links()?;
        }
        if wanted.has_all_keys || !wanted.keys.is_empty() {
            reading.values(wanted)?;
        }
        Ok(())
    }
}

/// A group while it is read.
struct Reading<'r, 's, 'b> {
    decoder: &'r mut SegmentDecoder,
    group: &'r GroupAt<'s, 'b>,
    dictionaries: &'r Dictionaries,
    into: &'r mut GroupColumns,
}

impl Reading<'_, '_, '_> {
    fn traces(&mut self) -> Result<(), SegmentError> {
        let Self { decoder, group, dictionaries, into } = self;
        let service_count = dictionaries.services.len();
        decoder.trace_table(group, service_count, &mut into.traces)?;
        if into.traces.flags.iter().any(|flags| flags & MIXED_HIGH != 0) {
            let part = group.part(id::TRACE_HIGH)?;
            raw(&part, into.row_count, &mut into.trace_high)?;
        }
        Ok(())
    }

    /// The columns that are codes of one dictionary each.
    fn codes(&mut self, columns: u32) -> Result<(), SegmentError> {
        let Self { decoder, group, dictionaries, into } = self;
        for (column, id, list, count) in [
            (Projection::NAME, id::NAME, &mut into.name, dictionaries.names.len()),
            (Projection::RESOURCE, id::RESOURCE, &mut into.resource, dictionaries.resources.len()),
            (Projection::SCOPE, id::SCOPE, &mut into.scope, dictionaries.scopes.len()),
            (Projection::ADDRESS, id::ADDRESS, &mut into.address, dictionaries.addresses.len()),
            (Projection::SHAPE, id::SHAPE, &mut into.shape, dictionaries.shapes.len()),
        ] {
            if columns & column != 0 {
                let part = group.part(id)?;
                codes_of(&mut decoder.decoder, &part, into.row_count, count, list)?;
            }
        }
        Ok(())
    }

    fn parents(&mut self, has_ids: bool) -> Result<(), SegmentError> {
        let Self { decoder, group, into, .. } = self;
        let (row_count, SegmentDecoder { decoder, narrow, wide, .. }) =
            (into.row_count, &mut **decoder);
        let part = group.part(id::PARENT)?;
        ints_of(decoder, &part, row_count, narrow)?;
        let mut elsewhere_count = 0;
        for (row, code) in narrow.iter().enumerate() {
            let parent = match *code {
                0 => NO_ROW,
                PARENT_ELSEWHERE => {
                    elsewhere_count += 1;
                    NO_ROW
                }
                code => {
                    let distance = unzigzag(u64::from(code - PARENT_ELSEWHERE)).cast_signed();
                    let parent = row as i64 - distance;
                    if !(0..row_count as i64).contains(&parent) {
                        return Err(part.at.inconsistent("a parent is not in the group"));
                    }
                    parent as u32
                }
            };
            into.parent_row.push(parent);
        }
        if !has_ids {
            return Ok(());
        }
        wide.clear();
        if elsewhere_count > 0 {
            raw(&group.part(id::PARENT_ELSEWHERE)?, elsewhere_count, wide)?;
        }
        let mut elsewhere = wide.iter().copied();
        for (code, parent) in narrow.iter().zip(&into.parent_row) {
            into.parent_id.push(match *code {
                0 => 0,
                PARENT_ELSEWHERE => elsewhere.next().unwrap_or(0),
                _ => into.span_id[*parent as usize],
            });
        }
        Ok(())
    }

    fn marks(&mut self) -> Result<(), SegmentError> {
        let Self { decoder, group, into, .. } = self;
        let part = group.part(id::MARKS)?;
        ints_of(&mut decoder.decoder, &part, into.row_count, &mut decoder.narrow)?;
        for bits in &decoder.narrow {
            let marks = u16::try_from(*bits).ok().and_then(Marks::from_bits);
            let unknown = || part.at.inconsistent("a span has marks that no writer sets");
            into.marks.push(marks.ok_or_else(unknown)?);
        }
        Ok(())
    }

    fn starts(&mut self) -> Result<(), SegmentError> {
        let Self { decoder, group, into, .. } = self;
        let part = group.part(id::START)?;
        ints_of(&mut decoder.decoder, &part, into.row_count, &mut decoder.wide)?;
        for trace in 0..into.traces.len() {
            let trace_start = into.traces.start_ns[trace];
            for row in into.rows_of(trace) {
                let start = if into.marks[row].has(Marks::HAS_START) {
                    start_base(into, row, trace_start).wrapping_add(decoder.wide[row])
                } else {
                    0
                };
                into.start_ns.push(start);
            }
        }
        Ok(())
    }

    fn events(&mut self, columns: u32) -> Result<(), SegmentError> {
        let Self { decoder, group, dictionaries, into } = self;
        let (row_count, count) = (into.row_count, into.event_count);
        let wants = |columns_of: u32| columns & columns_of != 0;
        if !wants(Projection::EVENTS | Projection::EVENT_NAME | Projection::EVENT_SHAPE) {
            return Ok(());
        }
        if count == 0 {
            into.events_end.resize(row_count, 0);
            return Ok(());
        }
        let part = group.part(id::EVENT_COUNT)?;
        ends_of(&mut decoder.decoder, &part, row_count, count, &mut into.events_end)?;
        let events = &mut into.events;
        if wants(Projection::EVENT_NAME) {
            let part = group.part(id::EVENT_NAME)?;
            let name_count = dictionaries.event_names.len();
            codes_of(&mut decoder.decoder, &part, count, name_count, &mut events.name)?;
        }
        if wants(Projection::EVENT_SHAPE) {
            let part = group.part(id::EVENT_SHAPE)?;
            let shape_count = dictionaries.shapes.len();
            codes_of(&mut decoder.decoder, &part, count, shape_count, &mut events.shape)?;
        }
        if wants(Projection::EVENTS) {
            let part = group.part(id::EVENT_TIME)?;
            ints_of(&mut decoder.decoder, &part, count, &mut events.time_ns)?;
            for row in 0..row_count {
                let (places, start) = (into.events_of(row), into.start_ns[row]);
                for time in &mut into.events.time_ns[places] {
                    *time = start.wrapping_add(unzigzag(*time));
                }
            }
        }
        Ok(())
    }

    fn links(&mut self) -> Result<(), SegmentError> {
        let Self { decoder, group, dictionaries, into } = self;
        let (row_count, count) = (into.row_count, into.link_count);
        if count == 0 {
            into.links_end.resize(row_count, 0);
            return Ok(());
        }
        let decoder = &mut decoder.decoder;
        let part = group.part(id::LINK_COUNT)?;
        ends_of(decoder, &part, row_count, count, &mut into.links_end)?;
        let links = &mut into.links;
        let part = group.part(id::LINK_KIND)?;
        ints_of(decoder, &part, count, &mut links.kind)?;
        if links.kind.iter().any(|kind| link_kind_of(*kind).is_none()) {
            return Err(part.at.inconsistent("a link is of a kind that no writer knows"));
        }
        for (id, list) in [
            (id::LINK_TRACE_HIGH, &mut links.trace_high),
            (id::LINK_TRACE_LOW, &mut links.trace_low),
            (id::LINK_SPAN_ID, &mut links.span_id),
        ] {
            ints_of(decoder, &group.part(id)?, count, list)?;
        }
        let part = group.part(id::LINK_SHAPE)?;
        codes_of(decoder, &part, count, dictionaries.shapes.len(), &mut links.shape)
    }

    fn values(&mut self, wanted: &Projection) -> Result<(), SegmentError> {
        self.count_values()?;
        let Self { decoder, group, dictionaries, into } = self;
        into.values.resize_with(dictionaries.keys.len(), KeyColumn::default);
        let counts = std::mem::take(&mut decoder.key_counts);
        let mut done = Ok(());
        for (code, count) in (0..).zip(&counts) {
            if *count > 0 && (wanted.has_all_keys || wanted.keys.contains(&code)) {
                let column = &mut into.values[code as usize];
                column.count = *count as usize;
                done = decoder.values_of(code, group, dictionaries, column);
                if done.is_err() {
                    break;
                }
            }
        }
        decoder.key_counts = counts;
        done
    }

    /// Counts the values of each key, from the shapes of all lists.
    fn count_values(&mut self) -> Result<(), SegmentError> {
        let Self { decoder, group, dictionaries, into, .. } = self;
        let shapes: &Shapes = &dictionaries.shapes;
        let SegmentDecoder { shape_counts, key_counts, .. } = &mut **decoder;
        shape_counts.clear();
        shape_counts.resize(shapes.len(), 0);
        for shape in into.shape.iter().chain(&into.events.shape).chain(&into.links.shape) {
            shape_counts[*shape as usize] += 1;
        }
        key_counts.clear();
        key_counts.resize(dictionaries.keys.len(), 0);
        let mut total = 0_u64;
        for (shape, count) in (0..).zip(&*shape_counts).filter(|(_, count)| **count > 0) {
            let keys = shapes.get(shape);
            total += u64::from(*count) * keys.len() as u64;
            if total > VALUE_COUNT_MAX as u64 {
                return Err(group.at(id::SHAPE).inconsistent("the rows have too many values"));
            }
            for key in keys {
                key_counts[*key as usize] += u64::from(*count);
            }
        }
        Ok(())
    }
}

impl SegmentDecoder {
    /// Reads the values of a key, whose count stands in the column already.
    fn values_of(
        &mut self,
        code: u32,
        group: &GroupAt<'_, '_>,
        dictionaries: &Dictionaries,
        column: &mut KeyColumn,
    ) -> Result<(), SegmentError> {
        let kind = dictionaries.keys[code as usize].kind;
        column.form = KeyColumn::form_of(kind, true);
        let plain = key_part(code, ValueForm::Texts);
        if column.form == ValueForm::Codes && group.find_entry(plain) {
            column.form = ValueForm::Texts;
        }
        if column.form == ValueForm::Empty {
            return Ok(());
        }
        let part = group.part(key_part(code, column.form))?;
        match column.form {
            ValueForm::Numbers => {
                ints_of(&mut self.decoder, &part, column.count, &mut column.numbers)
            }
            ValueForm::Codes => {
                let missing = || part.at.fault(Fault::Missing { what: "the key's dictionary" });
                let texts = dictionaries.values[code as usize].as_ref().ok_or_else(missing)?;
                codes_of(&mut self.decoder, &part, column.count, texts.len(), &mut column.codes)
            }
            _ => self.plain_texts(&part, column),
        }
    }

    fn plain_texts(
        &mut self,
        part: &Part<'_, '_>,
        column: &mut KeyColumn,
    ) -> Result<(), SegmentError> {
        let (heap, ends) = std::mem::take(&mut column.texts).into_parts();
        self.texts = Texts::in_room_of(heap, ends);
        texts::decode(part.bytes, column.count, TEXT_LEN_MAX, &mut self.decoder, &mut self.texts)
            .map_err(|damaged| part.at.damaged(damaged))?;
        let (heap, ends) = std::mem::take(&mut self.texts).into_parts();
        column.texts = TextHeap::from_parts(heap, ends)
            .ok_or_else(|| part.at.inconsistent("the texts do not fit together"))?;
        Ok(())
    }
}

impl GroupAt<'_, '_> {
    fn find_entry(&self, id: u32) -> bool {
        self.directory.parts.binary_search_by_key(&id, |part| part.id).is_ok()
    }
}

fn ints_of<W: Word>(
    decoder: &mut Decoder,
    part: &Part<'_, '_>,
    count: usize,
    list: &mut Vec<W>,
) -> Result<(), SegmentError> {
    let damaged = |damaged: Damaged| part.at.damaged(damaged);
    ints::decode(part.bytes, count, decoder, list).map_err(damaged)
}

/// Codes, of which there are `code_count`.
fn codes_of(
    decoder: &mut Decoder,
    part: &Part<'_, '_>,
    count: usize,
    code_count: usize,
    list: &mut Vec<u32>,
) -> Result<(), SegmentError> {
    ints_of(decoder, part, count, list)?;
    // A fold, because the compiler makes vector instructions of it and not of `max`.
    let last = list.iter().fold(0, |last, code| last.max(*code));
    if !list.is_empty() && last as usize >= code_count {
        return Err(part.at.inconsistent("a code stands for nothing"));
    }
    Ok(())
}

/// Where things end of which each row has some, and which are `total` together.
fn ends_of(
    decoder: &mut Decoder,
    part: &Part<'_, '_>,
    count: usize,
    total: usize,
    list: &mut Vec<u32>,
) -> Result<(), SegmentError> {
    ints_of(decoder, part, count, list)?;
    if add_up(list) == total as u64 {
        return Ok(());
    }
    Err(part.at.inconsistent("the rows have more or fewer than the group"))
}

fn raw(part: &Part<'_, '_>, count: usize, list: &mut Vec<u64>) -> Result<(), SegmentError> {
    let (words, rest) = part.bytes.as_chunks::<8>();
    if words.len() != count || !rest.is_empty() {
        let (expected, found) = (count as u64 * 8, part.bytes.len() as u64);
        return Err(part.at.fault(Fault::Length { expected, found }));
    }
    list.clear();
    list.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
    Ok(())
}
