//! The search of the top bar: a field, and below it what was found, by kind, with a way to each.

use std::sync::Arc;

use egui::{Button, Id, Key, Modifiers, Order, RichText, TextEdit, Ui};

use super::{ViewContext, describe};
use crate::analysis::background::Background;
use crate::analysis::links::Item;
use crate::analysis::search::{Found, Hit, Hits, MOST_HITS, SearchIndex, next_op};
use crate::state::camera::Motion;
use crate::state::{Action, AppState, Document, ZoomTarget};
use crate::units;

/// Hits of a kind that are listed where there are several kinds.
const HITS_OF_SEVERAL: usize = 8;
/// Width of the field, in a wide window and in a narrow one.
const FIELD_POINTS: [f32; 2] = [90.0, 190.0];
/// Of the window's width, what the field takes in between.
const FIELD_SHARE: f32 = 0.15;
const LIST_POINTS: [f32; 2] = [440.0, 380.0];
const QUICK: Motion = Motion { duration_ms: 200.0, easing: crate::state::camera::Easing::EaseInOut };

/// What decides an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    document: u64,
    graph: u32,
    text: String,
}

/// The names of a run, and what of them was found.
type Answer = (Arc<SearchIndex>, Question, Result<Vec<Hits>, String>);

/// The search's own memory.
#[derive(Default)]
pub struct SearchView {
    worker: Option<Background<(), Answer>>,
    /// The names of the document with this number.
    index: Option<(u64, Arc<SearchIndex>)>,
    asked: Option<Question>,
    found: Vec<Hits>,
    fault: Option<String>,
    text: String,
    /// What was searched for when the field was last in step with it.
    text_of: String,
    /// Which hit keys are on, counted through all kinds.
    marked: usize,
    /// Whether the marked hit has to come into view.
    moved: bool,
    was_shown: bool,
}

/// What is done with a hit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Select,
    Zoom,
    Filter,
}

impl SearchView {
    /// Picks up answers, and asks for what is searched for now. `wake` asks for a frame, from any thread.
    pub fn prepare(&mut self, state: &AppState, wake: impl Fn() + Send + 'static) {
        while let Some((index, question, found)) = self.worker.as_ref().and_then(Background::answer) {
            self.index = Some((question.document, index));
            if self.asked.as_ref() == Some(&question) {
                (self.found, self.fault) = match found {
                    Ok(found) => (found, None),
                    Err(fault) => (Vec::new(), Some(fault)),
                };
                self.marked = 0;
            }
        }
        let Some(document) = state.document.as_ref().filter(|_| state.interface.search_shown) else {
            // Nobody waits for what was asked.
            if self.is_working()
                && let Some(worker) = &self.worker
            {
                worker.cancel();
                self.asked = None;
            }
            return;
        };
        let text = state.interface.search.clone();
        let question = Question { document: document.number, graph: state.graph.graph, text };
        if self.asked.as_ref() == Some(&question) {
            return;
        }
        if self.asked.as_ref().is_none_or(|asked| asked.document != question.document) {
            // Numbers of another run name other things in this one.
            self.found.clear();
        }
        self.asked = Some(question.clone());
        if let Some(worker) = &self.worker {
            worker.cancel();
        }
        let worker = match self.worker.take().map_or_else(|| Background::start(wake), Ok) {
            Ok(worker) => self.worker.insert(worker),
            Err(error) => {
                self.fault = Some(format!("no thread to search with: {error}; close other programs"));
                return;
            }
        };
        let known = self.index.as_ref().filter(|(number, _)| *number == document.number);
        let (known, trace) = (known.map(|(_, index)| index.clone()), document.trace.clone());
        worker.ask((), move |cancelled| {
            let index = match known {
                Some(index) => index,
                None => Arc::new(SearchIndex::new(&trace, cancelled)?),
            };
            let found = index.search(&trace, question.graph, &question.text, cancelled);
            Some((index, question, found.unwrap_or(Ok(Vec::new()))))
        });
    }

    pub fn is_working(&self) -> bool {
        self.worker.as_ref().is_some_and(Background::is_busy)
    }

