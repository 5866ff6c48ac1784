//! Where the ranges of a run lie, in the order of their addresses, and how many distinct bytes any of them cover.

use crate::kernel_io::heat::NO_BASE;
use crate::trace::tracks::{Order, TrackLayout};
use crate::trace::{Trace, Track};

/// What a range is part of, as far as memory goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Of a model file.
    DiskWeights,
    /// Of a buffer that holds weights, such as those that were repacked.
    BufferWeights,
    Kv,
    Compute,
    /// Written, but never located: it counts as an access, and its bytes count nowhere.
    Nowhere,
}

pub(super) const PARTS: usize = 5;

impl Part {
    fn of(trace: &Trace, tensor: usize) -> Self {
        let Some(tensor) = trace.tensors.get(tensor) else { return Self::Nowhere };
        let Some(home) = tensor.home else { return Self::Nowhere };
        match tensor.track {
            Track::Disk => Self::DiskWeights,
            Track::Buffer if tensor.category == "cache" => Self::Kv,
            Track::Buffer => match trace.buffers.get(home as usize) {
                Some(buffer) if buffer.usage == "WEIGHTS" => Self::BufferWeights,
                _ => Self::Compute,
            },
        }
    }

    pub fn track(self) -> Option<Track> {
        match self {
            Self::DiskWeights => Some(Track::Disk),
            Self::BufferWeights | Self::Kv | Self::Compute => Some(Track::Buffer),
            Self::Nowhere => None,
        }
    }
}

/// Bytes by part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Parts(pub [u64; PARTS]);

impl Parts {
    pub fn add(&mut self, part: Part, bytes: u64) {
        let sum = &mut self.0[part as usize];
        *sum = sum.saturating_add(bytes);
    }

    pub fn join(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
    }

    pub fn disk(&self) -> u64 {
        self.0[Part::DiskWeights as usize]
    }

    pub fn buffer(&self) -> u64 {
        [Part::BufferWeights, Part::Kv, Part::Compute]
            .iter()
            .fold(0, |sum, &part| sum.saturating_add(self.0[part as usize]))
    }

    pub fn both(&self) -> u64 {
        self.disk().saturating_add(self.buffer())
    }

    pub fn weights(&self) -> u64 {
        self.disk().saturating_add(self.0[Part::BufferWeights as usize])
    }

    pub fn kv(&self) -> u64 {
        self.0[Part::Kv as usize]
    }

    pub fn compute(&self) -> u64 {
        self.0[Part::Compute as usize]
    }

    /// DISK bytes over all.
    pub fn disk_share(&self) -> Option<f64> {
        (self.both() > 0).then(|| self.disk() as f64 / self.both() as f64)
    }
}

/// One range where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Byte of its track.
    pub start: u64,
    pub length: u64,
    /// The size of its tensor.
    pub logged: u64,
    pub part: Part,
    pub range: u32,
    pub tensor: u32,
}

impl Place {
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// Whether there are bytes of it: not where it is empty, or begins where 64 bits end.
    pub fn covers(&self) -> bool {
        self.start < self.end()
    }
}

/// The ranges of a run by rank: DISK first, then BUFFER, each by address; then those that lie nowhere.
pub(super) struct Places {
    pub by_rank: Vec<Place>,
    /// By range.
    ranks: Vec<u32>,
    /// By tensor.
    located: Vec<bool>,
    /// Bytes of the model files.
    pub model_bytes: u64,
}

impl Places {
    pub fn new(trace: &Trace) -> Self {
        let layouts = Track::ALL.map(|track| TrackLayout::new(trace, track, Order::File));
        let place = |range: usize| {
            let tensor = trace.ranges.tensor[range] as usize;
            let part = Part::of(trace, tensor);
            let base = part.track().and_then(|track| layouts[track as usize].bases.get(tensor).copied());
            let base = base.filter(|&base| base != NO_BASE);
            let part = base.map_or(Part::Nowhere, |_| part);
            let offset = trace.ranges.offset.get(range).copied().unwrap_or(0);
            Place {
                start: base.map_or(0, |base| base.saturating_add(offset)),
                length: trace.ranges.length.get(range).copied().unwrap_or(0),
                logged: trace.tensors.get(tensor).map_or(0, |t| t.bytes),
                part,
                range: range as u32,
                tensor: tensor as u32,
            }
        };
        let mut by_rank: Vec<Place> = (0..trace.ranges.tensor.len()).map(place).collect();
        let track = |place: &Place| place.part.track().map_or(2, |track| track as u8);
        by_rank.sort_unstable_by_key(|place| (track(place), place.start, place.length, place.range));
        let mut ranks = vec![0; by_rank.len()];
        for (rank, place) in (0..).zip(&by_rank) {
            ranks[place.range as usize] = rank;
        }
        let located =
            |tensor: usize| layouts.iter().any(|layout| layout.bases.get(tensor).is_some_and(|&b| b != NO_BASE));
        let located = (0..trace.tensors.len()).map(located).collect();
        Self { by_rank, ranks, located, model_bytes: layouts[Track::Disk as usize].bytes }
    }

    pub fn rank(&self, range: u32) -> Option<usize> {
        self.ranks.get(range as usize).map(|&rank| rank as usize)
    }

    /// Whether a tensor has a place on a track.
    pub fn located(&self, tensor: u32) -> bool {
        self.located.get(tensor as usize).copied().unwrap_or(false)
    }

    pub fn len(&self) -> usize {
        self.by_rank.len()
    }
}

/// Distinct bytes of ranges that come in the order of their ranks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Union {
    /// By track, of all of it.
    pub tracks: [u64; 2],
    /// By part; where parts share bytes, these count for each.
    pub parts: Parts,
    track_ends: [u64; 2],
    part_ends: [u64; PARTS],
}

impl Union {
    pub fn add(&mut self, place: &Place) {
        let Some(track) = place.part.track() else { return };
        let ends = [
            (&mut self.track_ends[track as usize], &mut self.tracks[track as usize]),
            (&mut self.part_ends[place.part as usize], &mut self.parts.0[place.part as usize]),
        ];
        for (end, bytes) in ends {
            // Ranges begin in order, so what is not covered yet lies behind the furthest end.
            *bytes += place.end().saturating_sub((*end).max(place.start));
            *end = (*end).max(place.end());
        }
    }

    pub fn both(&self) -> u64 {
        self.tracks[0].saturating_add(self.tracks[1])
    }
}

/// A set of ranks.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranks(Vec<u64>);

impl Ranks {
    pub fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    pub fn insert(&mut self, rank: usize) {
        self.0[rank / 64] |= 1 << (rank % 64);
    }

    pub fn join(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// Its ranks in their order; the set is empty afterwards.
    pub fn drain(&mut self, mut see: impl FnMut(usize)) {
        for (at, word) in self.0.iter_mut().enumerate() {
            let mut left = std::mem::take(word);
            while left != 0 {
                see(at * 64 + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
    }
}
