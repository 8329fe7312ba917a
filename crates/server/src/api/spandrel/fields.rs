//! What both views print alike: offsets, labels of events, addresses.

use std::borrow::Cow;
use std::fmt::Write as _;

use spandrel_model::{Address, Event};

/// How far a time lies after the trace's start; before it when negative.
pub(super) fn offset_ns(time_ns: u64, trace_start_ns: Option<u64>) -> Option<i64> {
    let difference = i128::from(time_ns) - i128::from(trace_start_ns?);
    Some(i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX }))
}

/// What an event is called in a narrow place: the field `event` of a text that is a JSON
/// object (as OpenTracing clients log through Zipkin), else the text.
pub(super) fn event_label<'e>(event: &'e Event<'_>) -> Cow<'e, str> {
    if event.name.starts_with('{')
        && let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(&event.name)
        && let Some(serde_json::Value::String(label)) = fields.get("event")
    {
        return Cow::Owned(label.clone());
    }
    Cow::Borrowed(&event.name)
}

/// `127.0.0.1:80 (service)`, as far as it is known.
pub(super) fn endpoint_text(address: &Address, service_name: Option<&str>) -> Option<String> {
    match (address_text(address), service_name) {
        (Some(address), Some(service)) => Some(format!("{address} ({service})")),
        (Some(address), None) => Some(address),
        (None, Some(service)) => Some(format!("({service})")),
        (None, None) => None,
    }
}

/// `127.0.0.1:80`, as far as it is known.
pub(super) fn address_text(address: &Address) -> Option<String> {
    let mut text = match (address.ipv4, address.ipv6, address.port) {
        (Some(ipv4), ..) => ipv4.to_string(),
        (None, Some(ipv6), None) => ipv6.to_string(),
        (None, Some(ipv6), Some(_)) => format!("[{ipv6}]"),
        (None, None, Some(_)) => String::new(),
        (None, None, None) => return None,
    };
    if let Some(port) = address.port {
        // Writing to a String cannot fail.
        let _ = write!(text, ":{port}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_json_text_is_called_by_its_event() {
        let label = |text: &'static str| event_label(&Event::new(1, text)).into_owned();
        assert_eq!(label(r#"{"event":"DNSStart","host":"localhost"}"#), "DNSStart");
        assert_eq!(label("GetConn"), "GetConn");
        assert_eq!(label(r#"{"event":1}"#), r#"{"event":1}"#);
        assert_eq!(label("{broken"), "{broken");
    }

    #[test]
    fn an_address_prints_as_far_as_it_is_known() {
        let mut address = Address::default();
        assert_eq!(endpoint_text(&address, None), None);
        assert_eq!(endpoint_text(&address, Some("a")).as_deref(), Some("(a)"));
        address.port = std::num::NonZeroU16::new(80);
        assert_eq!(address_text(&address).as_deref(), Some(":80"));
        address.set_ip("2001:db8::1");
        assert_eq!(address_text(&address).as_deref(), Some("[2001:db8::1]:80"));
        address.set_ip("10.0.0.1");
        assert_eq!(endpoint_text(&address, Some("a")).as_deref(), Some("10.0.0.1:80 (a)"));
    }
}
