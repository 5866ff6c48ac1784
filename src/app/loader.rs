//! Reads a run beside the window: progress, a first part to look at, cancel.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use super::Waker;
use crate::formats::{self, Progress, ReadError};
use crate::trace::Trace;

/// A run that is being read. Dropping it cancels.
pub struct Loader {
    pub path: PathBuf,
    progress: Arc<Progress>,
    messages: Receiver<Message>,
}

/// What comes of a load, in this order.
pub enum Message {
    /// The first passes of a large run.
    FirstPart(Trace),
    Done(Result<Trace, ReadError>),
}

impl Loader {
    /// Starts to read `path` in a thread of its own, which asks for a frame when it has something.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(path: PathBuf, waker: Waker) -> std::io::Result<Self> {
        let progress = Arc::new(Progress::default());
        let (send, messages) = sync_channel(2);
        let (thread_path, thread_progress) = (path.clone(), progress.clone());
        std::thread::Builder::new().name("loader".to_owned()).spawn(move || {
            // Nobody listens any more once the load was cancelled.
            let tell = |message| drop(send.send(message));
            let result = formats::open_with_preview(&thread_path, &thread_progress, |first| {
                tell(Message::FirstPart(first));
                waker.wake();
            });
            tell(Message::Done(result));
            waker.wake();
        })?;
        Ok(Self { path, progress, messages })
    }

    /// What has come since the last call. A thread that ended without a word is an error to show.
    pub fn poll(&self) -> Option<Message> {
        match self.messages.try_recv() {
            Ok(message) => Some(message),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Message::Done(Err(ReadError::unusable(
                &self.path,
                "reading it ended unexpectedly",
                "please report this with the file",
            )))),
        }
    }

    /// Bytes read and bytes to read.
    pub fn bytes(&self) -> (u64, u64) {
        self.progress.bytes()
    }

    pub fn cancel(&self) {
        self.progress.cancel();
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.cancel();
    }
}
