//! The real binary in a real window: Xvfb, a mouse, and what accessibility and pixels show. Skipped loudly where Xvfb or
//! xdotool are missing, which `make test` installs.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SIZE: [u32; 2] = [1280, 720];
const PATIENCE: Duration = Duration::from_mins(1);

/// Ends a process with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Display {
    name: String,
    folder: tempfile::TempDir,
    _server: Running,
}

impl Display {
    /// A display of its own, with a framebuffer in a file that this test reads. `None` where Xvfb is missing.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        for tool in ["Xvfb", "xdotool"] {
            let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).stdout(Stdio::null()).status();
            if !found.is_ok_and(|status| status.success()) {
                eprintln!("SKIPPED: {tool} is not installed; scripts/install-deps.sh installs it");
                return None;
            }
        }
        // The server says which display it took: tests start several at once.
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &format!("{}x{}x24", SIZE[0], SIZE[1]), "-nolisten", "tcp"])
            .arg("-fbdir")
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        Some(Self { name: format!(":{}", number.trim()), folder, _server: Running(server) })
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.name).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The screen as rows of (blue, green, red, unused), from the server's framebuffer file (X window dump format:
    /// big-endian header of 32-bit words, word 0 its size, word 12 bytes a row, word 19 the number of colours, 12 bytes
    /// each).
    fn screen(&self) -> Vec<[u8; 3]> {
        let dump = std::fs::read(self.folder.path().join("Xvfb_screen0")).unwrap();
        let word = |i: usize| u32::from_be_bytes(dump[4 * i..4 * i + 4].try_into().unwrap()) as usize;
        let (start, stride) = (word(0) + 12 * word(19), word(12));
        let [width, height] = SIZE.map(|side| side as usize);
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let at = start + y * stride + 4 * x;
                pixels.push([dump[at + 2], dump[at + 1], dump[at]]);
            }
        }
        pixels
    }

    /// Waits until the screen satisfies `fits`, and gives it.
    fn wait_for(&self, what: &str, fits: impl Fn(&[[u8; 3]]) -> bool) -> Vec<[u8; 3]> {
        let started = Instant::now();
        loop {
            let screen = self.screen();
            if fits(&screen) {
                return screen;
            }
            assert!(started.elapsed() < PATIENCE, "the screen never showed {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Pixels of a colour within a rectangle (left, top, right, bottom).
fn count(screen: &[[u8; 3]], area: [usize; 4], is: impl Fn([u8; 3]) -> bool) -> usize {
    let [left, top, right, bottom] = area;
    (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))).filter(|&(x, y)| is(screen[y * 1280 + x])).count()
}

/// The colour that marks what is selected.
fn marked([r, g, b]: [u8; 3]) -> bool {
    r > 230 && (190..225).contains(&g) && b < 100
}

/// The blue of a layer's nodes.
fn node([r, g, b]: [u8; 3]) -> bool {
    r < 100 && (120..190).contains(&g) && b > 190
}

const GRAPH: [usize; 4] = [0, 70, 600, 385];
const HEATMAP: [usize; 4] = [680, 95, 1270, 380];
const TABLE: [usize; 4] = [0, 570, 940, 690];

/// The program with the bundled run, in the upper left corner of the display; its settings are in `settings`.
fn open_window(display: &Display, settings: &Path, scale: &str) -> (Running, String) {
    let binary = env!("CARGO_BIN_EXE_tensorscope");
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/smollm2-135m.tscope");
    let window = Command::new(binary)
        .arg(&run)
        .env("DISPLAY", &display.name)
        .env("TENSORSCOPE_CONFIG_DIR", settings)
        .env("WINIT_X11_SCALE_FACTOR", scale)
        .env_remove("WAYLAND_DISPLAY")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut window = Running(window);
    let started = Instant::now();
    let id = loop {
        let id = display.xdotool(&["search", "--onlyvisible", "--name", "tensorscope"]);
        if !id.is_empty() {
            break id.lines().next().unwrap_or_default().to_owned();
        }
        assert!(started.elapsed() < PATIENCE && window.0.try_wait().unwrap().is_none(), "no window came up");
        std::thread::sleep(Duration::from_millis(100));
    };
    display.xdotool(&["windowmove", &id, "0", "0"]);
    display.xdotool(&["windowsize", &id, "1280", "720"]);
    (window, id)
}

/// Waits until there is a graph and heat, and the picture is still.
fn at_rest(display: &Display) -> Vec<[u8; 3]> {
    let mut last = Vec::new();
    loop {
        let screen = display.wait_for("nodes and heat", |s| {
            count(s, GRAPH, node) > 300 && count(s, HEATMAP, |[r, g, b]| r > 120 && g < 90 && b > 50) > 1000
        });
        if screen == last {
            return screen;
        }
        last = screen;
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Ctrl+Q, and waits until the program has ended.
fn quit(display: &Display, window: &mut Running, id: &str) {
    display.xdotool(&["windowfocus", "--sync", id]);
    display.xdotool(&["key", "ctrl+q"]);
    let started = Instant::now();
    while window.0.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < PATIENCE, "Ctrl+Q closes it");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(window.0.wait().unwrap().success());
}

#[test]
fn a_mouse_click_on_a_node_is_seen_in_the_other_views() {
    let Some(display) = Display::start() else { return };
    let settings = tempfile::tempdir().unwrap();
    std::fs::write(settings.path().join("settings.json"), r#"{"hint_seen":true}"#).unwrap();
    let (mut window, id) = open_window(&display, settings.path(), "1");
    // The layout settles in a few frames; then the picture is still.
    let before = at_rest(&display);
    assert_eq!(count(&before, GRAPH, marked) + count(&before, HEATMAP, marked), 0, "nothing is selected yet");
    // A node: where two pixels of its colour meet.
    let (x, y) = (GRAPH[1]..GRAPH[3])
        .flat_map(|y| (GRAPH[0]..GRAPH[2]).map(move |x| (x, y)))
        .find(|&(x, y)| [0, 1].iter().all(|d| node(before[y * 1280 + x + d])) && x > 130 && y < 300)
        .expect("a node of a layer");
    display.xdotool(&["mousemove", &x.to_string(), &y.to_string()]);
    std::thread::sleep(Duration::from_millis(300));
    display.xdotool(&["click", "1"]);
    display.xdotool(&["mousemove", "640", "715"]);
    let after = display.wait_for("the selection", |s| count(s, GRAPH, marked) > 8);
    assert!(count(&after, GRAPH, marked) > 8, "the node is ringed");
    display.wait_for("the selection in the heatmap", |s| count(s, HEATMAP, marked) > 10);
    // The selected row has a background of its own.
    display.wait_for("the selection in the table", |s| {
        let row = |y: usize| {
            count(s, [4, y, 900, y + 1], |[r, g, b]| r > b.saturating_add(25) && g > b.saturating_add(15) && r < 120)
        };
        (TABLE[1]..TABLE[3]).any(|y| row(y) > 300)
    });
    assert!(window.0.try_wait().unwrap().is_none(), "the window is still there");
    quit(&display, &mut window, &id);
}

/// Find a weight with `/`, see who touches it, list only these, go back, undo: with a keyboard; what was chosen is there again
/// when the program starts again.
#[test]
fn a_keyboard_finds_filters_and_goes_back_and_settings_are_kept() {
    let Some(display) = Display::start() else { return };
    let settings = tempfile::tempdir().unwrap();
    let (mut window, id) = open_window(&display, settings.path(), "1");
    let first = at_rest(&display);
    display.xdotool(&["windowfocus", "--sync", &id]);
    // The card that says what to try covers the inspector at the first start; Escape closes it.
    display.xdotool(&["key", "Escape"]);
    let plain = display.wait_for("the window without the card", |s| s != first);
    let marks = |s: &[[u8; 3]]| (count(s, GRAPH, marked), count(s, HEATMAP, marked));
    assert_eq!(marks(&plain), (0, 0));
    display.xdotool(&["key", "slash"]);
    std::thread::sleep(Duration::from_secs(1));
    display.xdotool(&["type", "--delay", "30", "blk.5.attn_q"]);
    // The list below the field covers the middle of the graph's upper edge.
    display
        .wait_for("what was found", |s| count(s, [265, 44, 700, 62], |[r, g, b]| b > 100 && r < 60 && g < 120) > 1000);
    // The names that were found may still change while the last letters are looked for.
    std::thread::sleep(Duration::from_secs(2));
    display.xdotool(&["key", "Return"]);
    display.wait_for("the weight in graph and heatmap", |s| marks(s).0 > 8 && marks(s).1 > 10);
    let all = display.screen();
    display.xdotool(&["key", "ctrl+Return"]);
    display.wait_for("only the ops that touch it", |s| {
        (TABLE[1]..TABLE[3]).any(|y| s[y * 1280..y * 1280 + 900] != all[y * 1280..y * 1280 + 900])
    });
    display.xdotool(&["key", "ctrl+z"]);
    display.xdotool(&["key", "alt+Left"]);
    display.wait_for("nothing selected any more", |s| marks(s) == (0, 0));
    display.xdotool(&["key", "ctrl+plus"]);
    // The menus at the left of the bar change with their size alone.
    display
        .wait_for("larger texts", |s| (0..22).any(|y| s[y * 1280..y * 1280 + 240] != plain[y * 1280..y * 1280 + 240]));
    quit(&display, &mut window, &id);
    let text = std::fs::read_to_string(settings.path().join("settings.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (kept["ui_scale"].as_f64().map(|scale| scale > 1.05), kept["hint_seen"].as_bool()),
        (Some(true), Some(true))
    );
    assert!(kept["recent_runs"][0].as_str().unwrap().ends_with("smollm2-135m.tscope"));
}

#[test]
fn on_a_dense_display_all_is_twice_as_large_and_the_mouse_hits_what_it_points_at() {
    let Some(display) = Display::start() else { return };
    let settings = tempfile::tempdir().unwrap();
    // The card for the first start would lie over the panels.
    std::fs::write(settings.path().join("settings.json"), r#"{"hint_seen":true}"#).unwrap();
    let (mut window, id) = open_window(&display, settings.path(), "2");
    let heat = |s: &[[u8; 3]]| count(s, [640, 240, 1270, 380], |[r, g, b]| r > 120 && g < 90 && b > 50);
    display.wait_for("heat", |s| heat(s) > 300);
    // Letters of the bar: bright pixels of "File" lie where at scale 1 the tabs of the panels begin.
    let letters = |s: &[[u8; 3]], area| count(s, area, |[r, g, b]| r.min(g).min(b) > 120);
    let bar = display.screen();
    assert!(letters(&bar, [10, 24, 70, 40]) > 20, "the lower halves of letters");
    // The View menu is at twice the place that it has at scale 1.
    display.xdotool(&["mousemove", "222", "22"]);
    std::thread::sleep(Duration::from_millis(300));
    display.xdotool(&["click", "1"]);
    display.wait_for("the View menu", |s| letters(s, [205, 60, 500, 300]) > letters(&bar, [205, 60, 500, 300]) + 500);
    display.xdotool(&["key", "Escape"]);
    quit(&display, &mut window, &id);
}
