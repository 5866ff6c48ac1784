//! RUN -> a model: finds out what a path holds, reads all of it that belongs together, and builds the run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::error::ReadError;
use super::faults::file_name;
use super::mapped::MappedFile;
use super::progress::Progress;
use super::run_files::{RunFiles, has_extension, native_run_inside};
use super::{buffers, data_types, dot, gguf, graph_json, memory_map, native, symbols, tensor_trace, trace_json};
use crate::trace::Trace;
use crate::trace::builder::{BuildError, Builder, ModelSource};
use crate::trace::raw::{Fault, RawBuffer, RawGraph, Severity};

/// Source bytes from which a first part is worth showing before the rest is there.
const PREVIEW_FROM_BYTES: u64 = 24 << 20;
/// How much of a large source that first part takes.
const PREVIEW_BYTES: usize = 8 << 20;

const NOTHING_HINT: &str =
    "name a .tscope folder, a tensor_trace.bin, or a folder with traces/, graphs/ or memory-map.json";

/// Reads the run at `path`.
///
/// # Errors
/// When there is no run, or its trace cannot be read at all; whatever else of it cannot is told in its health.
pub fn open(path: &Path, progress: &Progress) -> Result<Trace, ReadError> {
    match find(path)? {
        Found::Native => native::read(path, progress),
        Found::Files(files) => Reader { files: &files, path, progress, first_bytes: None }.read(),
    }
}

/// As [`open`]; of a large run the first passes are given to `preview` before the rest is read.
pub fn open_with_preview(path: &Path, progress: &Progress, preview: impl FnOnce(Trace)) -> Result<Trace, ReadError> {
    let Found::Files(files) = find(path)? else { return native::read(path, progress) };
    if files.trace_bytes() >= PREVIEW_FROM_BYTES {
        let reader = Reader { files: &files, path, progress: &Progress::default(), first_bytes: Some(PREVIEW_BYTES) };
        // A first part that cannot be read says nothing yet; the whole read reports it.
        if let Ok(first) = reader.read() {
            preview(first);
        }
    }
    Reader { files: &files, path, progress, first_bytes: None }.read()
}

enum Found {
    Native,
    Files(RunFiles),
}

fn find(path: &Path) -> Result<Found, ReadError> {
    let metadata = fs::metadata(path).map_err(|e| ReadError::io(path, e))?;
    if !metadata.is_dir() {
        return match file_name(path).as_str() {
            // Named by the file that makes its folder a native run.
            native::RUN_FILE => Err(ReadError::unusable(path, "this is one file of a native run", "name its folder")),
            _ => Ok(Found::Files(RunFiles::single(path))),
        };
    }
    let files = RunFiles::in_folder(path)?;
    let named_native =
        has_extension(path, "tscope") || ["ops.arrow", "ops.arrows"].iter().any(|name| path.join(name).exists());
    // Other programs write a run.json, too.
    if path.join(native::RUN_FILE).exists() && (named_native || files.is_empty()) {
        return Ok(Found::Native);
    }
    if !files.is_empty() {
        return Ok(Found::Files(files));
    }
    if has_extension(path, "tscope") {
        let reason = format!("this native run has no {}", native::RUN_FILE);
        return Err(ReadError::unusable(path, reason, "its writing was broken off: convert or record it again"));
    }
    let reason = match native_run_inside(path) {
        Some(inner) => format!("the folder holds no run itself, but the native run {}", file_name(&inner)),
        None => "the folder holds no run".to_owned(),
    };
    Err(ReadError::unusable(path, reason, NOTHING_HINT))
}

/// What is done with the files of one run.
struct Reader<'a> {
    files: &'a RunFiles,
    path: &'a Path,
    progress: &'a Progress,
    /// About how much of the trace to read; `None` for all.
    first_bytes: Option<usize>,
}

/// What was read so far.
#[derive(Default)]
struct Gathered {
    builder: Builder,
    /// What the run is made of, for people.
    parts: Vec<String>,
    failures: Vec<ReadError>,
    /// Everything that is open; looked at again before its content is trusted.
    mapped: Vec<Arc<MappedFile>>,
}

