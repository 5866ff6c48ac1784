//! The painter: right pixels, textures that come, change and go, and cheap shades that change nothing.

use std::mem::offset_of;

use egui::epaint::{ClippedPrimitive, ImageDelta, Mesh, Primitive, Vertex, textures::TexturesDelta};
use egui::{Color32, ColorImage, Pos2, Rect, TextureId, TextureOptions, pos2, vec2};
use tensorscope::gpu::Gpu;
use tensorscope::gpu::egui_mesh::{MeshList, Shade};
use tensorscope::gpu::egui_painter::{EguiPainter, UserTexture, View};
use tensorscope::gpu::shaders;

/// Makes rows of an Rgba8 copy exactly as long as they must be.
const SIDE_PX: u32 = 64;
const FORMATS: [wgpu::TextureFormat; 2] = [wgpu::TextureFormat::Rgba8Unorm, wgpu::TextureFormat::Bgra8Unorm];

struct Canvas {
    gpu: Gpu,
    painter: EguiPainter,
}

impl Canvas {
    /// A painter whose managed texture 0 is white, as egui's is at its corner.
    fn new() -> Self {
        let gpu = Gpu::headless().unwrap();
        let mut painter = EguiPainter::new(&gpu.device);
        let white = ColorImage::filled([4, 4], Color32::WHITE);
        set(&gpu, &mut painter, TextureId::default(), ImageDelta::full(white, TextureOptions::LINEAR)).unwrap();
        Self { gpu, painter }
    }

    fn list(&self, primitives: &[ClippedPrimitive]) -> MeshList {
        let mut list = MeshList::default();
        list.rebuild(primitives, [SIDE_PX; 2], 1.0, |id| self.painter.is_opaque(id));
        list
    }

    fn picture(&mut self, primitives: &[ClippedPrimitive]) -> Picture {
        let list = self.list(primitives);
        self.picture_of(&list, wgpu::TextureFormat::Rgba8Unorm)
    }

    /// On black.
    fn picture_of(&mut self, list: &MeshList, format: wgpu::TextureFormat) -> Picture {
        let Self { gpu, painter } = self;
        let [width, height] = list.size_px;
        let usage = wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC;
        let target = texture(&gpu.device, [width, height], format, usage);
        painter.upload(&gpu.device, &gpu.queue, format, list).unwrap();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        paint(&mut encoder, painter, &target, list);
        let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: u64::from(width * height * 4),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        encoder.copy_texture_to_buffer(
            target.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &staging,
                layout: wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(width * 4), rows_per_image: None },
            },
            target.size(),
        );
        gpu.queue.submit([encoder.finish()]);
        Picture { width, bytes: gpu.read_mapped(&staging, staging.size()).unwrap() }
    }
}

#[derive(PartialEq)]
struct Picture {
    width: u32,
    bytes: Vec<u8>,
}

impl Picture {
    fn at(&self, x: u32, y: u32) -> [u8; 4] {
        let first = ((y * self.width + x) * 4) as usize;
        self.bytes[first..first + 4].try_into().unwrap()
    }

    /// How many pixels are not black.
    fn painted(&self) -> usize {
        self.bytes.chunks_exact(4).filter(|pixel| pixel[..3] != [0, 0, 0]).count()
    }
}

fn paint(encoder: &mut wgpu::CommandEncoder, painter: &EguiPainter, target: &wgpu::Texture, list: &MeshList) {
    let view = target.create_view(&Default::default());
    let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: &view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
        })],
        ..Default::default()
    });
    painter.paint(&mut pass, target.format(), list, [0, 0, target.width(), target.height()]);
}

fn texture(
    device: &wgpu::Device,
    [width, height]: [u32; 2],
    format: wgpu::TextureFormat,
    usage: wgpu::TextureUsages,
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

fn set(
    gpu: &Gpu,
    painter: &mut EguiPainter,
    id: TextureId,
    image: ImageDelta,
) -> Result<(), tensorscope::gpu::GpuError> {
    let mut delta = TexturesDelta::default();
    delta.push(id, image);
    painter.set_textures(&gpu.device, &gpu.queue, &mut delta)
}

/// A texture filled with one colour, as a view would hand it over.
fn filled(gpu: &Gpu, color: Color32) -> wgpu::Texture {
    let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST;
    let texture = texture(&gpu.device, [8, 8], wgpu::TextureFormat::Rgba8Unorm, usage);
    gpu.queue.write_texture(
        texture.as_image_copy(),
        &color.to_array().repeat(64),
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(32), rows_per_image: None },
        texture.size(),
    );
    texture
}

fn everywhere() -> Rect {
    Rect::from_min_size(Pos2::ZERO, vec2(SIDE_PX as f32, SIDE_PX as f32))
}