    /// The field, and the list below it while it is shown.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>) {
        let Some(document) = cx.document() else { return };
        let shown = cx.state.interface.search_shown;
        let id = Id::unique("search field");
        // A search that comes from elsewhere replaces what is typed here.
        if self.text_of != cx.state.interface.search {
            self.text.clone_from(&cx.state.interface.search);
            self.text_of.clone_from(&cx.state.interface.search);
        }
        let (up, down, choice) = if ui.memory(|m| m.has_focus(id)) { keys(ui) } else { (0, 0, None) };
        let width = (ui.ctx().content_rect().width() * FIELD_SHARE).clamp(FIELD_POINTS[0], FIELD_POINTS[1]);
        let field = TextEdit::singleline(&mut self.text).id(id).hint_text("search  /").desired_width(width);
        let field = field.align(egui::Align2::LEFT_CENTER);
        let edit = ui.add(field);
        edit.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Search");
            info.current_text_value = Some(self.text.clone());
            info
        });
        let opened = !std::mem::replace(&mut self.was_shown, shown) && shown;
        if opened {
            edit.request_focus();
            select_all(ui, id, &self.text);
        }
        if edit.changed() {
            self.text_of.clone_from(&self.text);
            cx.act(Action::Search { text: self.text.clone() });
        } else if edit.gained_focus() && !shown {
            cx.act(Action::ShowSearch { shown: true });
        }
        let hint = "tensors, ops, nodes, layers and passes by name; between slashes a regular expression";
        let field_rect = edit.rect;
        edit.on_hover_text(format!("{hint}  /"));
        if !shown {
            return;
        }
        let count: usize = self.listed().map(|(_, best)| best.len()).sum();
        if up + down > 0 && count > 0 {
            let at = (self.marked + down) as isize - up as isize;
            self.marked = at.rem_euclid(count as isize) as usize;
            self.moved = true;
        }
        let chosen = choice.and_then(|choice| Some((*self.hit(self.marked)?, choice)));
        let area = egui::Area::new(Id::unique("search list"))
            .order(Order::Foreground)
            .fixed_pos(field_rect.left_bottom() + egui::vec2(0.0, 3.0))
            .constrain(true);
        let list = area.show(ui.ctx(), |ui| {
            egui::Frame::popup(ui.style())
                .show(ui, |ui| {
                    ui.set_width(LIST_POINTS[0].min(ui.ctx().content_rect().width() - 30.0));
                    self.list(ui, cx, &document)
                })
                .inner
        });
        let clicked = list.inner;
        let focused = ui.memory(egui::Memory::focused).filter(|focused| *focused != id);
        let left = focused
            .and_then(|focused| ui.ctx().read_response(focused))
            .is_some_and(|response| response.layer_id != list.response.layer_id);
        let outside = ui.input(|i| i.pointer.any_pressed())
            && ui
                .input(|i| i.pointer.interact_pos())
                .is_some_and(|at| !list.response.rect.contains(at) && !field_rect.contains(at));
        if let Some((hit, choice)) = chosen.or(clicked) {
            self.choose(cx, &document, hit, choice);
            ui.memory_mut(|m| m.surrender_focus(id));
        } else if outside || left {
            cx.act(Action::ShowSearch { shown: false });
        }
    }

    /// Kinds with the hits of them that are listed.
    fn listed(&self) -> impl Iterator<Item = (&Hits, &[Hit])> {
        let most = if self.found.len() > 1 { HITS_OF_SEVERAL } else { MOST_HITS };
        self.found.iter().map(move |hits| (hits, &hits.best[..hits.best.len().min(most)]))
    }

    fn hit(&self, at: usize) -> Option<&Hit> {
        self.listed().flat_map(|(_, best)| best).nth(at)
    }

    /// What was found; a click on it.
    fn list(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document) -> Option<(Hit, Choice)> {
        let mut clicked = None;
        if let Some(fault) = &self.fault {
            ui.colored_label(ui.visuals().error_fg_color, fault);
            return None;
        }
        if self.text.trim().is_empty() {
            ui.weak("tensors, ops, nodes, layers, passes by number or text");
            ui.weak("several words: each is in the name   /attn_[qk]/: a regular expression");
            return None;
        }
        if self.found.is_empty() {
            ui.weak(if self.is_working() { "searching\u{2026}" } else { "nothing of the run is called so" });
            return None;
        }
        let height = LIST_POINTS[1].min(ui.ctx().content_rect().height() - 120.0);
        let (mut at, mut marked_now) = (0, self.marked);
        egui::ScrollArea::vertical().max_height(height).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            for (hits, best) in self.listed() {
                let left_out = hits.count > best.len();
                let more = if left_out { format!(", the best {}", best.len()) } else { String::new() };
                ui.label(RichText::new(format!("{} {}{more}", hits.title, units::count(hits.count as u64))).strong());
                for hit in best {
                    let marked = at == self.marked;
                    let (name, detail) = words(document, cx.state, hit);
                    let button =
                        Button::selectable(marked, name.trim()).truncate().right_text(RichText::new(&detail).weak());
                    let response = ui.add_sized([ui.available_width(), 18.0], button);
                    let label = format!("{}: {}, {detail}", singular(hits.title), name.trim());
                    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, marked, &label));
                    if marked && self.moved {
                        response.scroll_to_me(None);
                    }
                    if response.clicked() {
                        let held = ui.input(|i| i.modifiers);
                        clicked = Some((*hit, choice(held)));
                        marked_now = at;
                    }
                    at += 1;
                }
            }
        });
        (self.moved, self.marked) = (false, marked_now);
        ui.separator();
        ui.small("Enter: select   Shift+Enter: zoom to it   Ctrl+Enter: filter the table to it   Esc: close");
        clicked
    }

    fn choose(&self, cx: &mut ViewContext<'_>, document: &Document, hit: Hit, choice: Choice) {
        if let Some(item) = item(document, cx.state, &hit) {
            cx.select_item(item);
        }
        if let Found::Node(_) = hit.found {
            // N and Shift+N go on to the next of them.
            let pattern = match self.text.trim().strip_prefix('/') {
                Some(pattern) => pattern.strip_suffix('/').unwrap_or(pattern).to_owned(),
                None => regex::escape(self.text.trim()),
            };
            cx.act(Action::FindNodes { pattern });
        }
        match choice {
            Choice::Select => {}
            Choice::Zoom => cx.act(Action::ZoomTo { target: ZoomTarget::Selection, motion: QUICK }),
            Choice::Filter => match hit.found {
                Found::Kind(kind) => {
                    let kind = document.trace.meta.op_names.get(kind as usize).cloned();
                    let filter = crate::analysis::filter::Filter { kind, ..cx.state.filter.clone() };
                    cx.act(Action::SetFilter { filter });
                }
                _ => cx.act(Action::FilterTo { item: None }),
            },
        }
        cx.act(Action::ShowSearch { shown: false });
    }
}

