//! `render RUN -o FILE.png`: a view or the whole window, without a display.

use std::path::Path;
use std::time::Duration;

use super::args::{RenderArgs, ViewArg};
use super::{CliError, open, print_text};
use crate::app::Waker;
use crate::app::headless::Headless;
use crate::app::png::write_png;
use crate::app::script::Script;
use crate::app::workspace::{Options, Workspace};
use crate::gpu::Gpu;
use crate::state::View;

/// Frames that a picture without a script may take to come to rest.
const MOST_FRAMES: usize = 2_000;
/// How long an export goes on before it is looked at again.
const EXPORT_PAUSE: Duration = Duration::from_millis(20);
/// Time between the frames of a script.
const FRAME: Duration = Duration::from_nanos(16_666_667);

pub fn run(args: &RenderArgs) -> Result<(), CliError> {
    let script = args.actions.as_deref().map(Script::read).transpose()?;
    let trace = open(&args.run)?;
    let gpu = Gpu::headless()?;
    let options = Options { only: panel(args.view), reproducible: true };
    let mut scene = Workspace::new(gpu.adapter_name(), Waker::none(), options);
    scene.show(args.run.clone(), trace);
    let mut target = Headless::new(&gpu, args.size, args.scale)?;
    if let Some(script) = script {
        scene.play(script);
        while !scene.script_done() {
            target.step(&gpu, &mut scene, Vec::new(), FRAME)?;
        }
        // A file of many rows takes longer than a picture may.
        target.step(&gpu, &mut scene, Vec::new(), FRAME)?;
        while scene.carries_rows() {
            std::thread::sleep(EXPORT_PAUSE);
            target.step(&gpu, &mut scene, Vec::new(), FRAME)?;
        }
    }
    let (_, rested) = match scene.state.playback.playing {
        // The moment at which the script ended is what is asked for.
        true => target.settle_at_once(&gpu, &mut scene, MOST_FRAMES)?,
        false => target.settle(&gpu, &mut scene, MOST_FRAMES)?,
    };
    if !rested {
        eprintln!("tensorscope: the picture was still changing after {MOST_FRAMES} frames");
    }
    if let Some(problem) = scene.problem() {
        return Err(CliError::Failed(problem.to_owned()));
    }
    write_png(&args.output, args.size, &target.read_rgba(&gpu)?)?;
    print_text(&format!("{}\n", shown(&args.output)))
}

pub fn panel(view: ViewArg) -> Option<View> {
    Some(match view {
        ViewArg::Graph => View::Graph,
        ViewArg::Heatmap => View::Heatmap,
        ViewArg::Table => View::Table,
        ViewArg::Timeline => View::Timeline,
        ViewArg::Inspector => View::Inspector,
        ViewArg::Analytics => View::Analytics,
        ViewArg::Health => View::Health,
        ViewArg::All => return None,
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
