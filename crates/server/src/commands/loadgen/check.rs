//! The check afterwards: what was acknowledged is read back by the ids of its traces.
//!
//! The corpus is made again, put through the protocol's format, which may not say all of it, and
//! compared as Zipkin's v2 JSON, which is what the server's lookup answers with.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::{Context as _, bail, ensure};
use http::{Method, StatusCode};
use serde_json::Value;
use spandrel_codec::zipkin::{Format, encode};
use spandrel_model::{Span, SpanId, TraceId};

use super::flags::{CheckScope, LoadgenFlags};
use super::send::Tally;
use super::subject::Subject;
use crate::commands::fetch::{Conversation, Question};

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Checked {
    pub(super) traces: u64,
    /// Acknowledged spans that are there as they were sent.
    pub(super) spans: u64,
    /// Acknowledged spans that are not there, or are otherwise.
    pub(super) lost: u64,
    /// Spans that are there and were never sent.
    pub(super) foreign: u64,
    /// Spans that are there though nobody was told so: their requests had no answer, or a refusal.
    pub(super) unacknowledged: u64,
    /// The first difference, for people.
    pub(super) first: Option<String>,
}

/// The spans of one trace that were sent, by what they look like.
type Sent = HashMap<u64, SentSpan>;

#[derive(Clone, Copy, Debug)]
struct SentSpan {
    span_id: SpanId,
    is_acked: bool,
}

/// Reads back the traces that the flags ask for.
pub(super) fn check(
    subject: &Subject,
    flags: &LoadgenFlags,
    tally: &Tally,
) -> anyhow::Result<Checked> {
    let mut checked = Checked::default();
    let sent = sent_traces(subject, flags, tally)?;
    if sent.is_empty() {
        return Ok(checked);
    }
    let mut conversation = subject.server()?.talk()?;
    for (trace_id, sent) in &sent {
        subject.go_on()?;
        let found = look_up(&mut conversation, *trace_id)?;
        checked.add(*trace_id, sent, &found);
    }
    Ok(checked)
}

impl Checked {
    /// Compares a trace. Spans that look the same count once on both sides.
    fn add(&mut self, trace_id: TraceId, sent: &Sent, found: &HashSet<u64>) {
        self.traces += 1;
        for (look, span) in sent {
            match (span.is_acked, found.contains(look)) {
                (true, true) => self.spans += 1,
                (false, true) => self.unacknowledged += 1,
                (false, false) => {}
                (true, false) => {
                    self.lost += 1;
                    let span_id = span.span_id;
                    let lost = || format!("trace {trace_id} has no span {span_id} as it was sent");
                    self.first.get_or_insert_with(lost);
                }
            }
        }
        let foreign = found.iter().filter(|look| !sent.contains_key(look)).count() as u64;
        self.foreign += foreign;
        if foreign > 0 {
            let found = || format!("trace {trace_id} has {foreign} spans that were never sent");
            self.first.get_or_insert_with(found);
        }
    }
}

/// Makes again what was sent of the traces that are asked for.
fn sent_traces(
    subject: &Subject,
    flags: &LoadgenFlags,
    tally: &Tally,
) -> anyhow::Result<HashMap<TraceId, Sent>> {
    let mut traces: HashMap<TraceId, Sent> = HashMap::new();
    let wanted = match flags.check {
        CheckScope::All => None,
        CheckScope::Some(0) => return Ok(traces),
        CheckScope::Some(count) => Some(sampled_ids(flags, tally.traces, count)),
    };
    let is_wanted =
        |span: &Span<'_>| wanted.as_ref().is_none_or(|ids| ids.contains(&span.trace_id));
    let states: HashMap<u64, bool> = tally.requests.iter().copied().collect();
    let Some(last) = states.keys().max().copied() else { return Ok(traces) };
    for (number, request) in (0..=last).zip(flags.corpus.requests()) {
        subject.go_on()?;
        let Some(is_acked) = states.get(&number).copied() else { continue };
        if !request.spans.iter().any(is_wanted) {
            continue;
        }
        let carried = flags.protocol.format.carried(&request);
        let carried = carried.context("a request of the corpus can't be read back")?;
        let carried: Vec<_> = carried.into_iter().filter(is_wanted).collect();
        let looks = looks(&carried)?;
        ensure!(looks.len() == carried.len(), "a span is not one element of Zipkin's list");
        for (span, look) in carried.iter().zip(looks) {
            let sent = traces.entry(span.trace_id).or_default();
            let known = sent.entry(look);
            let known = known.or_insert(SentSpan { span_id: span.span_id, is_acked });
            known.is_acked |= is_acked;
        }
    }
    Ok(traces)
}

