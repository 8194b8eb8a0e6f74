//! Lines of the protocol: sessions as clients hold them, with something wrong in some lines.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Made, World};
use crate::base::Names;
use crate::calls::{self, Care};
use crate::case::{Mode, handshake};
use crate::expect::ids_within;
use crate::random::Random;
use crate::values;

const LINES: usize = 80;
const REVISIONS: &[&str] =
    &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "1.0", ""];

pub fn make(world: &World, random: &mut Random) -> Made {
    let base = random.pick(&world.bases);
    let mut lines = if random.chance(80) { handshake() } else { greeting(random) };
    let mut id = 0;
    let mut used = BTreeSet::new();
    while lines.len() < LINES {
        id += 1;
        let message = message(world, random, &base.names, id);
        let mut line = message.to_string().into_bytes();
        match random.below(10) {
            0 => line = values::broken_json(random, line),
            1 => {
                for _ in 0..random.between(1, 4) {
                    values::mutate(random, &mut line);
                }
            }
            2 if random.chance(30) => line = batch(random, &line),
            3 if random.chance(30) => line = noise(random),
            _ => {}
        }
        // One line is one line.
        line.retain(|byte| *byte != b'\n');
        // With one id for two requests, an answer does not say which it is for (tests/lines.rs).
        let ids = ids_within(&String::from_utf8_lossy(&line));
        let is_new = ids.iter().all(|id| !used.contains(&id.to_string()));
        used.extend(ids.iter().map(Value::to_string));
        // A call that waits on purpose is no hang.
        if is_new && !line.windows(4).any(|part| part == b"wait") {
            lines.push(line);
        }
    }
    Made { tree: base.tree.clone(), lines, mode: Mode::Read, inputs: LINES }
}

fn greeting(random: &mut Random) -> Vec<Vec<u8>> {
    let mut lines = handshake();
    let text = String::from_utf8_lossy(&lines[0]).replace("2025-11-25", &random.word(REVISIONS));
    lines[0] = text.into_bytes();
    match random.below(5) {
        0 => lines[0] = values::broken_json(random, lines[0].clone()),
        1 => drop(lines.remove(1)),
        2 => lines.clear(),
        _ => {}
    }
    lines.iter_mut().for_each(|line| line.retain(|byte| *byte != b'\n'));
    lines
}

fn message(world: &World, random: &mut Random, names: &Names, number: usize) -> Value {
    let id = match random.below(12) {
        0 => json!(values::text(random).chars().take(40).collect::<String>()),
        1 => json!(-(number as i64)),
        2 => random
            .pick(&[
                json!(null),
                json!(1.5),
                json!([1]),
                json!({}),
                json!(true),
                json!(u64::MAX),
                json!(i64::MIN),
            ])
            .clone(),
        3 => json!(format!("id-{number}")),
        _ => json!(number),
    };
    let (method, params) = match random.below(12) {
        0..4 => ("tools/call", call(world, random, names)),
        4..7 => calls::other(random, names, Care::POOR),
        7 => ("ping", json!({})),
        8 => {
            let methods = [
                "tools/list",
                "prompts/list",
                "resources/templates/list",
                "logging/setLevel",
                "roots/list",
                "nothing",
                "",
                "initialize",
                "server/discover",
                "subscriptions/listen",
                "tasks/get",
            ];
            (*random.pick(&methods), values::value(random, 2))
        }
        9 => {
            let kinds = [
                "notifications/cancelled",
                "notifications/progress",
                "notifications/roots/list_changed",
                "notifications/nothing",
                "notifications/initialized",
            ];
            let params = json!({"requestId": random.below(number), "progressToken": 1, "progress": values::value(random, 0)});
            return json!({"jsonrpc": "2.0", "method": random.pick(&kinds), "params": params});
        }
        10 => {
            let methods = ["resources/subscribe", "resources/unsubscribe"];
            let uri = random.word(&["trackio://projects", "trackio://nothing", "x", ""]);
            (*random.pick(&methods), json!({"uri": uri}))
        }
        _ => return json!({"jsonrpc": "2.0", "id": id, "result": values::value(random, 1)}),
    };
    let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    match random.below(20) {
        0 => message["params"] = values::value(random, 2),
        1 => message["params"] = Value::Null,
        2 => message["jsonrpc"] = random.pick(&[json!("1.0"), json!(2.0), json!(null)]).clone(),
        3 => message["method"] = values::value(random, 1),
        4 => drop(message.as_object_mut().map(|fields| fields.shift_remove("id"))),
        5 => drop(message.as_object_mut().map(|fields| fields.shift_remove("jsonrpc"))),
        6 if message["params"].is_object() => {
            message["params"]["_meta"] =
                json!({"progressToken": values::value(random, 0), (values::text(random)): 1});
        }
        7 if message["params"].is_object() => {
            message["params"]["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": random.pick(REVISIONS),
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "fuzz", "version": "1"},
            });
        }
        _ => {}
    }
    message
}

/// A call, with arguments of any kind.
fn call(world: &World, random: &mut Random, names: &Names) -> Value {
    let mut call = calls::call(random, &world.readers, names, Care::GOOD);
    match random.below(16) {
        0 => call["arguments"] = values::value(random, 2),
        1 => call["arguments"] = json!(call["arguments"].to_string()),
        2 => call["name"] = values::value(random, 0),
        3 => drop(call.as_object_mut().map(|fields| fields.shift_remove("name"))),
        4 => call["name"] = json!(values::text(random)),
        _ => {}
    }
    call
}

fn batch(random: &mut Random, line: &[u8]) -> Vec<u8> {
    let count = random.below(4);
    let mut all = b"[".to_vec();
    all.extend(vec![line; count].join(&b','));
    all.push(b']');
    all
}

fn noise(random: &mut Random) -> Vec<u8> {
    match random.below(6) {
        0 => Vec::new(),
        1 => b"Content-Length: 20\r".to_vec(),
        2 => (0..random.below(200)).map(|_| random.next() as u8).collect(),
        3 => vec![b'['; *random.pick(&[100, 1_000, 200_000])],
        4 => b"\xef\xbb\xbf{}".to_vec(),
        _ => values::json_bytes(random),
    }
}
