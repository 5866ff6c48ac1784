//! From what readers found to the model: passes, places, layers, graphs.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use rayon::prelude::*;

use super::columns::expand;
use super::distinct::{DistinctGraphs, graph_of_pass};
use super::health::{Health, Severity};
use super::map_repair;
use super::model::*;
use super::places::Places;
use super::raw::{Fault, NameId, Names, OpRow, OpShape, RawBuffer, RawGraph, RawModel};
use super::resolve::{ResolvedPass, Resolver, Vocabulary};

/// `u32::MAX` stands for "none" while columns are built.
pub(super) const NONE: u32 = u32::MAX;

/// The run has more rows than its 32-bit indices can name, or loading was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("the run has {count} {what}, more than the {} that one run can hold", u32::MAX)]
    TooMany { what: &'static str, count: u64 },
    #[error("cancelled")]
    Cancelled,
}

/// Where the model's tensors were read from: the headers of the files are right, the predecessor's maps often not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelSource {
    Headers,
    Map,
}

/// Bytes that are left of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameLimits {
    pub operand_bytes: usize,
    pub destination_bytes: usize,
}

/// Hash of a pass's shapes, and its graph: passes that have both in common are mostly the same.
type ClassKey = (u64, Option<u32>);

/// No file or buffer of a model reaches this far today.
const FARTHEST_BYTES: u64 = 1 << 46;

/// One damaged address stretches its track until nothing else can be seen on it.
fn report_far_away(tensors: &[Tensor], health: &mut Health) {
    let far = |t: &&Tensor| t.offset.saturating_add(t.bytes) > FARTHEST_BYTES;
    health.report(
        "address_implausible",
        Severity::Error,
        tensors.iter().filter(far).count() as u64,
        "tensors end beyond 64 TiB of their file or buffer: addresses are damaged, and the track is stretched by them",
        || tensors.iter().find(far).map_or_else(String::new, |t| format!("{} at byte {}", t.name.trim(), t.offset)),
    );
}

/// Collects what readers find, in any order but that of the ops.
#[derive(Debug, Default)]
pub struct Builder {
    /// Names of tensors.
    pub names: Names,
    /// Names of ops.
    pub kinds: Names,
    pub meta: RunMeta,
    pub health: Health,
    /// Lengths that the source cuts names to, if it does.
    pub name_limits: Option<NameLimits>,
    shapes: Vec<OpShape>,
    shape_index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    rows: Vec<OpRow>,
    model: Option<(RawModel, ModelSource)>,
    buffers: Vec<RawBuffer>,
    graphs: Vec<(u32, RawGraph)>,
}

impl Builder {
    pub fn shape(&mut self, shape: OpShape) -> u32 {
        let hash = self.hasher.hash_one(&shape);
        let found = self.shape_index.find(hash, |&i| self.shapes[i as usize] == shape);
        if let Some(&index) = found {
            return index;
        }
        let index = self.shapes.len() as u32;
        self.shapes.push(shape);
        let (shapes, hasher) = (&self.shapes, &self.hasher);
        self.shape_index.insert_unique(hash, index, |&i| hasher.hash_one(&shapes[i as usize]));
        index
    }

    /// Makes room for `rows` more ops, which are there already: never a count that a file gives.
    pub fn reserve_rows(&mut self, rows: usize) {
        self.rows.reserve(rows);
    }

    pub fn push_rows(&mut self, rows: impl IntoIterator<Item = OpRow>) {
        self.rows.extend(rows);
    }

    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    pub fn set_model(&mut self, model: RawModel, source: ModelSource) {
        self.model = Some((model, source));
    }

    pub fn has_model(&self) -> bool {
        self.model.is_some()
    }

    pub fn add_buffers(&mut self, buffers: Vec<RawBuffer>) {
        self.buffers.extend(buffers);
    }

    /// `number` is what the source numbers the graph by.
    pub fn add_graph(&mut self, number: u32, graph: RawGraph) {
        self.graphs.push((number, graph));
    }

    pub fn graph_count(&self) -> usize {
        self.graphs.len()
    }

    pub fn add_faults(&mut self, faults: Vec<Fault>) {
        for fault in faults {
            self.health.report(fault.code, fault.severity, fault.count, fault.message, || fault.example);
        }
    }

