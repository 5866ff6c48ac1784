//! The graph panel: the whole model or one layer with what it shares, reads and feeds.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Color32, Pos2, Rect, Sense, Ui, Vec2};

use super::pointer::{Gesture, draw_box, gesture};
use super::{ViewContext, describe, theme};
use crate::analysis::graph_display::DisplayGraph;
use crate::analysis::layout;
use crate::analysis::links::Item;
use crate::gpu::canvas::Canvas;
use crate::gpu::graph_draw::{GraphDraw, GraphScene};
use crate::gpu::graph_pick::PickIndex;
use crate::gpu::layout::LayoutGpu;
use crate::gpu::{FrameGpu, Gpu, GpuError};
use crate::kernel_io::graph_view as look;
use crate::kernel_io::layout::{LayoutGraph, LayoutParams};
use crate::state::camera::{GraphCamera, Motion};
use crate::state::{Action, AppState, Document, GraphGoal, View};
use crate::trace::{Category, Graph, NodeType};
use crate::units;

/// Steps of the layout in one frame, for a graph of this many nodes; larger ones take fewer.
const NODES_TIMES_STEPS: usize = 16_000;
/// Node radius, in points, from which labels are drawn.
const LABEL_RADIUS_POINTS: f32 = 3.2;
const MOST_LABELS: usize = 160;
/// How far beside a node a click still hits it.
const PICK_SLACK_POINTS: f32 = 5.0;
const FIT_MARGIN_POINTS: f32 = 26.0;

/// The panel's own memory: what is on the GPU, and for which graph.
#[derive(Default)]
pub struct GraphView {
    painter: Option<GraphDraw>,
    shown: Option<Shown>,
    canvas: Canvas,
    /// Where the canvas is on screen, in points; taken when it is painted.
    rect: Option<Rect>,
    last_rect: Option<Rect>,
    pixels_per_point: f32,
    painted: Option<Painted>,
    /// The selection that was last brought into view.
    centred: Option<Item>,
    fault: Option<String>,
}

/// What decides which graph is laid out.
#[derive(Clone, PartialEq)]
struct Subject {
    document: usize,
    graph: u32,
    layer: Option<u32>,
    folded: BTreeSet<u32>,
}

struct Shown {
    subject: Subject,
    display: DisplayGraph,
    layout_graph: LayoutGraph,
    layout: LayoutGpu,
    scene: GraphScene,
    positions: Vec<[f32; 2]>,
    pick: PickIndex,
    /// The camera that showed everything when it was last asked for.
    fitted: Option<GraphCamera>,
    at_rest: bool,
}

/// What decides how a laid-out graph looks; an equal one is not painted again.
#[derive(Clone, PartialEq)]
struct Painted {
    subject: Subject,
    camera: GraphCamera,
    size_px: [u32; 2],
    nodes: Vec<u32>,
    hovered: Option<u32>,
    theme: crate::state::Theme,
}

impl Shown {
    fn new(gpu: &Gpu, painter: &GraphDraw, graph: &Graph, subject: Subject) -> Result<Self, GpuError> {
        let display = DisplayGraph::new(graph, subject.layer, &subject.folded);
        let layout_graph = display.layout_graph(graph);
        let problem = layout::prepare(&layout_graph, LayoutParams::default());
        let positions = problem.start();
        let layout = LayoutGpu::new(gpu, problem)?;
        let (nodes, edges) = styles(graph, &display, &layout_graph, None, &[], crate::state::Theme::Dark);
        let scene = GraphScene::new(gpu, painter, layout.position_buffer(), &layout_graph.edges, &nodes, &edges)?;
        let pick = PickIndex::new(&positions, &layout_graph.radius);
        let at_rest = layout.at_rest();
        Ok(Self { subject, display, layout_graph, layout, scene, positions, pick, fitted: None, at_rest })
    }

    /// A few steps towards rest; positions are read back so that labels and clicks follow.
    fn settle(&mut self, gpu: &Gpu) -> Result<(), GpuError> {
        let steps = (NODES_TIMES_STEPS / self.positions.len().max(1)).clamp(1, 40);
        self.layout.step(gpu, steps as u32);
        self.positions = self.layout.read_positions(gpu)?;
        self.at_rest = self.layout.at_rest();
        self.pick = PickIndex::new(&self.positions, &self.layout_graph.radius);
        Ok(())
    }

