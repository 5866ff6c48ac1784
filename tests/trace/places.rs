//! Where reads and writes lie.

use super::dense;
use crate::sources::gguf::Writer;
use crate::sources::{Folder, accesses, health, memory_map, narrow, op, pass, token_json, wide};
use tensorscope::analysis::info::Info;
use tensorscope::trace::{DESTINATION_SLOT, Trace, Track};

fn one_pass() -> Trace {
    Folder::new().with("tensor_trace.bin", wide(&pass(0, false, &dense(3)))).open()
}

fn tensor<'a>(trace: &'a Trace, name: &str) -> &'a tensorscope::trace::Tensor {
    trace.tensors.iter().find(|t| t.name == name).unwrap()
}

#[test]
fn a_write_takes_the_address_of_the_next_read_of_its_name() {
    let trace = one_pass();
    assert_eq!(
        accesses(&trace, 1),
        [("embd".to_owned(), 0, 64, None, "r"), ("norm-0".to_owned(), 0, 64, None, "w")],
        "norm-0 is read by the next op at 0x5200"
    );
    let norm = tensor(&trace, "norm-0");
    assert_eq!((norm.home, norm.offset), (Some(1), 0x200));
    let write = trace.accesses_of(1).last().unwrap();
    assert_eq!(trace.accesses.slot[write], DESTINATION_SLOT);
    // Nobody reads the last result: it is counted, without a place.
    assert_eq!(accesses(&trace, 5).last().unwrap(), &("result_output".to_owned(), 0, 0, None, "w"));
    assert_eq!(tensor(&trace, "result_output").home, None);
    assert_eq!(health(&trace, "write_without_place"), 1);
}

#[test]
fn a_read_before_the_write_is_no_place_for_it() {
    let ops = [
        op("ADD", "a").buffer("b", 1, 0x1000, 16),
        op("ADD", "b").buffer("a", 1, 0x1100, 16).buffer("b", 1, 0x1000, 16),
        op("ADD", "c").buffer("b", 1, 0x1200, 16),
        op("ADD", "b").buffer("c", 1, 0x1300, 16),
    ];
    let trace = Folder::new().with("tensor_trace.bin", wide(&pass(0, false, &ops))).open();
    let written = |op: usize| {
        let access = trace.accesses_of(op).last().unwrap();
        let tensor = &trace.tensors[trace.ranges.tensor[trace.accesses.range[access] as usize] as usize];
        tensor.home.map(|_| tensor.offset)
    };
    assert_eq!([written(0), written(1), written(2), written(3)], [Some(0x100), Some(0x200), Some(0x300), None]);
}

#[test]
fn copies_write_their_destination_operand_and_do_not_read_it() {
    let trace = one_pass();
    assert_eq!(
        accesses(&trace, 3),
        [
            ("Kcur-0".to_owned(), 0, 64, None, "r"),
            ("leaf_7".to_owned(), 0, 8, None, "r"),
            ("cache_k_l0".to_owned(), 0, 4096, None, "w~"),
        ]
    );
    assert_eq!(
        accesses(&trace, 4),
        [("Kcur-0".to_owned(), 0, 64, None, "r"), ("cache_v_l0 (view)".to_owned(), 0, 64, None, "w")]
    );
    assert_eq!(trace.destination_name(3), "cache_k_l0 (view)");
    let view = &trace.tensors[trace.ops.destination.get(3).unwrap() as usize];
    assert_eq!((view.home, view.offset), (tensor(&trace, "cache_k_l0").home, tensor(&trace, "cache_k_l0").offset));
    // All operands count as reads, and every op as one write.
    let info = Info::of(&trace);
    assert_eq!((info.reads.disk, info.reads.buffer, info.writes), (3, 9, 6));
    assert_eq!((info.passes[0].reads, info.passes[0].writes), (12, 6));
    assert_eq!(info.accesses, 12 + 4, "12 operands, and four results that are no operand");
}

#[test]
fn a_copied_name_that_is_only_written_is_no_next_read() {
    let ops = [
        op("ADD", "x").buffer("a", 1, 0x1000, 16),
        op("CPY", "y").buffer("a", 1, 0x1000, 16).buffer("x", 1, 0x2000, 16),
    ];
    let trace = Folder::new().with("tensor_trace.bin", wide(&pass(0, false, &ops))).open();
    assert_eq!(accesses(&trace, 0).last().unwrap().2, 0, "x has no place: it is overwritten, never read");
}

