//! Keys: from what was pressed to Actions.

use egui::text_selection::LabelSelectionState;
use egui::{Key, Modifiers, Ui};

use super::table::TableKeys;
use super::{ViewContext, heatmap, timeline};
use crate::state::camera::{Easing, Motion};
use crate::state::playback::Playback;
use crate::state::reference::{Command, commands};
use crate::state::{Action, Axes, View};

const STEP: Motion = Motion { duration_ms: 120.0, easing: Easing::EaseOut };
/// Share of a view that one press moves it by.
const PAN_SHARE: f64 = 0.2;
const ZOOM_STEP: f64 = 1.5;
/// What can be dragged and has this much of both sides is a canvas.
const LEAST_CANVAS_POINTS: f32 = 40.0;
/// What acts while somebody types: no field has a use for these.
const WHILE_TYPING: [&str; 6] = ["Ctrl+Plus", "Ctrl+Minus", "Ctrl+0", "F9", "F10", "Ctrl+Q"];

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
    let popup = egui::Popup::is_any_open(ui.ctx());
    let escape = struck(ui, Key::Escape, |_| true) > 0 && !popup;
    let palette_shown = cx.state.interface.palette_shown;
    if pressed(ui, "Ctrl+K") > 0 {
        cx.act(Action::ShowPalette { shown: !palette_shown });
        return wishes;
    }
    if escape && palette_shown {
        cx.act(Action::ShowPalette { shown: false });
        return wishes;
    }
    let typing = ui.ctx().text_edit_focused() || palette_shown;
    let passes = |key: &str| match (typing, popup) {
        (true, _) => WHILE_TYPING.contains(&key),
        (false, true) => key.starts_with("Ctrl+") || WHILE_TYPING.contains(&key),
        (false, false) => true,
    };
    let view = under.unwrap_or(cx.state.view);
    for command in all() {
        for key in command.keys {
            // The table's ends, where it is meant.
            let moves = view == View::Table && ["Home", "End"].contains(key);
            let palette = matches!(command.action, Action::ShowPalette { .. });
            if passes(key) && !moves && !palette {
                for _ in 0..pressed(ui, key) {
                    cx.act(command.action.clone());
                }
            }
        }
    }
    let with_command = |key: Key| struck(ui, key, |held| held.command && !held.alt && !held.shift) > 0;
    if with_command(Key::F) && !palette_shown {
        wishes.table.focus_search = true;
        cx.act(Action::SetView { view: View::Table });
    }
    if with_command(Key::G) && !palette_shown {
        wishes.table.focus_place = true;
        cx.act(Action::SetView { view: View::Table });
    }
    if typing || popup {
        return wishes;
    }
    let extra = |button| ui.input(|i| i.pointer.button_pressed(button));
    if extra(egui::PointerButton::Extra1) {
        cx.act(Action::Back);
    }
    if extra(egui::PointerButton::Extra2) {
        cx.act(Action::Forward);
    }
    let plain = |key: Key| struck(ui, key, Modifiers::is_none);
    let control = control_has_focus(ui);
    let arrows = [Key::ArrowLeft, Key::ArrowRight, Key::ArrowUp, Key::ArrowDown].into_iter().any(|key| plain(key) > 0);
    wishes.table.moves = view == View::Table && !(control && arrows);
    if !control && toggled(ui, Key::Space) {
        cx.act(timeline::play_or_pause(cx.state));
    }
    let steps = typed(ui, ">") as isize - typed(ui, "<") as isize;
    if steps != 0 {
        cx.act(Action::SetSpeed { speed: speed_after(&cx.state.playback, steps) });
    }
    if toggled(ui, Key::L) {
        cx.actions.extend(timeline::toggle_loop(cx.state));
    }
    if toggled(ui, Key::F) {
        let now = cx.state.full_screen;
        cx.act(Action::FullScreen { view: if now.is_some() { None } else { Some(view) } });
    }
    wishes.toggle_pin = toggled(ui, Key::P);
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
        let times = plain(letter) + if control { 0 } else { plain(arrow) };
        if times > 0 && view != View::Table {
            let share = PAN_SHARE * times as f64;
            cx.act(Action::Pan { view, dx: dx * share, dy: dy * share, motion: STEP });
        }
    }
    heatmap_keys(ui, cx);
    let zoom = |factor: f64| Action::Zoom { view, factor, x: 0.5, y: 0.5, track: None, axes: Axes::Both, motion: STEP };
    let not_command = |held: &Modifiers| !held.command;
    let closer = struck(ui, Key::Plus, not_command) + struck(ui, Key::Equals, not_command);
    if closer > 0 {
        cx.act(zoom(ZOOM_STEP.powi(closer as i32)));
    }
    let farther = plain(Key::Minus);
    if farther > 0 {
        cx.act(zoom(ZOOM_STEP.powi(-(farther as i32))));
    }
    wishes
}

