use std::cmp::Ordering;

use serde_json::{Value, json};

use super::*;

#[test]
fn conditions_compare_by_value() {
    let cases = [
        ("config.lr <= 1e-4", json!(0.0001), true),
        ("config.lr = 0.0001", json!(1e-4), true),
        ("config.lr=1e-4", json!(0.001), false),
        ("config.lr = 3e-4", json!("3e-4"), true),
        ("config.lr < 1e-3", json!("3e-4"), true),
        ("config.bs in [8, 16]", json!(16), true),
        ("config.bs in 8,16", json!(32), false),
        ("config.bs IN (8, 32)", json!(32), true),
        ("config.name in [\"a, b\", 'c']", json!("a, b"), true),
        ("config.name in [\"a, b\", 'c']", json!("b"), false),
        ("config.amp = true", json!(true), true),
        ("config.amp = True", json!(false), false),
        ("config.x = NaN", json!("NaN"), true),
        ("config.x < 1", json!("NaN"), false),
        ("config.x = null", json!(0), false),
        ("name ~ BERT", json!("my-bert-run"), true),
        ("name != \"a b\"", json!("a b"), false),
        ("name == 10", json!("10"), true),
        ("name < 9", json!("run"), false),
        ("created > 2026-01-01", json!("2026-01-02T00:00:00+00:00"), true),
        ("created > 2026-01-01T02:00:00+00:00", json!("2026-01-01T03:00:00+02:00"), false),
        ("config.\"a = b\" = x", json!("x"), true),
        ("last_step >= 100", json!(99.0), false),
        ("status in [active, idle]", json!("idle"), true),
        ("best(val/loss) < 0.5", json!(0.4), true),
        ("config.index=3", json!(3), true),
    ];
    for (text, found, expected) in cases {
        let condition = Condition::parse(text).unwrap();
        assert_eq!(condition.is_met_by(Some(&found)), expected, "{text} on {found}");
    }
}

#[test]
fn what_is_missing_meets_what_asks_for_that_alone() {
    let cases = [
        ("config.lr = 1", false),
        ("config.lr != 1", true),
        ("config.lr = null", true),
        ("config.lr != None", false),
        ("config.lr < 1", false),
        ("config.lr in [1]", false),
        ("last(loss) != 1", false),
        ("mean(loss) > 0", false),
    ];
    for (text, expected) in cases {
        assert_eq!(Condition::parse(text).unwrap().is_met_by(None), expected, "{text}");
    }
}

#[test]
fn fields_are_read_as_they_are_shown() {
    let metric = |aggregate, name: &str| Field::Metric(aggregate, name.to_owned());
    let cases = [
        ("best(val/loss)", metric(Aggregate::Best, "val/loss"), "best(val/loss)"),
        ("last( loss )", metric(Aggregate::Last, "loss"), "last(loss)"),
        ("min(\"my loss\")", metric(Aggregate::Min, "my loss"), "min(\"my loss\")"),
        ("max(acc@(1))", metric(Aggregate::Max, "acc@(1)"), "max(\"acc@(1)\")"),
        ("\"mean(a = b)\"", metric(Aggregate::Mean, "a = b"), "mean(\"a = b\")"),
        ("config.optimizer.lr", Field::Config("optimizer.lr".into()), "config.optimizer.lr"),
        ("config.\"a b\"", Field::Config("a b".into()), "config.a b"),
        ("created_at", Field::Created, "created"),
    ];
    for (text, expected, shown) in cases {
        let order = Order::parse(&format!("-{text}")).unwrap();
        assert!(order.descending);
        assert_eq!(order.field, expected, "{text}");
        assert_eq!(order.field.to_string(), shown);
        let condition = Condition::parse(&format!("{text} >= 2026-01-31")).map_err(|error| error.0);
        match expected.metric() {
            Some(_) => assert!(condition.unwrap_err().contains("compared with a number")),
            None => assert_eq!(condition.unwrap().field, expected),
        }
    }
}

