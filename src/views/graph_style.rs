//! How nodes and edges of the graph panel are painted, and what its legend says of that.

use egui::Color32;
use hashbrown::{HashMap, HashSet};

use super::theme;
use crate::analysis::graph_display::{DisplayGraph, DisplayNode};
use crate::analysis::graph_values::{NodeValue, NodeValues};
use crate::gpu::colormap::{Palette, Scale};
use crate::kernel_io::graph_view as look;
use crate::state::{AppState, NodeColor, NodeSize, Theme};
use crate::trace::{Category, Graph, NodeType};
use crate::units;

/// Marking every edge of a whole layer would say nothing.
const MOST_MARKED: usize = 8;
/// A leaf with more readers than this is read everywhere.
const MANY_READERS: u32 = 8;
/// How much of their colour edges keep that stay behind the others.
const QUIET: f32 = 0.3;
/// Kinds of op that get a colour of their own.
const OP_COLORS: usize = 8;
/// Radius of nodes whose size says something, from nothing to the most, in layout units.
const SIZES: [f32; 2] = [0.6, 3.0];

/// What besides the graph decides the picture: equal marks give equal styles.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Marks {
    pub selected: Vec<u32>,
    pub hovered: Option<u32>,
    /// Operands of the op that runs, while a run is played.
    pub glowing: Vec<u32>,
    /// What stands out; everything else is dimmed. Empty: nothing is.
    pub outstanding: Vec<u32>,
    /// Nodes as they are shown that stay where a person put them.
    pub pinned: Vec<u32>,
}

impl Marks {
    pub fn of(state: &AppState, graph: &Graph, selected: Vec<u32>, hovered: Option<u32>) -> Self {
        let glowing = match (state.playback.playing, selected.as_slice()) {
            (true, [node]) => graph.edges.iter().filter(|e| e.target == *node).map(|e| e.source).collect(),
            _ => Vec::new(),
        };
        let outstanding = match state.graph.on_trail.as_slice() {
            [] => state.graph.search.hits.clone(),
            trail => trail.to_vec(),
        };
        Self { selected, hovered, glowing, outstanding, pinned: Vec::new() }
    }
}

/// What the colours of a graph say, worked out once for all its nodes.
pub struct Coloring {
    fills: Vec<Color32>,
    pub legend: Vec<(Color32, String)>,
    /// Ends of a scale, where colours are one.
    pub scale: Option<[String; 2]>,
}

impl Coloring {
    pub fn new(
        graph: &Graph,
        display: &DisplayGraph,
        values: Option<&NodeValues>,
        color: NodeColor,
        theme: Theme,
    ) -> Self {
        match color {
            NodeColor::Type => Self::by_type(graph, display, theme),
            NodeColor::Layer => Self::by_layer(graph, display, theme),
            NodeColor::Op => Self::by_op(graph, display, theme),
            NodeColor::Accesses => Self::by_value(display, values, theme, |v| v.accesses, units::count),
            NodeColor::Bytes => Self::by_value(display, values, theme, |v| v.bytes, units::bytes),
            NodeColor::Time => Self::by_value(display, values, theme, |v| v.time_ns, units::duration),
        }
    }

    fn by_type(graph: &Graph, display: &DisplayGraph, theme: Theme) -> Self {
        let fill = |node: &DisplayNode| match (node.folded, node.category) {
            (Some(_), _) => theme::node_type(NodeType::Layer),
            (None, Some(category)) => theme::category(category),
            (None, None) => theme::node_type(graph.nodes[node.node as usize].node_type),
        };
        let fills = display.nodes.iter().map(fill).collect();
        let mut legend: Vec<(Color32, String)> = Vec::new();
        if display.nodes.iter().any(|node| node.category.is_some()) {
            for category in Category::ALL {
                let count = display.nodes.iter().filter(|n| n.category == Some(category)).count();
                legend.push((theme::category(category), format!("{} {count}", category.label())));
            }
            let across = display.edges.iter().filter(|e| e.cross_layer).count();
            legend.push((theme::edge(theme), format!("dashed: {across} edges between layers")));
        } else {
            let types = NodeType::ALL.into_iter();
            legend.extend(types.map(|t| (theme::node_type(t), format!("{} {}", t.label(), graph.count(t)))));
        }
        Self { fills, legend, scale: None }
    }

