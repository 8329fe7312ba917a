//! The program itself, as two processes that report to a collector of the test's own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long the test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends the process when the test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn article(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_article"));
    command.args(arguments).env_remove("SPANDREL_URL").stdin(Stdio::null());
    command
}

/// Takes POSTs, one span each, and passes their bodies on.
fn collector() -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/v1/spans", listener.local_addr().unwrap());
    let (bodies, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let bodies = bodies.clone();
            std::thread::spawn(move || take_posts(stream, &bodies));
        }
    });
    (url, received)
}

/// Reads requests until the connection ends, or is none that the reporter would make.
fn take_posts(stream: TcpStream, bodies: &mpsc::Sender<Vec<u8>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut body_len = None;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            if let Some(len) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                body_len = Some(len.trim().parse().unwrap());
            }
        }
        let mut body = vec![0; body_len?];
        reader.read_exact(&mut body).ok()?;
        bodies.send(body).ok()?;
        reader.get_mut().write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").ok()?;
    }
}

#[test]
fn client_and_server_report_six_spans() {
    let (url, received) = collector();
    let mut command = article(&["-actor", "server", "-port=0", "--url", &url, "-shared"]);
    let mut server = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim_end().trim_end_matches('/').rsplit(':').next().unwrap();

    let mut client = article(&["-actor", "client", "-port", port, "-url", &url, "-shared"]);
    let output = client.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.starts_with("Received result: The time is "), "{told}");
    assert!(output.status.success());

    let mut of_client = 0;
    for _ in 0..6 {
        let body = received.recv_timeout(PATIENCE).expect("six spans are reported");
        assert_eq!(body[..5], [12, 0, 0, 0, 1], "a thrift list of one struct");
        let text = String::from_utf8_lossy(&body);
        assert!(
            text.contains("HTTP GET") || text.contains("HTTP Client") || text.contains("lient")
        );
        of_client += usize::from(text.contains("client"));
    }
    assert_eq!(of_client, 4);
}

#[test]
fn another_actor_is_refused_with_the_two_that_there_are() {
    let output = article(&["-actor", "director"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    let refusal = "there is no actor \"director\": say -actor server or -actor client";
    assert!(told.starts_with(refusal), "{told}");
}

#[test]
fn a_client_without_a_server_fails() {
    let (url, _received) = collector();
    // A port that was free just now: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let output = article(&["-actor", "client", "-port", &port, "-url", &url]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no connection"));
}
