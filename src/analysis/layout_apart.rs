//! Parts nodes that would overlap: each, in turn, takes the free place nearest to where it wants to be.

use hashbrown::HashMap;

use crate::analysis::watch::Watch;
use crate::kernel_io::layout::{LayoutGraph, RADIUS_RANGE};

/// Free space between the rims of two nodes, in layout units.
const GAP: f32 = 0.5;

/// Moves `nodes` as little as it takes; those earlier in the list stay closer to their place.
/// `None` where `watch` ended it; its share of all the work is `share`.
pub fn part(
    graph: &LayoutGraph,
    nodes: &[u32],
    positions: &mut [[f32; 2]],
    watch: Watch<'_>,
    share: [u32; 2],
) -> Option<()> {
    let largest = nodes.iter().map(|&node| graph.radius_units(node as usize)).fold(RADIUS_RANGE[0], f32::max);
    let mut taken = Taken { cell_units: 2.0 * largest + GAP, cells: HashMap::new() };
    // Around a crowded place, rings that were full once stay full.
    let mut full_rings: HashMap<(i32, i32), u32> = HashMap::new();
    for (done, &node) in nodes.iter().enumerate() {
        watch.reach(share, done, nodes.len())?;
        let radius = graph.radius_units(node as usize);
        let wanted = positions[node as usize].map(|along| if along.is_finite() { along } else { 0.0 });
        let pitch = 2.0 * radius + GAP;
        let spot = ((wanted[0] / pitch).floor() as i32, (wanted[1] / pitch).floor() as i32);
        let mut ring = full_rings.get(&spot).copied().unwrap_or(0);
        let place = loop {
            // A hexagon's worth of places on every ring.
            let places = if ring == 0 { 1 } else { 6 * ring };
            let on_ring = |at: u32| {
                let angle = (at as f32 + 0.5 * (ring % 2) as f32) / places as f32 * std::f32::consts::TAU;
                let away = pitch * ring as f32;
                [wanted[0] + away * angle.cos(), wanted[1] + away * angle.sin()]
            };
            if let Some(free) = (0..places).map(on_ring).find(|&place| taken.is_free(place, radius)) {
                break free;
            }
            ring += 1;
        };
        if ring > 1 {
            full_rings.insert(spot, ring - 1);
        }
        taken.put(place, radius);
        positions[node as usize] = place;
    }
    Some(())
}

/// Middle and radius.
type Disc = ([f32; 2], f32);

/// Nodes that have their place, by cell.
struct Taken {
    cell_units: f32,
    cells: HashMap<(i32, i32), Vec<Disc>>,
}

impl Taken {
    fn cell(&self, place: [f32; 2]) -> (i32, i32) {
        ((place[0] / self.cell_units).floor() as i32, (place[1] / self.cell_units).floor() as i32)
    }

    fn is_free(&self, place: [f32; 2], radius: f32) -> bool {
        let (x, y) = self.cell(place);
        let around = (y - 1..=y + 1).flat_map(|row| (x - 1..=x + 1).map(move |column| (column, row)));
        around.filter_map(|cell| self.cells.get(&cell)).flatten().all(|&(other, other_radius)| {
            let between = (place[0] - other[0]).hypot(place[1] - other[1]);
            between >= radius + other_radius + 0.5 * GAP
        })
    }

    fn put(&mut self, place: [f32; 2], radius: f32) {
        self.cells.entry(self.cell(place)).or_default().push((place, radius));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_io::layout::NO_LAYER;

    #[test]
    fn a_heap_comes_apart_around_its_place_and_what_was_free_stays() {
        let count = 400;
        let graph = LayoutGraph { layer: vec![NO_LAYER; count], ..LayoutGraph::default() };
        let mut positions = vec![[5.0, 5.0]; count];
        positions[0] = [500.0, 0.0];
        let nodes: Vec<u32> = (0..count as u32).collect();
        part(&graph, &nodes, &mut positions, Watch::nobody(), [0, 1000]).unwrap();
        assert_eq!(positions[0], [500.0, 0.0]);
        for a in 1..count {
            let from_heap = (positions[a][0] - 5.0).hypot(positions[a][1] - 5.0);
            assert!(from_heap < 45.0, "{from_heap}");
            for b in 0..a {
                let between = (positions[a][0] - positions[b][0]).hypot(positions[a][1] - positions[b][1]);
                assert!(between > 2.0, "{a} and {b}");
            }
        }
    }
}
