//! `convert RUN -o DIR.tscope`: any run as a native one.

use super::args::ConvertArgs;
use super::{CliError, open, print_text};
use crate::formats::native;

pub fn run(args: &ConvertArgs) -> Result<(), CliError> {
    let trace = open(&args.run)?;
    let trace = if args.repeat > 1 {
        trace.repeated(args.repeat).map_err(|e| CliError::Failed(format!("{}: {e}", args.run.display())))?
    } else {
        trace
    };
    native::write(&trace, &args.output)?;
    print_text(&format!(
        "{}: {} passes, {} ops, {} accesses; open it with: tensorscope {}\n",
        args.output.display(),
        trace.passes.len(),
        trace.op_count(),
        trace.access_count(),
        args.output.display()
    ))
}
