//! URLs: where to connect, what to write in a tag, and where a redirect leads.
//!
//! No secret leaves by a tag: user and password are cut off, signatures in queries blotted out.

use http::Uri;
use http::uri::Scheme;

use crate::Error;

/// Query parameters whose values sign a request: whoever reads one can repeat it. The list is
/// that of OpenTelemetry's conventions for `url.full`.
const SECRET_PARAMETERS: &[&str] = &["AWSAccessKeyId", "Signature", "X-Goog-Signature", "sig"];

const REDACTED: &str = "REDACTED";

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) is_https: bool,
    /// The host's name or address, without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port, as Go's `GetConn` gives them.
    pub(crate) host_port: String,
}

impl Target {
    pub(crate) fn of(url: &Uri) -> Result<Self, Error> {
        let refuse = |reason| Error::Url { url: redacted(url), reason };
        let is_https = match url.scheme().map(Scheme::as_str) {
            Some("http") => false,
            Some("https") if cfg!(feature = "tls") => true,
            Some("https") => return Err(refuse("the client was built without TLS")),
            Some(_) => return Err(refuse("its scheme is neither http nor https")),
            None => return Err(refuse("it has no scheme")),
        };
        let written = url.host().filter(|host| !host.is_empty());
        let written = written.ok_or_else(|| refuse("it has no host"))?;
        let port = url.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let host = written.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { is_https, host, port, host_port: format!("{written}:{port}") })
    }

    /// The key of the pool: connections of one key can stand in for each other.
    pub(crate) fn key(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}", self.host_port.to_ascii_lowercase())
    }
}

/// Returns host and port as the URL has them, without user and password.
pub(crate) fn authority(url: &Uri) -> &str {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    authority.rsplit_once('@').map_or(authority, |(_, host_port)| host_port)
}

/// Returns the URL as tags and messages show it.
pub(crate) fn redacted(url: &Uri) -> String {
    let mut shown = String::new();
    if let Some(scheme) = url.scheme_str() {
        shown.push_str(scheme);
        shown.push_str("://");
    }
    shown.push_str(authority(url));
    shown.push_str(url.path());
    for (index, parameter) in url.query().into_iter().flat_map(|q| q.split('&')).enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((key, _)) if is_secret(key) => {
                shown.push_str(key);
                shown.push('=');
                shown.push_str(REDACTED);
            }
            _ => shown.push_str(parameter),
        }
    }
    shown
}

fn is_secret(key: &str) -> bool {
    SECRET_PARAMETERS.iter().any(|secret| secret.eq_ignore_ascii_case(key))
}

/// Resolves a reference against the URL it was found at (RFC 3986, section 5.2). The fragment,
/// which no server sees, is cut off. `None` when the outcome is no URL.
pub(crate) fn join(base: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next().unwrap_or_default();
    let reference = escape(reference);
    if has_scheme(&reference) {
        return with_path(&reference)?.parse().ok();
    }
    let scheme = base.scheme_str()?;
    if reference.starts_with("//") {
        return with_path(&format!("{scheme}:{reference}"))?.parse().ok();
    }
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference.as_str(), None),
    };
    let (path, query) = if path.is_empty() {
        (base.path().to_owned(), query.or_else(|| base.query()))
    } else if path.starts_with('/') {
        (without_dots(path), query)
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        (without_dots(&format!("{folder}/{path}")), query)
    };
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!("{scheme}://{}{path}{query}", base.authority()?).parse().ok()
}

fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_scheme)
}

/// Puts the path in that a URL such as `http://host?q` leaves out, and takes dots out of it.
fn with_path(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (rest, String::new()),
    };
    let path = without_dots(if path.is_empty() { "/" } else { path });
    Some(format!("{scheme}://{authority}{path}{query}"))
}

/// Takes `.` and `..` out of an absolute path.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_folder = false;
    for part in path.split('/').skip(1) {
        ends_in_folder = matches!(part, "." | ".." | "");
        match part {
            "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(part),
        }
    }
    let mut clean = format!("/{}", kept.join("/"));
    if ends_in_folder && !clean.ends_with('/') {
        clean.push('/');
    }
    clean
}

/// Escapes what servers write into `Location` although no URL may have it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(reference: &str) -> String {
        let base = Uri::from_static("http://a:8000/b/c/d?q");
        join(&base, reference).map_or_else(|| "none".into(), |url| url.to_string())
    }

    #[test]
    fn references_are_resolved_as_rfc_3986_says() {
        for (reference, url) in [
            ("http://b/x/../y", "http://b/y"),
            ("http://b", "http://b/"),
            ("http://b?x", "http://b/?x"),
            ("//b/x", "http://b/x"),
            ("/gettime", "http://a:8000/gettime"),
            ("g", "http://a:8000/b/c/g"),
            ("./g/.", "http://a:8000/b/c/g/"),
            ("../g", "http://a:8000/b/g"),
            ("../../g", "http://a:8000/g"),
            ("/../g", "http://a:8000/g"),
            ("..", "http://a:8000/b/"),
            ("?y", "http://a:8000/b/c/d?y"),
            ("", "http://a:8000/b/c/d?q"),
            ("#s", "http://a:8000/b/c/d?q"),
            ("g?y/../x", "http://a:8000/b/c/g?y/../x"),
            ("/主 机", "http://a:8000/%E4%B8%BB%20%E6%9C%BA"),
        ] {
            assert_eq!(joined(reference), url, "{reference}");
        }
    }

    #[test]
    fn a_reference_that_makes_no_url_is_none() {
        for reference in ["http://", "http://a b:c/", "//", "mailto:me"] {
            assert_eq!(joined(reference), "none", "{reference}");
        }
    }

    #[test]
    fn user_password_and_signatures_do_not_reach_a_tag() {
        let url = Uri::from_static("https://me:secret@host:8443/a?x=1&sig=abc&Signature=d&y");
        assert_eq!(redacted(&url), "https://host:8443/a?x=1&sig=REDACTED&Signature=REDACTED&y");
        assert_eq!(authority(&url), "host:8443");
        assert_eq!(redacted(&Uri::from_static("/a?sig=b")), "/a?sig=REDACTED");
    }

    #[test]
    fn a_target_names_host_and_port() {
        let target = Target::of(&Uri::from_static("http://[::1]/a")).unwrap();
        assert_eq!((target.host.as_str(), target.host_port.as_str()), ("::1", "[::1]:80"));
        for url in ["/a", "ftp://a/b"] {
            assert!(Target::of(&Uri::from_static(url)).is_err(), "{url}");
        }
    }
}
