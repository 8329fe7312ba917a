//! Clocks that are off, and what is done about it.

use crate::draw::{trace, unindent, waterfall};

/// Draws the trace after correction, with what was found.
#[track_caller]
fn assert_corrected(lines: &str, found: &[(&str, i64)], drawing: &str) {
    let mut trace = trace(lines);
    let corrections = trace.correct_skew();
    let told: Vec<(&str, i64)> =
        corrections.iter().map(|one| (one.service.as_deref().unwrap_or(""), one.skew_ns)).collect();
    assert_eq!(told, found);
    assert_eq!(waterfall(&trace), unindent(drawing));
    assert_eq!(trace.correct_skew(), [], "a corrected trace shows no skew");
}

#[test]
fn a_server_that_began_before_its_client_is_moved_into_it() {
    assert_corrected(
        "
         1 client web@1 1000..1100
         1 server shop@2 900..960 shared !950
         2<1 db shop@2 910..920",
        &[("shop", -120_000)],
        "
         1 client web 1000..1100 | server shop 1020..1080
           2 db shop 1030..1040",
    );
}

#[test]
fn events_move_with_their_span() {
    let mut trace = trace("1 client web@1 1000..1100\n1 server shop@2 900..960 shared !950");
    let corrections = trace.correct_skew();
    assert_eq!(trace.spans()[1].events[0].time_ns, 1_070_000);
    assert_eq!(corrections[0].address, trace.spans()[1].local);
}

#[test]
fn a_server_that_took_longer_or_never_ended_is_put_just_after_its_client() {
    assert_corrected(
        "1 client web@1 1000..1010\n1 server shop@2 900..960 shared",
        &[("shop", -101_000)],
        "1 client web 1000..1010 | server shop 1001..1061",
    );
    assert_corrected(
        "1 client web@1 1000..\n1 server shop@2 900..960 shared",
        &[("shop", -101_000)],
        "1 client web 1000.. | server shop 1001..1061",
    );
}

#[test]
fn skew_is_carried_down_to_all_spans_of_that_address_and_no_other() {
    assert_corrected(
        "1 client web@1 1000..1100
         1 server shop@2 900..1000 shared
         2<1 local shop@2 905..
         3<2 other cart@3 906..
         4<3 same shop@2 910..",
        &[("shop", -100_000)],
        "
         1 client web 1000..1100 | server shop 1000..1100
           2 local shop 1005..
             3 other cart 906..
               4 same shop 1010..",
    );
}

#[test]
fn nothing_moves_without_reason() {
    for lines in [
        // The server began after the client.
        "1 client web@1 1000..1100\n1 server shop@2 1001..1200 shared",
        // Both on one address.
        "1 client web@1 1000..1100\n1 server shop@1 900..960 shared",
        // An address is unknown.
        "1 client web@1 1000..1100\n1 server shop@ 900..960 shared",
        // No call.
        "1 web@1 1000..1100\n2<1 server shop@2 900..960",
        // Headless: there is no clock to go by.
        "1<9 client web@1 1000..1100\n1 server shop@2 900..960 shared",
        // Two roots: there are two.
        "1 client web@1 1000..1100\n1 server shop@2 900..960 shared\n2 cart@3 10..",
        // No start.
        "1 client web@1\n1 server shop@2 900..960 shared",
    ] {
        let mut trace = trace(lines);
        let before = waterfall(&trace);
        assert_eq!(trace.correct_skew(), [], "{lines}");
        assert_eq!(waterfall(&trace), before, "{lines}");
    }
}

#[test]
fn a_service_is_reported_once_with_its_largest_skew() {
    let mut trace = trace(
        "
         1 web@1 1000..2000
         2<1 client web@1 1000..1100
         2<1 server shop@2 900..1000 shared
         3<1 client web@1 1200..1300
         3<1 server shop@2 1050..1150 shared",
    );
    let corrections = trace.correct_skew();
    assert_eq!(corrections.len(), 1);
    assert_eq!(corrections[0].skew_ns, -150_000);
}
