//! Traces of which a group has only a part: what is true of the whole. Late spans make such
//! traces, and so do more spans than a group takes.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_model::trace::facts::{NO_CODE, Node};

use super::facts::{Bases, FactRows, put, take};
use super::trace_settler::Settled;
use crate::encoding::dictionary::{self, Limits};
use crate::encoding::input::{Input, nested, put_varint};
use crate::encoding::ints::Kind;
use crate::encoding::texts::Texts;
use crate::encoding::{Damaged, Decoder, Encoder, Fault};
use crate::segment::SectionId;

/// The section; a segment without such traces has none.
pub(crate) const WHOLES_SECTION: SectionId = SectionId(SectionId::OBSERVED_MIN + 130);

const VERSION: u8 = 1;

/// The most traces that are read.
const COUNT_MAX: usize = 1 << 22;

/// The most services of all of them.
const SERVICE_COUNT_MAX: usize = 1 << 24;

/// How many names there are at most, and what they come to.
const NAMES: Limits = Limits { count_max: 1 << 22, heap_len_max: 1 << 26 };

/// Whole traces. Of the rows that several segments have of a trace the one with the highest
/// generation is the newest. Names are one more than their place in `names`, 0 for none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wholes {
    /// The low half of each trace's id.
    pub(crate) low: Vec<u64>,
    /// The number of the segment that the latest spans of the trace were flushed to, where other
    /// segments have spans of it too; 0 where they have none.
    pub(crate) generation: Vec<u64>,
    /// How many spans as they were received.
    pub(crate) received_count: Vec<u32>,
    /// The earliest start; `u64::MAX` for none.
    pub(crate) start_ns: Vec<u64>,
    /// The latest start; 0 for none.
    pub(crate) latest_start_ns: Vec<u64>,
    /// The latest end; 0 for none.
    pub(crate) end_ns: Vec<u64>,
    /// The structural fingerprint.
    pub(crate) fingerprint: Vec<u64>,
    /// Where each trace's services end.
    pub(crate) services_end: Vec<u32>,
    /// Services that take part.
    pub(crate) services: Vec<u32>,
    /// What other traces have in their group.
    pub(crate) facts: FactRows,
    /// The names.
    pub(crate) names: Texts,
}

impl Wholes {
    /// How many traces there are.
    pub(crate) fn len(&self) -> usize {
        self.low.len()
    }

    /// Appends a trace, unless there are more than a reader takes; names are codes, whose texts
    /// come with [`Self::encode`].
    pub(super) fn push(
        &mut self,
        (low, generation): (u64, u64),
        settled: &Settled<'_>,
        buffer: &mut Vec<(u32, u64)>,
    ) {
        let received = settled.received;
        let services = received.iter().map(|node| node.service).filter(|code| *code != NO_CODE);
        let services: BTreeSet<u32> = services.collect();
        if self.len() >= COUNT_MAX || self.services.len() + services.len() > SERVICE_COUNT_MAX {
            return;
        }
        let place = |code: u32| if code == NO_CODE { 0 } else { code + 1 };
        let starts = || received.iter().filter_map(|node| node.start_ns);
        let end = |node: &Node| Some(node.start_ns?.saturating_add(node.duration_ns.unwrap_or(0)));
        self.low.push(low);
        self.generation.push(generation);
        self.received_count.push(received.len() as u32);
        self.start_ns.push(starts().min().unwrap_or(u64::MAX));
        self.latest_start_ns.push(starts().max().unwrap_or(0));
        self.end_ns.push(received.iter().filter_map(end).max().unwrap_or(0));
        self.fingerprint.push(settled.facts.fingerprint);
        self.services.extend(services.into_iter().map(place));
        self.services_end.push(self.services.len() as u32);
        self.facts.push(settled, buffer, place, place);
    }

    /// Appends the traces as bytes, with the texts of those names that occur.
    pub(super) fn encode<'t>(
        &self,
        text: impl Fn(u32) -> &'t str,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
    ) {
        let (mut names, mut places) = (Texts::new(), BTreeMap::new());
        let mut named = self.clone();
        let facts = &mut named.facts;
        let lists = [
            &mut named.services,
            &mut facts.root_service,
            &mut facts.root_operation,
            &mut facts.path_service,
        ];
        for name in lists.into_iter().flatten().filter(|name| **name != 0) {
            *name = *places.entry(*name).or_insert_with_key(|name| {
                let text = text(*name - 1).as_bytes();
                let fits = names.len() < NAMES.count_max
                    && names.heap().len() + text.len() <= NAMES.heap_len_max;
                // A name without room is as none.
                if fits && names.push(text).is_ok() { names.len() as u32 } else { 0 }
            });
        }
        out.push(VERSION);
        put_varint(self.len() as u64, out);
        for list in [
            &named.low,
            &named.generation,
            &named.start_ns,
            &named.latest_start_ns,
            &named.end_ns,
            &named.fingerprint,
        ] {
            put(list, Kind::Number, encoder, out);
        }
        put(&named.received_count, Kind::Code, encoder, out);
        put(&named.services_end, Kind::Number, encoder, out);
        put(&named.services, Kind::Code, encoder, out);
        nested(out, |out| dictionary::encode(&names, encoder, out));
        named.facts.encode(&Bases::default(), encoder, out);
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    ///
    /// Fails when the section is damaged or of a newer version.
    pub(crate) fn decode(section: &[u8], decoder: &mut Decoder) -> Result<Self, Damaged> {
        let mut input = Input::new(section);
        let start = input;
        match input.byte()? {
            VERSION => {}
            method => {
                return Err(start.damaged(Fault::UnknownMethod { what: "whole traces", method }));
            }
        }
        let count = input.count("count of whole traces", COUNT_MAX)?;
        let mut wholes = Self::default();
        for list in [
            &mut wholes.low,
            &mut wholes.generation,
            &mut wholes.start_ns,
            &mut wholes.latest_start_ns,
            &mut wholes.end_ns,
            &mut wholes.fingerprint,
        ] {
            take(&mut input, count, decoder, list)?;
        }
        take(&mut input, count, decoder, &mut wholes.received_count)?;
        take(&mut input, count, decoder, &mut wholes.services_end)?;
        let service_count = wholes.services_end.last().map_or(0, |end| *end as usize);
        let is_sound = wholes.services_end.is_sorted() && service_count <= SERVICE_COUNT_MAX;
        if !is_sound {
            let (what, len_max) = ("services of whole traces", SERVICE_COUNT_MAX as u64);
            return Err(start.damaged(Fault::TooLong { what, len: service_count as u64, len_max }));
        }
        take(&mut input, service_count, decoder, &mut wholes.services)?;
        dictionary::decode_input(input.nested()?, NAMES, decoder, &mut wholes.names)?;
        let end = wholes.names.len() + 1;
        if let Some(name) = wholes.services.iter().find(|name| **name as usize >= end) {
            let (what, len_max) = ("a service", end as u64 - 1);
            return Err(start.damaged(Fault::TooLong { what, len: (*name).into(), len_max }));
        }
        wholes.facts = FactRows::decode(input, count, &Bases::default(), (end, end), decoder)?;
        Ok(wholes)
    }
}
