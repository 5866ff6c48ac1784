//! A run that is written while it is recorded: streams that grow by whole passes, and their end as finished tables.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;

use super::RUN_FILE;
use super::columns::{Tables, buffer_columns, columns};
use super::error::WriteError;
use super::growth::{Growth, Misfit};
use super::schema::Table;
use super::stream::Stream;
use super::write::{check_folder, sync_folder, whole_folder, write_run_file, write_table};
use crate::formats::progress::Progress;
use crate::trace::{Buffer, Health, NewRows, RunMeta};

/// Under which run.json is written before it takes its name.
const NEW_RUN_FILE: &str = "run.json.partial";
/// Memory that is kept between appends for the next one.
const KEPT_BYTES: usize = 1 << 20;

/// A recording that goes on. Its folder can be opened at any moment; dropping this leaves it as it is.
pub struct Recording {
    folder: PathBuf,
    /// One a table, in the order of [`Table::ALL`].
    streams: Vec<GrowingStream>,
    rows: Growth,
    /// Whether what a failed write left could not be cut off.
    torn: bool,
}

/// One table of a recording: its file, and what will be added to it next.
struct GrowingStream {
    table: Table,
    path: PathBuf,
    file: File,
    encoder: StreamWriter<Vec<u8>>,
    /// Length of the file as far as it counts.
    bytes: u64,
}

impl Recording {
    /// Whether [`Recording::create`] could begin at `path` now, for whoever has long work to do before. Leaves nothing
    /// behind.
    pub fn check(path: &Path) -> Result<(), WriteError> {
        check_folder(path)
    }