/// Whether a control has the focus that takes Space, Enter and arrows for itself. A canvas is dragged, and large: tabs,
/// headers and edges can be dragged as well.
fn control_has_focus(ui: &Ui) -> bool {
    let focused = ui.memory(egui::Memory::focused).and_then(|id| ui.ctx().read_response(id));
    focused
        .is_some_and(|response| !response.sense.senses_drag() || response.rect.size().min_elem() < LEAST_CANVAS_POINTS)
}

/// The speed that so many presses lead to, faster or slower: each goes on from what the one before gives.
fn speed_after(playback: &Playback, steps: isize) -> f64 {
    let speeds = playback.clock.speeds();
    let first = playback.next_speed(steps > 0);
    let Some(at) = speeds.iter().position(|speed| *speed == first) else { return first };
    let at = at.saturating_add_signed(steps - steps.signum());
    speeds[at.min(speeds.len() - 1)]
}

/// Keys that walk through the heatmap's choices, and zoom one of its axes.
fn heatmap_keys(ui: &Ui, cx: &mut ViewContext<'_>) {
    let times = |key: Key| struck(ui, key, Modifiers::is_none);
    let heat = &cx.state.heat;
    let choices = [
        (Key::M, Action::SetMeasure { measure: after(heat.measure, &heatmap::MEASURES, times(Key::M)) }),
        (Key::R, Action::SetDirection { direction: after(heat.direction, &heatmap::DIRECTIONS, times(Key::R)) }),
        (Key::Y, Action::SetRows { rows: after(heat.rows, &heatmap::ROWS, times(Key::Y)) }),
        (Key::X, Action::SetOrder { order: after(heat.order, &heatmap::ORDERS, times(Key::X)) }),
        (Key::C, Action::SetPalette { palette: after(heat.palette, &heatmap::PALETTES, times(Key::C)) }),
        (Key::V, Action::SetScale { scale: after(heat.scale, &heatmap::SCALES, times(Key::V)) }),
    ];
    for (key, action) in choices {
        if times(key) > 0 {
            cx.act(action);
        }
    }
    if toggled(ui, Key::G) {
        cx.act(Action::ShowSeeks { shown: !cx.state.heat.seeks });
    }
    let zooms = [
        (Key::ArrowLeft, Axes::Bytes, 1.0 / ZOOM_STEP),
        (Key::ArrowRight, Axes::Bytes, ZOOM_STEP),
        (Key::ArrowUp, Axes::Ops, 1.0 / ZOOM_STEP),
        (Key::ArrowDown, Axes::Ops, ZOOM_STEP),
    ];
    for (key, axes, step) in zooms {
        let times = struck(ui, key, |held| held.command && !held.alt && !held.shift);
        if times > 0 {
            let factor = step.powi(times as i32);
            cx.act(Action::Zoom { view: View::Heatmap, factor, x: 0.5, y: 0.5, track: None, axes, motion: STEP });
        }
    }
}

/// What so many presses lead to, from `now`.
fn after<T: Copy + PartialEq>(now: T, options: &[(T, &str)], presses: usize) -> T {
    (0..presses).fold(now, |now, _| heatmap::next(now, options))
}

/// Commands do not change while the program runs.
fn all() -> &'static [Command] {
    static COMMANDS: std::sync::LazyLock<Vec<Command>> = std::sync::LazyLock::new(commands);
    &COMMANDS
}

