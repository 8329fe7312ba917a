//! What groups have, as far as few bytes can say it, and the filters over texts.

use std::ops::Range;

use super::probes::{AttributeProbe, Probe, Probes, ValueProbe};
use super::ranges::{NumberRange, half_octave};
use super::version::{self, miscounted};
use crate::encoding::filter::{Filter, FilterBuilder};
use crate::encoding::input::{Input, nested, put_varint};
use crate::encoding::ints::{self, Kind};
use crate::encoding::{Damaged, Decoder, Encoder, Fault, Word};

/// The bit of a group that has a span that failed.
pub(super) const HAS_ERROR: u8 = 1 << 6;

/// The bit of a group that has a span that did not fail.
pub(super) const HAS_SUCCESS: u8 = 1 << 7;

/// The most entries of any list of a summary, written or read.
pub(super) const LIST_COUNT_MAX: usize = 1 << 23;

/// The most groups of a segment whose summary is read.
const GROUP_COUNT_MAX: usize = 1 << 20;

/// Stands for all services, or all keys of numbers, where a group has too many to list.
pub(super) const ANY: u32 = u32::MAX;

/// What a segment and its groups have. Small: it is meant to stay in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SearchSummary {
    /// The filter over names, over keys of spans' attributes, and over those of their values that
    /// stand in dictionaries or are few enough numbers.
    pub(super) texts: Vec<u8>,
    /// The filter over keys and values of resources' attributes.
    pub(super) resources: Vec<u8>,
    /// Hashes of the keys whose values are not all in `texts`: the groups tell. Sorted.
    pub(super) open_keys: Vec<u64>,
    /// Hashes of the keys under which resources have numbers. Sorted.
    pub(super) resource_number_keys: Vec<u64>,
    /// Hashes of the keys under which spans have numbers. Sorted.
    pub(super) number_keys: Vec<u64>,
    pub(super) groups: GroupSummaries,
}

/// What each group has; lists without an end of their own have an entry for each group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct GroupSummaries {
    /// Bits of kinds, [`HAS_ERROR`] and [`HAS_SUCCESS`].
    pub(super) marks: Vec<u8>,
    /// The shortest duration; above the longest when no span has one.
    pub(super) duration_min_ns: Vec<u64>,
    pub(super) duration_max_ns: Vec<u64>,
    /// Where each group's services end, and of each its code plus one (0 for none), and the half
    /// octave of its longest duration.
    pub(super) service_ends: Vec<u32>,
    pub(super) services: Vec<u32>,
    pub(super) longest: Vec<u8>,
    /// Where each group's keys with numbers end, and of each its place among those of the segment
    /// (times two, plus one when each number is in the group's filter too), and the range.
    pub(super) number_ends: Vec<u32>,
    pub(super) number_keys: Vec<u32>,
    pub(super) number_min: Vec<u64>,
    pub(super) number_max: Vec<u64>,
}

impl SearchSummary {
    /// How many groups it tells of.
    pub(crate) fn group_count(&self) -> usize {
        self.groups.marks.len()
    }

