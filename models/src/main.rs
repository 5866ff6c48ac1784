//! `tensorscope-models KIND -o FILE.gguf`: arguments -> a model's file, with progress.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use tensorscope_models::{Kind, Options, WriteError, Written, write_with};

/// Writes GGUF model files to try and test with: true architectures with random weights or with none
#[derive(Parser)]
#[command(name = "tensorscope-models", version, arg_required_else_help = true)]
struct Arguments {
    /// Which model; --list shows them
    #[arg(required_unless_present = "list")]
    kind: Option<Kind>,
    /// The file to write; one that is there is replaced
    #[arg(short, long, value_name = "FILE.gguf", required_unless_present = "list")]
    output: Option<PathBuf>,
    /// Of the random weights: the same seed gives the same file
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Spread the tensors over N files, named as llama.cpp names them
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    split: u16,
    /// Show the models, with their tensors and sizes
    #[arg(long, exclusive = true)]
    list: bool,
}

/// What ends the program early. Its text is one line.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("cannot be interrupted: {0}")]
    Signals(#[from] ctrlc::Error),
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match (arguments.kind, &arguments.output) {
        (Some(kind), Some(path)) => write(kind, path, Options { seed: arguments.seed, parts: arguments.split }),
        _ => list(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed the pipe has seen enough.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let text = error.to_string().replace(['\n', '\r'], " ");
            let _ = writeln!(std::io::stderr(), "tensorscope-models: {text}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    for kind in Kind::ALL {
        let plan = kind.plan();
        writeln!(out, "{kind:15} {:>4} tensors {:>10}  {}", plan.tensors, size(plan.bytes), kind.description())?;
    }
    Ok(())
}

fn write(kind: Kind, path: &std::path::Path, options: Options) -> Result<(), CliError> {
    // So that an interrupted run leaves nothing behind.
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;

    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(kind.name());
    let written = write_with(kind, path, options, &mut |written, all| {
        bar.set_length(all);
        bar.set_position(written);
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    Ok(report(&written?)?)
}

fn report(written: &Written) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for file in &written.files {
        let on_disk = file.disk_bytes.filter(|bytes| bytes < &(file.bytes / 2));
        let on_disk = on_disk.map(|bytes| format!(", {} of them on the disk", size(bytes))).unwrap_or_default();
        writeln!(out, "{}: {}{on_disk}", file.path.display(), size(file.bytes))?;
    }
    Ok(())
}

/// A size in the largest unit that it fills.
fn size(bytes: u64) -> String {
    match bytes {
        1_000_000_000.. => format!("{:.2} GB", bytes as f64 / 1e9),
        1_000_000.. => format!("{:.2} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} kB", bytes as f64 / 1e3),
    }
}
