//! Scripts: files of Actions, one JSON object a line, played frame by frame.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::state::Action;

/// Actions that are still to be done, and frames to let pass first.
#[derive(Debug, Default)]
pub struct Script {
    actions: VecDeque<Action>,
    wait_frames: u32,
    wait_ms: f64,
}

/// Sums of the times between frames miss round numbers by less.
const SLACK_MS: f64 = 1e-6;

#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("{}: {source}; check the path", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: line {line}: {reason}; `tensorscope actions` lists what there is", path.display())]
    Line { path: PathBuf, line: usize, reason: String },
}

impl Script {
    /// Reads a file. Empty lines and lines that begin with `#` are passed over.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScriptError::Io { path: path.to_owned(), source })?;
        let mut actions = VecDeque::new();
        for (line, text) in (1..).zip(text.lines()).filter(|(_, t)| !t.trim().is_empty() && !t.trim().starts_with('#'))
        {
            let action = serde_json::from_str(text).map_err(|error| {
                let reason = error.to_string();
                let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
                ScriptError::Line { path: path.to_owned(), line, reason }
            })?;
            actions.push_back(action);
        }
        Ok(Self { actions, ..Self::default() })
    }

    /// Every action that is still to be done.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter()
    }

    /// The actions that are due in this frame, up to the next wait. What follows a wait of so many frames is due so many
    /// frames later; what follows one of so many ms in the first frame that is so much later, where `delta_ms` lie between
    /// frames.
    pub fn due(&mut self, delta_ms: f64) -> Vec<Action> {
        self.wait_frames = self.wait_frames.saturating_sub(1);
        self.wait_ms = if self.wait_ms > delta_ms + SLACK_MS { self.wait_ms - delta_ms } else { 0.0 };
        if self.waits() {
            return Vec::new();
        }
        let mut due = Vec::new();
        while let Some(action) = self.actions.pop_front() {
            if let Action::Wait { frames, ms } = action {
                (self.wait_frames, self.wait_ms) = (frames, ms);
                break;
            }
            let opens = matches!(action, Action::Open { .. });
            due.push(action);
            // What follows speaks of the run that is opened.
            if opens {
                break;
            }
        }
        due
    }

    pub fn is_done(&self) -> bool {
        self.actions.is_empty() && !self.waits()
    }

    fn waits(&self) -> bool {
        self.wait_frames > 0 || self.wait_ms > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_as_long_at_any_number_of_frames_a_second() {
        let step = 1000.0 / 60.0;
        for (delta_ms, frames) in [(step, 60), (step / 4.0, 240), (1000.0 / 24.0, 24), (700.0, 2)] {
            let actions = [Action::Wait { frames: 0, ms: 1000.0 }, Action::Pause].into();
            let mut script = Script { actions, ..Script::default() };
            assert!(script.due(delta_ms).is_empty() && !script.is_done());
            let waited = (1..1000).find(|_| !script.due(delta_ms).is_empty());
            assert_eq!((waited, script.is_done()), (Some(frames), true), "{delta_ms} ms");
        }
        let mut script =
            Script { actions: [Action::Wait { frames: 3, ms: 0.0 }, Action::Pause].into(), ..Script::default() };
        assert_eq!((1..1000).find(|_| !script.due(step).is_empty()), Some(4));
    }
}
