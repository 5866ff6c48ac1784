//! The command line, as typed values.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A native, GPU-drawn explorer for what llama.cpp touches in memory.
#[derive(Parser)]
#[command(name = "tensorscope", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Run to open in the window; none: the bundled sample
    pub run: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Print what is in a run, and its health
    Info(InfoArgs),
    /// Print the self-contained subgraph of a layer
    Layer(LayerArgs),
    /// Write a run as a native .tscope folder
    Convert(ConvertArgs),
}

#[derive(Args)]
pub struct InfoArgs {
    /// A .tscope folder, a tensor_trace.bin, or a folder of the predecessor's files
    pub run: PathBuf,
    /// One JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct LayerArgs {
    pub run: PathBuf,
    /// Number of the layer, from 0
    pub layer: u32,
    /// Which of the run's distinct graphs, from 0
    #[arg(long, default_value_t = 0)]
    pub graph: u32,
    /// One JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ConvertArgs {
    pub run: PathBuf,
    /// Folder to write, DIR.tscope; must not exist
    #[arg(short, long)]
    pub output: PathBuf,
    /// Copies of the run behind each other, for trying sizes
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
}
