// Spreads what was counted over the bins: one invocation a range and row.

@group(1) @binding(0) var<storage, read> counts: array<u32>;

@compute @workgroup_size(256)
fn spread(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.ranges {
        return;
    }
    let count = counts[id.y * p.ranges + id.x];
    if count > 0u {
        mark(id.y, id.x, count);
    }
}
