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
    let of_passes = || class_of.iter().map(|&class| &classes[class as usize]);
    let ((accesses, by_pass), mut by_row) = rayon::join(
        || rayon::join(|| access_columns(of_passes()), || pass_columns(rows.len(), spans, of_passes())),
        || row_columns(rows, shapes),
    );
    let mut passes = Vec::with_capacity(spans.len());
    for (span, class) in spans.iter().zip(of_passes()) {
        // The next stamp belongs to another pass: the last op's end is not known.
        by_row.duration_ns[span.end - 1] = u64::MAX;
        let start = by_row.start_ns[span.start];
        let end = by_row.start_ns[span.clone()].iter().copied().max().unwrap_or(start);
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
    let (duration_ns, thread) = rayon::join(
        || Nullable::from_sentinel(by_row.duration_ns, u64::MAX),
        || Nullable::from_sentinel(by_row.thread, NONE),
    );
    let ops = Ops {
        start_ns: by_row.start_ns.into(),
        duration_ns,
        pass: by_pass.pass.into(),
        kind: by_row.kind.into(),
        destination: by_pass.destination,
        layer: by_pass.layer,
        thread,
        node: by_pass.node,
        first_access: by_pass.first_access.into(),
    };
    (ops, accesses, passes)
}

/// What each row says itself.
struct RowColumns {
    start_ns: Vec<u64>,
    /// To the next stamp; `u64::MAX` where there is none.
    duration_ns: Vec<u64>,
    kind: Vec<u32>,
    thread: Vec<u32>,
}

fn row_columns(rows: &[OpRow], shapes: &[OpShape]) -> RowColumns {
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
    RowColumns { start_ns, duration_ns, kind, thread }
}

/// What the ops of a pass have from its class.
struct PassColumns {
    pass: Vec<u32>,
    destination: Nullable<u32>,
    layer: Nullable<u32>,
    node: Nullable<u32>,
    first_access: Vec<u32>,
}

fn pass_columns<'a>(
    rows: usize,
    spans: &[Range<usize>],
    classes: impl Iterator<Item = &'a ResolvedPass>,
) -> PassColumns {
    let mut pass = Vec::with_capacity(rows);
    let mut destination = Vec::with_capacity(rows);
    let mut layer = Vec::with_capacity(rows);
    let mut node = Vec::with_capacity(rows);
    let mut first_access = Vec::with_capacity(rows);
    let mut base = 0;
    for ((k, span), class) in (0_u32..).zip(spans).zip(classes) {
        pass.resize(span.end, k);
        destination.extend_from_slice(&class.destination);
        layer.extend_from_slice(&class.layer);
        node.extend_from_slice(&class.node);
        first_access.extend(class.first_access.iter().map(|a| base + a));
        base += class.range.len() as u32;
    }
    PassColumns {
        pass,
        destination: Nullable::from_sentinel(destination, NONE),
        layer: Nullable::from_sentinel(layer, NONE),
        node: Nullable::from_sentinel(node, NONE),
        first_access,
    }
}

fn access_columns<'a>(classes: impl Iterator<Item = &'a ResolvedPass> + Clone) -> Accesses {
    let total = classes.clone().map(|class| class.range.len()).sum();
    let mut range = Vec::with_capacity(total);
    let mut slot = Vec::with_capacity(total);
    let mut flags = Vec::with_capacity(total);
    for class in classes {
        range.extend_from_slice(&class.range);
        slot.extend_from_slice(&class.slot);
        flags.extend_from_slice(&class.flags);
    }
    Accesses { range: range.into(), slot: slot.into(), flags: flags.into() }
}
