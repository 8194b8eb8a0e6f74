//! Which run a link means. Links carry ids and names as their writers knew them.

use std::collections::{BTreeMap, BTreeSet};

use super::Link;
use crate::trackio::project::Snapshot;
use crate::trackio::run::{Run, Source};
use crate::trackio::schema::RunKey;

/// What the metrics know of the runs of some links (`_link_run_identity_maps`).
pub struct Identities {
    /// The metrics know names only.
    by_name: bool,
    /// Ids of runs.
    ids: BTreeSet<String>,
    /// The ids that a name has.
    ids_of_name: BTreeMap<String, BTreeSet<String>>,
}

impl Identities {
    /// What `runs`, all of the project, tell of the runs of the links.
    pub fn of(snapshot: &Snapshot<'_>, runs: &[Run], links: &[Link]) -> Self {
        let metrics = snapshot.schema.table("metrics");
        let by_name = metrics.is_none_or(|metrics| metrics.key == RunKey::Name);
        let mut known = Self { by_name, ids: BTreeSet::new(), ids_of_name: BTreeMap::new() };
        if by_name {
            return known;
        }
        for run in runs.iter().filter(|run| run.source == Source::Metrics) {
            known.add(run.id.clone(), run.name.clone());
        }
        let names: BTreeSet<String> = known.ids_of_name.keys().cloned().collect();
        let with_metrics = known.ids.clone();
        for link in links {
            let (Some(id), Some(name)) = (&link.run_id, &link.run_name) else { continue };
            if !names.contains(name) && !with_metrics.contains(id) {
                known.add(id.clone(), name.clone());
            }
        }
        known
    }

    fn add(&mut self, id: String, name: String) {
        self.ids.insert(id.clone());
        self.ids_of_name.entry(name).or_default().insert(id);
    }

    /// The key of the link's run in the graph, and its id: its own where a run has it, else that
    /// of the only run of its name, else none.
    pub fn key(&self, link: &Link) -> (String, Option<String>) {
        let id = self.id(link);
        let key = match &id {
            Some(id) => format!("run:{id}"),
            None => format!("run:name:{}", link.run_name.as_deref().unwrap_or("None")),
        };
        (key, id)
    }

    fn id(&self, link: &Link) -> Option<String> {
        if self.by_name {
            return None;
        }
        if let Some(id) = link.run_id.as_ref().filter(|id| self.ids.contains(*id)) {
            return Some(id.clone());
        }
        let owners = self.ids_of_name.get(link.run_name.as_ref()?)?;
        owners.first().filter(|_| owners.len() == 1).cloned()
    }
}
