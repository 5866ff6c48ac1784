//! A model as files: one or several parts, each whole or not at all, with weights or with a hole for them.

use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Write};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::gguf::{self, Value, padded};
use crate::model::{Model, Tensor, Weights};
use crate::weights::Rows;

/// What may differ between files of one kind of model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Other weights for other seeds, and always the same for the same.
    pub seed: u64,
    /// How many files the model is spread over. Several are named as llama.cpp names them: `NAME-00001-of-00003.gguf`.
    pub parts: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 0, parts: 1 }
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// In order; llama.cpp is given the first.
    pub files: Vec<WrittenFile>,
    pub tensors: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    pub path: PathBuf,
    pub bytes: u64,
    /// Room that it takes on the disk, where the system tells.
    pub disk_bytes: Option<u64>,
}

/// Why a model could not be written. Nothing is left of it then, except parts that were complete.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("cannot write {}: {source}; name a file in a folder that exists, has room, and that you may write to", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write {}: it names no file; give a name such as model.gguf", path.display())]
    NoName { path: PathBuf },
    #[error("cannot make {} of {bytes} bytes: {source}; the file system must take files as long as that, which FAT and some network drives do not", path.display())]
    TooLong { path: PathBuf, bytes: u64, source: io::Error },
    #[error("cannot make {} of {bytes} bytes: its file system is not known to leave holes in files, and would fill the disk with zeros; write to a disk with ext4, XFS, Btrfs, ZFS or APFS, or to tmpfs", path.display())]
    NoHoles { path: PathBuf, bytes: u64 },
    #[error("cannot spread {tensors} tensors over {parts} files; ask for 1 to {tensors}")]
    Parts { tensors: usize, parts: u16 },
    #[error("cancelled; nothing was written")]
    Cancelled,
}

/// How much is written between two calls of the progress function.
const PROGRESS_BYTES: u64 = 8 << 20;

/// A hole of this size tells whether a file system has holes, and does little harm where it has none.
const PROBE_BYTES: u64 = 16 << 20;

pub(crate) fn write(
    model: &Model,
    path: &Path,
    options: Options,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Written, WriteError> {
    if path.file_name().is_none() {
        return Err(WriteError::NoName { path: path.to_owned() });
    }
    let tensors = model.tensors.len();
    let parts = spread(&model.tensors, usize::from(options.parts))
        .ok_or(WriteError::Parts { tensors, parts: options.parts })?;

    let mut meter = Meter { written: 0, told: 0, all: gguf::data_bytes(&model.tensors), progress };
    let mut files = vec![];
    for (no, tensors) in parts.into_iter().enumerate() {
        let no = no as u16;
        let path = if options.parts == 1 { path.to_owned() } else { part_path(path, no, options.parts) };
        let header = gguf::header(&part_metadata(model, no, options.parts), &model.tensors[tensors.clone()]);
        let part = Part { path: &path, header, tensors };
        let file = part.write(model, options.seed, &mut meter)?;
        files.push((path, file));
    }

    // Names are given when all parts are there: a model of which parts are missing does not load.
    let mut written = vec![];
    for (path, file) in files {
        let file =
            file.persist(&path).map_err(|error| WriteError::Write { path: path.clone(), source: error.error })?;
        let metadata = file.metadata().map_err(|source| WriteError::Write { path: path.clone(), source })?;
        written.push(WrittenFile { path, bytes: metadata.len(), disk_bytes: disk_bytes(&metadata) });
    }
    Ok(Written { files: written, tensors })
}

/// Tensors in `parts` runs of about as many bytes, none of them empty, or nothing if that cannot be.
fn spread(tensors: &[Tensor], parts: usize) -> Option<Vec<Range<usize>>> {
    if parts == 0 || parts > tensors.len() {
        return None;
    }
    let all = gguf::data_bytes(tensors);
    let mut runs = vec![];
    let (mut first, mut bytes) = (0, 0);
    for (i, tensor) in tensors.iter().enumerate() {
        bytes += padded(tensor.bytes());
        let (left, runs_left) = (tensors.len() - i - 1, parts - runs.len() - 1);
        let full = bytes >= all / parts as u64 * (runs.len() as u64 + 1);
        if runs_left > 0 && (full || left == runs_left) {
            runs.push(first..i + 1);
            first = i + 1;
        }
    }
    runs.push(first..tensors.len());
    Some(runs)
}

/// `NAME-00001-of-00003.gguf` for part 0 of 3 of `NAME.gguf`, which is where llama.cpp looks for parts.
fn part_path(path: &Path, no: u16, parts: u16) -> PathBuf {
    let mut name = match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("gguf") => path.file_stem(),
        _ => path.file_name(),
    }
    .unwrap_or_default()
    .to_owned();
    name.push(format!("-{:05}-of-{parts:05}.gguf", no + 1));
    path.with_file_name(name)
}

/// The first part has what is known of the model, and each its place among the others.
fn part_metadata(model: &Model, no: u16, parts: u16) -> Vec<(String, Value)> {
    let mut metadata = if no == 0 { model.metadata.clone() } else { vec![] };
    if parts > 1 {
        metadata.extend([
            ("split.no".to_owned(), no.into()),
            ("split.count".to_owned(), parts.into()),
            ("split.tensors.count".to_owned(), (model.tensors.len() as i32).into()),
        ]);
    }
    metadata
}

