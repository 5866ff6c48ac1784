//! Times of the table of ops, for `bench`: its questions over all rows, and frames that scroll and jump.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::CliError;
use super::bench_window::{BenchWindow, Frames, milliseconds};
use crate::analysis::filter::Filter;
use crate::analysis::table_columns::Column;
use crate::analysis::table_rows::{RowsQuery, SortKey};
use crate::app::memory::private_memory;
use crate::state::camera::Motion;
use crate::state::table_choices::Place;
use crate::state::{Action, Document, View};
use crate::trace::tracks::Order;

/// How often each question is asked.
const ROUNDS: usize = 5;

/// The table of all ops. Frames are those of the whole window, and of the table in full screen.
#[derive(Serialize)]
pub struct TableTimes {
    /// By kind, layer and text.
    pub filter_ms: f64,
    /// By duration; by destination, then bytes touched.
    pub sort_ms: f64,
    pub sort_by_two_ms: f64,
    /// By op, with sums.
    pub group_ms: f64,
    pub scroll: Frames,
    pub jump: Frames,
    pub full_screen_scroll: Frames,
    pub full_screen_jump: Frames,
    /// Most private memory that filtering and sorting took, in bytes for each op, where the system tells.
    pub bytes_per_row: Option<f64>,
}

pub fn measure(window: &mut BenchWindow<'_>, document: &Document) -> Result<TableTimes, CliError> {
    let ops = document.trace.op_count().max(1) as u64;
    let scroll_on = |_| Action::Pan { view: View::Table, dx: 0.0, dy: 0.4, motion: Motion::default() };
    // Far from where it was, wherever that is.
    let jump_on = |frame: u32| Action::GoTo { place: Place::Op((u64::from(frame) * 7_368_787 % ops) as u32) };
    // At its end it would not scroll.
    window.settle_after(Action::GoTo { place: Place::First })?;
    let scroll = window.movement(scroll_on)?;
    let jump = window.movement(jump_on)?;
    window.settle_after(Action::FullScreen { view: Some(View::Table) })?;
    let full_screen_scroll = window.movement(scroll_on)?;
    let full_screen_jump = window.movement(jump_on)?;
    let [filter_ms, sort_ms, sort_by_two_ms, group_ms] = row_questions(document)?;
    let bytes_per_row = bytes_per_row(document)?;
    Ok(TableTimes {
        filter_ms,
        sort_ms,
        sort_by_two_ms,
        group_ms,
        scroll,
        jump,
        full_screen_scroll,
        full_screen_jump,
        bytes_per_row,
    })
}

/// What the table asks of a run: by kind, layer and text; in two orders; in groups.
fn row_questions_of(document: &Document) -> [RowsQuery; 4] {
    let trace = &document.trace;
    // What every run has: the kind, the layer and the name of some op.
    let op = (0..trace.op_count()).find(|op| trace.ops.layer.get(*op).is_some()).unwrap_or(0);
    let filter = Filter {
        text: trace.destination_name(op).chars().take(4).collect(),
        kind: Some(trace.op_name(op).to_owned()),
        layer: trace.ops.layer.get(op),
        ..Filter::default()
    };
    let by = |columns: &[Column]| columns.iter().map(|column| SortKey { column: *column, down: true }).collect();
    [
        RowsQuery { filter, ..RowsQuery::default() },
        RowsQuery { sort: by(&[Column::Duration]), ..RowsQuery::default() },
        RowsQuery { sort: by(&[Column::Destination, Column::Touched]), ..RowsQuery::default() },
        RowsQuery { group: Some(Column::Op), ..RowsQuery::default() },
    ]
}

/// Medians of these, in ms.
fn row_questions(document: &Document) -> Result<[f64; 4], CliError> {
    let layout = document.layouts(Order::File)[0];
    let mut medians = [0.0; 4];
    for (query, median) in row_questions_of(document).iter().zip(&mut medians) {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let answer = query.answer(&document.trace, layout, &AtomicBool::new(false), |_| ());
            std::hint::black_box(answer.map_err(|fault| CliError::Failed(fault.to_string()))?);
            times.push(milliseconds(started));
        }
        *median = Frames::of(times).median_ms;
    }
    Ok(medians)
}

/// The most private memory that answering them takes, the answer included.
fn bytes_per_row(document: &Document) -> Result<Option<f64>, CliError> {
    let Some(before) = private_memory() else { return Ok(None) };
    let done = AtomicBool::new(false);
    let layout = document.layouts(Order::File)[0];
    std::thread::scope(|scope| {
        let watched = std::thread::Builder::new().name("memory".to_owned()).spawn_scoped(scope, || {
            let mut most = before;
            while !done.load(Ordering::Relaxed) {
                most = most.max(private_memory().unwrap_or(0));
                std::thread::sleep(Duration::from_millis(1));
            }
            most
        });
        let answered = row_questions_of(document).iter().try_for_each(|query| {
            let answer = query.answer(&document.trace, layout, &AtomicBool::new(false), |_| ());
            answer.map(|answer| drop(std::hint::black_box(answer)))
        });
        done.store(true, Ordering::Relaxed);
        answered.map_err(|fault| CliError::Failed(fault.to_string()))?;
        let most = watched.ok().and_then(|watched| watched.join().ok());
        Ok(most.map(|most| most.saturating_sub(before) as f64 / (document.trace.op_count() as f64).max(1.0)))
    })
}
