//! GGUF headers.

use super::{counted, fault, real_file};
use crate::sources::gguf::{Writer, push_text, small_model};
use std::path::Path;
use tensorscope::formats::error::ReadError;
use tensorscope::formats::gguf::{GgufHeader, GgufValue, read_header, to_model};
use tensorscope::trace::raw::Fault;

fn read(bytes: &[u8]) -> Result<(GgufHeader, Vec<Fault>), ReadError> {
    read_header(bytes, Path::new("toy.gguf"), bytes.len() as u64)
}

fn value<'a>(header: &'a GgufHeader, key: &str) -> &'a GgufValue {
    &header.values.iter().find(|(other, _)| other == key).unwrap().1
}

/// Byte that an error names, and its text.
fn malformed(bytes: &[u8]) -> (u64, String) {
    match read(bytes).unwrap_err() {
        error @ ReadError::Malformed { byte, .. } => (byte, error.to_string()),
        other => panic!("{other}"),
    }
}

#[test]
fn reads_values_and_places_of_tensors_in_both_versions() {
    for version in [2, 3] {
        let mut writer = small_model();
        writer.version = version;
        let (header, faults) = read(&writer.file()).unwrap();
        assert_eq!(counted(&faults), []);
        assert_eq!((header.version, header.alignment, header.values.len()), (version, 32, 13));
        assert_eq!(*value(&header, "toy.rope.scale"), GgufValue::Float(0.5));
        assert_eq!(*value(&header, "toy.causal"), GgufValue::Bool(true));
        assert_eq!(*value(&header, "toy.i8"), GgufValue::Signed(-2));
        assert_eq!(*value(&header, "toy.i64"), GgufValue::Signed(-5));
        assert_eq!(*value(&header, "toy.u64"), GgufValue::Unsigned(u64::MAX));
        assert_eq!(*value(&header, "tokenizer.words"), GgufValue::Array { element: "text", len: 3 });
        assert_eq!(*value(&header, "tokenizer.scores"), GgufValue::Array { element: "f32", len: 2 });
        assert_eq!(*value(&header, "tokenizer.template"), GgufValue::LongText { bytes: 5000 });

        let data_offset = (writer.header().len() as u64).next_multiple_of(32);
        assert_eq!(header.data_offset, Some(data_offset));
        let tensors: Vec<_> = header
            .tensors
            .iter()
            .map(|t| (t.name.as_str(), t.dtype.as_str(), t.offset - data_offset, t.bytes))
            .collect();
        assert_eq!(
            tensors,
            [
                ("token_embd.weight", "q8_0", 0, 340),
                ("blk.0.ffn_up_exps.weight", "q4_0", 352, 576),
                ("blk.0.ffn_up_exps.bias", "f32", 928, 128),
                ("blk.0.ffn_gate_inp.weight", "f32", 1056, 512),
                ("output_norm.weight", "f32", 1568, 128),
            ]
        );
        assert_eq!(header.tensors[1].shape, [32, 8, 4]);
    }
}

#[test]
fn needs_nothing_past_the_header() {
    let writer = small_model();
    let (file, header) = (writer.file(), writer.header());
    let from_header = read_header(&header, Path::new("toy.gguf"), file.len() as u64).unwrap();
    assert_eq!(from_header, read(&file).unwrap());
}

#[test]
fn makes_a_model_with_experts() {
    let (header, _) = read(&small_model().file()).unwrap();
    let (model, faults) = to_model(&[header]);
    assert_eq!(counted(&faults), []);
    assert_eq!((model.name.as_deref(), model.architecture.as_deref()), (Some("Toy 2x1"), Some("toy")));
    assert_eq!((model.layers, model.experts, model.experts_used), (Some(2), Some(4), Some(2)));
    let experts: Vec<_> = model.tensors.iter().map(|tensor| tensor.experts).collect();
    assert_eq!(experts, [None, Some(4), Some(4), None, None]);
    assert_eq!(model.files[0].name, "toy.gguf");
    assert!(model.parameters.contains(&("tokenizer.words".into(), "3 x text".into())));
}

