//! The command `tensorscope-record`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use tensorscope::trace::Severity;
use tensorscope_record::args::Arguments;
use tensorscope_record::console::Console;
use tensorscope_record::session;

/// Without waiting for what llama.cpp is at.
#[expect(unsafe_code, reason = "std only exits through handlers, which wait for threads")]
fn exit_at_once() {
    // SAFETY: ends the process; what was written is with the system.
    unsafe { libc::_exit(130) };
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut console = Console::new();
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    let handled = ctrlc::set_handler(move || {
        // Who asks twice does not want to wait for the end of an op.
        if asked.swap(true, Ordering::Relaxed) {
            exit_at_once();
        }
    });
    if let Err(error) = handled {
        console.say(&format!("tensorscope-record: Ctrl-C will lose what is not flushed: {error}"));
    }
    match session::record(&arguments, &mut console, &stop) {
        Ok(Some(summary)) => {
            for entry in summary.health.entries.iter().filter(|e| e.severity > Severity::Info) {
                console.say(&format!("{} ({}): {}", entry.message, entry.count, entry.example));
            }
            console.say(&summary.line());
            ExitCode::SUCCESS
        }
        Ok(None) => {
            console.say("tensorscope-record: stopped before anything was recorded");
            ExitCode::FAILURE
        }
        Err(error) => {
            console.say(&format!("tensorscope-record: {error}"));
            ExitCode::FAILURE
        }
    }
}
