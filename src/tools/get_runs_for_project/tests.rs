use std::time::Duration;

use serde_json::{Value, json};

use super::super::common::fixture::Fixture;
use super::*;

/// Four runs: the third logs no accuracy, the fourth only NaN.
fn sweep() -> Fixture {
    let fixture = Fixture::empty();
    let rows = |losses: &[f64], accuracy: Value| -> Vec<Value> {
        let row = |loss: &f64| json!({"train/loss": loss, "accuracy": accuracy, "tokens": 5});
        losses.iter().map(row).collect()
    };
    let at = |day: u8| format!("2026-03-0{day}T00:00:00+00:00");
    let config = |lr: f64| json!({"lr": lr, "optim": {"name": "adam"}, "_Username": "ann"});
    fixture.run("p", "a", &at(1), config(1e-3), &rows(&[3.0, 1.0, 2.0], json!(0.5)));
    fixture.run("p", "b", &at(2), config(1e-4), &rows(&[3.0, 2.5], json!(0.75)));
    let bare = [json!({"train/loss": 2.25}), json!({"train/loss": "NaN"})];
    fixture.run("p", "c", &at(3), json!({"lr": 1e-5}), &bare);
    fixture.run("p", "d", &at(4), config(1e-2), &rows(&[9.0], json!("NaN")));
    fixture
}

fn names(answer: &Map<String, Value>) -> Vec<&str> {
    answer["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect()
}

fn ask(fixture: &Fixture, filter: Value, order: Value) -> Map<String, Value> {
    let arguments = json!({"project": "p", "where": filter, "order_by": order});
    fixture.call("get_runs_for_project", arguments).unwrap()
}

#[test]
fn aggregates_order_and_filter() {
    let fixture = sweep();
    let cases: [(Value, Value, &[&str]); 10] = [
        (json!(null), json!("best(train/loss)"), &["a", "c", "b", "d"]),
        (json!(null), json!("last(train/loss)"), &["a", "c", "b", "d"]),
        (json!(null), json!("-mean(train/loss)"), &["d", "b", "c", "a"]),
        (json!(null), json!("-best(accuracy)"), &["b", "a", "d", "c"]),
        (json!(null), json!("best(accuracy)"), &["a", "b", "d", "c"]),
        (json!(["best(train/loss) <= 2.25"]), json!("name"), &["a", "c"]),
        (json!(["max(accuracy) > 0"]), json!("name"), &["a", "b"]),
        (json!(["max(accuracy) != 0.5"]), json!("name"), &["b"]),
        (json!(["last(train/loss) in [2, 9]", "config.lr > 1e-3"]), json!(null), &["d"]),
        (json!("user = ann"), json!("-config.lr"), &["d", "a", "b"]),
    ];
    for (filter, order, expected) in cases {
        let answer = ask(&fixture, filter.clone(), order.clone());
        assert_eq!(names(&answer), expected, "{filter} {order}");
        assert_eq!(answer["total"], expected.len());
    }
}

#[test]
fn a_run_shows_what_it_was_ordered_and_filtered_by() {
    let fixture = sweep();
    let answer =
        ask(&fixture, json!(["mean(train/loss) = 2", "user = ann"]), json!("best(train/loss)"));
    let expected = json!({
        "mean(train/loss)": 2.0,
        "user": "ann",
        "best(train/loss)": {"value": 1.0, "step": 1},
    });
    assert_eq!(answer["runs"][0]["values"], expected);
    assert_eq!(ask(&fixture, json!(null), json!("name"))["runs"][0].get("values"), None);
}

#[test]
fn runs_without_the_metric_are_counted() {
    let fixture = sweep();
    let notes = |filter, order| ask(&fixture, filter, order)["notes"].to_string();
    let ordered = notes(json!(null), json!("-best(accuracy)"));
    let missing = "1 without it, 1 with NaN or infinite values only";
    assert!(ordered.contains("listed last") && ordered.contains(missing), "{ordered}");
    let filtered = notes(json!(["best(accuracy) > 0.6"]), json!(null));
    assert!(filtered.contains("left out") && filtered.contains(missing), "{filtered}");
    let ascending = notes(json!(null), json!("best(accuracy)"));
    assert!(ascending.contains("For the best first: `-best(accuracy)`"), "{ascending}");
    let nested = notes(json!(null), json!("config.optim.name"));
    assert!(nested.contains("1 run without `config.optim.name` listed last"), "{nested}");
    let nothing = notes(json!(["name ~ .*", "last(train/loss) < 0"]), json!(null));
    assert!(nothing.contains("`name ~ .*` holds for 0 of 4"), "{nothing}");
    assert!(nothing.contains("no regular expression"), "{nothing}");
}

#[test]
fn mistakes_lead_to_what_there_is() {
    let fixture = sweep();
    let cases = [
        (json!(["config.learning_rate < 1"]), json!(null), "has a key `learning_rate`. Nearest: `"),
        (json!(null), json!("config.optim.nam"), "Nearest: `optim.name`"),
        (json!(["last(trian/loss) < 1"]), json!(null), "Nearest: `train/loss`"),
        (json!(null), json!("-max(acuracy)"), "Nearest: `accuracy`"),
        (json!(null), json!("best(tokens)"), "Use `min(tokens)` or `max(tokens)`."),
        (json!(null), json!("best(tokns)"), "log no metric `tokns`. Nearest: `tokens`"),
        (json!(null), json!("loss"), "`best(loss)` or `last(loss)`"),
        (json!(["lr > 1e-3"]), json!(null), "`config.lr > 1e-3`"),
    ];
    for (filter, order, expected) in cases {
        let arguments = json!({"project": "p", "where": filter, "order_by": order});
        let message = fixture.call("get_runs_for_project", arguments).unwrap_err();
        assert!(message.contains(expected), "{filter} {order}: {message}");
    }
}

#[test]
fn without_time_every_run_is_looked_at_once() {
    let fixture = sweep();
    let mut args = Args {
        project: "p".to_owned(),
        runs: None,
        pattern: None,
        status: None,
        group: None,
        user: None,
        after: None,
        before: None,
        r#where: Some(vec!["min(train/loss) < 5".to_owned()]),
        order_by: Some("last(train/loss)".to_owned()),
        detail: None,
    };
    let mut context = fixture.context();
    let mut brought = Vec::new();
    let mut said = Vec::new();
    for _ in 0..10 {
        let selection = Selection::of(&args).unwrap();
        let project = resolve::project(&context, "p").unwrap();
        let (page, notes) = context
            .read(&project, |snapshot| {
                let listed = run::newest_first(snapshot)?;
                let found = selection.select(snapshot, &context, listed, Duration::ZERO)?;
                let page = Page::of(found.candidates, &context.page, 50).searched(found.searched);
                Ok((page, found.notes))
            })
            .unwrap();
        brought.extend(page.items.iter().map(|candidate| candidate.run.name.clone()));
        said.extend(notes);
        let Some(cursor) = page.next_cursor() else { break };
        context.page = crate::tools::common::PageRequest::parse(&cursor).unwrap();
    }
    assert_eq!(brought, ["c", "b", "a"]);
    assert!(
        said.iter().any(|note| note.contains("There was time for runs 1 to 1 of 4")),
        "{said:?}"
    );
    args.order_by = None;
    assert!(Selection::of(&args).is_ok());
}
