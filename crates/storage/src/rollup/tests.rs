//! The algebra of rollups, their bounds, and their bytes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use proptest::{prop_assert, prop_assert_eq, proptest};
use spandrel_model::{SpanKind, StatusCode};

use super::{
    CallKey, Class, Limits, NAME_LEN_MAX, NO_MINUTE, Name, NameText, Rollup, RollupError, SpanKey,
    minute_of,
};

const TIGHT: Limits = Limits { span_rows_max: 6, call_rows_max: 3, names_len_max: 40 };

#[derive(Clone, Debug)]
enum Counted {
    Span { names: [&'static str; 2], class: Class, start: Option<u64>, duration: Option<u64> },
    Call { names: [&'static str; 2], minute: u32, is_error: bool, duration: Option<u64> },
}

fn any_class() -> impl Strategy<Value = Class> {
    (0..36u8).prop_map(|byte| Class::of_byte(byte).unwrap())
}

fn any_counted() -> impl Strategy<Value = Counted> {
    let name = || select(vec!["", "a", "b", "get /users", "é"]);
    let start = option::of(select(vec![0, 60_000_000_000, 1 << 60, u64::MAX]));
    let duration = || option::of((any::<u64>(), 0..64u32).prop_map(|(ns, shift)| ns >> shift));
    let span = ([name(), name()], any_class(), start, duration()).prop_map(
        |(names, class, start, duration)| Counted::Span { names, class, start, duration },
    );
    let call = ([name(), name()], 0..3u32, any::<bool>(), duration()).prop_map(
        |(names, minute, is_error, duration)| Counted::Call { names, minute, is_error, duration },
    );
    proptest::prop_oneof![span, call]
}

fn any_counts() -> impl Strategy<Value = Vec<Counted>> {
    vec(any_counted(), 0..40)
}

fn count_into(rollup: &mut Rollup, counted: &Counted) {
    let mut named = |name: &str| if name.is_empty() { Name::ABSENT } else { rollup.name(name) };
    match *counted {
        Counted::Span { names: [service, operation], class, start, duration } => {
            let (service, operation) = (named(service), named(operation));
            let key = SpanKey { service, operation, class, minute: minute_of(start) };
            rollup.add_span(key, duration);
        }
        Counted::Call { names: [parent, child], minute, is_error, duration } => {
            let key = CallKey { parent: named(parent), child: named(child), minute };
            rollup.add_call(key, is_error, duration);
        }
    }
}

fn rollup(counts: &[Counted], limits: Limits) -> Rollup {
    let mut rollup = Rollup::new(limits);
    counts.iter().for_each(|counted| count_into(&mut rollup, counted));
    rollup
}

fn segment(counts: &[Counted]) -> Rollup {
    rollup(counts, Limits::SEGMENT)
}

fn bytes(rollup: &Rollup) -> Vec<u8> {
    let mut bytes = Vec::new();
    rollup.encode(&mut bytes);
    bytes
}

fn sum(one: &Rollup, other: &Rollup) -> Rollup {
    let mut sum = one.clone();
    sum.merge(other);
    sum
}

fn difference(one: &Rollup, other: &Rollup) -> Rollup {
    let mut difference = one.clone();
    difference.subtract(other);
    difference
}

proptest! {
    #[test]
    fn rollups_add_up_in_any_order(
        a in any_counts(), b in any_counts(), c in any_counts(),
    ) {
        let all = segment(&[a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (segment(&a), segment(&b), segment(&c));
        prop_assert_eq!(bytes(&sum(&a, &b)), bytes(&sum(&b, &a)));
        prop_assert_eq!(bytes(&sum(&sum(&a, &b), &c)), bytes(&sum(&a, &sum(&b, &c))));
        prop_assert_eq!(bytes(&sum(&sum(&a, &b), &c)), bytes(&all));
    }

    #[test]
    fn a_correction_makes_of_the_old_sums_the_new_ones(
        old in any_counts(), new in any_counts(), rest in any_counts(),
    ) {
        let (old, new, rest) = (segment(&old), segment(&new), segment(&rest));
        let correction = difference(&new, &old);
        prop_assert_eq!(bytes(&sum(&old, &correction)), bytes(&new));
        prop_assert_eq!(bytes(&sum(&sum(&rest, &correction), &old)), bytes(&sum(&rest, &new)));
        // A correction is itself kept as bytes.
        let read = Rollup::decode(&bytes(&correction), Limits::SEGMENT).unwrap();
        prop_assert_eq!(bytes(&sum(&read, &old)), bytes(&new));
        prop_assert_eq!(bytes(&difference(&old, &old)), bytes(&segment(&[])));
    }

    #[test]
    fn what_is_written_is_read(one in any_counts(), other in any_counts()) {
        let written = difference(&segment(&one), &segment(&other));
        let read = Rollup::decode(&bytes(&written), Limits::SEGMENT).unwrap();
        prop_assert_eq!(bytes(&read), bytes(&written));
        let told = |rollup: &Rollup| {
            let mut told: Vec<String> = rollup.spans().map(|row| format!("{row:?}")).collect();
            told.extend(rollup.calls().map(|row| format!("{row:?}")));
            told.sort();
            told
        };
        prop_assert_eq!(told(&read), told(&written));
    }

    #[test]
    fn every_cut_is_noticed(counts in any_counts()) {
        let whole = bytes(&segment(&counts));
        for len in 0..whole.len() {
            let cut = Rollup::decode(&whole[..len], Limits::SEGMENT);
            prop_assert!(cut.is_err(), "cut at {} of {}", len, whole.len());
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_are_another_rollup(
        counts in any_counts(), place in any::<proptest::sample::Index>(), with in 1..=255u8,
    ) {
        let mut damaged = bytes(&segment(&counts));
        let place = place.index(damaged.len());
        damaged[place] ^= with;
        if let Ok(read) = Rollup::decode(&damaged, Limits::SEGMENT) {
            let again = Rollup::decode(&bytes(&read), Limits::SEGMENT).unwrap();
            prop_assert_eq!(bytes(&again), bytes(&read));
            let _ = bytes(&sum(&read, &read));
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Rollup::decode(&bytes, Limits::SEGMENT);
        let _ = Rollup::decode(&[&[1][..], &bytes].concat(), Limits::SEGMENT);
    }

    #[test]
    fn past_its_limits_a_rollup_still_counts_all(counts in any_counts()) {
        let (tight, wide) = (rollup(&counts, TIGHT), segment(&counts));
        let spans = |rollup: &Rollup| rollup.spans().map(|row| row.count).sum::<i64>();
        let timed = |rollup: &Rollup| rollup.spans().map(|row| row.durations.count()).sum::<i64>();
        let calls = |rollup: &Rollup| {
            rollup.calls().fold((0, 0), |sum, row| (sum.0 + row.count, sum.1 + row.errors))
        };
        prop_assert_eq!(spans(&tight), spans(&wide));
        prop_assert_eq!(timed(&tight), timed(&wide));
        prop_assert_eq!(calls(&tight), calls(&wide));
        prop_assert!(tight.spans().count() <= TIGHT.all_span_rows_max());
        prop_assert!(tight.calls().count() <= TIGHT.all_call_rows_max());
        prop_assert_eq!((wide.folded_spans(), wide.folded_calls()), (0, 0));
        let read = Rollup::decode(&bytes(&tight), TIGHT).unwrap();
        prop_assert_eq!(bytes(&read), bytes(&tight));
    }
}

fn key(service: Name, operation: Name) -> SpanKey {
    let class = Class::new(Some(SpanKind::Server), StatusCode::Unset, false);
    SpanKey { service, operation, class, minute: 7 }
}

#[test]
fn a_class_gives_back_what_it_was_made_of() {
    let kinds = [
        None,
        Some(SpanKind::Internal),
        Some(SpanKind::Client),
        Some(SpanKind::Server),
        Some(SpanKind::Producer),
        Some(SpanKind::Consumer),
    ];
    let mut bytes = Vec::new();
    for kind in kinds {
        for status in [StatusCode::Unset, StatusCode::Ok, StatusCode::Error] {
            for is_error in [false, true] {
                let class = Class::new(kind, status, is_error);
                assert_eq!((class.kind(), class.status()), (kind, status));
                assert_eq!(class.is_error(), is_error);
                bytes.push(class.byte());
            }
        }
    }
    assert_eq!(bytes, (0..36).collect::<Vec<u8>>());
    assert_eq!(Class::of_byte(36), None);
}

#[test]
fn operations_without_room_are_others_of_their_service_and_counted() {
    let mut rollup = Rollup::new(Limits { span_rows_max: 2, ..Limits::SEGMENT });
    let (web, app) = (rollup.name("web"), rollup.name("app"));
    for (number, service) in [web, web, web, app, web].into_iter().enumerate() {
        let operation = rollup.name(&format!("operation {number}"));
        rollup.add_span(key(service, operation), Some(5));
    }
    let mut told: Vec<_> =
        rollup.spans().map(|row| (row.service, row.operation, row.count)).collect();
    told.sort();
    assert_eq!(
        told,
        [
            (NameText::Text("app"), NameText::Other, 1),
            (NameText::Text("web"), NameText::Other, 2),
            (NameText::Text("web"), NameText::Text("operation 0"), 1),
            (NameText::Text("web"), NameText::Text("operation 1"), 1),
        ]
    );
    assert_eq!(rollup.folded_spans(), 3);
}

#[test]
fn minutes_without_end_are_one_row() {
    let mut rollup = Rollup::new(TIGHT);
    let web = rollup.name("web");
    for minute in 0..1_000 {
        rollup.add_span(SpanKey { minute, ..key(web, web) }, None);
        rollup.add_call(CallKey { parent: web, child: web, minute }, true, None);
    }
    assert_eq!(rollup.spans().count(), 2 * TIGHT.span_rows_max + 1);
    let last = rollup.spans().find(|row| row.minute == NO_MINUTE).unwrap();
    assert_eq!((last.service, last.count), (NameText::Other, 988));
    assert_eq!((rollup.folded_spans(), rollup.folded_calls()), (994, 997));
}

#[test]
fn a_name_that_is_too_long_or_one_too_many_is_another() {
    let mut rollup = Rollup::new(TIGHT);
    assert_eq!(rollup.name(&"a".repeat(NAME_LEN_MAX + 1)), Name::OTHER);
    let long = rollup.name(&"b".repeat(39));
    assert_ne!(long, Name::OTHER);
    assert_eq!(rollup.name("c"), Name::OTHER);
    assert_eq!(rollup.name(&"b".repeat(39)), long);
}

#[test]
fn a_minute_is_that_of_the_start() {
    assert_eq!(minute_of(Some(59_999_999_999)), 0);
    assert_eq!(minute_of(Some(60_000_000_000)), 1);
    assert!(minute_of(Some(u64::MAX)) < NO_MINUTE);
    assert_eq!(minute_of(None), NO_MINUTE);
}

#[test]
fn a_later_version_is_refused_plainly() {
    let mut bytes = bytes(&segment(&[]));
    bytes[0] = 2;
    let error = Rollup::decode(&bytes, Limits::SEGMENT).unwrap_err();
    assert_eq!(error, RollupError::Newer { version: 2 });
    assert_eq!(error.to_string(), "the rollup is of version 2, and this program knows version 1");
}

#[test]
fn more_than_a_reader_takes_is_refused_before_it_is_allocated() {
    for announced in [[0xff, 0xff, 0x7f].as_slice(), &[0xff; 9]] {
        let bytes = [&[1, 0], announced, &[1]].concat();
        let error = Rollup::decode(&bytes, Limits::SEGMENT).unwrap_err();
        assert!(matches!(error, RollupError::TooMany { what: "rows of spans", .. }), "{error}");
    }
    assert_eq!(
        Rollup::decode(&[1, 0, 100], Limits::SEGMENT).unwrap_err(),
        RollupError::Truncated { offset: 3 }
    );
}

/// One of each thing that is written; a later version must read it.
#[test]
fn version_1_is_written_and_read_as_ever() {
    let mut rollup = Rollup::new(Limits::SEGMENT);
    let (web, get) = (rollup.name("web"), rollup.name("get"));
    for duration in [Some(5), Some(1_000), Some(1_001), None] {
        rollup.add_span(key(web, get), duration);
    }
    rollup.add_span(SpanKey { minute: NO_MINUTE, ..key(Name::ABSENT, Name::OTHER) }, None);
    let mut taken = Rollup::new(Limits::SEGMENT);
    let call = CallKey { parent: taken.name("web"), child: taken.name("db"), minute: 7 };
    taken.add_call(call, true, Some(1 << 40));
    rollup.subtract(&taken);
    let golden: &[u8] = &[
        1, 3, 2, 3, 3, 100, 98, 103, 101, 116, 119, 101, 98, 2, 0, 8, 2, 4, 18, 18, 254, 255, 255,
        255, 31, 239, 255, 255, 255, 31, 2, 2, 0, 2, 10, 242, 2, 2, 4, 1, 8, 4, 14, 1, 0, 1, 128,
        18, 1,
    ];
    assert_eq!(bytes(&rollup), golden);
    assert_eq!(bytes(&Rollup::decode(golden, Limits::SEGMENT).unwrap()), golden);
}

/// SplitMix64, as numbers from 0 to 1.
struct Random(u64);

impl Random {
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly a normal distribution.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// A million spans of 200 s: 1,314 operations of 50 services, the most frequent ones far ahead,
/// durations log-normal about a middle of their own, one in 200 failed.
#[test]
#[ignore = "prints what a million spans cost; run it in release"]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a shape, not an exact figure"
)]
fn the_size_of_a_million_spans() {
    const SPANS: u32 = 1_000_000;
    let mut random = Random(42);
    let operations: Vec<_> = (0..1_314u32)
        .map(|number| {
            let middle = (13.0 + 1.5 * random.normal()).exp();
            (number, number % 50, middle, 0.4 + 0.8 * random.unit())
        })
        .collect();
    let mut rollup = Rollup::new(Limits::SEGMENT);
    let names: Vec<_> = operations
        .iter()
        .map(|(operation, service, ..)| {
            let service = rollup.name(&format!("service-{service}"));
            (service, rollup.name(&format!("GET /api/v1/resource-{operation}/{{id}}")))
        })
        .collect();
    for span in 0..SPANS {
        // Zipf's law, more or less: the logarithm of the rank is uniform.
        let rank = (1_315f64.powf(random.unit()) as usize - 1).min(1_313);
        let (number, _, middle, sigma) = operations[rank];
        let (service, operation) = names[rank];
        let is_error = random.unit() < 0.005;
        let status = if is_error { StatusCode::Error } else { StatusCode::Unset };
        let kind = [SpanKind::Server, SpanKind::Client, SpanKind::Internal][number as usize % 3];
        let start_ns = (1 << 60) + u64::from(span) * 200_000;
        let class = Class::new(Some(kind), status, is_error);
        let key = SpanKey { service, operation, class, minute: minute_of(Some(start_ns)) };
        let duration_ns = (middle * (sigma * random.normal()).exp()) as u64;
        rollup.add_span(key, Some(duration_ns));
        if kind == SpanKind::Server {
            let child = names[(rank * 7 + 1) % 1_314].0;
            let key = CallKey { parent: service, child, minute: key.minute };
            rollup.add_call(key, is_error, Some(duration_ns));
        }
    }
    let bytes = bytes(&rollup);
    println!(
        "{} rows of spans, {} of calls, {} B: {:.3} B/span before compression",
        rollup.spans().count(),
        rollup.calls().count(),
        bytes.len(),
        bytes.len() as f64 / f64::from(SPANS),
    );
    if let Some(path) = std::env::var_os("ROLLUP_OUT") {
        std::fs::write(path, &bytes).unwrap();
    }
}
