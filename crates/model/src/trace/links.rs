//! Dependency links: which service called which, how often, and how often it failed.
//!
//! The rules are Zipkin's. A call that both sides recorded counts once, under the names that the
//! sides gave themselves.

use std::collections::BTreeMap;

use super::Tree;
use super::order::fold_name;
use crate::{Span, SpanKind};

/// How often one service called another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DependencyLink {
    /// The service that called, in lower case.
    pub parent: String,
    /// The service that was called, in lower case.
    pub child: String,
    /// How many calls there were.
    pub call_count: u64,
    /// How many of them failed.
    pub error_count: u64,
}

/// Adds up the links of many traces; the result is sorted by parent, then child.
#[must_use]
pub fn sum_links(links: impl IntoIterator<Item = DependencyLink>) -> Vec<DependencyLink> {
    let mut counts = Counts::default();
    for link in links {
        counts.add(link.parent, link.child, link.call_count, link.error_count);
    }
    counts.into_links()
}

#[derive(Default)]
struct Counts(BTreeMap<(String, String), (u64, u64)>);

impl Counts {
    fn add(&mut self, parent: String, child: String, calls: u64, errors: u64) {
        let counts = self.0.entry((parent, child)).or_default();
        counts.0 = counts.0.saturating_add(calls);
        counts.1 = counts.1.saturating_add(errors);
    }

    fn count(&mut self, parent: &str, child: &str, is_error: bool) {
        let fold = |name| fold_name(name).into_owned();
        self.add(fold(parent), fold(child), 1, u64::from(is_error));
    }

    fn into_links(self) -> Vec<DependencyLink> {
        self.0
            .into_iter()
            .map(|((parent, child), (call_count, error_count))| DependencyLink {
                parent,
                child,
                call_count,
                error_count,
            })
            .collect()
    }
}

/// What a span says of a call, once it is known to be one.
#[derive(Clone, Copy)]
enum Side {
    Caller,
    Called,
    Producer,
    Consumer,
}

pub(super) fn links(spans: &[Span<'static>], tree: &Tree) -> Vec<DependencyLink> {
    let mut counts = Counts::default();
    // The nearest ancestor that has a side of its own; found going down, once for each node.
    let mut remotes: Vec<Option<usize>> = vec![None; spans.len()];
    for node in tree.breadth_first() {
        let Some(span) = spans.get(node) else { continue };
        let parent = tree.parent(node);
        let remote = parent.and_then(|parent| {
            let is_remote = spans.get(parent).is_some_and(has_side);
            if is_remote { Some(parent) } else { remotes.get(parent).copied().flatten() }
        });
        if let Some(slot) = remotes.get_mut(node) {
            *slot = remote;
        }
        // The server names itself better than its client does.
        if span.kind == Some(SpanKind::Client) && !tree.children(node).is_empty() {
            continue;
        }
        let Some(side) = side(span) else { continue };
        let caller = parent.filter(|_| parent == remote).and_then(|parent| spans.get(parent));
        let ancestor = remote.and_then(|remote| spans.get(remote));
        count_span(span, side, Ancestors { caller, ancestor }, &mut counts);
    }
    counts.into_links()
}

fn has_side(span: &Span<'_>) -> bool {
    !matches!(span.kind, None | Some(SpanKind::Internal))
}

/// A span that does not say which side it is, but knows both, is read as the caller. One that
/// says that it is internal is no call.
fn side(span: &Span<'_>) -> Option<Side> {
    match span.kind {
        Some(SpanKind::Client) => Some(Side::Caller),
        Some(SpanKind::Server) => Some(Side::Called),
        Some(SpanKind::Producer) => Some(Side::Producer),
        Some(SpanKind::Consumer) => Some(Side::Consumer),
        Some(SpanKind::Internal) => None,
        None => span.service_name().zip(span.remote_service_name()).map(|_| Side::Caller),
    }
}

/// Above a span: its parent if that has a side, and the nearest ancestor that has one.
struct Ancestors<'s> {
    caller: Option<&'s Span<'static>>,
    ancestor: Option<&'s Span<'static>>,
}

fn count_span(span: &Span<'_>, side: Side, above: Ancestors<'_>, counts: &mut Counts) {
    let own = span.service_name();
    let other = span.remote_service_name();
    let ancestor = above.ancestor.and_then(Span::service_name);
    let mut is_error = span.is_error();
    let (parent, child) = match side {
        // Messages are linked to their broker, never through it.
        Side::Producer => (own, other),
        Side::Consumer => (other, own),
        Side::Called => {
            is_error |= above
                .caller
                .is_some_and(|caller| caller.kind == Some(SpanKind::Client) && caller.is_error());
            (ancestor.or(other), own)
        }
        Side::Caller => {
            // A client that gives another name than the service it runs in: some are configured
            // with the name of what they call. The way from the service to that name is kept.
            if let (Some(ancestor), Some(own)) = (ancestor, own)
                && fold_name(ancestor) != fold_name(own)
            {
                counts.count(ancestor, own, false);
            }
            (own.or(ancestor), other)
        }
    };
    if let (Some(parent), Some(child)) = (parent, child) {
        counts.count(parent, child, is_error);
    }
}
