//! What outlives the window: settings are taken up, kept, and never in the way when they are damaged.

use std::path::Path;

use tensorscope::app::headless::Headless;
use tensorscope::app::settings::Settings;
use tensorscope::app::workspace::{Options, Workspace};
use tensorscope::app::{Scene, Waker};
use tensorscope::formats::{self, Progress};
use tensorscope::gpu::Gpu;
use tensorscope::state::{Action, PaletteChoice, Theme, View};

use crate::workspace::{SIZE_PX, Session, sample};

fn window(settings: &Path) -> Session {
    let gpu = Gpu::headless().unwrap();
    let options = Options { reproducible: true, ..Options::default() };
    let mut scene = Workspace::new(gpu.adapter_name(), Waker::none(), options);
    scene.use_settings(settings.to_owned());
    scene.show(sample(), formats::open(&sample(), &Progress::default()).unwrap());
    let target = Headless::new(&gpu, SIZE_PX, 1.0).unwrap();
    target.name_widgets();
    let mut session = Session { gpu, scene, target };
    session.settle();
    session
}

#[test]
fn choices_outlive_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    let mut session = window(&path);
    session.place("What to try first");
    session.click("Got it");
    assert!(session.target.find("What to try first").is_none());
    session.act(Action::SetTheme { theme: Theme::Light });
    session.act(Action::SetPalette { palette: PaletteChoice::Cividis });
    session.act(Action::SetUiScale { scale: 1.1 });
    session.act(Action::ClosePanel { view: View::Timeline });
    // They are written a moment later, and at the end.
    for _ in 0..80 {
        session.step(Vec::new());
    }
    let (early, fault) = Settings::read(&path);
    assert_eq!((early.theme, early.ui_scale, fault), (Theme::Light, 1.1, None));
    session.act(Action::SetPalette { palette: PaletteChoice::Viridis });
    assert!(session.scene.close_requested());

    let mut again = window(&path);
    let state = &again.scene.state;
    assert_eq!(
        (state.theme, state.heat.palette, state.interface.ui_scale),
        (Theme::Light, PaletteChoice::Viridis, 1.1)
    );
    assert!(again.target.find("Got it").is_none(), "the card was seen");
    assert!(again.target.find_by(|name| name.starts_with("Timeline, ")).is_none(), "a closed panel stays closed");
    again.act(Action::ResetPanels);
    again.canvas("Timeline, ");
    again.act(Action::ShowHint { shown: true });
    again.place("Got it");
}

#[test]
fn damaged_settings_are_told_and_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    for damage in ["{", "[1, 2]", r#"{"panels":{"tabs":7},"theme":"sepia"}"#] {
        std::fs::write(&path, damage).unwrap();
        let session = window(&path);
        assert!(session.scene.problem().unwrap().contains("settings.json"), "{damage}");
        session.canvas("Graph canvas");
        session.canvas("Table of");
    }
}

#[test]
fn a_picture_knows_no_settings() {
    let mut session = Session::new();
    assert!(session.target.find("Got it").is_none());
    session.act(Action::SetTheme { theme: Theme::Light });
    assert!(session.scene.close_requested());
}