    /// The run. `cancel` is looked at between passes.
    ///
    /// # Errors
    /// When the run has more ops or accesses than its indices can name, or `cancel` was set.
    pub fn build(mut self, cancel: &AtomicBool) -> Result<Trace, BuildError> {
        if self.rows.len() >= NONE as usize {
            return Err(BuildError::TooMany { what: "ops", count: self.rows.len() as u64 });
        }
        let spans = self.split_passes();
        self.report_time(&spans);
        let read_name = self.read_names();
        let model = self.take_model();
        let mut graphs = DistinctGraphs::default();
        let graph_of_file = graphs.add_files(std::mem::take(&mut self.graphs));
        let from_files = !graph_of_file.is_empty();

        let words = Vocabulary {
            names: &self.names,
            kinds: &self.kinds,
            shapes: &self.shapes,
            read_name: &read_name,
            destination_bytes: self.name_limits.map(|l| l.destination_bytes),
        };
        report_warmup(&self.rows, &spans, &words, &mut self.health);
        let places = Places::new(&self.names, model.as_ref());
        let mut resolver = Resolver::new(words, places, model.as_ref().and_then(|m| m.experts_used));
        let mut classes: Vec<ResolvedPass> = Vec::new();
        let mut class_of: Vec<u32> = Vec::with_capacity(spans.len());
        let mut class_index: HashMap<ClassKey, Vec<(u32, Range<usize>)>> = HashMap::new();
        for (k, span) in spans.iter().enumerate() {
            if cancel.load(Ordering::Relaxed) {
                return Err(BuildError::Cancelled);
            }
            let graph = graph_of_pass(k, spans.len(), &graph_of_file);
            let shapes = || self.rows[span.clone()].iter().map(|r| r.shape);
            let key = (sequence_hash(&self.hasher, shapes()), graph);
            let same = class_index.get(&key).and_then(|candidates| {
                candidates.iter().find(|(_, other)| self.rows[other.clone()].iter().map(|r| r.shape).eq(shapes()))
            });
            if let Some(&(class, _)) = same {
                classes[class as usize].passes += 1;
                class_of.push(class);
                continue;
            }
            let sequence: Vec<u32> = shapes().collect();
            let implied = (!from_files).then(|| {
                let graph = resolver.implied_graph(&sequence);
                let full_names = graph.nodes.iter().map(|n| n.name.trim().to_owned()).collect();
                graphs.add(graph, full_names)
            });
            let graph = graph.or(implied);
            let known = graph.map(|g| (&graphs.graphs[g as usize], graphs.full_names[g as usize].as_slice()));
            let mut pass = resolver.resolve(&sequence, known);
            pass.graph = graph;
            let class = classes.len() as u32;
            class_index.entry(key).or_default().push((class, span.clone()));
            class_of.push(class);
            classes.push(pass);
        }

        let access_total: u64 = class_of.iter().map(|&c| classes[c as usize].range.len() as u64).sum();
        if access_total >= u64::from(NONE) {
            return Err(BuildError::TooMany { what: "accesses", count: access_total });
        }
        resolver.report(&classes, from_files, &mut self.health);
        let (tensors, ranges, buffers) =
            resolver.into_places().finish(&self.buffers, self.rows.first().map(|r| r.start_ns));
        report_far_away(&tensors, &mut self.health);
        self.meta.model = described(model, &tensors);
        self.meta.op_names = self.kinds.iter().map(str::to_owned).collect();
        let (ops, accesses, passes) = expand(&self.rows, &self.shapes, &spans, &class_of, &classes);
        let (meta, health, graphs) = (self.meta, self.health, graphs.graphs);
        Ok(Trace { meta, tensors, ops, ranges, accesses, passes, graphs, buffers, health })
    }

    /// Per name the id of what operands call it, which may be cut shorter than the destination that it is.
    fn read_names(&mut self) -> Vec<NameId> {
        let Some(limits) = self.name_limits else { return (0..self.names.len() as NameId).collect() };
        let all: Vec<String> = self.names.iter().map(|n| cut(n, Some(limits.operand_bytes)).to_owned()).collect();
        all.iter().map(|n| self.names.intern(n)).collect()
    }

    fn take_model(&mut self) -> Option<RawModel> {
        let (mut model, source) = self.model.take()?;
        if source == ModelSource::Map {
            map_repair::repair(&mut model, &self.names, &self.shapes, &mut self.health);
        }
        Some(model)
    }

