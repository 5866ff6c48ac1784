// Nodes and edges of a graph. Quads are made from the vertex index alone: two triangles for each entry of an order list.
// Colours are gamma-space and leave premultiplied.

struct View {
    center: vec2<f32>,
    viewport_px: vec2<f32>,
    scale: f32,
    // Alpha of all edges, below 1 where there are very many.
    edge_alpha: f32,
    dimmed_alpha: f32,
    edge_fade_px: f32,
    // Length of arrow heads, 0 for none.
    arrow_px: f32,
    selected_ring: u32,
    hovered_ring: u32,
    padding: u32,
}

struct NodeStyle {
    fill: u32,
    outline: u32,
    radius: f32,
    flags: u32,
}

struct EdgeStyle {
    color: u32,
    flags: u32,
}

const NODE_SQUARE: u32 = 1u;
const NODE_SELECTED: u32 = 2u;
const NODE_HOVERED: u32 = 4u;
const NODE_DIMMED: u32 = 8u;
const NODE_PINNED: u32 = 32u;
const EDGE_DASHED: u32 = 1u;
const EDGE_DIMMED: u32 = 2u;
const EDGE_HIGHLIGHTED: u32 = 8u;

// Distance of a ring's middle from the rim, and half its width.
const RING_PX: f32 = 3.0;
const RING_HALF_PX: f32 = 1.25;
const DASH_PERIOD_PX: f32 = 9.0;
const DASH_HALF_PX: f32 = 2.5;
const ARROW_SLOPE: f32 = 0.4;
// Half the width of an edge, and of a highlighted one.
const EDGE_HALF_PX: f32 = 0.55;
const HIGHLIGHT_HALF_PX: f32 = 1.1;
// Below this alpha the steps of a single one-pixel line do not show.
const FAINT: f32 = 0.4;
const NOWHERE: vec4<f32> = vec4(2.0, 2.0, 0.0, 1.0);
// Long edges never become fainter than this.
const LEAST_FADE: f32 = 0.1;

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> positions: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> node_styles: array<NodeStyle>;
@group(0) @binding(3) var<storage, read> edges: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> edge_styles: array<EdgeStyle>;
@group(0) @binding(5) var<storage, read> node_order: array<u32>;
@group(0) @binding(6) var<storage, read> edge_order: array<u32>;

fn pixel_of(position: vec2<f32>) -> vec2<f32> {
    return (position - view.center) * view.scale + 0.5 * view.viewport_px;
}

fn clip_of(pixel: vec2<f32>) -> vec4<f32> {
    let unit = pixel / view.viewport_px * 2.0 - 1.0;
    return vec4(unit.x, -unit.y, 0.0, 1.0);
}

// Corner of a quad in -1..1 for the six vertices of its two triangles.
fn corner_of(vertex: u32) -> vec2<f32> {
    let corner = select(vertex % 6u, 6u - vertex % 6u, vertex % 6u > 2u);
    return vec2(select(-1.0, 1.0, (corner & 1u) != 0u), select(-1.0, 1.0, (corner & 2u) != 0u));
}

fn premultiplied(color: vec4<f32>, alpha: f32) -> vec4<f32> {
    return vec4(color.rgb, 1.0) * (color.a * alpha);
}

struct NodeOut {
    @builtin(position) clip: vec4<f32>,
    @location(0) offset_px: vec2<f32>,
    @location(1) @interpolate(flat) radius_px: f32,
    @location(2) @interpolate(flat) alpha: f32,
    @location(3) @interpolate(flat) fill: vec4<f32>,
    @location(4) @interpolate(flat) outline: vec4<f32>,
    @location(5) @interpolate(flat) ring: vec4<f32>,
    @location(6) @interpolate(flat) square: f32,
    // Radius of the hole that a pin leaves, 0 for none.
    @location(7) @interpolate(flat) hole_px: f32,
}

@vertex
fn node_vertex(@builtin(vertex_index) vertex: u32) -> NodeOut {
    let node = node_order[vertex / 6u];
    let style = node_styles[node];
    var out: NodeOut;
    out.square = select(0.0, 1.0, (style.flags & NODE_SQUARE) != 0u);
    out.radius_px = style.radius * view.scale;
    out.hole_px = select(0.0, max(0.45 * out.radius_px, 1.5), (style.flags & NODE_PINNED) != 0u);
    out.fill = unpack4x8unorm(style.fill);
    out.outline = unpack4x8unorm(style.outline);
    out.alpha = select(1.0, view.dimmed_alpha, (style.flags & NODE_DIMMED) != 0u);
    let marked = (style.flags & (NODE_SELECTED | NODE_HOVERED)) != 0u;
    let ring = select(view.hovered_ring, view.selected_ring, (style.flags & NODE_SELECTED) != 0u);
    out.ring = select(vec4(0.0), unpack4x8unorm(ring), marked);
    let extent_px = out.radius_px + select(0.75, RING_PX + RING_HALF_PX + 0.75, marked);
    out.offset_px = corner_of(vertex) * extent_px;
    out.clip = clip_of(pixel_of(positions[node]) + out.offset_px);
    return out;
}

