//! A native folder -> a run, whose long columns stay in the mapped files where it is finished.

use std::path::Path;

use serde::Deserialize;

use super::schema::Table;
use super::table::Rows;
use super::unfinished::{self, LeftOut, counted};
use super::{FORMAT_VERSION, RUN_FILE, RunFile, records};
use crate::formats::error::{ReadError, json_byte, json_message};
use crate::formats::progress::Progress;
use crate::trace::{Pass, Severity, Trace};

const HINT: &str = "the run is damaged; convert or record it again";
/// How often a recording is begun again that changed while it was read.
const ATTEMPTS: usize = 3;

/// The rows of every table.
pub(super) struct Tables {
    pub tensors: Rows,
    pub ops: Rows,
    pub ranges: Rows,
    pub accesses: Rows,
    pub passes: Rows,
    pub nodes: Rows,
    pub edges: Rows,
    pub buffers: Rows,
}

impl Tables {
    /// Whether all that was read is still there.
    fn check_files(&self) -> Result<(), ReadError> {
        let most = [&self.tensors, &self.ops, &self.ranges, &self.accesses];
        let rest = [&self.passes, &self.nodes, &self.edges, &self.buffers];
        most.into_iter().chain(rest).try_for_each(|rows| rows.file().check())
    }
}

/// Opens the run in `folder`.
pub fn read(folder: &Path, progress: &Progress) -> Result<Trace, ReadError> {
    let mut attempts = 1..=ATTEMPTS;
    loop {
        attempts.next();
        let run = read_run_file(&folder.join(RUN_FILE))?;
        if !run.unfinished {
            return read_finished(folder, run, progress);
        }
        match read_unfinished(folder, run, progress) {
            // It may be going on still: its streams go when it ends, and shrink when the disk is full.
            Err(error) if changed_meanwhile(&error) && !attempts.is_empty() => {}
            result => return result,
        }
    }
}

fn changed_meanwhile(error: &ReadError) -> bool {
    match error {
        ReadError::Shrunk { .. } => true,
        ReadError::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn read_finished(folder: &Path, run: RunFile, progress: &Progress) -> Result<Trace, ReadError> {
    let rows = |table| {
        progress.check()?;
        Rows::read(folder, table)
    };
    let tables = Tables {
        tensors: rows(Table::Tensors)?,
        ops: rows(Table::Ops)?,
        ranges: rows(Table::Ranges)?,
        accesses: rows(Table::Accesses)?,
        passes: rows(Table::Passes)?,
        nodes: rows(Table::Nodes)?,
        edges: rows(Table::Edges)?,
        buffers: rows(Table::Buffers)?,
    };
    let mut trace = assemble(run, &tables)?;
    trace.meta.source = format!("native run, made from: {}", original(&trace.meta.source));
    Ok(trace)
}

fn read_unfinished(folder: &Path, run: RunFile, progress: &Progress) -> Result<Trace, ReadError> {
    let (tables, left_out) = unfinished::read(folder, progress)?;
    let mut trace = assemble(run, &tables)?;
    trace.meta.source = format!("native run, recording not finished, made from: {}", original(&trace.meta.source));
    trace.health.report(
        "recording_unfinished",
        Severity::Warning,
        1,
        "the recording did not end: it was killed, ran out of space, or is running still; all passes up to the last \
         that it wrote are here",
        || example(trace.passes.len(), &left_out),
    );
    Ok(trace)
}

fn example(passes: usize, left_out: &LeftOut) -> String {
    let passes = format!("{} here", counted(passes as u64, "pass", "passes"));
    match left_out.to_string().as_str() {
        "" => format!("{passes}, nothing left out"),
        left_out => format!("{passes}; left out: {left_out}"),
    }
}

/// Makes the run of its tables, which must fit each other.
fn assemble(run: RunFile, tables: &Tables) -> Result<Trace, ReadError> {
    let tensors = records::tensors(&tables.tensors)?;
    let ops = records::ops(&tables.ops)?;
    let ranges = records::ranges(&tables.ranges)?;
    if let Some(row) = ranges.tensor.iter().position(|&t| t as usize >= tensors.len()) {
        let expected = format!("one of {} tensors", tensors.len());
        return Err(tables.ranges.wrong("tensor", row, &expected, ranges.tensor[row].to_string()));
    }
    let accesses = records::accesses(&tables.accesses)?;
    let passes = records::passes(&tables.passes)?;
    let graphs = records::graphs(&tables.nodes, &tables.edges)?;
    check_passes(&passes, ops.start_ns.len(), graphs.len(), &tables.passes)?;
    let buffers = records::buffers(&tables.buffers)?;
    tables.check_files()?;
    Ok(Trace { meta: run.meta, tensors, ops, ranges, accesses, passes, graphs, buffers, health: run.health })
}

/// What a run was first made from, however often it was converted.
fn original(source: &str) -> &str {
    source.rsplit("made from: ").next().unwrap_or(source)
}

fn read_run_file(path: &Path) -> Result<RunFile, ReadError> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let bytes = std::fs::read(path).map_err(|e| ReadError::io(path, e))?;
    let wrong = |expected: &str, error: &serde_json::Error| {
        ReadError::malformed(path, json_byte(&bytes, error), expected, json_message(error), HINT)
    };
    // The version first: what else is in the file depends on it.
    let Version { format_version } =
        serde_json::from_slice(&bytes).map_err(|e| wrong("a run's format_version in JSON", &e))?;
    if format_version != FORMAT_VERSION {
        let found = format!("it has format version {format_version}, this tensorscope reads {FORMAT_VERSION}");
        return Err(ReadError::unusable(path, found, "use the tensorscope that wrote it, or convert the run again"));
    }
    serde_json::from_slice(&bytes).map_err(|e| wrong("the description of a run in JSON", &e))
}

/// Passes must tile the ops, in order.
fn check_passes(passes: &[Pass], ops: usize, graphs: usize, rows: &Rows) -> Result<(), ReadError> {
    let mut next = 0_u64;
    for (k, pass) in passes.iter().enumerate() {
        if u64::from(pass.first_op) != next {
            return Err(rows.wrong("first_op", k, &format!("op {next}"), pass.first_op.to_string()));
        }
        if let Some(graph) = pass.graph.filter(|&g| g as usize >= graphs) {
            return Err(rows.wrong("graph", k, &format!("one of {graphs} graphs"), graph.to_string()));
        }
        next += u64::from(pass.ops);
    }
    if next != ops as u64 {
        let last = passes.len().saturating_sub(1);
        return Err(rows.wrong("ops", last, &format!("{ops} ops in all"), next.to_string()));
    }
    Ok(())
}
