//! The recovery of a store whose log is hostile.

use std::collections::BTreeMap;
use std::sync::Arc;

use spandrel_model::{Span, SpanId};
use spandrel_storage::{
    Account, Disk, Engine, OpenError, Options, Origin, RecordDecoder, Tenant, with_log_checksums,
};
use testkit::{SimDisk, seeded_batch, seeded_span};

const LOG_FILE: &str = "wal/0000000000000001.wal";

/// The low halves of the trace ids of seeded spans are not above this.
const TRACE_ID_MAX: u64 = 32;

/// Decodes the numbers of spans. No number is refused, so that no decoder's fault looks like one
/// of the log.
struct Numbers;

impl RecordDecoder for Numbers {
    fn decode(&self, _: &Origin, body: &[u8], sink: &mut dyn FnMut(&Span<'_>)) -> Result<(), String> {
        let (numbers, rest) = body.as_chunks::<8>();
        numbers.iter().for_each(|number| sink(&seeded_span(u64::from_le_bytes(*number))));
        if rest.is_empty() { Ok(()) } else { Err("a number is cut short".to_owned()) }
    }
}

/// Opens a store whose log file these bytes are, as they are and with the checksums put right. A
/// store that opens shows spans that are in the log, takes a new one, and shows all of them again
/// at its next start.
pub fn recovery(file: &[u8]) {
    recover(file);
    recover(&with_log_checksums(file));
}

fn recover(file: &[u8]) {
    let disk = SimDisk::new(1);
    disk.put(LOG_FILE, file.to_vec());
    let Ok(mut engine) = open(&disk) else { return };
    let before = shown(&engine);
    let count = before.values().sum::<u64>();
    // Others are other tenants'.
    assert!(count <= engine.stats().head_spans, "a span is shown that nobody has");
    let mut is_kept = false;
    if let Ok(request) = engine.charge(seeded_batch(&Tenant::default(), &[1])) {
        engine.append(request, ());
        engine.commit(0, &mut |(), outcome| is_kept = outcome.is_ok());
    }
    drop(engine);
    let engine = open(&disk).expect("it opened before");
    let mut after = before;
    *after.entry(seeded_span(1).span_id).or_default() += u64::from(is_kept);
    after.retain(|_, count| *count > 0);
    assert_eq!(shown(&engine), after, "another start shows something else");
}

fn open(disk: &SimDisk) -> Result<Engine<()>, OpenError> {
    let account = |name| Account::new(name, 64 << 20);
    let options = Options {
        file_len_max: 8 << 10,
        ..Options::new(account("head"), account("queue"), account("segments"))
    };
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Engine::open(options, 7, disk, &Numbers, &mut |_| {})
}

/// How often each span of the usual tenant is shown.
fn shown(engine: &Engine<()>) -> BTreeMap<SpanId, u64> {
    let mut shown = BTreeMap::new();
    for low in 1..=TRACE_ID_MAX {
        for span in engine.trace(&Tenant::default(), low).expect("nothing is on the disk") {
            *shown.entry(span.span_id).or_default() += 1;
        }
    }
    shown
}
