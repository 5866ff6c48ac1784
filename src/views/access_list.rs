//! The list of all accesses of a tensor: found beside the frames, drawn as far as it is on screen, each a way to its op.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use egui::{Align2, FontId, Key, Pos2, Rect, Sense, Ui, Vec2};

use super::table_conditions::shorten;
use super::table_scroll::{BAR_POINTS, ROW_POINTS, Scroll};
use super::{ViewContext, describe, inspector, theme};
use crate::analysis::access_list::{AccessList, Wanted, find};
use crate::analysis::background::Background;
use crate::analysis::links::Item;
use crate::state::{AppState, Document};
use crate::trace::tracks::phase_bits;
use crate::trace::{DESTINATION_SLOT, Trace, flags};
use crate::units;

/// Lists that are kept, so that Back finds them.
const KEPT_LISTS: usize = 12;
/// Accesses that all kept lists may have together: 4 bytes each.
const MOST_KEPT: usize = 8 << 20;
/// Room for three rows, for what all accesses come to, which may be two lines, and for the line above that.
pub const LIST_POINTS: f32 = ROW_POINTS * 3.0 + 49.0;

/// What the inspector knows of accesses, with its own scroll.
#[derive(Default)]
pub struct AccessView {
    document: Option<Arc<Document>>,
    worker: Option<Background<(), (Wanted, AccessList)>>,
    asked: Option<Wanted>,
    lists: Vec<(Wanted, Arc<AccessList>)>,
    scroll: Scroll,
    /// What the scroll is about.
    scrolled: Option<Wanted>,
    fault: Option<String>,
}

/// What of an item is looked up.
fn wanted(state: &AppState) -> Option<Wanted> {
    let (tensors, expert) = match state.selection? {
        Item::Tensor(tensor) => (vec![tensor], None),
        Item::Expert { tensor, expert } => (vec![tensor], Some(expert)),
        Item::Node { .. } if !state.links.tensors.is_empty() => (state.links.tensors.clone(), None),
        _ => return None,
    };
    Some(Wanted { tensors, expert, phases: phase_bits(state.phase) })
}

impl AccessView {
    /// Picks up answers, and asks for what the selection needs. `wake` asks for a frame, from any thread.
    pub fn prepare(&mut self, state: &AppState, wake: impl Fn() + Clone + Send + 'static) {
        let Some(document) = &state.document else { return };
        if !self.document.as_ref().is_some_and(|known| Arc::ptr_eq(known, document)) {
            *self = Self { document: Some(document.clone()), ..Self::default() };
            // What the first selection needs is there before it.
            let warmed = document.clone();
            self.ask(wake.clone(), move |_| {
                warmed.touched();
                None
            });
        }
        while let Some(answer) = self.worker.as_ref().and_then(Background::answer) {
            self.keep(answer.0, Arc::new(answer.1));
        }
        let now = wanted(state);
        if let Some(worker) = self.worker.as_ref().filter(|_| self.asked.is_some() && self.asked != now) {
            // Nobody waits for what was asked.
            worker.cancel();
            self.asked = None;
        }
        let unknown = |wanted: &Wanted| self.asked.as_ref() != Some(wanted) && self.list(wanted).is_none();
        let Some(wanted) = now.filter(unknown) else { return };
        self.asked = Some(wanted.clone());
        let trace = document.trace.clone();
        self.ask(wake, move |cancelled| find(&trace, &wanted, cancelled).map(|list| (wanted, list)));
    }

    fn ask(
        &mut self,
        wake: impl Fn() + Send + 'static,
        job: impl FnOnce(&AtomicBool) -> Option<(Wanted, AccessList)> + Send + 'static,
    ) {
        match self.worker.take().map_or_else(|| Background::start(wake), Ok) {
            Ok(worker) => self.worker.insert(worker).ask((), job),
            Err(error) => {
                self.fault = Some(format!("no thread to look accesses up with: {error}; close other programs"));
            }
        }
    }

    fn keep(&mut self, wanted: Wanted, list: Arc<AccessList>) {
        if self.asked.as_ref() == Some(&wanted) {
            self.asked = None;
        }
        self.lists.insert(0, (wanted, list));
        self.lists.truncate(KEPT_LISTS);
        let kept =
            |lists: &[(Wanted, Arc<AccessList>)]| lists.iter().map(|(_, list)| list.accesses.len()).sum::<usize>();
        while self.lists.len() > 1 && kept(&self.lists) > MOST_KEPT {
            self.lists.pop();
        }
    }