#[test]
fn mistakes_show_their_place_the_right_form_and_an_example() {
    let cases = [
        ("lr > 1e-3", &["at `lr` (character 1)", "`config.lr > 1e-3`", "`last(lr) > 1e-3`"][..]),
        ("loss < 0.5", &["For a metric write `best(loss) < 0.5` or `last(loss) < 0.5`"]),
        ("zorp < 0.5", &["`config.zorp < 0.5`", "`last(zorp) < 0.5`", "best(m)"]),
        ("stauts = ended", &["Did you mean `status = ended`?"]),
        ("config.lr", &["at `config.lr`", "operators = != < <= > >= ~ in is missing"]),
        ("config.lr is 3", &["For `is` write `=`"]),
        ("name contains bert", &["For `contains` write `~`"]),
        ("status ==", &["no value stands after `==`", "character 8"]),
        ("config. = 1", &["no key stands after `config.`"]),
        ("", &["is missing"]),
        ("= 3", &["Fields are name, status"]),
        ("best <> 1", &["at `<>` (character 6)", "Write `!=`"]),
        ("config.lr => 1", &["Write `>=`"]),
        ("name =~ a", &["Write `~`"]),
        ("name !~ a", &["`!~` is no operator"]),
        ("config.bs not in [1, 2]", &["For `not in` write `config.bs != value`"]),
        ("config.batch size = 8", &["needs double quotes", "`config.\"batch size\" = 8`"]),
        ("avg(loss) < 1", &["there is no `avg(...)`", "`mean(loss) < 1`"]),
        ("std(loss) < 1", &["last, best, min, max and mean are"]),
        ("best() < 1", &["no metric stands between"]),
        ("best(loss < 1", &["at `(loss < 1` (character 5)", "a `(` is not closed"]),
        ("last(loss)x < 1", &["a `)` is missing or stands before the end"]),
        ("last(loss) < low", &["at `low` (character 14)", "compared with a number"]),
        ("last(loss) < NaN", &["compared with a number"]),
        ("last(loss) ~ 1", &["`~` looks for a text"]),
        ("last_step > many", &["compared with a number"]),
        ("config.\"a b = 3", &["a double quote is not closed"]),
        ("name = \"a", &["a quote is not closed"]),
        ("status = running", &["`active`, `idle` or `ended`"]),
        ("status > ended", &["Use = != or in"]),
        ("created > yesterday", &["at `yesterday`", "2026-01-31T12:00:00Z"]),
        ("created = 2026-01-31", &["`created >= 2026-01-31`"]),
        ("config.lr > 1 and config.bs = 8", &["at `and config.bs = 8`", "an item of its own"]),
        ("name = a OR name = b", &["query_project"]),
        ("name = \"a\" && status = ended", &["an item of its own"]),
        ("config.bs in []", &["the list is empty"]),
        ("config.bs in [1, 2", &["the list is not closed"]),
        ("config.bs in [1,,2]", &["an empty value"]),
    ];
    for (text, parts) in cases {
        let message = Condition::parse(text).unwrap_err().0;
        for part in parts.iter().chain(&["config.learning_rate <= 1e-4"]) {
            assert!(message.contains(part), "{text}: {part} is not in: {message}");
        }
    }
    let cases = [
        ("loss", &["`best(loss)` or `last(loss)`"][..]),
        ("lr", &["`config.lr`", "`last(lr)`"]),
        ("last_setp", &["Did you mean `last_step`?"]),
        ("best(loss) desc", &["`-best(loss)`"]),
        ("created:asc", &["`created`"]),
        ("best(loss", &["a `)` is missing"]),
        ("", &["Fields are"]),
    ];
    for (text, parts) in cases {
        let message = Order::parse(text).unwrap_err().0;
        for part in parts.iter().chain(&["A right one: `-last_step`"]) {
            assert!(message.contains(part), "{text}: {part} is not in: {message}");
        }
    }
}

#[test]
fn no_text_brings_the_reader_down() {
    let pieces =
        ["\"", "'", "(", ")", "[", "in ", "=", "<", "config.", "é", " ", "last(", ",", "-"];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                let text = format!("{a}{b}{c}");
                let _ = (Condition::parse(&text), Order::parse(&text));
            }
        }
    }
}

#[test]
fn missing_values_come_last_in_either_order() {
    for text in ["config.lr", "-config.lr"] {
        let order = Order::parse(text).unwrap();
        let (missing, there) = (SortKey::of(None), SortKey::of(Some(&json!(1))));
        assert_eq!(order.compare(&missing, &there), Ordering::Greater);
        assert_eq!(order.compare(&there, &missing), Ordering::Less);
        assert_eq!(order.compare(&SortKey::of(Some(&json!("NaN"))), &there), Ordering::Greater);
    }
    let descending = Order::parse("-last_step").unwrap();
    let key = |value: Value| SortKey::of(Some(&value));
    assert_eq!(descending.compare(&key(json!(2)), &key(json!(10))), Ordering::Greater);
}

#[test]
fn values_of_every_kind_have_one_order() {
    let values = [
        json!(9),
        json!(10),
        json!("9.5"),
        json!("5"),
        json!("NaN"),
        json!("adam"),
        json!("2026-01-01"),
        json!([1]),
        json!(true),
        Value::Null,
    ];
    let order = Order::parse("config.x").unwrap();
    let mut sorted: Vec<&Value> = values.iter().collect();
    sorted.sort_by(|a, b| order.compare(&SortKey::of(Some(a)), &SortKey::of(Some(b))));
    let shown: Vec<String> = sorted.iter().map(|value| value.to_string()).collect();
    let expected = [
        "\"5\"",
        "9",
        "\"9.5\"",
        "10",
        "\"2026-01-01\"",
        "[1]",
        "\"adam\"",
        "true",
        "\"NaN\"",
        "null",
    ];
    assert_eq!(shown, expected);
}
