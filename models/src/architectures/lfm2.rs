//! LFM2: layers of short convolutions that keep a state, and among them layers of attention.

use super::TINY_VOCABULARY;
use crate::gguf::Value;
use crate::model::{Builder, FileType, Model, Weights};
use crate::tensor_type::TensorType;
use crate::vocabulary::Vocabulary;

/// Heads of keys by layer; a layer without any is a convolution.
const KEY_HEADS: [u32; 5] = [0, 0, 2, 0, 2];
const EMBEDDING: u64 = 128;
const HEADS: u64 = 4;
const HEAD: u64 = EMBEDDING / HEADS;
const FEED_FORWARD: u64 = 256;
const CONVOLUTION: u64 = 3;

pub(crate) fn tiny() -> Model {
    let vocabulary = Vocabulary::new(TINY_VOCABULARY);
    let mut model = Builder::new("lfm2", "Tiny LFM2 with random weights", FileType::Q8_0);
    model.set("vocab_size", vocabulary.len() as u32);
    model.set("context_length", 128_000_u32);
    model.set("embedding_length", EMBEDDING as u32);
    model.set("block_count", KEY_HEADS.len() as u32);
    model.set("feed_forward_length", FEED_FORWARD as u32);
    model.set("attention.head_count", HEADS as u32);
    model.set("attention.head_count_kv", Value::I32s(KEY_HEADS.map(|heads| heads as i32).to_vec()));
    model.set("attention.layer_norm_rms_epsilon", 1e-5_f32);
    model.set("rope.freq_base", 1_000_000_f32);
    model.set("shortconv.l_cache", CONVOLUTION as u32);

    model.embeddings(TensorType::Q8_0, EMBEDDING, &vocabulary);
    for (layer, key_heads) in KEY_HEADS.into_iter().enumerate() {
        let named = |name: &str| format!("blk.{layer}.{name}.weight");
        let q8_0 = TensorType::Q8_0;
        model.norm(named("attn_norm"), EMBEDDING);
        if key_heads == 0 {
            model.matrix(named("shortconv.conv"), TensorType::F32, &[CONVOLUTION, EMBEDDING], 1.0);
            model.matrix(named("shortconv.in_proj"), q8_0, &[EMBEDDING, 3 * EMBEDDING], 1.0);
            model.matrix(named("shortconv.out_proj"), q8_0, &[EMBEDDING, EMBEDDING], 1.0);
        } else {
            let keys = HEAD * u64::from(key_heads);
            model.matrix(named("attn_q"), q8_0, &[EMBEDDING, EMBEDDING], 1.0);
            model.matrix(named("attn_k"), q8_0, &[EMBEDDING, keys], 1.0);
            model.matrix(named("attn_v"), q8_0, &[EMBEDDING, keys], 1.0);
            model.norm(named("attn_q_norm"), HEAD);
            model.norm(named("attn_k_norm"), HEAD);
            model.matrix(named("attn_output"), q8_0, &[EMBEDDING, EMBEDDING], 1.0);
        }
        model.norm(named("ffn_norm"), EMBEDDING);
        model.matrix(named("ffn_gate"), q8_0, &[EMBEDDING, FEED_FORWARD], 1.0);
        model.matrix(named("ffn_up"), q8_0, &[EMBEDDING, FEED_FORWARD], 1.0);
        model.matrix(named("ffn_down"), q8_0, &[FEED_FORWARD, EMBEDDING], 2.0);
    }
    // The norm before the output; files of this architecture call it so.
    model.norm("token_embd_norm.weight".to_owned(), EMBEDDING);
    model.finish(&vocabulary, Weights::Random)
}
