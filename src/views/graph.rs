//! The graph panel: the whole model or one layer with what it shares, reads and feeds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use egui::{Color32, Pos2, Rect, Sense, Ui, Vec2};

use super::graph_engine::GraphEngine;
use super::graph_labels::{GraphLabels, LabelLook, Names};
use super::graph_pins::Pins;
use super::graph_style::{Coloring, Marks, color, styles};
use super::graph_work::{GraphWork, Prepared, Subject};
use super::pointer::{Gesture, draw_box, gesture};
use super::{ViewContext, describe, graph_tools, item_menu, theme};
use crate::analysis::graph_display::{DisplayGraph, DisplayNode};
use crate::analysis::graph_values::NodeValues;
use crate::analysis::links::Item;
use crate::analysis::watch::Watch;
use crate::gpu::canvas::Canvas;
use crate::gpu::graph_draw::{GraphDraw, GraphScene};
use crate::gpu::graph_pick::PickIndex;
use crate::gpu::text::TextTarget;
use crate::gpu::{FrameGpu, Gpu, GpuError};
use crate::kernel_io::graph_view as look;
use crate::kernel_io::layout::{Arrangement, LayoutEngine, LayoutGraph};
use crate::state::camera::{GraphCamera, Motion};
use crate::state::{Action, AppState, Document, GraphGoal, NodeColor, NodeSize, PinnedNode, Trail, View};
use crate::trace::tracks::phase_bits;
use crate::trace::{Category, Graph};
use crate::units;

/// Frames between two looks at where the nodes are while they move.
const FRAMES_A_LOOK: u32 = 6;
/// Between two looks at work that is under way.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);
/// How far beside a node a click still hits it.
const PICK_SLACK_POINTS: f32 = 5.0;
const FIT_MARGIN_POINTS: f32 = 26.0;
/// Nodes that screen readers are told of, one by one.
const MOST_NAMED_NODES: usize = 200;
/// Graphs that stay ready to be shown again, and how large they may be.
const MOST_KEPT: usize = 3;
const MOST_KEPT_NODES: usize = 20_000;
/// Nodes of at least this radius can be dragged; a drag on smaller ones moves the whole picture.
const GRAB_RADIUS_POINTS: f32 = 4.0;

/// The panel's own memory: what is on the GPU, and for which graph.
#[derive(Default)]
pub struct GraphView {
    painter: Option<GraphDraw>,
    labels: Option<GraphLabels>,
    work: GraphWork,
    /// What the run did to the nodes that are shown, where colours or sizes ask for it and it is known.
    values: Option<Arc<NodeValues>>,
    coloring: Option<(Colored, Coloring)>,
    shown: Option<Shown>,
    /// Graphs that were shown before, the last one last: passes of a run take turns with a few.
    kept: Vec<(Shown, Names)>,
    canvas: Canvas,
    /// Where the canvas is on screen, in points; taken when it is painted.
    rect: Option<Rect>,
    last_rect: Option<Rect>,
    pixels_per_point: f32,
    painted: Option<Painted>,
    /// The selection that was last brought into view.
    centred: Option<Item>,
    /// The shown node that is dragged, and where it lies from the cursor, in layout units.
    dragged: Option<(u32, [f32; 2])>,
    /// The shown node that the menu of the right button is about.
    menu_on: Option<u32>,
    /// What is asked for, and by whom it is to be laid out. A fault holds until that changes.
    asked: Option<(Subject, LayoutEngine)>,
    fault: Option<String>,
}

/// What decides the colours.
#[derive(Clone, PartialEq)]
struct Colored {
    subject: Subject,
    color: NodeColor,
    theme: crate::state::Theme,
    phases: u32,
    has_values: bool,
}

