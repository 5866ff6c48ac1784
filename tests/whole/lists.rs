//! The inspector's list of all accesses, against a look at every single one, and the ways that lead through it.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use egui::{Modifiers, PointerButton};
use tensorscope::analysis::access_list::{AccessList, Wanted, find};
use tensorscope::analysis::filter::TensorRef;
use tensorscope::analysis::first_touch::FirstTouch;
use tensorscope::analysis::links::Item;
use tensorscope::app::input;
use tensorscope::formats::{self, Progress};
use tensorscope::state::{Action, ItemRef};
use tensorscope::trace::tracks::phase_bits;
use tensorscope::trace::{Phase, Trace, flags};

use crate::workspace::Session;

fn bundled(name: &str) -> Trace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    formats::open(&path, &Progress::default()).unwrap()
}

/// By looking at every access of every op.
fn looked_up(trace: &Trace, wanted: &Wanted) -> AccessList {
    let mut list = AccessList::default();
    let (mut layers, mut passes) = (Vec::new(), Vec::new());
    for op in 0..trace.op_count() {
        if trace.pass_of(op).unwrap().phase.bit() & wanted.phases == 0 {
            continue;
        }
        let mut any = false;
        for access in trace.accesses_of(op) {
            let range = trace.accesses.range[access] as usize;
            let expert = wanted.expert.is_none() || trace.ranges.expert.get(range) == wanted.expert;
            if wanted.tensors.contains(&trace.ranges.tensor[range]) && expert {
                list.accesses.push(access as u32);
                list.writes += u64::from(trace.accesses.flags[access] & flags::WRITE != 0);
                any = true;
            }
        }
        if any {
            list.ops += 1;
            layers.extend(trace.ops.layer.get(op));
            passes.push(trace.ops.pass[op]);
        }
    }
    layers.sort_unstable();
    layers.dedup();
    passes.dedup();
    (list.layers, list.passes) = (layers, passes.len() as u64);
    list
}

#[test]
fn no_access_is_left_out_and_none_is_of_another_tensor() {
    let never = AtomicBool::new(false);
    let of = |tensors, expert| Wanted { tensors, expert, phases: phase_bits(None) };
    for name in ["smollm2-135m.tscope", "moe-128x48.tscope"] {
        let trace = bundled(name);
        let count = trace.tensors.len() as u32;
        let mut asked: Vec<Wanted> = (0..count).step_by(count as usize / 12 + 1).map(|t| of(vec![t], None)).collect();
        asked.push(of(vec![0, count / 2, count - 1], None));
        asked.push(Wanted { phases: Phase::Prompt.bit(), ..of(vec![0, count / 2], None) });
        let experts = (0..count).filter(|t| trace.tensors[*t as usize].experts.is_some());
        asked.extend(experts.take(3).flat_map(|t| [0, 5, 77].map(|e| of(vec![t], Some(e)))));
        let mut seen = 0;
        for wanted in asked {
            let found = find(&trace, &wanted, &never).unwrap();
            assert_eq!(found, looked_up(&trace, &wanted), "{name}: {wanted:?}");
            seen += found.accesses.len();
        }
        assert!(seen > 100, "{name}: {seen}");
        assert_eq!(find(&trace, &of(vec![0], None), &AtomicBool::new(true)), None, "cancelled");
    }
}

#[test]
fn the_first_op_that_touches_a_tensor_is_the_one_that_a_look_at_all_finds() {
    for name in ["smollm2-135m.tscope", "moe-128x48.tscope"] {
        let trace = bundled(name);
        let touched = FirstTouch::new(&trace);
        for tensor in (0..trace.tensors.len() as u32).step_by(7) {
            for phases in [phase_bits(None), Phase::Prompt.bit(), Phase::Generate.bit()] {
                let list =
                    find(&trace, &Wanted { tensors: vec![tensor], expert: None, phases }, &AtomicBool::new(false));
                let first = list.unwrap().accesses.first().map(|access| trace.op_of_access(*access as usize) as u32);
                assert_eq!(touched.first_op(&trace, &[tensor], phases), first, "{name}: {tensor}");
            }
        }
    }
}

#[test]
fn the_chain_from_a_pixel_to_a_token_and_back_is_clicks() {
    let mut session = Session::new();
    let document = session.scene.state.document.clone().unwrap();
    // Pixel -> tensor.
    let disk = session.canvas("DISK heatmap");
    session.click_at(disk.left_top() + egui::Vec2::new(disk.width() * 0.1, disk.height() / 20.0 * 1.02));
    assert!(matches!(session.scene.state.selection, Some(Item::Tensor(_))));
    let embedding = session.scene.state.selection;
    session.act(Action::Select { item: Some(ItemRef::Tensor(TensorRef::Name("blk.5.attn_q.weight".to_owned()))) });
    let tensor = session.scene.state.selection;
    session.place("25 accesses: 25 reads, 0 writes by 25 ops of layer 5 in 25 passes");
    // Tensor -> op: the list has a line for each access.
    session.click("access: pass 1 MUL_MAT Qcur-5, reads 202 KiB from byte 0, as src 0");
    let Some(Item::Op(op)) = session.scene.state.selection else { panic!("{:?}", session.scene.state.selection) };
    assert_eq!((document.trace.ops.pass[op as usize], document.trace.op_name(op as usize)), (1, "MUL_MAT"));
    // Op -> pass, with its token; and back, and back.
    session.click("pass 1 (generate)");
    assert_eq!(session.scene.state.selection, Some(Item::Pass(1)));
    for expected in [Some(Item::Op(op)), tensor, embedding] {
        session.act(Action::Back);
        assert_eq!(session.scene.state.selection, expected);
    }
}

#[test]
fn the_right_button_filters_the_table_from_graph_heatmap_and_rows() {
    let mut session = Session::new();
    let all = session.scene.row_count();
    let document = session.scene.state.document.clone().unwrap();
    let node = document.trace.graphs[0].nodes.iter().position(|n| n.name == "blk.5.attn_q.weight").unwrap() as u32;
    let right = |session: &mut Session, at: egui::Pos2| {
        session.step(input::hover(at));
        session.settle();
        session.step(input::click_with(at, PointerButton::Secondary, Modifiers::NONE));
        session.settle();
    };
    let at = session.scene.place_of_node(node).unwrap();
    right(&mut session, at);
    session.click("Filter the table to this");
    assert_eq!(session.scene.row_count(), document.trace.passes.len());
    session.click("touches blk.5.attn_q.weight  \u{2716}");
    assert_eq!(session.scene.row_count(), all);
    let disk = session.canvas("DISK heatmap");
    let at = disk.left_top() + egui::Vec2::new(disk.width() * 0.1, disk.height() / 20.0 * 1.02);
    right(&mut session, at);
    session.click("Filter the table to this");
    assert!(session.scene.row_count() < all);
    session.click("touches token_embd.weight  \u{2716}");
    // Of an op, all that compute the same.
    session.act(Action::FilterTo { item: Some(ItemRef::Op(158)) });
    let same = (0..document.trace.op_count())
        .filter(|op| document.trace.destination_name(*op) == document.trace.destination_name(158))
        .count();
    assert_eq!(session.scene.row_count(), same);
    session.act(Action::CopyName { item: Some(ItemRef::Layer(5)) });
    session.place("copied layer 5");
}
