//! Where the ops of a layer or of a node of a graph first ran, and how many a layer has, by phase: looked up once, not for every selection.

use hashbrown::HashMap;

use rayon::prelude::*;

use crate::trace::{Pass, Phase, Trace};

const PHASES: usize = Phase::ALL.len();
/// Passes that are worth a thread.
const LEAST_PASSES: usize = 64;
/// No such op.
const NONE: u32 = u32::MAX;

/// Made in one walk through the ops of a run, by all threads.
#[derive(Debug, Default)]
pub struct OpIndex {
    layers: HashMap<u32, LayerOps>,
    /// By graph and node.
    first_of_node: Vec<Vec<[u32; PHASES]>>,
}

#[derive(Debug, Clone, Copy)]
struct LayerOps {
    first: [u32; PHASES],
    ops: [u64; PHASES],
}

impl OpIndex {
    pub fn new(trace: &Trace) -> Self {
        let none = || Self {
            layers: HashMap::new(),
            first_of_node: trace.graphs.iter().map(|graph| vec![[NONE; PHASES]; graph.nodes.len()]).collect(),
        };
        let with_pass = |mut index: Self, pass: &Pass| {
            index.add(trace, pass);
            index
        };
        trace.passes.par_iter().with_min_len(LEAST_PASSES).fold(none, with_pass).reduce(none, Self::joined)
    }

    fn add(&mut self, trace: &Trace, pass: &Pass) {
        let phase = pass.phase as usize;
        let mut nodes = pass.graph.and_then(|graph| self.first_of_node.get_mut(graph as usize));
        let behind = pass.first_op.saturating_add(pass.ops).min(trace.op_count() as u32);
        // Ops of one layer follow each other.
        let mut run: Option<(u32, u32)> = None;
        for op in pass.first_op..behind {
            let layer = trace.ops.layer.get(op as usize);
            if let Some((of, first)) = run.filter(|(of, _)| Some(*of) != layer) {
                self.layers.entry(of).or_insert_with(LayerOps::none).add(phase, first, op);
                run = None;
            }
            if let (Some(layer), None) = (layer, run) {
                run = Some((layer, op));
            }
            if let (Some(nodes), Some(node)) = (&mut nodes, trace.ops.node.get(op as usize))
                && let Some(first) = nodes.get_mut(node as usize)
            {
                first[phase] = first[phase].min(op);
            }
        }
        if let Some((of, first)) = run {
            self.layers.entry(of).or_insert_with(LayerOps::none).add(phase, first, behind);
        }
    }

    fn joined(mut self, other: Self) -> Self {
        for (layer, ops) in other.layers {
            let known = self.layers.entry(layer).or_insert_with(LayerOps::none);
            for phase in 0..PHASES {
                known.first[phase] = known.first[phase].min(ops.first[phase]);
                known.ops[phase] += ops.ops[phase];
            }
        }
        for (known, nodes) in self.first_of_node.iter_mut().flatten().zip(other.first_of_node.iter().flatten()) {
            for phase in 0..PHASES {
                known[phase] = known[phase].min(nodes[phase]);
            }
        }
        self
    }

    /// The first op of a layer in one of `phases`, a set of phase bits.
    pub fn first_of_layer(&self, layer: u32, phases: u32) -> Option<u32> {
        first(&self.layers.get(&layer)?.first, phases)
    }

    /// How many ops a layer has in `phases`.
    pub fn ops_of_layer(&self, layer: u32, phases: u32) -> u64 {
        self.layers.get(&layer).map_or(0, |of| chosen(phases).map(|phase| of.ops[phase]).sum())
    }

    /// The first op that ran a node of a graph in `phases`.
    pub fn first_of_node(&self, graph: u32, node: u32, phases: u32) -> Option<u32> {
        first(self.first_of_node.get(graph as usize)?.get(node as usize)?, phases)
    }
}

impl LayerOps {
    fn none() -> Self {
        Self { first: [NONE; PHASES], ops: [0; PHASES] }
    }

    fn add(&mut self, phase: usize, first: u32, behind: u32) {
        self.first[phase] = self.first[phase].min(first);
        self.ops[phase] += u64::from(behind - first);
    }
}

fn chosen(phases: u32) -> impl Iterator<Item = usize> {
    Phase::ALL.into_iter().filter(move |phase| phases & phase.bit() != 0).map(|phase| phase as usize)
}

fn first(by_phase: &[u32; PHASES], phases: u32) -> Option<u32> {
    chosen(phases).map(|phase| by_phase[phase]).min().filter(|&op| op != NONE)
}
