//! The text that the model goes on from.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use crate::args;

#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    #[error("{}: {source}; check the path of the prompt", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the prompt from stdin: {0}")]
    Stdin(std::io::Error),
    #[error("{from}: the prompt is not UTF-8 text (byte {at}); save it as UTF-8")]
    NotText { from: String, at: usize },
    #[error("there is no prompt: give one with -p, in a file with -f, or on stdin")]
    None,
}

pub fn read(prompt: &args::Prompt) -> Result<String, PromptError> {
    if let Some(text) = &prompt.text {
        return Ok(text.clone());
    }
    let (bytes, from) = match &prompt.file {
        Some(path) if path.as_os_str() != "-" => {
            let bytes = std::fs::read(path).map_err(|source| PromptError::File { path: path.clone(), source })?;
            (bytes, path.display().to_string())
        }
        None if std::io::stdin().is_terminal() => return Err(PromptError::None),
        _ => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map_err(PromptError::Stdin)?;
            (bytes, "stdin".to_owned())
        }
    };
    // Editors end files with a newline that nobody meant to be part of the prompt.
    let bytes = bytes.strip_suffix(b"\n").map_or(bytes.as_slice(), |b| b.strip_suffix(b"\r").unwrap_or(b)).to_vec();
    String::from_utf8(bytes).map_err(|e| PromptError::NotText { from, at: e.utf8_error().valid_up_to() })
}
