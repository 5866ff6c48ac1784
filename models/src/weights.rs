//! Random weights as blocks of ggml's types, a row at a time.

use half::f16;
use rand_core::{Rng, SeedableRng};
use rand_xorshift::XorShiftRng;

use crate::model::{Content, Tensor};
use crate::tensor_type::TensorType;

/// The rows of one tensor in order. They depend on the seed and on the tensor's index in its model, and not on which of
/// several files it goes to.
pub(crate) struct Rows<'a> {
    tensor: &'a Tensor,
    random: XorShiftRng,
    row: u64,
    bytes: Vec<u8>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(tensor: &'a Tensor, index: usize, seed: u64) -> Self {
        // Spreads seeds that lie close to each other over the whole range.
        let seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(index as u64);
        let bytes = vec![0; tensor.row_bytes() as usize];
        Self { tensor, random: XorShiftRng::seed_from_u64(seed), row: 0, bytes }
    }

    pub(crate) fn next_row(&mut self) -> Option<&[u8]> {
        if self.row == self.tensor.rows() {
            return None;
        }
        match &self.tensor.content {
            Content::Random { tensor_type, deviation, row_scales } => {
                let scale = match row_scales.len() {
                    0 => 1.0,
                    scales => row_scales[(self.row % scales as u64) as usize],
                };
                fill_random(*tensor_type, deviation * scale, &mut self.random, &mut self.bytes);
            }
            Content::Around { value, spread } => {
                for out in self.bytes.chunks_exact_mut(4) {
                    out.copy_from_slice(&(value + spread * even(&mut self.random)).to_le_bytes());
                }
            }
            Content::Decays => {
                for (i, out) in self.bytes.chunks_exact_mut(4).enumerate() {
                    out.copy_from_slice(&(-(i as f32 + 1.0)).to_le_bytes());
                }
            }
        }
        self.row += 1;
        Some(&self.bytes)
    }
}

/// Between -1 and 1, each as likely.
fn even(random: &mut XorShiftRng) -> f32 {
    // 24 bits are what a f32 holds exactly.
    (random.next_u32() >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
}

/// The standard deviation of whole numbers, `levels` of them in a row, each as likely.
fn level_deviation(levels: u16) -> f32 {
    ((f32::from(levels) * f32::from(levels) - 1.0) / 12.0).sqrt()
}

/// Scale and minimum of every part of a Q4_K and Q5_K block: six bits each, and not so large that the block's own scale
/// would be too small for an f16.
const K_SCALE: u8 = 8;
/// `K_SCALE` for the eight scales and eight minima, packed as those blocks have them.
const K_SCALES: [u8; 12] =
    [K_SCALE, K_SCALE, K_SCALE, K_SCALE, K_SCALE, K_SCALE, K_SCALE, K_SCALE, 0x88, 0x88, 0x88, 0x88];
/// The squares of what the sixteen codes of MXFP4 mean, in the mean: 0, 1, 2, 3, 4, 6, 8, 12 with both signs.
const MXFP4_MEAN_SQUARE: f32 = 34.25;

fn fill_random(tensor_type: TensorType, deviation: f32, random: &mut XorShiftRng, out: &mut [u8]) {
    let half = |value: f32| f16::from_f32(value).to_le_bytes();
    // Of numbers even between -reach and reach, the standard deviation is reach / sqrt(3).
    let reach = deviation * 3_f32.sqrt();
    match tensor_type {
        TensorType::F32 => {
            for out in out.chunks_exact_mut(4) {
                out.copy_from_slice(&(reach * even(random)).to_le_bytes());
            }
        }
        TensorType::F16 => {
            for out in out.chunks_exact_mut(2) {
                out.copy_from_slice(&half(reach * even(random)));
            }
        }
        TensorType::Q8_0 => {
            let scale = half(deviation / level_deviation(255));
            for block in out.chunks_exact_mut(34) {
                random.fill_bytes(block);
                // ggml's quantiser writes no -128.
                block[2..].iter_mut().filter(|value| **value == 0x80).for_each(|value| *value = 0x81);
                block[..2].copy_from_slice(&scale);
            }
        }
        TensorType::Q4K | TensorType::Q5K => {
            let levels = if tensor_type == TensorType::Q4K { 16 } else { 32 };
            let scale = deviation / level_deviation(levels) / f32::from(K_SCALE);
            // The minimum is what makes the middle of the levels zero.
            let (scale, minimum) = (half(scale), half(scale * f32::from(levels - 1) / 2.0));
            for block in out.chunks_exact_mut(tensor_type.block_bytes() as usize) {
                random.fill_bytes(block);
                block[..2].copy_from_slice(&scale);
                block[2..4].copy_from_slice(&minimum);
                block[4..16].copy_from_slice(&K_SCALES);
            }
        }
        TensorType::Q6K => {
            let scale = half(deviation / level_deviation(64) / f32::from(K_SCALE));
            for block in out.chunks_exact_mut(210) {
                random.fill_bytes(block);
                block[192..208].fill(K_SCALE);
                block[208..].copy_from_slice(&scale);
            }
        }
        TensorType::Mxfp4 => {
            // Scales are powers of two, and the codes' meanings twice those of the format: the exponent's zero is 128.
            let exponent = (deviation / MXFP4_MEAN_SQUARE.sqrt()).log2().round() + 128.0;
            for block in out.chunks_exact_mut(17) {
                random.fill_bytes(block);
                block[0] = exponent.clamp(0.0, 254.0) as u8;
            }
        }
    }
}