    /// Begins a recording in the folder `path`, which must not exist.
    pub fn create(path: &Path, meta: &RunMeta, health: &Health) -> Result<Self, WriteError> {
        let mut encoders = Vec::new();
        let folder = whole_folder(path, |folder| {
            for table in Table::ALL {
                let path = folder.join(table.stream_name());
                let arrow = |source| WriteError::arrow(&path, 0, source);
                let mut encoder = StreamWriter::try_new(Vec::new(), &table.schema()).map_err(arrow)?;
                let schema = std::mem::take(encoder.get_mut());
                let write = || -> io::Result<()> {
                    let mut file = File::create_new(&path)?;
                    file.write_all(&schema)?;
                    file.sync_data()
                };
                write().map_err(|source| WriteError::io(&path, schema.len() as u64, source))?;
                encoders.push((table, encoder, schema.len() as u64));
            }
            write_run_file(&folder.join(RUN_FILE), meta, health, true)?;
            Ok(())
        })?;
        // Opened behind the renaming, which some systems refuse for a folder whose files are open.
        let opened = encoders.into_iter().map(|(table, encoder, bytes)| {
            let path = folder.join(table.stream_name());
            let open = || -> io::Result<File> {
                let mut file = File::options().write(true).open(&path)?;
                file.seek(SeekFrom::Start(bytes))?;
                Ok(file)
            };
            let file = open().map_err(|source| WriteError::io(&path, 0, source))?;
            Ok(GrowingStream { table, path, file, encoder, bytes })
        });
        match opened.collect::<Result<Vec<_>, WriteError>>() {
            Ok(streams) => Ok(Self { folder, streams, rows: Growth::default(), torn: false }),
            Err(error) => {
                // The first error is the one to report.
                let _ = fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes of all streams so far.
    pub fn bytes_written(&self) -> u64 {
        self.streams.iter().map(|stream| stream.bytes).sum()
    }

    /// Adds `rows`; once this returns they outlive this process, though not a failure of the machine's power. After an
    /// error nothing of them is there, and all that was added before is.
    pub fn append(&mut self, rows: &NewRows) -> Result<(), WriteError> {
        if self.torn {
            return Err(WriteError::Torn(self.folder.clone()));
        }
        let grown = self.rows.with(rows).map_err(|misfit| match misfit {
            Misfit::TooMany(what) => WriteError::TooMany { path: self.folder.clone(), what },
            Misfit::Wrong(reason) => WriteError::Rows { path: self.folder.clone(), reason },
        })?;
        let written = self.encode(rows.into()).and_then(|bytes| self.write(bytes));
        for stream in &mut self.streams {
            let pending = stream.encoder.get_mut();
            if written.is_ok() {
                stream.bytes += pending.len() as u64;
            }
            pending.clear();
            pending.shrink_to(KEPT_BYTES);
        }
        written?;
        self.rows = grown;
        Ok(())
    }

    /// Turns `rows` into the bytes that each stream is to get, and counts them.
    fn encode(&mut self, rows: Tables<'_>) -> Result<u64, WriteError> {
        let mut bytes = 0;
        for GrowingStream { table, path, encoder, .. } in &mut self.streams {
            if rows.has_batch(*table) {
                let batch = RecordBatch::try_new(table.schema(), columns(rows, *table));
                batch.and_then(|batch| encoder.write(&batch)).map_err(|e| WriteError::arrow(path, 0, e))?;
                bytes += encoder.get_ref().len() as u64;
            }
        }
        Ok(bytes)
    }

    fn write(&mut self, bytes: u64) -> Result<(), WriteError> {
        let failed = self.streams.iter_mut().find_map(|stream| {
            let source = stream.file.write_all(stream.encoder.get_ref()).err()?;
            Some(WriteError::io(&stream.path, bytes, source))
        });
        let Some(error) = failed else { return Ok(()) };
        let undone = self.streams.iter_mut().try_for_each(|stream| {
            stream.file.set_len(stream.bytes)?;
            stream.file.seek(SeekFrom::Start(stream.bytes)).map(|_| ())
        });
        self.torn = undone.is_err();
        Err(error)
    }

    /// Replaces what is said of the run beside its tables, which stays that of a recording that goes on.
    pub fn describe(&self, meta: &RunMeta, health: &Health) -> Result<(), WriteError> {
        let (new_run, run) = (self.folder.join(NEW_RUN_FILE), self.folder.join(RUN_FILE));
        let written = write_run_file(&new_run, meta, health, true)
            .and_then(|bytes| fs::rename(&new_run, &run).map_err(|source| WriteError::io(&run, bytes, source)));
        if written.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(new_run);
        }
        written
    }

    /// Ends the recording: its tables as finished files, its `buffers` with all that is known of them now. Gives the
    /// bytes of the finished run. After an error the recording is as it was before, and opens as one that did not end.
    pub fn finish(self, meta: &RunMeta, health: &Health, buffers: &[Buffer]) -> Result<u64, WriteError> {
        let new_run = self.folder.join(NEW_RUN_FILE);
        let run = self.folder.join(RUN_FILE);
        let finished = self.write_tables(buffers).and_then(|bytes| {
            let run_bytes = write_run_file(&new_run, meta, health, false)?;
            sync_folder(&self.folder);
            // From here on the folder is a finished run.
            fs::rename(&new_run, &run).map_err(|source| WriteError::io(&run, run_bytes, source))?;
            Ok(bytes + run_bytes)
        });
        let Self { folder, streams, .. } = self;
        // What cannot be removed is ignored by readers, and the first error is the one to report.
        if finished.is_ok() {
            sync_folder(&folder);
            for GrowingStream { path, file, .. } in streams {
                drop(file);
                let _ = fs::remove_file(path);
            }
        } else {
            let _ = fs::remove_file(new_run);
            for table in Table::ALL {
                let _ = fs::remove_file(partial(&folder, table));
                let _ = fs::remove_file(folder.join(table.file_name()));
            }
        }
        finished
    }

    fn write_tables(&self, buffers: &[Buffer]) -> Result<u64, WriteError> {
        let mut bytes = 0;
        for stream in &self.streams {
            let partial = partial(&self.folder, stream.table);
            bytes += match stream.table {
                Table::Buffers => {
                    if buffers.len() < self.rows.buffers as usize {
                        let reason = format!("{} buffers of {}", buffers.len(), self.rows.buffers);
                        return Err(WriteError::Rows { path: self.folder.clone(), reason });
                    }
                    let batch = RecordBatch::try_new(stream.table.schema(), buffer_columns(buffers));
                    write_table(&partial, &batch.map_err(|e| WriteError::arrow(&partial, 0, e))?)?
                }
                table => {
                    let read = Stream::read(&self.folder, table, stream.bytes, &Progress::default())?;
                    if read.whole_bytes != stream.bytes {
                        return Err(WriteError::Changed(stream.path.clone()));
                    }
                    let written = write_table(&partial, read.rows.batch())?;
                    read.rows.file().check()?;
                    written
                }
            };
        }
        // Only when all of them have found room does any of them take its name.
        for stream in &self.streams {
            let path = self.folder.join(stream.table.file_name());
            fs::rename(partial(&self.folder, stream.table), &path).map_err(|e| WriteError::io(&path, 0, e))?;
        }
        Ok(bytes)
    }
}

/// The name under which a finished table is written.
fn partial(folder: &Path, table: Table) -> PathBuf {
    folder.join(format!("{}.partial", table.file_name()))
}
