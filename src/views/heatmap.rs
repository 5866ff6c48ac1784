//! The heatmap panel: both tracks on one axis of ops, what they count, and the colours.

use std::sync::Arc;

use egui::{Color32, ComboBox, Rect, Ui, Vec2};
use hashbrown::HashMap;

use super::ViewContext;
use super::track::TrackPanel;
use crate::analysis::heat;
use crate::gpu::colormap::{self, Palette};
use crate::gpu::heat::HeatPipelines;
use crate::gpu::heat_data::HeatData;
use crate::gpu::heat_draw::{HeatDraw, HeatLayer};
use crate::gpu::{FrameGpu, Gpu};
use crate::kernel_io::heat::{Aggregate, Direction, HeatQuery, Measure};
use crate::state::camera::Span;
use crate::state::{
    Action, AggregateChoice, AppState, DirectionChoice, Document, HeatState, MeasureChoice, PaletteChoice, ScaleChoice,
    Theme,
};
use crate::trace::Track;
use crate::trace::tracks::{Order, phase_bits};
use crate::units;

/// Cells of a level up to which its largest value is found over the whole run; beyond, over what has been seen of it.
const WHOLE_LEVEL_CELLS: u64 = 3 << 17;
/// Cells beside the visible ones, as a share of them, so that small movements need no new grid.
const SPARE: f64 = 0.15;

/// The panel's own memory: columns and kernels on the GPU, and the largest value of every level seen.
#[derive(Default)]
pub struct HeatmapView {
    kernels: Option<(HeatPipelines, HeatDraw)>,
    data: Option<(usize, HeatData)>,
    tracks: [TrackPanel; 2],
    highest: HashMap<Level, u64>,
    fault: Option<String>,
}

/// Values are comparable within a level.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Level {
    document: usize,
    track: Track,
    order: Order,
    measure: Measure,
    aggregate: Aggregate,
    direction: Direction,
    phases: u32,
    kx: u32,
    ky: u32,
}

/// What decides a track's picture; an equal one is not painted again.
#[derive(Clone, PartialEq)]
pub struct Painted {
    document: usize,
    heat: HeatState,
    phases: u32,
    size_px: [u32; 2],
    bytes: Span,
    ops: Span,
    theme: Theme,
}

