//! Why a file was not written: one line that says what happened, where, and what to do

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

use crate::analysis::filter_match::FilterError;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("{}: no room for these rows: {source}; free space there or choose another folder", path.display())]
    Full { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}; name a file in a folder that exists and that you may write to", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "{}: run {name:?} is there already; remove its folders (run=...) or give this one another name (--name)",
        path.display()
    )]
    Exists { path: PathBuf, name: String },
    #[error("{}: {source}; the run cannot be written as Parquet, report this with its source", path.display())]
    Parquet { path: PathBuf, source: ParquetError },
}

impl ExportError {
    pub fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::Interrupted => Self::Cancelled,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { path, source }
            }
            _ => Self::Write { path, source },
        }
    }

    /// The same of `path`, where the fault is in a file that only bears its name for a while.
    pub(super) fn at(self, path: &Path) -> Self {
        let path = path.to_owned();
        match self {
            Self::Full { source, .. } => Self::Full { path, source },
            Self::Write { source, .. } => Self::Write { path, source },
            Self::Parquet { source, .. } => Self::Parquet { path, source },
            other => other,
        }
    }

    /// As [`ExportError::io`], through the writer of Parquet.
    pub(super) fn parquet(path: &Path, source: ParquetError) -> Self {
        match source {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(source) => Self::io(path, *source),
                Err(inner) => Self::Parquet { path: path.to_owned(), source: ParquetError::External(inner) },
            },
            source => Self::Parquet { path: path.to_owned(), source },
        }
    }
}
