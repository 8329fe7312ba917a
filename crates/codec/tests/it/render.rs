//! Prints spans so that a person can check them against what was sent.

use std::fmt::Write as _;

use spandrel_model::{Address, Span, Value};

/// Prints each span: a line of facts, then its events with their time since the span's start,
/// then its attributes with their types.
pub(crate) fn render(spans: &[Span<'_>]) -> String {
    let mut text = String::new();
    for span in spans {
        render_span(span, &mut text).unwrap();
    }
    text
}

fn render_span(span: &Span<'_>, text: &mut String) -> std::fmt::Result {
    write!(text, "{}/{}", span.trace_id, span.span_id)?;
    if let Some(parent) = span.parent_id {
        write!(text, " under {parent}")?;
    }
    write!(text, " {:?}", span.name)?;
    if let Some(kind) = span.kind {
        write!(text, " {kind:?}")?;
    }
    write!(text, " of {}{}", span.service_name().unwrap_or("-"), address(&span.local))?;
    if let Some(remote) = &span.remote {
        let name = remote.service_name.as_deref().unwrap_or("-");
        write!(text, " with {name}{}", address(&remote.address))?;
    }
    if let Some(start_ns) = span.start_ns {
        write!(text, " at {start_ns}")?;
    }
    if let Some(duration_ns) = span.duration_ns {
        write!(text, " for {duration_ns}")?;
    }
    for (is_set, flag) in [(span.is_shared, " shared"), (span.is_debug, " debug")] {
        text.push_str(if is_set { flag } else { "" });
    }
    text.push('\n');
    for event in &span.events {
        let since_ns = i128::from(event.time_ns) - i128::from(span.start_ns.unwrap_or(0));
        writeln!(text, "  {since_ns:+} {}", event.name)?;
    }
    for attribute in &span.attributes {
        let (key, value) = (&attribute.key, &attribute.value);
        match value {
            Value::String(value) => writeln!(text, "  {key}: {value:?}")?,
            other => writeln!(text, "  {key}: {other:?}")?,
        }
    }
    Ok(())
}

fn address(address: &Address) -> String {
    let mut text = String::new();
    if let Some(ipv4) = address.ipv4 {
        text.push_str(&format!(" {ipv4}"));
    }
    if let Some(ipv6) = address.ipv6 {
        text.push_str(&format!(" [{ipv6}]"));
    }
    if let Some(port) = address.port {
        text.push_str(&format!(":{port}"));
    }
    text
}
