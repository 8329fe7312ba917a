//! The corpus as a stream: which spans arrive together, and in which order.
//!
//! Services keep finished spans until there is a request's worth of them, as batch processors
//! do. The spans of one trace are so scattered over many requests, and a request holds pieces of
//! many traces. Neither threads nor clocks take part; the order is part of the corpus.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use spandrel_model::{Resource, Scope, Span};

use crate::corpus::Corpus;
use crate::draft::Draft;
use crate::profile::Profile;

/// How many spans all services together keep back before the one that waits longest has to send
/// what it has. The lab's corpus, with 147 instances, has no such limit.
const WAITING_SPANS_MAX: usize = 65_536;

/// What one instance sends at once.
#[derive(Debug)]
pub struct Request {
    /// The instance.
    pub resource: Arc<Resource>,
    /// The scopes in the order in which the request has them. In the lab's corpus one of them may
    /// have no span.
    pub scopes: Vec<Arc<Scope>>,
    /// The spans; those of one scope stand together, in the order of [`Self::scopes`].
    pub spans: Vec<Span<'static>>,
    /// When it is sent, in nanoseconds since 1970; never earlier than the request before it. In
    /// the lab's corpus, which says nothing of it, the latest start that was sent so far.
    pub sent_ns: u64,
}

/// The requests that carry a corpus; see [`Corpus::requests`].
///
/// Holds back at most 65,536 finished spans, besides those of the traces under way and the late
/// ones.
#[derive(Debug)]
pub struct Requests {
    corpus: Corpus,
    spans_per_request: usize,
    /// How many spans are still to be made.
    wanted: u64,
    next_trace: u64,
    scratch: Vec<Draft>,
    scratch_of_flush: Vec<Draft>,
    under_way: UnderWay,
    buffers: Vec<Buffer>,
    waiting: usize,
    /// Whether [`WAITING_SPANS_MAX`] holds, and scopes without spans are left out.
    has_limit: bool,
    /// Emitters in the order in which they began to wait. One that has sent since is passed over.
    turns: VecDeque<(usize, u32)>,
    ready: VecDeque<Request>,
    clock_ns: u64,
    /// The emitter that is next to send the rest, once all spans are made.
    last: usize,
}

/// Spans that are made and not sent yet, by when they will be.
#[derive(Debug, Default)]
struct UnderWay {
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    /// Where the queue's last number points to.
    places: Vec<Option<Draft>>,
    free: Vec<usize>,
    /// How many there have been: of those sent at one instant, the first made goes first.
    count: u64,
}

/// The finished spans of one emitter.
#[derive(Debug, Default)]
struct Buffer {
    drafts: Vec<Draft>,
    /// How many requests it has sent.
    sent: u32,
}

impl Requests {
    pub(crate) fn new(corpus: Corpus, span_count: u64, spans_per_request: usize) -> Self {
        Self {
            spans_per_request: spans_per_request.max(1),
            wanted: span_count,
            next_trace: 0,
            scratch: Vec::new(),
            scratch_of_flush: Vec::new(),
            under_way: UnderWay::default(),
            buffers: Vec::new(),
            waiting: 0,
            has_limit: corpus.profile() != Profile::Lab,
            turns: VecDeque::new(),
            ready: VecDeque::new(),
            clock_ns: 0,
            last: 0,
            corpus,
        }
    }

    /// Returns how many traces have been made so far: those with a lower number.
    #[must_use]
    pub fn traces_made(&self) -> u64 {
        self.next_trace
    }

    /// Makes the next trace and lets its spans be sent, now or later.
    fn make_trace(&mut self) {
        let mut trace = std::mem::take(&mut self.scratch);
        self.corpus.draft(self.next_trace, &mut trace);
        let is_timed = self.corpus.sent_from_ns(self.next_trace).is_some();
        self.next_trace += 1;
        self.wanted = self.wanted.saturating_sub(trace.len() as u64);
        for draft in trace.drain(..) {
            if is_timed {
                self.under_way.add(draft);
            } else {
                self.send(draft);
            }
        }
        self.scratch = trace;
    }

