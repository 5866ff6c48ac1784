//! DeepSeek V2 and V3: latent attention, a dense layer first, then groups of experts with one that all tokens share.

use super::{TINY_VOCABULARY, router_scales};
use crate::model::{Builder, FileType, Model, Weights};
use crate::tensor_type::TensorType;
use crate::vocabulary::Vocabulary;

/// Not 26 or 27, which llama.cpp takes for the lite models.
const LAYERS: u64 = 3;
const DENSE_LAYERS: u64 = 1;
const EMBEDDING: u64 = 128;
const HEADS: u64 = 4;
const QUERY_RANK: u64 = 64;
const KEY_RANK: u64 = 64;
/// Of a head's key, the part that positions turn, and the part that they do not.
const ROTATED: u64 = 16;
const UNROTATED: u64 = 32;
const VALUE: u64 = 32;
const FEED_FORWARD: u64 = 256;
const EXPERTS: u64 = 16;
const EXPERTS_USED: u32 = 4;
const GROUPS: u32 = 4;
const GROUPS_USED: u32 = 2;
const EXPERT_FEED_FORWARD: u64 = 64;
/// The number that stands for the sigmoid as the function of the router.
const SIGMOID: u32 = 2;

pub(crate) fn tiny() -> Model {
    let vocabulary = Vocabulary::new(TINY_VOCABULARY);
    let mut model = Builder::new("deepseek2", "Tiny DeepSeek V3 with random weights", FileType::Q8_0);
    model.set("vocab_size", vocabulary.len() as u32);
    model.set("context_length", 4096_u32);
    model.set("embedding_length", EMBEDDING as u32);
    model.set("block_count", LAYERS as u32);
    model.set("leading_dense_block_count", DENSE_LAYERS as u32);
    model.set("feed_forward_length", FEED_FORWARD as u32);
    model.set("attention.head_count", HEADS as u32);
    // All heads share the latent key.
    model.set("attention.head_count_kv", 1_u32);
    model.set("attention.q_lora_rank", QUERY_RANK as u32);
    model.set("attention.kv_lora_rank", KEY_RANK as u32);
    model.set("attention.key_length", (KEY_RANK + ROTATED) as u32);
    model.set("attention.value_length", KEY_RANK as u32);
    model.set("attention.key_length_mla", (UNROTATED + ROTATED) as u32);
    model.set("attention.value_length_mla", VALUE as u32);
    model.set("attention.layer_norm_rms_epsilon", 1e-6_f32);
    model.set("rope.dimension_count", ROTATED as u32);
    model.set("rope.freq_base", 10_000_f32);
    model.set("expert_count", EXPERTS as u32);
    model.set("expert_used_count", EXPERTS_USED);
    model.set("expert_shared_count", 1_u32);
    model.set("expert_group_count", GROUPS);
    model.set("expert_group_used_count", GROUPS_USED);
    model.set("expert_feed_forward_length", EXPERT_FEED_FORWARD as u32);
    model.set("expert_weights_scale", 2.5_f32);
    model.set("expert_weights_norm", true);
    model.set("expert_gating_func", SIGMOID);

    model.embeddings(TensorType::Q8_0, EMBEDDING, &vocabulary);
    for layer in 0..LAYERS {
        add_attention(&mut model, layer);
        add_feed_forward(&mut model, layer);
    }
    model.norm("output_norm.weight".to_owned(), EMBEDDING);
    model.output(TensorType::Q8_0, EMBEDDING, &vocabulary);
    model.finish(&vocabulary, Weights::Random)
}

fn add_attention(model: &mut Builder, layer: u64) {
    let named = |name: &str| format!("blk.{layer}.{name}.weight");
    let q8_0 = TensorType::Q8_0;
    model.norm(named("attn_norm"), EMBEDDING);
    model.matrix(named("attn_q_a"), q8_0, &[EMBEDDING, QUERY_RANK], 1.0);
    model.norm(named("attn_q_a_norm"), QUERY_RANK);
    model.matrix(named("attn_q_b"), q8_0, &[QUERY_RANK, HEADS * (UNROTATED + ROTATED)], 1.0);
    model.matrix(named("attn_kv_a_mqa"), q8_0, &[EMBEDDING, KEY_RANK + ROTATED], 1.0);
    model.norm(named("attn_kv_a_norm"), KEY_RANK);
    model.matrix(named("attn_k_b"), q8_0, &[UNROTATED, KEY_RANK, HEADS], 1.0);
    model.matrix(named("attn_v_b"), q8_0, &[KEY_RANK, VALUE, HEADS], 1.0);
    model.matrix(named("attn_output"), q8_0, &[HEADS * VALUE, EMBEDDING], 1.0);
}

fn add_feed_forward(model: &mut Builder, layer: u64) {
    let named = |name: &str| format!("blk.{layer}.{name}.weight");
    let q8_0 = TensorType::Q8_0;
    model.norm(named("ffn_norm"), EMBEDDING);
    if layer < DENSE_LAYERS {
        model.matrix(named("ffn_gate"), q8_0, &[EMBEDDING, FEED_FORWARD], 1.0);
        model.matrix(named("ffn_up"), q8_0, &[EMBEDDING, FEED_FORWARD], 1.0);
        model.matrix(named("ffn_down"), q8_0, &[FEED_FORWARD, EMBEDDING], 2.0);
        return;
    }
    let scales = router_scales(layer, EXPERTS);
    model.scaled_matrix(named("ffn_gate_inp"), TensorType::F32, &[EMBEDDING, EXPERTS], 1.5, scales);
    model.around(format!("blk.{layer}.exp_probs_b.bias"), &[EXPERTS], 0.0, 0.1);
    model.matrix(named("ffn_gate_exps"), q8_0, &[EMBEDDING, EXPERT_FEED_FORWARD, EXPERTS], 1.0);
    model.matrix(named("ffn_up_exps"), q8_0, &[EMBEDDING, EXPERT_FEED_FORWARD, EXPERTS], 1.0);
    model.matrix(named("ffn_down_exps"), q8_0, &[EXPERT_FEED_FORWARD, EMBEDDING, EXPERTS], 1.0);
    model.matrix(named("ffn_gate_shexp"), q8_0, &[EMBEDDING, EXPERT_FEED_FORWARD], 1.0);
    model.matrix(named("ffn_up_shexp"), q8_0, &[EMBEDDING, EXPERT_FEED_FORWARD], 1.0);
    model.matrix(named("ffn_down_shexp"), q8_0, &[EXPERT_FEED_FORWARD, EMBEDDING], 1.0);
}
