//! Inflates bodies under a limit and a budget, whatever sizes the sender wrote.
//!
//! A body is at hand whole, so that of one gzip member is inflated in one go, which takes less
//! than half of the time that a stream takes.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use libdeflater::Decompressor;
use spandrel_storage::OverBudget;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zstd::zstd_safe;

use crate::refusal::Refusal;

/// How much room an inflating body gets first; it doubles from there.
const FIRST_BYTES: u64 = 64 << 10;
/// How many times its own size a body may say that it has when inflated and be given that much
/// room at once. Spans shrink to a tenth; who says more gets it in steps.
const TOLD_RATIO_MAX: u64 = 64;
/// How many large bodies are inflated at once: two of the largest size fit in the requests'
/// account, and more would only take the room from each other.
const INFLATES_MAX: usize = 2;
/// How much of an inflated body's room is kept for the next one.
const KEPT_BYTES: usize = 1 << 20;
/// How a gzip member begins.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// What zstd's library says when there is too little room for what it inflates.
const ZSTD_TOO_SMALL: usize = 70;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentEncoding {
    Identity,
    Gzip,
    /// What HTTP calls so: zlib's format.
    Deflate,
    Zstd,
}

impl ContentEncoding {
    /// The encodings that are taken, as a header lists them.
    pub(crate) const LIST: &'static str = "gzip, zstd, deflate, identity";

    const ALL: [Self; 4] = [Self::Identity, Self::Gzip, Self::Deflate, Self::Zstd];

    /// Reads the header. Encodings are not stacked: no sender of spans does that honestly.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let (first, second) = (values.next(), values.next());
        let encoding = match (first, second) {
            (None, _) => Some(Self::Identity),
            (Some(name), None) => Self::from_header(name.as_bytes()),
            (Some(_), Some(_)) => None,
        };
        encoding.ok_or_else(|| {
            Refusal::unsupported(format!("the Content-Encoding is none of: {}", Self::LIST))
        })
    }

    /// Finds the encoding that a header names.
    pub(crate) fn from_header(name: &[u8]) -> Option<Self> {
        match &name.trim_ascii().to_ascii_lowercase()[..] {
            b"" | b"identity" => Some(Self::Identity),
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"deflate" => Some(Self::Deflate),
            b"zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the name that the log keeps, empty for none.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }

    /// Finds the encoding that [`ContentEncoding::name`] names.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.name() == name)
    }
}

/// Why a body can't be inflated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InflateError {
    /// The bytes are not what the encoding says. Of gzip it is Zipkin's text.
    #[error("{}", if *.0 == ContentEncoding::Gzip { "Cannot gunzip spans" } else { "the body can't be inflated as its Content-Encoding says" })]
    Corrupt(ContentEncoding),
    /// It would pass the limit of one request.
    #[error("the inflated body is over the limit of {len_max} bytes: send fewer spans at a time")]
    TooLarge { len_max: u64 },
    /// It would pass the memory budget.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
}

impl From<InflateError> for Refusal {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::Corrupt(_) => Self::bad_request(error.to_string()),
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

    /// Lends room to `work`; what is in it at first has no meaning.
    pub(crate) fn with_room<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let rooms = || self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = rooms().pop().unwrap_or_default();
        let outcome = work(&mut room);
        if room.capacity() > KEPT_BYTES {
            room.truncate(KEPT_BYTES);
            room.shrink_to(KEPT_BYTES);
        }
        rooms().push(room);
        outcome
    }
}

/// How long a body says it is when inflated. That need not be true.
pub(crate) fn inflated_len_told(encoding: ContentEncoding, compressed: &[u8]) -> Option<u64> {
    match encoding {
        ContentEncoding::Identity => Some(compressed.len() as u64),
        ContentEncoding::Gzip => {
            let (_, last) = compressed.split_last_chunk()?;
            // Two members may be as long together as one of them says; that is no promise.
            Some(u64::from(u32::from_le_bytes(*last))).filter(|_| is_one_member(compressed))
        }
        ContentEncoding::Deflate => None,
        ContentEncoding::Zstd => zstd_safe::get_frame_content_size(compressed).ok().flatten(),
    }
}

/// Whether no other gzip member can begin after the first.
fn is_one_member(compressed: &[u8]) -> bool {
    compressed.starts_with(&GZIP_MAGIC)
        && memchr::memmem::find(&compressed[1..], &GZIP_MAGIC).is_none()
}

/// Charges bytes before they are taken.
pub(crate) type Charge<'c> = dyn FnMut(u64) -> Result<(), OverBudget> + 'c;

