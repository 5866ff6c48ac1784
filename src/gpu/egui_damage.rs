//! What of a picture has to be painted anew to make the next one of it.
//!
//! Both are lists of draws. Those that are the same in both, in the same order, paint the same pixels; so only where one
//! of the others lies, in either picture, can a pixel differ.

use egui::TextureId;
use hashbrown::HashMap;

use super::egui_mesh::{Draw, MeshList, PixelRect};

/// Rectangles beyond which one around all is cheaper: each goes through the draws that touch it.
const MOST_PARTS: usize = 8;
/// Share of the target above which all of it is painted.
const MOST_SHARE: f64 = 0.75;

/// What to paint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    Nothing,
    /// Rectangles that do not overlap.
    Parts(Vec<PixelRect>),
    Everything,
}

impl Damage {
    /// What differs between a picture made of `shown` and one made of `next`, where the texels of textures that are
    /// `repainted` differ too.
    pub fn between(shown: &MeshList, next: &MeshList, repainted: impl Fn(TextureId) -> bool) -> Self {
        if shown.size_px != next.size_px || shown.pixels_per_point.to_bits() != next.pixels_per_point.to_bits() {
            return Self::Everything;
        }
        let mut parts = Vec::new();
        let (kept_of_shown, kept_of_next) = common(&shown.draws, &next.draws);
        for (draws, kept) in [(&shown.draws, kept_of_shown), (&next.draws, kept_of_next)] {
            for (draw, kept) in draws.iter().zip(kept) {
                if let Some(bounds) = draw.bounds_px.filter(|_| !kept || repainted(draw.texture)) {
                    add(&mut parts, bounds);
                }
            }
        }
        let area: u64 = parts.iter().map(PixelRect::area).sum();
        let whole = u64::from(next.size_px[0]) * u64::from(next.size_px[1]);
        match parts.len() {
            0 => Self::Nothing,
            _ if area as f64 > whole as f64 * MOST_SHARE => Self::Everything,
            _ => Self::Parts(parts),
        }
    }
}

/// Which draws of each list stand in the other too, in the same order.
fn common(shown: &[Draw], next: &[Draw]) -> (Vec<bool>, Vec<bool>) {
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, draw) in shown.iter().enumerate() {
        places.entry(draw.content).or_default().push(at);
    }
    let (mut of_shown, mut of_next) = (vec![false; shown.len()], vec![false; next.len()]);
    let mut behind = 0;
    for (at, draw) in next.iter().enumerate() {
        let Some(places) = places.get(&draw.content) else { continue };
        if let Some(&place) = places.get(places.partition_point(|&place| place < behind)) {
            (of_shown[place], of_next[at]) = (true, true);
            behind = place + 1;
        }
    }
    (of_shown, of_next)
}

/// Adds a rectangle, and joins what overlaps.
fn add(parts: &mut Vec<PixelRect>, mut rect: PixelRect) {
    while let Some(at) = parts.iter().position(|part| part.intersection(&rect).is_some()) {
        rect = rect.union(&parts.swap_remove(at));
    }
    parts.push(rect);
    if parts.len() > MOST_PARTS
        && let Some(all) = parts.drain(..).reduce(|a, b| a.union(&b))
    {
        parts.push(all);
    }
}
