//! Where the network time of a request went, by the events of its client span.

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::sample::select;
use proptest::{prop_assert, prop_assert_eq, proptest};
use spandrel_model::trace::facts::{Phase, Phases, Step};

/// `GetConn 0, DNSStart 5` into `dns 3, connect 4`.
fn measured(events: &str) -> String {
    let events = events.split(", ").map(|event| {
        let (name, time) = event.rsplit_once(' ').unwrap();
        (name, time.parse::<u64>().unwrap())
    });
    let Some(phases) = Phases::of_events(events, &mut Vec::new()) else { return String::new() };
    let told = Phase::ALL.iter().filter(|&&phase| phases.get(phase) > 0);
    told.map(|&phase| format!("{} {}", phase.name(), phases.get(phase)))
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn a_new_connection_has_all_phases() {
    let events = "GetConn 0, DNSStart 1, DNSDone 3, ConnectStart 4, ConnectDone 8, \
        TLSHandshakeStart 9, TLSHandshakeDone 17, GotConn 18, WroteHeaders 20, WroteRequest 34, \
        GotFirstResponseByte 66, PutIdleConn 130, ClosedBody 200";
    assert_eq!(measured(events), "dns 2, connect 4, tls 8, send 16, wait 32, receive 64");
}

#[test]
fn a_connection_that_was_used_before_has_none_of_making_it() {
    let events = "GetConn 0, GotConn 1, WroteHeaders 2, WroteRequest 3, \
        GotFirstResponseByte 7, ClosedBody 15";
    assert_eq!(measured(events), "send 2, wait 4, receive 8");
}

#[test]
fn events_as_json_texts_and_failed_steps_count() {
    let events = r#"{"event":"ConnectStart","addr":"[::1]:80"} 1, {"addr":"[::1]:80","error.object":"no \"event\":\"GotConn\"","event":"error","message":"ConnectDone"} 5"#;
    let events = events.split_once(" 1, ").unwrap();
    let failed = events.1.strip_suffix(" 5").unwrap();
    let phases = Phases::of_events([(events.0, 1), (failed, 5)], &mut Vec::new()).unwrap();
    assert_eq!((phases.get(Phase::Connect), phases.total_ns()), (4, 4));
}

#[test]
fn the_events_of_open_telemetry_for_go_count() {
    let events = "http.getconn.start 0, http.dns.start 1, http.dns.done 3, \
        http.connect.[::1]:80.start 4, http.connect.[::1]:80.done 8, http.tls.start 9, \
        http.tls.done 17, http.getconn.done 18, http.send.start 20, http.send.done 34, \
        http.receive.start 66, http.receive.done 130";
    assert_eq!(measured(events), "dns 2, connect 4, tls 8, send 16, wait 32, receive 64");
}

#[test]
fn addresses_tried_at_once_are_one_phase_and_a_lost_race_is_none() {
    let events = "ConnectStart 0, ConnectStart 2, ConnectDone 5, ConnectDone 6, GotConn 7, \
        WroteRequest 8, ConnectDone 9, GotFirstResponseByte 10, ClosedBody 12";
    assert_eq!(measured(events), "connect 6, send 1, wait 2, receive 2");
}

#[test]
fn an_attempt_that_is_made_again_adds_up() {
    let events = "GetConn 0, ConnectStart 1, GetConn 5, DNSStart 6, DNSDone 8, GotConn 9, \
        WroteRequest 10, GotFirstResponseByte 12, ClosedBody 13";
    assert_eq!(measured(events), "dns 2, connect 4, send 1, wait 2, receive 1");
}

#[test]
fn an_answer_before_the_request_is_written_is_received_from_its_first_byte() {
    let events = "GotConn 0, GotFirstResponseByte 4, WroteRequest 6, ClosedBody 9, WroteRequest 12";
    assert_eq!(measured(events), "send 4, receive 5");
}

#[test]
fn other_events_tell_of_no_phase() {
    assert_eq!(measured("cache miss 0, http.request 4, {broken 7, GotConn 8"), "");
    assert_eq!(Step::named("dnsstart"), None);
    assert_eq!(Step::named(r#"{"event":"error","message":"no luck"}"#), None);
}

proptest! {
    #[test]
    fn phases_never_take_longer_than_their_steps(
        steps in vec((any::<u64>(), any_step()), 0..20)
    ) {
        let times = || steps.iter().map(|(time, _)| *time);
        let span = times().max().unwrap_or(0) - times().min().unwrap_or(0);
        let mut sorted = steps.clone();
        let phases = Phases::measure(&mut sorted);
        prop_assert!(phases.is_none_or(|phases| phases.total_ns() <= span));
        prop_assert!(phases.is_none_or(|phases| phases.total_ns() > 0));
        let mut reversed: Vec<_> = steps.into_iter().rev().collect();
        prop_assert_eq!(Phases::measure(&mut reversed), phases);
    }
}

fn any_step() -> impl proptest::strategy::Strategy<Value = Step> {
    select(vec![
        Step::GetConn,
        Step::DnsStart,
        Step::DnsDone,
        Step::ConnectStart,
        Step::ConnectDone,
        Step::TlsStart,
        Step::TlsDone,
        Step::GotConn,
        Step::WroteHeaders,
        Step::WroteRequest,
        Step::FirstByte,
        Step::PutIdleConn,
        Step::ClosedBody,
    ])
}
