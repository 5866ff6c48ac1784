//! The table as its user meets it: headers, filters, groups, places to go to, and ten million rows.

use std::time::Duration;

use egui::{Key, Modifiers, PointerButton, Pos2, Rect, Vec2};
use tensorscope::analysis::filter::{Condition, Filter, Value};
use tensorscope::analysis::links::Item;
use tensorscope::analysis::table_columns::Column;
use tensorscope::analysis::table_rows::SortKey;
use tensorscope::app::headless::Headless;
use tensorscope::app::workspace::{Options, Workspace};
use tensorscope::app::{Waker, input};
use tensorscope::formats::{self, Progress};
use tensorscope::gpu::Gpu;
use tensorscope::state::table_choices::{GroupOrder, Place, ShownColumn};
use tensorscope::state::{Action, ItemRef, View};
use tensorscope::trace::{Phase, Trace};

use super::run;
use crate::workspace::{SIZE_PX, Session, sample};

/// The table alone, at rest.
fn table(trace: Trace) -> Session {
    let gpu = Gpu::headless().unwrap();
    let options = Options { reproducible: true, only: Some(View::Table) };
    let mut scene = Workspace::new(gpu.adapter_name(), Waker::none(), options);
    scene.show(sample(), trace);
    let target = Headless::new(&gpu, SIZE_PX, 1.0).unwrap();
    target.name_widgets();
    let mut session = Session { gpu, scene, target };
    session.settle();
    session
}

fn bundled() -> Session {
    table(formats::open(&sample(), &Progress::default()).unwrap())
}

fn column(session: &Session, name: &str) -> Rect {
    session.canvas(&format!("Column {name}"))
}

fn click_column(session: &mut Session, name: &str, modifiers: Modifiers) {
    let at = column(session, name).center();
    session.step(input::hover(at));
    session.step(vec![egui::Event::ModifiersChanged(modifiers)]);
    session.step(input::click_with(at, PointerButton::Primary, modifiers));
    session.step(vec![egui::Event::ModifiersChanged(Modifiers::NONE)]);
    session.settle();
}

fn type_text(session: &mut Session, text: &str) {
    session.step(input::text(text));
    session.settle();
}

fn drag(session: &mut Session, from: Pos2, to: Pos2) {
    session.step(input::hover(from));
    for events in input::drag(from, to, 5, PointerButton::Primary, Modifiers::NONE) {
        session.step(events);
    }
    session.settle();
}

/// The ops of the rows on screen, from the top, by what screen readers hear of them.
fn listed(session: &Session) -> Vec<u32> {
    let mut rows = Vec::new();
    let mut row = session.scene.first_row().floor() as u64 + 1;
    let number = |n: u64| tensorscope::units::count(n);
    while let Some(op) = (0..session.scene.state.op_count() as u64).find(|op| {
        let start = format!("row {}: op {}:", number(row), number(*op));
        session.target.find_by(|name| name.starts_with(&start)).is_some()
    }) {
        rows.push(op as u32);
        row += 1;
        if rows.len() == 5 {
            break;
        }
    }
    rows
}

#[test]
fn a_click_on_a_header_sorts_and_shift_adds_a_column() {
    let mut session = table(run::random(11, 200));
    assert_eq!(listed(&session), [0, 1, 2, 3, 4]);
    click_column(&mut session, "start", Modifiers::NONE);
    let up = |column| SortKey { column, down: false };
    assert_eq!(session.scene.state.table.sort, [up(Column::Start)]);
    let document = session.scene.state.document.clone().unwrap();
    let starts: Vec<u64> = listed(&session).iter().map(|op| document.trace.ops.start_ns[*op as usize]).collect();
    let mut sorted = document.trace.ops.start_ns.to_vec();
    sorted.sort_unstable();
    assert_eq!(starts, sorted[..5]);
    session.place("Column start, sorted up, 1 of 1");
    click_column(&mut session, "start", Modifiers::NONE);
    let starts: Vec<u64> = listed(&session).iter().map(|op| document.trace.ops.start_ns[*op as usize]).collect();
    sorted.reverse();
    assert_eq!(starts, sorted[..5]);
    click_column(&mut session, "op", Modifiers::SHIFT);
    session.place("Column start, sorted down, 1 of 2");
    session.place("Column op, sorted up, 2 of 2");
    click_column(&mut session, "layer", Modifiers::NONE);
    assert_eq!(session.scene.state.table.sort, [up(Column::Layer)]);
    click_column(&mut session, "layer", Modifiers::NONE);
    click_column(&mut session, "layer", Modifiers::NONE);
    assert_eq!(listed(&session), [0, 1, 2, 3, 4], "the third click ends it");
}

