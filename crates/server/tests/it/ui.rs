//! The UI as the binary serves it: its files, what a browser may do with them, old links.

use tempfile::tempdir;

use crate::http::send;
use crate::server::Server;

#[test]
fn every_page_is_the_same_document_and_loads_nothing_inline() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let document = server.get("/");
    assert_eq!(document.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = document.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for page in ["/traces/463ac35c9f6413ad", "/dependencies"] {
        assert_eq!(server.get(page).body, document.body, "{page}");
    }
    for (file, content_type) in [
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/app.css", "text/css; charset=utf-8"),
        ("/assets/favicon.svg", "image/svg+xml"),
    ] {
        assert!(document.text().contains(file), "the document asks for {file}");
        let answer = server.get(file);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)));
    }
    assert_eq!(server.get("/assets/other.js").status, 404);
}

#[test]
fn a_browser_gets_gzip_once_and_then_asks_whether_it_changed() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let plain = server.get("/assets/app.js");
    let ask = |name: &str, value: &str| {
        send(server.address, "GET", "/assets/app.js", &[(name, value)], b"").unwrap()
    };
    let packed = ask("Accept-Encoding", "br, gzip");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 2 < plain.body.len(), "{} bytes", packed.body.len());
    let etag = plain.header("etag").expect("a tag");
    let unchanged = ask("If-None-Match", etag);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
}

#[test]
fn links_into_zipkins_ui_live_on() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for (old, new) in [
        ("/zipkin", "/"),
        ("/zipkin/", "/"),
        ("/zipkin/?serviceName=shop&lookback=15m", "/?serviceName=shop&lookback=15m"),
        ("/zipkin/dependency", "/dependencies"),
        ("/zipkin/traces/463ac35c9f6413ad", "/traces/463ac35c9f6413ad"),
        ("/zipkin/traces/%2F%2Fevil.example", "/traces/%2F%2Fevil%2Eexample"),
    ] {
        let answer = server.get(old);
        assert_eq!((answer.status, answer.header("location")), (307, Some(new)), "{old}");
    }
}
