//! What the server tells of itself: settings, memory, how the store is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use spandrel_storage::{Account, Progress, Recovery, Retention, StoreLen, StoreStats};

use crate::app::App;
use crate::doors::OpenDoor;
use crate::receivers::JaegerClients;
use crate::sampling::Sampling;
use crate::serve::durability_text;

pub(super) async fn status(State(app): State<Arc<App>>) -> Json<Value> {
    let stats = app.store.stats();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "doors": app.doors.iter().map(door_view).collect::<Vec<_>>(),
        "dataDir": app.config.data_dir.display().to_string(),
        "durability": durability_text(app.config.durability),
        "memoryLimit": app.config.memory_bytes,
        "accounts": app.budget.accounts().map(|account| account_view(account)),
        "startedNs": app.started_ns.to_string(),
        "isReady": app.is_ready(),
        "replay": replay_view(&app.store.recovery()),
        "retention": retention_view(&app.config.retention),
        "memory": { "spans": stats.head_spans, "traces": stats.head_traces, "bytes": stats.head_bytes },
        "segments": segments_view(&stats),
        "sampling": sampling_view(&app.sampling),
        "jaegerClients": clients_view(&app.jaeger_clients),
        "trouble": stats.trouble.as_deref().or(stats.job_trouble.as_deref()),
        "partial": app.store.missing(),
    }))
}

fn door_view(door: &OpenDoor) -> Value {
    json!({ "name": door.name, "address": door.address.to_string() })
}

fn account_view(account: &Account) -> Value {
    json!({
        "name": account.name(),
        "used": account.used(),
        "limit": account.limit(),
        "refused": account.refused(),
    })
}

fn sampling_view(sampling: &Sampling) -> Value {
    let (file, trouble) = sampling.source();
    json!({
        "file": file.map(|file| file.display().to_string()),
        "services": sampling.strategies().services(),
        "trouble": trouble,
    })
}

fn clients_view(clients: &JaegerClients) -> Value {
    let (known, lost_most) = clients.lost_most();
    let lost_most = lost_most.into_iter().map(|client| {
        json!({
            "door": client.door,
            "peer": client.peer.to_string(),
            "service": client.service,
            "batches": client.batches,
            "missingBatches": client.missing_batches,
            "lostFullQueue": client.lost.full_queue,
            "lostTooLarge": client.lost.too_large,
            "lostFailedToSend": client.lost.failed_to_send,
        })
    });
    json!({ "known": known, "lostMost": lost_most.collect::<Vec<_>>() })
}

/// How far the replay is; absent once it is done.
fn replay_view(recovery: &Recovery) -> Option<Value> {
    let Recovery::Replaying(progress) = recovery else { return None };
    let Progress { bytes_done, bytes, spans, .. } = progress;
    Some(json!({ "bytesDone": bytes_done, "bytes": bytes, "spans": spans }))
}

fn retention_view(retention: &Retention) -> Value {
    let (bytes_max, disk_percent_max) = match retention.len_max {
        StoreLen::Bytes(u64::MAX) => (None, None),
        StoreLen::Bytes(bytes) => (Some(bytes), None),
        StoreLen::DiskPercent(percent) => (None, Some(percent)),
    };
    json!({
        "ageMaxNs": retention.age_max_ns,
        "bytesMax": bytes_max,
        "diskPercentMax": disk_percent_max,
        "diskFreeMin": retention.disk_free_min,
    })
}

fn segments_view(stats: &StoreStats) -> Value {
    let quarantined = stats.quarantined_segments.iter();
    let quarantined =
        quarantined.map(|(id, reason)| json!({ "id": format!("{id:016x}"), "reason": reason }));
    json!({
        "count": stats.segments,
        "bytes": stats.segment_bytes,
        "spans": stats.segment_spans,
        "tombstones": stats.tombstones,
        "expired": stats.expired_segments,
        "merging": { "spansDone": stats.compacting_spans.0, "spans": stats.compacting_spans.1 },
        "quarantined": quarantined.collect::<Vec<_>>(),
    })
}
