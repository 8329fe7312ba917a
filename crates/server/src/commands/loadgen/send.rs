//! Sending: closed, where the next request follows an answer, or open, at a rate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;

use super::answer::Answer;
use super::bodies::{Body, Pool};
use super::channel::{Channel, Target};
use super::flags::LoadgenFlags;
use crate::commands::measure::clock::Stopwatch;

/// How often one request is sent at the most.
const ATTEMPTS_MAX: u32 = 20;
/// How long a server may ask to wait; a longer wait is cut to this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);
/// How long to wait after there was no answer.
const NO_ANSWER_PAUSE: Duration = Duration::from_millis(100);
const NS_PER_S: u128 = 1_000_000_000;

/// What to send, where to, and until when.
#[derive(Debug)]
pub(super) struct Plan<'f> {
    pub(super) pool: Arc<Pool>,
    pub(super) target: Target,
    pub(super) flags: &'f LoadgenFlags,
}

/// What one sender knows.
#[derive(Debug)]
struct Sending {
    clock: Stopwatch,
    end_ns: u64,
    pool: Arc<Pool>,
    /// Spans a second, in an open loop.
    rate: Option<u64>,
}

/// What sending came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) acked_requests: u64,
    pub(super) acked_spans: u64,
    /// Spans of acknowledged requests that the answers say are not kept.
    pub(super) rejected_spans: u64,
    /// Bytes of acknowledged requests.
    pub(super) acked_bytes: u64,
    /// From when a request was due, or first sent, to its acknowledgement.
    pub(super) latency_ns: Vec<u64>,
    /// Answers that were refusals, and requests without one, by what came instead.
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) first_refusal: Option<String>,
    pub(super) retried: u64,
    /// Requests that were sent and never acknowledged, and their spans.
    pub(super) failed_requests: u64,
    pub(super) failed_spans: u64,
    /// The numbers of the requests, and whether they were acknowledged.
    pub(super) requests: Vec<(u64, bool)>,
    /// How many spans the corpus has up to the last request that was sent.
    pub(super) spans_reached: u64,
    /// The traces of the corpus that were begun by then.
    pub(super) traces: u64,
    /// When the last answer came.
    pub(super) end_ns: u64,
    /// How often a sender had to wait for a body.
    pub(super) waits_for_bodies: u64,
}

/// Sends what there is, from as many senders as there are connections and streams.
pub(super) async fn send_all(plan: Plan<'_>) -> anyhow::Result<Tally> {
    let Plan { pool, target, flags } = plan;
    let target = Arc::new(target);
    let mut channels = Vec::new();
    for _ in 0..flags.connections {
        let channel = Channel::new(Arc::clone(&target));
        channel.open().await.context("the server can't be reached")?;
        channels.push(channel);
    }
    let sending = Arc::new(Sending {
        clock: Stopwatch::start(),
        end_ns: u64::try_from(flags.duration.as_nanos()).unwrap_or(u64::MAX),
        pool: Arc::clone(&pool),
        rate: flags.rate.map(|rate| rate.0),
    });
    let mut senders = JoinSet::new();
    for channel in channels {
        for _ in 0..flags.streams {
            senders.spawn(send_many(Arc::clone(&sending), channel.clone()));
        }
    }
    let mut sum = Tally::default();
    while let Some(tally) = senders.join_next().await {
        sum.add(tally.context("a sender panicked")?);
    }
    sum.waits_for_bodies = pool.waits();
    match pool.failure() {
        Some(error) => Err(error.context("a body could not be made")),
        None => Ok(sum),
    }
}

async fn send_many(sending: Arc<Sending>, channel: Channel) -> Tally {
    let mut tally = Tally::default();
    while sending.clock.ns() < sending.end_ns {
        let Some(body) = sending.pool.take().await else { break };
        let due_ns = match sending.rate {
            None => sending.clock.ns(),
            Some(rate) => {
                let due_ns = u128::from(body.spans_before) * NS_PER_S / u128::from(rate);
                u64::try_from(due_ns).unwrap_or(u64::MAX)
            }
        };
        if due_ns >= sending.end_ns {
            break;
        }
        let early_ns = due_ns.saturating_sub(sending.clock.ns());
        if early_ns > 0 {
            tokio::time::sleep(Duration::from_nanos(early_ns)).await;
        }
        let is_acked = send_one(&sending, &channel, &body, due_ns, &mut tally).await;
        tally.reach(&body, is_acked);
    }
    tally
}

/// Sends until it is acknowledged, or there is no use in going on.
async fn send_one(
    sending: &Sending,
    channel: &Channel,
    body: &Body,
    due_ns: u64,
    tally: &mut Tally,
) -> bool {
    for attempt in 1..=ATTEMPTS_MAX {
        let answer = channel.send(body.bytes.clone()).await;
        let now_ns = sending.clock.ns();
        tally.end_ns = now_ns;
        let pause = match answer {
            Ok(Answer::Acked { rejected }) => {
                tally.latency_ns.push(now_ns.saturating_sub(due_ns));
                tally.rejected_spans += rejected;
                tally.acked_spans += u64::from(body.spans).saturating_sub(rejected);
                return true;
            }
            Ok(Answer::Refused { status, text, retry_after }) => {
                tally.first_refusal.get_or_insert_with(|| format!("{status}: {text}"));
                *tally.refused.entry(status).or_default() += 1;
                retry_after.map(|pause| pause.min(RETRY_AFTER_MAX))
            }
            Err(error) => {
                tally.first_refusal.get_or_insert_with(|| format!("{error:#}"));
                *tally.refused.entry("no answer".to_owned()).or_default() += 1;
                Some(NO_ANSWER_PAUSE)
            }
        };
        let Some(pause) = pause else { return false };
        let is_late = now_ns + pause.as_nanos() as u64 >= sending.end_ns;
        if sending.rate.is_some() || is_late || attempt == ATTEMPTS_MAX {
            return false;
        }
        tokio::time::sleep(pause).await;
        tally.retried += 1;
    }
    false
}

impl Tally {
    fn reach(&mut self, body: &Body, is_acked: bool) {
        if is_acked {
            self.acked_requests += 1;
            self.acked_bytes += body.bytes.len() as u64;
        } else {
            self.failed_requests += 1;
            self.failed_spans += u64::from(body.spans);
        }
        self.requests.push((body.number, is_acked));
        self.spans_reached = self.spans_reached.max(body.spans_before + u64::from(body.spans));
        self.traces = self.traces.max(body.traces);
    }

    fn add(&mut self, other: Self) {
        self.acked_requests += other.acked_requests;
        self.acked_spans += other.acked_spans;
        self.rejected_spans += other.rejected_spans;
        self.acked_bytes += other.acked_bytes;
        self.latency_ns.extend(other.latency_ns);
        for (status, count) in other.refused {
            *self.refused.entry(status).or_default() += count;
        }
        self.first_refusal = self.first_refusal.take().or(other.first_refusal);
        self.retried += other.retried;
        self.failed_requests += other.failed_requests;
        self.failed_spans += other.failed_spans;
        self.requests.extend(other.requests);
        self.spans_reached = self.spans_reached.max(other.spans_reached);
        self.traces = self.traces.max(other.traces);
        self.end_ns = self.end_ns.max(other.end_ns);
    }
}