@fragment
fn node_fragment(in: NodeOut) -> @location(0) vec4<f32> {
    // A square of the same area has half a side of 0.886 radii; its rounded corners take a little off again.
    let corner_px = 0.3 * in.radius_px;
    let beyond = abs(in.offset_px) - (0.9 * in.radius_px - corner_px);
    let square = length(max(beyond, vec2(0.0))) + min(max(beyond.x, beyond.y), 0.0) - corner_px;
    let distance_px = mix(length(in.offset_px) - in.radius_px, square, in.square);
    let outline_px = clamp(0.16 * in.radius_px, 0.5, 2.0);
    let hole = select(0.0, clamp(in.hole_px + 0.5 - length(in.offset_px), 0.0, 1.0), in.hole_px > 0.0);
    let rim = max(clamp(distance_px + outline_px + 0.5, 0.0, 1.0), hole);
    let inside = clamp(0.5 - distance_px, 0.0, 1.0);
    let ring = clamp(RING_HALF_PX + 0.5 - abs(distance_px - RING_PX), 0.0, 1.0);
    return premultiplied(mix(in.fill, in.outline, rim), inside * in.alpha) + premultiplied(in.ring, ring * (1.0 - inside));
}

struct FlatOut {
    @builtin(position) clip: vec4<f32>,
    @location(0) @interpolate(flat) color: vec4<f32>,
}

// A node too small to have a shape: one pixel with the coverage of its disc.
@vertex
fn point_vertex(@builtin(vertex_index) vertex: u32) -> FlatOut {
    let node = node_order[vertex];
    let style = node_styles[node];
    let radius_px = style.radius * view.scale;
    let dimmed = select(1.0, view.dimmed_alpha, (style.flags & NODE_DIMMED) != 0u);
    var out: FlatOut;
    out.color = premultiplied(unpack4x8unorm(style.fill), dimmed * clamp(3.14159 * radius_px * radius_px, 0.25, 1.0));
    out.clip = clip_of(pixel_of(positions[node]));
    return out;
}

@fragment
fn flat_fragment(in: FlatOut) -> @location(0) vec4<f32> {
    return in.color;
}

fn edge_alpha(style: EdgeStyle, length_px: f32) -> f32 {
    if (style.flags & EDGE_HIGHLIGHTED) != 0u {
        return 1.0;
    }
    let near = min(view.edge_fade_px / max(length_px, 1.0), 1.0);
    return view.edge_alpha * max(near * near, LEAST_FADE) * select(1.0, view.dimmed_alpha, (style.flags & EDGE_DIMMED) != 0u);
}

struct EdgeOut {
    @builtin(position) clip: vec4<f32>,
    // From the start along the edge and across it; around the middle of a self-loop.
    @location(0) at_px: vec2<f32>,
    // Length, half width, dashed (0 or 1), radius of a self-loop (0 for others).
    @location(1) @interpolate(flat) shape: vec4<f32>,
    @location(2) @interpolate(flat) color: vec4<f32>,
}

@vertex
fn edge_vertex(@builtin(vertex_index) vertex: u32) -> EdgeOut {
    let edge = edge_order[vertex / 6u];
    let ends = edges[edge];
    let style = edge_styles[edge];
    let corner = corner_of(vertex);
    let start = pixel_of(positions[ends.x]);
    let start_radius_px = node_styles[ends.x].radius * view.scale;
    let half_px = select(EDGE_HALF_PX, HIGHLIGHT_HALF_PX, (style.flags & EDGE_HIGHLIGHTED) != 0u);
    let dashed = select(0.0, 1.0, (style.flags & EDGE_DASHED) != 0u);
    var out: EdgeOut;
    if ends.x == ends.y {
        let loop_px = 0.6 * start_radius_px;
        out.at_px = corner * (loop_px + half_px + 0.75);
        out.clip = clip_of(start + vec2(0.9, -0.9) * start_radius_px + out.at_px);
        out.shape = vec4(0.0, half_px, dashed, loop_px);
        out.color = premultiplied(unpack4x8unorm(style.color), edge_alpha(style, 0.0));
        return out;
    }
    let between = pixel_of(positions[ends.y]) - start;
    let distance_px = max(length(between), 1e-3);
    let along = between / distance_px;
    let end_radius_px = node_styles[ends.y].radius * view.scale;
    // From rim to rim; where the nodes touch there is nothing to see.
    let length_px = max(distance_px - start_radius_px - end_radius_px, 0.0);
    let across_px = max(half_px, ARROW_SLOPE * view.arrow_px) + 0.75;
    out.at_px = vec2(select(-0.5, length_px + 0.5, corner.x > 0.0), corner.y * across_px);
    let from_start = along * (start_radius_px + out.at_px.x) + vec2(-along.y, along.x) * out.at_px.y;
    out.clip = clip_of(start + from_start);
    out.shape = vec4(length_px, half_px, dashed, 0.0);
    out.color = premultiplied(unpack4x8unorm(style.color), edge_alpha(style, distance_px));
    return out;
}

