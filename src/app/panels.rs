//! Where panels are: at first, as a person moved them, and as text that outlives the program.

use std::collections::BTreeSet;

use egui_tiles::{Container, Linear, LinearDir, Tabs, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

use crate::state::View;

/// A part of the window: a panel, or parts beside, above or behind each other. Panels go by the names that scripts use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Panel(String),
    Tabs { parts: Vec<Part>, active: usize },
    Beside { parts: Vec<Part>, shares: Vec<f32> },
    Above { parts: Vec<Part>, shares: Vec<f32> },
    Grid { parts: Vec<Part> },
}

/// The panels where they are when a run opens first: design.md section 7.
pub fn first_arrangement() -> Tree<View> {
    let tabs = |views: &[View]| Part::Tabs { parts: views.iter().map(|view| panel(*view)).collect(), active: 0 };
    let top = Part::Beside { parts: vec![tabs(&[View::Graph]), tabs(&[View::Heatmap])], shares: vec![1.0, 1.1] };
    let bottom = Part::Beside {
        parts: vec![tabs(&[View::Table, View::Analytics, View::Health]), tabs(&[View::Inspector])],
        shares: vec![3.0, 1.0],
    };
    let all = Part::Above { parts: vec![top, tabs(&[View::Timeline]), bottom], shares: vec![3.0, 0.95, 1.55] };
    // Panels that are named nowhere here stand beside the table.
    restore(&all)
}

/// What `tree` looks like.
pub fn describe(tree: &Tree<View>) -> Option<Part> {
    part_of(&tree.tiles, tree.root()?)
}

/// A tree that looks like `part`, with every panel in it exactly once: what is unknown or there twice is left out, and what
/// is missing becomes a tab beside the table.
pub fn restore(part: &Part) -> Tree<View> {
    let mut seen = BTreeSet::new();
    let nothing = Part::Tabs { parts: Vec::new(), active: 0 };
    let mut part = sound(part, &mut seen).unwrap_or(nothing);
    if seen.is_empty() {
        return first_arrangement();
    }
    for view in View::ALL {
        if !seen.contains(&view) {
            add(&mut part, view);
        }
    }
    build(&part)
}

/// The name that scripts use.
fn name(view: View) -> String {
    serde_json::to_value(view).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn panel(view: View) -> Part {
    Part::Panel(name(view))
}

fn view_of(name: &str) -> Option<View> {
    View::ALL.into_iter().find(|view| self::name(*view) == name)
}

fn part_of(tiles: &Tiles<View>, id: TileId) -> Option<Part> {
    let parts = |children: &[TileId]| -> Vec<(TileId, Part)> {
        children.iter().filter_map(|&child| Some((child, part_of(tiles, child)?))).collect()
    };
    Some(match tiles.get(id)? {
        Tile::Pane(view) => panel(*view),
        Tile::Container(Container::Tabs(tabs)) => {
            let parts = parts(&tabs.children);
            let active = parts.iter().position(|(child, _)| Some(*child) == tabs.active).unwrap_or(0);
            Part::Tabs { parts: parts.into_iter().map(|(_, part)| part).collect(), active }
        }
        Tile::Container(Container::Linear(linear)) => {
            let (shares, parts) =
                parts(&linear.children).into_iter().map(|(child, part)| (linear.shares[child], part)).unzip();
            match linear.dir {
                LinearDir::Horizontal => Part::Beside { parts, shares },
                LinearDir::Vertical => Part::Above { parts, shares },
            }
        }
        Tile::Container(Container::Grid(grid)) => {
            let children: Vec<TileId> = grid.children().copied().collect();
            Part::Grid { parts: parts(&children).into_iter().map(|(_, part)| part).collect() }
        }
    })
}

/// `part` without what this program does not know and without what `seen` has already.
fn sound(part: &Part, seen: &mut BTreeSet<View>) -> Option<Part> {
    let mut kept = |parts: &[Part]| -> Vec<(usize, Part)> {
        parts.iter().enumerate().filter_map(|(at, part)| Some((at, sound(part, seen)?))).collect()
    };
    let shared = |parts: Vec<(usize, Part)>, shares: &[f32]| -> (Vec<Part>, Vec<f32>) {
        let share =
            |at: usize| shares.get(at).copied().filter(|s| s.is_finite() && *s > 0.0 && *s < 1e6).unwrap_or(1.0);
        parts.into_iter().map(|(at, part)| (part, share(at))).unzip()
    };
    Some(match part {
        Part::Panel(name) => panel(view_of(name).filter(|view| seen.insert(*view))?),
        Part::Tabs { parts, active } => {
            let parts = kept(parts);
            let active = parts.iter().position(|(at, _)| at == active).unwrap_or(0);
            Part::Tabs { parts: not_empty(parts.into_iter().map(|(_, part)| part).collect())?, active }
        }
        Part::Beside { parts, shares } => {
            let (parts, shares) = shared(kept(parts), shares);
            Part::Beside { parts: not_empty(parts)?, shares }
        }
        Part::Above { parts, shares } => {
            let (parts, shares) = shared(kept(parts), shares);
            Part::Above { parts: not_empty(parts)?, shares }
        }
        Part::Grid { parts } => {
            Part::Grid { parts: not_empty(kept(parts).into_iter().map(|(_, part)| part).collect())? }
        }
    })
}

fn not_empty(parts: Vec<Part>) -> Option<Vec<Part>> {
    (!parts.is_empty()).then_some(parts)
}

/// Puts `view` beside the table, or where the first tabs are, or on its own below everything.
fn add(part: &mut Part, view: View) {
    fn tabs<'a>(part: &'a mut Part, fits: &dyn Fn(&[Part]) -> bool) -> Option<&'a mut Vec<Part>> {
        let fitting = matches!(&*part, Part::Tabs { parts, .. } if fits(parts));
        match part {
            Part::Panel(_) => None,
            Part::Tabs { parts, .. }
            | Part::Beside { parts, .. }
            | Part::Above { parts, .. }
            | Part::Grid { parts } => match fitting {
                true => Some(parts),
                false => parts.iter_mut().find_map(|part| tabs(part, fits)),
            },
        }
    }
    let table = panel(View::Table);
    if let Some(parts) = tabs(part, &|parts| parts.contains(&table)) {
        parts.push(panel(view));
    } else if let Some(parts) = tabs(part, &|_| true) {
        parts.push(panel(view));
    } else {
        let before = std::mem::replace(part, Part::Panel(String::new()));
        *part = Part::Above { parts: vec![before, panel(view)], shares: vec![3.0, 1.0] };
    }
}

