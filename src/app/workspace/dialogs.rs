//! Dialogs of the system's for a workspace's files, in a thread: they block.

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use super::Workspace;
use crate::state::table_choices::RowFormat;
use crate::state::{Action, RunFormat};

/// What came of a dialog; nothing where it was closed.
pub(super) enum Chosen {
    Run(Option<PathBuf>),
    Rows(Option<PathBuf>, RowFormat),
    Export(Option<PathBuf>, RunFormat),
    Report(Option<PathBuf>),
}

impl Workspace {
    /// Asks in a dialog of the system's, in a thread: dialogs block.
    fn choose(&mut self, ask: impl FnOnce() -> Chosen + Send + 'static) {
        let (send, receive) = sync_channel(1);
        let waker = self.waker.clone();
        let spawned = std::thread::Builder::new().name("dialog".to_owned()).spawn(move || {
            // The window may be gone by now.
            drop(send.send(ask()));
            waker.wake();
        });
        match spawned {
            Ok(_) => self.chosen = Some(receive),
            Err(error) => self.status.problem = Some(format!("no dialog: {error}")),
        }
    }

    pub(super) fn choose_run(&mut self, folder: bool) {
        self.choose(move || {
            let dialog = rfd::FileDialog::new().set_title("Open a run");
            Chosen::Run(if folder { dialog.pick_folder() } else { dialog.pick_file() })
        });
    }

    pub(super) fn choose_rows_file(&mut self, format: RowFormat) {
        self.choose(move || {
            let dialog =
                rfd::FileDialog::new().set_title("Export rows").set_file_name(format!("rows.{}", format.name()));
            Chosen::Rows(dialog.save_file(), format)
        });
    }

    pub(super) fn choose_export(&mut self, format: RunFormat) {
        self.choose(move || {
            let dialog = rfd::FileDialog::new().set_title(format!("Export as {}", format.label()));
            let path = match format {
                RunFormat::Parquet => dialog.set_title("Folder of Parquet files to add the run to").pick_folder(),
                RunFormat::Perfetto => dialog.set_file_name("run.perfetto.json").save_file(),
                RunFormat::Csv => dialog.set_file_name("ops.csv").save_file(),
                RunFormat::Json => dialog.set_file_name("ops.json").save_file(),
            };
            Chosen::Export(path, format)
        });
    }

    pub(super) fn choose_report(&mut self) {
        self.choose(|| {
            let dialog = rfd::FileDialog::new().set_title("Report").set_file_name("report.html");
            Chosen::Report(dialog.save_file())
        });
    }

    /// Does what was chosen, once something was.
    pub(super) fn take_chosen(&mut self) {
        if let Some(chosen) = self.chosen.as_ref().and_then(|c| c.try_recv().ok()) {
            self.chosen = None;
            match chosen {
                Chosen::Run(Some(path)) => self.open(path),
                Chosen::Rows(Some(path), format) => self.act(Action::ExportRows { path, format }),
                Chosen::Export(Some(path), format) => self.act(Action::ExportRun { path, format }),
                Chosen::Report(Some(path)) => self.act(Action::WriteReport { path }),
                Chosen::Run(None) | Chosen::Rows(None, _) | Chosen::Export(None, _) | Chosen::Report(None) => {}
            }
        }
    }
}
