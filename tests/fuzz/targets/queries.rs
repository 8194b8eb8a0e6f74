//! SQL from a model.

use serde_json::json;

use super::{Made, World};
use crate::case::{Mode, handshake, request};
use crate::random::Random;
use crate::sql;

const STATEMENTS: usize = 60;

pub fn make(world: &World, random: &mut Random) -> Made {
    let base = random.pick(&world.bases);
    let mut lines = handshake();
    for id in 1..=STATEMENTS {
        let arguments = json!({"project": base.project, "sql": sql::statement(random)});
        lines.push(request(
            id,
            "tools/call",
            &json!({"name": "query_project", "arguments": arguments}),
        ));
    }
    Made { tree: base.tree.clone(), lines, mode: Mode::Read, inputs: STATEMENTS }
}
