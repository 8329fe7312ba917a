//! What a v1 span is, and how it becomes spans of the model.
//!
//! A v1 span has no kind and no side: it is annotations and binary annotations, each with the
//! endpoint that recorded it. One v1 span makes one span of the model for each service that had
//! a part in it. Nothing here knows bytes.

use std::borrow::Cow;
use std::mem;

use spandrel_model::{Attribute, Endpoint, Event, Span, SpanId, SpanKind, TraceId, Value};

use super::scratch::{Resources, clear, duration_ns, empty_span, start_ns};
use crate::SpanSink;

/// How many services may have a part in one v1 span. Honest ones have two.
const SERVICES_MAX: usize = 64;

/// A v1 span as it came, in microseconds, zero or below for a time that is absent.
#[derive(Debug)]
pub(super) struct V1Span<'a> {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) parent_id: Option<SpanId>,
    pub(super) name: Cow<'a, str>,
    pub(super) timestamp_us: i64,
    pub(super) duration_us: i64,
    pub(super) is_debug: bool,
    pub(super) annotations: Vec<Annotation<'a>>,
    pub(super) binary_annotations: Vec<BinaryAnnotation<'a>>,
}

/// A text at a time.
#[derive(Debug)]
pub(super) struct Annotation<'a> {
    pub(super) time_us: i64,
    pub(super) value: Cow<'a, str>,
    pub(super) host: Option<Endpoint<'a>>,
}

/// A key and a value; or, under the keys `ca`, `sa` and `ma`, the address of the other side.
#[derive(Debug)]
pub(super) struct BinaryAnnotation<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) value: Value<'a>,
    pub(super) host: Option<Endpoint<'a>>,
}

impl V1Span<'_> {
    /// Makes the span that a decoder fills again and again. Its ids stand for none.
    pub(super) fn empty() -> Self {
        let Span { trace_id, span_id, .. } = empty_span();
        Self {
            trace_id,
            span_id,
            parent_id: None,
            name: Cow::Borrowed(""),
            timestamp_us: 0,
            duration_us: 0,
            is_debug: false,
            annotations: Vec::new(),
            binary_annotations: Vec::new(),
        }
    }

    /// Forgets what the span holds and keeps the room that its lists have.
    pub(super) fn clear(&mut self) {
        let mut annotations = mem::take(&mut self.annotations);
        let mut binary_annotations = mem::take(&mut self.binary_annotations);
        annotations.clear();
        binary_annotations.clear();
        *self = Self { annotations, binary_annotations, ..Self::empty() };
    }

    /// Whether the span says itself when it began and how long it took.
    fn is_timed(&self) -> bool {
        self.timestamp_us > 0 && self.duration_us > 0
    }

    /// Whether `end` lies where the span itself says that it ended.
    fn ends_with(&self, end: &Core<'_>) -> bool {
        self.is_timed() && self.timestamp_us.checked_add(self.duration_us) == Some(end.time_us)
    }
}

/// Makes spans of v1 spans, one after the other.
#[derive(Debug, Default)]
pub(super) struct Converter<'a> {
    /// The first `len` are in use; the others are room kept for later spans.
    halves: Vec<Half<'a>>,
    len: usize,
    resources: Resources,
}

/// What one service recorded of a v1 span. The first half also gets what names no service.
#[derive(Debug)]
struct Half<'a> {
    span: Span<'a>,
    local: Option<Endpoint<'a>>,
    timestamp_us: i64,
    duration_us: i64,
}

/// An annotation that says which side of a call the recorder was, and when.
#[derive(Clone, Debug)]
struct Core<'a> {
    time_us: i64,
    /// The half it belongs to. Two of one half are of one service, and the other way round.
    half: usize,
    host: Endpoint<'a>,
}

/// The core annotations of one v1 span, by their names on the wire: client, server, message
/// and wire, each send and receive.
#[derive(Debug, Default)]
struct Cores<'a> {
    cs: Option<Core<'a>>,
    cr: Option<Core<'a>>,
    sr: Option<Core<'a>>,
    ss: Option<Core<'a>>,
    ms: Option<Core<'a>>,
    mr: Option<Core<'a>>,
    ws: Option<Core<'a>>,
    wr: Option<Core<'a>>,
}

