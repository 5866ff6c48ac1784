//! The command palette: every command by its name, the last used first, and what needs a number or a run.

use std::path::PathBuf;

use egui::{Align2, Button, Id, Key, Modal, Modifiers, RichText, TextEdit, Ui, Vec2};

use super::ViewContext;
use crate::state::reference::commands;
use crate::state::table_choices::Place;
use crate::state::{Action, NodeColor, NodeSize, View};

/// Commands that count as used lately.
const MOST_RECENT: usize = 12;
const WIDTH_POINTS: f32 = 520.0;
const HEIGHT_POINTS: f32 = 400.0;
const TOP_POINTS: f32 = 60.0;

/// The palette's own memory.
#[derive(Default)]
pub struct PaletteView {
    text: String,
    marked: usize,
    was_shown: bool,
    /// Names of commands, the last used first.
    pub recent: Vec<String>,
}

/// A thing that can be done.
struct Entry {
    label: String,
    keys: String,
    action: Action,
}

impl Entry {
    fn plain(label: String, action: Action) -> Self {
        Self { label, keys: String::new(), action }
    }
}

impl PaletteView {
    /// Draws it while it is shown, over everything else.
    pub fn ui(&mut self, ui: &Ui, cx: &mut ViewContext<'_>, recent_runs: &[PathBuf]) {
        let shown = cx.state.interface.palette_shown;
        let opened = !std::mem::replace(&mut self.was_shown, shown) && shown;
        if !shown {
            return;
        }
        if opened {
            (self.text, self.marked) = (String::new(), 0);
        }
        let found = self.found(cx, recent_runs);
        let area =
            Modal::default_area(Id::unique("command palette")).anchor(Align2::CENTER_TOP, Vec2::new(0.0, TOP_POINTS));
        let modal = Modal::new(Id::unique("command palette")).area(area).show(ui.ctx(), |ui| {
            ui.set_width(WIDTH_POINTS.min(ui.ctx().content_rect().width() - 40.0));
            self.content(ui, opened, &found)
        });
        if let Some(entry) = modal.inner.and_then(|at| found.into_iter().nth(at)) {
            if !matches!(entry.action, Action::Search { .. }) {
                self.recent.retain(|known| *known != entry.label);
                self.recent.insert(0, entry.label);
                self.recent.truncate(MOST_RECENT);
            }
            cx.act(Action::ShowPalette { shown: false });
            cx.act(entry.action);
        } else if modal.backdrop_response.clicked() {
            cx.act(Action::ShowPalette { shown: false });
        }
    }

    /// The field and the list; which entry was chosen.
    fn content(&mut self, ui: &mut Ui, opened: bool, found: &[Entry]) -> Option<usize> {
        let id = Id::unique("command palette field");
        let (mut moved, mut chosen) = (false, None);
        if ui.memory(|m| m.has_focus(id)) {
            let (up, down, enter) = ui.input_mut(|i| {
                let up = i.count_and_consume_key(Modifiers::NONE, Key::ArrowUp);
                let down = i.count_and_consume_key(Modifiers::NONE, Key::ArrowDown);
                (up, down, i.consume_key(Modifiers::NONE, Key::Enter))
            });
            moved = up + down > 0;
            if moved && !found.is_empty() {
                let at = (self.marked + down) as isize - up as isize;
                self.marked = at.rem_euclid(found.len() as isize) as usize;
            }
            chosen = enter.then_some(self.marked);
        }
        let hint = "a command, or layer 5, pass 3, op 1200\u{2026}";
        let edit = ui.add(TextEdit::singleline(&mut self.text).id(id).hint_text(hint).desired_width(f32::INFINITY));
        edit.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Command");
            info.current_text_value = Some(self.text.clone());
            info
        });
        if opened {
            edit.request_focus();
        }
        if edit.changed() {
            self.marked = 0;
        }
        ui.add_space(4.0);
        let height = HEIGHT_POINTS.min(ui.ctx().content_rect().height() - TOP_POINTS - 90.0);
        egui::ScrollArea::vertical().max_height(height).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            if found.is_empty() {
                ui.weak("no command is called so");
            }
            for (at, entry) in found.iter().enumerate() {
                let marked = at == self.marked;
                let keys = RichText::new(&entry.keys).weak();
                let button = Button::selectable(marked, &entry.label).truncate().right_text(keys);
                let response = ui.add_sized([ui.available_width(), 20.0], button);
                let label = format!("command: {}", entry.label);
                response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, marked, &label));
                if marked && moved {
                    response.scroll_to_me(None);
                }
                if response.clicked() {
                    chosen = Some(at);
                }
            }
        });
        chosen
    }

    /// What fits the text: without one the last used first, then all in the order of the menus. Behind them a search for
    /// it, which fits any text.
    fn found(&self, cx: &ViewContext<'_>, recent_runs: &[PathBuf]) -> Vec<Entry> {
        let entries = entries(cx, &self.text, recent_runs);
        let age = |label: &str| self.recent.iter().position(|known| known == label).unwrap_or(MOST_RECENT);
        let scored = entries.into_iter().filter_map(|entry| Some((score(&self.text, &entry.label)?, entry)));
        let mut scored: Vec<(i32, Entry)> = scored.collect();
        scored.sort_by_key(|(score, entry)| (-score, age(&entry.label)));
        let text = self.text.trim();
        let search = (!text.is_empty() && cx.state.document.is_some())
            .then(|| Entry::plain(format!("Search for {text}"), Action::Search { text: text.to_owned() }));
        scored.into_iter().map(|(_, entry)| entry).chain(search).collect()
    }
}