impl HeatmapView {
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, gpu: &mut FrameGpu<'_>) {
        if cx.state.document.is_none() {
            return;
        }
        self.toolbar(ui, cx);
        if let Some(fault) = &self.fault {
            ui.colored_label(Color32::RED, fault);
        }
        let shown: Vec<Track> = Track::ALL.into_iter().filter(|&t| cx.state.track_bytes(t) > 0).collect();
        if shown.is_empty() {
            ui.centered_and_justified(|ui| ui.label("Nothing in this run has a place in a file or a buffer."));
            return;
        }
        let height = (ui.available_height() - 4.0 * (shown.len() as f32 - 1.0)) / shown.len() as f32;
        for track in shown {
            self.tracks[track as usize].ui(ui, cx, gpu, track, height.max(60.0));
        }
    }

    /// Bins and paints the tracks on screen whose picture has changed.
    pub fn draw(&mut self, state: &AppState, gpu: &mut FrameGpu<'_>) {
        let Some(document) = state.document.clone() else { return };
        for track in Track::ALL {
            if self.tracks[track as usize].rect.take().is_none() {
                continue;
            }
            if let Err(fault) = self.draw_track(state, &document, gpu, track) {
                self.fault = Some(fault);
            }
        }
    }

    fn draw_track(
        &mut self,
        state: &AppState,
        document: &Arc<Document>,
        gpu: &mut FrameGpu<'_>,
        track: Track,
    ) -> Result<(), String> {
        let panel = &mut self.tracks[track as usize];
        let size_px = panel.canvas.size_px();
        let now = Painted {
            document: Arc::as_ptr(document) as usize,
            heat: state.heat.clone(),
            phases: phase_bits(state.phase),
            size_px,
            bytes: state.heat.bytes[track as usize].now(),
            ops: state.heat.ops.now(),
            theme: state.theme,
        };
        if panel.painted.as_ref() == Some(&now) {
            return Ok(());
        }
        self.ensure_data(document, gpu.gpu)?;
        let needed = query(&now, size_px);
        let covered = panel_covers(self.tracks[track as usize].grid.as_ref(), &now, &needed);
        if !covered {
            self.bin(state, document, gpu.gpu, track, &now, needed)?;
        }
        let panel = &mut self.tracks[track as usize];
        let (Some((query, _, grid)), Some((_, draw)), Some(target)) = (&panel.grid, &self.kernels, panel.canvas.view())
        else {
            return Ok(());
        };
        let cell = |span: Span, k: u32, first: u64, pixels: u32| {
            let size = 2_f64.powi(k.cast_signed());
            ((span.start / size - first as f64) as f32, (span.len() / size / f64::from(pixels.max(1))) as f32)
        };
        let (x, dx) = cell(now.bytes, query.kx, query.x0, size_px[0]);
        let (y, dy) = cell(now.ops, query.ky, query.y0, size_px[1]);
        let level = level(&now, track, query);
        let untouched = colormap_theme(state.theme).untouched();
        let layer = HeatLayer {
            grid,
            target_px: [0, 0, size_px[0], size_px[1]],
            origin_cells: [x, y],
            cells_per_pixel: [dx, dy],
            palette: palette(state.heat.palette),
            scale: scale(state.heat.scale),
            highest: self.highest.get(&level).copied().unwrap_or(1),
            untouched,
            outline: None,
        };
        let target = target.clone();
        let device = gpu.gpu;
        draw.draw(device, gpu.encoder(), &target, size_px, Some(untouched), &[layer]);
        panel.painted = Some(now);
        Ok(())
    }

    /// Puts the run's columns on the GPU, straight from the mapped file where it is one.
    fn ensure_data(&mut self, document: &Arc<Document>, gpu: &Gpu) -> Result<(), String> {
        if self.kernels.is_none() {
            self.kernels = Some((HeatPipelines::new(gpu), HeatDraw::new(gpu)));
        }
        let key = Arc::as_ptr(document) as usize;
        if self.data.as_ref().is_none_or(|(of, _)| *of != key) {
            self.highest.clear();
            for panel in &mut self.tracks {
                panel.grid = None;
            }
            let layout = document.layout(Track::Disk, Order::File);
            let columns = document.trace.heat_columns(layout, &document.heat_tables);
            let data = HeatData::upload(gpu, &columns).map_err(|e| e.to_string())?;
            self.data = Some((key, data));
            self.fault = None;
        }
        Ok(())
    }

    fn bin(
        &mut self,
        state: &AppState,
        document: &Arc<Document>,
        gpu: &Gpu,
        track: Track,
        now: &Painted,
        query: HeatQuery,
    ) -> Result<(), String> {
        let layout = document.layouts(state.heat.order)[track as usize];
        let (Some((_, data)), Some((pipelines, _))) = (&mut self.data, &self.kernels) else { return Ok(()) };
        data.set_bases(gpu, &layout.bases).map_err(|e| e.to_string())?;
        let grid = pipelines.bin(gpu, data, &query).map_err(|e| e.to_string())?;
        let level = level(now, track, &query);
        let rows = (document.trace.op_count() as u64 >> query.ky) + 1;
        let bins = (layout.bytes >> query.kx) + 1;
        if bins.saturating_mul(rows) <= WHOLE_LEVEL_CELLS {
            if !self.highest.contains_key(&level) {
                let whole = HeatQuery { x0: 0, y0: 0, width: bins as u32, height: rows as u32, ..query };
                let columns = document.trace.heat_columns(layout, &document.heat_tables);
                let cells = heat::bin(&columns, &whole).map_err(|e| e.to_string())?;
                self.highest.insert(level, cells.values.iter().copied().max().unwrap_or(0));
            }
        } else {
            let seen = grid.read(gpu).map_err(|e| e.to_string())?.values.into_iter().max().unwrap_or(0);
            let highest = self.highest.entry(level).or_insert(0);
            *highest = seen.max(*highest);
        }
        self.tracks[track as usize].grid = Some((query, grid_key(now), grid));
        Ok(())
    }

    fn toolbar(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>) {
        ui.horizontal_wrapped(|ui| {
            let heat = cx.state.heat.clone();
            choice(ui, "measure", heat.measure, &MEASURES, |measure| cx.act(Action::SetMeasure { measure }));
            choice(ui, "aggregate", heat.aggregate, &AGGREGATES, |aggregate| {
                cx.act(Action::SetAggregate { aggregate });
            });
            choice(ui, "direction", heat.direction, &DIRECTIONS, |direction| {
                cx.act(Action::SetDirection { direction });
            });
            choice(ui, "order", heat.order, &ORDERS, |order| cx.act(Action::SetOrder { order }));
            choice(ui, "palette", heat.palette, &PALETTES, |palette| cx.act(Action::SetPalette { palette }));
            choice(ui, "scale", heat.scale, &SCALES, |scale| cx.act(Action::SetScale { scale }));
            self.legend(ui, cx.state);
        });
    }

    /// The colours with what they stand for: nothing, the least, and the most on each track at its zoom.
    fn legend(&self, ui: &mut Ui, state: &AppState) {
        let highest = |track: Track| {
            let panel = &self.tracks[track as usize];
            let (query, _, _) = panel.grid.as_ref()?;
            self.highest.get(&level(panel.painted.as_ref()?, track, query)).copied()
        };
        let number = |n: u64| match state.heat.measure {
            MeasureChoice::Accesses => units::count(n),
            _ => units::bytes(n),
        };
        let swatch = |ui: &mut Ui, color: Color32| {
            let (rect, _) = ui.allocate_exact_size(Vec2::new(10.0, 10.0), egui::Sense::hover());
            ui.painter().rect_filled(rect, 1.0, color);
            ui.painter().rect_stroke(rect, 1.0, (1.0, ui.visuals().weak_text_color()), egui::StrokeKind::Inside);
        };
        let [r, g, b, _] = colormap_theme(state.theme).untouched();
        swatch(ui, Color32::from_rgb(r, g, b));
        ui.small("never");
        ui.small(number(1));
        let (rect, _) = ui.allocate_exact_size(Vec2::new(90.0, 10.0), egui::Sense::hover());
        const STEPS: u32 = 30;
        for i in 0..STEPS {
            let [r, g, b, _] = palette(state.heat.palette).sample((i as f32 + 0.5) / STEPS as f32);
            let width = rect.width() / STEPS as f32;
            let left = rect.left() + i as f32 * width;
            let part = Rect::from_min_max(egui::pos2(left, rect.top()), egui::pos2(left + width + 0.5, rect.bottom()));
            ui.painter().rect_filled(part, 0.0, Color32::from_rgb(r, g, b));
        }
        let most =
            Track::ALL.into_iter().filter_map(|track| Some(format!("{} {}", track.label(), number(highest(track)?))));
        ui.small(most.collect::<Vec<_>>().join(", ")).on_hover_text(
            "the largest value at this zoom over the whole run, where it could be worked out, else of all that was seen",
        );
    }
}

