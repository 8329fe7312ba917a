//! Searches by what is in spans: how long each takes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::Context as _;
use spandrel_corpus::Corpus;
use spandrel_model::{Span, Value};
use spandrel_storage::{
    AttributeScope, EmbeddedStore, NameRequest, Ordered, Predicate, ScanRequest, SpanFilter,
    SpanStore as _, Tenant, TextTest, ValueTest,
};

use super::corpus_file::CorpusFacts;
use super::flags::RunFlags;
use crate::commands::measure::clock::Times;
use crate::commands::measure::figures::Section;

/// How many traces are looked at to choose what is searched for.
const SAMPLE_LEN: u64 = 2_000;

/// What is asked, by a name for people.
struct Query {
    name: &'static str,
    filter: SpanFilter,
    /// After how many traces the answer is complete; all unless given.
    limit: usize,
}

/// Asks each search several times.
pub(super) fn measure(
    store: &EmbeddedStore,
    corpus: &Corpus,
    facts: &CorpusFacts,
    flags: &RunFlags,
) -> anyhow::Result<Section> {
    let mut section = Section::new("search, warm");
    let tenant = Tenant::default();
    for query in queries(corpus, facts.traces) {
        let (mut times, mut found) = (Times::default(), 0);
        for _ in 0..flags.search_rounds {
            found = times.measure(|| ask(store, &query))?;
        }
        section.add(format!("{}: traces", query.name), found as f64, "");
        if flags.verify_all {
            let due = count(corpus, facts.traces, &query.filter).min(query.limit);
            anyhow::ensure!(
                due == found,
                "the search `{}` found {found} traces of {due}",
                query.name
            );
        }
        section.add_times(query.name, times);
    }
    let names = |wanted: &NameRequest| store.names(&tenant, wanted).context("names");
    let services = names(&NameRequest::Services)?;
    section.add("services", services.len() as f64, "");
    let mut questions = vec![("names of services", NameRequest::Services)];
    if let Some(service) = services.into_iter().next() {
        let service = service.to_lowercase();
        questions.push(("names of a service's spans", NameRequest::SpanNames { service }));
    }
    for (name, question) in questions {
        let mut times = Times::default();
        for _ in 0..flags.search_rounds {
            times.measure(|| names(&question))?;
        }
        section.add_times(name, times);
    }
    Ok(section)
}

/// Asks once; returns how many traces were found, each of which has to have a span that meets
/// the filter.
fn ask(store: &EmbeddedStore, query: &Query) -> anyhow::Result<usize> {
    let request = ScanRequest { filters: vec![query.filter.clone()], ..ScanRequest::default() };
    let (mut found, mut is_wrong) = (0, false);
    let visited = store.scan(&Tenant::default(), &request, &mut |trace| {
        is_wrong |= !trace.spans.iter().any(|span| query.filter.matches(span));
        found += 1;
        if found < query.limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    visited.with_context(|| format!("the search `{}`", query.name))?;
    anyhow::ensure!(!is_wrong, "the search `{}` found what does not meet it", query.name);
    Ok(found)
}

/// Counts the traces that meet a filter the slow way.
fn count(corpus: &Corpus, traces: u64, filter: &SpanFilter) -> usize {
    let meets = |index: &u64| corpus.trace(*index).iter().any(|span| filter.matches(span));
    (0..traces).filter(meets).count()
}

fn queries(corpus: &Corpus, traces: u64) -> Vec<Query> {
    let sample: Vec<Vec<Span<'static>>> = (0..SAMPLE_LEN.min(traces))
        .map(|place| corpus.trace(place * traces / SAMPLE_LEN.min(traces)))
        .collect();
    let mut queries = Vec::new();
    let named = |service: &str| Predicate::ServiceName(TextTest::Equals(service.to_owned()));
    let any = SpanFilter::default();
    if let Some(service) = common_service(&sample, &any) {
        queries.push(Query {
            name: "newest 20 of a service",
            filter: SpanFilter { predicates: vec![named(service)] },
            limit: 20,
        });
    }
    let faults = SpanFilter { predicates: vec![failed(), slow()] };
    if let Some(service) = common_service(&sample, &faults) {
        queries.push(Query {
            name: "a service, status >= 500, over 100 ms",
            filter: SpanFilter { predicates: vec![named(service), failed(), slow()] },
            limit: usize::MAX,
        });
    }
    if let Some((key, value)) = rare_attribute(&sample) {
        let equals = |value: String| SpanFilter {
            predicates: vec![Predicate::Attribute {
                scope: AttributeScope::Span,
                key: key.clone(),
                test: ValueTest::Equals(Value::from(value)),
            }],
        };
        queries.push(Query {
            name: "a rare attribute, no service",
            filter: equals(value.clone()),
            limit: usize::MAX,
        });
        let absent: String = value.chars().rev().chain("~".chars()).collect();
        queries.push(Query {
            name: "an attribute that nobody has",
            filter: equals(absent),
            limit: usize::MAX,
        });
    }
    queries
}

fn failed() -> Predicate {
    Predicate::Attribute {
        scope: AttributeScope::Span,
        key: "http.status_code".to_owned(),
        test: ValueTest::Number(Ordered::GreaterOrEqual, 500.0),
    }
}

fn slow() -> Predicate {
    Predicate::DurationNs { min: 100_000_001, max: u64::MAX }
}

/// The service with the most spans that meet a filter.
fn common_service<'s>(sample: &'s [Vec<Span<'static>>], filter: &SpanFilter) -> Option<&'s str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for span in sample.iter().flatten().filter(|span| filter.matches(span)) {
        if let Some(name) = span.service_name() {
            *counts.entry(name).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name)
}

/// A text that one trace of the sample alone has: the longest of a key of which there are many.
fn rare_attribute(sample: &[Vec<Span<'static>>]) -> Option<(String, String)> {
    // How many traces have it, and the last of them.
    let mut traces_with: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for (place, trace) in sample.iter().enumerate() {
        for attribute in trace.iter().flat_map(|span| &span.attributes) {
            let Value::String(text) = &attribute.value else { continue };
            let seen = traces_with.entry((&attribute.key, text)).or_insert((0, usize::MAX));
            if seen.1 != place {
                *seen = (seen.0 + 1, place);
            }
        }
    }
    let is_id = |text: &str| {
        text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    let rare = traces_with.into_iter().filter(|((_, text), (count, _))| *count == 1 && is_id(text));
    let ((key, text), _) = rare.max_by_key(|((_, text), _)| text.len())?;
    Some((key.to_owned(), text.to_owned()))
}