/// Everything that can be done, with what the number in `text` makes of commands that need one.
fn entries(cx: &ViewContext<'_>, text: &str, recent_runs: &[PathBuf]) -> Vec<Entry> {
    let plain = Entry::plain;
    let mut all: Vec<Entry> = commands()
        .into_iter()
        .filter(|command| !matches!(command.action, Action::ShowPalette { .. }))
        .map(|c| Entry { label: c.label.to_owned(), keys: c.keys.join("  "), action: c.action })
        .collect();
    all.extend(
        NodeColor::ALL
            .map(|color| plain(format!("Graph: colours by {}", color.label()), Action::SetNodeColor { color })),
    );
    all.extend(NodeSize::ALL.map(|size| plain(format!("Graph: {}", size.label()), Action::SetNodeSize { size })));
    all.extend(View::ALL.map(|view| plain(format!("Close panel: {}", view.title()), Action::ClosePanel { view })));
    for path in recent_runs {
        all.push(plain(format!("Open {}", path.display()), Action::Open { path: path.clone() }));
    }
    let digits = text.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty());
    if let (Some(number), Some(document)) = (digits.and_then(|digits| digits.parse::<u32>().ok()), cx.document()) {
        let trace = &document.trace;
        let within = |count: usize| (number as usize) < count;
        let graph = cx.state.shown_layers() as usize;
        let ways = [
            (within(graph), "layer", Action::SetLayer { layer: Some(number), add: false }),
            (within(trace.passes.len()), "pass", Action::SetPass { pass: number }),
            (within(trace.op_count()), "op", Action::GoTo { place: Place::Op(number) }),
            (within(trace.graphs.len()), "graph", Action::SetGraph { graph: number }),
        ];
        for (_, what, action) in ways.into_iter().filter(|(there, ..)| *there) {
            all.push(plain(format!("Go to {what} {number}"), action));
        }
        if (50..=300).contains(&number) {
            all.push(plain(format!("Size {number} %"), Action::SetUiScale { scale: number as f32 / 100.0 }));
        }
    }
    all
}

/// How well `label` fits what was typed: its letters have to come in order. Words' beginnings and letters beside each other
/// count more.
fn score(text: &str, label: &str) -> Option<i32> {
    const WHOLE: i32 = 100;
    const WORD: i32 = 8;
    const BESIDE: i32 = 4;
    let label: Vec<char> = label.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    if text.is_empty() {
        return Some(0);
    }
    let begins = |at: usize| at == 0 || !label[at - 1].is_alphanumeric();
    // Of every way to spell the text along the label the best: by how much of the label was gone through.
    let mut best: Vec<Option<i32>> = vec![None; label.len()];
    for (nth, letter) in text.iter().enumerate() {
        let mut next: Vec<Option<i32>> = vec![None; label.len()];
        let mut before: Option<i32> = None;
        for at in 0..label.len() {
            if label[at] == *letter {
                let gain = if begins(at) { WORD } else { 0 };
                let apart = if nth == 0 { Some(0) } else { before };
                let beside = at.checked_sub(1).filter(|_| nth > 0).and_then(|at| best[at]).map(|score| score + BESIDE);
                next[at] = apart.max(beside).map(|score| score + gain);
            }
            before = before.max(best[at]);
        }
        best = next;
    }
    let score = best.into_iter().flatten().max()?;
    let (joined, typed): (String, String) =
        (label.iter().filter(|c| !c.is_whitespace()).collect(), text.iter().collect());
    let whole = match joined.contains(&typed) {
        true if joined == typed => 2 * WHOLE,
        true => WHOLE,
        false => 0,
    };
    // Of labels that fit as well, the shorter one is more of what was typed.
    Some(score + whole - (label.len() / 8) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_find_a_command_and_better_fits_come_first() {
        assert_eq!(score("", "Dark theme"), Some(0));
        assert_eq!(score("zq", "Dark theme"), None);
        assert_eq!(score("emd", "Dark theme"), None, "in order");
        let better = |text: &str, a: &str, b: &str| assert!(score(text, a) > score(text, b), "{text}: {a}, {b}");
        better("dt", "Dark theme", "Previous pass: direct");
        better("layer", "Next layer", "Rows are ops, linear year");
        better("go to layer 5", "Go to layer 5", "Go to layer 51");
        better("undo", "Undo", "Unfold all layers: dough");
        better("fit", "Fit the graph", "Draw seeks of it");
    }
}
