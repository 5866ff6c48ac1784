// For maxima, ops with many accesses are summed up each in a row of its own.

struct HeavyOp {
    op: u32,
    access_begin: u32,
    access_end: u32,
    phase: u32,
}

@group(1) @binding(0) var<storage, read> heavy_ops: array<HeavyOp>;
@group(1) @binding(1) var<storage, read> access_range: array<u32>;
@group(1) @binding(2) var<storage, read> access_flags: array<u32>;

const HEAVY_STEP: u32 = 256u;
const WRITE_FLAG = 1u;

@compute @workgroup_size(256)
fn mark_heavy(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let heavy = heavy_ops[p.op_begin + group.y];
    let end = clamp(heavy.access_end, p.access_begin, p.access_end);
    var access = clamp(heavy.access_begin, p.access_begin, p.access_end) + group.x * HEAVY_STEP + lane;
    for (; access < end; access += HEAVY_STEP * p.pieces) {
        if DIRECTED && (access_flags[access - p.access_begin] & WRITE_FLAG) != p.wanted_flag {
            continue;
        }
        mark(group.y, access_range[access - p.access_begin], 1u);
    }
}
