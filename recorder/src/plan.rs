//! What one node of a graph touches: fixed ranges, and those that follow from indices which are only known as it runs.

use tensorscope::trace::flags;

use crate::catalog::Catalog;
use crate::layout::{Layout, Run, merged};
use crate::llama::tensor::Tensor;
use crate::rules::{self, Reads, Writes};

/// Pieces of one operand that are listed one by one; more become one range, marked as estimated.
const MOST_RUNS: usize = 1 << 16;

/// One row of accesses.arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub range: u32,
    pub slot: u8,
    pub flags: u32,
}

/// Where an operand lies: a row of tensors.arrow and bytes from the first of that tensor.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub tensor: u32,
    pub offset: u64,
}

/// One operand, or the destination.
#[derive(Debug, Clone)]
pub struct Part {
    slot: u8,
    flags: u32,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Fixed(Vec<u32>),
    Indexed(Indexed),
}

/// Items of an operand that indices pick.
#[derive(Debug, Clone)]
struct Indexed {
    place: Place,
    layout: Layout,
    pick: Pick,
    /// Operand that holds the indices.
    ids: usize,
    /// Elements of it, by dimension.
    ids_shape: [u64; 4],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    /// Rows, by position: index (i, j, k) picks row `index` of matrix (j, k), which broadcast.
    Rows,
    /// Rows of one element each: neighbours are put together, or every element would be an access.
    Elements,
    /// Items along a dimension, each once, in ascending order.
    Slices { dimension: usize, experts: bool },
}

/// Indices that name nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    pub index: i64,
    pub count: u64,
}

impl Part {
    /// What `node` reads through `operand` in `slot`, which lies at `place`; `None` where it reads nothing of it.
    pub fn read(node: Tensor<'_>, slot: u8, operand: Tensor<'_>, place: Place, catalog: &mut Catalog) -> Option<Self> {
        let layout = operand.layout();
        let what = match rules::reads(node.op(), slot) {
            Reads::Nothing => return None,
            Reads::All => return Some(Self::whole(slot, 0, layout, place, catalog)),
            Reads::Rows { ids } => Indexed::new(node, ids, place, layout, Pick::Rows),
            Reads::Slices { ids, dimension } => {
                let experts = dimension < 3;
                Indexed::new(node, ids, place, layout, Pick::Slices { dimension, experts })
            }
        };
        Some(match what {
            Some(indexed) => Self { slot, flags: 0, what: What::Indexed(indexed) },
            // Without indices, the most that it can be.
            None => Self::whole(slot, flags::ESTIMATED, layout, place, catalog),
        })
    }

    /// What `node` writes, whose destination lies at `place`.
    pub fn write(node: Tensor<'_>, slot: u8, place: Place, catalog: &mut Catalog) -> Self {
        let layout = node.layout();
        let indexed = match rules::writes(node.op()) {
            Writes::All => return Self::whole(slot, flags::WRITE, layout, place, catalog),
            Writes::Rows { ids } => {
                let pick = if layout.elements[0] == 1 { Pick::Elements } else { Pick::Rows };
                Indexed::new(node, ids, place, layout, pick)
            }
        };
        match indexed {
            Some(indexed) => Self { slot, flags: flags::WRITE, what: What::Indexed(indexed) },
            None => Self::whole(slot, flags::WRITE | flags::ESTIMATED, layout, place, catalog),
        }
    }

    fn whole(slot: u8, flags: u32, layout: Layout, place: Place, catalog: &mut Catalog) -> Self {
        let (runs, flags) = match layout.runs(MOST_RUNS) {
            Some(runs) => (runs, flags),
            None => (vec![(0, layout.span())], flags | flags::ESTIMATED),
        };
        let ranges = runs.into_iter().map(|run| range(place, run, None, catalog)).collect();
        Self { slot, flags, what: What::Fixed(ranges) }
    }

    pub fn is_estimated(&self) -> bool {
        self.flags & flags::ESTIMATED != 0
    }

    /// The operand whose values it depends on.
    pub fn ids(&self) -> Option<usize> {
        match &self.what {
            What::Fixed(_) => None,
            What::Indexed(indexed) => Some(indexed.ids),
        }
    }

    /// Adds its accesses to `accesses`. `ids` are the integers of the operand that [`Self::ids`] names.
    pub fn expand(
        &self,
        ids: &[i64],
        catalog: &mut Catalog,
        accesses: &mut impl FnMut(Access),
    ) -> Result<(), OutOfRange> {
        let (slot, flags) = (self.slot, self.flags);
        let mut add = |range| accesses(Access { range, slot, flags });
        match &self.what {
            What::Fixed(ranges) => {
                ranges.iter().copied().for_each(add);
                Ok(())
            }
            What::Indexed(indexed) => {
                let (runs, wrong) = indexed.runs(ids);
                for (run, expert) in runs {
                    add(range(indexed.place, run, expert, catalog));
                }
                wrong.map_or(Ok(()), Err)
            }
        }
    }
}

fn range(place: Place, (at, length): Run, expert: Option<u32>, catalog: &mut Catalog) -> u32 {
    catalog.range((place.tensor, place.offset + at, length, expert))
}

