//! From what the passes have in common to the columns of the whole run.

use std::ops::Range;

use rayon::prelude::*;

use super::builder::NONE;
use super::model::*;
use super::raw::{OpRow, OpShape};
use super::resolve::ResolvedPass;

/// Columns for every op of every pass, from what each class of passes has in common.
pub(super) fn expand(
    rows: &[OpRow],
    shapes: &[OpShape],
    spans: &[Range<usize>],
    class_of: &[u32],
    classes: &[ResolvedPass],
) -> (Ops, Accesses, Vec<Pass>) {
    let origin = rows.first().map_or(0, |r| r.start_ns);
    let mut start_ns = vec![0_u64; rows.len()];
    let mut duration_ns = vec![0_u64; rows.len()];
    let mut kind = vec![0_u32; rows.len()];
    let mut thread = vec![0_u32; rows.len()];
    rows.par_iter()
        .enumerate()
        .map(|(i, row)| {
            let shape = &shapes[row.shape as usize];
            let next = rows.get(i + 1).and_then(|next| next.start_ns.checked_sub(row.start_ns));
            (row.start_ns.saturating_sub(origin), next.unwrap_or(u64::MAX), shape.kind, shape.thread.unwrap_or(NONE))
        })
        .zip(
            start_ns.par_iter_mut().zip(duration_ns.par_iter_mut()).zip(kind.par_iter_mut().zip(thread.par_iter_mut())),
        )
        .with_min_len(4096)
        .for_each(|((start, duration, k, t), ((start_out, duration_out), (kind_out, thread_out)))| {
            *start_out = start;
            *duration_out = duration;
            *kind_out = k;
            *thread_out = t;
        });

    let mut pass_column = Vec::with_capacity(rows.len());
    let mut destination = Vec::with_capacity(rows.len());
    let mut layer = Vec::with_capacity(rows.len());
    let mut node = Vec::with_capacity(rows.len());
    let mut first_access = Vec::with_capacity(rows.len());
    let total = class_of.iter().map(|&c| classes[c as usize].range.len()).sum();
    let mut range = Vec::with_capacity(total);
    let mut slot = Vec::with_capacity(total);
    let mut access_flags = Vec::with_capacity(total);
    let mut passes = Vec::with_capacity(spans.len());
    for (k, (span, &class)) in spans.iter().zip(class_of).enumerate() {
        let class = &classes[class as usize];
        // The next stamp belongs to another pass: the last op's end is not known.
        duration_ns[span.end - 1] = u64::MAX;
        pass_column.resize(span.end, k as u32);
        destination.extend_from_slice(&class.destination);
        layer.extend_from_slice(&class.layer);
        node.extend_from_slice(&class.node);
        let base = range.len() as u32;
        first_access.extend(class.first_access.iter().map(|a| base + a));
        range.extend_from_slice(&class.range);
        slot.extend_from_slice(&class.slot);
        access_flags.extend_from_slice(&class.flags);
        let start = start_ns[span.start];
        let end = start_ns[span.clone()].iter().copied().max().unwrap_or(start);
        passes.push(Pass {
            phase: rows[span.start].phase,
            first_op: span.start as u32,
            ops: span.len() as u32,
            graph: class.graph,
            start_ns: start,
            duration_ns: end.saturating_sub(start),
            reads_disk: class.reads_disk,
            reads_buffer: class.reads_buffer,
            writes: span.len() as u64,
            token: Some(rows[span.start].token),
            positions: Vec::new(),
            token_ids: Vec::new(),
            text: None,
        });
    }
    let ops = Ops {
        start_ns: start_ns.into(),
        duration_ns: Nullable::from_sentinel(duration_ns, u64::MAX),
        pass: pass_column.into(),
        kind: kind.into(),
        destination: Nullable::from_sentinel(destination, NONE),
        layer: Nullable::from_sentinel(layer, NONE),
        thread: Nullable::from_sentinel(thread, NONE),
        node: Nullable::from_sentinel(node, NONE),
        first_access: first_access.into(),
    };
    let accesses = Accesses { range: range.into(), slot: slot.into(), flags: access_flags.into() };
    (ops, accesses, passes)
}
