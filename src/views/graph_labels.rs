//! Names in the graph panel: of what is selected, of layers, then of nodes that are large enough on screen to bear one.

use hashbrown::HashMap;

use crate::analysis::graph_display::DisplayGraph;
use crate::gpu::text::{Fonts, Label, TextLayer, TextTarget, WorldView};
use crate::gpu::{FrameGpu, Gpu};
use crate::kernel_io::graph_view::GraphCamera;
use crate::trace::Graph;

/// Node radius, in points, from which a node bears its name.
const LABEL_RADIUS_POINTS: f32 = 4.2;
/// Names that are tried for a place; more would not fit.
const MOST_TRIED: usize = 1_200;
/// Up to this many selected nodes have their names shown at any size.
const MOST_NAMED: usize = 8;

pub struct GraphLabels {
    fonts: Fonts,
    layer: TextLayer,
    names: Names,
}

/// What is to be written of one graph, and where.
#[derive(Default)]
pub struct Names {
    /// Nodes in the order in which they get room for their names.
    order: Vec<u32>,
    texts: Vec<String>,
    /// What stands at the upper left end of each layer.
    headings: Vec<Heading>,
    places: Places,
}

struct Heading {
    text: String,
    at: [f32; 2],
    width: f32,
}

/// Nodes by squares of the plane.
#[derive(Default)]
struct Places {
    squares: HashMap<(i32, i32), Vec<u32>>,
}

/// Side of a square, in layout units; no usual node is larger than half of it.
const SQUARE_UNITS: f32 = 8.0;

impl Places {
    fn new(positions: &[[f32; 2]]) -> Self {
        let mut squares: HashMap<(i32, i32), Vec<u32>> = HashMap::new();
        for (node, &at) in (0_u32..).zip(positions) {
            squares.entry(Self::square(at)).or_default().push(node);
        }
        Self { squares }
    }

    fn square(at: [f32; 2]) -> (i32, i32) {
        ((at[0] / SQUARE_UNITS).floor() as i32, (at[1] / SQUARE_UNITS).floor() as i32)
    }

    /// Whether a rectangle covers no node but `own`.
    fn none_within(&self, low: [f32; 2], high: [f32; 2], own: u32, positions: &[[f32; 2]], radii: &[f32]) -> bool {
        let from = Self::square(low.map(|along| along - 0.5 * SQUARE_UNITS));
        let to = Self::square(high.map(|along| along + 0.5 * SQUARE_UNITS));
        let squares = (from.1..=to.1).flat_map(|y| (from.0..=to.0).map(move |x| (x, y)));
        squares.filter_map(|square| self.squares.get(&square)).flatten().filter(|&&node| node != own).all(|&node| {
            let (at, radius) = (positions[node as usize], radii[node as usize]);
            // The middle counts, not the rim: a name may touch its neighbours.
            let beside = (0..2).map(|axis| (low[axis] - at[axis]).max(at[axis] - high[axis]).max(0.0));
            beside.map(|off| off * off).sum::<f32>() >= 0.5 * radius * radius
        })
    }
}

/// How a picture's names look.
pub struct LabelLook {
    pub ink: [u8; 4],
    pub faint_ink: [u8; 4],
    pub pixels_per_point: f32,
}

impl GraphLabels {
    pub fn new(gpu: &Gpu) -> Self {
        let mut fonts = Fonts::new(gpu);
        let layer = TextLayer::new(gpu, &mut fonts);
        Self { fonts, layer, names: Names::default() }
    }

    /// A graph is shown whose names are known; gives those of the one before.
    pub fn exchange(&mut self, names: Names) -> Names {
        std::mem::replace(&mut self.names, names)
    }

    /// Another graph is shown.
    pub fn set_graph(&mut self, graph: &Graph, display: &DisplayGraph) {
        self.names.set_graph(graph, display);
    }

    /// Nodes have moved.
    pub fn set_places(&mut self, graph: &Graph, display: &DisplayGraph, positions: &[[f32; 2]], headings: bool) {
        self.names.set_places(graph, display, positions, headings);
    }

    /// Draws the names over what `target` shows.
    pub fn draw(
        &mut self,
        gpu: &mut FrameGpu<'_>,
        target: &TextTarget<'_>,
        camera: &GraphCamera,
        look: &LabelLook,
        selected: &[u32],
        (positions, radii): (&[[f32; 2]], &[f32]),
    ) {
        let view = world_view(camera);
        let labels = self.names.labels(&mut self.fonts, camera, look, selected, (positions, radii));
        let device = gpu.gpu;
        self.layer.draw(device, &mut self.fonts, gpu.encoder(), target, &view, &labels);
    }
}

fn world_view(camera: &GraphCamera) -> WorldView {
    let origin = [0, 1].map(|axis| camera.center[axis] - 0.5 * camera.viewport_px[axis] / camera.scale);
    WorldView { origin: origin.map(f64::from), px_per_unit: [f64::from(camera.scale); 2] }
}

impl Names {
    fn set_graph(&mut self, graph: &Graph, display: &DisplayGraph) {
        self.texts = display
            .nodes
            .iter()
            .map(|node| match (node.folded, node.expert) {
                (Some(layer), _) => format!("layer {layer}"),
                (None, Some(expert)) => format!("{expert}"),
                (None, None) => graph.nodes[node.node as usize].label.trim().to_owned(),
            })
            .collect();
        self.order = (0..display.nodes.len() as u32).collect();
        // Spread over the graph rather than from its start on.
        self.order.sort_by_key(|&i| {
            let node = &display.nodes[i as usize];
            let own = &graph.nodes[node.node as usize];
            (node.folded.is_none(), node.expert.is_some(), own.leaf, i.reverse_bits())
        });
    }

