//! The command line of the recorder.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use crate::observer::Mode;

/// Run a model with stock llama.cpp and record which bytes every operation reads and writes.
///
/// The run is a folder that `tensorscope` opens. Weights stay mapped to the model's file and are neither moved nor repacked, so that every range is one of that file. Models run on the processor.
#[derive(Parser, Debug)]
#[command(name = "tensorscope-record", version)]
pub struct Arguments {
    /// The model; of a split one, its first file
    #[arg(short, long, value_name = "FILE.gguf")]
    pub model: PathBuf,
    #[command(flatten)]
    pub prompt: Prompt,
    /// Tokens to generate, each of which is a pass
    #[arg(short = 'n', long = "predict", value_name = "N", default_value_t = 64)]
    pub predict: u32,
    /// Folder to make, such as run.tscope
    #[arg(short, long, value_name = "DIR.tscope")]
    pub output: PathBuf,
    /// What to stamp
    #[arg(long, value_enum, default_value_t = Mode::Timing)]
    pub mode: Mode,
    /// Threads that compute; none: one for every core
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub threads: Option<u32>,
    /// Tokens of context; none: what prompt and prediction need
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub context: Option<u32>,
    /// Tokens of the prompt that one pass takes at most
    #[arg(short, long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
    /// 0 takes the most probable token, more draws by chance
    #[arg(long, visible_alias = "temp", value_name = "T", default_value_t = 0.0, value_parser = temperature)]
    pub temperature: f32,
    /// For drawing tokens: the same seed draws the same ones
    #[arg(short, long, default_value_t = 1)]
    pub seed: u32,
    /// Go on when the model ends its text
    #[arg(long)]
    pub ignore_eos: bool,
    /// Keep neither text nor token numbers in the run; which rows of the embedding were read stays in it, and tells the tokens to whoever has the model
    #[arg(long)]
    pub no_text: bool,
    /// Attention in one op, or in several with a transposed cache
    #[arg(long, value_enum, default_value_t = Switch::On)]
    pub flash_attention: Switch,
    /// Copy weights into memory instead of mapping the file: reading them then shows on the BUFFER track
    #[arg(long)]
    pub no_mmap: bool,
    /// Something to say about the run, kept in its notes
    #[arg(long, value_name = "TEXT")]
    pub note: Vec<String>,
    /// Print what llama.cpp logs
    #[arg(long)]
    pub verbose: bool,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
pub struct Prompt {
    /// Text to begin with; none: it is read from stdin
    #[arg(short = 'p', long = "prompt", value_name = "PROMPT")]
    pub text: Option<String>,
    /// File with the text to begin with; `-`: stdin
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

fn temperature(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err("must be 0 or more".to_owned()) }
}
