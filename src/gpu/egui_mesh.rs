//! egui's tessellated primitives flattened into one vertex list, one index list and as few draws as their order allows.
//! Every draw knows where it paints and carries a hash of what, from which `egui_damage` finds what has changed.

use std::hash::{BuildHasher, Hash, Hasher};

use egui::epaint::{ClippedPrimitive, Mesh, Primitive, Vertex, WHITE_UV};
use egui::{Color32, Pos2, Rect, TextureId, pos2};
use foldhash::fast::FixedState;

/// Runs of plain or opaque triangles below this area (pixels) stay in the textured draw around them: another draw costs
/// more than it saves.
const SPLIT_AREA_PX: f32 = 4096.0;

/// How a draw's fragments are made. The cheapest that is right is chosen for each run of triangles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shade {
    /// One texture sample, blended: right for everything.
    Textured,
    /// One texture sample, replacing what is below.
    TexturedOpaque,
    /// Vertex colours only, blended.
    Plain,
    /// Vertex colours only, replacing what is below.
    PlainOpaque,
}

/// Pixels of a target: left and top, and right and bottom behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelRect {
    pub min: [u32; 2],
    pub max: [u32; 2],
}

impl PixelRect {
    /// What lies in both, or None where nothing does.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let min = [0, 1].map(|axis| self.min[axis].max(other.min[axis]));
        let max = [0, 1].map(|axis| self.max[axis].min(other.max[axis]));
        (min[0] < max[0] && min[1] < max[1]).then_some(Self { min, max })
    }

    /// The smallest that holds both.
    pub fn union(&self, other: &Self) -> Self {
        Self {
            min: [0, 1].map(|axis| self.min[axis].min(other.min[axis])),
            max: [0, 1].map(|axis| self.max[axis].max(other.max[axis])),
        }
    }

    pub fn area(&self) -> u64 {
        u64::from(self.max[0] - self.min[0]) * u64::from(self.max[1] - self.min[1])
    }
}

/// A range of indices that is drawn with one texture, shade and scissor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    pub texture: TextureId,
    pub shade: Shade,
    /// Within the target and never empty.
    pub scissor_px: PixelRect,
    /// Where it paints: within the scissor; empty where its triangles lie outside.
    pub bounds_px: Option<PixelRect>,
    /// A hash of all that decides what it paints, but for the texels.
    pub content: u64,
    /// Range of the list's indices.
    pub first_index: u32,
    pub index_count: u32,
}

/// What to paint in one frame, in painting order: a ground of one colour first.
#[derive(Clone, Debug, Default)]
pub struct MeshList {
    pub vertices: Vec<Vertex>,
    /// Three a triangle, into `vertices`.
    pub indices: Vec<u32>,
    /// The ground first.
    pub draws: Vec<Draw>,
    pub ground: Color32,
    /// Size of the target in pixels.
    pub size_px: [u32; 2],
    pub pixels_per_point: f32,
}

impl MeshList {
    /// Replaces the content by `ground` all over and `primitives` on it, keeping the memory. `is_opaque` says whether a
    /// texture has no transparent texel. Paint callbacks are not supported and skipped; so are meshes whose indices are
    /// out of range.
    pub fn rebuild(
        &mut self,
        ground: Color32,
        primitives: &[ClippedPrimitive],
        size_px: [u32; 2],
        pixels_per_point: f32,
        is_opaque: impl Fn(TextureId) -> bool,
    ) {
        self.vertices.clear();
        self.indices.clear();
        self.draws.clear();
        self.ground = ground;
        self.size_px = size_px;
        self.pixels_per_point = pixels_per_point;
        let all = Rect::from_min_max(Pos2::ZERO, pos2(size_px[0] as f32, size_px[1] as f32) / pixels_per_point);
        if let Some(scissor_px) = scissor_px(all, size_px, pixels_per_point) {
            let mut mesh = Mesh::default();
            mesh.add_colored_rect(all, ground);
            self.append(&mesh, scissor_px, false);
        }
        for ClippedPrimitive { clip_rect, primitive } in primitives {
            let Primitive::Mesh(mesh) = primitive else { continue };
            let Some(scissor_px) = scissor_px(*clip_rect, size_px, pixels_per_point) else { continue };
            if mesh.is_valid() {
                self.append(mesh, scissor_px, is_opaque(mesh.texture_id));
            }
        }
    }

