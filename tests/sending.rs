//! What is sent, to whom, and what is shown of an answer, with the real binary and a server that
//! listens on this computer. `tests/interop/sending.py` does it with Trackio's own server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Fixture, LEGACY, Session, at_home};

const TOKEN: &str = "right-token-8d1f";

fn writer(fixture: &Fixture, server: &TcpListener) -> Session {
    let dir = fixture.dir.as_os_str();
    let mut session =
        Session::spawn(["--dir".as_ref(), dir, "--allow-writes".as_ref()], |command| {
            at_home(command, &fixture.dir.parent().unwrap().join("home"));
            command.env("TRACKIO_SERVER_URL", url(server)).env("TRACKIO_WRITE_TOKEN", TOKEN);
        });
    session.handshake(LEGACY);
    session
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn url(server: &TcpListener) -> String {
    format!("http://{}", server.local_addr().unwrap())
}

/// Reads the head of a request, up to its empty line.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

#[test]
fn another_port_of_this_computer_gets_neither_data_nor_token() {
    let fixture = Fixture::unpack("0.43.0");
    let (own, other) = (listener(), listener());
    let mut session = writer(&fixture, &own);
    for (tool, mut arguments) in
        [("trigger_sync", json!({})), ("upload_db_to_space", json!({"project": "demo-main"}))]
    {
        arguments["server"] = json!(url(&other));
        let refused = session.call(tool, arguments).failure();
        assert!(refused.contains("Nothing was sent"), "{refused}");
        assert!(refused.contains("TRACKIO_SERVER_URL"), "{refused}");
    }
    for server in [own, other] {
        server.set_nonblocking(true).unwrap();
        assert!(server.accept().is_err(), "a server was spoken to");
    }
}

#[test]
fn what_a_server_says_is_shown_without_tokens_and_control_characters() {
    let fixture = Fixture::unpack("0.43.0");
    for (version, status, error) in [
        (format!("0.43 {TOKEN}\u{1b}[2J\u{202e}\u{0}"), "200 OK", String::new()),
        ("0.43".to_owned(), "403 Forbidden", format!("{TOKEN}\u{1b}[2J cmlnaHQtdG9rZW4tOGQxZg==")),
    ] {
        let server = listener();
        let mut session = writer(&fixture, &server);
        thread::spawn(move || {
            for stream in server.incoming() {
                let mut stream = stream.unwrap();
                let (status, body) = match head(&mut stream).starts_with("GET") {
                    true => ("200 OK", json!({"api_version": 1, "version": version})),
                    false if error.is_empty() => (status, json!({"data": true})),
                    false => (status, json!({"error": error})),
                };
                let body = body.to_string();
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n");
                let more = format!("connection: close\r\nx-token: {TOKEN}\r\n\r\n{body}");
                let _ = stream.write_all((head + &more).as_bytes());
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        let raw = session.call("trigger_sync", json!({})).raw;
        for shown in [raw["content"][0]["text"].to_string(), raw["structuredContent"].to_string()] {
            for never in [TOKEN, "cmlnaHQ", r"\u001b[2J", "\u{202e}", r"\u0000"] {
                assert!(!shown.contains(never), "{never:?} in {shown}");
            }
        }
        let text = raw["content"][0]["text"].as_str().unwrap();
        assert!(text.contains('…') && text.contains(r"\u{1b}[2J"), "{text}");
    }
}

#[test]
fn a_cancelled_call_hangs_up_at_once() {
    let fixture = Fixture::unpack("0.43.0");
    let server = listener();
    let mut session = writer(&fixture, &server);
    let (connected, is_connected) = channel();
    let (hung_up, has_hung_up) = channel();
    thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        head(&mut stream);
        connected.send(()).unwrap();
        // It never answers.
        let _ = stream.read(&mut [0]);
        hung_up.send(()).unwrap();
    });
    let id = session.post_call("trigger_sync", &json!({}));
    is_connected.recv_timeout(Duration::from_secs(20)).unwrap();
    let start = Instant::now();
    let cancelled = json!({"requestId": id, "reason": "enough"});
    session
        .send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}));
    has_hung_up.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // It goes on answering.
    session.call("get_all_projects", json!({})).ok();
}
