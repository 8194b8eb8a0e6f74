//! Runs beside each other: seeds, duplicates, the proposed config, the Pareto front, and what
//! makes the runs uneven.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::effect::{display, json, round, settings_of};
use super::output::LISTED;
use super::read::{DEADLINE, Member, Reading, settings};
use crate::analysis::methods::median::median;
use crate::analysis::number::Number;
use crate::analysis::role::Direction;
use crate::analysis::sweep::neighbours::{Near, near_duplicates, nearest};
use crate::analysis::sweep::{Keys, Outcome, Setting, Trial, pareto, seeds};
use crate::tools::common::shape::counted;
use crate::tools::common::status::Status;

#[derive(Serialize)]
pub struct SeedGroup {
    config: BTreeMap<String, Value>,
    n: usize,
    mean: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    sd: Option<Number>,
    runs: Vec<String>,
}

#[derive(Serialize)]
pub struct SeedNoise {
    groups: usize,
    sd: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups_differ: Option<bool>,
    meaning: &'static str,
}

#[derive(Serialize)]
pub struct NearDuplicate {
    runs: Vec<String>,
    run_ids: Vec<String>,
    differs: BTreeMap<String, Vec<Value>>,
}

#[derive(Serialize)]
pub struct OnFront {
    run: String,
    run_id: String,
    values: BTreeMap<String, Number>,
}

/// The lists that do not page.
pub struct Lists {
    pub seed_groups: Vec<SeedGroup>,
    pub seed_noise: Option<SeedNoise>,
    pub near_duplicates: Vec<NearDuplicate>,
    pub pareto: Vec<OnFront>,
}

impl Lists {
    /// `names` are the keys, those that matter most first.
    pub fn of(
        reading: &Reading,
        trials: &[Trial],
        keys: &Keys,
        names: &[String],
        directions: &[Direction],
    ) -> Self {
        let lower = directions.first() == Some(&Direction::Min);
        let groups = seeds::groups(trials, lower);
        let name = |place: &usize| reading.runs.get(*place).map(|run| run.run.name.clone());
        let group = |group: &seeds::Group| SeedGroup {
            config: group
                .trials
                .first()
                .and_then(|place| trials.get(*place))
                .map(|trial| settings_of(trial, names))
                .unwrap_or_default(),
            n: group.n,
            mean: Number(group.mean),
            sd: group.sd.map(Number),
            runs: group.trials.iter().take(LISTED).filter_map(name).collect(),
        };
        Self {
            seed_groups: groups.iter().map(group).collect(),
            seed_noise: seeds::noise(&groups, trials).map(SeedNoise::of),
            near_duplicates: duplicates(reading, trials, keys),
            pareto: front(reading, trials, directions),
        }
    }
}

impl SeedNoise {
    fn of(noise: seeds::Noise) -> Self {
        let groups_differ = noise.is_exceeded();
        Self {
            groups: noise.groups,
            sd: Number(noise.sd),
            p: noise.p.map(|p| Number(round(p))),
            groups_differ,
            meaning: match groups_differ {
                Some(true) => "configs differ by more than their seeds do",
                Some(false) => "seeds alone could make the configs differ so",
                None => "too few repetitions to tell configs from seeds",
            },
        }
    }
}

fn duplicates(reading: &Reading, trials: &[Trial], keys: &Keys) -> Vec<NearDuplicate> {
    let member = |place: usize| reading.runs.get(place);
    let item = |near: Near| {
        let (a, b) = (member(near.a)?, member(near.b)?);
        let setting = |run: &Member, key: &str| json(&run.trial.settings.get(key).cloned());
        let pair = |key: &String| (key.clone(), vec![setting(a, key), setting(b, key)]);
        Some(NearDuplicate {
            runs: vec![a.run.name.clone(), b.run.name.clone()],
            run_ids: vec![a.run.id.clone(), b.run.id.clone()],
            differs: near.keys.iter().map(pair).collect(),
        })
    };
    near_duplicates(trials, keys).into_iter().filter_map(item).collect()
}

fn front(reading: &Reading, trials: &[Trial], directions: &[Direction]) -> Vec<OnFront> {
    if directions.len() < 2 {
        return Vec::new();
    }
    let item = |place: usize| {
        let run = reading.runs.get(place)?;
        let values = reading.metrics.iter().zip(&run.trial.outcomes);
        Some(OnFront {
            run: run.run.name.clone(),
            run_id: run.run.id.clone(),
            values: values
                .filter_map(|(m, o)| Some((m.name.clone(), Number(o.value()?))))
                .collect(),
        })
    };
    pareto::front(trials, directions).into_iter().filter_map(item).collect()
}