struct Shown {
    subject: Subject,
    asked_engine: LayoutEngine,
    display: DisplayGraph,
    layout_graph: LayoutGraph,
    engine: GraphEngine,
    scene: GraphScene,
    positions: Vec<[f32; 2]>,
    pick: PickIndex,
    pins: Pins,
    /// The camera that showed everything when it was last asked for.
    fitted: Option<GraphCamera>,
    /// The size of the canvas in which that was done with the nodes at rest.
    fitted_in: Option<Vec2>,
    /// Took the place of another graph that the camera may have been fitted to.
    fresh: bool,
    at_rest: bool,
    /// Moved since positions were last asked for.
    stale: bool,
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
    fn new(gpu: &Gpu, painter: &GraphDraw, prepared: Prepared, asked_engine: LayoutEngine) -> Result<Self, GpuError> {
        let Prepared { subject, display, layout_graph, problem, too_many_experts } = prepared;
        let positions = problem.start();
        let mut engine = GraphEngine::new(gpu, asked_engine, &layout_graph, problem)?;
        let hidden = vec![look::NodeStyle::HIDDEN; display.nodes.len()];
        let scene = GraphScene::new(gpu, painter, engine.positions().buffer(), &layout_graph.edges, &hidden, &[])?;
        let pick = PickIndex::new(&positions, &layout_graph.radius);
        let at_rest = engine.at_rest();
        Ok(Self {
            subject,
            asked_engine,
            display,
            layout_graph,
            engine,
            scene,
            positions,
            pick,
            pins: Pins::default(),
            fitted: None,
            fitted_in: None,
            fresh: true,
            at_rest,
            stale: false,
            frames_unseen: 0,
            too_many_experts,
        })
    }

    /// Pins what the person pinned, and lets go what they let go.
    fn follow_pins(&mut self, gpu: &Gpu, wanted: Option<&BTreeMap<PinnedNode, [f32; 2]>>) {
        let changes = self.pins.follow(&self.display, wanted);
        if changes.is_empty() {
            return;
        }
        self.engine.pin(gpu, &changes);
        for (node, at) in changes {
            if let (Some(position), Some(at)) = (self.positions.get_mut(node as usize), at) {
                *position = at;
            }
        }
        (self.at_rest, self.stale) = (false, true);
    }

    /// Whether frames are needed until it rests or, where the person stopped it, until it is known where the nodes are.
    fn is_moving(&self, settling: bool) -> bool {
        !self.at_rest && (settling || self.stale)
    }

    /// A few steps towards rest, unless stopped. Where the nodes are comes back now and then, so that labels and clicks
    /// follow; true if it did.
    fn settle(&mut self, gpu: &Gpu, settling: bool) -> Result<bool, GpuError> {
        let known = self.engine.answer(gpu)?;
        let seen = known.is_some();
        if let Some(positions) = known {
            self.positions = positions;
            self.pick = PickIndex::new(&self.positions, &self.layout_graph.radius);
        }
        if settling && !self.engine.at_rest() {
            self.engine.step(gpu);
            self.stale = true;
        }
        self.frames_unseen += 1;
        let due = self.frames_unseen >= FRAMES_A_LOOK || !settling || self.engine.at_rest();
        if self.stale && due && !self.engine.is_asked() {
            self.engine.ask(gpu);
            self.frames_unseen = 0;
            self.stale = false;
        }
        self.at_rest = self.engine.at_rest() && !self.stale && !self.engine.is_asked();
        Ok(seen)
    }

    /// Layers that stand as blocks bear their names.
    fn has_headings(&self) -> bool {
        self.subject.graph.layers.is_empty() && self.subject.graph.arrangement == Arrangement::Rows
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
        graph_tools::row(ui, cx, graph, self.is_settling(cx.state));
        self.prepare(ui.ctx(), gpu.gpu, cx.state, &document, graph);

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
        self.follow_camera(ui, cx, rect);
        self.mouse(ui, cx, (&document, graph), &response);
        self.legend(ui, cx.state, rect);
        self.accessibility(ui, cx.state, &response, graph);
        self.progress(ui, cx, rect);
    }

