//! `tensor_trace.bin` and token files, whole and damaged.

use crate::sources::{Folder, Op, health, narrow, op, operands, pass, token_json, wide};
use proptest::prelude::*;
use std::path::Path;
use tensorscope::analysis::info::Info;
use tensorscope::formats::tensor_trace::{Layout, detect, read};
use tensorscope::formats::{Progress, ReadError, trace_json};
use tensorscope::trace::builder::Builder;
use tensorscope::trace::{Phase, Trace};

fn ops(passes: u32) -> Vec<Op> {
    let one = [
        op("GET_ROWS", "embd").disk("token_embd.weight", 1000, 640).buffer("inp_tokens", 9, 0x9000, 4),
        op("RMS_NORM", "norm-0").buffer("embd", 5, 0x5100, 64),
        op("MUL_MAT", "Kcur-0").disk("blk.0.attn_k.weight", 2000, 256).buffer("norm-0", 5, 0x5200, 64).experts(&[1, 2]),
        op("ADD", "l_out-0").buffer("Kcur-0", 5, 0x5300, 64).buffer("embd", 5, 0x5100, 64),
    ];
    (0..passes).flat_map(|k| pass(k, false, &one)).collect()
}

fn files() -> [(Layout, Vec<u8>); 3] {
    [(Layout::Wide, wide(&ops(6))), (Layout::Narrow, narrow(&ops(6))), (Layout::Operand, operands(&ops(6)))]
}

fn built(bytes: &[u8]) -> Result<Trace, ReadError> {
    let mut builder = Builder::default();
    read(bytes, Path::new("damaged"), &mut builder, &Progress::default())?;
    Ok(builder.build(Progress::default().cancel_flag()).unwrap())
}

/// A reading is a run that adds up, or an error in one line that names the file and a byte in it.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    match built(bytes) {
        Ok(trace) => {
            let info = Info::of(&trace);
            prop_assert_eq!(info.ops, info.passes.iter().map(|p| u64::from(p.ops)).sum::<u64>());
            prop_assert!(info.ops > 0 && info.writes == info.ops);
        }
        Err(ReadError::Malformed { byte, .. }) => prop_assert!(byte <= bytes.len() as u64),
        Err(error) => prop_assert!(false, "{error}"),
    }
    Ok(())
}

#[test]
fn layouts_are_told_apart_by_content() {
    for (layout, bytes) in files() {
        for records in 1..bytes.len() / layout.bytes() {
            assert_eq!(detect(&bytes[..records * layout.bytes()]), Some(layout), "{records} records");
        }
        let mut with_tail = bytes.clone();
        with_tail.resize(bytes.len() + 100_000, 0);
        assert_eq!(detect(&with_tail), Some(layout));
    }
    assert_eq!(detect(b""), None);
    assert_eq!(detect(&[0; 4096]), None);
    assert_eq!(detect(&[0xAB; 4096]), None);
    assert_eq!(detect(&wide(&ops(1))[..700]), None, "a part of one record is none of another size");
}

#[test]
fn reading_stops_at_the_first_stamp_of_zero() {
    for (layout, bytes) in files() {
        let whole = built(&bytes).unwrap();
        let mut tailed = bytes.clone();
        tailed.resize(bytes.len() + 5000 * 128 + 77, 0);
        let trace = built(&tailed).unwrap();
        assert_eq!((trace.op_count(), &trace.health), (whole.op_count(), &whole.health), "a tail of zeros is no fault");
        // Zeros in the middle end it too, but that is told.
        let mut holed = bytes.clone();
        holed[3 * layout.bytes()..4 * layout.bytes()].fill(0);
        let trace = built(&holed).unwrap();
        assert_eq!((trace.op_count(), health(&trace, "stamp_zero_inside")), (3, 1));
    }
}

#[test]
fn a_sparse_file_of_2_gib_is_read_as_fast_as_what_it_holds() {
    let folder = Folder::new().with("tensor_trace.bin", wide(&ops(6)));
    let file = std::fs::File::options().write(true).open(folder.path().join("tensor_trace.bin")).unwrap();
    file.set_len(2 << 30).unwrap();
    let trace = folder.open();
    assert_eq!((trace.op_count(), health(&trace, "stamp_zero_inside")), (24, 0));
}

#[test]
fn files_cut_at_any_byte_give_what_stands_before() {
    for (layout, bytes) in files() {
        let size = layout.bytes();
        for len in (0..bytes.len()).step_by(if size == 1024 { 31 } else { 5 }) {
            let read = built(&bytes[..len]);
            if len < size {
                assert!(matches!(read, Err(ReadError::Malformed { byte: 0, .. })), "{layout:?} cut at {len}");
                continue;
            }
            let trace = read.unwrap();
            assert_eq!(trace.op_count(), len / size);
            assert_eq!(health(&trace, "truncated_tail"), u64::from(len % size > 0), "{layout:?} cut at {len}");
        }
    }
}

#[test]
fn damaged_records_are_left_out_and_counted() {
    let mut bytes = wide(&ops(6));
    bytes[5 * 1024 + 18] = 200;
    bytes[7 * 1024 + 30] = 0xFF;
    bytes[7 * 1024 + 152 + 142] = 9;
    let trace = built(&bytes).unwrap();
    assert_eq!((trace.op_count(), health(&trace, "record_damaged")), (22, 2));
    let entry = trace.health.entries.iter().find(|e| e.code == "record_damaged").unwrap();
    assert_eq!(entry.example, format!("damaged byte {}: expected at most 4 sources", 5 * 1024 + 18));
}

