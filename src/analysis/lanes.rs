//! The lanes of the timeline as items in time, passes, layers and ops: when each runs, and how much of any time they take in all.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::op_times::{op_start_ns, op_time};
use crate::trace::{Phase, Trace};

/// Items that are summed up together; more where there are many classes, so that sums take a few bytes an item at most.
const LEAST_BLOCK: usize = 512;
/// Layers that are told apart.
const MOST_LAYERS: u32 = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Passes,
    /// Ops of one layer that follow each other in one pass.
    Layers,
    Ops,
}

/// One lane: its items by their start, each of a class, and sums that tell at once what many of them take together.
#[derive(Debug)]
pub struct Lane {
    of: Of,
    /// First ops of what the lane of layers consists of.
    runs: Vec<u32>,
    /// Items by their start, where they are in another order.
    order: Option<Vec<u32>>,
    count: usize,
    classes: usize,
    block: usize,
    /// Before each block, by class: how long its items take, as it wraps around, and how many there are. Differences of
    /// these are exact.
    busy_ns: Vec<u64>,
    items: Vec<u32>,
    /// Of each block: its latest end, and how long its longest item lasts.
    latest_ns: Vec<u64>,
    longest_ns: Vec<u64>,
}

/// Some items that follow each other, added up by class.
struct Block {
    busy_ns: Vec<u64>,
    items: Vec<u32>,
    latest_ns: u64,
    longest_ns: u64,
}

/// All lanes of a run.
#[derive(Debug)]
pub struct Lanes {
    pub passes: Lane,
    pub layers: Lane,
    pub ops: Lane,
}

impl Lanes {
    /// `None` once cancelled.
    pub fn of(trace: &Trace, cancelled: &AtomicBool) -> Option<Self> {
        Some(Self {
            passes: Lane::new(trace, Of::Passes, cancelled)?,
            layers: Lane::new(trace, Of::Layers, cancelled)?,
            ops: Lane::new(trace, Of::Ops, cancelled)?,
        })
    }
}

impl Lane {
    fn new(trace: &Trace, of: Of, cancelled: &AtomicBool) -> Option<Self> {
        let runs = if of == Of::Layers { layer_runs(trace) } else { Vec::new() };
        let count = match of {
            Of::Passes => trace.passes.len(),
            Of::Layers => runs.len(),
            Of::Ops => trace.op_count(),
        };
        let classes = match of {
            Of::Passes => Phase::ALL.len(),
            Of::Layers => {
                let layers = runs.iter().filter_map(|&op| trace.ops.layer.get(op as usize)).max();
                layers.map_or(0, |last| last.min(MOST_LAYERS) as usize + 1) + 1
            }
            Of::Ops => trace.meta.op_names.len() + 1,
        };
        let block = LEAST_BLOCK.max(3 * classes).next_power_of_two();
        let mut lane = Self {
            of,
            runs,
            order: None,
            count,
            classes,
            block,
            busy_ns: Vec::new(),
            items: Vec::new(),
            latest_ns: Vec::new(),
            longest_ns: Vec::new(),
        };
        if (1..count).any(|at| lane.start_ns(trace, at - 1) > lane.start_ns(trace, at)) {
            let mut order: Vec<u32> = (0..count as u32).collect();
            order.par_sort_by_key(|&item| lane.start_of(trace, item as usize));
            lane.order = Some(order);
        }
        let summed: Vec<Option<Block>> =
            (0..count.div_ceil(block)).into_par_iter().map(|number| lane.sum(trace, number, cancelled)).collect();
        let (mut busy_ns, mut items) = (vec![0_u64; classes], vec![0_u32; classes]);
        for sum in summed {
            let sum = sum?;
            lane.busy_ns.extend_from_slice(&busy_ns);
            lane.items.extend_from_slice(&items);
            for class in 0..classes {
                busy_ns[class] = busy_ns[class].wrapping_add(sum.busy_ns[class]);
                items[class] += sum.items[class];
            }
            lane.latest_ns.push(sum.latest_ns);
            lane.longest_ns.push(sum.longest_ns);
        }
        lane.busy_ns.extend_from_slice(&busy_ns);
        lane.items.extend_from_slice(&items);
        Some(lane)
    }