    /// A pass begins when token number or phase changes, or when the pass's first op comes again.
    fn split_passes(&self) -> Vec<Range<usize>> {
        // What identifies an op within its pass; rows that list an operand each have no destination to go by.
        let key = |row: &OpRow| {
            let shape = &self.shapes[row.shape as usize];
            (shape.kind, shape.destination.or_else(|| shape.operands.first().map(|o| o.name)))
        };
        let mut spans = Vec::new();
        let mut start = 0;
        let mut first = self.rows.first().map(key);
        for (i, pair) in (1..).zip(self.rows.windows(2)) {
            let (previous, row) = (&pair[0], &pair[1]);
            if row.token != previous.token || row.phase != previous.phase || Some(key(row)) == first {
                spans.push(start..i);
                start = i;
                first = Some(key(row));
            }
        }
        if start < self.rows.len() {
            spans.push(start..self.rows.len());
        }
        spans
    }

    fn report_time(&mut self, spans: &[Range<usize>]) {
        let backwards = |i: &usize| self.rows[*i].start_ns < self.rows[*i - 1].start_ns;
        let count = (1..self.rows.len()).into_par_iter().with_min_len(65_536).filter(backwards).count();
        let first = (1..self.rows.len()).find(|i| count > 0 && backwards(i));
        self.health.report(
            "time_backwards",
            Severity::Warning,
            count as u64,
            "ops begin before the op that precedes them; the ops before have no duration",
            || {
                let at = first.unwrap_or(0);
                let pass = spans.partition_point(|s| s.start <= at).saturating_sub(1);
                format!("op {at} in pass {pass}")
            },
        );
    }
}

/// The predecessor labels llama.cpp's warm-up PROMPT, which decodes two tokens at most, and the prompt itself GENERATE
/// under the same token number.
fn report_warmup(rows: &[OpRow], spans: &[Range<usize>], words: &Vocabulary<'_>, health: &mut Health) {
    let tokens = |span: &Range<usize>| words.tokens(rows[span.clone()].iter().map(|r| r.shape));
    let looks_so = |pair: &&[Range<usize>]| {
        let (warmup, prompt) = (&rows[pair[0].start], &rows[pair[1].start]);
        (warmup.phase, prompt.phase) == (Phase::Prompt, Phase::Generate)
            && warmup.token == prompt.token
            && tokens(&pair[0]).is_none_or(|n| n <= 2)
            && tokens(&pair[1]).is_none_or(|n| n > 1)
    };
    let count = spans.windows(2).filter(looks_so).count() as u64;
    health.report(
        "phase_looks_like_warmup",
        Severity::Warning,
        count,
        "a pass labelled prompt looks like llama.cpp's warm-up run, and the pass labelled generate after it like the prompt; the labels are kept",
        || {
            let first = spans.windows(2).position(|pair| looks_so(&pair)).unwrap_or(0);
            format!("passes {first} and {}", first + 1)
        },
    );
}

/// The model for people. Files whose size nobody knows end with their last tensor.
fn described(model: Option<RawModel>, tensors: &[Tensor]) -> Model {
    let on_disk = || tensors.iter().filter(|t| t.track == Track::Disk);
    let mut described = match model {
        Some(raw) => Model::from(&raw),
        None if on_disk().next().is_some() => {
            let file = ModelFile { name: "model".to_owned(), bytes: 0, data_offset: None };
            Model { files: vec![file], ..Model::default() }
        }
        None => Model::default(),
    };
    for (index, file) in (0_u32..).zip(&mut described.files).filter(|(_, file)| file.bytes == 0) {
        let ends = on_disk().filter(|t| t.home == Some(index)).map(|t| t.offset.saturating_add(t.bytes));
        file.bytes = ends.max().unwrap_or(0);
    }
    described
}

fn sequence_hash(hasher: &DefaultHashBuilder, sequence: impl Iterator<Item = u32>) -> u64 {
    sequence.fold(0xcbf2_9ce4_8422_2325, |hash, shape| hasher.hash_one((hash, shape)))
}

/// What is left of `name` where names have at most `limit` bytes.
pub(super) fn cut(name: &str, limit: Option<usize>) -> &str {
    match limit {
        Some(limit) if name.len() > limit => {
            let mut end = limit;
            while !name.is_char_boundary(end) {
                end -= 1;
            }
            &name[..end]
        }
        _ => name,
    }
}

/// Interns every name of a shape into `names`, given the table it was made with.
pub fn translate(shape: &OpShape, name: impl Fn(NameId) -> NameId, kind: impl Fn(NameId) -> NameId) -> OpShape {
    let mut shape = shape.clone();
    shape.kind = kind(shape.kind);
    shape.destination = shape.destination.map(&name);
    for operand in &mut shape.operands {
        operand.name = name(operand.name);
    }
    shape
}
