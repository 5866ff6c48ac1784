//! Where a graph's nodes stand before any force acts: a picture drawn from structure alone.
//!
//! The nodes of a layer form a block: longest-path rank along x, branches in lanes along y, the residual stream as a
//! straight trunk on top, leafs under the op that reads them. Blocks follow each other in rows that turn at their
//! ends like a snake, so that the trunk never jumps across the picture. What many layers share stands above.

use crate::analysis::layout_block::{Block, Members};
use crate::analysis::layout_blocks::{self, Home};
use crate::kernel_io::layout::LayoutGraph;

/// Width over height that the whole is fitted to.
const ASPECT: f32 = 1.6;
/// Free space between blocks of a row, and between rows.
const BLOCK_GAP: f32 = 4.0;
const ROW_GAP: f32 = 6.0;
/// Rows may move this many times further apart to come closer to `ASPECT`.
const MOST_ROW_STRETCH: f32 = 2.0;
/// Centre distance of shared nodes, and their distance from the rows below.
const SHARED_PITCH: f32 = 3.4;
const SHARED_GAP: f32 = 10.0;

/// Operands and consumers of every node, without self-loops and edges to nowhere, and the order of execution.
pub struct Structure {
    operand_start: Vec<u32>,
    operands: Vec<u32>,
    consumer_start: Vec<u32>,
    consumers: Vec<u32>,
    /// Nodes in execution order; leafs directly before the op of the same order.
    pub sequence: Vec<u32>,
    /// Per node: its place in `sequence`.
    pub place: Vec<u32>,
    pub leaf: Vec<bool>,
}

impl Structure {
    pub fn new(graph: &LayoutGraph) -> Self {
        let count = graph.node_count();
        let (operand_start, operands) = adjacency(count, graph.proper_edges().map(|[a, b]| [b, a]));
        let (consumer_start, consumers) = adjacency(count, graph.proper_edges());
        let leaf: Vec<bool> = (0..count).map(|node| graph.leaf.get(node).copied().unwrap_or(false)).collect();
        let mut sequence: Vec<u32> = (0..count as u32).collect();
        sequence.sort_by_key(|&node| {
            let order = graph.order.get(node as usize).copied().unwrap_or(node);
            (order, !leaf[node as usize], node)
        });
        let mut place = vec![0; count];
        for (at, &node) in sequence.iter().enumerate() {
            place[node as usize] = at as u32;
        }
        Self { operand_start, operands, consumer_start, consumers, sequence, place, leaf }
    }

    pub fn operands(&self, node: u32) -> &[u32] {
        slice(&self.operand_start, &self.operands, node)
    }

    pub fn consumers(&self, node: u32) -> &[u32] {
        slice(&self.consumer_start, &self.consumers, node)
    }

    pub fn is_leaf(&self, node: u32) -> bool {
        self.leaf[node as usize]
    }

    /// Operands that are ops and ran before `node`: what ranks may rely on even where the graph has cycles.
    pub fn earlier_ops(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let place = self.place[node as usize];
        self.operands(node).iter().copied().filter(move |&o| !self.is_leaf(o) && self.place[o as usize] < place)
    }
}

fn slice<'a>(start: &[u32], items: &'a [u32], node: u32) -> &'a [u32] {
    &items[start[node as usize] as usize..start[node as usize + 1] as usize]
}

fn adjacency(count: usize, edges: impl Iterator<Item = [u32; 2]> + Clone) -> (Vec<u32>, Vec<u32>) {
    let mut start = vec![0u32; count + 1];
    for [from, _] in edges.clone() {
        start[from as usize + 1] += 1;
    }
    for node in 0..count {
        start[node + 1] += start[node];
    }
    let mut next = start.clone();
    let mut items = vec![0; start[count] as usize];
    for [from, to] in edges {
        items[next[from as usize] as usize] = to;
        next[from as usize] += 1;
    }
    (start, items)
}

/// A position per node in layout units, y downwards; nodes do not overlap. The same graph gives the same positions.
pub fn start_positions(graph: &LayoutGraph) -> Vec<[f32; 2]> {
    let structure = Structure::new(graph);
    let homes = layout_blocks::homes(graph, &structure);
    let trunk = layout_blocks::trunk(&structure, &homes);
    let blocks = blocks(graph, &structure, &homes, &trunk);
    let mut positions = vec![[0.0; 2]; graph.node_count()];
    let width_units = place_rows(&blocks, &mut positions);
    place_shared(graph, &structure, &homes, width_units, &mut positions);
    positions
}