impl<'a> Cores<'a> {
    /// Returns where the annotation is kept and which side it tells of; `None` for an
    /// annotation that is not a core one.
    fn slot(&mut self, value: &str) -> Option<(&mut Option<Core<'a>>, Option<SpanKind>)> {
        Some(match value {
            "cs" => (&mut self.cs, Some(SpanKind::Client)),
            "cr" => (&mut self.cr, Some(SpanKind::Client)),
            "sr" => (&mut self.sr, Some(SpanKind::Server)),
            "ss" => (&mut self.ss, Some(SpanKind::Server)),
            "ms" => (&mut self.ms, Some(SpanKind::Producer)),
            "mr" => (&mut self.mr, Some(SpanKind::Consumer)),
            "ws" => (&mut self.ws, None),
            "wr" => (&mut self.wr, None),
            _ => return None,
        })
    }
}

impl<'a> Converter<'a> {
    /// Converts the span, hands what it makes to the sink and returns how many that are. The
    /// v1 span's lists are empty afterwards.
    pub(super) fn convert(
        &mut self,
        source: &mut V1Span<'a>,
        sink: &mut dyn SpanSink,
    ) -> Result<usize, String> {
        self.len = 0;
        self.add_half(source, None);
        let mut cores = self.place_annotations(source)?;
        self.time_calls(source, &mut cores);
        self.time_messages(source, &cores);
        self.place_tags(source, &cores)?;
        self.emit(source, sink)
    }

    /// Takes a further half into use and returns its index.
    fn add_half(&mut self, source: &V1Span<'a>, local: Option<Endpoint<'a>>) -> usize {
        let index = self.len;
        if index == self.halves.len() {
            let span = empty_span();
            self.halves.push(Half { span, local: None, timestamp_us: 0, duration_us: 0 });
        }
        let half = &mut self.halves[index];
        clear(&mut half.span);
        half.span.trace_id = source.trace_id;
        half.span.span_id = source.span_id;
        // A span that names itself as its parent is a root, as Zipkin has it.
        half.span.parent_id = source.parent_id.filter(|parent| *parent != source.span_id);
        half.span.is_debug = source.is_debug;
        half.local = local;
        half.timestamp_us = 0;
        half.duration_us = 0;
        self.len += 1;
        index
    }

    /// Returns the half of the service that the host names.
    fn half_of(
        &mut self,
        source: &V1Span<'a>,
        host: Option<&Endpoint<'a>>,
    ) -> Result<usize, String> {
        let Some(host) = host else { return Ok(0) };
        let first = &mut self.halves[0];
        if first.local.is_none() {
            first.local = Some(host.clone());
            return Ok(0);
        }
        let is_same =
            |half: &Half<'_>| half.local.as_ref().is_some_and(|local| is_same_service(local, host));
        match self.halves[..self.len].iter().position(is_same) {
            Some(index) => Ok(index),
            None if self.len == SERVICES_MAX => {
                Err(format!("over {SERVICES_MAX} services have a part in one span"))
            }
            None => Ok(self.add_half(source, Some(host.clone()))),
        }
    }

    /// Puts each annotation where it belongs: a core one aside, any other among the events.
    fn place_annotations(&mut self, source: &mut V1Span<'a>) -> Result<Cores<'a>, String> {
        let mut cores = Cores::default();
        let mut annotations = mem::take(&mut source.annotations);
        for Annotation { time_us, value, host } in annotations.drain(..) {
            let half = self.half_of(source, host.as_ref())?;
            // Without an endpoint nobody can tell whose side it is.
            if let Some(host) = host
                && let Some((slot, kind)) = cores.slot(&value)
            {
                let span = &mut self.halves[half].span;
                span.kind = kind.or(span.kind);
                *slot = Some(Core { time_us, half, host });
            } else {
                self.push_event(half, time_us, value);
            }
        }
        source.annotations = annotations;
        Ok(cores)
    }

    fn push_event(&mut self, half: usize, time_us: i64, value: Cow<'a, str>) {
        // The decoders let no annotation pass whose time does not fit.
        let time_ns = start_ns(time_us).ok().flatten().unwrap_or(0);
        self.halves[half].span.events.push(Event::new(time_ns, value));
    }

    /// Gives the halves of a call their times.
    fn time_calls(&mut self, source: &V1Span<'a>, cores: &mut Cores<'a>) {
        // A start may be missing where the span itself says when it began.
        let start = |end: &Option<Core<'a>>| {
            let end = end.as_ref().filter(|end| source.ends_with(end))?;
            Some(Core { time_us: source.timestamp_us, ..end.clone() })
        };
        cores.cs = cores.cs.take().or_else(|| start(&cores.cr));
        cores.sr = cores.sr.take().or_else(|| start(&cores.ss));
        match (&cores.cs, &cores.sr) {
            (Some(cs), Some(sr)) => {
                self.time_by(source, cs, cores.cr.as_ref());
                let server = self.other_side(source, cs, sr, [SpanKind::Client, SpanKind::Server]);
                let server = &mut self.halves[server];
                server.span.is_shared = true;
                server.timestamp_us = sr.time_us;
                server.duration_us =
                    cores.ss.as_ref().map_or(0, |ss| ss.time_us.saturating_sub(sr.time_us));
            }
            (Some(cs), None) if cores.cr.is_some() => self.time_by(source, cs, cores.cr.as_ref()),
            (None, Some(sr)) if cores.ss.is_some() => self.time_by(source, sr, cores.ss.as_ref()),
            _ => self.time_incomplete(source, cores),
        }
        // v1 has no flag for a shared span: by convention the half that did not make the id sets
        // no timestamp, or no duration although it knows the end.
        if let (None, Some(sr)) = (&cores.cs, &cores.sr)
            && (source.timestamp_us <= 0 || (cores.ss.is_some() && source.duration_us <= 0))
        {
            self.halves[sr.half].span.is_shared = true;
        }
    }

