//! One made trace on its way to whoever asked for it.

use spandrel_model::Span;

/// The flags of every span: sampled, and that is told whether the parent is remote (OTLP 1.3).
pub(crate) const FLAGS: u32 = 0x101;

/// [`FLAGS`] of a span whose parent is in another process.
pub(crate) const FLAGS_REMOTE_PARENT: u32 = 0x301;

/// How long a sender waits for an answer before it sends a span again.
const REPEAT_AFTER_NS: u64 = 3_000_000_000;

/// The spans of one trace, and which emitter sends each.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) spans: Vec<Span<'static>>,
    /// The number of each span's emitter.
    pub(crate) emitters: Vec<u32>,
    /// When each span's service sends it, in nanoseconds since 1970; empty where the profile
    /// does not say.
    pub(crate) sent_ns: Vec<u64>,
}

impl Trace {
    pub(crate) fn push(&mut self, span: Span<'static>, emitter: u32) {
        self.spans.push(span);
        self.emitters.push(emitter);
    }

    /// Sends a span once more, behind all others.
    pub(crate) fn repeat(&mut self, at: usize) {
        self.spans.push(self.spans[at].clone());
        self.emitters.push(self.emitters[at]);
        if let Some(&sent_ns) = self.sent_ns.get(at) {
            self.sent_ns.push(sent_ns + REPEAT_AFTER_NS);
        }
    }

    /// Takes a span away.
    pub(crate) fn remove(&mut self, at: usize) {
        self.spans.remove(at);
        self.emitters.remove(at);
        if at < self.sent_ns.len() {
            self.sent_ns.remove(at);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.emitters.clear();
        self.sent_ns.clear();
    }
}
