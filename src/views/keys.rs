//! Keys: from what was pressed to Actions.

use egui::text_selection::LabelSelectionState;
use egui::{Key, Modifiers, Ui};

use super::table::TableKeys;
use super::{ViewContext, heatmap, timeline};
use crate::state::camera::{Easing, Motion};
use crate::state::reference::{Command, commands};
use crate::state::{Action, Axes, View};

const STEP: Motion = Motion { duration_ms: 120.0, easing: Easing::EaseOut };
/// Share of a view that one press moves it by.
const PAN_SHARE: f64 = 0.2;
const ZOOM_STEP: f64 = 1.5;

/// What keys ask for that is no Action: where the cursor is decides, or a text field wants focus.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct KeyWishes {
    pub table: TableKeys,
    /// Pin the selected node of the graph where it is, which the graph panel knows, or let it go.
    pub toggle_pin: bool,
}

/// Turns this frame's keys into Actions. `under` is the panel below the cursor; `ends_work` is what Esc does first.
pub fn handle(ui: &Ui, cx: &mut ViewContext<'_>, under: Option<View>, ends_work: Option<Action>) -> KeyWishes {
    let mut wishes = KeyWishes::default();
    // What is open closes by itself.
    let escape = struck(ui, Key::Escape, |_| true) && !egui::Popup::is_any_open(ui.ctx());
    if pressed(ui, "Ctrl+K") {
        cx.act(Action::ShowPalette { shown: !cx.state.interface.palette_shown });
        return wishes;
    }
    if escape && cx.state.interface.palette_shown {
        cx.act(Action::ShowPalette { shown: false });
        return wishes;
    }
    if ui.ctx().text_edit_focused() || cx.state.interface.palette_shown {
        return wishes;
    }
    let extra = |button| ui.input(|i| i.pointer.button_pressed(button));
    if extra(egui::PointerButton::Extra1) {
        cx.act(Action::Back);
    }
    if extra(egui::PointerButton::Extra2) {
        cx.act(Action::Forward);
    }
    let view = under.unwrap_or(cx.state.view);
    wishes.table.moves = view == View::Table;
    for command in all() {
        for key in command.keys {
            // The table's ends, where it is meant.
            let moves = wishes.table.moves && ["Home", "End"].contains(key);
            let palette = matches!(command.action, Action::ShowPalette { .. });
            if !moves && !palette && pressed(ui, key) {
                cx.act(command.action.clone());
            }
        }
    }
    let plain = |key: Key| struck(ui, key, Modifiers::is_none);
    if plain(Key::Space) {
        cx.act(timeline::play_or_pause(cx.state));
    }
    let typed = |text: &str| ui.input(|i| i.events.iter().any(|e| matches!(e, egui::Event::Text(t) if t == text)));
    for (text, faster) in [("<", false), (">", true)] {
        if typed(text) {
            cx.act(Action::SetSpeed { speed: cx.state.playback.next_speed(faster) });
        }
    }
    if plain(Key::L) {
        cx.actions.extend(timeline::toggle_loop(cx.state));
    }
    if plain(Key::F) {
        let now = cx.state.full_screen;
        cx.act(Action::FullScreen { view: if now.is_some() { None } else { Some(view) } });
    }
    wishes.toggle_pin = plain(Key::P);
    if struck(ui, Key::F, |held| held.command && !held.alt && !held.shift) {
        wishes.table.focus_search = true;
        cx.act(Action::SetView { view: View::Table });
    }
    if struck(ui, Key::G, |held| held.command && !held.alt && !held.shift) {
        wishes.table.focus_place = true;
        cx.act(Action::SetView { view: View::Table });
    }
    if escape {
        let open = &cx.state.interface;
        cx.act(match (ends_work, cx.state.full_screen) {
            _ if open.search_shown => Action::ShowSearch { shown: false },
            _ if cx.state.keys_shown => Action::ShowKeys { shown: false },
            _ if open.hint_shown => Action::ShowHint { shown: false },
            (Some(end), _) => end,
            (None, Some(_)) => Action::FullScreen { view: None },
            (None, None) if cx.state.selection.is_none() => Action::Seek { op: None },
            (None, None) => Action::Select { item: None },
        });
    }
    let pan = [
        (Key::ArrowLeft, Key::A, -1.0, 0.0),
        (Key::ArrowRight, Key::D, 1.0, 0.0),
        (Key::ArrowUp, Key::W, 0.0, -1.0),
        (Key::ArrowDown, Key::S, 0.0, 1.0),
    ];
    for (arrow, letter, dx, dy) in pan {
        if plain(arrow) || plain(letter) {
            match view {
                View::Table => {}
                _ => cx.act(Action::Pan { view, dx: dx * PAN_SHARE, dy: dy * PAN_SHARE, motion: STEP }),
            }
        }
    }
    heatmap_keys(ui, cx);
    let zoom = |factor: f64| Action::Zoom { view, factor, x: 0.5, y: 0.5, track: None, axes: Axes::Both, motion: STEP };
    let not_command = |held: &Modifiers| !held.command;
    if struck(ui, Key::Plus, not_command) || struck(ui, Key::Equals, not_command) {
        cx.act(zoom(ZOOM_STEP));
    }
    if plain(Key::Minus) {
        cx.act(zoom(1.0 / ZOOM_STEP));
    }
    wishes
}

