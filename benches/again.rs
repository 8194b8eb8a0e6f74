//! How long the second question about a run of 500,000 rows takes in the server: nothing of the
//! protocol is in it, and all of the tool is.

#[allow(dead_code, reason = "each bench uses a part")]
mod support;

use std::cell::Cell;
use std::sync::Arc;

use divan::Bencher;
use rusqlite::Connection;
use support::{Result, call, or_end, store, write_project, write_rows};

const ROWS: i64 = 500_000;
const NEW_ROWS: i64 = 100;
const CACHE_BYTES: usize = 128 << 20;
const ARGUMENTS: &str = r#"{"project": "long", "run": "long", "metric": "train/loss"}"#;

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 50)]
fn nothing_is_new(bencher: Bencher) {
    or_end("again", measure(bencher, false));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn a_hundred_rows_are_new(bencher: Bencher) {
    or_end("again", measure(bencher, true));
}

fn measure(bencher: Bencher, grows: bool) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("long.db");
    write_project(&path, &[("long".to_owned(), ROWS)])?;
    let kept = store(directory.path(), CACHE_BYTES);
    let ask = || or_end("the question", call(Arc::clone(&kept), "get_metric_values", ARGUMENTS));
    ask();
    if !grows {
        bencher.bench_local(ask);
        return Ok(());
    }
    // A writer that stays, as a training does.
    let writer = Connection::open(&path)?;
    let rows = Cell::new(ROWS);
    bencher
        .with_inputs(|| {
            let first = rows.replace(rows.get() + NEW_ROWS);
            or_end("writing", write_rows(&writer, 0, "long", first..first + NEW_ROWS));
        })
        .bench_local_values(|()| ask());
    Ok(())
}
