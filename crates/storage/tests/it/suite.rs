//! One suite for every span store: random operations, and after them every question, against an
//! oracle that keeps a plain list.
//!
//! The same cases run on a store that keeps all in memory, on one that has all in segments, on
//! one that is mixed, and on one whose segments are read from a store that answers in rounds.

mod oracle;
mod questions;
mod subject;

use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use spandrel_storage::{ScanRequest, SpanStore, Tenant};
use testkit::seeded_batch;

use oracle::Oracle;
use questions::{Question, questions};
use subject::{Place, Subject, append};

/// How many random courses each store has to go through, unless `SPANDREL_SUITE_CASES` says.
const CASES: u32 = 48;

/// Something that happens to a store. Tenants and traces are numbers.
#[derive(Clone, Debug)]
enum Event {
    /// A request with so many spans that were not sent before.
    Append {
        tenant: usize,
        len: u64,
    },
    /// A request with spans that were sent before, some time back.
    Resend {
        tenant: usize,
        back: u64,
        len: u64,
    },
    /// Memory goes to a segment, and segments are merged once there are enough of them.
    Flush,
    Restart,
    Delete {
        tenant: usize,
        low: u64,
    },
    Pin {
        tenant: usize,
        low: u64,
    },
    Unpin {
        tenant: usize,
        low: u64,
    },
    /// Everything is asked.
    Check,
}

fn event() -> impl Strategy<Value = Event> {
    let tenant = || prop_oneof![5 => Just(0_usize), 1 => Just(1_usize)];
    let low = || 1..=oracle::TRACE_ID_MAX;
    prop_oneof![
        10 => (tenant(), 0..12_u64).prop_map(|(tenant, len)| Event::Append { tenant, len }),
        2 => (tenant(), 0..60_u64, 1..6_u64)
            .prop_map(|(tenant, back, len)| Event::Resend { tenant, back, len }),
        4 => Just(Event::Flush),
        1 => Just(Event::Restart),
        1 => (tenant(), low()).prop_map(|(tenant, low)| Event::Delete { tenant, low }),
        1 => (tenant(), low()).prop_map(|(tenant, low)| Event::Pin { tenant, low }),
        1 => (tenant(), low()).prop_map(|(tenant, low)| Event::Unpin { tenant, low }),
        1 => Just(Event::Check),
    ]
}

/// What the cases of one store did, for the counts that are printed.
#[derive(Debug, Default)]
struct Counts {
    spans: u64,
    flushes: u64,
    merges: u64,
    scans: u64,
    scans_with_answers: u64,
    traces_visited: u64,
    spans_compared: u64,
}

/// A store and its oracle on their course.
struct Course {
    subject: Subject,
    oracle: Oracle,
    next_seed: u64,
}

impl Course {
    fn new(place: Place) -> Self {
        Self { subject: Subject::new(place), oracle: Oracle::default(), next_seed: 0 }
    }

    fn take(&mut self, event: &Event, questions: &[Question], counts: &mut Counts) {
        match event {
            Event::Append { tenant, len } => {
                let seeds: Vec<u64> = (self.next_seed..self.next_seed + len).collect();
                self.next_seed += len;
                self.send(*tenant, &seeds, counts);
            }
            Event::Resend { tenant, back, len } => {
                let start = self.next_seed.saturating_sub(*back);
                let seeds: Vec<u64> = (start..self.next_seed.min(start + len)).collect();
                self.send(*tenant, &seeds, counts);
            }
            Event::Flush => self.subject.flush(),
            Event::Restart => self.subject.restart(),
            Event::Delete { tenant, low } => {
                self.subject.store().delete_trace(&tenants()[*tenant], *low).unwrap();
                self.oracle.delete(*tenant, *low);
            }
            Event::Pin { tenant, low } => {
                let pinned = self.subject.store().pin_trace(&tenants()[*tenant], *low).unwrap();
                assert!(pinned >= self.oracle.distinct(*tenant, *low).len());
            }
            Event::Unpin { tenant, low } => {
                self.subject.store().unpin_trace(&tenants()[*tenant], *low).unwrap();
            }
            Event::Check => self.check(questions, counts),
        }
    }