#[test]
fn rows_looked_up_are_the_whole_table_estimated() {
    let trace = one_pass();
    assert_eq!(accesses(&trace, 0)[0], ("token_embd.weight".to_owned(), 0, 640, None, "r~"));
    assert_eq!(health(&trace, "rows_estimated"), 2, "a lookup and a SET_ROWS");
}

#[test]
fn buffers_stand_in_order_of_first_use_rounded_to_pages() {
    let trace = one_pass();
    let buffers: Vec<_> = trace.buffers.iter().map(|b| (b.source_id, b.base, b.bytes)).collect();
    assert_eq!(buffers, [(9, 0x9000, 0x1000), (5, 0x5000, 0x1000), (6, 0x60_0000, 0x3000)]);
    assert_eq!(tensor(&trace, "cache_k_l0").offset, 0x10);
}

#[test]
fn recorded_buffers_count_where_they_cover_what_is_touched() {
    let log = |id: u64, base: u64, bytes: u64| {
        format!(
            r#"{{"timestamp_ms":1,"event":"alloc","buffer_id":{id},"buffer_ptr":{base},"size":{bytes},"name":"KV {bytes}","backend":"CPU","usage":2,"layer":65535}}"#
        )
    };
    let free = r#"{"timestamp_ms":2,"event":"dealloc","buffer_id":6}"#;
    // Buffer 6 lived twice; buffer 5 is recorded too small.
    let lines = [log(6, 0x5F_0000, 0x4_0000), free.to_owned(), log(6, 0x100, 0x200), log(5, 0x5000, 8)].join("\n");
    let trace = Folder::new()
        .with("tensor_trace.bin", wide(&pass(0, false, &dense(1))))
        .with("buffer_stats.jsonl", lines)
        .open();
    let buffers: Vec<_> = trace.buffers.iter().map(|b| (b.name.as_str(), b.base, b.bytes, b.recorded_bytes)).collect();
    assert_eq!(
        buffers,
        [
            ("buffer 0", 0x9000, 0x1000, None),
            ("KV 8", 0x5000, 0x1000, Some(8)),
            ("KV 262144", 0x5F_0000, 0x4_0000, Some(0x4_0000)),
        ]
    );
}

#[test]
fn weights_are_found_in_the_model_file_by_name() {
    let model = Writer::new()
        .text("general.architecture", "toy")
        .number("toy.block_count", 1)
        .tensor("token_embd.weight", &[16, 10], 0, 640)
        .tensor("blk.0.attn_k.weight", &[16, 4], 0, 256)
        .tensor("output.weight", &[16, 8], 0, 512);
    let bytes = model.file();
    let trace =
        Folder::new().with("tensor_trace.bin", wide(&pass(0, false, &dense(1)))).with("model.gguf", &bytes).open();
    let info = Info::of(&trace);
    assert_eq!((info.tensors.model, info.model.file_bytes), (3, Some(bytes.len() as u64)));
    assert_eq!((health(&trace, "weight_offset_mismatch"), health(&trace, "weight_unknown")), (3, 0));
    assert_eq!(tensor(&trace, "blk.0.attn_k.weight").layer, Some(0));
}

#[test]
fn without_a_model_the_trace_says_what_weights_there_are() {
    let trace = one_pass();
    let info = Info::of(&trace);
    assert_eq!((info.tensors.model, info.model.file_bytes), (3, Some(3512)));
    assert_eq!((info.model.name, info.model.layers), (None, Some(1)));
}

#[test]
fn sizes_that_wrapped_at_4_gib_are_the_models() {
    let bytes = (5_u64 << 30) + 64;
    let ops = [op("MUL_MAT", "x").disk("blk.0.big.weight", 4096, bytes).buffer("y", 1, 0x1000, 4)];
    let map = memory_map(&[("blk.0.big.weight", 4096, bytes, &[32, 41_943_042])]);
    let trace = Folder::new().with("tensor_trace.bin", wide(&pass(0, false, &ops))).with("memory-map.json", map).open();
    assert_eq!(accesses(&trace, 0)[0].2, bytes);
    assert_eq!(health(&trace, "memory_map_size_wrong") + health(&trace, "weight_size_mismatch"), 0);
}

