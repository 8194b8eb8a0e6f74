use serde_json::{Value, json};

use crate::tools::common::fixture::Fixture;

const TIME: &str = "2026-03-04T10:00:00+00:00";

/// A run whose rows hold traces among their metrics, as 0.25 wrote them.
fn among_metrics() -> Fixture {
    let fixture = Fixture::empty();
    let trace = |text: &str, reward: Value| {
        json!({"_type": "trackio.trace", "messages": [{"role": "user", "content": text}],
               "metadata": {"reward": reward}})
    };
    let rows = [
        json!({"loss": 1.0, "rollout": trace("What is 100%?", json!(0.5))}),
        json!({"loss": 0.5}),
        json!({"batch": [1, trace("first", json!("NaN")), trace("second", json!(1.5))]}),
    ];
    fixture.run("old", "run", TIME, json!({}), &rows);
    fixture
}

fn ids(answer: &serde_json::Map<String, Value>) -> Vec<&str> {
    answer["traces"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap()).collect()
}

#[test]
fn traces_among_the_metrics_are_listed_and_shown() {
    let fixture = among_metrics();
    let all = fixture.call("get_traces", json!({"project": "old", "run": "run"})).unwrap();
    assert_eq!(ids(&all), ["id-run:2:batch:2", "id-run:2:batch:1", "id-run:0:rollout"]);
    assert_eq!(
        all["steps"],
        json!([{"step": 0, "count": 1, "means": {"reward": 0.5}},
               {"step": 2, "count": 2, "means": {"reward": 1.5}}])
    );
    assert_eq!(
        all["scores"],
        json!([{"name": "reward", "count": 3, "non_finite": 1, "mean": 1, "min": 0.5, "max": 1.5}])
    );
    let one = json!({"project": "old", "trace": "id-run:2:batch:1"});
    let one = fixture.call("get_traces", one).unwrap();
    assert_eq!(one["traces"][0]["messages"], json!([{"role": "user", "content": "first"}]));
    assert_eq!(one["traces"][0]["metadata"], json!({"reward": "NaN"}));
}

#[test]
fn percent_and_underscore_are_letters_of_a_search() {
    let fixture = among_metrics();
    let found = |search: &str| {
        let asked = json!({"project": "old", "run": "run", "search": search});
        fixture.call("get_traces", asked).unwrap()["total"].clone()
    };
    assert_eq!([found("100%"), found("%"), found("_"), found("WHAT is")], [1, 1, 0, 1]);
}

#[test]
fn what_is_not_there_is_explained() {
    let fixture = among_metrics();
    let call = |asked: Value| fixture.call("get_traces", asked);
    let none = call(json!({"project": "old", "run": "run", "step": 7})).unwrap();
    let note = "The run has 3 traces, at steps 0 to 2; none matches.";
    assert_eq!((none["total"].clone(), &none["notes"]), (json!(0), &json!([note])));
    let error = call(json!({"project": "old", "run": "run", "trace": "id-run:1:rollout"}));
    let error = error.unwrap_err();
    assert!(error.contains("`id-run:0:rollout`") && error.contains("lists all 3"), "{error}");
    let error = call(json!({"project": "old", "trace": "x", "step": 1})).unwrap_err();
    assert!(error.contains("do not apply"), "{error}");
}

/// A run with one trace in the table.
fn in_table(messages: &Value, spans: &Value) -> Fixture {
    let fixture = Fixture::empty();
    fixture.run("new", "run", TIME, json!({}), &[json!({})]);
    let file = fixture.path().join("new.db");
    let connection = rusqlite::Connection::open(file).unwrap();
    connection
        .execute(
            "INSERT INTO traces (id, run_id, timestamp, run_name, step, key, messages, metadata,
                                 search_text, spans)
             VALUES ('id-run:log:t', 'id-run', ?1, 'run', 3, 't', ?2, '{}', '', ?3)",
            rusqlite::params![TIME, messages.to_string().into_bytes(), spans.to_string()],
        )
        .unwrap();
    fixture
}