    /// Moves the camera where it was asked to go, and along with a layout that it showed all of.
    fn follow_camera(&mut self, ui: &Ui, cx: &mut ViewContext<'_>, rect: Rect) {
        let Some(shown) = &mut self.shown else { return };
        if let Some((goal, motion)) = &cx.state.graph.request {
            let camera = match goal {
                GraphGoal::Everything => {
                    let camera = shown.fit(None, rect.size());
                    shown.fitted = Some(camera);
                    shown.fitted_in = None;
                    camera
                }
                GraphGoal::Nodes(nodes) => shown.fit(Some(nodes), rect.size()),
            };
            cx.act(Action::LookAt { center: camera.center, scale: camera.scale, motion: *motion });
        }
        if std::mem::take(&mut shown.fresh)
            && shown.fitted.is_some_and(|fitted| cx.state.graph.camera.goal() == fitted)
            && cx.state.graph.request.is_none()
        {
            let camera = shown.fit(None, rect.size());
            shown.fitted = Some(camera);
            shown.fitted_in = None;
            cx.act(Action::LookAt { center: camera.center, scale: camera.scale, motion: Motion::default() });
        }
        if shown.is_moving(cx.state.graph.settling) {
            ui.ctx().request_repaint();
        } else if let Some(fitted) = shown.fitted
            && shown.fitted_in != Some(rect.size())
        {
            // The layout moved on since the camera was fitted to it, or the panel has another size.
            let still = cx.state.graph.camera.goal() == fitted;
            let camera = shown.fit(None, rect.size());
            shown.fitted = still.then_some(camera);
            shown.fitted_in = Some(rect.size());
            if still && camera != fitted {
                cx.act(Action::LookAt { center: camera.center, scale: camera.scale, motion: Motion::default() });
            }
        }

        let shows = cx.state.running_op().map(Item::Op).or(cx.state.selection);
        if shows != self.centred {
            self.centred = shows;
            // What is selected elsewhere, or runs, comes into view; what is seen already stays where it is, and where the
            // camera was asked to go somewhere, it goes there.
            if cx.state.graph.request.is_none()
                && let Some(center) = shown.out_of_view(&cx.state.marked_nodes(), cx.state.graph.camera.goal(), rect)
            {
                let motion = Motion { duration_ms: 200.0, ..Motion::default() };
                cx.act(Action::LookAt { center, scale: cx.state.graph.camera.goal().scale, motion });
            }
        }
    }

    /// What the mouse does on the canvas: hover, select, drag nodes or the picture, zoom.
    fn mouse(
        &mut self,
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        (document, graph): (&Arc<Document>, &Graph),
        response: &egui::Response,
    ) {
        let rect = response.rect;
        let Some(shown) = &mut self.shown else { return };
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
            let text = node_tooltip(document, graph, node, self.values.as_deref());
            response.clone().on_hover_text_at_pointer(text);
        }
        if response.drag_started_by(egui::PointerButton::Primary) && ui.input(|i| i.modifiers.is_none()) {
            let from = ui.input(|i| i.pointer.press_origin());
            self.dragged = from.filter(|_| shown.subject.graph == cx.state.graph.subject()).and_then(|from| {
                let pixel = [from.x - rect.left(), from.y - rect.top()];
                let node = shown.pick.pick(&to_view, pixel, 0.0)?;
                let (at, here) = (to_view.layout_from_pixel(pixel), shown.positions.get(node as usize)?);
                let large = shown.layout_graph.radius_units(node as usize) * camera.scale >= GRAB_RADIUS_POINTS;
                large.then_some((node, [here[0] - at[0], here[1] - at[1]]))
            });
        }
        if response.secondary_clicked() {
            self.menu_on = response
                .interact_pointer_pos()
                .and_then(|at| shown.pick.pick(&to_view, [at.x - rect.left(), at.y - rect.top()], PICK_SLACK_POINTS));
        }
        let menu_on = self.menu_on.filter(|_| shown.subject.graph == cx.state.graph.subject());
        if let Some((at, node)) = menu_on.and_then(|at| Some((at, shown.display.nodes.get(at as usize)?))) {
            let here = shown.positions[at as usize];
            response.context_menu(|ui| node_menu(ui, cx, (document, graph), node, here));
        }
        let (mouse, drawn) = gesture(ui, response);
        draw_box(ui, drawn);
        match mouse {
            Some(Gesture::Click(_)) => match picked {
                // The way from what is selected to here.
                Some(node) if ui.input(|i| i.modifiers.command) && !cx.state.links.nodes.is_empty() => {
                    cx.act(Action::SetTrail { trail: Trail::Path(graph.nodes[node.node as usize].id.clone()) });
                }
                Some(node) if node.folded.is_some() => cx.act(Action::Unfold { layer: node.folded }),
                Some(node) => {
                    // From a layer on to the one that an orange or purple node belongs to.
                    let beyond = graph.nodes[node.node as usize].layer.filter(|_| is_neighbour(node));
                    if let Some(layer) = beyond {
                        cx.act(Action::SetLayer { layer: Some(layer), add: ui.input(|i| i.modifiers.shift) });
                    }
                    let whole = Item::Node { graph: cx.state.graph.graph, node: node.node };
                    cx.select_item(slice_item(document, graph, node).unwrap_or(whole));
                }
                None => cx.select(None),
            },
            // From the whole graph to the layer of a node; on empty ground, fit.
            Some(Gesture::DoubleClick(_)) => match picked.map(|n| graph.nodes[n.node as usize].layer) {
                Some(Some(layer)) if cx.state.graph.layer.is_none() => {
                    cx.act(Action::SetLayer { layer: Some(layer), add: false });
                }
                Some(_) => {}
                None => cx
                    .act(Action::Fit { view: View::Graph, motion: Motion { duration_ms: 150.0, ..Motion::default() } }),
            },
            Some(Gesture::Pan(_)) if self.dragged.is_some() => {
                let at = ui.input(|i| i.pointer.latest_pos());
                if let (Some((node, off)), Some(at)) = (self.dragged, at)
                    && let Some(node) = shown.display.nodes.get(node as usize)
                {
                    let at = to_view.layout_from_pixel([at.x - rect.left(), at.y - rect.top()]);
                    cx.act(pin_action(graph, node, [at[0] + off[0], at[1] + off[1]]));
                }
            }
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
        if response.drag_stopped() {
            self.dragged = None;
        }
    }

