use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

/// Longer than what is to end in a test may take.
const SOON: Duration = Duration::from_secs(20);

fn remote(variables: &[(&str, &str)]) -> Remote {
    let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
    Remote::of(|name| find(name).map(|(_, value)| (*value).to_owned()))
}

fn choose(remote: &Remote, named: Option<&str>) -> Result<Client, String> {
    remote.choose(named, Arc::new(|| false))
}

#[test]
fn data_go_to_the_users_server_alone() {
    let elsewhere = [
        "http://127.0.0.1:7861",
        "http://localhost:7860",
        "http://[::1]:7860",
        "http://127.0.0.2:7860",
        "https://127.0.0.1:7860",
        "http://127.0.0.1",
        "https://evil.example",
        "http://127.0.0.1.evil.example",
        "https://user-space.hf.space",
        "user/space",
        "http://user@127.0.0.1:7860",
        "http://127.0.0.1:7860/?write_token=t",
        "http://127.0.0.1:7860/elsewhere",
        "http://127.0.0.1:78600",
        "ftp://127.0.0.1:7860",
        "file:///etc/passwd",
        "127.0.0.1:7860",
        "",
    ];
    let own = remote(&[("TRACKIO_SERVER_URL", "http://127.0.0.1:7860/?write_token=t")]);
    for named in elsewhere {
        assert!(choose(&own, Some(named)).is_err(), "{named}");
    }
    for named in [None, Some("http://127.0.0.1:7860"), Some(" HTTP://127.0.0.1:7860/ ")] {
        let address = choose(&own, named).unwrap().address.to_string();
        assert_eq!(address, "http://127.0.0.1:7860", "{named:?}");
    }
    assert_eq!(own.write_token, Some(Secret("t".into())));

    let none = remote(&[("TRACKIO_WRITE_TOKEN", "t")]);
    for named in elsewhere.into_iter().chain(["http://127.0.0.1:7860"]).map(Some).chain([None]) {
        let problem = choose(&none, named).unwrap_err();
        assert!(problem.contains("TRACKIO_SERVER_URL"), "{problem}");
    }
}

#[test]
fn an_address_is_known_by_its_origin_and_path() {
    let own = remote(&[("TRACKIO_SERVER_URL", "https://Mine.example/t/")]);
    for (named, is_meant) in [
        ("https://mine.example", true),
        ("https://mine.example:443/t", true),
        ("https://MINE.example/t/", true),
        ("https://mine.example:8443/t", false),
        ("https://mine.example/other", false),
        ("https://mine.example.evil.example/t", false),
    ] {
        let chosen = choose(&own, Some(named)).ok().map(|client| client.address.to_string());
        assert_eq!(chosen, is_meant.then(|| "https://mine.example/t".to_owned()), "{named}");
    }
    let space = remote(&[("TRACKIO_SPACE_ID", "Me/my_space"), ("HF_TOKEN", "h")]);
    assert!(choose(&space, Some("Me/my_space")).unwrap().has_token());
    assert!(choose(&space, Some("https://me-my-space.hf.space/")).is_ok());
    assert!(choose(&space, Some("https://me-my-space.hf.space:444/")).is_err());
    // The token of Hugging Face is for Spaces alone.
    let elsewhere = [("TRACKIO_SERVER_URL", "https://x.hf.space:444"), ("HF_TOKEN", "h")];
    assert!(!choose(&remote(&elsewhere), None).unwrap().has_token());
    let clear = remote(&[("TRACKIO_SERVER_URL", "http://gpu-box:7860")]);
    for named in [None, Some("http://gpu-box:7860"), Some("http://127.0.0.1:7860")] {
        assert!(choose(&clear, named).is_err_and(|problem| problem.contains("ssh")));
    }
}

#[test]
fn tokens_are_not_shown() {
    let remote = remote(&[
        ("TRACKIO_SERVER_URL", "http://127.0.0.1:1"),
        ("TRACKIO_WRITE_TOKEN", "hush"),
        ("HF_TOKEN", "hush"),
    ]);
    let client = choose(&remote, None).unwrap();
    assert!(!format!("{remote:?} {client:?}").contains("hush"));
}

/// A peer that does with one connection what it likes.
fn peer(behave: impl FnOnce(TcpStream) + Send + 'static) -> Remote {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || behave(listener.accept().unwrap().0));
    remote(&[("TRACKIO_SERVER_URL", &url), ("TRACKIO_WRITE_TOKEN", "secret-token-1")])
}