/// How often the marked hit is to move up and down, and what is to be done with it. The field does not see these keys.
fn keys(ui: &Ui) -> (usize, usize, Option<Choice>) {
    ui.input_mut(|i| {
        let up = i.count_and_consume_key(Modifiers::NONE, Key::ArrowUp);
        let down = i.count_and_consume_key(Modifiers::NONE, Key::ArrowDown);
        let enters = [Modifiers::SHIFT, Modifiers::COMMAND, Modifiers::NONE];
        let enter = enters.into_iter().find(|held| i.consume_key(*held, Key::Enter));
        (up, down, enter.map(choice))
    })
}

fn choice(held: Modifiers) -> Choice {
    match (held.shift, held.command) {
        (true, _) => Choice::Zoom,
        (_, true) => Choice::Filter,
        _ => Choice::Select,
    }
}

fn select_all(ui: &Ui, id: Id, text: &str) {
    use egui::text::{CCursor, CCursorRange};
    let mut state = egui::text_edit::TextEditState::load(ui.ctx(), id).unwrap_or_default();
    let all = CCursorRange::two(CCursor::new(0), CCursor::new(text.chars().count()));
    state.cursor.set_char_range(Some(all));
    state.store(ui.ctx(), id);
}

/// What a hit selects: of ops that bear one name the one after the op that is selected.
fn item(document: &Document, state: &AppState, hit: &Hit) -> Option<Item> {
    Some(match hit.found {
        Found::Tensor(tensor) => Item::Tensor(tensor),
        Found::Node(node) => Item::Node { graph: state.graph.graph, node },
        Found::Layer(layer) => Item::Layer(layer),
        Found::Pass(pass) => Item::Pass(pass),
        Found::Kind(_) | Found::Destination(_) => {
            let after = match state.selection {
                Some(Item::Op(op)) => Some(op),
                _ => None,
            };
            Item::Op(next_op(&document.trace, hit.found, after)?)
        }
    })
}

/// A hit's name, and what else there is to say of it.
fn words(document: &Document, state: &AppState, hit: &Hit) -> (String, String) {
    let trace = &document.trace;
    let tensor = |t: u32| trace.tensors.get(t as usize);
    let ops = hit.ops.map_or_else(String::new, |(_, ops)| match ops {
        1 => "1 op".to_owned(),
        _ => format!("{} ops", units::count(ops.into())),
    });
    match hit.found {
        Found::Tensor(t) => {
            let detail =
                tensor(t).map_or_else(String::new, |t| format!("{} {}", t.track.label(), units::bytes(t.bytes)));
            (describe::title(document, Item::Tensor(t)), detail)
        }
        Found::Kind(kind) => (trace.meta.op_names.get(kind as usize).cloned().unwrap_or_default(), ops),
        Found::Destination(t) => (describe::title(document, Item::Tensor(t)), ops),
        Found::Node(node) => {
            let item = Item::Node { graph: state.graph.graph, node };
            let graph = trace.graphs.get(state.graph.graph as usize);
            let does = graph.and_then(|g| g.nodes.get(node as usize)).map_or_else(String::new, |n| n.operation.clone());
            (describe::title(document, item), does)
        }
        Found::Layer(layer) => (format!("layer {layer}"), String::new()),
        Found::Pass(pass) => {
            let text = trace.passes.get(pass as usize).and_then(|p| p.text.clone()).unwrap_or_default();
            let text = super::table_conditions::shorten(&text.escape_debug().to_string(), 28);
            let quoted = if text.is_empty() { text } else { format!("\u{201c}{text}\u{201d}") };
            (describe::title(document, Item::Pass(pass)), quoted)
        }
    }
}

fn singular(title: &str) -> &'static str {
    match title {
        "Tensors" => "tensor",
        "Ops" => "ops",
        "Nodes" => "node",
        "Layers" => "layer",
        _ => "pass",
    }
}
