//! Which rows of a run are shown, and which of its metrics.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::Question;
use crate::analysis::sample::sample;
use crate::tools::common::answer::{Page, PageRequest};
use crate::tools::common::points::{DEFAULT_POINTS, MOST_POINTS};
use crate::tools::common::shape::{Format, importance};
use crate::trackio::metric::{self, Selection, Ties};
use crate::trackio::outline::{Holds, Outline, Shape};
use crate::trackio::subsample::{by_signature, evenly};
use crate::trackio::{Result, Run, Snapshot, value};

/// How many metrics stand side by side unless the caller names them.
const METRICS_AT_ONCE: usize = 6;
/// The values of so many metrics are held at a time.
const SAMPLED_AT_ONCE: usize = 8;

/// What is shown: rows by their places in the outline.
pub struct Choice {
    /// The metrics of a table; with `records` they stand in each row.
    pub columns: Page<String>,
    /// The rows.
    pub rows: Page<usize>,
}

/// Chooses what a page shows.
pub fn choose(
    snapshot: &Snapshot<'_>,
    run: &Run,
    outline: &Outline,
    question: &Question<'_>,
    request: &PageRequest,
) -> Result<Choice> {
    let from = Source { snapshot, run, outline, question };
    match question.format {
        Format::Records => {
            let columns = Page::picked(Vec::new(), 0, request);
            Ok(Choice { columns, rows: Page::of(from.records(), request, usize::MAX) })
        }
        Format::Columns if question.is_every_row() => {
            let names = from.names();
            let columns = Page::picked(names.clone(), names.len(), &whole(request));
            let rows = outline.rows_where(|shape| from.shown(shape).next().is_some());
            Ok(Choice { columns, rows: Page::of(rows, request, usize::MAX) })
        }
        Format::Columns => {
            let columns = Page::of(from.names(), request, METRICS_AT_ONCE);
            let (rows, total) = from.sampled(&columns.items)?;
            Ok(Choice { columns, rows: Page::picked(rows, total, request) })
        }
    }
}

fn whole(request: &PageRequest) -> PageRequest {
    PageRequest { offset: 0, limit: None, ..request.clone() }
}

struct Source<'a> {
    snapshot: &'a Snapshot<'a>,
    run: &'a Run,
    outline: &'a Outline,
    question: &'a Question<'a>,
}

