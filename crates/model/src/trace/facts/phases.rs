//! The network phases of a client span, from the events that it wrote as its request went on.
//!
//! The events are those of Go's `httptrace` as its instrumentations write them, and as ours does:
//! `DNSStart` alone, as `{"event":"DNSStart",...}` (OpenTracing through Zipkin), or
//! `http.dns.start` (OpenTelemetry for Go).

/// A phase of a request over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Looking up the host's name.
    Dns,
    /// Connecting to its address.
    Connect,
    /// Shaking hands over TLS.
    Tls,
    /// Writing the request.
    Send,
    /// Waiting for the first byte of the response.
    Wait,
    /// Reading the response.
    Receive,
}

/// How many phases there are.
pub const PHASE_COUNT: usize = 6;

impl Phase {
    /// All, in their usual order.
    pub const ALL: [Self; PHASE_COUNT] =
        [Self::Dns, Self::Connect, Self::Tls, Self::Send, Self::Wait, Self::Receive];

    /// The phase in one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::Receive => "receive",
        }
    }
}

/// What an event says of a request. The order is the usual one, and that of events of one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A connection is asked for; again, where an attempt is made again.
    GetConn,
    /// The look-up of a name begins.
    DnsStart,
    /// It ended.
    DnsDone,
    /// A connection to one address begins.
    ConnectStart,
    /// It was made, or failed.
    ConnectDone,
    /// The TLS handshake begins.
    TlsStart,
    /// It ended.
    TlsDone,
    /// There is a connection.
    GotConn,
    /// The request's head was written.
    WroteHeaders,
    /// The request was written wholly.
    WroteRequest,
    /// The first byte of the response arrived.
    FirstByte,
    /// The connection went back to the pool: the response was read.
    PutIdleConn,
    /// The response's body was closed.
    ClosedBody,
}

impl Step {
    /// The step that an event's name, or its text, tells; `None` for any other event.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        if text.starts_with('{') {
            // A failed step is an event `error` whose message names it.
            let event = json_field(text, "\"event\":\"")?;
            let name = if event == "error" { json_field(text, "\"message\":\"")? } else { event };
            return Self::of_hook(name);
        }
        match text.strip_prefix("http.") {
            Some(hook) => Self::of_open_telemetry(hook),
            None => Self::of_hook(text),
        }
    }

    fn of_hook(name: &str) -> Option<Self> {
        Some(match name {
            "GetConn" => Self::GetConn,
            "DNSStart" => Self::DnsStart,
            "DNSDone" => Self::DnsDone,
            "ConnectStart" => Self::ConnectStart,
            "ConnectDone" => Self::ConnectDone,
            "TLSHandshakeStart" => Self::TlsStart,
            "TLSHandshakeDone" => Self::TlsDone,
            "GotConn" => Self::GotConn,
            "WroteHeaders" => Self::WroteHeaders,
            "WroteRequest" => Self::WroteRequest,
            "GotFirstResponseByte" => Self::FirstByte,
            "PutIdleConn" => Self::PutIdleConn,
            "ClosedBody" => Self::ClosedBody,
            _ => return None,
        })
    }

    fn of_open_telemetry(hook: &str) -> Option<Self> {
        Some(match hook {
            "getconn.start" => Self::GetConn,
            "getconn.done" => Self::GotConn,
            "dns.start" => Self::DnsStart,
            "dns.done" => Self::DnsDone,
            "tls.start" => Self::TlsStart,
            "tls.done" => Self::TlsDone,
            "send.start" => Self::WroteHeaders,
            "send.done" => Self::WroteRequest,
            "receive.start" => Self::FirstByte,
            "receive.done" => Self::PutIdleConn,
            // The address stands between.
            _ if !hook.starts_with("connect.") => return None,
            _ if hook.ends_with(".start") => Self::ConnectStart,
            _ if hook.ends_with(".done") => Self::ConnectDone,
            _ => return None,
        })
    }
}

/// The text after `opening`, up to the next quote. Inside of a JSON string a quote is escaped, so
/// that the opening is not found there; the names that are looked for hold no escapes.
fn json_field<'t>(text: &'t str, opening: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(opening)?;
    Some(after.split_once('"')?.0)
}

/// How long each phase took, in nanoseconds. No instant is in two phases, and not every one is in
/// a phase: the wait for a connection out of a pool is in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Phases([u64; PHASE_COUNT]);

