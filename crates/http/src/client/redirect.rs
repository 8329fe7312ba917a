//! What a redirect asks for, by the rules of Go's client.

use http::header::{self, HeaderMap, HeaderName};
use http::{Method, Response, StatusCode, Uri};

use crate::{Error, url};

/// How much of a wrong `Location` an error shows.
const LOCATION_SHOWN_LEN_MAX: usize = 200;

/// Headers that say who the caller is: they are for the host they were meant for.
const SECRETS: [HeaderName; 4] =
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::WWW_AUTHENTICATE];

/// Headers that describe a body.
const OF_BODY: [HeaderName; 6] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::TRANSFER_ENCODING,
];

/// What is asked of a server, without the body: enough to ask again.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Uri,
    pub(super) headers: HeaderMap,
    /// Whether there is a body; it can be sent only once.
    pub(super) has_body: bool,
}

impl Ask {
    /// Whether asking twice is the same as asking once (RFC 9110, section 9.2.2).
    pub(super) fn is_replayable(&self) -> bool {
        !self.has_body && self.method.is_idempotent()
    }

    /// Returns what a response asks to be asked next; `None` when it is the answer.
    ///
    /// 301, 302 and 303 turn every method but HEAD into a GET without a body. 307 and 308 keep
    /// both; as a body can be sent only once, such a response is the answer when there was one.
    pub(super) fn redirected<B>(&self, response: &Response<B>) -> Result<Option<Self>, Error> {
        let keeps_method = match response.status() {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => false,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            _ => return Ok(None),
        };
        let Some(location) = response.headers().get(header::LOCATION) else { return Ok(None) };
        if keeps_method && self.has_body {
            return Ok(None);
        }
        let location = String::from_utf8_lossy(location.as_bytes());
        let Some(url) = url::join(&self.url, &location) else {
            let location = location.chars().take(LOCATION_SHOWN_LEN_MAX).collect();
            return Err(Error::Redirect { location });
        };
        let mut next = Self { url, has_body: false, ..self.clone() };
        if !keeps_method {
            if self.method != Method::HEAD {
                next.method = Method::GET;
            }
            remove_all(&mut next.headers, &OF_BODY);
        }
        // The host of the next URL is the client's to write.
        next.headers.remove(header::HOST);
        if !is_same_origin(&self.url, &next.url) {
            remove_all(&mut next.headers, &SECRETS);
        }
        Ok(Some(next))
    }
}

fn remove_all(headers: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        headers.remove(name);
    }
}

/// Whether two URLs have host, port and scheme in common. Another port may be another's
/// program, and http after https shows everyone what was secret.
fn is_same_origin(one: &Uri, other: &Uri) -> bool {
    one.scheme() == other.scheme()
        && url::authority(one).eq_ignore_ascii_case(url::authority(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, has_body: bool) -> Ask {
        let mut headers = HeaderMap::new();
        for name in SECRETS.iter().chain(&OF_BODY).chain(&[header::HOST, header::ACCEPT]) {
            headers.insert(name, "x".parse().unwrap());
        }
        Ask { method, url: Uri::from_static("http://a:1/b"), headers, has_body }
    }

    fn answer(status: u16, location: &str) -> Response<()> {
        Response::builder().status(status).header("location", location).body(()).unwrap()
    }

    fn next(method: Method, status: u16) -> Ask {
        ask(method, false).redirected(&answer(status, "/c")).unwrap().unwrap()
    }

    #[test]
    fn methods_change_as_in_go() {
        for status in [301, 302, 303] {
            assert_eq!(next(Method::POST, status).method, Method::GET);
            assert_eq!(next(Method::PUT, status).method, Method::GET);
            assert_eq!(next(Method::HEAD, status).method, Method::HEAD);
        }
        for status in [307, 308] {
            assert_eq!(next(Method::POST, status).method, Method::POST);
        }
        for status in [200, 300, 304, 404] {
            assert!(ask(Method::GET, false).redirected(&answer(status, "/c")).unwrap().is_none());
        }
    }

    #[test]
    fn a_body_is_not_sent_twice() {
        let post = ask(Method::POST, true);
        assert!(post.redirected(&answer(307, "/c")).unwrap().is_none());
        let next = post.redirected(&answer(301, "/c")).unwrap().unwrap();
        assert!(!next.has_body);
        assert!(OF_BODY.iter().all(|name| !next.headers.contains_key(name)));
    }

    #[test]
    fn secrets_stay_with_their_host() {
        let of = |location| {
            let next = ask(Method::GET, false).redirected(&answer(302, location));
            next.unwrap().unwrap().headers
        };
        for location in ["/c", "http://A:1/c"] {
            assert!(SECRETS.iter().all(|name| of(location).contains_key(name)), "{location}");
        }
        for location in ["http://b:1/", "http://a:2/", "https://a:1/", "http://a:1.evil/"] {
            let headers = of(location);
            assert!(SECRETS.iter().all(|name| !headers.contains_key(name)), "{location}");
            assert!(headers.contains_key(header::ACCEPT));
            assert!(!headers.contains_key(header::HOST));
        }
    }

    #[test]
    fn without_a_location_it_is_the_answer_and_with_a_wrong_one_an_error() {
        let bare = Response::builder().status(301).body(()).unwrap();
        assert!(ask(Method::GET, false).redirected(&bare).unwrap().is_none());
        let wrong = ask(Method::GET, false).redirected(&answer(301, "http://"));
        assert!(matches!(wrong, Err(Error::Redirect { .. })));
    }
}