    /// Returns the half of `there`, a new one where a service called itself.
    fn other_side(
        &mut self,
        source: &V1Span<'a>,
        here: &Core<'a>,
        there: &Core<'a>,
        [kind_here, kind_there]: [SpanKind; 2],
    ) -> usize {
        if here.half != there.half {
            return there.half;
        }
        self.halves[here.half].span.kind = Some(kind_here);
        let index = self.add_half(source, Some(there.host.clone()));
        self.halves[index].span.kind = Some(kind_there);
        index
    }

    /// Times the half of `begin`: the span's own times win over those of the annotations.
    fn time_by(&mut self, source: &V1Span<'a>, begin: &Core<'a>, end: Option<&Core<'a>>) {
        let half = &mut self.halves[begin.half];
        if source.is_timed() {
            half.timestamp_us = source.timestamp_us;
            half.duration_us = source.duration_us;
        } else {
            half.timestamp_us = begin.time_us;
            half.duration_us = end.map_or(0, |end| end.time_us.saturating_sub(begin.time_us));
        }
    }

    /// Times a call of which an end is missing: a lone start is the timestamp, a lone end stays
    /// an event.
    fn time_incomplete(&mut self, source: &V1Span<'a>, cores: &Cores<'a>) {
        for index in 0..self.len {
            let (start, end, end_name) = match self.halves[index].span.kind {
                Some(SpanKind::Client) => (&cores.cs, &cores.cr, "cr"),
                Some(SpanKind::Server) => (&cores.sr, &cores.ss, "ss"),
                _ => continue,
            };
            if let Some(start) = start {
                self.halves[index].timestamp_us = start.time_us;
            }
            if let Some(end) = end {
                self.push_event(index, end.time_us, Cow::Borrowed(end_name));
            }
        }
        if source.timestamp_us > 0 {
            self.halves[0].timestamp_us = source.timestamp_us;
            self.halves[0].duration_us = source.duration_us;
        }
    }

    /// Gives the halves of a message their times.
    fn time_messages(&mut self, source: &V1Span<'a>, cores: &Cores<'a>) {
        match (&cores.ms, &cores.mr) {
            (Some(ms), Some(mr)) => {
                let kinds = [SpanKind::Producer, SpanKind::Consumer];
                let consumer = self.other_side(source, ms, mr, kinds);
                let consumer = &mut self.halves[consumer];
                let begin_us = cores.wr.as_ref().unwrap_or(mr).time_us;
                consumer.span.is_shared = true;
                consumer.timestamp_us = begin_us;
                consumer.duration_us = mr.time_us.saturating_sub(begin_us);
                let producer = &mut self.halves[ms.half];
                producer.timestamp_us = ms.time_us;
                producer.duration_us =
                    cores.ws.as_ref().map_or(0, |ws| ws.time_us.saturating_sub(ms.time_us));
            }
            (Some(ms), None) => self.time_by(source, ms, cores.ws.as_ref()),
            (None, Some(mr)) => match &cores.wr {
                Some(wr) => self.time_by(source, wr, Some(mr)),
                None => self.time_by(source, mr, None),
            },
            (None, None) => {
                for (wire, name) in [(&cores.ws, "ws"), (&cores.wr, "wr")] {
                    if let Some(wire) = wire {
                        self.push_event(wire.half, wire.time_us, Cow::Borrowed(name));
                    }
                }
            }
        }
    }

