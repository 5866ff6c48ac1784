//! What can be done with an item wherever it is shown, under the right button.

use egui::{Button, Ui};

use super::{ViewContext, describe, reference};
use crate::analysis::links::Item;
use crate::state::camera::{Easing, Motion};
use crate::state::{Action, ZoomTarget};

const QUICK: Motion = Motion { duration_ms: 200.0, easing: Easing::EaseInOut };

/// Title and entries. No keys stand beside them: keys act on what is selected, which may be another item.
pub fn entries(ui: &mut Ui, cx: &mut ViewContext<'_>, item: Item) {
    let Some(document) = cx.document() else { return };
    let named = reference(&document, item);
    ui.weak(super::table_conditions::shorten(describe::title(&document, item).trim(), 48));
    let entry = |ui: &mut Ui, label: &str| {
        let response = ui.add(Button::new(label));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, label));
        if response.clicked() {
            ui.close();
        }
        response.clicked()
    };
    if entry(ui, "Filter the table to this") {
        cx.act(Action::FilterTo { item: named.clone() });
    }
    if entry(ui, "Zoom to it") {
        cx.select_item(item);
        cx.act(Action::ZoomTo { target: ZoomTarget::Selection, motion: QUICK });
    }
    let trace = &document.trace;
    let layer = match item {
        Item::Tensor(tensor) | Item::Expert { tensor, .. } => trace.tensors.get(tensor as usize).and_then(|t| t.layer),
        Item::Op(op) => trace.ops.layer.get(op as usize),
        Item::Layer(layer) => Some(layer),
        Item::Node { graph, node } => {
            trace.graphs.get(graph as usize).and_then(|g| g.nodes.get(node as usize)).and_then(|n| n.layer)
        }
        Item::Pass(_) | Item::Region(_) | Item::Span(_) => None,
    };
    let hidden = |layer: &u32| *layer < cx.state.shown_layers() && !cx.state.graph.layers().contains(layer);
    if let Some(layer) = layer.filter(hidden) {
        if entry(ui, &format!("Show layer {layer}")) {
            cx.act(Action::SetLayer { layer: Some(layer), add: false });
        }
        if cx.state.graph.layer.is_some() && entry(ui, &format!("Show layer {layer} beside")) {
            cx.act(Action::SetLayer { layer: Some(layer), add: true });
        }
    }
    if entry(ui, "Copy its name") {
        cx.act(Action::CopyName { item: named });
    }
}

/// The menu of a canvas or row that `response` covers: about what was under the cursor as it was opened.
pub fn on(response: &egui::Response, cx: &mut ViewContext<'_>, under: Option<Item>) {
    let id = response.id.with("menu of an item");
    if response.secondary_clicked() {
        response.ctx.data_mut(|data| data.insert_temp(id, under));
    }
    if let Some(item) = response.ctx.data(|data| data.get_temp::<Option<Item>>(id)).flatten() {
        response.context_menu(|ui| entries(ui, cx, item));
    }
}
