// Paints egui's tessellated meshes: gamma-space colours with premultiplied alpha, as egui makes them, onto targets
// without sRGB conversion. One texture sample a pixel where the mesh is textured, none where it is a plain fill: on a
// software adapter the sample is most of a frame's time.

struct View {
    // Size of the target in egui's points.
    size_points: vec2<f32>,
    padding: vec2<f32>,
}

@group(0) @binding(0) var<uniform> view: View;
@group(1) @binding(0) var picture: texture_2d<f32>;
@group(1) @binding(1) var picture_sampler: sampler;

struct Textured {
    @builtin(position) position: vec4<f32>,
    @location(0) uv: vec2<f32>,
    @location(1) color: vec4<f32>,
}

struct Plain {
    @builtin(position) position: vec4<f32>,
    @location(0) color: vec4<f32>,
}

fn clip_from_points(points: vec2<f32>) -> vec4<f32> {
    let unit = points / view.size_points;
    return vec4<f32>(unit.x * 2.0 - 1.0, 1.0 - unit.y * 2.0, 0.0, 1.0);
}

@vertex
fn vertex_textured(
    @location(0) points: vec2<f32>,
    @location(1) uv: vec2<f32>,
    @location(2) color: vec4<f32>,
) -> Textured {
    return Textured(clip_from_points(points), uv, color);
}

@vertex
fn vertex_plain(@location(0) points: vec2<f32>, @location(2) color: vec4<f32>) -> Plain {
    return Plain(clip_from_points(points), color);
}

@fragment
fn fragment_textured(in: Textured) -> @location(0) vec4<f32> {
    return textureSample(picture, picture_sampler, in.uv) * in.color;
}

@fragment
fn fragment_plain(in: Plain) -> @location(0) vec4<f32> {
    return in.color;
}
