//! The inspector: all that is known of the selection, with ways on to what it touches.

use egui::{Grid, RichText, Ui};

use super::access_list::{AccessView, LIST_POINTS};
use super::region_totals::RegionView;
use super::span_totals::SpanView;
use super::table_conditions::shorten;
use super::{ViewContext, describe, theme};
use crate::analysis::links::Item;
use crate::state::{Action, Document};
use crate::trace::tracks::phase_bits;
use crate::trace::{Graph, Pass, names};
use crate::units;

const MOST_LINES: usize = 60;
/// Room for what a value is called.
const LABEL_POINTS: f32 = 90.0;
/// Of the panel's height, what is said of a tensor takes as much at most; the rest is the list of its accesses.
const FACTS_SHARE: f32 = 0.55;
/// Where facts would have less than this, the panel scrolls as a whole, with this many rows of the list in it.
const LEAST_FACTS_POINTS: f32 = 40.0;
const ROWS_WITHIN: f32 = 4.0;

pub fn ui(ui: &mut Ui, cx: &mut ViewContext<'_>, region: &RegionView, span: &SpanView, accesses: &mut AccessView) {
    let Some(document) = cx.document() else { return };
    // What was scrolled to belongs to the item; what plays is one item after another.
    let running = cx.state.running_op().map(Item::Op);
    let item = cx.state.selection.filter(|_| running.is_none());
    let area = egui::ScrollArea::vertical().id_salt(("facts", item)).min_scrolled_height(LEAST_FACTS_POINTS);
    if running.is_some() || !AccessView::has_list(cx.state) {
        area.auto_shrink([false, false]).show(ui, |ui| facts_of(ui, cx, &document, running.or(item), (region, span)));
        return;
    }
    let (width, all) = (ui.available_width(), ui.available_height());
    // Long values may have made the rest wider than the panel.
    let list = |ui: &mut Ui, cx: &mut ViewContext<'_>, accesses: &mut AccessView, width: f32, rows: f32| {
        ui.scope(|ui| {
            ui.set_max_width(width);
            ui.separator();
            accesses.ui(ui, cx, &document, rows);
        });
    };
    let most = all - LIST_POINTS;
    if most < LEAST_FACTS_POINTS {
        area.auto_shrink([false, false]).show(ui, |ui| {
            let width = ui.available_width();
            facts_of(ui, cx, &document, item, (region, span));
            list(ui, cx, accesses, width, ROWS_WITHIN);
        });
        return;
    }
    let height = (all * FACTS_SHARE).max(all - 600.0).min(most);
    area.max_height(height).auto_shrink([false, true]).show(ui, |ui| facts_of(ui, cx, &document, item, (region, span)));
    list(ui, cx, accesses, width, 1.0);
}

/// What is said of an item, beside the list of its accesses; without one, of the run.
fn facts_of(
    ui: &mut Ui,
    cx: &mut ViewContext<'_>,
    document: &Document,
    item: Option<Item>,
    (region, span): (&RegionView, &SpanView),
) {
    let Some(item) = item else {
        run(ui, cx, document);
        return;
    };
    let title = RichText::new(describe::title(document, item).trim()).strong();
    ui.label(title.color(theme::selected_text(cx.state.theme)));
    match item {
        Item::Tensor(tensor) => tensor_lines(ui, cx, document, tensor),
        Item::Expert { tensor, .. } => {
            link(ui, cx, document, Item::Tensor(tensor), "tensor");
            tensor_lines(ui, cx, document, tensor);
        }
        Item::Op(op) => op_lines(ui, cx, document, op),
        Item::Node { graph, node } => node_lines(ui, cx, document, graph, node),
        Item::Layer(layer) => layer_lines(ui, cx, document, layer),
        Item::Pass(pass) => pass_lines(ui, cx, document, pass),
        Item::Region(_) => region.ui(ui, cx, document),
        Item::Span(_) => span.ui(ui, cx, document),
    }
}

pub(super) fn facts(ui: &mut Ui, name: &str, facts: describe::Facts) {
    let room = (ui.available_width() - LABEL_POINTS).max(LABEL_POINTS);
    Grid::new(name).num_columns(2).spacing([10.0, 2.0]).max_col_width(room).show(ui, |ui| {
        for (label, value) in facts {
            ui.weak(label);
            ui.add(egui::Label::new(value).wrap());
            ui.end_row();
        }
    });
}

/// A line that selects `item` when clicked.
pub(super) fn link(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, item: Item, before: &str) {
    ui.horizontal(|ui| {
        if !before.is_empty() {
            ui.weak(before);
        }
        if ui.link(describe::title(document, item).trim()).clicked() {
            cx.select_item(item);
        }
    });
}

