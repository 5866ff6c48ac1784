//! From a run to files that other tools open: CSV, JSON, Parquet and Perfetto traces, each written as a stream

mod access_rows;
pub mod error;
mod parquet;
mod parquet_columns;
mod parquet_folders;
mod perfetto;
mod perfetto_times;
pub mod report;
mod report_charts;
mod report_html;
mod report_sections;
pub mod whole_file;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use crate::analysis::filter::Filter;
use crate::analysis::table_columns::Column;
use crate::analysis::table_rows::Rows;
use crate::analysis::table_text::{Listed, RowFormat};
use crate::analysis::watch::Watch;
use crate::trace::tracks::TrackLayout;
use crate::trace::{Phase, Trace};
pub use error::ExportError;

/// All of an export, in the thousandths that a [`Watch`] counts.
const ALL: [u32; 2] = [0, 1000];

/// What a row of CSV and JSON stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowKind {
    /// One row an op, with the columns of the table.
    #[default]
    Ops,
    /// One row a range of bytes that an op touches.
    Accesses,
}

/// What of a run is exported.
#[derive(Clone)]
pub struct RunExport {
    pub trace: Arc<Trace>,
    /// What the run is called among others.
    pub name: String,
    /// Its ops, in the order of execution.
    pub rows: Arc<Rows>,
}

impl RunExport {
    /// The ops that a filter and a phase let through. `layout` is that of the filter's region.
    pub fn new(
        trace: Arc<Trace>,
        name: String,
        filter: &Filter,
        phase: Option<Phase>,
        layout: &TrackLayout,
        watch: Watch<'_>,
    ) -> Result<Self, ExportError> {
        let rows = filter.matching_ops(&trace, phase, layout, watch.cancelled)?.ok_or(ExportError::Cancelled)?;
        Ok(Self { trace, name, rows: Arc::new(rows) })
    }

    /// Writes CSV, TSV or JSON, and gives how many rows there are.
    pub fn write_rows(
        &self,
        kind: RowKind,
        format: RowFormat,
        out: &mut impl Write,
        watch: Watch<'_>,
    ) -> io::Result<u64> {
        match kind {
            RowKind::Ops => {
                let (trace, rows) = (self.trace.clone(), self.rows.clone());
                let listed = Listed { trace, columns: Column::ALL.to_vec(), rows, groups: None };
                write_listed(&listed, format, out, watch)
            }
            RowKind::Accesses => access_rows::write(self, format, out, watch),
        }
    }

    /// Writes a trace that ui.perfetto.dev opens, and gives how many ops are in it.
    pub fn write_perfetto(&self, out: &mut impl Write, watch: Watch<'_>) -> io::Result<u64> {
        perfetto::write(self, out, watch)
    }

    /// Adds the run to the folder of Parquet files at `path`, and gives how many accesses were written.
    pub fn write_parquet(&self, path: &Path, watch: Watch<'_>) -> Result<u64, ExportError> {
        parquet_folders::write(self, path, watch)
    }
}

/// Writes rows of the table as they are shown.
pub fn write_listed(listed: &Listed, format: RowFormat, out: &mut impl Write, watch: Watch<'_>) -> io::Result<u64> {
    let count = listed.len();
    match listed.write(out, format, 0..count, |rows| watch.reach(ALL, rows, count).is_some())? {
        true => Ok(count as u64),
        false => Err(cancelled()),
    }
}

/// Fills a file that is there whole or not at all.
pub fn to_file(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<u64>) -> Result<u64, ExportError> {
    let mut written = 0;
    whole_file::write_whole(path, |out| {
        written = fill(out)?;
        Ok(())
    })
    .map_err(|source| ExportError::io(path, source))?;
    Ok(written)
}

/// How writers say that nobody wants the file any more.
fn cancelled() -> io::Error {
    io::ErrorKind::Interrupted.into()
}
