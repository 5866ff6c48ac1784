//! The heatmap panel as its user meets it: bands, margins, keys, rows and orders.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use egui::{Key, Modifiers, PointerButton, Vec2};
use tensorscope::analysis::filter::{Filter, Region, TensorRef};
use tensorscope::analysis::links::Item;
use tensorscope::analysis::probe::totals;
use tensorscope::analysis::row_axis::Rows;
use tensorscope::app::input;
use tensorscope::state::{Action, Document, ItemRef, MeasureChoice, View, ZoomTarget};
use tensorscope::trace::tracks::Order;
use tensorscope::trace::{Phase, Track};
use tensorscope::units;

use super::workspace::Session;

fn tensor(session: &Session, name: &str) -> u32 {
    let document = session.scene.state.document.as_ref().unwrap();
    document.trace.tensors.iter().position(|t| t.name == name).unwrap() as u32
}

#[test]
fn bands_say_what_they_are_and_select_it() {
    let mut session = Session::new();
    let target = ZoomTarget::Tensor(TensorRef::Name("blk.5.attn_q.weight".to_owned()));
    session.act(Action::ZoomTo { target, motion: Default::default() });
    let disk = session.canvas("DISK heatmap");
    // Tensors stand right above the map, layers above them.
    session.click_at(disk.center_top() - Vec2::new(0.0, 6.0));
    let expected = tensor(&session, "blk.5.attn_q.weight");
    assert_eq!(session.scene.state.selection, Some(Item::Tensor(expected)));
    session.click_at(disk.center_top() - Vec2::new(0.0, 19.0));
    assert_eq!(session.scene.state.selection, Some(Item::Layer(5)));
}

#[test]
fn the_strip_of_the_whole_track_leads_anywhere() {
    let mut session = Session::new();
    let zoom = |factor| Action::Zoom {
        view: View::Heatmap,
        factor,
        x: 0.0,
        y: 0.0,
        track: None,
        axes: Default::default(),
        motion: Default::default(),
    };
    session.act(zoom(8.0));
    let before = session.scene.state.heat.bytes[0].now();
    let other = session.scene.state.heat.bytes[1].now();
    let strip = session.place("bytes of DISK that are seen");
    session.click_at(strip.right_center() - Vec2::new(20.0, 0.0));
    let after = session.scene.state.heat.bytes[0].now();
    assert!(after.start > before.end && (after.len() - before.len()).abs() < 1.0, "{before:?} {after:?}");
    assert_eq!(session.scene.state.heat.bytes[1].now(), other);
    let ops = session.scene.state.heat.ops.now();
    let strip = session.place("ops of DISK that are seen");
    session.click_at(strip.center_bottom() - Vec2::new(0.0, 5.0));
    assert!(session.scene.state.heat.ops.now().start > ops.end);
}

#[test]
fn another_order_keeps_the_selection_and_back_undoes_it() {
    let mut session = Session::new();
    let item = Some(ItemRef::Tensor(TensorRef::Name("blk.5.attn_q.weight".to_owned())));
    session.act(Action::Select { item });
    let selected = session.scene.state.selection;
    let in_file = session.scene.state.links.bytes[Track::Disk as usize].clone();
    session.press(Key::X, Modifiers::NONE);
    assert_eq!((session.scene.state.heat.order, session.scene.state.selection), (Order::Layer, selected));
    let in_layers = session.scene.state.links.bytes[Track::Disk as usize].clone();
    assert_ne!(in_file, in_layers, "it stands elsewhere");
    session.press(Key::ArrowLeft, Modifiers::ALT);
    assert_eq!(session.scene.state.heat.order, Order::File);
    assert_eq!(session.scene.state.links.bytes[Track::Disk as usize], in_file);
}

#[test]
fn by_time_the_wheel_keeps_the_moment_under_the_cursor() {
    let mut session = Session::new();
    session.act(Action::SetRows { rows: Rows::Time });
    let document = session.scene.state.document.clone().unwrap();
    let axis = tensorscope::analysis::row_axis::RowAxis::new(&document.trace, Rows::Time);
    let at_middle = |session: &Session| {
        let ops = session.scene.state.heat.ops.now();
        f64::midpoint(axis.at(ops.start), axis.at(ops.end))
    };
    let before = at_middle(&session);
    let disk = session.canvas("DISK heatmap");
    session.step(input::hover(disk.center()));
    session.step(input::wheel(disk.center(), Vec2::new(0.0, 150.0), Modifiers::ALT));
    for _ in 0..30 {
        session.step(Vec::new());
    }
    session.settle();
    let seen = session.scene.state.heat.ops.now();
    assert!(axis.at(seen.end) - axis.at(seen.start) < 0.8 * axis.end());
    assert!((at_middle(&session) - before).abs() < 0.02 * axis.end(), "{before} became {}", at_middle(&session));
}

#[test]
fn keys_walk_through_what_is_counted_and_zoom_one_axis() {
    let mut session = Session::new();
    session.press(Key::M, Modifiers::NONE);
    assert_eq!(session.scene.state.heat.measure, MeasureChoice::Bytes);
    session.press(Key::Y, Modifiers::NONE);
    assert_eq!(session.scene.state.heat.rows, Rows::Pass);
    session.press(Key::G, Modifiers::NONE);
    assert!(session.scene.state.heat.seeks);
    let (bytes, ops) = (session.scene.state.heat.bytes[0].now(), session.scene.state.heat.ops.now());
    session.press(Key::ArrowRight, Modifiers::COMMAND);
    assert!(session.scene.state.heat.bytes[0].now().len() < bytes.len());
    assert_eq!(session.scene.state.heat.ops.now(), ops);
    // What the text boxes of other panels get is not for the heatmap.
    session.press(Key::F, Modifiers::COMMAND);
    session.press(Key::M, Modifiers::NONE);
    assert_eq!(session.scene.state.heat.measure, MeasureChoice::Bytes);
}