/// Reads the head of a request.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn answers(status: &'static str, body: Vec<u8>) -> Remote {
    peer(move |mut stream| {
        head(&mut stream);
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        // Who has heard enough hangs up.
        let _ = stream.write_all(&body);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

const QUICK: Limits =
    Limits { silence: Duration::from_millis(1000), whole: Duration::from_millis(4000) };

#[test]
fn what_is_silent_drips_or_does_not_listen_is_left() {
    type Behaviour = fn(TcpStream);
    let silent: Behaviour = |mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    };
    let drips: Behaviour = |mut stream| {
        head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n").unwrap();
        while stream.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    };
    let drips_its_head: Behaviour = |mut stream| {
        head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").unwrap();
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    };
    let deaf: Behaviour = |stream| {
        thread::sleep(SOON);
        drop(stream);
    };
    let cases = [
        (silent, false, "nothing was sent or received"),
        (drips, false, "not done after"),
        (drips_its_head, false, "not done after"),
        (deaf, true, "nothing was sent or received"),
    ];
    thread::scope(|scope| {
        for (behaviour, is_upload, expected) in cases {
            scope.spawn(move || {
                let client =
                    peer(behaviour).choose_within(None, QUICK, Arc::new(|| false)).unwrap();
                let start = Instant::now();
                let error = match is_upload {
                    // More than the buffers of any socket hold.
                    true => client.upload("x", std::io::repeat(7), 1 << 30).map(drop),
                    false => client.call("force_sync", json!({})).map(drop),
                };
                let error = error.unwrap_err().to_string();
                assert!(error.contains(expected), "{error}");
                assert!(start.elapsed() < SOON, "{error}");
            });
        }
    });
}

#[test]
fn a_call_that_is_over_ends_what_is_sent_and_what_is_received() {
    for is_sending in [true, false] {
        let (hung_up, has_hung_up) = std::sync::mpsc::channel();
        let remote = peer(move |mut stream| {
            let mut bytes = vec![0; 1 << 20];
            // Reads slowly, and never answers.
            while stream.read(&mut bytes).is_ok_and(|read| read > 0) {
                thread::sleep(Duration::from_millis(20));
            }
            hung_up.send(()).unwrap();
        });
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let client =
            remote.choose(None, Arc::new(move || is_over.load(Ordering::Relaxed))).unwrap();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            over.store(true, Ordering::Relaxed);
        });
        let start = Instant::now();
        let error = match is_sending {
            true => client.upload("x", std::io::repeat(7), 1 << 40).map(drop),
            false => client.call("force_sync", json!({})).map(drop),
        };
        assert!(matches!(error, Err(Error::Stopped)), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        // Not only the caller is free: the connection is closed.
        drop(client);
        has_hung_up.recv_timeout(SOON).unwrap();
    }
}

#[test]
fn a_servers_words_hold_no_token_and_come_to_an_end() {
    let version =
        json!({"api_version": 1, "version": format!("0.43 secret-token-1 {}", "x".repeat(500))});
    let client = choose(&answers("200 OK", version.to_string().into_bytes()), None).unwrap();
    let shown = client.greet().unwrap();
    assert!(shown.starts_with("0.43 … x") && shown.len() < 60, "{shown}");
    let refusal = json!({"error": format!("not with secret%2Dtoken-1{}", "y".repeat(5000))});
    let client =
        choose(&answers("403 secret-token-1", refusal.to_string().into_bytes()), None).unwrap();
    let error = client.call("force_sync", json!({})).unwrap_err().to_string();
    assert!(error.starts_with("the server answered 403: not with …y"), "{error}");
    assert!(error.len() < 2000, "{}", error.len());
    let client =
        choose(&answers("200 secret-token-1", b"\x00secret-token-1".to_vec()), None).unwrap();
    let error = client.call("force_sync", json!({})).unwrap_err().to_string();
    assert!(error.contains("not a Trackio server"), "{error}");
}

#[test]
fn an_answer_may_have_sixteen_megabytes_and_no_more() {
    let body = |length: usize| {
        let body = json!({"data": "x".repeat(length - 11)}).to_string().into_bytes();
        assert_eq!(body.len(), length);
        body
    };
    let most = 16 << 20;
    let client = choose(&answers("200 OK", body(most)), None).unwrap();
    assert!(client.call("get_all_projects", json!({})).is_ok());
    let client = choose(&answers("200 OK", body(most + 1)), None).unwrap();
    let error = client.call("get_all_projects", json!({})).unwrap_err().to_string();
    assert!(error.contains("longer than 16 MB"), "{error}");
}
