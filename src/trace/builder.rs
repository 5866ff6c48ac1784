//! From what readers found to the model: passes, places, layers, graphs.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use rayon::prelude::*;

use super::graph::{CONSTANT, Graph, GraphEdge, GraphNode};
use super::health::{Health, Severity};
use super::model::*;
use super::names::NodeType;
use super::raw::{Fault, NameId, Names, OpRow, OpShape, RawBuffer, RawGraph, RawModel, RawNode};
use super::resolve::{ResolvedPass, Resolver};

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

/// Collects what readers find, in any order but that of the ops.
#[derive(Debug, Default)]
pub struct Builder {
    /// Names of tensors.
    pub names: Names,
    /// Names of ops.
    pub kinds: Names,
    pub meta: RunMeta,
    pub health: Health,
    /// Length that the source cuts operand names to, if it does.
    pub operand_name_limit: Option<usize>,
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
    pub fn build(mut self, cancel: &AtomicBool) -> Result<Trace, BuildError> {
        if self.rows.len() >= NONE as usize {
            return Err(BuildError::TooMany { what: "ops", count: self.rows.len() as u64 });
        }
        let spans = self.split_passes();
        self.report_time(&spans);
        self.report_warmup(&spans);
        let (mut graphs, full_names, graph_of_file) = distinct_graphs(std::mem::take(&mut self.graphs));
        let from_files = !graphs.is_empty();

        let mut resolver = Resolver::new(&mut self.names, &self.kinds, &self.shapes, self.operand_name_limit);
        resolver.set_model(self.model.take(), &mut self.meta.model, &mut self.health);
        let mut classes: Vec<ResolvedPass> = Vec::new();
        let mut class_of: Vec<u32> = Vec::with_capacity(spans.len());
        let mut class_index: HashMap<_, Vec<(u32, Range<usize>)>> = HashMap::new();
        let mut derived: HashMap<u64, Vec<u32>> = HashMap::new();
        for (k, span) in spans.iter().enumerate() {
            if cancel.load(Ordering::Relaxed) {
                return Err(BuildError::Cancelled);
            }
            let graph = graph_of_pass(k as u32, spans.len(), &graph_of_file);
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
            let mut pass =
                resolver.resolve(&sequence, graph.map(|g| (&graphs[g as usize], full_names[g as usize].as_slice())));
            pass.graph = graph;
            if !from_files {
                let graph = resolver.derive_graph(&sequence);
                let hash = hash_graph(&self.hasher, &graph);
                let candidates = derived.entry(hash).or_default();
                let known = candidates.iter().copied().find(|&g| graphs[g as usize] == graph);
                let index = known.unwrap_or(graphs.len() as u32);
                if known.is_none() {
                    candidates.push(index);
                    graphs.push(graph);
                }
                pass.node = (0..sequence.len() as u32).collect();
                pass.layer =
                    graphs[index as usize].nodes[..sequence.len()].iter().map(|n| n.layer.unwrap_or(NONE)).collect();
                pass.graph = Some(index);
            }
            let class = classes.len() as u32;
            class_index.entry(key).or_default().push((class, span.clone()));
            class_of.push(class);
            classes.push(pass);
        }

        resolver.report(&classes, from_files, &mut self.health);
        let (tensors, ranges, buffers) =
            resolver.finish(std::mem::take(&mut self.buffers), self.rows.first().map(|r| r.start_ns));
        let access_total: u64 = class_of.iter().map(|&c| classes[c as usize].range.len() as u64).sum();
        if access_total >= u64::from(NONE) {
            return Err(BuildError::TooMany { what: "accesses", count: access_total });
        }
        for file in 0..self.meta.model.files.len() {
            let end = tensors
                .iter()
                .filter(|t| t.track == Track::Disk && t.home == Some(file as u32))
                .map(|t| t.offset.saturating_add(t.bytes))
                .max();
            let known = &mut self.meta.model.files[file];
            if known.bytes == 0 {
                known.bytes = end.unwrap_or(0);
            }
        }
        self.meta.op_names = self.kinds.iter().map(str::to_owned).collect();
        let (ops, accesses, passes) = expand(&self.rows, &self.shapes, &spans, &class_of, &classes);
        Ok(Trace { meta: self.meta, tensors, ops, ranges, accesses, passes, graphs, buffers, health: self.health })
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
        for i in 1..self.rows.len() {
            let (first, previous, row) = (&self.rows[start], &self.rows[i - 1], &self.rows[i]);
            if row.token != previous.token || row.phase != previous.phase || key(row) == key(first) {
                spans.push(start..i);
                start = i;
            }
        }
        if start < self.rows.len() {
            spans.push(start..self.rows.len());
        }
        spans
    }

