//! `export RUN --format FORMAT -o PATH`: a run, or what of it is asked for, for other tools

use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::Thread;
use std::time::Duration;

use indicatif::ProgressBar;

use super::args::{ExportArgs, ExportFormatArg, RowsArg};
use super::interrupt::{self, INTERRUPTED};
use super::{CliError, open, print_text};
use crate::analysis::filter::{Filter, TensorRef};
use crate::analysis::table_text::RowFormat;
use crate::analysis::watch::Watch;
use crate::app::exporter::{run_name, write_run};
use crate::export::{ExportError, RowKind, RunExport};
use crate::state::RunFormat;
use crate::trace::tracks::{Order, TrackLayout};
use crate::trace::{Trace, Track};

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
    if let Some(reason) = contradiction(format, kind, to_stdout, args.name.as_deref()) {
        return Err(CliError::Failed(reason.to_owned()));
    }
    let filter = filter(args.filter.as_deref())?;
    let trace = Arc::new(open(&args.run)?);
    if let Some(what) = missing(&trace, &filter) {
        return Err(CliError::Failed(format!("{}: the run has no {what}", args.run.display())));
    }
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

/// Why these arguments mean nothing together, if so.
fn contradiction(format: RunFormat, kind: RowKind, to_stdout: bool, name: Option<&str>) -> Option<&'static str> {
    let is_rows = matches!(format, RunFormat::Csv | RunFormat::Json);
    match name {
        _ if to_stdout && format == RunFormat::Parquet => {
            Some("Parquet is a folder of files, which standard output cannot take; name a folder")
        }
        _ if kind == RowKind::Accesses && !is_rows => {
            Some("--rows is for csv and json; Parquet has a table of each, Perfetto slices of ops")
        }
        Some(_) if is_rows => {
            Some("--name is for parquet and perfetto; csv and json do not name the run, leave it out")
        }
        Some(name) if name.trim().is_empty() => {
            Some("--name is empty, so the run could not be told from others; give it a name, or leave --name out")
        }
        _ => None,
    }
}

/// What the filter names that the run does not have, if anything: no op could pass.
fn missing(trace: &Trace, filter: &Filter) -> Option<String> {
    /// Kinds of op that a line has room for.
    const MOST_KINDS: usize = 30;
    if let Some(kind) = &filter.kind {
        let occurs = |number: u32| trace.ops.kind.contains(&number);
        let names = trace.meta.op_names.iter().zip(0..).filter(|(_, number)| occurs(*number));
        let kinds: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        if !kinds.contains(&kind.trim()) {
            let more = if kinds.len() > MOST_KINDS { " and others" } else { "" };
            let known = kinds.iter().take(MOST_KINDS).copied().collect::<Vec<_>>().join(", ");
            let known =
                if known.is_empty() { "it has no ops".to_owned() } else { format!("its kinds are {known}{more}") };
            return Some(format!("op of the kind {kind:?}; {known}"));
        }
    }
    if let Some(layer) = filter.layer {
        let last = (0..trace.op_count()).filter_map(|op| trace.ops.layer.get(op)).max();
        match last {
            None => return Some(format!("layer {layer}; its ops have none")),
            Some(last) if layer > last => return Some(format!("layer {layer}; its layers are 0 to {last}")),
            Some(_) => {}
        }
    }
    let numbered = |what: &str, number: u32, count: usize, many: &str| match count {
        0 => format!("{what} {number}; it has no {many}"),
        count => format!("{what} {number}; its {many} are 0 to {}", count - 1),
    };
    if let Some(pass) = filter.pass.filter(|pass| *pass as usize >= trace.passes.len()) {
        return Some(numbered("pass", pass, trace.passes.len(), "passes"));
    }
    let tensor = filter.touches.as_ref().filter(|tensor| tensor.resolve(trace).next().is_none())?;
    Some(match tensor {
        TensorRef::Number(number) => numbered("tensor", *number, trace.tensors.len(), "tensors"),
        TensorRef::Name(name) => format!("tensor {name:?}; `stats RUN --by tensor` lists its tensors"),
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
    written.and_then(|_| out.flush()).map_err(|error| match error.kind() {
        // Whoever takes a file for whole must hear that it is not.
        ErrorKind::BrokenPipe => {
            let reason = "standard output was closed before the end; what its reader has is not the whole export";
            CliError::Failed(reason.to_owned())
        }
        ErrorKind::Interrupted => CliError::Failed("stopped; what was written is not the whole export".to_owned()),
        _ => CliError::Output(error),
    })
}

/// Shows on the terminal, if there is one, how far `work` is.
pub fn watched<T>(work: impl FnOnce(Watch<'_>) -> T) -> T {
    let bar = ProgressBar::new(1000);
    bar.set_style(
        indicatif::ProgressStyle::with_template("writing {percent} % {wide_bar}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    let shown = (!bar.is_hidden()).then_some(&bar);
    watched_on(shown, work)
}

fn watched_on<T>(bar: Option<&ProgressBar>, work: impl FnOnce(Watch<'_>) -> T) -> T {
    let done = AtomicU32::new(0);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (done, ended) = (&done, &ended);
        let shows = bar.map(|bar| {
            let shows = scope.spawn(move || {
                while !ended.load(Ordering::Acquire) {
                    bar.set_position(done.load(Ordering::Relaxed).into());
                    std::thread::park_timeout(Duration::from_millis(100));
                }
                bar.finish_and_clear();
            });
            shows.thread().clone()
        });
        let end = End { ended, shows };
        let result = work(Watch { cancelled: &INTERRUPTED, done });
        drop(end);
        result
    })
}

/// Ends the thread of the bar when it goes, also where the work panics: the scope waits for that thread.
struct End<'a> {
    ended: &'a AtomicBool,
    shows: Option<Thread>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        if let Some(shows) = &self.shows {
            shows.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_ends_with_work_that_panics() {
        let bar = ProgressBar::hidden();
        let work = || watched_on(Some(&bar), |_| -> u8 { panic!("this work fails") });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err());
        assert_eq!(watched_on(Some(&bar), |_| 7), 7);
    }
}