#[test]
fn every_type_has_its_size() {
    // Bytes of 256 elements, by hand from block and block size.
    let sizes = [
        (0, "f32", 1024),
        (1, "f16", 512),
        (2, "q4_0", 144),
        (3, "q4_1", 160),
        (6, "q5_0", 176),
        (7, "q5_1", 192),
        (8, "q8_0", 272),
        (9, "q8_1", 288),
        (10, "q2_K", 84),
        (11, "q3_K", 110),
        (12, "q4_K", 144),
        (13, "q5_K", 176),
        (14, "q6_K", 210),
        (15, "q8_K", 292),
        (16, "iq2_xxs", 66),
        (17, "iq2_xs", 74),
        (18, "iq3_xxs", 98),
        (19, "iq1_s", 50),
        (20, "iq4_nl", 144),
        (21, "iq3_s", 110),
        (22, "iq2_s", 82),
        (23, "iq4_xs", 136),
        (24, "i8", 256),
        (25, "i16", 512),
        (26, "i32", 1024),
        (27, "i64", 2048),
        (28, "f64", 2048),
        (29, "iq1_m", 56),
        (30, "bf16", 512),
        (34, "tq1_0", 54),
        (35, "tq2_0", 66),
        (39, "mxfp4", 136),
        (40, "nvfp4", 144),
        (41, "q1_0", 36),
        (42, "q2_0", 72),
    ];
    let writer = sizes.iter().fold(Writer::new(), |w, &(id, name, bytes)| w.tensor(name, &[256], id, bytes));
    let (header, faults) = read(&writer.file()).unwrap();
    assert_eq!(counted(&faults), []);
    for (tensor, (_, name, bytes)) in header.tensors.iter().zip(sizes) {
        assert_eq!((tensor.dtype.as_str(), tensor.bytes, tensor.approximate), (name, bytes, false));
    }
}

#[test]
fn types_without_a_size_reach_to_what_follows() {
    let writer =
        Writer::new().tensor("new", &[256], 99, 100).tensor("known", &[8], 0, 32).tensor("removed", &[256], 31, 100);
    let (header, faults) = read(&writer.file()).unwrap();
    assert_eq!(counted(&faults), [("gguf_type_unknown", 2)]);
    assert!(faults[0].example.starts_with("new has type 99 at toy.gguf byte "), "{}", faults[0].example);
    let sizes: Vec<_> = header.tensors.iter().map(|t| (t.dtype.as_str(), t.bytes, t.approximate)).collect();
    assert_eq!(sizes, [("type_99", 128, true), ("f32", 32, false), ("q4_0_4_4", 100, true)]);
}

#[test]
fn refuses_what_is_no_gguf_of_today() {
    let with_version = |version| {
        let mut writer = small_model();
        writer.version = version;
        writer.file()
    };
    assert_eq!(malformed(b"GGML____________________").0, 0);
    assert_eq!(malformed(b"GG").0, 0);
    assert_eq!(malformed(&with_version(4)).0, 4);
    let old = read(&with_version(1)).unwrap_err();
    assert!(matches!(old, ReadError::Unusable { .. }) && old.to_string().contains("version 1"), "{old}");
    let big = read(&with_version(3_u32.swap_bytes())).unwrap_err();
    assert!(matches!(big, ReadError::Unusable { .. }) && big.to_string().contains("big-endian"), "{big}");
}

#[test]
fn errors_name_the_byte() {
    let at_first_info = 24_u64;
    // Behind the name `t` (9 bytes) stands the number of dimensions, behind that the first one.
    let (byte, text) = malformed(&Writer::new().tensor("t", &[1, 1, 1, 1, 1], 0, 4).file());
    assert!(byte == at_first_info + 9 && text.contains("toy.gguf") && text.contains("at most 4 dimensions"), "{text}");
    let (byte, text) = malformed(&Writer::new().tensor("t", &[u64::MAX], 0, 4).file());
    assert!(byte == at_first_info + 13 && text.contains("-1 of tensor t"), "{text}");
    let (byte, _) = malformed(&Writer::new().tensor("t", &[1 << 40, 1 << 40], 0, 4).file());
    assert_eq!(byte, at_first_info + 33);
    let (byte, _) = malformed(&Writer::new().tensor_at("t", &[1], 0, u64::MAX).file());
    assert_eq!(byte, at_first_info + 25);
    assert_eq!(malformed(&Writer::new().tensor("", &[1], 0, 4).file()).0, at_first_info);

    // A name out of the file does not break the message's line.
    let (_, text) = malformed(&Writer::new().tensor("t\n\u{1b}[1m", &[u64::MAX], 0, 4).file());
    assert!(text.contains(r"-1 of tensor t\n\u{1b}[1m"), "{text}");

    // Behind the key (8 + 17 bytes) and the type stands the value.
    let at_alignment = 24 + 8 + 17 + 4;
    let (byte, text) = malformed(&Writer::new().number("general.alignment", 48).file());
    assert!(byte == at_alignment && text.contains("power of two"), "{text}");
    assert_eq!(malformed(&Writer::new().number("general.alignment", 0).file()).0, at_alignment);
    assert_eq!(
        malformed(&Writer::new().raw_value("general.alignment", 10, &[64, 0, 0, 0, 0, 0, 0, 0]).file()).0,
        at_alignment
    );
    assert_eq!(malformed(&Writer::new().raw_value("k", 13, &[0; 8]).file()).0, 24 + 9);

    let nested = [9_u32.to_le_bytes().as_slice(), &1_u64.to_le_bytes(), &[0; 16]].concat();
    assert_eq!(malformed(&Writer::new().raw_value("k", 9, &nested).file()).0, 24 + 9 + 4);
}

