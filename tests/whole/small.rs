//! Small windows and large texts: everything can still be seen or scrolled to.

use std::cell::RefCell;

use egui::{Modifiers, Pos2, Vec2};
use tensorscope::analysis::filter::TensorRef;
use tensorscope::analysis::links::Item;
use tensorscope::app::headless::Headless;
use tensorscope::app::workspace::{Options, Workspace};
use tensorscope::app::{Waker, input};
use tensorscope::formats::{self, Progress};
use tensorscope::gpu::Gpu;
use tensorscope::state::{Action, ItemRef, View};

use crate::workspace::{SIZE_PX, Session, sample};

/// The bundled run in a window of `size_px`.
fn window(size_px: [u32; 2]) -> Session {
    let gpu = Gpu::headless().unwrap();
    let options = Options { reproducible: true, ..Options::default() };
    let mut scene = Workspace::new(gpu.adapter_name(), Waker::none(), options);
    scene.show(sample(), formats::open(&sample(), &Progress::default()).unwrap());
    let target = Headless::new(&gpu, size_px, 1.0).unwrap();
    target.name_widgets();
    let mut session = Session { gpu, scene, target };
    session.settle();
    session
}

fn wheel_down(session: &mut Session, at: Pos2) {
    session.step(input::hover(at));
    session.step(input::wheel(at, Vec2::new(0.0, -2000.0), Modifiers::NONE));
    for _ in 0..30 {
        session.step(Vec::new());
    }
    session.settle();
}

#[test]
fn the_last_access_is_reached_in_a_low_panel_too() {
    let mut session = Session::new();
    let document = session.scene.state.document.clone().unwrap();
    for scale in [1.0, 1.5] {
        session.act(Action::SetUiScale { scale });
        let tensor = TensorRef::Name("blk.5.attn_q.weight".to_owned());
        session.act(Action::Select { item: Some(ItemRef::Tensor(tensor)) });
        // The inspector stands in the lower right corner, on the status line.
        let list = session.canvas("List of 25 accesses");
        let at = Pos2::new(list.center().x, SIZE_PX[1] as f32 / scale - 45.0);
        for _ in 0..4 {
            wheel_down(&mut session, at);
        }
        let last = session.canvas("access: pass 24 ");
        session.click_at(last.center());
        let Some(Item::Op(op)) = session.scene.state.selection else {
            panic!("{scale}: {:?}, {last:?}", session.scene.state.selection)
        };
        assert_eq!(document.trace.ops.pass[op as usize], 24, "{scale}");
    }
}

#[test]
fn the_keys_fit_into_a_narrow_window() {
    for width in [1280, 900, 640] {
        let mut session = window([width, 600]);
        session.act(Action::ShowKeys { shown: true });
        for words in ["Undo", "zoom to the tensor or the layer that is hit; beside them, fit"] {
            let place = session.place(words);
            assert!(place.left() >= 0.0 && place.right() <= width as f32, "{width}: {words} at {place:?}");
        }
    }
}

#[test]
fn no_chart_is_cut_off_in_a_small_window() {
    let mut session = window([800, 500]);
    session.act(Action::FullScreen { view: Some(View::Analytics) });
    let names = RefCell::new(Vec::new());
    session.target.find_by(|name| {
        if name.starts_with("Chart: ") || name == "median reuse distance" {
            names.borrow_mut().push(name.to_owned());
        }
        false
    });
    let names = names.into_inner();
    assert!(names.len() > 1, "{names:?}");
    for name in names {
        let place = session.place(&name);
        assert!(place.right() <= 800.0, "{name} at {place:?}");
    }
}
