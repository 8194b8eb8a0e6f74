//! Damage to `-wal` and `-shm`, made from those of a writer that is still there.

use super::database::damage;
use super::{Made, World, first_look, questions};
use crate::calls::Care;
use crate::case::{Mode, request};
use crate::live;
use crate::random::Random;
use crate::values;

const QUESTIONS: usize = 8;

pub fn make(world: &World, random: &mut Random) -> Made {
    let base = random.pick(&world.bases);
    let mut tree = base.tree.clone();
    let database = base.database();
    let names = ["", "-wal", "-shm"].map(|suffix| format!("{database}{suffix}"));
    // Some of the recorded databases have a log of their own.
    let own = tree.file(&names[1]).is_some_and(|log| !log.is_empty());
    if !own || random.chance(30) {
        for (name, bytes) in names.iter().zip(live::files(base)) {
            tree.put(name, bytes);
        }
    }
    let mut inputs = 0;
    for _ in 0..random.between(1, 3) {
        let name = names[1 + random.below(2)].clone();
        let mut bytes = tree.file(&name).cloned().unwrap_or_default();
        match random.below(9) {
            0 => bytes.truncate(random.below(bytes.len())),
            // Cut at a frame, at the header, within it.
            1 => bytes.truncate(*random.pick(&[0, 1, 24, 31, 32, 33, 56, 4_152, 8_272])),
            2 if bytes.len() >= 32 => bytes[random.below(32)] = random.next() as u8,
            3 if bytes.len() >= 136 => bytes[random.below(136)] ^= 1 << random.below(8),
            4 => {
                let length = bytes.len();
                bytes[..].fill(*random.pick(&[0, 0xff]));
                bytes.truncate(*random.pick(&[length, 32]));
            }
            5 => damage(random, &mut bytes),
            6 => {
                tree.0.remove(std::path::Path::new(&name));
                inputs += 1;
                continue;
            }
            7 => bytes.extend_from_within(..),
            _ => values::mutate(random, &mut bytes),
        }
        tree.put(name, bytes);
        inputs += 1;
    }
    if random.chance(15) {
        let mut bytes = tree.file(&names[0]).cloned().unwrap_or_default();
        damage(random, &mut bytes);
        tree.put(&names[0], bytes);
    }
    let mut lines = questions(world, random, &base.names, QUESTIONS, Care::GOOD);
    for (at, (method, params)) in first_look(&base.project).iter().enumerate() {
        lines.push(request(QUESTIONS + 1 + at, method, params));
    }
    Made { tree, lines, mode: Mode::Read, inputs }
}
