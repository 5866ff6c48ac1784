//! What each architecture is made of: the hyper-parameters and tensors that llama.cpp asks for.

pub(crate) mod deepseek2;
pub(crate) mod gpt_oss;
pub(crate) mod lfm2;
pub(crate) mod llama;
pub(crate) mod mamba;
pub(crate) mod qwen3moe;

use rand_core::{Rng, SeedableRng};
use rand_xorshift::XorShiftRng;

/// Tokens of the vocabulary of small models.
const TINY_VOCABULARY: usize = 1536;

/// What attention has by layer. Widths are those of one head times the heads.
struct AttentionWidths {
    embedding: u64,
    queries: u64,
    /// Keys, and values too.
    keys: u64,
}

/// How much larger the rows of some of a router's experts are than those of others, between a half and one and a half,
/// and different in each layer: as in real models some experts are liked more.
fn router_scales(layer: u64, experts: u64) -> Vec<f32> {
    // The seed of the file is for weights; who is liked stays the same.
    let mut random = XorShiftRng::seed_from_u64(layer);
    (0..experts).map(|_| 0.5 + random.next_u32() as f32 / u32::MAX as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_likes_other_experts() {
        let liked = |layer| {
            let scales = router_scales(layer, 128);
            assert!(scales.iter().all(|scale| (0.5..=1.5).contains(scale)), "{scales:?}");
            let mut experts: Vec<usize> = (0..128).collect();
            experts.sort_by(|a, b| scales[*b].total_cmp(&scales[*a]));
            experts.truncate(8);
            experts
        };
        for layer in 0..48 {
            let next = liked(layer + 1);
            let both = liked(layer).iter().filter(|expert| next.contains(expert)).count();
            assert!(both < 5, "layers {layer} and the next like {both} of 8 experts both");
        }
    }
}
