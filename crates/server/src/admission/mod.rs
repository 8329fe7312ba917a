//! Reads request bodies under limits: every byte is charged before it is held.
//!
//! The charge lives as long as the request; decoding and storing happen elsewhere.

mod inflate;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use pin_project_lite::pin_project;
use spandrel_storage::{Account, Reservation};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, Sleep};

use crate::refusal::Refusal;
pub(crate) use inflate::{ContentEncoding, Inflaters, inflate, inflated_len_told};

/// The most bytes one request may have, on the wire and again when inflated (OTLP's
/// recommendation, opentelemetry-proto docs/specification.md).
const BODY_LEN_MAX: u64 = 64 << 20;
/// How much room a body gets at first, however much it announces; it doubles from there. So what
/// a sender holds is never more than twice what it sent.
const BODY_FIRST_BYTES: u64 = 256 << 10;
/// How much of a message is read at a time.
const MESSAGE_PART_LEN: usize = 8 << 10;
/// How long a sender may take for its whole body.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a body may take however little of it there is.
const BODY_GRACE: Duration = Duration::from_secs(10);
/// How many bytes a second a body must make after that.
const BODY_RATE_MIN: u64 = 4 << 10;

/// A body that was read whole, and what it charges.
#[derive(Debug)]
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    pub(crate) charge: Reservation,
}

/// Where a request says how long its body is.
#[derive(Clone, Copy)]
pub(crate) enum Announced {
    /// In its head.
    InHead(Option<u64>),
    /// In the first bytes of the body; none while there are too few of them.
    InBody(fn(&[u8]) -> Result<Option<u64>, Refusal>),
}

impl Announced {
    /// Reads the header of HTTP.
    pub(crate) fn by(headers: &HeaderMap) -> Self {
        let length = headers.get(CONTENT_LENGTH);
        Self::InHead(length.and_then(|value| value.to_str().ok()?.parse().ok()))
    }
}

/// The most bytes of a request that an account lets in: one that takes more than half of it
/// would have to wait until nearly nobody else sends, so it is refused for good instead.
pub(crate) fn body_len_max(account: &Account) -> u64 {
    BODY_LEN_MAX.min(account.limit() / 2)
}

/// Reads a body whole. There must be room for what it announces before it is read; what is held
/// is charged as it arrives.
pub(crate) async fn read_body(
    account: &Arc<Account>,
    announced: Announced,
    mut body: Body,
) -> Result<ReadBody, Refusal> {
    let mut arriving = Arriving::new(account)?;
    if let Announced::InHead(Some(len)) = announced {
        arriving.expect(len)?;
    }
    let mut deadline = pin!(Deadline::new());
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = deadline.as_mut().passed() => return Err(arriving.too_slow()),
        };
        let Some(frame) = frame else { return Ok(arriving.finish()) };
        let frame = frame.map_err(|error| arriving.broken(&error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        arriving.take(&data)?;
        deadline.as_mut().extend(data.len());
        if let Announced::InBody(read) = announced
            && arriving.announced.is_none()
            && let Some(len) = read(&arriving.bytes)?
        {
            arriving.expect(len)?;
        }
    }
}

/// Reads a message of a known length from a connection, under the limits of bodies.
pub(crate) async fn read_message(
    account: &Arc<Account>,
    len: u64,
    mut stream: impl AsyncRead + Unpin,
) -> Result<ReadBody, Refusal> {
    let mut arriving = Arriving::new(account)?;
    arriving.expect(len)?;
    let mut deadline = pin!(Deadline::new());
    let mut part = [0; MESSAGE_PART_LEN];
    while arriving.len() < len {
        let left = usize::try_from(len - arriving.len()).unwrap_or(usize::MAX);
        let part = &mut part[..left.min(MESSAGE_PART_LEN)];
        let read = tokio::select! {
            read = stream.read(part) => read,
            () = deadline.as_mut().passed() => return Err(arriving.too_slow()),
        };
        let read_len = read.map_err(|error| arriving.broken(&error.to_string()))?;
        if read_len == 0 {
            return Err(arriving.broken("the connection was closed"));
        }
        arriving.take(&part[..read_len])?;
        deadline.as_mut().extend(read_len);
    }
    Ok(arriving.finish())
}

/// What has arrived of a body.
struct Arriving {
    bytes: BytesMut,
    charge: Reservation,
    announced: Option<u64>,
    len_max: u64,
}

