//! The points of one metric as an answer gives them: all of them in pages, or a sample.

use std::borrow::Cow;

use rmcp::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::answer::{Page, PageRequest};
use super::shape::Format;
use crate::analysis::sample::{self, sample};
use crate::trackio::subsample::evenly;
use crate::trackio::value::{self, Step};

/// One value, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The timestamp, as stored.
    pub timestamp: String,
    /// The step.
    pub step: Step,
    /// Whatever was logged.
    pub value: Value,
}

/// A point that may be shown, and the row to read it from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The row's id.
    pub id: i64,
    /// The step.
    pub step: f64,
    /// The number; NaN where the value is none.
    pub number: f64,
    /// Whether the value is null.
    pub is_null: bool,
}

/// Points on their way into an answer.
#[derive(Debug)]
pub struct Points {
    page: Page<Point>,
    format: Format,
    with_times: bool,
    is_paged: bool,
}

/// How many points are shown unless the caller says otherwise.
pub const DEFAULT_POINTS: usize = 100;
/// More than this fit no answer.
pub const MOST_POINTS: usize = 4_000;

impl Points {
    /// Picks from `all` what is shown, with `max_points` 0 every point, in pages; and reads that.
    pub fn pick<E>(
        all: Vec<Candidate>,
        format: Format,
        max_points: Option<usize>,
        with_times: bool,
        request: &PageRequest,
        read: impl FnOnce(&[i64]) -> Result<Vec<Point>, E>,
    ) -> Result<Self, E> {
        let all = match format {
            Format::Records => all,
            // In columns of numbers, what is no finite number is told apart.
            Format::Columns => keep_plottable(all),
        };
        let is_paged = max_points == Some(0);
        let total = all.len();
        let ids: Vec<i64> = if is_paged {
            Page::of(all, request, usize::MAX).items.iter().map(|point| point.id).collect()
        } else {
            let most = max_points.unwrap_or(DEFAULT_POINTS).min(MOST_POINTS);
            let series = all.iter().map(|point| (point.step, point.number));
            let kept = thinned(series, format, most).into_iter();
            kept.filter_map(|index| all.get(index).map(|point| point.id)).collect()
        };
        let page = Page::picked(read(&ids)?, total, request);
        Ok(Self { page, format, with_times, is_paged })
    }

    /// The same of numbers alone, as columns, without their timestamps. `sampled` picks so many
    /// of them, and `finite` says how many are finite.
    pub fn pick_numbers(
        steps: &[f64],
        values: &[f64],
        finite: usize,
        sampled: impl Fn(usize) -> Vec<sample::Point>,
        max_points: Option<usize>,
        request: &PageRequest,
    ) -> Self {
        let is_paged = max_points == Some(0);
        let is_finite = |point: &sample::Point| point.value.is_finite();
        let all_finite = sample::points(steps, values).filter(is_finite);
        let kept: Vec<sample::Point> = match max_points.unwrap_or(DEFAULT_POINTS) {
            0 => {
                let limit = request.limit.unwrap_or(MOST_POINTS).min(MOST_POINTS);
                all_finite.skip(request.offset).take(limit).collect()
            }
            most if finite <= most => all_finite.collect(),
            most => sampled(most).into_iter().filter(is_finite).collect(),
        };
        let point = |point: &sample::Point| Point {
            timestamp: String::new(),
            step: Step::from_f64(point.step),
            value: value::json(point.value),
        };
        // Where a curve is full of gaps, the edges alone can be too many.
        let fewer = evenly(kept.len(), if is_paged { 0 } else { MOST_POINTS });
        let items = fewer.iter().filter_map(|i| kept.get(*i)).map(point).collect();
        let page = Page::picked(items, finite, request);
        Self { page, format: Format::Columns, with_times: false, is_paged }
    }

    /// How many are shown.
    pub fn shown(&self) -> usize {
        self.page.items.len()
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.page.total
    }

