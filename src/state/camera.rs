//! Where a view looks, and how it gets there.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Easing {
    Linear,
    EaseIn,
    EaseOut,
    #[default]
    EaseInOut,
}

impl Easing {
    /// Progress of the movement at progress `t` (0 to 1) of the time.
    fn at(self, t: f64) -> f64 {
        match self {
            Self::Linear => t,
            Self::EaseIn => t * t,
            Self::EaseOut => t * (2.0 - t),
            Self::EaseInOut => t * t * (3.0 - 2.0 * t),
        }
    }
}

/// How a camera moves to its goal; at once unless a duration is given.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Motion {
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duration_ms: f64,
    #[serde(default)]
    pub easing: Easing,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Numbers that a camera consists of and that are moved together.
pub trait Blend: Copy + PartialEq {
    fn blend(from: Self, to: Self, t: f64) -> Self;
}

/// A camera on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moving<T> {
    now: T,
    from: T,
    goal: T,
    elapsed_ms: f64,
    motion: Motion,
}

impl<T: Blend> Moving<T> {
    pub fn at(place: T) -> Self {
        Self { now: place, from: place, goal: place, elapsed_ms: 0.0, motion: Motion::default() }
    }

    pub fn now(&self) -> T {
        self.now
    }

    /// Where it will come to rest.
    pub fn goal(&self) -> T {
        self.goal
    }

    pub fn go(&mut self, goal: T, motion: Motion) {
        *self = Self { now: self.now, from: self.now, goal, elapsed_ms: 0.0, motion };
        if motion.duration_ms <= 0.0 {
            self.now = goal;
        }
    }

    pub fn is_moving(&self) -> bool {
        self.now != self.goal
    }

    pub fn advance(&mut self, delta_ms: f64) {
        if self.is_moving() {
            self.elapsed_ms += delta_ms;
            let t = (self.elapsed_ms / self.motion.duration_ms).clamp(0.0, 1.0);
            self.now = if t >= 1.0 { self.goal } else { T::blend(self.from, self.goal, self.motion.easing.at(t)) };
        }
    }
}

/// A part of an axis, in bytes or ops.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Span {
    pub start: f64,
    pub end: f64,
}

impl Span {
    pub fn new(start: f64, end: f64) -> Self {
        Self { start, end }
    }

    pub fn len(self) -> f64 {
        self.end - self.start
    }

    /// Moved and, where too large, shrunk so that it lies in 0..`extent`; never shorter than `least`.
    pub fn within(self, extent: f64, least: f64) -> Self {
        // Numbers this large have no neighbours closer than a part in 2^52: less could not be told apart.
        let extent = if extent.is_finite() { extent.max(least) } else { least };
        let least = least.max(extent * 1e-12);
        if !(self.start.is_finite() && self.len().is_finite()) {
            return Self { start: 0.0, end: extent };
        }
        let len = self.len().clamp(least, extent);
        let start = (self.start + (self.len() - len) / 2.0).clamp(0.0, extent - len);
        Self { start, end: start + len }
    }

    /// Scaled by 1/`factor` around `anchor`, a fraction of the span that stays in place.
    pub fn zoomed(self, factor: f64, anchor: f64) -> Self {
        let len = self.len() / factor;
        let fixed = self.start + anchor * self.len();
        Self { start: fixed - anchor * len, end: fixed + (1.0 - anchor) * len }
    }
}

impl Blend for Span {
    /// Zooms evenly: lengths change by equal factors in equal times.
    fn blend(from: Self, to: Self, t: f64) -> Self {
        let (a, b) = (from.len().max(1e-9), to.len().max(1e-9));
        let len = (a.ln() + (b.ln() - a.ln()) * t).exp();
        // The middle keeps pace with the length, or a far goal would rush past.
        let share = if (b - a).abs() > 1e-6 * a { (len - a) / (b - a) } else { t };
        let middle = f64::midpoint(from.start, from.end) * (1.0 - share) + f64::midpoint(to.start, to.end) * share;
        Self { start: middle - len / 2.0, end: middle + len / 2.0 }
    }
}

/// The part of a graph that is seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GraphCamera {
    /// In layout units.
    pub center: [f32; 2],
    /// Points of the screen for one layout unit.
    pub scale: f32,
}

impl Blend for GraphCamera {
    fn blend(from: Self, to: Self, t: f64) -> Self {
        let t = t as f32;
        let scale = (from.scale.ln() + (to.scale.ln() - from.scale.ln()) * t).exp();
        let mix = |i: usize| from.center[i] + (to.center[i] - from.center[i]) * t;
        Self { center: [mix(0), mix(1)], scale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_movement_ends_exactly_at_its_goal() {
        let mut span = Moving::at(Span::new(0.0, 1e9));
        span.go(Span::new(5.0, 6.0), Motion { duration_ms: 100.0, easing: Easing::EaseInOut });
        let mut last = span.now().len();
        for _ in 0..9 {
            span.advance(10.0);
            assert!(span.is_moving() && span.now().len() < last, "{:?}", span.now());
            last = span.now().len();
        }
        span.advance(10.0);
        assert_eq!(span.now(), Span::new(5.0, 6.0));
        assert!(!span.is_moving());
    }

    #[test]
    fn zooming_keeps_what_is_under_the_cursor() {
        let span = Span::new(100.0, 300.0).zoomed(4.0, 0.25);
        assert_eq!(span, Span::new(137.5, 187.5));
        assert_eq!(Span::new(-50.0, 50.0).within(1000.0, 1.0), Span::new(0.0, 100.0));
        assert_eq!(Span::new(-50.0, 5000.0).within(1000.0, 1.0), Span::new(0.0, 1000.0));
        assert_eq!(Span::new(10.0, 10.1).within(1000.0, 1.0).len(), 1.0);
    }
}
