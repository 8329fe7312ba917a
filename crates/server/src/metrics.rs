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

/// A door.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DoorLabels {
    pub(crate) door: &'static str,
}

/// What came through a door, by its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct IntakeLabels {
    pub(crate) door: &'static str,
    /// `unknown` while the request has not said it.
    pub(crate) format: &'static str,
}

/// What went wrong at a door.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DoorReasonLabels {
    pub(crate) door: &'static str,
    pub(crate) reason: &'static str,
}

/// What became of spans that are not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LostLabels {
    pub(crate) door: &'static str,
    pub(crate) format: &'static str,
    pub(crate) reason: &'static str,
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
///
/// Spans received are always spans stored, rejected and dropped together, once no request is
/// under way.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Requests with spans that came.
    pub(crate) received_requests: Family<IntakeLabels, Counter>,
    /// Those of them that were answered with success.
    pub(crate) stored_requests: Family<IntakeLabels, Counter>,
    /// Those of them that were refused as a whole.
    pub(crate) refused_requests: Family<LostLabels, Counter>,
    /// Bytes of bodies that were read whole, as they came.
    pub(crate) received_bytes: Family<IntakeLabels, Counter>,
    /// Spans that were found in requests.
    pub(crate) received_spans: Family<IntakeLabels, Counter>,
    /// Spans that were acknowledged: they are kept.
    pub(crate) stored_spans: Family<IntakeLabels, Counter>,
    /// Spans that are not kept and never will be, however often they are sent.
    pub(crate) rejected_spans: Family<LostLabels, Counter>,
    /// Spans that the server could not keep at that moment; their sender was told.
    pub(crate) dropped_spans: Family<LostLabels, Counter>,
    /// Parts of spans that were cut or left out for being too long.
    pub(crate) cut_parts: Family<LostLabels, Counter>,
    /// Connections taken.
    pub(crate) connections: Family<DoorLabels, Counter>,
    /// Connections that the server closed.
    pub(crate) closed_connections: Family<DoorReasonLabels, Counter>,
    /// Spans that clients of Jaeger's say they lost before they sent them.
    pub(crate) client_lost_spans: Family<DoorReasonLabels, Counter>,
    /// Batches that such clients numbered and that did not come when they were due.
    pub(crate) client_missing_batches: Family<DoorLabels, Counter>,
    /// Those of them that came later.
    pub(crate) client_late_batches: Family<DoorLabels, Counter>,
    /// Clients that were forgotten because there are too many.
    pub(crate) forgotten_clients: Counter,
    /// Files with sampling strategies that were refused.
    pub(crate) refused_sampling_files: Counter,
    /// Questions refused because too many were being answered.
    pub(crate) refused_queries: Counter,
}

impl Metrics {
    pub(crate) fn count_closed_connection(&self, door: &'static str, reason: &'static str) {
        self.closed_connections.get_or_create(&DoorReasonLabels { door, reason }).inc();
    }

    /// Registers every counter under its name.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let of_intake = [
            ("received_requests", "Requests with spans that came", &self.received_requests),
            ("stored_requests", "Requests answered with success", &self.stored_requests),
            ("received_spans", "Spans found in requests", &self.received_spans),
            ("stored_spans", "Spans acknowledged and kept", &self.stored_spans),
        ];
        for (name, help, family) in of_intake {
            registry.register(name, help, family.clone());
        }
        let bytes = self.received_bytes.clone();
        registry.register_with_unit("received", "Bytes of requests", Unit::Bytes, bytes);
        let lost = [
            ("refused_requests", "Requests refused as a whole", &self.refused_requests),
            ("rejected_spans", "Spans that are never taken as they are", &self.rejected_spans),
            ("dropped_spans", "Spans refused for want of room or disk", &self.dropped_spans),
            ("cut_parts", "Parts of spans cut or left out as too long", &self.cut_parts),
        ];
        for (name, help, family) in lost {
            registry.register(name, help, family.clone());
        }
        registry.register("connections", "Connections taken", self.connections.clone());
        let closed = self.closed_connections.clone();
        registry.register("closed_connections", "Connections closed by the server", closed);
        let lost = self.client_lost_spans.clone();
        registry.register("client_lost_spans", "Spans lost by Jaeger's clients, as they say", lost);
        let missing = self.client_missing_batches.clone();
        let help = "Numbered batches of Jaeger's clients that did not come when due";
        registry.register("client_missing_batches", help, missing);
        let late = self.client_late_batches.clone();
        registry.register("client_late_batches", "Those of them that came later", late);
        let forgotten = self.forgotten_clients.clone();
        registry.register("forgotten_clients", "Jaeger's clients over the cap", forgotten);
        let files = self.refused_sampling_files.clone();
        registry.register("refused_sampling_files", "Sampling strategies not taken", files);
        let refused = self.refused_queries.clone();
        registry.register("refused_queries", "Questions over the cap", refused);
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
