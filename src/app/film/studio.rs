//! Stills and films of the window while a person works in it: drawn by a twin of it, at any scale and with any part of it

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use egui::{Rect, Vec2};

use super::manifest::{self, FilmedRun, Subject};
use super::{Film, FilmError, Pace, STUCK, Written, frame_step};
use crate::app::headless::Headless;
use crate::app::png::{PngError, write_png};
use crate::app::workspace::Workspace;
use crate::gpu::{Gpu, GpuError};
use crate::state::View;
use crate::state::film_choices::{FilmOrder, Part};

/// What the twin may take of a frame of the window; it makes one of its own at least.
const BUDGET: Duration = Duration::from_millis(12);
/// Names that are tried in the current folder.
const MOST_NAMES: u32 = 100_000;

/// What a picture is made of: a panel alone or all, and how large it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    pub only: Option<View>,
    pub size_points: Vec2,
    /// Pixels of a point.
    pub scale: f32,
}

impl Pose {
    /// The part of a window that `place` is.
    pub fn new(only: Option<View>, place: Rect, scale: f32) -> Self {
        Self { only, size_points: place.size(), scale }
    }

    fn size_px(&self) -> [u32; 2] {
        let side = |points: f32| (points * self.scale).round().max(1.0) as u32;
        [side(self.size_points.x), side(self.size_points.y)]
    }
}

/// The window once more, on a texture.
struct Twin {
    scene: Box<Workspace>,
    target: Headless,
}

impl Twin {
    fn new(gpu: &Gpu, scene: Box<Workspace>, pose: Pose) -> Result<Self, GpuError> {
        Ok(Self { scene, target: Headless::new(gpu, pose.size_px(), pose.scale)? })
    }

    /// Goes on until the picture is what it stays, within a frame's time; true if it is.
    fn develop(&mut self, gpu: &Gpu) -> Result<bool, GpuError> {
        let since = Instant::now();
        loop {
            if self.target.stands_still(gpu, self.scene.as_mut())? {
                return Ok(true);
            }
            if since.elapsed() >= BUDGET {
                return Ok(false);
            }
        }
    }
}

/// A still that waits for the one before: the window as it was when it was asked for.
struct Still {
    path: PathBuf,
    scene: Box<Workspace>,
    pose: Pose,
}

struct Recording {
    film: Film,
    subject: Subject,
    twin: Twin,
    fps: u32,
    stage: Stage,
    /// When the next frame is due on the window's clock; the film's own goes by frames.
    due_s: f64,
    /// No more frames: those on their way are waited for.
    ending: bool,
}

/// Where the next frame of a film stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is not due yet.
    Waiting,
    /// It is made of what the window shows next.
    Due,
    /// The twin has taken that over, and its picture is not what it stays yet.
    Posed,
}

/// What is being made of the window.
#[derive(Default)]
pub struct Studio {
    /// In the order in which they were asked for. Only the first has a picture, so many take little memory.
    stills: VecDeque<Still>,
    drawn: Option<(PathBuf, Twin)>,
    written: Option<(PathBuf, JoinHandle<Result<(), PngError>>)>,
    recording: Option<Recording>,
}

/// What came of a still or a film, to be said.
#[derive(Debug, PartialEq)]
pub enum News {
    Done(String),
    Failed(String),
}

impl Studio {
    /// Whether anything is under way that ends by itself.
    pub fn is_working(&self) -> bool {
        self.draws_stills()
            || self.written.is_some()
            || self.recording.as_ref().is_some_and(|r| r.ending || r.stage != Stage::Waiting)
    }

    /// Whether stills wait for frames that draw them.
    pub fn draws_stills(&self) -> bool {
        self.drawn.is_some() || !self.stills.is_empty()
    }

    /// Whether a film goes on.
    pub fn is_recording(&self) -> bool {
        self.recording.as_ref().is_some_and(|recording| !recording.ending)
    }

    /// The film's frames and a second's, for the status line.
    pub fn counted(&self) -> Option<(u32, u32)> {
        self.recording.as_ref().map(|recording| (recording.film.frames(), recording.fps))
    }

    /// Begins a still of `window` as it is now, behind those that were begun before.
    pub fn begin_still(&mut self, window: &Workspace, order: &FilmOrder, pose: Pose) {
        let path = match &order.path {
            Some(path) => path.clone(),
            None => new_name("tensorscope-still-", ".png", |path| self.is_coming(path)),
        };
        let scene = Box::new(window.twin(pose.only));
        self.stills.push_back(Still { path, scene, pose });
    }

