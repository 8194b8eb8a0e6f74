//! One recommendation with its reason, or why there is none.

use std::borrow::Cow;

use super::{
    align::{Align, Extent, common},
    contender::{Contender, Level},
    fairness::names,
    rank::{Ranking, rank, with_seed_noise},
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
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// What it is called within a sentence.
    pub label: Cow<'a, str>,
    /// The metric that decides; `None` where it has no finite value.
    pub contender: Option<&'a Contender>,
    /// When it began and how long it is.
    pub extent: Extent,
    /// Whether it failed in the end: diverged, NaN, collapsed.
    pub failed: bool,
}

/// `step 1000`, `600 s after the start`, `50 % of the run`.
pub fn point(align: Align, at: f64) -> String {
    match align {
        Align::Step => format!("step {}", show(at)),
        Align::Elapsed => format!("{} s after the start", show(at)),
        Align::Fraction => format!("{} of the run", percent(at)),
    }
}

/// Recommends one of `candidates` by `metric`; `seed_groups` differ in nothing but a seed.
pub fn recommend(
    metric: &str,
    candidates: &[Candidate<'_>],
    align: Align,
    seed_groups: &[Vec<usize>],
) -> Recommendation {
    let none = |reason: String| Recommendation { run: None, reason };
    let label = |run: usize| candidates.get(run).map_or("", |candidate| candidate.label.as_ref());
    let contender = |run: usize| candidates.get(run).and_then(|candidate| candidate.contender);
    let levels = |with_failed: bool| {
        let ranked = candidates.iter().enumerate();
        let sound = ranked.filter(|(_, candidate)| with_failed || !candidate.failed);
        let level =
            |(run, candidate): (usize, &Candidate<'_>)| Some((run, candidate.contender?.best()));
        let mut levels: Vec<(usize, Level)> = sound.filter_map(level).collect();
        with_seed_noise(&mut levels, seed_groups);
        levels
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
    let rivals = rivals(&ranking, first, candidates);
    let standings: Vec<(usize, Standing)> = rivals
        .into_iter()
        .filter_map(|rival| Some((rival, standing([first, rival], candidates, align)?)))
        .collect();
    let longer = standings.iter().find(|(_, standing)| standing.came_later && !standing.leads);
    if let Some((rival, standing)) = longer {
        let how = match standing.tie {
            true => format!("it is tied with {} within noise", label(*rival)),
            false => format!("{} is ahead", label(*rival)),
        };
        return none(format!(
            "No clear winner: {lead} But it only ran longer: at {}, the last that both reached, \
             {how}. Its checkpoint is still the best there is.{failed_leader}",
            standing.point
        ));
    }
    let against = standings.first().filter(|(_, standing)| standing.came_later);
    let too = against.map_or(String::new(), |(rival, standing)| {
        format!(
            " At {}, the last that both reached, it is ahead of {} too.",
            standing.point,
            label(*rival)
        )
    });
    Recommendation { run: Some(first), reason: format!("{lead}{too}{failed_leader}") }
}

/// The second, and all others that ran at least half as long as it took the first to its best.
fn rivals(ranking: &Ranking, first: usize, candidates: &[Candidate<'_>]) -> Vec<usize> {
    let contender = |run: usize| candidates.get(run).and_then(|candidate| candidate.contender);
    let best = contender(first).map_or(0.0, Contender::best_step);
    let is_rival = |place: usize, run: usize| {
        place == 0 || contender(run).is_some_and(|one| one.last_step() >= best / 2.0)
    };
    let others = ranking.order.iter().skip(1).enumerate();
    others.filter(|(place, run)| is_rival(*place, **run)).map(|(_, run)| *run).collect()
}

/// How the first of two runs stands at the last point that both reached.
struct Standing {
    point: String,
    /// Whether its best came after that point.
    came_later: bool,
    /// Whether it is ahead there, by more than noise.
    leads: bool,
    tie: bool,
}

fn standing(pair: [usize; 2], candidates: &[Candidate<'_>], align: Align) -> Option<Standing> {
    let of = |run: usize| {
        let candidate = candidates.get(run)?;
        Some((candidate.contender?, candidate.extent))
    };
    let both = [of(pair[0])?, of(pair[1])?];
    let common = common(align, &both)?;
    let level = |(place, (one, _)): (usize, &(&Contender, Extent))| {
        Some((place, one.until(*common.steps.get(place)?)?.end()))
    };
    let levels: Option<Vec<(usize, Level)>> = both.iter().enumerate().map(level).collect();
    let ranking = rank(&levels?)?;
    let step = common.steps.first()?;
    Some(Standing {
        point: point(align, common.at),
        came_later: both[0].0.best_step() > step * (1.0 + 1e-6),
        leads: ranking.order.first() == Some(&0) && !ranking.tie,
        tie: ranking.tie,
    })
}