    /// Nodes to mark: what is selected, but not a whole layer that is shown by itself.
    fn marked(state: &AppState) -> Vec<u32> {
        match state.selection {
            Some(Item::Layer(layer)) if !state.playback.playing && state.graph.layers().contains(&layer) => Vec::new(),
            _ => state.marked_nodes(),
        }
    }

    /// Makes the graph that is to be shown, if it is another than the one that is.
    fn prepare(
        &mut self,
        context: &egui::Context,
        gpu: &Gpu,
        state: &AppState,
        document: &Arc<Document>,
        graph: &Graph,
    ) {
        let phases = phase_bits(state.phase);
        let mut subject =
            Subject { document: document.number, graph: state.graph.subject(), size: state.graph.size, phases };
        let now = Some((subject.clone(), state.graph.engine));
        if self.asked != now {
            (self.asked, self.fault, self.work.fault) = (now, None, None);
        }
        if self.fault.is_some() {
            return;
        }
        let context = context.clone();
        self.work.begin(move || context.request_repaint());
        self.fault.clone_from(&self.work.fault);
        let asked = state.graph.size != NodeSize::Plain
            || matches!(state.graph.color, NodeColor::Accesses | NodeColor::Bytes | NodeColor::Time);
        self.values = if asked { self.work.values(document, state.graph.graph, phases) } else { None };
        if self.values.is_none() {
            subject.size = NodeSize::Plain;
        }
        if subject.size == NodeSize::Plain {
            subject.phases = phase_bits(None);
        }
        let is_shown = |shown: &Option<Shown>, subject: &Subject| {
            shown.as_ref().is_some_and(|s| s.subject == *subject && s.asked_engine == state.graph.engine)
        };
        let mut prepared = None;
        if subject.graph.arrangement == Arrangement::Distances && !is_shown(&self.shown, &subject) {
            prepared = self.work.prepared(document, &subject, self.values.as_ref()).map(|prepared| *prepared);
            if prepared.is_none() {
                subject = subject.in_rows();
            }
        } else {
            self.work.forget_start();
        }
        if !is_shown(&self.shown, &subject) {
            self.painted = None;
            self.coloring = None;
            if !self.show_kept(&subject, state.graph.engine) {
                let prepared =
                    prepared.or_else(|| Prepared::new(document, subject, self.values.as_deref(), Watch::nobody()));
                let made = prepared.map_or(Ok(()), |prepared| self.make(gpu, graph, prepared, state.graph.engine));
                if let Err(error) = made {
                    // What was shown before may be another run's.
                    (self.shown, self.fault) = (None, Some(error.to_string()));
                }
            }
        }
        let Some(shown) = &mut self.shown else { return };
        let pins = state.graph.pins.get(&shown.subject.graph);
        shown.follow_pins(gpu, pins);
        let colored = Colored {
            subject: shown.subject.clone(),
            color: state.graph.color,
            theme: state.theme,
            phases,
            has_values: self.values.is_some(),
        };
        if self.coloring.as_ref().is_none_or(|(of, _)| *of != colored) {
            let values = self.values.as_deref();
            let coloring = Coloring::new(graph, &shown.display, values, colored.color, colored.theme);
            self.coloring = Some((colored, coloring));
            self.painted = None;
        }
    }

