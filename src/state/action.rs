//! Everything a person can do, as values: menus, keys, palette, scripts and tests use the same ones.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::camera::{Motion, Span, is_zero};
use super::film_choices::Part;
use super::playback::Clock;
use super::table_choices::{GroupOrder, Place, RowFormat, ShownColumn};
use crate::analysis::filter::{Filter, Region, TensorRef};
use crate::analysis::row_axis::Rows;
use crate::analysis::table_columns::Column;
use crate::analysis::table_rows::SortKey;
use crate::kernel_io::layout::{Arrangement, LayoutEngine};
use crate::trace::tracks::Order;
use crate::trace::{Phase, Track};

/// A panel of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    Graph,
    Heatmap,
    Timeline,
    Table,
    Health,
    Inspector,
    Analytics,
}

impl View {
    pub const ALL: [Self; 7] =
        [Self::Graph, Self::Heatmap, Self::Timeline, Self::Table, Self::Health, Self::Inspector, Self::Analytics];

    pub fn title(self) -> &'static str {
        match self {
            Self::Graph => "Graph",
            Self::Heatmap => "Heatmap",
            Self::Timeline => "Timeline",
            Self::Table => "Ops",
            Self::Health => "Health",
            Self::Inspector => "Inspector",
            Self::Analytics => "Analytics",
        }
    }
}

/// Something to select, by the names and numbers that people know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemRef {
    Tensor(TensorRef),
    Op(u32),
    /// A node of the shown graph, by id, label or name.
    Node(String),
    Layer(u32),
    Pass(u32),
    Expert {
        tensor: TensorRef,
        expert: u32,
    },
    Region(Region),
    /// Time from the run's first stamp, both ends as in a Rust range.
    Span {
        time_ns: [u64; 2],
    },
}

/// Where a camera goes: a tensor, layer or op, a rectangle of the heatmap, or a node of the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoomTarget {
    Tensor(TensorRef),
    Layer(u32),
    Op(u32),
    Pass(u32),
    Node(String),
    /// Whatever is selected.
    Selection,
    /// Bytes of a track and, if given, ops; both ends as in a Rust range.
    Range {
        track: Track,
        bytes: [u64; 2],
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ops: Option<[u32; 2]>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stride {
    Op,
    Layer,
    Pass,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MeasureChoice {
    #[default]
    Accesses,
    Bytes,
    Logged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AggregateChoice {
    #[default]
    Sum,
    Max,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DirectionChoice {
    #[default]
    Both,
    Read,
    Write,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaletteChoice {
    #[default]
    Heat,
    Viridis,
    Cividis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScaleChoice {
    Linear,
    #[default]
    Logarithmic,
    Equalised,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    #[default]
    Dark,
    Light,
}

/// What the colours of the graph's nodes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeColor {
    /// The type of a node, or in the view of a layer what it is to the layer.
    #[default]
    Type,
    Layer,
    Op,
    Accesses,
    Bytes,
    Time,
}

impl NodeColor {
    pub const ALL: [Self; 6] = [Self::Type, Self::Layer, Self::Op, Self::Accesses, Self::Bytes, Self::Time];

    pub fn label(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Layer => "layer",
            Self::Op => "op",
            Self::Accesses => "accesses",
            Self::Bytes => "bytes touched",
            Self::Time => "time",
        }
    }
}

/// What the sizes of the graph's nodes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeSize {
    #[default]
    Plain,
    Bytes,
    Time,
}

impl NodeSize {
    pub const ALL: [Self; 3] = [Self::Plain, Self::Bytes, Self::Time];

    pub fn label(self) -> &'static str {
        match self {
            Self::Plain => "one size",
            Self::Bytes => "size: bytes",
            Self::Time => "size: time",
        }
    }
}

/// Which nodes stand out besides the selected one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trail {
    #[default]
    None,
    /// All that the selection is made of.
    Upstream,
    /// All that is made of the selection.
    Downstream,
    /// A shortest way between the selection and a node, by id, label or name.
    Path(String),
}

/// What a run, or the filtered ops of it, is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunFormat {
    /// One row an op.
    Csv,
    /// The same as a list.
    Json,
    /// A folder of files for query engines.
    Parquet,
    /// A trace for ui.perfetto.dev.
    Perfetto,
}

impl RunFormat {
    pub const ALL: [Self; 4] = [Self::Parquet, Self::Perfetto, Self::Csv, Self::Json];

    pub fn label(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Parquet => "Parquet",
            Self::Perfetto => "Perfetto",
        }
    }
}

