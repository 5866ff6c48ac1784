//! Long work as others see it: how far it is, and whether it is still wanted.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Given to work that takes long, which says how far it is and ends early where nobody wants it any more.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a> {
    pub cancelled: &'a AtomicBool,
    /// Thousandths of the work.
    pub done: &'a AtomicU32,
}

impl Watch<'static> {
    /// Nobody looks, and the work goes on to its end.
    pub fn nobody() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        static UNSEEN: AtomicU32 = AtomicU32::new(0);
        Self { cancelled: &NEVER, done: &UNSEEN }
    }
}

impl Watch<'_> {
    /// Says that `part` of `whole` is done of what leads from one share of the work to another, in thousandths. `None`
    /// is the end.
    pub fn reach(&self, [from, to]: [u32; 2], part: usize, whole: usize) -> Option<()> {
        let done = u64::from(to - from) * part as u64 / whole.max(1) as u64;
        self.done.store(from + done as u32, Ordering::Relaxed);
        (!self.cancelled.load(Ordering::Relaxed)).then_some(())
    }
}
