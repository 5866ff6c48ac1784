// Spreads what was counted over the bins: one invocation a row and a range that lies near them.

@group(1) @binding(0) var<storage, read> counts: array<u32>;
@group(1) @binding(1) var<storage, read> placed_range: array<u32>;

@compute @workgroup_size(256)
fn spread(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.items {
        return;
    }
    let range = placed_range[p.first_item + id.x];
    var count = 0u;
    for (var piece = 0u; piece < p.pieces; piece++) {
        count += counts[(id.y * p.pieces + piece) * p.ranges + range];
    }
    if count > 0u {
        mark(id.y, range, count);
    }
}
