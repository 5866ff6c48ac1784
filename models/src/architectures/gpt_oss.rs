//! gpt-oss: attention with sinks, every other layer with a sliding window, and experts with biases.

use super::{TINY_VOCABULARY, router_scales};
use crate::model::{Builder, FileType, Model, Weights};
use crate::tensor_type::TensorType;
use crate::vocabulary::Vocabulary;

const LAYERS: u64 = 4;
const EMBEDDING: u64 = 128;
const HEAD: u64 = 32;
const HEADS: u64 = 4;
const KEY_HEADS: u64 = 2;
const EXPERTS: u64 = 8;
const EXPERTS_USED: u32 = 2;
const FEED_FORWARD: u64 = 64;
/// Of the tokens that a layer with a sliding window sees: less than a short prompt.
const WINDOW: u32 = 16;

pub(crate) fn tiny() -> Model {
    let vocabulary = Vocabulary::new(TINY_VOCABULARY);
    let mut model = Builder::new("gpt-oss", "Tiny gpt-oss with random weights", FileType::Mxfp4Moe);
    model.set("vocab_size", vocabulary.len() as u32);
    model.set("context_length", 131_072_u32);
    model.set("embedding_length", EMBEDDING as u32);
    model.set("block_count", LAYERS as u32);
    model.set("feed_forward_length", FEED_FORWARD as u32);
    model.set("attention.head_count", HEADS as u32);
    model.set("attention.head_count_kv", KEY_HEADS as u32);
    model.set("attention.key_length", HEAD as u32);
    model.set("attention.value_length", HEAD as u32);
    model.set("attention.sliding_window", WINDOW);
    model.set("attention.layer_norm_rms_epsilon", 1e-5_f32);
    model.set("rope.freq_base", 150_000_f32);
    model.set("rope.scaling.type", "yarn");
    model.set("rope.scaling.factor", 32_f32);
    model.set("rope.scaling.original_context_length", 4096_u32);
    model.set("expert_count", EXPERTS as u32);
    model.set("expert_used_count", EXPERTS_USED);
    model.set("expert_feed_forward_length", FEED_FORWARD as u32);

    model.embeddings(TensorType::Q8_0, EMBEDDING, &vocabulary);
    for layer in 0..LAYERS {
        add_layer(&mut model, layer);
    }
    model.norm("output_norm.weight".to_owned(), EMBEDDING);
    model.output(TensorType::Q8_0, EMBEDDING, &vocabulary);
    model.finish(&vocabulary, Weights::Random)
}

fn add_layer(model: &mut Builder, layer: u64) {
    let (queries, keys) = (HEAD * HEADS, HEAD * KEY_HEADS);
    let named = |name: &str| format!("blk.{layer}.{name}.weight");
    let bias = |name: &str| format!("blk.{layer}.{name}.bias");
    model.norm(named("attn_norm"), EMBEDDING);
    let projections = [
        ("attn_q", EMBEDDING, queries),
        ("attn_k", EMBEDDING, keys),
        ("attn_v", EMBEDDING, keys),
        ("attn_output", queries, EMBEDDING),
    ];
    for (name, inputs, outputs) in projections {
        model.matrix(named(name), TensorType::Q8_0, &[inputs, outputs], 1.0);
        model.around(bias(name), &[outputs], 0.0, 0.1);
    }
    model.around(named("attn_sinks"), &[HEADS], 0.0, 1.0);
    model.norm(named("post_attention_norm"), EMBEDDING);
    let scales = router_scales(layer, EXPERTS);
    model.scaled_matrix(named("ffn_gate_inp"), TensorType::F32, &[EMBEDDING, EXPERTS], 1.5, scales);
    model.around(bias("ffn_gate_inp"), &[EXPERTS], 0.0, 0.1);
    let experts = [
        ("ffn_gate_exps", EMBEDDING, FEED_FORWARD, 1.0),
        ("ffn_up_exps", EMBEDDING, FEED_FORWARD, 1.0),
        ("ffn_down_exps", FEED_FORWARD, EMBEDDING, 2.0),
    ];
    for (name, inputs, outputs, gain) in experts {
        model.matrix(named(name), TensorType::Mxfp4, &[inputs, outputs, EXPERTS], gain);
        model.around(bias(name), &[outputs, EXPERTS], 0.0, 0.1);
    }
}
