//! Which cells the pixels of a track's map show: the level, and for each pixel column and row its part of it.

use std::ops::Range;

use crate::analysis::row_axis::{RowAxis, Rows};
use crate::gpu::heat_tiles::{MOST_TILES, TILE};
use crate::state::camera::Span;

/// Tiles that one map may show at once: both tracks, and what was seen before, share the cache.
const MOST_SHOWN: u64 = MOST_TILES as u64 / 3;

/// A map of so many pixels over a part of a track.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    pub kx: u32,
    pub ky: u32,
    /// Tiles that it shows a part of.
    pub x: Range<u64>,
    pub y: Range<u64>,
    /// Cells of each pixel column and row, `[first, end)`, from the first cell of the first tile; `[0, 0]` for none.
    pub columns: Vec<[u32; 2]>,
    pub rows: Vec<[u32; 2]>,
    /// Ops of each pixel row.
    pub row_ops: Vec<[f64; 2]>,
}

/// What is looked at: bytes of a track that has `extent` of them, ops, and the axis that these stand along.
pub struct Looked<'a> {
    pub bytes: Span,
    pub extent: u64,
    pub ops: Span,
    pub op_count: usize,
    pub axis: RowAxis<'a>,
    pub size_px: [u32; 2],
}

impl Cells {
    pub fn of(looked: &Looked<'_>) -> Self {
        let [width, height] = looked.size_px;
        let edge = |i: u32, pixels: u32, start: f64, len: f64| start + f64::from(i) / f64::from(pixels.max(1)) * len;
        let byte_edges: Vec<[f64; 2]> = (0..width)
            .map(|i| [i, i + 1].map(|i| edge(i, width, looked.bytes.start, looked.bytes.len()).max(0.0)))
            .collect();
        let (from, to) = (looked.axis.at(looked.ops.start), looked.axis.at(looked.ops.end));
        let row_ops: Vec<[f64; 2]> = (0..height)
            .map(|i| [i, i + 1].map(|i| looked.axis.op(edge(i, height, from, to - from))))
            .map(|[first, end]| [first, end.max(first)])
            .collect();
        let (mut kx, mut ky) = (level(&byte_edges), level(&row_ops));
        // Passes differ in length only where their graphs do; stamps are uneven, and no touch may fall between rows.
        let whole = looked.axis.rows() != Rows::Op;
        let op_count = looked.op_count as f64;
        loop {
            let (columns, x) = along(&byte_edges, kx, looked.extent as f64, false);
            let (rows, y) = along(&row_ops, ky, op_count, whole);
            if (x.end - x.start).saturating_mul(y.end - y.start) <= MOST_SHOWN || (kx > 61 && ky > 61) {
                return Self { kx, ky, x, y, columns, rows, row_ops };
            }
            if x.end - x.start > y.end - y.start {
                kx += 1;
            } else {
                ky += 1;
            }
        }
    }

    /// Whole ops of each pixel row, without gaps or overlaps between them.
    pub fn whole_rows(&self) -> Vec<Range<usize>> {
        self.row_ops.iter().map(|[first, end]| first.round() as usize..end.round() as usize).collect()
    }
}

/// The level whose cells are nearest to a pixel in size, for most of the pixels.
fn level(edges: &[[f64; 2]]) -> u32 {
    let mut lengths: Vec<f64> = edges.iter().map(|[start, end]| end - start).filter(|len| *len > 0.0).collect();
    let middle = lengths.len() / 2;
    if lengths.is_empty() {
        return 0;
    }
    let (_, median, _) = lengths.select_nth_unstable_by(middle, f64::total_cmp);
    median.log2().round().clamp(0.0, 62.0) as u32
}

/// The cells of level `k` that each pixel shows, and the tiles that they lie in. Where pixels are the larger, every cell
/// belongs to one pixel, or with `whole` to all that it touches; else a pixel's middle decides.
fn along(edges: &[[f64; 2]], k: u32, extent: f64, whole: bool) -> (Vec<[u32; 2]>, Range<u64>) {
    let size = 2_f64.powi(k.cast_signed());
    let count = (extent / size).ceil();
    let cells: Vec<Option<[u64; 2]>> = edges
        .iter()
        .map(|[start, end]| {
            let (first, end) = if end - start < size {
                let middle = (f64::midpoint(*start, *end) / size).floor();
                (middle, middle + 1.0)
            } else {
                let first = (start / size).floor();
                let end = if whole { (end / size).ceil() } else { (end / size).floor() };
                (first, end.max(first + 1.0))
            };
            (first < count).then(|| [first as u64, end.min(count) as u64])
        })
        .collect();
    let tile = u64::from(TILE);
    let first = cells.iter().flatten().map(|[first, _]| first / tile).min().unwrap_or(0);
    let end = cells.iter().flatten().map(|[_, end]| (end - 1) / tile + 1).max().unwrap_or(first);
    // Tiles shown are few, so what is counted from the first of them fits.
    let counted = |at: u64| (at - first * tile).min(u64::from(u32::MAX)) as u32;
    let pixels = cells.into_iter().map(|cell| cell.map_or([0, 0], |cell| cell.map(counted))).collect();
    (pixels, first..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All cells that some pixel shows.
    fn shown(pixels: &[[u32; 2]], tiles: &Range<u64>) -> Vec<u64> {
        let base = tiles.start * u64::from(TILE);
        let mut cells: Vec<u64> =
            pixels.iter().flat_map(|[first, end]| *first..*end).map(|cell| base + u64::from(cell)).collect();
        cells.dedup();
        cells
    }

    fn even(start: f64, len: f64, pixels: u32) -> Vec<[f64; 2]> {
        let at = |i: u32| start + len * f64::from(i) / f64::from(pixels);
        (0..pixels).map(|i| [at(i), at(i + 1)]).collect()
    }

    #[test]
    fn no_cell_is_lost_at_any_zoom() {
        for (start, len) in [(0.0, 1e12), (777.25, 4e9), (1e13, 10.0), (3.5, 1000.0), (0.0, 640.0), (5.0, 333.3)] {
            let edges = even(start, len, 640);
            let k = level(&edges);
            let (pixels, tiles) = along(&edges, k, 1e14, false);
            let size = 2_f64.powi(k.cast_signed());
            let cells = shown(&pixels, &tiles);
            let (first, last) = ((start / size) as u64 + 1, ((start + len) / size) as u64 - 1);
            let wanted: Vec<u64> = (first..last).collect();
            let found: Vec<u64> = cells.into_iter().filter(|cell| wanted.contains(cell)).collect();
            assert_eq!(found, wanted, "{start} {len}");
            assert!((tiles.end - tiles.start) <= 5, "{tiles:?}");
        }
    }

    #[test]
    fn uneven_rows_show_every_op_too() {
        // Four ops in the first pixel, then one in each.
        let edges: Vec<[f64; 2]> =
            std::iter::once([0.0, 4.3]).chain((0..20).map(|i| [4.3 + f64::from(i), 5.3 + f64::from(i)])).collect();
        let (pixels, tiles) = along(&edges, 1, 24.0, true);
        let cells: std::collections::BTreeSet<u64> = shown(&pixels, &tiles).into_iter().collect();
        assert_eq!(cells.into_iter().collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn what_lies_behind_the_end_has_no_cells() {
        let (pixels, tiles) = along(&even(0.0, 100.0, 10), 3, 50.0, false);
        assert_eq!(pixels[6..], [[0, 0]; 4]);
        assert_eq!((pixels[0], tiles), ([0, 1], 0..1));
        assert!(pixels.iter().all(|[_, end]| *end <= 7));
    }
}
