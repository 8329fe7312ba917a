//! What the server counts about itself, in Prometheus' text format.
//!
//! Labels hold only values from fixed sets, so that no sender can make the server remember.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use spandrel_storage::{Account, StoreStats};

use crate::refusal::Refusal;

/// Which requests a counter counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct FormatLabels {
    pub(crate) format: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReasonLabels {
    pub(crate) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AccountLabels {
    account: &'static str,
}

/// The server's own counters.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Ingest requests whose body was read whole.
    pub(crate) requests: Family<FormatLabels, Counter>,
    /// Bytes of those bodies, as they came.
    pub(crate) received_bytes: Family<FormatLabels, Counter>,
    /// Spans that were decoded.
    pub(crate) decoded_spans: Family<FormatLabels, Counter>,
    /// Spans that were acknowledged: they are kept.
    pub(crate) stored_spans: Family<FormatLabels, Counter>,
    /// Spans that were decoded and then refused, by reason.
    pub(crate) refused_spans: Family<ReasonLabels, Counter>,
    /// Ingest requests that were refused, by reason.
    pub(crate) refused_requests: Family<ReasonLabels, Counter>,
    /// Connections taken.
    pub(crate) connections: Counter,
    /// Connections closed at once because there were too many.
    pub(crate) refused_connections: Counter,
    /// Questions refused because too many were being answered.
    pub(crate) refused_queries: Counter,
}

impl Metrics {
    pub(crate) fn count_refusal(&self, refusal: &Refusal, spans: u64) {
        let labels = ReasonLabels { reason: refusal.reason };
        self.refused_requests.get_or_create(&labels).inc();
        if spans > 0 {
            self.refused_spans.get_or_create(&labels).inc_by(spans);
        }
    }

    /// Registers every counter under its name.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let families = [
            ("ingest_requests", "Ingest requests read whole", &self.requests),
            ("decoded_spans", "Spans decoded", &self.decoded_spans),
            ("stored_spans", "Spans acknowledged and kept", &self.stored_spans),
        ];
        for (name, help, family) in families {
            registry.register(name, help, family.clone());
        }
        let bytes = self.received_bytes.clone();
        registry.register_with_unit("ingest", "Bytes of ingest requests", Unit::Bytes, bytes);
        let refusals = [
            ("refused_spans", "Spans decoded, then refused", &self.refused_spans),
            ("refused_requests", "Ingest requests refused", &self.refused_requests),
        ];
        for (name, help, family) in refusals {
            registry.register(name, help, family.clone());
        }
        let counters = [
            ("connections", "Connections taken", &self.connections),
            ("refused_connections", "Connections over the cap", &self.refused_connections),
            ("refused_queries", "Questions over the cap", &self.refused_queries),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
    }
}

/// Reads bounded accounts when scraped.
#[derive(Debug)]
pub(crate) struct AccountsCollector(pub(crate) Vec<Arc<Account>>);

