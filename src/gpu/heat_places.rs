//! Where a run's ranges lie on one track in one order: in GPU memory, and by place, so that a window finds its own.

use std::ops::{Range, RangeInclusive};

use rayon::prelude::*;

use super::Gpu;
use super::heat_data::{HeatGpuError, upload_column};
use crate::kernel_io::heat::{HeatColumns, HeatError, Measure, Place};

/// `range_place` of a range that lies elsewhere: first byte behind last.
const NO_PLACE: [u64; 2] = [1, 0];
/// No rank of a range is as high.
const NO_RANK: u32 = u32::MAX;

/// The places of all ranges: as long as they are, and widened to their tensors.
pub struct HeatPlaces {
    exact: PlacedRanges,
    widened: PlacedRanges,
}

/// Ranges by place.
pub struct PlacedRanges {
    /// Per range: its first and its last byte, low words first.
    pub places: wgpu::Buffer,
    /// The same for those ranges that lie on the track, by first byte.
    pub places_by_rank: wgpu::Buffer,
    /// Per range: which of those it is, or `NO_RANK`; and per one of those: which range it is.
    pub ranks: wgpu::Buffer,
    pub range_of_rank: wgpu::Buffer,
    /// Of those: first bytes, and the highest last byte so far.
    first_bytes: Vec<u64>,
    reach: Vec<u64>,
}

impl HeatPlaces {
    /// Places the ranges of `columns`, and refuses those that pass the last byte which 64 bits can name.
    pub fn new(gpu: &Gpu, columns: &HeatColumns<'_>) -> Result<Self, HeatGpuError> {
        let [exact, widened] = [false, true].map(|widened| PlacedRanges::new(gpu, columns, widened));
        Ok(Self { exact: exact?, widened: widened? })
    }

    /// The places that `measure` counts by.
    pub fn of(&self, measure: Measure) -> &PlacedRanges {
        match measure {
            Measure::Accesses | Measure::Bytes => &self.exact,
            Measure::Logged => &self.widened,
        }
    }
}

impl PlacedRanges {
    fn new(gpu: &Gpu, columns: &HeatColumns<'_>, widened: bool) -> Result<Self, HeatGpuError> {
        let count = columns.range_tensor.len();
        let places = (0..count)
            .into_par_iter()
            .with_min_len(1024)
            .map(|range| columns.place_of_range(range, widened))
            .collect::<Result<Vec<Option<Place>>, HeatError>>()?;
        let mut placed: Vec<(Place, u32)> =
            (0..).zip(&places).filter_map(|(range, place)| place.map(|place| (place, range))).collect();
        placed.par_sort_unstable_by_key(|(place, range)| (place.first_byte, *range));
        let reach = placed.iter().scan(0, |reach, (place, _)| {
            *reach = place.last_byte.max(*reach);
            Some(*reach)
        });
        let words: Vec<[u64; 2]> =
            places.iter().map(|place| place.map_or(NO_PLACE, |place| [place.first_byte, place.last_byte])).collect();
        let by_rank: Vec<[u64; 2]> = placed.iter().map(|(place, _)| [place.first_byte, place.last_byte]).collect();
        let range_of_rank: Vec<u32> = placed.iter().map(|(_, range)| *range).collect();
        let mut ranks = vec![NO_RANK; count];
        for (rank, range) in (0..).zip(&range_of_rank) {
            ranks[*range as usize] = rank;
        }
        Ok(Self {
            places: upload_column(gpu, "places of ranges", words.as_flattened(), |_, _| Ok(()))?,
            places_by_rank: upload_column(gpu, "places by rank", by_rank.as_flattened(), |_, _| Ok(()))?,
            ranks: upload_column(gpu, "ranks of ranges", &ranks, |_, _| Ok(()))?,
            range_of_rank: upload_column(gpu, "ranges by rank", &range_of_rank, |_, _| Ok(()))?,
            reach: reach.collect(),
            first_bytes: placed.iter().map(|(place, _)| place.first_byte).collect(),
        })
    }

    /// Ranks of a part of them that holds every range which overlaps `bytes`.
    pub fn around(&self, bytes: &RangeInclusive<u64>) -> Range<u32> {
        let begin = self.reach.partition_point(|reach| reach < bytes.start());
        let end = self.first_bytes.partition_point(|byte| byte <= bytes.end());
        // There are no more ranges than a u32 counts.
        begin.min(end) as u32..end as u32
    }
}