/// One thing done. In scripts one JSON object a line, with the name in `action`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    Select {
        item: Option<ItemRef>,
    },
    ZoomTo {
        target: ZoomTarget,
        #[serde(flatten)]
        motion: Motion,
    },
    Pan {
        view: View,
        dx: f64,
        dy: f64,
        #[serde(flatten)]
        motion: Motion,
    },
    Zoom {
        view: View,
        factor: f64,
        #[serde(default = "middle")]
        x: f64,
        #[serde(default = "middle")]
        y: f64,
        /// Track of the heatmap; both if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        track: Option<Track>,
        #[serde(default, skip_serializing_if = "Axes::is_both")]
        axes: Axes,
        #[serde(flatten)]
        motion: Motion,
    },
    ShowSpan {
        track: Track,
        bytes: Span,
        ops: Span,
        #[serde(flatten)]
        motion: Motion,
    },
    LookAt {
        center: [f32; 2],
        scale: f32,
        #[serde(flatten)]
        motion: Motion,
    },
    Fit {
        view: View,
        #[serde(flatten)]
        motion: Motion,
    },
    SetView {
        view: View,
    },
    Compare {
        /// What the selection stands beside; `null` ends it.
        with: Option<ItemRef>,
    },
    SetLayer {
        layer: Option<u32>,
        /// Beside the layers that are shown, or no longer beside them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        add: bool,
    },
    SetGraph {
        graph: u32,
    },
    SetPass {
        pass: u32,
    },
    SetPhase {
        phase: Option<Phase>,
    },
    SetMeasure {
        measure: MeasureChoice,
    },
    SetAggregate {
        aggregate: AggregateChoice,
    },
    SetDirection {
        direction: DirectionChoice,
    },
    SetOrder {
        order: Order,
    },
    SetRows {
        rows: Rows,
    },
    ShowSeeks {
        shown: bool,
    },
    SetPalette {
        palette: PaletteChoice,
    },
    SetScale {
        scale: ScaleChoice,
    },
    SetFilter {
        filter: Filter,
    },
    SetSort {
        keys: Vec<SortKey>,
    },
    SetColumns {
        columns: Vec<ShownColumn>,
    },
    GroupBy {
        column: Option<Column>,
        #[serde(default)]
        order: GroupOrder,
        #[serde(default)]
        down: bool,
    },
    GoTo {
        place: Place,
    },
    CopyRows {
        #[serde(default)]
        format: RowFormat,
    },
    ExportRows {
        path: PathBuf,
        format: RowFormat,
    },
    CancelExport,
    ExportRun {
        path: PathBuf,
        format: RunFormat,
    },
    WriteReport {
        path: PathBuf,
    },
    Fold {
        layer: Option<u32>,
    },
    Unfold {
        layer: Option<u32>,
    },
    SetArrangement {
        arrangement: Arrangement,
    },
    UnfoldExperts {
        unfolded: bool,
    },
    SetNodeColor {
        color: NodeColor,
    },
    SetNodeSize {
        size: NodeSize,
    },
    FindNodes {
        pattern: String,
    },
    StepHit {
        #[serde(default)]
        back: bool,
    },
    SetTrail {
        trail: Trail,
    },
    SetSettling {
        on: bool,
    },
    SetLayoutEngine {
        engine: LayoutEngine,
    },
    PinNode {
        /// By id, label or name.
        node: String,
        /// Of an expert tensor whose slices stand apart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expert: Option<u32>,
        x: f32,
        y: f32,
    },
    UnpinNode {
        node: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expert: Option<u32>,
    },
    /// Goes on with the clock and the speed that were chosen last where it names none.
    Play {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock: Option<Clock>,
        /// In the unit of the clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        speed: Option<f64>,
        /// The speed by ops, and that clock unless another is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ops_per_second: Option<f64>,
    },
    Pause,
    SetClock {
        clock: Clock,
    },
    SetSpeed {
        speed: f64,
    },
    LoopSpan {
        ops: Option<[u32; 2]>,
    },
    Seek {
        op: Option<u32>,
    },
    Step {
        by: Stride,
        #[serde(default)]
        back: bool,
    },
    FullScreen {
        view: Option<View>,
    },
    SetTheme {
        theme: Theme,
    },
    Back,
    Forward,
    Undo,
    Redo,
    ShowPalette {
        shown: bool,
    },
    ShowSearch {
        shown: bool,
    },
    Search {
        /// A regular expression between slashes.
        text: String,
    },
    FilterTo {
        /// The selection, if none is given.
        #[serde(default)]
        item: Option<ItemRef>,
    },
    CopyName {
        /// The selection, if none is given.
        #[serde(default)]
        item: Option<ItemRef>,
    },
    ClosePanel {
        view: View,
    },
    ResetPanels,
    SetUiScale {
        scale: f32,
    },
    StepUiScale {
        larger: bool,
    },
    ShowHint {
        shown: bool,
    },
    ShowKeys {
        shown: bool,
    },
    Open {
        path: PathBuf,
    },
    CancelLoading,
    Still {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<PathBuf>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scale: Option<f32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        view: Option<Part>,
    },
    Record {
        /// Begins, or ends; the other of what it does now if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<bool>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<PathBuf>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fps: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scale: Option<f32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        view: Option<Part>,
    },
    SetFilm {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fps: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scale: Option<f32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        view: Option<Part>,
    },
    Quit,
    Wait {
        #[serde(default)]
        frames: u32,
        /// Beside the frames: the longer of both counts.
        #[serde(default, skip_serializing_if = "is_zero")]
        ms: f64,
    },
}

/// The axes of the heatmap that a zoom changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axes {
    #[default]
    Both,
    Bytes,
    Ops,
}

impl Axes {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_both(&self) -> bool {
        *self == Self::Both
    }
}

fn middle() -> f64 {
    0.5
}
