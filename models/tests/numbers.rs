//! Weights as numbers, read from their blocks the way that ggml reads them.

use half::f16;
use tensorscope_models::{Kind, write};

use crate::reader::{Header, read_file};

fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

/// The scale and the minimum of part `j` of a Q4_K or Q5_K block, from its 12 bytes of them.
fn scale_and_minimum(packed: &[u8], j: usize) -> (f32, f32) {
    let (scale, minimum) = if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        ((packed[j + 4] & 15) | (packed[j - 4] >> 6 << 4), (packed[j + 4] >> 4) | (packed[j] >> 6 << 4))
    };
    (f32::from(scale), f32::from(minimum))
}

fn q4_k(block: &[u8]) -> Vec<f32> {
    let (d, least) = (half(block), half(&block[2..]));
    let quants = &block[16..];
    let number = |i: usize| {
        let part = i / 32;
        let byte = quants[part / 2 * 32 + i % 32];
        let quant = if part.is_multiple_of(2) { byte & 15 } else { byte >> 4 };
        let (scale, minimum) = scale_and_minimum(&block[4..16], part);
        d * scale * f32::from(quant) - least * minimum
    };
    (0..256).map(number).collect()
}

fn q6_k(block: &[u8]) -> Vec<f32> {
    let d = half(&block[208..]);
    let number = |i: usize| {
        let (side, row, column) = (i / 128, i % 128 / 32, i % 32);
        let low = block[side * 64 + row % 2 * 32 + column] >> (row / 2 * 4) & 15;
        let high = block[128 + side * 32 + column] >> (row * 2) & 3;
        d * f32::from(block[192 + i / 16].cast_signed()) * (f32::from(low | high << 4) - 32.0)
    };
    (0..256).map(number).collect()
}

fn mxfp4(block: &[u8]) -> Vec<f32> {
    const CODES: [f32; 16] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];
    let scale = (f32::from(block[0]) - 127.0).exp2();
    let number = |i: usize| scale * CODES[usize::from(block[1 + i % 16] >> (i / 16 * 4) & 15)];
    (0..32).map(number).collect()
}

fn numbers(header: &Header, file: &[u8], name: &str) -> Vec<f32> {
    let data = header.data(file, name);
    let blocks = |bytes: usize, read: &dyn Fn(&[u8]) -> Vec<f32>| data.chunks_exact(bytes).flat_map(read).collect();
    match header.tensor(name).type_id {
        0 => data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        1 => data.chunks_exact(2).map(half).collect(),
        8 => blocks(34, &|b| b[2..].iter().map(|q| half(b) * f32::from(q.cast_signed())).collect()),
        12 => blocks(144, &q4_k),
        14 => blocks(210, &q6_k),
        39 => blocks(17, &mxfp4),
        other => panic!("{name}: type {other}"),
    }
}

fn mean_and_deviation(numbers: &[f32]) -> (f64, f64) {
    let len = numbers.len() as f64;
    let mean = numbers.iter().map(|n| f64::from(*n)).sum::<f64>() / len;
    let variance = numbers.iter().map(|n| (f64::from(*n) - mean).powi(2)).sum::<f64>() / len;
    (mean, variance.sqrt())
}

#[test]
fn matrices_of_every_type_keep_numbers_near_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    // The gain that the matrix is made for, and how far off the type's steps may leave it.
    let cases = [
        (Kind::TinyLlama, "blk.0.ffn_up.weight", 12, 1.0, 0.02),
        (Kind::TinyLlama, "blk.3.ffn_down.weight", 14, 2.0, 0.02),
        (Kind::TinyMoe, "blk.1.ffn_up_exps.weight", 8, 1.0, 0.02),
        (Kind::TinyMamba, "blk.1.ssm_in.weight", 1, 1.0, 0.02),
        (Kind::TinyMamba, "blk.1.ssm_dt.weight", 0, 0.5, 0.03),
        // Scales are powers of two.
        (Kind::TinyGptOss, "blk.1.ffn_up_exps.weight", 39, 1.0, 0.42),
    ];
    for (kind, name, type_id, gain, tolerance) in cases {
        write(kind, &path, 0).expect("written");
        let (header, file) = read_file(&path);
        let tensor = header.tensor(name);
        assert_eq!(tensor.type_id, type_id, "{kind}: {name}");
        let numbers = numbers(&header, &file, name);
        assert_eq!(numbers.len() as u64, tensor.shape.iter().product::<u64>());
        let (mean, deviation) = mean_and_deviation(&numbers);
        let expected = gain / (tensor.shape[0] as f64).sqrt();
        assert!((deviation / expected - 1.0).abs() < tolerance, "{kind}: {name}: {deviation}, not {expected}");
        assert!(mean.abs() < 0.05 * deviation, "{kind}: {name}: {mean}");
        // Independent rows: their product is near zero beside their length.
        let row = tensor.shape[0] as usize;
        let product: f32 = numbers[..row].iter().zip(&numbers[row..2 * row]).map(|(a, b)| a * b).sum();
        let length: f32 = numbers[..row].iter().map(|a| a * a).sum();
        assert!((product / length).abs() < 0.5, "{kind}: {name}: {product} of {length}");
    }
}

#[test]
fn every_number_of_every_tiny_model_is_finite() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    for kind in Kind::ALL.into_iter().filter(|kind| kind.name().starts_with("tiny-")) {
        write(kind, &path, 3).expect("written");
        let (header, file) = read_file(&path);
        for tensor in &header.tensors {
            let numbers = numbers(&header, &file, &tensor.name);
            assert!(numbers.iter().all(|n| n.is_finite()), "{kind}: {}", tensor.name);
            assert!(numbers.iter().any(|n| *n != 0.0), "{kind}: {} is all zeros", tensor.name);
        }
    }
}

#[test]
fn words_weigh_more_than_other_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    write(Kind::TinyMoe, &path, 0).expect("written");
    let (header, file) = read_file(&path);
    let output = numbers(&header, &file, "output.weight");
    let width = header.tensor("output.weight").shape[0] as usize;
    let deviation = |token: usize| mean_and_deviation(&output[token * width..(token + 1) * width]).1;
    let tokens = header.items("tokenizer.ggml.tokens");
    let find = |text: &str| {
        let text = crate::reader::Value::Text(text.to_owned());
        tokens.iter().position(|token| *token == text).expect("a token")
    };
    let word = deviation(find("\u{2581}the"));
    for other in ["</s>", "<0x0A>", "\u{2581}t", "<unused_0>"] {
        assert!(deviation(find(other)) < 0.2 * word, "{other}");
    }
}

#[test]
fn states_of_an_ssm_fade() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    write(Kind::TinyMamba, &path, 0).expect("written");
    let (header, file) = read_file(&path);
    let decays = numbers(&header, &file, "blk.2.ssm_a");
    assert_eq!(decays[..3], [-1.0, -2.0, -3.0]);
    assert_eq!(decays[16..18], [-1.0, -2.0]);
    assert!(decays.iter().all(|decay| *decay < 0.0));
}
