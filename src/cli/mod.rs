//! Arguments -> one of the product's jobs. Errors end here as one line and an exit code.

mod actions;
mod args;
mod bench;
mod bench_graph;
mod bench_heat;
mod bench_playback;
mod bench_stats;
mod bench_table;
mod bench_window;
mod convert;
mod doctor;
mod engine;
mod export;
mod heatmap;
mod info;
mod interrupt;
mod layer;
mod layout;
mod record;
mod render;
mod report;
mod stats;
mod stats_text;
mod system_library;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;

use crate::app::film::FilmError;
use crate::app::png::PngError;
use crate::app::sample;
use crate::app::script::ScriptError;
use crate::app::settings;
use crate::app::window::{self, WindowError};
use crate::app::workspace::{Options, Workspace};
use crate::export::ExportError;
use crate::formats::{self, Progress, ReadError};
use crate::gpu::GpuError;
use crate::gpu::heat::HeatGpuError;
use crate::kernel_io::heat::HeatError;
use crate::trace::{Graph, Trace};
use args::{Arguments, Command};

/// What ends a command early. Its text is one line.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] formats::native::WriteError),
    #[error(transparent)]
    Gpu(#[from] GpuError),
    #[error(transparent)]
    Heat(#[from] HeatError),
    #[error(transparent)]
    Window(#[from] WindowError),
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error(transparent)]
    Png(#[from] PngError),
    #[error(transparent)]
    Film(#[from] FilmError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("{0}")]
    Failed(String),
    #[error("standard output: {0}")]
    Output(std::io::Error),
}

impl From<HeatGpuError> for CliError {
    fn from(error: HeatGpuError) -> Self {
        match error {
            HeatGpuError::Refused(error) => Self::Heat(error),
            HeatGpuError::Gpu(error) => Self::Gpu(error),
        }
    }
}

/// Runs the program; 0 done, 1 failed with one line on stderr, 2 wrong usage (clap prints it).
pub fn run() -> ExitCode {
    match dispatch(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed the pipe has seen enough. An export says so itself: a part of it is no export.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let text = error.to_string().replace(['\n', '\r'], " ");
            let _ = writeln!(std::io::stderr(), "tensorscope: {text}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<(), CliError> {
    match arguments.command {
        Some(Command::Info(args)) => info::run(&args),
        Some(Command::Layer(args)) => layer::run(&args),
        Some(Command::Heatmap(args)) => heatmap::run(&args),
        Some(Command::Stats(args)) => stats::run(&args),
        Some(Command::Layout(args)) => layout::run(&args),
        Some(Command::Convert(args)) => convert::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Actions(args)) => actions::run(&args),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Render(args)) => render::run(&args),
        Some(Command::Record(args)) => record::run(&args),
        Some(Command::Bench(args)) => bench::run(&args),
        None => window(arguments.run),
    }
}

/// Opens the window on `run`, or on the bundled sample.
fn window(run: Option<PathBuf>) -> Result<(), CliError> {
    let run = match run {
        Some(run) => run,
        None => sample::find().ok_or_else(|| {
            let reason = format!("the bundled run is not there; name a run, or set {}", sample::FIXTURES_VARIABLE);
            CliError::Failed(reason)
        })?,
    };
    // What is not there at all needs no window to say so.
    std::fs::metadata(&run).map_err(|error| ReadError::io(&run, error))?;
    Ok(window::run("tensorscope", move |gpu, waker| {
        let mut workspace = Workspace::new(gpu.adapter_name(), waker, Options::default());
        if let Some(path) = settings::path() {
            workspace.use_settings(path);
        }
        workspace.open(run);
        Box::new(workspace)
    })?)
}

/// Reads a run with progress on the terminal, if there is one.
fn open(path: &Path) -> Result<Trace, CliError> {
    let progress = Progress::default();
    let bar = indicatif::ProgressBar::new(0);
    bar.set_style(
        indicatif::ProgressStyle::with_template("reading {bytes} of {total_bytes} {wide_bar}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        if !bar.is_hidden() {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Acquire) {
                    std::thread::park_timeout(std::time::Duration::from_millis(100));
                    let (read, total) = progress.bytes();
                    if total > 0 {
                        bar.set_length(total);
                        bar.set_position(read);
                    }
                }
                bar.finish_and_clear();
            });
        }
        let trace = formats::open(path, &progress);
        done.store(true, std::sync::atomic::Ordering::Release);
        Ok(trace?)
    })
}

/// Graph `number` of the run, or an error that says which there are.
fn graph_of<'a>(trace: &'a Trace, path: &Path, number: u32) -> Result<&'a Graph, CliError> {
    trace.graphs.get(number as usize).ok_or_else(|| {
        CliError::Failed(match trace.graphs.len() {
            0 => format!("{}: the run has no graph", path.display()),
            n => format!("{}: the run has no graph {number}; its graphs are 0 to {}", path.display(), n - 1),
        })
    })
}

/// One JSON document on stdout.
fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let stdout = std::io::stdout().lock();
    let mut out = std::io::BufWriter::new(stdout);
    serde_json::to_writer(&mut out, value).map_err(|e| CliError::Output(e.into()))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(CliError::Output)
}

fn print_text(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}
