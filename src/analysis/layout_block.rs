//! One block of the structural start: ranks along x, branches below each other along y, leafs under the ops that read them.

use std::collections::{BTreeMap, HashMap};

use crate::analysis::layout_start::Structure;
use crate::kernel_io::layout::LayoutGraph;

/// Free space between the rims of neighbours: along a lane, between lanes, and within a cluster of leafs.
const COLUMN_GAP: f32 = 1.4;
const LANE_GAP: f32 = 1.0;
const CLUSTER_GAP: f32 = 0.5;
/// Lanes a block may have before chains move on to the right instead of further down.
const MAX_LANES: usize = 48;
/// More single ops than this side by side are packed like leafs instead of given a lane each.
const MAX_SINGLES: usize = 8;
/// A leaf read by up to this many ops of a block orders them: they touch the same memory one after the other.
const MAX_ORDERED_READERS: usize = 4;

/// The nodes of a block, in execution order.
#[derive(Debug, Clone, Default)]
pub struct Members {
    ops: Vec<u32>,
    leafs: Vec<u32>,
}

impl Members {
    pub fn push(&mut self, node: u32, is_leaf: bool) {
        if is_leaf { self.leafs.push(node) } else { self.ops.push(node) }
    }

    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.leafs.is_empty()
    }
}

/// Nodes placed relative to the left end of the trunk.
#[derive(Debug)]
pub struct Block {
    pub nodes: Vec<(u32, [f32; 2])>,
    pub width: f32,
    /// Extent over and under the trunk, radii included.
    pub above: f32,
    pub below: f32,
}

/// Ops in a straight line.
struct Chain {
    ops: Vec<Local>,
    lane: usize,
    /// First and last rank that it keeps for itself.
    from: usize,
    to: usize,
}

/// An op of the block by its index in `Members::ops`.
type Local = usize;

struct Ranked<'a> {
    members: &'a Members,
    /// Operands within the block that ran before, data and memory order alike.
    operands: Vec<Vec<Local>>,
    consumers: Vec<Vec<Local>>,
    trunk: Vec<bool>,
    rank: Vec<usize>,
    /// Top lanes first; the trunk is none of them.
    chains: Vec<Chain>,
    /// Op that a crowded single op is packed under.
    host: Vec<Option<Local>>,
}

impl Block {
    pub fn arrange(graph: &LayoutGraph, structure: &Structure, members: &Members, trunk: &[bool]) -> Self {
        let local: HashMap<u32, Local> = members.ops.iter().enumerate().map(|(at, &op)| (op, at)).collect();
        let mut ranked = Ranked::new(structure, members, trunk, &local);
        ranked.rank_by_longest_path();
        ranked.pull_sources_to_consumers();
        ranked.pack_crowds();
        ranked.assign_lanes();
        let mut clusters: Vec<Vec<u32>> = vec![Vec::new(); members.ops.len()];
        let mut stray = Vec::new();
        for (op, host) in ranked.host.iter().enumerate() {
            if let Some(host) = *host {
                clusters[host].push(members.ops[op]);
            }
        }
        for &leaf in &members.leafs {
            let reader = structure
                .consumers(leaf)
                .iter()
                .filter_map(|reader| local.get(reader).copied())
                .min()
                .map(|reader| ranked.host[reader].unwrap_or(reader));
            match reader {
                Some(reader) => clusters[reader].push(leaf),
                None => stray.push(leaf),
            }
        }
        ranked.place(graph, &clusters, &stray)
    }

    /// Hangs `head` before this block without widening it, so that blocks of a kind still line up below each other.
    pub fn prepend(&mut self, head: Block, gap: f32) {
        let shift = -(head.width + gap);
        self.take_in(head, shift);
    }

    /// Hangs `tail` behind this block, as `prepend` does.
    pub fn append(&mut self, tail: Block, gap: f32) {
        let shift = self.width + gap;
        self.take_in(tail, shift);
    }

    fn take_in(&mut self, other: Block, shift: f32) {
        self.nodes.extend(other.nodes.into_iter().map(|(node, [x, y])| (node, [x + shift, y])));
        self.above = self.above.max(other.above);
        self.below = self.below.max(other.below);
    }
}

impl<'a> Ranked<'a> {
    fn new(structure: &Structure, members: &'a Members, trunk: &[bool], local: &HashMap<u32, Local>) -> Self {
        let count = members.ops.len();
        let mut operands: Vec<Vec<Local>> = members
            .ops
            .iter()
            .map(|&op| structure.earlier_ops(op).filter_map(|operand| local.get(&operand).copied()).collect())
            .collect();
        for &leaf in &members.leafs {
            let mut readers: Vec<Local> =
                structure.consumers(leaf).iter().filter_map(|reader| local.get(reader).copied()).collect();
            readers.sort_unstable();
            readers.dedup();
            if readers.len() <= MAX_ORDERED_READERS {
                for pair in readers.windows(2) {
                    operands[pair[1]].push(pair[0]);
                }
            }
        }
        let mut consumers = vec![Vec::new(); count];
        for (op, sources) in operands.iter().enumerate() {
            for &source in sources {
                consumers[source].push(op);
            }
        }
        let trunk = members.ops.iter().map(|&op| trunk[op as usize]).collect();
        Self { members, operands, consumers, trunk, rank: vec![0; count], chains: Vec::new(), host: vec![None; count] }
    }

