//! Finds what values a group has, and sums them up.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashSet;
use spandrel_model::Value;

use super::hashes;
use super::probes::kind_bit;
use super::ranges::{NumberRange, half_octave};
use super::summary::{ANY, HAS_ERROR, HAS_SUCCESS, LIST_COUNT_MAX, SearchSummary};
use crate::columns::{Marks, NO_SERVICE, Owner, TextHeap, ValueKind, read_resource};
use crate::encoding::filter::FilterBuilder;
use crate::search::{may_be_number, value_of};
use crate::segment::{GroupColumns, KeyColumn, SegmentTexts, ValueForm};

/// How many distinct numbers of a key a group's filter takes; of more only the range is told.
const LISTED_NUMBERS_MAX: usize = 256;

/// How many services, or keys with numbers, are told of one group.
const PER_GROUP_MAX: usize = 1 << 12;

/// Finds values, and keeps the space that it takes.
#[derive(Debug, Default)]
pub(super) struct ValueFinder {
    /// Hashes of the texts that the group has.
    hashes: Vec<u64>,
    is_seen: Vec<bool>,
    numbers: HashSet<u64, foldhash::fast::FixedState>,
    /// The longest duration, in half octaves, of each service plus one; 0 is less than any.
    longest: Vec<u8>,
    /// Keys with numbers: their hash, and the place that groups know them by.
    number_keys: BTreeMap<u64, u32>,
    open_keys: BTreeSet<u64>,
    /// Hashes of the numbers that groups' filters list, in any group.
    number_hashes: Vec<u64>,
    /// With how many of them, repeated ones too, they are next made distinct.
    number_hashes_max: usize,
}

/// The numbers of a key in one group.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    range: NumberRange,
    /// Whether each is in the filter.
    is_listed: bool,
}

impl ValueFinder {
    /// The hashes for the group's filter, to be added to.
    pub(super) fn hashes(&mut self) -> &mut Vec<u64> {
        &mut self.hashes
    }

    /// Looks at a group.
    pub(super) fn group(
        &mut self,
        group: &GroupColumns,
        texts: &SegmentTexts<'_>,
        summary: &mut SearchSummary,
    ) {
        self.hashes.clear();
        marks(group, summary);
        self.services(group, texts, summary);
        let mut numbers: BTreeMap<u64, Numbers> = BTreeMap::new();
        for (place, column) in group.values.iter().enumerate() {
            let key = &texts.keys[place];
            if key.owner != Owner::SpanAttribute || column.count == 0 {
                continue;
            }
            self.hashes.push(hashes::key(&key.name));
            let of_key = self.values(&key.name, key.kind, (column, &texts.values[place]));
            let is_listed = of_key.is_none_or(|numbers| numbers.is_listed);
            if column.form == ValueForm::Texts || !is_listed {
                self.open_keys.insert(hashes::key(&key.name));
            }
            if let Some(of_key) = of_key {
                // A name may have numbers of two types, and texts besides.
                let all = numbers.entry(hashes::key(&key.name)).or_insert(of_key);
                all.range.include(of_key.range);
                all.is_listed &= of_key.is_listed;
            }
        }
        self.push_numbers(&numbers, summary);
        // Groups repeat each other's numbers.
        if self.number_hashes.len() > self.number_hashes_max {
            self.number_hashes.sort_unstable();
            self.number_hashes.dedup();
            self.number_hashes_max = self.number_hashes.len() * 2;
        }
    }