// Coverage by dashes at a distance from the edge's start; 1 if it is not dashed.
fn dash(along_px: f32, dashed: f32) -> f32 {
    let off_middle_px = abs(fract(along_px / DASH_PERIOD_PX) - 0.5) * DASH_PERIOD_PX;
    return mix(1.0, clamp(DASH_HALF_PX + 0.5 - off_middle_px, 0.0, 1.0), dashed);
}

@fragment
fn edge_fragment(in: EdgeOut) -> @location(0) vec4<f32> {
    let length_px = in.shape.x;
    let half_px = in.shape.y;
    let off_loop = abs(length(in.at_px) - in.shape.w);
    let off_line = select(abs(in.at_px.y), off_loop, in.shape.w > 0.0);
    let line = clamp(half_px + 0.5 - off_line, 0.0, 1.0);
    let to_tip = length_px - in.at_px.x;
    let head = clamp(ARROW_SLOPE * to_tip + 0.5 - abs(in.at_px.y), 0.0, 1.0);
    let in_head = view.arrow_px > 0.0 && in.shape.w == 0.0 && to_tip <= view.arrow_px;
    return in.color * select(line * dash(in.at_px.x, in.shape.z), head, in_head);
}

struct ThinEdgeOut {
    @builtin(position) clip: vec4<f32>,
    // Start and direction in pixels: what a line interpolates is constant across it, so the fragment asks for itself.
    @location(0) @interpolate(flat) line: vec4<f32>,
    @location(1) @interpolate(flat) color: vec4<f32>,
    @location(2) @interpolate(flat) dashed: f32,
}

// An edge as two neighbouring one-pixel lines that share its coverage, which costs the software adapter less than a
// thin quad; a faint one as one.
@vertex
fn thin_edge_vertex(@builtin(vertex_index) vertex: u32) -> ThinEdgeOut {
    let edge = edge_order[vertex / 4u];
    let ends = edges[edge];
    let style = edge_styles[edge];
    let center = pixel_of(positions[ends.x]);
    let between = pixel_of(positions[ends.y]) - center;
    let distance_px = max(length(between), 1e-3);
    let along = between / distance_px;
    let start = center + along * min(node_styles[ends.x].radius * view.scale, distance_px);
    let end_radius_px = min(node_styles[ends.y].radius * view.scale, distance_px);
    let end = center + along * max(distance_px - end_radius_px, dot(start - center, along));
    let alpha = edge_alpha(style, distance_px);
    let second = (vertex & 2u) != 0u;
    let faint = alpha < FAINT;
    let aside = select(select(-0.5, 0.5, second), 0.0, faint);
    let minor_axis = select(vec2(1.0, 0.0), vec2(0.0, 1.0), abs(along.x) > abs(along.y));
    var out: ThinEdgeOut;
    out.clip = clip_of(select(start, end, (vertex & 1u) != 0u) + minor_axis * aside);
    out.clip = select(out.clip, NOWHERE, faint && second);
    out.line = vec4(start, along);
    out.color = premultiplied(unpack4x8unorm(style.color), alpha);
    out.dashed = select(0.0, 1.0, (style.flags & EDGE_DASHED) != 0u);
    return out;
}

@fragment
fn thin_edge_fragment(in: ThinEdgeOut) -> @location(0) vec4<f32> {
    let from_start = in.clip.xy - in.line.xy;
    let off_px = abs(dot(from_start, vec2(-in.line.w, in.line.z)));
    let line = clamp(EDGE_HALF_PX + 0.5 - off_px, 0.0, 1.0);
    return in.color * line * dash(dot(from_start, in.line.zw), in.dashed);
}

// Very many edges: plain lines, whose density is what one sees.
@vertex
fn line_vertex(@builtin(vertex_index) vertex: u32) -> FlatOut {
    let edge = edge_order[vertex / 2u];
    let ends = edges[edge];
    let style = edge_styles[edge];
    let start = pixel_of(positions[ends.x]);
    let end = pixel_of(positions[ends.y]);
    var out: FlatOut;
    out.clip = clip_of(select(start, end, (vertex & 1u) != 0u));
    out.color = premultiplied(unpack4x8unorm(style.color), edge_alpha(style, distance(start, end)));
    return out;
}
