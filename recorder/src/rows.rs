//! From passes as they were watched to the new rows of a native run.

use tensorscope::trace::{Accesses, NewRows, Nullable, Ops, Pass, Phase, Ranges};

use crate::catalog::{Catalog, Fresh};
use crate::llama::Token;
use crate::observer::{Op, PassTrace};
use crate::plan::Access;

/// What the loop that decodes knows of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct PassInfo {
    pub phase: Phase,
    /// Position of its first token.
    pub position: u32,
    pub tokens: Vec<Token>,
    /// Text of its tokens; `None` where it is not kept.
    pub text: Option<String>,
    /// From the start of the first pass.
    pub start_ns: u64,
    pub duration_ns: u64,
}

/// Pass, op, first access and layer.
type OpRow = (u32, Op, u32, Option<u32>);

/// Passes that wait to be written.
#[derive(Debug, Default)]
pub struct Pending {
    ops: Vec<OpRow>,
    accesses: Vec<Access>,
    passes: Vec<Pass>,
    /// Rows of each table in the run so far, those that wait included.
    op_count: u32,
    access_count: u32,
    pass_count: u32,
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.passes.is_empty()
    }

    /// Accesses that wait.
    pub fn len(&self) -> usize {
        self.accesses.len()
    }

    pub fn passes(&self) -> u32 {
        self.pass_count
    }

    pub fn ops(&self) -> u32 {
        self.op_count
    }

    pub fn accesses(&self) -> u32 {
        self.access_count
    }

    /// Adds a pass. `keep_tokens` is whether the numbers of its tokens are kept.
    pub fn push(&mut self, trace: PassTrace, info: PassInfo, keep_tokens: bool, catalog: &Catalog) {
        let layers = catalog.graphs().get(trace.graph as usize);
        for op in &trace.ops {
            let layer = layers.and_then(|g| g.nodes.get(op.node as usize)).and_then(|n| n.layer);
            self.ops.push((self.pass_count, *op, self.access_count + op.first_access, layer));
        }
        let tokens = info.tokens.len() as u32;
        self.passes.push(Pass {
            phase: info.phase,
            first_op: self.op_count,
            ops: trace.ops.len() as u32,
            graph: Some(trace.graph),
            start_ns: info.start_ns,
            duration_ns: info.duration_ns,
            reads_disk: trace.reads_disk,
            reads_buffer: trace.reads_buffer,
            writes: trace.ops.len() as u64,
            token: None,
            positions: (info.position..info.position + tokens).collect(),
            token_ids: if keep_tokens { info.tokens } else { Vec::new() },
            text: info.text,
        });
        self.op_count += trace.ops.len() as u32;
        self.access_count += trace.accesses.len() as u32;
        self.pass_count += 1;
        self.accesses.extend(trace.accesses);
    }

    /// All that waits, as new rows of the run.
    pub fn take(&mut self, catalog: &mut Catalog) -> NewRows {
        let Fresh { tensors, ranges, buffers, first_graph, graphs } = catalog.take_fresh();
        let (ops, accesses) = (std::mem::take(&mut self.ops), std::mem::take(&mut self.accesses));
        NewRows {
            tensors,
            ops: Ops {
                start_ns: ops.iter().map(|(_, op, ..)| op.start_ns).collect(),
                duration_ns: u64s(ops.iter().map(|(_, op, ..)| op.duration_ns)),
                pass: ops.iter().map(|(pass, ..)| *pass).collect(),
                kind: ops.iter().map(|(_, op, ..)| op.kind).collect(),
                destination: u32s(ops.iter().map(|(_, op, ..)| op.destination)),
                layer: u32s(ops.iter().map(|(.., layer)| *layer)),
                thread: u32s(ops.iter().map(|_| None)),
                node: u32s(ops.iter().map(|(_, op, ..)| Some(op.node))),
                first_access: ops.iter().map(|(_, _, first, _)| *first).collect(),
            },
            ranges: Ranges {
                tensor: ranges.iter().map(|r| r.0).collect(),
                offset: ranges.iter().map(|r| r.1).collect(),
                length: ranges.iter().map(|r| r.2).collect(),
                expert: u32s(ranges.iter().map(|r| r.3)),
            },
            accesses: Accesses {
                range: accesses.iter().map(|a| a.range).collect(),
                slot: accesses.iter().map(|a| a.slot).collect(),
                flags: accesses.iter().map(|a| a.flags).collect(),
            },
            passes: std::mem::take(&mut self.passes),
            first_graph,
            graphs,
            buffers,
        }
    }
}

fn u32s(values: impl Iterator<Item = Option<u32>>) -> Nullable<u32> {
    Nullable::from_sentinel(values.map(|v| v.unwrap_or(u32::MAX)).collect(), u32::MAX)
}

fn u64s(values: impl Iterator<Item = Option<u64>>) -> Nullable<u64> {
    Nullable::from_sentinel(values.map(|v| v.unwrap_or(u64::MAX)).collect(), u64::MAX)
}
