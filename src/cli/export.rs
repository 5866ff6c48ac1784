//! `export RUN --format FORMAT -o PATH`: a run, or what of it is asked for, for other tools

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::args::{ExportArgs, ExportFormatArg, RowsArg};
use super::interrupt::{self, INTERRUPTED};
use super::{CliError, open, print_text};
use crate::analysis::filter::Filter;
use crate::analysis::table_text::RowFormat;
use crate::analysis::watch::Watch;
use crate::app::exporter::{run_name, write_run};
use crate::export::{ExportError, RowKind, RunExport};
use crate::state::RunFormat;
use crate::trace::Track;
use crate::trace::tracks::{Order, TrackLayout};

pub fn run(args: &ExportArgs) -> Result<(), CliError> {
    let to_stdout = args.output.as_os_str() == "-";
    let format = match args.format {
        ExportFormatArg::Csv => RunFormat::Csv,
        ExportFormatArg::Json => RunFormat::Json,
        ExportFormatArg::Parquet => RunFormat::Parquet,
        ExportFormatArg::Perfetto => RunFormat::Perfetto,
    };
    let kind = match args.rows {
        RowsArg::Ops => RowKind::Ops,
        RowsArg::Accesses => RowKind::Accesses,
    };
    if to_stdout && format == RunFormat::Parquet {
        let reason = "Parquet is a folder of files, which standard output cannot take; name a folder";
        return Err(CliError::Failed(reason.to_owned()));
    }
    if kind == RowKind::Accesses && !matches!(format, RunFormat::Csv | RunFormat::Json) {
        let reason = "--rows is for csv and json; Parquet has a table of each, Perfetto slices of ops";
        return Err(CliError::Failed(reason.to_owned()));
    }
    let filter = filter(args.filter.as_deref())?;
    let trace = Arc::new(open(&args.run)?);
    let name = args.name.clone().unwrap_or_else(|| run_name(&args.run));
    let track = filter.region.map_or(Track::Disk, |region| region.track);
    let layout = TrackLayout::new(&trace, track, Order::File);
    interrupt::listen();
    watched(|watch| {
        let run = RunExport::new(trace, name, &filter, args.phase.phase(), &layout, watch)?;
        if to_stdout {
            return to_standard_output(&run, kind, format, watch);
        }
        let written =
            write_run(&run, kind, format, &args.output, watch).map_err(|error| stopped(&args.output, error))?;
        print_text(&format!("{}: {written}\n", args.output.display()))
    })
}

/// A filter as scripts write it.
fn filter(text: Option<&str>) -> Result<Filter, CliError> {
    let Some(text) = text else { return Ok(Filter::default()) };
    let filter: Filter = serde_json::from_str(text).map_err(|error| {
        let like = r#"write it as {"kind":"MUL_MAT","layer":5}; docs/scripting.md has all of it"#;
        CliError::Failed(format!("--filter is no filter: {error}; {like}"))
    })?;
    filter.check().map_err(ExportError::from)?;
    Ok(filter)
}

pub fn stopped(path: &Path, error: ExportError) -> CliError {
    match error {
        ExportError::Cancelled => CliError::Failed(format!("stopped; nothing is left of {}", path.display())),
        error => error.into(),
    }
}

fn to_standard_output(run: &RunExport, kind: RowKind, format: RunFormat, watch: Watch<'_>) -> Result<(), CliError> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = match format {
        RunFormat::Perfetto => run.write_perfetto(&mut out, watch),
        RunFormat::Json => run.write_rows(kind, RowFormat::Json, &mut out, watch),
        RunFormat::Csv | RunFormat::Parquet => run.write_rows(kind, RowFormat::Csv, &mut out, watch),
    };
    written.and_then(|_| out.flush()).map_err(CliError::Output)
}

/// Shows on the terminal, if there is one, how far `work` is.
pub fn watched<T>(work: impl FnOnce(Watch<'_>) -> T) -> T {
    let done = AtomicU32::new(0);
    let ended = AtomicBool::new(false);
    let bar = indicatif::ProgressBar::new(1000);
    bar.set_style(
        indicatif::ProgressStyle::with_template("writing {percent} % {wide_bar}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    std::thread::scope(|scope| {
        let shown = (!bar.is_hidden()).then(|| {
            scope.spawn(|| {
                while !ended.load(Ordering::Acquire) {
                    bar.set_position(done.load(Ordering::Relaxed).into());
                    std::thread::park_timeout(Duration::from_millis(100));
                }
                bar.finish_and_clear();
            })
        });
        let result = work(Watch { cancelled: &INTERRUPTED, done: &done });
        ended.store(true, Ordering::Release);
        if let Some(shown) = shown {
            shown.thread().unpark();
        }
        result
    })
}