    /// Where the first of `nodes` lies, if none of them is on the canvas.
    fn out_of_view(&self, nodes: &[u32], camera: GraphCamera, rect: Rect) -> Option<[f32; 2]> {
        let place = |&node: &u32| {
            let shown = self.display.shown_as.get(node as usize).copied().flatten()?;
            self.positions.get(shown as usize).copied()
        };
        let view = view_camera(camera, rect, 1.0);
        let is_seen = |at: [f32; 2]| {
            let [x, y] = view.pixel_from_layout(at);
            (0.0..rect.width()).contains(&x) && (0.0..rect.height()).contains(&y)
        };
        let mut places = nodes.iter().filter_map(place).peekable();
        let first = *places.peek()?;
        (!places.any(is_seen)).then_some(first)
    }

    fn fit(&self, nodes: Option<&[u32]>, size: Vec2) -> GraphCamera {
        let chosen: Vec<[f32; 2]> = match nodes {
            None => self.positions.clone(),
            Some(nodes) => nodes
                .iter()
                .filter_map(|&n| self.display.shown_as.get(n as usize).copied().flatten())
                .filter_map(|n| self.positions.get(n as usize).copied())
                .collect(),
        };
        let fitted = look::GraphCamera::fit(&chosen, [size.x, size.y], FIT_MARGIN_POINTS);
        GraphCamera { center: fitted.center, scale: fitted.scale.min(14.0) }
    }
}

impl GraphView {
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, gpu: &mut FrameGpu<'_>) {
        let Some(document) = cx.document() else { return };
        let Some(graph) = document.trace.graphs.get(cx.state.graph.graph as usize) else {
            ui.centered_and_justified(|ui| ui.label("This run has no graph and no ops to make one from."));
            return;
        };
        self.toolbar(ui, cx, graph);
        self.prepare(gpu.gpu, cx.state, &document, graph);

