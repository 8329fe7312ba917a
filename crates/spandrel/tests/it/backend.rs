//! Fake backends on loopback: they behave as badly as a test asks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How long anything in a test may take before it counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A request as the backend got it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The first line.
    pub(crate) line: String,
    /// The headers, their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Which connection it came over, counted from zero.
    pub(crate) connection: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What to do with the next request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answer these bytes, and keep the connection.
    Answer(String),
    /// Answer these bytes, and close the connection.
    AnswerAndClose(String),
    /// Answer a byte at a time, as fast as the other side reads, until it gives up.
    Drip(String),
    /// Close the connection without an answer.
    Hang,
    /// Keep the connection, and never answer, until the other side is gone.
    Stall,
}

pub(crate) const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

pub(crate) fn accept() -> Act {
    Act::Answer(ACCEPTED.to_owned())
}

pub(crate) fn status(code: u16) -> Act {
    Act::Answer(format!("HTTP/1.1 {code} Status\r\nContent-Length: 4\r\n\r\nwhy?"))
}

/// A backend that acts by its script, and accepts everything once that has ended.
pub(crate) struct Backend {
    port: u16,
    requests: Mutex<Receiver<Request>>,
}

impl Backend {
    pub(crate) fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, requests) = channel();
        let script = Arc::new(Mutex::new(script.into_iter().collect::<Vec<_>>().into_iter()));
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (sender, script) = (sender.clone(), Arc::clone(&script));
                let Ok(stream) = stream else { return };
                thread::spawn(move || {
                    let next = || script.lock().unwrap().next().unwrap_or_else(accept);
                    serve(&stream, connection, &sender, next);
                });
            }
        });
        Self { port, requests: Mutex::new(requests) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Waits for the next request.
    pub(crate) fn request(&self) -> Request {
        self.requests.lock().unwrap().recv_timeout(PATIENCE).expect("a request in time")
    }

    /// Takes the requests that have come by now.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().try_iter().collect()
    }
}

/// Returns a URL on which nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    format!("http://127.0.0.1:{port}/api/v1/spans")
}

fn serve(
    stream: &TcpStream,
    connection: usize,
    sender: &Sender<Request>,
    mut next: impl FnMut() -> Act,
) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader, connection) {
        // The test may have seen enough.
        let _ = sender.send(request);
        let kept = match next() {
            Act::Answer(bytes) => (&mut &*stream).write_all(bytes.as_bytes()).is_ok(),
            Act::AnswerAndClose(bytes) => {
                let _ = (&mut &*stream).write_all(bytes.as_bytes());
                false
            }
            Act::Drip(bytes) => bytes.bytes().all(|byte| drip(stream, byte)),
            Act::Hang => false,
            Act::Stall => {
                let _ = reader.read(&mut [0; 1]);
                false
            }
        };
        if !kept {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

/// Sends one byte and waits a little, by waiting for the other side to go.
fn drip(mut stream: &TcpStream, byte: u8) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let gone = matches!(stream.peek(&mut [0; 1]), Ok(0));
    stream.set_read_timeout(None).unwrap();
    !gone && stream.write_all(&[byte]).is_ok()
}

fn read_request(reader: &mut impl BufRead, connection: usize) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let line = lines.next()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        })
        .collect();
    let len = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line, headers, body, connection })
}