impl Arriving {
    fn new(account: &Arc<Account>) -> Result<Self, Refusal> {
        let (bytes, charge) = (BytesMut::new(), account.reserve(0)?);
        Ok(Self { bytes, charge, announced: None, len_max: body_len_max(account) })
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Refuses a length that is over the limit or has no room at the moment. Only what is sure to
    /// be needed soon stays charged.
    fn expect(&mut self, len: u64) -> Result<(), Refusal> {
        self.check_len(len)?;
        self.announced = Some(len);
        let held = self.charge.amount();
        self.charge.grow(len.saturating_sub(held))?;
        self.charge.resize_regardless(len.min(BODY_FIRST_BYTES).max(held));
        Ok(())
    }

    fn take(&mut self, data: &[u8]) -> Result<(), Refusal> {
        let len = self.len() + data.len() as u64;
        self.check_len(len)?;
        let held = self.charge.amount();
        if len > held {
            let most = self.announced.unwrap_or(self.len_max).max(len);
            let wanted = held.saturating_mul(2).clamp(len, most);
            self.charge.grow(wanted - held)?;
        }
        if len > self.bytes.capacity() as u64 {
            let room = usize::try_from(self.charge.amount()).unwrap_or(usize::MAX);
            self.bytes.reserve(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    fn check_len(&self, len: u64) -> Result<(), Refusal> {
        let len_max = self.len_max;
        if len <= len_max {
            return Ok(());
        }
        let message =
            format!("the body is over the limit of {len_max} bytes: send fewer spans at a time");
        Err(Refusal::too_large(message))
    }

    fn broken(&self, why: &str) -> Refusal {
        let message = format!("the body broke off after {} bytes: {why}", self.len());
        Refusal::new(StatusCode::BAD_REQUEST, "broken_body", message)
    }

    fn too_slow(&self) -> Refusal {
        let message = format!(
            "{} bytes of the body came in time: after {} s it must come at {BODY_RATE_MIN} bytes a second, and be whole after {} s",
            self.len(),
            BODY_GRACE.as_secs(),
            BODY_READ_TIMEOUT.as_secs(),
        );
        Refusal::new(StatusCode::REQUEST_TIMEOUT, "slow_body", message)
    }

    fn finish(self) -> ReadBody {
        ReadBody { bytes: self.bytes.freeze(), charge: self.charge }
    }
}

pin_project! {
    /// When the next part of a body must be there. Each part that comes buys time.
    struct Deadline {
        #[pin]
        sleep: Sleep,
        last: Instant,
    }
}

impl Deadline {
    fn new() -> Self {
        let sleep = tokio::time::sleep(BODY_GRACE);
        let last = sleep.deadline() + (BODY_READ_TIMEOUT - BODY_GRACE);
        Self { sleep, last }
    }

    async fn passed(self: Pin<&mut Self>) {
        self.project().sleep.await;
    }

    fn extend(self: Pin<&mut Self>, len: usize) {
        let this = self.project();
        let bought = Duration::from_micros(len as u64 * 1_000_000 / BODY_RATE_MIN);
        let deadline = (this.sleep.deadline() + bought).min(*this.last);
        this.sleep.reset(deadline);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::task::{Context, Poll};

    pin_project! {
        /// A body whose parts each come after a pause.
        struct Slow {
            parts: usize,
            part_len: usize,
            #[pin]
            pause: Sleep,
        }
    }

    const PAUSE: Duration = Duration::from_secs(1);

    fn slow(parts: usize, part_len: usize) -> Body {
        Body::new(Slow { parts, part_len, pause: tokio::time::sleep(PAUSE) })
    }

    impl http_body::Body for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            let mut this = self.project();
            if *this.parts == 0 {
                return Poll::Ready(None);
            }
            std::task::ready!(this.pause.as_mut().poll(context));
            let next = this.pause.deadline() + PAUSE;
            this.pause.reset(next);
            *this.parts -= 1;
            Poll::Ready(Some(Ok(http_body::Frame::data(vec![b'x'; *this.part_len].into()))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_too_slowly_is_refused_and_a_steady_one_is_read() {
        let account = Account::new("test", 1 << 20);
        let trickle = slow(100, 1);
        let refusal = read_body(&account, Announced::InHead(Some(100)), trickle).await.unwrap_err();
        assert_eq!((refusal.status.as_u16(), refusal.reason), (408, "slow_body"));

        let steady = slow(30, 8 << 10);
        let read = read_body(&account, Announced::InHead(None), steady).await.unwrap();
        assert_eq!(read.bytes.len(), 30 * (8 << 10));

        let endless = slow(1_000, 5 << 10);
        let refusal = read_body(&account, Announced::InHead(None), endless).await.unwrap_err();
        assert_eq!(refusal.reason, "slow_body", "the whole has a deadline, too");
        drop(read);
        assert_eq!(account.used(), 0);
    }

    #[tokio::test]
    async fn what_is_announced_must_fit_and_what_is_held_is_what_came() {
        let account = Account::new("test", 100 << 20);
        let refused = async |announced| {
            let read = read_body(&account, Announced::InHead(Some(announced)), Body::empty()).await;
            read.map(|_| ()).map_err(|refusal| refusal.reason)
        };
        assert_eq!(refused(51 << 20).await, Err("too_large"));
        let full = account.reserve(60 << 20).unwrap();
        assert_eq!(refused(50 << 20).await, Err("memory"));
        assert_eq!(refused(40 << 20).await, Ok(()));
        drop(full);

        let mut arriving = Arriving::new(&account).unwrap();
        arriving.expect(40 << 20).unwrap();
        assert_eq!(account.used(), BODY_FIRST_BYTES, "a promise holds no memory");
        arriving.take(&vec![0; 1 << 20]).unwrap();
        assert!(account.used() <= 2 << 20);
        assert!(arriving.bytes.capacity() as u64 <= account.used());
        drop(arriving);
        assert_eq!(account.used(), 0);
    }
}
