// What every heat kernel shares: its parameters, and 64-bit numbers as (low, high) pairs.

struct Params {
    // First and last bin of the tile, as 64-bit bin numbers of the track.
    x0: vec2<u32>,
    x_last: vec2<u32>,
    kx: u32,
    ky: u32,
    // The tile: columns, rows, and where its first cell lies in the grid.
    width: u32,
    rows: u32,
    first_column: u32,
    first_row: u32,
    // Columns of the whole grid.
    stride: u32,
    // The op that the tile's first row begins with.
    first_op: u32,
    // Ops that this dispatch visits, and how many of them a workgroup takes.
    op_begin: u32,
    op_end: u32,
    block_ops: u32,
    // Op of the first element of the bound op columns, accesses that the bound access columns hold.
    op_base: u32,
    access_begin: u32,
    access_end: u32,
    // Rank by place of the first range that has a counter, where not all have one.
    first_item: u32,
    // The write flag that an access must have, where the direction matters.
    wanted_flag: u32,
    // Bit p set: passes in phase p count.
    phases: u32,
    // Counters of a row, or entries of the list that the dispatch works on.
    items: u32,
    // Levels of the table of maxima.
    levels: u32,
    // Parts of an item that are taken on their own: of a row, or of a heavy op.
    pieces: u32,
    // Ranks of the ranges that the dispatch spreads.
    item_begin: u32,
    item_end: u32,
}

@group(0) @binding(0) var<uniform> p: Params;

// Cells hold bytes, not accesses.
override BYTES: bool = false;
// The direction of an access matters.
override DIRECTED: bool = false;

fn linear_group(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}

fn add64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn sub64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return vec2(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}

fn less64(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.y < b.y || (a.y == b.y && a.x < b.x);
}

fn max64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return select(a, b, less64(a, b));
}

// WGSL takes shift amounts modulo 32, so 0 and 32 need their own words.
fn shift_right64(a: vec2<u32>, by: u32) -> vec2<u32> {
    if by == 0u {
        return a;
    }
    if by >= 32u {
        return vec2(a.y >> (by - 32u), 0u);
    }
    return vec2((a.x >> by) | (a.y << (32u - by)), a.y >> by);
}

fn shift_left64(a: vec2<u32>, by: u32) -> vec2<u32> {
    if by == 0u {
        return a;
    }
    if by >= 32u {
        return vec2(0u, a.x << (by - 32u));
    }
    return vec2(a.x << by, (a.y << by) | (a.x >> (32u - by)));
}

// a * b modulo 2^64.
fn times64(a: vec2<u32>, b: u32) -> vec2<u32> {
    let a_low = a.x & 0xffffu;
    let a_high = a.x >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let middle = a_high * b_low + ((a_low * b_low) >> 16u);
    let middle_low = (middle & 0xffffu) + a_low * b_high;
    let high = a_high * b_high + (middle >> 16u) + (middle_low >> 16u);
    return vec2(a.x * b, high + a.y * b);
}