impl Gathered {
    fn map(&mut self, path: &Path) -> Result<Arc<MappedFile>, ReadError> {
        let file = MappedFile::open(path)?;
        self.mapped.push(file.clone());
        Ok(file)
    }

    fn check(&self) -> Result<(), ReadError> {
        self.mapped.iter().try_for_each(|file| file.check())
    }
}

impl Reader<'_> {
    fn read(&self) -> Result<Trace, ReadError> {
        let mut run = Gathered::default();
        self.read_model(&mut run);
        self.read_buffers(&mut run);
        self.read_graphs(&mut run);
        // A trace that cannot be read at all is not made up for by its graph or its memory map.
        self.read_trace(&mut run)?;
        if run.parts.is_empty() {
            let nothing = || ReadError::unusable(self.path, "it holds nothing that can be read", NOTHING_HINT);
            return Err(run.failures.into_iter().next().unwrap_or_else(nothing));
        }
        run.check()?;
        let Gathered { mut builder, parts, failures, mapped } = run;
        builder.health.report(
            "file_unreadable",
            Severity::Error,
            failures.len() as u64,
            "files of the run could not be read and were left out",
            || failures[0].to_string(),
        );
        builder.meta.source = parts.join(", ");
        builder.meta.clock = String::from("ns, CLOCK_MONOTONIC of the recording machine");
        builder.meta.mode = String::from("start of every op");
        builder.meta.type_names = data_types::names().map(str::to_owned).collect();
        let built = builder.build(self.progress.cancel_flag());
        mapped.iter().try_for_each(|file| file.check())?;
        built.map_err(|error| match error {
            BuildError::Cancelled => ReadError::Cancelled,
            error @ BuildError::TooMany { .. } => {
                ReadError::unusable(self.path, error.to_string(), "split the recording into several runs")
            }
        })
    }

    fn read_trace(&self, run: &mut Gathered) -> Result<(), ReadError> {
        let Some(path) = &self.files.tensor_trace else { return self.read_token_traces(run) };
        let file = run.map(path)?;
        let layout = match self.first_bytes {
            Some(most) => {
                let first = &file.bytes()[..most.min(file.bytes().len())];
                tensor_trace::read(first, path, &mut run.builder, self.progress)?
            }
            None => tensor_trace::read(&*file, path, &mut run.builder, self.progress)?,
        };
        run.parts.insert(0, format!("{} ({}-byte records)", file_name(path), layout.bytes()));
        run.builder.health.report(
            "token_files_ignored",
            Severity::Info,
            self.files.token_traces.len() as u64,
            "traces/*.json are an export of the tensor_trace.bin beside them; the original was read",
            || file_name(&self.files.token_traces[0]),
        );
        Ok(())
    }

    fn read_token_traces(&self, run: &mut Gathered) -> Result<(), ReadError> {
        let Some(first) = self.files.token_traces.first() else { return Ok(()) };
        let mut budget = self.first_bytes.unwrap_or(usize::MAX);
        let mut files = Vec::new();
        let mut failures = Vec::new();
        for path in &self.files.token_traces {
            match run.map(path) {
                Ok(file) => {
                    budget = budget.saturating_sub(file.bytes().len());
                    files.push(file);
                }
                Err(error) => failures.push(error),
            }
            if budget == 0 {
                break;
            }
        }
        self.progress.expect(files.iter().map(|f| f.bytes().len() as u64).sum());
        let read: Vec<Result<trace_json::TokenTrace, ReadError>> = files
            .par_iter()
            .map(|file| {
                let trace = trace_json::read(file.bytes(), file.path())?;
                self.progress.advance(file.bytes().len() as u64)?;
                Ok(trace)
            })
            .collect();
        self.progress.check()?;
        let mut traces = Vec::new();
        for result in read {
            match result {
                Ok(trace) => traces.push(trace),
                Err(error) => failures.push(error),
            }
        }
        if traces.is_empty() {
            let nothing = || ReadError::unusable(first, "no token trace could be read", NOTHING_HINT);
            return Err(failures.into_iter().next().unwrap_or_else(nothing));
        }
        let builder = &mut run.builder;
        builder.health.report(
            "token_file_unreadable",
            Severity::Error,
            failures.len() as u64,
            "token traces could not be read and were left out: their passes are missing",
            || failures[0].to_string(),
        );
        let early = traces.iter().any(trace_json::TokenTrace::is_early_export);
        let count = traces.len();
        for trace in traces {
            trace.add_to(builder, early);
        }
        builder.health.report(
            "op_names_early_export",
            Severity::Warning,
            u64::from(early),
            "this export is from before 2026-01-08, when ops got wrong names; they were put right",
            || "SOFT_MAX_BACK is GET_ROWS".to_owned(),
        );
        run.parts.insert(0, format!("traces/*.json ({})", counted(count, "token")));
        Ok(())
    }

    fn read_model(&self, run: &mut Gathered) {
        let mut headers = Vec::new();
        for path in &self.files.models {
            let header = run.map(path).and_then(|f| gguf::read_header(f.bytes(), path, f.bytes().len() as u64));
            match header {
                Ok((header, faults)) => {
                    run.builder.add_faults(faults);
                    headers.push(header);
                }
                Err(error) => run.failures.push(error),
            }
        }
        if !headers.is_empty() {
            let (model, faults) = gguf::to_model(&headers);
            run.builder.add_faults(faults);
            run.builder.set_model(model, ModelSource::Headers);
            run.parts.push(counted(headers.len(), "GGUF header"));
            return;
        }
        let Some(path) = &self.files.memory_map else { return };
        match run.map(path).and_then(|f| memory_map::read(f.bytes(), path)) {
            Ok((model, faults)) => {
                run.builder.add_faults(faults);
                run.builder.set_model(model, ModelSource::Map);
                run.parts.push("memory map".to_owned());
            }
            Err(error) => run.failures.push(error),
        }
    }

    /// The log knows addresses, the timeline made from it does not.
    fn read_buffers(&self, run: &mut Gathered) {
        type Read = fn(&[u8], &Path) -> Result<(Vec<RawBuffer>, Vec<Fault>), ReadError>;
        let sources: [(&Option<PathBuf>, Read); 2] =
            [(&self.files.buffer_stats, buffers::read_stats), (&self.files.buffer_timeline, buffers::read_timeline)];
        for (path, read) in sources {
            let Some(path) = path else { continue };
            match run.map(path).and_then(|f| read(f.bytes(), path)) {
                Ok((buffers, faults)) => {
                    run.builder.add_faults(faults);
                    run.builder.add_buffers(buffers);
                    run.parts.push("buffer log".to_owned());
                    return;
                }
                Err(error) => run.failures.push(error),
            }
        }
    }

    fn read_graphs(&self, run: &mut Gathered) {
        type Graph = (RawGraph, Vec<Fault>, Arc<MappedFile>);
        let read = |(_, path): &(u32, PathBuf)| -> Result<Graph, ReadError> {
            let file = MappedFile::open(path)?;
            let (graph, faults) = match has_extension(path, "dot") {
                true => dot::read(file.bytes(), path)?,
                false => graph_json::read(file.bytes(), path)?,
            };
            Ok((with_op_names(graph), faults, file))
        };
        let graphs: Vec<Result<Graph, ReadError>> = self.files.graphs.par_iter().map(read).collect();
        for (result, (number, _)) in graphs.into_iter().zip(&self.files.graphs) {
            match result {
                Ok((graph, faults, file)) => {
                    run.mapped.push(file);
                    run.builder.add_faults(faults);
                    run.builder.add_graph(*number, graph);
                }
                Err(error) => run.failures.push(error),
            }
        }
        if run.builder.graph_count() > 0 {
            run.parts.push(counted(run.builder.graph_count(), "graph"));
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Graph files give ggml's symbols; the model has names.
fn with_op_names(mut graph: RawGraph) -> RawGraph {
    for node in &mut graph.nodes {
        let name = symbols::kind_from_operation(&node.operation);
        if name != node.operation {
            node.operation = name.to_owned();
        }
    }
    graph
}