#[test]
fn hostile_counts_are_errors_and_allocate_nothing() {
    for count in [1 << 20, 1 << 31, 1 << 36, 1 << 48, i64::MAX as u64, u64::MAX] {
        for at in [8, 16] {
            let mut file = small_model().file();
            file[at..at + 8].copy_from_slice(&count.to_le_bytes());
            assert_eq!(malformed(&file).0, at as u64, "count {count}");
        }
        for element in [0_u32, 8, 12] {
            let array = [element.to_le_bytes().as_slice(), &count.to_le_bytes(), &[1; 32]].concat();
            let (byte, _) = malformed(&Writer::new().raw_value("k", 9, &array).file());
            assert!(byte >= 24 + 9 + 4 + 4, "{byte}");
        }
        let text = [count.to_le_bytes().as_slice(), &[b'x'; 32]].concat();
        assert_eq!(malformed(&Writer::new().raw_value("k", 8, &text).file()).0, 24 + 9 + 4 + 8);
    }
}

#[test]
fn a_header_cut_anywhere_is_an_error_with_a_byte_inside() {
    let header = small_model().header();
    for len in 0..header.len() {
        assert!(malformed(&header[..len]).0 <= len as u64);
    }
}

#[test]
fn faults_of_the_layout_are_counted_with_examples() {
    let long = "n".repeat(64);
    let writer = Writer::new()
        .number("a", 1)
        .number("a", 2)
        .tensor_at("first", &[16], 0, 0)
        .tensor_at("over", &[16], 0, 32)
        .tensor_at("over", &[4], 0, 96)
        .tensor_at("askew", &[4], 0, 116)
        .tensor_at("gap", &[4], 0, 256)
        .tensor_at("blocks", &[33], 8, 288)
        .tensor_at(&long, &[1 << 20], 0, 384);
    let mut file = writer.header();
    let data_offset = (file.len() as u64).next_multiple_of(32);
    file.resize(usize::try_from(data_offset + 400).unwrap(), 0);
    let (header, faults) = read(&file).unwrap();
    let mut codes = counted(&faults);
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            ("gguf_duplicate_key", 1),
            ("gguf_duplicate_tensor", 1),
            ("gguf_gap", 1),
            ("gguf_name_long", 1),
            ("gguf_offset_unaligned", 1),
            ("gguf_overlap", 1),
            ("gguf_past_end", 1),
            ("gguf_row_not_whole_blocks", 1),
        ]
    );
    let overlap = format!("over at toy.gguf byte {}, after byte {}", data_offset + 32, data_offset + 64);
    assert_eq!(fault(&faults, "gguf_overlap").example, overlap);
    assert!(fault(&faults, "gguf_gap").example.starts_with("gap at"));
    assert_eq!(header.values, [("a".to_owned(), GgufValue::Unsigned(1))]);
    assert_eq!(header.tensors[5].bytes, 68, "two started blocks");
}

#[test]
fn names_that_are_not_utf8_are_replaced_and_counted() {
    let mut file = small_model().file();
    let at = file.windows(11).position(|text| text == b"output_norm").unwrap();
    file[at] = 0xFF;
    let (header, faults) = read(&file).unwrap();
    assert_eq!(header.tensors[4].name, "\u{FFFD}utput_norm.weight");
    assert_eq!(fault(&faults, "gguf_text_not_utf8").example, format!("toy.gguf byte {at}"));
}

