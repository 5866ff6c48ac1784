// heat_spread.wgsl for what heat_owned.wgsl counted: one invocation a row, so that it owns the row's marks.

@group(1) @binding(0) var<storage, read> counts: array<u32>;
@group(1) @binding(1) var<storage, read> placed_range: array<u32>;

const OWNED_LANES: u32 = 8u;

@compute @workgroup_size(8)
fn spread_owned(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = linear_group(group, groups) * OWNED_LANES + lane;
    if row >= p.rows {
        return;
    }
    for (var item = 0u; item < p.items; item++) {
        let range = placed_range[p.first_item + item];
        var count = 0u;
        for (var piece = 0u; piece < p.pieces; piece++) {
            count += counts[(row * p.pieces + piece) * p.ranges + range];
        }
        if count > 0u {
            mark(row, range, count);
        }
    }
}
