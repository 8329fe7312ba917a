//! Why a request is not answered as asked: the one place that maps errors to HTTP statuses.
//!
//! Zipkin's API answers errors as text, Spandrel's own as JSON; the refusal is the same.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use spandrel_codec::DecodeError;
use spandrel_query::ZipkinQueryError;
use spandrel_storage::{AppendError, ChangeFailed, OverBudget, ReadError};

use crate::admission::ContentEncoding;
use crate::api::mark_partial;

/// How long a client is asked to wait before it tries again.
const RETRY_AFTER_S: u16 = 5;

/// A status with a message that says what, where, and what would be right.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// The name of the reason, as the metrics count it.
    pub(crate) reason: &'static str,
    /// What of the store could not be looked at: a trace that is not found may be there.
    partial: Option<String>,
}

impl Refusal {
    pub(crate) fn new(
        status: StatusCode,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { status, message: message.into(), reason, partial: None }
    }

    /// The request is wrong, and stays wrong however often it is sent.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// The server can't now; the same request may succeed later.
    pub(crate) fn unavailable(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, message)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_type", message)
    }

    fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// Whether the same request may succeed later: OTLP's list of such statuses.
    pub(crate) fn is_retryable(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 502 | 503 | 504)
    }

    /// How many seconds to wait before another try, where there may be one.
    pub(crate) fn retry_after_s(&self) -> Option<u16> {
        self.is_retryable().then_some(RETRY_AFTER_S)
    }

    /// Says what of the store could not be looked at.
    pub(crate) fn with_partial(self, partial: Option<String>) -> Self {
        Self { partial, ..self }
    }

    /// Adds the headers that an answer of this refusal has, whatever its body is.
    pub(crate) fn with_headers(&self, mut response: Response) -> Response {
        if let Some(retry_after_s) = self.retry_after_s() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        if self.status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            let encodings = HeaderValue::from_static(ContentEncoding::LIST);
            response.headers_mut().insert(ACCEPT_ENCODING, encodings);
        }
        mark_partial(&mut response, self.partial.as_deref());
        response
    }

    /// Answers as Zipkin does: the message as plain text.
    pub(crate) fn into_text(self) -> Response {
        let content_type = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
        let response = (self.status, content_type, self.message.clone()).into_response();
        self.with_headers(response)
    }

    /// Answers as Spandrel's own API does: `{"error": message}`, and `partial` where it matters.
    pub(crate) fn into_json(self) -> Response {
        let body = match &self.partial {
            None => json!({ "error": self.message }),
            Some(partial) => json!({ "error": self.message, "partial": partial }),
        };
        let response = (self.status, Json(body)).into_response();
        self.with_headers(response)
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<ZipkinQueryError> for Refusal {
    fn from(error: ZipkinQueryError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<OverBudget> for Refusal {
    fn from(error: OverBudget) -> Self {
        Self::unavailable("memory", error.to_string())
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        let message = error.to_string();
        match error {
            AppendError::Full { .. } => Self::unavailable("memory", message),
            AppendError::Disk { .. } => Self::unavailable("disk", message),
            AppendError::DiskFull { .. } => Self::unavailable("disk_full", message),
            AppendError::Recovering => Self::unavailable("not_ready", message),
            AppendError::Closing => Self::unavailable("closing", message),
            AppendError::TooLarge { .. } => Self::too_large(message),
            _ => Self::internal(message),
        }
    }
}

impl From<ChangeFailed> for Refusal {
    fn from(error: ChangeFailed) -> Self {
        Self::unavailable("disk", error.to_string())
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        Self::internal(error.to_string())
    }
}

/// A refusal that is answered as text.
#[derive(Debug)]
pub(crate) struct TextRefusal(Refusal);

/// A refusal that is answered as JSON.
#[derive(Debug)]
pub(crate) struct JsonRefusal(Refusal);

impl<E: Into<Refusal>> From<E> for TextRefusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl<E: Into<Refusal>> From<E> for JsonRefusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for TextRefusal {
    fn into_response(self) -> Response {
        self.0.into_text()
    }
}

impl IntoResponse for JsonRefusal {
    fn into_response(self) -> Response {
        self.0.into_json()
    }
}
