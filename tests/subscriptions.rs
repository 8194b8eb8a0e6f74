//! Subscriptions in both generations of the protocol. Times are generous: the machine may be busy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{
    Fixture, PATIENCE, Session,
    database::{log_metric, now, project},
};

const ALL: &str = "trackio://projects";
const PROJECT: &str = "trackio://p";
const RUN: &str = "trackio://p/a%2Fb";
const OTHER: &str = "trackio://p/other";
const TABLE: &str = "trackio://p/a%2Fb/metrics/x.csv";
/// Longer than any look takes to come.
const SILENCE: Duration = Duration::from_secs(2);

/// One generation of the protocol.
struct Generation {
    begin: fn(&mut Session),
    subscribe: fn(&mut Session, &[&str]) -> Result<(), Value>,
}

const GENERATIONS: [Generation; 2] = [
    Generation {
        begin: |session| drop(session.handshake("2025-11-25")),
        subscribe: |session, uris| {
            for uri in uris {
                let answer = session.request("resources/subscribe", json!({"uri": uri}));
                if answer["error"].is_object() {
                    return Err(answer["error"].clone());
                }
            }
            Ok(())
        },
    },
    Generation {
        begin: |_| {},
        subscribe: |session, uris| {
            let wanted = json!({"notifications": {"resourceSubscriptions": uris}});
            let id = session.post_stateless("subscriptions/listen", wanted);
            // First what was accepted; where that was too much, the reason.
            let told = session.receive(PATIENCE).expect("an acknowledgement");
            assert_eq!(told["method"], "notifications/subscriptions/acknowledged", "{told}");
            match session.answer_to(&json!(id), Duration::from_millis(700)) {
                Some(answer) => Err(answer["error"].clone()),
                None => Ok(()),
            }
        },
    },
];

/// Tests both generations at once: they mostly wait.
fn both(test: impl Fn(&Generation) + Sync) {
    thread::scope(|scope| {
        for generation in &GENERATIONS {
            scope.spawn(|| test(generation));
        }
    });
}

/// A project with two runs, and a session of that generation.
fn watched(generation: &Generation) -> (Fixture, rusqlite::Connection, Session) {
    let fixture = Fixture::empty();
    let db = project(&fixture.dir, "p");
    log_metric(&db, "id", "a/b", "x", 0..3);
    log_metric(&db, "other", "other", "x", 0..3);
    let mut session = Session::silent(&fixture.dir);
    (generation.begin)(&mut session);
    (fixture, db, session)
}

/// The resources that notices come for, until there is silence.
fn notices(session: &mut Session) -> Vec<String> {
    let mut told = Vec::new();
    let mut patience = PATIENCE;
    while let Some(message) = session.receive(patience) {
        assert_eq!(message["method"], "notifications/resources/updated", "{message}");
        told.push(message["params"]["uri"].as_str().unwrap().to_owned());
        patience = SILENCE;
    }
    told
}

#[test]
fn what_changes_is_told_and_nothing_else() {
    both(|generation| {
        let (_fixture, db, mut session) = watched(generation);
        (generation.subscribe)(&mut session, &[ALL, PROJECT, RUN, OTHER, TABLE]).unwrap();
        assert_eq!(session.receive(SILENCE), None, "nothing has happened");
        // A burst is told in one.
        for step in 3..30 {
            log_metric(&db, "id", "a/b", "x", step..step + 1);
        }
        let mut told = notices(&mut session);
        told.sort();
        told.dedup();
        assert_eq!(told, [PROJECT, RUN, TABLE, ALL]);
        log_metric(&db, "other", "other", "x", 3..4);
        let told = notices(&mut session);
        assert!(told.contains(&OTHER.to_owned()) && !told.contains(&RUN.to_owned()), "{told:?}");
        assert_eq!(session.close().0.code(), Some(0));
    });
}

#[test]
fn news_come_soon_and_not_too_often() {
    both(|generation| {
        let (_fixture, db, mut session) = watched(generation);
        (generation.subscribe)(&mut session, &[RUN]).unwrap();
        let started = Instant::now();
        let mut told = 0;
        for step in 3.. {
            log_metric(&db, "id", "a/b", "x", step..step + 1);
            thread::sleep(Duration::from_millis(20));
            if started.elapsed() > Duration::from_secs(3) {
                break;
            }
        }
        while session.receive(SILENCE).is_some() {
            told += 1;
        }
        assert!((2..=6).contains(&told), "{told} notices in three seconds");
    });
}

#[test]
fn rows_in_the_inbox_and_new_projects_are_news() {
    both(|generation| {
        let (fixture, _db, mut session) = watched(generation);
        (generation.subscribe)(&mut session, &[ALL, RUN]).unwrap();
        let inbox = fixture.dir.join("inbox/writer");
        fs::create_dir_all(&inbox).unwrap();
        let row = json!({
            "kind": "metric", "project": "p", "run": "a/b", "run_id": "id", "step": 9,
            "timestamp": now(), "metrics": {"x": 1}, "log_id": "l",
        });
        fs::write(inbox.join("1.jsonl.tmp"), format!("{row}\n")).unwrap();
        fs::rename(inbox.join("1.jsonl.tmp"), inbox.join("1.jsonl")).unwrap();
        let mut told = notices(&mut session);
        told.sort();
        told.dedup();
        assert_eq!(told, [RUN, ALL]);
        project(&fixture.dir, "new");
        assert!(notices(&mut session).contains(&ALL.to_owned()));
    });
}