    fn report_time(&mut self, spans: &[Range<usize>]) {
        let backwards = |i: &usize| self.rows[*i].start_ns < self.rows[*i - 1].start_ns;
        let count = (1..self.rows.len()).into_par_iter().filter(backwards).count();
        let first = (1..self.rows.len()).find(backwards);
        self.health.report(
            "time_backwards",
            Severity::Warning,
            count as u64,
            "ops begin before the op that precedes them; such ops have no duration",
            || {
                let at = first.unwrap_or(0);
                let pass = spans.partition_point(|s| s.start <= at).saturating_sub(1);
                format!("op {at} in pass {pass}")
            },
        );
    }

    /// The predecessor labels llama.cpp's warm-up run PROMPT, and the prompt itself GENERATE under the same number.
    fn report_warmup(&mut self, spans: &[Range<usize>]) {
        let label = |k: usize| spans.get(k).map(|s| &self.rows[s.start]).map(|r| (r.token, r.phase));
        let suspicious = (0..spans.len()).find(|&k| {
            matches!((label(k), label(k + 1)),
                (Some((a, Phase::Prompt)), Some((b, Phase::Generate))) if a == b)
        });
        if let Some(pass) = suspicious {
            self.health.report(
                "phase_looks_like_warmup",
                Severity::Warning,
                1,
                "a pass labelled prompt looks like llama.cpp's warm-up run, and the pass labelled generate after it like the prompt; labels are kept",
                || format!("passes {pass} and {}", pass + 1),
            );
        }
    }
}

fn sequence_hash(hasher: &DefaultHashBuilder, sequence: impl Iterator<Item = u32>) -> u64 {
    sequence.fold(0xcbf2_9ce4_8422_2325, |hash, shape| hasher.hash_one((hash, shape)))
}

fn hash_graph(hasher: &DefaultHashBuilder, graph: &Graph) -> u64 {
    let nodes = graph.nodes.iter().fold(0, |h, n| hasher.hash_one((h, &n.name, &n.operation, &n.shape, &n.dtype)));
    graph.edges.iter().fold(nodes, |h, e| hasher.hash_one((h, e)))
}

/// Graph `k` of as many as passes; else the last with a number up to `k`; else the first.
fn graph_of_pass(k: u32, passes: usize, graph_of_file: &[(u32, u32)]) -> Option<u32> {
    if graph_of_file.len() == passes {
        return Some(graph_of_file[k as usize].1);
    }
    let up_to = graph_of_file.partition_point(|(number, _)| *number <= k);
    graph_of_file.get(up_to.saturating_sub(1)).map(|(_, graph)| *graph)
}

/// The distinct graphs; for each the names of its nodes with what the source's parser cut off; and for every file,
/// in order of number, which graph it holds.
type DistinctGraphs = (Vec<Graph>, Vec<Vec<String>>, Vec<(u32, u32)>);

fn distinct_graphs(mut files: Vec<(u32, RawGraph)>) -> DistinctGraphs {
    files.sort_by_key(|(number, _)| *number);
    let mut graphs: Vec<Graph> = Vec::new();
    let mut full_names = Vec::new();
    let mut of_file = Vec::with_capacity(files.len());
    for (number, raw) in files {
        let names = raw.nodes.iter().map(full_name).collect();
        let graph = from_raw(raw);
        // Ids are the source's own names for nodes and carry no structure.
        let known = graphs.iter().position(|g| {
            g.edges == graph.edges
                && g.nodes.len() == graph.nodes.len()
                && g.nodes.iter().zip(&graph.nodes).all(|(a, b)| {
                    a.name == b.name && a.operation == b.operation && a.shape == b.shape && a.dtype == b.dtype
                })
        });
        of_file.push((number, known.unwrap_or(graphs.len()) as u32));
        if known.is_none() {
            graphs.push(graph);
            full_names.push(names);
        }
    }
    (graphs, full_names, of_file)
}

fn full_name(node: &RawNode) -> String {
    match &node.cut_suffix {
        Some(suffix) => format!("{} ({suffix})", node.name.trim()),
        None => node.name.trim().to_owned(),
    }
}

