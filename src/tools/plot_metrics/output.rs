//! The picture's twin in words: what is drawn, with a sparkline and numbers for each line.

use std::borrow::Cow;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::Args;
use super::axis::X;
use super::choose::Subject;
use super::line::{Drawn, step};
use crate::analysis::stats;
use crate::chart::{Symbol, describe};
use crate::tools::common::shape::{Point, counted};
use crate::tools::common::{Output, text};
use crate::trackio::value::Step;

#[derive(Serialize, JsonSchema)]
pub struct Plot {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    x: X,
    #[serde(skip_serializing_if = "Option::is_none")]
    smoothing: Option<f64>,
    log_y: bool,
    panels: usize,
    /// Numbers as logged, over every row.
    lines: Vec<LineItem>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marks: Vec<MarkItem>,
    /// What is drawn and not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
    #[serde(skip)]
    dropped: (usize, usize),
    #[serde(skip)]
    runs: usize,
}

/// A line of the picture.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct LineItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    metric: String,
    /// How it looks.
    drawn: String,
    n: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_finite: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Point>,
    /// From the lowest to the highest of its means.
    sparkline: String,
}

/// A mark on a line.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct MarkItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    metric: String,
    pub mark: Cow<'static, str>,
    #[schemars(with = "f64")]
    pub step: Step,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    until_step: Option<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip)]
    pub symbol: Symbol,
}

impl LineItem {
    pub fn of(subject: &Subject, metric: &str, stats: &stats::Stats, sparkline: String) -> Self {
        let point = |point: Option<stats::Point>| point.map(Point::from);
        Self {
            run: Some(subject.label.clone()),
            metric: metric.to_owned(),
            drawn: String::new(),
            n: stats.count,
            non_finite: (stats.non_finite > 0).then_some(stats.non_finite),
            first: point(stats.first),
            last: point(stats.last),
            min: point(stats.min),
            max: point(stats.max),
            sparkline,
        }
    }
}

impl MarkItem {
    pub fn at(
        mark: impl Into<Cow<'static, str>>,
        symbol: Symbol,
        at: f64,
        value: Option<f64>,
    ) -> Self {
        let (run, metric, until_step) = (None, String::new(), None);
        Self { run, metric, mark: mark.into(), step: step(at), until_step, value, symbol }
    }

    pub fn until(self, until: f64) -> Self {
        let until_step = Some(step(until)).filter(|until| *until != self.step);
        Self { until_step, ..self }
    }

    pub fn of(self, run: &str, metric: &str) -> Self {
        Self { run: Some(run.to_owned()), metric: metric.to_owned(), ..self }
    }
}

impl Plot {
    pub fn of(
        project: &str,
        subjects: &[Subject],
        drawn: Vec<Drawn>,
        args: &Args,
        panels: usize,
    ) -> Self {
        let is_log = args.log_y.unwrap_or(false);
        let one = match subjects {
            [one] => Some(&one.facts.run),
            _ => None,
        };
        let (mut lines, mut marks) = (Vec::new(), Vec::new());
        for Drawn { line, mut item, marks: told, .. } in drawn {
            item.drawn = describe(line.style);
            item.run = item.run.filter(|_| one.is_none());
            lines.push(item);
            let told = told.into_iter();
            marks.extend(
                told.map(|mark| MarkItem { run: mark.run.filter(|_| one.is_none()), ..mark }),
            );
        }
        Self {
            project: project.to_owned(),
            run: one.map(|run| run.name.clone()),
            run_id: one.map(|run| run.id.clone()),
            x: args.x.unwrap_or_default(),
            smoothing: args.smoothing.filter(|weight| *weight > 0.0),
            log_y: is_log,
            panels,
            lines,
            marks,
            left_out: None,
            dropped: (0, 0),
            runs: subjects.len(),
        }
    }
}

impl Output for Plot {
    fn headline(&self) -> String {
        let whose = match &self.run {
            Some(run) => format!("run {}", text::run_of(run, &self.project)),
            None => format!(
                "{} of project {}",
                counted(self.runs, "run"),
                text::brief_name(&self.project)
            ),
        };
        let lines = counted(self.lines.len() + self.dropped.0, "line");
        let panels = counted(self.panels, "panel");
        format!("The picture shows {lines} in {panels} of {whose}, by {}.", self.x.word())
    }

    fn shrink(&mut self, share: f64) -> bool {
        let kept = |length: usize| ((length as f64 * share) as usize).max(1);
        let before = (self.lines.len(), self.marks.len());
        if before.1 > before.0 / 2 + 1 {
            self.marks.truncate(kept(before.1));
        } else {
            self.lines.truncate(kept(before.0));
        }
        let gone = (before.0 - self.lines.len(), before.1 - self.marks.len());
        self.dropped = (self.dropped.0 + gone.0, self.dropped.1 + gone.1);
        let parts = [(self.dropped.0, "line"), (self.dropped.1, "mark")];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, noun)| counted(count, noun)).collect();
        if gone != (0, 0) {
            self.left_out = Some(format!(
                "{} of the picture; max_tokens 8000 or fewer runs and metrics tell of them",
                parts.join(" and ")
            ));
        }
        gone != (0, 0)
    }
}
