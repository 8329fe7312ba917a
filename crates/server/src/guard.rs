//! Keeps web pages of other sites away from a server without authentication.
//!
//! A door on loopback answers only to names of this machine (DNS rebinding); every answer says
//! what a browser may do with it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use crate::refusal::Refusal;

/// What a browser may load from an answer that says nothing else: nothing.
const POLICY_OF_DATA: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Refuses requests whose Host names another machine, and marks all answers.
pub(crate) async fn guard(
    State(door): State<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let is_foreign = door.ip().is_loopback()
        && host_of(request.headers(), request.uri()).is_some_and(|host| !is_this_machine(host));
    let mut response = if is_foreign {
        let message = "this door answers to localhost and loopback addresses only: the Host header names another machine";
        Refusal::new(StatusCode::FORBIDDEN, "foreign_host", message).into_text()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY_OF_DATA);
    response
}

fn host_of<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Option<&'r str> {
    // HTTP/2 sends the host as part of the address instead.
    let of_uri = uri.authority().map(http::uri::Authority::as_str);
    // A Host that is not even text can't be this machine's: an empty name is foreign.
    headers.get(HOST).map(|host| host.to_str().unwrap_or_default()).or(of_uri)
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((ipv6, _port)) => ipv6,
        None => host.rsplit_once(':').map_or(host, |(name, _port)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_loopback = name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    is_loopback || name == "localhost" || name.ends_with(".localhost")
}

/// Whether a browser sent the request from a page of another site.
pub(crate) fn is_cross_site(headers: &HeaderMap, uri: &Uri) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let site = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (site, host_of(headers, uri)) {
        (Some((_scheme, origin_host)), Some(host)) => !origin_host.eq_ignore_ascii_case(host),
        // `null` and garbage are pages that hide where they are from.
        _ => true,
    }
}

/// Refuses what a page of another site sends: for routes that change something.
pub(crate) async fn own_site_only(request: Request, next: Next) -> Response {
    if is_cross_site(request.headers(), request.uri()) {
        let message = "pages of other sites may not change anything here";
        return Refusal::new(StatusCode::FORBIDDEN, "foreign_site", message).into_json();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_pass() {
        for host in ["localhost:9411", "127.0.0.1", "[::1]:9411", "LOCALHOST.", "a.localhost:1"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["attacker.example:9411", "", "10.0.0.1", "localhost.example", "[::2]:1"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn another_site_is_one_whose_origin_is_not_the_host() {
        let cross_site = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("localhost:9411"));
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            is_cross_site(&headers, &Uri::from_static("/api/v2/spans"))
        };
        assert!(!cross_site("http://localhost:9411"));
        assert!(cross_site("https://evil.example"));
        assert!(cross_site("http://localhost:3000"));
        assert!(cross_site("null"));
        assert!(!is_cross_site(&HeaderMap::new(), &Uri::from_static("/")));
    }
}
