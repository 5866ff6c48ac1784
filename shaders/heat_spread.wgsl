// Spreads what was counted over the bins: one invocation a row and a range that lies near them.

@compute @workgroup_size(256)
fn spread(@builtin(global_invocation_id) id: vec3<u32>) {
    let rank = p.item_begin + id.x;
    if rank >= p.item_end {
        return;
    }
    let count = counted(id.y, rank);
    if count > 0u {
        mark(id.y, rank, count);
    }
}
