//! The folders of a Parquet export: partitioned by run and pass, and added to what is there whole or not at all

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow_schema::ArrowError;
use rayon::prelude::*;

use super::parquet::{BATCH_ROWS, NamedColumn, ParquetFile, write_file};
use super::parquet_columns::{Access, Columns};
use super::{ALL, ExportError, RunExport};
use crate::analysis::table_rows::Rows;
use crate::analysis::watch::Watch;
use crate::trace::Trace;

/// Most files a run has of one table: a run of more passes has several of them in one.
const MOST_FILES: usize = 16 * 1024;
/// Files that are written at the same time; what is in memory grows with them.
const MOST_THREADS: usize = 4;
/// Rows of the tables of tensors and passes that are in memory at a time.
const PASSES_AT_A_TIME: usize = 64 * 1024;

const TABLES: [&str; 4] = ["accesses", "ops", "tensors", "passes"];

pub fn write(run: &RunExport, path: &Path, watch: Watch<'_>) -> Result<u64, ExportError> {
    let partition = format!("run={}", escaped(&run.name));
    let places = TABLES.map(|table| path.join(table).join(&partition));
    let is_there = |place: &PathBuf| place.symlink_metadata().is_ok();
    if places.iter().any(is_there) {
        return Err(ExportError::Exists { path: path.to_owned(), name: run.name.clone() });
    }
    let new = !path.exists();
    if new {
        fs::create_dir(path).map_err(|source| ExportError::io(path, source))?;
    }
    let made = Made::new(path).map_err(|source| ExportError::io(path, source)).and_then(|made| {
        let written = fill(run, &made.0, &partition, watch)?;
        publish(&made.0, path, &partition).map_err(|source| ExportError::io(path, source))?;
        Ok(written)
    });
    if made.is_err() && new {
        // Only what is empty goes.
        let _ = fs::remove_dir(path);
    }
    made.map_err(|error| error.at(path))
}

/// A folder beside the tables under a name that no query reads, which goes whatever comes.
struct Made(PathBuf);

