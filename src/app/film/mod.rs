//! Films: pictures in sequence in a folder, each brought back, encoded and written while the next is drawn

mod encoders;
mod folder;
pub mod manifest;
mod read_back;
pub mod studio;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::png::PngError;
use crate::gpu::{Gpu, GpuError};
use encoders::{Done, Encoders, Picture};
use folder::Folder;
pub use folder::frame_name;
use read_back::Ring;

/// How many bytes of pictures may be on their way, whatever their size; two pictures always may.
const MOST_BYTES: u64 = 256 << 20;
/// Threads that encode at most: more than this no drawing keeps busy.
const MOST_THREADS: usize = 8;
/// Frames that may wait to be written. Those that repeat a picture need no place in the ring.
const MOST_WAITING: u32 = 64;
/// How long a wait for a place in the ring goes on before the GPU is asked for news.
const PATIENCE: Duration = Duration::from_millis(1);
/// A film that makes no headway for so long has lost its GPU or its disk.
const STUCK: Duration = Duration::from_mins(1);

/// Why a film is not written, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    #[error("{}: there is something in it already; name a folder that does not exist or is empty", path.display())]
    NotEmpty { path: PathBuf },
    #[error("cannot make {}: {source}; name a folder in one that exists and that you may write to", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("the film before is not all written yet; begin the next when the line at the bottom says that it is")]
    Unfinished,
    #[error("no thread to encode with: {0}; close other programs")]
    Thread(io::Error),
    #[error(transparent)]
    Png(#[from] PngError),
    #[error(transparent)]
    Gpu(#[from] GpuError),
    #[error("cannot write {}: {source}; free space there or choose another folder", path.display())]
    Manifest { path: PathBuf, source: io::Error },
}

/// Who a film gives way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// To nobody: it is all that is done.
    Alone,
    /// To the frames of the window that somebody works in.
    Beside,
}

/// The hash of a picture's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelHash(pub u128);

/// A film that is being written.
pub struct Film {
    folder: Folder,
    ring: Ring,
    encoders: Encoders,
    device: wgpu::Device,
    /// The picture that the next frame may repeat.
    last: Option<Arc<Picture>>,
    /// Frames that were added.
    added: u32,
    /// Of those, the ones that were written or failed.
    ended: u32,
    hashes: Vec<Option<PixelHash>>,
    /// What failed first, by the frame's number.
    fault: Option<(u32, FilmError)>,
}

