//! From an id, or what is left of one, to the trace.

use crate::tools::common::Failure;
use crate::tools::common::nearest::{nearest, quoted};
use crate::tools::common::resolve::{Resolved, shown};
use crate::trackio::trace::{self, Head};
use crate::trackio::{Result as TrackioResult, Snapshot};

/// The trace that an id means: the whole id, its middle part as Trackio shortens it, or the only
/// one that begins or ends so.
pub fn one<'a>(
    snapshot: &Snapshot<'_>,
    heads: &'a [Head],
    wanted: &str,
    resolved: &Resolved,
) -> TrackioResult<&'a Head> {
    if let Some(head) = heads.iter().find(|head| head.id == wanted) {
        return Ok(head);
    }
    let mut alike = heads.iter().filter(|head| {
        let id = head.id.as_str();
        let is_long = wanted.chars().count() >= 6;
        short(head) == wanted || (is_long && (id.starts_with(wanted) || id.ends_with(wanted)))
    });
    match (alike.next(), alike.count()) {
        (Some(head), 0) => Ok(head),
        (Some(_), more) => Err(Failure(format!(
            "`{}` means {} traces of run `{}`. Use a whole id of get_traces.",
            shown(wanted),
            more + 1,
            shown(&resolved.run.name)
        ))
        .into()),
        (None, _) => Err(nothing(snapshot, heads, wanted, resolved)?.into()),
    }
}

/// The log id, with the index where a key held several.
fn short(head: &Head) -> String {
    let log = head.id.split(':').nth(1).unwrap_or_default();
    match head.index {
        Some(index) => format!("{log}:{index}"),
        None => log.to_owned(),
    }
}

fn nothing(
    snapshot: &Snapshot<'_>,
    heads: &[Head],
    wanted: &str,
    resolved: &Resolved,
) -> TrackioResult<Failure> {
    let run = shown(&resolved.run.name);
    if let Some(other) = trace::run_of_id(snapshot, wanted)?
        && other != resolved.run.name
    {
        return Ok(Failure(format!(
            "Trace `{}` is of run `{}`, not of `{run}`.",
            shown(wanted),
            shown(&other)
        )));
    }
    if heads.is_empty() {
        return Ok(Failure(format!("Run `{run}` logged no traces.")));
    }
    Ok(Failure(format!(
        "Run `{run}` has no trace `{}`. Nearest: {}. get_traces without `trace` lists all {}.",
        shown(wanted),
        quoted(&nearest(wanted, heads.iter().map(|head| head.id.as_str()))),
        heads.len()
    )))
}
