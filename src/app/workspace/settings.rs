//! What of a workspace outlives the program: taken up when it begins, kept while it changes.

use std::path::PathBuf;

use super::Workspace;
use crate::app::panels;
use crate::app::settings::{Keeper, Settings};
use crate::state::Action;

impl Workspace {
    /// Takes up the choices that `path` keeps between starts, and keeps what is chosen from now on.
    pub fn use_settings(&mut self, path: PathBuf) {
        let (read, fault) = Settings::read(&path);
        self.status.problem.clone_from(&fault);
        self.settings_fault = fault;
        self.state.theme = read.theme;
        self.state.heat.palette = read.palette;
        let mut first = vec![Action::SetUiScale { scale: read.ui_scale }];
        first.extend(read.columns.clone().map(|columns| Action::SetColumns { columns }));
        for action in first {
            // A column that is none is not worth a word.
            self.state.apply(&action);
        }
        if let Some(part) = &read.panels {
            self.tree = panels::restore(part);
        }
        self.state.interface.closed.clone_from(&read.closed);
        self.state.interface.hint_shown = !read.hint_seen;
        self.hint_seen = read.hint_seen;
        self.recent_runs.clone_from(&read.recent_runs);
        self.palette.recent.clone_from(&read.recent_commands);
        self.keeper = Some(Keeper::new(path, read));
    }

    pub(super) fn settings(&self) -> Settings {
        let first = panels::describe(&panels::first_arrangement());
        let columns = &self.state.table.columns;
        Settings {
            theme: self.state.theme,
            ui_scale: self.state.interface.ui_scale,
            palette: self.state.heat.palette,
            columns: (!self.state.table.has_usual_columns()).then(|| columns.clone()),
            panels: panels::describe(&self.tree).filter(|part| Some(part) != first.as_ref()),
            closed: self.state.interface.closed.clone(),
            recent_runs: self.recent_runs.clone(),
            recent_commands: self.palette.recent.clone(),
            hint_seen: self.hint_seen,
        }
    }

    /// Keeps what was chosen, once it has been so for a moment.
    pub(super) fn keep_settings(&mut self, context: &egui::Context, now_s: f64) {
        if self.keeper.is_none() {
            return;
        }
        let now = self.settings();
        match self.keeper.as_mut().map_or(Ok(None), |keeper| keeper.look(&now, now_s)) {
            Ok(None) => {}
            Ok(Some(seconds)) => context.request_repaint_after(std::time::Duration::from_secs_f64(seconds)),
            Err(problem) => self.status.problem = Some(problem),
        }
    }
}