/// How often `chord`, as the reference writes it, was pressed in this frame.
fn pressed(ui: &Ui, chord: &str) -> usize {
    let (modifiers, key) = match chord.rsplit_once('+') {
        Some((modifiers, key)) if !key.is_empty() => (modifiers, key),
        _ => ("", chord),
    };
    let wanted = Modifiers { command: modifiers.contains("Ctrl"), alt: modifiers.contains("Alt"), ..Modifiers::NONE };
    // Characters that need Shift on some keyboards are asked for as text. Where one press is both, it counts once.
    if key.len() == 1 && wanted.is_none() && !key.as_bytes()[0].is_ascii_alphanumeric() {
        let plain = Key::from_name(key).map_or(0, |key| struck(ui, key, Modifiers::is_none));
        return plain.max(typed(ui, key));
    }
    let name = match key {
        "Left" => "ArrowLeft",
        "Right" => "ArrowRight",
        other => other,
    };
    let Some(key) = Key::from_name(name) else { return 0 };
    if key == Key::C && wanted.command {
        // Systems say that something is to be copied, not which keys were pressed; selected words come first.
        let words = ui.ctx().plugin::<LabelSelectionState>().lock().has_selection();
        return usize::from(!words && ui.input(|i| i.events.contains(&egui::Event::Copy)));
    }
    let shift = modifiers.contains("Shift");
    if wanted.command && [Key::Plus, Key::Minus].contains(&key) {
        // Where plus is on its key, and whether it takes Shift, is up to the keyboard.
        let same = |struck_key: Key| struck_key == key || key == Key::Plus && struck_key == Key::Equals;
        let keys = [Key::Plus, Key::Equals, Key::Minus].into_iter().filter(|struck_key| same(*struck_key));
        return keys.map(|key| struck(ui, key, |held| held.command && !held.alt)).sum();
    }
    struck(ui, key, |held| held.command == wanted.command && held.alt == wanted.alt && held.shift == shift)
}

/// How often `key` went down in this frame while modifiers were held that `fits` accepts. A slow frame has several
/// presses, and a key that is held goes down again and again.
fn struck(ui: &Ui, key: Key, fits: impl Fn(&Modifiers) -> bool) -> usize {
    let hit = |event: &&egui::Event| matches!(event, egui::Event::Key { key: k, pressed: true, modifiers, .. } if *k == key && fits(modifiers));
    ui.input(|i| i.events.iter().filter(hit).count())
}

/// Whether the presses of this frame leave what `key` turns on and off the other way round. A key that is held does so once.
fn toggled(ui: &Ui, key: Key) -> bool {
    let hit = |event: &&egui::Event| matches!(event, egui::Event::Key { key: k, pressed: true, repeat: false, modifiers, .. } if *k == key && modifiers.is_none());
    ui.input(|i| i.events.iter().filter(hit).count()) % 2 == 1
}

/// How often `text` was typed in this frame.
fn typed(ui: &Ui, text: &str) -> usize {
    let hit = |event: &&egui::Event| matches!(event, egui::Event::Text(typed) if typed == text);
    ui.input(|i| i.events.iter().filter(hit).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presses_within_one_frame_go_on_from_each_other() {
        let playback = Playback::default();
        let speeds = playback.clock.speeds();
        let now = speeds.iter().position(|speed| *speed == playback.speed()).unwrap();
        assert_eq!(speed_after(&playback, 3), speeds[now + 3]);
        assert_eq!(speed_after(&playback, -2), speeds[now - 2]);
        assert_eq!(speed_after(&playback, 99), speeds[speeds.len() - 1]);
        assert_eq!(speed_after(&playback, -99), speeds[0]);
        assert_eq!(after(1, &[(1, "a"), (2, "b"), (3, "c")], 4), 2);
    }

    #[test]
    fn what_acts_while_typing_is_a_command() {
        let known: Vec<&str> = commands().iter().flat_map(|command| command.keys).copied().collect();
        assert!(WHILE_TYPING.iter().all(|key| known.contains(key)));
    }

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
