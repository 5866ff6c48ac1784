//! The heatmap panel: both tracks on one axis of ops, what they count, and the colours.

use std::sync::Arc;

use egui::{Color32, ComboBox, Rect, Ui, Vec2};
use hashbrown::HashMap;

use super::ViewContext;
use super::heat_engine::{HeatEngine, OnGpu, Source, Values};
use super::track::{Shown, TrackPanel};
use crate::analysis::row_axis::Rows;
use crate::gpu::FrameGpu;
use crate::gpu::colormap::{self, Palette};
use crate::gpu::heat_draw::{HeatPicture, LevelColors};
use crate::gpu::heat_tiles::{Stand, TileKey};
use crate::gpu::text::{TextLayer, TextTarget, WorldView};
use crate::kernel_io::heat::{Aggregate, Direction, HeatLevel, Measure};
use crate::state::camera::Span;
use crate::state::{
    Action, AggregateChoice, AppState, DirectionChoice, Document, HeatState, MeasureChoice, PaletteChoice, ScaleChoice,
    Theme,
};
use crate::trace::Track;
use crate::trace::tracks::{Order, phase_bits};
use crate::units;

use super::bands;

/// Room that the legend takes, in points.
const LEGEND_POINTS: f32 = 420.0;
/// Space between the tracks, in points.
const GAP: f32 = 4.0;

/// The panel's own memory: tiles on the GPU, and what was worked out of the run.
#[derive(Default)]
pub struct HeatmapView {
    engine: HeatEngine,
    tracks: [TrackPanel; 2],
    /// Tiles are missing, or sums are waited for.
    unfinished: bool,
}

/// What decides a track's picture; an equal one is not painted again.
#[derive(Clone, PartialEq)]
pub struct Painted {
    document: u64,
    heat: HeatState,
    phases: u32,
    size_px: [u32; 2],
    bytes: Span,
    ops: Span,
    theme: Theme,
    version: u64,
}

impl HeatmapView {
    pub fn ui(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, gpu: &mut FrameGpu<'_>) {
        let Some(document) = cx.document() else { return };
        let context = ui.ctx().clone();
        self.engine.begin(&document, move || context.request_repaint());
        self.unfinished = false;
        self.toolbar(ui, cx);
        if let Some(fault) = &self.engine.fault {
            ui.colored_label(ui.visuals().error_fg_color, fault);
        }
        let shown: Vec<Track> = Track::ALL.into_iter().filter(|&t| cx.state.track_bytes(t) > 0).collect();
        if shown.is_empty() {
            ui.centered_and_justified(|ui| ui.label("Nothing in this run has a place in a file or a buffer."));
            return;
        }
        let height = (ui.available_height() - GAP * (shown.len() as f32 - 1.0)) / shown.len() as f32;
        let level = level(cx.state);
        for track in shown {
            let source = source(cx.state, track);
            let panel = &mut self.tracks[track as usize];
            panel.ui(ui, cx, gpu, &mut self.engine, (source, level), height.max(60.0));
            // What failed once is not tried frame after frame.
            if let Some(shown) = panel.shown.as_ref().filter(|_| self.engine.fault.is_none())
                && !self.engine.has(&HeatEngine::wanted(
                    source,
                    shown.level,
                    shown.cells.x.clone(),
                    shown.cells.y.clone(),
                ))
            {
                self.unfinished = true;
            }
        }
        if self.unfinished {
            ui.ctx().request_repaint();
        }
    }

    /// Whether the picture will be another without anybody's doing.
    pub fn is_working(&self) -> bool {
        self.unfinished || self.engine.is_busy()
    }

    /// The same while time stands still.
    pub fn is_working_at_once(&self) -> bool {
        self.unfinished || self.engine.is_answering()
    }

    /// Makes tiles within the frame's budget, and paints the tracks on screen whose picture has changed.
    pub fn draw(&mut self, state: &AppState, gpu: &mut FrameGpu<'_>) {
        let Some(document) = state.document.clone() else { return };
        if self.tracks.iter().all(|panel| panel.shown.is_none()) {
            // Behind another panel: its sums are not waited for, nor its tiles.
            self.engine.forget_seen();
            self.engine.take_answers();
            self.unfinished = false;
            return;
        }
        if let Err(fault) = self.engine.begin_frame(&document, gpu.gpu) {
            self.engine.fault = Some(fault);
            return;
        }
        for track in Track::ALL {
            if let Some(shown) = self.tracks[track as usize].shown.take()
                && let Err(fault) = self.draw_track(state, &document, gpu, &shown)
            {
                self.engine.fault = Some(fault);
            }
        }
    }

