//! Which spans are pieces of one, and what it is made of.

use std::borrow::Cow;

use spandrel_model::trace::{Trace, merge};
use spandrel_model::{
    Attribute, Event, Link, LinkKind, Resource, Scope, Span, SpanId, Status, StatusCode, TraceId,
};

use crate::draw::spans;

#[test]
fn a_span_received_twice_is_one() {
    let once = spans("1 get server web@1 0..10 !5 a=b");
    assert_eq!(merge([once.clone(), once.clone()].concat()), once);
}

#[test]
fn pieces_of_a_span_make_it_whole() {
    let mut pieces = spans("2<1 client web@1 10..\n2 get web@ >shop\n2 @ !15 a=b");
    pieces[1].duration_ns = Some(5_000);
    let merged = merge(pieces);
    let [span] = merged.as_slice() else { panic!("{merged:?}") };
    assert_eq!(span.parent_id, SpanId::new(1));
    assert_eq!((span.start_ns, span.duration_ns), (Some(10_000), Some(5_000)));
    assert_eq!((&*span.name, span.service_name()), ("get", Some("web")));
    assert_eq!(span.remote_service_name(), Some("shop"));
    assert_eq!((span.events.len(), span.attributes.len()), (1, 1));
}

#[test]
fn pieces_of_different_hosts_stay_apart() {
    for lines in ["2 web@1\n2 web@2", "2 web@1\n2 shop@1", "2 web@1\n2 web@1 shared"] {
        assert_eq!(merge(spans(lines)).len(), 2, "{lines}");
    }
    let mut ports = spans("2 web@1\n2 web@1");
    ports[0].local.port = 80.try_into().ok();
    ports[1].local.port = 81.try_into().ok();
    assert_eq!(merge(ports).len(), 2);
}

#[test]
fn service_names_that_differ_in_case_are_one() {
    assert_eq!(merge(spans("2 Web@1\n2 web@1")).len(), 1);
}

#[test]
fn a_shared_span_takes_the_parent_that_only_its_client_was_told() {
    let merged = merge(spans("2<1 client web@1\n2 server shop@2"));
    assert!(merged[1].is_shared);
    assert_eq!(merged[1].parent_id, SpanId::new(1));
}

#[test]
fn a_client_is_never_shared() {
    assert!(!merge(spans("2 client web@1 shared"))[0].is_shared);
}

#[test]
fn one_long_trace_id_is_that_of_all() {
    let long = TraceId::from_halves(1, 7).unwrap();
    let mut received = spans("1 web@1\n2<1 web@1");
    received[1].trace_id = long;
    let trace = Trace::assemble(received).unwrap();
    assert_eq!(trace.trace_id(), long);
    assert!(trace.spans().iter().all(|span| span.trace_id == long));
}

#[test]
fn no_spans_make_no_trace() {
    assert!(Trace::assemble(Vec::new()).is_none());
}

#[test]
fn what_zipkin_does_not_know_is_merged_too() {
    let [mut one, mut two] = [(); 2].map(|()| spans("2 web@1").remove(0));
    let link = |id| Link {
        kind: LinkKind::Related,
        trace_id: TraceId::new(9).unwrap(),
        span_id: SpanId::new(id).unwrap(),
        trace_state: Cow::Borrowed(""),
        trace_flags: 0,
        attributes: Vec::new(),
        dropped_attributes: 0,
    };
    one.links = vec![link(2), link(1)];
    two.links = vec![link(1), link(3)];
    two.status = Status { code: StatusCode::Error, message: Cow::Borrowed("no") };
    two.trace_state = Cow::Borrowed("a=1");
    one.trace_flags = 1;
    two.trace_flags = 0x100;
    two.scope = Some(Scope { name: "lib".to_owned(), ..Scope::default() }.into());
    two.dropped.events = 3;
    two.is_debug = true;

    let merged = merge(vec![one, two]);
    let [span] = merged.as_slice() else { panic!("{merged:?}") };
    assert_eq!(span.links, [link(1), link(2), link(3)]);
    assert_eq!(span.status.code, StatusCode::Error);
    assert_eq!((&*span.trace_state, span.trace_flags), ("a=1", 0x101));
    assert_eq!(span.scope.as_ref().unwrap().name, "lib");
    assert!(span.is_debug && span.dropped.events == 3);
}

#[test]
fn a_resource_is_what_all_pieces_say_of_it() {
    let mut received = spans("2 web@1\n2 @1");
    received[1].resource =
        Resource { attributes: vec![Attribute::new("host.name", "a")], ..Resource::default() }
            .into();
    let merged = merge(received);
    let resource = &merged[0].resource;
    assert_eq!(resource.service_name.as_deref(), Some("web"));
    assert_eq!(resource.attributes, [Attribute::new("host.name", "a")]);
}

#[test]
fn attributes_are_overlaid_and_events_united() {
    let event = |time_ns, name: &'static str| Event::new(time_ns, name);
    let piece = |start_ns, events: Vec<Event<'static>>| {
        let attributes = vec![
            Attribute::new("key", i64::try_from(start_ns).unwrap()),
            Attribute::new(format!("only{start_ns}"), true),
        ];
        let start_ns = Some(start_ns);
        Span { start_ns, attributes, events, ..spans("2 web@1").remove(0) }
    };
    let merged = merge(vec![
        piece(2, vec![event(9, "b"), event(9, "a")]),
        piece(1, vec![event(5, "z"), event(9, "b")]),
    ]);
    let [span] = merged.as_slice() else { panic!("{merged:?}") };
    assert_eq!(span.start_ns, Some(2));
    assert_eq!(
        span.attributes,
        [Attribute::new("key", 1), Attribute::new("only2", true), Attribute::new("only1", true)]
    );
    assert_eq!(span.events, [event(5, "z"), event(9, "a"), event(9, "b")]);
}
