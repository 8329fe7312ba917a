//! Spans' memory, kept for the next span: in steady state a span allocates nothing.
//!
//! Each thread has spares of its own, which need no lock. The reporter's thread only gives back
//! and the program's threads only take, so full hands of spares go over a shared shelf. Both are
//! bounded; what does not fit is freed.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, TryLockError};

use crate::record::{FinishedSpan, Record};
use crate::span::Live;

/// How many spares a thread keeps, of records and of open spans.
const SPARES_LEN_MAX: usize = 32;

/// How many hands of spares the shelf holds: 2,048 records, some 4 MB at the most.
const SHELF_LEN_MAX: usize = 64;

/// How many tags or logs a spare record has room for; one that grew beyond is freed.
const SPARE_ROOM_MAX: usize = 16;

type Hand = Vec<Box<Record>>;

static SHELF: Mutex<Vec<Hand>> = Mutex::new(Vec::new());

thread_local! {
    static RECORDS: RefCell<Hand> = const { RefCell::new(Vec::new()) };
    static OPEN_SPANS: RefCell<Vec<Arc<Live>>> = const { RefCell::new(Vec::new()) };
}

/// Returns a record with nothing in it.
pub(crate) fn take_record() -> Box<Record> {
    // A thread that is being torn down has no spares any more.
    let spare = RECORDS.try_with(|spares| {
        let mut spares = spares.try_borrow_mut().ok()?;
        if spares.is_empty()
            && let Some(hand) = on_shelf(Vec::pop)
        {
            *spares = hand;
        }
        spares.pop()
    });
    spare.ok().flatten().unwrap_or_else(|| Box::new(Record::empty()))
}

/// Keeps a span's memory for another one.
pub(crate) fn recycle(span: FinishedSpan) {
    let mut record = span.0;
    if !record.clear(SPARE_ROOM_MAX) {
        return;
    }
    // What is left over is freed at the end.
    let _left_over = RECORDS.try_with(move |spares| {
        let mut spares = spares.try_borrow_mut().ok()?;
        spares.push(record);
        if spares.len() < SPARES_LEN_MAX {
            return None;
        }
        let mut hand = Some(std::mem::take(&mut *spares));
        on_shelf(|shelf| {
            if shelf.len() < SHELF_LEN_MAX {
                shelf.extend(hand.take());
            }
            Some(())
        });
        hand
    });
}

/// Uses the shelf, unless another thread is at it: nobody waits for spares.
fn on_shelf<R>(act: impl FnOnce(&mut Vec<Hand>) -> Option<R>) -> Option<R> {
    match SHELF.try_lock() {
        Ok(mut shelf) => act(&mut shelf),
        Err(TryLockError::Poisoned(poisoned)) => act(&mut poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Puts an open span in an allocation of its own, or in a spare one.
pub(crate) fn share(live: Live) -> Arc<Live> {
    let spare = OPEN_SPANS.try_with(|spares| spares.try_borrow_mut().ok()?.pop()).ok().flatten();
    match spare {
        Some(mut spare) => match Arc::get_mut(&mut spare) {
            Some(place) => {
                *place = live;
                spare
            }
            None => Arc::new(live),
        },
        None => Arc::new(live),
    }
}

/// Keeps the allocation of a span to which no handle is left, after `last_words` on it.
pub(crate) fn unshare(
    mut live: Arc<Live>,
    last_words: impl FnOnce(&mut Live),
) -> Option<Arc<Live>> {
    let Some(last) = Arc::get_mut(&mut live) else { return Some(live) };
    last_words(last);
    last.let_go();
    let _left_over = OPEN_SPANS.try_with(move |spares| {
        let mut spares = spares.try_borrow_mut().ok()?;
        if spares.len() >= SPARES_LEN_MAX {
            return Some(live);
        }
        spares.push(live);
        None
    });
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tracer;
    use crate::reporter::InMemoryReporter;

    fn a_span() -> FinishedSpan {
        let reporter = InMemoryReporter::new();
        let tracer = Tracer::builder("pool").reporter(reporter.clone()).build();
        tracer.span("s").tag("k", "v").start().log("l").set_baggage_item("a", "b");
        reporter.take().pop().unwrap()
    }

    #[test]
    fn a_recycled_record_has_nothing_in_it() {
        recycle(a_span());
        let record = Record { process: None, ..*take_record() };
        assert_eq!(format!("{record:?}"), format!("{:?}", Record::empty()));
    }

    #[test]
    fn what_one_thread_gives_back_another_takes() {
        let given = std::thread::spawn(|| {
            for _ in 0..3 * SPARES_LEN_MAX {
                recycle(a_span());
            }
        });
        given.join().unwrap();
        assert!(SHELF.lock().is_ok_and(|shelf| shelf.len() <= SHELF_LEN_MAX));
    }
}
