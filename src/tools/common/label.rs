//! What runs are called where several stand beside each other.

use std::collections::BTreeMap;

use super::text;
use crate::trackio::Run;

/// Longer names are cut in labels.
const LONGEST_LABEL: usize = 60;

/// A name of its own for each of `runs`: its name, with the start of its id where any other run of
/// the project, of which `all` are, is called so too, where its cut name is that of another of
/// `runs`, or where the name is among `taken`.
pub fn labels(all: &[Run], runs: &[Run], taken: &[&str]) -> Vec<String> {
    let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for run in all {
        named.entry(&run.name).or_default().push(&run.id);
    }
    let mut cut: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for run in runs {
        cut.entry(text::cut(&run.name, LONGEST_LABEL)).or_default().push(&run.id);
    }
    let label = |run: &Run| {
        let name = text::cut(&run.name, LONGEST_LABEL);
        let alike = cut.get(&name).map(Vec::as_slice).unwrap_or_default();
        if alike.len() > 1 {
            return format!("{name} ({})", shortest_prefix(&run.id, alike));
        }
        let ids = named.get(run.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        if ids.len() < 2 && !taken.contains(&name.as_str()) {
            return name;
        }
        format!("{name} ({})", shortest_prefix(&run.id, ids))
    };
    runs.iter().map(label).collect()
}

/// The first eight letters of an id, or as many more as it needs to be the only one.
fn shortest_prefix<'a>(id: &'a str, ids: &[&str]) -> &'a str {
    let ends = id.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let mut prefixes = ends.skip(7).map(|end| id.get(..end).unwrap_or(id));
    let is_own = |prefix: &&str| ids.iter().filter(|other| other.starts_with(*prefix)).count() == 1;
    prefixes.find(is_own).unwrap_or(id)
}
