//! Times of playback, for `bench`: frames of the whole window while a run is played from its beginning to its end.

use serde::Serialize;

use super::CliError;
use super::bench_window::{BenchWindow, FRAME, Frames};
use crate::state::{Action, Clock, View};

/// Frames made with a playhead that rests; none of them should be painted.
const FRAMES_AT_REST: usize = 30;
/// The share of the run that is played while frames are timed.
const SHARE: f64 = 0.9;

/// Frames of the whole window, all views in it.
#[derive(Serialize)]
pub struct PlayTimes {
    /// As fast as leads through the run within the frames.
    pub through: Frames,
    /// 30 ops a second.
    pub by_op: Frames,
    /// With the timeline in full screen, panned over what it shows a quarter of.
    pub timeline_pan: Frames,
    pub frames_at_rest: usize,
}

pub fn measure(window: &mut BenchWindow<'_>) -> Result<PlayTimes, CliError> {
    let ops = window.scene.state.op_count() as f64;
    let frames_a_second = 1.0 / FRAME.as_secs_f64();
    let through = played(window, ops * SHARE * frames_a_second / f64::from(window.frames))?;
    let by_op = played(window, 30.0)?;
    window.settle_after(Action::Pause)?;
    let frames_at_rest = window.painted_at_rest(FRAMES_AT_REST)?;
    window.settle_after(Action::Seek { op: None })?;
    window.settle_after(Action::Select { item: None })?;
    window.settle_after(Action::FullScreen { view: Some(View::Timeline) })?;
    let zoom = |factor: f64| Action::Zoom {
        view: View::Timeline,
        factor,
        x: 0.0,
        y: 0.5,
        track: None,
        axes: crate::state::Axes::Both,
        motion: crate::state::camera::Motion::default(),
    };
    window.settle_after(zoom(4.0))?;
    let by = 3.0 / f64::from(window.frames);
    let pan =
        |_| Action::Pan { view: View::Timeline, dx: by, dy: 0.0, motion: crate::state::camera::Motion::default() };
    let timeline_pan = window.movement(pan)?;
    window.settle_after(Action::FullScreen { view: None })?;
    window.settle_after(Action::Fit { view: View::Timeline, motion: crate::state::camera::Motion::default() })?;
    Ok(PlayTimes { through, by_op, timeline_pan, frames_at_rest })
}

fn played(window: &mut BenchWindow<'_>, ops_per_second: f64) -> Result<Frames, CliError> {
    window.settle_after(Action::Pause)?;
    window.settle_after(Action::Seek { op: Some(0) })?;
    window.scene.act(Action::Play { clock: Some(Clock::Op), speed: None, ops_per_second: Some(ops_per_second) });
    window.step()?;
    let mut times = Vec::with_capacity(window.frames as usize);
    for _ in 0..window.frames {
        times.push(window.step()?.0);
    }
    Ok(Frames::of(times))
}