    /// Appends it.
    pub(super) fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) {
        out.push(version::VERSION);
        put_varint(self.group_count() as u64, out);
        for filter in [&self.texts, &self.resources] {
            nested(out, |out| out.extend_from_slice(filter));
        }
        for keys in [&self.open_keys, &self.resource_number_keys, &self.number_keys] {
            put(keys, Kind::Code, encoder, out);
        }
        let groups = &self.groups;
        put(&groups.marks, Kind::Code, encoder, out);
        put(&groups.duration_min_ns, Kind::Number, encoder, out);
        put(&groups.duration_max_ns, Kind::Number, encoder, out);
        put(&groups.service_ends, Kind::Number, encoder, out);
        put(&groups.services, Kind::Code, encoder, out);
        put(&groups.longest, Kind::Code, encoder, out);
        put(&groups.number_ends, Kind::Number, encoder, out);
        put(&groups.number_keys, Kind::Code, encoder, out);
        put(&groups.number_min, Kind::Code, encoder, out);
        put(&groups.number_max, Kind::Code, encoder, out);
    }

    /// Reads what [`Self::encode`] wrote, for a segment of so many groups.
    ///
    /// # Errors
    ///
    /// Fails when the section is damaged, or is another segment's.
    pub(crate) fn parse(
        section: &[u8],
        group_count: usize,
        decoder: &mut Decoder,
    ) -> Result<Self, Damaged> {
        let mut input = version::read(section, "a search summary")?;
        let start = input;
        let found = input.count("count of groups", GROUP_COUNT_MAX)?;
        if found != group_count {
            return Err(miscounted(start, "groups", group_count, found));
        }
        let mut summary = Self::default();
        for filter in [&mut summary.texts, &mut summary.resources] {
            let bytes = input.nested()?.rest();
            Filter::parse(bytes)?;
            filter.extend_from_slice(bytes);
        }
        for keys in
            [&mut summary.open_keys, &mut summary.resource_number_keys, &mut summary.number_keys]
        {
            take(&mut input, None, decoder, keys)?;
        }
        summary.groups = GroupSummaries::parse(&mut input, group_count, decoder)?;
        input.finish()?;
        Ok(summary)
    }

    /// Whether a span of the segment may meet a filter.
    pub(crate) fn may_match(&self, probes: &Probes) -> bool {
        // Filters were parsed before, when the summary was.
        let texts = Filter::parse(&self.texts);
        let may_have = |hash| texts.as_ref().is_ok_and(|texts| texts.contains(hash));
        probes.probes.iter().all(|probe| match probe {
            Probe::Never => false,
            Probe::Name(hash) => may_have(*hash),
            Probe::Attribute(attribute) => {
                let has = |keys: &[u64]| keys.binary_search(&attribute.key).is_ok();
                let is_on_span = attribute.is_on_span
                    && match attribute.value {
                        ValueProbe::Any => may_have(attribute.key),
                        ValueProbe::Printed(hash, _) => may_have(hash) || has(&self.open_keys),
                        ValueProbe::Between(..) => has(&self.number_keys),
                    };
                is_on_span || self.may_have_on_resource(attribute)
            }
            Probe::Duration(..) | Probe::Kind(_) | Probe::IsError(_) => true,
        }) && (0..self.group_count()).any(|group| self.may_match_marks(group, probes))
    }

    /// Whether a span of a group may meet a filter, as far as is told without the group's filter.
    pub(crate) fn group_may_match(&self, group: usize, probes: &Probes) -> bool {
        let attributes = |probe: &Probe| match probe {
            Probe::Attribute(probe) => self.may_have_number(group, probe, None),
            _ => true,
        };
        self.may_match_marks(group, probes) && probes.probes.iter().all(attributes)
    }

    /// Whether a span of a group may meet a filter, by the group's own filter.
    pub(crate) fn filter_may_match(
        &self,
        group: usize,
        filter: GroupFilter<'_>,
        probes: &Probes,
    ) -> bool {
        probes.probes.iter().all(|probe| match probe {
            Probe::Never => false,
            Probe::Name(hash) => filter.0.contains(*hash),
            Probe::Attribute(probe) => self.may_have_number(group, probe, Some(filter)),
            Probe::Duration(..) | Probe::Kind(_) | Probe::IsError(_) => true,
        })
    }

    /// Whether a group has a service that passes with a span that takes that long.
    pub(super) fn may_have_service(
        &self,
        group: usize,
        duration_min_ns: u64,
        mut is_wanted: impl FnMut(Option<u32>) -> bool,
    ) -> bool {
        let groups = &self.groups;
        let range = stretch(&groups.service_ends, group);
        let shortest = half_octave(duration_min_ns);
        let services = groups.services.get(range.clone()).unwrap_or_default();
        let longest = groups.longest.get(range).unwrap_or_default();
        services.iter().zip(longest).any(|(service, longest)| {
            *longest >= shortest && (*service == ANY || is_wanted(service.checked_sub(1)))
        })
    }

    fn may_match_marks(&self, group: usize, probes: &Probes) -> bool {
        let groups = &self.groups;
        let marks = groups.marks.get(group).copied().unwrap_or(u8::MAX);
        probes.probes.iter().all(|probe| match probe {
            Probe::Kind(bit) => marks & bit != 0,
            Probe::IsError(true) => marks & HAS_ERROR != 0,
            Probe::IsError(false) => marks & HAS_SUCCESS != 0,
            Probe::Duration(min, max) => {
                let shortest = groups.duration_min_ns.get(group).copied().unwrap_or(0);
                let longest = groups.duration_max_ns.get(group).copied().unwrap_or(u64::MAX);
                shortest <= *max && longest >= *min
            }
            Probe::Never => false,
            Probe::Name(_) | Probe::Attribute(_) => true,
        })
    }

    fn may_have_on_resource(&self, probe: &AttributeProbe) -> bool {
        if !probe.is_on_resource {
            return false;
        }
        let filter = Filter::parse(&self.resources);
        let may_have = |hash| filter.as_ref().is_ok_and(|filter| filter.contains(hash));
        match probe.value {
            ValueProbe::Any => may_have(probe.key),
            ValueProbe::Printed(hash, _) => may_have(hash),
            ValueProbe::Between(..) => self.resource_number_keys.binary_search(&probe.key).is_ok(),
        }
    }

    /// Whether a group, or a resource, may have a value; without a filter texts are believed in.
    fn may_have_number(
        &self,
        group: usize,
        probe: &AttributeProbe,
        filter: Option<GroupFilter<'_>>,
    ) -> bool {
        let is_on_span = || {
            let in_filter = |hash| filter.is_none_or(|filter| filter.0.contains(hash));
            let in_range = |min, max, is_listed: bool| {
                let of_key = self.numbers_of(group, probe.key);
                of_key.is_some_and(|(range, is_in_filter)| {
                    !(is_listed && is_in_filter) && range.may_have(min, max)
                })
            };
            match probe.value {
                ValueProbe::Any => in_filter(probe.key),
                ValueProbe::Printed(hash, None) => in_filter(hash),
                // No range has what is no number.
                ValueProbe::Printed(hash, Some(number)) if number.is_nan() => {
                    in_filter(hash)
                        || self.numbers_of(group, probe.key).is_some_and(|(_, listed)| !listed)
                }
                ValueProbe::Printed(hash, Some(number)) => {
                    in_filter(hash) || in_range(number, number, true)
                }
                ValueProbe::Between(min, max) => in_range(min, max, false),
            }
        };
        (probe.is_on_span && is_on_span()) || self.may_have_on_resource(probe)
    }

    /// The range of a key's numbers in a group, and whether each is in the group's filter.
    fn numbers_of(&self, group: usize, key: u64) -> Option<(NumberRange, bool)> {
        let place = self.number_keys.binary_search(&key).ok()?;
        let groups = &self.groups;
        let range = stretch(&groups.number_ends, group);
        let keys = groups.number_keys.get(range.clone())?;
        let is_it = |key: &u32| *key as usize / 2 == place || *key == ANY;
        let at = range.start + keys.iter().position(is_it)?;
        let (min, max) = (groups.number_min.get(at)?, groups.number_max.get(at)?);
        let numbers = NumberRange { min: f64::from_bits(*min), max: f64::from_bits(*max) };
        let is_in_filter = groups.number_keys[at] != ANY && groups.number_keys[at] & 1 != 0;
        Some((numbers, is_in_filter))
    }
}

