//! What the surroundings decide: where Trackio's directory is, and which zone
//! a time without one is in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{ffi::OsStr, fs, path::Path};

use serde_json::{Value, json};
use support::{Fixture, LEGACY, Session, at_home};

fn projects(session: &mut Session) -> Vec<String> {
    let answer = session.call("get_all_projects", json!({})).ok();
    let names = answer.structured["projects"].as_array().expect("projects").iter();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_directory_is_found_where_trackio_finds_it() {
    // Variables, and where below the working directory (also $HOME) the data then is.
    let cases: [(&[(&str, &str)], &str); 10] = [
        (&[], ".cache/huggingface/trackio"),
        (&[("TRACKIO_DIR", "")], ".cache/huggingface/trackio"),
        (&[("TRACKIO_DIR", "here")], "here"),
        (&[("TRACKIO_DIR", "~/t")], "~/t"),
        (&[("TRACKIO_DIR", "here"), ("HF_HOME", "other")], "here"),
        (&[("HF_HOME", "~/hf")], "hf/trackio"),
        (&[("HF_HOME", "$HOME/${SUB}/$UNSET")], "sub/$UNSET/trackio"),
        (&[("HF_HOME", "")], "trackio"),
        (&[("XDG_CACHE_HOME", "xdg")], "xdg/huggingface/trackio"),
        (&[("XDG_CACHE_HOME", "")], "huggingface/trackio"),
    ];
    let fixture = Fixture::unpack("0.14.2");
    for (variables, place) in cases {
        let home = Fixture::empty();
        let data = home.dir.join(place);
        fs::create_dir_all(&data).unwrap();
        fs::copy(fixture.dir.join("types.db"), data.join("found.db")).unwrap();
        let mut session = Session::spawn::<&OsStr>([], |command| {
            at_home(command.current_dir(&home.dir), &home.dir).env("SUB", "sub");
            command.envs(variables.iter().copied());
        });
        session.handshake(LEGACY);
        assert_eq!(projects(&mut session), ["found"], "{variables:?}");
    }
}

#[test]
fn the_argument_beats_the_environment() {
    let fixture = Fixture::unpack("0.14.2");
    let elsewhere = Fixture::empty();
    let mut session = Session::spawn([OsStr::new("--dir"), fixture.dir.as_os_str()], |command| {
        command.env("TRACKIO_DIR", &elsewhere.dir);
    });
    session.handshake(LEGACY);
    assert!(projects(&mut session).contains(&"main".to_owned()));
}

/// A session for which a time without a zone is of this zone.
fn in_zone(dir: &Path, zone: &str) -> Session {
    let mut session = Session::spawn([OsStr::new("--dir"), dir.as_os_str()], |command| {
        command.env("TZ", zone);
    });
    session.handshake(LEGACY);
    session
}

/// The steps of a metric around a time.
fn steps(session: &mut Session, project: &str, also: Value) -> Vec<i64> {
    let mut asked =
        json!({"project": project, "run": "baseline", "metric": "train/loss", "format": "records"});
    asked.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
    let answer = session.call("get_metric_values", asked);
    let values = answer.structured["values"].as_array().cloned().unwrap_or_default();
    values.iter().map(|row| row["step"].as_i64().unwrap()).collect()
}

#[test]
fn at_time_is_a_time_however_it_is_written() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = in_zone(&fixture.dir, "UTC");
    // Steps 9 to 11 were written at 00:00:06.007404 UTC, 12 to 14 a second later, 6 to 8 one before.
    let cases = [
        ("2026-01-01T00:00:06.007404+00:00", 0.5, 9..12),
        ("2026-01-01T00:00:06.007404Z", 0.5, 9..12),
        ("2026-01-01 00:00:06.007404", 0.5, 9..12),
        ("2026-01-01T01:00:06.007404+01:00", 0.5, 9..12),
        ("2025-12-31T19:00:06.007404-05:00", 0.5, 9..12),
        ("2026-01-01T00:00:06Z", 1.5, 6..15),
        ("2026-01-01T00:00:06.007404Z", 1.1, 6..15),
    ];
    for (at_time, window, expected) in cases {
        let found = steps(&mut session, "demo-main", json!({"at_time": at_time, "window": window}));
        assert_eq!(found, expected.collect::<Vec<_>>(), "{at_time} ± {window} s");
    }
}

#[test]
fn a_time_without_a_zone_is_this_machines() {
    let fixture = Fixture::unpack("0.14.2");
    // Steps 4 to 7 say 2025-12-31T19:00:04.004936 and no zone.
    let cases = [
        ("UTC", "2025-12-31T19:00:04.004936Z"),
        ("America/New_York", "2026-01-01T00:00:04.004936Z"),
        ("Asia/Tokyo", "2025-12-31T10:00:04.004936Z"),
    ];
    for (zone, at_time) in cases {
        let mut session = in_zone(&fixture.dir, zone);
        let found = steps(&mut session, "main", json!({"at_time": at_time, "window": 0.5}));
        assert_eq!(found, [4, 5, 6, 7], "{zone}");
        for (other, elsewhere) in cases {
            if other != zone {
                let found =
                    steps(&mut session, "main", json!({"at_time": elsewhere, "window": 0.5}));
                assert!(found.is_empty(), "{elsewhere} is not the time in {zone}: {found:?}");
            }
        }
    }
}

#[test]
fn since_is_a_time_however_it_is_written() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = in_zone(&fixture.dir, "UTC");
    let all = session.call("get_alerts", json!({"project": "demo-main"})).ok().structured["alerts"]
        .take();
    let all = all.as_array().unwrap();
    assert!(all.len() > 2, "the fixture has lost its alerts");
    let time = all[1]["timestamp"].as_str().unwrap();
    assert!(time.ends_with("+00:00"), "{time}");
    let plain = time.trim_end_matches("+00:00");
    for since in [time.to_owned(), format!("{plain}Z"), plain.replace('T', " "), plain.to_owned()] {
        let later =
            session.call("get_alerts", json!({"project": "demo-main", "since": since})).ok();
        assert_eq!(later.structured["alerts"], json!(all[..1]), "since {since}");
    }
}
