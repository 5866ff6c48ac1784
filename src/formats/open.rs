//! RUN -> a model: finds out what a path holds, reads all of it that belongs together, and builds the run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::error::ReadError;
use super::mapped::MappedFile;
use super::progress::Progress;
use super::faults::file_name;
use crate::trace::raw::{Fault, RawGraph, Severity};
use super::{buffers, dot, gguf, graph_json, memory_map, native, symbols, tensor_trace, trace_json};
use crate::trace::Trace;
use crate::trace::builder::{BuildError, Builder, ModelSource};

/// Source bytes from which a first part is worth showing before the rest is there.
const PREVIEW_FROM_BYTES: u64 = 24 << 20;
/// How much of a large source that first part takes.
const PREVIEW_BYTES: usize = 8 << 20;

const NOTHING_HINT: &str =
    "name a .tscope folder, a tensor_trace.bin, or a folder with traces/, graphs/ or memory-map.json";

/// Reads the run at `path`.
pub fn open(path: &Path, progress: &Progress) -> Result<Trace, ReadError> {
    open_with_preview(path, progress, |_| {})
}

/// As [`open`]; of a large run the first passes are given to `preview` while the rest is read.
pub fn open_with_preview(path: &Path, progress: &Progress, preview: impl FnOnce(Trace)) -> Result<Trace, ReadError> {
    let metadata = fs::metadata(path).map_err(|e| ReadError::io(path, e))?;
    if metadata.is_dir() && path.join(native::RUN_FILE).is_file() {
        return native::read(path, progress);
    }
    let files = if metadata.is_dir() { Files::in_folder(path)? } else { Files::single(path) };
    if files.is_empty() {
        let reason = if metadata.is_dir() { "the folder holds no run" } else { "this is no run" };
        return Err(ReadError::unusable(path, reason, NOTHING_HINT));
    }
    if files.trace_bytes() >= PREVIEW_FROM_BYTES {
        // A first part that cannot be read says nothing yet; the whole read reports it.
        if let Ok(first) = files.read(path, &Progress::default(), Some(PREVIEW_BYTES)) {
            preview(first);
        }
    }
    files.read(path, progress, None)
}

/// What a folder holds, or one file alone.
#[derive(Default)]
struct Files {
    tensor_trace: Option<PathBuf>,
    /// By token number, which is also the order of time.
    token_traces: Vec<PathBuf>,
    /// With the number in its name.
    graphs: Vec<(u32, PathBuf)>,
    models: Vec<PathBuf>,
    memory_map: Option<PathBuf>,
    buffer_stats: Option<PathBuf>,
    buffer_timeline: Option<PathBuf>,
}

impl Files {
    fn in_folder(folder: &Path) -> Result<Self, ReadError> {
        let mut files = Self::default();
        let mut paths = list(folder)?;
        for part in ["traces", "graphs"] {
            let inner = folder.join(part);
            if inner.is_dir() {
                paths.extend(list(&inner)?);
            }
        }
        for path in paths {
            files.take(path);
        }
        files.token_traces.sort_by_key(|p| number(p));
        files.graphs.sort();
        // Exported graphs stand for the dot files they were made from.
        if files.graphs.iter().any(|(_, p)| has_extension(p, "json")) {
            files.graphs.retain(|(_, p)| has_extension(p, "json"));
        }
        files.models.sort();
        Ok(files)
    }

    /// A file named on its own is what its name says, or a trace if the name says nothing.
    fn single(path: &Path) -> Self {
        let mut files = Self::default();
        if !files.take(path.to_owned()) {
            files.tensor_trace = Some(path.to_owned());
        }
        files
    }

    /// Whether `path` is a part of a run, going by its name.
    fn take(&mut self, path: PathBuf) -> bool {
        let name = file_name(&path);
        let in_graphs = path.parent().is_some_and(|p| p.ends_with("graphs"));
        match name.as_str() {
            "tensor_trace.bin" => self.tensor_trace = Some(path),
            "memory-map.json" => self.memory_map = Some(path),
            "buffer_stats.jsonl" => self.buffer_stats = Some(path),
            "buffer-timeline.json" => self.buffer_timeline = Some(path),
            _ if has_extension(&path, "gguf") => self.models.push(path),
            _ if has_extension(&path, "dot") => self.graphs.push((number(&path).unwrap_or(0), path)),
            _ if has_extension(&path, "json") && name.starts_with("token") && in_graphs => {
                self.graphs.push((number(&path).unwrap_or(0), path));
            }
            _ if has_extension(&path, "json") && name.starts_with("token") => self.token_traces.push(path),
            _ => return false,
        }
        true
    }

