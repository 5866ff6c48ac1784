//! One row of bins: sums by differences, maxima by intervals of doubling length.

use super::span::Span;

/// Sums of one row. All zero between rows.
pub struct SumRow {
    kx: u32,
    bytes: bool,
    /// Per bin and one behind: how many more whole bins begin than have ended just before.
    edges: Vec<i64>,
    /// Per bin: bytes of places that begin or end in it; empty unless bytes are summed.
    part_bytes: Vec<u128>,
}

impl SumRow {
    pub fn new(width: usize, kx: u32, bytes: bool) -> Self {
        Self { kx, bytes, edges: vec![0; width + 1], part_bytes: vec![0; if bytes { width } else { 0 }] }
    }

    /// Adds `count` accesses with span `span`.
    pub fn mark(&mut self, span: &Span, count: u32) {
        if !self.bytes {
            self.edges[span.first_bin as usize] += i64::from(count);
            self.edges[span.last_bin as usize + 1] -= i64::from(count);
            return;
        }
        let count_bytes = u128::from(count);
        self.part_bytes[span.first_bin as usize] += u128::from(span.head_bytes) * count_bytes;
        self.part_bytes[span.last_bin as usize] += u128::from(span.tail_bytes) * count_bytes;
        if span.whole_begin < span.whole_end {
            self.edges[span.whole_begin as usize] += i64::from(count);
            self.edges[span.whole_end as usize] -= i64::from(count);
        }
    }

    /// Writes the sums to `cells` and forgets them; `None` if one passes 64 bits.
    pub fn settle(&mut self, cells: &mut [u64]) -> Option<()> {
        self.drain(cells, |cell, sum| *cell = sum)
    }

    /// Raises `cells` to the sums and forgets them; `None` if one passes 64 bits.
    pub fn settle_max(&mut self, cells: &mut [u64]) -> Option<()> {
        self.drain(cells, |cell, sum| *cell = (*cell).max(sum))
    }

    fn drain(&mut self, cells: &mut [u64], put: impl Fn(&mut u64, u64)) -> Option<()> {
        let mut covering = 0;
        for (bin, cell) in cells.iter_mut().enumerate() {
            covering += std::mem::take(&mut self.edges[bin]);
            // Never negative: every end follows its start.
            let sum = match self.bytes {
                false => covering as u64,
                true => {
                    let whole_bytes = (covering as u128) << self.kx;
                    u64::try_from(whole_bytes + std::mem::take(&mut self.part_bytes[bin])).ok()?
                }
            };
            put(cell, sum);
        }
        self.edges[cells.len()] = 0;
        Some(())
    }

    /// What `spans` sum up to in one bin.
    pub fn value_at(&self, spans: &[Span], bin: u32) -> u128 {
        let overlapping = spans.iter().filter(|span| (span.first_bin..=span.last_bin).contains(&bin));
        if !self.bytes {
            return overlapping.count() as u128;
        }
        let overlap_bytes = |span: &Span| {
            if (span.whole_begin..span.whole_end).contains(&bin) {
                return 1 << self.kx;
            }
            // First and last may be one bin, of which one of the two is 0.
            let head_bytes = if bin == span.first_bin { span.head_bytes } else { 0 };
            let tail_bytes = if bin == span.last_bin { span.tail_bytes } else { 0 };
            u128::from(head_bytes) + u128::from(tail_bytes)
        };
        overlapping.map(overlap_bytes).sum()
    }
}

/// Maxima of one row over many ops, each a handful of bin intervals with one value.
///
/// Level l holds, for each bin, the maximum over intervals of 2^l bins that begin there; an interval of any length is
/// two of those. So raising costs the same for one bin and for all of them, and only at the end levels are passed down.
pub struct MaxRow {
    levels: Vec<Vec<u64>>,
    breaks: Vec<u32>,
}

impl MaxRow {
    pub fn new(width: usize) -> Self {
        let levels = width.checked_ilog2().map_or(0, |log2| log2 as usize + 1);
        Self { levels: vec![vec![0; width]; levels], breaks: Vec::new() }
    }

    /// Raises the maxima to what one op with `spans` has in each bin; `None` if that passes 64 bits.
    pub fn raise(&mut self, spans: &[Span], value_at: impl Fn(&[Span], u32) -> u128) -> Option<()> {
        let width = self.levels.first().map_or(0, |level| level.len() as u32);
        self.breaks.clear();
        for span in spans {
            self.breaks.extend([span.first_bin, span.first_bin + 1, span.last_bin, span.last_bin + 1]);
        }
        self.breaks.push(width);
        self.breaks.sort_unstable();
        self.breaks.dedup();
        for pair in 0..self.breaks.len() - 1 {
            let (begin, end) = (self.breaks[pair], self.breaks[pair + 1]);
            if begin >= width {
                break;
            }
            let value = u64::try_from(value_at(spans, begin)).ok()?;
            let level = (end - begin).ilog2();
            let cells = &mut self.levels[level as usize];
            for at in [begin as usize, (end - (1 << level)) as usize] {
                cells[at] = cells[at].max(value);
            }
        }
        Some(())
    }

    /// Raises `cells` to the maxima and forgets them.
    pub fn settle_max(&mut self, cells: &mut [u64]) {
        for level in (1..self.levels.len()).rev() {
            let (below, above) = self.levels.split_at_mut(level);
            let (below, above) = (&mut below[level - 1], &mut above[0]);
            let half = 1 << (level - 1);
            for (at, maximum) in above.iter_mut().enumerate() {
                let maximum = std::mem::take(maximum);
                below[at] = below[at].max(maximum);
                if let Some(second) = below.get_mut(at + half) {
                    *second = (*second).max(maximum);
                }
            }
        }
        if let Some(lowest) = self.levels.first_mut() {
            for (cell, maximum) in cells.iter_mut().zip(lowest) {
                *cell = (*cell).max(std::mem::take(maximum));
            }
        }
    }
}
