// Passes the maxima of heat_raise.wgsl down to single bins and writes the row's cells: one workgroup a row.

@group(2) @binding(0) var<storage, read> low_words: array<u32>;
@group(2) @binding(1) var<storage, read> high_words: array<u32>;
@group(2) @binding(2) var<storage, read_write> cells: array<vec2<u32>>;

override WIDE: bool = false;

const LANES: u32 = 64u;
const MAX_TILE_WIDTH: u32 = 1024u;
// The level in hand and the one above it, in turns.
var<workgroup> low: array<u32, 2048>;
var<workgroup> high: array<u32, 2048>;

fn settled(at: u32) -> vec2<u32> {
    if WIDE {
        return vec2(low[at], high[at]);
    }
    return vec2(low[at], 0u);
}

fn higher(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    if WIDE {
        return max64(a, b);
    }
    return vec2(max(a.x, b.x), 0u);
}

@compute @workgroup_size(64)
fn settle(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.x;
    let table = row * p.levels * p.width;
    for (var level = p.levels; level > 0u; level--) {
        let current = (level & 1u) * MAX_TILE_WIDTH;
        let above = MAX_TILE_WIDTH - current;
        let half = 1u << (level - 1u);
        for (var bin = lane; bin < p.width; bin += LANES) {
            let at = table + (level - 1u) * p.width + bin;
            var value = vec2(low_words[at], 0u);
            if WIDE {
                value.y = high_words[at];
            }
            if level < p.levels {
                value = higher(value, settled(above + bin));
                if bin >= half {
                    value = higher(value, settled(above + bin - half));
                }
            }
            low[current + bin] = value.x;
            if WIDE {
                high[current + bin] = value.y;
            }
        }
        workgroupBarrier();
    }
    let row_cell = (p.first_row + row) * p.stride + p.first_column;
    for (var bin = lane; bin < p.width; bin += LANES) {
        cells[row_cell + bin] = settled(MAX_TILE_WIDTH + bin);
    }
}