impl Made {
    fn new(path: &Path) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let folder = path.join(format!(".{}-{number}.part", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Nothing more can be done where even this fails.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Gives the partitions of all tables their names, or none of them.
fn publish(made: &Path, path: &Path, partition: &str) -> io::Result<()> {
    let mut moved = Vec::new();
    for table in TABLES {
        let (from, folder) = (made.join(table).join(partition), path.join(table));
        let new = fs::create_dir(&folder).is_ok();
        let renamed = fs::rename(&from, folder.join(partition));
        if renamed.is_ok() || new {
            moved.push((folder.clone(), from, new));
        }
        if let Err(error) = renamed {
            for (folder, from, new) in moved {
                let _ = fs::rename(folder.join(partition), from);
                if new {
                    let _ = fs::remove_dir(folder);
                }
            }
            return Err(error);
        }
    }
    Ok(())
}

fn fill(run: &RunExport, folder: &Path, partition: &str, watch: Watch<'_>) -> Result<u64, ExportError> {
    let trace = &*run.trace;
    let columns = Columns::new(trace);
    let [accesses, ops, tensors, passes] = TABLES.map(|table| folder.join(table).join(partition));
    for place in [&accesses, &ops, &tensors, &passes] {
        fs::create_dir_all(place).map_err(|source| ExportError::io(place, source))?;
    }
    write_file(&tensors.join("part.parquet"), columns.tensors())?;
    let part = |from: usize| from..trace.passes.len().min(from + PASSES_AT_A_TIME);
    let mut file = ParquetFile::create(passes.join("part.parquet"), columns.passes(part(0)))?;
    for from in (PASSES_AT_A_TIME..trace.passes.len()).step_by(PASSES_AT_A_TIME) {
        watch.reach(ALL, 0, run.rows.len()).ok_or(ExportError::Cancelled)?;
        file.append(columns.passes(part(from)))?;
    }
    file.finish()?;

    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|_| "export".to_owned()).build();
    let pool = pool.map_err(|error| ExportError::io(folder, io::Error::other(error)))?;
    let (done, written) = (AtomicUsize::new(0), AtomicU64::new(0));
    let files = file_passes(trace);
    pool.install(|| {
        files.into_par_iter().try_for_each(|passes| {
            let rows = rows_of(trace, &run.rows, &passes);
            if rows.is_empty() {
                return Ok::<(), ExportError>(());
            }
            // Without zeros before it: engines take those for text.
            let partition = format!("pass={}", passes.start);
            let mut proceed = |ops: usize| {
                let done = done.fetch_add(ops, Ordering::Relaxed);
                watch.reach(ALL, done, run.rows.len()).ok_or(ExportError::Cancelled)
            };
            let place = ops.join(&partition);
            write_ops(&columns, &passes, &run.rows, rows.clone(), &place)?;
            let place = accesses.join(&partition);
            let count = write_accesses(&columns, trace, &passes, run.rows.as_ref(), rows, &place, &mut proceed)?;
            written.fetch_add(count, Ordering::Relaxed);
            Ok(())
        })
    })?;
    Ok(written.into_inner())
}

/// Which passes go into which file: each into its own, or as many together as keep the number of files bounded.
fn file_passes(trace: &Trace) -> Vec<Range<usize>> {
    let passes = trace.passes.len();
    let together = passes.div_ceil(MOST_FILES).max(1);
    (0..passes).step_by(together).map(|first| first..passes.min(first + together)).collect()
}

/// The rows whose ops are of these passes.
fn rows_of(trace: &Trace, rows: &Rows, passes: &Range<usize>) -> Range<usize> {
    let first_op = |pass: usize| trace.passes.get(pass).map_or(trace.op_count(), |pass| pass.first_op as usize);
    let at = |op: usize| match rows {
        Rows::All(count) => op.min(*count as usize),
        Rows::List(ops) => ops.partition_point(|each| (*each as usize) < op),
    };
    at(first_op(passes.start))..at(first_op(passes.end))
}

fn write_ops(
    columns: &Columns<'_>,
    passes: &Range<usize>,
    rows: &Rows,
    listed: Range<usize>,
    folder: &Path,
) -> Result<(), ExportError> {
    let mut file = Growing::new(folder);
    for from in listed.clone().step_by(BATCH_ROWS) {
        let ops: Vec<u32> = (from..listed.end.min(from + BATCH_ROWS)).filter_map(|row| rows.op(row)).collect();
        file.append(columns.ops(passes, &ops))?;
    }
    file.finish()
}

fn write_accesses(
    columns: &Columns<'_>,
    trace: &Trace,
    passes: &Range<usize>,
    rows: &Rows,
    listed: Range<usize>,
    folder: &Path,
    proceed: &mut impl FnMut(usize) -> Result<(), ExportError>,
) -> Result<u64, ExportError> {
    let mut file = Growing::new(folder);
    let (mut batch, mut count, mut ops): (Vec<Access>, u64, usize) = (Vec::with_capacity(BATCH_ROWS), 0, 0);
    for op in listed.filter_map(|row| rows.op(row)) {
        for access in trace.accesses_of(op as usize) {
            batch.push((op, access as u32));
            if batch.len() == BATCH_ROWS {
                proceed(std::mem::take(&mut ops))?;
                file.append(columns.accesses(passes, &batch))?;
                count += batch.len() as u64;
                batch.clear();
            }
        }
        ops += 1;
    }
    proceed(ops)?;
    if !batch.is_empty() {
        file.append(columns.accesses(passes, &batch))?;
    }
    file.finish()?;
    Ok(count + batch.len() as u64)
}

/// The file of one partition, which is there once it has rows.
struct Growing<'a> {
    folder: &'a Path,
    file: Option<ParquetFile>,
}

impl<'a> Growing<'a> {
    fn new(folder: &'a Path) -> Self {
        Self { folder, file: None }
    }

    fn append(&mut self, columns: Result<Vec<NamedColumn>, ArrowError>) -> Result<(), ExportError> {
        let columns = columns.map_err(|source| ExportError::parquet(self.folder, source.into()))?;
        match &mut self.file {
            Some(file) => file.append(columns),
            None => {
                fs::create_dir_all(self.folder).map_err(|source| ExportError::io(self.folder, source))?;
                self.file = Some(ParquetFile::create(self.folder.join("part.parquet"), columns)?);
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<(), ExportError> {
        self.file.map_or(Ok(()), ParquetFile::finish)
    }
}

/// A name as Hive writes values of partitions: what means something in paths is written as its byte.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    let only_dots = name.chars().all(|c| c == '.');
    for c in name.chars() {
        let plain =
            c.is_alphanumeric() || matches!(c, '-' | '_' | '~' | '+' | ',' | '(' | ')') || (c == '.' && !only_dots);
        match plain {
            true => escaped.push(c),
            false => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| escaped.push_str(&format!("%{byte:02X}"))),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_of_partitions_lead_nowhere_else() {
        assert_eq!(escaped("smollm2-135m"), "smollm2-135m");
        assert_eq!(escaped("../a b=c\n"), "..%2Fa%20b%3Dc%0A");
        assert_eq!(escaped("größe"), "größe");
        assert_eq!(escaped(".."), "%2E%2E");
    }
}
