use std::fs;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::common::PageRequest;
use super::super::common::fixture::Fixture;
use super::query::{Query, Wanted};
use super::search::search;
use super::*;
use crate::tools::common::likeness::{likeness, numbers};

/// Two projects; what people remember of runs is spread over names, configs, groups and users.
fn fixture() -> Fixture {
    let fixture = Fixture::empty();
    let run = |project: &str, name: &str, day: u8, config: Value| {
        let created = format!("2026-03-0{day}T10:00:00+00:00");
        fixture.run(project, name, &created, config, &[json!({"loss": 1.0})]);
    };
    let llama = |lr: Value, bs: u32, user: &str| {
        json!({
            "model": "meta-llama/Llama-3-8B", "learning_rate": lr, "per_device_train_batch_size": bs,
            "bf16": user == "alice", "seed": 32, "_Username": user, "_Group": "pretraining",
        })
    };
    run("chat", "llama-sft", 1, llama(json!(0.0003), 16, "alice"));
    run("chat", "llama-sft-long", 2, llama(json!("1e-3"), 32, "bob"));
    run("chat", "llama-dpo", 3, llama(json!(0.001), 64, "bob"));
    run("vision", "resnet50-lr3e-4-bs128", 1, json!({"aug": ["mixup", "cutmix"]}));
    run(
        "vision",
        "vit-baseline",
        3,
        json!({"optim": {"name": "AdamW", "lr": 0.01}, "dropout": 0.1}),
    );
    run(
        "vision",
        "vit-baseline-v2",
        2,
        json!({"optim": {"name": "SGD", "lr": 0.1}, "bf16": false}),
    );
    fixture
}

fn find(fixture: &Fixture, arguments: Value) -> Map<String, Value> {
    fixture.call("find_runs", arguments.clone()).unwrap_or_else(|why| panic!("{arguments}: {why}"))
}