    fn by_layer(graph: &Graph, display: &DisplayGraph, theme: Theme) -> Self {
        let last = graph.layers().saturating_sub(1);
        let fill = |node: &DisplayNode| match graph.nodes[node.node as usize].layer {
            Some(layer) => palette(Palette::Viridis, 0.15 + 0.85 * layer as f32 / last.max(1) as f32),
            None => theme::faint(theme),
        };
        Self {
            fills: display.nodes.iter().map(fill).collect(),
            legend: vec![(theme::faint(theme), "in no layer".to_owned())],
            scale: Some(["layer 0".to_owned(), format!("layer {last}")]),
        }
    }

    fn by_op(graph: &Graph, display: &DisplayGraph, theme: Theme) -> Self {
        // A folded layer is many ops, whatever its first is.
        let kind_of = |node: &DisplayNode| match node.folded {
            Some(_) => None,
            None => Some(graph.nodes[node.node as usize].operation.as_str()),
        };
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for kind in display.nodes.iter().filter_map(kind_of) {
            *counts.entry(kind).or_default() += 1;
        }
        let mut kinds: Vec<(&str, usize)> = counts.into_iter().collect();
        kinds.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let shown: HashMap<&str, Color32> =
            kinds.iter().take(OP_COLORS).enumerate().map(|(at, (kind, _))| (*kind, theme::kind(at))).collect();
        let fill = |node: &DisplayNode| match kind_of(node) {
            Some(kind) => shown.get(kind).copied().unwrap_or(theme::kind(usize::MAX)),
            None => theme::faint(theme),
        };
        let mut legend: Vec<(Color32, String)> =
            kinds.iter().take(OP_COLORS).map(|(kind, count)| (shown[kind], format!("{kind} {count}"))).collect();
        let rest: usize = kinds.iter().skip(OP_COLORS).map(|(_, count)| count).sum();
        if rest > 0 {
            legend.push((theme::kind(usize::MAX), format!("others {rest}")));
        }
        let folded = display.nodes.iter().filter(|node| node.folded.is_some()).count();
        if folded > 0 {
            legend.push((theme::faint(theme), format!("folded layers {folded}")));
        }
        Self { fills: display.nodes.iter().map(fill).collect(), legend, scale: None }
    }

    fn by_value(
        display: &DisplayGraph,
        values: Option<&NodeValues>,
        theme: Theme,
        of: fn(&NodeValue) -> u64,
        words: fn(u64) -> String,
    ) -> Self {
        let value = |node: &DisplayNode| values.map_or(0, |values| of(&values.get(node)));
        let highest = display.nodes.iter().map(value).max().unwrap_or(0);
        let fill = |node: &DisplayNode| match value(node) {
            0 => theme::faint(theme),
            value => palette(Palette::Heat, Scale::Logarithmic.position(value, highest, &[])),
        };
        let none = display.nodes.iter().filter(|&node| value(node) == 0).count();
        Self {
            fills: display.nodes.iter().map(fill).collect(),
            legend: vec![(theme::faint(theme), format!("none {none}"))],
            scale: Some([words(1), words(highest)]),
        }
    }

    /// Colours along the scale, for the legend.
    pub fn along_scale(color: NodeColor, share: f32) -> Color32 {
        match color {
            NodeColor::Layer => palette(Palette::Viridis, 0.15 + 0.85 * share),
            _ => palette(Palette::Heat, share),
        }
    }
}

fn palette(palette: Palette, position: f32) -> Color32 {
    let [r, g, b, _] = palette.sample(position);
    Color32::from_rgb(r, g, b)
}

/// Radii that say how much a node moved or how long it took, in layout units.
pub fn radii(display: &DisplayGraph, values: &NodeValues, size: NodeSize, plain: &[f32]) -> Vec<f32> {
    let of = |node: &DisplayNode| {
        let value = values.get(node);
        match size {
            NodeSize::Plain => 0,
            NodeSize::Bytes => value.bytes,
            NodeSize::Time => value.time_ns,
        }
    };
    let highest = display.nodes.iter().map(of).max().unwrap_or(0);
    if size == NodeSize::Plain || highest == 0 {
        return plain.to_vec();
    }
    // The area tells, as areas are what people compare.
    let radius = |node: &DisplayNode| SIZES[0] + (SIZES[1] - SIZES[0]) * (of(node) as f32 / highest as f32).sqrt();
    display
        .nodes
        .iter()
        .zip(plain)
        .map(|(node, &plain)| if node.folded.is_some() { plain } else { radius(node) })
        .collect()
}

