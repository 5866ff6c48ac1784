//! Beside a track's map: what is seen summed over its rows and over its bytes, and where it lies in the whole.

use std::sync::Arc;

use egui::{Color32, Mesh, Pos2, Rect, Sense, Shape, Ui};

use super::ViewContext;
use super::heat_cells::Cells;
use super::heat_engine::{HeatEngine, OVERVIEW_ROWS, Source, Summed};
use super::heatmap::amount;
use super::track::{Parts, Scale};
use crate::analysis::heat::marginals::{ByteWindow, Marginals};
use crate::kernel_io::heat::HeatLevel;
use crate::state::camera::{Motion, Span};
use crate::state::{Action, Document};
use crate::units;

/// Sums of what is seen are worked out once it has not moved for so long.
const REST_S: f64 = 0.12;

/// A track, as far as its margins are concerned.
pub struct Margins<'a> {
    pub document: &'a Arc<Document>,
    pub source: Source,
    pub level: HeatLevel,
    pub cells: &'a Cells,
    pub scale: &'a Scale<'a>,
    pub parts: Parts,
}

pub fn ui(ui: &mut Ui, cx: &mut ViewContext<'_>, engine: &mut HeatEngine, track: &Margins<'_>) {
    ask(ui, engine, track);
    if let Some((summed, sums)) = engine.marginals(track.source.track).filter(|(s, _)| s.source == track.source) {
        if let Some(area) = track.parts.columns {
            columns(ui, cx, track, area, summed, sums);
        }
        rows(ui, cx, track, summed, sums);
    }
    minimap(ui, cx, engine, track);
}

/// Has the sums of what is seen worked out when it has come to rest.
fn ask(ui: &Ui, engine: &mut HeatEngine, track: &Margins<'_>) {
    let cells = track.cells;
    let tile = u64::from(crate::gpu::heat_tiles::TILE);
    let seen = |pixels: &[[u32; 2]]| {
        let first = pixels.iter().filter(|[first, end]| first < end).map(|[first, _]| *first).min()?;
        let end = pixels.iter().map(|[_, end]| *end).max()?;
        Some([first, end])
    };
    let Some([first, end]) = seen(&cells.columns) else { return };
    let x0 = cells.x.start * tile + u64::from(first);
    let summed = Summed {
        source: track.source,
        window: ByteWindow { level: track.level, x0, width: end - first },
        rows: Arc::new(cells.whole_rows()),
    };
    if engine.is_summed(&summed) {
        return;
    }
    let now = ui.input(|i| i.time);
    let rests_since = engine.seen_since(&summed, now);
    let wait = REST_S - (now - rests_since);
    if wait <= 0.0 {
        engine.ask_marginals(track.document, summed);
    } else {
        ui.ctx().request_repaint_after_secs(wait as f32);
    }
}

/// How far a bar reaches. Even the least is seen.
fn share(value: u64, highest: u64) -> f32 {
    (value as f32 / highest.max(1) as f32).max(0.06)
}

fn bars(ui: &Ui) -> Color32 {
    ui.visuals().text_color().gamma_multiply(0.4)
}

