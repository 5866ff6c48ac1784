//! `record RUN -o DIR`: a script of Actions, or the run from start to end, as numbered pictures.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::args::RecordArgs;
use super::interrupt::{self, INTERRUPTED};
use super::render::panel;
use super::{CliError, open, print_text};
use crate::app::Waker;
use crate::app::film::manifest::{self, FilmedRun, Played, Subject};
use crate::app::film::{Film, FilmError, Pace, Written, frame_step};
use crate::app::headless::Headless;
use crate::app::memory::private_memory;
use crate::app::script::Script;
use crate::app::workspace::{Options, Workspace};
use crate::gpu::Gpu;
use crate::state::film_choices::Part;
use crate::state::playback::Clock;
use crate::state::{Action, Document, ItemRef};
use crate::units;

/// Frames between two looks at whether the film is still wanted, and how often a picture may take them to become what it
/// stays.
const STEPS_A_ROUND: usize = 20;
const MOST_ROUNDS: usize = 1000;
/// A film without a script or a length lasts so long.
const DEFAULT_SECONDS: u32 = 10;
/// What waits for rest before the first frame has come to it by then.
const BEFORE: Duration = Duration::from_secs(1);

pub fn run(args: &RecordArgs) -> Result<(), CliError> {
    let script = args.actions.as_deref().map(Script::read).transpose()?;
    if let Some(path) = &args.actions
        && script.iter().flat_map(Script::actions).any(|action| matches!(action, Action::Record { .. }))
    {
        let path = path.display();
        return Err(CliError::Failed(format!("{path}: `record` is for the window, and this is a film; take it out")));
    }
    let trace = Arc::new(open(&args.run)?);
    interrupt::listen();
    let memory_before = private_memory();
    let gpu = Gpu::headless()?;
    let document = Arc::new(Document::new(args.run.clone(), trace, true));
    let only = panel(args.view);
    let subject = Subject {
        run: FilmedRun::new(document.name(), &document.trace),
        view: only.map_or(Part::All, Part::View),
        size: args.size,
        scale: args.scale,
        fps: args.fps,
        adapter: gpu.adapter_name(),
    };
    let options = Options { only, reproducible: true };
    let mut scene = Workspace::new(gpu.adapter_name(), Waker::none(), options);
    scene.state.set_document(document);
    let target = Headless::new(&gpu, args.size, args.scale)?;
    let film = Film::create(&gpu, &args.output, args.size, Pace::Alone)?;
    let threads = film.threads();
    let mut shoot = Shoot {
        gpu: &gpu,
        scene,
        target,
        film,
        played: Vec::new(),
        began: Instant::now(),
        drawing: Duration::ZERO,
        memory: None,
    };
    let end = match script {
        Some(script) => shoot.script(script, args.fps, args.frames),
        None => shoot.whole_run(args.fps, args.frames.unwrap_or(args.fps * DEFAULT_SECONDS)),
    };
    let Shoot { film, played, began, drawing, memory, .. } = shoot;
    let Written { folder, hashes, fault, encode_ns } = film.finish();
    let whole = began.elapsed();
    let end = fault.map_or(end, |fault| Ok(End::Fault(fault)));
    let complete = matches!(end, Ok(End::Done));
    let listed = match hashes.is_empty() {
        true => Ok(()),
        false => manifest::write(&folder, &subject, Some(&played), complete, &hashes),
    };
    let so_far = so_far(&folder, hashes.len(), listed.as_ref().err());
    match end? {
        End::Done => {}
        End::Interrupted => return Err(CliError::Failed(format!("stopped; {so_far}"))),
        End::Fault(fault) => return Err(CliError::Failed(format!("{fault}; {so_far}"))),
        End::Refused(why) => return Err(CliError::Failed(format!("{why}; {so_far}"))),
    }
    listed?;
    let frames = hashes.len().max(1) as f64;
    let a_frame = |time: Duration| time.as_secs_f64() * 1000.0 / frames;
    let encoding = encode_ns.map_or_else(String::new, |ns| {
        format!(", {:.1} ms of processor time in {threads} threads", a_frame(Duration::from_nanos(ns)))
    });
    let [width, height] = args.size;
    let memory = memory.zip(memory_before).map_or_else(String::new, |(most, before)| {
        format!(", at most {} above the opened run", units::bytes(most.saturating_sub(before)))
    });
    print_text(&format!(
        "{}: {} frames of {width} x {height}, {:.2} s at {} a second, none dropped\n\
         drawing {:.1} ms a frame; reading back and encoding {:.1} ms a frame beyond that{encoding}{memory}\n{}\n",
        folder.display(),
        hashes.len(),
        frames / f64::from(args.fps),
        args.fps,
        a_frame(drawing),
        a_frame(whole.saturating_sub(drawing)),
        manifest::video_command(Some(&folder), &subject),
    ))
}

/// How a film came to its end.
enum End {
    Done,
    Interrupted,
    Fault(FilmError),
    Refused(String),
}

/// What is there of a film that was stopped.
fn so_far(folder: &Path, frames: usize, listed: Option<&FilmError>) -> String {
    match (frames, listed) {
        (0, _) => "no frame was written".to_owned(),
        (_, None) => format!("{frames} whole frames and their manifest are in {}", folder.display()),
        (_, Some(error)) => format!("{frames} whole frames are in {}, without a manifest: {error}", folder.display()),
    }
}