/// Keys that walk through the heatmap's choices, and zoom one of its axes.
fn heatmap_keys(ui: &Ui, cx: &mut ViewContext<'_>) {
    let plain = |key: Key| struck(ui, key, Modifiers::is_none);
    let heat = &cx.state.heat;
    let choices = [
        (Key::M, Action::SetMeasure { measure: heatmap::next(heat.measure, &heatmap::MEASURES) }),
        (Key::R, Action::SetDirection { direction: heatmap::next(heat.direction, &heatmap::DIRECTIONS) }),
        (Key::Y, Action::SetRows { rows: heatmap::next(heat.rows, &heatmap::ROWS) }),
        (Key::X, Action::SetOrder { order: heatmap::next(heat.order, &heatmap::ORDERS) }),
        (Key::C, Action::SetPalette { palette: heatmap::next(heat.palette, &heatmap::PALETTES) }),
        (Key::V, Action::SetScale { scale: heatmap::next(heat.scale, &heatmap::SCALES) }),
        (Key::G, Action::ShowSeeks { shown: !heat.seeks }),
    ];
    for (key, action) in choices {
        if plain(key) {
            cx.act(action);
        }
    }
    let zooms = [
        (Key::ArrowLeft, Axes::Bytes, 1.0 / ZOOM_STEP),
        (Key::ArrowRight, Axes::Bytes, ZOOM_STEP),
        (Key::ArrowUp, Axes::Ops, 1.0 / ZOOM_STEP),
        (Key::ArrowDown, Axes::Ops, ZOOM_STEP),
    ];
    for (key, axes, factor) in zooms {
        if struck(ui, key, |held| held.command && !held.alt && !held.shift) {
            cx.act(Action::Zoom { view: View::Heatmap, factor, x: 0.5, y: 0.5, track: None, axes, motion: STEP });
        }
    }
}

/// Commands do not change while the program runs.
fn all() -> &'static [Command] {
    static COMMANDS: std::sync::LazyLock<Vec<Command>> = std::sync::LazyLock::new(commands);
    &COMMANDS
}

/// Whether `chord`, as the reference writes it, was pressed in this frame.
fn pressed(ui: &Ui, chord: &str) -> bool {
    let (modifiers, key) = match chord.rsplit_once('+') {
        Some((modifiers, key)) if !key.is_empty() => (modifiers, key),
        _ => ("", chord),
    };
    let wanted = Modifiers { command: modifiers.contains("Ctrl"), alt: modifiers.contains("Alt"), ..Modifiers::NONE };
    // Characters that need Shift on some keyboards are asked for as text.
    if key.len() == 1 && wanted.is_none() && !key.as_bytes()[0].is_ascii_alphanumeric() {
        let plain = Key::from_name(key).is_some_and(|key| struck(ui, key, Modifiers::is_none));
        return plain || ui.input(|i| i.events.iter().any(|e| matches!(e, egui::Event::Text(t) if t == key)));
    }
    let name = match key {
        "Left" => "ArrowLeft",
        "Right" => "ArrowRight",
        other => other,
    };
    let Some(key) = Key::from_name(name) else { return false };
    if key == Key::C && wanted.command {
        // Systems say that something is to be copied, not which keys were pressed; selected words come first.
        let words = ui.ctx().plugin::<LabelSelectionState>().lock().has_selection();
        return !words && ui.input(|i| i.events.contains(&egui::Event::Copy));
    }
    let shift = modifiers.contains("Shift");
    if wanted.command && [Key::Plus, Key::Minus].contains(&key) {
        // Where plus is on its key, and whether it takes Shift, is up to the keyboard.
        let same = |struck_key: Key| struck_key == key || key == Key::Plus && struck_key == Key::Equals;
        return [Key::Plus, Key::Equals, Key::Minus]
            .into_iter()
            .any(|k| same(k) && struck(ui, k, |held| held.command && !held.alt));
    }
    struck(ui, key, |held| held.command == wanted.command && held.alt == wanted.alt && held.shift == shift)
}

/// Whether `key` went down in this frame while modifiers were held that `fits` accepts.
fn struck(ui: &Ui, key: Key, fits: impl Fn(&Modifiers) -> bool) -> bool {
    let hit = |event: &egui::Event| matches!(event, egui::Event::Key { key: k, pressed: true, modifiers, .. } if *k == key && fits(modifiers));
    ui.input(|i| i.events.iter().any(hit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_reference_exists() {
        for command in commands() {
            for chord in command.keys {
                let key = chord.rsplit_once('+').map_or(*chord, |(_, key)| if key.is_empty() { chord } else { key });
                let text = key.len() == 1 && !key.as_bytes()[0].is_ascii_alphanumeric();
                let name = match key {
                    "Left" => "ArrowLeft",
                    "Right" => "ArrowRight",
                    other => other,
                };
                assert!(text || Key::from_name(name).is_some(), "{chord}");
            }
        }
    }
}
