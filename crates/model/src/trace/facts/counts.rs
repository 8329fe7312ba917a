//! Rows, errors, services and times: what adds up over the nodes whatever their tree.

use super::{NO_CODE, Node, TraceFacts};

#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// One entry for each service of each row.
    services: Vec<u32>,
}

impl Scratch {
    /// Counts rows: the nodes of one id, which stand side by side, are one.
    pub(super) fn count(&mut self, nodes: &[Node], facts: &mut TraceFacts) {
        self.services.clear();
        for row in nodes.chunk_by(|left, right| left.span_id == right.span_id) {
            facts.span_count += 1;
            facts.error_count += u32::from(row.iter().any(|node| node.is_error));
            let row_at = self.services.len();
            let services = row.iter().map(|node| node.service);
            self.services.extend(services.filter(|&service| service != NO_CODE));
            keep_distinct(&mut self.services, row_at);
        }
        self.services.sort_unstable();
        for same in self.services.chunk_by(|left, right| left == right) {
            let count = u32::try_from(same.len()).unwrap_or(u32::MAX);
            facts.services.extend(same.first().map(|&service| (service, count)));
        }
        for node in nodes {
            see_times(node, facts);
        }
        facts.start_ns = facts.start_ns.or(facts.earliest_start_ns);
    }
}

/// Leaves one of each from `at` on.
fn keep_distinct(services: &mut Vec<u32>, at: usize) {
    let Some(row) = services.get_mut(at..).filter(|row| row.len() > 1) else { return };
    row.sort_unstable();
    let mut kept = at;
    for read in at..services.len() {
        let service = services.get(read).copied();
        if read == at || service != services.get(kept - 1).copied() {
            services.swap(kept, read);
            kept += 1;
        }
    }
    services.truncate(kept);
}

fn see_times(node: &Node, facts: &mut TraceFacts) {
    let Some(start_ns) = node.start_ns else { return };
    if node.parent_id.is_none() && facts.start_ns.is_none() {
        facts.start_ns = Some(start_ns);
    }
    let end_ns = start_ns.saturating_add(node.duration_ns.unwrap_or(0));
    let earliest = facts.earliest_start_ns.unwrap_or(start_ns);
    facts.earliest_start_ns = Some(earliest.min(start_ns));
    facts.latest_start_ns = facts.latest_start_ns.max(Some(start_ns));
    facts.latest_end_ns = facts.latest_end_ns.max(Some(end_ns));
}
