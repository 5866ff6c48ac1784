//! A run -> a native folder, whole or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow_array::{Array, RecordBatch};
use arrow_ipc::writer::FileWriter;

use super::columns::columns;
use super::error::WriteError;
use super::schema::Table;
use super::{FORMAT_VERSION, RUN_FILE, RunFile};
use crate::trace::{Health, RunMeta, Trace};

/// Writes `trace` as the folder `path`, which must not exist.
pub fn write(trace: &Trace, path: &Path) -> Result<(), WriteError> {
    whole_folder(path, |folder| {
        for table in Table::ALL {
            let path = folder.join(table.file_name());
            let batch = RecordBatch::try_new(table.schema(), columns(trace.into(), table))
                .map_err(|source| WriteError::arrow(&path, 0, source))?;
            write_table(&path, &batch)?;
        }
        write_run_file(&folder.join(RUN_FILE), &trace.meta, &trace.health, false)?;
        Ok(())
    })?;
    Ok(())
}

/// Whether [`whole_folder`] could make a folder at `path` now. Leaves nothing behind.
pub(super) fn check_folder(path: &Path) -> Result<(), WriteError> {
    let path = normal(path);
    must_not_exist(&path)?;
    let partial = partial_name(&path);
    // Who asked for `path` knows nothing of the name beside it.
    let io = |source| WriteError::io(&path, 0, source);
    fs::create_dir(&partial).map_err(io)?;
    fs::remove_dir(&partial).map_err(io)
}

/// Makes the folder `path`, filled by `fill` under another name first, so that it never exists half-made. Gives its
/// path back as it is opened best.
pub(super) fn whole_folder(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), WriteError>,
) -> Result<PathBuf, WriteError> {
    let path = normal(path);
    must_not_exist(&path)?;
    let partial = partial_name(&path);
    fs::create_dir(&partial).map_err(|source| WriteError::io(&path, 0, source))?;
    let written = fill(&partial).and_then(|()| {
        sync_folder(&partial);
        fs::rename(&partial, &path).map_err(|source| WriteError::io(&path, 0, source))
    });
    if let Err(error) = written {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&partial);
        return Err(error);
    }
    sync_folder(path.parent().unwrap_or(&path));
    Ok(path)
}

/// Without a slash at the end, behind which the temporary name would be one inside of it.
fn normal(path: &Path) -> PathBuf {
    path.components().collect()
}

fn must_not_exist(path: &Path) -> Result<(), WriteError> {
    match path.symlink_metadata() {
        Ok(_) => Err(WriteError::Exists(path.to_owned())),
        Err(_) => Ok(()),
    }
}

fn partial_name(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".partial-{}", std::process::id()));
    partial.into()
}

/// Writes a finished table and gives its size.
pub(super) fn write_table(path: &Path, batch: &RecordBatch) -> Result<u64, WriteError> {
    let bytes = batch.columns().iter().filter_map(|c| c.to_data().get_slice_memory_size().ok()).sum::<usize>() as u64;
    let io = |source| WriteError::io(path, bytes, source);
    let arrow = |source| WriteError::arrow(path, bytes, source);
    let file = BufWriter::new(File::create(path).map_err(io)?);
    let mut writer = FileWriter::try_new(file, &batch.schema()).map_err(arrow)?;
    writer.write(batch).map_err(arrow)?;
    writer.finish().map_err(arrow)?;
    let file = writer.into_inner().map_err(arrow)?.into_inner().map_err(|e| io(e.into_error()))?;
    file.sync_data().map_err(io)?;
    Ok(file.metadata().map_err(io)?.len())
}

/// Writes run.json and gives its size.
pub(super) fn write_run_file(
    path: &Path,
    meta: &RunMeta,
    health: &Health,
    unfinished: bool,
) -> Result<u64, WriteError> {
    let run = RunFile { format_version: FORMAT_VERSION, unfinished, meta: meta.clone(), health: health.clone() };
    let mut text = serde_json::to_vec_pretty(&run).map_err(|e| WriteError::io(path, 0, e.into()))?;
    text.push(b'\n');
    let io = |source| WriteError::io(path, text.len() as u64, source);
    let mut file = File::create(path).map_err(io)?;
    file.write_all(&text).map_err(io)?;
    file.sync_data().map_err(io)?;
    Ok(text.len() as u64)
}

/// Makes names in `folder` as lasting as the files behind them, where the system can do that.
pub(super) fn sync_folder(folder: &Path) {
    // Some file systems refuse it. The files themselves are synced, and their names follow within seconds.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}
