//! egui's tessellated primitives flattened into one vertex list, one index list and as few draws as their order allows.
//! Two lists that are equal paint the same picture, which is how a frame without change is noticed.

use egui::epaint::{ClippedPrimitive, Mesh, Primitive, Vertex, WHITE_UV};
use egui::{Rect, TextureId};

/// Runs of plain or opaque triangles below this area (pixels) stay in the textured draw around them: another draw costs
/// more than it saves.
const SPLIT_AREA_PX: f32 = 4096.0;

/// Rasterizers round edges to fractions of a pixel, of which this is some.
const NEAR_MIDDLE_PX: f32 = 1.0 / 32.0;

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

/// A range of indices that is drawn with one texture, shade and scissor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    pub texture: TextureId,
    pub shade: Shade,
    /// x, y, width, height in pixels, within the target and never empty.
    pub scissor_px: [u32; 4],
    /// Range of the list's indices.
    pub first_index: u32,
    pub index_count: u32,
}

/// What to paint in one frame, in painting order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeshList {
    pub vertices: Vec<Vertex>,
    /// Three a triangle, into `vertices`.
    pub indices: Vec<u32>,
    pub draws: Vec<Draw>,
    /// Size of the target in pixels.
    pub size_px: [u32; 2],
    pub pixels_per_point: f32,
}

impl MeshList {
    /// Replaces the content by `primitives`, keeping the memory. `is_opaque` says whether a texture has no transparent
    /// texel. Paint callbacks are not supported and skipped; so are meshes whose indices are out of range.
    pub fn rebuild(
        &mut self,
        primitives: &[ClippedPrimitive],
        size_px: [u32; 2],
        pixels_per_point: f32,
        is_opaque: impl Fn(TextureId) -> bool,
    ) {
        self.vertices.clear();
        self.indices.clear();
        self.draws.clear();
        self.size_px = size_px;
        self.pixels_per_point = pixels_per_point;
        for ClippedPrimitive { clip_rect, primitive } in primitives {
            let Primitive::Mesh(mesh) = primitive else { continue };
            let Some(scissor_px) = scissor_px(*clip_rect, size_px, pixels_per_point) else { continue };
            if mesh.is_valid() {
                self.append(mesh, scissor_px, is_opaque(mesh.texture_id));
            }
        }
    }

    /// The pixels that these textures alone decide: x, y, width and height of each place. `None` where one of them is
    /// blended, or lies otherwise than as an upright rectangle.
    pub fn opaque_places(&self, textures: &[TextureId]) -> Option<Vec<[u32; 4]>> {
        let draws = self.draws.iter().filter(|draw| textures.contains(&draw.texture));
        draws.map(|draw| self.opaque_place(draw)).collect()
    }

    fn opaque_place(&self, draw: &Draw) -> Option<[u32; 4]> {
        let range = draw.first_index as usize..(draw.first_index + draw.index_count) as usize;
        let corners = self.indices.get(range)?.iter().map(|&index| self.vertices.get(index as usize));
        let corners: Vec<_> = corners.collect::<Option<_>>()?;
        let mut around = Rect::NOTHING;
        for corner in &corners {
            around.extend_with(corner.pos);
        }
        // Two triangles that share a diagonal, and all of its corners: the whole rectangle.
        let is_corner = |at: egui::Pos2| {
            [around.left_top(), around.right_top(), around.left_bottom(), around.right_bottom()].contains(&at)
        };
        let covered: f32 = corners.chunks_exact(3).map(|c| area(&[*c[0], *c[1], *c[2]])).sum();
        let whole = corners.len() == 6
            && corners.iter().all(|corner| is_corner(corner.pos))
            && (covered - around.area()).abs() <= 1e-3 * around.area();
        // An edge through the middles of pixels may or may not cover them.
        let edges = [around.min.x, around.min.y, around.max.x, around.max.y].map(|at| at * self.pixels_per_point);
        let clear = edges.iter().all(|at| (at - at.floor() - 0.5).abs() > NEAR_MIDDLE_PX);
        if draw.shade != Shade::TexturedOpaque || !whole || !clear {
            return None;
        }
        within(scissor_px(around, self.size_px, self.pixels_per_point)?, draw.scissor_px)
    }

    fn append(&mut self, mesh: &Mesh, scissor_px: [u32; 4], opaque: bool) {
        let Ok(base) = u32::try_from(self.vertices.len()) else { return };
        if base.checked_add(mesh.vertices.len() as u32).is_none() {
            return;
        }
        self.vertices.extend_from_slice(&mesh.vertices);
        // egui's own texture (fonts, and the white texel of plain fills) is the only one with a texel known to be white.
        let has_white = mesh.texture_id == TextureId::default();
        let area_scale = self.pixels_per_point * self.pixels_per_point;

        let mut run: Option<Run> = None;
        for triangle in mesh.indices.chunks_exact(3) {
            let corners = [0, 1, 2].map(|k| mesh.vertices[triangle[k] as usize]);
            let shade = shade_of(&corners, has_white, opaque);
            let area_px = area(&corners) * area_scale;
            match &mut run {
                Some(run) if run.shade == shade => run.area_px += area_px,
                _ => {
                    if let Some(done) = run.take() {
                        self.close(done, mesh.texture_id, scissor_px);
                    }
                    run = Some(Run { shade, area_px, first_index: self.indices.len() });
                }
            }
            self.indices.extend(triangle.iter().map(|index| base + index));
        }
        if let Some(done) = run {
            self.close(done, mesh.texture_id, scissor_px);
        }
    }

    /// Ends a run of triangles: as a draw of its own, or as more of the draw before it.
    fn close(&mut self, run: Run, texture: TextureId, scissor_px: [u32; 4]) {
        let shade = if run.area_px < SPLIT_AREA_PX { Shade::Textured } else { run.shade };
        let index_count = (self.indices.len() - run.first_index) as u32;
        if let Some(last) = self.draws.last_mut()
            && last.texture == texture
            && last.scissor_px == scissor_px
            && last.shade == shade
        {
            last.index_count += index_count;
            return;
        }
        self.draws.push(Draw { texture, shade, scissor_px, first_index: run.first_index as u32, index_count });
    }
}

struct Run {
    shade: Shade,
    area_px: f32,
    first_index: usize,
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
fn scissor_px(clip: Rect, size_px: [u32; 2], pixels_per_point: f32) -> Option<[u32; 4]> {
    // A cast from float saturates, so negative, infinite and NaN edges end up inside the target as well.
    let pixel = |points: f32, limit: u32| ((points * pixels_per_point).round() as u32).min(limit);
    let (left, right) = (pixel(clip.min.x, size_px[0]), pixel(clip.max.x, size_px[0]));
    let (top, bottom) = (pixel(clip.min.y, size_px[1]), pixel(clip.max.y, size_px[1]));
    (left < right && top < bottom).then(|| [left, top, right - left, bottom - top])
}

/// What two rectangles (x, y, width, height) have in common; `None` if nothing.
pub fn within(a: [u32; 4], b: [u32; 4]) -> Option<[u32; 4]> {
    let (left, top) = (a[0].max(b[0]), a[1].max(b[1]));
    let (right, bottom) = ((a[0] + a[2]).min(b[0] + b[2]), (a[1] + a[3]).min(b[1] + b[3]));
    (left < right && top < bottom).then(|| [left, top, right - left, bottom - top])
}
