//! Watches one pass after the other: which ops run, in which order, when, and which bytes they touch.
//!
//! Passes mostly repeat: a node that is the same as at this place of the pass before touches the same ranges, and only
//! those that follow from indices are worked out again.

use std::collections::HashMap;

use tensorscope::trace::graph::CONSTANT;
use tensorscope::trace::{DESTINATION_SLOT, Graph, GraphEdge, GraphNode, Health, NodeType, Severity, Track};

use crate::catalog::Catalog;
use crate::clock::now_ns;
use crate::llama::context::Watch;
use crate::llama::tensor::{BufferUsage, Copied, Tensor};
use crate::plan::{Access, Part, Place};

/// Name of the buffers in which llama.cpp maps model files.
const MAPPED_BUFFER: &str = "CPU_Mapped";

/// What is stamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Start and end of every op; runs them one by one
    Timing,
    /// Order and ranges, times per pass; costs least
    Order,
}

impl Mode {
    pub fn label(self) -> &'static str {
        match self {
            Self::Timing => "timing",
            Self::Order => "order",
        }
    }
}

/// One executed op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    pub start_ns: u64,
    pub duration_ns: Option<u64>,
    /// ggml's number of the op.
    pub kind: u32,
    /// Row of the tensor that its result is, or is a view of.
    pub destination: Option<u32>,
    /// Of the nodes of its graph.
    pub node: u32,
    /// Its first access, counted from the pass's first.
    pub first_access: u32,
}

/// What one pass did.
#[derive(Debug, Clone, Default)]
pub struct PassTrace {
    pub ops: Vec<Op>,
    pub accesses: Vec<Access>,
    pub graph: u32,
    /// Operands by where they lie.
    pub reads_disk: u64,
    pub reads_buffer: u64,
}

/// A node at its place in the pass, and what follows from it.
struct Known {
    node: Copied,
    /// Operands that no node computes.
    leafs: Vec<Copied>,
    /// Slot and look of those operands that may change while the node stays the same: inputs and caches. Weights do not,
    /// and nodes are looked at when they come.
    inputs: Vec<(usize, Copied)>,
    plan: Plan,
}

#[derive(Clone)]
enum Plan {
    /// Listed in the graph, not executed.
    NeverRuns,
    Op(OpPlan),
}

#[derive(Clone)]
struct OpPlan {
    kind: u32,
    destination: Option<u32>,
    reads_disk: u32,
    reads_buffer: u32,
    parts: Vec<Part>,
    /// Has work to do, and so a time.
    works: bool,
    /// Its indices are computed by the graph, and only there once it ran.
    waits: bool,
}

pub struct Observer {
    pub catalog: Catalog,
    pub health: Health,
    mode: Mode,
    /// The nodes of the last pass, in order; those of this one as far as it went.
    known: Vec<Known>,
    /// Whether every node so far was as in the last pass.
    repeats: bool,
    /// Nodes of this pass so far.
    next: usize,
    pass: PassTrace,
    pass_start_ns: u64,
    origin_ns: u64,
    graph: Option<u32>,
    /// Indices of this pass by the tensor that holds them.
    ids: HashMap<usize, Vec<i64>>,
    /// Address of each model file's first byte, as its first weight tells.
    file_base: HashMap<u32, u64>,
    spent_ns: u64,
}

impl Observer {
    pub fn new(catalog: Catalog, mode: Mode) -> Self {
        Self {
            catalog,
            health: Health::default(),
            mode,
            known: Vec::new(),
            repeats: true,
            next: 0,
            pass: PassTrace::default(),
            pass_start_ns: 0,
            origin_ns: 0,
            graph: None,
            ids: HashMap::new(),
            file_base: HashMap::new(),
            spent_ns: 0,
        }
    }

    /// Time spent in here since the last call.
    pub fn take_spent_ns(&mut self) -> u64 {
        std::mem::take(&mut self.spent_ns)
    }

    /// A pass begins at `start_ns` of a run whose first began at `origin_ns`.
    pub fn begin(&mut self, start_ns: u64, origin_ns: u64) {
        self.pass = PassTrace::default();
        (self.pass_start_ns, self.origin_ns) = (start_ns - origin_ns, origin_ns);
        (self.next, self.repeats) = (0, true);
        self.ids.clear();
    }

    /// The pass is over.
    pub fn end(&mut self) -> PassTrace {
        let begun = now_ns();
        let same = self.repeats && self.next == self.known.len();
        self.known.truncate(self.next);
        let graph = match self.graph.filter(|_| same) {
            Some(graph) => graph,
            None => self.describe_graph(),
        };
        self.graph = Some(graph);
        self.pass.graph = graph;
        self.spent_ns += now_ns() - begun;
        std::mem::take(&mut self.pass)
    }

