//! Writes rows of the table to a file beside the window: progress, cancel, and a file that is whole or not there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use super::Waker;
use super::whole_file::write_whole;
use crate::analysis::table_text::{Listed, RowFormat};

/// Why a file of rows was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("cancelled")]
    Cancelled,
    #[error("{}: no room for these rows: {source}; free space there or choose another folder", path.display())]
    Full { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}; name a file in a folder that exists and that you may write to", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Rows that are being written. Dropping it cancels.
pub struct Exporter {
    pub path: PathBuf,
    total: usize,
    progress: Arc<Progress>,
    done: Receiver<Result<usize, ExportError>>,
}

#[derive(Default)]
struct Progress {
    rows: AtomicUsize,
    cancelled: AtomicBool,
}

impl Exporter {
    /// Starts to write, in a thread of its own, which asks for a frame when it has ended.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(listed: Listed, path: PathBuf, format: RowFormat, waker: Waker) -> io::Result<Self> {
        let progress = Arc::new(Progress::default());
        let (send, done) = sync_channel(1);
        let (thread_path, thread_progress, total) = (path.clone(), progress.clone(), listed.len());
        std::thread::Builder::new().name("export".to_owned()).spawn(move || {
            let result = export(&listed, &thread_path, format, &thread_progress);
            // Nobody listens any more once the program ends.
            drop(send.send(result));
            waker.wake();
        })?;
        Ok(Self { path, total, progress, done })
    }

    /// Rows written, or why not, once it has ended.
    pub fn poll(&self) -> Option<Result<usize, ExportError>> {
        match self.done.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let source = io::Error::other("writing it ended unexpectedly");
                Some(Err(ExportError::Write { path: self.path.clone(), source }))
            }
        }
    }

    /// Rows written and rows to write.
    pub fn rows(&self) -> (usize, usize) {
        (self.progress.rows.load(Ordering::Relaxed), self.total)
    }

    pub fn cancel(&self) {
        self.progress.cancelled.store(true, Ordering::Relaxed);
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.cancel();
    }
}

fn export(listed: &Listed, path: &Path, format: RowFormat, progress: &Progress) -> Result<usize, ExportError> {
    let proceed = |rows: usize| {
        progress.rows.store(rows, Ordering::Relaxed);
        !progress.cancelled.load(Ordering::Relaxed)
    };
    let written = write_whole(path, |file| match listed.write(file, format, 0..listed.len(), proceed)? {
        true => Ok(()),
        false => Err(io::ErrorKind::Interrupted.into()),
    });
    let path = path.to_owned();
    written.map(|()| listed.len()).map_err(|source| match source.kind() {
        io::ErrorKind::Interrupted => ExportError::Cancelled,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ExportError::Full { path, source }
        }
        _ => ExportError::Write { path, source },
    })
}
