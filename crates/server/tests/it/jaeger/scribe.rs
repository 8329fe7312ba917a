//! Scribe's door: calls of `Log` in frames.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spandrel_codec::zipkin::{Format, encode};
use tempfile::tempdir;

use super::{counter, span, spans_of};
use crate::server::Server;

pub(super) const SCRIBE: [&str; 2] = ["--scribe", "127.0.0.1:0"];

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("short").to_be_bytes()[..], bytes].concat()
}

pub(super) fn entry(trace_id: u128, id: u64) -> String {
    let mut list = Vec::new();
    encode(Format::V1Thrift, &[span(trace_id, id)], &mut list);
    STANDARD.encode(&list[5..])
}

/// A call of `Log` in its frame, without a version, as Scribe's own clients write it.
pub(super) fn log_call(messages: &[&str]) -> Vec<u8> {
    let mut call = [&sized(b"Log")[..], &[1, 0, 0, 0, 9, 15, 0, 1, 12]].concat();
    call.extend(u32::try_from(messages.len()).expect("few").to_be_bytes());
    for message in messages {
        call.extend([11, 0, 1]);
        call.extend(sized(b"zipkin"));
        call.extend([11, 0, 2]);
        call.extend(sized(message.as_bytes()));
        call.push(0);
    }
    call.push(0);
    sized(&call)
}

pub(super) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

/// Sends a frame and reads the answer, out of its own.
pub(super) fn say(stream: &mut TcpStream, frame: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(frame)?;
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let mut answer = vec![0; u32::from_be_bytes(len) as usize];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// The answer to a call of `Log`: the result code.
pub(super) fn result(code: u8) -> Vec<u8> {
    [&sized(b"Log")[..], &[2, 0, 0, 0, 9, 8, 0, 0, 0, 0, 0, code, 0]].concat()
}

#[test]
fn entries_are_kept_over_one_connection_and_replayed() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &SCRIBE);
    let mut stream = connect(server.door("scribe"));
    for trace_id in 1..=3 {
        let messages = [entry(trace_id, 1), "no span".to_owned(), entry(trace_id, 2)];
        let call = log_call(&messages.each_ref().map(String::as_str));
        assert_eq!(say(&mut stream, &call).unwrap(), result(0));
        assert_eq!(spans_of(&server, trace_id), 2);
    }
    assert_eq!(counter(&server, "rejected_spans", "scribe"), 3);
    server.kill();
    let server = Server::start(folder.path(), &SCRIBE);
    assert_eq!((1..=3).map(|trace_id| spans_of(&server, trace_id)).sum::<usize>(), 6);
}

#[test]
fn what_is_no_call_of_log_is_refused_and_what_is_no_frame_is_closed() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &SCRIBE);
    let mut stream = connect(server.door("scribe"));
    let other = sized(&[&sized(b"getName")[..], &[1, 0, 0, 0, 9, 0]].concat());
    let answer = say(&mut stream, &other).unwrap();
    assert_eq!(answer[..12], [&sized(b"getName")[..], &[3]].concat(), "an exception");
    // The connection is good for the next call.
    assert_eq!(say(&mut stream, &log_call(&[&entry(9, 1)])).unwrap(), result(0));

    for frame in [&b"\x7f\xff\xff\xff"[..], b"\xff\xff\xff\xff", b"\0\0\0\0", b"GET / HTTP/1.1\r\n"]
    {
        assert!(say(&mut connect(server.door("scribe")), frame).is_err(), "{frame:?}");
    }
    assert_eq!(spans_of(&server, 9), 1);
    let refused = counter(&server, "refused_requests", "scribe");
    assert_eq!((refused, counter(&server, "stored_requests", "scribe")), (5, 1));
}