#[test]
fn a_deleted_run_is_told_once() {
    both(|generation| {
        let (_fixture, db, mut session) = watched(generation);
        (generation.subscribe)(&mut session, &[RUN]).unwrap();
        db.execute("DELETE FROM metrics WHERE run_id = 'id'", []).unwrap();
        assert_eq!(notices(&mut session), [RUN]);
        log_metric(&db, "other", "other", "x", 3..4);
        assert_eq!(session.receive(SILENCE), None, "it is gone already");
    });
}

#[test]
fn what_is_not_there_is_refused_and_taught() {
    both(|generation| {
        let (_fixture, _db, mut session) = watched(generation);
        for (uri, taught) in [
            ("trackio://q", "`p`"),
            ("trackio://p/othre", "other"),
            ("file:///etc/passwd", "trackio://{project}"),
        ] {
            let error = (generation.subscribe)(&mut session, &[uri]).expect_err(uri);
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(taught), "{uri}: {message}");
        }
    });
}

#[test]
fn nobody_watches_without_end() {
    let modern = &GENERATIONS[1];
    let (_fixture, _db, mut session) = watched(modern);
    let error = (modern.subscribe)(&mut session, &[RUN; 201]).expect_err("too many");
    assert!(error["message"].as_str().unwrap().contains("200"), "{error}");
    // The same one again is one.
    (modern.subscribe)(&mut session, &[RUN, RUN]).unwrap();
}

#[test]
fn an_ended_subscription_is_silent() {
    let legacy = &GENERATIONS[0];
    let (_fixture, db, mut session) = watched(legacy);
    (legacy.subscribe)(&mut session, &[RUN, OTHER]).unwrap();
    let answer = session.request("resources/unsubscribe", json!({"uri": RUN}));
    assert!(answer["result"].is_object(), "{answer}");
    log_metric(&db, "id", "a/b", "x", 3..4);
    assert_eq!(session.receive(SILENCE), None);
    let modern = &GENERATIONS[1];
    let (_fixture, db, mut session) = watched(modern);
    (modern.subscribe)(&mut session, &[RUN]).unwrap();
    session.send(
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}),
    );
    thread::sleep(Duration::from_millis(300));
    log_metric(&db, "id", "a/b", "x", 3..4);
    assert_eq!(session.receive(SILENCE), None);
}

#[test]
fn every_notice_of_2026_names_its_subscription() {
    let modern = &GENERATIONS[1];
    let (_fixture, db, mut session) = watched(modern);
    (modern.subscribe)(&mut session, &[RUN]).unwrap();
    log_metric(&db, "id", "a/b", "x", 3..4);
    let told = session.receive(PATIENCE).expect("a notice");
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1, "{told}");
}

/// The SDK acknowledges before it has anything watched.
#[test]
fn what_is_written_upon_the_acknowledgement_is_told() {
    let (_fixture, db, mut session) = watched(&GENERATIONS[1]);
    for step in 3..15 {
        let wanted = json!({"notifications": {"resourceSubscriptions": [RUN]}});
        let id = session.post_stateless("subscriptions/listen", wanted);
        let told = session.receive(PATIENCE).expect("an acknowledgement");
        assert_eq!(told["method"], "notifications/subscriptions/acknowledged", "{told}");
        log_metric(&db, "id", "a/b", "x", step..step + 1);
        let told = session.receive(SILENCE).expect("a notice");
        assert_eq!(told["params"]["uri"], RUN, "{told}");
        let cancelled = json!({"requestId": id});
        session.send(
            &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}),
        );
    }
}

#[test]
fn the_server_ends_at_once_with_a_subscription_open() {
    both(|generation| {
        let (_fixture, _db, mut session) = watched(generation);
        (generation.subscribe)(&mut session, &[ALL, RUN]).unwrap();
        thread::sleep(Duration::from_millis(800));
        let (status, took) = session.close();
        assert_eq!(status.code(), Some(0), "stderr: {}", session.stderr());
        assert!(took < Duration::from_secs(2), "it took {took:?}");
    });
}

/// What a process has open.
#[cfg(target_os = "linux")]
fn open_files(pid: u32) -> Vec<String> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let targets = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    targets.map(|target| target.display().to_string()).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn between_looks_no_database_is_open() {
    both(|generation| {
        let (_fixture, db, mut session) = watched(generation);
        (generation.subscribe)(&mut session, &[ALL, RUN]).unwrap();
        log_metric(&db, "id", "a/b", "x", 3..4);
        notices(&mut session);
        // A look can be under way: then the next time it is over.
        let tries = (0..5).map(|_| {
            thread::sleep(Duration::from_millis(70));
            open_files(session.pid()).into_iter().filter(|file| file.contains(".db")).count()
        });
        assert!(tries.into_iter().any(|open| open == 0), "a database stays open");
    });
}
