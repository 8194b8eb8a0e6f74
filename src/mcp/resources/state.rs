//! Whether a resource says something new.

use serde_json::json;

use super::told;
use crate::tools::Surroundings;
use crate::tools::common::address::Address;
use crate::tools::common::{Failure, resolve};
use crate::trackio::{self, config, fingerprint, run};

/// Equal states: nothing new. Rows are only ever added, but for renames and deletions, so to count
/// them is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is what the files are: any change of them counts.
    Files,
    /// The numbers of rows, and a digest of what else it shows.
    Rows(Vec<u64>),
    /// It never changes.
    Fixed,
}

/// The state of the resource now; a failure where there is none.
pub fn state(surroundings: &Surroundings, address: &Address) -> Result<State, Failure> {
    let context = surroundings.context();
    let (project, name, tables) = match address {
        Address::Projects => return Ok(State::Files),
        Address::Guide(topic) => {
            return told(surroundings, "get_guide", json!({"topic": topic})).map(|_| State::Fixed);
        }
        Address::Project(project) => {
            return resolve::project(&context, project).map(|_| State::Files);
        }
        Address::Run { project, run } => (project, run, trackio::updates::TABLES.to_vec()),
        Address::Values(values) => (&values.project, &values.run, vec![values.kind.table()]),
    };
    let project = resolve::project(&context, project)?;
    context.read(&project, |snapshot| {
        let run = resolve::run(snapshot, name)?.run;
        let count = |table: &&str| Ok(run::count_rows(snapshot, table, &run)? as u64);
        let mut state = tables.iter().map(count).collect::<trackio::Result<Vec<u64>>>()?;
        if matches!(address, Address::Run { .. }) {
            let config = config::of_run(snapshot, &run)?;
            let config = serde_json::to_vec(&config).unwrap_or_default();
            state.push(fingerprint::of(&[run.id.as_bytes(), run.name.as_bytes(), &config]));
        }
        Ok(State::Rows(state))
    })
}
