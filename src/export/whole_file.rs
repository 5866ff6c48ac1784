//! Files that are there whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Links that lead to links, before they count as a circle; the most that Linux follows.
const MOST_LINKS: usize = 40;

/// Fills a file under a temporary name beside `path` and renames it, so that no reader ever sees a part. An error
/// leaves `path` as it was and nothing beside it. A link stays one: the file that it leads to is replaced. What is no
/// file, such as a pipe or a device, is written into as it comes.
pub fn write_whole(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => {
            let mut writer = BufWriter::new(fs::OpenOptions::new().write(true).open(path)?);
            fill(&mut writer)?;
            return writer.flush();
        }
        // What is wrong with the place, creating the file says.
        _ => {}
    }
    let target = linked(path)?;
    let Some(name) = target.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it names no file"));
    };
    // Unique among processes and threads that write to one folder.
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut temporary_name = OsString::from(".");
    temporary_name.push(name);
    temporary_name.push(format!(".{}-{}.part", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
    let temporary = target.with_file_name(temporary_name);

    let written = fs::OpenOptions::new().write(true).create_new(true).open(&temporary).and_then(|file| {
        let mut writer = BufWriter::new(file);
        fill(&mut writer)?;
        writer.flush()
    });
    written.and_then(|()| fs::rename(&temporary, &target)).inspect_err(|_| {
        // Nothing more can be done where even this fails.
        let _ = fs::remove_file(&temporary);
    })
}

/// Where links at `path` lead, also where nothing is there yet.
fn linked(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        // An error: it is no link.
        let Ok(next) = fs::read_link(&target) else { return Ok(target) };
        // A relative link counts from its own folder.
        target = target.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "its links lead in a circle"))
}