    /// How the shown ones were picked; `None` where all are shown or follow in pages.
    pub fn method(&self) -> Option<&'static str> {
        if self.is_paged || self.shown() == self.total() {
            return None;
        }
        Some(match self.format {
            Format::Columns => "min/max and largest triangles, extremes kept",
            Format::Records => "evenly spaced, as Trackio does",
        })
    }

    /// Whether some are not here, be it that they follow in pages.
    pub fn is_cut(&self) -> bool {
        self.method().is_some() || (self.is_paged && self.page.next_cursor().is_some())
    }

    /// Keeps about `share` of the points.
    pub fn shrink(&mut self, share: f64) -> bool {
        if self.is_paged {
            return self.page.shrink(share);
        }
        let most = (self.shown() as f64 * share) as usize;
        if self.shown() <= 2 || most < 2 {
            let shrinks = self.shown() > 1;
            self.page.items.truncate(1);
            return shrinks;
        }
        let before = self.shown();
        let items = std::mem::take(&mut self.page.items);
        self.page.items = thin(items, self.format, most);
        // Sampling keeps edges even beyond its budget; then only fewer points help.
        if self.shown() == before {
            let kept = evenly(before, most);
            let mut index = 0;
            self.page.items.retain(|_| {
                index += 1;
                kept.binary_search(&(index - 1)).is_ok()
            });
        }
        true
    }
}

fn keep_plottable(mut all: Vec<Candidate>) -> Vec<Candidate> {
    // Where nothing is finite, what stands there instead is the answer.
    let has_finite = all.iter().any(|point| point.number.is_finite());
    all.retain(|point| if has_finite { point.number.is_finite() } else { !point.is_null });
    all
}

fn thin(all: Vec<Point>, format: Format, most: usize) -> Vec<Point> {
    let number = |point: &Point| value::number(&point.value).unwrap_or(f64::NAN);
    let series = all.iter().map(|point| (point.step.as_f64(), number(point)));
    let kept = thinned(series, format, most);
    let mut all: Vec<Option<Point>> = all.into_iter().map(Some).collect();
    kept.iter().filter_map(|index| all.get_mut(*index)?.take()).collect()
}

/// Which of these steps and numbers are kept: those that show the curve, in `records` those that
/// Trackio keeps.
fn thinned(
    all: impl ExactSizeIterator<Item = (f64, f64)>,
    format: Format,
    most: usize,
) -> Vec<usize> {
    let length = all.len();
    if format == Format::Records {
        return evenly(length, most);
    }
    let (steps, values): (Vec<f64>, Vec<f64>) = all.unzip();
    match values.iter().any(|value| value.is_finite()) {
        true => sample(&steps, &values, most),
        false => evenly(length, most),
    }
}

impl Serialize for Points {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = &self.page.items;
        let list = |of: fn(&Point) -> Value| Value::Array(items.iter().map(of).collect());
        let mut map = serializer.serialize_map(None)?;
        match self.format {
            Format::Columns => {
                let mut columns = Map::new();
                columns.insert("step".into(), list(|point| json!(point.step)));
                columns.insert("value".into(), list(|point| point.value.clone()));
                if self.with_times {
                    columns.insert("timestamp".into(), list(|p| p.timestamp.clone().into()));
                }
                map.serialize_entry("columns", &columns)?;
            }
            Format::Records => map.serialize_entry("values", &list(record))?,
        }
        if self.is_paged {
            map.serialize_entry("total", &self.page.total)?;
            if let Some(cursor) = self.page.next_cursor() {
                map.serialize_entry("next_cursor", &cursor)?;
            }
        }
        map.end()
    }
}

/// Trackio's own object.
pub fn record(point: &Point) -> Value {
    json!({"timestamp": point.timestamp, "step": point.step, "value": point.value})
}

impl JsonSchema for Points {
    fn schema_name() -> Cow<'static, str> {
        "points".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "columns": {
                    "type": "object",
                    "properties": {
                        "step": {"type": "array"},
                        "value": {"type": "array"},
                        "timestamp": {"type": "array"},
                    },
                },
                "values": {"type": "array", "items": {"type": "object"}},
                "total": {"type": "integer"},
                "next_cursor": {"type": "string"},
            },
        })
    }
}