    /// A block of items, added up by class; `None` once cancelled.
    fn sum(&self, trace: &Trace, number: usize, cancelled: &AtomicBool) -> Option<Block> {
        if cancelled.load(Ordering::Relaxed) {
            return None;
        }
        let mut sum =
            Block { busy_ns: vec![0; self.classes], items: vec![0; self.classes], latest_ns: 0, longest_ns: 0 };
        for at in self.places(number, self.count) {
            let [start, end] = self.times(trace, at);
            let class = self.class(trace, at);
            sum.busy_ns[class] = sum.busy_ns[class].wrapping_add(end - start);
            sum.items[class] += 1;
            sum.latest_ns = sum.latest_ns.max(end);
            sum.longest_ns = sum.longest_ns.max(end - start);
        }
        Some(sum)
    }

    /// Items in the lane.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Classes that items are told apart by: phases, layers with one more for what is in none, kinds of op.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Classes by how many items they have, the most first.
    pub fn by_items(&self) -> Vec<usize> {
        let totals = &self.items[self.items.len() - self.classes..];
        let mut classes: Vec<usize> = (0..self.classes).collect();
        classes.sort_by_key(|&class| (std::cmp::Reverse(totals[class]), class));
        classes
    }

    /// What stands at place `at` by time: the number of a pass, or of the first op.
    pub fn item(&self, at: usize) -> usize {
        let item = self.order.as_ref().map_or(at, |order| order[at] as usize);
        if self.of == Of::Layers { self.runs[item] as usize } else { item }
    }

    fn start_of(&self, trace: &Trace, item: usize) -> u64 {
        match self.of {
            Of::Passes => trace.passes[item].start_ns,
            Of::Layers => op_start_ns(trace, self.runs[item] as usize),
            Of::Ops => op_start_ns(trace, item),
        }
    }

    fn start_ns(&self, trace: &Trace, at: usize) -> u64 {
        self.start_of(trace, self.order.as_ref().map_or(at, |order| order[at] as usize))
    }

    /// When the item at place `at` begins and ends.
    pub fn times(&self, trace: &Trace, at: usize) -> [u64; 2] {
        let item = self.order.as_ref().map_or(at, |order| order[at] as usize);
        let start = self.start_of(trace, item);
        let end = match self.of {
            Of::Passes => start.saturating_add(trace.passes[item].duration_ns),
            Of::Layers => {
                let behind = self.runs.get(item + 1).map_or(trace.op_count(), |&op| op as usize);
                op_time(trace, behind - 1).end_ns
            }
            Of::Ops => op_time(trace, item).end_ns,
        };
        [start, end.max(start)]
    }

    pub fn class(&self, trace: &Trace, at: usize) -> usize {
        let item = self.item(at);
        let class = match self.of {
            Of::Passes => trace.passes[item].phase as usize,
            Of::Layers => trace.ops.layer.get(item).map_or(usize::MAX, |layer| layer as usize),
            Of::Ops => trace.ops.kind[item] as usize,
        };
        class.min(self.classes - 1)
    }

    /// How many items begin before `ns`.
    pub fn before(&self, trace: &Trace, ns: u64) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.start_ns(trace, middle) < ns {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The place of the item that began last at `ns` or before.
    pub fn last_at(&self, trace: &Trace, ns: u64) -> Option<usize> {
        self.before(trace, ns.saturating_add(1)).checked_sub(1)
    }

    /// Places of items that run in `span_ns` and last `least_ns` or longer.
    pub fn long(&self, trace: &Trace, span_ns: [u64; 2], least_ns: u64) -> Vec<usize> {
        let behind = self.before(trace, span_ns[1].saturating_add(1));
        let mut found = Vec::new();
        for block in 0..behind.div_ceil(self.block) {
            if self.latest_ns[block] < span_ns[0] || self.longest_ns[block] < least_ns {
                continue;
            }
            for at in self.places(block, behind) {
                let [start, end] = self.times(trace, at);
                if end >= span_ns[0] && end - start >= least_ns {
                    found.push(at);
                }
            }
        }
        found
    }

    fn places(&self, block: usize, behind: usize) -> Range<usize> {
        block * self.block..((block + 1) * self.block).min(behind)
    }
}

/// First ops of what runs in one layer of one pass.
fn layer_runs(trace: &Trace) -> Vec<u32> {
    let key = |op: usize| (trace.ops.pass[op], trace.ops.layer.get(op));
    let begins = |op: &usize| *op == 0 || key(*op) != key(*op - 1);
    (0..trace.op_count()).into_par_iter().filter(begins).map(|op| op as u32).collect()
}

/// What a part of a lane's time holds, by class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// How long items of each class ran in it.
    pub busy_ns: Vec<u64>,
    /// How many of each class ran in it, or began in it without lasting at all.
    pub items: Vec<u64>,
}

