//! Which files of a folder make up a run, going by their names.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::ReadError;
use super::faults::file_name;

/// The files of a run, or one file alone. None of them has been opened yet.
#[derive(Debug, Default)]
pub(super) struct RunFiles {
    pub tensor_trace: Option<PathBuf>,
    /// By token number, which is also the order of time.
    pub token_traces: Vec<PathBuf>,
    /// With the number in its name.
    pub graphs: Vec<(u32, PathBuf)>,
    pub models: Vec<PathBuf>,
    pub memory_map: Option<PathBuf>,
    pub buffer_stats: Option<PathBuf>,
    pub buffer_timeline: Option<PathBuf>,
}

impl RunFiles {
    pub fn in_folder(folder: &Path) -> Result<Self, ReadError> {
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
    pub fn single(path: &Path) -> Self {
        let mut files = Self::default();
        if !files.take(path.to_owned()) {
            files.tensor_trace = Some(path.to_owned());
        }
        files
    }

    /// Whether `path` is a part of a run.
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

    pub fn is_empty(&self) -> bool {
        !self.has_trace()
            && self.graphs.is_empty()
            && self.models.is_empty()
            && self.memory_map.is_none()
            && self.buffer_stats.is_none()
            && self.buffer_timeline.is_none()
    }

    pub fn has_trace(&self) -> bool {
        self.tensor_trace.is_some() || !self.token_traces.is_empty()
    }

    pub fn trace_bytes(&self) -> u64 {
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |m| m.len());
        match &self.tensor_trace {
            Some(path) => size(path),
            None => self.token_traces.iter().map(size).sum(),
        }
    }
}

/// Everything in `folder` but folders, in order. What cannot be opened (a broken link, a pipe) is listed too, so that
/// whoever opens it says so.
fn list(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let io = |e| ReadError::io(folder, e);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// The first folder in `folder` whose name ends in `.tscope`.
pub(super) fn native_run_inside(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    entries.filter(|path| has_extension(path, "tscope") && path.is_dir()).min()
}

/// The last number in a file's name.
fn number(path: &Path) -> Option<u32> {
    let stem = path.file_stem()?.to_string_lossy();
    let end = stem.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = stem[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |i| i + 1);
    stem[start..end].parse().ok()
}
