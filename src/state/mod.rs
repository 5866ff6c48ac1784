//! What the person sees and chose: pure data, changed by [`apply`](AppState::apply) alone. Knows no GPU and no UI.

pub mod action;
mod apply;
pub mod camera;
pub mod document;
pub mod film_choices;
mod follow;
mod graph_choices;
mod history;
mod interface;
pub mod playback;
pub mod reference;
mod steps;
pub mod table_choices;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::analysis::filter::Filter;
use crate::analysis::links::{Item, Links};
use crate::analysis::row_axis::{RowAxis, Rows};
use crate::kernel_io::layout::{Arrangement, LayoutEngine};
use crate::trace::tracks::{Order, phase_bits};
use crate::trace::{Phase, Track};

pub use action::{
    Action, AggregateChoice, Axes, DirectionChoice, ItemRef, MeasureChoice, NodeColor, NodeSize, PaletteChoice,
    RunFormat, ScaleChoice, Stride, Theme, Trail, View, ZoomTarget,
};
pub use apply::Effect;
use camera::{GraphCamera, Motion, Moving, Span};
pub use document::Document;
pub use film_choices::FilmChoices;
use history::History;
pub use interface::Interface;
pub use playback::{Clock, Playback};
pub use table_choices::TableState;

/// Points of the screen that count as the whole view where a script or a key moves the graph by a fraction of it: the
/// state does not know how large the panel is.
pub const GRAPH_PAN_POINTS: f32 = 800.0;

/// Everything that a frame shows, but for what egui keeps of its widgets.
#[derive(Clone)]
pub struct AppState {
    pub document: Option<Arc<Document>>,
    pub selection: Option<Item>,
    /// What analytics show beside the selection.
    pub compared: Option<Item>,
    /// What the selection means to each view; kept in step with it.
    pub links: Links,
    /// What the cursor is on in some view.
    pub hover: Option<Item>,
    pub phase: Option<Phase>,
    pub filter: Filter,
    pub pass: Option<u32>,
    pub graph: GraphState,
    pub heat: HeatState,
    pub table: TableState,
    /// Part of the run's time that the timeline shows, in ns.
    pub timeline: Moving<Span>,
    pub view: View,
    pub full_screen: Option<View>,
    pub theme: Theme,
    pub keys_shown: bool,
    pub interface: Interface,
    pub playback: Playback,
    /// How stills and films are made.
    pub film: FilmChoices,
    history: History,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GraphState {
    /// Which of the run's graphs.
    pub graph: u32,
    /// The layer whose subgraph is shown; `None` is the whole graph.
    pub layer: Option<u32>,
    /// Layers that are shown beside it.
    pub more_layers: BTreeSet<u32>,
    /// Layers shown as one node.
    pub folded: BTreeSet<u32>,
    /// Expert tensors shown as one node a slice.
    pub experts: bool,
    pub arrangement: Arrangement,
    /// Who lays it out.
    pub engine: LayoutEngine,
    /// Nodes that stay where a person put them, and where, in each graph that was shown.
    pub pins: BTreeMap<GraphSubject, BTreeMap<PinnedNode, [f32; 2]>>,
    pub color: NodeColor,
    pub size: NodeSize,
    pub search: NodeSearch,
    pub trail: Trail,
    /// Nodes that the trail goes through, kept in step with it; sorted.
    pub on_trail: Vec<u32>,
    /// False where the person stopped the layout on its way.
    pub settling: bool,
    pub camera: Moving<GraphCamera>,
    /// A camera movement that waits for the view, which alone knows where nodes lie.
    pub request: Option<(GraphGoal, Motion)>,
}

/// A graph as it can be shown: places in one say nothing in another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GraphSubject {
    pub graph: u32,
    pub layers: BTreeSet<u32>,
    pub folded: BTreeSet<u32>,
    pub experts: bool,
    pub arrangement: Arrangement,
}

/// A node of the run's graph, or one expert's slice of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinnedNode {
    pub node: u32,
    pub expert: Option<u32>,
}

