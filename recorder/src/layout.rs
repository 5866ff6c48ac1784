//! How the elements of a tensor lie in memory, and which bytes they cover.

/// Shape and strides in ggml's sense. Dimensions are innermost first; a block is what a quantised type packs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub elements: [u64; 4],
    /// Bytes from one block (first dimension) or item (others) to the next.
    pub strides: [u64; 4],
    pub block_elements: u64,
    pub block_bytes: u64,
}

/// Bytes of a tensor: from its first byte, and how many.
pub type Run = (u64, u64);

impl Layout {
    /// Blocks along the first dimension, items along the others.
    fn counts(&self) -> [u64; 4] {
        let mut counts = self.elements;
        counts[0] = counts[0].div_ceil(self.block_elements);
        counts
    }

    /// The layout of the items below dimension `dimension`: of a row for 1, of a matrix for 2.
    pub fn item(&self, dimension: usize) -> Self {
        let mut item = *self;
        item.elements[dimension..].fill(1);
        item
    }

    /// The bytes that it covers as maximal runs, ascending; `None` if they are more than `most`.
    pub fn runs(&self, most: usize) -> Option<Vec<Run>> {
        let counts = self.counts();
        if counts.contains(&0) {
            return Some(Vec::new());
        }
        let mut steps: Vec<(u64, u64)> =
            self.strides.into_iter().zip(counts).filter(|&(stride, count)| count > 1 && stride > 0).collect();
        steps.sort_unstable();
        let mut runs = vec![(0, self.block_bytes)];
        for (stride, count) in steps {
            let [(_, length)] = runs[..] else {
                // There are gaps already: every further dimension repeats them.
                if runs.len().saturating_mul(usize::try_from(count).ok()?) > most {
                    return None;
                }
                let repeated = (0..count).flat_map(|i| runs.iter().map(move |&(at, len)| (at + i * stride, len)));
                runs = merged(repeated.collect());
                continue;
            };
            if stride <= length {
                runs = vec![(0, stride * (count - 1) + length)];
            } else if count > most as u64 {
                return None;
            } else {
                runs = (0..count).map(|i| (i * stride, length)).collect();
            }
        }
        Some(runs)
    }

    /// Bytes from the first to behind the last.
    pub fn span(&self) -> u64 {
        let counts = self.counts();
        match counts.contains(&0) {
            true => 0,
            false => counts.iter().zip(self.strides).map(|(n, s)| (n - 1) * s).sum::<u64>() + self.block_bytes,
        }
    }

    /// Where every element begins, in order of dimensions. For types without blocks.
    pub fn element_offsets(&self) -> impl Iterator<Item = u64> {
        let [n0, n1, n2, n3] = self.elements;
        let [s0, s1, s2, s3] = self.strides;
        (0..n3).flat_map(move |l| {
            (0..n2)
                .flat_map(move |k| (0..n1).flat_map(move |j| (0..n0).map(move |i| i * s0 + j * s1 + k * s2 + l * s3)))
        })
    }
}

/// The same bytes as ascending runs that do not touch.
pub fn merged(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_unstable();
    let mut merged: Vec<Run> = Vec::with_capacity(runs.len());
    for (at, length) in runs {
        match merged.last_mut() {
            Some(last) if at <= last.0 + last.1 => last.1 = last.1.max(at + length - last.0),
            _ => merged.push((at, length)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn f32s(elements: [u64; 4], strides: [u64; 4]) -> Layout {
        Layout { elements, strides, block_elements: 1, block_bytes: 4 }
    }

    #[test]
    fn a_whole_tensor_is_one_run_however_it_is_permuted() {
        let whole = f32s([8, 3, 2, 1], [4, 32, 96, 192]);
        assert_eq!(whole.runs(10), Some(vec![(0, 192)]));
        let permuted = f32s([8, 2, 3, 1], [4, 96, 32, 192]);
        assert_eq!(permuted.runs(10), Some(vec![(0, 192)]));
        assert_eq!(whole.span(), 192);
    }

    #[test]
    fn a_view_with_gaps_is_a_run_for_each_piece() {
        // Queries inside of a fused projection: 4 of every 12 elements.
        let view = f32s([4, 3, 1, 1], [4, 48, 144, 144]);
        assert_eq!(view.runs(10), Some(vec![(0, 16), (48, 16), (96, 16)]));
        assert_eq!(view.runs(2), None);
        assert_eq!(view.span(), 112);
        assert_eq!(view.item(1).runs(1), Some(vec![(0, 16)]));
    }

    #[test]
    fn broadcast_and_empty_dimensions() {
        assert_eq!(f32s([4, 5, 1, 1], [4, 0, 0, 0]).runs(4), Some(vec![(0, 16)]));
        assert_eq!(f32s([4, 0, 1, 1], [4, 16, 0, 0]).runs(4), Some(vec![]));
        assert_eq!(f32s([4, 0, 1, 1], [4, 16, 0, 0]).span(), 0);
    }

    #[test]
    fn blocks_are_counted_whole() {
        let q4 = Layout { elements: [64, 2, 1, 1], strides: [18, 36, 72, 72], block_elements: 32, block_bytes: 18 };
        assert_eq!(q4.runs(4), Some(vec![(0, 72)]));
        assert_eq!(q4.item(1).span(), 36);
    }

    proptest! {
        #[test]
        fn runs_cover_exactly_the_bytes_of_the_elements(
            elements in prop::array::uniform4(0_u64..5),
            strides in prop::array::uniform4(0_u64..40),
        ) {
            let layout = f32s(elements, strides);
            let mut expected: Vec<u64> = layout.element_offsets().flat_map(|o| o..o + 4).collect();
            expected.sort_unstable();
            expected.dedup();
            let runs = layout.runs(10_000).unwrap();
            let covered: Vec<u64> = runs.iter().flat_map(|&(at, length)| at..at + length).collect();
            prop_assert_eq!(&covered, &expected);
            prop_assert!(runs.windows(2).all(|pair| pair[0].0 + pair[0].1 < pair[1].0), "maximal: {:?}", runs);
            prop_assert_eq!(layout.span(), expected.last().map_or(0, |last| last + 1));
        }
    }
}