    fn draw_track(
        &mut self,
        state: &AppState,
        document: &Arc<Document>,
        gpu: &mut FrameGpu<'_>,
        shown: &Shown,
    ) -> Result<(), String> {
        let track = shown.source.track;
        let (cells, level) = (&shown.cells, shown.level);
        let wanted = HeatEngine::wanted(shown.source, level, cells.x.clone(), cells.y.clone());
        let made = self.engine.make(gpu.gpu, shown.source, &wanted)?;
        let panel = &mut self.tracks[track as usize];
        let size_px = panel.canvas.size_px();
        let now = Painted {
            document: document.number,
            heat: state.heat.clone(),
            phases: phase_bits(state.phase),
            size_px,
            bytes: state.heat.bytes[track as usize].now(),
            ops: state.heat.ops.now(),
            theme: state.theme,
            version: self.engine.version(),
        };
        if !made && panel.painted.as_ref() == Some(&now) {
            return Ok(());
        }
        let mut tiles = Vec::new();
        let mut numbers: HashMap<HeatLevel, u32> = HashMap::new();
        for y in cells.y.clone() {
            for x in cells.x.clone() {
                let key = TileKey { source: wanted.source, level, x, y };
                let stand = self.engine.on_gpu().and_then(|on_gpu| on_gpu.tiles.stand(&key));
                tiles.push(stand.map(|stand: Stand| {
                    let next = numbers.len() as u32;
                    (stand, *numbers.entry(stand.level).or_insert(next))
                }));
            }
        }
        let mut levels: Vec<(HeatLevel, u32)> = numbers.into_iter().collect();
        levels.sort_by_key(|(_, number)| *number);
        let values: Vec<Values> =
            levels.iter().map(|(level, _)| self.engine.values(document, shown.source, *level)).collect();
        let colors: Vec<LevelColors<'_>> =
            values.iter().map(|values| LevelColors { highest: values.highest, ranks: &values.ranks }).collect();
        let width = size_px[0];
        let strips = bands::colors(&shown.bands, shown.strip_count, now.bytes, width, state.theme);
        let theme = colormap_theme(state.theme);
        // Ranks of a level are not known in its first moment.
        let ranked = values.iter().all(|values| !values.ranks.is_empty());
        let scale = match scale(state.heat.scale) {
            colormap::Scale::Equalised if !ranked => colormap::Scale::Logarithmic,
            scale => scale,
        };
        let picture = HeatPicture {
            columns: &cells.columns,
            rows: &cells.rows,
            tiles: &tiles,
            tile_columns: (cells.x.end - cells.x.start) as u32,
            levels: &colors,
            strips: &strips,
            strip_px: shown.strip_px,
            palette: palette(state.heat.palette),
            scale,
            untouched: theme.untouched(),
            pending: theme.pending(),
        };
        let panel = &mut self.tracks[track as usize];
        let (Some(OnGpu { draw, tiles, fonts, .. }), Some(view)) = (self.engine.on_gpu(), panel.canvas.view()) else {
            return Ok(());
        };
        panel.canvas.repainted(gpu);
        let device = gpu.gpu;
        draw.draw(device, gpu.encoder(), &mut panel.target, view, tiles, &picture);
        let labels = bands::labels(&shown.bands, now.bytes, width, shown.strip_px, shown.font_px);
        let text = panel.text.get_or_insert_with(|| TextLayer::new(device, fonts));
        let world = WorldView {
            origin: [now.bytes.start, 0.0],
            px_per_unit: [f64::from(width) / now.bytes.len().max(1e-9), 1.0],
        };
        text.draw(device, fonts, gpu.encoder(), &TextTarget { view, size_px }, &world, &labels);
        panel.painted = Some(now);
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
            choice(ui, "rows", heat.rows, &ROWS, |rows| cx.act(Action::SetRows { rows }));
            choice(ui, "order", heat.order, &ORDERS, |order| cx.act(Action::SetOrder { order }));
            choice(ui, "palette", heat.palette, &PALETTES, |palette| cx.act(Action::SetPalette { palette }));
            choice(ui, "scale", heat.scale, &SCALES, |scale| cx.act(Action::SetScale { scale }));
            if heat.order == Order::File {
                let mut seeks = heat.seeks;
                if ui.checkbox(&mut seeks, "seeks").on_hover_text("jumps between reads of the model files").changed() {
                    cx.act(Action::ShowSeeks { shown: seeks });
                }
            }
            // In one line, beside the choices or below them.
            if ui.available_size_before_wrap().x < LEGEND_POINTS {
                ui.end_row();
            }
            self.legend(ui, cx);
        });
    }

    /// The colours with what they stand for: nothing, one, and the most on each track at its zoom.
    fn legend(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>) {
        let state = cx.state;
        let swatch = |ui: &mut Ui, [r, g, b, _]: [u8; 4], text: &str| {
            let (rect, _) = ui.allocate_exact_size(Vec2::new(10.0, 10.0), egui::Sense::hover());
            ui.painter().rect_filled(rect, 1.0, Color32::from_rgb(r, g, b));
            ui.painter().rect_stroke(rect, 1.0, (1.0, ui.visuals().weak_text_color()), egui::StrokeKind::Inside);
            ui.small(text);
        };
        let colors = palette(state.heat.palette);
        swatch(ui, colormap_theme(state.theme).untouched(), "never");
        let one = if state.heat.measure == MeasureChoice::Accesses { "once" } else { "1 B" };
        swatch(ui, colors.sample(0.0), one);
        let (rect, _) = ui.allocate_exact_size(Vec2::new(80.0, 10.0), egui::Sense::hover());
        const STEPS: u32 = 40;
        for i in 0..STEPS {
            let [r, g, b, _] = colors.sample((i as f32 + 0.5) / STEPS as f32);
            let width = rect.width() / STEPS as f32;
            let left = rect.left() + i as f32 * width;
            let part = Rect::from_min_max(egui::pos2(left, rect.top()), egui::pos2(left + width + 0.5, rect.bottom()));
            ui.painter().rect_filled(part, 0.0, Color32::from_rgb(r, g, b));
        }
        let mut most = Vec::new();
        for track in Track::ALL.into_iter().filter(|&t| state.track_bytes(t) > 0) {
            let Some(level) = self.tracks[track as usize].level else { continue };
            let Some(document) = &state.document else { continue };
            let values = self.engine.values(document, source(state, track), level);
            let about = if values.exact { "" } else { "about " };
            most.push(format!("{} {about}{}", track.label(), number(state, values.highest)));
        }
        let what = what_counts(state);
        ui.small(format!("{what}: {}", most.join(", "))).on_hover_text(format!(
            "A cell's colour says {what} in it. The last colour is the highest value of a cell of this size over the \
             whole run, on each track; it stays while the view moves at one zoom."
        ));
    }
}