/// What was searched for in the graph, and what was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeSearch {
    pub pattern: String,
    /// Nodes of the shown graph, in its order.
    pub hits: Vec<u32>,
    /// Which hit was stepped to.
    pub at: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum GraphGoal {
    Everything,
    /// Nodes of the shown graph.
    Nodes(Vec<u32>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct HeatState {
    pub measure: MeasureChoice,
    pub aggregate: AggregateChoice,
    pub direction: DirectionChoice,
    pub order: Order,
    /// What the rows stand for. The camera is in ops whichever it is.
    pub rows: Rows,
    /// Whether jumps between reads of the model files are drawn.
    pub seeks: bool,
    pub palette: PaletteChoice,
    pub scale: ScaleChoice,
    /// Bytes that each track shows.
    pub bytes: [Moving<Span>; 2],
    /// Ops that both tracks show.
    pub ops: Moving<Span>,
}

impl Default for AppState {
    fn default() -> Self {
        let whole = Moving::at(Span::new(0.0, 1.0));
        Self {
            document: None,
            selection: None,
            compared: None,
            links: Links::default(),
            hover: None,
            phase: None,
            filter: Filter::default(),
            pass: None,
            graph: GraphState {
                graph: 0,
                layer: None,
                more_layers: BTreeSet::new(),
                folded: BTreeSet::new(),
                experts: false,
                arrangement: Arrangement::default(),
                engine: LayoutEngine::default(),
                pins: BTreeMap::new(),
                color: NodeColor::default(),
                size: NodeSize::default(),
                search: NodeSearch::default(),
                trail: Trail::default(),
                on_trail: Vec::new(),
                settling: true,
                camera: Moving::at(GraphCamera { center: [0.0, 0.0], scale: 1.0 }),
                request: Some((GraphGoal::Everything, Motion::default())),
            },
            heat: HeatState {
                measure: MeasureChoice::default(),
                aggregate: AggregateChoice::default(),
                direction: DirectionChoice::default(),
                order: Order::default(),
                rows: Rows::default(),
                seeks: false,
                palette: PaletteChoice::default(),
                scale: ScaleChoice::default(),
                bytes: [whole; 2],
                ops: whole,
            },
            table: TableState::default(),
            timeline: whole,
            view: View::Graph,
            full_screen: None,
            theme: Theme::default(),
            keys_shown: false,
            interface: Interface::default(),
            playback: Playback::default(),
            film: FilmChoices::default(),
            history: History::default(),
        }
    }
}

impl AppState {
    /// Bytes of a track in the chosen order.
    pub fn track_bytes(&self, track: Track) -> u64 {
        self.document.as_ref().map_or(0, |d| d.layouts(self.heat.order)[track as usize].bytes)
    }

    /// Changes what is seen of the ops, as they stand along the heatmap's rows.
    fn along_rows(&self, seen: Span, change: impl Fn(Span) -> Span) -> Span {
        let Some(document) = &self.document else { return seen };
        let axis = RowAxis::new(&document.trace, self.heat.rows);
        if axis.rows() == Rows::Op {
            return change(seen);
        }
        let along = change(Span::new(axis.at(seen.start), axis.at(seen.end)));
        // Moved, not squeezed against an end.
        let along = along.within(axis.end(), along.len().min(axis.end()));
        Span::new(axis.op(along.start), axis.op(along.end))
    }

    /// The pass that the heatmap says more of: the selected one, else the one in the middle of what is seen.
    pub fn pass_in_focus(&self) -> Option<u32> {
        let trace = &self.document.as_ref()?.trace;
        let selected = match self.selection {
            Some(Item::Pass(pass)) => Some(pass),
            Some(Item::Op(op)) => trace.ops.pass.get(op as usize).copied(),
            _ => None,
        };
        let seen = self.heat.ops.now();
        let middle = f64::midpoint(seen.start, seen.end).max(0.0) as usize;
        let middle = middle.min(trace.op_count().saturating_sub(1));
        selected.or_else(|| trace.ops.pass.get(middle).copied()).filter(|&pass| (pass as usize) < trace.passes.len())
    }

    pub fn op_count(&self) -> usize {
        self.document.as_ref().map_or(0, |d| d.trace.op_count())
    }

    /// Moves cameras and playback on; true while something moves.
    pub fn advance(&mut self, delta_ms: f64) -> bool {
        self.graph.camera.advance(delta_ms);
        self.heat.ops.advance(delta_ms);
        self.timeline.advance(delta_ms);
        for bytes in &mut self.heat.bytes {
            bytes.advance(delta_ms);
        }
        self.advance_playback(delta_ms);
        self.graph.camera.is_moving()
            || self.heat.ops.is_moving()
            || self.timeline.is_moving()
            || self.heat.bytes.iter().any(Moving::is_moving)
            || self.playback.playing
    }

    fn set_selection(&mut self, item: Option<Item>) {
        self.selection = item;
        self.relink();
    }

    fn relink(&mut self) {
        self.links = match (self.selection, &self.document) {
            (Some(item), Some(document)) => {
                document.links(item, self.graph.graph, self.heat.order, phase_bits(self.phase))
            }
            _ => Links::default(),
        };
        self.follow_trail();
    }
}
