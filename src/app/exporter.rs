//! Writes files beside the window: rows of the table and whole runs, with progress and cancel

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use super::Waker;
use crate::analysis::table_text::{Listed, RowFormat};
use crate::analysis::watch::Watch;
use crate::export::{self, ExportError, RowKind, RunExport};
use crate::state::RunFormat;
use crate::units;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub count: u64,
    /// Of what, in the plural.
    pub what: &'static str,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", units::count(self.count), self.what)
    }
}

/// A file that is being written. Dropping it cancels, and waits until nothing half-written is left.
pub struct Exporter {
    pub path: PathBuf,
    progress: Arc<Progress>,
    done: Receiver<Result<Written, ExportError>>,
    /// There until this is dropped.
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Progress {
    thousandths: AtomicU32,
    cancelled: AtomicBool,
}

impl Exporter {
    /// Starts to write, in a thread of its own, which asks for a frame when it has ended.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        path: PathBuf,
        waker: Waker,
        write: impl FnOnce(&Path, Watch<'_>) -> Result<Written, ExportError> + Send + 'static,
    ) -> io::Result<Self> {
        let progress = Arc::new(Progress::default());
        let (send, done) = sync_channel(1);
        let (thread_path, thread_progress) = (path.clone(), progress.clone());
        let thread = std::thread::Builder::new().name("export".to_owned()).spawn(move || {
            let Progress { thousandths, cancelled } = &*thread_progress;
            let result = write(&thread_path, Watch { cancelled, done: thousandths });
            // Nobody listens any more once the program ends.
            drop(send.send(result));
            waker.wake();
        })?;
        Ok(Self { path, progress, done, thread: Some(thread) })
    }

    /// Starts to write rows of the table.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn rows(listed: Listed, path: PathBuf, format: RowFormat, waker: Waker) -> io::Result<Self> {
        Self::start(path, waker, move |path, watch| {
            let count = export::to_file(path, |out| export::write_listed(&listed, format, out, watch))?;
            Ok(Written { count, what: "rows" })
        })
    }

    /// What was written, or why nothing, once it has ended.
    pub fn poll(&self) -> Option<Result<Written, ExportError>> {
        match self.done.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(self.lost())),
        }
    }

    /// As [`Self::poll`], but waits for the end; once.
    pub fn wait(&self) -> Result<Written, ExportError> {
        self.done.recv().unwrap_or_else(|_| Err(self.lost()))
    }

    fn lost(&self) -> ExportError {
        let source = io::Error::other("writing it ended unexpectedly");
        ExportError::Write { path: self.path.clone(), source }
    }

    /// How far it is, in thousandths.
    pub fn thousandths(&self) -> u32 {
        self.progress.thousandths.load(Ordering::Relaxed)
    }

    pub fn cancel(&self) {
        self.progress.cancelled.store(true, Ordering::Relaxed);
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.cancel();
        // Who has heard of the end waits for nothing any more, and writers look often whether they are wanted.
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Writes a run, or what of it is exported, to `path`.
pub fn write_run(
    run: &RunExport,
    kind: RowKind,
    format: RunFormat,
    path: &Path,
    watch: Watch<'_>,
) -> Result<Written, ExportError> {
    let rows = match kind {
        RowKind::Ops => "ops",
        RowKind::Accesses => "accesses",
    };
    let (count, what) = match format {
        RunFormat::Csv => (export::to_file(path, |out| run.write_rows(kind, RowFormat::Csv, out, watch))?, rows),
        RunFormat::Json => (export::to_file(path, |out| run.write_rows(kind, RowFormat::Json, out, watch))?, rows),
        RunFormat::Parquet => (run.write_parquet(path, watch)?, "accesses"),
        RunFormat::Perfetto => (export::to_file(path, |out| run.write_perfetto(out, watch))?, "ops"),
    };
    Ok(Written { count, what })
}

/// What a run is called among others: its file's name without what all of them end in.
pub fn run_name(path: &Path) -> String {
    let name = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = name.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let name = name.strip_suffix(".tscope").unwrap_or(&name);
    if name.is_empty() { "run".to_owned() } else { name.to_owned() }
}
