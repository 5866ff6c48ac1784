//! How many rows a recording has, and whether new ones follow them.

use crate::trace::NewRows;

/// Rows of a recording by table; graphs stand for their nodes and edges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Growth {
    pub tensors: u32,
    pub ops: u32,
    pub ranges: u32,
    pub accesses: u32,
    pub passes: u32,
    pub graphs: u32,
    pub buffers: u32,
}

/// Why rows cannot follow.
#[derive(Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Rows are numbered in 32 bits, the last of which means none.
    TooMany(&'static str),
    /// What contradicts the rows before.
    Wrong(String),
}

impl Growth {
    /// The counts once `rows` are there. What is looked at is what a reader needs to find out which rows belong
    /// together; the rest is the recorder's word.
    pub fn with(self, rows: &NewRows) -> Result<Self, Misfit> {
        let grown = |count: u32, more: usize, what| {
            let sum = u32::try_from(more).ok().and_then(|more| count.checked_add(more));
            sum.filter(|&sum| sum < u32::MAX).ok_or(Misfit::TooMany(what))
        };
        let after = Self {
            tensors: grown(self.tensors, rows.tensors.len(), "tensors")?,
            ops: grown(self.ops, rows.ops.start_ns.len(), "ops")?,
            ranges: grown(self.ranges, rows.ranges.tensor.len(), "ranges")?,
            accesses: grown(self.accesses, rows.accesses.range.len(), "accesses")?,
            passes: grown(self.passes, rows.passes.len(), "passes")?,
            graphs: grown(self.graphs, rows.graphs.len(), "graphs")?,
            buffers: grown(self.buffers, rows.buffers.len(), "buffers")?,
        };
        let wrong = |reason: String| Err(Misfit::Wrong(reason));
        if !rows.graphs.is_empty() && rows.first_graph != self.graphs {
            return wrong(format!("graph {} was added behind {} graphs", rows.first_graph, self.graphs));
        }
        if let Some(empty) = rows.graphs.iter().position(|graph| graph.nodes.is_empty()) {
            return wrong(format!("graph {} has no nodes", self.graphs as usize + empty));
        }
        let mut next_op = u64::from(self.ops);
        for (number, pass) in (self.passes..).zip(&rows.passes) {
            if u64::from(pass.first_op) != next_op {
                return wrong(format!("pass {number} begins at op {} and not at {next_op}", pass.first_op));
            }
            let ops = pass.first_op.wrapping_sub(self.ops) as usize..;
            let ops = rows.ops.pass.get(ops).and_then(|ops| ops.get(..pass.ops as usize));
            if !ops.is_some_and(|ops| ops.iter().all(|&of| of == number)) {
                return wrong(format!("pass {number} has {} ops that are not all there", pass.ops));
            }
            next_op += u64::from(pass.ops);
        }
        if next_op != u64::from(after.ops) {
            return wrong(format!("the passes have {next_op} ops and not {}", after.ops));
        }
        let first = &rows.ops.first_access;
        let fits = match (first.first(), first.last()) {
            (Some(&begin), Some(&last)) => begin == self.accesses && last <= after.accesses && first.is_sorted(),
            _ => after.accesses == self.accesses,
        };
        if !fits {
            return wrong(format!("the accesses behind {} are not those of the ops", self.accesses));
        }
        match rows.accesses.range.iter().max() {
            Some(&range) if range >= after.ranges => {
                wrong(format!("an access names range {range} of {}", after.ranges))
            }
            _ => Ok(after),
        }
    }
}