impl Source<'_> {
    fn is_wanted(&self, place: u32) -> bool {
        let key = self.outline.keys.get(place as usize);
        let wanted = self.question.metrics;
        wanted.is_none_or(|wanted| key.is_some_and(|key| wanted.contains(key)))
    }

    /// The wanted keys of a shape under which something is shown.
    fn shown<'s>(&'s self, shape: &'s Shape) -> impl Iterator<Item = u32> + 's {
        let is_shown = |holds| match holds {
            Holds::Null => false,
            Holds::Scalar => true,
            Holds::Other => !self.question.scalar_only,
        };
        let shown = shape.iter().filter(move |(_, holds)| is_shown(*holds));
        shown.map(|(place, _)| *place).filter(|place| self.is_wanted(*place))
    }

    /// The metrics, in the order asked for or by importance.
    fn names(&self) -> Vec<String> {
        let shown: BTreeSet<u32> =
            self.outline.shapes().iter().flat_map(|shape| self.shown(shape)).collect();
        let keys = shown.into_iter().filter_map(|place| self.outline.keys.get(place as usize));
        let mut names: Vec<String> = keys.cloned().collect();
        match self.question.metrics {
            Some(wanted) => names.sort_by_key(|name| wanted.iter().position(|w| w == name)),
            None => names.sort_by(|a, b| importance(a).cmp(&importance(b))),
        }
        names
    }

    /// The rows that Trackio itself would keep.
    fn records(&self) -> Vec<usize> {
        let rows = self.outline.rows_where(|shape| {
            self.question.metrics.is_none() || shape.iter().any(|(place, _)| self.is_wanted(*place))
        });
        let most = self.question.most();
        if most == 0 || rows.len() <= most {
            return rows;
        }
        let signatures: Vec<Option<u32>> = self.signatures();
        let of_rows: Vec<Option<u32>> =
            rows.iter().map(|row| signatures.get(*row).copied().flatten()).collect();
        let kept = by_signature(&of_rows, most);
        kept.into_iter().filter_map(|index| rows.get(index).copied()).collect()
    }

    /// The combination of keys that Trackio groups by, as a number for each row; `None` for a row
    /// that `scalar_only` drops.
    fn signatures(&self) -> Vec<Option<u32>> {
        let scalar_only = self.question.scalar_only;
        let mut numbers: HashMap<Vec<u32>, u32> = HashMap::new();
        let mut number = |shape: &Shape| {
            let kept = shape.iter().filter(|(_, holds)| !scalar_only || *holds == Holds::Scalar);
            let kept = kept.map(|(place, _)| *place).filter(|place| self.is_wanted(*place));
            let mut keys: Vec<u32> = kept.collect();
            keys.sort_unstable();
            let next = numbers.len() as u32;
            (!scalar_only || !keys.is_empty()).then(|| *numbers.entry(keys).or_insert(next))
        };
        let told: Vec<Option<u32>> = self.outline.shapes().iter().map(&mut number).collect();
        self.outline.of_rows(&told)
    }

    /// The rows that together keep the shape of every one of these metrics, and from how many they
    /// are. Each metric is sampled by itself, because metrics are often logged in rows of their own.
    fn sampled(&self, names: &[String]) -> Result<(Vec<usize>, usize)> {
        let places: Vec<u32> = names.iter().filter_map(|name| self.outline.place(name)).collect();
        let rows =
            self.outline.rows_where(|shape| self.shown(shape).any(|place| places.contains(&place)));
        let (total, most) = (rows.len(), self.question.most());
        if total <= most || places.is_empty() {
            return Ok((rows, total));
        }
        let share = (most / places.len()).max(2);
        let mut kept = BTreeSet::new();
        for some in places.chunks(SAMPLED_AT_ONCE) {
            let (steps, columns) = self.values(some)?;
            for (place, values) in some.iter().zip(columns) {
                let rows =
                    self.outline.rows_where(|shape| self.shown(shape).any(|shown| shown == *place));
                let step = |row: &usize| steps.get(*row).copied().unwrap_or(f64::NAN);
                let picked = match values.iter().any(|value| value.is_finite()) {
                    true => sample(&rows.iter().map(step).collect::<Vec<f64>>(), &values, share),
                    false => evenly(rows.len(), share),
                };
                kept.extend(picked.into_iter().filter_map(|index| rows.get(index).copied()));
            }
        }
        Ok((kept.into_iter().collect(), total))
    }

    /// The step of every row, and for each of these keys the values of the rows that show it.
    fn values(&self, places: &[u32]) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
        let shown_of: Vec<Vec<bool>> = (self.outline.shapes().iter())
            .map(|shape| {
                let shown: Vec<u32> = self.shown(shape).collect();
                places.iter().map(|place| shown.contains(place)).collect()
            })
            .collect();
        let mut shapes = self.outline.shape_of_rows();
        let mut steps = Vec::with_capacity(self.outline.len());
        let mut columns: Vec<Vec<f64>> = vec![Vec::new(); places.len()];
        let kind = self.question.kind;
        metric::for_each(self.snapshot, kind, self.run, Selection::All, Ties::Id, |row| {
            let Some(metrics) = value::object(row.json) else { return ControlFlow::Continue(()) };
            steps.push(row.step.as_f64());
            let shown = shapes.next().and_then(|shape| shown_of.get(shape));
            for ((place, column), shown) in
                places.iter().zip(&mut columns).zip(shown.into_iter().flatten())
            {
                if *shown && let Some(key) = self.outline.keys.get(*place as usize) {
                    let number = metrics.get(key).and_then(value::number);
                    column.push(number.unwrap_or(f64::NAN));
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok((steps, columns))
    }
}

impl Question<'_> {
    /// Whether the rows are paged, none left out.
    pub fn is_every_row(&self) -> bool {
        self.max_points == Some(0)
    }

    /// How many rows are picked at most; 0: all.
    fn most(&self) -> usize {
        self.max_points.unwrap_or(DEFAULT_POINTS).min(MOST_POINTS)
    }
}
