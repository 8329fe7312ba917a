//! The server under load: one that runs already, or one that is started for this and ends with it.

use std::collections::VecDeque;
use std::env;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use http::{Method, Uri};
use serde::Deserialize;
use tempfile::TempDir;

use super::flags::LoadgenFlags;
use crate::commands::fetch::{Question, Server};
use crate::commands::measure::process::{ThreadTime, peak_memory_of, time_of};
use crate::doors::MAIN;

/// How long a server may take to start on an empty folder.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How many lines of its log are shown when it does not start.
const LINES_SHOWN: usize = 20;
/// What its log says once it takes spans, and what stands before its address there.
const READY: &str = "spandrel is ready";
const ADDRESS: &str = "main=http://";

/// The server under load.
#[derive(Debug)]
pub(super) struct Subject {
    /// Its main door.
    url: String,
    pid: Option<u32>,
    own: Option<OwnServer>,
    /// Whether somebody asked this program to end.
    is_interrupted: AtomicBool,
}

/// A server that nobody else uses. Dropping it ends it.
#[derive(Debug)]
struct OwnServer {
    child: Mutex<Child>,
    /// Goes after the child, as fields are dropped after `drop`.
    _folder: TempDir,
}

impl Subject {
    /// Finds the server, or starts one.
    pub(super) fn of(flags: &LoadgenFlags) -> anyhow::Result<Self> {
        if let Some(url) = &flags.target {
            let (url, pid) = (url.clone(), flags.server_pid);
            return Ok(Self { url, pid, own: None, is_interrupted: AtomicBool::new(false) });
        }
        let (own, pid, url) = OwnServer::start(flags).context("a server for the load")?;
        let is_interrupted = AtomicBool::new(false);
        Ok(Self { url, pid: Some(pid), own: Some(own), is_interrupted })
    }

    /// Ends what is under way: a server of its own at once, a check at the next trace.
    pub(super) fn interrupt(&self) {
        self.is_interrupted.store(true, Ordering::Relaxed);
        if let Some(own) = &self.own {
            own.end();
        }
    }

    /// # Errors
    ///
    /// Fails when somebody asked this program to end.
    pub(super) fn go_on(&self) -> anyhow::Result<()> {
        ensure!(!self.is_interrupted.load(Ordering::Relaxed), "interrupted");
        Ok(())
    }

    pub(super) fn server(&self) -> anyhow::Result<Server> {
        Server::at(&self.url)
    }

    /// Where a door is: the main one as it was named, others as the server tells.
    pub(super) fn door(&self, name: &str) -> anyhow::Result<SocketAddr> {
        #[derive(Deserialize)]
        struct Status {
            doors: Vec<OpenDoor>,
        }
        #[derive(Deserialize)]
        struct OpenDoor {
            name: String,
            address: SocketAddr,
        }
        let main = address_of(&self.url)?;
        if name == MAIN.name {
            return Ok(main);
        }
        let status: Status = serde_json::from_str(&self.server()?.get("/api/spandrel/status")?)?;
        let door = status.doors.into_iter().find(|door| door.name == name);
        let door = door.with_context(|| format!("the server's door {name} is not open"))?;
        // A door that is open to all addresses is at the one where the main door is.
        let ip = door.address.ip();
        let ip = if ip.is_unspecified() { main.ip() } else { ip };
        Ok(SocketAddr::new(ip, door.address.port()))
    }

    /// The processor time that it spent so far.
    pub(super) fn spent(&self) -> Option<ThreadTime> {
        self.pid.and_then(time_of)
    }

    pub(super) fn spent_since(&self, earlier: Option<ThreadTime>) -> Option<ThreadTime> {
        let (now, then) = (self.spent()?, earlier?);
        Some(ThreadTime {
            cpu_ns: now.cpu_ns.saturating_sub(then.cpu_ns),
            kernel_ns: now.kernel_ns.saturating_sub(then.kernel_ns),
        })
    }

    /// Has what is in memory written to segments, and returns the processor time since
    /// `earlier`, that included. A server that is another's is left alone.
    pub(super) fn flush_and_spend(
        &self,
        earlier: Option<ThreadTime>,
    ) -> anyhow::Result<Option<ThreadTime>> {
        if self.own.is_none() {
            return Ok(None);
        }
        let flush = Question::new(Method::POST, "/api/spandrel/flush");
        let answer = self.server()?.talk()?.ask(&flush)?;
        if !answer.status.is_success() {
            bail!("the server could not flush: {}", answer.error());
        }
        Ok(self.spent_since(earlier))
    }

    /// The most memory that it had.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        self.pid.and_then(peak_memory_of)
    }
}

/// The first address of the URL's host.
fn address_of(url: &str) -> anyhow::Result<SocketAddr> {
    let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    let host = uri.host().with_context(|| format!("`{url}` names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = (host, uri.port_u16().unwrap_or(80)).to_socket_addrs()?;
    addresses.next().with_context(|| format!("`{host}` has no address"))
}

impl OwnServer {
    fn start(flags: &LoadgenFlags) -> anyhow::Result<(Self, u32, String)> {
        let mut folder = tempfile::Builder::new();
        let folder = folder.prefix("spandrel-loadgen-");
        let folder = match &flags.data_dir {
            Some(parent) => folder.tempdir_in(parent),
            None => folder.tempdir(),
        };
        let folder = folder.context("its folder could not be made")?;
        let mut command = Command::new(env::current_exe()?);
        // Of its settings only those are changed that are said here.
        let settings = env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.as_encoded_bytes().starts_with(b"SPANDREL_")) {
            command.env_remove(name);
        }
        command.env("RUST_LOG", "info").args(["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "off", "--data-dir"]);
        command.arg(folder.path());
        if let Some(memory) = &flags.memory {
            command.args(["--memory", memory]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("it could not be started")?;
        let (pid, log) = (child.id(), child.stderr.take());
        let own = Self { child: Mutex::new(child), _folder: folder };
        let lines = lines_of(log.context("its log can't be read")?)?;
        let mut last = VecDeque::new();
        while let Ok(line) = lines.recv_timeout(START_TIMEOUT) {
            let ready = line.split_once(ADDRESS).filter(|_| line.contains(READY));
            if let Some((_, rest)) = ready {
                let address = rest.split_whitespace().next().unwrap_or_default();
                return Ok((own, pid, format!("http://{address}")));
            }
            last.push_back(line);
            if last.len() > LINES_SHOWN {
                last.pop_front();
            }
        }
        bail!("it did not get ready: {}", Vec::from(last).join("\n"));
    }

    fn end(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended already. Nothing of it is kept, so it need not close in order.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads lines on a thread, so that the pipe never fills; those that nobody waits for go.
fn lines_of(pipe: impl Read + Send + 'static) -> anyhow::Result<mpsc::Receiver<String>> {
    let (sender, lines) = mpsc::channel();
    let read = move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    };
    let started = thread::Builder::new().name("loadgen-log".to_owned()).spawn(read);
    started.context("the thread that reads its log could not be started")?;
    Ok(lines)
}
