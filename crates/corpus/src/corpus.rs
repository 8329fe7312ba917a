//! A corpus: traces that are functions of a profile, a seed, damage and their number.

use std::sync::Arc;

use spandrel_model::{Attribute, Resource, Scope, Span};

use crate::damage::{Damage, nameless};
use crate::flow::Flow;
use crate::lab::Lab;
use crate::profile::Profile;
use crate::random::SplitMix;
use crate::requests::Requests;
use crate::trace::Trace;

/// The seed of the corpus on which the layout was measured.
const LAB_SEED: u64 = 42;

/// All traces of one profile, seed and damage; there are 2^64 of them.
///
/// Cheap to clone. Two that were made alike make the same traces.
#[derive(Clone, Debug)]
pub struct Corpus {
    profile: Profile,
    seed: u64,
    damage: Damage,
    has_random_attribute: bool,
    source: Source,
    /// The resources without names, where the damage needs them.
    nameless: Arc<[Arc<Resource>]>,
}

#[derive(Clone, Debug)]
enum Source {
    Lab(Arc<Lab>),
    Flow(Flow),
}

impl Corpus {
    /// Makes a corpus.
    #[must_use]
    pub fn new(profile: Profile, seed: u64, damage: Damage) -> Self {
        let source = match profile {
            Profile::Lab => Source::Lab(Arc::new(Lab::new(seed))),
            _ => Source::Flow(Flow::new(profile, seed, damage)),
        };
        let nameless = match (&source, damage.nameless_ppm) {
            (_, 0) => Vec::new(),
            (Source::Lab(lab), _) => nameless(&lab.emitters()),
            (Source::Flow(flow), _) => nameless(&flow.emitters()),
        };
        let has_random_attribute = false;
        Self { profile, seed, damage, has_random_attribute, source, nameless: nameless.into() }
    }

    /// Makes a corpus with the profile's own damage ([`Profile::default_damage`]).
    #[must_use]
    pub fn of(profile: Profile, seed: u64) -> Self {
        Self::new(profile, seed, profile.default_damage())
    }

    /// Makes the corpus on which the storage layout was measured: [`Profile::Lab`], seed 42.
    #[must_use]
    pub fn lab() -> Self {
        Self::of(Profile::Lab, LAB_SEED)
    }

    /// Adds to every span the attribute `request.id`: 128 random bits as hexadecimal text, which
    /// nothing can make small.
    #[must_use]
    pub fn with_random_attribute(mut self) -> Self {
        self.has_random_attribute = true;
        self
    }

    /// Returns the profile.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Makes trace `index`: the spans that are sent of it, those sent twice behind the others.
    ///
    /// Spans of another trace with the same id ([`Damage::reused_trace_ids_ppm`]) are not among
    /// them.
    #[must_use]
    pub fn trace(&self, index: u64) -> Vec<Span<'static>> {
        let mut trace = Trace::default();
        self.make(index, &mut trace);
        trace.spans
    }

    /// Sends whole traces, from trace 0 on, until there are at least `span_count` spans. No
    /// request has more than `spans_per_request`, which is at least one.
    #[must_use]
    pub fn requests(&self, span_count: u64, spans_per_request: usize) -> Requests {
        Requests::new(self.clone(), span_count, spans_per_request)
    }

    /// Makes trace `index` in place of what `out` holds.
    pub(crate) fn make(&self, index: u64, out: &mut Trace) {
        out.clear();
        match &self.source {
            Source::Lab(lab) => lab.trace(index, out),
            Source::Flow(flow) => flow.trace(index, out),
        }
        if self.has_random_attribute {
            self.add_random_attributes(index, out);
        }
        self.damage.apply((self.seed, index), &self.nameless, out);
    }

    fn add_random_attributes(&self, index: u64, out: &mut Trace) {
        const PURPOSE: u64 = 0xad_01;
        let mut stream = SplitMix::keyed(self.seed, PURPOSE, index);
        for span in &mut out.spans {
            let id = u128::from(stream.next()) << 64 | u128::from(stream.next());
            span.attributes.push(Attribute::new("request.id", crate::random::hex(id)));
        }
    }

    /// Returns before which instant nothing of trace `index` or a later one is sent; `None` when
    /// the profile has its spans sent in the order in which they are made.
    pub(crate) fn sent_from_ns(&self, index: u64) -> Option<u64> {
        match &self.source {
            Source::Lab(_) => None,
            Source::Flow(flow) => Some(flow.begins_ns(index)),
        }
    }

    /// Returns the scopes that every request has, whether it has spans of them or not.
    pub(crate) fn constant_scopes(&self) -> &[Arc<Scope>] {
        match &self.source {
            Source::Lab(lab) => lab.scopes(),
            Source::Flow(_) => &[],
        }
    }
}
