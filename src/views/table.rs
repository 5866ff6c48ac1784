//! The table of ops: only the rows on screen are made, whatever the length of the run.

use std::sync::Arc;

use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Ui, Vec2};

use super::{ViewContext, describe, theme};
use crate::analysis::filter::Filter;
use crate::analysis::links::Item;
use crate::state::{Action, AppState, Document};
use crate::trace::tracks::Order;
use crate::trace::{Phase, Track};
use crate::units;

const ROW_POINTS: f32 = 17.0;
const SCROLLBAR_POINTS: f32 = 10.0;

/// The panel's own memory: which rows pass the filter, and where it is scrolled to.
#[derive(Default)]
pub struct TableView {
    rows: Option<(RowsKey, Vec<u32>)>,
    /// First row on screen, in rows: whole numbers of any size, where pixels would lose precision.
    top: f64,
    /// The selection that was last scrolled to.
    followed: Option<(usize, Option<Item>)>,
    text: String,
    text_of: String,
}

/// What decides which ops are listed.
#[derive(Clone, PartialEq)]
struct RowsKey {
    document: usize,
    filter: Filter,
    phase: Option<Phase>,
    /// Regions name bytes of an order.
    order: Order,
}

struct Column {
    title: &'static str,
    width: f32,
    right: bool,
}

const COLUMNS: [Column; 11] = [
    Column { title: "#", width: 58.0, right: true },
    Column { title: "start", width: 76.0, right: true },
    Column { title: "duration", width: 70.0, right: true },
    Column { title: "pass", width: 38.0, right: true },
    Column { title: "phase", width: 60.0, right: false },
    Column { title: "layer", width: 40.0, right: true },
    Column { title: "op", width: 112.0, right: false },
    Column { title: "destination", width: 150.0, right: false },
    Column { title: "touched", width: 70.0, right: true },
    Column { title: "from", width: 90.0, right: false },
    Column { title: "operands", width: 420.0, right: false },
];

