// What was counted, as the kernels that spread it over the bins find it.

@group(1) @binding(0) var<storage, read> counts: array<u32>;
@group(1) @binding(1) var<storage, read> range_of_rank: array<u32>;

// How often the range of a rank was counted in a row, by all of its owners.
fn counted(row: u32, rank: u32) -> u32 {
    var item = rank - p.first_item;
    if !RANKED {
        item = range_of_rank[rank];
    }
    var count = 0u;
    for (var piece = 0u; piece < p.pieces; piece++) {
        count += counts[(row * p.pieces + piece) * p.items + item];
    }
    return count;
}
