//! `plot_metrics`: curves as a picture, and the same in words and numbers.

mod axis;
mod choose;
mod line;
mod output;
mod panels;
#[cfg(test)]
mod tests;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;

use super::common::{Answer, Context, Failure, Picture, resolve};
use super::{Category, Tool};
use crate::chart::{self, Chart, Size};
use crate::trackio::Snapshot;
pub use axis::X;
use line::Drawn;
use output::Plot;

pub struct PlotMetrics;

#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Args {
    pub project: Option<String>,
    /// Up to 20 names or ids; default: the newest.
    pub runs: Option<Vec<String>>,
    /// Up to 6; default: the main ones.
    pub metrics: Option<Vec<String>>,
    pub x: Option<X>,
    /// Weight of a moving average, as dashboards have it.
    #[schemars(range(min = 0, max = 0.999))]
    pub smoothing: Option<f64>,
    pub log_y: Option<bool>,
}

impl Tool for PlotMetrics {
    const NAME: &'static str = "plot_metrics";
    const TITLE: &'static str = "Plot metrics";
    const CATEGORY: Category = Category::Analysis;
    const ABOUT: &'static str = "A picture of curves, to look at or to show, of runs and metrics by \
        step, time or epoch. Best evals, spikes, NaN and other findings are marked; the text has \
        sparklines and numbers. For values alone use get_metric_values.";
    const GUIDE: &'static str = "900 x 500 pixels, PNG. Of one run, metrics that measure the same \
        (`train/loss`, `eval/loss`) share a panel, so that a gap between them is seen; of several \
        runs each metric has a panel and each run a colour. `smoothing` is the weight of an \
        exponential moving average, without bias at the start, as in TensorBoard and Weights & \
        Biases; the raw line stays behind it, numbers are raw, and lines of 40 points or fewer are \
        not smoothed. Lines break where a value is \
        not finite (a cross at the foot) and where a resumed run went back. x `time` is the time \
        since a run's first row. A panel with values below 0 stays linear with `log_y`. \
        `mcp-trackio plot -o file.png` writes the same to a file.";
    const PICTURES: bool = true;
    type Args = Args;
    type Output = Plot;

    fn run(context: &Context, args: Args) -> Result<Answer<Plot>, Failure> {
        plot(context, &args, Size::USUAL)
    }
}

/// The answer with a picture of that size.
pub fn plot(context: &Context, args: &Args, size: Size) -> Result<Answer<Plot>, Failure> {
    let first = args.runs.iter().flatten().next();
    let target = resolve::target(context, args.project.as_deref(), first.map(String::as_str))?;
    let named = match &args.runs {
        Some(runs) => runs.clone(),
        None => vec![target.run.clone()],
    };
    let sketch =
        context.read(&target.project, |snapshot| sketch(context, snapshot, args, &named))?;
    let picture = chart::draw(&sketch.chart, size)
        .map_err(|error| Failure(format!("There is no picture: {error}.")))?;
    let answer = Answer::new(sketch.plot).with_picture(Picture::png(picture));
    Ok(answer.with_notes(target.notes).with_notes(sketch.notes))
}

/// All that is known before the picture is drawn.
struct Sketch {
    chart: Chart,
    plot: Plot,
    notes: Vec<String>,
}

fn sketch(
    context: &Context,
    snapshot: &Snapshot<'_>,
    args: &Args,
    named: &[String],
) -> crate::trackio::Result<Sketch> {
    let x = args.x.unwrap_or_default();
    let (subjects, mut notes) = choose::subjects(context, snapshot, args, named)?;
    let (metrics, told) = choose::metrics(&subjects, args.metrics.as_deref())?;
    notes.extend(told);
    let (along, told) = axis::along(x, &subjects)?;
    notes.extend(told);
    let mut drawn: Vec<Drawn> = Vec::new();
    for metric in &metrics {
        let lines = subjects.iter().zip(&along).enumerate();
        let lines = lines.filter_map(|(place, (subject, along))| {
            line::of(place, subject, metric, along.as_ref()?, args)
        });
        drawn.extend(lines);
    }
    notes.extend(line::notes(&drawn, args));
    let axis = axis::label(x, &mut drawn);
    let is_log = args.log_y.unwrap_or(false);
    let (panels, told) = panels::of(&mut drawn, subjects.len() == 1, is_log);
    notes.extend(told);
    let chart = panels::chart(&snapshot.project.name, &subjects, &drawn, args, panels, axis);
    let plot = Plot::of(&snapshot.project.name, &subjects, drawn, args, chart.panels.len());
    Ok(Sketch { chart, plot, notes })
}
