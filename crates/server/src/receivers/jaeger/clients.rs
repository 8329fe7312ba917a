//! What Jaeger's clients say of themselves: what they lost before sending, and, by the numbers of
//! their batches, what was lost on the way.
//!
//! A client says how much it lost since it started, so what it said last is remembered. How many
//! are remembered is limited; one that was forgotten and comes again counts as new.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use spandrel_codec::jaeger::ClientStats;
use spandrel_model::Resource;

use crate::door::Visit;
use crate::metrics::{DoorLabels, DoorReasonLabels, Metrics};
use crate::receivers::format::SenderReport;

/// How many clients are remembered. Past it, the one that was silent for longest is forgotten.
const CLIENTS_MAX: usize = 1_024;
/// How long what is remembered of a client's own words is.
const TEXT_LEN_MAX: usize = 64;
/// Above this, a step in a client's numbers is no loss but another client, or a liar.
const STEP_MAX: i64 = 1 << 20;
/// How many clients are told of.
const TOLD_MAX: usize = 20;
/// The tag of a process by which Jaeger's clients tell themselves apart.
const CLIENT_UUID: &str = "client-uuid";

/// The clients that were heard.
#[derive(Debug, Default)]
pub(crate) struct JaegerClients(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    clients: HashMap<Key, Client>,
    /// How often any was heard: what tells which was silent for longest.
    times: u64,
}

/// By its own id, or else by its address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Uuid(&'static str, String),
    Address(&'static str, SocketAddr),
}

#[derive(Debug)]
struct Client {
    door: &'static str,
    peer: SocketAddr,
    service: String,
    heard_at: u64,
    batches: u64,
    missing_batches: u64,
    last_number: Option<i64>,
    stats: ClientStats,
    lost: Lost,
}

/// Spans that a client lost, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) full_queue: u64,
    pub(crate) too_large: u64,
    pub(crate) failed_to_send: u64,
}

impl Lost {
    /// What was lost since the client said something else. One that says less has started anew.
    fn since(before: &ClientStats, now: &ClientStats) -> Self {
        let step = |before: i64, now: i64| {
            let step = if now < before { now } else { now.saturating_sub(before) };
            step.clamp(0, STEP_MAX).cast_unsigned()
        };
        Self {
            full_queue: step(before.full_queue_dropped_spans, now.full_queue_dropped_spans),
            too_large: step(before.too_large_dropped_spans, now.too_large_dropped_spans),
            failed_to_send: step(before.failed_to_emit_spans, now.failed_to_emit_spans),
        }
    }

    fn add(&mut self, more: Self) {
        self.full_queue += more.full_queue;
        self.too_large += more.too_large;
        self.failed_to_send += more.failed_to_send;
    }

    fn sum(&self) -> u64 {
        self.full_queue + self.too_large + self.failed_to_send
    }

    fn by_reason(&self) -> [(&'static str, u64); 3] {
        [
            ("full_queue", self.full_queue),
            ("too_large", self.too_large),
            ("failed_to_send", self.failed_to_send),
        ]
    }
}

/// What the number of a batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// It is the next, or the first, or says nothing.
    Next,
    /// So many before it did not come.
    Gap(u64),
    /// It was missed before.
    Late,
}

impl Order {
    fn of(last: Option<i64>, number: Option<i64>) -> Self {
        let (Some(last), Some(number)) = (last, number) else { return Self::Next };
        match number.saturating_sub(last) {
            step @ 2..=STEP_MAX => Self::Gap((step - 1).cast_unsigned()),
            // The first number again is a client that started anew.
            ..=-1 if number > 1 => Self::Late,
            _ => Self::Next,
        }
    }
}

/// A client as it is told of.
#[derive(Clone, Debug)]
pub(crate) struct LostMost {
    pub(crate) door: &'static str,
    pub(crate) peer: SocketAddr,
    pub(crate) service: String,
    pub(crate) batches: u64,
    pub(crate) missing_batches: u64,
    pub(crate) lost: Lost,
}

impl JaegerClients {
    /// Takes what a client told beside a batch, if it told anything.
    pub(crate) fn hear(
        &self,
        metrics: &Metrics,
        visit: Visit,
        told: SenderReport,
        resource: Option<&Resource>,
    ) {
        if told == SenderReport::default() {
            return;
        }
        let Visit { door, peer } = visit;
        let key = match resource.and_then(uuid_of) {
            Some(uuid) => Key::Uuid(door, uuid),
            None => Key::Address(door, peer),
        };
        let mut heard = self.heard();
        if heard.make_room_for(&key) {
            metrics.forgotten_clients.inc();
        }
        heard.times += 1;
        let heard_at = heard.times;
        let client = heard.clients.entry(key).or_insert_with(|| Client::new(visit, resource));
        (client.heard_at, client.peer) = (heard_at, peer);
        client.batches += 1;
        let order = Order::of(client.last_number, told.sequence_number);
        match order {
            Order::Next => {}
            Order::Gap(missing) => {
                client.missing_batches += missing;
                let labels = DoorLabels { door };
                metrics.client_missing_batches.get_or_create(&labels).inc_by(missing);
            }
            Order::Late => {
                client.missing_batches = client.missing_batches.saturating_sub(1);
                metrics.client_late_batches.get_or_create(&DoorLabels { door }).inc();
                // Its account is older than the one that is known.
                return;
            }
        }
        client.last_number = told.sequence_number.or(client.last_number);
        if let Some(stats) = told.stats {
            let lost = Lost::since(&client.stats, &stats);
            client.lost.add(lost);
            client.stats = stats;
            for (reason, spans) in lost.by_reason().into_iter().filter(|(_, spans)| *spans > 0) {
                let labels = DoorReasonLabels { door, reason };
                metrics.client_lost_spans.get_or_create(&labels).inc_by(spans);
            }
        }
    }

