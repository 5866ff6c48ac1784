// heat_count.wgsl for adapters that are CPUs: every invocation owns the counters of its part of a row, so that it needs
// no atomics, which cost there what three plain additions do.

@group(2) @binding(0) var<storage, read> rank_of_range: array<u32>;
@group(2) @binding(1) var<storage, read_write> counts: array<u32>;

// Not all phases count, so each op is looked at.
override PHASED: bool = false;

const OWNED_LANES: u32 = 8u;

fn count_accesses(counter: u32, begin: u32, end: u32) {
    for (var access = begin; access < end; access++) {
        if in_direction(access) {
            var item = range_of(access);
            if RANKED {
                // Ranges before the first one, and those without a place, come out as high numbers.
                item = rank_of_range[item] - p.first_item;
                if item >= p.items {
                    continue;
                }
            }
            counts[counter + item] = counts[counter + item] + 1u;
        }
    }
}

@compute @workgroup_size(8)
fn count_owned(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = linear_group(group, groups) * OWNED_LANES + lane;
    if item >= p.rows * p.pieces {
        return;
    }
    let row_op = p.first_op + ((item / p.pieces) << p.ky);
    let row_ops = 1u << p.ky;
    let share = (row_ops + p.pieces - 1u) / p.pieces;
    let share_begin = (item % p.pieces) * share;
    let begin_op = clamp(row_op + share_begin, p.op_begin, p.op_end);
    let end_op = clamp(row_op + min(share_begin + share, row_ops), p.op_begin, p.op_end);
    if begin_op >= end_op {
        return;
    }
    let counter = item * p.items;
    if !PHASED {
        count_accesses(counter, bound_first_access(begin_op), bound_first_access(end_op));
        return;
    }
    for (var op = begin_op; op < end_op; op++) {
        if in_phases(op) {
            count_accesses(counter, bound_first_access(op), bound_first_access(op + 1u));
        }
    }
}