#[test]
fn splits_are_put_in_order_and_missed() {
    let split = |number: u16, tensor: &str| {
        let mut writer = Writer::new().raw_value("split.no", 2, &number.to_le_bytes());
        writer = writer.raw_value("split.count", 2, &3_u16.to_le_bytes());
        if number == 0 {
            writer = writer.text("general.architecture", "toy").number("toy.block_count", 7);
        }
        let file = writer.tensor(tensor, &[8], 0, 32).file();
        read_header(&file, Path::new(&format!("toy-{number}.gguf")), file.len() as u64).unwrap().0
    };
    let (model, faults) = to_model(&[split(2, "c"), split(0, "a"), split(1, "b")]);
    assert_eq!(counted(&faults), []);
    assert_eq!(model.layers, Some(7));
    let files: Vec<_> = model.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(files, ["toy-0.gguf", "toy-1.gguf", "toy-2.gguf"]);
    let tensors: Vec<_> = model.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.file)).collect();
    assert_eq!(tensors, [("a", 0), ("b", 1), ("c", 2)]);
    assert!(model.parameters.iter().all(|(key, _)| !key.starts_with("split.")));

    let (_, faults) = to_model(&[split(0, "a"), split(1, "a")]);
    assert_eq!(counted(&faults), [("gguf_splits_missing", 1), ("gguf_tensor_in_two_files", 1)]);
    assert_eq!(fault(&faults, "gguf_splits_missing").example, "toy-0.gguf is one of 3, 2 here");
    let (_, faults) = to_model(&[split(0, "a"), split(1, "b"), split(1, "c")]);
    assert_eq!(counted(&faults), [("gguf_splits_missing", 1)]);
}

#[test]
fn tensors_come_in_file_order() {
    let writer = Writer::new().tensor_at("second", &[8], 0, 32).tensor_at("first", &[8], 0, 0);
    let mut file = writer.header();
    file.resize(file.len().next_multiple_of(32) + 64, 0);
    let (header, faults) = read(&file).unwrap();
    assert_eq!(counted(&faults), []);
    let (model, _) = to_model(&[header]);
    assert_eq!(model.tensors[0].name, "first");
}

#[test]
fn an_empty_text_value_is_fine_and_a_file_without_tensors_too() {
    let mut empty = vec![];
    push_text(&mut empty, "");
    let (header, faults) = read(&Writer::new().raw_value("k", 8, &empty).file()).unwrap();
    assert_eq!(counted(&faults), []);
    assert_eq!((header.data_offset, header.tensors.len()), (None, 0));
    assert_eq!(*value(&header, "k"), GgufValue::Text(String::new()));
}

#[test]
fn reads_the_real_header() {
    let Some((path, bytes)) = real_file("recorded/smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    let file_bytes = 98_362_432;
    let started = std::time::Instant::now();
    let (header, faults) = read_header(&bytes, &path, file_bytes).unwrap();
    eprintln!("gguf header of {} bytes: {:?}", bytes.len(), started.elapsed());
    assert_eq!(counted(&faults), []);
    let (model, faults) = to_model(&[header]);
    assert_eq!(counted(&faults), []);
    assert_eq!((model.architecture.as_deref(), model.layers, model.experts), (Some("llama"), Some(30), None));
    assert_eq!(model.tensors.len(), 272);
    assert_eq!(model.files[0].data_offset, Some(1_785_664));
    assert_eq!(model.tensors.last().map(|tensor| tensor.offset + tensor.bytes), Some(file_bytes));

    // The graph of the same model has most of its weights (K and V lead to nodes that it leaves out), with the same
    // types and shapes.
    let Some((dot_path, dot)) = real_file("recorded/smollm2-135m/graphs/token_00000.dot") else { return };
    let (graph, _) = tensorscope::formats::dot::read(&dot, &dot_path).unwrap();
    let mut met = 0;
    for leaf in graph.nodes.iter().filter(|node| node.leaf && node.name.ends_with(".weight")) {
        let tensor = model.tensors.iter().find(|tensor| tensor.name == leaf.name).unwrap();
        let mut shape = tensor.shape.clone();
        shape.resize(2, 1);
        assert_eq!((&tensor.dtype, &shape), (&leaf.dtype, &leaf.shape), "{}", leaf.name);
        met += 1;
    }
    assert_eq!(met, 212);

    // Taken for the whole file, the header is a file that lost all its tensors.
    let (_, faults) = read_header(&bytes, &path, bytes.len() as u64).unwrap();
    assert_eq!(counted(&faults), [("gguf_past_end", 272)]);
}
