//! Threads that make PNG files of pictures as they arrive from the GPU

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use twox_hash::XxHash3_128;

use super::read_back::Pixels;
use super::{Pace, PixelHash};
use crate::app::png::{PngError, encode_png, write_encoded};

/// A picture, which may be several frames.
pub struct Picture(Mutex<Stage>);

enum Stage {
    /// Not encoded yet; these frames repeat it.
    Awaited(Vec<(u32, PathBuf)>),
    Encoded(PixelHash, Arc<Vec<u8>>),
    Failed,
}

impl Picture {
    /// A picture that is still on its way.
    pub fn awaited() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Stage::Awaited(Vec::new()))))
    }
}

/// What came of a frame.
pub struct Done {
    pub number: u32,
    pub outcome: Result<PixelHash, PngError>,
}

enum Job {
    Encode { picture: Arc<Picture>, pixels: Option<Pixels>, number: u32, path: PathBuf },
    Write { hash: PixelHash, png: Arc<Vec<u8>>, number: u32, path: PathBuf },
}

/// The threads. There are never more pictures with them than the ring has places.
pub struct Encoders {
    jobs: Option<Sender<Job>>,
    done: Receiver<Done>,
    failed: Sender<Done>,
    threads: Vec<JoinHandle<Option<u64>>>,
    /// What was heard while waiting.
    heard: Option<Done>,
}

impl Encoders {
    /// # Errors
    /// When the system gives no thread at all.
    pub fn start(count: usize, pace: Pace) -> io::Result<Self> {
        let (jobs, waiting) = channel();
        let (send, done) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Vec::new();
        for _ in 0..count.max(1) {
            let (waiting, send) = (waiting.clone(), send.clone());
            match std::thread::Builder::new().name("film".to_owned()).spawn(move || work(pace, &waiting, &send)) {
                Ok(thread) => threads.push(thread),
                Err(error) if threads.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(Self { jobs: Some(jobs), done, failed: send, threads, heard: None })
    }

    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// What takes the pixels of a new picture when they come.
    pub fn when_arrived(
        &self,
        picture: Arc<Picture>,
        number: u32,
        path: PathBuf,
    ) -> impl FnOnce(Option<Pixels>) + Send + 'static {
        let jobs = self.jobs.clone();
        move |pixels| {
            // The threads outlive the film's frames; without them nobody counts on this one.
            if let Some(jobs) = jobs {
                drop(jobs.send(Job::Encode { picture, pixels, number, path }));
            }
        }
    }

    /// Writes a picture once more.
    pub fn repeat(&self, picture: &Picture, number: u32, path: PathBuf) {
        let mut stage = picture.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *stage {
            Stage::Awaited(frames) => frames.push((number, path)),
            Stage::Encoded(hash, png) => {
                let job = Job::Write { hash: *hash, png: png.clone(), number, path };
                if let Some(jobs) = &self.jobs {
                    drop(jobs.send(job));
                }
            }
            Stage::Failed => drop(self.failed.send(Done { number, outcome: Err(lost(path)) })),
        }
    }

    /// A frame that has come to its end, if there is one.
    pub fn done(&mut self) -> Option<Done> {
        self.heard.take().or_else(|| self.done.try_recv().ok())
    }

    /// Waits until a frame has come to its end, or `patience` is at its own.
    pub fn wait(&mut self, patience: Duration) {
        if self.heard.is_none() {
            self.heard = self.done.recv_timeout(patience).ok();
        }
    }

    /// Ends the threads. Gives the processor time that they took, in ns, where the system tells and all frames have come
    /// to their end: one that never comes back from the GPU would be waited for in vain.
    pub fn stop(&mut self, ended: bool) -> Option<u64> {
        self.jobs = None;
        if !ended {
            return None;
        }
        self.threads.drain(..).map(|thread| thread.join().ok().flatten()).sum()
    }
}

fn work(pace: Pace, waiting: &Mutex<Receiver<Job>>, done: &Sender<Done>) -> Option<u64> {
    if pace == Pace::Beside {
        // Where the system does not let a thread step back, they share.
        let _ = thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Min);
    }
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        // Nobody listens any more where a film was given up.
        let tell = |number, outcome| drop(done.send(Done { number, outcome }));
        let write = |hash, png: &[u8], number, path: PathBuf| tell(number, write_encoded(&path, png).map(|()| hash));
        match job {
            Ok(Job::Write { hash, png, number, path }) => write(hash, &png, number, path),
            Ok(Job::Encode { picture, pixels, number, path }) => {
                let encoded = pixels.as_ref().and_then(encode);
                // Its place in the ring is free before the disk is waited for.
                drop(pixels);
                let stage = match &encoded {
                    Some((hash, png)) => Stage::Encoded(*hash, png.clone()),
                    None => Stage::Failed,
                };
                let before = std::mem::replace(&mut *picture.0.lock().unwrap_or_else(PoisonError::into_inner), stage);
                let repeats = if let Stage::Awaited(frames) = before { frames } else { Vec::new() };
                for (number, path) in std::iter::once((number, path)).chain(repeats) {
                    match &encoded {
                        Some((hash, png)) => write(*hash, png, number, path),
                        None => tell(number, Err(lost(path))),
                    }
                }
            }
            Err(_) => return thread_ns(),
        }
    }
}

fn encode(pixels: &Pixels) -> Option<(PixelHash, Arc<Vec<u8>>)> {
    let ([width, _], row_bytes) = (pixels.size_px, pixels.row_bytes as usize);
    pixels.look(|bytes| {
        let mut hasher = XxHash3_128::new();
        for row in bytes.chunks_exact(row_bytes) {
            hasher.write(&row[..width as usize * 4]);
        }
        let png = encode_png(pixels.size_px, row_bytes, bytes).ok()?;
        Some((PixelHash(hasher.finish_128()), Arc::new(png)))
    })?
}

fn lost(path: PathBuf) -> PngError {
    PngError::Write { path, source: io::Error::other("its picture did not come back from the GPU") }
}

/// Processor time of this thread, where the system tells.
fn thread_ns() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
}