/// What is on, in words.
fn what_counts(state: &AppState) -> String {
    let heat = &state.heat;
    let direction = match heat.direction {
        DirectionChoice::Both => "",
        DirectionChoice::Read => " read",
        DirectionChoice::Write => " written",
    };
    let measure = match (heat.measure, heat.direction) {
        (MeasureChoice::Accesses, DirectionChoice::Read) => "reads".to_owned(),
        (MeasureChoice::Accesses, DirectionChoice::Write) => "writes".to_owned(),
        (MeasureChoice::Accesses, DirectionChoice::Both) => "accesses".to_owned(),
        (MeasureChoice::Bytes, _) => format!("bytes{}", if direction.is_empty() { " touched" } else { direction }),
        (MeasureChoice::Logged, _) => format!("bytes logged{direction}"),
    };
    let of_one = if heat.aggregate == AggregateChoice::Max { ", most of one op" } else { "" };
    let phase = state.phase.map_or_else(String::new, |phase| format!(", {} only", phase.label()));
    let scale = match heat.scale {
        ScaleChoice::Linear => "linear",
        ScaleChoice::Logarithmic => "log",
        ScaleChoice::Equalised => "equalised",
    };
    format!("{measure}{of_one}{phase} ({scale})")
}

fn number(state: &AppState, n: u64) -> String {
    match state.heat.measure {
        MeasureChoice::Accesses => units::count(n),
        _ => units::bytes(n),
    }
}

