// Sums the marks of a row up from the left and writes its cells: one workgroup a row.

@group(2) @binding(0) var<storage, read> edges: array<u32>;
@group(2) @binding(1) var<storage, read_write> cells: array<vec2<u32>>;

const LANES: u32 = 64u;
var<workgroup> sums: array<u32, 64>;

@compute @workgroup_size(64)
fn finish(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.x;
    let share = (p.width + LANES - 1u) / LANES;
    let begin = min(lane * share, p.width);
    let end = min(begin + share, p.width);
    let row_edge = row * p.width;
    var sum = 0u;
    for (var bin = begin; bin < end; bin++) {
        sum += edges[row_edge + bin];
    }
    sums[lane] = sum;
    workgroupBarrier();
    var covering = 0u;
    for (var before = 0u; before < lane; before++) {
        covering += sums[before];
    }
    let row_cell = (p.first_row + row) * p.stride + p.first_column;
    for (var bin = begin; bin < end; bin++) {
        covering += edges[row_edge + bin];
        if BYTES {
            cells[row_cell + bin] = add64(cells[row_cell + bin], shift_left64(vec2(covering, 0u), p.kx));
        } else {
            cells[row_cell + bin] = vec2(covering, 0u);
        }
    }
}
