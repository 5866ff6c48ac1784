//! Random runs, and what a heatmap of them is by definition.

use tensorscope::kernel_io::heat::*;

/// A small deterministic generator, so that runs of any size need no strategy of their own.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

#[derive(Debug, Clone, Default)]
pub struct Run {
    pub access_range: Vec<u32>,
    pub access_flags: Vec<u32>,
    pub op_first_access: Vec<u32>,
    pub op_pass: Vec<u32>,
    pub pass_phase: Vec<u32>,
    pub range_tensor: Vec<u32>,
    pub range_offset: Vec<u64>,
    pub range_length: Vec<u64>,
    pub tensor_base: Vec<u64>,
    pub tensor_bytes: Vec<u64>,
}

impl Run {
    pub fn columns(&self) -> HeatColumns<'_> {
        HeatColumns {
            access_range: &self.access_range,
            access_flags: &self.access_flags,
            op_first_access: &self.op_first_access,
            op_pass: &self.op_pass,
            pass_phase: &self.pass_phase,
            range_tensor: &self.range_tensor,
            range_offset: &self.range_offset,
            range_length: &self.range_length,
            tensor_base: &self.tensor_base,
            tensor_bytes: &self.tensor_bytes,
        }
    }

    /// `ops` ops over `ranges` ranges of tensors up to 2^`bits` bytes: ops without accesses and with up to 40, tensors
    /// without a place, ranges of no bytes, and a track that begins high up in half of the runs.
    pub fn random(seed: u64, ops: usize, ranges: usize, bits: u32) -> Self {
        let mut random = Random::new(seed);
        let mut run = Self::default();
        let mut base = random.pick(&[0, 0, u64::from(u32::MAX) - 5, 1 << 61]);
        for _ in 0..=ranges / 4 {
            let size_bits = random.below(u64::from(bits) + 1);
            let bytes = random.below(1 << size_bits);
            run.tensor_base.push(if random.below(8) == 0 { NO_BASE } else { base });
            run.tensor_bytes.push(bytes);
            base += bytes + random.below(64);
        }
        for _ in 0..ranges {
            let tensor = random.below(run.tensor_bytes.len() as u64) as usize;
            let offset = random.below(run.tensor_bytes[tensor] + 1);
            let length = match random.below(4) {
                0 => 0,
                1 => run.tensor_bytes[tensor] - offset,
                _ => random.below(run.tensor_bytes[tensor] - offset + 1),
            };
            run.range_tensor.push(tensor as u32);
            run.range_offset.push(offset);
            run.range_length.push(length);
        }
        run.pass_phase = (0..5).map(|_| random.below(3) as u32).collect();
        for op in 0..ops {
            run.op_first_access.push(run.access_range.len() as u32);
            run.op_pass.push((op * run.pass_phase.len() / ops) as u32);
            let accesses = match random.below(16) {
                0 => 17 + random.below(24),
                1..4 => 0,
                _ => 1 + random.below(4),
            };
            for _ in 0..if ranges == 0 { 0 } else { accesses } {
                run.access_range.push(random.below(ranges as u64) as u32);
                run.access_flags.push(random.below(8) as u32);
            }
        }
        run
    }

    pub fn query(&self, random: &mut Random, bits: u32) -> HeatQuery {
        let near = random.below(u64::from(bits) + 2) as u32;
        let kx = random.pick(&[near, near, near, near, 0, 3, 17, 31, 32, 33, 45, 63]);
        let ky = random.pick(&[0, 1, 2, 3, 5, 8, 9, 31, 32, 64, 200]);
        let base = self.tensor_base.iter().copied().filter(|&base| base != NO_BASE).min().unwrap_or(0);
        let near_base = (base >> kx).saturating_sub(random.below(3));
        let tensor = random.below(self.tensor_base.len() as u64) as usize;
        let placed = if self.tensor_base[tensor] == NO_BASE { base } else { self.tensor_base[tensor] };
        let inside = (placed + random.below(self.tensor_bytes[tensor] + 1)) >> kx;
        let rows = (self.op_pass.len() as u64).checked_shr(ky).unwrap_or(0);
        let later = random.below(rows + 2);
        HeatQuery {
            measure: random.pick(&[Measure::Accesses, Measure::Bytes, Measure::Logged]),
            aggregate: random.pick(&[Aggregate::Sum, Aggregate::Max]),
            direction: random.pick(&[Direction::Both, Direction::Read, Direction::Write]),
            phases: random.pick(&[u32::MAX, 0b111, 0b1, 0b110, 0]),
            kx,
            ky,
            x0: random.pick(&[near_base, near_base, inside, inside, inside, inside + 2, u64::MAX, u64::MAX - 3]),
            y0: random.pick(&[0, 0, later, u64::MAX]),
            width: random.below(40) as u32,
            height: random.below(12) as u32,
        }
    }
}

/// The definition, word for word: every access against every cell.
pub fn defined(run: &Run, query: &HeatQuery) -> Vec<u64> {
    let cell_bytes = 1u128 << query.kx;
    let mut cells = vec![0u128; query.cell_count()];
    for op in 0..run.op_pass.len() {
        let end = run.op_first_access.get(op + 1).map_or(run.access_range.len(), |&end| end as usize);
        let phase = run.pass_phase[run.op_pass[op] as usize];
        let absolute_row = (op as u64).checked_shr(query.ky).unwrap_or(0);
        let Some(row) = absolute_row.checked_sub(query.y0).filter(|&row| row < u64::from(query.height)) else {
            continue;
        };
        if query.phases >> phase & 1 == 0 {
            continue;
        }
        for column in 0..query.width {
            let cell_begin = (u128::from(query.x0) + u128::from(column)) * cell_bytes;
            let mut of_op = 0u128;
            for access in run.op_first_access[op] as usize..end {
                let range = run.access_range[access] as usize;
                let tensor = run.range_tensor[range] as usize;
                let written = run.access_flags[access] & ACCESS_WRITE == ACCESS_WRITE;
                let counts = match query.direction {
                    Direction::Both => true,
                    Direction::Read => !written,
                    Direction::Write => written,
                };
                if !counts || run.tensor_base[tensor] == NO_BASE {
                    continue;
                }
                let (offset, bytes) = match query.measure {
                    Measure::Logged => (0, run.tensor_bytes[tensor]),
                    _ => (run.range_offset[range], run.range_length[range]),
                };
                let begin = u128::from(run.tensor_base[tensor]) + u128::from(offset);
                let overlap =
                    (begin + u128::from(bytes)).min(cell_begin + cell_bytes).saturating_sub(begin.max(cell_begin));
                of_op += match query.measure {
                    Measure::Accesses => u128::from(overlap > 0),
                    _ => overlap,
                };
            }
            let cell = &mut cells[row as usize * query.width as usize + column as usize];
            *cell = match query.aggregate {
                Aggregate::Sum => *cell + of_op,
                Aggregate::Max => of_op.max(*cell),
            };
        }
    }
    cells.into_iter().map(|cell| u64::try_from(cell).expect("small runs")).collect()
}

/// The whole run below byte 2^64, four ops a row.
pub fn everything(run: &Run) -> HeatQuery {
    HeatQuery {
        measure: Measure::Bytes,
        aggregate: Aggregate::Sum,
        direction: Direction::Both,
        phases: 0x7fff_ffff,
        kx: 63,
        ky: 2,
        x0: 0,
        y0: 0,
        width: 2,
        height: run.op_pass.len() as u32 / 4 + 1,
    }
}