        let (response, painter) =
            ui.allocate_painter(ui.available_size().max(Vec2::splat(16.0)), Sense::click_and_drag());
        let rect = response.rect;
        self.rect = Some(rect);
        self.last_rect = Some(rect);
        self.pixels_per_point = ui.pixels_per_point();
        let size_px = [rect.width(), rect.height()].map(|side| (side * ui.pixels_per_point()).round() as u32);
        let (texture, fresh) = self.canvas.ready(gpu, size_px);
        if fresh {
            self.painted = None;
        }
        painter.image(texture, rect, Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0)), Color32::WHITE);
        if let Some(fault) = &self.fault {
            painter.text(
                rect.center(),
                egui::Align2::CENTER_CENTER,
                fault,
                egui::FontId::proportional(13.0),
                Color32::RED,
            );
            return;
        }
        let Some(shown) = &mut self.shown else { return };

        if let Some((goal, motion)) = &cx.state.graph.request {
            let camera = match goal {
                GraphGoal::Everything => {
                    let camera = shown.fit(None, rect.size());
                    shown.fitted = Some(camera);
                    camera
                }
                GraphGoal::Nodes(nodes) => shown.fit(Some(nodes), rect.size()),
            };
            cx.act(Action::LookAt { center: camera.center, scale: camera.scale, motion: *motion });
        }
        if !shown.at_rest {
            ui.ctx().request_repaint();
        } else if let Some(fitted) = shown.fitted.take() {
            // The layout moved on since the camera was fitted to it, and nobody has moved the camera.
            let camera = shown.fit(None, rect.size());
            if cx.state.graph.camera.goal() == fitted && camera != fitted {
                cx.act(Action::LookAt { center: camera.center, scale: camera.scale, motion: Motion::default() });
            }
        }

        if cx.state.selection != self.centred {
            self.centred = cx.state.selection;
            // What is selected elsewhere comes into view; what is seen already stays where it is.
            if let Some(center) = shown.out_of_view(&cx.state.links.nodes, cx.state.graph.camera.goal(), rect) {
                let motion = Motion { duration_ms: 200.0, ..Motion::default() };
                cx.act(Action::LookAt { center, scale: cx.state.graph.camera.goal().scale, motion });
            }
        }
        let camera = cx.state.graph.camera.now();
        let to_view = view_camera(camera, rect, 1.0);
        let picked = response.hover_pos().and_then(|at| {
            let node = shown.pick.pick(&to_view, [at.x - rect.left(), at.y - rect.top()], PICK_SLACK_POINTS)?;
            shown.display.nodes.get(node as usize)
        });
        if let Some(node) = picked {
            let item = match node.folded {
                Some(layer) => Item::Layer(layer),
                None => Item::Node { graph: cx.state.graph.graph, node: node.node },
            };
            *cx.hover = Some(item);
            let text = node_tooltip(&document, graph, node.node, node.folded, node.count);
            response.clone().on_hover_text_at_pointer(text);
        }
        let (mouse, drawn) = gesture(ui, &response);
        draw_box(ui, drawn);
        match mouse {
            Some(Gesture::Click(_)) => match picked {
                Some(node) if node.folded.is_some() => cx.act(Action::Unfold { layer: node.folded }),
                Some(node) => cx.select_item(Item::Node { graph: cx.state.graph.graph, node: node.node }),
                None => cx.select(None),
            },
            // From a layer on to the one that an orange or purple node belongs to; on empty ground, fit.
            Some(Gesture::DoubleClick(_)) => match picked.map(|n| graph.nodes[n.node as usize].layer) {
                Some(Some(layer)) => cx.act(Action::SetLayer { layer: Some(layer) }),
                Some(None) => {}
                None => cx
                    .act(Action::Fit { view: View::Graph, motion: Motion { duration_ms: 150.0, ..Motion::default() } }),
            },
            Some(Gesture::Pan(by)) => {
                let center = [camera.center[0] - by.x / camera.scale, camera.center[1] - by.y / camera.scale];
                cx.act(Action::LookAt { center, scale: camera.scale, motion: Motion::default() });
            }
            Some(Gesture::Zoom { factor, at, .. }) => {
                let scale = (camera.scale * factor).clamp(0.02, 400.0);
                let offset = at - rect.center();
                let shift = 1.0 / camera.scale - 1.0 / scale;
                let center = [camera.center[0] + offset.x * shift, camera.center[1] + offset.y * shift];
                cx.act(Action::LookAt { center, scale, motion: Motion::default() });
            }
            Some(Gesture::Box(area)) => {
                let middle = to_view.layout_from_pixel([area.center().x - rect.left(), area.center().y - rect.top()]);
                let scale = camera.scale * (rect.width() / area.width()).min(rect.height() / area.height());
                cx.act(Action::LookAt {
                    center: middle,
                    scale,
                    motion: Motion { duration_ms: 150.0, ..Motion::default() },
                });
            }
            Some(Gesture::Select(_)) | None => {}
        }
        self.labels(ui, cx.state, graph, rect);
        self.legend(ui, cx.state, graph, rect);
        self.accessibility(ui, cx.state, &response, graph);
    }

    /// Nodes to mark: what is selected, but not a whole layer that is all there is to see.
    fn marked(state: &AppState) -> &[u32] {
        match state.selection {
            Some(Item::Layer(layer)) if state.graph.layer == Some(layer) => &[],
            _ => &state.links.nodes,
        }
    }

    /// Makes the graph that is to be shown, if it is another than the one that is.
    fn prepare(&mut self, gpu: &Gpu, state: &AppState, document: &Arc<Document>, graph: &Graph) {
        let subject = Subject {
            document: Arc::as_ptr(document) as usize,
            graph: state.graph.graph,
            layer: state.graph.layer,
            folded: state.graph.folded.clone(),
        };
        if self.shown.as_ref().is_some_and(|s| s.subject == subject) || self.fault.is_some() {
            return;
        }
        let made = match &self.painter {
            Some(_) => Ok(()),
            None => GraphDraw::new(gpu).map(|painter| self.painter = Some(painter)),
        };
        let made = made.and_then(|()| match &self.painter {
            Some(painter) => Shown::new(gpu, painter, graph, subject).map(Some),
            None => Ok(None),
        });
        self.painted = None;
        match made {
            Ok(shown) => self.shown = shown,
            Err(error) => self.fault = Some(error.to_string()),
        }
    }

    /// Settles the layout and paints the canvas, if anything about it has changed.
    pub fn draw(&mut self, state: &AppState, gpu: &mut FrameGpu<'_>) {
        let (Some(rect), Some(document)) = (self.rect.take(), &state.document) else { return };
        let Some(graph) = document.trace.graphs.get(state.graph.graph as usize) else { return };
        let (Some(painter), Some(shown)) = (&self.painter, &mut self.shown) else { return };
        if !shown.at_rest {
            self.painted = None;
            if let Err(error) = shown.settle(gpu.gpu) {
                self.fault = Some(error.to_string());
                return;
            }
        }
        let hovered = match state.hover {
            Some(Item::Node { graph, node }) if graph == state.graph.graph => Some(node),
            _ => None,
        };
        let camera = state.graph.camera.now();
        let now = Painted {
            subject: shown.subject.clone(),
            camera,
            size_px: self.canvas.size_px(),
            nodes: Self::marked(state).to_vec(),
            hovered,
            theme: state.theme,
        };
        if self.painted.as_ref() == Some(&now) {
            return;
        }
        let same_styles = self.painted.as_ref().is_some_and(|old| Painted { camera, ..old.clone() } == now);
        if !same_styles {
            let (nodes, edges) = styles(graph, &shown.display, &shown.layout_graph, hovered, &now.nodes, state.theme);
            shown.scene.set_node_styles(gpu.gpu, &nodes);
            shown.scene.set_edge_styles(gpu.gpu, &edges);
        }
        let look = look::GraphLook {
            background: color(theme::canvas(state.theme)),
            selected_ring: color(theme::SELECTED),
            hovered_ring: color(theme::HOVERED),
            dimmed_alpha: 0.25,
            edge_fade_units: 60.0,
        };
        let Some(target) = self.canvas.view().cloned() else { return };
        let view = view_camera(camera, rect, self.pixels_per_point);
        let device = gpu.gpu;
        painter.paint(device, gpu.encoder(), &target, &shown.scene, &view, &look);
        self.painted = Some(now);
    }

    /// True until the layout has come to rest.
    pub fn is_settling(&self) -> bool {
        self.shown.as_ref().is_some_and(|s| !s.at_rest)
    }

    /// Nodes and edges shown, and how the layout stands, for the status line.
    pub fn status(&self) -> Option<String> {
        let shown = self.shown.as_ref()?;
        let state = if shown.at_rest { "at rest" } else { "settling" };
        Some(format!(
            "{} nodes, {} edges, layout {state} (GPU)",
            units::count(shown.display.nodes.len() as u64),
            units::count(shown.display.edges.len() as u64)
        ))
    }

    fn toolbar(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, graph: &Graph) {
        ui.horizontal_wrapped(|ui| {
            let layers = graph.layers();
            let step = |back| Action::Step { by: crate::state::Stride::Layer, back };
            if ui
                .add_enabled(layers > 0, egui::Button::new("\u{25C0}").small())
                .on_hover_text("Previous layer  {")
                .clicked()
            {
                cx.act(step(true));
            }
            let chosen = cx.state.graph.layer.map_or_else(|| "Whole graph".to_owned(), |l| format!("Layer {l}"));
            egui::ComboBox::from_id_salt("layer").width(96.0).selected_text(chosen).show_ui(ui, |ui| {
                if ui.selectable_label(cx.state.graph.layer.is_none(), "Whole graph").clicked() {
                    cx.act(Action::SetLayer { layer: None });
                }
                for layer in 0..layers {
                    if ui.selectable_label(cx.state.graph.layer == Some(layer), format!("Layer {layer}")).clicked() {
                        cx.act(Action::SetLayer { layer: Some(layer) });
                    }
                }
            });
            if ui
                .add_enabled(layers > 0, egui::Button::new("\u{25B6}").small())
                .on_hover_text("Next layer  }")
                .clicked()
            {
                cx.act(step(false));
            }
            let graphs = cx.document().map_or(0, |d| d.trace.graphs.len());
            if graphs > 1 {
                let label = |g: u32| format!("Graph {g}");
                egui::ComboBox::from_id_salt("graph").width(70.0).selected_text(label(cx.state.graph.graph)).show_ui(
                    ui,
                    |ui| {
                        for g in 0..graphs as u32 {
                            if ui.selectable_label(cx.state.graph.graph == g, label(g)).clicked() {
                                cx.act(Action::SetGraph { graph: g });
                            }
                        }
                    },
                );
            }
            let folded = !cx.state.graph.folded.is_empty();
            if cx.state.graph.layer.is_none()
                && ui.small_button(if folded { "Unfold" } else { "Fold layers" }).clicked()
            {
                cx.act(if folded { Action::Unfold { layer: None } } else { Action::Fold { layer: None } });
            }
        });
    }

    /// What the colours mean, with counts, in the corner of the canvas.
    fn legend(&self, ui: &Ui, state: &AppState, graph: &Graph, rect: Rect) {
        let mut lines: Vec<(Color32, String)> = Vec::new();
        match (state.graph.layer, &self.shown) {
            (Some(_), Some(shown)) => {
                for category in Category::ALL {
                    let count = shown.display.nodes.iter().filter(|n| n.category == Some(category)).count();
                    lines.push((theme::category(category), format!("{} {count}", category.label())));
                }
                let across = shown.display.edges.iter().filter(|e| e.cross_layer).count();
                lines.push((theme::edge(state.theme), format!("dashed: {across} edges between layers")));
            }
            _ => {
                let types = NodeType::ALL.into_iter();
                lines.extend(types.map(|t| (theme::node_type(t), format!("{} {}", t.label(), graph.count(t)))));
            }
        }
        let painter = ui.painter_at(rect);
        let ink = ui.visuals().text_color();
        let font = egui::FontId::proportional(10.5);
        let galleys: Vec<_> =
            lines.into_iter().map(|(c, text)| (c, painter.layout_no_wrap(text, font.clone(), ink))).collect();
        let width = galleys.iter().map(|(_, g)| g.size().x).fold(0.0, f32::max);
        let line = 14.0;
        let corner = rect.left_bottom() + Vec2::new(6.0, -6.0 - line * galleys.len() as f32);
        let area = Rect::from_min_size(corner, Vec2::new(width + 20.0, line * galleys.len() as f32));
        painter.rect_filled(area.expand(3.0), 3.0, theme::canvas(state.theme).gamma_multiply(0.85));
        for (i, (color, galley)) in galleys.into_iter().enumerate() {
            let left = corner + Vec2::new(6.0, line * (i as f32 + 0.5));
            painter.circle_filled(left, 4.0, color);
            painter.galley(left + Vec2::new(9.0, -galley.size().y / 2.0), galley, ink);
        }
    }

    /// Names beside nodes: of what is selected first, then spread over the graph, as many as fit.
    fn labels(&self, ui: &Ui, state: &AppState, graph: &Graph, rect: Rect) {
        let Some(shown) = &self.shown else { return };
        let camera = state.graph.camera.now();
        let view = view_camera(camera, rect, 1.0);
        let is_selected = |node: u32| state.links.nodes.contains(&node);
        let mut order: Vec<usize> = (0..shown.display.nodes.len()).collect();
        order.sort_by_key(|&i| {
            let node = &shown.display.nodes[i];
            (
                !is_selected(node.node),
                node.folded.is_none(),
                graph.nodes[node.node as usize].leaf,
                (i as u32).reverse_bits(),
            )
        });
        let selected_count = state.links.nodes.len();
        let painter = ui.painter_at(rect);
        let ink = ui.visuals().text_color();
        let font = egui::FontId::proportional((camera.scale * 0.62).clamp(9.0, 12.0));
        let mut taken: Vec<Rect> = Vec::new();
        for i in order {
            if taken.len() >= MOST_LABELS {
                break;
            }
            let node = &shown.display.nodes[i];
            let radius = shown.layout_graph.radius[i] * camera.scale;
            let selected = is_selected(node.node) && selected_count <= 8;
            if radius < LABEL_RADIUS_POINTS && !selected {
                continue;
            }
            let [x, y] = view.pixel_from_layout(shown.positions[i]);
            let at = Pos2::new(rect.left() + x, rect.top() + y);
            if !rect.expand(20.0).contains(at) {
                continue;
            }
            let text = match node.folded {
                Some(layer) => format!("layer {layer} ({})", node.count),
                None => graph.nodes[node.node as usize].label.trim().to_owned(),
            };
            let galley = painter.layout_no_wrap(text, font.clone(), ink);
            let place = egui::Align2::CENTER_TOP.anchor_size(at + Vec2::new(0.0, radius + 1.0), galley.size());
            if taken.iter().any(|other| other.intersects(place.expand(1.0))) {
                continue;
            }
            painter.rect_filled(
                place.expand2(Vec2::new(2.0, 0.0)),
                2.0,
                theme::canvas(state.theme).gamma_multiply(0.8),
            );
            painter.galley(place.min, galley, ink);
            taken.push(place);
        }
    }

    fn accessibility(&self, ui: &Ui, state: &AppState, response: &egui::Response, graph: &Graph) {
        let shown = state.graph.layer.map_or_else(|| "whole graph".to_owned(), |l| format!("layer {l}"));
        let selected: Vec<&str> = state
            .links
            .nodes
            .iter()
            .take(4)
            .filter_map(|&n| graph.nodes.get(n as usize))
            .map(|n| n.label.as_str())
            .collect();
        let label = match selected.as_slice() {
            [] => format!("Graph canvas, {shown}"),
            names => format!("Graph canvas, {shown}, selected {}", names.join(", ")),
        };
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, ui.is_enabled(), &label));
    }

    /// Where a node is on screen, in points, for whoever wants to click it.
    pub fn place_of_node(&self, state: &AppState, node: u32) -> Option<Pos2> {
        let (shown, rect) = (self.shown.as_ref()?, self.last_rect?);
        let index = shown.display.shown_as.get(node as usize).copied().flatten()?;
        let [x, y] =
            view_camera(state.graph.camera.now(), rect, 1.0).pixel_from_layout(shown.positions[index as usize]);
        Some(Pos2::new(rect.left() + x, rect.top() + y))
    }
}