impl TableView {
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, focus_search: bool) {
        let Some(document) = cx.document() else { return };
        self.update_rows(cx.state, &document);
        self.filter_bar(ui, cx, &document, focus_search);
        let area = ui.available_rect_before_wrap();
        let response = ui.allocate_rect(area, Sense::click());
        let count = self.rows.as_ref().map_or(0, |(_, rows)| rows.len());
        let header = Rect::from_min_size(area.min, Vec2::new(area.width(), ROW_POINTS));
        let body =
            Rect::from_min_max(Pos2::new(area.left(), header.bottom()), area.max - Vec2::new(SCROLLBAR_POINTS, 0.0));
        let visible = f64::from(body.height() / ROW_POINTS);
        self.follow(cx.state, visible);
        if response.hovered() {
            let scroll = ui.input(|i| i.smooth_scroll_delta().y);
            self.top -= f64::from(scroll / ROW_POINTS);
        }
        self.scrollbar(ui, Rect::from_min_max(Pos2::new(body.right(), body.top()), area.max), visible, count);
        self.top = self.top.clamp(0.0, (count as f64 - visible + 1.0).max(0.0));
        paint_header(ui, header);
        let Some((_, rows)) = &self.rows else { return };
        if rows.is_empty() {
            ui.painter().text(
                body.center(),
                Align2::CENTER_CENTER,
                "no op passes the filter",
                FontId::proportional(12.5),
                ui.visuals().weak_text_color(),
            );
        }
        let first = self.top.floor();
        let offset = ((self.top - first) as f32) * ROW_POINTS;
        let painter = ui.painter_at(body);
        let hover = response.hover_pos().filter(|at| body.contains(*at));
        for (i, &op) in rows.iter().enumerate().skip(first as usize).take(visible as usize + 2) {
            let y = body.top() + (i as f64 - first) as f32 * ROW_POINTS - offset;
            let line = Rect::from_min_size(Pos2::new(body.left(), y), Vec2::new(body.width(), ROW_POINTS));
            let selected = is_selected(cx.state, op);
            if selected {
                painter.rect_filled(line, 0.0, theme::SELECTED.gamma_multiply(0.22));
            } else if hover.is_some_and(|at| line.contains(at)) {
                painter.rect_filled(line, 0.0, ui.visuals().widgets.hovered.weak_bg_fill);
                *cx.hover = Some(Item::Op(op));
            } else if i % 2 == 1 {
                painter.rect_filled(line, 0.0, ui.visuals().faint_bg_color);
            }
            row(ui, &document, op as usize, line, body);
            if hover.is_some_and(|at| line.contains(at)) && response.clicked() {
                cx.select_item(Item::Op(op));
            }
            if selected && matches!(cx.state.selection, Some(Item::Op(_))) {
                let label = format!("selected row: {}", describe::title(&document, Item::Op(op)));
                ui.interact(line.intersect(body), ui.scope_id().with("selected row"), Sense::hover())
                    .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &label));
            }
        }
        let label = format!("Table of {count} ops");
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Table, true, &label));
    }

    /// How many ops are listed.
    pub fn row_count(&self) -> usize {
        self.rows.as_ref().map_or(0, |(_, rows)| rows.len())
    }

    fn update_rows(&mut self, state: &AppState, document: &Arc<Document>) {
        let key = RowsKey {
            document: Arc::as_ptr(document) as usize,
            filter: state.filter.clone(),
            phase: state.phase,
            order: state.heat.order,
        };
        if self.rows.as_ref().is_some_and(|(old, _)| *old == key) {
            return;
        }
        let track = state.filter.region.map_or(Track::Disk, |r| r.track);
        let layout = document.layouts(state.heat.order)[track as usize];
        let rows = state.filter.matching_ops(&document.trace, state.phase, layout);
        if self.rows.as_ref().is_none_or(|(old, _)| old.document != key.document) {
            self.top = 0.0;
        }
        self.rows = Some((key, rows));
        self.followed = None;
    }

    /// Brings the selection's first op into view, once for every selection.
    fn follow(&mut self, state: &AppState, visible: f64) {
        let Some((_, rows)) = &self.rows else { return };
        let now = (rows.as_ptr() as usize, state.selection);
        if self.followed == Some(now) {
            return;
        }
        self.followed = Some(now);
        let Some(op) = state.links.first_op else { return };
        let at = rows.partition_point(|&row| row < op) as f64;
        if at < self.top || at > self.top + visible - 2.0 {
            self.top = (at - visible / 3.0).max(0.0);
        }
    }

    fn scrollbar(&mut self, ui: &Ui, area: Rect, visible: f64, count: usize) {
        let total = count as f64;
        if total <= visible {
            return;
        }
        let response = ui.interact(area, ui.scope_id().with("rows scroll bar"), Sense::click_and_drag());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ScrollBar, true, "Scroll bar of the ops"));
        if let Some(at) = response.interact_pointer_pos() {
            let fraction = f64::from((at.y - area.top()) / area.height());
            self.top = fraction * total - visible / 2.0;
            ui.ctx().request_repaint();
        }
        let length = ((visible / total) as f32 * area.height()).max(14.0);
        let travel = (self.top / (total - visible).max(1.0)).clamp(0.0, 1.0) as f32;
        let top = area.top() + travel * (area.height() - length);
        let painter = ui.painter();
        painter.rect_filled(area, 0.0, ui.visuals().extreme_bg_color);
        let handle = Rect::from_min_size(Pos2::new(area.left() + 2.0, top), Vec2::new(area.width() - 3.0, length));
        painter.rect_filled(handle, 3.0, ui.visuals().weak_text_color());
    }

    fn filter_bar(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, focus: bool) {
        ui.horizontal(|ui| {
            // A filter set elsewhere replaces what is typed here.
            if self.text_of != cx.state.filter.text {
                self.text.clone_from(&cx.state.filter.text);
                self.text_of.clone_from(&cx.state.filter.text);
            }
            let label = ui.label("filter");
            let edit = ui
                .add(egui::TextEdit::singleline(&mut self.text).hint_text("op or tensor  /").desired_width(150.0))
                .labelled_by(label.id);
            if focus {
                edit.request_focus();
            }
            if edit.changed() {
                self.text_of.clone_from(&self.text);
                cx.act(Action::SetFilter { filter: Filter { text: self.text.clone(), ..cx.state.filter.clone() } });
            }
            for (text, without) in chips(document, &cx.state.filter) {
                if ui.button(format!("{text}  \u{2716}")).on_hover_text("remove this condition").clicked() {
                    cx.act(Action::SetFilter { filter: without });
                }
            }
            let offer = cx.state.links.filter.as_ref().map(|offer| cx.state.filter.with(offer));
            if let Some(filter) = offer.filter(|filter| *filter != cx.state.filter) {
                let title = cx.state.selection.map_or_else(String::new, |item| describe::title(document, item));
                let title = shorten(title.trim(), 34);
                if ui.button(format!("+ only {title}")).on_hover_text("list only the ops of the selection").clicked() {
                    cx.act(Action::SetFilter { filter });
                }
            }
            let count = self.row_count() as u64;
            ui.label(format!("{} of {} ops", units::count(count), units::count(document.trace.op_count() as u64)));
        });
    }
}

fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most - 1).chain(['\u{2026}']).collect()
    }
}

