//! One file a panel: each reads the model and the state, draws, and pushes Actions. None changes the state.

pub mod access_list;
pub mod analytics;
mod analytics_cards;
mod analytics_chart;
mod analytics_compare;
mod analytics_engine;
mod analytics_experts;
mod analytics_lists;
mod analytics_matrix;
mod analytics_rows;
pub mod bands;
pub mod describe;
mod film_menu;
pub mod graph;
mod graph_engine;
mod graph_labels;
mod graph_pins;
mod graph_style;
mod graph_tools;
mod graph_work;
pub mod health;
pub mod heat_cells;
pub mod heat_engine;
pub mod heat_margins;
pub mod heatmap;
pub mod hint;
pub mod inspector;
mod item_menu;
pub mod key_sheet;
pub mod keys;
pub mod menu;
pub mod palette;
pub mod pointer;
pub mod region_totals;
pub mod search;
pub mod span_totals;
pub mod status;
pub mod table;
mod table_bar;
mod table_conditions;
mod table_engine;
mod table_groups;
mod table_header;
mod table_popup;
mod table_scroll;
pub mod theme;
pub mod timeline;
mod timeline_controls;
mod timeline_lanes;
mod timeline_ruler;
mod timeline_span;
mod totals;
pub mod track;

use std::sync::Arc;

use crate::analysis::links::Item;
use crate::state::{Action, AppState, Document, ItemRef};

/// What a panel sees of the rest while it is laid out.
pub struct ViewContext<'a> {
    pub state: &'a AppState,
    pub actions: &'a mut Vec<Action>,
    /// What the cursor is on; the panel under it sets this for the next frame.
    pub hover: &'a mut Option<Item>,
}

impl ViewContext<'_> {
    pub fn document(&self) -> Option<Arc<Document>> {
        self.state.document.clone()
    }

    pub fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub fn select(&mut self, item: Option<ItemRef>) {
        self.act(Action::Select { item });
    }

    /// Selects by the numbers that views work with.
    pub fn select_item(&mut self, item: Item) {
        let reference = self.document().and_then(|document| reference(&document, item));
        if reference.is_some() {
            self.select(reference);
        }
    }
}

/// Tells screen readers what a list to choose from is for; egui tells them only what is chosen.
fn name_list(response: &egui::Response, name: &str, chosen: &str) {
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::ComboBox, true, name);
        info.current_text_value = Some(chosen.to_owned());
        info
    });
}

/// How an Action names `item`.
pub fn reference(document: &Document, item: Item) -> Option<ItemRef> {
    use crate::analysis::filter::TensorRef;
    Some(match item {
        Item::Tensor(tensor) => ItemRef::Tensor(TensorRef::Number(tensor)),
        Item::Op(op) => ItemRef::Op(op),
        Item::Node { graph, node } => {
            ItemRef::Node(document.trace.graphs.get(graph as usize)?.nodes.get(node as usize)?.id.clone())
        }
        Item::Layer(layer) => ItemRef::Layer(layer),
        Item::Pass(pass) => ItemRef::Pass(pass),
        Item::Expert { tensor, expert } => ItemRef::Expert { tensor: TensorRef::Number(tensor), expert },
        Item::Region(region) => ItemRef::Region(region),
        Item::Span(span) => ItemRef::Span { time_ns: [span.start_ns, span.end_ns] },
    })
}