#[test]
fn conditions_stand_above_the_rows_and_are_edited_and_removed_by_a_click() {
    let mut session = bundled();
    let all = session.scene.row_count();
    let filter = Filter { kind: Some("MUL_MAT".to_owned()), layer: Some(5), ..Filter::default() };
    session.act(Action::SetFilter { filter });
    let both = session.scene.row_count();
    session.place(&format!("{both} of 23,400 ops"));
    session.click("edit: layer 5");
    session.click("6");
    let values = vec![Value::Number(5), Value::Number(6)];
    assert_eq!(session.scene.state.filter.condition(Column::Layer), Some(Condition::Is(values)));
    assert_eq!(session.scene.row_count(), 2 * both);
    session.press(Key::Escape, Modifiers::NONE);
    session.click("layer 5, 6  \u{2716}");
    assert_eq!(session.scene.state.filter.condition(Column::Layer), None);
    assert!(session.scene.row_count() > 2 * both);
    session.click("op MUL_MAT  \u{2716}");
    assert!(session.scene.state.filter.is_empty());
    assert_eq!(session.scene.row_count(), all);
    session.act(Action::SetPhase { phase: Some(Phase::Prompt) });
    assert_eq!(session.scene.row_count(), 936);
    session.click("prompt only  \u{2716}");
    assert_eq!(session.scene.row_count(), all);
}

#[test]
fn a_column_filters_by_text_by_pattern_and_by_range() {
    let mut session = bundled();
    let document = session.scene.state.document.clone().unwrap();
    let with = |fits: &dyn Fn(&str) -> bool| {
        (0..document.trace.op_count()).filter(|op| fits(document.trace.destination_name(*op))).count()
    };
    session.click("Filter destination");
    for (typed, part) in [("q", "q"), ("cur", "qcur"), ("-7", "qcur-7")] {
        type_text(&mut session, typed);
        assert_eq!(session.scene.row_count(), with(&|name| name.to_lowercase().contains(part)), "{part}, as one types");
    }
    session.click(".*");
    assert_eq!(session.scene.row_count(), with(&|name| name == "Qcur-7"));
    session.click("Text in destination");
    let before = session.scene.row_count();
    type_text(&mut session, "(");
    assert_eq!(session.scene.row_count(), before, "the old rows stay");
    assert!(session.target.find_by(|name| name.contains("unclosed group")).is_some(), "and it says what is wrong");
    assert!(session.scene.problem().unwrap().contains("filter of destination"), "scripts hear of it, too");
    session.click("Clear");
    assert_eq!((session.scene.row_count(), session.scene.problem()), (23_400, None));
    session.press(Key::Escape, Modifiers::NONE);
    session.click("Filter duration");
    type_text(&mut session, "1 m");
    assert!(session.target.find_by(|name| name.contains("is not like 1.5 ms")).is_some());
    type_text(&mut session, "s");
    let slow = document.trace.ops.duration_ns.values.iter().filter(|ns| **ns >= 1_000_000).count();
    assert_eq!(session.scene.row_count(), slow);
    session.press(Key::Escape, Modifiers::NONE);
    session.place("edit: duration from 1.000 ms");
    assert!(session.scene.state.selection.is_none());
}

#[test]
fn groups_have_sums_and_a_click_lists_their_ops() {
    let mut session = bundled();
    session.act(Action::GroupBy { column: Some(Column::Op), order: GroupOrder::Time, down: true });
    let place = session.canvas("group op MUL_MAT: 5,275 ops");
    assert!(place.top() < session.canvas("group op ROPE").top(), "the slowest stands first");
    session.click("Groups by op");
    assert_eq!(session.scene.state.table.group.unwrap().order, GroupOrder::Value);
    assert!(session.canvas("group op ADD").top() < session.canvas("group op MUL_MAT").top());
    let at = session.canvas("group op MUL_MAT").center();
    session.click_at(at);
    assert_eq!(session.scene.state.table.group, None);
    assert_eq!(session.scene.row_count(), 5275);
    for column in Column::ALL.into_iter().filter(|column| column.can_group()) {
        session.act(Action::SetFilter { filter: Filter::default() });
        session.act(Action::GroupBy { column: Some(column), order: GroupOrder::Ops, down: true });
        let name = format!("group {} ", column.name());
        let groups = std::cell::RefCell::new(Vec::new());
        session.target.find_by(|label| {
            groups.borrow_mut().extend(label.starts_with(&name).then(|| label.to_owned()));
            false
        });
        let ops = groups.take().swap_remove(0);
        let at = session.place(&ops).center();
        session.click_at(at);
        let count: usize = ops.trim_end_matches(" ops").rsplit(' ').next().unwrap().replace(',', "").parse().unwrap();
        assert_eq!(session.scene.row_count(), count, "{ops}: what is listed is what was counted");
    }
    session.act(Action::GroupBy { column: Some(Column::Duration), order: GroupOrder::Value, down: false });
    assert!(session.scene.problem().unwrap().contains("groups by duration"));
}

