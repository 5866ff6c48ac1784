//! Where every weight lies in the model's files, by their own headers.

use std::path::{Path, PathBuf};

use tensorscope::formats::error::ReadError;
use tensorscope::formats::gguf::{GgufHeader, GgufValue, read_header, to_model};
use tensorscope::formats::mapped::MappedFile;
use tensorscope::trace::Health;
use tensorscope::trace::raw::{Fault, RawModel};

#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{}: this is file {number} of a model split into {count}; name its first", path.display())]
    NotFirst { path: PathBuf, number: u64, count: u64 },
    #[error("{}: the model is split into {count} files, but its name is not of the form NAME-00001-of-{count:05}.gguf; give it that name, so that the others are found", path.display())]
    SplitName { path: PathBuf, count: u64 },
}

/// The model whose first file is `path`, as its headers describe it. What is doubtful about them goes to `health`.
pub fn read(path: &Path, health: &mut Health) -> Result<RawModel, WeightsError> {
    let first = header(path, health)?;
    let number = |key: &str| match first.values.iter().find(|(k, _)| k == key) {
        Some((_, GgufValue::Unsigned(n))) => Some(*n),
        Some((_, GgufValue::Signed(n))) => u64::try_from(*n).ok(),
        _ => None,
    };
    let count = number("split.count").unwrap_or(1);
    if let Some(number) = number("split.no").filter(|&n| n != 0 && count > 1) {
        return Err(WeightsError::NotFirst { path: path.to_owned(), number: number + 1, count });
    }
    let mut headers = vec![first];
    for index in 2..=count {
        let path =
            split_path(path, index, count).ok_or_else(|| WeightsError::SplitName { path: path.to_owned(), count })?;
        headers.push(header(&path, health)?);
    }
    let (model, faults) = to_model(&headers);
    report(faults, health);
    Ok(model)
}

fn report(faults: Vec<Fault>, health: &mut Health) {
    for fault in faults {
        health.report(fault.code, fault.severity, fault.count, fault.message, || fault.example);
    }
}

fn header(path: &Path, health: &mut Health) -> Result<GgufHeader, WeightsError> {
    let file = MappedFile::open(path)?;
    let (header, faults) = read_header(file.bytes(), path, file.bytes().len() as u64)?;
    file.check()?;
    report(faults, health);
    Ok(header)
}

/// llama.cpp's name of file `number` (from 1) of the split model whose first is `first`.
fn split_path(first: &Path, number: u64, count: u64) -> Option<PathBuf> {
    let name = first.file_name()?.to_str()?;
    let stem = name.strip_suffix(&format!("-00001-of-{count:05}.gguf"))?;
    Some(first.with_file_name(format!("{stem}-{number:05}-of-{count:05}.gguf")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_files_of_a_split_model_are_named_like_the_first() {
        let first = Path::new("models/big-00001-of-00003.gguf");
        assert_eq!(split_path(first, 2, 3), Some(PathBuf::from("models/big-00002-of-00003.gguf")));
        assert_eq!(split_path(Path::new("models/big.gguf"), 2, 3), None);
    }
}
