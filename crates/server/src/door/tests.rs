//! A door with short limits, on loopback: who does nothing is closed, and others are served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{Behind, Door, DoorLimits};
use crate::metrics::{Metrics, exposition};

/// How long anything may take that is not meant to take long; far more than it needs.
const PATIENCE: Duration = Duration::from_secs(30);

const SHORT: DoorLimits = DoorLimits {
    connections_max: 2,
    first_request_timeout: Duration::from_millis(200),
    header_timeout: Duration::from_millis(200),
    idle_timeout: Duration::from_millis(400),
    stall_timeout: Duration::from_millis(400),
    ..DoorLimits::USUAL
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A door that is open for one test.
struct Open {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    close: watch::Sender<bool>,
    served: tokio::task::JoinHandle<()>,
}

impl Open {
    async fn with(limits: DoorLimits) -> Self {
        let door = Door::bind("test", SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let (address, metrics) = (door.address, Arc::new(Metrics::default()));
        let large = vec![b'x'; 64 << 20];
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/echo", post(async |body: String| body))
            .route("/large", get(async move || large.clone()));
        let behind = Behind { router, metrics: Arc::clone(&metrics), limits };
        let (close, closing) = watch::channel(false);
        let served = tokio::spawn(door.serve(behind, closing));
        Self { address, metrics, close, served }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// How many connections were closed for a reason.
    fn closed(&self, reason: &str) -> u64 {
        let mut registry = Registry::default();
        self.metrics.register(&mut registry);
        let name = format!("closed_connections_total{{door=\"test\",reason=\"{reason}\"}} ");
        let page = exposition(&registry);
        page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
    }
}

/// Reads until the server closes, and returns what came.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A connection that is reset is closed, too.
    let _ =
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it closes");
    bytes
}

async fn read_answer(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"hello") {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut seen)).await;
        assert!(read.expect("an answer").unwrap() > 0, "closed without an answer");
    }
}

#[tokio::test]
async fn silence_half_a_preface_and_half_a_head_are_closed() {
    let door = Open::with(SHORT).await;
    for start in [&b""[..], b"PRI * HT", b"GET / HTTP/1.1\r\nHost:", HTTP2_PREFACE] {
        let mut stream = door.connect().await;
        stream.write_all(start).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(door.closed("slow_head"), 4);
}

#[tokio::test]
async fn a_later_head_that_does_not_end_and_a_connection_that_asks_nothing_are_closed() {
    let door = Open::with(SHORT).await;
    let mut stream = door.connect().await;
    stream.write_all(GET).await.unwrap();
    read_answer(&mut stream).await;
    stream.write_all(b"GET / HTT").await.unwrap();
    assert!(read_to_end(&mut stream).await.is_empty());
    assert_eq!((door.closed("slow_head"), door.closed("idle")), (1, 0));

    let mut stream = door.connect().await;
    stream.write_all(GET).await.unwrap();
    read_answer(&mut stream).await;
    assert!(read_to_end(&mut stream).await.is_empty());
    assert_eq!((door.closed("slow_head"), door.closed("idle")), (1, 1));
}

#[tokio::test]
async fn who_does_not_read_the_answer_is_closed() {
    let door = Open::with(SHORT).await;
    let mut stream = door.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let stalled = async {
        while door.closed("stalled") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, stalled).await.expect("it is closed");
    assert!(read_to_end(&mut stream).await.len() < 64 << 20);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_a_place_that_gets_free_is_taken() {
    let limits = DoorLimits { connections_max: 2, ..DoorLimits::USUAL };
    let door = Open::with(limits).await;
    let mut first = door.connect().await;
    let mut second = door.connect().await;
    for stream in [&mut first, &mut second] {
        stream.write_all(GET).await.unwrap();
        read_answer(stream).await;
    }
    assert!(read_to_end(&mut door.connect().await).await.is_empty());
    assert_eq!(door.closed("too_many"), 1);

    drop(first);
    let served = async {
        loop {
            let mut third = door.connect().await;
            let mut head = [0; 15];
            let sent = third.write_all(GET).await;
            if sent.is_ok() && third.read_exact(&mut head).await.is_ok() {
                return head;
            }
        }
    };
    let head = tokio::time::timeout(PATIENCE, served).await.expect("there is a place again");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_request_that_is_inside_is_answered_when_the_door_closes() {
    let door = Open::with(DoorLimits::USUAL).await;
    let mut stream = door.connect().await;
    let head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel";
    stream.write_all(head).await.unwrap();
    let mut idle = door.connect().await;
    idle.write_all(GET).await.unwrap();
    read_answer(&mut idle).await;
    door.close.send(true).unwrap();
    assert!(read_to_end(&mut idle).await.is_empty());
    stream.write_all(b"lo").await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.ends_with(b"hello"), "{}", String::from_utf8_lossy(&answer));
    tokio::time::timeout(PATIENCE, door.served).await.expect("it ends").unwrap();
}
