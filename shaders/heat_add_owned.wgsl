// Marks of rows that one invocation owns: heat_add_atomic.wgsl without atomics.

@group(2) @binding(1) var<storage, read_write> edges: array<u32>;
@group(2) @binding(2) var<storage, read_write> cells: array<vec2<u32>>;

fn add_edge(at: u32, count: u32) {
    edges[at] = edges[at] + count;
}

fn add_part(cell: u32, bytes: vec2<u32>) {
    cells[cell] = add64(cells[cell], bytes);
}
