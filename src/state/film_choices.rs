//! How stills and films of the window are made: what of it, how large, how many frames a second

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{AppState, Effect, View};

/// Frames a second that a film may have.
pub const FPS: std::ops::RangeInclusive<u32> = 1..=240;
/// Pixels that a point may have.
pub const SCALES: std::ops::RangeInclusive<f32> = 0.25..=8.0;

/// What of the window a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// All of the window.
    #[default]
    All,
    /// The panel in full screen, else the one under the cursor, alone.
    Panel,
    /// A panel alone.
    #[serde(untagged)]
    View(View),
}

/// What a person chose for all stills and films.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilmChoices {
    pub part: Part,
    /// Pixels of a point; as many as on the display if not chosen.
    pub scale: Option<f32>,
    pub fps: u32,
}

impl Default for FilmChoices {
    fn default() -> Self {
        Self { part: Part::default(), scale: None, fps: 30 }
    }
}

/// A still or a film that was asked for: where it goes, and how it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct FilmOrder {
    /// A name beside the other pictures if there is none.
    pub path: Option<PathBuf>,
    pub choices: FilmChoices,
}

impl AppState {
    pub(super) fn set_film(&mut self, part: Option<Part>, scale: Option<f32>, fps: Option<u32>) -> Option<Effect> {
        match self.film_choices(part, scale, fps) {
            Ok(choices) => self.film = choices,
            Err(why) => return Some(Effect::Refused(why)),
        }
        None
    }

    /// What was chosen, but for what an Action says of its own.
    pub(super) fn film_choices(
        &self,
        part: Option<Part>,
        scale: Option<f32>,
        fps: Option<u32>,
    ) -> Result<FilmChoices, String> {
        let choices = FilmChoices {
            part: part.unwrap_or(self.film.part),
            scale: scale.or(self.film.scale),
            fps: fps.unwrap_or(self.film.fps),
        };
        if choices.scale.is_some_and(|scale| !SCALES.contains(&scale)) {
            return Err(format!("a point has {} to {} pixels", SCALES.start(), SCALES.end()));
        }
        if !FPS.contains(&choices.fps) {
            return Err(format!("a film has {} to {} frames a second", FPS.start(), FPS.end()));
        }
        Ok(choices)
    }
}
