//! What outlives the program: where panels are, how large and in which colours things are drawn, what was opened last.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::panels::Part;
use crate::export::whole_file::write_whole;
use crate::state::table_choices::ShownColumn;
use crate::state::{PaletteChoice, Theme, View};

/// Folder of the settings, in place of the system's.
pub const FOLDER_VARIABLE: &str = "TENSORSCOPE_CONFIG_DIR";
const FILE: &str = "settings.json";
/// No settings are as long; what is, is something else.
const MOST_BYTES: u64 = 1 << 20;
/// Changes that follow each other are written together, this long after the first.
const PAUSE_S: f64 = 1.0;
pub const MOST_RECENT_RUNS: usize = 10;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub theme: Theme,
    pub ui_scale: f32,
    /// Colours of the heatmap.
    pub palette: PaletteChoice,
    /// Of the table; nothing where they are as at first.
    pub columns: Option<Vec<ShownColumn>>,
    /// Nothing where panels are as at first.
    pub panels: Option<Part>,
    pub closed: BTreeSet<View>,
    /// The last opened first.
    pub recent_runs: Vec<PathBuf>,
    /// Names of commands, the last used first.
    pub recent_commands: Vec<String>,
    /// Whether the card that says what to try first was closed.
    pub hint_seen: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::default(),
            ui_scale: 1.0,
            palette: PaletteChoice::default(),
            columns: None,
            panels: None,
            closed: BTreeSet::new(),
            recent_runs: Vec::new(),
            recent_commands: Vec::new(),
            hint_seen: false,
        }
    }
}

impl Settings {
    /// What `path` says, and what of it cannot be used. A file that is not there says nothing.
    pub fn read(path: &Path) -> (Self, Option<String>) {
        let fault = |why: String| Some(format!("settings in {}: {why}; used as at first instead", path.display()));
        let text = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (Self::default(), None),
            Ok(file) if file.len() > MOST_BYTES => {
                return (Self::default(), fault("the file is too long to be settings".to_owned()));
            }
            _ => match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) => return (Self::default(), fault(error.to_string())),
            },
        };
        let value = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(serde_json::Value::Object(value)) => value,
            Ok(_) => return (Self::default(), fault("the file is no JSON object".to_owned())),
            Err(error) => return (Self::default(), fault(error.to_string())),
        };
        let mut odd = Vec::new();
        let first = Self::default();
        let settings = Self {
            theme: field(&value, "theme", first.theme, &mut odd),
            ui_scale: field(&value, "ui_scale", first.ui_scale, &mut odd),
            palette: field(&value, "palette", first.palette, &mut odd),
            columns: field(&value, "columns", first.columns, &mut odd),
            panels: field(&value, "panels", first.panels, &mut odd),
            // A panel that only another version has is none to close.
            closed: field(&value, "closed", Vec::<serde_json::Value>::new(), &mut odd)
                .into_iter()
                .filter_map(|view| serde_json::from_value(view).ok())
                .collect(),
            recent_runs: field(&value, "recent_runs", first.recent_runs, &mut odd),
            recent_commands: field(&value, "recent_commands", first.recent_commands, &mut odd),
            hint_seen: field(&value, "hint_seen", first.hint_seen, &mut odd),
        };
        let fault = if odd.is_empty() { None } else { fault(format!("{} cannot be read", odd.join(", "))) };
        (settings, fault)
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        write_whole(path, |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            file.write_all(b"\n")
        })
    }
}

/// One field, as at first where it is not there or cannot be read.
fn field<T: DeserializeOwned>(
    value: &serde_json::Map<String, serde_json::Value>,
    name: &'static str,
    first: T,
    odd: &mut Vec<&'static str>,
) -> T {
    match value.get(name).map(|value| serde_json::from_value(value.clone())) {
        None => first,
        Some(Ok(value)) => value,
        Some(Err(_)) => {
            odd.push(name);
            first
        }
    }
}

/// Where the settings are: in the folder that the environment names, or the system's for this. `None` where the system
/// has none.
pub fn path() -> Option<PathBuf> {
    let folder = match std::env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => dirs::config_dir()?.join("tensorscope"),
    };
    Some(folder.join(FILE))
}

