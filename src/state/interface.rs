//! What a person chose of the window itself: panels, the size of everything, and what is open over the panels.

use std::collections::BTreeSet;

use super::View;

/// Sizes of the interface at which it can still be used.
pub const LEAST_UI_SCALE: f32 = 0.5;
pub const MOST_UI_SCALE: f32 = 3.0;
/// Sizes that keys and menus go through.
const UI_SCALES: [f32; 11] = [0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 2.5, 3.0];

#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    /// Size of texts and controls; 1 is as the system asks for.
    pub ui_scale: f32,
    /// Panels that were closed.
    pub closed: BTreeSet<View>,
    /// How often all panels were put back where they were at first; only the window knows where they are.
    pub panel_resets: u64,
    pub palette_shown: bool,
    pub search_shown: bool,
    /// What is searched for; a regular expression between slashes.
    pub search: String,
    pub hint_shown: bool,
}

impl Default for Interface {
    fn default() -> Self {
        Self {
            ui_scale: 1.0,
            closed: BTreeSet::new(),
            panel_resets: 0,
            palette_shown: false,
            search_shown: false,
            search: String::new(),
            hint_shown: false,
        }
    }
}

impl Interface {
    /// Nothing is changed by a scale that is none.
    pub(super) fn set_ui_scale(&mut self, scale: f32) {
        if scale.is_finite() {
            self.ui_scale = scale.clamp(LEAST_UI_SCALE, MOST_UI_SCALE);
        }
    }

    /// To the next size that keys go through.
    pub(super) fn step_ui_scale(&mut self, larger: bool) {
        const SAME: f32 = 0.01;
        let now = self.ui_scale;
        let next = match larger {
            true => UI_SCALES.into_iter().find(|&scale| scale > now + SAME),
            false => UI_SCALES.into_iter().rev().find(|&scale| scale < now - SAME),
        };
        self.ui_scale = next.unwrap_or(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_stay_within_what_can_be_used() {
        let mut interface = Interface::default();
        for larger in [true, false] {
            for _ in 0..20 {
                interface.step_ui_scale(larger);
            }
            assert_eq!(interface.ui_scale, if larger { MOST_UI_SCALE } else { LEAST_UI_SCALE });
        }
        interface.set_ui_scale(100.0);
        assert_eq!(interface.ui_scale, MOST_UI_SCALE);
        interface.set_ui_scale(f32::NAN);
        assert_eq!(interface.ui_scale, MOST_UI_SCALE);
        interface.set_ui_scale(1.2);
        interface.step_ui_scale(false);
        assert_eq!(interface.ui_scale, 1.1);
    }
}
