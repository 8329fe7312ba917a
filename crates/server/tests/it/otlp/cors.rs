//! Pages of the sites that the operator names may send spans, and nothing else.

use spandrel_codec::otlp::Format;
use tempfile::tempdir;

use super::{JSON, post, request};
use crate::http::{Answer, send};
use crate::server::Server;

const SHOP: &str = "https://shop.example";

fn preflight(server: &Server, path: &str, origin: &str, method: &str) -> Answer {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "content-type,x-team"),
    ];
    send(server.address, "OPTIONS", path, &headers, b"").expect("an answer")
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[test]
fn a_named_site_may_send_and_not_read() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &["--cors-origin", SHOP]);
    for path in ["/v1/traces", "/api/v2/spans", "/api/v1/spans"] {
        let answer = preflight(&server, path, SHOP, "POST");
        assert_eq!((answer.status, allowed(&answer)), (204, Some(SHOP)), "{path}");
        assert_eq!(answer.header("access-control-allow-headers"), Some("content-type,x-team"));
        assert_eq!(allowed(&preflight(&server, path, "https://evil.example", "POST")), None);
        assert_eq!(allowed(&preflight(&server, path, SHOP, "DELETE")), None);
    }
    let body = request(Format::Json, 0x3000, 1);
    let answer = post(server.door("otlp-http"), JSON, &[("Origin", SHOP)], &body);
    assert_eq!((answer.status, allowed(&answer)), (200, Some(SHOP)));
    let refused = post(server.address, JSON, &[("Origin", SHOP)], b"{");
    assert_eq!((refused.status, allowed(&refused)), (400, Some(SHOP)), "the page may read why");

    for path in ["/api/v2/traces", "/api/v2/spans?serviceName=shop", "/api/spandrel/status"] {
        let read = send(server.address, "GET", path, &[("Origin", SHOP)], b"").unwrap();
        assert_eq!(allowed(&read), None, "{path}");
        assert_eq!(allowed(&preflight(&server, path, SHOP, "GET")), None, "{path}");
    }
}

#[test]
fn without_the_setting_no_site_may() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(allowed(&preflight(&server, "/v1/traces", SHOP, "POST")), None);
    let log = Server::try_start(folder.path(), &["--cors-origin", "shop.example"]);
    assert!(log.err().expect("it is refused").contains("cors-origin `shop.example` is no origin"));
}
