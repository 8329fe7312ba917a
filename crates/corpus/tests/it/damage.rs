//! Each kind of damage does what it says, as often as it is asked to, and nothing else.

use std::collections::HashSet;

use spandrel_corpus::{Corpus, Damage, Profile};
use spandrel_model::Span;

const SEED: u64 = 8;

/// Returns the first traces, whole and damaged.
fn both(damage: Damage) -> Vec<(Vec<Span<'static>>, Vec<Span<'static>>)> {
    let whole = Corpus::new(Profile::Ten, SEED, Damage::NONE);
    let damaged = Corpus::new(Profile::Ten, SEED, damage);
    (0..200).map(|index| (whole.trace(index), damaged.trace(index))).collect()
}

/// Counts the spans, among those of the first traces with such damage, of which something holds.
fn count(damage: Damage, holds: impl Fn(&Span<'static>, &Span<'static>) -> bool) -> usize {
    let spans = both(damage).into_iter().flat_map(|(whole, damaged)| {
        assert_eq!(whole.len(), damaged.len());
        whole.into_iter().zip(damaged)
    });
    spans.filter(|(whole, damaged)| holds(whole, damaged)).count()
}

#[test]
fn a_rate_in_a_million_is_how_often_it_happens() {
    let damage = Damage { zero_durations_ppm: 100_000, ..Damage::NONE };
    let struck = count(damage, |whole, damaged| whole != damaged);
    assert!((150..=250).contains(&struck), "{struck} of 2,000");
}

#[test]
fn spans_are_sent_twice_and_lost() {
    for (_, damaged) in both(Damage { duplicates_ppm: 1_000_000, ..Damage::NONE }) {
        assert_eq!(damaged[..10], damaged[10..]);
    }
    for (_, damaged) in both(Damage { lost_ppm: 1_000_000, ..Damage::NONE }) {
        assert_eq!(damaged, []);
    }
    for (whole, damaged) in both(Damage { lost_ppm: 300_000, ..Damage::NONE }) {
        assert!(damaged.iter().all(|span| whole.contains(span)));
    }
}

#[test]
fn times_are_zero_absent_or_of_another_age() {
    let zero = Damage { zero_durations_ppm: 1_000_000, ..Damage::NONE };
    assert_eq!(count(zero, |_, span| span.duration_ns == Some(0)), 2_000);
    let none = Damage { no_durations_ppm: 1_000_000, ..Damage::NONE };
    assert_eq!(
        count(none, |whole, span| {
            span.duration_ns.is_none() && span.start_ns == whole.start_ns
        }),
        2_000
    );
    let outliers = Damage { outlier_times_ppm: 1_000_000, ..Damage::NONE };
    assert_eq!(count(outliers, |whole, span| span.start_ns != whole.start_ns), 2_000);
    let ends =
        |span: &Span<'_>| span.start_ns.and_then(|start| start.checked_add(span.duration_ns?));
    assert!(count(outliers, |_, span| ends(span) == Some(u64::MAX)) > 200);
    assert!(count(outliers, |_, span| span.start_ns.is_none()) > 200);
}

#[test]
fn parents_are_unknown_the_span_itself_or_its_child() {
    let orphans = Damage { orphans_ppm: 1_000_000, ..Damage::NONE };
    for (whole, damaged) in both(orphans) {
        let ids: HashSet<_> = whole.iter().map(|span| span.span_id).collect();
        assert!(damaged.iter().all(|span| !ids.contains(&span.parent_id.unwrap())));
    }
    let own = Damage { self_parents_ppm: 1_000_000, ..Damage::NONE };
    assert_eq!(count(own, |_, span| span.parent_id == Some(span.span_id)), 2_000);
    for (_, damaged) in both(Damage { cycles_ppm: 1_000_000, ..Damage::NONE }) {
        // Nobody is left whose ancestors end.
        assert!(damaged.iter().all(|span| span.parent_id.is_some()));
    }
}

#[test]
fn ids_are_short_mixed_or_used_again() {
    let short = Damage { short_ids_ppm: 1_000_000, ..Damage::NONE };
    assert_eq!(
        count(short, |whole, span| {
            span.trace_id.high() == 0 && span.trace_id.low() == whole.trace_id.low()
        }),
        2_000
    );
    let mixed = Damage { mixed_ids_ppm: 1_000_000, ..Damage::NONE };
    let cut = count(mixed, |_, span| span.trace_id.high() == 0);
    assert!((200..1_800).contains(&cut), "{cut}");
    for pair in both(Damage { reused_trace_ids_ppm: 1_000_000, ..Damage::NONE }).windows(2) {
        assert_eq!(pair[1].1[0].trace_id, pair[0].0[0].trace_id);
    }
    let reused = Damage { reused_span_ids_ppm: 1_000_000, ..Damage::NONE };
    for (whole, damaged) in both(reused) {
        let ids: HashSet<_> = whole.iter().map(|span| span.span_id).collect();
        assert!(damaged.iter().all(|span| ids.contains(&span.span_id)));
        assert!(damaged.iter().map(|span| span.span_id).collect::<HashSet<_>>().len() < 10);
    }
}

#[test]
fn services_keep_their_names_to_themselves() {
    let nameless = Damage { nameless_ppm: 1_000_000, ..Damage::NONE };
    assert_eq!(
        count(nameless, |whole, span| {
            span.service_name().is_none() && span.resource.attributes == whole.resource.attributes
        }),
        2_000
    );
}

#[test]
fn late_spans_are_the_same_and_come_minutes_later() {
    let sent = |damage| {
        let requests = Corpus::new(Profile::Ten, SEED, damage).requests(2_000, 1);
        let mut sent: Vec<_> =
            requests.map(|request| (request.spans[0].span_id, request.sent_ns)).collect();
        sent.sort();
        sent
    };
    let late = sent(Damage { late_ppm: 1_000_000, ..Damage::NONE });
    for ((id, sent_ns), (late_id, late_ns)) in sent(Damage::NONE).into_iter().zip(late) {
        assert_eq!(id, late_id);
        let late_s = (late_ns - sent_ns) / 1_000_000_000;
        assert!((60..=600).contains(&late_s), "{late_s} s");
    }
}
