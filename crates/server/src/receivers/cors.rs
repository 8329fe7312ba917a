//! Lets pages of other sites send spans, where the operator names those sites.
//!
//! They may send and nothing else: no path that reads or changes answers to them.

use std::sync::Arc;

use anyhow::bail;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::app::App;

/// Where pages may post spans to.
const SENDER_PATHS: [&str; 3] = ["/v1/traces", "/api/v2/spans", "/api/v1/spans"];
/// How many seconds a browser may remember that it may.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("7200");

/// Which sites' pages may send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CorsOrigins {
    origins: Vec<String>,
    is_all: bool,
}

impl CorsOrigins {
    /// Reads origins behind commas, or `*`. Empty is none.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut parsed = Self::default();
        for origin in text.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
            if origin == "*" {
                parsed.is_all = true;
                continue;
            }
            let host = origin.split_once("://").map_or("", |(_scheme, host)| host);
            if host.is_empty() || host.contains(['/', '*', ' ', '?', '#', '@']) {
                bail!(
                    "cors-origin `{origin}` is no origin: say scheme and host without a path, as in https://shop.example"
                );
            }
            parsed.origins.push(origin.to_ascii_lowercase());
        }
        Ok(parsed)
    }

    /// Answers a site's page with these headers, or not at all.
    fn allow(&self, origin: &HeaderValue) -> Option<HeaderMap> {
        let named = origin.to_str().ok()?.to_ascii_lowercase();
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if self.origins.contains(&named) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            // A beacon, as browsers send when a page is left, always has credentials.
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        } else if self.is_all {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            return None;
        }
        Some(headers)
    }
}

/// Answers the questions that browsers ask before they send, and marks what they sent.
pub(crate) async fn cors(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN);
    let allowed = origin
        .filter(|_| SENDER_PATHS.contains(&request.uri().path()))
        .and_then(|origin| app.config.cors_origins.allow(origin));
    let Some(allowed) = allowed else { return next.run(request).await };
    if *request.method() == Method::OPTIONS {
        return preflight(request.headers(), allowed);
    }
    let is_post = *request.method() == Method::POST;
    let mut response = next.run(request).await;
    if is_post {
        response.headers_mut().extend(allowed);
        let exposed = HeaderValue::from_static("Retry-After");
        response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    response
}

fn preflight(asked: &HeaderMap, allowed: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if asked.get(ACCESS_CONTROL_REQUEST_METHOD).is_none_or(|method| method != "POST") {
        return response;
    }
    let headers = response.headers_mut();
    headers.extend(allowed);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    // Exporters send headers of their own naming; none of them means anything here.
    if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_named_whole_and_a_star_carries_no_credentials() {
        let origins = CorsOrigins::parse("https://shop.example, http://localhost:3000").unwrap();
        let allow = |origins: &CorsOrigins, origin| {
            let allowed = origins.allow(&HeaderValue::from_static(origin))?;
            let has_credentials = allowed.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS);
            Some((
                allowed[ACCESS_CONTROL_ALLOW_ORIGIN].to_str().unwrap().to_owned(),
                has_credentials,
            ))
        };
        assert_eq!(
            allow(&origins, "https://shop.example"),
            Some(("https://shop.example".into(), true))
        );
        for origin in
            ["https://shop.example.evil", "http://shop.example", "null", "http://localhost"]
        {
            assert_eq!(allow(&origins, origin), None, "{origin}");
        }
        let all = CorsOrigins::parse("*").unwrap();
        assert_eq!(allow(&all, "https://evil.example"), Some(("*".into(), false)));
        assert_eq!(allow(&CorsOrigins::parse("").unwrap(), "https://shop.example"), None);
        for text in ["shop.example", "https://shop.example/", "https://*.example", "https://"] {
            assert!(CorsOrigins::parse(text).is_err(), "{text}");
        }
    }
}