fn run(ui: &mut Ui, cx: &ViewContext<'_>, document: &Document) {
    let trace = &document.trace;
    let model = &trace.meta.model;
    let unknown = || "unknown".to_owned();
    let number = |n: Option<u32>| n.map_or_else(unknown, |n| n.to_string());
    let counted = |all: u64, of: &dyn Fn(&Pass) -> u64| match cx.state.phase {
        None => units::count(all),
        Some(phase) => {
            let part: u64 = trace.passes.iter().filter(|pass| pass.phase == phase).map(of).sum();
            format!("{} of {} ({})", units::count(part), units::count(all), phase.label())
        }
    };
    let accesses = |pass: &Pass| match pass.ops.checked_sub(1) {
        Some(last) => {
            let first = trace.accesses_of(pass.first_op as usize).start;
            trace.accesses_of(pass.first_op.saturating_add(last) as usize).end.saturating_sub(first) as u64
        }
        None => 0,
    };
    ui.strong(model.name.clone().unwrap_or_else(|| document.name()));
    facts(
        ui,
        "run",
        vec![
            ("architecture", model.architecture.clone().unwrap_or_else(unknown)),
            ("layers", number(model.layers.or_else(|| trace.graphs.iter().map(Graph::layers).max()))),
            ("experts", number(model.experts)),
            ("model files", units::bytes(model.file_bytes())),
            ("passes", counted(trace.passes.len() as u64, &|_| 1)),
            ("ops", counted(trace.op_count() as u64, &|pass| pass.ops.into())),
            ("accesses", counted(trace.access_count() as u64, &accesses)),
            ("recorded", units::duration(trace.duration_ns())),
            ("source", trace.meta.source.clone()),
        ],
    );
    ui.add_space(6.0);
    ui.weak("Click a node, a cell of the heatmap or a row to see all that is known of it.");
}

/// Which ops count, where not all do.
pub(super) fn only(cx: &ViewContext<'_>) -> String {
    cx.state.phase.map_or_else(String::new, |phase| format!(" ({} only)", phase.label()))
}

fn tensor_lines(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, tensor: u32) {
    facts(ui, "tensor", describe::tensor_facts(document, tensor));
    let graph = cx.state.graph.graph;
    let Some(g) = document.trace.graphs.get(graph as usize) else { return };
    let nodes = cx.state.links.nodes.clone();
    for &node in nodes.iter().take(3) {
        link(ui, cx, document, Item::Node { graph, node }, "node");
    }
    let consumers = g.edges.iter().filter(|e| nodes.contains(&e.source)).map(|e| e.target).collect();
    node_list(ui, cx, document, graph, "consumers:", consumers);
}

/// Nodes with what they do, and in how many layers they are.
fn node_list(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, graph: u32, title: &str, nodes: Vec<u32>) {
    let Some(g) = document.trace.graphs.get(graph as usize) else { return };
    let layers: std::collections::BTreeSet<u32> = nodes.iter().filter_map(|&n| g.nodes[n as usize].layer).collect();
    ui.weak(format!("{title} {} in {} layers", nodes.len(), layers.len()));
    let more = nodes.len().saturating_sub(MOST_LINES);
    for node in nodes.into_iter().take(MOST_LINES) {
        let operation = g.nodes[node as usize].operation.clone();
        link(ui, cx, document, Item::Node { graph, node }, &operation);
    }
    if more > 0 {
        ui.weak(format!("and {more} more"));
    }
}

fn op_lines(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, op: u32) {
    let trace = &document.trace;
    let index = op as usize;
    let unknown = || "unknown".to_owned();
    facts(
        ui,
        "op",
        vec![
            ("start", units::duration(trace.ops.start_ns[index])),
            ("duration", trace.ops.duration_ns.get(index).map_or_else(unknown, units::duration)),
            ("layer", trace.ops.layer.get(index).map_or_else(|| "none".to_owned(), |l| l.to_string())),
            ("row", units::count(u64::from(op) + 1)),
        ],
    );
    let pass = trace.ops.pass[index];
    link(ui, cx, document, Item::Pass(pass), "in");
    if let Some(text) = trace.passes.get(pass as usize).and_then(|p| p.text.as_ref()) {
        let text = shorten(&text.escape_debug().to_string(), 80);
        ui.weak(format!("of \u{201c}{text}\u{201d}"));
    }
    if let Some(layer) = trace.ops.layer.get(index).filter(|&layer| layer < cx.state.shown_layers()) {
        link(ui, cx, document, Item::Layer(layer), "of");
    }
    if let (Some(node), Some(graph)) = (trace.ops.node.get(index), trace.pass_of(index).and_then(|p| p.graph))
        && graph == cx.state.graph.graph
    {
        link(ui, cx, document, Item::Node { graph, node }, "node");
    }
    ui.separator();
    for (slot, tensor, what) in describe::operands(trace, index) {
        link(ui, cx, document, Item::Tensor(tensor), &slot);
        ui.indent((slot, tensor), |ui| ui.weak(what));
    }
}

