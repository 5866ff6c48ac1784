//! The folder of a film: made for it or empty, with numbered frames in it

use std::fs;
use std::path::{Path, PathBuf};

use super::FilmError;

/// A folder that frames go into.
pub struct Folder {
    pub path: PathBuf,
    /// It was not there before.
    made: bool,
}

impl Folder {
    /// Makes the folder, unless it is there and empty.
    pub fn make(path: &Path) -> Result<Self, FilmError> {
        let path = path.to_owned();
        let failed = |path: &Path, source| FilmError::Folder { path: path.to_owned(), source };
        match fs::create_dir(&path) {
            Ok(()) => return Ok(Self { path, made: true }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(failed(&path, source)),
        }
        let mut entries = fs::read_dir(&path).map_err(|source| failed(&path, source))?;
        match entries.next() {
            None => Ok(Self { path, made: false }),
            Some(_) => Err(FilmError::NotEmpty { path }),
        }
    }

    pub fn frame(&self, number: u32) -> PathBuf {
        self.path.join(frame_name(number))
    }

    /// Takes a frame away that would stand behind a gap.
    pub fn remove_frame(&self, number: u32) {
        // Where it cannot be taken away it is whole still, and the manifest does not list it.
        let _ = fs::remove_file(self.frame(number));
    }

    /// Takes the folder away where it was made here and nothing is in it.
    pub fn remove_if_made(&self) {
        if self.made {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// The name of a frame's file.
pub fn frame_name(number: u32) -> String {
    format!("frame-{number:05}.png")
}
