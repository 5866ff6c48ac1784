//! What the heatmap's pictures are made of: tiles made within each frame's budget, and numbers worked out beside the
//! frames.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::{HashMap, HashSet};

use crate::analysis::background::Background;
use crate::analysis::heat::level::{self, LevelStats};
use crate::analysis::heat::marginals::{self, ByteWindow, Marginals};
use crate::analysis::probe::Touches;
use crate::analysis::seeks::{self, Seeks};
use crate::gpu::Gpu;
use crate::gpu::heat::HeatPipelines;
use crate::gpu::heat_data::HeatData;
use crate::gpu::heat_draw::HeatDraw;
use crate::gpu::heat_tiles::{HeatTiles, Wanted};
use crate::gpu::text::Fonts;
use crate::kernel_io::heat::{Aggregate, HeatLevel, Measure};
use crate::state::Document;
use crate::trace::Track;
use crate::trace::tracks::Order;

/// What one frame spends on tiles, of the 33 ms that it may take while tiles are made.
const TILE_MS_PER_FRAME: f64 = 9.0;
/// And what it spends beyond that where a map has nothing to show, as with another measure or order.
const BLANK_MS_PER_FRAME: f64 = 11.0;
/// The first frame of a run has nothing else to show.
const FIRST_FRAME_MS: f64 = 150.0;
/// Accesses of the work that the machine's pace is learnt from, once kernels are compiled.
const TRIAL: u64 = 1 << 19;
/// Before that is known: a software adapter's pace on one core.
const GUESSED_NS: f64 = 12.0;
/// Parts of a row axis that the overview of a whole run has.
pub const OVERVIEW_ROWS: usize = 256;
/// Bins that the overview of a whole track has at most.
const OVERVIEW_BINS: u64 = 1024;

/// A track of the shown run in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source {
    pub track: Track,
    pub order: Order,
}

impl Source {
    fn number(self) -> u32 {
        self.track as u32 * 4 + self.order as u32
    }
}

/// The values of a level, as far as colours need them.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    pub highest: u64,
    pub ranks: Vec<f32>,
    /// From the whole run, or guessed from what is known of other levels until that is worked out.
    pub exact: bool,
}

/// A part of a track, summed up: what `Marginals` are of.
#[derive(Debug, Clone, PartialEq)]
pub struct Summed {
    pub source: Source,
    pub window: ByteWindow,
    /// Ops of each row.
    pub rows: Arc<Vec<Range<usize>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Question {
    Level(Track),
    Marginals(Track),
    Overview(Track),
    Seeks,
    Touches,
}

enum Answer {
    Level(Source, HeatLevel, LevelStats),
    Marginals(Summed, Marginals),
    Overview(Source, HeatLevel, ByteWindow, Marginals),
    Seeks(u32, Seeks),
    Touches(Touches),
    Failed(String),
}

/// The sums of a whole track over the whole run.
pub struct Overview {
    pub window: ByteWindow,
    pub sums: Marginals,
}

/// Kernels, tiles and glyphs: what lives on the GPU from the first picture on.
pub struct OnGpu {
    pub pipelines: HeatPipelines,
    pub draw: HeatDraw,
    pub tiles: HeatTiles,
    pub fonts: Fonts,
}

/// The shown run's columns on the GPU, as the sources see them that were looked at last, the newest first.
struct Columns {
    document: Arc<Document>,
    data: Vec<(Source, HeatData)>,
}

impl Columns {
    /// Both tracks in two orders.
    const MOST: usize = 4;

