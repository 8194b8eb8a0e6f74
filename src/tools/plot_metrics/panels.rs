//! Which lines share a panel, how they look, and what is said around them.

use std::collections::BTreeSet;

use super::Args;
use super::choose::Subject;
use super::line::Drawn;
use crate::analysis::role::measure;
use crate::chart::{Axis, Chart, Line, Panel, Style, Symbol};
use crate::quote;
use crate::tools::common::shape::counted;
use crate::tools::common::text::{short, visible};

/// Metrics of one measure share a panel up to such a ratio of their largest values.
const ALIKE: f64 = 20.0;
/// A line that spans more is better seen with a logarithmic axis.
const WIDE: f64 = 1e4;
/// Longer names are cut before they are measured.
const LONGEST: usize = 400;

/// Puts lines into panels and gives each its look.
///
/// Of one run, metrics of one measure and a similar size share a panel, a colour each: the gap
/// between training and held-out loss is what one looks for. Of several runs every metric has a
/// panel of its own and every run its colour: then lines of one colour are one run everywhere. So
/// nothing of another size makes a curve flat.
pub fn of(drawn: &mut [Drawn], is_one_run: bool, is_log: bool) -> (Vec<Panel>, Vec<String>) {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (place, line) in drawn.iter().enumerate() {
        let fits = |group: &&mut Vec<usize>| {
            let first = group.first().and_then(|first| drawn.get(*first));
            first.is_some_and(|first| belongs(first, line, is_one_run, is_log))
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    for (place, line) in drawn.iter_mut().enumerate() {
        line.line.style = if is_one_run { place } else { line.subject };
    }
    let mut notes = Vec::new();
    let panel = |group: &Vec<usize>| {
        let lines: Vec<&Drawn> = group.iter().filter_map(|place| drawn.get(*place)).collect();
        panel(&lines, is_log, &mut notes)
    };
    let panels = groups.iter().map(panel).collect();
    (panels, notes)
}

fn belongs(first: &Drawn, line: &Drawn, is_one_run: bool, is_log: bool) -> bool {
    if first.metric == line.metric {
        return true;
    }
    let sizes = (largest(first), largest(line));
    let alike = is_log || sizes.0 <= ALIKE * sizes.1 && sizes.1 <= ALIKE * sizes.0;
    is_one_run && alike && measure(&first.metric) == measure(&line.metric)
}

fn largest(line: &Drawn) -> f64 {
    let ends = [line.stats.min, line.stats.max];
    ends.into_iter().flatten().map(|point| point.value.abs()).fold(0.0, f64::max)
}

fn panel(lines: &[&Drawn], is_log: bool, notes: &mut Vec<String>) -> Panel {
    let metrics: BTreeSet<&str> = lines.iter().map(|line| line.metric.as_str()).collect();
    let title = match lines.first() {
        Some(first) if metrics.len() > 1 => measure(&first.metric),
        Some(first) => first.metric.clone(),
        None => String::new(),
    };
    let lowest = lines.iter().filter_map(|line| line.stats.min).map(|point| point.value);
    let lowest = lowest.fold(f64::INFINITY, f64::min);
    let has_positive = lines.iter().any(|l| l.stats.max.is_some_and(|max| max.value > 0.0));
    let fits_log = lowest >= 0.0 && has_positive;
    let name = quote::name(&title);
    let mut title = visible(&title).into_owned();
    match (is_log, fits_log) {
        (true, true) => {
            let points = lines.iter().flat_map(|line| &line.line.points);
            let zeros = points.filter(|(_, y)| *y == 0.0).count();
            if zeros > 0 {
                let values = counted(zeros, "value");
                notes.push(format!("{name}: {values} of 0 have no place on a logarithmic axis."));
            }
            title.push_str(" (log)");
        }
        (true, false) if lowest.is_finite() => {
            let why = if lowest < 0.0 { "values below 0" } else { "no value above 0" };
            notes.push(format!("{name} has {why}: its axis stays linear."));
            title.push_str(&format!(" (linear: {why})"));
        }
        _ => notes.extend(lines.iter().find_map(|line| too_wide(line))),
    }
    let lines = lines.iter().map(|line| line.line.clone()).collect();
    Panel { title, is_log: is_log && fits_log, lines }
}

fn too_wide(line: &Drawn) -> Option<String> {
    let (low, high) = (line.stats.min?.value, line.stats.max?.value);
    (low > 0.0 && high / low > WIDE).then(|| {
        let name = quote::name(&line.metric);
        let (low, high) = (short(low), short(high));
        format!("{name} spans {low} to {high}: log_y true shows the small values too.")
    })
}

/// The whole picture.
pub fn chart(
    project: &str,
    subjects: &[Subject],
    drawn: &[Drawn],
    args: &Args,
    panels: Vec<Panel>,
    x: Axis,
) -> Chart {
    let cut = |name: &str| visible(&name.chars().take(LONGEST).collect::<String>()).into_owned();
    let smoothing = args.smoothing.filter(|weight| *weight > 0.0);
    let smoothing =
        smoothing.map(|weight| format!(", smoothed {}, raw values pale", short(weight)));
    let what = match subjects {
        [one] => format!("{} · {}", cut(one.name()), cut(project)),
        several => format!("{} · {}", cut(project), counted(several.len(), "run")),
    };
    let mut legend: Vec<(Style, String)> = match subjects {
        [_] => drawn.iter().map(|line| (line.line.style, cut(&line.metric))).collect(),
        several => several.iter().enumerate().map(|(i, run)| (i, cut(run.name()))).collect(),
    };
    // A panel's title says enough of its only line.
    if subjects.len() == 1 && panels.iter().all(|panel| panel.lines.len() == 1) {
        legend.clear();
    }
    let key = key(drawn, &panels);
    Chart { title: what + &smoothing.unwrap_or_default(), legend, key, panels, x }
}

/// What the symbols mean that there are.
fn key(drawn: &[Drawn], panels: &[Panel]) -> Vec<(Symbol, String)> {
    let lines = || panels.iter().flat_map(|panel| &panel.lines);
    let is_drawn = |symbol: Symbol| match symbol {
        Symbol::Cross => lines().any(|line: &Line| line.points.iter().any(|p| !p.1.is_finite())),
        symbol => lines().any(|line| line.marks.iter().any(|mark| mark.symbol == symbol)),
    };
    let symbols = [Symbol::Ring, Symbol::Triangle, Symbol::Diamond, Symbol::Cross, Symbol::Rule];
    let meaning = |symbol: Symbol| {
        let marks = drawn.iter().flat_map(|line| &line.marks);
        let words: BTreeSet<&str> =
            marks.filter(|mark| mark.symbol == symbol).map(|mark| mark.mark.as_ref()).collect();
        match symbol {
            Symbol::Ring => "best".to_owned(),
            Symbol::Cross => "NaN or infinite".to_owned(),
            _ => words.into_iter().collect::<Vec<_>>().join(", "),
        }
    };
    symbols.into_iter().filter(|s| is_drawn(*s)).map(|s| (s, meaning(s))).collect()
}
