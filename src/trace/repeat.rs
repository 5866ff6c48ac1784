//! A run several times behind itself, to try sizes that nobody has recorded yet.

use super::builder::{BuildError, NONE};
use super::model::{Column, Nullable, Trace};

impl Trace {
    /// `times` copies in a row, each beginning where the one before ended.
    pub fn repeated(&self, times: u32) -> Result<Self, BuildError> {
        let total = |count: usize, what: &'static str| match count as u64 * u64::from(times) {
            total if total >= u64::from(NONE) => Err(BuildError::TooMany { what, count: total }),
            _ => Ok(()),
        };
        total(self.op_count(), "ops")?;
        total(self.access_count(), "accesses")?;
        let n = times as usize;
        let period_ns = self.duration_ns().max(1);
        let shift = |column: &Column<u32>, by: usize| -> Column<u32> {
            (0..n).flat_map(|k| column.iter().map(move |v| v + (k * by) as u32)).collect::<Vec<_>>().into()
        };
        let same = |column: &Column<u32>| -> Column<u32> { column.repeat(n).into() };
        let nullable = |column: &Nullable<u32>| {
            let values = (0..column.values.len()).map(|i| column.get(i).unwrap_or(NONE)).collect::<Vec<_>>();
            Nullable::from_sentinel(values.repeat(n), NONE)
        };
        let mut run = self.clone();
        run.ops.start_ns = (0..u64::from(times))
            .flat_map(|k| self.ops.start_ns.iter().map(move |t| t.saturating_add(k.saturating_mul(period_ns))))
            .collect::<Vec<_>>()
            .into();
        let durations =
            (0..self.op_count()).map(|i| self.ops.duration_ns.get(i).unwrap_or(u64::MAX)).collect::<Vec<_>>();
        run.ops.duration_ns = Nullable::from_sentinel(durations.repeat(n), u64::MAX);
        run.ops.pass = shift(&self.ops.pass, self.passes.len());
        run.ops.kind = same(&self.ops.kind);
        run.ops.destination = nullable(&self.ops.destination);
        run.ops.layer = nullable(&self.ops.layer);
        run.ops.thread = nullable(&self.ops.thread);
        run.ops.node = nullable(&self.ops.node);
        run.ops.first_access = shift(&self.ops.first_access, self.access_count());
        run.accesses.range = same(&self.accesses.range);
        run.accesses.slot = self.accesses.slot.repeat(n).into();
        run.accesses.flags = same(&self.accesses.flags);
        run.passes = (0..u64::from(times))
            .flat_map(|k| {
                self.passes.iter().map(move |pass| {
                    let mut pass = pass.clone();
                    pass.first_op += (k * self.op_count() as u64) as u32;
                    pass.start_ns = pass.start_ns.saturating_add(k.saturating_mul(period_ns));
                    pass
                })
            })
            .collect();
        run.meta.notes.push(format!("{times} copies of one recording behind each other"));
        Ok(run)
    }
}
