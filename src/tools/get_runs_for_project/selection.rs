//! Which runs are wanted, and in which order.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::common::filter::{Condition, Field, Order, SortKey};
use super::super::common::nearest::{nearest, quoted};
use super::super::common::scan::{Scan, Searched};
use super::super::common::shape::{counted, matches};
use super::super::common::{Context, Failure, resolve};
use super::Args;
use super::candidate::{Candidate, Seen, SeenMetric};
use crate::trackio::{Result as TrackioResult, Run, Snapshot, config, run};

/// So many of the newest runs are asked for the names of metrics, for a message.
const ASKED_FOR_NAMES: usize = 20;

/// What the arguments ask for, checked.
pub struct Selection {
    runs: Option<Vec<String>>,
    pattern: Option<String>,
    conditions: Vec<Condition>,
    order: Option<Order>,
}

/// The runs that were found.
pub struct Selected {
    pub candidates: Vec<Candidate>,
    pub searched: Searched,
    pub notes: Vec<String>,
}

impl Selection {
    pub fn of(args: &Args) -> Result<Self, Failure> {
        let mut conditions = Vec::new();
        if let Some(status) = args.status {
            conditions.push(Condition::equal(Field::Status, status.as_str()));
        }
        for (field, value) in [(Field::Group, &args.group), (Field::User, &args.user)] {
            conditions.extend(value.as_ref().map(|value| Condition::equal(field, value)));
        }
        for (name, value) in [("after", &args.after), ("before", &args.before)] {
            let Some(value) = value else { continue };
            resolve::moment(name, value)?;
            conditions.push(Condition::created(name == "after", value));
        }
        for text in args.r#where.iter().flatten() {
            conditions.push(Condition::parse(text)?);
        }
        // What is cheap to know spares the look at the rows.
        conditions.sort_by_key(|condition| condition.field.cost());
        let order = args.order_by.as_deref().map(Order::parse).transpose()?;
        Ok(Self { runs: args.runs.clone(), pattern: args.pattern.clone(), conditions, order })
    }

    /// The runs that are wanted, in the order that is wanted.
    pub fn select(
        &self,
        snapshot: &Snapshot<'_>,
        context: &Context,
        listed: Vec<Run>,
        patience: Duration,
    ) -> TrackioResult<Selected> {
        self.check_directions(snapshot, &listed)?;
        let fields = self.fields();
        let mut seen = Seen::watching(fields.iter().filter_map(|field| field.metric()));
        let named: Vec<Run> = listed.into_iter().filter(|run| self.is_named(run)).collect();
        let of = named.len();
        let mut scan = Scan::begin(&context.page, context.count(of, "runs"), patience);
        let mut met = vec![0_usize; self.conditions.len()];
        let mut found = Vec::new();
        for run in named.into_iter().skip(scan.from()) {
            if !scan.goes_on()? {
                break;
            }
            let mut candidate = Candidate::new(run);
            let mut is_wanted = true;
            for (condition, met) in self.conditions.iter().zip(&mut met) {
                let field = &condition.field;
                let value = candidate.value(field, &fields, &mut seen, snapshot, context)?;
                is_wanted = condition.is_met_by(value.as_ref());
                if !is_wanted {
                    break;
                }
                *met += 1;
            }
            if !is_wanted {
                continue;
            }
            let key = match &self.order {
                Some(order) => {
                    let field = &order.field;
                    candidate.value(field, &fields, &mut seen, snapshot, context)?
                }
                None => None,
            };
            found.push((SortKey::of(key.as_ref()), candidate));
        }
        let searched = scan.end();
        let mut notes: Vec<String> = progress(searched, self.order.is_some()).into_iter().collect();
        if searched.is_all() && of > 0 {
            self.check_names(snapshot, &seen)?;
        }
        if found.is_empty() && !self.conditions.is_empty() {
            notes.push(self.funnel(searched.to - searched.from, &met));
        }
        notes.extend(seen.metrics.iter().filter_map(|metric| self.about_missing(metric)));
        if let Some(order) = &self.order {
            found.sort_by(|(a, _), (b, _)| order.compare(a, b));
            notes.extend(about_order(order, &found));
        }
        let candidates = found.into_iter().map(|(_, candidate)| candidate).collect();
        Ok(Selected { candidates, searched, notes })
    }

    fn fields(&self) -> Vec<&Field> {
        let mut fields: Vec<&Field> = Vec::new();
        let of_conditions = self.conditions.iter().map(|condition| &condition.field);
        for field in of_conditions.chain(self.order.iter().map(|order| &order.field)) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }

    fn is_named(&self, run: &Run) -> bool {
        let by_pattern = self.pattern.as_ref().is_none_or(|pattern| matches(pattern, &run.name));
        let by_list = self
            .runs
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| *name == run.id || *name == run.name));
        by_pattern && by_list
    }

    /// An error for the first named run that there is not.
    pub fn check_runs(&self, snapshot: &Snapshot<'_>) -> TrackioResult<()> {
        for name in self.runs.iter().flatten() {
            resolve::run(snapshot, name)?;
        }
        Ok(())
    }

    /// `best` is refused where nobody knows which way is better.
    fn check_directions(&self, snapshot: &Snapshot<'_>, listed: &[Run]) -> TrackioResult<()> {
        let undirected = self.fields().into_iter().find(|field| field.lacks_direction());
        let Some(metric) = undirected.and_then(Field::metric) else { return Ok(()) };
        let mut names = BTreeSet::new();
        for run in listed.iter().take(ASKED_FOR_NAMES) {
            for row in run::first_and_last_metrics(snapshot, run)? {
                names.extend(row.into_iter().map(|(name, _)| name));
            }
        }
        let shown = resolve::shown(metric);
        if !names.contains(metric) && !names.is_empty() {
            let names = names.iter().map(String::as_str);
            return Err(Failure(format!(
                "The newest runs of the project log no metric `{shown}`. Nearest: {}. \
                 get_metrics_for_run lists the metrics of a run.",
                quoted(&nearest(metric, names))
            ))
            .into());
        }
        Err(Failure(format!(
            "`best({shown})` cannot be told: whether higher or lower is better does not follow \
             from the name `{shown}`. Use `min({shown})` or `max({shown})`."
        ))
        .into())
    }

    /// An error for a metric or a config key that no run has.
    fn check_names(&self, snapshot: &Snapshot<'_>, seen: &Seen) -> TrackioResult<()> {
        let nowhere = |metric: &&SeenMetric| metric.with + metric.never_finite == 0;
        if let Some(metric) = seen.metrics.iter().filter(|one| one.without > 0).find(nowhere) {
            let nearest = match seen.names.is_empty() {
                true => String::new(),
                false => {
                    let names = seen.names.iter().map(String::as_str);
                    format!(" Nearest: {}.", quoted(&nearest(&metric.name, names)))
                }
            };
            return Err(Failure(format!(
                "None of the {} looked at logs a metric `{}`.{nearest} get_metrics_for_run lists \
                 the metrics of a run.",
                counted(metric.without, "run"),
                resolve::shown(&metric.name)
            ))
            .into());
        }
        let keys = self.fields().into_iter().filter_map(|field| match field {
            Field::Config(key) => Some(key),
            _ => None,
        });
        for key in keys.filter(|key| !seen.keys.contains(*key)) {
            let mut names = BTreeSet::new();
            for config in config::all(snapshot)?.values() {
                collect_keys("", config, &mut names);
            }
            if !names.contains(key) {
                let names = names.iter().map(String::as_str).filter(|name| !name.starts_with('_'));
                return Err(Failure(format!(
                    "No config of project `{}` has a key `{}`. Nearest: {}.",
                    resolve::shown(&snapshot.project.name),
                    resolve::shown(key),
                    quoted(&nearest(key, names))
                ))
                .into());
            }
        }
        Ok(())
    }

    /// Where the runs were lost, condition by condition.
    fn funnel(&self, looked_at: usize, met: &[usize]) -> String {
        let mut left = looked_at;
        let mut steps = Vec::new();
        for (condition, met) in self.conditions.iter().zip(met) {
            steps.push(format!("`{}` holds for {met} of {left}", resolve::shown(&condition.text)));
            left = *met;
            if left == 0 {
                break;
            }
        }
        let regex =
            self.conditions.iter().any(|one| one.text.contains('~') && one.text.contains(".*"));
        let regex = if regex { " `~` means contains; it takes no regular expression." } else { "" };
        format!("No run meets all conditions: {}.{regex}", steps.join(", then "))
    }

    fn about_missing(&self, metric: &SeenMetric) -> Option<String> {
        let missing = match (metric.without, metric.never_finite) {
            (0, 0) => return None,
            (without, 0) => format!("{without} without it"),
            (0, never) => format!("{never} with NaN or infinite values only"),
            (without, never) => {
                format!("{without} without it, {never} with NaN or infinite values only")
            }
        };
        let is_condition =
            self.conditions.iter().any(|one| one.field.metric() == Some(&metric.name));
        let what = if is_condition { "left out" } else { "listed last" };
        let name = resolve::shown(&metric.name);
        Some(format!("For `{name}`, runs {what}: {missing}."))
    }
}