    /// Ends the segment. Returns the hashes for the filter over dictionaries, to be added to.
    pub(super) fn finish(
        &mut self,
        texts: &SegmentTexts<'_>,
        summary: &mut SearchSummary,
    ) -> Vec<u64> {
        self.hashes.clear();
        self.resources(texts, summary);
        self.hashes.clear();
        for (key, values) in texts.keys.iter().zip(texts.values) {
            if key.owner != Owner::SpanAttribute {
                continue;
            }
            self.hashes.push(hashes::key(&key.name));
            let of_values = hashes::key_of_values(&key.name);
            match key.kind {
                // Both are cheaper to claim than to find out.
                ValueKind::Bool => ["true", "false"].iter().for_each(|text| {
                    self.hashes.push(hashes::value(of_values, text.as_bytes()));
                }),
                ValueKind::Empty => self.hashes.push(hashes::value(of_values, b"")),
                ValueKind::Int | ValueKind::Double => {}
                ValueKind::String | ValueKind::Bytes | ValueKind::Nested => {
                    let codes = 0..values.len() as u32;
                    codes.for_each(|code| self.push_printed(of_values, key.kind, values.get(code)));
                }
            }
        }
        self.hashes.append(&mut self.number_hashes);
        summary.open_keys = self.open_keys.iter().copied().collect();
        // Groups know keys by the order they came in; from now on they stand sorted.
        let mut places = vec![0; self.number_keys.len()];
        for (sorted, (hash, place)) in (0..).zip(&self.number_keys) {
            summary.number_keys.push(*hash);
            places[*place as usize] = sorted;
        }
        for key in summary.groups.number_keys.iter_mut().filter(|key| **key != ANY) {
            *key = places[*key as usize / 2] << 1 | *key & 1;
        }
        std::mem::take(&mut self.hashes)
    }

    fn services(
        &mut self,
        group: &GroupColumns,
        texts: &SegmentTexts<'_>,
        summary: &mut SearchSummary,
    ) {
        self.longest.clear();
        self.longest.resize(texts.services.len() + 1, 0);
        for (resource, duration_ns) in group.resource.iter().zip(&group.duration_ns) {
            let service = texts.services_of_resources.get(*resource as usize);
            let service = service.copied().unwrap_or(NO_SERVICE);
            let place = if service == NO_SERVICE { 0 } else { service as usize + 1 };
            if let Some(longest) = self.longest.get_mut(place) {
                *longest = (*longest).max(half_octave(*duration_ns));
            }
        }
        let groups = &mut summary.groups;
        let present = (0..).zip(&self.longest).filter(|(_, longest)| **longest > 0);
        let count = present.clone().count();
        if count > PER_GROUP_MAX || groups.services.len() + count >= LIST_COUNT_MAX {
            groups.services.push(ANY);
            groups.longest.push(u8::MAX);
        } else {
            for (service, longest) in present {
                groups.services.push(service);
                groups.longest.push(*longest);
            }
        }
        groups.service_ends.push(groups.services.len() as u32);
    }

    /// Looks at the values of one key. Returns what numbers they are, if any is.
    fn values(
        &mut self,
        name: &str,
        kind: ValueKind,
        (column, dictionary): (&KeyColumn, &TextHeap),
    ) -> Option<Numbers> {
        let of_values = hashes::key_of_values(name);
        let mut numbers = Numbers { range: NumberRange::EMPTY, is_listed: true };
        match column.form {
            ValueForm::Absent => {}
            ValueForm::Empty => self.hashes.push(hashes::value(of_values, b"")),
            ValueForm::Numbers => numbers = self.numbers(of_values, kind, &column.numbers),
            ValueForm::Codes => {
                self.is_seen.clear();
                self.is_seen.resize(dictionary.len(), false);
                for code in &column.codes {
                    if !std::mem::replace(&mut self.is_seen[*code as usize], true) {
                        let text = dictionary.get(*code);
                        self.push_printed(of_values, kind, text);
                        add_text(&mut numbers.range, kind, text);
                    }
                }
            }
            ValueForm::Texts => {
                for place in 0..column.texts.len() as u32 {
                    let text = column.texts.get(place);
                    self.push_printed(of_values, kind, text);
                    add_text(&mut numbers.range, kind, text);
                }
            }
        }
        // What is no number has no range, and must still be looked for.
        let is_number = matches!(kind, ValueKind::Int | ValueKind::Double);
        (is_number || !numbers.range.is_empty()).then_some(numbers)
    }

