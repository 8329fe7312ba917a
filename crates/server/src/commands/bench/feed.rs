//! Feeds a store as a receiver does: decodes each request, appends it, and counts its answer.

use std::borrow::Cow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use spandrel_codec::{SpanSink, otlp};
use spandrel_model::Span;
use spandrel_storage::{
    Account, AppendError, Batch, EmbeddedStore, Origin, SpanBatch, SpanStore as _, Tenant,
};

use super::corpus_file::CorpusRequests;
use crate::clock::{Clock as _, SystemClock};
use crate::commands::measure::clock::{Stopwatch, thread_cpu_ns};

/// How much of the head has to be free before a request is decoded: more than one needs, so that
/// none is refused and decoded twice.
const HEAD_ROOM_LEN: u64 = 8 << 20;

/// How often a full head is looked at again.
const ROOM_CHECK: Duration = Duration::from_millis(2);

/// What feeding took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fed {
    pub(super) spans: u64,
    pub(super) requests: u64,
    pub(super) body_bytes: u64,
    /// Processor time of reading the corpus back, or of making it, which is not the store's.
    pub(super) reading_cpu_ns: u64,
    /// Processor time from bytes to a batch.
    pub(super) decoding_cpu_ns: u64,
    /// Processor time of handing batches over.
    pub(super) appending_cpu_ns: u64,
    /// From the first request to the last answer.
    pub(super) wall_ns: u64,
    /// The part of that in which the head was full.
    pub(super) full_wall_ns: u64,
}

/// Appends all requests of a corpus, and returns when each is acknowledged.
pub(super) fn feed(
    store: &EmbeddedStore,
    head: &Account,
    requests: &mut CorpusRequests,
    in_flight_max: u32,
) -> anyhow::Result<Fed> {
    let answers = Arc::new(Answers::default());
    let mut fed = Fed::default();
    let wall = Stopwatch::start();
    loop {
        let before_ns = thread_cpu_ns();
        let request = requests.next()?;
        let read_ns = thread_cpu_ns();
        fed.reading_cpu_ns += read_ns - before_ns;
        let Some((body, span_count)) = request else { break };
        answers.wait_below(in_flight_max)?;
        fed.full_wall_ns += wait_for_room(head);
        fed.spans += u64::from(span_count);
        fed.requests += 1;
        fed.body_bytes += body.len() as u64;
        let waited_ns = thread_cpu_ns();
        let spans = decode(&body, span_count)?;
        let decoded_ns = thread_cpu_ns();
        fed.decoding_cpu_ns += decoded_ns - waited_ns;
        answers.expect_one();
        let answered = Arc::clone(&answers);
        store.append(batch(body, spans), Box::new(move |outcome| answered.take(outcome)));
        fed.appending_cpu_ns += thread_cpu_ns() - decoded_ns + waited_ns - read_ns;
    }
    answers.wait_below(1)?;
    fed.wall_ns = wall.ns();
    Ok(fed)
}

/// Decodes a request as the receivers do, and holds it to what the corpus says of it.
fn decode(body: &[u8], span_count: u32) -> anyhow::Result<SpanBatch> {
    let mut spans = Gathered(SpanBatch::new());
    let decoded = otlp::decode(otlp::Format::Proto, body, &mut spans);
    let decoded = decoded.context("a request of the corpus can't be decoded")?;
    if decoded.accepted != span_count as usize {
        let accepted = decoded.accepted;
        bail!("{accepted} of the {span_count} spans of a request could be decoded");
    }
    Ok(spans.0)
}

fn batch(body: Bytes, spans: SpanBatch) -> Batch {
    let origin = Origin {
        format: Cow::Borrowed(otlp::Format::Proto.name()),
        content_encoding: Cow::Borrowed(""),
        door: Cow::Borrowed("bench"),
        peer: None,
        arrival_ns: SystemClock.now_ns(),
        accepted: spans.len() as u32,
        rejected: 0,
        limits: Vec::new(),
    };
    Batch { tenant: Tenant::default(), origin, body, spans }
}

/// Waits while the head is full; returns for how long.
fn wait_for_room(head: &Account) -> u64 {
    let is_full = || head.used() + HEAD_ROOM_LEN > head.limit();
    if !is_full() {
        return 0;
    }
    let wall = Stopwatch::start();
    while is_full() {
        std::thread::park_timeout(ROOM_CHECK);
    }
    wall.ns()
}

struct Gathered(SpanBatch);

impl SpanSink for Gathered {
    fn span(&mut self, span: &Span<'_>) {
        self.0.push(span);
    }
}

/// The answers that are still to come, and the first that was a refusal.
#[derive(Default)]
struct Answers {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    due: u32,
    refused: Option<AppendError>,
}

impl Answers {
    fn expect_one(&self) {
        self.state().due += 1;
    }

    fn take(&self, outcome: Result<(), AppendError>) {
        let mut state = self.state();
        state.due -= 1;
        if let Err(error) = outcome {
            state.refused.get_or_insert(error);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Waits until fewer than so many answers are due.
    fn wait_below(&self, due_max: u32) -> anyhow::Result<()> {
        let mut state = self.state();
        while state.due >= due_max {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match state.refused.take() {
            Some(error) => Err(error).context("the store refused a request"),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