    /// What `node` touches: as in the last pass, or worked out.
    fn plan(&mut self, node: Tensor<'_>) -> usize {
        let at = self.next;
        self.next += 1;
        let as_known = |known: &Known| {
            let same = |(slot, input): &(usize, Copied)| node.source(*slot).is_some_and(|s| s.same_as(input));
            node.same_as(&known.node) && known.inputs.iter().all(same)
        };
        // What is the same may still be a view of something else when anything before it changed.
        if self.repeats && self.known.get(at).is_some_and(as_known) {
            return at;
        }
        self.repeats = false;
        let plan = self.work_out(node);
        let leafs = || node.sources().filter(|(_, source)| source.is_leaf());
        let is_weight = |leaf: Tensor<'_>| leaf.buffer().is_some_and(|b| b.usage == BufferUsage::Weights);
        let inputs = leafs().filter(|(_, leaf)| !is_weight(*leaf));
        self.known.truncate(at);
        self.known.push(Known {
            node: node.copied(),
            leafs: leafs().map(|(_, leaf)| leaf.copied()).collect(),
            inputs: inputs.map(|(slot, leaf)| (usize::from(slot), leaf.copied())).collect(),
            plan,
        });
        at
    }

    fn work_out(&mut self, node: Tensor<'_>) -> Plan {
        if !node.runs() {
            return Plan::NeverRuns;
        }
        let mut plan = OpPlan {
            kind: node.op(),
            destination: None,
            reads_disk: 0,
            reads_buffer: 0,
            parts: Vec::new(),
            works: !node.is_no_op(),
            waits: false,
        };
        for (slot, source) in node.sources() {
            let place = self.place(source);
            match place.and_then(|p| self.catalog.tensor(p.tensor)).map(|t| t.track) {
                Some(Track::Disk) => plan.reads_disk += 1,
                _ => plan.reads_buffer += 1,
            }
            if let Some(place) = place.filter(|_| plan.works) {
                plan.parts.extend(Part::read(node, slot, source, place, &mut self.catalog));
            }
        }
        if let Some(place) = self.place(node) {
            plan.destination = Some(place.tensor);
            if plan.works {
                plan.parts.push(Part::write(node, DESTINATION_SLOT, place, &mut self.catalog));
            }
        }
        let estimated = plan.parts.iter().filter(|p| p.is_estimated()).count() as u64;
        self.health.report(
            "operand_estimated",
            Severity::Warning,
            estimated,
            "operands lie in too many pieces to list; what they span is counted, marked as estimated",
            || format!("{} of {}", node.op_name(), node.name()),
        );
        let ids = |part: &Part| part.ids().and_then(|slot| node.source(slot));
        plan.waits = plan.parts.iter().filter_map(ids).any(|ids| !ids.root().is_leaf());
        Plan::Op(plan)
    }

    /// Where the tensor lies that `tensor` is or is a view of, and where in it `tensor` begins.
    fn place(&mut self, tensor: Tensor<'_>) -> Option<Place> {
        let root = tensor.root();
        let offset = tensor.address().wrapping_sub(root.address());
        let buffer = root.buffer()?;
        let name = root.name();
        if buffer.usage == BufferUsage::Weights {
            let known = self.catalog.weight(&name);
            if let Some(row) = known.filter(|_| buffer.name == MAPPED_BUFFER) {
                self.check_address(row, root);
                return Some(Place { tensor: row, offset });
            }
            let message = "weights were copied out of the model file when it was loaded: reading them touches memory, \
                           and shows on the BUFFER track";
            self.health
                .report("weight_not_mapped", Severity::Warning, 1, message, || format!("{name} in {}", buffer.name));
        }
        let row = self.catalog.buffer(&buffer, &name, self.pass_start_ns);
        let from_base = root.address().wrapping_sub(buffer.base);
        let bytes = root.layout().span();
        let tensor =
            self.catalog.runtime_tensor(name.into_owned(), row, from_base, bytes, root.shape(), root.type_name());
        Some(Place { tensor, offset })
    }

    /// Weights of one file must all lie at the same distance from their place in it.
    fn check_address(&mut self, row: u32, weight: Tensor<'_>) {
        let Some(tensor) = self.catalog.tensor(row) else { return };
        let (file, base) = (tensor.home.unwrap_or(0), weight.address().wrapping_sub(tensor.offset));
        let expected = *self.file_base.entry(file).or_insert(base);
        let message = "weights do not lie where the model file's header says; their ranges are the header's";
        self.health.report("weight_misplaced", Severity::Error, u64::from(expected != base), message, || {
            format!("{} at {:#x}", weight.name(), weight.address())
        });
    }

    /// Lists op `known` as one that begins now.
    fn begin_op(&mut self, known: usize) {
        let Plan::Op(plan) = &self.known[known].plan else { return };
        let start_ns = match self.mode {
            Mode::Timing => now_ns() - self.origin_ns,
            Mode::Order => self.pass_start_ns,
        };
        self.pass.reads_disk += u64::from(plan.reads_disk);
        self.pass.reads_buffer += u64::from(plan.reads_buffer);
        self.pass.ops.push(Op {
            start_ns,
            // What has nothing to do takes no time.
            duration_ns: (self.mode == Mode::Timing && !plan.works).then_some(0),
            kind: plan.kind,
            destination: plan.destination,
            node: known as u32,
            first_access: self.pass.accesses.len() as u32,
        });
    }