fn names(answer: &Map<String, Value>) -> Vec<&str> {
    answer["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect()
}

#[test]
fn what_people_type_finds_what_they_mean() {
    let fixture = fixture();
    let cases = [
        ("lr 3e-4", &["llama-sft", "resnet50-lr3e-4-bs128"][..], "config.learning_rate = 0.0003"),
        ("learning_rate=0.0003", &["llama-sft", "resnet50-lr3e-4-bs128"], "config.learning_rate"),
        ("learning rate 3e-4", &["llama-sft", "resnet50-lr3e-4-bs128"], "config.learning_rate"),
        ("lr:1e-3 batch 32", &["llama-sft-long"], "config.per_device_train_batch_size = 32"),
        ("batch size 64", &["llama-dpo"], "config.per_device_train_batch_size = 64"),
        ("the run from alice", &["llama-sft"], "user = alice"),
        ("user:bob llama", &["llama-dpo", "llama-sft-long"], "user = bob"),
        ("bf16", &["llama-sft"], "config.bf16 = true"),
        ("bf16=false", &["llama-dpo", "llama-sft-long", "vit-baseline-v2"], "config.bf16 = false"),
        ("vit basline", &["vit-baseline", "vit-baseline-v2"], "name like basline"),
        ("vit-basline-v2", &["vit-baseline-v2"], "name"),
        ("adamw", &["vit-baseline"], "config.optim.name = AdamW"),
        ("optim.lr = 0.1", &["vit-baseline-v2"], "config.optim.lr = 0.1"),
        ("mixup resnet", &["resnet50-lr3e-4-bs128"], "config.aug = mixup"),
        ("dropout", &["vit-baseline"], "config.dropout = 0.1"),
        ("Llama-3-8B pretraining", &["llama-dpo", "llama-sft-long", "llama-sft"], "group"),
        ("vision", &["vit-baseline", "vit-baseline-v2", "resnet50-lr3e-4-bs128"], "project"),
        ("bs=128", &["resnet50-lr3e-4-bs128"], "name ~ bs 128"),
        ("id-vit-baseline-v2", &["vit-baseline-v2"], "id = id-vit-baseline-v2"),
    ];
    for (query, expected, why) in cases {
        let answer = find(&fixture, json!({"query": query}));
        assert_eq!(names(&answer), expected, "{query}: {answer:#?}");
        let matched = answer["runs"][0]["matched"].to_string();
        assert!(matched.contains(why), "{query}: {matched}");
        let scores: Vec<f64> = answer["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["score"].as_f64().unwrap())
            .collect();
        assert!(
            scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|s| (0.0..=1.0).contains(s))
        );
    }
}

#[test]
fn time_and_project_narrow_the_search() {
    let fixture = fixture();
    let ask = |arguments| names_of(&find(&fixture, arguments));
    assert_eq!(ask(json!({"query": "llama", "after": "2026-03-03T00:00:00Z"})), ["llama-dpo"]);
    assert_eq!(
        ask(json!({"query": "all runs", "before": "2026-03-02T00:00:00Z"})),
        ["llama-sft", "resnet50-lr3e-4-bs128"]
    );
    assert_eq!(ask(json!({"query": "lr 3e-4", "project": "vision"})), ["resnet50-lr3e-4-bs128"]);
    let answer = find(&fixture, json!({"query": "the llama run from yesterday with flux"}));
    let notes = answer["notes"].to_string();
    assert!(notes.contains("Found nowhere: `flux`"), "{notes}");
    assert!(
        notes.contains("`yesterday` limits nothing: for that give `after`, such as 2026-03-0"),
        "{notes}"
    );
    assert_eq!(
        (answer["searched_projects"].clone(), answer["searched_runs"].clone()),
        (json!(2), json!(6))
    );
    assert_eq!(answer["runs"][0]["status"], "ended");
}

fn names_of(answer: &Map<String, Value>) -> Vec<String> {
    names(answer).into_iter().map(str::to_owned).collect()
}

#[test]
fn nothing_found_tells_what_there_is() {
    let fixture = fixture();
    let cases = [
        (json!({"query": "zzqq"}), "No run matches `zzqq`"),
        (json!({"query": "zzqq"}), "6 runs in 2 projects"),
        (json!({"query": "rank=32"}), "No run matches `rank=32`"),
        (json!({"query": "dpo=yes"}), "No run matches `dpo=yes`"),
        (json!({"query": "vti-bsaelnie"}), "Nearest names: `vit-baseline`"),
        (json!({"query": "yesterday"}), "give `after`"),
        (json!({"query": " ,;"}), "A right one: `llama lr=3e-4`"),
        (
            json!({"query": "llama", "after": "2027-01-01"}),
            "None of the 6 runs of 2 projects was created",
        ),
        (json!({"query": "llama", "after": "soon"}), "`after` must be a time"),
        (json!({"query": "llama", "project": "chta"}), "Nearest: `chat`"),
        (json!({}), "needs the argument `query`"),
    ];
    for (arguments, expected) in cases {
        let message = fixture.call("find_runs", arguments.clone()).unwrap_err();
        assert!(message.contains(expected), "{arguments}: {message}");
    }
    let empty = Fixture::empty();
    let message = empty.call("find_runs", json!({"query": "a"})).unwrap_err();
    assert!(message.contains("There is no run to search in 0 projects"), "{message}");
}

#[test]
fn a_broken_project_spoils_nothing() {
    let fixture = fixture();
    fs::write(fixture.path().join("broken.db"), "no database").unwrap();
    let answer = find(&fixture, json!({"query": "resnet50"}));
    assert_eq!(names(&answer), ["resnet50-lr3e-4-bs128"]);
    let notes = answer["notes"].to_string();
    assert!(
        notes.contains("1 project could not be searched") && notes.contains("`broken`"),
        "{notes}"
    );
    let message =
        fixture.call("find_runs", json!({"query": "a", "project": "broken"})).unwrap_err();
    assert!(message.contains("broken"), "{message}");
}

#[test]
fn pages_and_calls_without_time_bring_every_run_once() {
    let fixture = fixture();
    let mut brought = Vec::new();
    let mut arguments = json!({"query": "llama", "limit": 1});
    loop {
        let answer = find(&fixture, arguments.clone());
        brought.push(answer["runs"][0]["created_at"].to_string());
        match answer.get("next_cursor") {
            Some(cursor) => arguments["cursor"] = cursor.clone(),
            None => break,
        }
    }
    brought.sort();
    brought.dedup();
    assert_eq!(brought.len(), 3);

    let args = Args { query: "vit sgd llama".into(), project: None, after: None, before: None };
    let mut context = fixture.context();
    let mut found = Vec::new();
    for call in 0..2 {
        let answer = search(&context, &args, Duration::ZERO).unwrap();
        found.extend(answer.output.runs.items.iter().map(|run| run.project.clone()));
        assert!(answer.notes.join(" ").contains(&format!("projects {0} to {0} of 2", call + 1)));
        match answer.output.runs.next_cursor() {
            Some(cursor) => context.page = PageRequest::parse(&cursor).unwrap(),
            None => assert_eq!(call, 1),
        }
    }
    assert_eq!(found, ["chat", "chat", "chat", "vision", "vision"]);
}

#[test]
fn queries_become_terms() {
    let wanted = |text| -> Vec<Wanted> {
        Query::parse(text).terms.into_iter().map(|term| term.wanted).collect()
    };
    let word = |text: &str| Wanted::Word(text.to_owned());
    let pair = |key: &str, value: &str| Wanted::Pair(key.to_owned(), value.to_owned());
    let number = |number, keys: &[&str]| {
        Wanted::Number(number, keys.iter().map(|key| (*key).to_owned()).collect())
    };
    assert_eq!(wanted("the LLaMA run from yesterday"), [word("llama")]);
    assert_eq!(wanted("lr = 3e-4, bs:32"), [pair("lr", "3e-4"), pair("bs", "32")]);
    assert_eq!(wanted("lr==3e-4"), [pair("lr", "3e-4")]);
    assert_eq!(
        wanted("batch size of 32"),
        [word("batch"), word("size"), number(32.0, &["size", "batchsize"])]
    );
    assert_eq!(wanted("\"the run\" user=\"ann b\""), [word("the run"), pair("user", "ann b")]);
    assert_eq!(wanted("inf nan -5"), [word("inf"), word("nan"), number(-5.0, &["nan", "infnan"])]);
    assert_eq!(Query::literal("the run").terms.len(), 2);
    assert_eq!(wanted(&"a1 ".repeat(1_000)).len(), 24);
}

#[test]
fn a_word_is_like_a_name_by_degrees() {
    let ordered = ["baseline", "baseline-v2", "baselines", "mybaseline", "basline", "unrelated"];
    let likenesses: Vec<f64> = ordered.iter().map(|name| likeness("baseline", name)).collect();
    assert!(likenesses.is_sorted_by(|a, b| a > b), "{likenesses:?}");
    assert_eq!(likenesses.last(), Some(&0.0));
    for (word, name) in [("v2", "model-v1"), ("run1", "run2"), ("ab", "cab"), ("", "x"), ("-", "x")]
    {
        assert_eq!(likeness(word, name), 0.0, "{word} {name}");
    }
    assert!(likeness("batch_size", "batchsize") > 0.8);
    assert!(likeness("日本", "日本語-run") > 0.0 || likeness("日本語", "日本語-run") > 0.9);
}

#[test]
fn numbers_in_names_have_their_letters() {
    let of = |name| -> Vec<(String, f64)> { numbers(name) };
    let pair = |key: &str, number| (key.to_owned(), number);
    assert_eq!(of("llama-lr3e-4_bs=32"), [pair("lr", 3e-4), pair("bs", 32.0)]);
    assert_eq!(
        of("beta0.1 3epochs v1.2.3"),
        [pair("beta", 0.1), pair("", 3.0), pair("v", 1.2), pair("", 3.0)]
    );
    assert_eq!(of("é7").len(), 1);
    assert_eq!(of("1e"), [pair("", 1.0)]);
    assert!(of(&"9".repeat(400)).len() == 1);
}