/// What the ops that are seen do to each byte.
fn columns(ui: &Ui, cx: &ViewContext<'_>, track: &Margins<'_>, area: Rect, summed: &Summed, sums: &Marginals) {
    let highest = sums.columns.iter().copied().max().unwrap_or(0);
    let kx = summed.window.level.kx;
    let size = 2_f64.powi(kx.cast_signed());
    let value = |from: f64, to: f64| -> u64 {
        let first = (from / size) as u64;
        let end = ((to / size).ceil() as u64).max(first + 1);
        let at = |bin: u64| bin.checked_sub(summed.window.x0).map(|at| at as usize);
        let (Some(first), Some(end)) = (at(first).or(Some(0)), at(end)) else { return 0 };
        sums.columns.get(first..end.min(sums.columns.len())).and_then(|s| s.iter().copied().max()).unwrap_or(0)
    };
    let mut mesh = Mesh::default();
    let step = 1.0 / ui.pixels_per_point();
    let mut x = area.left();
    while x < area.right() {
        let value = value(track.scale.byte(x).max(0.0), track.scale.byte(x + step).max(0.0));
        if value > 0 {
            let top = area.bottom() - share(value, highest) * area.height();
            let bar = Rect::from_min_max(Pos2::new(x, top), Pos2::new(x + step, area.bottom()));
            mesh.add_colored_rect(bar, bars(ui));
        }
        x += step;
    }
    ui.painter().add(Shape::mesh(mesh));
    let response = ui.interact(area, ui.scope_id().with(("columns", summed.source.track.label())), Sense::hover());
    if let Some(at) = response.hover_pos() {
        let (from, to) = (track.scale.byte(at.x).max(0.0), track.scale.byte(at.x + step).max(0.0));
        let text = format!("{} in the ops seen\nbyte {}", amount(cx.state, value(from, to)), units::count(from as u64));
        response.on_hover_text_at_pointer(text);
    }
}

/// What each row does to the bytes that are seen.
fn rows(ui: &Ui, cx: &ViewContext<'_>, track: &Margins<'_>, summed: &Summed, sums: &Marginals) {
    let area = track.parts.rows;
    let highest = sums.rows.iter().copied().max().unwrap_or(0);
    let mut mesh = Mesh::default();
    for (row, &value) in summed.rows.iter().zip(&sums.rows) {
        if value == 0 {
            continue;
        }
        // The map may have moved since.
        let (top, bottom) = (track.scale.y(row.start as f64), track.scale.y(row.end as f64));
        let bar = Rect::from_min_max(
            Pos2::new(area.left(), top),
            Pos2::new(area.left() + share(value, highest) * area.width(), bottom),
        );
        let bar = bar.intersect(area);
        if bar.is_positive() {
            mesh.add_colored_rect(bar, bars(ui));
        }
    }
    ui.painter().add(Shape::mesh(mesh));
    let response = ui.interact(area, ui.scope_id().with(("rows", summed.source.track.label())), Sense::hover());
    if let Some(at) = response.hover_pos() {
        let op = track.scale.op(at.y).max(0.0) as usize;
        let found = summed.rows.iter().zip(&sums.rows).find(|(row, _)| row.contains(&op));
        if let Some((row, &value)) = found {
            let text = format!(
                "{} in the bytes seen\nops {} to {}",
                amount(cx.state, value),
                units::count(row.start as u64),
                units::count(row.end.saturating_sub(1) as u64)
            );
            response.on_hover_text_at_pointer(text);
        }
    }
}

