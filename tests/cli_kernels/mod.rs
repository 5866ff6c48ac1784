//! Commands that compute, as a person runs them.

mod actions;
mod bundled_run;
mod doctor;
mod heatmap;
mod layout;
mod small_run;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn tensorscope() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tensorscope"))
}

/// What a command that succeeds says in its one JSON document.
fn json(run: &Path, arguments: &[&str]) -> Value {
    let (command, rest) = arguments.split_first().expect("a command");
    let output = tensorscope().arg(command).arg(run).args(rest).arg("--json").assert().success();
    let stdout = std::str::from_utf8(&output.get_output().stdout).expect("UTF-8");
    assert_eq!(stdout.lines().count(), 1, "one line");
    serde_json::from_str(stdout).expect("one JSON document")
}

/// The one line that a command which fails leaves on stderr.
fn failure(run: &Path, arguments: &[&str]) -> String {
    let (command, rest) = arguments.split_first().expect("a command");
    let output = tensorscope().arg(command).arg(run).args(rest).assert().code(1).stdout("");
    let stderr = String::from_utf8(output.get_output().stderr.clone()).expect("UTF-8");
    // The software adapter adds lines of its own where XDG_RUNTIME_DIR is not set.
    let ours: Vec<&str> = stderr.lines().filter(|line| line.starts_with("tensorscope: ")).collect();
    assert_eq!(ours.len(), 1, "{stderr}");
    ours[0].to_owned()
}

/// A folder of the shared real data, or `None` (said aloud) where a checkout stands alone.
fn real_run(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TENSORSCOPE_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = folder.join(name);
    let there = path.is_dir();
    if !there {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    there.then_some(path)
}
