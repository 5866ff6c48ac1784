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

    /// Has a film begin or end; the other of what it does now if `on` is not given.
    pub(super) fn record(&mut self, on: Option<bool>, order: FilmOrder) {
        let wanted = self.pictures_wanted.iter().any(|wanted| matches!(wanted, PictureWanted::Film(_)));
        match (on, wanted || self.studio.is_recording()) {
            (Some(false) | None, true) if wanted => {
                self.pictures_wanted.retain(|wanted| matches!(wanted, PictureWanted::Still(_)));
                self.status.problem =
                    Some("the film was stopped before its first frame; nothing is written".to_owned());
            }
            (Some(false) | None, true) => self.studio.end_film(),
            (Some(true) | None, false) => self.pictures_wanted.push(PictureWanted::Film(order)),
            (Some(true), true) => {
                self.status.problem = Some("a film is being recorded; stop it first, with F9".to_owned());
            }
            (Some(false), false) => {}
        }
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
                PictureWanted::Still(order) => {
                    studio.begin_still(self, order, self.pose(order));
                    Ok(())
                }
                PictureWanted::Film(order) => {
                    let run = FilmedRun::new(document.name(), &document.trace);
                    studio.begin_film(gpu, self, order, self.pose(order), run)
                }
            };
            if let Err(error) = begun {
                self.status.problem = Some(error.to_string());
            }
        }
        let mut news = studio.work(gpu, self);
        if self.quit {
            // No frame follows that could draw them.
            news.extend(studio.finish_stills(gpu));
        }
        self.studio = studio;
        self.tell(news);
    }

    /// Says what came of stills and films; what failed also where a person reads it once the window is gone.
    pub(super) fn tell(&mut self, news: Vec<News>) {
        for news in news {
            match news {
                News::Done(what) => self.status.notice = Some(what),
                News::Failed(why) => {
                    if self.quit {
                        eprintln!("tensorscope: {why}");
                    }
                    self.status.problem = Some(why);
                }
            }
        }
    }
}
