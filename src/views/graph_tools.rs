//! The row above the graph: what of it is shown, how, and what to find in it.

use egui::Ui;

use super::ViewContext;
use crate::analysis::layout_fdg::MOST_NODES as FDG_MOST_NODES;
use crate::analysis::layout_graph::slices_per_node;
use crate::kernel_io::layout::{Arrangement, LayoutEngine};
use crate::state::{Action, NodeColor, NodeSize, Trail};
use crate::trace::Graph;
use crate::units;

pub fn row(ui: &mut Ui, cx: &mut ViewContext<'_>, graph: &Graph, settling: bool) {
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
        layer_picker(ui, cx, layers);
        if ui.add_enabled(layers > 0, egui::Button::new("\u{25B6}").small()).on_hover_text("Next layer  }").clicked() {
            cx.act(step(false));
        }
        let graphs = cx.document().map_or(0, |d| d.trace.graphs.len());
        if graphs > 1 {
            let label = |g: u32| format!("Graph {g}");
            let list = egui::ComboBox::from_id_salt("graph")
                .width(70.0)
                .selected_text(label(cx.state.graph.graph))
                .show_ui(ui, |ui| {
                    for g in 0..graphs as u32 {
                        if ui.selectable_label(cx.state.graph.graph == g, label(g)).clicked() {
                            cx.act(Action::SetGraph { graph: g });
                        }
                    }
                });
            super::name_list(&list.response, "graph of the run", &label(cx.state.graph.graph));
        }
        let folded = !cx.state.graph.folded.is_empty();
        if cx.state.graph.layer.is_none() && ui.small_button(if folded { "Unfold" } else { "Fold layers" }).clicked() {
            cx.act(if folded { Action::Unfold { layer: None } } else { Action::Fold { layer: None } });
        }
        look_menu(ui, cx, graph);
        search_field(ui, cx);
        trail_menu(ui, cx);
        if settling {
            if ui.small_button("Stop layout").clicked() {
                cx.act(Action::SetSettling { on: false });
            }
        } else if !cx.state.graph.settling && ui.small_button("Go on with the layout").clicked() {
            cx.act(Action::SetSettling { on: true });
        }
    });
}

/// Which layers are shown; Ctrl or Shift shows one beside the others.
fn layer_picker(ui: &mut Ui, cx: &mut ViewContext<'_>, layers: u32) {
    let shown = cx.state.graph.layers();
    let chosen = match (shown.len(), cx.state.graph.layer) {
        (_, None) => "Whole graph".to_owned(),
        (1, Some(layer)) => format!("Layer {layer}"),
        (5.., _) => format!("{} layers", shown.len()),
        _ => format!("Layers {}", shown.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")),
    };
    let picker = egui::ComboBox::from_id_salt("layer").width(96.0).selected_text(&chosen);
    let picker = picker.close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    let list = picker.show_ui(ui, |ui| {
        if layers > 1 {
            ui.weak("Ctrl+click: beside others");
        }
        if ui.selectable_label(shown.is_empty(), "Whole graph").clicked() {
            cx.act(Action::SetLayer { layer: None, add: false });
            ui.close();
        }
        for layer in 0..layers {
            let entry = ui.selectable_label(shown.contains(&layer), format!("Layer {layer}"));
            if entry.clicked() {
                let add = ui.input(|i| i.modifiers.command || i.modifiers.shift);
                cx.act(Action::SetLayer { layer: Some(layer), add });
                if !add {
                    ui.close();
                }
            }
        }
    });
    super::name_list(&list.response, "layers shown", &chosen);
}

/// Where nodes stand, and what their colours and sizes say.
fn look_menu(ui: &mut Ui, cx: &mut ViewContext<'_>, graph: &Graph) {
    let now = cx.state.graph.color;
    let chosen = format!("by {}", now.label());
    let list = egui::ComboBox::from_id_salt("color").width(88.0).selected_text(&chosen).show_ui(ui, |ui| {
        for color in NodeColor::ALL {
            if ui.selectable_label(now == color, format!("colour by {}", color.label())).clicked() {
                cx.act(Action::SetNodeColor { color });
            }
        }
    });
    super::name_list(&list.response, "colours of nodes", &chosen);
    ui.menu_button("Show", |ui| {
        for (arrangement, label) in
            [(Arrangement::Rows, "Layers in rows"), (Arrangement::Distances, "True to distances")]
        {
            if ui.selectable_label(cx.state.graph.arrangement == arrangement, label).clicked() {
                cx.act(Action::SetArrangement { arrangement });
            }
        }
        ui.separator();
        for engine in LayoutEngine::ALL {
            let small = engine != LayoutEngine::Fdg || graph.nodes.len() <= FDG_MOST_NODES;
            let label = format!("Laid out by {}", engine.label());
            let entry = egui::Button::selectable(cx.state.graph.engine == engine, label);
            let text = format!("for graphs of up to {} nodes", units::count(FDG_MOST_NODES as u64));
            if ui.add_enabled(small, entry).on_disabled_hover_text(text).clicked() {
                cx.act(Action::SetLayoutEngine { engine });
            }
        }
        let pinned = cx.state.graph.pins.get(&cx.state.graph.subject()).map_or(0, std::collections::BTreeMap::len);
        if pinned > 0 && ui.button(format!("Unpin all {pinned} nodes")).clicked() {
            cx.act(Action::UnpinNode { node: None, expert: None });
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
