//! Which row hangs where.

use crate::draw::{assert_drawn, trace};

#[test]
fn a_server_half_joins_its_client_half_in_one_row() {
    assert_drawn(
        "
         2 get client web@1 0..90
         2 get server shop@2 10..80 shared
         3<2 db shop@2 20..30",
        "
         2 get client web 0..90 | get server shop 10..80
           3 db shop 20..30",
    );
}

#[test]
fn a_server_half_without_its_flag_joins_too() {
    assert_drawn(
        "
         1 web@1 0..100
         2<1 client web@1 5..90
         2 server shop@2 10..80",
        "
         1 web 0..100
           2 client web 5..90 | server shop 10..80",
    );
}

#[test]
fn all_servers_that_answered_one_client_join_it() {
    let lines = "2 client web@1 0..90
         2 server shop@2 10..80
         2 server shop@3 20..70
         3<2 on2 shop@2 20..30
         4<2 on3 shop@3 30..40";
    assert_drawn(
        lines,
        "
         2 client web 0..90 | server shop 10..80 | server shop 20..70
           3 on2 shop 20..30
           4 on3 shop 30..40",
    );
    let trace = trace(lines);
    let tree = trace.tree();
    assert_eq!(
        [0, 1, 2, 3, 4].map(|node| tree.parent(node)),
        [None, Some(0), Some(0), Some(1), Some(2)]
    );
}

#[test]
fn siblings_stand_by_start_and_those_without_one_first() {
    assert_drawn(
        "
         1 root 0..100
         2<1 late 50..60
         3<1 early 10..20
         4<1 unknown
         6<1 b 50..70
         5<1 c 50..70",
        "
         1 root 0..100
           4 unknown
           3 early 10..20
           6 b 50..70
           5 c 50..70
           2 late 50..60",
    );
}

#[test]
fn orphans_hang_under_the_root_and_are_marked() {
    assert_drawn(
        "
         1 root 0..100
         3<2 orphan 20..30
         4<3 child 20..25",
        "
         1 root 0..100
           ?3 orphan 20..30
             4 child 20..25",
    );
}

#[test]
fn without_a_root_orphans_stand_at_the_top() {
    let lines = "5<4 second 20..30
         3<2 first 10..40
         6<5 child 21..22";
    assert_drawn(
        lines,
        "
         ?3 first 10..40
         ?5 second 20..30
           6 child 21..22",
    );
    assert!(trace(lines).tree().is_headless());
}

#[test]
fn further_parentless_spans_hang_under_the_first() {
    assert_drawn(
        "
         2 second 0..10
         1 first 50..90
         3<2 child 5..8",
        "
         1 first 50..90
           2 second 0..10
             3 child 5..8",
    );
}

#[test]
fn a_server_half_without_its_client_hangs_under_the_parent_that_it_names() {
    assert_drawn(
        "
         1 web@1 0..100
         2<1 local web@1 5..90
         3<2 server shop@2 10..80 shared
         4<3 @ 20..30",
        "
         1 web 0..100
           2 local web 5..90
             3 server shop 10..80
               4 20..30",
    );
}

#[test]
fn a_lone_server_half_without_a_parent_misses_none() {
    let lines = "1 server proxy@1 0..100 shared";
    assert_drawn(lines, "1 server proxy 0..100");
    let trace = trace(lines);
    assert!(trace.tree().is_headless());
    assert_eq!(trace.summary().root_service.as_deref(), Some("proxy"));
}

#[test]
fn a_span_that_is_its_own_parent_is_a_root() {
    assert_drawn("1<1 root 0..100", "1 root 0..100");
}

#[test]
fn a_cycle_is_cut_where_it_began_first() {
    assert_drawn(
        "
         1 root 0..100
         2<4 later 30..40
         3<2 latest 50..60
         4<3 first 20..30",
        "
         1 root 0..100
           ?4 first 20..30
             2 later 30..40
               3 latest 50..60",
    );
    assert_drawn(
        "
         2<3 b 20..30
         3<2 a 10..30",
        "
         ?3 a 10..30
           2 b 20..30",
    );
}

#[test]
fn no_span_is_lost_when_two_services_made_one_id() {
    assert_drawn(
        "
         1 root web@1 0..100
         2<1 a shop@2 10..50
         2<1 b cart@3 20..60
         3<2 of-a shop@2 11..12
         4<2 of-b cart@3 21..22",
        "
         1 root web 0..100
           2 b cart 20..60 | a shop 10..50
             3 of-a shop 11..12
             4 of-b cart 21..22",
    );
}

#[test]
fn rows_follow_the_start_of_whichever_half_has_one() {
    assert_drawn(
        "
         1 root 0..100
         2<1 client web@1
         2<1 server shop@2 30..40 shared
         3<1 early 10..20",
        "
         1 root 0..100
           3 early 10..20
           2 client web | server shop 30..40",
    );
}

#[test]
fn the_summary_counts_rows_not_halves() {
    let summary = trace(
        "
         1 get web@1 1000..1100
         2<1 call client web@1 1010..1090
         2<1 call server Shop@2 1020..1200 shared error
         3<2 Shop@2 990..",
    )
    .summary();
    assert_eq!(summary.root_service.as_deref(), Some("web"));
    assert_eq!(summary.root_name.as_deref(), Some("get"));
    assert_eq!(summary.start_ns, Some(1_000_000));
    assert_eq!(summary.duration_ns, Some(210_000));
    assert_eq!((summary.span_count, summary.error_count), (3, 1));
    assert_eq!(summary.services, [("Shop".to_owned(), 2), ("web".to_owned(), 2)]);
}

#[test]
fn a_trace_without_a_root_has_no_root_in_its_summary() {
    let summary = trace("3<2 get web@1").summary();
    assert_eq!((summary.root_service, summary.root_name), (None, None));
    assert_eq!((summary.start_ns, summary.duration_ns), (None, None));
}

#[test]
fn a_trace_begins_with_its_root_even_if_a_child_seems_to_begin_before() {
    assert_eq!(trace("1 root 50..60\n2<1 child 10..20").start_ns(), Some(50_000));
    assert_eq!(trace("1 root\n2<1 child 10..20\n3<1 child 5..20").start_ns(), Some(5_000));
}