    /// Shows a graph that was shown a short while ago; false where there is none such.
    fn show_kept(&mut self, subject: &Subject, engine: LayoutEngine) -> bool {
        let fits = |(kept, _): &(Shown, Names)| kept.subject == *subject && kept.asked_engine == engine;
        let Some((mut shown, names)) = self.kept.iter().position(fits).map(|at| self.kept.remove(at)) else {
            return false;
        };
        (shown.fitted, shown.fresh) = (self.shown.as_ref().and_then(|before| before.fitted), true);
        self.keep_shown(names);
        self.shown = Some(shown);
        true
    }

    /// Puts by what is shown; `names` are those of what will be.
    fn keep_shown(&mut self, names: Names) {
        (self.dragged, self.menu_on) = (None, None);
        let before = self.labels.as_mut().map(|labels| labels.exchange(names)).unwrap_or_default();
        let Some(shown) = self.shown.take() else { return };
        self.kept.retain(|(kept, _)| kept.subject.document == shown.subject.document);
        if shown.display.nodes.len() <= MOST_KEPT_NODES {
            self.kept.push((shown, before));
            let beyond = self.kept.len().saturating_sub(MOST_KEPT);
            self.kept.drain(..beyond);
        }
    }

    fn make(&mut self, gpu: &Gpu, graph: &Graph, prepared: Prepared, engine: LayoutEngine) -> Result<(), GpuError> {
        let painter = match &mut self.painter {
            Some(painter) => painter,
            none => none.insert(GraphDraw::new(gpu)?),
        };
        let mut shown = Shown::new(gpu, painter, prepared, engine)?;
        shown.fitted = self.shown.as_ref().and_then(|before| before.fitted);
        self.keep_shown(Names::default());
        self.kept.retain(|(kept, _)| kept.subject.document == shown.subject.document);
        let labels = self.labels.get_or_insert_with(|| GraphLabels::new(gpu));
        labels.set_graph(graph, &shown.display);
        labels.set_places(graph, &shown.display, &shown.positions, shown.has_headings());
        self.shown = Some(shown);
        Ok(())
    }

    /// What is worked out beside the frames, how far it is, and the way to end it.
    fn progress(&self, ui: &mut Ui, cx: &mut ViewContext<'_>, rect: Rect) {
        let Some((what, share)) = self.work.under_way() else { return };
        ui.ctx().request_repaint_after(PROGRESS_PAUSE);
        // Over the canvas, which keeps its size.
        let text = format!("{what}, {:.0} %", share * 100.0);
        let bar = Rect::from_min_size(rect.left_top() + Vec2::splat(8.0), Vec2::new(240.0, 18.0));
        ui.put(bar, egui::ProgressBar::new(share).text(text));
        if let Some(action) = self.ends_work(cx.state) {
            let beside = Rect::from_min_size(bar.right_top() + Vec2::new(6.0, 0.0), Vec2::new(56.0, 18.0));
            if ui.put(beside, egui::Button::new("Cancel").small()).on_hover_text("Esc").clicked() {
                cx.act(action);
            }
        }
    }

    /// What ends work that a person may not want to wait for.
    pub fn ends_work(&self, state: &AppState) -> Option<Action> {
        let waits = self.work.is_preparing() && state.graph.arrangement == Arrangement::Distances;
        waits.then_some(Action::SetArrangement { arrangement: Arrangement::Rows })
    }

    /// Pins the selected node where it is, or lets it go.
    pub fn toggle_pin(&self, state: &AppState) -> Option<Action> {
        let shown = self.shown.as_ref().filter(|shown| shown.subject.graph == state.graph.subject())?;
        let graph = state.document.as_ref()?.trace.graphs.get(state.graph.graph as usize)?;
        let &node = state.links.nodes.first().filter(|_| state.links.nodes.len() == 1)?;
        let expert = match state.selection {
            Some(Item::Expert { expert, .. }) => Some(expert).filter(|_| state.graph.experts),
            _ => None,
        };
        let at = shown.display.place_of(node, expert)?;
        let node = shown.display.nodes.get(at as usize)?;
        if state.pinned_at(node.node, node.expert).is_some() {
            return Some(unpin_action(graph, node));
        }
        Some(pin_action(graph, node, *shown.positions.get(at as usize)?))
    }

