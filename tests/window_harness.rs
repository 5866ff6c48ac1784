//! The window itself, in a process of its own: one event loop a process is all that winit gives.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tensorscope::app::{FrameTime, Scene, Waker, window};
use tensorscope::gpu::FrameGpu;

/// What the thread beside the window and the scene in it share.
#[derive(Default)]
struct Shared {
    frames: AtomicUsize,
    close: AtomicBool,
}

struct Counting {
    shared: Arc<Shared>,
}

impl Scene for Counting {
    fn update(&mut self, context: &egui::Context, _time: FrameTime) {
        self.shared.frames.fetch_add(1, Ordering::SeqCst);
        if self.shared.close.load(Ordering::SeqCst) {
            context.send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _gpu: &mut FrameGpu<'_>) {
        ui.label("tensors");
    }

    fn title(&self) -> String {
        "tensorscope test".to_owned()
    }
}

/// Waits until no frame has been made for `quiet`; gives how many there were.
fn rest(shared: &Shared, quiet: Duration) -> usize {
    let (mut frames, mut since) = (shared.frames.load(Ordering::SeqCst), Instant::now());
    while frames == 0 || since.elapsed() < quiet {
        std::thread::sleep(Duration::from_millis(20));
        let now = shared.frames.load(Ordering::SeqCst);
        if now != frames {
            (frames, since) = (now, Instant::now());
        }
    }
    frames
}

fn watch(shared: &Shared, waker: &Waker) {
    let quiet = Duration::from_millis(800);
    let first = rest(shared, quiet);
    println!("rested");
    for _ in 0..100 {
        waker.wake();
    }
    let woken = rest(shared, quiet) - first;
    println!("100 wakes at once gave {woken} frames");
    shared.close.store(true, Ordering::SeqCst);
    waker.wake();
}

#[test]
#[ignore = "opens a window; the tests beside it start it in a process of its own"]
fn child() {
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(30));
        println!("hung");
        std::process::exit(3);
    });
    let outcome = window::run("tensorscope", |_, waker| {
        let shared = Arc::new(Shared::default());
        let watched = shared.clone();
        std::thread::spawn(move || watch(&watched, &waker));
        Box::new(Counting { shared })
    });
    match outcome {
        Ok(()) => println!("closed"),
        Err(error) => println!("error: {error}"),
    }
}

fn run_child(display: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "window_harness::child", "--ignored", "--nocapture"]);
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(name);
    }
    if let Some(display) = display {
        command.env("DISPLAY", display);
    }
    command.output().unwrap()
}

struct Xvfb {
    process: Child,
    display: String,
}

impl Xvfb {
    fn start() -> Self {
        let mut process = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is missing; scripts/install-deps.sh installs it");
        let mut number = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut number).unwrap();
        Self { process, display: format!(":{}", number.trim()) }
    }
}

impl Drop for Xvfb {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn without_a_display_the_error_says_what_to_do() {
    for display in [None, Some(":54321")] {
        let output = run_child(display);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("error: no display to open a window on"), "{text}");
        assert!(text.contains("`tensorscope render RUN -o FILE.png`"), "{text}");
        assert!(!text.contains(".rs:"), "no place in somebody's sources: {text}");
        assert!(output.status.success(), "an error is not a panic");
    }
}

#[test]
fn a_window_rests_wakes_and_closes() {
    let server = Xvfb::start();
    let output = run_child(Some(&server.display));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("rested"), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let woken = text.split("gave ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse::<usize>();
    // One frame for all; a few more where the loop woke between two of them.
    assert!(matches!(woken, Ok(1..=10)), "{text}");
    assert!(text.contains("closed"), "{text}");
    assert!(output.status.success());
}
