//! A recording made by the program, opened for looking at.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use tensorscope::formats::{Progress, open};
use tensorscope::trace::{DESTINATION_SLOT, Trace, flags};
use tensorscope_models::Kind;

/// The program with `arguments`, not started yet.
pub fn recorder(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tensorscope-record"));
    // One thread: threads that wait for each other are slow where tests share the cores.
    command.args(["--threads", "1"]).args(arguments).stdin(std::process::Stdio::null());
    command
}

/// A model file of `kind`, written once by this process: another may have left one of other weights.
pub fn model(kind: Kind) -> PathBuf {
    static WRITTEN: Mutex<Vec<Kind>> = Mutex::new(Vec::new());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{kind}.gguf"));
    let mut written = WRITTEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !written.contains(&kind) {
        tensorscope_models::write(kind, &path, 7).expect("a model");
        written.push(kind);
    }
    path
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Records `model` into `folder`/run.tscope.
pub fn record(model: &Path, folder: &Path, more: &[&str]) -> PathBuf {
    let run = folder.join("run.tscope");
    let mut command = recorder(&["-o", run.to_str().expect("text"), "-m", model.to_str().expect("text")]);
    let output = command.args(more).output().expect("the recorder starts");
    assert!(output.status.success(), "{}", stderr(&output));
    run
}

pub fn opened(run: &Path) -> Trace {
    open(run, &Progress::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// One access, by names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    pub slot: Option<u8>,
    pub write: bool,
    pub tensor: String,
    pub offset: u64,
    pub length: u64,
    pub expert: Option<u32>,
}

/// The accesses of op `op`.
pub fn touches(trace: &Trace, op: usize) -> Vec<Touch> {
    let touch = |access: usize| {
        let range = trace.accesses.range[access] as usize;
        let slot = trace.accesses.slot[access];
        Touch {
            slot: (slot != DESTINATION_SLOT).then_some(slot),
            write: trace.accesses.flags[access] & flags::WRITE != 0,
            tensor: trace.tensors[trace.ranges.tensor[range] as usize].name.clone(),
            offset: trace.ranges.offset[range],
            length: trace.ranges.length[range],
            expert: trace.ranges.expert.get(range),
        }
    };
    trace.accesses_of(op).map(touch).collect()
}

/// The ops of pass `pass`.
pub fn ops(trace: &Trace, pass: usize) -> std::ops::Range<usize> {
    let pass = &trace.passes[pass];
    pass.first_op as usize..(pass.first_op + pass.ops) as usize
}

/// Name of the graph node of op `op`.
pub fn node_name(trace: &Trace, op: usize) -> &str {
    let graph = trace.pass_of(op).and_then(|p| p.graph).expect("a graph");
    let node = trace.ops.node.get(op).expect("a node");
    &trace.graphs[graph as usize].nodes[node as usize].name
}