    /// Operands always come earlier in `Members::ops`, so one pass suffices.
    fn rank_by_longest_path(&mut self) {
        for op in 0..self.rank.len() {
            self.rank[op] = self.operands[op].iter().map(|&source| self.rank[source] + 1).max().unwrap_or(0);
        }
    }

    /// What depends on nothing in the block moves right, next to what reads it.
    fn pull_sources_to_consumers(&mut self) {
        let mut free = vec![false; self.rank.len()];
        for op in 0..self.rank.len() {
            free[op] = !self.trunk[op] && self.operands[op].iter().all(|&source| free[source]);
        }
        for op in (0..self.rank.len()).rev() {
            if free[op]
                && let Some(nearest) = self.consumers[op].iter().map(|&reader| self.rank[reader]).min()
            {
                self.rank[op] = self.rank[op].max(nearest - 1);
            }
        }
    }

    /// Many single ops of one rank between the same neighbours (experts, slices) become a cluster under one of them.
    fn pack_crowds(&mut self) {
        let mut crowds: BTreeMap<(usize, Option<Local>), Vec<Local>> = BTreeMap::new();
        for op in 0..self.rank.len() {
            let single = !self.trunk[op] && self.consumers[op].len() <= 1 && self.operands[op].len() <= 1;
            if single {
                let neighbour = self.consumers[op].first().or(self.operands[op].first()).copied();
                crowds.entry((self.rank[op], neighbour)).or_default().push(op);
            }
        }
        let mut is_host = vec![false; self.rank.len()];
        for ((_, neighbour), ops) in crowds.into_iter().filter(|(_, ops)| ops.len() > MAX_SINGLES) {
            let host = neighbour.filter(|&n| self.host[n].is_none()).unwrap_or(ops[0]);
            is_host[host] = true;
            for op in ops {
                if !is_host[op] {
                    self.host[op] = Some(host);
                }
            }
        }
    }

    /// Lane 0 is the trunk's. Everything else forms chains, each as straight as can be on the first lane free for it.
    fn assign_lanes(&mut self) {
        let mut chain_of = vec![usize::MAX; self.rank.len()];
        let mut chains: Vec<Vec<Local>> = Vec::new();
        for op in 0..self.rank.len() {
            if self.trunk[op] || self.host[op].is_some() {
                continue;
            }
            let continued = self.operands[op]
                .iter()
                .filter(|&&source| chain_of[source] != usize::MAX)
                .map(|&source| chain_of[source])
                .filter(|&chain| chains[chain].last().is_some_and(|last| self.operands[op].contains(last)))
                .max_by_key(|&chain| (chains[chain].len(), std::cmp::Reverse(chain)));
            let chain = continued.unwrap_or_else(|| {
                chains.push(Vec::new());
                chains.len() - 1
            });
            chains[chain].push(op);
            chain_of[op] = chain;
        }
        // The trunk may leave the block and come back; its ops here must still not share a rank.
        let mut next_rank = 0;
        for op in (0..self.rank.len()).filter(|&op| self.trunk[op]) {
            self.rank[op] = self.rank[op].max(next_rank);
            next_rank = self.rank[op] + 1;
        }
        let ranks = self.rank.iter().max().map_or(0, |&last| last + 1);
        let mut lanes = Lanes::default();
        for ops in chains {
            let (first, last) = (ops[0], ops[ops.len() - 1]);
            // The column before a fork stays free for the edge that leads into it.
            let from = self.rank[first].saturating_sub(usize::from(!self.operands[first].is_empty()));
            let (lane, shift) = lanes.claim(from, self.rank[last], ranks + 1);
            for &op in &ops {
                self.rank[op] += shift;
            }
            let to = self.rank[last];
            self.chains.push(Chain { ops, lane, from: from + shift, to });
        }
        self.chains.sort_by_key(|chain| (chain.lane, chain.from));
    }