fn clipped(clip_rect: Rect, mesh: Mesh) -> ClippedPrimitive {
    ClippedPrimitive { clip_rect, primitive: Primitive::Mesh(mesh) }
}

fn fill(rect: Rect, color: Color32) -> Mesh {
    let mut mesh = Mesh::default();
    mesh.add_colored_rect(rect, color);
    mesh
}

fn image(id: TextureId, rect: Rect, tint: Color32) -> Mesh {
    let mut mesh = Mesh::with_texture(id);
    mesh.add_rect_with_uv(rect, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)), tint);
    mesh
}

#[test]
fn the_rust_layouts_are_those_of_the_shader() {
    let module = naga::front::wgsl::parse_str(shaders::EGUI).unwrap();
    let (_, view) = module.types.iter().find(|(_, kind)| kind.name.as_deref() == Some("View")).unwrap();
    let naga::TypeInner::Struct { members, span } = &view.inner else { panic!("View is a struct") };
    let offsets: Vec<_> = members.iter().map(|member| (member.name.as_deref().unwrap(), member.offset)).collect();
    let mirror = [("size_points", offset_of!(View, size_points)), ("padding", offset_of!(View, padding))];
    assert_eq!(offsets, mirror.map(|(name, offset)| (name, offset as u32)));
    assert_eq!(*span as usize, size_of::<View>());
    // The vertex attributes are Float32x2, Float32x2, Unorm8x4 without gaps.
    assert_eq!((offset_of!(Vertex, pos), offset_of!(Vertex, uv), offset_of!(Vertex, color)), (0, 8, 16));
    assert_eq!(size_of::<Vertex>(), 20);
}

#[test]
fn pipelines_of_every_shade_and_format_validate_without_a_driver() {
    // Uncaptured errors of this device panic.
    let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor::default());
    let mut painter = EguiPainter::new(&device);
    let usage = wgpu::TextureUsages::TEXTURE_BINDING;
    let shown = texture(&device, [8, 8], wgpu::TextureFormat::Rgba8Unorm, usage);
    let opaque = UserTexture { opaque: true, ..Default::default() };
    let id = painter.register(&device, &shown.create_view(&Default::default()), opaque);
    let primitives = [
        clipped(everywhere(), fill(everywhere(), Color32::RED)),
        clipped(everywhere(), fill(everywhere(), Color32::from_black_alpha(9))),
        clipped(everywhere(), image(id, everywhere(), Color32::WHITE)),
        clipped(everywhere(), image(id, everywhere(), Color32::from_white_alpha(9))),
    ];
    let mut list = MeshList::default();
    list.rebuild(&primitives, [SIDE_PX; 2], 1.0, |id| painter.is_opaque(id));
    let shades: Vec<_> = list.draws.iter().map(|draw| draw.shade).collect();
    assert_eq!(shades, [Shade::PlainOpaque, Shade::Plain, Shade::TexturedOpaque, Shade::Textured]);
    for format in FORMATS {
        painter.upload(&device, &queue, format, &list).unwrap();
        let target = texture(&device, [SIDE_PX; 2], format, wgpu::TextureUsages::RENDER_ATTACHMENT);
        let mut encoder = device.create_command_encoder(&Default::default());
        paint(&mut encoder, &painter, &target, &list);
        queue.submit([encoder.finish()]);
    }
}

#[test]
fn a_triangle_has_the_bytes_of_its_colour_on_both_formats() {
    let mut canvas = Canvas::new();
    let color = Color32::from_rgb(10, 100, 200);
    let mut mesh = Mesh::default();
    for corner in [pos2(0.0, 0.0), pos2(64.0, 0.0), pos2(0.0, 64.0)] {
        mesh.colored_vertex(corner, color);
    }
    mesh.add_triangle(0, 1, 2);
    let list = canvas.list(&[clipped(everywhere(), mesh)]);
    let [rgba, bgra] = FORMATS.map(|format| canvas.picture_of(&list, format));
    assert_eq!(rgba.at(5, 5), [10, 100, 200, 255]);
    assert_eq!(rgba.at(60, 60), [0, 0, 0, 255], "below the diagonal nothing is painted");
    assert_eq!(bgra.at(5, 5), [200, 100, 10, 255]);
}

#[test]
fn translucent_colours_blend_premultiplied_in_gamma_space() {
    let mut canvas = Canvas::new();
    let below = clipped(everywhere(), fill(everywhere(), Color32::from_rgb(200, 100, 0)));
    let above = clipped(everywhere(), fill(everywhere(), Color32::from_rgba_premultiplied(20, 20, 20, 128)));
    let [r, g, b, a] = canvas.picture(&[below, above]).at(30, 30);
    for (got, below) in [(r, 200.0_f32), (g, 100.0), (b, 0.0)] {
        let expected = 20.0 + below * (1.0 - 128.0 / 255.0);
        assert!((f32::from(got) - expected).abs() <= 1.0, "{got} for {expected}");
    }
    assert_eq!(a, 255);
}