/// A film that is being made of a workspace, whose time goes by frames.
struct Shoot<'a> {
    gpu: &'a Gpu,
    scene: Workspace,
    target: Headless,
    film: Film,
    played: Vec<Played>,
    /// When the first frame was.
    began: Instant,
    /// Time spent on frames, from their input to the GPU having finished them.
    drawing: Duration,
    /// Private memory at most.
    memory: Option<u64>,
}

impl Shoot<'_> {
    /// All of a script, until nothing moves any more or `most` frames are there.
    fn script(&mut self, mut script: Script, fps: u32, most: Option<u32>) -> Result<End, CliError> {
        let progress = Progress::new(most);
        if let Some(end) = self.settle_before()? {
            return Ok(end);
        }
        loop {
            let number = self.film.frames();
            for action in script.due(1000.0 / f64::from(fps)) {
                self.do_action(action);
            }
            if let Some(end) = self.frame(fps, &progress)? {
                return Ok(end);
            }
            let playback = &self.scene.state.playback;
            if most.is_none() && script.is_done() && playback.playing && playback.looped.is_some() {
                let why = "the script ends while ops are played again and again; pause them, or give --frames";
                return Ok(End::Refused(why.to_owned()));
            }
            let rests = script.is_done() && !self.scene.moves() && !crate::app::Scene::busy(&self.scene);
            if rests || most.is_some_and(|most| number + 1 >= most) {
                return Ok(End::Done);
            }
        }
    }

    /// The run from its first op to its last in `frames` frames.
    fn whole_run(&mut self, fps: u32, frames: u32) -> Result<End, CliError> {
        let progress = Progress::new(Some(frames));
        if let Some(end) = self.settle_before()? {
            return Ok(end);
        }
        let seconds = f64::from(frames.saturating_sub(1)) / f64::from(fps);
        let steps = self.scene.state.op_count().saturating_sub(1) as f64;
        if steps >= 0.0 && self.scene.state.op_count() > 0 {
            self.do_action(Action::Select { item: Some(ItemRef::Op(0)) });
        }
        if steps > 0.0 && seconds > 0.0 {
            // A hair more, or sums of fractions would leave the last op out.
            let ops_per_second = Some(steps / seconds * (1.0 + 1e-9));
            self.do_action(Action::Play { clock: Some(Clock::Op), speed: None, ops_per_second });
        }
        for _ in 0..frames {
            if let Some(end) = self.frame(fps, &progress)? {
                return Ok(end);
            }
        }
        Ok(End::Done)
    }

    fn do_action(&mut self, action: Action) {
        self.played.push(Played { frame: self.film.frames(), action: action.clone() });
        self.scene.act(action);
    }

    /// Lets all that needs time before the first frame come to rest, in the same time always.
    fn settle_before(&mut self) -> Result<Option<End>, CliError> {
        for time in [Duration::ZERO, BEFORE] {
            self.target.step(self.gpu, &mut self.scene, Vec::new(), time)?;
            if let Some(end) = self.settle()? {
                return Ok(Some(end));
            }
        }
        self.began = Instant::now();
        Ok(None)
    }

    /// One frame of the film, once there is room for it: time goes on, then stands still until the picture stays as it is.
    fn frame(&mut self, fps: u32, progress: &Progress) -> Result<Option<End>, CliError> {
        let number = self.film.frames();
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Ok(Some(End::Interrupted));
        }
        let started = Instant::now();
        self.target.step(self.gpu, &mut self.scene, Vec::new(), frame_step(number.into(), fps))?;
        if let Some(end) = self.settle()? {
            return Ok(Some(end));
        }
        self.drawing += started.elapsed();
        let changed = self.target.take_repainted() || number == 0;
        // Where that is false the film says why when it is finished.
        if !self.film.wait_for_room() || !self.film.add(self.gpu, self.target.texture(), changed) {
            return Ok(Some(End::Interrupted));
        }
        self.memory = self.memory.max(private_memory());
        progress.frames(number + 1);
        Ok(None)
    }

    fn settle(&mut self) -> Result<Option<End>, CliError> {
        let number = self.film.frames();
        let mut rested = false;
        for _ in 0..MOST_ROUNDS {
            if INTERRUPTED.load(Ordering::Relaxed) {
                return Ok(Some(End::Interrupted));
            }
            (_, rested) = self.target.settle_at_once(self.gpu, &mut self.scene, STEPS_A_ROUND)?;
            if rested {
                break;
            }
        }
        if let Some(problem) = self.scene.problem() {
            return Ok(Some(End::Refused(format!("frame {number}: {problem}"))));
        }
        let steps = STEPS_A_ROUND * MOST_ROUNDS;
        Ok((!rested).then(|| End::Refused(format!("frame {number} was still changing after {steps} steps"))))
    }
}

/// How far a film is, on a terminal.
struct Progress(indicatif::ProgressBar);

impl Progress {
    fn new(most: Option<u32>) -> Self {
        let (bar, form) = match most {
            Some(most) => (indicatif::ProgressBar::new(most.into()), "frame {pos} of {len} {wide_bar} {eta}"),
            None => (indicatif::ProgressBar::no_length(), "frame {pos} {spinner}"),
        };
        let style = indicatif::ProgressStyle::with_template(form);
        bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
        Self(bar)
    }

    fn frames(&self, count: u32) {
        self.0.set_position(count.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
