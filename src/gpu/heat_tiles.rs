//! Tiles of heatmaps in GPU memory: which are there, which are made next within a budget, which are forgotten.

use std::ops::Range;

use hashbrown::HashMap;

use super::heat::{HeatData, HeatGpuError, HeatPipelines};
use super::{Gpu, GpuError};
use crate::kernel_io::heat::{Aggregate, HeatGrid, HeatLevel, HeatQuery};

/// Cells along each side of a tile.
pub const TILE: u32 = 256;
/// Tiles that are kept: 128 MiB of them, and what WebGPU allows in one texture.
pub const MOST_TILES: u32 = 256;
/// Tiles beside each other that are made together, so that their accesses are counted once.
const MOST_TOGETHER: u64 = 16;
/// What an access costs more where it is raised to maxima instead of being counted.
const RAISED_COST: u64 = 8;
/// And where it is marked by itself.
const MARK_COST: u64 = 8;
/// What a range costs that is spread over a row, in counted accesses, and what a cell does.
const SPREAD_COST: u64 = 3;
const CELL_COST: u64 = 2;

/// Where a tile lies: it covers cells `x * TILE..` of bytes and `y * TILE..` of ops of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileKey {
    /// The caller's number for a run, a track and an order of it.
    pub source: u32,
    pub level: HeatLevel,
    pub x: u64,
    pub y: u64,
}

#[derive(Debug, Clone, Copy)]
struct Tile {
    layer: u32,
    /// Rows from the first that hold their values.
    rows: u32,
    used: u64,
}

/// What stands for a tile on a picture: the tile itself or a part of a coarser one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    pub layer: u32,
    /// Rows of the tile that can be read.
    pub rows: u32,
    /// How many levels coarser it is, along bytes and ops.
    pub shift: [u32; 2],
    /// The cell in it that the wanted tile's first cell belongs to.
    pub offset: [u32; 2],
    pub level: HeatLevel,
}

/// Tiles that a picture shows, in one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub source: u32,
    pub level: HeatLevel,
    pub x: Range<u64>,
    pub y: Range<u64>,
}

impl Wanted {
    pub fn count(&self) -> u64 {
        (self.x.end - self.x.start).saturating_mul(self.y.end - self.y.start)
    }
}

/// The tiles of one device.
pub struct HeatTiles {
    texture: wgpu::Texture,
    pub(super) view: wgpu::TextureView,
    tiles: HashMap<TileKey, Tile>,
    free: Vec<u32>,
    clock: u64,
}

