//! Steps to the next or previous op, layer or pass, with the playhead, where there is one.

use super::action::Stride;
use super::{AppState, Item};

impl AppState {
    pub(super) fn step(&mut self, by: Stride, back: bool) -> Result<(), String> {
        let Some(document) = self.document.clone() else { return Ok(()) };
        let trace = &document.trace;
        let moved = |at: Option<u32>, count: usize| -> Option<u32> {
            let last = u32::try_from(count).ok()?.checked_sub(1)?;
            Some(match (at, back) {
                (None, false) => 0,
                (None, true) => last,
                (Some(at), false) => at.saturating_add(1).min(last),
                (Some(at), true) => at.saturating_sub(1).min(last),
            })
        };
        // Passes of other phases are stepped over, and so are those without an op.
        let wanted = |pass: u32| -> Option<u32> {
            let fits = |pass: &u32| {
                let pass = trace.passes.get(*pass as usize);
                pass.is_some_and(|pass| pass.ops > 0 && self.phase.is_none_or(|phase| pass.phase == phase))
            };
            let last = u32::try_from(trace.passes.len()).ok()?.checked_sub(1)?;
            match back {
                false => (pass..=last).find(fits),
                true => (0..=pass.min(last)).rev().find(fits),
            }
        };
        let running = self.running_op();
        let pass_of = |op: u32| trace.ops.pass.get(op as usize).copied();
        let (pass, layer) = match self.selection {
            _ if running.is_some() => (running.and_then(pass_of), self.graph.layer),
            Some(Item::Pass(pass)) => (Some(pass), self.graph.layer),
            Some(Item::Op(op)) => (pass_of(op), self.graph.layer),
            Some(Item::Layer(layer)) => (self.pass, Some(layer)),
            _ => (self.pass, self.graph.layer),
        };
        match by {
            Stride::Op => {
                let Some(op) = moved(self.current_op(), trace.op_count()) else { return Ok(()) };
                let Some(pass) = pass_of(op) else { return Ok(()) };
                let Some(found) = wanted(pass) else { return Ok(()) };
                let op = match (found == pass, back, trace.passes.get(found as usize)) {
                    (false, false, Some(pass)) => pass.first_op,
                    (false, true, Some(pass)) => pass.first_op.saturating_add(pass.ops).saturating_sub(1),
                    _ => op,
                };
                self.take_head_along(op);
                self.select_op(op, true);
            }
            Stride::Layer => {
                if let Some(layer) = moved(layer, self.shown_layers() as usize) {
                    let of_pass = trace.passes.get(pass.unwrap_or(0) as usize);
                    let count = trace.op_count() as u32;
                    let ops = of_pass.map_or(0..0, |p| p.first_op..p.first_op.saturating_add(p.ops).min(count));
                    if let Some(op) = ops.into_iter().find(|&op| trace.ops.layer.get(op as usize) == Some(layer)) {
                        self.take_head_along(op);
                    }
                    self.set_layer(Some(layer), false)?;
                }
            }
            Stride::Pass => {
                if let Some(pass) = moved(pass, trace.passes.len()).and_then(wanted) {
                    self.take_head_along(trace.passes.get(pass as usize).map_or(0, |pass| pass.first_op));
                    self.set_pass(pass)?;
                }
            }
        }
        Ok(())
    }

    /// A playhead that is there goes where a person steps to.
    fn take_head_along(&mut self, op: u32) {
        if let Some(before) = self.playback.head {
            self.follow_head(before, op);
            self.place_head(op);
        }
    }
}