    /// The columns placed as `source` has them: uploaded once, straight from the mapped file where it is one.
    fn of(&mut self, gpu: &Gpu, source: Source) -> Result<&HeatData, String> {
        if let Some(at) = self.data.iter().position(|(known, _)| *known == source) {
            self.data[..=at].rotate_right(1);
        } else {
            let layout = self.document.layout(source.track, source.order);
            let columns = self.document.trace.heat_columns(layout, &self.document.heat_tables);
            let placed = match self.data.first() {
                Some((_, data)) => data.placed(gpu, &columns),
                None => HeatData::upload(gpu, &columns),
            };
            self.data.truncate(Self::MOST - 1);
            self.data.insert(0, (source, placed.map_err(|e| e.to_string())?));
        }
        Ok(&self.data[0].1)
    }
}

#[derive(Default)]
pub struct HeatEngine {
    on_gpu: Option<OnGpu>,
    columns: Option<Columns>,
    background: Option<Background<Question, Answer>>,
    values: HashMap<(Source, HeatLevel), Values>,
    asked_level: HashMap<Track, (Source, HeatLevel)>,
    marginals: HashMap<Track, (Summed, Marginals)>,
    asked_marginals: HashMap<Track, Summed>,
    overviews: HashMap<Track, (Source, HeatLevel, Overview)>,
    asked_overview: HashMap<Track, (Source, HeatLevel)>,
    seeks: Option<(u32, Seeks)>,
    asked_seeks: Option<u32>,
    touches: Option<Touches>,
    asked_touches: bool,
    /// What each track shows that has no sums yet, and since when.
    seen: HashMap<Track, (Summed, f64)>,
    /// Accesses that this frame may still visit.
    budget: u64,
    /// And this many more, where a map has nothing to show.
    spare_budget: u64,
    ns_per_access: Option<f64>,
    /// Kinds of levels whose kernels are compiled.
    compiled: HashSet<HeatLevel>,
    /// Rises with every answer.
    version: u64,
    pub fault: Option<String>,
}

impl HeatEngine {
    /// Picks up what was worked out, and forgets all of another run. `wake` asks for a frame, from any thread.
    pub fn begin(&mut self, document: &Arc<Document>, wake: impl Fn() + Send + 'static) {
        if self.columns.as_ref().is_some_and(|columns| !Arc::ptr_eq(&columns.document, document)) {
            let on_gpu = self.on_gpu.take();
            *self = Self {
                on_gpu,
                ns_per_access: self.ns_per_access,
                compiled: std::mem::take(&mut self.compiled),
                version: self.version + 1,
                ..Self::default()
            };
            if let Some(on_gpu) = &mut self.on_gpu {
                on_gpu.tiles.clear();
            }
        }
        if self.background.is_none() {
            match Background::start(wake) {
                Ok(background) => self.background = Some(background),
                Err(error) => self.fault = Some(format!("no thread to work in: {error}")),
            }
        }
        self.take_answers();
    }

    /// Picks up what was worked out: also where nobody sees it, or it would count as work that is left.
    pub fn take_answers(&mut self) {
        while let Some(answer) = self.background.as_ref().and_then(Background::answer) {
            self.version += 1;
            match answer {
                Answer::Level(source, level, stats) => {
                    let values = Values { highest: stats.highest, ranks: stats.ranks(), exact: true };
                    self.values.insert((source, level), values);
                }
                Answer::Marginals(summed, sums) => {
                    self.marginals.insert(summed.source.track, (summed, sums));
                }
                Answer::Overview(source, level, window, sums) => {
                    self.overviews.insert(source.track, (source, level, Overview { window, sums }));
                }
                Answer::Seeks(pass, seeks) => self.seeks = Some((pass, seeks)),
                Answer::Touches(touches) => self.touches = Some(touches),
                Answer::Failed(what) => self.fault = Some(what),
            }
        }
    }

    /// Rises when anything that a picture may show has been worked out.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether questions are open, or will be once what is seen has come to rest.
    pub fn is_busy(&self) -> bool {
        !self.seen.is_empty() || self.is_answering()
    }

    /// Whether questions are open.
    pub fn is_answering(&self) -> bool {
        self.background.as_ref().is_some_and(Background::is_busy)
    }

    /// Has kernels and tiles ready, and gives the frame its budget.
    pub fn begin_frame(&mut self, document: &Arc<Document>, gpu: &Gpu) -> Result<(), String> {
        if self.on_gpu.is_none() {
            let tiles = HeatTiles::new(gpu).map_err(|e| e.to_string())?;
            self.on_gpu = Some(OnGpu {
                pipelines: HeatPipelines::new(gpu),
                draw: HeatDraw::new(gpu),
                tiles,
                fonts: Fonts::new(gpu),
            });
        }
        let mut budget_ms = TILE_MS_PER_FRAME;
        if self.columns.is_none() {
            self.columns = Some(Columns { document: document.clone(), data: Vec::new() });
            budget_ms = FIRST_FRAME_MS;
        }
        let ns = self.ns_per_access.unwrap_or(GUESSED_NS);
        self.budget = (budget_ms * 1e6 / ns) as u64;
        self.spare_budget = (BLANK_MS_PER_FRAME * 1e6 / ns) as u64;
        if let Some(on_gpu) = &mut self.on_gpu {
            on_gpu.tiles.begin();
        }
        Ok(())
    }

    pub fn on_gpu(&mut self) -> Option<&mut OnGpu> {
        self.on_gpu.as_mut()
    }

    /// What tiles of a track are told apart by from those of the other, and of other orders.
    pub fn wanted(source: Source, level: HeatLevel, x: Range<u64>, y: Range<u64>) -> Wanted {
        Wanted { source: source.number(), level, x, y }
    }

