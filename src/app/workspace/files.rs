//! What a workspace writes: rows of the table, runs for other tools, reports; one at a time, beside the frames.

use std::path::PathBuf;
use std::sync::Arc;

use super::Workspace;
use crate::app::exporter::{Exporter, Written, run_name, write_run};
use crate::app::pictures::write_report;
use crate::export::{ExportError, RowKind, RunExport};
use crate::state::table_choices::RowFormat;
use crate::state::{Document, RunFormat};
use crate::trace::Track;

/// What is to be done with rows of the table.
pub(super) enum RowsWanted {
    Copy(RowFormat),
    Export(PathBuf, RowFormat),
}

impl Workspace {
    /// Copies and exports rows, once the table has those that were asked for, and says what came of it.
    pub(super) fn carry_rows(&mut self) {
        if self.table.fault().is_some() {
            // It is said already; rows of another filter are not what was asked for.
            self.rows_wanted.clear();
        }
        if !self.rows_wanted.is_empty() && !self.table.is_working() {
            for wanted in std::mem::take(&mut self.rows_wanted) {
                match wanted {
                    RowsWanted::Copy(format) => {
                        if let Some((text, said)) = self.table.copied(&self.state, format) {
                            self.copied = Some(text);
                            self.status.notice = Some(said);
                        }
                    }
                    RowsWanted::Export(path, format) => self.export(path, format),
                }
            }
        }
        if let Some(result) = self.exporter.as_ref().and_then(Exporter::poll)
            && let Some(exporter) = self.exporter.take()
        {
            match result {
                Ok(written) => {
                    self.status.notice = Some(format!("wrote {written} to {}", exporter.path.display()));
                }
                Err(ExportError::Cancelled) => self.status.notice = Some("the export was stopped".to_owned()),
                Err(error) => self.status.problem = Some(error.to_string()),
            }
        }
    }

    fn export(&mut self, path: PathBuf, format: RowFormat) {
        if self.is_writing() {
            return;
        }
        let Some(listed) = self.table.listed(&self.state) else { return };
        let started = Exporter::rows(listed, path, format, self.waker.clone());
        self.take_exporter(started);
    }

    /// Writes the ops that the filter lets through, for other tools.
    pub(super) fn export_run(&mut self, path: PathBuf, format: RunFormat) {
        let Some(document) = self.whole_document() else { return };
        if self.is_writing() {
            return;
        }
        let (filter, phase, order) = (self.state.filter.clone(), self.state.phase, self.state.heat.order);
        let started = Exporter::start(path, self.waker.clone(), move |path, watch| {
            let track = filter.region.map_or(Track::Disk, |region| region.track);
            let layout = document.layouts(order)[track as usize];
            let (trace, name) = (document.trace.clone(), run_name(&document.path));
            let run = RunExport::new(trace, name, &filter, phase, layout, watch)?;
            write_run(&run, RowKind::Ops, format, path, watch)
        });
        self.take_exporter(started);
    }

    /// Writes the run's figures, charts and pictures; these are drawn by a GPU context of their own.
    pub(super) fn write_report(&mut self, path: PathBuf) {
        let Some(document) = self.whole_document() else { return };
        if self.is_writing() {
            return;
        }
        let started = Exporter::start(path, self.waker.clone(), move |path, watch| {
            write_report(document.trace.clone(), &document.path, path, watch)?;
            Ok(Written { count: 1, what: "report" })
        });
        self.take_exporter(started);
    }

    /// The run, once all of it was read.
    fn whole_document(&mut self) -> Option<Arc<Document>> {
        let document = self.state.document.clone()?;
        if !document.complete {
            self.status.problem = Some("the run is being read; export it when that is done".to_owned());
        }
        document.complete.then_some(document)
    }

    /// Whether a file is being written, which the status line then says.
    fn is_writing(&mut self) -> bool {
        if self.exporter.is_some() {
            self.status.problem = Some("an export is being written; wait for it or stop it".to_owned());
        }
        self.exporter.is_some()
    }

    /// Stops what is being written before the window goes, and waits until nothing of it is left.
    pub(super) fn stop_writing(&mut self) {
        let Some(exporter) = self.exporter.take() else { return };
        exporter.cancel();
        match exporter.wait() {
            Ok(_) => {}
            Err(ExportError::Cancelled) => {
                let path = exporter.path.display();
                eprintln!("tensorscope: {path}: the window was closed before it was written; nothing is left of it");
            }
            Err(error) => eprintln!("tensorscope: {error}"),
        }
    }

    fn take_exporter(&mut self, started: std::io::Result<Exporter>) {
        match started {
            Ok(exporter) => self.exporter = Some(exporter),
            Err(error) => self.status.problem = Some(format!("no thread to write with: {error}")),
        }
    }
}
