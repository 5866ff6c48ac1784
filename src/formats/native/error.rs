//! Why a run was not written, or not all of it.

use std::io;
use std::path::{Path, PathBuf};

use arrow_schema::ArrowError;

use crate::formats::error::ReadError;
use crate::units;

/// Its text is one line: what happened, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{}: there is something already; remove it or choose another name", .0.display())]
    Exists(PathBuf),
    #[error("{}: {source}; check the path, your rights and the free space", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: no room to write {} more: {source}; free space there", path.display(), units::bytes(*bytes))]
    Full { path: PathBuf, bytes: u64, source: io::Error },
    #[error("{}: {source}; the run cannot be written, report this with its source", path.display())]
    Arrow { path: PathBuf, source: ArrowError },
    /// Its rows would contradict those before them: a fault of the caller.
    #[error("{}: {reason}; these rows were left out, report this with what was recorded", path.display())]
    Rows { path: PathBuf, reason: String },
    #[error("{}: a run can hold no more {what}; end this recording and begin another", path.display())]
    TooMany { path: PathBuf, what: &'static str },
    /// What a failed write left could not be cut off, so that nothing can follow it.
    #[error("{}: an earlier write failed and could not be undone; end this recording and begin another", .0.display())]
    Torn(PathBuf),
    /// A recording reads its own streams when it ends.
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{}: it is not as it was recorded: something else changed it; what is left of it can still be opened", .0.display())]
    Changed(PathBuf),
}

impl WriteError {
    /// For a write of `bytes` bytes to `path`.
    pub(super) fn io(path: &Path, bytes: u64, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { path, bytes, source }
            }
            _ => Self::Io { path, source },
        }
    }

    /// As [`WriteError::io`], through Arrow's writer.
    pub(super) fn arrow(path: &Path, bytes: u64, source: ArrowError) -> Self {
        match source {
            ArrowError::IoError(_, source) => Self::io(path, bytes, source),
            source => Self::Arrow { path: path.to_owned(), source },
        }
    }
}