    fn list(&self, wanted: &Wanted) -> Option<&Arc<AccessList>> {
        self.lists.iter().find(|(known, _)| known == wanted).map(|(_, list)| list)
    }

    pub fn is_working(&self) -> bool {
        self.worker.as_ref().is_some_and(Background::is_busy)
    }

    /// Whether the selection has a list.
    pub fn has_list(state: &AppState) -> bool {
        wanted(state).is_some()
    }

    /// What the accesses of the selection come to, and the list of them in what is left of the panel: that many rows at
    /// least.
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, least_rows: f32) {
        let Some(wanted) = wanted(cx.state) else { return };
        if let Some(fault) = &self.fault {
            ui.colored_label(ui.visuals().error_fg_color, fault);
        }
        let Some(list) = self.list(&wanted).cloned() else {
            ui.weak("looking its accesses up\u{2026}");
            return;
        };
        if self.scrolled.as_ref() != Some(&wanted) {
            (self.scroll, self.scrolled) = (Scroll::default(), Some(wanted));
        }
        let count = list.accesses.len();
        ui.label(format!("{}{}", summary(&list), inspector::only(cx)));
        if count == 0 {
            return;
        }
        let size = Vec2::new(ui.available_width(), ui.available_height().max(ROW_POINTS * least_rows));
        let (area, response) = ui.allocate_exact_size(size, Sense::click());
        let seen = f64::from(area.height() / ROW_POINTS);
        if response.contains_pointer() {
            let before = self.scroll.at;
            self.scroll.at -= f64::from(ui.input(|i| i.smooth_scroll_delta).y / ROW_POINTS);
            self.scroll.limit(seen, count as f64);
            if self.scroll.at != before {
                // At its ends the panel around it may scroll.
                ui.input_mut(|i| i.smooth_scroll_delta = Vec2::ZERO);
            }
        }
        super::pointer::keep_arrows(ui, &response);
        if response.has_focus() {
            let page = (seen - 1.0).max(1.0).floor();
            let times = |key: Key| ui.input(|i| i.num_presses(key)) as f64;
            self.scroll.at += times(Key::ArrowDown) - times(Key::ArrowUp);
            self.scroll.at += page * (times(Key::PageDown) - times(Key::PageUp));
        }
        self.scroll.limit(seen, count as f64);
        let body = Rect::from_min_max(area.min, Pos2::new(area.right() - BAR_POINTS, area.bottom()));
        let bar = Rect::from_min_max(Pos2::new(body.right(), area.top()), area.max);
        self.scroll.bar(ui, bar, seen, count as f64, "Scroll bar of the accesses");
        let label = format!("List of {} accesses", units::count(count as u64));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::List, true, &label));
        let painter = ui.painter_at(body);
        for (row, top) in self.scroll.lines(body.height(), count) {
            let line = Rect::from_min_size(body.left_top() + Vec2::new(0.0, top), Vec2::new(body.width(), ROW_POINTS));
            self.row(ui, cx, document, &painter, line.intersect(body), line, list.accesses[row] as usize);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all that a row is drawn from")]
    fn row(
        &self,
        ui: &Ui,
        cx: &mut ViewContext<'_>,
        document: &Document,
        painter: &egui::Painter,
        seen: Rect,
        line: Rect,
        access: usize,
    ) {
        let trace = &document.trace;
        let op = trace.op_of_access(access);
        let Some(of) = Access::of(trace, access) else { return };
        let response = ui.interact(seen, ui.scope_id().with(("access", access)), Sense::click());
        let pass = trace.ops.pass.get(op).copied().unwrap_or(0);
        let name = format!("pass {pass} {} {}", trace.op_name(op), trace.destination_name(op).trim());
        let label = format!("access: {name}, {}", of.words());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
        if response.hovered() || response.has_focus() {
            painter.rect_filled(line, 0.0, ui.visuals().widgets.hovered.weak_bg_fill);
            *cx.hover = Some(Item::Op(op as u32));
        }
        let font = FontId::proportional(11.5);
        let right = painter.layout_no_wrap(of.short(), font.clone(), ui.visuals().weak_text_color());
        let split = line.right() - right.size().x - 4.0;
        painter.galley(Pos2::new(split, line.center().y - right.size().y / 2.0), right, ui.visuals().weak_text_color());
        let left = Rect::from_min_max(line.min, Pos2::new(split - 6.0, line.bottom())).intersect(seen);
        let ink = if response.hovered() { theme::selected_text(cx.state.theme) } else { ui.visuals().hyperlink_color };
        let at = Pos2::new(line.left() + 2.0, line.center().y);
        ui.painter_at(left).text(at, Align2::LEFT_CENTER, &name, font, ink);
        if response.clicked() {
            cx.select_item(Item::Op(op as u32));
        }
        let token = trace.passes.get(pass as usize).and_then(|p| p.text.as_ref());
        let token = token.map_or_else(String::new, |text| {
            format!(" \u{201c}{}\u{201d}", shorten(&text.escape_debug().to_string(), 60))
        });
        response.on_hover_ui(|ui| {
            ui.strong(describe::title(document, Item::Op(op as u32)));
            ui.label(format!("{}{token}", describe::title(document, Item::Pass(pass))));
            ui.label(of.words());
        });
    }
}

