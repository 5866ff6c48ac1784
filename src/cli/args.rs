//! The command line, as typed values.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::kernel_io::layout::Arrangement;
use crate::trace::Phase;

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
    /// Count accesses or bytes per cell of (address, op)
    Heatmap(HeatmapArgs),
    /// Print numbers of the run, its passes, layers, tensors, kinds of op or experts
    Stats(StatsArgs),
    /// Lay a graph of the run out, and print where its nodes lie
    Layout(LayoutArgs),
    /// Write a run as a native .tscope folder
    Convert(ConvertArgs),
    /// Write a run for other tools: CSV, JSON, Parquet or a Perfetto trace
    Export(ExportArgs),
    /// Write the figures, charts and pictures of a run as one HTML file
    Report(ReportArgs),
    /// Write the window, or one panel of it, as a PNG file
    Render(RenderArgs),
    /// Write the window, or one panel, frame by frame as PNG files
    Record(RecordArgs),
    /// List every Action that scripts, keys and menus can send
    Actions(ActionsArgs),
    /// Measure opening, drawing and computing, here and now
    Bench(BenchArgs),
    /// Say which adapters there are, what is missing and how to get it
    Doctor(DoctorArgs),
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

#[derive(Args)]
pub struct ExportArgs {
    pub run: PathBuf,
    #[arg(long, value_enum)]
    pub format: ExportFormatArg,
    /// File to write, or the folder of Parquet files to add the run to; - is standard output
    #[arg(short, long, value_name = "PATH")]
    pub output: PathBuf,
    /// What a row of CSV and JSON is
    #[arg(long, value_enum, default_value_t = RowsArg::Ops)]
    pub rows: RowsArg,
    /// Ops to write, as a filter of `set_filter` [default: all]
    #[arg(long, value_name = "JSON")]
    pub filter: Option<String>,
    #[arg(long, value_enum, default_value_t = PhaseArg::All)]
    pub phase: PhaseArg,
    /// What Parquet files and traces call the run [default: the name of its file]
    #[arg(long)]
    pub name: Option<String>,
}

#[derive(Args)]
pub struct ReportArgs {
    pub run: PathBuf,
    /// HTML file to write
    #[arg(short, long)]
    pub output: PathBuf,
}

#[derive(Args)]
pub struct HeatmapArgs {
    pub run: PathBuf,
    /// Model files end to end, or runtime buffers end to end
    #[arg(long, value_enum, default_value_t = TrackArg::Disk)]
    pub track: TrackArg,
    /// What a cell counts: accesses, bytes touched, or bytes with every access widened to its tensor
    #[arg(long, value_enum, default_value_t = MeasureArg::Accesses)]
    pub measure: MeasureArg,
    /// A cell is 2^KX bytes wide [default: the least that shows the whole track]
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=63))]
    pub kx: Option<u32>,
    /// A cell is 2^KY ops high [default: the least that shows the whole run]
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=63))]
    pub ky: Option<u32>,
    /// First column, in cells from byte 0 of the track
    #[arg(long, default_value_t = 0)]
    pub x0: u64,
    /// First row, in cells from op 0
    #[arg(long, default_value_t = 0)]
    pub y0: u64,
    /// Columns and rows
    #[arg(long, value_name = "WxH", default_value = "64x16", value_parser = size)]
    pub size: [u32; 2],
    #[arg(long, value_enum, default_value_t = DirectionArg::Both)]
    pub rw: DirectionArg,
    #[arg(long, value_enum, default_value_t = PhaseArg::All)]
    pub phase: PhaseArg,
    /// Over the ops of a cell: their sum, or the largest value of one op
    #[arg(long, value_enum, default_value_t = AggregateArg::Sum)]
    pub agg: AggregateArg,
    /// How tensors stand along the track
    #[arg(long, value_enum, default_value_t = OrderArg::File)]
    pub order: OrderArg,
    /// Who computes [default: the GPU where there is an adapter]
    #[arg(long, value_enum)]
    pub engine: Option<EngineArg>,
    /// One JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct StatsArgs {
    pub run: PathBuf,
    /// What a row stands for
    #[arg(long, value_enum, default_value_t = ByArg::Run)]
    pub by: ByArg,
    /// Passes that count
    #[arg(long, value_enum, default_value_t = PhaseArg::All)]
    pub phase: PhaseArg,
    /// For people, with units, or all fields for other programs
    #[arg(long, value_enum, default_value_t = StatsFormatArg::Table)]
    pub format: StatsFormatArg,
}