impl Held {
    pub fn item_count(&self) -> u64 {
        self.items.iter().sum()
    }

    pub fn total_ns(&self) -> u64 {
        self.busy_ns.iter().fold(0, |sum, ns| sum.saturating_add(*ns))
    }

    /// Classes that have items, those that took longest first.
    pub fn ranked(&self) -> Vec<usize> {
        let mut classes: Vec<usize> = (0..self.items.len()).filter(|&class| self.items[class] > 0).collect();
        classes.sort_by_key(|&class| (std::cmp::Reverse((self.busy_ns[class], self.items[class])), class));
        classes
    }

    fn clear(&mut self, classes: usize) {
        self.busy_ns.clear();
        self.busy_ns.resize(classes, 0);
        self.items.clear();
        self.items.resize(classes, 0);
    }
}

/// Goes along a lane from one moment to the next, and says exactly what ran in between.
pub struct Walk<'a> {
    lane: &'a Lane,
    trace: &'a Trace,
    now_ns: u64,
    /// Items that began before.
    at: usize,
    /// Class and end of those of them that still run.
    open: Vec<(usize, u64)>,
    held: Held,
}

impl<'a> Walk<'a> {
    pub fn new(lane: &'a Lane, trace: &'a Trace, from_ns: u64) -> Self {
        let at = lane.before(trace, from_ns);
        let mut walk = Self { lane, trace, now_ns: from_ns, at, open: Vec::new(), held: Held::default() };
        for block in (0..at.div_ceil(lane.block)).filter(|&block| lane.latest_ns[block] > from_ns) {
            for at in lane.places(block, at) {
                let end = lane.times(trace, at)[1];
                if end > from_ns {
                    walk.open.push((lane.class(trace, at), end));
                }
            }
        }
        walk
    }

    /// What runs from where the walk is to `to_ns`, where it goes on.
    pub fn to(&mut self, to_ns: u64) -> &Held {
        let (lane, trace) = (self.lane, self.trace);
        let (from_ns, to_ns) = (self.now_ns, to_ns.max(self.now_ns));
        self.held.clear(lane.classes);
        for &(class, end) in &self.open {
            // Wraps around as all sums here do: what lies within is exact as long as it fits.
            self.held.busy_ns[class] = self.held.busy_ns[class].wrapping_add(end.min(to_ns) - from_ns);
            self.held.items[class] += 1;
        }
        self.open.retain(|(_, end)| *end > to_ns);
        let behind = lane.before(trace, to_ns);
        let (first, end) = (self.at.div_ceil(lane.block), behind / lane.block);
        if first < end {
            self.items(self.at..first * lane.block, to_ns);
            for class in 0..lane.classes {
                let [from, to] = [first, end].map(|block| block * lane.classes + class);
                let busy_ns = lane.busy_ns[to].wrapping_sub(lane.busy_ns[from]);
                self.held.busy_ns[class] = self.held.busy_ns[class].wrapping_add(busy_ns);
                self.held.items[class] += u64::from(lane.items[to] - lane.items[from]);
            }
            // Of those that go on beyond the end, only a part lies within.
            for block in (first..end).filter(|&block| lane.latest_ns[block] > to_ns) {
                for at in lane.places(block, behind) {
                    let until = lane.times(trace, at)[1];
                    if until > to_ns {
                        let class = lane.class(trace, at);
                        self.held.busy_ns[class] = self.held.busy_ns[class].wrapping_sub(until - to_ns);
                        self.open.push((class, until));
                    }
                }
            }
            self.items(end * lane.block..behind, to_ns);
        } else {
            self.items(self.at..behind, to_ns);
        }
        (self.now_ns, self.at) = (to_ns, behind);
        &self.held
    }

    fn items(&mut self, places: Range<usize>, to_ns: u64) {
        for at in places {
            let [start, end] = self.lane.times(self.trace, at);
            let class = self.lane.class(self.trace, at);
            self.held.busy_ns[class] = self.held.busy_ns[class].wrapping_add(end.min(to_ns) - start);
            self.held.items[class] += 1;
            if end > to_ns {
                self.open.push((class, end));
            }
        }
    }
}