/// Inflates a body to the beginning of `room` and returns how much of it that fills. Room is
/// charged before it is taken, by what is set aside and not by what is filled; sizes that the
/// sender wrote are never trusted.
pub(crate) fn inflate(
    encoding: ContentEncoding,
    compressed: &[u8],
    len_max: u64,
    room: &mut Vec<u8>,
    charge: &mut Charge<'_>,
) -> Result<usize, InflateError> {
    let ratio_max = (compressed.len() as u64).saturating_mul(TOLD_RATIO_MAX);
    let told = inflated_len_told(encoding, compressed);
    let told = told.filter(|told| *told <= len_max.min(ratio_max));
    let mut space = Space { room, taken: 0, len_max, charge };
    match encoding {
        ContentEncoding::Identity => {
            space.check(compressed.len())?;
            space.grow_to(compressed.len() as u64)?;
            space.room[..compressed.len()].copy_from_slice(compressed);
            Ok(compressed.len())
        }
        ContentEncoding::Gzip => match inflate_member(compressed, told, &mut space)? {
            Some(len) => Ok(len),
            None => inflate_stream(encoding, MultiGzDecoder::new(compressed), &mut space),
        },
        ContentEncoding::Deflate => {
            inflate_stream(encoding, ZlibDecoder::new(compressed), &mut space)
        }
        ContentEncoding::Zstd => inflate_zstd(compressed, told, &mut space),
    }
}

/// Room that grows as it is charged.
struct Space<'s, 'c> {
    room: &'s mut Vec<u8>,
    /// How much of it is charged and may be filled.
    taken: u64,
    len_max: u64,
    charge: &'s mut Charge<'c>,
}

impl Space<'_, '_> {
    fn grow_to(&mut self, len: u64) -> Result<(), InflateError> {
        (self.charge)(len.saturating_sub(self.taken))?;
        self.taken = self.taken.max(len);
        let taken = self.taken();
        if self.room.len() < taken {
            self.room.reserve_exact(taken - self.room.len());
            self.room.resize(taken, 0);
        }
        Ok(())
    }

    /// Doubles. One byte more than may be tells a body that is too large from one that just fits.
    fn double(&mut self) -> Result<(), InflateError> {
        let most = self.len_max.saturating_add(1);
        let grown = self.taken.saturating_mul(2).max(FIRST_BYTES).min(most);
        if grown <= self.taken {
            return Err(InflateError::TooLarge { len_max: self.len_max });
        }
        self.grow_to(grown)
    }

    fn taken(&self) -> usize {
        usize::try_from(self.taken).unwrap_or(usize::MAX)
    }

    /// Refuses what has more than it may.
    fn check(&self, len: usize) -> Result<usize, InflateError> {
        if len as u64 > self.len_max {
            return Err(InflateError::TooLarge { len_max: self.len_max });
        }
        Ok(len)
    }
}

/// Inflates a body of one gzip member in one go. None: it is not what it says, and a stream
/// shall tell what it is.
fn inflate_member(
    compressed: &[u8],
    told: Option<u64>,
    space: &mut Space<'_, '_>,
) -> Result<Option<usize>, InflateError> {
    let Some(told) = told else { return Ok(None) };
    space.grow_to(told)?;
    let room_len = space.taken();
    let inflated = Decompressor::new().gzip_decompress(compressed, &mut space.room[..room_len]);
    Ok(inflated.ok().filter(|len| *len as u64 == told))
}

fn inflate_stream(
    encoding: ContentEncoding,
    mut stream: impl Read,
    space: &mut Space<'_, '_>,
) -> Result<usize, InflateError> {
    let mut filled = 0;
    loop {
        if filled == space.taken() {
            space.double()?;
        }
        let room_len = space.taken();
        match stream.read(&mut space.room[filled..room_len]) {
            Ok(0) => return space.check(filled),
            Ok(read) => filled += read,
            Err(_corrupt) => return Err(InflateError::Corrupt(encoding)),
        }
    }
}

