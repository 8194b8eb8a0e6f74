//! Configs: one JSON object a run.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;
use serde_json::Value;

use super::error::Result;
use super::project::Snapshot;
use super::run::Run;
use super::value::{self, Metrics};

/// A run's config; `None` where it has none, or where it is no JSON object.
///
/// Trackio looks it up by the run's id where the table has ids, and so misses the configs of
/// upgraded projects whose metrics are keyed by name; [`under_name`] finds those.
pub fn of_run(snapshot: &Snapshot<'_>, run: &Run) -> Result<Option<Metrics>> {
    let Some(table) = snapshot.schema.table("configs") else { return Ok(None) };
    let sql = format!("SELECT config FROM {} WHERE {} = ?1", table.source, table.key.column());
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let config = statement
        .query_row([&run.id], |row| Ok(value::bytes(row.get_ref(0)?).and_then(value::object)));
    Ok(config.optional()?.flatten())
}

/// The newest config that a run of this name has, whatever its id.
pub fn under_name(snapshot: &Snapshot<'_>, name: &str) -> Result<Option<Metrics>> {
    let Some(table) = snapshot.schema.table("configs") else { return Ok(None) };
    let sql = format!(
        "SELECT config FROM {} WHERE run_name = ?1 ORDER BY created_at DESC LIMIT 1",
        table.source
    );
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let config = statement
        .query_row([name], |row| Ok(value::bytes(row.get_ref(0)?).and_then(value::object)));
    Ok(config.optional()?.flatten())
}

/// All configs, by run id (by name where the table has no ids).
pub fn all(snapshot: &Snapshot<'_>) -> Result<BTreeMap<String, Metrics>> {
    let Some(table) = snapshot.schema.table("configs") else { return Ok(BTreeMap::new()) };
    let sql = format!("SELECT {}, config FROM {}", table.key.column(), table.source);
    let mut statement = snapshot.connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut configs = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let run = value::text(row.get_ref(0)?).unwrap_or_default();
        if let Some(config) = value::bytes(row.get_ref(1)?).and_then(value::object) {
            configs.insert(run, config);
        }
    }
    Ok(configs)
}

/// Whether Trackio itself wrote the key (`_Username`, `_Created`, `_Group`): users cannot log one
/// that begins so.
pub fn is_reserved(key: &str) -> bool {
    key.starts_with('_')
}

/// A config with dotted keys: `{"opt": {"lr": 1}}` holds `opt.lr`. Lists are values, and so is an
/// object without a key. A key that is written with its dots beats a nested one.
pub fn flat(config: &Metrics) -> BTreeMap<String, &Value> {
    let mut leaves = BTreeMap::new();
    collect("", config, &mut leaves);
    leaves
}

fn collect<'a>(prefix: &str, config: &'a Metrics, leaves: &mut BTreeMap<String, &'a Value>) {
    for (key, found) in config {
        let key = format!("{prefix}{key}");
        match found {
            Value::Object(nested) if !nested.is_empty() => {
                collect(&format!("{key}."), nested, leaves);
            }
            leaf if prefix.is_empty() => {
                leaves.insert(key, leaf);
            }
            leaf => {
                leaves.entry(key).or_insert(leaf);
            }
        }
    }
}

/// The same text for the same value: `1` and `1.0` are one number, `"1"` and `true` are not, and
/// the order of an object's keys does not matter.
pub fn canonical(found: &Value) -> String {
    match found {
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(whole) if whole.fract() == 0.0 && whole.abs() < 9e15 => (whole as i64).to_string(),
            _ => number.to_string(),
        },
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let field = |(key, value): (&String, &Value)| format!("{key:?}:{}", canonical(value));
            format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_keys_become_dotted_and_lists_stay_values() {
        let config = json!({
            "lr": 0.1, "opt": {"name": "adamw", "betas": [0.9, 0.999], "extra": {"eps": null}},
            "empty": {}, "off": false, "opt.name": "sgd",
        });
        let flat = flat(config.as_object().unwrap());
        let found: Vec<(&str, String)> =
            flat.iter().map(|(key, value)| (key.as_str(), value.to_string())).collect();
        let expected = [
            ("empty", "{}"),
            ("lr", "0.1"),
            ("off", "false"),
            ("opt.betas", "[0.9,0.999]"),
            ("opt.extra.eps", "null"),
            ("opt.name", "\"sgd\""),
        ];
        assert_eq!(found, expected.map(|(key, value)| (key, value.to_owned())));
    }

    #[test]
    fn values_are_the_same_or_not() {
        let same = |a: Value, b: Value| canonical(&a) == canonical(&b);
        assert!(same(json!(1), json!(1.0)));
        assert!(same(json!(1e-4), json!(0.0001)));
        assert!(same(json!([1, [2.0, {"a": 1, "b": 2}]]), json!([1.0, [2, {"b": 2, "a": 1}]])));
        for (a, b) in [
            (json!(0), json!(false)),
            (json!(0), json!("")),
            (json!(0), json!(null)),
            (json!(1), json!("1")),
            (json!([1, 2]), json!([2, 1])),
            (json!([]), json!({})),
            (json!(9007199254740993u64), json!(9007199254740992u64)),
        ] {
            assert!(!same(a.clone(), b.clone()), "{a} {b}");
        }
    }
}
