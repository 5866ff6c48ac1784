//! What a part of the heatmap holds in all: over its bytes, and over its ops.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::wanted_flag;
use crate::kernel_io::heat::{ACCESS_WRITE, HeatColumns, HeatError, HeatLevel, Measure, Place};

/// Sums of a window, by byte bin and by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marginals {
    /// What the accesses of all ops of the window sum up to in each of its bins.
    pub columns: Vec<u64>,
    /// What each row's accesses sum up to in all bytes of the window, an access counted once.
    pub rows: Vec<u64>,
}

/// A part of a track: bins `x0..x0 + width` of `1 << level.kx` bytes. What the level says of ops does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteWindow {
    pub level: HeatLevel,
    pub x0: u64,
    pub width: u32,
}

impl ByteWindow {
    /// First and last byte.
    fn bytes(&self) -> [u64; 2] {
        let kx = self.level.kx;
        let last_bin = self.x0.saturating_add(u64::from(self.width.max(1)) - 1);
        let first = if self.x0 > u64::MAX >> kx { u64::MAX } else { self.x0 << kx };
        let last = if last_bin >= u64::MAX >> kx { u64::MAX } else { ((last_bin + 1) << kx) - 1 };
        [first, last]
    }
}

/// Sums over `window` and the ops of each of `rows`, which do not overlap and stand in order. `None` once cancelled.
pub fn marginals(
    columns: &HeatColumns<'_>,
    window: &ByteWindow,
    rows: &[Range<usize>],
    cancelled: &AtomicBool,
) -> Result<Option<Marginals>, HeatError> {
    columns.check_lengths()?;
    let level = &window.level;
    let widened = level.measure == Measure::Logged;
    let [first_byte, last_byte] = window.bytes();
    let mut places = Vec::with_capacity(columns.range_tensor.len());
    // What one access of each range adds to its row.
    let mut amounts = Vec::with_capacity(columns.range_tensor.len());
    for range in 0..columns.range_tensor.len() {
        let place = columns.place_of_range(range, widened)?.and_then(|place| {
            let within =
                Place { first_byte: place.first_byte.max(first_byte), last_byte: place.last_byte.min(last_byte) };
            (within.first_byte <= within.last_byte).then_some(within)
        });
        amounts.push(match (place, level.measure) {
            (None, _) => 0,
            (Some(_), Measure::Accesses) => 1,
            (Some(place), _) => (place.last_byte - place.first_byte).saturating_add(1),
        });
        places.push(place);
    }
    let wanted = wanted_flag(level.direction);
    let mut counts = vec![0_u64; places.len()];
    let mut row_sums = Vec::with_capacity(rows.len());
    for row in rows {
        if cancelled.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut sum = 0_u64;
        for op in row.start..row.end.min(columns.op_first_access.len()) {
            if !columns.in_phases(op, level.phases)? {
                continue;
            }
            for access in columns.accesses_of(op)? {
                if wanted.is_some_and(|wanted| columns.access_flags[access] & ACCESS_WRITE != wanted) {
                    continue;
                }
                let range = columns.access_range[access];
                let Some(count) = counts.get_mut(range as usize) else {
                    columns.place_of(access, range, widened)?;
                    continue;
                };
                *count += 1;
                sum = sum.saturating_add(amounts[range as usize]);
            }
        }
        row_sums.push(sum);
    }
    let columns = spread(window, &places, &counts);
    Ok(Some(Marginals { columns, rows: row_sums }))
}

/// Sums per bin of so many accesses of each place, all of which lie in the window.
fn spread(window: &ByteWindow, places: &[Option<Place>], counts: &[u64]) -> Vec<u64> {
    let (kx, bytes) = (window.level.kx, window.level.measure != Measure::Accesses);
    let width = window.width as usize;
    let mut covering = vec![0_i128; width + 1];
    let mut parts = vec![0_u128; width];
    let within = |byte: u64| byte & ((1 << kx) - 1);
    for (place, &count) in places.iter().zip(counts) {
        let Some(place) = place.filter(|_| count > 0 && width > 0) else { continue };
        let bin = |byte: u64| (((byte >> kx) - window.x0) as usize).min(width - 1);
        let (first, last) = (bin(place.first_byte), bin(place.last_byte));
        if !bytes {
            covering[first] += i128::from(count);
            covering[last + 1] -= i128::from(count);
        } else if first == last {
            parts[first] += u128::from(place.last_byte - place.first_byte + 1) * u128::from(count);
        } else {
            parts[first] += ((1_u128 << kx) - u128::from(within(place.first_byte))) * u128::from(count);
            parts[last] += (u128::from(within(place.last_byte)) + 1) * u128::from(count);
            covering[first + 1] += i128::from(count);
            covering[last] -= i128::from(count);
        }
    }
    let mut open = 0_i128;
    let whole = if bytes { kx } else { 0 };
    (0..width)
        .map(|bin| {
            open += covering[bin];
            u64::try_from((open.max(0).cast_unsigned() << whole) + parts[bin]).unwrap_or(u64::MAX)
        })
        .collect()
}
