//! `report RUN -o FILE.html`: the figures, charts and pictures of a run as one page

use std::sync::Arc;

use super::args::ReportArgs;
use super::export::{stopped, watched};
use super::{CliError, interrupt, open, print_text};
use crate::app::pictures::write_report;

pub fn run(args: &ReportArgs) -> Result<(), CliError> {
    let trace = Arc::new(open(&args.run)?);
    interrupt::listen();
    watched(|watch| write_report(trace, &args.run, &args.output, watch))
        .map_err(|error| stopped(&args.output, error))?;
    print_text(&format!("{}\n", args.output.display()))
}