/// Writes settings when they have changed, and a little later, so that a drag is one change.
pub struct Keeper {
    path: PathBuf,
    written: Settings,
    due_s: Option<f64>,
}

impl Keeper {
    /// `read` is what the file says.
    pub fn new(path: PathBuf, read: Settings) -> Self {
        Self { path, written: read, due_s: None }
    }

    /// Looks at the settings as they are at `now_s`, and writes them if it is time to. Seconds until the next look, where
    /// there is something to write.
    pub fn look(&mut self, now: &Settings, now_s: f64) -> Result<Option<f64>, String> {
        if *now == self.written {
            self.due_s = None;
            return Ok(None);
        }
        let due_s = *self.due_s.get_or_insert(now_s + PAUSE_S);
        if now_s < due_s {
            return Ok(Some(due_s - now_s));
        }
        self.write(now).map(|()| None)
    }

    /// Writes what has changed, at once.
    pub fn write(&mut self, now: &Settings) -> Result<(), String> {
        self.due_s = None;
        if *now == self.written {
            return Ok(());
        }
        // A fault is told once, not with every frame.
        self.written = now.clone();
        now.write(&self.path).map_err(|error| {
            format!(
                "settings were not written to {}: {error}; set {FOLDER_VARIABLE} to a folder that can be written to",
                self.path.display()
            )
        })
    }
}

/// `path` in front of the runs that were opened last.
pub fn opened(recent: &mut Vec<PathBuf>, path: &Path) {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // Settings are text.
    if path.to_str().is_none() {
        return;
    }
    recent.retain(|known| *known != path);
    recent.insert(0, path);
    recent.truncate(MOST_RECENT_RUNS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_and_damage_is_told_and_survived() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/settings.json");
        assert_eq!(Settings::read(&path), (Settings::default(), None), "there are none at first");
        let mut recent = vec![PathBuf::from("/a")];
        opened(&mut recent, Path::new("/b"));
        opened(&mut recent, Path::new("/a"));
        assert_eq!(recent, [PathBuf::from("/a"), PathBuf::from("/b")]);
        let settings = Settings {
            theme: Theme::Light,
            ui_scale: 1.25,
            closed: [View::Health].into(),
            recent_runs: recent,
            hint_seen: true,
            ..Settings::default()
        };
        settings.write(&path).unwrap();
        assert_eq!(Settings::read(&path), (settings.clone(), None));
        for damage in ["", "{", "[]", "{\"theme\":", "\u{0}\u{1}"] {
            std::fs::write(&path, damage).unwrap();
            let (read, fault) = Settings::read(&path);
            assert_eq!(read, Settings::default(), "{damage:?}");
            assert!(fault.unwrap().contains("settings.json"), "{damage:?}");
        }
        std::fs::write(&path, r#"{"theme":"sepia","ui_scale":1.5,"closed":["health","holodeck"],"later":true}"#)
            .unwrap();
        let (read, fault) = Settings::read(&path);
        assert_eq!((read.theme, read.ui_scale), (Theme::Dark, 1.5), "what can be read is used");
        assert_eq!(read.closed, [View::Health].into());
        assert!(fault.unwrap().contains("theme cannot be read"));
    }

    #[test]
    fn changes_are_written_a_little_later_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let mut keeper = Keeper::new(path.clone(), Settings::default());
        assert_eq!(keeper.look(&Settings::default(), 0.0), Ok(None));
        let mut now = Settings { ui_scale: 1.1, ..Settings::default() };
        assert_eq!(keeper.look(&now, 10.0), Ok(Some(1.0)));
        now.ui_scale = 1.25;
        assert_eq!(keeper.look(&now, 10.5), Ok(Some(0.5)));
        assert!(!path.exists());
        assert_eq!(keeper.look(&now, 11.0), Ok(None));
        assert_eq!(Settings::read(&path).0, now);
        // Where nothing can be written, that is said once.
        let mut nowhere = Keeper::new(path.join("below"), Settings::default());
        assert!(nowhere.write(&now).unwrap_err().contains(FOLDER_VARIABLE));
        assert_eq!(nowhere.write(&now), Ok(()));
    }
}
