//! Carries through OTLP what it has no field for: as attributes behind the sender's own, and back.
//!
//! The convention is told in [`super`]. Nothing here knows the bytes of a format.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use spandrel_model::{Address, Attribute, Link, LinkKind, Resource, Span, Value};

/// The attribute that is the service's name.
pub(super) const SERVICE_NAME: &str = "service.name";
/// Counts the attributes before it that are not the sender's.
const CARRIED: &str = "spandrel.carried";
/// An end that makes no duration.
const END: &str = "spandrel.end_time_unix_nano";

const IS_SHARED: &str = "spandrel.is_shared";
const IS_DEBUG: &str = "spandrel.is_debug";
const START: &str = "spandrel.start_time_unix_nano";
const DURATION: &str = "spandrel.duration_nano";
const REMOTE: &str = "spandrel.remote";
const REMOTE_SERVICE: &str = "spandrel.remote.service_name";
const LOCAL_ADDRESS: [&str; 3] =
    ["spandrel.local.ipv4", "spandrel.local.ipv6", "spandrel.local.port"];
const REMOTE_ADDRESS: [&str; 3] =
    ["spandrel.remote.ipv4", "spandrel.remote.ipv6", "spandrel.remote.port"];
/// OpenTelemetry's own convention for bridges from OpenTracing.
const REF_TYPE: &str = "opentracing.ref_type";

/// Start and end as OTLP has them, zero for none, and the duration where they do not tell it.
pub(super) struct WireTimes {
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    untold_duration_ns: Option<u64>,
}

impl WireTimes {
    /// Returns the span's times.
    pub(super) fn of(span: &Span<'_>) -> Self {
        let start_ns = span.start_ns.unwrap_or(0);
        let end_ns = span.duration_ns.and_then(|duration| start_ns.checked_add(duration));
        match end_ns {
            Some(end_ns) if start_ns > 0 => Self { start_ns, end_ns, untold_duration_ns: None },
            _ => Self { start_ns, end_ns: 0, untold_duration_ns: span.duration_ns },
        }
    }
}

/// Sets start and duration from what OTLP has.
pub(super) fn set_times(span: &mut Span<'_>, start_ns: u64, end_ns: u64) {
    span.start_ns = (start_ns > 0).then_some(start_ns);
    span.duration_ns = match end_ns.checked_sub(start_ns) {
        Some(duration_ns) if start_ns > 0 => Some(duration_ns),
        _ => None,
    };
}

/// Keeps an end that makes no duration.
pub(super) fn keep_end(span: &mut Span<'_>, start_ns: u64, end_ns: u64) {
    if end_ns > 0 && (start_ns == 0 || end_ns < start_ns) {
        span.attributes.push(Attribute::new(END, end_ns.cast_signed()));
    }
}

/// Takes the service's name out of the attributes of a resource.
pub(super) fn take_service_name(attributes: &mut Vec<Attribute<'static>>) -> Option<String> {
    let index = attributes.iter().rposition(is_service_name)?;
    let Value::String(name) = attributes.remove(index).value else { return None };
    (!name.is_empty()).then(|| name.into_owned())
}

fn is_service_name(attribute: &Attribute<'_>) -> bool {
    attribute.key == SERVICE_NAME && attribute.value.as_str().is_some()
}

/// The service's name as the attribute that goes before the resource's own and the one that goes
/// behind them. Before is where people look for it; behind it outdoes another of that key.
pub(super) fn service_name_around(resource: &Resource) -> (Option<&str>, Option<&str>) {
    let name = resource.service_name.as_deref();
    if resource.attributes.iter().any(is_service_name) {
        (None, Some(name.unwrap_or_default()))
    } else {
        (name, None)
    }
}

/// Returns what goes behind the span's attributes.
pub(super) fn of_span<'s>(span: &'s Span<'_>, times: &WireTimes) -> Vec<Attribute<'s>> {
    let mut carried = Vec::new();
    for (key, flag) in [(IS_SHARED, span.is_shared), (IS_DEBUG, span.is_debug)] {
        if flag {
            carried.push(Attribute::new(key, true));
        }
    }
    if span.start_ns == Some(0) {
        carried.push(Attribute::new(START, 0));
    }
    if let Some(duration_ns) = times.untold_duration_ns {
        carried.push(Attribute::new(DURATION, duration_ns.cast_signed()));
    }
    carry_address(LOCAL_ADDRESS, &span.local, &mut carried);
    if let Some(remote) = &span.remote {
        if remote.is_empty() {
            carried.push(Attribute::new(REMOTE, true));
        }
        if let Some(name) = remote.service_name.as_deref() {
            carried.push(Attribute::new(REMOTE_SERVICE, name));
        }
        carry_address(REMOTE_ADDRESS, &remote.address, &mut carried);
    }
    counted(&span.attributes, carried)
}