impl HeatTiles {
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        let layers = MOST_TILES.min(gpu.device.limits().max_texture_array_layers);
        let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("heat tiles"),
            size: wgpu::Extent3d { width: TILE, height: TILE, depth_or_array_layers: layers },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rg32Uint,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        gpu.check()?;
        let view = texture.create_view(&wgpu::TextureViewDescriptor {
            dimension: Some(wgpu::TextureViewDimension::D2Array),
            ..wgpu::TextureViewDescriptor::default()
        });
        Ok(Self { texture, view, tiles: HashMap::new(), free: (0..layers).rev().collect(), clock: 0 })
    }

    /// Begins a picture: what it uses from here on is not forgotten before the next begins.
    pub fn begin(&mut self) {
        self.clock += 1;
    }

    /// Forgets all tiles.
    pub fn clear(&mut self) {
        self.free.extend(self.tiles.drain().map(|(_, tile)| tile.layer));
    }

    /// Whether all tiles of `wanted` hold all their values.
    pub fn has(&self, wanted: &Wanted) -> bool {
        let made = |x: u64, y: u64| self.rows_of(&TileKey { source: wanted.source, level: wanted.level, x, y }) == TILE;
        wanted.y.clone().all(|y| wanted.x.clone().all(|x| made(x, y)))
    }

    /// Whether nothing stands for any tile of `wanted`.
    pub fn is_blank(&mut self, wanted: &Wanted) -> bool {
        let key = |x: u64, y: u64| TileKey { source: wanted.source, level: wanted.level, x, y };
        wanted.y.clone().all(|y| wanted.x.clone().all(|x| self.stand(&key(x, y)).is_none()))
    }

    /// Tiles that hold all their values.
    pub fn complete_count(&self) -> usize {
        self.tiles.values().filter(|tile| tile.rows == TILE).count()
    }

    /// The values of a tile that holds all of them, once they are computed: what comparisons with the twin need.
    pub fn read(&self, gpu: &Gpu, key: &TileKey) -> Result<Option<HeatGrid>, GpuError> {
        let Some(tile) = self.tiles.get(key).filter(|tile| tile.rows == TILE) else { return Ok(None) };
        let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("tile read-back"),
            size: 8 * u64::from(TILE * TILE),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let from = wgpu::TexelCopyTextureInfo {
            origin: wgpu::Origin3d { x: 0, y: 0, z: tile.layer },
            ..self.texture.as_image_copy()
        };
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(8 * TILE), rows_per_image: None };
        let to = wgpu::TexelCopyBufferInfo { buffer: &staging, layout };
        let size = wgpu::Extent3d { width: TILE, height: TILE, depth_or_array_layers: 1 };
        encoder.copy_texture_to_buffer(from, to, size);
        gpu.queue.submit([encoder.finish()]);
        let bytes = gpu.read_mapped(&staging, staging.size())?;
        let values = bytes.as_chunks::<8>().0.iter().map(|cell| u64::from_le_bytes(*cell)).collect();
        Ok(Some(HeatGrid { width: TILE, height: TILE, values }))
    }

    /// What to show for a tile: itself, as far as it is made, or the finest complete tile that covers it.
    pub fn stand(&mut self, key: &TileKey) -> Option<Stand> {
        let clock = self.clock;
        let own = self.tiles.get_mut(key).map(|tile| {
            tile.used = clock;
            *tile
        });
        let of_own =
            |tile: Tile| Stand { layer: tile.layer, rows: tile.rows, shift: [0; 2], offset: [0; 2], level: key.level };
        if let Some(tile) = own.filter(|tile| tile.rows == TILE) {
            return Some(of_own(tile));
        }
        let covers = |other: &TileKey| -> Option<[u32; 2]> {
            let level = HeatLevel { kx: key.level.kx, ky: key.level.ky, ..other.level };
            let dx = other.level.kx.checked_sub(key.level.kx)?;
            let dy = other.level.ky.checked_sub(key.level.ky)?;
            let above = |at: u64, by: u32| at.checked_shr(by).unwrap_or(0);
            (other.source == key.source
                && level == key.level
                && above(key.x, dx) == other.x
                && above(key.y, dy) == other.y)
                .then_some([dx, dy])
        };
        let coarser = self
            .tiles
            .iter_mut()
            .filter(|(_, tile)| tile.rows == TILE)
            .filter_map(|(other, tile)| Some((covers(other)?, other.level, tile)))
            .min_by_key(|(shift, ..)| (shift[0] + shift[1], shift[0]));
        match coarser {
            Some((shift, level, tile)) => {
                tile.used = clock;
                // The tile's first cell, as a cell of the coarser level, within its tile.
                let offset = |at: u64, by: u32| match u128::from(at) * u128::from(TILE) {
                    cell if by < 128 => ((cell >> by) % u128::from(TILE)) as u32,
                    _ => 0,
                };
                let offset = [offset(key.x, shift[0]), offset(key.y, shift[1])];
                Some(Stand { layer: tile.layer, rows: TILE, shift, offset, level })
            }
            None => own.filter(|tile| tile.rows > 0).map(of_own),
        }
    }

    /// Makes tiles of `wanted` that are missing, those in the middle first, until `budget` is spent: about as many as
    /// accesses are visited. Gives whether all are there.
    pub fn make(
        &mut self,
        gpu: &Gpu,
        pipelines: &HeatPipelines,
        data: &HeatData,
        wanted: &Wanted,
        budget: &mut u64,
    ) -> Result<bool, HeatGpuError> {
        for y in wanted.y.clone() {
            for x in wanted.x.clone() {
                let key = TileKey { source: wanted.source, level: wanted.level, x, y };
                if let Some(tile) = self.tiles.get_mut(&key) {
                    tile.used = self.clock;
                }
            }
        }
        let middle = wanted.y.start.midpoint(wanted.y.end);
        let mut rows: Vec<u64> = wanted.y.clone().collect();
        rows.sort_by_key(|&y| (y.abs_diff(middle), y));
        for y in rows {
            let mut x = wanted.x.start;
            while x < wanted.x.end {
                let made = |x: u64| self.rows_of(&TileKey { source: wanted.source, level: wanted.level, x, y });
                let begun = made(x);
                if begun == TILE {
                    x += 1;
                    continue;
                }
                let last = wanted.x.end.min(x + MOST_TOGETHER);
                let end = (x + 1..last).find(|&other| made(other) != begun).unwrap_or(last);
                if *budget == 0 || !self.make_strip(gpu, pipelines, data, wanted, (x..end, y), begun, budget)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn rows_of(&self, key: &TileKey) -> u32 {
        self.tiles.get(key).map_or(0, |tile| tile.rows)
    }

    /// Goes on with the tiles of `strip`, of which each has `begun` rows. False where no more tiles can be kept.
    #[expect(clippy::too_many_arguments, reason = "what `make` was asked for, and which part of it")]
    fn make_strip(
        &mut self,
        gpu: &Gpu,
        pipelines: &HeatPipelines,
        data: &HeatData,
        wanted: &Wanted,
        (x, y): (Range<u64>, u64),
        begun: u32,
        budget: &mut u64,
    ) -> Result<bool, HeatGpuError> {
        let keys: Vec<TileKey> = x.map(|x| TileKey { source: wanted.source, level: wanted.level, x, y }).collect();
        let Some(layers) = keys.iter().map(|key| self.layer_for(key)).collect::<Option<Vec<u32>>>() else {
            return Ok(false);
        };
        let first_row = y.saturating_mul(u64::from(TILE));
        let first_bin = keys.first().map_or(0, |key| key.x.saturating_mul(u64::from(TILE)));
        let width = TILE * keys.len() as u32;
        let strip = |rows: u32| wanted.level.window(first_bin, first_row.saturating_add(u64::from(begun)), width, rows);
        let cost = |rows: u32| data.cost(&strip(rows));
        // The most rows that the budget allows, and one at the least.
        let (mut rows, mut most) = (1, TILE - begun);
        while rows < most {
            let middle = (rows + most).div_ceil(2);
            if cost(middle) <= *budget {
                rows = middle;
            } else {
                most = middle - 1;
            }
        }
        *budget = budget.saturating_sub(cost(rows).max(1));
        pipelines.bin_tiles(gpu, data, &strip(rows), &self.texture, &layers, begun)?;
        for (key, layer) in keys.into_iter().zip(layers) {
            self.tiles.insert(key, Tile { layer, rows: begun + rows, used: self.clock });
        }
        Ok(true)
    }

    /// A tile's place: its own, a free one, or that of the tile which was not used for the longest.
    fn layer_for(&mut self, key: &TileKey) -> Option<u32> {
        let clock = self.clock;
        if let Some(tile) = self.tiles.get_mut(key) {
            tile.used = clock;
            return Some(tile.layer);
        }
        if self.free.is_empty() {
            let oldest = self.tiles.iter().filter(|(_, tile)| tile.used < clock).min_by_key(|(_, tile)| tile.used);
            let (oldest, layer) = oldest.map(|(key, tile)| (*key, tile.layer))?;
            self.tiles.remove(&oldest);
            self.free.push(layer);
        }
        let layer = self.free.pop()?;
        // Its place, so that the next one asked for does not get the same.
        self.tiles.insert(*key, Tile { layer, rows: 0, used: clock });
        Some(layer)
    }
}

impl HeatData {
    /// About how many accesses it costs to bin the rows of `query`, of which none lies behind the run's end.
    fn cost(&self, query: &HeatQuery) -> u64 {
        let ops = query.ops_of_rows(0..query.height, self.run.op_count);
        if ops.is_empty() {
            return 0;
        }
        let accesses = self.run.accesses_around(&ops).len() as u64;
        if query.aggregate == Aggregate::Max {
            return RAISED_COST * accesses;
        }
        let near =
            query.bytes_of_columns(0..query.width).map_or(0..0, |bytes| self.places.of(query.measure).around(&bytes));
        let rows = u64::from(query.height);
        let spread = rows * SPREAD_COST * near.len() as u64;
        let cells = rows * u64::from(query.width) * CELL_COST;
        cells + (accesses + spread).min(MARK_COST * accesses)
    }
}
