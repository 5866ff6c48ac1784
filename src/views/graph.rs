//! The graph panel: the whole model or one layer with what it shares, reads and feeds.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Color32, Pos2, Rect, Sense, Ui, Vec2};

use super::graph_labels::{GraphLabels, LabelLook};
use super::graph_style::{Coloring, Marks, color, radii, styles};
use super::pointer::{Gesture, draw_box, gesture};
use super::{ViewContext, describe, theme};
use crate::analysis::graph_display::{DisplayGraph, DisplayNode};
use crate::analysis::graph_values::NodeValues;
use crate::analysis::layout;
use crate::analysis::layout_graph::slices_per_node;
use crate::analysis::links::Item;
use crate::gpu::canvas::Canvas;
use crate::gpu::graph_draw::{GraphDraw, GraphScene};
use crate::gpu::graph_pick::PickIndex;
use crate::gpu::layout::LayoutGpu;
use crate::gpu::text::TextTarget;
use crate::gpu::{FrameGpu, Gpu, GpuError};
use crate::kernel_io::graph_view as look;
use crate::kernel_io::layout::{Arrangement, LayoutGraph, LayoutParams};
use crate::state::camera::{GraphCamera, Motion};
use crate::state::{Action, AppState, Document, GraphGoal, NodeColor, NodeSize, Trail, View};
use crate::trace::Graph;
use crate::units;

/// Steps of the layout in one frame, for a graph of this many nodes; larger ones take fewer.
const NODES_TIMES_STEPS: usize = 16_000;
/// Frames between two looks at where the nodes are while they move.
const FRAMES_A_LOOK: u32 = 6;
/// How far beside a node a click still hits it.
const PICK_SLACK_POINTS: f32 = 5.0;
const FIT_MARGIN_POINTS: f32 = 26.0;

/// The panel's own memory: what is on the GPU, and for which graph.
#[derive(Default)]
pub struct GraphView {
    painter: Option<GraphDraw>,
    labels: Option<GraphLabels>,
    /// What the run did to the nodes of a graph, once it is asked for.
    values: Option<Measured>,
    coloring: Option<(Colored, Coloring)>,
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
    experts: bool,
    arrangement: Arrangement,
    size: NodeSize,
}

/// What decides the colours.
#[derive(Clone, PartialEq)]
struct Colored {
    subject: Subject,
    color: NodeColor,
    theme: crate::state::Theme,
}

/// Values of the nodes of a document's graph.
struct Measured {
    document: usize,
    graph: u32,
    values: Arc<NodeValues>,
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
    frames_unseen: u32,
    /// Its experts are too many to stand apart.
    too_many_experts: bool,
}

/// What decides how a laid-out graph looks; an equal one is not painted again.
#[derive(Clone, PartialEq)]
struct Painted {
    subject: Subject,
    camera: GraphCamera,
    size_px: [u32; 2],
    marks: Marks,
    color: NodeColor,
    theme: crate::state::Theme,
}

impl Shown {
    fn new(
        gpu: &Gpu,
        painter: &GraphDraw,
        document: &Document,
        graph: &Graph,
        values: Option<&NodeValues>,
        subject: Subject,
    ) -> Result<Self, GpuError> {
        let whole = DisplayGraph::new(graph, subject.layer, &subject.folded);
        let sliced = subject.experts.then(|| whole.with_slices(&slices_per_node(&document.trace, graph)));
        let too_many_experts = matches!(sliced, Some(None));
        let display = sliced.flatten().unwrap_or(whole);
        let mut layout_graph = display.layout_graph(graph);
        if let Some(values) = values {
            layout_graph.radius = radii(&display, values, subject.size, &layout_graph.radius);
        }
        let params = LayoutParams { arrangement: subject.arrangement, ..LayoutParams::default() };
        let problem = layout::prepare(&layout_graph, params);
        let positions = problem.start();
        let layout = LayoutGpu::new(gpu, problem)?;
        let hidden = vec![look::NodeStyle::HIDDEN; display.nodes.len()];
        let scene = GraphScene::new(gpu, painter, layout.position_buffer(), &layout_graph.edges, &hidden, &[])?;
        let pick = PickIndex::new(&positions, &layout_graph.radius);
        let at_rest = layout.at_rest();
        Ok(Self {
            subject,
            display,
            layout_graph,
            layout,
            scene,
            positions,
            pick,
            fitted: None,
            at_rest,
            frames_unseen: 0,
            too_many_experts,
        })
    }

