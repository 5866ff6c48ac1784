//! Which block of the structural start every node belongs to, and which ops form its trunk.

use crate::analysis::layout_start::Structure;
use crate::kernel_io::layout::{LayoutGraph, NO_LAYER};

/// More ops than this under one layer (or under none) are cut into several blocks.
const MAX_BLOCK_OPS: usize = 256;
/// Block length for graphs that name no layers.
const PLAIN_BLOCK_OPS: usize = 48;
/// A leaf read in this many blocks is shared; one read in fewer stands with its first reader.
const SHARED_FROM_BLOCKS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// Blocks are numbered in execution order; the first and the last hold what comes before and after all layers.
    Block(u32),
    /// Above all blocks: inputs of many of them.
    Shared,
}

impl Home {
    pub fn block(self) -> Option<u32> {
        match self {
            Home::Block(block) => Some(block),
            Home::Shared => None,
        }
    }
}

/// A home for every node.
pub fn homes(graph: &LayoutGraph, structure: &Structure) -> Vec<Home> {
    let ops: Vec<u32> = structure.sequence.iter().copied().filter(|&node| !structure.is_leaf(node)).collect();
    let mut layers: Vec<u32> = ops.iter().map(|&op| graph.layer[op as usize]).filter(|&l| l != NO_LAYER).collect();
    layers.sort_unstable();
    layers.dedup();
    let mut homes = vec![Home::Block(0); graph.node_count()];
    if layers.is_empty() {
        for (at, &op) in ops.iter().enumerate() {
            homes[op as usize] = Home::Block((at / PLAIN_BLOCK_OPS) as u32);
        }
    } else {
        let parts = layer_parts(graph, structure, &ops, &layers);
        for (&op, part) in ops.iter().zip(&parts) {
            homes[op as usize] = part.map_or(Home::Shared, Home::Block);
        }
        split_large(&ops, &mut homes);
    }
    let mut block_of_layer = vec![0; layers.len()];
    for &op in ops.iter().rev() {
        if let (Ok(rank), Home::Block(block)) = (layers.binary_search(&graph.layer[op as usize]), homes[op as usize]) {
            block_of_layer[rank] = block;
        }
    }
    for &node in structure.sequence.iter().filter(|&&node| structure.is_leaf(node)) {
        homes[node as usize] = reader_home(structure, &homes, node).unwrap_or_else(|| {
            // Nobody reads it: it stands with its layer, or before everything.
            let rank = layers.binary_search(&graph.layer[node as usize]);
            Home::Block(rank.map_or(0, |rank| block_of_layer[rank]))
        });
    }
    homes
}

/// Per op: 0 before all layers, 1 + the layer's rank, one more after all layers, `None` for shared ones.
fn layer_parts(graph: &LayoutGraph, structure: &Structure, ops: &[u32], layers: &[u32]) -> Vec<Option<u32>> {
    let part_of_layer = |op: u32| {
        let layer = graph.layer[op as usize];
        layers.binary_search(&layer).ok().map(|rank| rank as u32 + 1)
    };
    let tail = layers.len() as u32 + 1;
    let first = ops.iter().position(|&op| part_of_layer(op).is_some()).unwrap_or(0);
    let last = ops.iter().rposition(|&op| part_of_layer(op).is_some()).unwrap_or(0);
    let mut part_before = 1;
    let mut parts = Vec::with_capacity(ops.len());
    for (at, &op) in ops.iter().enumerate() {
        if let Some(part) = part_of_layer(op) {
            part_before = part;
            parts.push(Some(part));
            continue;
        }
        let mut readers: Vec<u32> = structure.consumers(op).iter().filter_map(|&c| part_of_layer(c)).collect();
        readers.sort_unstable();
        readers.dedup();
        let from_a_layer = structure.earlier_ops(op).any(|operand| part_of_layer(operand).is_some());
        parts.push(match readers[..] {
            [_, _, ..] if !from_a_layer => None,
            _ if at < first => Some(0),
            _ if at > last => Some(tail),
            [only] => Some(only),
            _ => Some(part_before),
        });
    }
    parts
}

/// Cuts blocks with too many ops into several, in execution order, and numbers them anew without gaps.
fn split_large(ops: &[u32], homes: &mut [Home]) {
    let count = ops.iter().filter_map(|&op| homes[op as usize].block()).max().map_or(0, |last| last as usize + 1);
    let mut sizes = vec![0usize; count];
    for block in ops.iter().filter_map(|&op| homes[op as usize].block()) {
        sizes[block as usize] += 1;
    }
    let mut first_part = Vec::with_capacity(count);
    let mut next = 0;
    for &size in &sizes {
        first_part.push(next);
        next += size.div_ceil(MAX_BLOCK_OPS) as u32;
    }
    let mut seen = vec![0usize; count];
    for &op in ops {
        if let Home::Block(block) = homes[op as usize] {
            let block = block as usize;
            homes[op as usize] = Home::Block(first_part[block] + (seen[block] / MAX_BLOCK_OPS) as u32);
            seen[block] += 1;
        }
    }
}

/// Where a leaf's readers want it; `None` if it has none.
fn reader_home(structure: &Structure, homes: &[Home], leaf: u32) -> Option<Home> {
    let mut readers: Vec<u32> = structure.consumers(leaf).to_vec();
    readers.retain(|&reader| !structure.is_leaf(reader));
    let first = *readers.iter().min_by_key(|&&reader| structure.place[reader as usize])?;
    let mut blocks: Vec<u32> = readers.iter().filter_map(|&reader| homes[reader as usize].block()).collect();
    blocks.sort_unstable();
    blocks.dedup();
    Some(if blocks.len() >= SHARED_FROM_BLOCKS { Home::Shared } else { homes[first as usize] })
}

/// The ops of the shortest way through all blocks from the first to the last op: in a residual network, its stream.
pub fn trunk(structure: &Structure, homes: &[Home]) -> Vec<bool> {
    /// Costs more than any way within blocks, so that no way skips a block that it could pass through.
    const SKIP: u64 = 1 << 32;
    let count = homes.len();
    let mut on_trunk = vec![false; count];
    let mut cost = vec![u64::MAX; count];
    let mut before = vec![u32::MAX; count];
    let last_block = homes.iter().copied().filter_map(Home::block).max();
    let mut end: Option<(u64, u32)> = None;
    for &node in &structure.sequence {
        let Some(block) = homes[node as usize].block().filter(|_| !structure.is_leaf(node)) else { continue };
        let mut best = (u64::from(block) * SKIP, u32::MAX);
        for operand in structure.earlier_ops(node) {
            let Some(from) = homes[operand as usize].block() else { continue };
            let skipped = u64::from(block.abs_diff(from).saturating_sub(1));
            let way = cost[operand as usize].saturating_add(1 + skipped * SKIP);
            best = best.min((way, operand));
        }
        (cost[node as usize], before[node as usize]) = best;
        let skips = best.0 / SKIP;
        if Some(block) == last_block && end.is_none_or(|(fewest, _)| skips <= fewest) {
            end = Some((skips, node));
        }
    }
    let mut at = end.map(|(_, node)| node);
    while let Some(node) = at {
        on_trunk[node as usize] = true;
        at = Some(before[node as usize]).filter(|&previous| previous != u32::MAX);
    }
    on_trunk
}
