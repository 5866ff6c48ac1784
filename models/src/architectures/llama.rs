//! Llama: dense layers with grouped-query attention.

use super::{AttentionWidths, TINY_VOCABULARY};
use crate::model::{Builder, FileType, Model, Weights};
use crate::tensor_type::TensorType;
use crate::vocabulary::Vocabulary;

struct Shape {
    name: &'static str,
    layers: u64,
    embedding: u64,
    feed_forward: u64,
    heads: u32,
    key_heads: u32,
    context: u32,
    vocabulary: usize,
    tied_output: bool,
    /// What most values of attention are stored as where Q4_K_M does not want Q6_K.
    values_type: TensorType,
    weights: Weights,
}

/// Llama 3 70B as Q4_K_M: all but the weights, and with a vocabulary of another form of the same size.
pub(crate) fn llama_70b() -> Model {
    build(&Shape {
        name: "Llama 3 70B without weights",
        layers: 80,
        embedding: 8192,
        feed_forward: 28672,
        heads: 64,
        key_heads: 8,
        context: 8192,
        vocabulary: 128_256,
        tied_output: false,
        values_type: TensorType::Q5K,
        weights: Weights::Hole,
    })
}

pub(crate) fn tiny() -> Model {
    build(&Shape {
        name: "Tiny Llama with random weights",
        layers: 4,
        embedding: 256,
        feed_forward: 512,
        heads: 8,
        key_heads: 2,
        context: 2048,
        vocabulary: TINY_VOCABULARY,
        tied_output: true,
        values_type: TensorType::Q4K,
        weights: Weights::Random,
    })
}

/// Whether Q4_K_M spends more bits on this layer.
fn has_more_bits(layer: u64, layers: u64) -> bool {
    let (eighth, last_eighth) = (layers / 8, 7 * layers / 8);
    layer < eighth || layer >= last_eighth || (layer - eighth) % 3 == 2
}

fn build(shape: &Shape) -> Model {
    let vocabulary = Vocabulary::new(shape.vocabulary);
    let head = shape.embedding as u32 / shape.heads;
    let mut model = Builder::new("llama", shape.name, FileType::Q4KM);
    model.set("vocab_size", vocabulary.len() as u32);
    model.set("context_length", shape.context);
    model.set("embedding_length", shape.embedding as u32);
    model.set("block_count", shape.layers as u32);
    model.set("feed_forward_length", shape.feed_forward as u32);
    model.set("attention.head_count", shape.heads);
    model.set("attention.head_count_kv", shape.key_heads);
    model.set("attention.layer_norm_rms_epsilon", 1e-5_f32);
    model.set("rope.dimension_count", head);
    model.set("rope.freq_base", 500_000_f32);

    let widths = AttentionWidths {
        embedding: shape.embedding,
        queries: shape.embedding,
        keys: u64::from(head * shape.key_heads),
    };
    let embeddings_type = if shape.tied_output { TensorType::Q6K } else { TensorType::Q4K };
    model.embeddings(embeddings_type, shape.embedding, &vocabulary);
    for layer in 0..shape.layers {
        add_layer(&mut model, shape, &widths, layer);
    }
    model.norm("output_norm.weight".to_owned(), shape.embedding);
    if !shape.tied_output {
        model.output(TensorType::Q6K, shape.embedding, &vocabulary);
    }
    model.finish(&vocabulary, shape.weights)
}

fn add_layer(model: &mut Builder, shape: &Shape, widths: &AttentionWidths, layer: u64) {
    let &AttentionWidths { embedding, queries, keys } = widths;
    let named = |name: &str| format!("blk.{layer}.{name}.weight");
    let (values_type, down_type) = match has_more_bits(layer, shape.layers) {
        true => (TensorType::Q6K, TensorType::Q6K),
        false => (shape.values_type, TensorType::Q4K),
    };
    model.norm(named("attn_norm"), embedding);
    model.matrix(named("attn_q"), TensorType::Q4K, &[embedding, queries], 1.5);
    model.matrix(named("attn_k"), TensorType::Q4K, &[embedding, keys], 1.5);
    model.matrix(named("attn_v"), values_type, &[embedding, keys], 1.0);
    model.matrix(named("attn_output"), TensorType::Q4K, &[queries, embedding], 1.0);
    model.norm(named("ffn_norm"), embedding);
    model.matrix(named("ffn_gate"), TensorType::Q4K, &[embedding, shape.feed_forward], 1.0);
    model.matrix(named("ffn_up"), TensorType::Q4K, &[embedding, shape.feed_forward], 1.0);
    model.matrix(named("ffn_down"), down_type, &[shape.feed_forward, embedding], 2.0);
}