/// Inflates frames of zstd in one go, with more room each time: the room is the window, too, of
/// whatever size the sender made that.
fn inflate_zstd(
    compressed: &[u8],
    told: Option<u64>,
    space: &mut Space<'_, '_>,
) -> Result<usize, InflateError> {
    let mut context = zstd_safe::DCtx::create();
    match told {
        Some(told) => space.grow_to(told)?,
        None => space.double()?,
    }
    loop {
        let room_len = space.taken();
        match context.decompress(&mut space.room[..room_len], compressed) {
            Ok(len) => return space.check(len),
            Err(code) if code.wrapping_neg() == ZSTD_TOO_SMALL => space.double()?,
            Err(_corrupt) => return Err(InflateError::Corrupt(ContentEncoding::Zstd)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_storage::Account;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd_stream(bytes: &[u8]) -> Vec<u8> {
        // A stream does not know its length at the start, so the frame does not tell it.
        zstd::stream::encode_all(bytes, 1).unwrap()
    }

    fn inflated(
        encoding: ContentEncoding,
        compressed: &[u8],
        len_max: u64,
    ) -> Result<Vec<u8>, InflateError> {
        // What an earlier body left is not in the way.
        let mut room = b"left behind".to_vec();
        let len = inflate(encoding, compressed, len_max, &mut room, &mut |_| Ok(()))?;
        room.truncate(len);
        Ok(room)
    }

    #[test]
    fn every_encoding_inflates_what_it_deflated_to_the_byte_and_no_further() {
        use ContentEncoding::{Deflate, Gzip, Identity, Zstd};
        for len in [0, 1, 100, 65_535, 65_536, 65_537, 1_000_000] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let bulk = zstd::bulk::compress(&bytes, 1).unwrap();
            for (encoding, compressed) in [
                (Identity, bytes.clone()),
                (Gzip, gzip(&bytes)),
                (Deflate, deflate(&bytes)),
                (Zstd, zstd_stream(&bytes)),
                (Zstd, bulk),
            ] {
                let whole = inflated(encoding, &compressed, len as u64).unwrap();
                assert!(whole == bytes, "{encoding:?} of {len}");
                if len > 0 {
                    let error = inflated(encoding, &compressed, len as u64 - 1).unwrap_err();
                    assert!(matches!(error, InflateError::TooLarge { .. }), "{encoding:?} {len}");
                }
            }
        }
    }

    #[test]
    fn members_inflate_one_after_another_even_twice_the_same() {
        use ContentEncoding::{Gzip, Zstd};
        let two = [gzip(b"spans"), gzip(b" and more")].concat();
        assert_eq!(inflated(Gzip, &two, 100).unwrap(), b"spans and more");
        let same = [gzip(b"spans"), gzip(b"spans")].concat();
        assert_eq!(inflated(Gzip, &same, 100).unwrap(), b"spansspans");
        let frames = [zstd_stream(b"spans"), zstd_stream(b" and more")].concat();
        assert_eq!(inflated(Zstd, &frames, 100).unwrap(), b"spans and more");
    }

    #[test]
    fn a_bomb_stops_at_the_limit_and_at_the_budget() {
        let zeros = vec![0; 4 << 20];
        for (encoding, bomb) in [
            (ContentEncoding::Gzip, gzip(&zeros)),
            (ContentEncoding::Deflate, deflate(&zeros)),
            (ContentEncoding::Zstd, zstd_stream(&zeros)),
            (ContentEncoding::Zstd, zstd::bulk::compress(&zeros, 1).unwrap()),
        ] {
            let error = inflated(encoding, &bomb, 1 << 20).unwrap_err();
            assert!(matches!(error, InflateError::TooLarge { .. }), "{encoding:?}");

            let account = Account::new("test", 1 << 20);
            let mut charges = Vec::new();
            let mut room = Vec::new();
            let outcome = inflate(encoding, &bomb, u64::MAX, &mut room, &mut |step| {
                charges.push(account.reserve(step)?);
                Ok(())
            });
            assert!(matches!(outcome, Err(InflateError::OverBudget(_))), "{encoding:?}");
            assert!(room.capacity() as u64 <= 1 << 20);
        }
    }

    #[test]
    fn a_length_that_is_a_lie_is_no_room_and_no_answer() {
        let mut lie = gzip(b"spans spans spans");
        let last = lie.len() - 4;
        lie[last..].copy_from_slice(&(u32::MAX - 5).to_le_bytes());
        let mut charged = 0;
        let outcome =
            inflate(ContentEncoding::Gzip, &lie, u64::MAX, &mut Vec::new(), &mut |step| {
                charged += step;
                Ok(())
            });
        assert!(matches!(outcome, Err(InflateError::Corrupt(_))));
        assert_eq!(charged, FIRST_BYTES);
    }

    #[test]
    fn damage_is_refused_in_zipkins_words() {
        let mut damaged = gzip(b"spans spans spans");
        let last = damaged.len() - 5;
        damaged[last] ^= 1;
        let junk = [gzip(b"spans"), b"junk".to_vec()].concat();
        for bytes in [&damaged[..], &gzip(b"spans")[..10], b"[]", b"", &junk] {
            let error = inflated(ContentEncoding::Gzip, bytes, 100).unwrap_err();
            assert_eq!(error.to_string(), "Cannot gunzip spans");
        }
        for encoding in [ContentEncoding::Deflate, ContentEncoding::Zstd] {
            let error = inflated(encoding, b"[] []", 100).unwrap_err();
            assert!(matches!(error, InflateError::Corrupt(_)), "{encoding:?}");
        }
    }

    #[test]
    fn stacked_and_unknown_encodings_are_refused() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(CONTENT_ENCODING, http::HeaderValue::from_static(value))])
        };
        for (value, encoding) in [
            ("GZIP", ContentEncoding::Gzip),
            ("zstd", ContentEncoding::Zstd),
            ("deflate", ContentEncoding::Deflate),
            ("identity", ContentEncoding::Identity),
        ] {
            assert_eq!(ContentEncoding::of(&headers(value)).unwrap(), encoding);
            assert_eq!(ContentEncoding::from_name(encoding.name()), Some(encoding));
        }
        assert_eq!(ContentEncoding::of(&HeaderMap::new()).unwrap(), ContentEncoding::Identity);
        for value in ["gzip, gzip", "br", "snappy"] {
            assert_eq!(ContentEncoding::of(&headers(value)).unwrap_err().status, 415, "{value}");
        }
    }
}
