//! What is true of one trace: its spans merged, joined, hung as a tree, and what follows.
//!
//! The rules are Zipkin's, so that a trace looks here as it does there. They differ where
//! Zipkin would lose or misplace something:
//!
//! - `error=false`, as text or as a boolean, is no error.
//! - Ties are broken by content, not by arrival, so that a trace is the same whenever and in
//!   whatever order it is read.
//! - No span is lost: of several spans with one id and different emitters all are in the tree,
//!   and a cycle of parents is cut at the span that began first, which then counts as an orphan.
//! - A span hangs under the root as an orphan only if the parent that it names was not received.
//!   Zipkin also hangs there a server half whose client half is missing, and the children of
//!   such a half that were emitted elsewhere.
//! - All server halves of a client half are recognised without their flag, not only the first.
//! - A call that failed on the client half alone counts as an error when the halves share an id,
//!   as it does when they do not.
//! - A span that says that it is internal is no call; only one that says nothing may be.
//!
//! This module reads no store and corrects nothing on its own: clock skew is corrected when
//! [`Trace::correct_skew`] is called, and what was received stays as it is.

pub mod facts;
mod forest;
mod links;
mod merge;
mod order;
mod rows;
mod skew;
mod summary;
mod tree;

pub use links::{DependencyLink, sum_links};
pub use merge::merge;
pub use rows::Row;
pub use skew::SkewCorrection;
pub use summary::Summary;
pub use tree::Tree;

use crate::{Span, TraceId};

/// One trace: its spans merged, and hung as a tree.
#[derive(Clone, Debug)]
pub struct Trace {
    trace_id: TraceId,
    spans: Vec<Span<'static>>,
    tree: Tree,
}

impl Trace {
    /// Merges the spans of one trace and hangs them as a tree; `None` when there are none.
    ///
    /// Takes time in n log n, whatever the shape of the trace.
    #[must_use]
    pub fn assemble(received: Vec<Span<'static>>) -> Option<Self> {
        let spans = merge(received);
        let trace_id = spans.first()?.trace_id;
        let tree = Tree::of(&spans);
        Some(Self { trace_id, spans, tree })
    }

    /// The id of the trace: of 128 bits if any span has one.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The merged spans, by span id, client halves before their server halves.
    #[must_use]
    pub fn spans(&self) -> &[Span<'static>] {
        &self.spans
    }

    /// Which span hangs under which.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Moves the spans and events of hosts whose clock is seen to be behind, and returns what was
    /// found: for each service and address its largest skew.
    ///
    /// Does nothing to a trace without one clear root: there is no clock to go by. The tree
    /// keeps its shape and order; [`Trace::rows`] follow the new times.
    pub fn correct_skew(&mut self) -> Vec<SkewCorrection> {
        skew::correct(&mut self.spans, &self.tree)
    }

    /// The calls between services in this trace, sorted by parent, then child.
    #[must_use]
    pub fn dependency_links(&self) -> Vec<DependencyLink> {
        links::links(&self.spans, &self.tree)
    }

    /// The rows of a waterfall: depth first, siblings by start, those without one first.
    ///
    /// Every span is in exactly one row, and a row comes after the one it hangs under.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        rows::rows(&self.spans, &self.tree)
    }

    /// The trace in one line.
    #[must_use]
    pub fn summary(&self) -> Summary {
        summary::summarize(self)
    }

    /// When the trace began: the start of the first span without a parent that has one, else the
    /// earliest start of all; `None` when no span has a start.
    #[must_use]
    pub fn start_ns(&self) -> Option<u64> {
        let parentless = self.spans.iter().filter(|span| span.parent_id.is_none());
        let first = parentless.filter_map(|span| span.start_ns).next();
        first.or_else(|| self.spans.iter().filter_map(|span| span.start_ns).min())
    }
}