    fn numbers(&mut self, of_values: u64, kind: ValueKind, words: &[u64]) -> Numbers {
        self.numbers.clear();
        let mut numbers = Numbers { range: NumberRange::EMPTY, is_listed: true };
        for word in words {
            match kind {
                #[expect(clippy::cast_precision_loss, reason = "ranges are of doubles")]
                ValueKind::Int => numbers.range.add(word.cast_signed() as f64),
                ValueKind::Double => numbers.range.add(f64::from_bits(*word)),
                _ => {}
            }
            if numbers.is_listed && self.numbers.insert(*word) {
                numbers.is_listed = self.numbers.len() <= LISTED_NUMBERS_MAX;
            }
        }
        if numbers.is_listed {
            for word in &self.numbers {
                let value = match kind {
                    ValueKind::Int => Value::Int(word.cast_signed()),
                    ValueKind::Double => Value::Double(f64::from_bits(*word)),
                    _ => Value::Bool(*word != 0),
                };
                let hash = hashes::value(of_values, value.to_text().as_bytes());
                self.hashes.push(hash);
                self.number_hashes.push(hash);
            }
        }
        numbers
    }

    fn push_numbers(&mut self, numbers: &BTreeMap<u64, Numbers>, summary: &mut SearchSummary) {
        let groups = &mut summary.groups;
        for hash in numbers.keys() {
            let next = self.number_keys.len() as u32;
            self.number_keys.entry(*hash).or_insert(next);
        }
        let is_too_many = numbers.len() > PER_GROUP_MAX
            || groups.number_keys.len() + numbers.len() >= LIST_COUNT_MAX;
        if is_too_many {
            groups.number_keys.push(ANY);
            groups.number_min.push(f64::NEG_INFINITY.to_bits());
            groups.number_max.push(f64::INFINITY.to_bits());
        } else {
            for (hash, numbers) in numbers {
                groups.number_keys.push(self.number_keys[hash] << 1 | u32::from(numbers.is_listed));
                groups.number_min.push(numbers.range.min.to_bits());
                groups.number_max.push(numbers.range.max.to_bits());
            }
        }
        groups.number_ends.push(groups.number_keys.len() as u32);
    }

    /// Sums up the attributes of resources.
    fn resources(&mut self, texts: &SegmentTexts<'_>, summary: &mut SearchSummary) {
        let mut number_keys = BTreeSet::new();
        for place in 0..texts.resources.len() as u32 {
            let Some(resource) = read_resource(texts.resources.get(place)) else { continue };
            for attribute in &resource.attributes {
                let of_values = hashes::key_of_values(&attribute.key);
                let printed = attribute.value.to_text();
                self.hashes.push(hashes::key(&attribute.key));
                self.hashes.push(hashes::value(of_values, printed.as_bytes()));
                if printed.parse::<f64>().is_ok() {
                    number_keys.insert(hashes::key(&attribute.key));
                }
            }
        }
        summary.resource_number_keys = number_keys.into_iter().collect();
        FilterBuilder::new().encode(&self.hashes, &mut summary.resources);
    }

    fn push_printed(&mut self, of_values: u64, kind: ValueKind, text: &[u8]) {
        if kind == ValueKind::String {
            self.hashes.push(hashes::value(of_values, text));
        } else if let Some(value) = value_of(kind, text) {
            self.hashes.push(hashes::value(of_values, value.to_text().as_bytes()));
        }
    }
}

/// Sums up the marks and durations of a group.
fn marks(group: &GroupColumns, summary: &mut SearchSummary) {
    let (mut bits, mut shortest, mut longest) = (0, u64::MAX, 0);
    for (marks, duration_ns) in group.marks.iter().zip(&group.duration_ns) {
        bits |= kind_bit(marks.kind());
        bits |= if marks.has(Marks::ERROR) { HAS_ERROR } else { HAS_SUCCESS };
        if marks.has(Marks::HAS_DURATION) {
            shortest = shortest.min(*duration_ns);
            longest = longest.max(*duration_ns);
        }
    }
    summary.groups.marks.push(bits);
    summary.groups.duration_min_ns.push(shortest);
    summary.groups.duration_max_ns.push(longest);
}

fn add_text(range: &mut NumberRange, kind: ValueKind, text: &[u8]) {
    if kind == ValueKind::String
        && may_be_number(text)
        && let Some(number) = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok())
    {
        range.add(number);
    }
}
