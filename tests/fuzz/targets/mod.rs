//! What is made up: each target makes the cases of one kind of input.

mod arguments;
mod database;
mod files;
mod inbox;
mod log;
mod payloads;
mod protocol;
mod queries;

use serde_json::{Value, json};

use super::base::{Base, Names};
use super::calls::{self, Care};
use super::case::{Case, Mode, handshake, request};
use super::random::Random;
use super::server::{LAST_PAGE, LAST_UPDATES};
use super::tree::Tree;

/// What every target starts from.
pub struct World {
    pub bases: Vec<Base>,
    /// The definitions of the tools that only read.
    pub readers: Vec<Value>,
    /// The definitions of the tools that write or send.
    pub writers: Vec<Value>,
}

type Make = fn(&World, &mut Random) -> Made;

/// A case without its number.
pub struct Made {
    pub tree: Tree,
    pub lines: Vec<Vec<u8>>,
    pub mode: Mode,
    pub inputs: usize,
}

/// Every target, by name.
pub const TARGETS: &[(&str, Make)] = &[
    ("payloads", payloads::make),
    ("arguments", arguments::make),
    ("protocol", protocol::make),
    ("sql", queries::make),
    ("inbox", inbox::make),
    ("database", database::make),
    ("log", log::make),
    ("files", files::make),
    ("writes", arguments::make_writes),
];

/// The case of this number: targets take turns.
pub fn case(world: &World, wanted: &[usize], seed: u64, number: u64) -> Case {
    let (target, make) = TARGETS[wanted[(number % wanted.len() as u64) as usize]];
    let mut random = Random::of_case(seed, number);
    let Made { tree, lines, mode, inputs } = make(world, &mut random);
    Case { target: target.to_owned(), seed, number, tree, lines, mode, inputs }
}

/// A session that asks `count` questions about the data.
fn questions(
    world: &World,
    random: &mut Random,
    names: &Names,
    count: usize,
    care: Care,
) -> Vec<Vec<u8>> {
    let mut lines = handshake();
    for id in 1..=count {
        lines.extend(question(random, &world.readers, names, care, id));
    }
    lines
}

/// One question; of a list now and then two pages.
fn question(
    random: &mut Random,
    tools: &[Value],
    names: &Names,
    care: Care,
    id: usize,
) -> Vec<Vec<u8>> {
    if random.chance(20) {
        let (method, params) = calls::other(random, names, care);
        return vec![request(id, method, &params)];
    }
    let mut call = calls::call(random, tools, names, care);
    let mut lines = vec![request(id, "tools/call", &call)];
    if random.chance(15) {
        call["arguments"]["cursor"] = json!(match call["name"] == "get_updates" {
            true => LAST_UPDATES,
            false => LAST_PAGE,
        });
        lines.push(request(id + SECOND_PAGES, "tools/call", &call));
    }
    lines
}

/// The ids of second pages begin after this.
const SECOND_PAGES: usize = 10_000;

/// One question that each kind of reading answers: the first look at whatever is there.
fn first_look(project: &str) -> Vec<(&'static str, Value)> {
    let call = |name: &str, arguments: Value| {
        ("tools/call", json!({"name": name, "arguments": arguments}))
    };
    vec![
        call("get_all_projects", json!({})),
        call("get_project_summary", json!({"project": project})),
        call("get_runs_for_project", json!({"project": project, "detail": "full"})),
        call("get_run_summary", json!({})),
        call("get_alerts", json!({"project": project})),
        call("query_project", json!({"project": project})),
        ("resources/list", json!({})),
    ]
}