fn node_lines(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, graph: u32, node: u32) {
    let Some(g) = document.trace.graphs.get(graph as usize) else { return };
    let Some(own) = g.nodes.get(node as usize) else { return };
    let mut lines: describe::Facts = vec![("op", own.operation.clone()), ("kind", own.node_type.label().to_owned())];
    if own.label != own.name {
        lines.push(("name", own.name.clone()));
    }
    if !own.shape.is_empty() {
        lines.push(("shape", describe::shape(&own.shape)));
    }
    if let Some(dtype) = &own.dtype {
        lines.push(("type", dtype.clone()));
    }
    if let Some(layer) = own.layer {
        lines.push(("layer", layer.to_string()));
    }
    facts(ui, "node", lines);
    if own.layer.is_some() && cx.state.graph.layer != own.layer && ui.button("Show this layer").clicked() {
        cx.act(Action::SetLayer { layer: own.layer, add: false });
    }
    if graph == cx.state.graph.graph
        && let Some([x, y]) = cx.state.pinned_at(node, None)
    {
        ui.horizontal(|ui| {
            ui.weak(format!("pinned at {x:.1}, {y:.1}"));
            if ui.small_button("Unpin").on_hover_text("P").clicked() {
                cx.act(Action::UnpinNode { node: Some(own.id.clone()), expert: None });
            }
        });
    }
    if let Some(op) = cx.state.links.first_op.filter(|_| !own.leaf) {
        link(ui, cx, document, Item::Op(op), "first run as");
    }
    for &tensor in cx.state.links.tensors.clone().iter().take(3) {
        link(ui, cx, document, Item::Tensor(tensor), "memory");
    }
    ui.separator();
    let operands = g.edges.iter().filter(|e| e.target == node).map(|e| e.source).collect();
    node_list(ui, cx, document, graph, "operands:", operands);
    ui.separator();
    let consumers = g.edges.iter().filter(|e| e.source == node).map(|e| e.target).collect();
    node_list(ui, cx, document, graph, "consumers:", consumers);
}

fn layer_lines(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, layer: u32) {
    let trace = &document.trace;
    let weights: Vec<u32> = (0_u32..)
        .zip(&trace.tensors)
        .filter(|(_, t)| names::layer(&t.name) == Some(layer) && t.track == crate::trace::Track::Disk)
        .map(|(i, _)| i)
        .collect();
    let bytes: u64 = weights.iter().map(|&t| trace.tensors[t as usize].bytes).fold(0, u64::saturating_add);
    let ops = document.op_index().ops_of_layer(layer, phase_bits(cx.state.phase));
    let only = only(cx);
    facts(
        ui,
        "layer",
        vec![
            ("weights", format!("{} in {} tensors", units::bytes(bytes), weights.len())),
            ("ops", format!("{}{only}", units::count(ops))),
            ("nodes", cx.state.links.nodes.len().to_string()),
        ],
    );
    ui.separator();
    for tensor in weights {
        link(ui, cx, document, Item::Tensor(tensor), "");
    }
}

fn pass_lines(ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, pass: u32) {
    let Some(p) = document.trace.passes.get(pass as usize) else { return };
    let mut lines: describe::Facts = vec![
        ("phase", p.phase.label().to_owned()),
        ("ops", units::count(p.ops.into())),
        ("start", units::duration(p.start_ns)),
        ("duration", units::duration(p.duration_ns)),
        ("reads", format!("{} from DISK, {} from BUFFER", units::count(p.reads_disk), units::count(p.reads_buffer))),
        ("graph", p.graph.map_or_else(|| "none".to_owned(), |g| g.to_string())),
    ];
    if let Some(text) = &p.text {
        lines.push(("text", shorten(&text.escape_debug().to_string(), 400)));
    }
    facts(ui, "pass", lines);
    if p.ops > 0 {
        link(ui, cx, document, Item::Op(p.first_op), "first");
        link(ui, cx, document, Item::Op(p.first_op.saturating_add(p.ops - 1)), "last");
    }
    let tokens = p.positions.len().max(p.token_ids.len());
    if tokens > 0 {
        ui.separator();
        ui.weak(format!("{tokens} tokens"));
    }
    for at in 0..tokens.min(MOST_LINES) {
        let position = p.positions.get(at).map_or_else(String::new, |position| format!("position {position}"));
        let id = p.token_ids.get(at).map_or_else(String::new, |id| format!("token {id}"));
        ui.label(format!("{position}  {id}"));
    }
    if tokens > MOST_LINES {
        ui.weak(format!("and {} more", tokens - MOST_LINES));
    }
}