impl Collector for AccountsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        type Read = fn(&Account) -> u64;
        let gauges: [(&str, &str, Read); 2] = [
            ("memory_used", "Bytes in use, by account", Account::used),
            ("memory_limit", "Bytes that may be in use, by account", Account::limit),
        ];
        for (name, help, read) in gauges {
            let kind = ConstGauge::new(0i64);
            let unit = Some(&Unit::Bytes);
            let mut family = encoder.encode_descriptor(name, help, unit, kind.metric_type())?;
            for account in &self.0 {
                let value = i64::try_from(read(account)).unwrap_or(i64::MAX);
                let labels = AccountLabels { account: account.name() };
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        let kind = ConstCounter::new(0u64);
        let help = "Reservations refused, by account";
        let mut family =
            encoder.encode_descriptor("memory_refusals", help, None, kind.metric_type())?;
        for account in &self.0 {
            let labels = AccountLabels { account: account.name() };
            ConstCounter::new(account.refused()).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Where a [`StoreCollector`] asks.
pub(crate) type ReadStoreStats = dyn Fn() -> StoreStats + Send + Sync;

/// Reads the store's counters when scraped.
pub(crate) struct StoreCollector(pub(crate) Box<ReadStoreStats>);

impl fmt::Debug for StoreCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreCollector")
    }
}

type ReadStat = fn(&StoreStats) -> u64;

/// The store's counters: name, help, where to read it.
const STORE_COUNTERS: [(&str, &str, ReadStat); 20] = [
    ("store_requests", "Requests on disk", |stats| stats.appended_batches),
    ("store_spans", "Spans on disk", |stats| stats.appended_spans),
    ("store_request_bytes", "Bytes of requests on disk, as received", |stats| stats.appended_bytes),
    ("log_groups", "Groups of requests written together", |stats| stats.groups),
    ("log_bytes", "Bytes written to the log", |stats| stats.log_bytes),
    ("log_syncs", "Syncs of the log", |stats| stats.syncs),
    ("log_files", "Log files begun", |stats| stats.files_begun),
    ("disk_failures", "Failed writes, syncs and file operations", |stats| stats.disk_failures),
    ("replayed_records", "Records replayed at the start", |stats| stats.replay.records),
    ("replay_skipped", "Damaged stretches of the log skipped", |stats| stats.replay.skipped),
    ("replay_quarantined", "Records put in quarantine", |stats| {
        stats.replay.quarantined.len() as u64
    }),
    ("segment_flushes", "Segments written from memory", |stats| stats.flushes),
    ("flushed_spans", "Spans in those", |stats| stats.flushed_spans),
    ("segment_written_bytes", "Bytes of segments written, merged ones included", |stats| {
        stats.segment_bytes_written
    }),
    ("compactions", "Merges and rewrites of segments", |stats| stats.compactions),
    ("folded_spans", "Repeated spans that merges left out", |stats| stats.folded_spans),
    ("expired_segments", "Segments removed by the retention", |stats| stats.expired_segments),
    ("segment_footers_read", "Footers of segments read", |stats| stats.footers_read),
    ("evicted_segments", "Segments let go of by the memory", |stats| stats.segments_evicted),
    ("job_failures", "Failed flushes, merges and rewrites", |stats| stats.job_failures),
];

/// What the store holds now: name, help, where to read it.
const STORE_GAUGES: [(&str, &str, ReadStat); 11] = [
    ("queue_bytes", "Bytes of requests that wait for the log", |stats| stats.queue_bytes),
    ("head_bytes", "Bytes of spans in memory", |stats| stats.head_bytes),
    ("head_spans", "Spans in memory", |stats| stats.head_spans),
    ("head_traces", "Traces in memory", |stats| stats.head_traces),
    ("segments", "Segments", |stats| stats.segments),
    ("segment_bytes", "Bytes of segments", |stats| stats.segment_bytes),
    ("segment_spans", "Spans in segments", |stats| stats.segment_spans),
    ("quarantined_segments", "Segments that can't be read", |stats| {
        stats.quarantined_segments.len() as u64
    }),
    ("tombstones", "Deleted traces whose space is not given back yet", |stats| stats.tombstones),
    ("compaction_spans_done", "Spans that the merge under way has written", |stats| {
        stats.compacting_spans.0
    }),
    ("compaction_spans", "Spans that the merge under way has to write", |stats| {
        stats.compacting_spans.1
    }),
];

/// Requests that the store refused: reason, where to read it.
const STORE_REFUSALS: [(&str, ReadStat); 7] = [
    ("head_full", |stats| stats.refused_head_full),
    ("queue_full", |stats| stats.refused_queue_full),
    ("disk", |stats| stats.refused_disk),
    ("disk_full", |stats| stats.refused_disk_full),
    ("recovering", |stats| stats.refused_recovering),
    ("too_large", |stats| stats.refused_too_large),
    ("closing", |stats| stats.refused_closing),
];

impl Collector for StoreCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = (self.0)();
        let counter_kind = ConstCounter::new(0u64).metric_type();
        let gauge_kind = ConstGauge::new(0i64).metric_type();
        for (name, help, read) in STORE_COUNTERS {
            let metric = encoder.encode_descriptor(name, help, None, counter_kind)?;
            ConstCounter::new(read(&stats)).encode(metric)?;
        }
        for (name, help, read) in STORE_GAUGES {
            let metric = encoder.encode_descriptor(name, help, None, gauge_kind)?;
            let value = i64::try_from(read(&stats)).unwrap_or(i64::MAX);
            ConstGauge::new(value).encode(metric)?;
        }
        let help = "Requests refused by the store";
        let mut family = encoder.encode_descriptor("store_refusals", help, None, counter_kind)?;
        for (reason, read) in STORE_REFUSALS {
            let labels = ReasonLabels { reason };
            ConstCounter::new(read(&stats)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Prints all that is registered.
pub(crate) fn exposition(registry: &Registry) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail, and a collector fails only when the writer does.
    let _ = text::encode(&mut page, registry);
    page
}