    /// How many are remembered, and those of them that lost most.
    pub(crate) fn lost_most(&self) -> (usize, Vec<LostMost>) {
        let heard = self.heard();
        let lost_any = |client: &&Client| client.lost.sum() + client.missing_batches > 0;
        let mut clients: Vec<&Client> = heard.clients.values().filter(lost_any).collect();
        clients.sort_unstable_by_key(|client| {
            std::cmp::Reverse((client.lost.sum(), client.missing_batches, client.heard_at))
        });
        let told = clients.into_iter().take(TOLD_MAX).map(|client| LostMost {
            door: client.door,
            peer: client.peer,
            service: client.service.clone(),
            batches: client.batches,
            missing_batches: client.missing_batches,
            lost: client.lost,
        });
        (heard.clients.len(), told.collect())
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        // Nothing in here is half done when it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    /// Forgets a client when there are too many; true when it did.
    fn make_room_for(&mut self, key: &Key) -> bool {
        if self.clients.len() < CLIENTS_MAX || self.clients.contains_key(key) {
            return false;
        }
        let silent = self.clients.iter().min_by_key(|(_, client)| client.heard_at);
        let silent = silent.map(|(key, _)| key.clone());
        silent.is_some_and(|key| self.clients.remove(&key).is_some())
    }
}

impl Client {
    fn new(visit: Visit, resource: Option<&Resource>) -> Self {
        let service = resource.and_then(|resource| resource.service_name.as_deref());
        Self {
            door: visit.door,
            peer: visit.peer,
            service: short(service.unwrap_or_default()),
            heard_at: 0,
            batches: 0,
            missing_batches: 0,
            last_number: None,
            stats: ClientStats::default(),
            lost: Lost::default(),
        }
    }
}

fn uuid_of(resource: &Resource) -> Option<String> {
    let tag = resource.attributes.iter().find(|attribute| attribute.key == CLIENT_UUID)?;
    tag.value.as_str().map(short)
}

fn short(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_LEN_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(port: u16) -> Visit {
        Visit { door: "jaeger-compact", peer: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    fn told(number: i64, full_queue: i64) -> SenderReport {
        let stats = ClientStats { full_queue_dropped_spans: full_queue, ..ClientStats::default() };
        SenderReport { sequence_number: Some(number), stats: Some(stats) }
    }

    #[test]
    fn losses_count_once_gaps_count_until_they_close_and_a_restart_begins_anew() {
        let (clients, metrics) = (JaegerClients::default(), Metrics::default());
        let resource = Resource::of_service("shop");
        let heard = [(1, 0), (2, 5), (5, 5), (4, 5), (6, 9), (1, 2), (2, 2)];
        for (number, full_queue) in heard {
            clients.hear(&metrics, visit(1), told(number, full_queue), Some(&resource));
        }
        let (known, most) = clients.lost_most();
        assert_eq!((known, most.len()), (1, 1));
        assert_eq!((most[0].batches, most[0].missing_batches), (7, 1));
        assert_eq!((most[0].lost.full_queue, &*most[0].service), (11, "shop"));
        let labels = DoorReasonLabels { door: "jaeger-compact", reason: "full_queue" };
        assert_eq!(metrics.client_lost_spans.get_or_create(&labels).get(), 11);
        let labels = DoorLabels { door: "jaeger-compact" };
        assert_eq!(metrics.client_missing_batches.get_or_create(&labels).get(), 2);
        assert_eq!(metrics.client_late_batches.get_or_create(&labels).get(), 1);
    }

    #[test]
    fn who_says_nothing_is_not_remembered_and_too_many_are_forgotten() {
        let (clients, metrics) = (JaegerClients::default(), Metrics::default());
        clients.hear(&metrics, visit(1), SenderReport::default(), None);
        assert_eq!(clients.lost_most().0, 0);
        for port in 1..=1_100 {
            clients.hear(&metrics, visit(port), told(1, i64::MAX), None);
        }
        let (known, most) = clients.lost_most();
        assert_eq!((known, most.len()), (CLIENTS_MAX, TOLD_MAX));
        assert_eq!(metrics.forgotten_clients.get(), 1_100 - CLIENTS_MAX as u64);
        assert_eq!(most[0].lost.full_queue, STEP_MAX.cast_unsigned());
    }
}
