//! What a request says that its body is.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The Content-Type in lower case without its parameters, empty when absent.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
