//! What the head's estimate says against what the allocator was asked for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use spandrel_model::{Span, TraceId};
use spandrel_storage::{Engine, Tenant};
use testkit::{NoDisk, SeedDecoder, seeded_batch, seeded_span};

use crate::ledger::small_options;

thread_local! {
    /// What this thread has allocated and not freed.
    static HELD: Cell<i64> = const { Cell::new(0) };
    /// The most that this thread has held.
    static HELD_MAX: Cell<i64> = const { Cell::new(0) };
}

/// Returns the most that this thread held while it did something, beyond what it held before.
pub(crate) fn peak_while(work: impl FnOnce()) -> i64 {
    let before = HELD.get();
    HELD_MAX.set(before);
    work();
    HELD_MAX.get() - before
}

/// The system's allocator, counting by thread, so that tests beside this one don't disturb it.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

#[expect(clippy::cast_possible_wrap, reason = "no layout is longer than isize::MAX")]
fn count(len: usize, sign: i64) {
    // A thread that is ending has no counter any more, and nobody who would read it.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + len as i64 * sign);
        HELD_MAX.try_with(|max| max.set(max.get().max(held.get())))
    });
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing.
#[expect(unsafe_code, reason = "an allocator can't be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Returns what the head holds and what it is charged for, with batches of `len` spans, all of
/// a few traces or each of its own.
fn held_and_charged(len: u64, is_trace_each: bool) -> (i64, i64) {
    let options = small_options(16 << 20);
    let head = Arc::clone(&options.head);
    let mut engine = Engine::open(options, 7, Arc::new(NoDisk), &SeedDecoder, &mut |_| {}).unwrap();
    let before = HELD.get();
    for batch in 0..8_000 / len {
        let seeds: Vec<u64> = (0..len).map(|index| batch * len + index).collect();
        let mut request = seeded_batch(&Tenant::default(), &seeds);
        if is_trace_each {
            let alone = |seed: &u64| {
                let trace_id = TraceId::from_halves(0, seed + 1).unwrap();
                Span { trace_id, ..seeded_span(*seed) }
            };
            request.spans = seeds.iter().map(alone).collect();
        }
        let request = engine.charge(request).unwrap();
        engine.append(request, ());
        engine.commit(0, &mut |(), outcome| outcome.unwrap());
    }
    (HELD.get() - before, i64::try_from(head.used()).unwrap())
}

#[test]
fn the_head_is_charged_about_what_it_holds() {
    for (len, is_trace_each) in [(1, false), (10, false), (200, false), (1, true), (200, true)] {
        let (held, charged) = held_and_charged(len, is_trace_each);
        println!(
            "{len} spans a batch, a trace each {is_trace_each}: {held} held, {charged} charged"
        );
        assert!(charged * 10 >= held * 9 && charged * 10 <= held * 15, "{held} {charged}");
    }
}
