// Marks of rows that many invocations share.

// Per row and bin: how many more whole bins begin there than have ended just before, modulo 2^32.
@group(2) @binding(1) var<storage, read_write> edges: array<atomic<u32>>;
// The grid, low words first: parts of bins go straight to their cells.
@group(2) @binding(2) var<storage, read_write> cells: array<atomic<u32>>;

fn add_edge(at: u32, count: u32) {
    atomicAdd(&edges[at], count);
}

fn add_part(cell: u32, bytes: vec2<u32>) {
    if all(bytes == vec2(0u, 0u)) {
        return;
    }
    // Who carries the low word over adds the carry, so the pair is exact once everyone is done.
    let before = atomicAdd(&cells[2u * cell], bytes.x);
    let high = bytes.y + select(0u, 1u, before + bytes.x < before);
    if high != 0u {
        atomicAdd(&cells[2u * cell + 1u], high);
    }
}
