// Counts accesses per row and distinct range: the only work that grows with the accesses, 4 bytes of each.

@group(2) @binding(0) var<storage, read_write> counts: array<atomic<u32>>;

fn visit(row: u32, range: u32) {
    atomicAdd(&counts[row * p.ranges + range], 1u);
}
