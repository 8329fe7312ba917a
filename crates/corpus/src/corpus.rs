//! A corpus: traces that are functions of a profile, a seed, damage and their number.

use std::sync::Arc;

use spandrel_model::{Attribute, Resource, Scope, Span, SpanId, SpanKind};

use crate::damage::Damage;
use crate::draft::{Body, Draft};
use crate::flow::Flow;
use crate::lab::Lab;
use crate::profile::Profile;
use crate::random::{SplitMix, hex};
use crate::requests::Requests;

/// The seed of the corpus on which the layout was measured.
const LAB_SEED: u64 = 42;

/// All traces of one profile, seed and damage: [`Corpus::TRACES_MAX`] of them.
///
/// Cheap to clone. Two that were made alike make the same traces.
#[derive(Clone, Debug)]
pub struct Corpus {
    profile: Profile,
    seed: u64,
    damage: Damage,
    has_random_attribute: bool,
    source: Source,
    /// How many resources there are, without those that don't say their names.
    emitter_count: u32,
    /// The resources without names, where the damage needs them.
    nameless: Arc<[Arc<Resource>]>,
}

#[derive(Clone, Debug)]
enum Source {
    Lab(Arc<Lab>),
    Flow(Flow),
}

impl Corpus {
    /// How many traces there are: as many as start before time in nanoseconds runs out.
    pub const TRACES_MAX: u64 = 1 << 33;

    /// Makes a corpus.
    #[must_use]
    pub fn new(profile: Profile, seed: u64, damage: Damage) -> Self {
        let source = match profile {
            Profile::Lab => Source::Lab(Arc::new(Lab::new(seed))),
            _ => Source::Flow(Flow::new(profile, seed, damage)),
        };
        let emitters = source.emitters();
        let emitter_count = emitters.len() as u32;
        let nameless = if damage.nameless_ppm == 0 { Vec::new() } else { nameless(&emitters) };
        let has_random_attribute = false;
        let nameless = nameless.into();
        Self { profile, seed, damage, has_random_attribute, source, emitter_count, nameless }
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
    ///
    /// In the lab's corpus a trace starts some time after the one before it, so the first call
    /// with a large number takes about 20 ns for every trace before; what it learns is kept.
    ///
    /// # Panics
    ///
    /// Panics when `index` is not below [`Self::TRACES_MAX`].
    #[must_use]
    pub fn trace(&self, index: u64) -> Vec<Span<'static>> {
        let mut drafts = Vec::new();
        self.draft(index, &mut drafts);
        drafts.into_iter().map(|draft| self.write(draft)).collect()
    }

    /// Sends whole traces, from trace 0 on, until there are at least `span_count` spans. No
    /// request has more than `spans_per_request`, which is at least one.
    #[must_use]
    pub fn requests(&self, span_count: u64, spans_per_request: usize) -> Requests {
        Requests::new(self.clone(), span_count, spans_per_request)
    }

    /// Decides the spans of trace `index`.
    pub(crate) fn draft(&self, index: u64, out: &mut Vec<Draft>) {
        assert!(index < Self::TRACES_MAX, "there is no trace {index}");
        match &self.source {
            Source::Lab(lab) => lab.trace(index, out),
            Source::Flow(flow) => flow.draft(index, out),
        }
        self.damage.apply((self.seed, index), self.emitter_count, out);
    }

    /// Writes a span out.
    pub(crate) fn write(&self, draft: Draft) -> Span<'static> {
        let ids = (draft.trace_id, draft.span_id);
        let mut span = match (draft.body, &self.source) {
            (Body::Span(span), _) => Span { trace_id: ids.0, span_id: ids.1, ..*span },
            (Body::Seed(seed), Source::Flow(flow)) => flow.write(&seed, ids),
            (Body::Seed(_), Source::Lab(_)) => unreachable!("the lab's spans are written out"),
        };
        span.parent_id = draft.parent_id;
        span.start_ns = draft.start_ns;
        span.duration_ns = draft.duration_ns;
        if let Some(nameless) = draft.emitter.checked_sub(self.emitter_count) {
            span.resource = Arc::clone(&self.nameless[nameless as usize]);
        }
        if self.has_random_attribute {
            let id = self.random_id(span.span_id);
            span.attributes.push(Attribute::new("request.id", hex(id)));
        }
        span
    }

    fn random_id(&self, span_id: SpanId) -> u128 {
        const PURPOSE: u64 = 0xad_01;
        let mut stream = SplitMix::keyed(self.seed, PURPOSE, span_id.get());
        u128::from(stream.next()) << 64 | u128::from(stream.next())
    }

    /// Returns which of [`Self::scopes`] a span has.
    pub(crate) fn scope_of(&self, draft: &Draft) -> usize {
        match (&draft.body, &self.source) {
            (Body::Seed(seed), Source::Flow(flow)) => flow.scope_of(seed),
            (Body::Span(span), _) => usize::from(span.kind == Some(SpanKind::Internal)),
            (Body::Seed(_), Source::Lab(_)) => unreachable!("the lab's spans are written out"),
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

    /// Returns the scopes that there are, in the order in which requests have them.
    pub(crate) fn scopes(&self) -> &[Arc<Scope>] {
        match &self.source {
            Source::Lab(lab) => lab.scopes(),
            Source::Flow(flow) => flow.scopes(),
        }
    }
}

impl Source {
    fn emitters(&self) -> Vec<Arc<Resource>> {
        match self {
            Self::Lab(lab) => lab.emitters(),
            Self::Flow(flow) => flow.emitters(),
        }
    }
}

/// Makes the twins of resources, which do not say whose they are.
fn nameless(emitters: &[Arc<Resource>]) -> Vec<Arc<Resource>> {
    let without_name = |resource: &Arc<Resource>| {
        Arc::new(Resource { service_name: None, ..Resource::clone(resource) })
    };
    emitters.iter().map(without_name).collect()
}
