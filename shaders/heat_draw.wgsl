// Colours a grid of cells: one cell a pixel, or the highest of those that a pixel covers.

struct Layer {
    // The cell coordinates of the layer's first pixel's corner, and how far a pixel reaches.
    origin_cells: vec2<f32>,
    cells_per_pixel: vec2<f32>,
    // First pixel of the layer in its target.
    target_origin: vec2<f32>,
    highest: f32,
    outline_width: f32,
    // Left, top, right, bottom in pixels of the target.
    outline: vec4<f32>,
    grid_size: vec2<u32>,
    untouched: u32,
    outline_color: u32,
    palette: u32,
    logarithmic: u32,
    unused: vec2<u32>,
}

const PALETTE_LEN: u32 = 256u;
// Cells along one axis that a pixel looks at; of more, a regular sample.
const MOST_CELLS: u32 = 16u;

@group(0) @binding(0) var<uniform> layer: Layer;
// The palettes end to end, RGBA in the order of bytes.
@group(0) @binding(1) var<storage, read> palettes: array<u32>;
// Row by row, low words first.
@group(1) @binding(0) var<storage, read> cells: array<vec2<u32>>;

@vertex
fn cover(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    // One triangle that the whole target lies in.
    let corner = vec2(f32((index << 1u) & 2u), f32(index & 2u));
    return vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}

fn position_of(value: vec2<u32>) -> f32 {
    let amount = f32(value.y) * 4294967296.0 + f32(value.x);
    if layer.logarithmic == 1u {
        return clamp(log2(1.0 + amount) / log2(1.0 + layer.highest), 0.0, 1.0);
    }
    return clamp(amount / layer.highest, 0.0, 1.0);
}

fn on_outline(pixel: vec2<f32>) -> bool {
    let low = layer.outline.xy;
    let high = layer.outline.zw;
    let inside = all(pixel >= low) && all(pixel < high);
    let within = all(pixel >= low + layer.outline_width) && all(pixel < high - layer.outline_width);
    return layer.outline_width > 0.0 && inside && !within;
}

@fragment
fn color(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    if on_outline(position.xy) {
        return unpack4x8unorm(layer.outline_color);
    }
    // Every cell belongs to one pixel where pixels are the larger, else the pixel's centre decides.
    let pixel = floor(position.xy) - layer.target_origin;
    let magnified = layer.cells_per_pixel < vec2(1.0);
    let corner = layer.origin_cells + pixel * layer.cells_per_pixel;
    let center = layer.origin_cells + (pixel + 0.5) * layer.cells_per_pixel;
    let opposite = layer.origin_cells + (pixel + 1.0) * layer.cells_per_pixel;
    let first = floor(select(corner, center, magnified));
    let end = select(max(floor(opposite), first + 1.0), first + 1.0, magnified);
    let size = vec2<f32>(layer.grid_size);
    if any(end <= vec2(0.0)) || any(first >= size) {
        discard;
    }
    let from_cell = vec2<u32>(max(first, vec2(0.0)));
    let to_cell = vec2<u32>(min(end, size));
    let stride = max((to_cell - from_cell + MOST_CELLS - 1u) / MOST_CELLS, vec2(1u));
    var highest = vec2(0u, 0u);
    for (var y = from_cell.y; y < to_cell.y; y += stride.y) {
        for (var x = from_cell.x; x < to_cell.x; x += stride.x) {
            let value = cells[y * layer.grid_size.x + x];
            let higher = value.y > highest.y || (value.y == highest.y && value.x > highest.x);
            highest = select(highest, value, higher);
        }
    }
    if all(highest == vec2(0u, 0u)) {
        return unpack4x8unorm(layer.untouched);
    }
    let entry = u32(position_of(highest) * f32(PALETTE_LEN - 1u) + 0.5);
    return unpack4x8unorm(palettes[layer.palette * PALETTE_LEN + entry]);
}
