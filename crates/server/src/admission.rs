//! Reads request bodies under limits: every byte is charged before it is held.
//!
//! The charge lives as long as the request; decoding and storing happen elsewhere.

use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt as _;
use spandrel_storage::{Account, Reservation};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;

/// The most bytes one request may have, on the wire and again when inflated (OTLP's
/// recommendation, opentelemetry-proto docs/specification.md).
const BODY_LEN_MAX: u64 = 64 << 20;
/// How long a sender may take for its whole body.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How much room an inflating body gets first; it doubles from there.
const INFLATE_FIRST_BYTES: u64 = 64 << 10;
/// How many bodies are inflated at once: two of the largest size fit in the requests' account,
/// and more would only take the room from each other.
const INFLATES_MAX: usize = 2;
/// How much of an inflated body's room is kept for the next one.
const INFLATE_KEPT_BYTES: usize = 1 << 20;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentEncoding {
    Identity,
    Gzip,
}

impl ContentEncoding {
    /// Reads the header. Encodings are not stacked: no sender of spans does that honestly.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let (first, second) = (values.next(), values.next());
        match first.map(|value| value.as_bytes().trim_ascii().to_ascii_lowercase()).as_deref() {
            _ if second.is_some() => Err(unsupported_encoding()),
            None | Some(b"" | b"identity") => Ok(Self::Identity),
            Some(b"gzip" | b"x-gzip") => Ok(Self::Gzip),
            Some(_) => Err(unsupported_encoding()),
        }
    }

    /// Returns the name that the log keeps, empty for none.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => "gzip",
        }
    }

    /// Finds the encoding that [`ContentEncoding::name`] names.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Identity, Self::Gzip].into_iter().find(|encoding| encoding.name() == name)
    }
}

fn unsupported_encoding() -> Refusal {
    Refusal::unsupported("the Content-Encoding is none of: gzip, identity")
}

/// A body that was read whole, and what it charges.
#[derive(Debug)]
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    pub(crate) charge: Reservation,
}

/// The most bytes of a request that an account lets in: one that takes more than half of it
/// would have to wait until nearly nobody else sends, so it is refused for good instead.
pub(crate) fn body_len_max(account: &Account) -> u64 {
    BODY_LEN_MAX.min(account.limit() / 2)
}

/// Reads a body whole. What it announces is charged before the first byte is read, what it
/// does not announce as it arrives.
pub(crate) async fn read_body(
    account: &Arc<Account>,
    headers: &HeaderMap,
    body: Body,
) -> Result<ReadBody, Refusal> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let announced: u64 = announced.unwrap_or(0);
    let len_max = body_len_max(account);
    check_len(announced, len_max)?;
    let charge = account.reserve(announced)?;
    match tokio::time::timeout(BODY_READ_TIMEOUT, collect(account, charge, body)).await {
        Ok(read) => read,
        Err(_elapsed) => Err(Refusal::new(
            http::StatusCode::REQUEST_TIMEOUT,
            "slow_body",
            format!("the body took longer than {} s", BODY_READ_TIMEOUT.as_secs()),
        )),
    }
}

async fn collect(
    account: &Arc<Account>,
    mut charge: Reservation,
    mut body: Body,
) -> Result<ReadBody, Refusal> {
    let len_max = body_len_max(account);
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let message = format!("the body broke off after {} bytes: {error}", bytes.len());
            Refusal::new(http::StatusCode::BAD_REQUEST, "broken_body", message)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        let len = (bytes.len() + data.len()) as u64;
        check_len(len, len_max)?;
        if len > charge.amount() {
            charge.absorb(account.reserve(len - charge.amount())?);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(ReadBody { bytes: bytes.freeze(), charge })
}

fn check_len(len: u64, len_max: u64) -> Result<(), Refusal> {
    if len <= len_max {
        return Ok(());
    }
    let message =
        format!("the body is over the limit of {len_max} bytes: send fewer spans at a time");
    Err(Refusal::too_large(message))
}

/// Why a body can't be inflated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InflateError {
    /// The bytes are not what the encoding says. Zipkin's text.
    #[error("Cannot gunzip spans")]
    Corrupt,
    /// It would pass the limit of one request.
    #[error("the inflated body is over the limit of {len_max} bytes: send fewer spans at a time")]
    TooLarge { len_max: u64 },
    /// It would pass the memory budget.
    #[error(transparent)]
    OverBudget(#[from] spandrel_storage::OverBudget),
}

impl From<InflateError> for Refusal {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::Corrupt => Self::bad_request(error.to_string()),
            InflateError::TooLarge { .. } => Self::too_large(error.to_string()),
            InflateError::OverBudget(over) => over.into(),
        }
    }
}

