//! Where new ids come from.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use spandrel_model::{SpanId, TraceId};

/// Makes the bits of new ids.
pub trait IdSource: Send + Sync + 'static {
    /// Returns 64 bits for an id. Zero is asked for again, since no id is zero.
    fn next_u64(&self) -> u64;
}

impl<I: IdSource + ?Sized> IdSource for std::sync::Arc<I> {
    fn next_u64(&self) -> u64 {
        (**self).next_u64()
    }
}

/// How often a source is asked before its zeros are believed.
const ATTEMPTS_MAX: u32 = 8;

pub(crate) fn next_span_id(ids: &dyn IdSource) -> SpanId {
    for _ in 0..ATTEMPTS_MAX {
        if let Some(id) = SpanId::new(ids.next_u64()) {
            return id;
        }
    }
    SpanId::new(1).expect("one is not zero")
}

/// Makes a trace id and the id of the trace's first span, which is the low half of it.
pub(crate) fn next_trace_id(ids: &dyn IdSource, is_128_bit: bool) -> (TraceId, SpanId) {
    let high = if is_128_bit { ids.next_u64() } else { 0 };
    let span_id = next_span_id(ids);
    let trace_id = TraceId::from_halves(high, span_id.get());
    (trace_id.expect("its low half is a span id, which is not zero"), span_id)
}

/// Random ids: a generator of its own for each thread, seeded by the operating system.
///
/// Good against collisions, not meant to be unguessable.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

thread_local! {
    static STATE: Cell<[u64; 4]> = Cell::new(seed());
}

/// The standard library keys its hash maps with random bits of the operating system, which is
/// all that a seed needs and saves a dependency.
fn seed() -> [u64; 4] {
    static WORDS_DRAWN: AtomicU64 = AtomicU64::new(0);
    let keyed = RandomState::new();
    [(); 4].map(|()| keyed.hash_one(WORDS_DRAWN.fetch_add(1, Ordering::Relaxed)))
}

impl IdSource for RandomIds {
    fn next_u64(&self) -> u64 {
        // A thread that is being torn down has no generator any more.
        STATE
            .try_with(|state| {
                let (next, bits) = xoshiro(state.get());
                state.set(next);
                bits
            })
            .unwrap_or_else(|_| xoshiro(seed()).1)
    }
}

/// One step of xoshiro256++ (Blackman and Vigna, 2019): the next state and 64 bits. Its state is
/// wide enough that the sequences of a fleet's threads do not meet.
const fn xoshiro([s0, s1, s2, s3]: [u64; 4]) -> ([u64; 4], u64) {
    let bits = s0.wrapping_add(s3).rotate_left(23).wrapping_add(s0);
    let (mixed2, mixed3) = (s2 ^ s0, s3 ^ s1);
    let next = [s0 ^ mixed3, s1 ^ mixed2, mixed2 ^ (s1 << 17), mixed3.rotate_left(45)];
    (next, bits)
}

/// What SplitMix64 adds to its state at each step.
const SPLIT_MIX_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output of SplitMix64 (Steele, Lea and Flood, 2014) for one state.
const fn split_mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Ids that repeat from run to run: the same seed gives the same ids, in the order of asking.
#[derive(Debug)]
pub struct SeededIds {
    state: AtomicU64,
}

impl SeededIds {
    /// Makes a source of the ids that belong to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }
}

impl IdSource for SeededIds {
    fn next_u64(&self) -> u64 {
        split_mix(self.state.fetch_add(SPLIT_MIX_GAMMA, Ordering::Relaxed))
    }
}

/// Ids that count up, for tests that read them.
#[derive(Debug)]
pub struct CountingIds {
    next: AtomicU64,
}

impl CountingIds {
    /// Makes a source whose first id is `first`.
    #[must_use]
    pub const fn from(first: u64) -> Self {
        Self { next: AtomicU64::new(first) }
    }
}

impl IdSource for CountingIds {
    fn next_u64(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn random_ids_do_not_repeat_across_threads() {
        let draw = || (0..10_000).map(|_| RandomIds.next_u64()).collect::<Vec<_>>();
        let threads = [(); 4].map(|()| std::thread::spawn(draw));
        let all: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let distinct: HashSet<u64> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn a_seed_gives_the_same_ids_again() {
        let (first, second) = (SeededIds::new(7), SeededIds::new(7));
        for _ in 0..100 {
            assert_eq!(first.next_u64(), second.next_u64());
        }
        assert_ne!(SeededIds::new(8).next_u64(), SeededIds::new(7).next_u64());
    }

    #[test]
    fn a_source_of_zeros_still_gives_ids() {
        struct Zeros;
        impl IdSource for Zeros {
            fn next_u64(&self) -> u64 {
                0
            }
        }
        let (trace_id, span_id) = next_trace_id(&Zeros, true);
        assert_eq!((trace_id.low(), span_id.get()), (1, 1));
    }
}
