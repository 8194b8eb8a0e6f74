//! Against servers of a few lines of shell. The ids of a session count from 1.

#![cfg(unix)]

use super::*;

const HELLO: &str = r#"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$1" "$2"; }
read hello
answer 1 '{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"fake"}}'
read initialized
"#;

fn open(script: &str) -> Result<Session> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    Session::open(command, Duration::from_secs(5))
}

fn after_hello(script: &str) -> Session {
    open(&format!("{HELLO}\n{script}")).unwrap()
}

#[test]
fn a_session_from_hello_to_goodbye() {
    let mut session = after_hello(
        r#"read one
        answer 2 '{"tools":[{"name":"a"}],"nextCursor":"more"}'
        read two
        case "$two" in *'"cursor":"more"'*) answer 3 '{"tools":[{"name":"b"}]}';; esac
        read call
        printf '{"jsonrpc":"2.0","method":"notifications/message","params":{}}\n'
        printf '{"jsonrpc":"2.0","id":9,"method":"ping"}\n'
        read pong
        case "$pong" in *'"id":9,"result":{}'*) ;; *) exit 3;; esac
        answer 4 '{"content":[{"type":"text","text":"x"},{"type":"text","text":"y"}],"structuredContent":{"n":1}}'
        read bad
        printf '{"jsonrpc":"2.0","id":5,"error":{"code":-32602,"message":"no such tool"}}\n'
        read wrong
        answer 6 '{"content":[],"isError":true}'
        while read rest; do :; done
        exit 0"#,
    );
    assert_eq!(session.server["serverInfo"]["name"], "fake");
    let tools = session.list_tools().unwrap();
    assert_eq!(tools, [json!({"name": "a"}), json!({"name": "b"})]);
    let answer = session.call("a", json!({})).unwrap();
    assert_eq!(answer.text, "x\ny");
    assert_eq!(answer.structured, Some(json!({"n": 1})));
    assert!(!answer.is_error);
    let refused = session.call("nope", json!({})).unwrap_err();
    assert!(matches!(&refused, SessionError::Refused { code: -32602, .. }), "{refused}");
    assert_eq!(refused.to_string(), "tools/call: no such tool (error -32602)");
    assert!(session.call("a", json!({})).unwrap().is_error);
    assert!(session.close().unwrap().success());
}

#[test]
fn a_server_that_fails_is_named_with_its_last_words() {
    let mut command = Command::new("no-such-program-anywhere");
    command.arg("x");
    let missing = Session::open(command, Duration::from_secs(5)).unwrap_err();
    assert!(missing.to_string().contains("no-such-program-anywhere"), "{missing}");
    let dead = open("echo 'no config' >&2; exit 1").unwrap_err();
    assert!(matches!(dead, SessionError::Ended { .. }), "{dead}");
    assert!(dead.to_string().contains("no config"), "{dead}");
    let chatty = open("read hello; echo 'Starting up...'").unwrap_err();
    assert!(chatty.to_string().contains("Starting up..."), "{chatty}");
}

#[test]
fn nothing_waits_for_ever() {
    let mut command = Command::new("sh");
    command.arg("-c").arg("exec sleep 60");
    let start = Instant::now();
    let silent = Session::open(command, Duration::from_millis(100)).unwrap_err();
    assert!(matches!(silent, SessionError::TimedOut { .. }), "{silent}");
    assert_eq!(silent.to_string(), "no answer to initialize within 0.1 s");
    let mut session = after_hello("exec sleep 60");
    session.timeout = Duration::from_millis(100);
    // More than a pipe holds, and nobody reads it.
    let answer = session.call("a", json!({"long": "x".repeat(1_000_000)}));
    assert!(matches!(answer, Err(SessionError::TimedOut { .. })), "{answer:?}");
    assert!(matches!(session.close(), Err(SessionError::Stays(_))));
    assert!(start.elapsed() < Duration::from_secs(5));
}