    /// Settles the layout and paints the canvas, if anything about it has changed.
    pub fn draw(&mut self, state: &AppState, gpu: &mut FrameGpu<'_>) {
        let (Some(rect), Some(document)) = (self.rect.take(), &state.document) else { return };
        let Some(graph) = document.trace.graphs.get(state.graph.graph as usize) else { return };
        let (Some(painter), Some(shown)) = (&self.painter, &mut self.shown) else { return };
        let (Some(labels), Some((_, coloring))) = (&mut self.labels, &self.coloring) else { return };
        if shown.is_moving(state.graph.settling) {
            self.painted = None;
            match shown.settle(gpu.gpu, state.graph.settling) {
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
            marks: Marks {
                pinned: shown.pins.held().collect(),
                ..Marks::of(state, graph, Self::marked(state), hovered)
            },
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
        let Some(target) = self.canvas.view().cloned() else { return };
        let view = view_camera(camera, rect, self.pixels_per_point);
        self.canvas.repainted(gpu);
        let device = gpu.gpu;
        painter.paint(device, gpu.encoder(), &target, &shown.scene, &view, &look);
        let label_look = LabelLook {
            ink: theme::label(state.theme).to_srgba_unmultiplied(),
            faint_ink: theme::faint_label(state.theme).to_srgba_unmultiplied(),
            pixels_per_point: self.pixels_per_point,
        };
        let shown_as = |&node: &u32| shown.display.shown_as.get(node as usize).copied().flatten();
        let named: Vec<u32> = now.marks.selected.iter().filter_map(shown_as).collect();
        let target = TextTarget { view: &target, size_px: self.canvas.size_px() };
        labels.draw(gpu, &target, &view, &label_look, &named, (&shown.positions, &shown.layout_graph.radius));
        self.painted = Some(now);
    }

    /// True while the layout is on its way to rest.
    pub fn is_settling(&self, state: &AppState) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.is_moving(state.graph.settling))
    }

    /// Picks up what was worked out beside the frames.
    pub fn take_answers(&mut self) {
        self.work.take_answers();
    }

    /// True while something is worked out after which the picture will be another.
    pub fn is_working(&self) -> bool {
        self.work.is_busy()
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
            (false, true) => format!("settling {:.0} %", shown.engine.progress() * 100.0),
            (false, false) => "stopped".to_owned(),
        };
        let experts = if shown.too_many_experts { ", too many experts to show apart" } else { "" };
        let instead = shown.engine.instead.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let work =
            self.work.under_way().map_or_else(String::new, |(what, share)| format!(", {what} {:.0} %", share * 100.0));
        Some(format!(
            "{} nodes, {} edges, layout {layout} ({}{instead}){experts}{work}",
            units::count(shown.display.nodes.len() as u64),
            units::count(shown.display.edges.len() as u64),
            shown.engine.runs().label(),
        ))
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
        let layers = state.graph.layers();
        let shown = match layers.len() {
            0 => "whole graph".to_owned(),
            _ => format!("layer {}", layers.iter().map(u32::to_string).collect::<Vec<_>>().join(" and ")),
        };
        let marked = state.marked_nodes();
        let selected: Vec<&str> =
            marked.iter().take(4).filter_map(|&n| graph.nodes.get(n as usize)).map(|n| n.label.as_str()).collect();
        let label = match selected.as_slice() {
            [] => format!("Graph canvas, {shown}"),
            names if state.playback.playing => format!("Graph canvas, {shown}, running {}", names.join(", ")),
            names => format!("Graph canvas, {shown}, selected {}", names.join(", ")),
        };
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, ui.is_enabled(), &label));
        // Screen readers find the nodes of shown layers, and those that stand out, where they are.
        let Some(shown) = &self.shown else { return };
        if !ui.ctx().has_accesskit_node(response.id) {
            return;
        }
        let of_layer = |node: &DisplayNode| graph.nodes[node.node as usize].layer.is_some_and(|l| layers.contains(&l));
        let stands_out = |node: &DisplayNode| match state.hover {
            Some(Item::Node { node: hovered, .. }) if hovered == node.node => true,
            _ => state.links.nodes.contains(&node.node) && node.folded.is_none(),
        };
        let view = view_camera(state.graph.camera.now(), response.rect, 1.0);
        let named = shown.display.nodes.iter().zip(&shown.positions).enumerate();
        let named = named.filter(|(_, (node, _))| of_layer(node) || stands_out(node));
        for (index, (node, &position)) in named.take(MOST_NAMED_NODES) {
            let [x, y] = view.pixel_from_layout(position);
            let at = response.rect.min + Vec2::new(x, y);
            if response.rect.contains(at) {
                let own = &graph.nodes[node.node as usize];
                let area = Rect::from_center_size(at, Vec2::splat(2.0 * PICK_SLACK_POINTS));
                let place = ui.interact(area, response.id.with(index), Sense::hover());
                let name = format!("node: {}, {}", own.label.trim(), own.operation);
                place.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &name));
            }
        }
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

