//! `mcp-trackio plot [project] -o curves.png`: what `plot_metrics` draws, as a file.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;

use super::patience::within;
use crate::chart::Size;
use crate::log;
use crate::tools::Permission;
use crate::tools::common::budget::{self, MOST_TOKENS};
use crate::tools::common::{Context, PageRequest, Progress};
use crate::tools::deadline::Task;
use crate::tools::plot_metrics::{self, X};
use crate::trackio::{Stop, Store};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The project [default: that of the run, or with the newest row]
    project: Option<String>,
    /// The PNG file to write, `-` for standard output; one that exists is replaced
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Names or ids of runs; may be given more than once [default: the newest]
    #[arg(short, long = "run", visible_alias = "runs", value_name = "RUN")]
    runs: Vec<String>,
    /// Metrics; may be given more than once [default: the main ones]
    #[arg(short, long = "metric", visible_alias = "metrics", value_name = "METRIC")]
    metrics: Vec<String>,
    /// The horizontal axis: step, time (since a run's first row) or epoch
    #[arg(short, long, value_name = "AXIS", default_value = "step", value_parser = axis)]
    x: X,
    /// The weight of a moving average, 0 to 0.999
    #[arg(short, long, value_name = "WEIGHT", default_value_t = 0.0, value_parser = weight)]
    smoothing: f64,
    /// A logarithmic vertical axis
    #[arg(short, long)]
    log_y: bool,
    /// Width and height in pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "900x500", value_parser = size)]
    size: Size,
}

pub fn run(arguments: &Arguments, store: Store, deadline: Duration) -> anyhow::Result<ExitCode> {
    let task = Task::read("plot", deadline);
    let context = Context {
        store: Arc::new(store),
        now: Timestamp::now(),
        stop: Stop::default().with_deadline(Instant::now() + task.limit),
        progress: Progress::default(),
        permission: Permission::default(),
        page: PageRequest::default(),
        tokens: MOST_TOKENS,
    };
    let (wanted, size) = (arguments.wanted(), arguments.size);
    let draw = move || budget::fit(plot_metrics::plot(&context, &wanted, size)?, MOST_TOKENS);
    let answer = match within(&task, draw).flatten() {
        Ok(answer) => answer,
        Err(failure) => {
            log::say(failure);
            return Ok(ExitCode::FAILURE);
        }
    };
    let bytes = answer.picture.map(|picture| picture.bytes).unwrap_or_default();
    if arguments.output.as_os_str() == "-" {
        io::stdout().write_all(&bytes)?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = arguments.output.display().to_string();
    fs::write(&arguments.output, &bytes).with_context(|| file.clone())?;
    writeln!(io::stdout(), "{}", answer.text)?;
    log::say(format_args!("The picture ({} bytes) is in {file}.", bytes.len()));
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn wanted(&self) -> plot_metrics::Args {
        let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
        plot_metrics::Args {
            project: self.project.clone(),
            runs: some(&self.runs),
            metrics: some(&self.metrics),
            x: Some(self.x),
            smoothing: Some(self.smoothing),
            log_y: Some(self.log_y),
        }
    }
}

fn axis(word: &str) -> Result<X, String> {
    let all = [X::Step, X::Time, X::Epoch];
    all.into_iter().find(|x| x.word() == word).ok_or_else(|| "step, time or epoch".to_owned())
}

fn weight(word: &str) -> Result<f64, String> {
    let weight = word.parse().ok().filter(|weight| (0.0..=0.999).contains(weight));
    weight.ok_or_else(|| "a number from 0 to 0.999".to_owned())
}

fn size(word: &str) -> Result<Size, String> {
    let parsed = word.split_once('x').and_then(|(width, height)| {
        Some(Size { width: width.trim().parse().ok()?, height: height.trim().parse().ok()? })
    });
    let (least, most) = (Size::LEAST, Size::MOST);
    parsed.filter(|size| size.is_possible()).ok_or_else(|| {
        format!(
            "such as 900x500, from {}x{} to {}x{}",
            least.width, least.height, most.width, most.height
        )
    })
}
