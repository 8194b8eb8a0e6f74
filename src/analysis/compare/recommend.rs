//! One recommendation with its reason, or why there is none.

use super::{
    align::{Align, Common},
    contender::Contender,
    fairness::names,
    rank::{Ranking, rank},
};
use crate::analysis::number::{percent, show};

/// Which run to go on with.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// The run; `None` where there is no clear winner.
    pub run: Option<usize>,
    /// Why.
    pub reason: String,
}

/// A run that may be recommended.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What it is called.
    pub label: &'a str,
    /// The metric that decides; `None` where it has no finite value.
    pub contender: Option<&'a Contender>,
    /// Whether it failed in the end: diverged, NaN, collapsed.
    pub failed: bool,
}

/// The runs at the furthest point that all reached.
#[derive(Debug, Clone, Copy)]
pub struct AtEqual<'a> {
    /// What was made equal.
    pub align: Align,
    /// The point, with the steps of the ranked runs in the order of `runs`.
    pub common: &'a Common,
    /// The runs.
    pub runs: &'a [usize],
    /// Their ranking there.
    pub ranking: &'a Ranking,
}

/// `step 1000`, `600 s after the start`, `50 % of the run`.
pub fn point(align: Align, at: f64) -> String {
    match align {
        Align::Step => format!("step {}", show(at)),
        Align::Elapsed => format!("{} s after the start", show(at)),
        Align::Fraction => format!("{} of the run", percent(at)),
    }
}

/// Recommends one of `candidates` by `metric`.
pub fn recommend(
    metric: &str,
    candidates: &[Candidate<'_>],
    equal: Option<AtEqual<'_>>,
) -> Recommendation {
    let none = |reason: String| Recommendation { run: None, reason };
    let label = |run: usize| candidates.get(run).map_or("", |candidate| candidate.label);
    let contender = |run: usize| candidates.get(run).and_then(|candidate| candidate.contender);
    let levels = |with_failed: bool| {
        let ranked = candidates.iter().enumerate();
        let sound = ranked.filter(|(_, candidate)| with_failed || !candidate.failed);
        let level =
            |(run, candidate): (usize, &Candidate<'_>)| Some((run, candidate.contender?.best()));
        sound.filter_map(level).collect::<Vec<_>>()
    };
    let Some(all) = rank(&levels(true)) else {
        return none(format!("No clear winner: fewer than two of the runs have {metric}."));
    };
    let sound = levels(false);
    let failed_leader = all
        .order
        .first()
        .copied()
        .filter(|run| candidates.get(*run).is_some_and(|candidate| candidate.failed))
        .map(|run| {
            let best = contender(run).map(Contender::quoted);
            let best = best.map_or(String::new(), |best| {
                format!(" ({} at step {})", show(best.value), show(best.step))
            });
            format!(" {} was better{best} before it failed.", label(run))
        })
        .unwrap_or_default();
    let ranking = match (rank(&sound), sound.first()) {
        (Some(ranking), _) => ranking,
        (None, Some((run, _))) => {
            let reason = format!(
                "{} is the only run with {metric} that did not fail.{failed_leader}",
                label(*run)
            );
            return Recommendation { run: Some(*run), reason };
        }
        (None, None) => {
            return none(format!(
                "No clear winner: every run with {metric} failed.{failed_leader}"
            ));
        }
    };
    let (Some(&first), Some(&second)) = (ranking.order.first(), ranking.order.get(1)) else {
        return none(String::new());
    };
    let noise = ranking.noise.map_or_else(
        || "too few points tell the noise".to_owned(),
        |noise| format!("noise explains {}", show(noise)),
    );
    if ranking.tie {
        let leaders: Vec<&str> = ranking.leaders.iter().map(|run| label(*run)).collect();
        return none(format!(
            "No clear winner: by {metric}, {} are tied within noise ({} apart, {noise}).\
             {failed_leader}",
            names(&leaders),
            show(ranking.margin)
        ));
    }
    let quoted = |run: usize| {
        let best = contender(run).map(Contender::quoted);
        best.map_or(String::new(), |best| {
            format!("{} at step {}", show(best.value), show(best.step))
        })
    };
    let lead = format!(
        "{} has the best {metric}: {}, ahead of {} ({}) by {} smoothed; {noise}.",
        label(first),
        quoted(first),
        label(second),
        quoted(second),
        show(ranking.margin)
    );
    if let Some(equal) = &equal
        && let Some((at, standing)) = longer(equal, first, &contender, &label)
    {
        return none(format!(
            "No clear winner: {lead} But it only ran longer: at {at}, the last that all reached, \
             {standing}.{failed_leader}"
        ));
    }
    let standing = equal.as_ref().and_then(|equal| also_ahead(equal, first, &label));
    let standing = standing.map_or(String::new(), |standing| format!(" {standing}"));
    Recommendation { run: Some(first), reason: format!("{lead}{standing}{failed_leader}") }
}

/// Where the winner's best came after the common point and it did not lead there: the point, and
/// who did.
fn longer<'a>(
    equal: &AtEqual<'_>,
    first: usize,
    contender: &impl Fn(usize) -> Option<&'a Contender>,
    label: &impl Fn(usize) -> &'a str,
) -> Option<(String, String)> {
    let place = equal.runs.iter().position(|run| *run == first)?;
    let step = equal.common.steps.get(place)?;
    let later = contender(first)?.best_step() > step * (1.0 + 1e-9);
    let leader = *equal.ranking.order.first()?;
    let alone = leader == first && !equal.ranking.tie;
    if !later || alone {
        return None;
    }
    let standing = if equal.ranking.leaders.contains(&first) {
        let others = equal.ranking.leaders.iter().filter(|run| **run != first);
        let others: Vec<&str> = others.map(|run| label(*run)).collect();
        format!("it is tied with {} within noise", names(&others))
    } else {
        format!("{} is ahead", label(leader))
    };
    Some((point(equal.align, equal.common.at), standing))
}

fn also_ahead<'a>(
    equal: &AtEqual<'_>,
    first: usize,
    label: &impl Fn(usize) -> &'a str,
) -> Option<String> {
    let at = point(equal.align, equal.common.at);
    let leader = *equal.ranking.order.first()?;
    if leader == first {
        let tie = if equal.ranking.tie { ", within noise" } else { "" };
        return Some(format!("It leads at {at} too{tie}."));
    }
    if equal.ranking.leaders.contains(&first) {
        return Some(format!("At {at} it is tied with {} within noise.", label(leader)));
    }
    Some(format!("At {at} {} is ahead: the winner's best came earlier.", label(leader)))
}