/// Whether a node of a layer's view belongs to another layer.
fn is_neighbour(node: &DisplayNode) -> bool {
    matches!(node.category, Some(Category::Input | Category::Output))
}

fn pin_action(graph: &Graph, node: &DisplayNode, [x, y]: [f32; 2]) -> Action {
    Action::PinNode { node: graph.nodes[node.node as usize].id.clone(), expert: node.expert, x, y }
}

fn unpin_action(graph: &Graph, node: &DisplayNode) -> Action {
    Action::UnpinNode { node: Some(graph.nodes[node.node as usize].id.clone()), expert: node.expert }
}

/// What can be done with one node, under the right button.
fn node_menu(
    ui: &mut Ui,
    cx: &mut ViewContext<'_>,
    (document, graph): (&Document, &Graph),
    node: &DisplayNode,
    here: [f32; 2],
) {
    let pinned = cx.state.pinned_at(node.node, node.expert).is_some();
    if pinned && ui.button("Unpin  P").clicked() {
        cx.act(unpin_action(graph, node));
        ui.close();
    }
    if !pinned && ui.button("Pin here  P").clicked() {
        cx.act(pin_action(graph, node, here));
        ui.close();
    }
    let whole = node.folded.map_or(Item::Node { graph: cx.state.graph.graph, node: node.node }, Item::Layer);
    item_menu::entries(ui, cx, slice_item(document, graph, node).unwrap_or(whole));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Accesses, GraphNode, Health, NodeType, Ops, Ranges, RunMeta, Trace};

    /// A run with a graph of two layers and no ops.
    fn document() -> Arc<Document> {
        let node = |name: &str| GraphNode::add(name, NodeType::Layer);
        let mut graph = Graph { nodes: ["a-0", "a-1"].map(node).to_vec(), edges: Vec::new() };
        graph.classify();
        let trace = Trace {
            meta: RunMeta::default(),
            tensors: Vec::new(),
            ops: Ops::default(),
            ranges: Ranges::default(),
            accesses: Accesses::default(),
            passes: Vec::new(),
            graphs: vec![graph],
            buffers: Vec::new(),
            health: Health::default(),
        };
        Arc::new(Document::new("a run".into(), Arc::new(trace), true))
    }

    #[test]
    fn a_fault_holds_until_another_graph_or_run_is_asked_for() {
        let gpu = Gpu::headless().unwrap();
        let (context, mut view, mut state) = (egui::Context::default(), GraphView::default(), AppState::default());
        let mut prepare = |state: &AppState, fault: Option<&str>| {
            let document = state.document.clone().unwrap();
            view.prepare(&context, &gpu, state, &document, &document.trace.graphs[0]);
            let before = view.fault.clone();
            view.fault = fault.map(str::to_owned).or(view.fault.take());
            (before, view.shown_size().0)
        };
        // The run before stays in memory, so that the two differ.
        let before = document();
        state.set_document(before.clone());
        assert_eq!(prepare(&state, Some("broken")), (None, 2));
        assert_eq!(prepare(&state, None), (Some("broken".to_owned()), 2), "nothing else is asked for");
        state.apply(&Action::SetLayer { layer: Some(1), add: false });
        assert_eq!(prepare(&state, Some("broken again")), (None, 1));
        state.apply(&Action::SetLayer { layer: None, add: false });
        assert_eq!(prepare(&state, Some("and again")), (None, 2));
        state.set_document(document());
        assert_eq!(prepare(&state, None), (None, 2));
    }
}
