//! The panels of a workspace on screen: in their tree, or one in place of all.

use egui::Ui;
use egui_tiles::{Behavior, SimplificationOptions, Tile, TileId, Tiles, Tree, UiResponse};

use super::Workspace;
use crate::analysis::links::Item;
use crate::app::panels;
use crate::gpu::FrameGpu;
use crate::state::{Action, View};
use crate::views::{ViewContext, health, inspector};

/// Free space around what a panel shows, in points.
const PANEL_MARGIN: egui::Margin = egui::Margin { left: 4, right: 2, top: 2, bottom: 2 };

impl Workspace {
    fn panel(
        &mut self,
        ui: &mut Ui,
        view: View,
        actions: &mut Vec<Action>,
        hover: &mut Option<Item>,
        gpu: &mut FrameGpu<'_>,
    ) {
        let mut cx = ViewContext { state: &self.state, actions, hover };
        match view {
            View::Graph => self.graph.ui(ui, &mut cx, gpu),
            View::Heatmap => self.heatmap.ui(ui, &mut cx, gpu),
            View::Timeline => self.timeline.ui(ui, &mut cx),
            View::Table => self.table.ui(ui, &mut cx, std::mem::take(&mut self.table_keys)),
            View::Health => health::ui(ui, &mut cx),
            View::Inspector => inspector::ui(ui, &mut cx, &self.region, &self.span, &mut self.accesses),
            View::Analytics => self.analytics.ui(ui, &mut cx),
        }
    }

    pub(super) fn panels(
        &mut self,
        ui: &mut Ui,
        actions: &mut Vec<Action>,
        hover: &mut Option<Item>,
        gpu: &mut FrameGpu<'_>,
    ) {
        self.places.clear();
        if let Some(view) = self.options.only.or(self.state.full_screen) {
            if self.options.only.is_none() {
                ui.horizontal(|ui| {
                    ui.strong(view.title());
                    if ui.button("\u{2716} Back to all panels").on_hover_text("Esc").clicked() {
                        actions.push(Action::FullScreen { view: None });
                    }
                });
            }
            self.places.push((view, ui.available_rect_before_wrap()));
            self.panel(ui, view, actions, hover, gpu);
            return;
        }
        if self.panel_resets != self.state.interface.panel_resets {
            self.panel_resets = self.state.interface.panel_resets;
            self.tree = panels::first_arrangement();
        }
        let panes: Vec<(TileId, View)> = self.tree.tiles.iter().filter_map(|(id, tile)| pane(*id, tile)).collect();
        for (id, view) in panes {
            self.tree.set_visible(id, !self.state.interface.closed.contains(&view));
        }
        if View::ALL.iter().all(|view| self.state.interface.closed.contains(view)) {
            ui.vertical_centered(|ui| {
                ui.add_space(ui.available_height() * 0.4);
                ui.label("All panels are closed; the View menu has each.");
                if ui.button("Panels where they were at first").clicked() {
                    actions.push(Action::ResetPanels);
                }
            });
            return;
        }
        if self.shown_view != self.state.view {
            self.shown_view = self.state.view;
            let view = self.state.view;
            self.tree.make_active(|_, tile| matches!(tile, Tile::Pane(pane) if *pane == view));
        }
        let mut tree = std::mem::replace(&mut self.tree, Tree::empty(egui::Id::unique("panels")));
        tree.ui(&mut Panels { workspace: self, actions, hover, gpu }, ui);
        self.tree = tree;
    }
}

/// What stands where no run does.
pub(super) fn welcome(ui: &mut Ui, loading: bool, problem: Option<&str>) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.35);
        ui.heading("tensorscope");
        match problem {
            Some(problem) => {
                ui.label(problem);
            }
            None if loading => {
                ui.label("reading the run");
            }
            None => {
                ui.label("Drop a run here, or open one from the File menu.");
            }
        }
    });
}

fn pane(id: TileId, tile: &Tile<View>) -> Option<(TileId, View)> {
    match tile {
        Tile::Pane(view) => Some((id, *view)),
        Tile::Container(_) => None,
    }
}

/// The panels, seen from the tree that places them.
struct Panels<'a, 'g> {
    workspace: &'a mut Workspace,
    actions: &'a mut Vec<Action>,
    hover: &'a mut Option<Item>,
    gpu: &'a mut FrameGpu<'g>,
}

impl Behavior<View> for Panels<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _id: TileId, view: &mut View) -> UiResponse {
        self.workspace.places.push((*view, ui.max_rect()));
        egui::Frame::new().inner_margin(PANEL_MARGIN).show(ui, |ui| {
            self.workspace.panel(ui, *view, self.actions, self.hover, self.gpu);
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, view: &View) -> egui::WidgetText {
        view.title().into()
    }

    fn top_bar_right_ui(
        &mut self,
        tiles: &Tiles<View>,
        ui: &mut Ui,
        _id: TileId,
        tabs: &egui_tiles::Tabs,
        _scroll: &mut f32,
    ) {
        let Some(Tile::Pane(view)) = tabs.active.and_then(|id| tiles.get(id)) else { return };
        let label = format!("Close panel: {}", view.title());
        let close =
            ui.add(egui::Button::new("\u{2716}").frame(false)).on_hover_text(format!("{label}; the View menu has it"));
        close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
        if close.clicked() {
            self.actions.push(Action::ClosePanel { view: *view });
        }
        let button = egui::Button::new("\u{26F6}").frame(false);
        let label = format!("Full screen: {}", view.title());
        let response = ui.add(button).on_hover_text(format!("{label}  F"));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
        if response.clicked() {
            self.actions.push(Action::FullScreen { view: Some(*view) });
        }
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        20.0
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        3.0
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }
}