#[test]
fn scissors_cut_and_empty_ones_draw_nothing() {
    let mut canvas = Canvas::new();
    let white = || fill(everywhere(), Color32::WHITE);
    let clip = Rect::from_min_max(pos2(10.0, 20.0), pos2(30.0, 25.0));
    let picture = canvas.picture(&[clipped(clip, white())]);
    assert_eq!(picture.painted(), 20 * 5);
    assert_eq!((picture.at(10, 20)[0], picture.at(29, 24)[0]), (255, 255));

    let flat = Rect::from_min_max(pos2(10.0, 20.0), pos2(30.0, 20.0));
    let outside = Rect::from_min_max(pos2(70.0, 0.0), pos2(90.0, 64.0));
    let not_a_number = Rect::from_min_max(pos2(f32::NAN, 0.0), pos2(f32::NAN, 64.0));
    for empty in [flat, outside, Rect::NOTHING, not_a_number] {
        assert!(canvas.list(&[clipped(empty, white())]).draws.is_empty(), "{empty:?}");
    }
    assert_eq!(canvas.list(&[clipped(Rect::EVERYTHING, white())]).draws[0].scissor_px, [0, 0, SIDE_PX, SIDE_PX]);
}

#[test]
fn neighbours_of_one_texture_and_scissor_are_one_draw() {
    let canvas = Canvas::new();
    let small = |x: f32| fill(Rect::from_min_size(pos2(x, 0.0), vec2(4.0, 4.0)), Color32::WHITE);
    let half = Rect::from_min_size(Pos2::ZERO, vec2(32.0, 64.0));
    let joined = canvas.list(&[clipped(everywhere(), small(0.0)), clipped(everywhere(), small(8.0))]);
    assert_eq!((joined.draws.len(), joined.draws[0].index_count), (1, 12));
    let parted = canvas.list(&[clipped(everywhere(), small(0.0)), clipped(half, small(8.0))]);
    assert_eq!(parted.draws.len(), 2);
    let textured = image(TextureId::User(3), everywhere(), Color32::WHITE);
    let parted = canvas.list(&[clipped(everywhere(), small(0.0)), clipped(everywhere(), textured)]);
    assert_eq!(parted.draws.len(), 2);
}

#[test]
fn meshes_with_indices_out_of_range_are_skipped() {
    let mut canvas = Canvas::new();
    let mut broken = fill(everywhere(), Color32::WHITE);
    broken.indices[0] = 1_000_000;
    assert_eq!(canvas.picture(&[clipped(everywhere(), broken)]).painted(), 0);
}

#[test]
fn parts_of_a_texture_change_and_no_more() {
    let mut canvas = Canvas::new();
    let id = TextureId::Managed(7);
    let Canvas { gpu, painter } = &mut canvas;
    let red = ColorImage::filled([4, 4], Color32::RED);
    set(gpu, painter, id, ImageDelta::full(red.clone(), TextureOptions::NEAREST)).unwrap();
    let patch = ColorImage::filled([2, 1], Color32::GREEN);
    set(gpu, painter, id, ImageDelta::partial([1, 3], patch.clone(), TextureOptions::NEAREST)).unwrap();

    let picture = canvas.picture(&[clipped(everywhere(), image(id, everywhere(), Color32::WHITE))]);
    // One texel is 16 pixels.
    for (x, y) in (0..4).flat_map(|y| (0..4).map(move |x| (x, y))) {
        let expected = if y == 3 && (1..3).contains(&x) { Color32::GREEN } else { Color32::RED };
        assert_eq!(picture.at(x * 16 + 8, y * 16 + 8), expected.to_array(), "texel {x}, {y}");
    }

    let Canvas { gpu, painter } = &mut canvas;
    let outside = ImageDelta::partial([3, 3], patch.clone(), TextureOptions::NEAREST);
    assert!(set(gpu, painter, id, outside).is_err());
    let unknown = ImageDelta::partial([0, 0], patch, TextureOptions::NEAREST);
    assert!(set(gpu, painter, TextureId::Managed(8), unknown).is_err());
    let huge = ColorImage::filled([1, 20_000], Color32::RED);
    assert!(set(gpu, painter, id, ImageDelta::full(huge, TextureOptions::NEAREST)).is_err());
    gpu.wait().expect("none of these reached the device");

    let larger = ColorImage::filled([9, 3], Color32::BLUE);
    set(gpu, painter, id, ImageDelta::full(larger, TextureOptions::NEAREST)).unwrap();
    let picture = canvas.picture(&[clipped(everywhere(), image(id, everywhere(), Color32::WHITE))]);
    assert_eq!(picture.at(60, 60), Color32::BLUE.to_array());
}