    /// Puts each binary annotation where it belongs: an address aside, any other among the
    /// attributes of the service that recorded it.
    fn place_tags(&mut self, source: &mut V1Span<'a>, cores: &Cores<'a>) -> Result<(), String> {
        let mut addresses = Addresses::default();
        let mut binary_annotations = mem::take(&mut source.binary_annotations);
        for BinaryAnnotation { key, value, host } in binary_annotations.drain(..) {
            if let (Some(slot), Some(_)) = (addresses.slot(&key, &value), &host) {
                *slot = host;
                continue;
            }
            let half = self.half_of(source, host.as_ref())?;
            // An empty `lc` is there for its endpoint alone.
            if !(key == "lc" && value.as_str() == Some("")) {
                self.halves[half].span.attributes.push(Attribute { key, value });
            }
        }
        source.binary_annotations = binary_annotations;
        self.place_addresses(source, cores, addresses)
    }

    /// Gives the halves their remote endpoints.
    fn place_addresses(
        &mut self,
        source: &V1Span<'a>,
        cores: &Cores<'a>,
        addresses: Addresses<'a>,
    ) -> Result<(), String> {
        let Addresses { client, server, message } = addresses;
        let client_side = cores.cs.as_ref().or(cores.cr.as_ref());
        let server_side = cores.sr.as_ref().or(cores.ss.as_ref());
        match (client_side, server_side) {
            (None, None) if client.is_some() || server.is_some() => {
                return self.place_addresses_without_core(source, client, server);
            }
            _ => {}
        }
        if let (Some(side), Some(mut remote)) = (server_side, client)
            && remote != side.host
        {
            // Finagle tells a client's address under the server's own name.
            if is_same_service(&remote, &side.host) {
                remote.service_name = None;
            }
            self.set_remote(side.half, remote);
        }
        if let (Some(side), Some(remote)) = (client_side, server) {
            self.set_remote(side.half, remote);
        }
        if let Some(remote) = message {
            for side in [&cores.ms, &cores.mr].into_iter().flatten() {
                self.set_remote(side.half, remote.clone());
            }
        }
        Ok(())
    }

    /// Places the addresses of a span that says of no service which side it was.
    fn place_addresses_without_core(
        &mut self,
        source: &V1Span<'a>,
        client: Option<Endpoint<'a>>,
        server: Option<Endpoint<'a>>,
    ) -> Result<(), String> {
        match (client, server) {
            (Some(client), Some(server)) => {
                let half = self.half_of(source, Some(&client))?;
                self.set_remote(half, server);
            }
            (None, Some(server)) => self.set_remote(0, server),
            (Some(client), None) => {
                self.halves[0].span.kind = Some(SpanKind::Server);
                self.set_remote(0, client);
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn set_remote(&mut self, half: usize, remote: Endpoint<'a>) {
        self.halves[half].span.remote = (!remote.is_empty()).then_some(remote);
    }

    /// Hands the halves to the sink. The name goes from one to the next: it is never copied.
    fn emit(&mut self, source: &mut V1Span<'a>, sink: &mut dyn SpanSink) -> Result<usize, String> {
        for half in &mut self.halves[..self.len] {
            let span = &mut half.span;
            span.start_ns = start_ns(half.timestamp_us)?;
            span.duration_ns = duration_ns(half.duration_us)?;
            if let Some(local) = &half.local {
                span.resource = self.resources.of_endpoint(local);
                span.local = local.address;
            }
            span.name = mem::take(&mut source.name);
            sink.span(span);
            source.name = mem::take(&mut span.name);
        }
        Ok(self.len)
    }
}

/// The address annotations of one v1 span: `ca`, `sa` and `ma` on the wire.
#[derive(Debug, Default)]
struct Addresses<'a> {
    client: Option<Endpoint<'a>>,
    server: Option<Endpoint<'a>>,
    message: Option<Endpoint<'a>>,
}

impl<'a> Addresses<'a> {
    /// Returns where the address is kept. Any value but false will do: some clients send "1".
    fn slot(&mut self, key: &str, value: &Value<'_>) -> Option<&mut Option<Endpoint<'a>>> {
        match key {
            _ if *value == Value::Bool(false) => None,
            "ca" => Some(&mut self.client),
            "sa" => Some(&mut self.server),
            "ma" => Some(&mut self.message),
            _ => None,
        }
    }
}

/// Whether the two name the same service. Zipkin's names have no case.
fn is_same_service(a: &Endpoint<'_>, b: &Endpoint<'_>) -> bool {
    match (a.service_name.as_deref(), b.service_name.as_deref()) {
        (Some(a), Some(b)) => {
            a == b
                || a.eq_ignore_ascii_case(b)
                || (!a.is_ascii() && a.to_lowercase() == b.to_lowercase())
        }
        (None, None) => true,
        _ => false,
    }
}