/// Per node and per edge: how it is painted.
pub fn styles(
    graph: &Graph,
    display: &DisplayGraph,
    radii: &[f32],
    coloring: &Coloring,
    marks: &Marks,
    theme: Theme,
) -> (Vec<look::NodeStyle>, Vec<look::EdgeStyle>) {
    let shown = |nodes: &[u32]| -> HashSet<u32> {
        nodes.iter().filter_map(|&n| display.shown_as.get(n as usize).copied().flatten()).collect()
    };
    let selected = shown(&marks.selected);
    let glowing = shown(&marks.glowing);
    let outstanding: HashSet<u32> = marks.outstanding.iter().copied().collect();
    let shown_outstanding = shown(&marks.outstanding);
    let hovered = marks.hovered.and_then(|n| display.shown_as.get(n as usize).copied().flatten());
    let pinned: HashSet<u32> = marks.pinned.iter().copied().collect();
    let outline = color(theme::canvas(theme));
    // Of a folded layer any node counts, and of a node in slices each slice, though it is shown as the first.
    let stands_out = |i: u32| {
        outstanding.is_empty()
            || shown_outstanding.contains(&i)
            || display.nodes.get(i as usize).is_some_and(|node| outstanding.contains(&node.node))
            || selected.contains(&i)
    };
    let nodes = (0_u32..)
        .zip(&display.nodes)
        .map(|(i, node)| {
            let own = &graph.nodes[node.node as usize];
            let mut flags = if own.leaf && node.folded.is_none() { look::NODE_SQUARE } else { 0 };
            if selected.contains(&i) {
                flags |= look::NODE_SELECTED;
            }
            if hovered == Some(i) || glowing.contains(&i) {
                flags |= look::NODE_HOVERED;
            }
            if !stands_out(i) {
                flags |= look::NODE_DIMMED;
            }
            if pinned.contains(&i) {
                flags |= look::NODE_PINNED;
            }
            look::NodeStyle { fill: color(coloring.fills[i as usize]), outline, radius: radii[i as usize], flags }
        })
        .collect();
    let plain = color(theme::edge(theme));
    let marked = color(theme::SELECTED);
    let quiet = color(theme::edge(theme).gamma_multiply(QUIET));
    let mut readers = vec![0u32; display.nodes.len()];
    for edge in &display.edges {
        readers[edge.source as usize] += 1;
    }
    // What all layers read, and the slices of experts, have edges by the hundred: they stay behind the others.
    let is_quiet = |source: u32| {
        let node = &display.nodes[source as usize];
        node.expert.is_some() || readers[source as usize] > MANY_READERS && graph.nodes[node.node as usize].leaf
    };
    let mark_edges = selected.len() <= MOST_MARKED;
    let edges = display
        .edges
        .iter()
        .map(|edge| {
            let mut flags = if edge.cross_layer { look::EDGE_DASHED } else { 0 };
            let mut paint = if is_quiet(edge.source) { quiet } else { plain };
            let touches = |node: u32| selected.contains(&node) || hovered == Some(node);
            if mark_edges && (touches(edge.source) || touches(edge.target)) {
                flags |= look::EDGE_HIGHLIGHTED;
                paint = marked;
            } else if !(stands_out(edge.source) && stands_out(edge.target)) {
                flags |= look::EDGE_DIMMED;
            }
            look::EdgeStyle { color: paint, flags }
        })
        .collect();
    (nodes, edges)
}