#[test]
fn columns_are_hidden_moved_and_resized() {
    let mut session = bundled();
    session.click("Columns");
    session.click("bytes logged");
    session.press(Key::Escape, Modifiers::NONE);
    assert!(session.target.find("Column bytes logged").is_none());
    let (op, layer) = (column(&session, "op"), column(&session, "layer"));
    assert!(layer.left() < op.left());
    drag(&mut session, op.center(), layer.left_center() + Vec2::new(5.0, 0.0));
    assert!(column(&session, "op").left() < column(&session, "layer").left());
    let edge = session.place("Right edge of column op");
    drag(&mut session, edge.center(), edge.center() + Vec2::new(60.0, 0.0));
    assert!((column(&session, "op").width() - op.width() - 60.0).abs() < 2.0);
    session.click("Filter op");
    session.click("move to the right");
    assert!(column(&session, "layer").left() < column(&session, "op").left());
    session.click("Hide");
    assert!(session.target.find("Column op").is_none());
    session.act(Action::SetColumns { columns: vec![ShownColumn { column: Column::Pass, width: Some(1e9) }] });
    assert!(column(&session, "pass").width() <= 2000.0);
    session.act(Action::SetColumns { columns: Vec::new() });
    assert!(session.scene.problem().is_some() && session.target.find("Column pass").is_some());
}

#[test]
fn one_goes_to_an_op_a_row_a_pass_or_a_time() {
    let mut session = bundled();
    let document = session.scene.state.document.clone().unwrap();
    let mut go = |text: &str| {
        session.press(Key::G, Modifiers::COMMAND);
        session.step(input::text(text));
        session.press(Key::Enter, Modifiers::NONE);
        let Some(Item::Op(op)) = session.scene.state.selection else { panic!("{:?}", session.scene.state.selection) };
        session.canvas("selected row: op ");
        op
    };
    assert_eq!(go("12,345"), 12_345);
    assert_eq!(go("pass 3"), document.trace.passes[3].first_op);
    assert_eq!(go("row 1"), 0);
    let at = document.trace.ops.start_ns[20_000];
    assert_eq!(go(&format!("{at} ns")), 20_000);
    session.press(Key::G, Modifiers::COMMAND);
    session.step(input::text("nowhere"));
    session.press(Key::Enter, Modifiers::NONE);
    assert!(session.target.find_by(|name| name.contains("is no place")).is_some());
    session.act(Action::GoTo { place: Place::Pass(99) });
    assert!(session.scene.problem().unwrap().contains("pass 99"));
    // Among filtered rows the nearest one is meant.
    session.act(Action::SetFilter { filter: Filter { kind: Some("ROPE".to_owned()), ..Filter::default() } });
    session.act(Action::GoTo { place: Place::Op(0) });
    assert_eq!(session.scene.state.selection, Some(Item::Op(5)));
    session.act(Action::GoTo { place: Place::Row(1) });
    assert_eq!(session.scene.state.selection, Some(Item::Op(10)));
}

