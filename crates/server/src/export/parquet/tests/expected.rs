//! The row that a span must be, as JSON, made from the model and from nothing of the export.
//!
//! A map is a list of pairs, a time of day is microseconds since 1970.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use spandrel_model::{Address, Attribute, Event, Link, Scope, Span};

pub(super) fn row_of(span: &Span<'_>) -> Json {
    let remote = span.remote.clone().unwrap_or_default();
    let scope = span.scope.as_deref();
    let no_scope = Scope::default();
    let kind = span.kind.map(|kind| format!("{kind:?}").to_lowercase());
    let parts = [
        json!({
            "trace_id": span.trace_id.to_string(),
            "span_id": span.span_id.to_string(),
            "parent_span_id": span.parent_id.map(|id| id.to_string()),
            "name": span.name,
            "kind": kind,
            "start": span.start_ns.map(|time_ns| time_ns / 1000),
            "start_ns": span.start_ns,
            "duration_ns": span.duration_ns,
            "status_code": format!("{:?}", span.status.code).to_lowercase(),
            "status_message": span.status.message,
            "is_error": span.is_error(),
            "service_name": span.resource.service_name,
            "remote_service_name": remote.service_name,
        }),
        address("local", &span.local),
        address("remote", &remote.address),
        json!({
            "attributes": pairs(&span.attributes),
            "resource_attributes": pairs(&span.resource.attributes),
            "scope_name": scope.map(|scope| &scope.name),
            "scope_version": scope.map(|scope| &scope.version),
            "scope_attributes": pairs(&scope.unwrap_or(&no_scope).attributes),
            "events": span.events.iter().map(event).collect::<Vec<_>>(),
            "links": span.links.iter().map(link).collect::<Vec<_>>(),
            "trace_state": span.trace_state,
            "trace_flags": span.trace_flags,
            "is_shared": span.is_shared,
            "is_debug": span.is_debug,
            "dropped_attributes": span.dropped.attributes,
            "dropped_events": span.dropped.events,
            "dropped_links": span.dropped.links,
            "dropped_resource_attributes": span.resource.dropped_attributes,
            "dropped_scope_attributes": scope.unwrap_or(&no_scope).dropped_attributes,
        }),
    ];
    let parts = parts.into_iter().filter_map(|part| part.as_object().cloned());
    Json::Object(parts.flatten().collect())
}

fn address(side: &str, address: &Address) -> Json {
    json!({
        format!("{side}_ipv4"): address.ipv4.map(|ip| ip.to_string()),
        format!("{side}_ipv6"): address.ipv6.map(|ip| ip.to_string()),
        format!("{side}_port"): address.port,
    })
}

fn pairs(attributes: &[Attribute<'_>]) -> Vec<[String; 2]> {
    let of_key: BTreeMap<_, _> =
        attributes.iter().map(|attribute| (&*attribute.key, attribute.value.to_text())).collect();
    of_key.into_iter().map(|(key, value)| [key.to_owned(), value.into_owned()]).collect()
}

fn event(event: &Event<'_>) -> Json {
    json!({
        "time": event.time_ns / 1000,
        "time_ns": event.time_ns,
        "name": event.name,
        "attributes": pairs(&event.attributes),
        "dropped_attributes": event.dropped_attributes,
    })
}

fn link(link: &Link<'_>) -> Json {
    let kind = match format!("{:?}", link.kind).as_str() {
        "Related" => "related",
        "ChildOf" => "child_of",
        _ => "follows_from",
    };
    json!({
        "kind": kind,
        "trace_id": link.trace_id.to_string(),
        "span_id": link.span_id.to_string(),
        "trace_state": link.trace_state,
        "attributes": pairs(&link.attributes),
        "dropped_attributes": link.dropped_attributes,
        "trace_flags": link.trace_flags,
    })
}