impl GroupSummaries {
    fn parse(
        input: &mut Input<'_>,
        group_count: usize,
        decoder: &mut Decoder,
    ) -> Result<Self, Damaged> {
        let mut groups = Self::default();
        let count = Some(group_count);
        take(input, count, decoder, &mut groups.marks)?;
        take(input, count, decoder, &mut groups.duration_min_ns)?;
        take(input, count, decoder, &mut groups.duration_max_ns)?;
        take(input, count, decoder, &mut groups.service_ends)?;
        let services = Some(last_end(*input, &groups.service_ends)?);
        take(input, services, decoder, &mut groups.services)?;
        take(input, services, decoder, &mut groups.longest)?;
        take(input, count, decoder, &mut groups.number_ends)?;
        let numbers = Some(last_end(*input, &groups.number_ends)?);
        take(input, numbers, decoder, &mut groups.number_keys)?;
        take(input, numbers, decoder, &mut groups.number_min)?;
        take(input, numbers, decoder, &mut groups.number_max)?;
        Ok(groups)
    }
}

/// A group's filter over the texts that its spans have: names, keys, and what values print as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupFilter<'a>(Filter<'a>);

impl<'a> GroupFilter<'a> {
    /// Reads a part of the scan region.
    ///
    /// # Errors
    ///
    /// Fails when the part is damaged.
    pub(crate) fn parse(part: &'a [u8]) -> Result<Self, Damaged> {
        let mut input = version::read(part, "a group's filter")?;
        Ok(Self(Filter::parse(input.rest())?))
    }

    /// Writes a part of the scan region.
    pub(super) fn encode(hashes: &[u64], builder: &mut FilterBuilder) -> Vec<u8> {
        let mut out = vec![version::VERSION];
        builder.encode(hashes, &mut out);
        out
    }
}

fn stretch(ends: &[u32], group: usize) -> Range<usize> {
    let end = |group: usize| ends.get(group).copied().unwrap_or(0) as usize;
    group.checked_sub(1).map_or(0, end)..end(group)
}

fn last_end(at: Input<'_>, ends: &[u32]) -> Result<usize, Damaged> {
    let last = ends.last().copied().unwrap_or(0) as usize;
    if ends.is_sorted() { Ok(last) } else { Err(miscounted(at, "entries", last, 0)) }
}

/// Appends a list with its count.
pub(super) fn put<W: Word>(list: &[W], kind: Kind, encoder: &mut Encoder, out: &mut Vec<u8>) {
    put_varint(list.len() as u64, out);
    nested(out, |out| ints::encode(list, kind, encoder, out));
}

/// Reads a list that [`put`] wrote, of this count if one is due.
pub(super) fn take<W: Word>(
    input: &mut Input<'_>,
    count: Option<usize>,
    decoder: &mut Decoder,
    list: &mut Vec<W>,
) -> Result<(), Damaged> {
    let start = *input;
    let found = input.count("count of a list", LIST_COUNT_MAX)?;
    if let Some(count) = count
        && count != found
    {
        return Err(miscounted(start, "entries", count, found));
    }
    let mut part = input.nested()?;
    // The list's reader counts from the list's own start.
    let offset = part.damaged(Fault::LeftOver { extra: 0 }).offset;
    let at = |damaged: Damaged| Damaged { offset: offset + damaged.offset, ..damaged };
    ints::decode(part.rest(), found, decoder, list).map_err(at)
}