#[test]
fn freed_textures_are_gone_and_what_shows_them_is_not_drawn() {
    let mut canvas = Canvas::new();
    let Canvas { gpu, painter } = &mut canvas;
    let managed = TextureId::Managed(7);
    let red = ColorImage::filled([4, 4], Color32::RED);
    set(gpu, painter, managed, ImageDelta::full(red, TextureOptions::NEAREST)).unwrap();
    let user = painter.register(
        &gpu.device,
        &filled(gpu, Color32::GREEN).create_view(&Default::default()),
        UserTexture::default(),
    );
    assert_eq!(painter.texture_count(), 3);
    let mut delta = TexturesDelta::default();
    delta.free(managed);
    painter.free_textures(&mut delta);
    painter.free(user);
    assert_eq!(painter.texture_count(), 1);
    let shown = [managed, user].map(|id| clipped(everywhere(), image(id, everywhere(), Color32::WHITE)));
    assert_eq!(canvas.picture(&shown).painted(), 0);
}

#[test]
fn user_textures_show_change_and_replace_what_is_below_when_opaque() {
    let mut canvas = Canvas::new();
    let Canvas { gpu, painter } = &mut canvas;
    // Alpha says transparent; registered as opaque it must not be looked at.
    let [first, second] = [Color32::from_rgba_premultiplied(9, 8, 7, 0), Color32::from_rgb(1, 2, 3)]
        .map(|color| filled(gpu, color).create_view(&Default::default()));
    let opaque = painter.register(&gpu.device, &first, UserTexture { opaque: true, ..Default::default() });
    let blended = painter.register(&gpu.device, &first, UserTexture::default());
    let show = |id| {
        [
            clipped(everywhere(), fill(everywhere(), Color32::from_rgb(50, 50, 50))),
            clipped(everywhere(), image(id, everywhere(), Color32::WHITE)),
        ]
    };
    assert_eq!(canvas.picture(&show(opaque)).at(32, 32), [9, 8, 7, 0]);
    assert_eq!(canvas.picture(&show(blended)).at(32, 32), [59, 58, 57, 255]);
    canvas.painter.update(&canvas.gpu.device, opaque, &second);
    assert_eq!(canvas.picture(&show(opaque)).at(32, 32), [1, 2, 3, 255]);
}

#[test]
fn the_cheap_shades_paint_what_the_general_one_paints() {
    let context = egui::Context::default();
    let size_px = [512, 320];
    let size = vec2(512.0, 320.0);
    let layout = || {
        let input = egui::RawInput { screen_rect: Some(Rect::from_min_size(Pos2::ZERO, size)), ..Default::default() };
        context.run_ui(input, |ui| {
            egui::Panel::left("list").show(ui, |ui| ui.label("blk.0.attn_q.weight"));
            egui::CentralPanel::default().show(ui, |ui| {
                ui.heading("Heat");
                egui::Frame::window(ui.style()).show(ui, |ui| ui.button("in a frame with a shadow"));
                let (rect, _) = ui.allocate_exact_size(vec2(200.0, 100.0), egui::Sense::hover());
                ui.painter().rect_filled(rect, 12.0, Color32::from_rgb(200, 80, 30));
                ui.painter().rect_filled(rect.shrink(9.0), 0.0, Color32::from_rgba_unmultiplied(20, 80, 230, 99));
                ui.painter().circle_filled(rect.center(), 45.0, Color32::YELLOW);
            });
        })
    };
    let mut canvas = Canvas::new();
    let mut output = layout();
    for _ in 0..2 {
        canvas.painter.set_textures(&canvas.gpu.device, &canvas.gpu.queue, &mut output.textures_delta).unwrap();
        output = layout();
    }
    output.textures_delta.clear();
    let primitives = context.tessellate(output.shapes, 1.0);
    let mut chosen = MeshList::default();
    chosen.rebuild(&primitives, size_px, 1.0, |_| false);
    let mut general = chosen.clone();
    general.draws.iter_mut().for_each(|draw| draw.shade = Shade::Textured);
    for shade in [Shade::PlainOpaque, Shade::Plain, Shade::Textured] {
        assert!(chosen.draws.iter().any(|draw| draw.shade == shade), "the picture has no {shade:?}");
    }

    let format = wgpu::TextureFormat::Rgba8Unorm;
    let (chosen, general) = (canvas.picture_of(&chosen, format), canvas.picture_of(&general, format));
    let worst = chosen.bytes.iter().zip(&general.bytes).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(1), "channels differ by up to {worst:?}");
    assert!(chosen.painted() > 100_000);
}
