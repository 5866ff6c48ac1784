//! Runs in pieces, as a recorder hands them over: cut from whole runs, with the run that each piece makes up so far.

use std::ops::Range;

use arrow_array::types::ArrowPrimitiveType;
use arrow_buffer::ArrowNativeType;
use proptest::prelude::*;
use tensorscope::trace::{
    Accesses, Buffer, Column, Graph, GraphEdge, GraphNode, Health, ModelFile, NewRows, NodeType, Nullable, Ops, Pass,
    Phase, Ranges, RunMeta, Tensor, Trace, Track,
};

/// How many rows of each table a part of a run has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    pub passes: usize,
    pub ops: usize,
    pub accesses: usize,
    ranges: usize,
    tensors: usize,
    graphs: usize,
    buffers: usize,
}

impl Part {
    /// The first `passes` of `run` with all that they name, as far as it is not in `before` already.
    pub fn of(run: &Trace, passes: usize, before: Self) -> Self {
        if passes >= run.passes.len() {
            return Self {
                passes: run.passes.len(),
                ops: run.op_count(),
                accesses: run.access_count(),
                ranges: run.ranges.tensor.len(),
                tensors: run.tensors.len(),
                graphs: run.graphs.len(),
                buffers: run.buffers.len(),
            };
        }
        let end = |numbers: &mut dyn Iterator<Item = u32>| numbers.map(|n| n as usize + 1).max().unwrap_or(0);
        let ops = run.passes[passes].first_op as usize;
        let accesses = run.ops.first_access.get(ops).map_or(run.access_count(), |&a| a as usize);
        let ranges = end(&mut run.accesses.range[..accesses].iter().copied()).max(before.ranges);
        let written = end(&mut (0..ops).filter_map(|op| run.ops.destination.get(op)));
        let tensors = end(&mut run.ranges.tensor[..ranges].iter().copied()).max(written).max(before.tensors);
        let graphs = end(&mut run.passes[..passes].iter().filter_map(|p| p.graph)).max(before.graphs);
        let in_buffers = run.tensors[..tensors].iter().filter(|t| t.track == Track::Buffer);
        let buffers = end(&mut in_buffers.filter_map(|t| t.home)).max(before.buffers);
        Self { passes, ops, accesses, ranges, tensors, graphs, buffers }
    }

    /// The rows of `run` up to here.
    pub fn run(self, run: &Trace) -> Trace {
        let NewRows { tensors, ops, ranges, accesses, passes, graphs, buffers, .. } = self.since(Self::default(), run);
        let (meta, health) = (run.meta.clone(), run.health.clone());
        Trace { meta, tensors, ops, ranges, accesses, passes, graphs, buffers, health }
    }

    /// The rows of `run` from `before` to here.
    pub fn since(self, before: Self, run: &Trace) -> NewRows {
        fn column<T: ArrowNativeType>(all: &Column<T>, rows: &Range<usize>) -> Column<T> {
            all[rows.clone()].to_vec().into()
        }
        fn nullable<T: ArrowNativeType>(all: &Nullable<T>, rows: &Range<usize>) -> Nullable<T> {
            let nulls = all.nulls.as_ref().map(|nulls| nulls.slice(rows.start, rows.len()));
            Nullable { values: column(&all.values, rows), nulls }
        }
        let (ops, rows) = (&run.ops, before.ops..self.ops);
        let ops = Ops {
            start_ns: column(&ops.start_ns, &rows),
            duration_ns: nullable(&ops.duration_ns, &rows),
            pass: column(&ops.pass, &rows),
            kind: column(&ops.kind, &rows),
            destination: nullable(&ops.destination, &rows),
            layer: nullable(&ops.layer, &rows),
            thread: nullable(&ops.thread, &rows),
            node: nullable(&ops.node, &rows),
            first_access: column(&ops.first_access, &rows),
        };
        let rows = before.ranges..self.ranges;
        let ranges = Ranges {
            tensor: column(&run.ranges.tensor, &rows),
            offset: column(&run.ranges.offset, &rows),
            length: column(&run.ranges.length, &rows),
            expert: nullable(&run.ranges.expert, &rows),
        };
        let rows = before.accesses..self.accesses;
        let accesses = Accesses {
            range: column(&run.accesses.range, &rows),
            slot: column(&run.accesses.slot, &rows),
            flags: column(&run.accesses.flags, &rows),
        };
        NewRows {
            tensors: run.tensors[before.tensors..self.tensors].to_vec(),
            ops,
            ranges,
            accesses,
            passes: run.passes[before.passes..self.passes].to_vec(),
            first_graph: before.graphs as u32,
            graphs: run.graphs[before.graphs..self.graphs].to_vec(),
            buffers: run.buffers[before.buffers..self.buffers].to_vec(),
        }
    }
}