    /// Whether all of `wanted` is there.
    pub fn has(&self, wanted: &Wanted) -> bool {
        self.columns.is_some() && self.on_gpu.as_ref().is_some_and(|on_gpu| on_gpu.tiles.has(wanted))
    }

    /// Makes tiles as far as the frame's budget goes. Gives whether any were made.
    pub fn make(&mut self, gpu: &Gpu, source: Source, wanted: &Wanted) -> Result<bool, String> {
        let (Some(columns), Some(on_gpu)) = (&mut self.columns, &mut self.on_gpu) else { return Ok(false) };
        if self.budget == 0 || on_gpu.tiles.has(wanted) {
            return Ok(false);
        }
        let data = columns.of(gpu, source)?;
        let (tiles, pipelines) = (&mut on_gpu.tiles, &on_gpu.pipelines);
        // Now, where something else is to be shown, and not while somebody zooms.
        if self.compiled.insert(HeatLevel { kx: 0, ky: 0, ..wanted.level }) {
            pipelines.compile(gpu, data, &wanted.level).map_err(|e| e.to_string())?;
        }
        if self.ns_per_access.is_none() {
            // A little to have the kernels compiled, and then enough to measure.
            let mut little = 1;
            tiles.make(gpu, pipelines, data, wanted, &mut little).map_err(|e| e.to_string())?;
            gpu.wait().map_err(|e| e.to_string())?;
            let started = Instant::now();
            let mut trial = TRIAL;
            tiles.make(gpu, pipelines, data, wanted, &mut trial).map_err(|e| e.to_string())?;
            gpu.wait().map_err(|e| e.to_string())?;
            // Small runs are made too soon to tell, and need no budget.
            if trial == 0 {
                let ns = started.elapsed().as_nanos() as f64 / TRIAL as f64;
                self.ns_per_access = Some(ns.clamp(0.05, 100.0));
            }
        }
        if tiles.is_blank(wanted) {
            self.budget += std::mem::take(&mut self.spare_budget);
        }
        tiles.make(gpu, pipelines, data, wanted, &mut self.budget).map_err(|e| e.to_string())?;
        Ok(true)
    }

    /// The values of a level: asked for, and until they are known guessed from the nearest level that is.
    pub fn values(&mut self, document: &Arc<Document>, source: Source, level: HeatLevel) -> Values {
        if let Some(values) = self.values.get(&(source, level)) {
            return values.clone();
        }
        if let Some(background) = &self.background
            && self.asked_level.get(&source.track) != Some(&(source, level))
        {
            self.asked_level.insert(source.track, (source, level));
            let document = document.clone();
            background.ask(Question::Level(source.track), move |cancelled| {
                let layout = document.layout(source.track, source.order);
                let columns = document.trace.heat_columns(layout, &document.heat_tables);
                match level::stats(&columns, &level, cancelled) {
                    Ok(stats) => stats.map(|stats| Answer::Level(source, level, stats)),
                    Err(error) => Some(Answer::Failed(error.to_string())),
                }
            });
        }
        let same = |other: &HeatLevel| HeatLevel { kx: level.kx, ky: level.ky, ..*other } == level;
        let nearest = self
            .values
            .iter()
            .filter(|((of, other), _)| *of == source && same(other))
            .min_by_key(|((_, other), _)| other.kx.abs_diff(level.kx) + other.ky.abs_diff(level.ky));
        let grows = |from: &HeatLevel| {
            let rows = f64::from(level.ky) - f64::from(from.ky);
            let bins = f64::from(level.kx) - f64::from(from.kx);
            let along_rows = if level.aggregate == Aggregate::Sum { rows } else { 0.0 };
            (along_rows + if level.measure == Measure::Accesses { 0.0 } else { bins }).exp2()
        };
        let highest = |known: u64, factor: f64| ((known as f64 * factor).round() as u64).max(1);
        match nearest {
            Some(((_, from), known)) => {
                Values { highest: highest(known.highest, grows(from)), ranks: known.ranks.clone(), exact: false }
            }
            // Weights are read about once a pass.
            None => {
                let trace = &document.trace;
                let ops_per_pass = trace.op_count().max(1) as f64 / trace.passes.len().max(1) as f64;
                let passes = (f64::from(level.ky).exp2() / ops_per_pass).max(1.0);
                let bytes = if level.measure == Measure::Accesses { 1.0 } else { f64::from(level.kx).exp2() };
                let passes = if level.aggregate == Aggregate::Sum { passes } else { 1.0 };
                Values { highest: highest(1, passes * bytes), ranks: Vec::new(), exact: false }
            }
        }
    }