    /// Turns ranks and chains into coordinates, each column as wide and each chain as high as what stands there.
    fn place(&self, graph: &LayoutGraph, clusters: &[Vec<u32>], stray: &[u32]) -> Block {
        let clusters: Vec<Cluster> = clusters.iter().map(|nodes| Cluster::new(graph, nodes)).collect();
        let stray = Cluster::new(graph, stray);
        let drawn = || (0..self.rank.len()).filter(|&op| self.host[op].is_none());
        let radius = |op: Local| graph.radius_units(self.members.ops[op] as usize);

        let ranks = drawn().map(|op| self.rank[op] + 1).max().unwrap_or(0);
        let mut column_width = vec![0.0f32; ranks];
        for op in drawn() {
            let column = &mut column_width[self.rank[op]];
            *column = column.max(2.0 * radius(op)).max(clusters[op].width());
        }
        let mut column_x = Vec::with_capacity(ranks);
        let mut width = 0.0;
        for &column in &column_width {
            column_x.push(width + 0.5 * column);
            width += column + if column > 0.0 { COLUMN_GAP } else { 0.0 };
        }
        width = (width - COLUMN_GAP).max(0.0);

        let trunk = || drawn().filter(|&op| self.trunk[op]);
        let above = trunk().map(radius).fold(0.0, f32::max);
        // How far down every column is taken; each chain stands as high as its columns allow.
        let mut floor = vec![above; ranks];
        for op in trunk() {
            floor[self.rank[op]] = floor[self.rank[op]].max(radius(op) + clusters[op].drop());
        }
        let mut op_y = vec![0.0f32; self.rank.len()];
        for chain in &self.chains {
            let up = chain.ops.iter().map(|&op| radius(op)).fold(0.0, f32::max);
            let taken = &mut floor[chain.from..=chain.to];
            let y = taken.iter().copied().fold(0.0, f32::max) + LANE_GAP + up;
            taken.fill(y + up);
            for &op in &chain.ops {
                op_y[op] = y;
                floor[self.rank[op]] = y + radius(op).max(up) + clusters[op].drop();
            }
        }
        let mut below = floor.iter().copied().fold(0.0, f32::max);

        let mut nodes = Vec::with_capacity(self.members.ops.len() + self.members.leafs.len());
        for op in drawn() {
            let centre = [column_x[self.rank[op]], op_y[op]];
            nodes.push((self.members.ops[op], centre));
            clusters[op].put([centre[0], centre[1] + radius(op) + CLUSTER_GAP], &mut nodes);
        }
        if !stray.is_empty() {
            width = width.max(stray.width());
            stray.put([0.5 * width, below + CLUSTER_GAP], &mut nodes);
            below += stray.drop();
        }
        Block { nodes, width, above, below }
    }
}

/// Which stretches of ranks are taken on every lane.
#[derive(Default)]
struct Lanes {
    /// Per lane: last rank by first rank, disjoint.
    taken: Vec<BTreeMap<usize, usize>>,
    /// Ranks that chains are moved right by since all lanes were full.
    shift: usize,
}

impl Lanes {
    /// The first lane that is free from rank `from` to `to`, and how far the stretch had to move right.
    fn claim(&mut self, from: usize, to: usize, ranks: usize) -> (usize, usize) {
        loop {
            let (low, high) = (from + self.shift, to + self.shift);
            let free = |lane: &BTreeMap<usize, usize>| {
                lane.range(..=high).next_back().is_none_or(|(_, &taken_to)| taken_to < low)
            };
            let lane = match self.taken.iter().position(free) {
                Some(lane) => lane,
                None if self.taken.len() < MAX_LANES => {
                    self.taken.push(BTreeMap::new());
                    self.taken.len() - 1
                }
                None => {
                    self.shift += ranks;
                    continue;
                }
            };
            self.taken[lane].insert(low, high);
            return (lane, self.shift);
        }
    }
}

/// Nodes packed into a rectangle under an op.
struct Cluster {
    nodes: Vec<u32>,
    columns: usize,
    pitch: f32,
}

impl Cluster {
    fn new(graph: &LayoutGraph, nodes: &[u32]) -> Self {
        let radius = nodes.iter().map(|&node| graph.radius_units(node as usize)).fold(0.0, f32::max);
        let columns = if nodes.len() <= 3 { nodes.len() } else { (nodes.len() as f32).sqrt().ceil() as usize };
        Self { nodes: nodes.to_vec(), columns, pitch: 2.0 * radius + CLUSTER_GAP }
    }

    fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn width(&self) -> f32 {
        (self.columns as f32 * self.pitch - CLUSTER_GAP).max(0.0)
    }

    /// Height with the gap above it.
    fn drop(&self) -> f32 {
        if self.is_empty() { 0.0 } else { self.nodes.len().div_ceil(self.columns) as f32 * self.pitch }
    }

    /// Places the nodes with the middle of the upper edge at `top`.
    fn put(&self, top: [f32; 2], nodes: &mut Vec<(u32, [f32; 2])>) {
        let radius = 0.5 * (self.pitch - CLUSTER_GAP);
        for (at, &node) in self.nodes.iter().enumerate() {
            let (row, column) = (at / self.columns, at % self.columns);
            let x = top[0] - 0.5 * self.width() + radius + column as f32 * self.pitch;
            nodes.push((node, [x, top[1] + radius + row as f32 * self.pitch]));
        }
    }
}