#[test]
fn a_box_is_zoomed_to_and_no_picture_on_the_way_is_blank() {
    let mut session = Session::new();
    let disk = session.canvas("DISK heatmap");
    let touched = |session: &Session| {
        let rgba = session.target.read_rgba(&session.gpu).unwrap();
        let hot = |x: u32, y: u32| {
            let at = ((y * 1280 + x) * 4) as usize;
            rgba[at].max(rgba[at + 1]).max(rgba[at + 2]) > 120
        };
        let columns = disk.left() as u32 + 2..disk.right() as u32 - 2;
        columns.filter(|&x| (disk.top() as u32 + 2..disk.bottom() as u32 - 2).any(|y| hot(x, y))).count()
    };
    assert!(touched(&session) > 400);
    let (from, to) = (disk.left_top() + disk.size() * 0.3, disk.left_top() + disk.size() * 0.7);
    session.step(input::hover(from));
    for events in input::drag(from, to, 4, PointerButton::Primary, Modifiers::COMMAND) {
        session.step(events);
    }
    for _ in 0..12 {
        assert!(touched(&session) > 300, "a frame on the way shows too little");
        session.step(Vec::new());
    }
    session.settle();
    let document = session.scene.state.document.clone().unwrap();
    let whole = document.layout(Track::Disk, Order::File).bytes as f64;
    assert!(session.scene.state.heat.bytes[0].now().len() < 0.5 * whole);
}

#[test]
fn a_selected_part_of_the_map_says_what_it_adds_up_to() {
    let mut session = Session::new();
    let region = Region { track: Track::Disk, bytes: [0, 1 << 40], ops: [0, 936] };
    session.act(Action::Select { item: Some(ItemRef::Region(region)) });
    session.settle();
    let document = session.scene.state.document.clone().unwrap();
    let layout = document.layout(Track::Disk, Order::File);
    let totals = totals(&document.trace, layout, &region, u32::MAX, &AtomicBool::new(false)).unwrap();
    assert!(totals.reads > 200 && totals.writes == 0 && totals.touched.len() > 100);
    for words in
        ["ops that touch it", "distinct bytes", &units::bytes(totals.distinct_bytes), &units::count(totals.ops)]
    {
        assert!(session.target.find(words).is_some(), "the inspector does not say {words:?}");
    }
    assert!(session.target.find(&format!("and {} more, touched less often", totals.touched.len() - 60)).is_some());
    // Another phase has another sum: of the only prompt pass nothing is left.
    session.act(Action::SetPhase { phase: Some(Phase::Generate) });
    session.settle();
    assert!(session.target.find(&units::bytes(totals.distinct_bytes)).is_none());
}

#[test]
fn a_part_of_the_model_files_does_not_outlive_the_order_it_was_selected_in() {
    let mut session = Session::new();
    let region = |track| Region { track, bytes: [4096, 1 << 20], ops: [0, 936] };
    for (track, stays) in [(Track::Disk, false), (Track::Buffer, true)] {
        session.act(Action::SetOrder { order: Order::File });
        session.act(Action::Select { item: Some(ItemRef::Region(region(track))) });
        session.act(Action::SetFilter { filter: Filter { region: Some(region(track)), ..Filter::default() } });
        session.act(Action::SetOrder { order: Order::Heat });
        let state = &session.scene.state;
        assert_eq!((state.selection.is_some(), state.filter.region.is_some()), (stays, stays), "{track:?}");
    }
}

#[test]
fn what_plays_can_be_pictured_at_the_moment_it_has_come_to() {
    let mut session = Session::new();
    session.scene.act(Action::Play { clock: None, speed: None, ops_per_second: Some(600.0) });
    session.step(Vec::new());
    let state = |session: &Session| (session.scene.state.playback.playing, session.scene.state.playback.head);
    let before = state(&session);
    assert!(before.0);
    let (_, rested) = session.target.settle_at_once(&session.gpu, &mut session.scene, 500).unwrap();
    assert!(rested);
    assert_eq!(state(&session), before);
    session.step(Vec::new());
    session.step(Vec::new());
    assert_ne!(state(&session), before, "and goes on afterwards");
}

#[test]
fn documents_are_told_apart_even_where_one_takes_the_place_of_another() {
    let trace = Session::new().scene.state.document.unwrap().trace.clone();
    let numbers: HashSet<u64> = (0..9).map(|_| Document::new(PathBuf::new(), trace.clone(), true).number).collect();
    assert_eq!(numbers.len(), 9);
}

#[test]
fn a_map_that_goes_there_and_back_before_it_is_summed_up_comes_to_rest() {
    let mut session = Session::new();
    let closer = |factor: f64| Action::Zoom {
        view: View::Heatmap,
        factor,
        x: 0.5,
        y: 0.5,
        track: None,
        axes: tensorscope::state::Axes::Both,
        motion: tensorscope::state::camera::Motion::default(),
    };
    session.scene.act(closer(8.0));
    session.step(Vec::new());
    session.act(Action::Fit { view: View::Heatmap, motion: tensorscope::state::camera::Motion::default() });
    assert!(!tensorscope::app::Scene::busy(&session.scene));
}
