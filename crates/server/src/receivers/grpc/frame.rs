//! gRPC's frame: one byte that says whether the message is compressed, four with its length.

use axum::extract::Request;
use bytes::{Buf as _, Bytes};
use http::{HeaderMap, StatusCode};
use prost::Message;

use crate::admission::{Announced, ContentEncoding, ReadBody, read_body};
use crate::app::App;
use crate::receivers::intake::Framing;
use crate::receivers::rpc_status::BAD_FRAME;
use crate::refusal::Refusal;

/// How many bytes stand before a message.
const PREFIX_LEN: usize = 5;

/// A body of exactly one frame.
pub(super) enum Frame {}

impl Framing for Frame {
    fn encoding(headers: &HeaderMap) -> Result<ContentEncoding, Refusal> {
        let Some(name) = headers.get("grpc-encoding") else { return Ok(ContentEncoding::Identity) };
        ContentEncoding::from_header(name.as_bytes()).ok_or_else(|| {
            Refusal::unsupported(format!("the grpc-encoding is none of: {}", ContentEncoding::LIST))
        })
    }

    fn announced(_headers: &HeaderMap) -> Announced {
        Announced::InBody(announced)
    }

    fn message(
        mut body: Bytes,
        encoding: ContentEncoding,
    ) -> Result<(Bytes, ContentEncoding), Refusal> {
        let Some(announced) = announced(&body)? else {
            return Err(bad_frame(format!(
                "a call has one message, and {} bytes are none",
                body.len()
            )));
        };
        let (len, is_compressed) = (body.len() as u64, body[0] == 1);
        if len != announced {
            let message = format!("the frame says {announced} bytes, and there are {len}");
            return Err(bad_frame(message));
        }
        body.advance(PREFIX_LEN);
        match (is_compressed, encoding) {
            (false, _) => Ok((body, ContentEncoding::Identity)),
            (true, ContentEncoding::Identity) => Err(bad_frame(
                "the message is compressed, and no grpc-encoding says how".to_owned(),
            )),
            (true, encoding) => Ok((body, encoding)),
        }
    }
}

/// Reads a call that asks something: its message is small and not compressed.
pub(super) async fn read_question<M: Message + Default>(
    app: &App,
    request: Request,
) -> Result<M, Refusal> {
    let (head, body) = request.into_parts();
    let announced = Frame::announced(&head.headers);
    let ReadBody { bytes, charge: _charge } =
        read_body(&app.budget.requests, announced, body).await?;
    let (message, encoding) = Frame::message(bytes, Frame::encoding(&head.headers)?)?;
    if encoding != ContentEncoding::Identity {
        return Err(Refusal::unsupported("a question may not be compressed"));
    }
    M::decode(message).map_err(|error| Refusal::bad_request(error.to_string()))
}

/// How long the frame says it is, itself included.
fn announced(body: &[u8]) -> Result<Option<u64>, Refusal> {
    let Some(&[flag, a, b, c, d]) = body.first_chunk::<PREFIX_LEN>() else { return Ok(None) };
    if flag > 1 {
        return Err(bad_frame(format!("the frame begins with {flag}, which is neither 0 nor 1")));
    }
    Ok(Some(u64::from(u32::from_be_bytes([a, b, c, d])) + PREFIX_LEN as u64))
}

fn bad_frame(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, BAD_FRAME, message)
}

/// Puts a message in a frame.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).expect("answers are short");
    [&[0], &len.to_be_bytes()[..], message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_one_frame_and_nothing_else() {
        let message =
            |body: &[u8], encoding| Frame::message(Bytes::copy_from_slice(body), encoding);
        let plain = framed(b"spans");
        let (inside, encoding) = message(&plain, ContentEncoding::Gzip).unwrap();
        assert_eq!((&inside[..], encoding), (&b"spans"[..], ContentEncoding::Identity));

        let mut compressed = plain.clone();
        compressed[0] = 1;
        let (_, encoding) = message(&compressed, ContentEncoding::Zstd).unwrap();
        assert_eq!(encoding, ContentEncoding::Zstd);
        let twice = [&plain[..], &plain[..]].concat();
        let mut flag = plain.clone();
        flag[0] = 2;
        for body in [&compressed[..], &twice, &flag, &plain[..9], &plain[..4], b""] {
            let refusal = message(body, ContentEncoding::Identity).unwrap_err();
            assert_eq!(refusal.reason, BAD_FRAME, "{body:?}");
        }
    }
}