/// The grid that a picture needs: cells of about a pixel.
fn query(now: &Painted, size_px: [u32; 2]) -> HeatQuery {
    let along = |span: Span, pixels: u32| -> (u32, u64, u32) {
        let per_pixel = (span.len() / f64::from(pixels.max(1))).max(1e-9);
        let k = per_pixel.log2().round().clamp(0.0, 62.0) as u32;
        let size = 2_f64.powi(k.cast_signed());
        let spare = span.len() * SPARE;
        let first = ((span.start - spare) / size).floor().max(0.0);
        let last = ((span.end + spare) / size).ceil();
        (k, first as u64, (last - first).clamp(1.0, 8192.0) as u32)
    };
    let (kx, x0, width) = along(now.bytes, size_px[0]);
    let (ky, y0, height) = along(now.ops, size_px[1]);
    HeatQuery {
        measure: match now.heat.measure {
            MeasureChoice::Accesses => Measure::Accesses,
            MeasureChoice::Bytes => Measure::Bytes,
            MeasureChoice::Logged => Measure::Logged,
        },
        aggregate: match now.heat.aggregate {
            AggregateChoice::Sum => Aggregate::Sum,
            AggregateChoice::Max => Aggregate::Max,
        },
        direction: match now.heat.direction {
            DirectionChoice::Both => Direction::Both,
            DirectionChoice::Read => Direction::Read,
            DirectionChoice::Write => Direction::Write,
        },
        phases: now.phases,
        kx,
        ky,
        x0,
        y0,
        width,
        height,
    }
}