    /// Lists what op `known`, which is `node`, touches. Its indices are there.
    fn list_accesses(&mut self, known: usize, node: Tensor<'_>) {
        let Plan::Op(plan) = &self.known[known].plan else { return };
        for part in &plan.parts {
            let ids: &[i64] = match part.ids().and_then(|slot| node.source(slot)) {
                // One tensor of indices serves several ops.
                Some(ids) => self.ids.entry(ids.handle()).or_insert_with(|| ids.integers().unwrap_or_default()),
                None => &[],
            };
            let accesses = &mut self.pass.accesses;
            if let Err(wrong) = part.expand(ids, &mut self.catalog, &mut |access| accesses.push(access)) {
                let message = "indices name rows or experts that their tensor does not have; they were left out";
                self.health.report("index_out_of_range", Severity::Error, 1, message, || {
                    format!("{} of {} in {} ({})", wrong.index, wrong.count, node.name(), node.op_name())
                });
            }
        }
    }

    /// The graph of the pass, from the copies of its nodes; called while they live.
    fn describe_graph(&mut self) -> u32 {
        let mut graph = Graph::default();
        let mut index: HashMap<usize, u32> = HashMap::new();
        let mut never_run = Vec::new();
        for (i, known) in (0_u32..).zip(&self.known) {
            index.insert(known.node.handle(), i);
            if matches!(known.plan, Plan::NeverRuns) {
                never_run.push(i);
            }
            graph.nodes.push(describe(&known.node, i));
        }
        for (target, known) in (0_u32..).zip(&self.known) {
            for (slot, source) in known.node.source_handles() {
                let source = match (index.get(&source), known.leafs.iter().find(|s| s.handle() == source)) {
                    (Some(&known), _) => known,
                    (None, Some(leaf)) => {
                        let i = graph.nodes.len() as u32;
                        graph.nodes.push(describe(leaf, i));
                        index.insert(source, i);
                        i
                    }
                    (None, None) => continue,
                };
                graph.edges.push(GraphEdge { source, target, slot: u32::from(slot) });
            }
        }
        graph.classify();
        let known = self.catalog.graphs().len();
        let example = never_run.first().map(|&i| graph.nodes[i as usize].name.clone());
        let number = self.catalog.graph(graph);
        if number as usize == known {
            let message =
                "nodes stand in a graph that llama.cpp never runs (branches for other inputs); they have no op";
            self.health.report("node_never_runs", Severity::Info, never_run.len() as u64, message, || {
                format!("{} in graph {number}", example.unwrap_or_default())
            });
        }
        number
    }
}

fn describe(tensor: &Copied, index: u32) -> GraphNode {
    let (leaf, name) = (tensor.is_leaf(), tensor.name());
    GraphNode {
        id: format!("node_{index}"),
        label: name.clone(),
        operation: if leaf { CONSTANT.to_owned() } else { tensor.op_name() },
        shape: tensor.shape(),
        dtype: Some(tensor.type_name()),
        layer: None,
        node_type: NodeType::Infrastructure,
        leaf,
        name,
    }
}

impl Watch for Observer {
    fn ask(&mut self, node: Tensor<'_>) -> bool {
        let begun = now_ns();
        let known = self.plan(node);
        let needed = match &self.known[known].plan {
            Plan::NeverRuns => false,
            Plan::Op(plan) => {
                // Indices that an earlier op of the graph waited for are there.
                let waits = plan.waits && {
                    let missing = |part: &Part| {
                        let ids = part.ids().and_then(|slot| node.source(slot));
                        ids.is_some_and(|ids| !self.ids.contains_key(&ids.handle()))
                    };
                    plan.parts.iter().any(missing)
                };
                let works = plan.works;
                self.begin_op(known);
                if !waits {
                    self.list_accesses(known, node);
                }
                waits || (self.mode == Mode::Timing && works)
            }
        };
        let now = now_ns();
        self.spent_ns += now - begun;
        if needed
            && self.mode == Mode::Timing
            && let Some(op) = self.pass.ops.last_mut()
        {
            op.start_ns = now - self.origin_ns;
        }
        needed
    }

    fn done(&mut self, node: Tensor<'_>) {
        let begun = now_ns();
        let known = self.next - 1;
        let Some(op) = self.pass.ops.last_mut() else { return };
        if self.mode == Mode::Timing {
            op.duration_ns = Some((begun - self.origin_ns).saturating_sub(op.start_ns));
        }
        // Still without accesses: they waited for this.
        if op.first_access as usize == self.pass.accesses.len() {
            self.list_accesses(known, node);
        }
        self.spent_ns += now_ns() - begun;
    }
}
