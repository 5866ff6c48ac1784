// heat_spread.wgsl for what heat_owned.wgsl counted: one invocation a row, so that it owns the row's marks.

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
    for (var rank = p.item_begin; rank < p.item_end; rank++) {
        let count = counted(row, rank);
        if count > 0u {
            mark(row, rank, count);
        }
    }
}