impl Film {
    /// Makes `folder`, which must not exist or be empty, and has threads and buffers ready for frames of `size_px`.
    pub fn create(gpu: &Gpu, folder: &Path, size_px: [u32; 2], pace: Pace) -> Result<Self, FilmError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let most = (MOST_BYTES / Ring::bytes_of(size_px).max(1)).max(2);
        let places = (threads + 2).min(most as usize);
        let ring = Ring::new(gpu, size_px, places)?;
        let encoders = Encoders::start(threads, pace).map_err(FilmError::Thread)?;
        let folder = Folder::make(folder)?;
        Ok(Self {
            folder,
            ring,
            encoders,
            device: gpu.device.clone(),
            last: None,
            added: 0,
            ended: 0,
            hashes: Vec::new(),
            fault: None,
        })
    }

    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Frames that were added so far.
    pub fn frames(&self) -> u32 {
        self.added
    }

    /// Threads that encode.
    pub fn threads(&self) -> usize {
        self.encoders.threads()
    }

    /// Whether a frame can be added without waiting.
    pub fn has_room(&mut self) -> bool {
        self.collect();
        self.ring.has_free() && self.added - self.ended < MOST_WAITING
    }

    /// Waits until a frame can be added. False where one was not written, after which no more should follow.
    pub fn wait_for_room(&mut self) -> bool {
        let since = Instant::now();
        while !self.has_room() && self.fault.is_none() {
            if since.elapsed() > STUCK {
                self.fault = Some((self.ended, GpuError::Timeout.into()));
            }
            self.ring.wait_for_free(PATIENCE);
        }
        self.fault.is_none()
    }

    /// Adds what is on `texture` as the next frame; its copy is on its way when this returns. Where it is not `changed`
    /// since the last frame, that is written once more. False where there is no room for it.
    pub fn add(&mut self, gpu: &Gpu, texture: &wgpu::Texture, changed: bool) -> bool {
        if !self.has_room() {
            return false;
        }
        let (number, path) = (self.added, self.folder.frame(self.added));
        match self.last.as_ref().filter(|_| !changed) {
            Some(picture) => self.encoders.repeat(picture, number, path),
            None => {
                let picture = Picture::awaited();
                self.last = Some(picture.clone());
                let arrived = self.encoders.when_arrived(picture, number, path);
                if !self.ring.read(gpu, texture, arrived) {
                    return false;
                }
            }
        }
        self.added += 1;
        self.hashes.push(None);
        true
    }

    /// Hears of frames that have arrived from the GPU or were written.
    fn collect(&mut self) {
        // Only a device that is gone gives an error, and then frames stop coming, which is noticed.
        let _ = self.device.poll(wgpu::PollType::Poll);
        while let Some(Done { number, outcome }) = self.encoders.done() {
            self.ended += 1;
            match outcome {
                Ok(hash) => self.hashes[number as usize] = Some(hash),
                Err(error) => {
                    if self.fault.as_ref().is_none_or(|(first, _)| number < *first) {
                        self.fault = Some((number, error.into()));
                    }
                }
            }
        }
    }

    /// Whether all frames that were added are written, or failed.
    pub fn is_written(&mut self) -> bool {
        self.collect();
        self.ended == self.added
    }

    /// Whether a frame was not written, after which no more should follow.
    pub fn failed(&self) -> bool {
        self.fault.is_some()
    }

    /// Waits for the frames on their way. Frames behind one that was not written go, so that what stays is a film without
    /// gaps; an empty folder goes too, where it was made for this.
    pub fn finish(mut self) -> Written {
        let since = Instant::now();
        while !self.is_written() && since.elapsed() < STUCK {
            self.encoders.wait(PATIENCE);
        }
        let whole = self.hashes.iter().take_while(|hash| hash.is_some()).count();
        for (number, hash) in self.hashes.iter().enumerate().skip(whole) {
            if hash.is_some() {
                self.folder.remove_frame(number as u32);
            }
        }
        let hashes: Vec<PixelHash> = self.hashes.iter().map_while(|hash| *hash).collect();
        let encode_ns = self.encoders.stop(self.ended == self.added);
        if hashes.is_empty() {
            self.folder.remove_if_made();
        }
        let fault = self.fault.map(|(_, error)| error);
        Written { folder: self.folder.path, hashes, fault, encode_ns }
    }
}

/// What came of a film: its first frames, all that were added unless there was a fault.
#[derive(Debug)]
pub struct Written {
    pub folder: PathBuf,
    pub hashes: Vec<PixelHash>,
    pub fault: Option<FilmError>,
    /// Processor time of the threads that encoded and wrote, where the system tells.
    pub encode_ns: Option<u64>,
}

/// The time from frame `number - 1` to frame `number` at `fps`, without drift: a second's frames add up to a second.
pub fn frame_step(number: u64, fps: u32) -> Duration {
    let at = |number: u64| u128::from(number) * 1_000_000_000 / u128::from(fps.max(1));
    Duration::from_nanos(number.checked_sub(1).map_or(0, |before| (at(number) - at(before)) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up_to_seconds() {
        for fps in [1, 7, 24, 30, 60, 144, 240] {
            let ten: Duration = (0..=u64::from(fps) * 10).map(|number| frame_step(number, fps)).sum();
            assert_eq!(ten, Duration::from_secs(10), "{fps}");
            assert_eq!(frame_step(0, fps), Duration::ZERO);
        }
    }
}
