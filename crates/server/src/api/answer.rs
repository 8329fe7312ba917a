//! Answers that may leave something out, and say so.
//!
//! Spandrel's own API says it in a field, Zipkin's, which has none for it, in a header.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::app::Answered;

/// The header that says why an answer may be incomplete.
pub(crate) const PARTIAL: HeaderName = HeaderName::from_static("spandrel-partial");

/// An answer with the field `partial` beside its own.
#[derive(Serialize)]
pub(super) struct WithPartial<T> {
    #[serde(flatten)]
    answer: T,
    partial: Option<String>,
}

impl<T: Serialize> Answered<T> {
    /// Answers as Spandrel's own API does.
    pub(super) fn into_json(self) -> Json<WithPartial<T>> {
        Json(WithPartial { answer: self.value, partial: self.partial })
    }
}

impl<R: IntoResponse> IntoResponse for Answered<R> {
    fn into_response(self) -> Response {
        let mut response = self.value.into_response();
        mark_partial(&mut response, self.partial.as_deref());
        response
    }
}

/// Puts the reason, if there is one, in the header.
pub(crate) fn mark_partial(response: &mut Response, reason: Option<&str>) {
    let Some(reason) = reason else { return };
    let shown = |character: char| match character {
        ' '..='~' => character,
        _ => '?',
    };
    let text: String = reason.chars().map(shown).collect();
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(PARTIAL, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_becomes_a_header_whatever_is_in_it() {
        let answered = Answered { value: "x", partial: Some("a\r\nb: 主".to_owned()) };
        assert_eq!(answered.into_response().headers()[PARTIAL], "a??b: ?");
        let whole = Answered { value: "x", partial: None };
        assert!(!whole.into_response().headers().contains_key(PARTIAL));
    }
}
