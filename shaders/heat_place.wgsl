// Where every range lies on the track, and where its whole tensor does: anew whenever the order of x changes.

@group(1) @binding(0) var<storage, read> range_tensor: array<u32>;
@group(1) @binding(1) var<storage, read> range_offset: array<vec2<u32>>;
@group(1) @binding(2) var<storage, read> range_length: array<vec2<u32>>;
@group(1) @binding(3) var<storage, read> tensor_base: array<vec2<u32>>;
@group(1) @binding(4) var<storage, read> tensor_bytes: array<vec2<u32>>;
@group(1) @binding(5) var<storage, read_write> exact_place: array<vec4<u32>>;
@group(1) @binding(6) var<storage, read_write> whole_place: array<vec4<u32>>;

const NO_BASE = vec2<u32>(0xffffffffu, 0xffffffffu);
const NO_PLACE = vec4<u32>(1u, 0u, 0u, 0u);

fn place(base: vec2<u32>, offset: vec2<u32>, bytes: vec2<u32>) -> vec4<u32> {
    if all(base == NO_BASE) || all(bytes == vec2(0u, 0u)) {
        return NO_PLACE;
    }
    let first_byte = add64(base, offset);
    return vec4(first_byte, add64(first_byte, sub64(bytes, vec2(1u, 0u))));
}

@compute @workgroup_size(256)
fn place_ranges(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let range = linear_group(group, groups) * 256u + lane;
    if range >= p.ranges {
        return;
    }
    let tensor = range_tensor[range];
    let base = tensor_base[tensor];
    exact_place[range] = place(base, range_offset[range], range_length[range]);
    whole_place[range] = place(base, vec2(0u, 0u), tensor_bytes[tensor]);
}