/// Whether the grid at hand answers for all that is seen.
fn panel_covers(
    grid: Option<&(HeatQuery, usize, crate::gpu::heat::GpuGrid)>,
    now: &Painted,
    needed: &HeatQuery,
) -> bool {
    let Some((have, key, _)) = grid else { return false };
    let at_level = HeatQuery { x0: have.x0, y0: have.y0, width: have.width, height: have.height, ..*needed };
    let holds = |span: Span, k: u32, first: u64, count: u32| {
        let size = 2_f64.powi(k.cast_signed());
        first as f64 * size <= span.start.max(0.0) && (first + u64::from(count)) as f64 * size >= span.end
    };
    *key == grid_key(now)
        && at_level == *have
        && holds(now.bytes, have.kx, have.x0, have.width)
        && holds(now.ops, have.ky, have.y0, have.height)
}

/// Document and order, which a query does not hold.
fn grid_key(now: &Painted) -> usize {
    now.document.wrapping_mul(3).wrapping_add(now.heat.order as usize)
}

fn level(now: &Painted, track: Track, query: &HeatQuery) -> Level {
    Level {
        document: now.document,
        track,
        order: now.heat.order,
        measure: query.measure,
        aggregate: query.aggregate,
        direction: query.direction,
        phases: query.phases,
        kx: query.kx,
        ky: query.ky,
    }
}

const MEASURES: [(MeasureChoice, &str); 3] = [
    (MeasureChoice::Accesses, "accesses"),
    (MeasureChoice::Bytes, "bytes touched"),
    (MeasureChoice::Logged, "bytes logged"),
];
const AGGREGATES: [(AggregateChoice, &str); 2] = [(AggregateChoice::Sum, "sum"), (AggregateChoice::Max, "largest op")];
const DIRECTIONS: [(DirectionChoice, &str); 3] =
    [(DirectionChoice::Both, "reads + writes"), (DirectionChoice::Read, "reads"), (DirectionChoice::Write, "writes")];
const ORDERS: [(Order, &str); 3] =
    [(Order::File, "file order"), (Order::Layer, "layer order"), (Order::Heat, "hottest first")];
const PALETTES: [(PaletteChoice, &str); 3] =
    [(PaletteChoice::Heat, "blue to red"), (PaletteChoice::Viridis, "viridis"), (PaletteChoice::Cividis, "cividis")];
const SCALES: [(ScaleChoice, &str); 2] = [(ScaleChoice::Logarithmic, "log"), (ScaleChoice::Linear, "linear")];

/// A small list to choose from.
pub fn choice<T: Copy + PartialEq>(ui: &mut Ui, name: &str, now: T, options: &[(T, &str)], mut choose: impl FnMut(T)) {
    let text = options.iter().find(|(value, _)| *value == now).map_or("", |(_, text)| text);
    ComboBox::from_id_salt(name).width(20.0).selected_text(text).show_ui(ui, |ui| {
        for (value, text) in options {
            if ui.selectable_label(*value == now, *text).clicked() {
                choose(*value);
            }
        }
    });
}

fn palette(choice: PaletteChoice) -> Palette {
    match choice {
        PaletteChoice::Heat => Palette::Heat,
        PaletteChoice::Viridis => Palette::Viridis,
        PaletteChoice::Cividis => Palette::Cividis,
    }
}

fn scale(choice: ScaleChoice) -> colormap::Scale {
    match choice {
        ScaleChoice::Linear => colormap::Scale::Linear,
        ScaleChoice::Logarithmic => colormap::Scale::Logarithmic,
    }
}

fn colormap_theme(theme: Theme) -> colormap::Theme {
    match theme {
        Theme::Dark => colormap::Theme::Dark,
        Theme::Light => colormap::Theme::Light,
    }
}