/// The camera in units of which `per_point` make a point.
fn view_camera(camera: GraphCamera, rect: Rect, per_point: f32) -> look::GraphCamera {
    look::GraphCamera {
        center: camera.center,
        scale: camera.scale * per_point,
        viewport_px: [rect.width() * per_point, rect.height() * per_point],
    }
}

fn color(color: Color32) -> u32 {
    let [r, g, b, a] = color.to_srgba_unmultiplied();
    look::rgba(r, g, b, a)
}

/// Per node and per edge: how it is painted.
fn styles(
    graph: &Graph,
    display: &DisplayGraph,
    layout: &LayoutGraph,
    hovered: Option<u32>,
    selected: &[u32],
    theme_now: crate::state::Theme,
) -> (Vec<look::NodeStyle>, Vec<look::EdgeStyle>) {
    let selected: hashbrown::HashSet<u32> =
        selected.iter().filter_map(|&n| display.shown_as.get(n as usize).copied().flatten()).collect();
    let hovered = hovered.and_then(|n| display.shown_as.get(n as usize).copied().flatten());
    let outline = color(theme::canvas(theme_now));
    let nodes = (0_u32..)
        .zip(&display.nodes)
        .map(|(i, node)| {
            let own = &graph.nodes[node.node as usize];
            let fill = match (node.folded, node.category) {
                (Some(_), _) => theme::node_type(NodeType::Layer),
                (None, Some(category)) => theme::category(category),
                (None, None) => theme::node_type(own.node_type),
            };
            let mut flags = if own.leaf && node.folded.is_none() { look::NODE_SQUARE } else { 0 };
            if selected.contains(&i) {
                flags |= look::NODE_SELECTED;
            }
            if hovered == Some(i) {
                flags |= look::NODE_HOVERED;
            }
            look::NodeStyle { fill: color(fill), outline, radius: layout.radius[i as usize], flags }
        })
        .collect();
    let plain = color(theme::edge(theme_now));
    let marked = color(theme::SELECTED);
    // Marking every edge of a whole layer would say nothing.
    let mark_edges = selected.len() <= 8;
    let edges = display
        .edges
        .iter()
        .map(|edge| {
            let mut flags = if edge.cross_layer { look::EDGE_DASHED } else { 0 };
            let mut paint = plain;
            let touches = |node: u32| selected.contains(&node) || hovered == Some(node);
            if mark_edges && (touches(edge.source) || touches(edge.target)) {
                flags |= look::EDGE_HIGHLIGHTED;
                paint = marked;
            }
            look::EdgeStyle { color: paint, flags }
        })
        .collect();
    (nodes, edges)
}

fn node_tooltip(document: &Document, graph: &Graph, node: u32, folded: Option<u32>, count: u32) -> String {
    if let Some(layer) = folded {
        return format!("layer {layer}: {count} nodes\nclick to unfold");
    }
    let own = &graph.nodes[node as usize];
    let mut text = own.label.trim().to_owned();
    if own.label != own.name {
        text.push_str(&format!(" ({})", own.name));
    }
    text.push_str(&format!("\n{}", own.operation));
    if !own.shape.is_empty() {
        text.push_str(&format!(" {}", describe::shape(&own.shape)));
    }
    if let Some(dtype) = &own.dtype {
        text.push_str(&format!(" {dtype}"));
    }
    if let Some(layer) = own.layer {
        text.push_str(&format!("\nlayer {layer}"));
    }
    let weight = document.trace.tensors.iter().find(|t| t.name == own.name && t.bytes > 0);
    if let Some(tensor) = weight {
        text.push_str(&format!("\n{} on {}", units::bytes(tensor.bytes), tensor.track.label()));
    }
    text
}
