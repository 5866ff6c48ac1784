// Counts accesses per row and range that may lie in the tile: the only work that grows with the accesses, 4 bytes of each.

@group(2) @binding(0) var<storage, read> rank_of_range: array<u32>;
@group(2) @binding(1) var<storage, read_write> counts: array<atomic<u32>>;

fn visit(row: u32, range: u32) {
    var item = range;
    if RANKED {
        // Ranges before the first one, and those without a place, come out as high numbers.
        item = rank_of_range[range] - p.first_item;
    }
    if item < p.items {
        atomicAdd(&counts[row * p.items + item], 1u);
    }
}