/// Every condition of the filter in words, with the filter that is left without it.
fn chips(document: &Document, filter: &Filter) -> Vec<(String, Filter)> {
    use crate::analysis::filter::TensorRef;
    let mut chips = Vec::new();
    let mut chip = |text: String, remove: fn(&mut Filter)| {
        let mut without = filter.clone();
        remove(&mut without);
        chips.push((text, without));
    };
    if let Some(kind) = &filter.kind {
        chip(format!("op {kind}"), |f| f.kind = None);
    }
    if let Some(layer) = filter.layer {
        chip(format!("layer {layer}"), |f| f.layer = None);
    }
    if let Some(pass) = filter.pass {
        chip(format!("pass {pass}"), |f| f.pass = None);
    }
    if let Some(track) = filter.track {
        chip(format!("touches {}", track.label()), |f| f.track = None);
    }
    if let Some(tensor) = &filter.touches {
        let name = match tensor {
            TensorRef::Name(name) => name.clone(),
            TensorRef::Number(number) => describe::title(document, Item::Tensor(*number)),
        };
        chip(format!("touches {}", shorten(name.trim(), 40)), |f| f.touches = None);
    }
    if let Some(region) = filter.region {
        chip(describe::title(document, Item::Region(region)), |f| f.region = None);
    }
    chips
}

fn is_selected(state: &AppState, op: u32) -> bool {
    match state.selection {
        Some(Item::Op(selected)) => selected == op,
        Some(Item::Pass(_) | Item::Region(_)) => state.links.ops.is_some_and(|ops| (ops[0]..ops[1]).contains(&op)),
        _ => state.links.first_op == Some(op),
    }
}

fn paint_header(ui: &Ui, header: Rect) {
    let painter = ui.painter_at(header);
    painter.rect_filled(header, 0.0, ui.visuals().widgets.noninteractive.weak_bg_fill);
    let mut x = header.left();
    for column in &COLUMNS {
        cell(ui, column, x, header, header, column.title, ui.visuals().strong_text_color());
        x += column.width;
    }
}

/// The last column takes what the others leave.
fn width(column: &Column, x: f32, line: Rect) -> f32 {
    if column.title == "operands" { column.width.max(line.right() - x) } else { column.width }
}

fn cell(ui: &Ui, column: &Column, x: f32, line: Rect, clip: Rect, text: &str, ink: Color32) {
    let area = Rect::from_min_size(Pos2::new(x, line.top()), Vec2::new(width(column, x, line) - 8.0, line.height()));
    let area = Rect::from_min_max(area.min + Vec2::new(4.0, 0.0), area.max + Vec2::new(4.0, 0.0));
    let (anchor, at) = match column.right {
        true => (Align2::RIGHT_CENTER, area.right_center()),
        false => (Align2::LEFT_CENTER, area.left_center()),
    };
    ui.painter_at(area.intersect(clip)).text(at, anchor, text, FontId::proportional(11.5), ink);
}

fn row(ui: &Ui, document: &Document, op: usize, line: Rect, clip: Rect) {
    let trace = &document.trace;
    let ink = ui.visuals().text_color();
    let phase = trace.pass_of(op).map(|p| p.phase);
    let mut bytes = 0_u64;
    let mut tracks = [false; 2];
    for access in trace.accesses_of(op) {
        let range = trace.accesses.range[access] as usize;
        bytes = bytes.saturating_add(trace.ranges.length.get(range).copied().unwrap_or(0));
        let tensor = trace.ranges.tensor.get(range).and_then(|t| trace.tensors.get(*t as usize));
        if let Some(tensor) = tensor.filter(|t| t.home.is_some()) {
            tracks[tensor.track as usize] = true;
        }
    }
    let from: Vec<&str> = Track::ALL.into_iter().filter(|t| tracks[*t as usize]).map(Track::label).collect();
    let operands: Vec<String> = describe::operands(trace, op)
        .into_iter()
        .filter(|(slot, _, _)| slot != "result")
        .map(|(_, tensor, what)| format!("{} ({what})", trace.tensors[tensor as usize].name.trim()))
        .collect();
    let unknown = || "-".to_owned();
    let texts: [(String, Color32); COLUMNS.len()] = [
        (units::count(op as u64), ink),
        (units::duration(trace.ops.start_ns[op]), ink),
        (trace.ops.duration_ns.get(op).map_or_else(unknown, units::duration), ink),
        (trace.ops.pass[op].to_string(), ink),
        (phase.map_or_else(unknown, |p| p.label().to_owned()), phase.map_or(ink, theme::phase)),
        (trace.ops.layer.get(op).map_or_else(unknown, |l| l.to_string()), ink),
        (trace.op_name(op).to_owned(), ui.visuals().strong_text_color()),
        (trace.destination_name(op).trim().to_owned(), ink),
        (units::bytes(bytes), ink),
        (from.join(" + "), ink),
        (operands.join(", "), ui.visuals().weak_text_color()),
    ];
    let mut x = line.left();
    for (column, (text, color)) in COLUMNS.iter().zip(texts) {
        if x > clip.right() {
            break;
        }
        cell(ui, column, x, line, clip, &text, color);
        x += column.width;
    }
}