#[test]
fn records_differ_by_what_they_say_and_by_nothing_else() {
    let mut bytes = wide(&ops(6));
    let clean = built(&bytes).unwrap();
    for record in bytes.chunks_exact_mut(1024) {
        // Layer, expert ids that are not counted, sources that are not counted, padding of a source.
        record[12] = record[0];
        record[792 + 4 * usize::from(record[856])] = record[1];
        record[152 + 160 * usize::from(record[18]) + 3] = record[0];
    }
    let noisy = built(&bytes).unwrap();
    assert_eq!(noisy.tensors, clean.tensors);
    assert_eq!((noisy.ranges.tensor.len(), noisy.graphs.len()), (clean.ranges.tensor.len(), 1));
    bytes[1024 + 152 + 136] = 99;
    assert_ne!(built(&bytes).unwrap().tensors, clean.tensors);
}

#[test]
fn phases_and_threads_are_as_recorded() {
    let mut bytes = wide(&ops(2));
    bytes[17] = 0;
    bytes[1024 + 17] = 200;
    bytes[2048 + 14..2048 + 16].copy_from_slice(&[0xFF, 0xFF]);
    let trace = built(&bytes).unwrap();
    assert_eq!(trace.passes[0].phase, Phase::Prompt);
    assert_eq!(trace.passes[1].phase, Phase::Generate);
    assert_eq!((trace.ops.thread.get(1), trace.ops.thread.get(2)), (Some(7), None));
}

#[test]
fn token_files_cut_anywhere_give_the_entries_before() {
    let text = token_json(0, &ops(2));
    let first_end = text.find("},\n").unwrap();
    for len in (0..text.len()).step_by(13) {
        let read = trace_json::read(&text.as_bytes()[..len], Path::new("token-00000.json"));
        if len <= first_end {
            let error = read.err().unwrap().to_string();
            assert!(error.contains("at byte") && !error.contains('\n'), "{error}");
            continue;
        }
        let mut builder = Builder::default();
        read.unwrap().add_to(&mut builder, false);
        let trace = builder.build(Progress::default().cancel_flag()).unwrap();
        assert_eq!(
            trace.op_count(),
            text[..len].matches("\"num_experts\": 0}").count() + text[..len].matches("\"num_experts\": 2}").count()
        );
        assert_eq!(health(&trace, "truncated_tail"), 1);
    }
}

#[test]
fn token_files_that_are_something_else_are_errors_with_their_byte() {
    for text in ["", "[]", "{}", "{\"entries\": 3}", "{\"entries\": [{}]}", "null", "{\"entries\": [", "\u{0}"] {
        let error = trace_json::read(text.as_bytes(), Path::new("t.json")).err().unwrap();
        assert!(matches!(error, ReadError::Malformed { .. }), "{text}: {error}");
    }
    // Null and missing fields, and fields of other vintages, are no damage.
    let text = r#"{"token_id": null, "entries": [
        {"timestamp_ns": 5, "operation_type": "MUL_MAT", "dst_name": null, "layer_id": 65535, "sources": [], "expert_ids": null, "num_experts": null, "phase": "PROMPT"},
        {"timestamp_ns": 6, "operation_type": "UNKNOWN_94", "dst_name": "x", "sources": [{"name": "w", "tensor_ptr": "0x10", "size_bytes": 4, "memory_source": "DISK", "disk_offset": 64, "buffer_id": null, "tensor_idx": 4294967295}]},
        {"timestamp_ns": 7, "operation_type": "UNKNOWN_200", "dst_name": "y"}]}"#;
    let mut builder = Builder::default();
    trace_json::read(text.as_bytes(), Path::new("t.json")).unwrap().add_to(&mut builder, false);
    let trace = builder.build(Progress::default().cancel_flag()).unwrap();
    assert_eq!(trace.op_name(1), "GLU");
    assert_eq!(trace.op_name(2), "OP_200");
}

#[test]
fn cancelling_ends_a_read() {
    let progress = Progress::default();
    progress.cancel();
    let read = read(wide(&ops(2)).as_slice(), Path::new("x"), &mut Builder::default(), &progress);
    assert!(matches!(read, Err(ReadError::Cancelled)));
    let folder = Folder::new().with("traces/token-00000.json", token_json(0, &ops(2)));
    assert!(matches!(tensorscope::formats::open(folder.path(), &progress), Err(ReadError::Cancelled)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn flips_are_survived(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        for (_, mut bytes) in files() {
            for (at, byte) in &flips {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            survives(&bytes)?;
        }
        let mut text = token_json(0, &ops(2)).into_bytes();
        for (at, byte) in &flips[..1] {
            let at = at.index(text.len());
            text[at] = *byte;
        }
        if let Ok(trace) = trace_json::read(&text, Path::new("t.json")) {
            let mut builder = Builder::default();
            trace.add_to(&mut builder, false);
            prop_assert!(builder.build(Progress::default().cancel_flag()).is_ok());
        }
    }

    #[test]
    fn random_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        survives(&bytes)?;
    }

    #[test]
    fn huge_numbers_are_survived(at in any::<prop::sample::Index>(), number in prop::sample::select(vec![
        u64::MAX, i64::MAX as u64, 1 << 62, 1 << 48, u64::from(u32::MAX), 0,
    ])) {
        for (_, mut bytes) in files() {
            let at = at.index(bytes.len() / 8) * 8;
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
            survives(&bytes)?;
        }
    }
}