/// Whether a proposed config was run already; what comes nearest to it.
#[derive(Serialize)]
pub struct Proposed {
    already_run: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<String>,
    nearest_run: String,
    nearest_run_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_value: Option<Number>,
    nearest_diverged: bool,
    /// Key: proposed, the nearest run's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    differs: BTreeMap<String, Vec<Value>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    varied_keys_not_given: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys_in_no_run: Vec<String>,
}

impl Proposed {
    pub fn of(
        config: &Map<String, Value>,
        reading: &Reading,
        trials: &[Trial],
        keys: &Keys,
    ) -> Self {
        let proposed = settings(config);
        let ranked = nearest(&proposed, trials, keys);
        let same: Vec<&Member> = ranked
            .iter()
            .take_while(|nearness| nearness.differences.is_empty())
            .filter_map(|nearness| reading.runs.get(nearness.trial))
            .collect();
        let first = ranked.first();
        let member = first.and_then(|nearness| reading.runs.get(nearness.trial));
        let known: BTreeSet<&String> = trials.iter().flat_map(|t| t.settings.keys()).collect();
        let unknown = proposed.keys().filter(|key| !known.contains(key));
        let not_given = keys.varied.iter().filter(|key| !proposed.contains_key(&key.name));
        let differences = first.map(|nearness| nearness.differences.as_slice()).unwrap_or_default();
        Self {
            already_run: !same.is_empty(),
            runs: same.iter().take(LISTED).map(|member| member.run.name.clone()).collect(),
            nearest_run: member.map(|member| member.run.name.clone()).unwrap_or_default(),
            nearest_run_id: member.map(|member| member.run.id.clone()).unwrap_or_default(),
            nearest_value: member.and_then(|member| member.trial.value()).map(Number),
            nearest_diverged: member.is_some_and(|member| member.trial.failed()),
            differs: differences
                .iter()
                .map(|d| {
                    let number = d.proposed.as_number().map(Setting::Number);
                    let proposed = number.unwrap_or_else(|| d.proposed.clone());
                    let pair = vec![json(&Some(proposed)), json(&d.found)];
                    (d.key.clone(), pair)
                })
                .collect(),
            varied_keys_not_given: few(not_given.map(|key| key.name.clone()).collect()),
            keys_in_no_run: few(unknown.cloned().collect()),
        }
    }

    /// Leaves differences out that a long config makes many.
    pub fn shrink(&mut self) -> bool {
        let is_long = self.differs.len() > LISTED;
        while self.differs.len() > LISTED {
            self.differs.pop_last();
        }
        is_long
    }
}

/// The first names, and how many more there are.
fn few(names: Vec<String>) -> Vec<String> {
    let more = names.len().saturating_sub(LISTED);
    let mut few: Vec<String> = names.into_iter().take(LISTED).collect();
    few.extend((more > 0).then(|| format!("… (+{more})")));
    few
}

/// What makes the runs uneven, or was not looked at.
pub fn warnings(reading: &Reading) -> Vec<String> {
    let mut notes = Vec::new();
    if reading.looked_at < reading.asked {
        notes.push(format!(
            "The newest {} of {} runs were read within {} s. What was read is kept: ask again to \
             come further.",
            reading.looked_at,
            reading.asked,
            DEADLINE.as_secs()
        ));
    }
    let those = |is: &dyn Fn(&&Member) -> bool| {
        let members: Vec<&Member> = reading.runs.iter().filter(is).collect();
        let names: Vec<String> =
            members.iter().take(5).map(|member| display(&member.run.name)).collect();
        let more = if members.len() > 5 { ", …" } else { "" };
        (members.len(), format!("{}{more}", names.join(", ")))
    };
    let outcome = |member: &Member| member.trial.outcomes.first().copied();
    let (diverged, names) = those(&|member| member.trial.failed());
    if diverged > 0 {
        notes.push(format!("{} diverged and give no value: {names}.", counted(diverged, "run")));
    }
    let (missing, names) = those(&|member| outcome(member) == Some(Outcome::Missing));
    if missing > 0 {
        notes.push(format!("{} did not log the metric: {names}.", counted(missing, "run")));
    }
    let (unfinished, names) = those(&|member| member.status != Status::Ended);
    if unfinished > 0 {
        notes.push(format!(
            "{} may still go on, and could do better yet: {names}.",
            counted(unfinished, "run")
        ));
    }
    let steps: Vec<f64> = reading
        .runs
        .iter()
        .filter(|member| !member.trial.failed())
        .filter_map(|member| member.last_step)
        .collect();
    let usual = median(&steps).unwrap_or(0.0);
    let (short, names) = those(&|member| {
        let is_short = member.last_step.is_some_and(|step| step < usual / 2.0);
        is_short && !member.trial.failed() && member.status == Status::Ended
    });
    if short > 0 {
        notes.push(format!(
            "{} ended before half of the usual {usual} steps, which is no fair comparison: \
             {names}.",
            counted(short, "run")
        ));
    }
    notes
}