/// Turns for inflating, and the room that is used again: memory that comes and goes by the
/// megabyte is what allocators give back late.
#[derive(Debug)]
pub(crate) struct Inflaters {
    turns: Arc<Semaphore>,
    rooms: Mutex<Vec<Vec<u8>>>,
}

impl Default for Inflaters {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(INFLATES_MAX)), rooms: Mutex::default() }
    }
}

impl Inflaters {
    /// Waits for a turn, which lasts until the permit is dropped: the one who inflates has to
    /// hold it, because the one who waits for the outcome may hang up.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes the semaphore, so a turn always comes.
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    /// Lends room to `work`. It is empty at first and is emptied afterwards.
    pub(crate) fn with_room<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let rooms = || self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = rooms().pop().unwrap_or_default();
        let outcome = work(&mut room);
        room.clear();
        room.shrink_to(INFLATE_KEPT_BYTES);
        rooms().push(room);
        outcome
    }
}

/// Inflates a body of any number of gzip members into `inflated`, which is empty. Room is charged before it is taken, by what
/// is set aside and not by what is filled; sizes that the sender wrote are never trusted.
pub(crate) fn inflate(
    compressed: &[u8],
    len_max: u64,
    inflated: &mut Vec<u8>,
    charge: &mut dyn FnMut(u64) -> Result<(), spandrel_storage::OverBudget>,
) -> Result<(), InflateError> {
    let mut decoder = MultiGzDecoder::new(compressed);
    let mut room: u64 = 0;
    loop {
        // One byte more than may be tells a body that is too large from one that just fits.
        let grown = room.saturating_mul(2).max(INFLATE_FIRST_BYTES).min(len_max.saturating_add(1));
        if grown <= room {
            return Err(InflateError::TooLarge { len_max });
        }
        charge(grown - room)?;
        inflated.reserve_exact(usize::try_from(grown).unwrap_or(usize::MAX) - inflated.len());
        let read = decoder.by_ref().take(grown - room).read_to_end(inflated);
        let read = read.map_err(|_corrupt| InflateError::Corrupt)? as u64;
        if read < grown - room {
            return Ok(());
        }
        room = grown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn inflated(compressed: &[u8], len_max: u64) -> Result<Vec<u8>, InflateError> {
        let mut inflated = Vec::new();
        inflate(compressed, len_max, &mut inflated, &mut |_| Ok(())).map(|()| inflated)
    }

    #[test]
    fn members_inflate_one_after_another() {
        let two_members = [gzip(b"spans"), gzip(b" and more")].concat();
        assert_eq!(inflated(&two_members, 100).unwrap(), b"spans and more");
    }

    #[test]
    fn a_bomb_stops_at_the_limit_and_at_the_budget() {
        let bomb = gzip(&vec![0; 4 << 20]);
        assert!(matches!(inflated(&bomb, 1 << 20), Err(InflateError::TooLarge { .. })));

        let account = Account::new("test", 1 << 20);
        let mut charges = Vec::new();
        let outcome = inflate(&bomb, u64::MAX, &mut Vec::new(), &mut |step| {
            charges.push(account.reserve(step)?);
            Ok(())
        });
        assert!(matches!(outcome, Err(InflateError::OverBudget(_))));
        assert!(account.used() <= 1 << 20);
    }

    #[test]
    fn damage_is_refused_in_zipkins_words() {
        let mut damaged = gzip(b"spans spans spans");
        let last = damaged.len() - 5;
        damaged[last] ^= 1;
        for bytes in [&damaged[..], &gzip(b"spans")[..10], b"[]", b""] {
            let error = inflated(bytes, 100).unwrap_err();
            assert_eq!(error.to_string(), "Cannot gunzip spans");
        }
    }

    #[test]
    fn stacked_and_unknown_encodings_are_refused() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(CONTENT_ENCODING, http::HeaderValue::from_static(value))])
        };
        assert_eq!(ContentEncoding::of(&headers("GZIP")).unwrap(), ContentEncoding::Gzip);
        assert_eq!(ContentEncoding::of(&HeaderMap::new()).unwrap(), ContentEncoding::Identity);
        for value in ["gzip, gzip", "br", "zstd"] {
            assert_eq!(ContentEncoding::of(&headers(value)).unwrap_err().status, 415, "{value}");
        }
    }
}