fn build(part: &Part) -> Tree<View> {
    let mut tiles = Tiles::default();
    let id = egui::Id::unique("panels");
    match insert(&mut tiles, part) {
        Some(root) => Tree::new(id, root, tiles),
        None => Tree::empty(id),
    }
}

fn insert(tiles: &mut Tiles<View>, part: &Part) -> Option<TileId> {
    let mut children =
        |parts: &[Part]| -> Vec<TileId> { parts.iter().filter_map(|part| insert(tiles, part)).collect() };
    let container = match part {
        Part::Panel(name) => return view_of(name).map(|view| tiles.insert_pane(view)),
        Part::Tabs { parts, active } => {
            let mut tabs = Tabs::new(children(parts));
            tabs.active = tabs.children.get(*active).or(tabs.children.first()).copied();
            Container::Tabs(tabs)
        }
        Part::Beside { parts, shares } | Part::Above { parts, shares } => {
            let direction =
                if matches!(part, Part::Beside { .. }) { LinearDir::Horizontal } else { LinearDir::Vertical };
            let mut linear = Linear::new(direction, children(parts));
            for (child, share) in linear.children.clone().into_iter().zip(shares) {
                linear.shares.set_share(child, *share);
            }
            Container::Linear(linear)
        }
        Part::Grid { parts } => Container::new_grid(children(parts)),
    };
    Some(tiles.insert_container(container))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn views(tree: &Tree<View>) -> Vec<View> {
        let mut views: Vec<View> = tree
            .tiles
            .tiles()
            .filter_map(|tile| if let Tile::Pane(view) = tile { Some(*view) } else { None })
            .collect();
        views.sort_unstable();
        views
    }

    #[test]
    fn what_is_written_comes_back() {
        let first = describe(&first_arrangement()).unwrap();
        let text = serde_json::to_string(&first).unwrap();
        let again = restore(&serde_json::from_str(&text).unwrap());
        assert_eq!(describe(&again).unwrap(), first);
        let grid = Part::Grid { parts: View::ALL.map(panel).to_vec() };
        assert_eq!(describe(&restore(&grid)).unwrap(), grid);
    }

    #[test]
    fn every_panel_is_there_once_whatever_was_written() {
        let mut all = View::ALL.to_vec();
        all.sort_unstable();
        let odd = [
            r#"{"panel":"graph"}"#,
            r#"{"panel":"holodeck"}"#,
            r#"{"tabs":{"parts":[],"active":9}}"#,
            r#"{"tabs":{"parts":[{"panel":"graph"},{"panel":"graph"},{"panel":"holodeck"}],"active":7}}"#,
            r#"{"beside":{"parts":[{"panel":"table"},{"above":{"parts":[{"panel":"health"}],"shares":[-1]}}],"shares":[1e30]}}"#,
            r#"{"grid":{"parts":[{"grid":{"parts":[]}},{"panel":"timeline"}]}}"#,
        ];
        for text in odd {
            assert_eq!(views(&restore(&serde_json::from_str(text).unwrap())), all, "{text}");
        }
        // A panel of a later version stands beside the table.
        let old = Part::Tabs { parts: vec![panel(View::Table), panel(View::Graph)], active: 1 };
        let Some(Part::Tabs { parts, active: 1 }) = describe(&restore(&old)) else {
            panic!("tabs with the same in front")
        };
        assert_eq!(parts.len(), View::ALL.len());
    }
}