/// How far a search came that did not see everything.
fn progress(searched: Searched, is_ordered: bool) -> Option<String> {
    let Searched { from, to, of } = searched;
    if searched.is_all() || of == 0 {
        return None;
    }
    let ordered =
        if is_ordered { " The order and `total` are of these." } else { " `total` is of these." };
    let next = match to < of {
        true => " The last next_cursor goes on with the rest; what was read is kept.",
        false => "",
    };
    Some(format!(
        "There was time for runs {} to {to} of {of}, newest first.{ordered}{next}",
        (from + 1).min(of)
    ))
}

fn about_order(order: &Order, found: &[(SortKey, Candidate)]) -> Option<String> {
    if order.field.is_best_high() && !order.descending && found.len() > 1 {
        let field = resolve::shown(&order.field.to_string());
        return Some(format!("Lowest first. For the best first: `-{field}`."));
    }
    let missing = found.iter().filter(|(key, _)| *key == SortKey::Missing).count();
    (missing > 0 && order.field.metric().is_none()).then(|| {
        let field = resolve::shown(&order.field.to_string());
        format!("{} without `{field}` listed last.", counted(missing, "run"))
    })
}

fn collect_keys(
    prefix: &str,
    config: &crate::trackio::value::Metrics,
    names: &mut BTreeSet<String>,
) {
    for (key, value) in config {
        let key = format!("{prefix}{key}");
        if let Some(nested) = value.as_object() {
            collect_keys(&format!("{key}."), nested, names);
        }
        names.insert(key);
    }
}
