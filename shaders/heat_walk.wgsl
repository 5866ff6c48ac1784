// Visits every access of a range of ops with its row: `visit` comes from the module that this one is joined with.

const BLOCK: u32 = 256u;

// Where all phases count and rows are whole numbers of blocks, a block is one slice of accesses in one row.
@compute @workgroup_size(256)
fn walk_slices(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin_op = p.op_begin + linear_group(group, groups) * p.block_ops;
    if begin_op >= p.op_end {
        return;
    }
    let row = (begin_op - p.first_op) >> p.ky;
    let end = bound_first_access(min(begin_op + p.block_ops, p.op_end));
    for (var access = bound_first_access(begin_op) + lane; access < end; access += BLOCK) {
        if in_direction(access) {
            visit(row, range_of(access));
        }
    }
}

var<workgroup> firsts: array<u32, 257>;
var<workgroup> wanted: array<u32, 256>;

// Otherwise each access looks for its op among those of the block.
@compute @workgroup_size(256)
fn walk_ops(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin_op = p.op_begin + linear_group(group, groups) * BLOCK;
    let op = min(begin_op + lane, p.op_end);
    firsts[lane] = bound_first_access(op);
    wanted[lane] = 0u;
    if op < p.op_end {
        wanted[lane] = u32(in_phases(op));
    }
    if lane == 0u {
        firsts[BLOCK] = bound_first_access(min(begin_op + BLOCK, p.op_end));
    }
    workgroupBarrier();
    let end = firsts[BLOCK];
    for (var access = firsts[0] + lane; access < end; access += BLOCK) {
        // The last op that begins at or before the access: those before it that begin there too have none.
        var at = 0u;
        for (var step = BLOCK / 2u; step > 0u; step /= 2u) {
            at = select(at, at + step, firsts[at + step] <= access);
        }
        if wanted[at] == 1u && in_direction(access) {
            visit((begin_op + at - p.first_op) >> p.ky, range_of(access));
        }
    }
}