impl Phases {
    /// Measures the phases of one span; `None` when its events tell of none.
    ///
    /// `steps` are times and what happened then, in any order; they are put in order.
    ///
    /// Several connections under way at once, to the addresses of one host, are one phase. Once
    /// there is a connection, what is told of others belongs to a race that was lost. The
    /// response is read until its connection goes back to the pool or its body is closed.
    #[must_use]
    pub fn measure(steps: &mut [(u64, Step)]) -> Option<Self> {
        steps.sort_unstable();
        let mut phases = Self::default();
        let mut stage = Stage::default();
        let mut before_ns = steps.first()?.0;
        for &(time_ns, step) in &*steps {
            if let Some(phase) = stage.phase() {
                phases.add_ns(phase, time_ns - before_ns);
            }
            before_ns = time_ns;
            stage.take(step);
        }
        (phases != Self::default()).then_some(phases)
    }

    /// Measures the phases from the names and times of a span's events. `steps` is a buffer.
    #[must_use]
    pub fn of_events<'e>(
        events: impl IntoIterator<Item = (&'e str, u64)>,
        steps: &mut Vec<(u64, Step)>,
    ) -> Option<Self> {
        steps.clear();
        let told = |(name, time_ns)| Some((time_ns, Step::named(name)?));
        steps.extend(events.into_iter().filter_map(told));
        Self::measure(steps)
    }

    /// How long this phase took.
    #[must_use]
    pub fn get(&self, phase: Phase) -> u64 {
        let [dns, connect, tls, send, wait, receive] = self.0;
        match phase {
            Phase::Dns => dns,
            Phase::Connect => connect,
            Phase::Tls => tls,
            Phase::Send => send,
            Phase::Wait => wait,
            Phase::Receive => receive,
        }
    }

    /// How long all took together.
    #[must_use]
    pub fn total_ns(&self) -> u64 {
        self.0.iter().fold(0, |total, ns| total.saturating_add(*ns))
    }

    /// Adds another span's.
    pub fn add(&mut self, other: &Self) {
        for phase in Phase::ALL {
            self.add_ns(phase, other.get(phase));
        }
    }

    fn add_ns(&mut self, phase: Phase, ns: u64) {
        let [dns, connect, tls, send, wait, receive] = &mut self.0;
        let own = match phase {
            Phase::Dns => dns,
            Phase::Connect => connect,
            Phase::Tls => tls,
            Phase::Send => send,
            Phase::Wait => wait,
            Phase::Receive => receive,
        };
        *own = own.saturating_add(ns);
    }
}

/// Where a request is.
#[derive(Clone, Copy, Debug, Default)]
struct Stage {
    /// How many of each are under way while there is no connection.
    dns: u32,
    connects: u32,
    handshakes: u32,
    /// What goes on once there is one.
    connected: Connected,
}

#[derive(Clone, Copy, Debug, Default)]
enum Connected {
    #[default]
    Not,
    Writing,
    Waiting,
    Reading,
    Closed,
}

impl Stage {
    fn phase(&self) -> Option<Phase> {
        match self.connected {
            Connected::Not if self.handshakes > 0 => Some(Phase::Tls),
            Connected::Not if self.connects > 0 => Some(Phase::Connect),
            Connected::Not if self.dns > 0 => Some(Phase::Dns),
            Connected::Not | Connected::Closed => None,
            Connected::Writing => Some(Phase::Send),
            Connected::Waiting => Some(Phase::Wait),
            Connected::Reading => Some(Phase::Receive),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::GetConn => *self = Self::default(),
            Step::DnsStart => self.dns += 1,
            Step::DnsDone => self.dns = self.dns.saturating_sub(1),
            Step::ConnectStart => self.connects += 1,
            Step::ConnectDone => self.connects = self.connects.saturating_sub(1),
            Step::TlsStart => self.handshakes += 1,
            Step::TlsDone => self.handshakes = self.handshakes.saturating_sub(1),
            Step::GotConn => self.connected = Connected::Writing,
            // An instrumentation may not tell that it got a connection.
            Step::WroteHeaders if matches!(self.connected, Connected::Not) => {
                self.connected = Connected::Writing;
            }
            Step::WroteHeaders => {}
            // The answer may come before the request is written wholly.
            Step::WroteRequest
                if matches!(self.connected, Connected::Reading | Connected::Closed) => {}
            Step::WroteRequest => self.connected = Connected::Waiting,
            Step::FirstByte => self.connected = Connected::Reading,
            // The connection that goes back while its response is awaited is another one.
            Step::PutIdleConn if !matches!(self.connected, Connected::Reading) => {}
            Step::PutIdleConn | Step::ClosedBody => self.connected = Connected::Closed,
        }
    }
}
