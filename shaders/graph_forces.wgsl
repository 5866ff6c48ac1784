// One step of the force layout: insert into the grid and pull springs, gather forces, move.
// CPU twin: src/analysis/layout.rs. Forces are summed in fixed point, so their order does not matter.

struct LayoutStep {
    domain_min: vec2<f32>,
    domain_max: vec2<f32>,
    node_count: u32,
    edge_count: u32,
    grid_columns: u32,
    grid_rows: u32,
    cell_units: f32,
    fixed_scale: f32,
    alpha: f32,
    seed: u32,
    spring: f32,
    spring_cap: f32,
    repel: f32,
    repel_reach: f32,
    anchor: f32,
    collision_margin: f32,
    max_move: f32,
    padding: u32,
}

struct Spring {
    a: u32,
    b: u32,
    weight: f32,
    rest: f32,
}

struct Anchor {
    home: vec2<f32>,
    radius: f32,
    pinned: u32,
}

@group(0) @binding(0) var<uniform> step_: LayoutStep;
@group(0) @binding(1) var<storage, read_write> positions: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> anchors: array<Anchor>;
@group(0) @binding(3) var<storage, read> springs: array<Spring>;
// Per cell: 1 + its first node, 0 for none; per node: 1 + the next of its cell.
@group(0) @binding(4) var<storage, read_write> cell_first: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read_write> node_next: array<u32>;
// Per node: x and y of the spring forces.
@group(0) @binding(6) var<storage, read_write> spring_sums: array<atomic<i32>>;
@group(0) @binding(7) var<storage, read_write> travel: array<vec2<f32>>;

const WORKGROUP: u32 = 64u;

// Dispatches fold into rows of workgroups where one dimension does not hold them all.
fn folded(invocation: vec3<u32>, groups: vec3<u32>) -> u32 {
    return invocation.x + invocation.y * groups.x * WORKGROUP;
}

fn cell_of(position: vec2<f32>) -> vec2<u32> {
    let cell = (position - step_.domain_min) / step_.cell_units;
    return min(vec2<u32>(max(cell, vec2(0.0))), vec2(step_.grid_columns, step_.grid_rows) - 1u);
}

fn fixed(force: vec2<f32>) -> vec2<i32> {
    return vec2<i32>(round(force * step_.fixed_scale));
}

fn mix_bits(value: u32) -> u32 {
    var bits = (value ^ (value >> 16u)) * 0x7feb352du;
    bits = (bits ^ (bits >> 15u)) * 0x846ca68bu;
    return bits ^ (bits >> 16u);
}

// Unit vector from `other` to `node`. Nodes at one point part in a direction that both agree on.
fn away_from(between: vec2<f32>, distance: f32, node: u32, other: u32) -> vec2<f32> {
    if distance > 1e-4 {
        return between / distance;
    }
    let hash = mix_bits((min(node, other) * 0x9e3779b9u) ^ mix_bits(max(node, other) ^ step_.seed));
    let wide = vec2(f32(hash & 0xffffu), f32(hash >> 16u)) - 32767.5;
    return select(-1.0, 1.0, node < other) * wide / length(wide);
}

@compute @workgroup_size(64)
fn insert_and_pull(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = folded(id, groups);
    if index < step_.node_count {
        let cell = cell_of(positions[index]);
        node_next[index] = atomicExchange(&cell_first[cell.y * step_.grid_columns + cell.x], index + 1u);
    }
    if index < step_.edge_count && step_.alpha > 0.0 {
        let spring = springs[index];
        let between = positions[spring.b] - positions[spring.a];
        let distance = max(length(between), 1e-6);
        let stretch = clamp(distance - spring.rest, -step_.spring_cap, step_.spring_cap);
        let force = fixed(between * (step_.spring * spring.weight * stretch / distance));
        atomicAdd(&spring_sums[2u * spring.a], force.x);
        atomicAdd(&spring_sums[2u * spring.a + 1u], force.y);
        atomicSub(&spring_sums[2u * spring.b], force.x);
        atomicSub(&spring_sums[2u * spring.b + 1u], force.y);
    }
}

@compute @workgroup_size(64)
fn gather(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let node = folded(id, groups);
    if node >= step_.node_count {
        return;
    }
    let here = positions[node];
    let anchor = anchors[node];
    if anchor.pinned != 0u {
        return;
    }
    let cell = cell_of(here);
    let low = max(cell, vec2(1u)) - 1u;
    let high = min(cell + 1u, vec2(step_.grid_columns, step_.grid_rows) - 1u);
    var force = vec2<i32>(atomicLoad(&spring_sums[2u * node]), atomicLoad(&spring_sums[2u * node + 1u]));
    var push = vec2<i32>(0);
    var touching = 0u;
    for (var row = low.y; row <= high.y; row++) {
        for (var column = low.x; column <= high.x; column++) {
            var next = atomicLoad(&cell_first[row * step_.grid_columns + column]);
            while next != 0u {
                let other = next - 1u;
                next = node_next[other];
                let between = here - positions[other];
                let distance = length(between);
                if other == node || distance >= step_.repel_reach {
                    continue;
                }
                let away = away_from(between, distance, node, other);
                let closeness = 1.0 - distance / step_.repel_reach;
                let reach = anchor.radius + anchors[other].radius + step_.collision_margin;
                let overlap = clamp(0.5 * (reach - distance), 0.0, 4.0);
                touching += select(0u, 1u, overlap > 0.0);
                force += fixed(away * (step_.repel * closeness * closeness));
                push += fixed(away * overlap);
            }
        }
    }
    let limit = vec2(step_.max_move);
    let home = clamp((anchor.home - here) * step_.anchor, -limit, limit);
    let forced = vec2<f32>(force) / step_.fixed_scale + home;
    let pushed = vec2<f32>(push) / step_.fixed_scale / f32(max(touching, 1u));
    travel[node] = clamp(step_.alpha * forced + pushed, -limit, limit);
}

@compute @workgroup_size(64)
fn move_and_clear(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = folded(id, groups);
    if index < step_.node_count {
        let moved = clamp(positions[index] + travel[index], step_.domain_min, step_.domain_max);
        positions[index] = select(moved, anchors[index].home, anchors[index].pinned != 0u);
        atomicStore(&spring_sums[2u * index], 0);
        atomicStore(&spring_sums[2u * index + 1u], 0);
    }
    if index < step_.grid_columns * step_.grid_rows {
        atomicStore(&cell_first[index], 0u);
    }
}