    /// The sums of `summed`, or the last that there were of its track, with what they are of.
    pub fn marginals(&self, track: Track) -> Option<&(Summed, Marginals)> {
        self.marginals.get(&track)
    }

    /// Whether sums of just this are there or asked for; then nothing waits for its track to come to rest.
    pub fn is_summed(&mut self, summed: &Summed) -> bool {
        let there = self.asked_marginals.get(&summed.source.track) == Some(summed);
        if there {
            self.seen.remove(&summed.source.track);
        }
        there
    }

    /// Since when `summed` is what its track shows.
    pub fn seen_since(&mut self, summed: &Summed, now_s: f64) -> f64 {
        let seen = self.seen.entry(summed.source.track).or_insert_with(|| (summed.clone(), now_s));
        if seen.0 != *summed {
            *seen = (summed.clone(), now_s);
        }
        seen.1
    }

    /// Nothing is seen any more.
    pub fn forget_seen(&mut self) {
        self.seen.clear();
    }

    pub fn ask_marginals(&mut self, document: &Arc<Document>, summed: Summed) {
        let Some(background) = &self.background else { return };
        let track = summed.source.track;
        self.seen.remove(&track);
        self.asked_marginals.insert(track, summed.clone());
        let document = document.clone();
        background.ask(Question::Marginals(track), move |cancelled| {
            let layout = document.layout(summed.source.track, summed.source.order);
            let columns = document.trace.heat_columns(layout, &document.heat_tables);
            match marginals::marginals(&columns, &summed.window, &summed.rows, cancelled) {
                Ok(sums) => sums.map(|sums| Answer::Marginals(summed, sums)),
                Err(error) => Some(Answer::Failed(error.to_string())),
            }
        });
    }

    /// Sums of the whole track over the whole run, once they are worked out; `level` says what is summed.
    pub fn overview(&mut self, document: &Arc<Document>, source: Source, level: HeatLevel) -> Option<&Overview> {
        let level = HeatLevel { kx: 0, ky: 0, ..level };
        let asked = self.asked_overview.get(&source.track) == Some(&(source, level));
        if let Some(background) = self.background.as_ref().filter(|_| !asked) {
            self.asked_overview.insert(source.track, (source, level));
            let document = document.clone();
            background.ask(Question::Overview(source.track), move |cancelled| {
                let layout = document.layout(source.track, source.order);
                let columns = document.trace.heat_columns(layout, &document.heat_tables);
                let kx = (layout.bytes / OVERVIEW_BINS).max(1).next_power_of_two().ilog2();
                let width = (layout.bytes >> kx) as u32 + 1;
                let window = ByteWindow { level: HeatLevel { kx, ..level }, x0: 0, width };
                let ops = document.trace.op_count();
                let part = |i: usize| (i as u64 * ops as u64 / OVERVIEW_ROWS as u64) as usize;
                let rows: Vec<Range<usize>> = (0..OVERVIEW_ROWS).map(|i| part(i)..part(i + 1)).collect();
                match marginals::marginals(&columns, &window, &rows, cancelled) {
                    Ok(sums) => sums.map(|sums| Answer::Overview(source, level, window, sums)),
                    Err(error) => Some(Answer::Failed(error.to_string())),
                }
            });
        }
        let (of, what, overview) = self.overviews.get(&source.track)?;
        (*of == source && *what == level).then_some(overview)
    }

    /// How sequential the reads of a pass are, once that is worked out.
    pub fn seeks(&mut self, document: &Arc<Document>, pass: u32) -> Option<&Seeks> {
        if let Some(background) = self.background.as_ref().filter(|_| self.asked_seeks != Some(pass)) {
            self.asked_seeks = Some(pass);
            let document = document.clone();
            background.ask(Question::Seeks, move |cancelled| {
                let at = document.trace.passes.get(pass as usize)?;
                let ops = at.first_op as usize..(at.first_op as usize).saturating_add(at.ops as usize);
                let layout = document.layout(Track::Disk, Order::File);
                let seeks = seeks::seeks(&document.trace, layout, ops, cancelled)?;
                Some(Answer::Seeks(pass, seeks))
            });
        }
        self.seeks.as_ref().filter(|(of, _)| *of == pass).map(|(_, seeks)| seeks)
    }

    /// When everything was first and last touched, once that is worked out.
    pub fn touches(&mut self, document: &Arc<Document>) -> Option<&Touches> {
        if let Some(background) = self.background.as_ref().filter(|_| !self.asked_touches) {
            self.asked_touches = true;
            let document = document.clone();
            background.ask(Question::Touches, move |cancelled| {
                Touches::of_run(&document.trace, cancelled).map(Answer::Touches)
            });
        }
        self.touches.as_ref()
    }
}
