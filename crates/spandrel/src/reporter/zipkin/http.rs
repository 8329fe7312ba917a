//! The small HTTP/1.1 client that posts spans: one connection, kept alive, under one deadline a
//! request.
//!
//! It knows no TLS, no proxies and no redirects.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::clock;

/// How many bytes the head of a response has at most.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How many bytes of a response's body are read so that the connection can be kept.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How many bytes of a response's body are shown to people.
const EXCERPT_BYTES_MAX: usize = 512;

/// Where spans are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

impl Target {
    /// Reads an `http` URL; `None` for anything else.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let rest = url.strip_prefix("http://").filter(|rest| is_plain(rest))?;
        let path_start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_start);
        let (host, port) = split_authority(authority)?;
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        Some(Self { host: host.to_owned(), port, path })
    }

    /// Returns host and port as the header `Host` has them.
    fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        if *port == 80 { host } else { format!("{host}:{port}") }
    }
}

fn split_authority(authority: &str) -> Option<(&str, u16)> {
    if authority.contains('@') {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if port.is_empty() => 80,
        None => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

/// What the backend answered.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// How long it asks to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// The beginning of the body, as text.
    pub(super) excerpt: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum HttpError {
    /// The name could not be resolved, or no address could be connected to.
    Connect(io::Error),
    /// The connection broke, or the deadline passed.
    Transfer(io::Error),
    /// What came back is no HTTP/1 response within the limits.
    Response(&'static str),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "no connection: {error}"),
            Self::Transfer(error) => write!(f, "connection broke: {error}"),
            Self::Response(fault) => write!(f, "answer is not HTTP/1.1: {fault}"),
        }
    }
}

/// Posts to one target over one connection.
pub(super) struct HttpClient {
    target: Target,
    timeout: Duration,
    connection: Option<TcpStream>,
    content_type: &'static str,
}

impl HttpClient {
    pub(super) fn new(target: Target, timeout: Duration, content_type: &'static str) -> Self {
        Self { target, timeout, connection: None, content_type }
    }

    /// Posts a body and reads the answer. A kept connection that turns out to be closed is
    /// replaced once, since a server may close an idle one at any time.
    pub(super) fn post(&mut self, body: &[u8]) -> Result<Response, HttpError> {
        let deadline = clock::instant_now() + self.timeout;
        if let Some(kept) = self.connection.take() {
            match self.exchange(kept, body, deadline) {
                Err(ExchangeError { is_stale: true, .. }) => {}
                Err(ExchangeError { error, .. }) => return Err(error),
                Ok(response) => return Ok(response),
            }
        }
        let fresh = connect(&self.target, deadline).map_err(HttpError::Connect)?;
        self.exchange(fresh, body, deadline).map_err(|failure| failure.error)
    }

    fn exchange(
        &mut self,
        mut stream: TcpStream,
        body: &[u8],
        deadline: Instant,
    ) -> Result<Response, ExchangeError> {
        let Target { path, .. } = &self.target;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: spandrel/{}\r\n\
             Content-Type: {}\r\nContent-Length: {}\r\n\r\n",
            self.target.authority(),
            env!("CARGO_PKG_VERSION"),
            self.content_type,
            body.len(),
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        let written = write_all(&mut stream, &request, deadline);
        // A server that refuses a body may answer and close before it has read all of it.
        let mut reader = ResponseReader { stream: &mut stream, buffer: Vec::new(), deadline };
        let answer = reader.read();
        let is_stale = reader.buffer.is_empty();
        match (answer, written) {
            (Ok((response, keeps)), written) => {
                if keeps && written.is_ok() {
                    self.connection = Some(stream);
                }
                Ok(response)
            }
            (Err(_), Err(error)) => {
                let is_stale = is_stale && !is_timeout(&error);
                Err(ExchangeError { error: HttpError::Transfer(error), is_stale })
            }
            (Err(HttpError::Transfer(error)), Ok(())) => {
                let is_stale = is_stale && !is_timeout(&error);
                Err(ExchangeError { error: HttpError::Transfer(error), is_stale })
            }
            (Err(error), Ok(())) => Err(ExchangeError { error, is_stale: false }),
        }
    }
}

struct ExchangeError {
    error: HttpError,
    /// Whether the connection was closed before a byte of the answer came.
    is_stale: bool,
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

fn connect(target: &Target, deadline: Instant) -> io::Result<TcpStream> {
    let mut last_error = None;
    for address in (target.host.as_str(), target.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, time_left(deadline)?) {
            Ok(stream) => {
                // Without it only a little latency is lost.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last_error = Some(error),
        }
    }
    Err(last_error.unwrap_or_else(|| io::Error::other("the name has no address")))
}

/// Returns the time until the deadline, which is never zero.
fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(clock::instant_now());
    if left.is_zero() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "the deadline has passed"));
    }
    Ok(left)
}

fn write_all(stream: &mut TcpStream, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(time_left(deadline)?))?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads one response, byte by byte as slowly as the deadline allows.
struct ResponseReader<'s> {
    stream: &'s mut TcpStream,
    /// All bytes of the response so far.
    buffer: Vec<u8>,
    deadline: Instant,
}

/// What the head of a response says.
#[derive(Default)]
struct Head {
    status: u16,
    content_len: Option<usize>,
    is_chunked: bool,
    closes: bool,
    retry_after: Option<Duration>,
}

