//! Which node is under the pointer, from positions read back once the layout is at rest.

use crate::kernel_io::graph_view::GraphCamera;

/// Nodes by grid cell: a question looks at the cells around the pointer only, however large the graph.
pub struct PickIndex {
    low: [f32; 2],
    cell_units: f32,
    columns: usize,
    rows: usize,
    /// Nodes of cell c are `nodes[start[c]..start[c + 1]]`.
    start: Vec<u32>,
    nodes: Vec<u32>,
    positions: Vec<[f32; 2]>,
    radii: Vec<f32>,
    largest_radius: f32,
}

impl PickIndex {
    /// Positions and radii in layout units. Nodes without a positive radius or a finite position (hidden ones, say)
    /// cannot be hit.
    pub fn new(positions: &[[f32; 2]], radii: &[f32]) -> Self {
        let count = positions.len().min(radii.len());
        let hittable = |node: &usize| {
            radii[*node] > 0.0 && radii[*node].is_finite() && positions[*node].iter().all(|c| c.is_finite())
        };
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        let mut largest_radius = 0.0f32;
        for node in (0..count).filter(hittable) {
            for axis in 0..2 {
                low[axis] = low[axis].min(positions[node][axis]);
                high[axis] = high[axis].max(positions[node][axis]);
            }
            largest_radius = largest_radius.max(radii[node]);
        }
        if largest_radius == 0.0 {
            (low, high) = ([0.0; 2], [0.0; 2]);
        }
        let size = [high[0] - low[0], high[1] - low[1]];
        let cell_units = (2.0 * largest_radius).max(size[0].max(size[1]) / 1024.0).max(1e-3);
        let mut index = Self {
            low,
            cell_units,
            columns: (size[0] / cell_units) as usize + 1,
            rows: (size[1] / cell_units) as usize + 1,
            start: Vec::new(),
            nodes: Vec::new(),
            positions: positions[..count].to_vec(),
            radii: radii[..count].to_vec(),
            largest_radius,
        };
        let mut by_cell: Vec<(usize, u32)> = (0..count)
            .filter(hittable)
            .map(|node| {
                let [column, row] = index.cell(positions[node]);
                (row * index.columns + column, node as u32)
            })
            .collect();
        by_cell.sort_unstable();
        index.start = vec![0; index.columns * index.rows + 1];
        for &(cell, _) in &by_cell {
            index.start[cell + 1] += 1;
        }
        for cell in 0..index.columns * index.rows {
            index.start[cell + 1] += index.start[cell];
        }
        index.nodes = by_cell.into_iter().map(|(_, node)| node).collect();
        index
    }

    /// The node at `pixel`, or the nearest one whose rim is within `slack_px` of it.
    pub fn pick(&self, camera: &GraphCamera, pixel: [f32; 2], slack_px: f32) -> Option<u32> {
        let at = camera.layout_from_pixel(pixel);
        let slack_units = slack_px / camera.scale;
        if !(at.iter().all(|c| c.is_finite()) && slack_units.is_finite()) {
            return None;
        }
        let reach = self.largest_radius + slack_units;
        let [first_column, first_row] = self.cell([at[0] - reach, at[1] - reach]);
        let [last_column, last_row] = self.cell([at[0] + reach, at[1] + reach]);
        let mut nearest: Option<(f32, u32)> = None;
        for row in first_row..=last_row {
            let cells = row * self.columns + first_column..row * self.columns + last_column + 1;
            for &node in &self.nodes[self.start[cells.start] as usize..self.start[cells.end] as usize] {
                let [x, y] = self.positions[node as usize];
                let off_rim = (x - at[0]).hypot(y - at[1]) - self.radii[node as usize];
                if off_rim <= slack_units && nearest.is_none_or(|(best, _)| off_rim < best) {
                    nearest = Some((off_rim, node));
                }
            }
        }
        nearest.map(|(_, node)| node)
    }

    /// The cell of a position, or the nearest one there is.
    fn cell(&self, position: [f32; 2]) -> [usize; 2] {
        let along = |axis: usize, count: usize| {
            (((position[axis] - self.low[axis]) / self.cell_units).max(0.0) as usize).min(count - 1)
        };
        [along(0, self.columns), along(1, self.rows)]
    }
}