    fn is_empty(&self) -> bool {
        self.tensor_trace.is_none()
            && self.token_traces.is_empty()
            && self.graphs.is_empty()
            && self.models.is_empty()
            && self.memory_map.is_none()
            && self.buffer_stats.is_none()
            && self.buffer_timeline.is_none()
    }

    fn trace_bytes(&self) -> u64 {
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |m| m.len());
        match &self.tensor_trace {
            Some(path) => size(path),
            None => self.token_traces.iter().map(size).sum(),
        }
    }

    /// Everything there is, or with `first_bytes` about that much of the trace.
    fn read(&self, path: &Path, progress: &Progress, first_bytes: Option<usize>) -> Result<Trace, ReadError> {
        let mut builder = Builder::default();
        let mut parts: Vec<String> = Vec::new();
        let mut failures: Vec<ReadError> = Vec::new();
        let mut mapped: Vec<Arc<MappedFile>> = Vec::new();
        let mut map = |path: &Path| -> Result<Arc<MappedFile>, ReadError> {
            let file = MappedFile::open(path)?;
            mapped.push(file.clone());
            Ok(file)
        };

        self.read_model(&mut builder, &mut parts, &mut failures, &mut map);
        self.read_buffers(&mut builder, &mut parts, &mut failures, &mut map);
        self.read_graphs(&mut builder, &mut parts, &mut failures, &mut map);
        let traced = self.read_trace(&mut builder, &mut parts, &mut map, progress, first_bytes);
        match traced {
            Err(ReadError::Cancelled) => return Err(ReadError::Cancelled),
            Err(error) => failures.push(error),
            Ok(()) => {}
        }
        if parts.is_empty() {
            let nothing = || ReadError::unusable(path, "it holds nothing that can be read", NOTHING_HINT);
            return Err(failures.into_iter().next().unwrap_or_else(nothing));
        }
        // A trace that cannot be read at all is not made up for by its graph or its memory map.
        if self.has_trace()
            && builder.row_count() == 0
            && let Some(error) = failures.pop()
        {
            return Err(error);
        }
        for error in failures {
            builder.add_faults(vec![Fault {
                code: "file_unreadable",
                severity: Severity::Error,
                message: "a file of the run could not be read and was left out",
                count: 1,
                example: error.to_string(),
            }]);
        }
        builder.meta.source = parts.join(", ");
        "ns, CLOCK_MONOTONIC of the recording machine".clone_into(&mut builder.meta.clock);
        "start of every op".clone_into(&mut builder.meta.mode);
        for file in &mapped {
            file.check()?;
        }
        let built = builder.build(progress.cancel_flag());
        for file in &mapped {
            file.check()?;
        }
        built.map_err(|error| match error {
            BuildError::Cancelled => ReadError::Cancelled,
            error @ BuildError::TooMany { .. } => {
                ReadError::unusable(path, error.to_string(), "split the recording into several runs")
            }
        })
    }

    fn has_trace(&self) -> bool {
        self.tensor_trace.is_some() || !self.token_traces.is_empty()
    }

    fn read_trace(
        &self,
        builder: &mut Builder,
        parts: &mut Vec<String>,
        map: &mut impl FnMut(&Path) -> Result<Arc<MappedFile>, ReadError>,
        progress: &Progress,
        first_bytes: Option<usize>,
    ) -> Result<(), ReadError> {
        if let Some(path) = &self.tensor_trace {
            let file = map(path)?;
            let bytes = file.bytes();
            let bytes = &bytes[..first_bytes.unwrap_or(usize::MAX).min(bytes.len())];
            let layout = tensor_trace::read(bytes, path, builder, progress)?;
            parts.insert(0, format!("{} ({}-byte records)", file_name(path), layout.bytes()));
            if !self.token_traces.is_empty() {
                builder.health.report(
                    "token_files_ignored",
                    Severity::Info,
                    self.token_traces.len() as u64,
                    "traces/*.json are an export of the tensor_trace.bin beside them; the original was read",
                    || file_name(&self.token_traces[0]),
                );
            }
            return Ok(());
        }
        if self.token_traces.is_empty() {
            return Ok(());
        }
        let mut budget = first_bytes.unwrap_or(usize::MAX);
        let mut files = Vec::new();
        let mut failures = Vec::new();
        for path in &self.token_traces {
            match map(path) {
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
        progress.expect(files.iter().map(|f| f.bytes().len() as u64).sum());
        let read: Vec<Result<trace_json::TokenTrace, ReadError>> = files
            .par_iter()
            .map(|file| {
                let trace = trace_json::read(file.bytes(), file.path())?;
                progress.advance(file.bytes().len() as u64)?;
                Ok(trace)
            })
            .collect();
        progress.check()?;
        let mut traces = Vec::new();
        for result in read {
            match result {
                Ok(trace) => traces.push(trace),
                Err(error) => failures.push(error),
            }
        }
        if traces.is_empty() {
            let nothing = || ReadError::unusable(&self.token_traces[0], "no token trace could be read", NOTHING_HINT);
            return Err(failures.into_iter().next().unwrap_or_else(nothing));
        }
        builder.health.report(
            "token_file_unreadable",
            Severity::Error,
            failures.len() as u64,
            "token traces could not be read and were left out",
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
        parts.insert(0, format!("traces/*.json ({count} token{})", if count == 1 { "" } else { "s" }));
        Ok(())
    }

    fn read_model(
        &self,
        builder: &mut Builder,
        parts: &mut Vec<String>,
        failures: &mut Vec<ReadError>,
        map: &mut impl FnMut(&Path) -> Result<Arc<MappedFile>, ReadError>,
    ) {
        let mut headers = Vec::new();
        for path in &self.models {
            let header = map(path).and_then(|f| gguf::read_header(f.bytes(), path, f.bytes().len() as u64));
            match header {
                Ok((header, faults)) => {
                    builder.add_faults(faults);
                    headers.push(header);
                }
                Err(error) => failures.push(error),
            }
        }
        if !headers.is_empty() {
            let (model, faults) = gguf::to_model(&headers);
            builder.add_faults(faults);
            builder.set_model(model, ModelSource::Headers);
            parts.push(format!("{} GGUF header{}", headers.len(), if headers.len() == 1 { "" } else { "s" }));
        }
        let Some(path) = self.memory_map.as_ref().filter(|_| headers.is_empty()) else { return };
        match map(path).and_then(|f| memory_map::read(f.bytes(), path)) {
            Ok((model, faults)) => {
                builder.add_faults(faults);
                builder.set_model(model, ModelSource::Map);
                parts.push("memory map".to_owned());
            }
            Err(error) => failures.push(error),
        }
    }

    fn read_buffers(
        &self,
        builder: &mut Builder,
        parts: &mut Vec<String>,
        failures: &mut Vec<ReadError>,
        map: &mut impl FnMut(&Path) -> Result<Arc<MappedFile>, ReadError>,
    ) {
        // The log knows addresses, the timeline made from it does not.
        let read = match (&self.buffer_stats, &self.buffer_timeline) {
            (Some(path), _) => map(path).and_then(|f| buffers::read_stats(f.bytes(), path)),
            (None, Some(path)) => map(path).and_then(|f| buffers::read_timeline(f.bytes(), path)),
            (None, None) => return,
        };
        match read {
            Ok((buffers, faults)) => {
                builder.add_faults(faults);
                builder.add_buffers(buffers);
                parts.push("buffer log".to_owned());
            }
            Err(error) => failures.push(error),
        }
    }

    fn read_graphs(
        &self,
        builder: &mut Builder,
        parts: &mut Vec<String>,
        failures: &mut Vec<ReadError>,
        map: &mut impl FnMut(&Path) -> Result<Arc<MappedFile>, ReadError>,
    ) {
        for (number, path) in &self.graphs {
            let read = map(path).and_then(|f| match has_extension(path, "dot") {
                true => dot::read(f.bytes(), path),
                false => graph_json::read(f.bytes(), path),
            });
            match read {
                Ok((graph, faults)) => {
                    builder.add_faults(faults);
                    builder.add_graph(*number, with_op_names(graph));
                }
                Err(error) => failures.push(error),
            }
        }
        match builder.graph_count() {
            0 => {}
            1 => parts.push("1 graph".to_owned()),
            n => parts.push(format!("{n} graphs")),
        }
    }
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

fn list(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let io = |e| ReadError::io(folder, e);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// The last number in a file's name.
fn number(path: &Path) -> Option<u32> {
    let stem = path.file_stem()?.to_string_lossy();
    let end = stem.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = stem[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |i| i + 1);
    stem[start..end].parse().ok()
}