fn from_raw(raw: RawGraph) -> Graph {
    let nodes = raw
        .nodes
        .into_iter()
        .map(|node| GraphNode {
            id: node.id,
            label: String::new(),
            operation: if node.leaf { CONSTANT.to_owned() } else { node.operation },
            shape: node.shape,
            dtype: node.dtype,
            layer: None,
            node_type: NodeType::Infrastructure,
            leaf: node.leaf,
            name: node.name,
        })
        .collect();
    let edges = raw.edges.iter().map(|e| GraphEdge { source: e.source, target: e.target, slot: e.slot }).collect();
    let mut graph = Graph { nodes, edges };
    graph.classify();
    graph
}

/// Columns for every op of every pass, from what each class of passes has in common.
fn expand(
    rows: &[OpRow],
    shapes: &[OpShape],
    spans: &[Range<usize>],
    class_of: &[u32],
    classes: &[ResolvedPass],
) -> (Ops, Accesses, Vec<Pass>) {
    let origin = rows.first().map_or(0, |r| r.start_ns);
    let mut start_ns = vec![0_u64; rows.len()];
    let mut duration_ns = vec![0_u64; rows.len()];
    let mut kind = vec![0_u32; rows.len()];
    let mut thread = vec![0_u32; rows.len()];
    rows.par_iter()
        .enumerate()
        .map(|(i, row)| {
            let shape = &shapes[row.shape as usize];
            let next = rows.get(i + 1).and_then(|next| next.start_ns.checked_sub(row.start_ns));
            (row.start_ns.saturating_sub(origin), next.unwrap_or(u64::MAX), shape.kind, shape.thread.unwrap_or(NONE))
        })
        .zip(
            start_ns.par_iter_mut().zip(duration_ns.par_iter_mut()).zip(kind.par_iter_mut().zip(thread.par_iter_mut())),
        )
        .with_min_len(4096)
        .for_each(|((start, duration, k, t), ((start_out, duration_out), (kind_out, thread_out)))| {
            *start_out = start;
            *duration_out = duration;
            *kind_out = k;
            *thread_out = t;
        });

    let mut pass_column = Vec::with_capacity(rows.len());
    let mut destination = Vec::with_capacity(rows.len());
    let mut layer = Vec::with_capacity(rows.len());
    let mut node = Vec::with_capacity(rows.len());
    let mut first_access = Vec::with_capacity(rows.len());
    let total = class_of.iter().map(|&c| classes[c as usize].range.len()).sum();
    let mut range = Vec::with_capacity(total);
    let mut slot = Vec::with_capacity(total);
    let mut access_flags = Vec::with_capacity(total);
    let mut passes = Vec::with_capacity(spans.len());
    for (k, (span, &class)) in spans.iter().zip(class_of).enumerate() {
        let class = &classes[class as usize];
        // The next stamp belongs to another pass: the last op's end is not known.
        duration_ns[span.end - 1] = u64::MAX;
        pass_column.resize(span.end, k as u32);
        destination.extend_from_slice(&class.destination);
        layer.extend_from_slice(&class.layer);
        node.extend_from_slice(&class.node);
        let base = range.len() as u32;
        first_access.extend(class.first_access.iter().map(|a| base + a));
        range.extend_from_slice(&class.range);
        slot.extend_from_slice(&class.slot);
        access_flags.extend_from_slice(&class.flags);
        let start = start_ns[span.start];
        let end = start_ns[span.clone()].iter().copied().max().unwrap_or(start);
        passes.push(Pass {
            phase: rows[span.start].phase,
            first_op: span.start as u32,
            ops: span.len() as u32,
            graph: class.graph,
            start_ns: start,
            duration_ns: end.saturating_sub(start),
            reads_disk: class.reads_disk,
            reads_buffer: class.reads_buffer,
            writes: span.len() as u64,
            token: Some(rows[span.start].token),
            positions: Vec::new(),
            token_ids: Vec::new(),
            text: None,
        });
    }
    let ops = Ops {
        start_ns: start_ns.into(),
        duration_ns: Nullable::from_sentinel(duration_ns, u64::MAX),
        pass: pass_column.into(),
        kind: kind.into(),
        destination: Nullable::from_sentinel(destination, NONE),
        layer: Nullable::from_sentinel(layer, NONE),
        thread: Nullable::from_sentinel(thread, NONE),
        node: Nullable::from_sentinel(node, NONE),
        first_access: first_access.into(),
    };
    let accesses = Accesses { range: range.into(), slot: slot.into(), flags: access_flags.into() };
    (ops, accesses, passes)
}

/// Kept by the resolver for every operand: which name ids to look for.
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
