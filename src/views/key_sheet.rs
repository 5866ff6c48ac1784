//! The sheet under `?`: every key, grouped as the menus are, beside what depends on the place.

use egui::{Align2, Grid, RichText, ScrollArea, Ui, Vec2};

use super::{ViewContext, theme};
use crate::state::Action;
use crate::state::reference::{CONTEXT_KEYS, Command, Menu, commands};

/// Width of a column, as far as the window has room for two of keys and one of what depends on the place.
const COLUMN_POINTS: f32 = 275.0;
const PLACE_POINTS: f32 = 470.0;
/// Of that, what is pressed.
const CHORDS_POINTS: f32 = 130.0;
const KEY_SIZE: f32 = 11.5;

/// The sheet, while it is asked for.
pub fn ui(ui: &Ui, cx: &mut ViewContext<'_>) {
    if !cx.state.keys_shown {
        return;
    }
    let mut open = true;
    let screen = ui.ctx().content_rect().size();
    egui::Window::new("Keys")
        .open(&mut open)
        .collapsible(false)
        .resizable(false)
        .anchor(Align2::CENTER_CENTER, Vec2::ZERO)
        .show(ui.ctx(), |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            let ink = theme::selected_text(cx.state.theme);
            let all = commands();
            ui.set_width((2.0 * COLUMN_POINTS + PLACE_POINTS + 30.0).min(screen.x - 40.0));
            ScrollArea::both().max_height(screen.y - 90.0).auto_shrink([false, true]).show(ui, |ui| {
                ui.horizontal_top(|ui| {
                    for menus in [&[Menu::Edit, Menu::Go][..], &[Menu::View, Menu::Measure, Menu::Play, Menu::Help]] {
                        ui.vertical(|ui| {
                            ui.set_width(COLUMN_POINTS);
                            for menu in menus {
                                group(ui, *menu, &all, ink);
                            }
                        });
                    }
                    ui.vertical(|ui| {
                        ui.set_width(PLACE_POINTS);
                        ui.strong("What depends on the place");
                        Grid::new("keys of places").num_columns(2).spacing([10.0, 3.0]).min_row_height(0.0).show(
                            ui,
                            |ui| {
                                for (keys, what) in CONTEXT_KEYS {
                                    let width = |ui: &mut Ui, points: f32, text: RichText| {
                                        ui.vertical(|ui| {
                                            ui.set_width(points);
                                            ui.add(egui::Label::new(text).wrap());
                                        });
                                    };
                                    width(ui, CHORDS_POINTS, key(keys, ink));
                                    let words = PLACE_POINTS - CHORDS_POINTS - 12.0;
                                    width(ui, words, RichText::new(what).size(KEY_SIZE));
                                    ui.end_row();
                                }
                            },
                        );
                    });
                });
            });
        });
    if !open {
        cx.act(Action::ShowKeys { shown: false });
    }
}

fn key(text: &str, ink: egui::Color32) -> RichText {
    RichText::new(text).size(KEY_SIZE).color(ink)
}

/// Commands of a menu that have keys.
fn group(ui: &mut Ui, menu: Menu, all: &[Command], ink: egui::Color32) {
    let with_keys: Vec<&Command> = all.iter().filter(|c| c.menu == menu && !c.keys.is_empty()).collect();
    if with_keys.is_empty() {
        return;
    }
    ui.strong(menu.title());
    Grid::new(("keys", menu.title())).num_columns(2).spacing([10.0, 2.0]).min_row_height(0.0).show(ui, |ui| {
        for command in with_keys {
            ui.label(key(&command.keys.join("  "), ink));
            ui.label(RichText::new(command.label).size(KEY_SIZE));
            ui.end_row();
        }
    });
    ui.add_space(6.0);
}
