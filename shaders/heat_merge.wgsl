// Raises the grid to the sums of ops that have a row of their own: one invocation a column, op after op.

struct HeavyOp {
    op: u32,
    access_begin: u32,
    access_end: u32,
    phase: u32,
}

@group(1) @binding(0) var<storage, read> heavy_ops: array<HeavyOp>;
@group(2) @binding(0) var<storage, read> op_sums: array<vec2<u32>>;
@group(2) @binding(1) var<storage, read_write> cells: array<vec2<u32>>;

@compute @workgroup_size(64)
fn merge(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.width {
        return;
    }
    for (var item = 0u; item < p.items; item++) {
        let row = (heavy_ops[p.op_begin + item].op - p.first_op) >> p.ky;
        let cell = (p.first_row + row) * p.stride + p.first_column + id.x;
        cells[cell] = max64(cells[cell], op_sums[item * p.width + id.x]);
    }
}