    fn append(&mut self, mesh: &Mesh, scissor_px: PixelRect, opaque: bool) {
        let Ok(base) = u32::try_from(self.vertices.len()) else { return };
        if base.checked_add(mesh.vertices.len() as u32).is_none() {
            return;
        }
        self.vertices.extend_from_slice(&mesh.vertices);
        // egui's own texture (fonts, and the white texel of plain fills) is the only one with a texel known to be white.
        let has_white = mesh.texture_id == TextureId::default();
        let area_scale = self.pixels_per_point * self.pixels_per_point;

        let mut run: Option<Run> = None;
        for (at, triangle) in (0..).step_by(3).zip(mesh.indices.chunks_exact(3)) {
            let corners = [0, 1, 2].map(|k| mesh.vertices[triangle[k] as usize]);
            let shade = shade_of(&corners, has_white, opaque);
            let area_px = area(&corners) * area_scale;
            match &mut run {
                Some(run) if run.shade == shade => run.area_px += area_px,
                _ => {
                    if let Some(done) = run.take() {
                        self.close(&done, mesh, at, scissor_px);
                    }
                    run = Some(Run { shade, area_px, first_index: self.indices.len(), first_of_mesh: at });
                }
            }
            self.indices.extend(triangle.iter().map(|index| base + index));
        }
        if let Some(done) = run {
            self.close(&done, mesh, mesh.indices.len(), scissor_px);
        }
    }

    /// Ends a run of triangles, before index `end` of `mesh`: as a draw of its own, or as more of the draw before it.
    fn close(&mut self, run: &Run, mesh: &Mesh, end: usize, scissor_px: PixelRect) {
        let texture = mesh.texture_id;
        let shade = if run.area_px < SPLIT_AREA_PX { Shade::Textured } else { run.shade };
        let index_count = (self.indices.len() - run.first_index) as u32;
        let indices = &mesh.indices[run.first_of_mesh..end];
        let (first, last) = indices.iter().fold((u32::MAX, 0), |(low, high), &i| (low.min(i), high.max(i)));
        let vertices = mesh.vertices.get(first as usize..=last as usize).unwrap_or_default();
        let corners = vertices.iter().fold(Rect::NOTHING, |corners, vertex| corners.union(Rect::from_pos(vertex.pos)));
        let bounds_px = self.pixels_under(corners).and_then(|bounds| bounds.intersection(&scissor_px));
        let mut hasher = FixedState::default().build_hasher();
        (texture, shade, scissor_px.min, scissor_px.max).hash(&mut hasher);
        hasher.write(bytemuck::cast_slice(indices));
        hasher.write(bytemuck::cast_slice(vertices));
        // The ground stays by itself: a target that is cleared to it does not paint it.
        let on_ground = self.draws.len() > 1;
        if let Some(last) = self.draws.last_mut().filter(|_| on_ground)
            && last.texture == texture
            && last.scissor_px == scissor_px
            && last.shade == shade
        {
            last.index_count += index_count;
            hasher.write_u64(last.content);
            last.content = hasher.finish();
            last.bounds_px = match (last.bounds_px, bounds_px) {
                (Some(a), Some(b)) => Some(a.union(&b)),
                (a, b) => a.or(b),
            };
            return;
        }
        let first_index = run.first_index as u32;
        let content = hasher.finish();
        self.draws.push(Draw { texture, shade, scissor_px, bounds_px, content, first_index, index_count });
    }

    /// The pixels that `points` has a part of, within the target.
    fn pixels_under(&self, points: Rect) -> Option<PixelRect> {
        // A cast from float saturates, so negative, infinite and NaN edges end up inside the target as well.
        let low = [points.min.x, points.min.y].map(|at| (at * self.pixels_per_point).floor() as u32);
        let high = [points.max.x, points.max.y].map(|at| (at * self.pixels_per_point).ceil() as u32);
        PixelRect { min: low, max: high }.intersection(&PixelRect { min: [0, 0], max: self.size_px })
    }
}

struct Run {
    shade: Shade,
    area_px: f32,
    /// Of the list, and of the mesh.
    first_index: usize,
    first_of_mesh: usize,
}

fn shade_of(corners: &[Vertex; 3], has_white: bool, opaque: bool) -> Shade {
    let solid = corners.iter().all(|corner| corner.color.a() == u8::MAX);
    if has_white && corners.iter().all(|corner| corner.uv == WHITE_UV) {
        if solid { Shade::PlainOpaque } else { Shade::Plain }
    } else if solid && opaque {
        Shade::TexturedOpaque
    } else {
        Shade::Textured
    }
}

/// In square points.
fn area(corners: &[Vertex; 3]) -> f32 {
    let [a, b, c] = corners.map(|corner| corner.pos);
    let (ab, ac) = (b - a, c - a);
    (ab.x * ac.y - ab.y * ac.x).abs() / 2.0
}

/// The pixels of `clip` (points) within the target, or None where there are none.
fn scissor_px(clip: Rect, size_px: [u32; 2], pixels_per_point: f32) -> Option<PixelRect> {
    // A cast from float saturates, so negative, infinite and NaN edges end up inside the target as well.
    let pixel = |points: f32, limit: u32| ((points * pixels_per_point).round() as u32).min(limit);
    let (left, right) = (pixel(clip.min.x, size_px[0]), pixel(clip.max.x, size_px[0]));
    let (top, bottom) = (pixel(clip.min.y, size_px[1]), pixel(clip.max.y, size_px[1]));
    (left < right && top < bottom).then_some(PixelRect { min: [left, top], max: [right, bottom] })
}
