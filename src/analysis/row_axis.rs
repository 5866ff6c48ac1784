//! Where ops stand along the heatmap's other axis: evenly, evenly within passes of one height, or by recorded time.

use serde::{Deserialize, Serialize};

use crate::trace::Trace;

/// What the rows of the heatmap are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    #[default]
    Op,
    Pass,
    Time,
}

/// The axis of one run. Ops and places along it are fractions; both rise together.
#[derive(Clone, Copy)]
pub struct RowAxis<'a> {
    trace: &'a Trace,
    rows: Rows,
}

impl<'a> RowAxis<'a> {
    pub fn new(trace: &'a Trace, rows: Rows) -> Self {
        // Without passes or stamps there is nothing but ops.
        let rows = match rows {
            Rows::Pass if trace.passes.is_empty() => Rows::Op,
            Rows::Time if trace.duration_ns() == 0 => Rows::Op,
            rows => rows,
        };
        Self { trace, rows }
    }

    /// What the axis counts, once what is missing is left out.
    pub fn rows(&self) -> Rows {
        self.rows
    }

    fn op_count(&self) -> f64 {
        self.trace.op_count() as f64
    }

    /// The end of the axis; it begins at 0.
    pub fn end(&self) -> f64 {
        match self.rows {
            Rows::Op => self.op_count(),
            Rows::Pass => self.trace.passes.len() as f64,
            Rows::Time => self.trace.duration_ns() as f64,
        }
    }

    /// When op `op` begins; the run's end for the one behind the last.
    fn start_ns(&self, op: usize) -> f64 {
        self.trace.ops.start_ns.get(op).map_or_else(|| self.end(), |&ns| ns as f64)
    }

    /// Where `op` stands, from the run's first to behind its last.
    pub fn at(&self, op: f64) -> f64 {
        let op = op.clamp(0.0, self.op_count());
        match self.rows {
            Rows::Op => op,
            Rows::Pass => {
                let passes = &self.trace.passes;
                let next = passes.partition_point(|pass| f64::from(pass.first_op) <= op);
                let Some(index) = next.checked_sub(1) else { return 0.0 };
                let within = (op - f64::from(passes[index].first_op)) / f64::from(passes[index].ops.max(1));
                index as f64 + within.min(1.0)
            }
            Rows::Time => {
                let (start, end) = (self.start_ns(op as usize), self.start_ns(op as usize + 1));
                start + (op - op.floor()) * (end - start).max(0.0)
            }
        }
    }

    /// The op at a place, with the part of it that lies before.
    pub fn op(&self, at: f64) -> f64 {
        let at = at.clamp(0.0, self.end());
        match self.rows {
            Rows::Op => at,
            Rows::Pass => {
                let Some(pass) = self.trace.passes.get(at as usize) else { return self.op_count() };
                f64::from(pass.first_op) + (at - at.floor()) * f64::from(pass.ops)
            }
            Rows::Time => {
                let next = self.trace.ops.start_ns.partition_point(|&ns| ns as f64 <= at);
                let Some(op) = next.checked_sub(1) else { return 0.0 };
                let (start, end) = (self.start_ns(op), self.start_ns(op + 1));
                let within = if end > start { ((at - start) / (end - start)).min(1.0) } else { 1.0 };
                op as f64 + within
            }
        }
    }
}