/// Counts what is written, and tells of it.
struct Meter<'a> {
    written: u64,
    told: u64,
    all: u64,
    progress: &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>,
}

impl Meter<'_> {
    fn add(&mut self, bytes: u64) -> ControlFlow<()> {
        self.written += bytes;
        if self.written - self.told < PROGRESS_BYTES && self.written < self.all {
            return ControlFlow::Continue(());
        }
        self.told = self.written;
        (self.progress)(self.written, self.all)
    }
}

/// One of the files of a model.
struct Part<'a> {
    path: &'a Path,
    header: Vec<u8>,
    tensors: Range<usize>,
}

impl Part<'_> {
    /// Writes it under a name of its own beside its path; the file goes when the result is dropped.
    fn write(&self, model: &Model, seed: u64, meter: &mut Meter<'_>) -> Result<NamedTempFile, WriteError> {
        let failed = |source| WriteError::Write { path: self.path.to_owned(), source };
        let mut file = self.create().map_err(failed)?;
        match model.weights {
            Weights::Random => {
                let cancelled = self.write_weights(model, file.as_file_mut(), seed, meter).map_err(failed)?.is_break();
                if cancelled { Err(WriteError::Cancelled) } else { Ok(file) }
            }
            Weights::Hole => {
                let bytes = self.header.len() as u64 + gguf::data_bytes(&model.tensors[self.tensors.clone()]);
                if !has_holes(file.as_file()).map_err(failed)? {
                    return Err(WriteError::NoHoles { path: self.path.to_owned(), bytes });
                }
                file.write_all(&self.header).map_err(failed)?;
                let too_long = |source| WriteError::TooLong { path: self.path.to_owned(), bytes, source };
                file.as_file().set_len(bytes).map_err(too_long)?;
                Ok(file)
            }
        }
    }

    fn create(&self) -> io::Result<NamedTempFile> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let prefix = format!(".{}.", self.path.file_name().unwrap_or_default().to_string_lossy());
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".part");
        // A model is for everyone whom the umask lets read files.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        builder.tempfile_in(folder)
    }

    fn write_weights(
        &self,
        model: &Model,
        file: &mut File,
        seed: u64,
        meter: &mut Meter<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&self.header)?;
        for (index, tensor) in model.tensors.iter().enumerate().take(self.tensors.end).skip(self.tensors.start) {
            let mut rows = Rows::new(tensor, index, seed);
            while let Some(row) = rows.next_row() {
                out.write_all(row)?;
                if meter.add(row.len() as u64).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            let padding = padded(tensor.bytes()) - tensor.bytes();
            out.write_all(&[0; gguf::ALIGNMENT as usize][..padding as usize])?;
            if meter.add(padding).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        out.flush()?;
        Ok(ControlFlow::Continue(()))
    }
}

/// Whether the file system of `file`, which is empty and is so again after, leaves holes in files.
fn has_holes(file: &File) -> io::Result<bool> {
    // Where not even this length can be had, writing what is there will say why.
    if file.set_len(PROBE_BYTES).is_err() {
        return Ok(true);
    }
    let taken = disk_bytes(&file.metadata()?);
    file.set_len(0)?;
    Ok(taken.is_some_and(|bytes| bytes < PROBE_BYTES / 2))
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems do not tell")]
fn disk_bytes(metadata: &Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    // The unit is 512 bytes whatever the block of the file system.
    Some(metadata.blocks() * 512)
}

#[cfg(not(unix))]
fn disk_bytes(_: &Metadata) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn parts_hold_every_tensor_once_and_are_of_a_size() {
        let model = Kind::TinyMoe.model();
        let bytes = |run: &Range<usize>| gguf::data_bytes(&model.tensors[run.clone()]);
        for parts in 1..=model.tensors.len() {
            let runs = spread(&model.tensors, parts).expect("as many as tensors at the most");
            assert_eq!(runs.len(), parts);
            assert!(runs.iter().all(|run| !run.is_empty()), "{runs:?}");
            assert_eq!(runs[0].start, 0);
            assert!(runs.windows(2).all(|pair| pair[0].end == pair[1].start), "{runs:?}");
            assert_eq!(runs[parts - 1].end, model.tensors.len());
        }
        let largest = model.tensors.iter().map(Tensor::bytes).max().expect("tensors");
        let share = gguf::data_bytes(&model.tensors) / 3;
        let runs = spread(&model.tensors, 3).expect("three");
        assert!(
            runs.iter().all(|run| bytes(run).abs_diff(share) <= largest),
            "{:?}",
            runs.iter().map(bytes).collect::<Vec<_>>()
        );
        assert_eq!(spread(&model.tensors, 0), None);
        assert_eq!(spread(&model.tensors, model.tensors.len() + 1), None);
    }

    #[test]
    fn parts_are_named_as_llama_cpp_names_them() {
        let name = |path: &str| part_path(Path::new(path), 1, 12).to_string_lossy().into_owned();
        assert_eq!(name("models/tiny.gguf"), "models/tiny-00002-of-00012.gguf");
        assert_eq!(name("v1.5"), "v1.5-00002-of-00012.gguf");
    }
}