    fn set_places(&mut self, graph: &Graph, display: &DisplayGraph, positions: &[[f32; 2]], headings: bool) {
        self.places = Places::new(positions);
        self.headings.clear();
        let layers = if headings { graph.layers() as usize } else { 0 };
        let mut boxes = vec![None::<[[f32; 2]; 2]>; layers];
        for (node, &at) in display.nodes.iter().zip(positions) {
            let layer = graph.nodes[node.node as usize].layer.filter(|_| node.folded.is_none());
            if let Some(known) = layer.and_then(|layer| boxes.get_mut(layer as usize)) {
                let [low, high] = known.get_or_insert([at, at]);
                for axis in 0..2 {
                    low[axis] = low[axis].min(at[axis]);
                    high[axis] = high[axis].max(at[axis]);
                }
            }
        }
        for (layer, known) in boxes.iter().enumerate() {
            if let Some([low, high]) = known {
                let heading = Heading {
                    text: format!("layer {layer}"),
                    at: [low[0] - 1.0, low[1] - 1.4],
                    width: high[0] - low[0] + 2.0,
                };
                self.headings.push(heading);
            }
        }
    }

    /// The names to draw, those first that get room before others. What is selected comes first, each node once.
    fn labels(
        &self,
        fonts: &mut Fonts,
        camera: &GraphCamera,
        look: &LabelLook,
        selected: &[u32],
        (positions, radii): (&[[f32; 2]], &[f32]),
    ) -> Vec<Label<'_>> {
        let per_point = look.pixels_per_point;
        let size = [0, 1].map(|axis| camera.viewport_px[axis] / camera.scale);
        let origin = [0, 1].map(|axis| camera.center[axis] - 0.5 * size[axis]);
        let seen = |at: [f32; 2]| (0..2).all(|a| at[a] >= origin[a] && at[a] <= origin[a] + size[a]);
        let node_font = (camera.scale / per_point * 0.8).clamp(9.0, 12.0).round() * per_point;
        let Self { texts, order, headings, places } = self;
        let of_node = |node: u32, above: bool| {
            let at = *positions.get(node as usize).filter(|at| seen(**at))?;
            let away = radii.get(node as usize)? * camera.scale + per_point;
            Some(Label {
                text: texts.get(node as usize)?,
                at: at.map(f64::from),
                anchor: [0.5, if above { 1.0 } else { 0.0 }],
                shift_px: [0.0, if above { -away } else { away }],
                font_px: node_font,
                color: look.ink,
                room: None,
            })
        };
        let named = if selected.len() <= MOST_NAMED { selected } else { &[] };
        let mut labels: Vec<Label<'_>> = named.iter().filter_map(|&node| of_node(node, false)).collect();
        for heading in headings.iter().filter(|heading| heading.width * camera.scale > 28.0 * per_point) {
            labels.push(Label {
                text: &heading.text,
                at: heading.at.map(f64::from),
                anchor: [0.0, 1.0],
                shift_px: [0.0, -2.0 * per_point],
                font_px: if camera.scale / per_point > 6.0 { 14.0 } else { 11.0 } * per_point,
                color: look.faint_ink,
                room: None,
            });
        }
        let large = |node: &&u32| {
            radii.get(**node as usize).is_some_and(|radius| radius * camera.scale >= LABEL_RADIUS_POINTS * per_point)
        };
        // A name stands under its node or, where other nodes are in the way there, over it.
        let mut free = |label: &Label<'_>, node: u32| {
            let text = fonts.measure(label.text, label.font_px);
            let corner = [0, 1].map(|axis| {
                label.at[axis] as f32 + (label.shift_px[axis] - label.anchor[axis] * text[axis]) / camera.scale
            });
            let end = [0, 1].map(|axis| corner[axis] + text[axis] / camera.scale);
            places.none_within(corner, end, node, positions, radii)
        };
        let tried = order
            .iter()
            .filter(large)
            .filter(|node| !named.contains(node))
            .filter(|&&node| positions.get(node as usize).is_some_and(|&at| seen(at)));
        for &node in tried.take(MOST_TRIED) {
            let either = [false, true].into_iter().filter_map(|above| of_node(node, above));
            labels.extend(either.into_iter().find(|label| free(label, node)));
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::trace::{GraphNode, NodeType};

    #[test]
    fn a_selected_node_bears_its_name_once() {
        let node = |name: &str| GraphNode::add(name, NodeType::Infrastructure);
        let graph = Graph { nodes: ["sum", "below"].map(node).to_vec(), edges: Vec::new() };
        let display = DisplayGraph::new(&graph, &BTreeSet::new(), &BTreeSet::new());
        // One stands where the other's name is: unselected, that would have it above.
        let (positions, radii) = ([[0.0, 0.0], [0.0, 2.2]], [1.0, 1.0]);
        let mut fonts = Fonts::new(&Gpu::headless().unwrap());
        let mut names = Names::default();
        names.set_graph(&graph, &display);
        names.set_places(&graph, &display, &positions, false);
        let camera = GraphCamera { center: [0.0, 0.0], scale: 20.0, viewport_px: [400.0, 400.0] };
        let look = LabelLook { ink: [255; 4], faint_ink: [128; 4], pixels_per_point: 1.0 };
        let mut count = |selected: &[u32]| {
            let labels = names.labels(&mut fonts, &camera, &look, selected, (&positions, &radii));
            ["sum", "below"].map(|name| labels.iter().filter(|label| label.text == name).count())
        };
        assert_eq!(count(&[]), [1, 1]);
        assert_eq!(count(&[0]), [1, 1]);
        assert_eq!(count(&[0, 1]), [1, 1]);
        let many = [0, 1, 0, 1, 0, 1, 0, 1, 0];
        assert_eq!(count(&many), [1, 1], "of many that are selected none comes first");
    }
}