/// Blocks in order, each with its nodes placed relative to the left end of its trunk.
fn blocks(graph: &LayoutGraph, structure: &Structure, homes: &[Home], trunk: &[bool]) -> Vec<Block> {
    let count = homes.iter().copied().filter_map(Home::block).max().map_or(0, |last| last as usize + 1);
    let mut members = vec![Members::default(); count];
    for &node in &structure.sequence {
        if let Some(block) = homes[node as usize].block() {
            members[block as usize].push(node, structure.is_leaf(node));
        }
    }
    let mut blocks: Vec<Block> =
        members.iter().filter(|m| !m.is_empty()).map(|m| Block::arrange(graph, structure, m, trunk)).collect();
    if let [head, body, ..] = &blocks[..]
        && 2.0 * head.width < body.width
    {
        let head = blocks.remove(0);
        blocks[0].prepend(head, BLOCK_GAP);
    }
    if let [.., body, tail] = &blocks[..]
        && 2.0 * tail.width < body.width
        && let Some(tail) = blocks.pop()
        && let Some(body) = blocks.last_mut()
    {
        body.append(tail, BLOCK_GAP);
    }
    blocks
}

/// Lays the blocks out in rows; gives the width of the widest row.
fn place_rows(blocks: &[Block], positions: &mut [[f32; 2]]) -> f32 {
    let per_row = best_row_length(blocks);
    let width_units = blocks.chunks(per_row).map(row_width).fold(0.0, f32::max);
    let rows = blocks.chunks(per_row).len();
    let height_units: f32 = blocks.chunks(per_row).map(row_height).sum();
    let free = (width_units / ASPECT - SHARED_GAP - height_units) / (rows as f32 - 1.0).max(1.0);
    let row_gap = free.clamp(ROW_GAP, MOST_ROW_STRETCH * ROW_GAP);
    let mut top = 0.0;
    for (row, members) in blocks.chunks(per_row).enumerate() {
        let above = members.iter().map(|b| b.above).fold(0.0, f32::max);
        let backwards = row % 2 == 1;
        let mut travelled = 0.0;
        for block in members {
            for &(node, [x, y]) in &block.nodes {
                let along = travelled + x;
                let x = if backwards { width_units - along } else { along };
                positions[node as usize] = [x, top + above + y];
            }
            travelled += block.width + BLOCK_GAP;
        }
        top += row_height(members) + row_gap;
    }
    width_units
}

fn row_width(row: &[Block]) -> f32 {
    row.iter().map(|block| block.width).sum::<f32>() + BLOCK_GAP * (row.len() as f32 - 1.0)
}

fn row_height(row: &[Block]) -> f32 {
    let above = row.iter().map(|block| block.above).fold(0.0, f32::max);
    let below = row.iter().map(|block| block.below).fold(0.0, f32::max);
    above + below
}

/// How many blocks a row should hold for the whole to come closest to `ASPECT`.
fn best_row_length(blocks: &[Block]) -> usize {
    let count = blocks.len().max(1);
    let mean = |measure: fn(&Block) -> f32| blocks.iter().map(measure).sum::<f32>() / count as f32;
    let wide = mean(|b| b.width) + BLOCK_GAP;
    let high = mean(|b| b.above + b.below) + ROW_GAP;
    let guess = (count as f32 * ASPECT * high / wide).sqrt();
    let candidates = (guess * 0.5).max(1.0) as usize..=(guess * 2.0).ceil().max(1.0) as usize;
    let error = |per_row: usize| {
        let width = blocks.chunks(per_row).map(row_width).fold(1.0, f32::max);
        let height = blocks.chunks(per_row).map(|row| row_height(row) + ROW_GAP).sum::<f32>().max(1.0);
        (width / height / ASPECT).ln().abs()
    };
    candidates.map(|c| c.min(count)).min_by(|&a, &b| error(a).total_cmp(&error(b))).unwrap_or(1)
}

/// Puts what many layers share into lines above the rows, centred, operands beside what is made of them.
pub(super) fn place_shared(
    graph: &LayoutGraph,
    structure: &Structure,
    homes: &[Home],
    width_units: f32,
    positions: &mut [[f32; 2]],
) {
    let shared: Vec<u32> =
        structure.sequence.iter().copied().filter(|&node| homes[node as usize] == Home::Shared).collect();
    let radius = shared.iter().map(|&node| graph.radius_units(node as usize)).fold(1.0, f32::max);
    let pitch = SHARED_PITCH + 2.0 * (radius - 1.0);
    // A handful stands spread out, so that their fans of edges start apart; a crowd is packed.
    let per_line = ((width_units / pitch) as usize).max(8);
    let lines = shared.chunks(per_line).len();
    let top = positions
        .iter()
        .zip(homes)
        .filter(|(_, home)| **home != Home::Shared)
        .map(|(position, _)| position[1])
        .fold(0.0, f32::min);
    for (line, nodes) in shared.chunks(per_line).enumerate() {
        let pitch_here = (width_units / (nodes.len() as f32 + 1.0)).clamp(pitch, 4.0 * pitch);
        let left = 0.5 * width_units - 0.5 * pitch_here * (nodes.len() as f32 - 1.0);
        for (at, &node) in nodes.iter().enumerate() {
            let y = top - SHARED_GAP - pitch * (lines - 1 - line) as f32;
            positions[node as usize] = [left + pitch_here * at as f32, y];
        }
    }
}