/// Returns what goes behind the link's attributes.
pub(super) fn of_link<'s>(link: &'s Link<'_>) -> Vec<Attribute<'s>> {
    let ref_type = match link.kind {
        LinkKind::Related => None,
        LinkKind::ChildOf => Some("child_of"),
        LinkKind::FollowsFrom => Some("follows_from"),
    };
    let carried = ref_type.map(|ref_type| Attribute::new(REF_TYPE, ref_type));
    counted(&link.attributes, carried.into_iter().collect())
}

fn carry_address(
    [ipv4, ipv6, port]: [&'static str; 3],
    address: &Address,
    carried: &mut Vec<Attribute<'_>>,
) {
    carried.extend(address.ipv4.map(|ip| Attribute::new(ipv4, ip.to_string())));
    carried.extend(address.ipv6.map(|ip| Attribute::new(ipv6, ip.to_string())));
    carried.extend(address.port.map(|number| Attribute::new(port, i64::from(number.get()))));
}

/// Puts the count behind, where there is something to count or to tell from a count.
fn counted<'s>(senders: &[Attribute<'_>], mut carried: Vec<Attribute<'s>>) -> Vec<Attribute<'s>> {
    if !carried.is_empty() || senders.last().is_some_and(|last| last.key == CARRIED) {
        let count = i64::try_from(carried.len()).expect("a dozen at most");
        carried.push(Attribute::new(CARRIED, count));
    }
    carried
}

/// Takes back what stands behind the sender's attributes of a span and of its links.
pub(super) fn take_back(span: &mut Span<'_>) {
    for attribute in take_counted(&mut span.attributes) {
        if !apply(span, &attribute) {
            // Not of this version's making; it is not lost.
            span.attributes.push(attribute);
        }
    }
    for link in &mut span.links {
        for attribute in take_counted(&mut link.attributes) {
            match (&*attribute.key, attribute.value.as_str()) {
                (REF_TYPE, Some("child_of")) => link.kind = LinkKind::ChildOf,
                (REF_TYPE, Some("follows_from")) => link.kind = LinkKind::FollowsFrom,
                _ => link.attributes.push(attribute),
            }
        }
    }
}

/// Takes the attributes that a count stands behind, and the count.
fn take_counted<'a>(attributes: &mut Vec<Attribute<'a>>) -> Vec<Attribute<'a>> {
    let Some(Attribute { key, value: Value::Int(count) }) = attributes.last() else {
        return Vec::new();
    };
    let senders_len = attributes.len() - 1;
    let count = usize::try_from(*count).ok().filter(|count| *count <= senders_len);
    match count {
        Some(count) if key == CARRIED => {
            attributes.pop();
            attributes.split_off(senders_len - count)
        }
        _ => Vec::new(),
    }
}

/// Sets what the attribute carries; false for one that carries nothing known.
fn apply<'a>(span: &mut Span<'a>, attribute: &Attribute<'a>) -> bool {
    match (&*attribute.key, &attribute.value) {
        (IS_SHARED, Value::Bool(true)) => span.is_shared = true,
        (IS_DEBUG, Value::Bool(true)) => span.is_debug = true,
        (START, Value::Int(0)) => span.start_ns = Some(0),
        (DURATION, Value::Int(ns)) => span.duration_ns = Some(ns.cast_unsigned()),
        (REMOTE, Value::Bool(true)) => _ = span.remote.get_or_insert_default(),
        (REMOTE_SERVICE, Value::String(name)) => {
            span.remote.get_or_insert_default().service_name = Some(Cow::clone(name));
        }
        (key, value) if LOCAL_ADDRESS.contains(&key) => {
            return apply_address(LOCAL_ADDRESS, key, value, &mut span.local);
        }
        (key, value) if REMOTE_ADDRESS.contains(&key) => {
            let mut address = span.remote.as_ref().map_or_else(Address::default, |it| it.address);
            if !apply_address(REMOTE_ADDRESS, key, value, &mut address) {
                return false;
            }
            span.remote.get_or_insert_default().address = address;
        }
        _ => return false,
    }
    true
}

fn apply_address(
    [ipv4, ipv6, _]: [&'static str; 3],
    key: &str,
    value: &Value<'_>,
    address: &mut Address,
) -> bool {
    let text = value.as_str().unwrap_or_default();
    if key == ipv4 {
        address.ipv4 = text.parse::<Ipv4Addr>().ok();
        address.ipv4.is_some()
    } else if key == ipv6 {
        address.ipv6 = text.parse::<Ipv6Addr>().ok();
        address.ipv6.is_some()
    } else {
        let Value::Int(number) = value else { return false };
        address.port = u16::try_from(*number).ok().and_then(NonZeroU16::new);
        address.port.is_some()
    }
}