/// A value with its unit.
pub fn amount(state: &AppState, n: u64) -> String {
    match state.heat.measure {
        MeasureChoice::Accesses if n == 1 => "1 access".to_owned(),
        MeasureChoice::Accesses => format!("{} accesses", units::count(n)),
        _ => units::bytes(n),
    }
}

/// What cells hold, whatever their size.
fn level(state: &AppState) -> HeatLevel {
    HeatLevel {
        measure: match state.heat.measure {
            MeasureChoice::Accesses => Measure::Accesses,
            MeasureChoice::Bytes => Measure::Bytes,
            MeasureChoice::Logged => Measure::Logged,
        },
        aggregate: match state.heat.aggregate {
            AggregateChoice::Sum => Aggregate::Sum,
            AggregateChoice::Max => Aggregate::Max,
        },
        direction: match state.heat.direction {
            DirectionChoice::Both => Direction::Both,
            DirectionChoice::Read => Direction::Read,
            DirectionChoice::Write => Direction::Write,
        },
        phases: phase_bits(state.phase),
        kx: 0,
        ky: 0,
    }
}

/// Only model files can be re-ordered: buffers reuse their bytes.
fn source(state: &AppState, track: Track) -> Source {
    let order = match track {
        Track::Disk => state.heat.order,
        Track::Buffer => Order::File,
    };
    Source { track, order }
}

pub const MEASURES: [(MeasureChoice, &str); 3] = [
    (MeasureChoice::Accesses, "accesses"),
    (MeasureChoice::Bytes, "bytes touched"),
    (MeasureChoice::Logged, "bytes logged"),
];
const AGGREGATES: [(AggregateChoice, &str); 2] = [(AggregateChoice::Sum, "sum"), (AggregateChoice::Max, "largest op")];
pub const DIRECTIONS: [(DirectionChoice, &str); 3] =
    [(DirectionChoice::Both, "reads + writes"), (DirectionChoice::Read, "reads"), (DirectionChoice::Write, "writes")];
pub const ROWS: [(Rows, &str); 3] = [(Rows::Op, "by op"), (Rows::Pass, "by pass"), (Rows::Time, "by time")];
pub const ORDERS: [(Order, &str); 3] =
    [(Order::File, "file order"), (Order::Layer, "layer order"), (Order::Heat, "hottest first")];
pub const PALETTES: [(PaletteChoice, &str); 3] =
    [(PaletteChoice::Heat, "blue to red"), (PaletteChoice::Viridis, "viridis"), (PaletteChoice::Cividis, "cividis")];
pub const SCALES: [(ScaleChoice, &str); 3] =
    [(ScaleChoice::Logarithmic, "log"), (ScaleChoice::Linear, "linear"), (ScaleChoice::Equalised, "equalised")];

/// A small list to choose from.
pub fn choice<T: Copy + PartialEq>(ui: &mut Ui, name: &str, now: T, options: &[(T, &str)], mut choose: impl FnMut(T)) {
    let text = options.iter().find(|(value, _)| *value == now).map_or("", |(_, text)| text);
    let list = ComboBox::from_id_salt(name).width(20.0).selected_text(text).show_ui(ui, |ui| {
        for (value, text) in options {
            if ui.selectable_label(*value == now, *text).clicked() {
                choose(*value);
            }
        }
    });
    super::name_list(&list.response, name, text);
}

/// The option behind `now`, round and round.
pub fn next<T: Copy + PartialEq>(now: T, options: &[(T, &str)]) -> T {
    let at = options.iter().position(|(value, _)| *value == now).unwrap_or(0);
    options[(at + 1) % options.len()].0
}

pub fn palette(choice: PaletteChoice) -> Palette {
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
        ScaleChoice::Equalised => colormap::Scale::Equalised,
    }
}

fn colormap_theme(theme: Theme) -> colormap::Theme {
    match theme {
        Theme::Dark => colormap::Theme::Dark,
        Theme::Light => colormap::Theme::Light,
    }
}