#[test]
fn a_long_trace_pages_through_its_messages_and_counts_what_it_cuts() {
    let messages: Vec<Value> = (0..150)
        .map(|turn| json!({"role": "user", "content": "word ".repeat(turn * 4), "turn": turn}))
        .collect();
    let spans = json!([{"name": "last", "kind": "tool"}]);
    let fixture = in_table(&json!(messages), &spans);
    let (mut turns, mut seen_spans, mut cut) = (Vec::new(), 0, false);
    let mut asked = json!({"project": "new", "run": "run", "trace": "log"});
    loop {
        let page = fixture.call("get_traces", asked.clone()).unwrap();
        assert!(Value::from(page.clone()).to_string().len() <= 8_000);
        assert_eq!(page["total"], 1);
        let messages = page["traces"][0]["messages"].as_array().unwrap();
        turns.extend(messages.iter().map(|message| message["turn"].as_u64().unwrap()));
        seen_spans += page["traces"][0]["spans"].as_array().unwrap().len();
        cut |= page["left_out"].as_str().is_some_and(|left_out| left_out.contains("cut by"));
        let Some(cursor) = page.get("next_cursor") else { break };
        asked["cursor"] = cursor.clone();
    }
    assert_eq!(turns, (0..150).collect::<Vec<u64>>());
    assert!(seen_spans == 1 && cut);
}

#[test]
fn failures_costs_and_tools_are_in_the_outline() {
    let messages = json!([
        {"role": "user", "content": [{"type": "text", "text": "go"}]},
        {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "find"}}]},
        {"role": "tool", "content": "no such file", "is_error": true},
        17,
    ]);
    let spans = json!([
        {"kind": "generation", "start_time": "2026-01-01T00:00:00Z",
         "end_time": "2026-01-01T00:00:01.5Z", "status": "success", "cost_usd": 0.25,
         "usage": {"input_tokens": 3}},
        {"kind": "tool", "status": "FAILED"},
    ]);
    let fixture = in_table(&messages, &spans);
    let all = fixture.call("get_traces", json!({"project": "new", "run": "run"})).unwrap();
    let outline = &all["traces"][0];
    assert_eq!(outline["roles"], json!({"?": 1, "assistant": 1, "tool": 1, "user": 1}));
    assert_eq!(outline["tool_calls"], json!({"find": 1}));
    assert_eq!(outline["span_kinds"], json!({"generation": 1, "tool": 1}));
    assert_eq!((&outline["errors"], &outline["error"]), (&json!(2), &json!("no such file")));
    assert_eq!((&outline["status"], &outline["duration_ms"]), (&json!("error"), &json!(1500)));
    assert_eq!((&outline["cost_usd"], &outline["input_tokens"]), (&json!(0.25), &json!(3)));
    assert_eq!(outline["request"], "go");
}

#[test]
fn unreadable_messages_spoil_nothing() {
    let fixture = in_table(&json!("no list"), &json!([]));
    let all = fixture.call("get_traces", json!({"project": "new", "run": "run"})).unwrap();
    assert!(all["traces"][0]["problem"].is_string(), "{all:?}");
    let one = json!({"project": "new", "run": "run", "trace": "id-run:log:t"});
    assert!(fixture.call("get_traces", one).unwrap_err().contains("no readable list"));
}

/// System metrics every half second beside rows every second, of two cards.
#[test]
fn the_machine_stands_beside_the_training() {
    let fixture = Fixture::empty();
    let rows: Vec<Value> = (0..4).map(|step| json!({"loss": 4 - step})).collect();
    fixture.run("new", "run", TIME, json!({}), &rows);
    let connection = rusqlite::Connection::open(fixture.path().join("new.db")).unwrap();
    for (second, load) in [("09:59:59", 10), ("10:00:01.500", 50), ("10:00:09", 90)] {
        let metrics = json!({"gpu/0/utilization": load, "gpu/1/utilization": load,
            "gpu/0/allocated_memory": 2.0, "gpu/1/allocated_memory": load,
            "gpu/1/total_memory": 96, "gpu/1/temp": 60});
        connection
            .execute(
                "INSERT INTO system_metrics (run_id, timestamp, run_name, metrics)
                 VALUES ('id-run', ?1, 'run', ?2)",
                [format!("2026-03-04T{second}+00:00"), metrics.to_string()],
            )
            .unwrap();
    }
    let asked = json!({"project": "new", "run": "run", "join": "step",
        "metrics": ["gpu/0/utilization"]});
    let logs = fixture.call("get_system_logs", asked).unwrap();
    assert_eq!(logs["columns"], json!(["step", "timestamp", "gpu/0/utilization"]));
    let cells = |at: usize| json!([logs["rows"][at][0], logs["rows"][at][2]]);
    assert_eq!([cells(0), cells(1), cells(2)], [json!([null, 10]), json!([1, 50]), json!([3, 90])]);
    let summary = fixture.call("get_run_summary", json!({"project": "new"})).unwrap();
    assert_eq!(
        summary["gpu"],
        json!({"count": 2, "mean_utilization": 50, "peak_memory_gib": 90, "total_memory_gib": 96,
               "max_temperature": 60})
    );
}