    /// Whether a still of that name is on its way, whose file may not be there yet.
    fn is_coming(&self, path: &Path) -> bool {
        let begun = self.written.iter().map(|(begun, _)| begun).chain(self.drawn.iter().map(|(begun, _)| begun));
        begun.chain(self.stills.iter().map(|still| &still.path)).any(|begun| begun.as_path() == path)
    }

    /// Begins a film of `window`. An error while there is one: its last frames may still be on their way.
    pub fn begin_film(
        &mut self,
        gpu: &Gpu,
        window: &Workspace,
        order: &FilmOrder,
        pose: Pose,
        run: FilmedRun,
    ) -> Result<(), FilmError> {
        if self.recording.is_some() {
            return Err(FilmError::Unfinished);
        }
        let folder = match &order.path {
            Some(path) => path.clone(),
            None => new_name("tensorscope-film-", "", |_| false),
        };
        let (size, fps) = (pose.size_px(), order.choices.fps);
        let twin = Twin::new(gpu, Box::new(window.twin(pose.only)), pose)?;
        let film = Film::create(gpu, &folder, size, Pace::Beside)?;
        let view = pose.only.map_or(Part::All, Part::View);
        let subject = Subject { run, view, size, scale: pose.scale, fps, adapter: gpu.adapter_name() };
        self.recording = Some(Recording { film, subject, twin, fps, stage: Stage::Waiting, due_s: 0.0, ending: false });
        Ok(())
    }

    /// Takes no more frames of the film.
    pub fn end_film(&mut self) {
        if let Some(recording) = &mut self.recording {
            recording.ending = true;
        }
    }

    /// How far the window's own animations move in this frame, if a film decides that: by a frame of the film where one
    /// is made of this, else not at all. Each frame is made of a state that the film's clock came to, however late.
    pub fn delta(&mut self, now_s: f64) -> Option<Duration> {
        let recording = self.recording.as_mut().filter(|recording| !recording.ending)?;
        if recording.stage != Stage::Waiting || now_s < recording.due_s || !recording.film.has_room() {
            return Some(Duration::ZERO);
        }
        let frame_s = 1.0 / f64::from(recording.fps);
        // Frames that came late are not caught up with.
        recording.due_s = (recording.due_s + frame_s).max(now_s);
        recording.stage = Stage::Due;
        Some(frame_step(recording.film.frames().into(), recording.fps))
    }

    /// When the window should make its next frame for the film's sake.
    pub fn next_frame_in(&self, now_s: f64) -> Option<Duration> {
        if self.is_working() {
            return Some(Duration::ZERO);
        }
        let recording = self.recording.as_ref()?;
        Some(Duration::from_secs_f64((recording.due_s - now_s).clamp(0.0, 1.0)))
    }

    /// Goes on with what is under way, behind a frame of `window`.
    pub fn work(&mut self, gpu: &Gpu, window: &Workspace) -> Vec<News> {
        let mut news = Vec::new();
        self.work_on_stills(gpu, &mut news);
        if let Err(error) = self.work_on_film(gpu, window) {
            news.push(Studio::failed(&error));
            self.end_film();
        }
        if let Some(mut recording) = self.recording.take_if(|r| r.ending) {
            match recording.film.is_written() {
                true => news.push(finish(recording.film, &recording.subject)),
                false => self.recording = Some(recording),
            }
        }
        news
    }

    fn failed(error: &dyn std::fmt::Display) -> News {
        News::Failed(error.to_string())
    }

    fn work_on_stills(&mut self, gpu: &Gpu, news: &mut Vec<News>) {
        if self.written.as_ref().is_some_and(|(_, thread)| !thread.is_finished()) {
            return;
        }
        news.extend(self.take_written());
        if self.drawn.is_none()
            && let Some(Still { path, scene, pose }) = self.stills.pop_front()
        {
            match Twin::new(gpu, scene, pose) {
                Ok(twin) => self.drawn = Some((path, twin)),
                Err(error) => news.push(Self::failed(&error)),
            }
        }
        let Some((_, twin)) = &mut self.drawn else { return };
        let pixels = match twin.develop(gpu) {
            Ok(false) => return,
            Ok(true) => twin.target.read_rgba(gpu),
            Err(error) => Err(error),
        };
        let Some((path, twin)) = self.drawn.take() else { return };
        let size_px = twin.target.size_px();
        let thread_path = path.clone();
        let begun = pixels.map_err(|error| error.to_string()).and_then(|rgba| {
            let write = move || write_png(&thread_path, size_px, &rgba);
            let thread = std::thread::Builder::new().name("still".to_owned()).spawn(write);
            thread.map_err(|error| format!("no thread to write with: {error}; close other programs"))
        });
        match begun {
            Ok(thread) => self.written = Some((path, thread)),
            Err(why) => news.push(News::Failed(why)),
        }
    }

