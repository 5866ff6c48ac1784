//! Where passes begin, how long ops last, and what looks odd about time and labels.

use super::dense;
use crate::sources::{Folder, Op, health, op, operands, pass, token_json, wide};
use tensorscope::analysis::info::Info;
use tensorscope::trace::{Phase, Trace};

fn opened(ops: &[Op]) -> Trace {
    Folder::new().with("tensor_trace.bin", wide(ops)).open()
}

fn sizes(trace: &Trace) -> Vec<(u32, u32, Phase)> {
    trace.passes.iter().map(|p| (p.first_op, p.ops, p.phase)).collect()
}

#[test]
fn a_pass_begins_where_token_or_phase_changes() {
    let ops = [pass(0, true, &dense(5)), pass(0, false, &dense(1)), pass(1, false, &dense(1))].concat();
    let trace = opened(&ops);
    assert_eq!(sizes(&trace), [(0, 6, Phase::Prompt), (6, 6, Phase::Generate), (12, 6, Phase::Generate)]);
    assert_eq!(trace.passes.iter().map(|p| p.token).collect::<Vec<_>>(), [Some(0), Some(0), Some(1)]);
    assert!(trace.ops.pass.iter().eq([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2].iter()));
}

#[test]
fn a_pass_begins_where_its_first_op_comes_again() {
    let mut ops = [pass(0, false, &dense(1)), pass(0, false, &dense(1)), pass(0, false, &dense(1))].concat();
    assert_eq!(sizes(&opened(&ops)).len(), 3);
    // Kind and name together make an op: neither alone begins a pass.
    ops[3].kind = "GET_ROWS";
    ops[4].destination = "embd".to_owned();
    assert_eq!(sizes(&opened(&ops)).len(), 3);
}

#[test]
fn rows_of_one_operand_are_ops_and_passes_begin_at_the_first_again() {
    let products: Vec<Op> = dense(1).into_iter().filter(|o| o.kind == "MUL_MAT").collect();
    let ops = [pass(0, false, &products), pass(0, false, &products)].concat();
    let trace = Folder::new().with("tensor_trace.bin", operands(&ops)).open();
    assert_eq!(sizes(&trace), [(0, 4, Phase::Generate), (4, 4, Phase::Generate)]);
    let info = Info::of(&trace);
    assert_eq!((info.ops, info.writes, info.reads.disk + info.reads.buffer), (8, 8, 8));
    assert_eq!(trace.op_name(0), "MUL_MAT");
}

#[test]
fn an_op_lasts_until_the_next_of_its_pass() {
    let trace = opened(&[pass(0, true, &dense(5)), pass(1, false, &dense(1))].concat());
    let durations: Vec<_> = (0..12).map(|i| trace.ops.duration_ns.get(i)).collect();
    let one = [Some(1000), Some(1000), Some(1000), Some(1000), Some(1000), None];
    assert_eq!(durations, [one, one].concat());
    assert_eq!((trace.ops.start_ns[0], trace.ops.start_ns[6]), (0, 1_000_000));
    assert_eq!((trace.passes[1].start_ns, trace.passes[1].duration_ns), (1_000_000, 5000));
    assert_eq!(Info::of(&trace).duration_ms, 1.005);
}

#[test]
fn time_that_goes_backwards_is_counted_and_leaves_no_duration() {
    let mut ops = pass(0, false, &dense(1));
    ops[3].start_ns -= 2500;
    let trace = opened(&ops);
    assert_eq!(health(&trace, "time_backwards"), 1);
    assert_eq!(trace.health.entries[0].example, "op 3 in pass 0");
    assert_eq!((trace.ops.duration_ns.get(2), trace.ops.duration_ns.get(3)), (None, Some(3500)));
    assert_eq!(health(&opened(&pass(0, false, &dense(1))), "time_backwards"), 0);
}

#[test]
fn only_the_predecessors_mislabelled_warm_up_is_reported() {
    let labelled = |warm_up_tokens: u64, second_token: u32, prompt_tokens: u64| {
        let ops = [pass(0, true, &dense(warm_up_tokens)), pass(second_token, false, &dense(prompt_tokens))].concat();
        let trace = opened(&ops);
        assert_eq!(trace.passes[0].phase, Phase::Prompt, "labels are kept");
        health(&trace, "phase_looks_like_warmup")
    };
    assert_eq!(labelled(2, 0, 7), 1, "two tokens of warm-up, then the prompt under the same number");
    assert_eq!(labelled(2, 0, 2), 1);
    assert_eq!(labelled(5, 0, 1), 0, "a prompt of five tokens and a generated one");
    assert_eq!(labelled(2, 0, 1), 0, "a prompt of two tokens and a generated one");
    assert_eq!(labelled(2, 1, 7), 0, "another token number");
}

#[test]
fn token_files_are_read_in_order_of_their_numbers() {
    let folder = Folder::new()
        .with("traces/token-00010.json", token_json(10, &pass(10, false, &dense(1))))
        .with("traces/token-00009.json", token_json(9, &pass(9, true, &dense(4))))
        .with("traces/token-00100.json", token_json(100, &pass(100, false, &dense(1))));
    let trace = folder.open();
    assert_eq!(trace.passes.iter().map(|p| p.token).collect::<Vec<_>>(), [Some(9), Some(10), Some(100)]);
    assert_eq!(health(&trace, "time_backwards"), 0);
}

#[test]
fn records_and_their_export_are_the_same_run() {
    let ops = [pass(0, true, &dense(5)), pass(1, false, &dense(1))].concat();
    let of_records = opened(&ops);
    let of_export = Folder::new()
        .with("traces/token-00000.json", token_json(0, &ops[..6]))
        .with("traces/token-00001.json", token_json(1, &ops[6..]))
        .open();
    assert_eq!(of_records.tensors, of_export.tensors);
    assert_eq!(of_records.accesses.range, of_export.accesses.range);
    assert_eq!(of_records.accesses.flags, of_export.accesses.flags);
    assert_eq!(of_records.passes, of_export.passes);
    assert_eq!(of_records.graphs, of_export.graphs);
}

#[test]
fn names_of_early_exports_are_put_right() {
    let early = |kind: &str| match kind {
        "GET_ROWS" => "SOFT_MAX_BACK",
        "RMS_NORM" => "OUT_PROD",
        "MUL_MAT" => "CONT",
        "SET_ROWS" => "ROPE_BACK",
        "CPY" => "GET_ROWS",
        "GLU" => "UNKNOWN_94",
        other => panic!("{other}"),
    };
    let mut ops = pass(0, false, &dense(1));
    ops.push(Op { start_ns: 6_000_000, ..op("GLU", "ffn_swiglu-0") });
    let mut text = token_json(0, &ops);
    for kind in ["CPY", "GLU", "RMS_NORM", "MUL_MAT", "SET_ROWS"] {
        text = text
            .replace(&format!("\"operation_type\": \"{kind}\""), &format!("\"operation_type\": \"{}\"", early(kind)));
    }
    text = text.replace(
        "\"operation_type\": \"GET_ROWS\", \"dst_name\": \"embd\"",
        "\"operation_type\": \"SOFT_MAX_BACK\", \"dst_name\": \"embd\"",
    );
    let trace = Folder::new().with("traces/token-00000.json", text).open();
    let names: Vec<_> = (0..7).map(|i| trace.op_name(i)).collect();
    assert_eq!(names, ["GET_ROWS", "RMS_NORM", "MUL_MAT", "SET_ROWS", "CPY", "MUL_MAT", "GLU"]);
    assert_eq!(health(&trace, "op_names_early_export"), 1);
}
