//! Layers by passes: what the ops of each layer did in each pass.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use serde::Serialize;

use super::Scope;
use super::fields::{Field, Row};
use super::groups::{Groups, Key};
use super::places::{Part, Places};
use super::spans::{ops_of, wanted};
use crate::trace::{Pass, Trace};

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LayerPassStats {
    pub pass: u32,
    /// `None`: ops without one.
    pub layer: Option<u32>,
    pub ops: u64,
    pub duration_ns: Option<u64>,
    pub accesses: u64,
    pub touched_bytes: u64,
    pub logged_bytes: u64,
}

/// Pass by pass, the layers in it that have ops. `None` once cancelled.
pub fn layer_passes(trace: &Trace, scope: Scope, cancelled: &AtomicBool) -> Option<Vec<LayerPassStats>> {
    let places = Places::new(trace);
    let groups = Groups::new(trace, Key::Layer);
    let passes: Vec<(u32, &Pass)> = (0_u32..).zip(&trace.passes).filter(|(_, pass)| scope.has(pass)).collect();
    let of_pass = |row: &mut Vec<LayerPassStats>, (number, pass): (u32, &Pass)| {
        wanted(cancelled)?;
        for op in ops_of(trace, pass) {
            let stats = &mut row[groups.of(trace, op)];
            stats.ops += 1;
            if let Some(more) = trace.ops.duration_ns.get(op) {
                stats.duration_ns = Some(stats.duration_ns.unwrap_or(0).saturating_add(more));
            }
            for &range in &trace.accesses.range[trace.accesses_of(op)] {
                let Some(rank) = places.rank(range) else { continue };
                let place = &places.by_rank[rank];
                stats.accesses += 1;
                if place.part != Part::Nowhere {
                    stats.touched_bytes = stats.touched_bytes.saturating_add(place.length);
                    stats.logged_bytes = stats.logged_bytes.saturating_add(place.logged);
                }
            }
        }
        let layers = row.iter_mut().zip(&groups.values).filter(|(stats, _)| stats.ops > 0);
        Some(
            layers
                .map(|(stats, layer)| LayerPassStats { pass: number, layer: *layer, ..std::mem::take(stats) })
                .collect(),
        )
    };
    let rows: Vec<Vec<LayerPassStats>> = passes
        .into_par_iter()
        .map_init(|| vec![LayerPassStats::default(); groups.values.len()], of_pass)
        .collect::<Option<_>>()?;
    Some(rows.into_iter().flatten().collect())
}

impl Row for LayerPassStats {
    const FIELDS: &'static [Field] = &[
        ("pass", "number of the pass, from 0"),
        ("layer", "number of the layer, from 0; null: ops without a layer"),
        ("ops", "ops of the layer in the pass"),
        ("duration_ns", "their durations added up; null where none is known"),
        ("accesses", "ranges of bytes that they touch, repeats counted"),
        ("touched_bytes", "bytes of all accesses, repeats counted: DISK and BUFFER"),
        ("logged_bytes", "as touched bytes, with every access widened to its whole tensor"),
    ];
}