    /// Layers that stand as blocks bear their names.
    fn has_headings(&self) -> bool {
        self.subject.layer.is_none() && self.subject.arrangement == Arrangement::Rows
    }

    /// A few steps towards rest. Positions are read back now and then, so that labels and clicks follow; true if they
    /// were.
    fn settle(&mut self, gpu: &Gpu) -> Result<bool, GpuError> {
        let steps = (NODES_TIMES_STEPS / self.positions.len().max(1)).clamp(1, 40);
        self.layout.step(gpu, steps as u32);
        self.at_rest = self.layout.at_rest();
        self.frames_unseen += 1;
        if !self.at_rest && self.frames_unseen < FRAMES_A_LOOK {
            return Ok(false);
        }
        self.frames_unseen = 0;
        self.positions = self.layout.read_positions(gpu)?;
        self.pick = PickIndex::new(&self.positions, &self.layout_graph.radius);
        Ok(true)
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
        if !shown.at_rest && cx.state.graph.settling {
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
            let text = node_tooltip(&document, graph, node, self.values.as_ref().map(|known| &*known.values));
            response.clone().on_hover_text_at_pointer(text);
        }
        let (mouse, drawn) = gesture(ui, &response);
        draw_box(ui, drawn);
        match mouse {
            Some(Gesture::Click(_)) => match picked {
                // The way from what is selected to here.
                Some(node) if ui.input(|i| i.modifiers.command) && !cx.state.links.nodes.is_empty() => {
                    cx.act(Action::SetTrail { trail: Trail::Path(graph.nodes[node.node as usize].id.clone()) });
                }
                Some(node) if node.folded.is_some() => cx.act(Action::Unfold { layer: node.folded }),
                Some(node) => {
                    let whole = Item::Node { graph: cx.state.graph.graph, node: node.node };
                    cx.select_item(slice_item(&document, graph, node).unwrap_or(whole));
                }
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
        self.legend(ui, cx.state, rect);
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
            experts: state.graph.experts,
            arrangement: state.graph.arrangement,
            size: state.graph.size,
        };
        if self.fault.is_some() {
            return;
        }
        self.values = self.values.take().filter(|v| v.document == subject.document && v.graph == subject.graph);
        let asked = state.graph.size != NodeSize::Plain
            || matches!(state.graph.color, NodeColor::Accesses | NodeColor::Bytes | NodeColor::Time);
        if asked && self.values.is_none() {
            let values = Arc::new(NodeValues::of(&document.trace, subject.graph));
            self.values = Some(Measured { document: subject.document, graph: subject.graph, values });
        }
        let values = self.values.as_ref().map(|known| known.values.clone());
        if self.shown.as_ref().is_none_or(|s| s.subject != subject) {
            self.painted = None;
            self.coloring = None;
            if let Err(error) = self.make(gpu, document, graph, values.as_deref(), subject) {
                self.fault = Some(error.to_string());
            }
        }
        let Some(shown) = &self.shown else { return };
        let colored = Colored { subject: shown.subject.clone(), color: state.graph.color, theme: state.theme };
        if self.coloring.as_ref().is_none_or(|(of, _)| *of != colored) {
            let coloring = Coloring::new(graph, &shown.display, values.as_deref(), colored.color, colored.theme);
            self.coloring = Some((colored, coloring));
            self.painted = None;
        }
    }

    fn make(
        &mut self,
        gpu: &Gpu,
        document: &Document,
        graph: &Graph,
        values: Option<&NodeValues>,
        subject: Subject,
    ) -> Result<(), GpuError> {
        let painter = match &mut self.painter {
            Some(painter) => painter,
            none => none.insert(GraphDraw::new(gpu)?),
        };
        let shown = Shown::new(gpu, painter, document, graph, values, subject)?;
        let labels = self.labels.get_or_insert_with(|| GraphLabels::new(gpu));
        labels.set_graph(graph, &shown.display);
        labels.set_places(graph, &shown.display, &shown.positions, shown.has_headings());
        self.shown = Some(shown);
        Ok(())
    }

    /// Settles the layout and paints the canvas, if anything about it has changed.
    pub fn draw(&mut self, state: &AppState, gpu: &mut FrameGpu<'_>) {
        let (Some(rect), Some(document)) = (self.rect.take(), &state.document) else { return };
        let Some(graph) = document.trace.graphs.get(state.graph.graph as usize) else { return };
        let (Some(painter), Some(shown)) = (&self.painter, &mut self.shown) else { return };
        let (Some(labels), Some((_, coloring))) = (&mut self.labels, &self.coloring) else { return };
        if !shown.at_rest && state.graph.settling {
            self.painted = None;
            match shown.settle(gpu.gpu) {
                Ok(true) => labels.set_places(graph, &shown.display, &shown.positions, shown.has_headings()),
                Ok(false) => {}
                Err(error) => {
                    self.fault = Some(error.to_string());
                    return;
                }
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
            marks: Marks::of(state, graph, Self::marked(state), hovered),
            color: state.graph.color,
            theme: state.theme,
        };
        if self.painted.as_ref() == Some(&now) {
            return;
        }
        let same_styles = self.painted.as_ref().is_some_and(|old| Painted { camera, ..old.clone() } == now);
        if !same_styles {
            let (nodes, edges) =
                styles(graph, &shown.display, &shown.layout_graph.radius, coloring, &now.marks, state.theme);
            shown.scene.set_node_styles(gpu.gpu, &nodes);
            shown.scene.set_edge_styles(gpu.gpu, &edges);
        }
        let look = look::GraphLook {
            background: color(theme::canvas(state.theme)),
            selected_ring: color(theme::SELECTED),
            hovered_ring: color(theme::hovered(state.theme)),
            dimmed_alpha: 0.18,
            edge_fade_units: 60.0,
        };
        let (Some(target), Some(canvas)) = (self.canvas.view().cloned(), self.canvas.id()) else { return };
        let view = view_camera(camera, rect, self.pixels_per_point);
        let device = gpu.gpu;
        painter.paint(device, gpu.encoder_for(canvas), &target, &shown.scene, &view, &look);
        let label_look = LabelLook {
            ink: theme::label(state.theme).to_srgba_unmultiplied(),
            faint_ink: theme::faint_label(state.theme).to_srgba_unmultiplied(),
            pixels_per_point: self.pixels_per_point,
        };
        let shown_as = |&node: &u32| shown.display.shown_as.get(node as usize).copied().flatten();
        let named: Vec<u32> = now.marks.selected.iter().filter_map(shown_as).collect();
        let target = TextTarget { view: &target, size_px: self.canvas.size_px() };
        labels.draw(gpu, canvas, &target, &view, &label_look, &named, (&shown.positions, &shown.layout_graph.radius));
        self.painted = Some(now);
    }

    /// True while the layout is on its way to rest.
    pub fn is_settling(&self, state: &AppState) -> bool {
        state.graph.settling && self.shown.as_ref().is_some_and(|s| !s.at_rest)
    }

    /// Nodes and edges shown.
    pub fn shown_size(&self) -> (u64, u64) {
        let display = self.shown.as_ref().map(|shown| &shown.display);
        display.map_or((0, 0), |display| (display.nodes.len() as u64, display.edges.len() as u64))
    }

    /// Nodes and edges shown, and how the layout stands, for the status line.
    pub fn status(&self, state: &AppState) -> Option<String> {
        let shown = self.shown.as_ref()?;
        let layout = match (shown.at_rest, state.graph.settling) {
            (true, _) => "at rest".to_owned(),
            (false, true) => format!("settling {:.0} %", shown.layout.progress() * 100.0),
            (false, false) => "stopped".to_owned(),
        };
        let experts = if shown.too_many_experts { ", too many experts to show apart" } else { "" };
        Some(format!(
            "{} nodes, {} edges, layout {layout} (GPU){experts}",
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
            Self::look_menu(ui, cx, graph);
            Self::search_field(ui, cx);
            Self::trail_menu(ui, cx);
            if self.is_settling(cx.state) {
                if ui.small_button("Stop layout").clicked() {
                    cx.act(Action::SetSettling { on: false });
                }
            } else if !cx.state.graph.settling && ui.small_button("Go on with the layout").clicked() {
                cx.act(Action::SetSettling { on: true });
            }
        });
    }

    /// Where nodes stand, and what their colours and sizes say.
    fn look_menu(ui: &mut Ui, cx: &mut ViewContext<'_>, graph: &Graph) {
        let now = cx.state.graph.color;
        let chosen = format!("by {}", now.label());
        egui::ComboBox::from_id_salt("color").width(88.0).selected_text(chosen).show_ui(ui, |ui| {
            for color in NodeColor::ALL {
                if ui.selectable_label(now == color, format!("colour by {}", color.label())).clicked() {
                    cx.act(Action::SetNodeColor { color });
                }
            }
        });
        ui.menu_button("Show", |ui| {
            for (arrangement, label) in
                [(Arrangement::Rows, "Layers in rows"), (Arrangement::Distances, "True to distances")]
            {
                if ui.selectable_label(cx.state.graph.arrangement == arrangement, label).clicked() {
                    cx.act(Action::SetArrangement { arrangement });
                }
            }
            ui.separator();
            for size in NodeSize::ALL {
                if ui.selectable_label(cx.state.graph.size == size, size.label()).clicked() {
                    cx.act(Action::SetNodeSize { size });
                }
            }
            let document = cx.document();
            if document.is_some_and(|d| slices_per_node(&d.trace, graph).iter().any(|&slices| slices > 1)) {
                ui.separator();
                for (unfolded, label) in [(false, "Experts together"), (true, "Experts apart")] {
                    if ui.selectable_label(cx.state.graph.experts == unfolded, label).clicked() {
                        cx.act(Action::UnfoldExperts { unfolded });
                    }
                }
            }
        });
    }

    fn search_field(ui: &mut Ui, cx: &mut ViewContext<'_>) {
        let search = &cx.state.graph.search;
        let mut pattern = search.pattern.clone();
        let field = ui
            .add(egui::TextEdit::singleline(&mut pattern).hint_text("find nodes").desired_width(90.0))
            .on_hover_text("A regular expression on names and ops; Enter goes to the next hit, Shift+Enter back");
        if !search.pattern.is_empty() {
            let place = search.at.map_or_else(String::new, |at| format!("{} of ", at + 1));
            ui.label(format!("{place}{}", units::count(search.hits.len() as u64)));
        }
        if field.changed() {
            cx.act(Action::FindNodes { pattern });
        }
        let (enter, back) = ui.input(|i| (i.key_pressed(egui::Key::Enter), i.modifiers.shift));
        if field.lost_focus() && enter {
            cx.act(Action::StepHit { back });
            field.request_focus();
        }
    }

    /// What leads to the selected node or away from it.
    fn trail_menu(ui: &mut Ui, cx: &mut ViewContext<'_>) {
        let trail = cx.state.graph.trail.clone();
        if trail == Trail::None && cx.state.links.nodes.is_empty() {
            return;
        }
        let title = match cx.state.graph.on_trail.len() {
            0 => "Trail".to_owned(),
            count => format!("Trail: {} nodes", units::count(count as u64)),
        };
        ui.menu_button(title, |ui| {
            for (choice, label) in [
                (Trail::None, "No trail"),
                (Trail::Upstream, "All upstream  U"),
                (Trail::Downstream, "All downstream  Shift+U"),
            ] {
                if ui.selectable_label(trail == choice, label).clicked() {
                    cx.act(Action::SetTrail { trail: choice });
                }
            }
            ui.label("Ctrl+click on a node: the way to it");
        });
    }

    /// What the colours mean, with counts, in the corner of the canvas.
    fn legend(&self, ui: &Ui, state: &AppState, rect: Rect) {
        let Some((_, coloring)) = &self.coloring else { return };
        let lines = coloring.legend.clone();
        let painter = ui.painter_at(rect);
        let ink = ui.visuals().text_color();
        let font = egui::FontId::proportional(10.5);
        let galleys: Vec<_> =
            lines.into_iter().map(|(c, text)| (c, painter.layout_no_wrap(text, font.clone(), ink))).collect();
        let width = galleys.iter().map(|(_, g)| g.size().x).fold(0.0, f32::max);
        let line = 14.0;
        if let Some(ends) = &coloring.scale {
            scale_bar(&painter, rect, line * galleys.len() as f32 + 14.0, ends, state, &font);
        }
        let corner = rect.left_bottom() + Vec2::new(6.0, -6.0 - line * galleys.len() as f32);
        let area = Rect::from_min_size(corner, Vec2::new(width + 20.0, line * galleys.len() as f32));
        painter.rect_filled(area.expand(3.0), 3.0, theme::canvas(state.theme).gamma_multiply(0.85));
        for (i, (color, galley)) in galleys.into_iter().enumerate() {
            let left = corner + Vec2::new(6.0, line * (i as f32 + 0.5));
            painter.circle_filled(left, 4.0, color);
            painter.galley(left + Vec2::new(9.0, -galley.size().y / 2.0), galley, ink);
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

/// The colours of a scale with what stands at its ends, `above` points over the canvas' lower end.
fn scale_bar(
    painter: &egui::Painter,
    rect: Rect,
    above: f32,
    ends: &[String; 2],
    state: &AppState,
    font: &egui::FontId,
) {
    const STRIPES: usize = 48;
    const WIDTH: f32 = 120.0;
    let ink = theme::label(state.theme);
    let [low, high] = [0, 1].map(|end: usize| painter.layout_no_wrap(ends[end].clone(), font.clone(), ink));
    let corner = rect.left_bottom() + Vec2::new(12.0, -above - 16.0);
    let left = corner.x + low.size().x + 6.0;
    let area = Rect::from_min_size(corner, Vec2::new(low.size().x + WIDTH + high.size().x + 12.0, 12.0));
    painter.rect_filled(area.expand(4.0), 3.0, theme::canvas(state.theme).gamma_multiply(0.85));
    for stripe in 0..STRIPES {
        let share = stripe as f32 / (STRIPES - 1) as f32;
        let x = left + WIDTH * stripe as f32 / STRIPES as f32;
        let bar = Rect::from_min_size(Pos2::new(x, corner.y + 1.0), Vec2::new(WIDTH / STRIPES as f32 + 0.5, 10.0));
        painter.rect_filled(bar, 0.0, Coloring::along_scale(state.graph.color, share));
    }
    let middle = corner.y + 6.0;
    painter.galley(Pos2::new(corner.x, middle - low.size().y / 2.0), low, ink);
    painter.galley(Pos2::new(left + WIDTH + 6.0, middle - high.size().y / 2.0), high, ink);
}

/// The expert of a model tensor that a node shows.
fn slice_item(document: &Document, graph: &Graph, node: &DisplayNode) -> Option<Item> {
    let expert = node.expert?;
    let name = &graph.nodes[node.node as usize].name;
    let tensor = document.trace.tensors.iter().position(|tensor| tensor.name == *name)?;
    Some(Item::Expert { tensor: tensor as u32, expert })
}

fn node_tooltip(document: &Document, graph: &Graph, shown: &DisplayNode, values: Option<&NodeValues>) -> String {
    if let Some(layer) = shown.folded {
        let count = shown.count;
        return format!("layer {layer}: {count} nodes\nclick to unfold");
    }
    let own = &graph.nodes[shown.node as usize];
    let mut text = own.label.trim().to_owned();
    if let Some(expert) = shown.expert {
        text.push_str(&format!(", expert {expert}"));
    }
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
    if let Some(value) = values.map(|values| values.get(shown)) {
        text.push_str(&format!("\n{} accesses, {}", units::count(value.accesses), units::bytes(value.bytes)));
        if value.time_ns > 0 {
            text.push_str(&format!(", {} in all", units::duration(value.time_ns)));
        }
    }
    text
}
