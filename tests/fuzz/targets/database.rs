//! The bytes of databases, and what can stand where a database is expected.

use std::path::PathBuf;

use super::{Made, World, first_look, questions};
use crate::calls::Care;
use crate::case::{Mode, request};
use crate::random::Random;
use crate::tree::Node;

const QUESTIONS: usize = 12;

pub fn make(world: &World, random: &mut Random) -> Made {
    let base = random.pick(&world.bases);
    let mut tree = base.tree.clone();
    let mut inputs = 1;
    if let Some(bytes) = tree.file(base.database()).cloned() {
        let mut bytes = bytes;
        for _ in 0..random.between(1, 6) {
            damage(random, &mut bytes);
            inputs += 1;
        }
        tree.put(base.database(), bytes);
    }
    if random.chance(25) {
        let name = [
            "x.db",
            "x.db-wal",
            "inbox/w/00000000.jsonl",
            "inbox",
            "media",
            &format!("{}-wal", base.database()),
        ][random.below(6)]
        .to_owned();
        let odd = match random.below(5) {
            0 => Node::Pipe,
            1 => Node::Directory,
            2 => Node::Link(PathBuf::from("/dev/zero")),
            3 => Node::Link(PathBuf::from("nothing")),
            _ => Node::Link(PathBuf::from(".")),
        };
        tree.0.retain(|path, _| !path.starts_with(&name));
        tree.0.insert(PathBuf::from(name), odd);
    }
    let mut lines = questions(world, random, &base.names, QUESTIONS, Care::GOOD);
    for (at, (method, params)) in first_look(&base.project).iter().enumerate() {
        lines.push(request(QUESTIONS + 1 + at, method, params));
    }
    Made { tree, lines, mode: Mode::Read, inputs }
}

/// Flips, cuts, moves: in the header, in the schema, anywhere.
pub fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    const PAGE: usize = 4096;
    if bytes.len() < PAGE {
        return;
    }
    let pages = bytes.len() / PAGE;
    let (page, other) = (random.below(pages) * PAGE, random.below(pages) * PAGE);
    match random.below(9) {
        0 => {
            for _ in 0..random.between(1, 30) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        1 => bytes.truncate(random.below(bytes.len())),
        2 => bytes.truncate(page),
        3 => bytes.copy_within(page..page + PAGE, other),
        4 => bytes[page..page + PAGE].fill(0),
        // The header: page size, versions, counters, encoding, user version.
        5 => bytes[random.between(16, 99)] = random.next() as u8,
        // The head of a page: kind, cells, where they are.
        6 => bytes[page + random.below(16)] = random.next() as u8,
        // The pointers to cells, and the cells' sizes.
        7 => {
            for _ in 0..random.between(1, 4) {
                bytes[page + random.below(300)] = random.next() as u8;
            }
        }
        _ => {
            let at = random.below(bytes.len() - 8);
            let number = *random.pick(&[0, 1, 0xff, i64::MAX, i64::MIN, -1]);
            bytes[at..at + 8].copy_from_slice(&number.to_be_bytes());
        }
    }
}