/// The whole track along the bottom and the whole run along the side, with what is seen of them; a click or drag goes
/// there.
fn minimap(ui: &Ui, cx: &mut ViewContext<'_>, engine: &mut HeatEngine, track: &Margins<'_>) {
    let bytes = cx.state.track_bytes(track.source.track) as f64;
    let (along, across) = (track.parts.bytes_seen, track.parts.ops_seen);
    let faint = super::theme::faint(cx.state.theme).gamma_multiply(0.5);
    ui.painter().rect_filled(along, 2.0, faint);
    ui.painter().rect_filled(across, 2.0, faint);
    let axis = track.scale.axis;
    let op_count = track.document.trace.op_count() as f64;
    if let Some(overview) = engine.overview(track.document, track.source, track.level) {
        let size = 2_f64.powi(overview.window.level.kx.cast_signed());
        let x = |bin: usize| along.left() + (bin as f64 * size / bytes.max(1.0)).min(1.0) as f32 * along.width();
        let y = |row: usize| {
            let at = axis.at(row as f64 * op_count / OVERVIEW_ROWS as f64) / axis.end().max(1e-9);
            across.top() + at as f32 * across.height()
        };
        let mut mesh = Mesh::default();
        let ink = ui.visuals().text_color();
        let mut strip = |values: &[u64], place: &dyn Fn(usize) -> Rect| {
            let highest = values.iter().copied().max().unwrap_or(0);
            for (index, &value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
                mesh.add_colored_rect(place(index), ink.gamma_multiply(0.1 + 0.6 * share(value, highest)));
            }
        };
        strip(&overview.sums.columns, &|bin| {
            Rect::from_min_max(Pos2::new(x(bin), along.top()), Pos2::new(x(bin + 1), along.bottom()))
        });
        strip(&overview.sums.rows, &|row| {
            Rect::from_min_max(Pos2::new(across.left(), y(row)), Pos2::new(across.right(), y(row + 1)))
        });
        ui.painter().add(Shape::mesh(mesh));
    }
    let part = |start: f64, end: f64, whole: f64, low: f32, len: f32| {
        let at = |v: f64| low + (v / whole.max(1e-9)).clamp(0.0, 1.0) as f32 * len;
        (at(start).min(low + len - 3.0), at(end).max(at(start) + 3.0).min(low + len))
    };
    let (left, right) = part(track.scale.bytes.start, track.scale.bytes.end, bytes, along.left(), along.width());
    let (top, bottom) =
        part(axis.at(track.scale.ops.start), axis.at(track.scale.ops.end), axis.end(), across.top(), across.height());
    let of_bytes = Rect::from_min_max(Pos2::new(left, along.top()), Pos2::new(right, along.bottom()));
    let of_ops = Rect::from_min_max(Pos2::new(across.left(), top), Pos2::new(across.right(), bottom));
    // What is not seen steps back; where all is, there is nothing to mark.
    let veil = ui.visuals().panel_fill.gamma_multiply(0.72);
    let frame = (1.0, ui.visuals().strong_text_color());
    for (whole, seen) in [(along, of_bytes), (across, of_ops)] {
        if seen.width() + seen.height() >= whole.width() + whole.height() - 1.0 {
            continue;
        }
        let before = Rect::from_min_max(whole.min, if whole == along { seen.left_bottom() } else { seen.right_top() });
        let behind = Rect::from_min_max(if whole == along { seen.right_top() } else { seen.left_bottom() }, whole.max);
        for hidden in [before, behind] {
            ui.painter().rect_filled(hidden, 0.0, veil);
        }
        ui.painter().rect_stroke(seen, 1.0, frame, egui::StrokeKind::Inside);
    }
    drag(ui, cx, track, bytes, op_count);
}

fn drag(ui: &Ui, cx: &mut ViewContext<'_>, track: &Margins<'_>, bytes: f64, op_count: f64) {
    let (along, across) = (track.parts.bytes_seen, track.parts.ops_seen);
    let name = track.source.track.label();
    let sense = Sense::click_and_drag();
    let centered = |at: f64, span: Span, extent: f64| {
        let half = span.len() / 2.0;
        Span::new(at - half, at + half).within(extent, span.len().min(extent))
    };
    let mut show = |bytes: Span, ops: Span| {
        cx.act(Action::ShowSpan { track: track.source.track, bytes, ops, motion: Motion::default() });
    };
    let response = ui.interact(along, ui.scope_id().with(("bytes seen", name)), sense);
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::ScrollBar, true, format!("bytes of {name} that are seen"))
    });
    if let Some(at) = response.interact_pointer_pos() {
        let at = f64::from((at.x - along.left()) / along.width().max(1.0)) * bytes;
        show(centered(at, track.scale.bytes, bytes), track.scale.ops);
    }
    let response = ui.interact(across, ui.scope_id().with(("ops seen", name)), sense);
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::ScrollBar, true, format!("ops of {name} that are seen")));
    if let Some(at) = response.interact_pointer_pos() {
        let axis = track.scale.axis;
        let at = f64::from((at.y - across.top()) / across.height().max(1.0)) * axis.end();
        let seen = Span::new(axis.at(track.scale.ops.start), axis.at(track.scale.ops.end));
        let seen = centered(at, seen, axis.end());
        let ops = Span::new(axis.op(seen.start), axis.op(seen.end));
        show(track.scale.bytes, ops.within(op_count, ops.len().min(op_count)));
    }
}