    fn send(&mut self, tenant: usize, seeds: &[u64], counts: &mut Counts) {
        append(self.subject.store(), seeded_batch(&tenants()[tenant], seeds));
        self.oracle.append(tenant, seeds);
        counts.spans += seeds.len() as u64;
    }

    fn check(&self, questions: &[Question], counts: &mut Counts) {
        self.subject.settle();
        for tenant in 0..tenants().len() {
            counts.spans_compared += self.oracle.check_traces(tenant, self.subject.store());
            self.oracle.check_names(tenant, self.subject.store());
            for question in questions {
                let visited = self.oracle.check_scan(tenant, question, &self.subject);
                counts.scans += 1;
                counts.scans_with_answers += u64::from(visited > 0);
                counts.traces_visited += visited;
            }
        }
        assert_eq!(self.subject.store().missing(), None);
    }

    fn finish(mut self, questions: &[Question], counts: &mut Counts) {
        self.check(questions, counts);
        self.subject.restart();
        self.check(questions, counts);
        let (flushes, merges) = self.subject.end();
        counts.flushes += flushes;
        counts.merges += merges;
    }
}

fn tenants() -> [Tenant; 2] {
    [Tenant::default(), Tenant::new("other").unwrap()]
}

fn cases() -> u32 {
    std::env::var("SPANDREL_SUITE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES)
}

/// Runs random courses on stores of a kind; returns what they did.
fn run(place: Place) -> Counts {
    let config = ProptestConfig { failure_persistence: None, cases: cases(), ..Default::default() };
    let counts = std::cell::RefCell::new(Counts::default());
    let courses = (proptest::collection::vec(event(), 1..60), questions());
    let outcome = TestRunner::new(config).run(&courses, |(events, questions)| {
        let counts = &mut *counts.borrow_mut();
        let mut course = Course::new(place);
        for event in &events {
            course.take(event, &questions, counts);
        }
        course.finish(&questions, counts);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{place:?}: {error}"));
    let counts = counts.into_inner();
    println!("{place:?}, {} courses, wrong spans 0: {counts:?}", cases());
    assert!(counts.scans_with_answers > counts.scans / 8, "most questions have no answer");
    counts
}

#[test]
fn a_store_with_all_in_memory_answers_as_a_plain_list() {
    let counts = run(Place::Memory);
    assert_eq!(counts.flushes, 0);
}

#[test]
fn a_store_with_all_in_segments_answers_as_a_plain_list() {
    let counts = run(Place::Segments);
    assert!(counts.flushes > 0 && counts.merges > 0);
}

#[test]
fn a_store_with_spans_in_memory_and_in_segments_answers_as_a_plain_list() {
    let counts = run(Place::Mixed);
    assert!(counts.flushes > 0 && counts.merges > 0);
}

#[test]
fn a_store_whose_segments_are_far_away_answers_as_a_plain_list() {
    let counts = run(Place::FarAway);
    assert!(counts.flushes > 0 && counts.merges > 0);
}

#[test]
fn a_scan_stops_where_its_visitor_breaks() {
    for place in [Place::Memory, Place::Segments, Place::Mixed, Place::FarAway] {
        let subject = Subject::new(place);
        let seeds: Vec<u64> = (0..100).collect();
        append(subject.store(), seeded_batch(&Tenant::default(), &seeds));
        subject.flush();
        subject.settle();
        let mut visited = 0;
        let visit = &mut |_| {
            visited += 1;
            if visited == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        subject.store().scan(&Tenant::default(), &ScanRequest::default(), visit).unwrap();
        assert_eq!(visited, 3);
    }
}
