//! Stills and films of a workspace: what of it they show, and the twin that is drawn for them.

use super::{Options, Workspace};
use crate::app::Waker;
use crate::app::film::manifest::FilmedRun;
use crate::app::film::studio::{News, Pose};
use crate::gpu::Gpu;
use crate::state::View;
use crate::state::film_choices::{FilmOrder, Part};

/// A still or a film that is to be begun.
pub(super) enum PictureWanted {
    Still(FilmOrder),
    Film(FilmOrder),
}

impl Workspace {
    /// The window once more, for pictures of it: all of it or one panel alone, without times, memory and cursor.
    pub(in crate::app) fn twin(&self, only: Option<View>) -> Self {
        let options = Options { only, reproducible: true };
        let mut twin = Self::new(self.status.adapter.clone(), Waker::none(), options);
        twin.is_twin = true;
        twin.pose_as(self);
        twin
    }

    /// Has a twin show what `window` shows.
    pub(in crate::app) fn pose_as(&mut self, window: &Self) {
        self.state = window.state.clone();
        self.state.hover = None;
        self.tree = window.tree.clone();
        self.panel_resets = window.panel_resets;
        self.shown_view = window.shown_view;
        self.table.scroll_as(&window.table);
    }

    /// What of the window is asked for, and where that is.
    fn pose(&self, order: &FilmOrder) -> Pose {
        let (window, pixels_per_point) = self.window;
        let only = match order.choices.part {
            Part::All => self.options.only,
            Part::Panel => Some(self.state.full_screen.or(self.under).unwrap_or(self.state.view)),
            Part::View(view) => Some(view),
        };
        let place = only.and_then(|view| self.places.iter().find(|(at, _)| *at == view)).map(|(_, place)| *place);
        Pose::new(only, place.unwrap_or(window), order.choices.scale.unwrap_or(pixels_per_point))
    }

    /// Begins the stills and films that were asked for, and goes on with them.
    pub(super) fn make_pictures(&mut self, gpu: &Gpu) {
        let mut studio = std::mem::take(&mut self.studio);
        for wanted in std::mem::take(&mut self.pictures_wanted) {
            let Some(document) = self.state.document.clone() else {
                self.status.problem = Some("there is no run to make pictures of; open one".to_owned());
                continue;
            };
            let begun = match &wanted {
                PictureWanted::Still(order) => studio.begin_still(gpu, self, order, self.pose(order)),
                PictureWanted::Film(order) => {
                    let run = FilmedRun::new(document.name(), &document.trace);
                    studio.begin_film(gpu, self, order, self.pose(order), run)
                }
            };
            if let Err(error) = begun {
                self.status.problem = Some(error.to_string());
            }
        }
        for news in studio.work(gpu, self) {
            match news {
                News::Done(what) => self.status.notice = Some(what),
                News::Failed(why) => self.status.problem = Some(why),
            }
        }
        self.studio = studio;
    }
}