    /// What came of the still that is being written, which is waited for.
    fn take_written(&mut self) -> Option<News> {
        let (path, thread) = self.written.take()?;
        Some(match thread.join() {
            Ok(Ok(())) => News::Done(format!("wrote {}", path.display())),
            Ok(Err(error)) => Self::failed(&error),
            Err(_) => News::Failed(format!("{}: writing it ended unexpectedly", path.display())),
        })
    }

    /// Draws all stills that were begun, for a window that makes no more frames. The last may still be being written.
    pub fn finish_stills(&mut self, gpu: &Gpu) -> Vec<News> {
        let mut news = Vec::new();
        while self.draws_stills() {
            news.extend(self.take_written());
            let since = Instant::now();
            self.work_on_stills(gpu, &mut news);
            while self.drawn.is_some() && since.elapsed() < STUCK {
                self.work_on_stills(gpu, &mut news);
            }
            if let Some((path, _)) = self.drawn.take() {
                news.push(News::Failed(format!("{}: its picture was still changing", path.display())));
            }
        }
        news
    }

    fn work_on_film(&mut self, gpu: &Gpu, window: &Workspace) -> Result<(), GpuError> {
        let Some(Recording { film, twin, stage, ending, .. }) = &mut self.recording else { return Ok(()) };
        *ending |= film.failed();
        if *stage == Stage::Due {
            twin.scene.pose_as(window);
            *stage = Stage::Posed;
        }
        if *stage == Stage::Posed && !*ending && twin.develop(gpu)? {
            let changed = twin.target.take_repainted();
            film.add(gpu, twin.target.texture(), changed);
            *stage = Stage::Waiting;
        }
        Ok(())
    }

    /// Ends what is under way before the window goes, and waits for it. Stills that are not drawn yet are given up; see
    /// [`Self::finish_stills`].
    pub fn close(&mut self) -> Vec<News> {
        let mut news: Vec<News> = self.take_written().into_iter().collect();
        let drawn = self.drawn.take().map(|(path, _)| path);
        for path in drawn.into_iter().chain(self.stills.drain(..).map(|still| still.path)) {
            news.push(News::Failed(format!("{}: the window was closed before it was drawn", path.display())));
        }
        if let Some(recording) = self.recording.take() {
            news.push(finish(recording.film, &recording.subject));
        }
        news
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        // Nobody is there any more to hear of it.
        drop(self.close());
    }
}

/// Writes the manifest behind the last frame.
fn finish(film: Film, subject: &Subject) -> News {
    let Written { folder, hashes, fault, .. } = film.finish();
    if hashes.is_empty() {
        let nothing = || format!("{}: the film has no frames", folder.display());
        return News::Failed(fault.map_or_else(nothing, |fault| fault.to_string()));
    }
    let frames = crate::units::count(hashes.len() as u64);
    let listed = manifest::write(&folder, subject, None, fault.is_none(), &hashes);
    match fault.map_or(listed, Err) {
        Ok(()) => News::Done(format!("{frames} frames, none dropped, in {}", folder.display())),
        Err(error) => News::Failed(format!("{error}; {frames} frames before are in {}", folder.display())),
    }
}

/// A name in the current folder that nothing has and nothing is about to get, the first of a row.
fn new_name(before: &str, after: &str, is_coming: impl Fn(&Path) -> bool) -> PathBuf {
    let name = |number: u32| PathBuf::from(format!("{before}{number:03}{after}"));
    let is_free = |path: &PathBuf| !is_coming(path.as_path()) && path.symlink_metadata().is_err();
    (1..MOST_NAMES).map(name).find(is_free).unwrap_or_else(|| name(MOST_NAMES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_about_to_be_taken_is_not_free() {
        let first = new_name("no-such-picture-", ".png", |_| false);
        assert_eq!(first, Path::new("no-such-picture-001.png"));
        let second = new_name("no-such-picture-", ".png", |path| path == first);
        assert_eq!(second, Path::new("no-such-picture-002.png"));
    }
}