#[test]
fn keys_move_in_the_table_where_it_is_meant() {
    let mut session = bundled();
    let table = session.canvas("Table of");
    session.step(input::hover(table.center()));
    session.press(Key::End, Modifiers::NONE);
    session.canvas("row 23,400: op 23,399:");
    session.press(Key::PageUp, Modifiers::NONE);
    let page = 23_400.0 - session.scene.first_row();
    assert!(page > 60.0 && page < 100.0, "two pages: {page}");
    session.press(Key::Home, Modifiers::NONE);
    assert_eq!(session.scene.first_row(), 0.0);
    session.press(Key::PageDown, Modifiers::NONE);
    assert!(session.scene.first_row() > 30.0);
    session.act(Action::Select { item: Some(ItemRef::Op(100)) });
    session.act(Action::SetFilter { filter: Filter { kind: Some("ROPE".to_owned()), ..Filter::default() } });
    session.press(Key::ArrowDown, Modifiers::NONE);
    let document = session.scene.state.document.clone().unwrap();
    let ropes: Vec<u32> = (0..23_400_u32).filter(|op| document.trace.op_name(*op as usize) == "ROPE").collect();
    let near = ropes.partition_point(|op| *op < 100);
    assert_eq!(session.scene.state.selection, Some(Item::Op(ropes[near + 1])), "the next row, not the next op");
    session.press(Key::ArrowUp, Modifiers::NONE);
    assert_eq!(session.scene.state.selection, Some(Item::Op(ropes[near])));
    session.act(serde_json::from_str(r#"{"action":"pan","view":"table","dx":0,"dy":2}"#).unwrap());
    assert!(session.scene.first_row() > 60.0);
}

#[test]
fn of_ten_million_rows_each_is_drawn_where_it_belongs() {
    let mut session = table(run::ten_million());
    let area = session.canvas("Table of");
    let check = |session: &Session, what: &str| {
        let first = session.scene.first_row();
        let mut rows = 0;
        for row in first as u64..(first as u64 + 50).min(10_000_000) {
            let top = area.top() + 17.0 + ((row as f64 - first) * 17.0) as f32;
            // The columns' scroll bar is below.
            if top + 17.0 > area.bottom() - 10.0 {
                break;
            }
            let start = format!("row {}: op {}:", tensorscope::units::count(row + 1), tensorscope::units::count(row));
            let place = session.target.find_by(|name| name.starts_with(&start));
            let place = place.unwrap_or_else(|| panic!("{what}: no {start}"));
            assert!((place.bottom() - top - 17.0).abs() < 0.05, "{what}: {start} at {place:?}, not {top}");
            rows += 1;
        }
        assert!(rows >= 30, "{what}: {rows} rows");
        first
    };
    check(&session, "at the top");
    session.step(input::hover(area.center()));
    session.press(Key::End, Modifiers::NONE);
    assert!(check(&session, "at the end") > 9_999_900.0);
    // Hardly a whole row at a time: fractions survive behind ten million rows.
    let before = session.scene.first_row();
    for _ in 0..10 {
        session.step(input::wheel(area.center(), Vec2::new(0.0, 1.7), Modifiers::NONE));
        for _ in 0..20 {
            session.step(Vec::new());
        }
        check(&session, "after the wheel");
    }
    session.settle();
    let moved = before - session.scene.first_row();
    assert!((moved - 1.0).abs() < 0.2, "{moved} rows by 17 points");
    let bar = session.place("Scroll bar of the ops");
    for share in [0.1, 0.33, 0.5, 0.77, 0.999] {
        let handle = Pos2::new(bar.center().x, bar.top() + bar.height() * share);
        session.click_at(handle);
        let first = check(&session, "after a click on the bar");
        assert!((first / 1e7 - f64::from(share)).abs() < 0.03, "{first} at {share}");
        drag(&mut session, handle, handle - Vec2::new(0.0, 20.0));
        assert!(check(&session, "after a drag of the bar") < first);
    }
    for row in [1_u64, 838_861, 8_388_609, 9_999_999] {
        session.act(Action::GoTo { place: Place::Row(row) });
        assert_eq!(session.scene.state.selection, Some(Item::Op(row as u32)));
        session.act(Action::Select { item: None });
        check(&session, "after going to a row");
    }
    // Sorted and filtered, all the same.
    session.act(Action::SetSort { keys: vec![SortKey { column: Column::Duration, down: true }] });
    session.act(Action::GoTo { place: Place::Row(0) });
    assert_eq!(session.scene.state.selection, Some(Item::Op(1008)));
    session.act(Action::SetFilter { filter: Filter { text: "rope".to_owned(), ..Filter::default() } });
    assert_eq!(session.scene.row_count(), 100);
}

#[test]
fn rows_that_are_worked_out_leave_the_old_ones_until_they_are_there() {
    let mut session = bundled();
    let before = session.scene.row_count();
    session.scene.act(Action::SetFilter { filter: Filter { layer: Some(1), ..Filter::default() } });
    let report = session.target.step(&session.gpu, &mut session.scene, Vec::new(), Duration::from_millis(1)).unwrap();
    let now = session.scene.row_count();
    assert!(now == before || now == 750, "{now}: the old rows or the new ones, nothing between");
    drop(report);
    // Of many questions the last one is answered.
    for layer in 0..20 {
        session.scene.act(Action::SetFilter { filter: Filter { layer: Some(layer), ..Filter::default() } });
        session.step(Vec::new());
    }
    session.settle();
    let document = session.scene.state.document.clone().unwrap();
    let of_layer = (0..document.trace.op_count()).filter(|op| document.trace.ops.layer.get(*op) == Some(19)).count();
    assert_eq!(session.scene.row_count(), of_layer);
    assert!((0..10).all(|_| !session.step(Vec::new())), "at rest again");
}