fn summary(list: &AccessList) -> String {
    let count = |n: u64| units::count(n);
    let all = list.accesses.len() as u64;
    if all == 0 {
        return "no access of it was recorded".to_owned();
    }
    let layers = match list.layers.len() {
        0 => String::new(),
        1 => format!(" of layer {}", list.layers[0]),
        n => format!(" of {n} layers"),
    };
    format!(
        "{} accesses: {} reads, {} writes by {} ops{layers} in {} passes",
        count(all),
        count(all - list.writes),
        count(list.writes),
        count(list.ops),
        count(list.passes)
    )
}

/// What one access touches of its tensor.
struct Access {
    writes: bool,
    estimated: bool,
    slot: u8,
    offset: u64,
    length: u64,
    expert: Option<u32>,
    /// Which rows of the tensor, where it is known how long they are.
    rows: Option<[u64; 2]>,
}

impl Access {
    fn of(trace: &Trace, access: usize) -> Option<Self> {
        let range = *trace.accesses.range.get(access)? as usize;
        let tensor = trace.tensors.get(*trace.ranges.tensor.get(range)? as usize)?;
        let (offset, length) = (*trace.ranges.offset.get(range)?, *trace.ranges.length.get(range)?);
        let flag = trace.accesses.flags.get(access).copied().unwrap_or(0);
        let rows = tensor.shape.iter().skip(1).try_fold(1_u64, |rows, &side| rows.checked_mul(side));
        let row_bytes =
            rows.filter(|rows| *rows > 1 && tensor.bytes.is_multiple_of(*rows)).map(|rows| tensor.bytes / rows);
        let whole = offset == 0 && length == tensor.bytes;
        let rows = row_bytes
            .filter(|bytes| *bytes > 0 && length > 0 && !whole)
            .map(|bytes| [offset / bytes, offset.saturating_add(length - 1) / bytes]);
        Some(Self {
            writes: flag & flags::WRITE != 0,
            estimated: flag & flags::ESTIMATED != 0,
            slot: trace.accesses.slot.get(access).copied().unwrap_or(DESTINATION_SLOT),
            offset,
            length,
            expert: trace.ranges.expert.get(range),
            rows,
        })
    }

    /// As much as fits beside a name.
    fn short(&self) -> String {
        let part = match (self.expert, self.rows) {
            (Some(expert), _) => format!(" e{expert}"),
            (None, Some([from, to])) if from == to => format!(" row {from}"),
            (None, Some([from, to])) => format!(" rows {from}\u{2013}{to}"),
            (None, None) => String::new(),
        };
        format!("{}{} {}", if self.writes { "W" } else { "R" }, part, units::bytes(self.length))
    }

    fn words(&self) -> String {
        let does = match (self.writes, self.estimated) {
            (true, false) => "writes",
            (true, true) => "writes up to",
            (false, false) => "reads",
            (false, true) => "reads up to",
        };
        let slot = if self.slot == DESTINATION_SLOT { "result".to_owned() } else { format!("src {}", self.slot) };
        let expert = self.expert.map_or_else(String::new, |expert| format!(", expert {expert}"));
        let rows = match self.rows {
            Some([from, to]) if from == to => format!(", row {}", units::count(from)),
            Some([from, to]) => format!(", rows {} to {}", units::count(from), units::count(to)),
            None => String::new(),
        };
        format!("{does} {} from byte {}{expert}{rows}, as {slot}", units::bytes(self.length), units::count(self.offset))
    }
}
