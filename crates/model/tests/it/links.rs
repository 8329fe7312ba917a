//! Who called whom. The cases are Zipkin's, and those where we differ.

use spandrel_model::Attribute;
use spandrel_model::trace::{DependencyLink, Trace, sum_links};

use crate::draw::{spans, trace};

fn told(links: &[DependencyLink]) -> String {
    let told = links.iter().map(|link| {
        let DependencyLink { parent, child, call_count, error_count } = link;
        format!("{parent}>{child} {call_count}/{error_count}")
    });
    told.collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn assert_links(lines: &str, links: &str) {
    assert_eq!(told(&trace(lines).dependency_links()), links, "{lines}");
}

#[test]
fn a_call_recorded_by_both_sides_counts_once_under_the_names_they_gave_themselves() {
    assert_links("1 client web@1 >app.example\n1 server app@2 >elsewhere shared", "web>app 1/0");
    assert_links("1 client web@1 >app.example\n2<1 server app@2", "web>app 1/0");
}

#[test]
fn a_call_recorded_by_one_side_is_linked_by_the_names_it_knows() {
    assert_links("1 client web@1 >db", "web>db 1/0");
    assert_links("1 server app@1 >web", "web>app 1/0");
    assert_links("1 server app@1", "");
    assert_links("1 client web@1", "");
}

#[test]
fn local_spans_between_a_call_and_its_caller_are_passed_over() {
    assert_links(
        "1 client web@1\n1 server app@2 shared\n2<1 local app@2\n3<2 internal app@2\n4<3 client @2 >db",
        "app>db 1/0, web>app 1/0",
    );
}

#[test]
fn a_span_of_no_kind_that_knows_both_sides_is_a_call_and_an_internal_one_is_not() {
    assert_links("1 web@1 >db", "web>db 1/0");
    assert_links("1 internal web@1 >db", "");
}

#[test]
fn a_client_named_otherwise_than_its_service_is_linked_to_it() {
    assert_links(
        "1 server web@1 >user\n2<1 client mysql@1 >db",
        "mysql>db 1/0, user>web 1/0, web>mysql 1/0",
    );
}

#[test]
fn messages_are_linked_to_their_broker_and_not_through_it() {
    assert_links(
        "1 producer web@1 >kafka\n2<1 consumer app@2 >kafka",
        "kafka>app 1/0, web>kafka 1/0",
    );
    assert_links("1 producer web@1\n2<1 consumer app@2", "");
}

#[test]
fn an_error_on_either_side_of_a_call_is_one_error() {
    assert_links("1 client web@1 error\n2<1 server app@2 error", "web>app 1/1");
    assert_links("1 client web@1 error\n2<1 server app@2", "web>app 1/1");
    assert_links("1 client web@1\n2<1 server app@2 error", "web>app 1/1");
    assert_links("1 client web@1 error\n1 server app@2 shared", "web>app 1/1");
    assert_links("1 client web@1 error\n2<1 local web@1\n3<2 server app@2", "web>app 1/0");
}

#[test]
fn an_error_that_says_false_is_none() {
    assert_links("1 client web@1 >db error=false", "web>db 1/0");
    let mut received = spans("1 client web@1 >db");
    received[0].attributes.push(Attribute::new("error", false));
    assert_eq!(told(&Trace::assemble(received).unwrap().dependency_links()), "web>db 1/0");
}

#[test]
fn names_are_linked_in_lower_case() {
    assert_links("1 client Web@1 >DB\n2<1 client WEB@1 >db", "web>db 1/0");
}

#[test]
fn links_of_a_headless_trace_go_as_far_as_they_are_known() {
    assert_links(
        "2<1 server app@1\n3<2 client app@1 >db\n5<4 server cart@2 >web",
        "app>db 1/0, web>cart 1/0",
    );
}

#[test]
fn links_add_up_by_parent_and_child_and_never_overflow() {
    let link = |parent: &str, call_count| DependencyLink {
        parent: parent.to_owned(),
        child: "db".to_owned(),
        call_count,
        error_count: 1,
    };
    let sum = sum_links([link("web", 2), link("app", u64::MAX), link("web", 3), link("app", 1)]);
    assert_eq!(told(&sum), format!("app>db {}/2, web>db 5/2", u64::MAX));
}