    /// Sends what is due before the next trace can have anything to send.
    fn send_due(&mut self) {
        let until_ns = match self.wanted {
            0 => u64::MAX,
            _ => self.corpus.sent_from_ns(self.next_trace).unwrap_or(u64::MAX),
        };
        while let Some(draft) = self.under_way.take_before(until_ns) {
            self.send(draft);
        }
    }

    /// Puts a span in its emitter's buffer, and makes requests of those that have waited enough.
    fn send(&mut self, draft: Draft) {
        let emitter = draft.emitter as usize;
        if self.buffers.len() <= emitter {
            self.buffers.resize_with(emitter + 1, Buffer::default);
        }
        self.clock_ns = self.clock_ns.max(draft.sent_ns);
        let buffer = &mut self.buffers[emitter];
        if buffer.drafts.is_empty() {
            self.turns.push_back((emitter, buffer.sent));
        }
        buffer.drafts.push(draft);
        self.waiting += 1;
        if buffer.drafts.len() >= self.spans_per_request {
            self.flush(emitter);
        }
        while self.has_limit && self.waiting > WAITING_SPANS_MAX {
            let Some((emitter, sent)) = self.turns.pop_front() else { break };
            if self.buffers[emitter].sent == sent {
                self.flush(emitter);
            }
        }
        // Emitters that have sent since they began to wait are forgotten, or the queue would grow
        // with the corpus.
        while let Some(&(emitter, sent)) = self.turns.front() {
            if self.buffers[emitter].sent == sent {
                break;
            }
            self.turns.pop_front();
        }
    }

    /// Makes a request of all that an emitter holds, unless that is nothing.
    fn flush(&mut self, emitter: usize) {
        let buffer = &mut self.buffers[emitter];
        self.waiting -= buffer.drafts.len();
        buffer.sent += 1;
        let mut drafts = std::mem::take(&mut self.scratch_of_flush);
        std::mem::swap(&mut drafts, &mut buffer.drafts);
        if !drafts.is_empty() {
            let request = self.request(&mut drafts);
            self.ready.push_back(request);
        }
        self.scratch_of_flush = drafts;
    }

    fn request(&self, drafts: &mut Vec<Draft>) -> Request {
        // Stable: the spans of a scope keep their order.
        drafts.sort_by_key(|draft| self.corpus.scope_of(draft));
        let scopes = self.corpus.scopes().iter().enumerate();
        let in_use = |number| drafts.iter().any(|draft| self.corpus.scope_of(draft) == number);
        let scopes = scopes
            .filter(|(number, _)| !self.has_limit || in_use(*number))
            .map(|(_, scope)| Arc::clone(scope))
            .collect();
        let spans: Vec<_> = drafts.drain(..).map(|draft| self.corpus.write(draft)).collect();
        let resource = Arc::clone(&spans[0].resource);
        Request { resource, scopes, spans, sent_ns: self.clock_ns }
    }
}

impl Iterator for Requests {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        loop {
            if let Some(request) = self.ready.pop_front() {
                return Some(request);
            }
            if self.wanted > 0 {
                self.make_trace();
                self.send_due();
            } else if self.last < self.buffers.len() {
                self.flush(self.last);
                self.last += 1;
            } else {
                return None;
            }
        }
    }
}

impl UnderWay {
    fn add(&mut self, draft: Draft) {
        let place = self.free.pop().unwrap_or(self.places.len());
        self.queue.push(Reverse((draft.sent_ns, self.count, place)));
        self.count += 1;
        if place == self.places.len() {
            self.places.push(Some(draft));
        } else {
            self.places[place] = Some(draft);
        }
    }

    fn take_before(&mut self, until_ns: u64) -> Option<Draft> {
        let &Reverse((sent_ns, _, place)) = self.queue.peek()?;
        if sent_ns >= until_ns {
            return None;
        }
        self.queue.pop();
        self.free.push(place);
        self.places[place].take()
    }
}