#[test]
fn relative_memory_maps_are_moved_and_wrong_sizes_follow_the_trace() {
    let map = memory_map(&[
        ("token_embd.weight", 0, 640, &[16, 10]),
        ("blk.0.attn_k.weight", 1000, 1920, &[16, 4]),
        ("output.weight", 2000, 512, &[16, 8]),
        ("never_read.weight", 4000, 64, &[16]),
    ]);
    let trace =
        Folder::new().with("tensor_trace.bin", wide(&pass(0, false, &dense(1)))).with("memory-map.json", map).open();
    let places: Vec<_> = trace.tensors[..4].iter().map(|t| (t.offset, t.bytes)).collect();
    assert_eq!(places, [(1000, 640), (2000, 256), (3000, 512), (5000, 64)]);
    assert_eq!((health(&trace, "memory_map_shifted"), health(&trace, "memory_map_size_wrong")), (4, 1));
    assert_eq!(trace.meta.model.files[0].data_offset, Some(1000));
    assert_eq!(Info::of(&trace).model.file_bytes, Some(5064));
}

#[test]
fn one_misplaced_tensor_moves_alone() {
    let map = memory_map(&[
        ("token_embd.weight", 1000, 640, &[16, 10]),
        ("blk.0.attn_k.weight", 1900, 256, &[16, 4]),
        ("output.weight", 3000, 512, &[16, 8]),
    ]);
    let trace =
        Folder::new().with("tensor_trace.bin", wide(&pass(0, false, &dense(1)))).with("memory-map.json", map).open();
    assert_eq!(tensor(&trace, "blk.0.attn_k.weight").offset, 2000);
    assert_eq!((health(&trace, "memory_map_shifted"), health(&trace, "memory_map_offset_wrong")), (0, 1));
}

#[test]
fn cut_names_are_recognised_by_offset() {
    let ops = [op("MUL_MAT", "ffn_a_destination_of_many_words-0")
        .disk("blk.0.ffn_down_shared.weight", 1000, 256)
        .buffer("ffn_a_destination_of_many_words-7", 1, 0x1000, 64)];
    let reads = op("ADD", "l_out-0").buffer("ffn_a_destination_of_many_words-0", 1, 0x2000, 64);
    let run = Folder::new()
        .with("tensor_trace.bin", narrow(&pass(0, false, &[ops[0].clone(), reads])))
        .with("memory-map.json", memory_map(&[("blk.0.ffn_down_shared.weight", 1000, 256, &[64])]));
    let trace = run.open();
    assert_eq!(trace.meta.source.split(',').next(), Some("tensor_trace.bin (256-byte records)"));
    assert_eq!(accesses(&trace, 0)[0], ("blk.0.ffn_down_shared.weight".to_owned(), 0, 256, None, "r"));
    assert_eq!((health(&trace, "names_cut"), health(&trace, "names_may_be_cut")), (1, 4));
    // 23 bytes of the result meet the 19 that its reader has.
    assert_eq!(accesses(&trace, 0).last().unwrap().2, 64);
}

#[test]
fn weights_that_the_model_does_not_list_are_kept_and_counted() {
    let ops = [pass(0, false, &dense(1)), pass(1, false, &dense(1))].concat();
    let trace = Folder::new()
        .with("tensor_trace.bin", wide(&ops))
        .with("memory-map.json", memory_map(&[("output.weight", 3000, 512, &[16, 8])]))
        .open();
    assert_eq!(health(&trace, "weight_unknown"), 2, "two weights, however often they are read");
    assert_eq!(tensor(&trace, "token_embd.weight").track, Track::Disk);
    let entry = trace.health.entries.iter().find(|e| e.code == "weight_unknown").unwrap();
    assert!(entry.example.ends_with("2 of 3 weights that are read"), "{}", entry.example);
}

#[test]
fn sources_without_buffers_still_place_what_they_read() {
    let text = token_json(0, &pass(0, false, &dense(1)));
    let text = without_buffer_ids(&text);
    let trace = Folder::new().with("traces/token-00000.json", text).open();
    assert_eq!(trace.buffers.len(), 1);
    assert_eq!(accesses(&trace, 1).last().unwrap(), &("norm-0".to_owned(), 0, 64, None, "w"));
}

/// `, "buffer_id": <digits>` taken out.
fn without_buffer_ids(text: &str) -> String {
    text.split(", \"buffer_id\": ")
        .enumerate()
        .map(|(k, part)| if k == 0 { part } else { part.trim_start_matches(|c: char| c.is_ascii_digit()) })
        .collect()
}