impl ResponseReader<'_> {
    /// Reads the response, and says whether the connection can serve another request.
    fn read(&mut self) -> Result<(Response, bool), HttpError> {
        let mut head_start = 0;
        let (head, body_start) = loop {
            let head_end = self.read_head(head_start)?;
            let head = parse_head(self.buffer.get(head_start..head_end).unwrap_or_default());
            let head = head.ok_or(HttpError::Response("malformed head"))?;
            // An interim answer is followed by the real one.
            if head.status >= 200 {
                break (head, head_end);
            }
            head_start = head_end;
        };
        let is_complete = self.read_body(&head, body_start);
        let body = self.buffer.get(body_start..).unwrap_or_default();
        let excerpt = body.get(..EXCERPT_BYTES_MAX).unwrap_or(body);
        let response = Response {
            status: head.status,
            retry_after: head.retry_after,
            excerpt: String::from_utf8_lossy(excerpt).trim().to_owned(),
        };
        Ok((response, is_complete && !head.closes))
    }

    /// Reads until the head that starts at `start` is whole; returns where its body begins.
    fn read_head(&mut self, start: usize) -> Result<usize, HttpError> {
        loop {
            let rest = self.buffer.get(start..).unwrap_or_default();
            if let Some(index) = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                return Ok(start + index + 4);
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(HttpError::Response("head is too long"));
            }
            if self.fill().map_err(HttpError::Transfer)? == 0 {
                return Err(HttpError::Transfer(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Reads the body as far as the limits go; returns whether that was all of it. The answer
    /// counts in either case: the status has been read.
    fn read_body(&mut self, head: &Head, start: usize) -> bool {
        loop {
            let body = self.buffer.get(start..).unwrap_or_default();
            let is_complete = match head {
                Head { status: 204 | 304, .. } => body.is_empty(),
                Head { is_chunked: true, .. } => ends_in_last_chunk(body),
                Head { content_len: Some(len), .. } => body.len() == *len,
                Head { content_len: None, .. } => false,
            };
            let is_over = head.content_len.is_some_and(|len| body.len() > len);
            if is_complete || is_over || body.len() > BODY_BYTES_MAX {
                return is_complete;
            }
            if !matches!(self.fill(), Ok(len) if len > 0) {
                return false;
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 4096];
        loop {
            self.stream.set_read_timeout(Some(time_left(self.deadline)?))?;
            match self.stream.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(len) => {
                    self.buffer.extend_from_slice(chunk.get(..len).unwrap_or_default());
                    return Ok(len);
                }
            }
        }
    }
}

/// Whether a chunked body without trailers has ended.
fn ends_in_last_chunk(body: &[u8]) -> bool {
    let mut rest = body;
    loop {
        let Some(line_len) = rest.windows(2).position(|bytes| bytes == b"\r\n") else {
            return false;
        };
        let line = std::str::from_utf8(rest.get(..line_len).unwrap_or_default());
        let size = line.ok().and_then(|line| line.split(';').next());
        let Some(size) = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()) else {
            return false;
        };
        let chunk_len = line_len.saturating_add(size).saturating_add(4);
        if size == 0 {
            return rest.len() == chunk_len && rest.ends_with(b"\r\n\r\n");
        }
        match rest.get(chunk_len..) {
            Some(after) => rest = after,
            None => return false,
        }
    }
}

fn parse_head(head: &[u8]) -> Option<Head> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next()?.strip_prefix("HTTP/1.")?;
    let (version, rest) = status_line.split_once(' ')?;
    let status = rest.get(..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let mut parsed = Head {
        status: status.parse().ok().filter(|status| (100..600).contains(status))?,
        closes: version == "0",
        ..Head::default()
    };
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => parsed.content_len = Some(value.parse().ok()?),
            "transfer-encoding" => parsed.is_chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => parsed.closes |= value.eq_ignore_ascii_case("close"),
            "retry-after" => parsed.retry_after = value.parse().ok().map(Duration::from_secs),
            _ => {}
        }
    }
    Some(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: u16, path: &str) -> Option<Target> {
        Some(Target { host: host.to_owned(), port, path: path.to_owned() })
    }

    #[test]
    fn urls_of_plain_http_are_targets() {
        for (url, expected) in [
            ("http://localhost:9411/api/v1/spans", target("localhost", 9411, "/api/v1/spans")),
            ("http://zipkin", target("zipkin", 80, "")),
            ("http://[::1]:9411/x?y=1#z", target("::1", 9411, "/x?y=1")),
            ("http://h?q", target("h", 80, "/?q")),
            ("https://localhost", None),
            ("localhost:9411", None),
            ("http://user:secret@h/", None),
            ("http://h:99999/", None),
            ("http:///x", None),
            ("http://h/a b", None),
            ("http://h/a\r\nX: y", None),
        ] {
            assert_eq!(Target::parse(url), expected, "{url}");
        }
    }

    #[test]
    fn a_chunked_body_ends_with_its_last_chunk() {
        assert!(ends_in_last_chunk(b"0\r\n\r\n"));
        assert!(ends_in_last_chunk(b"3;x=y\r\nabc\r\n0\r\n\r\n"));
        assert!(!ends_in_last_chunk(b"3\r\nabc\r\n0\r\n"));
        assert!(!ends_in_last_chunk(b"5\r\n0\r\n\r\n"));
        assert!(!ends_in_last_chunk(b"ffffffffffffffff\r\nabc"));
    }

    #[test]
    fn heads_that_are_not_http_are_refused() {
        for head in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/2 200\r\n\r\n"] {
            assert!(parse_head(head.as_bytes()).is_none(), "{head:?}");
        }
        let head = parse_head(b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nConnection: Close\r\n\r\n");
        let head = head.unwrap();
        assert_eq!((head.status, head.retry_after), (503, Some(Duration::from_secs(3))));
        assert!(head.closes);
    }
}