impl Indexed {
    /// `None` where the operand with the indices is not there.
    fn new(node: Tensor<'_>, ids: usize, place: Place, layout: Layout, pick: Pick) -> Option<Self> {
        let ids_shape = node.source(ids)?.layout().elements;
        // Rows and slices of one piece, as ggml asks of these operands.
        let item = layout.item(if let Pick::Slices { dimension, .. } = pick { dimension } else { 1 });
        (item.runs(1)?.len() <= 1).then_some(Self { place, layout, pick, ids, ids_shape })
    }

    /// Runs from the operand's first byte with their experts, and the first index that names nothing.
    fn runs(&self, ids: &[i64]) -> (Vec<(Run, Option<u32>)>, Option<OutOfRange>) {
        let dimension = if let Pick::Slices { dimension, .. } = self.pick { dimension } else { 1 };
        let count = self.layout.elements[dimension];
        let length = self.layout.item(dimension).span();
        let fits = |&&index: &&i64| u64::try_from(index).is_ok_and(|i| i < count);
        let wrong = ids.iter().find(|i| !fits(i)).map(|&index| OutOfRange { index, count });
        let stride = self.layout.strides[dimension];
        let runs = match self.pick {
            Pick::Slices { experts, .. } => {
                let mut used: Vec<u64> = ids.iter().filter(fits).map(|&i| i as u64).collect();
                used.sort_unstable();
                used.dedup();
                used.into_iter().map(|i| ((i * stride, length), experts.then_some(i as u32))).collect()
            }
            Pick::Rows => self.rows(ids).filter(|(_, index)| fits(index)).map(|(at, _)| ((at, length), None)).collect(),
            Pick::Elements => {
                let rows = self.rows(ids).filter(|(_, index)| fits(index)).map(|(at, _)| (at, length)).collect();
                merged(rows).into_iter().map(|run| (run, None)).collect()
            }
        };
        (runs, wrong)
    }

    /// First byte of the row that each index picks, and the index.
    fn rows<'a>(&'a self, ids: &'a [i64]) -> impl Iterator<Item = (u64, &'a i64)> {
        let [n0, n1, n2, _] = self.ids_shape.map(|n| n.max(1));
        let [_, stride, matrix, outer] = self.layout.strides;
        let [_, _, matrices, outers] = self.layout.elements.map(|n| n.max(1));
        (0_u64..).zip(ids).flat_map(move |(at, index)| {
            let (j, k) = ((at / n0) % n1, at / (n0 * n1));
            let row = u64::try_from(*index).unwrap_or(0);
            // Fewer matrices of indices than of rows repeat.
            let spread = |own: u64, shared: u64, all: u64| (own..all.max(own + 1)).step_by(shared as usize);
            spread(j, n1, matrices).flat_map(move |j| {
                spread(k, n2, outers).map(move |k| (row.saturating_mul(stride) + j * matrix + k * outer, index))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexed(elements: [u64; 4], pick: Pick, ids_shape: [u64; 4]) -> Indexed {
        let strides = [4, 4 * elements[0], 4 * elements[0] * elements[1], 4 * elements[0] * elements[1] * elements[2]];
        let layout = Layout { elements, strides, block_elements: 1, block_bytes: 4 };
        Indexed { place: Place { tensor: 0, offset: 0 }, layout, pick, ids: 1, ids_shape }
    }

    fn bytes(indexed: &Indexed, ids: &[i64]) -> Vec<Run> {
        indexed.runs(ids).0.into_iter().map(|(run, _)| run).collect()
    }

    #[test]
    fn rows_come_in_the_order_of_their_indices_and_as_often() {
        let rows = indexed([8, 10, 1, 1], Pick::Rows, [3, 1, 1, 1]);
        assert_eq!(bytes(&rows, &[7, 2, 7]), [(224, 32), (64, 32), (224, 32)]);
    }

    #[test]
    fn every_column_of_indices_picks_from_a_matrix_of_its_own() {
        // As the weights of a token's experts are picked from the probabilities of that token.
        let rows = indexed([1, 4, 3, 1], Pick::Rows, [2, 3, 1, 1]);
        assert_eq!(bytes(&rows, &[3, 0, 1, 2, 0, 1]), [(12, 4), (0, 4), (20, 4), (24, 4), (32, 4), (36, 4)]);
    }

    #[test]
    fn indices_repeat_over_matrices_that_have_none() {
        let rows = indexed([2, 4, 3, 1], Pick::Rows, [2, 1, 1, 1]);
        assert_eq!(bytes(&rows, &[1, 3]), [(8, 8), (40, 8), (72, 8), (24, 8), (56, 8), (88, 8)]);
    }

    #[test]
    fn rows_of_one_element_are_put_together_where_they_touch() {
        // A transposed cache: 2 tokens of 3 channels, 8 cells apart.
        let cells = indexed([1, 24, 1, 1], Pick::Elements, [6, 1, 1, 1]);
        assert_eq!(bytes(&cells, &[4, 12, 20, 5, 13, 21]), [(16, 8), (48, 8), (80, 8)]);
    }

    #[test]
    fn every_expert_counts_once_and_none_outside() {
        let experts = indexed([2, 3, 4, 1], Pick::Slices { dimension: 2, experts: true }, [2, 2, 1, 1]);
        let (runs, wrong) = experts.runs(&[3, 1, 1, 9]);
        assert_eq!(runs, [((24, 24), Some(1)), ((72, 24), Some(3))]);
        assert_eq!(wrong, Some(OutOfRange { index: 9, count: 4 }));
        assert_eq!(experts.runs(&[-1]).1, Some(OutOfRange { index: -1, count: 4 }));
    }
}
