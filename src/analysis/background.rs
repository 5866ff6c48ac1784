//! Work beside the frames: one thread that answers questions, of each kind the newest, until they are picked up.

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Looks at the flag from time to time, and gives nothing once it is set.
type Job<A> = Box<dyn FnOnce(&AtomicBool) -> Option<A> + Send>;

/// A thread for questions of kinds `K`. A question replaces one of the same kind that waits; one that is being answered
/// is answered to its end, unless all are cancelled. Dropping it cancels.
pub struct Background<K, A> {
    shared: Arc<Shared<K, A>>,
    answers: Receiver<A>,
}

struct Shared<K, A> {
    queue: Mutex<Queue<K, A>>,
    asked: Condvar,
}

struct Queue<K, A> {
    waiting: VecDeque<(K, Job<A>)>,
    /// What is being answered, with its flag.
    running: Option<(K, Arc<AtomicBool>)>,
    /// Answers that were not taken yet.
    unread: usize,
    closed: bool,
}

impl<K: Copy + Eq + Hash + Send + 'static, A: Send + 'static> Background<K, A> {
    /// `wake` is called after every answer, in the thread.
    pub fn start(wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let queue = Queue { waiting: VecDeque::new(), running: None, unread: 0, closed: false };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), asked: Condvar::new() });
        let (send, answers) = channel();
        let theirs = shared.clone();
        std::thread::Builder::new().name("background".to_owned()).spawn(move || {
            // Frames come first. Where the system does not let a thread step back, they share.
            let _ = thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Min);
            theirs.work(&send, wake);
        })?;
        Ok(Self { shared, answers })
    }

    pub fn ask(&self, kind: K, job: impl FnOnce(&AtomicBool) -> Option<A> + Send + 'static) {
        let mut queue = self.shared.lock();
        if queue.closed {
            return;
        }
        queue.waiting.retain(|(waiting, _)| *waiting != kind);
        queue.waiting.push_back((kind, Box::new(job)));
        self.shared.asked.notify_one();
    }

    /// The next answer that is there.
    pub fn answer(&self) -> Option<A> {
        let answer = self.answers.try_recv().ok()?;
        self.shared.lock().unread -= 1;
        Some(answer)
    }

    /// Whether a question of this kind waits or is being answered.
    pub fn is_asked(&self, kind: K) -> bool {
        let queue = self.shared.lock();
        queue.waiting.iter().any(|(waiting, _)| *waiting == kind)
            || queue.running.as_ref().is_some_and(|(running, _)| *running == kind)
    }

    /// Whether any question is open, or an answer was not taken yet.
    pub fn is_busy(&self) -> bool {
        let queue = self.shared.lock();
        !queue.waiting.is_empty() || queue.running.is_some() || queue.unread > 0
    }

    /// Gives up all questions: what they were about is gone.
    pub fn cancel(&self) {
        let mut queue = self.shared.lock();
        queue.waiting.clear();
        if let Some((_, flag)) = &queue.running {
            flag.store(true, Ordering::Relaxed);
        }
    }
}

impl<K: Copy, A> Shared<K, A> {
    fn lock(&self) -> MutexGuard<'_, Queue<K, A>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, send: &Sender<A>, wake: impl Fn()) {
        let _closes = ClosesOnPanic(self);
        loop {
            let mut queue = self.lock();
            let (kind, job) = loop {
                if queue.closed {
                    return;
                }
                match queue.waiting.pop_front() {
                    Some(next) => break next,
                    None => queue = self.asked.wait(queue).unwrap_or_else(PoisonError::into_inner),
                }
            };
            let cancelled = Arc::new(AtomicBool::new(false));
            queue.running = Some((kind, cancelled.clone()));
            drop(queue);
            let answer = job(&cancelled).filter(|_| !cancelled.load(Ordering::Relaxed));
            let mut queue = self.lock();
            queue.running = None;
            if let Some(answer) = answer {
                queue.unread += 1;
                if send.send(answer).is_err() {
                    return;
                }
            }
            drop(queue);
            wake();
        }
    }
}

/// A job that panics ends the thread: what waits is given up, or everybody would wait for it for ever.
struct ClosesOnPanic<'a, K: Copy, A>(&'a Shared<K, A>);

impl<K: Copy, A> Drop for ClosesOnPanic<'_, K, A> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut queue = self.0.lock();
            queue.running = None;
            queue.waiting.clear();
            queue.closed = true;
        }
    }
}

impl<K, A> Drop for Background<K, A> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.closed = true;
        queue.waiting.clear();
        if let Some((_, flag)) = &queue.running {
            flag.store(true, Ordering::Relaxed);
        }
        self.shared.asked.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn wait_for<A: Send + 'static>(background: &Background<u8, A>) -> A {
        loop {
            if let Some(answer) = background.answer() {
                return answer;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn of_questions_of_one_kind_that_wait_the_newest_is_answered() {
        let background = Background::start(|| ()).unwrap();
        let (go, begin) = channel::<()>();
        let (started, starts) = channel();
        background.ask(0, move |_| {
            started.send(()).unwrap();
            begin.recv().ok().map(|()| 0)
        });
        starts.recv().unwrap();
        for number in 1..5 {
            background.ask(1, move |_| Some(number));
        }
        background.ask(2, |_| Some(9));
        assert!(background.is_asked(0) && background.is_asked(1) && background.is_busy());
        go.send(()).unwrap();
        assert_eq!([wait_for(&background), wait_for(&background), wait_for(&background)], [0, 4, 9]);
        while background.is_busy() {
            std::thread::yield_now();
        }
        assert_eq!(background.answer(), None);
    }

    #[test]
    fn an_answer_that_nobody_took_is_work_that_is_left() {
        let (woken, wakes) = channel();
        let background = Background::start(move || woken.send(()).unwrap()).unwrap();
        background.ask(0, |_| Some(1));
        wakes.recv().unwrap();
        assert!(background.is_busy());
        assert_eq!(background.answer(), Some(1));
        assert!(!background.is_busy());
    }

    #[test]
    fn a_question_that_panics_leaves_nobody_waiting() {
        let background: Background<u8, u8> = Background::start(|| ()).unwrap();
        background.ask(0, |_| panic!("a fault of the program"));
        while background.is_busy() {
            std::thread::yield_now();
        }
        background.ask(1, |_| Some(1));
        assert!(!background.is_busy() && !background.is_asked(1));
    }

    #[test]
    fn a_cancelled_question_has_no_answer() {
        let background = Background::start(|| ()).unwrap();
        let (started, starts) = channel();
        background.ask(0, move |cancelled| {
            started.send(()).unwrap();
            while !cancelled.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Some(1)
        });
        starts.recv().unwrap();
        background.cancel();
        background.ask(1, |_| Some(2));
        assert_eq!(wait_for(&background), 2);
    }
}
