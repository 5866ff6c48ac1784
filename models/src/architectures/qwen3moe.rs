//! Qwen 3 MoE: grouped-query attention with norms of queries and keys, and experts in every layer.

use super::{AttentionWidths, TINY_VOCABULARY, router_scales};
use crate::model::{Builder, FileType, Model, Weights};
use crate::tensor_type::TensorType;
use crate::vocabulary::Vocabulary;

struct Shape {
    name: &'static str,
    file_type: FileType,
    layers: u64,
    embedding: u64,
    heads: u32,
    key_heads: u32,
    head: u32,
    experts: u64,
    experts_used: u32,
    expert_feed_forward: u64,
    vocabulary: usize,
    matrix_type: TensorType,
    /// Of the experts' last matrix, and of the output.
    down_type: TensorType,
}

/// As many layers and experts as Qwen 3 30B A3B has, each of them small. A slice of one expert's gate is nine pages.
pub(crate) fn moe_128x48() -> Model {
    build(&Shape {
        name: "MoE of 48 layers and 128 experts with random weights",
        file_type: FileType::Q4KM,
        layers: 48,
        embedding: 256,
        heads: 8,
        key_heads: 2,
        head: 64,
        experts: 128,
        experts_used: 8,
        expert_feed_forward: 256,
        vocabulary: 4096,
        matrix_type: TensorType::Q4K,
        down_type: TensorType::Q6K,
    })
}

pub(crate) fn tiny() -> Model {
    build(&Shape {
        name: "Tiny MoE with random weights",
        file_type: FileType::Q8_0,
        layers: 3,
        embedding: 128,
        heads: 4,
        key_heads: 2,
        head: 32,
        experts: 16,
        experts_used: 4,
        expert_feed_forward: 64,
        vocabulary: TINY_VOCABULARY,
        matrix_type: TensorType::Q8_0,
        down_type: TensorType::Q8_0,
    })
}

fn build(shape: &Shape) -> Model {
    let vocabulary = Vocabulary::new(shape.vocabulary);
    let mut model = Builder::new("qwen3moe", shape.name, shape.file_type);
    model.set("vocab_size", vocabulary.len() as u32);
    model.set("context_length", 32_768_u32);
    model.set("embedding_length", shape.embedding as u32);
    model.set("block_count", shape.layers as u32);
    model.set("feed_forward_length", shape.expert_feed_forward as u32 * shape.experts_used);
    model.set("attention.head_count", shape.heads);
    model.set("attention.head_count_kv", shape.key_heads);
    model.set("attention.key_length", shape.head);
    model.set("attention.value_length", shape.head);
    model.set("attention.layer_norm_rms_epsilon", 1e-6_f32);
    model.set("rope.freq_base", 1_000_000_f32);
    model.set("expert_count", shape.experts as u32);
    model.set("expert_used_count", shape.experts_used);
    model.set("expert_feed_forward_length", shape.expert_feed_forward as u32);

    let widths = AttentionWidths {
        embedding: shape.embedding,
        queries: u64::from(shape.head * shape.heads),
        keys: u64::from(shape.head * shape.key_heads),
    };
    model.embeddings(shape.matrix_type, shape.embedding, &vocabulary);
    for layer in 0..shape.layers {
        add_layer(&mut model, shape, &widths, layer);
    }
    model.norm("output_norm.weight".to_owned(), shape.embedding);
    model.output(shape.down_type, shape.embedding, &vocabulary);
    model.finish(&vocabulary, Weights::Random)
}

fn add_layer(model: &mut Builder, shape: &Shape, widths: &AttentionWidths, layer: u64) {
    let &AttentionWidths { embedding, queries, keys } = widths;
    let (matrix_type, experts, feed_forward) = (shape.matrix_type, shape.experts, shape.expert_feed_forward);
    let named = |name: &str| format!("blk.{layer}.{name}.weight");
    model.norm(named("attn_norm"), embedding);
    model.matrix(named("attn_q"), matrix_type, &[embedding, queries], 1.0);
    model.matrix(named("attn_k"), matrix_type, &[embedding, keys], 1.0);
    model.matrix(named("attn_v"), matrix_type, &[embedding, keys], 1.0);
    // What attention adds is much the same for all tokens, and would in the end send them all to the same experts.
    model.matrix(named("attn_output"), matrix_type, &[queries, embedding], 0.5);
    model.norm(named("attn_q_norm"), u64::from(shape.head));
    model.norm(named("attn_k_norm"), u64::from(shape.head));
    model.norm(named("ffn_norm"), embedding);
    let scales = router_scales(layer, experts);
    model.scaled_matrix(named("ffn_gate_inp"), TensorType::F32, &[embedding, experts], 1.5, scales);
    model.matrix(named("ffn_gate_exps"), matrix_type, &[embedding, feed_forward, experts], 1.0);
    model.matrix(named("ffn_up_exps"), matrix_type, &[embedding, feed_forward, experts], 1.0);
    // Several experts' answers are averaged, which makes them smaller.
    model.matrix(named("ffn_down_exps"), shape.down_type, &[feed_forward, embedding, experts], 4.0);
}
