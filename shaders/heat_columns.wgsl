// The columns of ops and accesses, one chunk of each at a time.

@group(1) @binding(0) var<storage, read> op_first_access: array<u32>;
@group(1) @binding(1) var<storage, read> op_pass: array<u32>;
@group(1) @binding(2) var<storage, read> pass_phase: array<u32>;
@group(1) @binding(3) var<storage, read> access_range: array<u32>;
@group(1) @binding(4) var<storage, read> access_flags: array<u32>;

const ACCESS_WRITE = 1u;

fn in_phases(op: u32) -> bool {
    return ((p.phases >> (pass_phase[op_pass[op - p.op_base]] & 31u)) & 1u) == 1u;
}

fn in_direction(access: u32) -> bool {
    if DIRECTED {
        return (access_flags[access - p.access_begin] & ACCESS_WRITE) == p.wanted_flag;
    }
    return true;
}

fn range_of(access: u32) -> u32 {
    return access_range[access - p.access_begin];
}

// The first access of an op, or what the bound chunk leaves of it.
fn bound_first_access(op: u32) -> u32 {
    return clamp(op_first_access[op - p.op_base], p.access_begin, p.access_end);
}