pub fn color(color: Color32) -> u32 {
    let [r, g, b, a] = color.to_srgba_unmultiplied();
    look::rgba(r, g, b, a)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::trace::{GraphEdge, GraphNode};

    fn sum() -> Graph {
        let node = |id: &str, leaf: bool| GraphNode {
            id: id.to_owned(),
            name: id.to_owned(),
            label: id.to_owned(),
            operation: "ADD".to_owned(),
            shape: Vec::new(),
            dtype: None,
            layer: None,
            node_type: NodeType::Infrastructure,
            leaf,
        };
        let edge = |(source, target): (u32, u32)| GraphEdge { source, target, slot: 0 };
        let nodes = vec![node("before", false), node("sum", false), node("after", false), node("weight", true)];
        Graph { nodes, edges: [(0, 1), (3, 1), (1, 2)].map(edge).to_vec() }
    }

    /// Flags of the nodes as they are painted.
    fn flags(graph: &Graph, marks: &Marks) -> Vec<u32> {
        let display = DisplayGraph::new(graph, &BTreeSet::new(), &BTreeSet::new());
        let coloring = Coloring::new(graph, &display, None, NodeColor::Type, Theme::Dark);
        let (nodes, _) = styles(graph, &display, &[1.0; 4], &coloring, marks, Theme::Dark);
        nodes.iter().map(|node| node.flags).collect()
    }

    #[test]
    fn while_a_run_is_played_the_running_op_lights_up_and_its_operands_glow() {
        let graph = sum();
        let mut state = AppState::default();
        let at_rest = Marks::of(&state, &graph, vec![1], None);
        assert_eq!(flags(&graph, &at_rest), [0, look::NODE_SELECTED, 0, look::NODE_SQUARE]);
        state.playback.playing = true;
        let playing = Marks::of(&state, &graph, vec![1], None);
        assert_eq!(playing.glowing, [0, 3]);
        let glowing = [look::NODE_HOVERED, look::NODE_SELECTED, 0, look::NODE_SQUARE | look::NODE_HOVERED];
        assert_eq!(flags(&graph, &playing), glowing);
    }

    /// Two layers of an ADD and a MUL each, behind an embedding and before an output.
    fn layered() -> Graph {
        let mut graph = sum();
        let node = |name: &str, operation: &str| GraphNode {
            id: name.to_owned(),
            name: name.to_owned(),
            label: name.to_owned(),
            operation: operation.to_owned(),
            leaf: false,
            ..graph.nodes[0].clone()
        };
        graph.nodes = [("embd", "ADD"), ("a-0", "ADD"), ("b-0", "MUL"), ("a-1", "ADD"), ("b-1", "MUL"), ("out", "ADD")]
            .map(|(name, operation)| node(name, operation))
            .to_vec();
        graph.edges = (0..5).map(|source| GraphEdge { source, target: source + 1, slot: 0 }).collect();
        graph.classify();
        graph
    }

    /// Which of the shown nodes are dimmed.
    fn dimmed(graph: &Graph, display: &DisplayGraph, outstanding: &[u32]) -> Vec<bool> {
        let coloring = Coloring::new(graph, display, None, NodeColor::Type, Theme::Dark);
        let marks = Marks { outstanding: outstanding.to_vec(), ..Marks::default() };
        let radii = vec![1.0; display.nodes.len()];
        let (nodes, _) = styles(graph, display, &radii, &coloring, &marks, Theme::Dark);
        nodes.iter().map(|node| node.flags & look::NODE_DIMMED != 0).collect()
    }

    #[test]
    fn a_folded_layer_stands_out_with_any_of_its_nodes() {
        let graph = layered();
        let display = DisplayGraph::new(&graph, &BTreeSet::new(), &BTreeSet::from([0, 1]));
        assert_eq!(display.nodes.len(), 4);
        assert_eq!(dimmed(&graph, &display, &[2]), [true, false, true, true], "b-0, which is not the layer's first");
        assert_eq!(dimmed(&graph, &display, &[1, 4]), [true, false, false, true]);
    }

    #[test]
    fn every_slice_of_a_hit_stands_out() {
        let graph = sum();
        let whole = DisplayGraph::new(&graph, &BTreeSet::new(), &BTreeSet::new());
        let display = whole.with_slices(&[1, 1, 1, 2]).unwrap();
        assert_eq!(dimmed(&graph, &display, &[3]), [true, true, true, false, false]);
    }

    #[test]
    fn colours_by_op_tell_folded_layers_from_the_op_they_begin_with() {
        let graph = layered();
        let display = DisplayGraph::new(&graph, &BTreeSet::new(), &BTreeSet::from([0]));
        let coloring = Coloring::new(&graph, &display, None, NodeColor::Op, Theme::Dark);
        let names: Vec<&str> = coloring.legend.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["ADD 3", "MUL 1", "folded layers 1"]);
        let [add, mul, layer] = [0, 1, 2].map(|at| coloring.legend[at].0);
        assert_eq!(coloring.fills, [add, layer, add, mul, add]);
        assert!(layer != add && layer != mul);
    }

    #[test]
    fn pinned_nodes_bear_a_mark() {
        let graph = sum();
        let marks = Marks { pinned: vec![2], ..Marks::default() };
        assert_eq!(flags(&graph, &marks), [0, 0, look::NODE_PINNED, look::NODE_SQUARE]);
    }
}