/// `run` in pieces of `passes` passes: each with the part of the run that is there behind it.
pub fn pieces(run: &Trace, passes: usize) -> Vec<(NewRows, Part)> {
    let mut before = Part::default();
    let mut pieces = Vec::new();
    for end in (passes..run.passes.len() + passes).step_by(passes) {
        let part = Part::of(run, end, before);
        pieces.push((part.since(before, run), part));
        before = part;
    }
    pieces
}

/// The run that comes with the program.
pub fn bundled() -> Trace {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/smollm2-135m.tscope");
    tensorscope::formats::open(&path, &tensorscope::formats::Progress::default()).unwrap()
}

fn array<T: ArrowPrimitiveType>(values: Vec<Option<T::Native>>) -> Nullable<T::Native> {
    let array: arrow_array::PrimitiveArray<T> = values.into_iter().collect();
    let (_, values, nulls) = array.into_parts();
    Nullable { values, nulls }
}

/// Runs of some passes with some ops with some accesses, of which later ones name tensors and graphs that earlier
/// ones do not.
pub fn any_run() -> impl Strategy<Value = Trace> {
    use arrow_array::types::{UInt32Type, UInt64Type};
    let accesses = 0_usize..4;
    let ops = prop::collection::vec(accesses, 0..5);
    let passes = prop::collection::vec((ops, any::<u32>(), any::<bool>()), 0..7);
    passes.prop_map(|shape| {
        let mut run = Trace {
            meta: RunMeta {
                source: "a generated run".to_owned(),
                producer: Some("a test".to_owned()),
                op_names: vec!["ADD".to_owned(), "MUL_MAT".to_owned()],
                clock: "ns".to_owned(),
                mode: "timing".to_owned(),
                notes: vec!["one".to_owned()],
                ..RunMeta::default()
            },
            tensors: vec![],
            ops: Ops::default(),
            ranges: Ranges::default(),
            accesses: Accesses::default(),
            passes: vec![],
            graphs: vec![],
            buffers: vec![],
            health: Health::default(),
        };
        run.meta.model.files.push(ModelFile { name: "model.gguf".to_owned(), bytes: 1 << 20, data_offset: Some(64) });
        let (mut start, mut pass_of, mut kind, mut first) = (vec![], vec![], vec![], vec![]);
        let (mut destination, mut duration, mut layer, mut node) = (vec![], vec![], vec![], vec![]);
        let (mut range, mut slot, mut flags) = (vec![], vec![], vec![]);
        let (mut ranges, mut experts) = (vec![], vec![]);
        for (number, (ops, salt, new_graph)) in shape.into_iter().enumerate() {
            let n = number as u32;
            if new_graph || run.graphs.is_empty() {
                run.graphs.push(graph(run.graphs.len(), 2 + (salt % 3) as usize));
            }
            run.buffers.push(Buffer { name: format!("buffer {n}"), bytes: 4096, ..Buffer::default() });
            run.tensors.push(tensor(&format!("weight {n} ä"), Track::Disk, Some(0), salt));
            run.tensors.push(tensor(&format!("value {n}"), Track::Buffer, Some(n), salt));
            run.tensors.push(tensor("nowhere", Track::Buffer, None, salt));
            let first_op = start.len() as u32;
            let graph_nodes = run.graphs.last().unwrap().nodes.len() as u32;
            for (k, accesses) in ops.iter().enumerate() {
                let mix = salt.rotate_left(5 * k as u32);
                first.push(range.len() as u32);
                start.push(1000 * u64::from(n) + k as u64);
                pass_of.push(n);
                kind.push(mix % 2);
                destination.push((!mix.is_multiple_of(5)).then_some(mix % run.tensors.len() as u32));
                duration.push((!mix.is_multiple_of(3)).then_some(u64::from(mix % 90)));
                layer.push((!mix.is_multiple_of(7)).then_some(mix % 4));
                node.push((!mix.is_multiple_of(2)).then_some(mix % graph_nodes));
                for a in 0..*accesses {
                    let mix = mix.rotate_left(3 * a as u32);
                    if mix.is_multiple_of(2) || ranges.is_empty() {
                        ranges.push(mix % run.tensors.len() as u32);
                        experts.push((mix % 11 < 4).then_some(mix % 8));
                    }
                    range.push(mix % ranges.len() as u32);
                    slot.push((mix % 4) as u8);
                    flags.push(mix % 4);
                }
            }
            run.passes.push(Pass {
                phase: Phase::ALL[salt as usize % 3],
                first_op,
                ops: ops.len() as u32,
                graph: (!salt.is_multiple_of(4)).then_some(run.graphs.len() as u32 - 1),
                start_ns: 1000 * u64::from(n),
                duration_ns: 90,
                reads_disk: u64::from(salt % 9),
                reads_buffer: 3,
                writes: ops.len() as u64,
                token: new_graph.then_some(n),
                positions: (0..salt % 4).collect(),
                token_ids: (0..(salt % 3) as i32).map(|t| -t).collect(),
                text: salt.is_multiple_of(2).then(|| format!("text \u{1F600} {n}")),
            });
        }
        let none = vec![None; start.len()];
        // A node belongs to a graph.
        for (op, node) in node.iter_mut().enumerate() {
            *node = node.filter(|_| run.passes[pass_of[op] as usize].graph.is_some());
        }
        run.ops = Ops {
            start_ns: start.into(),
            duration_ns: array::<UInt64Type>(duration),
            pass: pass_of.into(),
            kind: kind.into(),
            destination: array::<UInt32Type>(destination),
            layer: array::<UInt32Type>(layer),
            thread: array::<UInt32Type>(none),
            node: array::<UInt32Type>(node),
            first_access: first.into(),
        };
        let count = ranges.len() as u64;
        run.ranges = Ranges {
            tensor: ranges.into(),
            offset: (0..count).collect::<Vec<_>>().into(),
            length: (0..count).map(|r| r + 1).collect::<Vec<_>>().into(),
            expert: array::<UInt32Type>(experts),
        };
        run.accesses = Accesses { range: range.into(), slot: slot.into(), flags: flags.into() };
        run
    })
}

fn tensor(name: &str, track: Track, home: Option<u32>, salt: u32) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dtype: salt.is_multiple_of(2).then(|| "f32".to_owned()),
        shape: (1..u64::from(salt % 4)).collect(),
        bytes: 64,
        track,
        home,
        offset: u64::from(salt % 1000),
        layer: (!salt.is_multiple_of(3)).then_some(salt % 5),
        experts: None,
        category: "other".to_owned(),
    }
}

fn graph(number: usize, nodes: usize) -> Graph {
    let node = |k: usize| GraphNode {
        id: format!("{number}.{k}"),
        name: format!("node {k}"),
        label: format!("node {k} of {number}"),
        operation: "ADD".to_owned(),
        shape: vec![k as u64, 2],
        dtype: None,
        layer: Some(0),
        node_type: NodeType::Layer,
        leaf: false,
    };
    let edges = (1..nodes as u32).map(|k| GraphEdge { source: k - 1, target: k, slot: 0 });
    Graph { nodes: (0..nodes).map(node).collect(), edges: edges.collect() }
}
