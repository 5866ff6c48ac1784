//! The sheet under `?`: every key, grouped as the menus are, beside what depends on the place.

use egui::{Align, Align2, Grid, Layout, RichText, ScrollArea, Ui, Vec2};

use super::{ViewContext, theme};
use crate::state::Action;
use crate::state::reference::{CONTEXT_KEYS, Command, Menu, commands};

/// Width of a column, as far as the window has room for two of keys and one of what depends on the place.
const COLUMN_POINTS: f32 = 275.0;
const PLACE_POINTS: f32 = 470.0;
/// Of that, what is pressed.
const CHORDS_POINTS: f32 = 130.0;
/// What depends on the place stands below the keys where it would have less than this beside them.
const LEAST_PLACE_POINTS: f32 = 300.0;
/// What lies between columns and beside them.
const GAPS_POINTS: f32 = 30.0;
const KEY_SIZE: f32 = 11.5;
/// Menus whose keys stand in the first column, and in the second.
const COLUMNS: [&[Menu]; 2] =
    [&[Menu::Edit, Menu::Go], &[Menu::File, Menu::View, Menu::Measure, Menu::Play, Menu::Help]];

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
            let room = (2.0 * COLUMN_POINTS + PLACE_POINTS + GAPS_POINTS).min(screen.x - 40.0);
            ui.set_width(room);
            let (columns, place, beside) = arrangement(room);
            let layout = if beside { Layout::left_to_right(Align::Min) } else { Layout::top_down(Align::Min) };
            ScrollArea::both().max_height(screen.y - 90.0).auto_shrink([false, true]).show(ui, |ui| {
                ui.with_layout(layout, |ui| {
                    for menus in columns {
                        ui.vertical(|ui| {
                            ui.set_width(COLUMN_POINTS);
                            for menu in menus {
                                group(ui, menu, &all, ink);
                            }
                        });
                    }
                    ui.vertical(|ui| {
                        ui.set_width(place);
                        places(ui, place, ink);
                    });
                });
            });
        });
    if !open {
        cx.act(Action::ShowKeys { shown: false });
    }
}

/// The menus of each column of keys, how wide what depends on the place is, and whether that stands beside them.
fn arrangement(room: f32) -> (Vec<Vec<Menu>>, f32, bool) {
    let left = |columns: f32| room - GAPS_POINTS - columns * COLUMN_POINTS;
    if left(2.0) >= PLACE_POINTS {
        return (COLUMNS.map(<[Menu]>::to_vec).into(), PLACE_POINTS, true);
    }
    let beside = left(1.0) >= LEAST_PLACE_POINTS;
    let place = left(if beside { 1.0 } else { 0.0 }).clamp(CHORDS_POINTS * 2.0, PLACE_POINTS);
    (vec![COLUMNS.concat()], place, beside)
}

/// What depends on the place, `width` points wide.
fn places(ui: &mut Ui, width: f32, ink: egui::Color32) {
    ui.strong("What depends on the place");
    Grid::new("keys of places").num_columns(2).spacing([10.0, 3.0]).min_row_height(0.0).show(ui, |ui| {
        for (keys, what) in CONTEXT_KEYS {
            let cell = |ui: &mut Ui, points: f32, text: RichText| {
                ui.vertical(|ui| {
                    ui.set_width(points);
                    ui.add(egui::Label::new(text).wrap());
                });
            };
            cell(ui, CHORDS_POINTS, key(keys, ink));
            cell(ui, width - CHORDS_POINTS - 12.0, RichText::new(what).size(KEY_SIZE));
            ui.end_row();
        }
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_the_room_and_hold_every_menu() {
        for room in [300, 420, 600, 760, 860, 1049, 1050, 1600].map(|room| room as f32) {
            let (columns, place, beside) = arrangement(room);
            assert_eq!(columns.concat().len(), COLUMNS.concat().len());
            let keys = columns.len() as f32 * COLUMN_POINTS;
            let width = if beside { keys + place } else { keys.max(place) };
            assert!(width <= room, "{room}: {width}");
        }
        assert_eq!(arrangement(860.0).0.len(), 1);
    }

    #[test]
    fn no_key_is_left_out() {
        for command in commands().iter().filter(|command| !command.keys.is_empty()) {
            assert!(COLUMNS.concat().contains(&command.menu), "{} is not on the sheet", command.label);
        }
    }
}
