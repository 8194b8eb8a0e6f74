//! Arguments of tools and parameters of other requests, on databases as they were recorded.

use serde_json::json;

use super::{Made, World, question, questions};
use crate::calls::Care;
use crate::case::{Mode, handshake, request};
use crate::random::Random;
use crate::server::LAST_UPDATES;

const CALLS: usize = 60;
const WRITES_BETWEEN_UPDATES: usize = 5;
/// The ids of questions about what was written begin after this.
const UPDATES: usize = 20_000;

pub fn make(world: &World, random: &mut Random) -> Made {
    let base = random.pick(&world.bases);
    let lines = questions(world, random, &base.names, CALLS, Care::POOR);
    Made { tree: base.tree.clone(), lines, mode: Mode::Read, inputs: CALLS }
}

/// The tools that write, and the tools that read what they wrote.
pub fn make_writes(world: &World, random: &mut Random) -> Made {
    let base = random.pick(&world.bases);
    let mode = if random.chance(70) { Mode::Write } else { Mode::WriteToInbox };
    let mut lines = handshake();
    for id in 1..=CALLS / 2 {
        let tools = if random.chance(60) { &world.writers } else { &world.readers };
        let care = if random.chance(70) { Care::GOOD } else { Care::POOR };
        lines.extend(question(random, tools, &base.names, care, id));
        if id.is_multiple_of(WRITES_BETWEEN_UPDATES) {
            let cursor = if id == WRITES_BETWEEN_UPDATES { "" } else { LAST_UPDATES };
            let call = json!({"name": "get_updates", "arguments": {"cursor": cursor}});
            lines.push(request(UPDATES + id, "tools/call", &call));
        }
    }
    Made { tree: base.tree.clone(), lines, mode, inputs: CALLS / 2 }
}
