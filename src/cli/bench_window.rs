//! A window without a display for `bench`: moved and timed frame by frame.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::CliError;
use crate::app::Waker;
use crate::app::headless::Headless;
use crate::app::workspace::{Options, Workspace};
use crate::gpu::Gpu;
use crate::state::Action;
use crate::trace::Trace;

pub const SIZE_PX: [u32; 2] = [1280, 720];
pub const FRAME: Duration = Duration::from_nanos(16_666_667);
const MOST_FRAMES_TO_REST: usize = 2_000;
const BESIDE_THREADS: Duration = Duration::from_millis(2);

/// Frame times, from the input to the GPU having finished.
#[derive(Serialize)]
pub struct Frames {
    pub frames: usize,
    pub median_ms: f64,
    pub p95_ms: f64,
    pub max_ms: f64,
}

impl Frames {
    pub fn of(mut ms: Vec<f64>) -> Self {
        ms.sort_by(f64::total_cmp);
        let at =
            |share: f64| ms.get(((ms.len() as f64 - 1.0) * share).round().max(0.0) as usize).copied().unwrap_or(0.0);
        Self { frames: ms.len(), median_ms: at(0.5), p95_ms: at(0.95), max_ms: at(1.0) }
    }
}

pub fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// The whole window on a run.
pub struct BenchWindow<'a> {
    gpu: &'a Gpu,
    pub scene: Workspace,
    target: Headless,
    /// Frames of one movement.
    pub frames: u32,
}

impl<'a> BenchWindow<'a> {
    /// Nothing is painted yet.
    pub fn new(gpu: &'a Gpu, name: &str, trace: Trace, frames: u32) -> Result<Self, CliError> {
        let options = Options { reproducible: true, ..Options::default() };
        let mut scene = Workspace::new(gpu.adapter_name(), Waker::none(), options);
        scene.show(name.into(), trace);
        Ok(Self { gpu, scene, target: Headless::new(gpu, SIZE_PX, 1.0)?, frames })
    }

    /// Makes one frame. Gives what it took, in ms, and whether anything was painted.
    pub fn step(&mut self) -> Result<(f64, bool), CliError> {
        let painted = self.target.step(self.gpu, &mut self.scene, Vec::new(), FRAME)?.painted;
        Ok((f64::from(self.target.frame_ms()), painted))
    }

    pub fn settle(&mut self) -> Result<(), CliError> {
        self.target.settle(self.gpu, &mut self.scene, MOST_FRAMES_TO_REST)?;
        Ok(())
    }

    /// Does `action` and waits until nothing changes any more.
    pub fn settle_after(&mut self, action: Action) -> Result<(), CliError> {
        self.scene.act(action);
        self.settle()
    }

    /// One frame after each action.
    pub fn movement(&mut self, action: impl Fn(u32) -> Action) -> Result<Frames, CliError> {
        let mut times = Vec::with_capacity(self.frames as usize);
        for frame in 0..self.frames {
            self.scene.act(action(frame));
            times.push(self.step()?.0);
        }
        Ok(Frames::of(times))
    }

    /// How many of `frames` frames are painted though nothing happens.
    pub fn painted_at_rest(&mut self, frames: usize) -> Result<usize, CliError> {
        let mut painted = 0;
        for _ in 0..frames {
            painted += usize::from(self.step()?.1);
        }
        Ok(painted)
    }

    /// Frames from the first for which `under_way` holds to the last.
    pub fn while_under_way(&mut self, under_way: impl Fn(&Workspace) -> bool) -> Result<Frames, CliError> {
        let mut times = Vec::new();
        for _ in 0..MOST_FRAMES_TO_REST {
            let was = under_way(&self.scene);
            let (ms, _) = self.step()?;
            let is = under_way(&self.scene);
            if was && is {
                times.push(ms);
            } else if !is && !times.is_empty() {
                break;
            } else {
                std::thread::sleep(BESIDE_THREADS);
            }
        }
        Ok(Frames::of(times))
    }
}