/// The ids of so many traces of those that were begun, spread evenly.
fn sampled_ids(flags: &LoadgenFlags, traces: u64, count: u64) -> HashSet<TraceId> {
    let corpus = flags.corpus.corpus();
    let count = count.min(traces);
    let index = |place: u64| (u128::from(place) * u128::from(traces) / u128::from(count)) as u64;
    let ids = |place: u64| corpus.trace(index(place)).into_iter().map(|span| span.trace_id);
    (0..count).flat_map(ids).collect()
}

/// What spans look like in Zipkin's v2 JSON, each as a number that stands for its text.
fn looks(spans: &[Span<'_>]) -> anyhow::Result<Vec<u64>> {
    let mut body = Vec::new();
    encode(Format::V2Json, spans, &mut body);
    looks_in(&body)
}

fn looks_in(body: &[u8]) -> anyhow::Result<Vec<u64>> {
    let list: Vec<Value> = serde_json::from_slice(body)?;
    let look = |span: &Value| {
        let mut hasher = DefaultHasher::new();
        span.to_string().hash(&mut hasher);
        hasher.finish()
    };
    Ok(list.iter().map(look).collect())
}

/// Asks for a trace; one that is not there has no spans.
fn look_up(conversation: &mut Conversation, trace_id: TraceId) -> anyhow::Result<HashSet<u64>> {
    let path = format!("/api/v2/trace/{trace_id}");
    let answer = conversation.ask(&Question::new(Method::GET, &path))?;
    match answer.status {
        StatusCode::NOT_FOUND => Ok(HashSet::new()),
        status if status.is_success() => {
            let looks = looks_in(answer.body.as_bytes());
            Ok(looks.with_context(|| format!("the trace {trace_id}"))?.into_iter().collect())
        }
        _ => bail!("the trace {trace_id} can't be read back: {}", answer.error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_corpus::{Corpus, Profile};

    #[test]
    fn what_is_lost_what_is_foreign_and_what_nobody_was_told_of_is_counted_apart() {
        let spans = Corpus::of(Profile::Ten, 7).trace(3);
        let looks = looks(&spans).unwrap();
        let sent = |is_acked: bool| -> Sent {
            let span = |(span, look): (&Span<'_>, &u64)| {
                (*look, SentSpan { span_id: span.span_id, is_acked })
            };
            spans.iter().zip(&looks).map(span).collect()
        };
        let compare = |sent: &Sent, found: &[u64]| {
            let mut checked = Checked::default();
            checked.add(spans[0].trace_id, sent, &found.iter().copied().collect());
            assert_eq!(checked.first.is_some(), checked.lost + checked.foreign > 0);
            [checked.spans, checked.lost, checked.foreign, checked.unacknowledged]
        };
        let count = looks.len() as u64;
        assert_eq!(compare(&sent(true), &looks), [count, 0, 0, 0]);
        assert_eq!(compare(&sent(true), &looks[1..]), [count - 1, 1, 0, 0]);
        assert_eq!(compare(&sent(false), &looks[1..]), [0, 0, 0, count - 1]);
        assert_eq!(compare(&sent(true), &[&looks[..], &[7]].concat()), [count, 0, 1, 0]);
        assert_eq!(compare(&sent(true), &[]), [0, count, 0, 0]);
    }
}