#[derive(Args)]
pub struct LayoutArgs {
    pub run: PathBuf,
    /// Which of the run's distinct graphs, from 0
    #[arg(long, default_value_t = 0)]
    pub graph: u32,
    /// Every expert slice as a node of its own
    #[arg(long)]
    pub expand_experts: bool,
    /// What the places of nodes say
    #[arg(long, value_enum, default_value_t = ArrangementArg::Distances)]
    pub arrangement: ArrangementArg,
    /// Steps to do [default: until at rest]
    #[arg(long)]
    pub iterations: Option<u32>,
    /// Decides ties; the same seed gives the same positions
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Who computes [default: the GPU where there is an adapter]
    #[arg(long, value_enum)]
    pub engine: Option<LayoutEngineArg>,
    /// One JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct RenderArgs {
    pub run: PathBuf,
    /// PNG file to write
    #[arg(short, long)]
    pub output: PathBuf,
    /// Panel to draw alone, or the whole window
    #[arg(long, value_enum, default_value_t = ViewArg::All)]
    pub view: ViewArg,
    /// Pixels
    #[arg(long, value_name = "WxH", default_value = "1600x1000", value_parser = size)]
    pub size: [u32; 2],
    /// Pixels for one point of text and lines
    #[arg(long, default_value_t = 1.0, value_parser = scale)]
    pub scale: f32,
    /// Script to run before: one JSON action a line
    #[arg(long)]
    pub actions: Option<PathBuf>,
}

#[derive(Args)]
pub struct RecordArgs {
    pub run: PathBuf,
    /// Folder to write, which must not exist or be empty
    #[arg(short, long)]
    pub output: PathBuf,
    /// Script to play: one JSON action a line [default: play the run from start to end]
    #[arg(long)]
    pub actions: Option<PathBuf>,
    /// Frames a second
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub fps: u32,
    /// Frames to write at most [default: until the script is done and nothing moves, or 10 s without a script]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub frames: Option<u32>,
    /// Pixels
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = size)]
    pub size: [u32; 2],
    /// Panel to film alone, or the whole window
    #[arg(long, value_enum, default_value_t = ViewArg::All)]
    pub view: ViewArg,
    /// Pixels for one point of text and lines
    #[arg(long, default_value_t = 1.0, value_parser = scale)]
    pub scale: f32,
}

#[derive(Args)]
pub struct ActionsArgs {
    /// One JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct BenchArgs {
    pub run: PathBuf,
    /// Frames to measure of each movement
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub frames: u32,
    /// One JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct DoctorArgs {
    /// One JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrackArg {
    Disk,
    Buffer,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MeasureArg {
    Accesses,
    Bytes,
    Logged,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DirectionArg {
    Both,
    Read,
    Write,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PhaseArg {
    All,
    Prompt,
    Generate,
    Warmup,
}

impl PhaseArg {
    /// None is all of them.
    pub fn phase(self) -> Option<Phase> {
        match self {
            Self::All => None,
            Self::Prompt => Some(Phase::Prompt),
            Self::Generate => Some(Phase::Generate),
            Self::Warmup => Some(Phase::Warmup),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormatArg {
    Csv,
    Json,
    /// A folder of tables for DuckDB, Polars and Spark, partitioned by run and pass
    Parquet,
    /// A trace for ui.perfetto.dev
    Perfetto,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowsArg {
    Ops,
    /// Ranges of bytes that ops touch
    Accesses,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByArg {
    Run,
    Pass,
    Layer,
    Tensor,
    /// Kind of op
    Op,
    Expert,
    /// What the experts of a layer have in common
    ExpertLayer,
    LayerPass,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatsFormatArg {
    Table,
    Csv,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AggregateArg {
    Sum,
    Max,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OrderArg {
    File,
    Layer,
    Heat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineArg {
    Gpu,
    /// The twin of the kernels
    Cpu,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LayoutEngineArg {
    Gpu,
    /// The twin of the kernels
    Cpu,
    /// fdg-sim, for graphs of up to 2,000 nodes
    Fdg,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrangementArg {
    /// Execution: layers as blocks in rows, as the graph view begins
    Rows,
    /// Distances along edges
    Distances,
}

impl From<ArrangementArg> for Arrangement {
    fn from(chosen: ArrangementArg) -> Self {
        match chosen {
            ArrangementArg::Rows => Self::Rows,
            ArrangementArg::Distances => Self::Distances,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ViewArg {
    Graph,
    Heatmap,
    Table,
    Timeline,
    Inspector,
    Health,
    Analytics,
    All,
}

/// `640x480`.
fn size(text: &str) -> Result<[u32; 2], String> {
    let side = |text: &str| text.parse::<u32>().ok().filter(|&side| side > 0);
    text.split_once(['x', 'X'])
        .and_then(|(width, height)| Some([side(width)?, side(height)?]))
        .ok_or_else(|| "give width and height above 0, such as 640x480".to_owned())
}

fn scale(text: &str) -> Result<f32, String> {
    let scale = text.parse::<f32>().ok().filter(|scale| (0.25..=8.0).contains(scale));
    scale.ok_or_else(|| "give a number from 0.25 to 8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn sizes_have_two_sides_above_0() {
        assert_eq!(size("640x480"), Ok([640, 480]));
        for wrong in ["", "640", "0x4", "4x0", "-1x4", "4x4x4", "4294967296x1"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert!(scale("2").is_ok() && scale("0").is_err() && scale("inf").is_err() && scale("NaN").is_err());
    }
}
