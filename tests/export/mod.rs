//! Runs as files for other tools: each format to the last value, and files that are whole or not there.

mod damage;
mod duckdb;
mod parquet;
mod perfetto;
mod report;
mod rows;
mod run;

use std::path::PathBuf;
use std::sync::Arc;

use tensorscope::analysis::table_rows::Rows;
use tensorscope::export::RunExport;
use tensorscope::formats::{Progress, open};
use tensorscope::trace::Trace;

const FIXTURES: [&str; 3] = ["smollm2-135m", "llama-70b", "moe-128x48"];

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.tscope"))
}

fn fixture_run(name: &str) -> RunExport {
    whole(open(&fixture(name), &Progress::default()).unwrap(), name)
}

/// All ops of a run.
fn whole(trace: Trace, name: &str) -> RunExport {
    let rows = Arc::new(Rows::All(trace.op_count() as u32));
    RunExport { trace: Arc::new(trace), name: name.to_owned(), rows }
}

fn tensorscope(arguments: &[&str]) -> std::process::Output {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_tensorscope")).args(arguments).output().unwrap()
}
