//! What is in a run and how sound it is: the answer of `info`.

use serde::Serialize;

use crate::trace::{Graph, HealthEntry, NodeType, Pass, Phase, Trace, Track};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Info {
    pub source: String,
    pub model: ModelInfo,
    pub passes: Vec<PassInfo>,
    pub ops: u64,
    /// Byte ranges touched, slices and rows apart.
    pub accesses: u64,
    /// Operands as the source listed them.
    pub reads: Reads,
    /// One per op.
    pub writes: u64,
    pub tensors: TensorCounts,
    /// Distinct weights and inputs of the graphs.
    pub leafs: u64,
    pub duration_ms: f64,
    /// Ops by phase.
    pub phases: PhaseOps,
    pub graphs: Vec<GraphInfo>,
    pub health: Vec<HealthEntry>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInfo {
    pub name: Option<String>,
    pub architecture: Option<String>,
    pub layers: Option<u32>,
    pub experts: Option<u32>,
    pub experts_used: Option<u32>,
    pub file_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PassInfo {
    pub index: u64,
    pub phase: Phase,
    pub ops: u32,
    pub reads: u64,
    pub writes: u64,
    pub start_ns: u64,
    pub duration_ns: u64,
    pub graph: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reads {
    pub disk: u64,
    pub buffer: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorCounts {
    /// Of the model files, experts merged.
    pub model: u64,
    pub runtime: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseOps {
    pub prompt: u64,
    pub generate: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub warmup: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GraphInfo {
    pub nodes: u64,
    pub edges: u64,
    pub layers: u32,
    pub node_types: NodeTypes,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeTypes {
    pub layer: u64,
    pub infrastructure: u64,
    pub embedding: u64,
    pub output: u64,
}

impl Info {
    pub fn of(trace: &Trace) -> Self {
        let model = &trace.meta.model;
        let file_bytes = model.file_bytes();
        let layers = model.layers.or_else(|| trace.graphs.iter().map(Graph::layers).max().filter(|&l| l > 0));
        // What was written but never located is no tensor: it has no home.
        let placed =
            |track: Track| trace.tensors.iter().filter(|t| t.track == track && t.home.is_some()).count() as u64;
        // A native run states these itself, and may state anything.
        let total = |count: fn(&Pass) -> u64| trace.passes.iter().map(count).fold(0, u64::saturating_add);
        let ops_in = |phase: Phase| trace.passes.iter().filter(|p| p.phase == phase).map(|p| u64::from(p.ops)).sum();
        let leafs: hashbrown::HashSet<&str> =
            trace.graphs.iter().flat_map(|g| &g.nodes).filter(|n| n.leaf).map(|n| n.name.as_str()).collect();
        Self {
            source: trace.meta.source.clone(),
            model: ModelInfo {
                name: model.name.clone(),
                architecture: model.architecture.clone(),
                layers,
                experts: model.experts,
                experts_used: model.experts_used,
                file_bytes: (file_bytes > 0).then_some(file_bytes),
            },
            passes: (0_u64..)
                .zip(&trace.passes)
                .map(|(index, p)| PassInfo {
                    index,
                    phase: p.phase,
                    ops: p.ops,
                    reads: p.reads_disk.saturating_add(p.reads_buffer),
                    writes: p.writes,
                    start_ns: p.start_ns,
                    duration_ns: p.duration_ns,
                    graph: p.graph,
                })
                .collect(),
            ops: trace.op_count() as u64,
            accesses: trace.access_count() as u64,
            reads: Reads { disk: total(|p| p.reads_disk), buffer: total(|p| p.reads_buffer) },
            writes: total(|p| p.writes),
            tensors: TensorCounts { model: placed(Track::Disk), runtime: placed(Track::Buffer) },
            leafs: leafs.len() as u64,
            duration_ms: trace.duration_ns() as f64 / 1e6,
            phases: PhaseOps {
                prompt: ops_in(Phase::Prompt),
                generate: ops_in(Phase::Generate),
                warmup: ops_in(Phase::Warmup),
            },
            graphs: trace
                .graphs
                .iter()
                .map(|g| GraphInfo {
                    nodes: g.nodes.len() as u64,
                    edges: g.edges.len() as u64,
                    layers: g.layers(),
                    node_types: NodeTypes {
                        layer: g.count(NodeType::Layer) as u64,
                        infrastructure: g.count(NodeType::Infrastructure) as u64,
                        embedding: g.count(NodeType::Embedding) as u64,
                        output: g.count(NodeType::Output) as u64,
                    },
                })
                .collect(),
            health: trace.health.entries.clone(),
        }
    }
}
