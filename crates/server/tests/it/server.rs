//! Starts the real binary on a free port and a folder of its own, and ends it.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::http::{Answer, send};

/// The binary under test.
pub(crate) const SPANDREL: &str = env!("CARGO_BIN_EXE_spandrel");

/// How long the binary may take to open its door; far more than it needs.
const OPEN_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a question is asked whose answer has to change; far more often than it needs.
const ASKED_MAX: u32 = 10_000;

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: mpsc::Receiver<String>,
}

impl Server {
    /// Starts on a folder, with further flags, and waits until it takes spans.
    pub(crate) fn start(data_dir: &Path, flags: &[&str]) -> Self {
        Self::try_start(data_dir, flags).unwrap_or_else(|log| panic!("did not open: {log}"))
    }

    /// Starts, or returns what it logged before it ended.
    pub(crate) fn try_start(data_dir: &Path, flags: &[&str]) -> Result<Self, String> {
        Self::start_until("spandrel is ready", data_dir, flags)
    }

    /// Starts and waits until it answers questions, which is before the log is replayed.
    pub(crate) fn start_open(data_dir: &Path, flags: &[&str]) -> Self {
        Self::start_until("spandrel is open", data_dir, flags)
            .unwrap_or_else(|log| panic!("did not open: {log}"))
    }

    fn start_until(line_part: &str, data_dir: &Path, flags: &[&str]) -> Result<Self, String> {
        let mut child = Command::new(SPANDREL)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(flags)
            .env_remove("RUST_LOG")
            // No test has a port of its own; a flag says otherwise.
            .env("SPANDREL_OTLP_GRPC", "127.0.0.1:0")
            .env("SPANDREL_OTLP_HTTP", "127.0.0.1:0")
            .env("SPANDREL_JAEGER_THRIFT_HTTP", "127.0.0.1:0")
            .env("SPANDREL_JAEGER_GRPC", "127.0.0.1:0")
            .env("SPANDREL_JAEGER_COMPACT", "127.0.0.1:0")
            .env("SPANDREL_JAEGER_BINARY", "127.0.0.1:0")
            .env("SPANDREL_SAMPLING", "127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = lines_of(child.stderr.take().expect("it is piped"));
        let mut seen = String::new();
        while let Ok(line) = log.recv_timeout(OPEN_TIMEOUT) {
            seen += &line;
            seen.push('\n');
            if line.contains(line_part)
                && let Some(address) = address_in(&line)
            {
                return Ok(Self { child, address, log });
            }
        }
        // It never opened: nothing of it may stay.
        let _ = child.kill();
        let _ = child.wait();
        Err(seen)
    }

    /// Waits until it takes spans.
    pub(crate) fn wait_ready(&self) {
        while let Ok(line) = self.log.recv_timeout(OPEN_TIMEOUT) {
            if line.contains("spandrel is ready") {
                return;
            }
        }
        panic!("it does not get ready");
    }

    /// Asks again and again until something holds, which it does soon.
    pub(crate) fn wait_until(&self, mut holds: impl FnMut(&Self) -> bool) {
        assert!((0..ASKED_MAX).any(|_| holds(self)), "it does not come to hold");
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        send(self.address, "GET", path, &[], b"").expect("an answer")
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let headers = [("Content-Type", content_type)];
        send(self.address, "POST", path, &headers, body).expect("an answer")
    }

    /// Where a door got bound.
    pub(crate) fn door(&self, name: &str) -> SocketAddr {
        let status = self.get("/api/spandrel/status").json();
        let doors = status["doors"].as_array().expect("a list");
        let door = doors.iter().find(|door| door["name"] == name).expect("the door is open");
        door["address"].as_str().expect("an address").parse().expect("an address")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(mut self) -> (ExitStatus, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        let status = self.child.wait().expect("it ends");
        (status, self.log.iter().collect::<Vec<_>>().join("\n"))
    }

    /// Ends it at once, as a crash does: nothing of it runs any more.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads lines on a thread, so that the pipe never fills and waiting for a line has a limit.
pub(crate) fn lines_of(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // The log goes on being read when nobody wants it any more.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// The address in a line of the start: `... main=http://127.0.0.1:1234 ...`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("main=http://")?;
    rest.split_whitespace().next()?.parse().ok()
}
