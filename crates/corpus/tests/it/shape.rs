//! Traces have the sizes, the depths and the bytes that their profiles promise.

use std::collections::{HashMap, HashSet};

use spandrel_corpus::{Corpus, Damage, Profile, otlp};
use spandrel_model::{Span, SpanId};

use crate::WHOLE_NUMBERS;

fn undamaged(profile: Profile) -> Corpus {
    Corpus::new(profile, 11, Damage::NONE)
}

/// Returns the value that this many of a hundred do not exceed.
fn percentile(values: &mut [usize], percent: usize) -> usize {
    values.sort_unstable();
    values[values.len() * percent / 100]
}

/// Returns how many services lie one above the other.
fn depth(spans: &[Span<'_>]) -> usize {
    let mut depths: HashMap<SpanId, usize> = HashMap::new();
    for span in spans {
        let above = span.parent_id.map_or(0, |parent_id| depths[&parent_id]);
        let arrives = span.trace_flags == 0x301;
        depths.insert(span.span_id, above + usize::from(arrives));
    }
    depths.into_values().max().unwrap_or(0)
}

#[test]
fn without_damage_every_trace_is_one_tree_whose_parents_come_first() {
    for profile in WHOLE_NUMBERS.into_iter().chain([Profile::Lab]) {
        let corpus = undamaged(profile);
        for index in 0..if matches!(profile, Profile::Giant { .. }) { 2 } else { 100 } {
            let mut known = HashSet::new();
            for (at, span) in corpus.trace(index).iter().enumerate() {
                assert_eq!(span.parent_id.is_none(), at == 0, "{profile}, trace {index}");
                let is_known = span.parent_id.is_none_or(|parent_id| known.contains(&parent_id));
                assert!(is_known, "{profile}, trace {index}, span {at}");
                assert!(known.insert(span.span_id), "{profile}, trace {index}, span {at}");
                assert!(span.duration_ns.is_some(), "{profile}, trace {index}, span {at}");
            }
        }
    }
}

#[test]
fn traces_of_the_mesh_are_mostly_small_and_sometimes_large() {
    let corpus = undamaged(Profile::Mesh);
    // The few traces of more than a thousand spans would take most of the time.
    let mut sizes: Vec<usize> = Vec::new();
    let mut depths: Vec<usize> = Vec::new();
    for index in 0..600 {
        let spans = corpus.trace(index);
        sizes.push(spans.len());
        depths.push(depth(&spans));
    }
    assert_eq!(percentile(&mut sizes, 14), 1);
    assert!((8..=16).contains(&percentile(&mut sizes, 50)), "{sizes:?}");
    assert!((60..=140).contains(&percentile(&mut sizes, 90)), "{sizes:?}");
    assert!((2..=4).contains(&percentile(&mut depths, 50)), "{depths:?}");
    assert!(percentile(&mut depths, 99) <= 9, "{depths:?}");
}

#[test]
fn ten_is_ten_giant_is_what_was_asked_and_the_shop_has_three_to_sixty() {
    let sizes = |profile: Profile, count: u64| -> Vec<usize> {
        let corpus = undamaged(profile);
        (0..count).map(|index| corpus.trace(index).len()).collect()
    };
    assert!(sizes(Profile::Ten, 500).iter().all(|&size| size == 10));
    assert_eq!(sizes(Profile::Giant { spans: 12_345 }, 2), [12_345; 2]);
    let shop = sizes(Profile::Shop, 1_000);
    assert_eq!(shop.iter().min(), Some(&3));
    assert!(shop.iter().all(|&size| size <= 60), "{shop:?}");
}

#[test]
fn a_span_of_the_mesh_takes_400_to_650_bytes_of_otlp() {
    let (mut spans, mut bytes, mut body) = (0, 0, Vec::new());
    for request in Corpus::of(Profile::Mesh, 3).requests(30_000, 512) {
        body.clear();
        otlp::encode_request(&request, &mut body);
        spans += request.spans.len();
        bytes += body.len();
    }
    assert!((400..=650).contains(&(bytes / spans)), "{} bytes", bytes / spans);
}

#[test]
fn three_traces_in_four_of_one_beginning_and_size_have_one_shape() {
    let corpus = undamaged(Profile::Ten);
    let mut shapes: HashMap<String, HashMap<Vec<String>, usize>> = HashMap::new();
    for index in 0..3_000 {
        let spans = corpus.trace(index);
        let root = format!("{:?} {}", spans[0].service_name(), spans[0].name);
        let shape = spans.iter().map(|span| span.name.clone().into_owned()).collect();
        *shapes.entry(root).or_default().entry(shape).or_default() += 1;
    }
    let common = shapes.values().map(|of_root| *of_root.values().max().unwrap());
    let share = common.sum::<usize>() * 100 / 3_000;
    assert!((70..=85).contains(&share), "{share} %");
}

#[test]
fn other_seeds_are_other_traces_of_the_same_services() {
    let ids = |seed| -> HashSet<_> {
        let corpus = Corpus::new(Profile::Ten, seed, Damage::NONE);
        (0..1_000).map(|index| corpus.trace(index)[0].trace_id.low()).collect()
    };
    let (first, second) = (ids(1), ids(2));
    assert_eq!((first.len(), second.len()), (1_000, 1_000), "no trace id comes twice");
    assert!(first.is_disjoint(&second));
}
