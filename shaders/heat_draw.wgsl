// Colours tiles of cells: a pixel shows the highest of the cells that it covers, and strips of bands lie above them.

struct Picture {
    // Where lists begin in `data`: cells of pixel columns and rows, tiles, levels, ranks of values, colours of strips.
    columns_at: u32,
    rows_at: u32,
    tiles_at: u32,
    levels_at: u32,
    ranks_at: u32,
    strips_at: u32,
    // Pixels of a row, rows of pixels that one strip takes, and those of all strips together.
    width: u32,
    strip_px: u32,
    map_top: u32,
    // Tiles beside each other.
    tile_columns: u32,
    untouched: u32,
    pending: u32,
    palette: u32,
    scale: u32,
    unused: vec2<u32>,
}

const PALETTE_LEN: u32 = 256u;
const TILE: u32 = 256u;
const TILE_BITS: u32 = 8u;
const TILE_WORDS: u32 = 4u;
const BUCKETS: u32 = 513u;
const BUCKETS_PER_OCTAVE: f32 = 8.0;
const BUCKET_BIAS: f32 = 1e-3;
// Cells along one axis that a pixel looks at; of more, a regular sample.
const MOST_CELLS: u32 = 64u;
const LINEAR: u32 = 0u;
const LOGARITHMIC: u32 = 1u;

@group(0) @binding(0) var<uniform> picture: Picture;
@group(0) @binding(1) var<storage, read> data: array<u32>;
// The palettes end to end, RGBA in the order of bytes.
@group(0) @binding(2) var<storage, read> palettes: array<u32>;
// Cells, low words first.
@group(0) @binding(3) var tiles: texture_2d_array<u32>;

@vertex
fn cover(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    // One triangle that the whole target lies in.
    let corner = vec2(f32((index << 1u) & 2u), f32(index & 2u));
    return vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}

// From 0 for cold to 1 for hot.
fn position_of(value: vec2<u32>, level: u32) -> f32 {
    let amount = f32(value.y) * 4294967296.0 + f32(value.x);
    let highest = bitcast<f32>(data[picture.levels_at + level]);
    if picture.scale == LINEAR {
        return clamp((amount - 1.0) / (highest - 1.0), 0.0, 1.0);
    }
    if picture.scale == LOGARITHMIC {
        return clamp(log2(amount) / log2(highest), 0.0, 1.0);
    }
    let bucket = min(u32(log2(amount) * BUCKETS_PER_OCTAVE + BUCKET_BIAS), BUCKETS - 1u);
    return bitcast<f32>(data[picture.ranks_at + level * BUCKETS + bucket]);
}

fn strip(x: u32, y: u32) -> u32 {
    // A line of the ground below each keeps strips apart.
    if y % picture.strip_px == picture.strip_px - 1u {
        return picture.untouched;
    }
    return data[picture.strips_at + (y / picture.strip_px) * picture.width + x];
}

@fragment
fn color(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = vec2<u32>(position.xy);
    if pixel.y < picture.map_top {
        return unpack4x8unorm(strip(pixel.x, pixel.y));
    }
    let column = picture.columns_at + 2u * pixel.x;
    let row = picture.rows_at + 2u * (pixel.y - picture.map_top);
    let first = vec2(data[column], data[row]);
    let end = vec2(data[column + 1u], data[row + 1u]);
    // Behind the end of the track or the run.
    if any(first >= end) {
        return unpack4x8unorm(picture.pending);
    }
    let first_tile = first >> vec2(TILE_BITS);
    let last_tile = (end - 1u) >> vec2(TILE_BITS);
    var hottest = -1.0;
    var missing = false;
    for (var ty = first_tile.y; ty <= last_tile.y; ty++) {
        for (var tx = first_tile.x; tx <= last_tile.x; tx++) {
            let tile = picture.tiles_at + TILE_WORDS * (ty * picture.tile_columns + tx);
            let layer = data[tile] & 0xffffu;
            let rows = data[tile] >> 16u;
            let shift = vec2(data[tile + 1u] & 0xffu, (data[tile + 1u] >> 8u) & 0xffu);
            let offset = vec2(data[tile + 2u] & 0xffffu, data[tile + 2u] >> 16u);
            let corner = vec2(tx, ty) << vec2(TILE_BITS);
            let from_cell = offset + ((max(first, corner) - corner) >> shift);
            let last_cell = offset + ((min(end, corner + TILE) - 1u - corner) >> shift);
            missing = missing || last_cell.y >= rows;
            let to_cell = vec2(last_cell.x, min(last_cell.y + 1u, rows)) + vec2(1u, 0u);
            var highest = vec2(0u);
            if from_cell.y < to_cell.y {
                let stride = (to_cell - from_cell + MOST_CELLS - 1u) / MOST_CELLS;
                for (var y = from_cell.y; y < to_cell.y; y += stride.y) {
                    for (var x = from_cell.x; x < to_cell.x; x += stride.x) {
                        let value = textureLoad(tiles, vec2(x, y), layer, 0).xy;
                        let higher = value.y > highest.y || (value.y == highest.y && value.x > highest.x);
                        highest = select(highest, value, higher);
                    }
                }
            }
            if any(highest != vec2(0u)) {
                hottest = max(hottest, position_of(highest, data[tile + 1u] >> 16u));
            }
        }
    }
    if hottest < 0.0 {
        return unpack4x8unorm(select(picture.untouched, picture.pending, missing));
    }
    let entry = u32(hottest * f32(PALETTE_LEN - 1u) + 0.5);
    return unpack4x8unorm(palettes[picture.palette * PALETTE_LEN + entry]);
}
