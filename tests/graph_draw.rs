//! The painted graph, read back pixel by pixel, and picking.

use std::mem::{offset_of, size_of};

use tensorscope::gpu::graph_draw::{GraphDraw, GraphScene, TARGET_FORMAT, View};
use tensorscope::gpu::graph_pick::PickIndex;
use tensorscope::gpu::{Gpu, shaders};
use tensorscope::kernel_io::graph_view::{
    self, EDGE_DASHED, EDGE_DIMMED, EDGE_HIDDEN, EDGE_HIGHLIGHTED, EdgeStyle, GraphCamera, GraphLook, NODE_DIMMED,
    NODE_HIDDEN, NODE_HOVERED, NODE_SELECTED, NODE_SQUARE, NodeStyle, rgba,
};

use crate::wgsl::struct_members;

const WIDTH: u32 = 192;
const HEIGHT: u32 = 128;
const BACKGROUND: [u8; 4] = [10, 20, 30, 255];
const FILL: [u8; 4] = [200, 40, 60, 255];
const EDGE: [u8; 4] = [240, 240, 240, 255];
const SELECTED: [u8; 4] = [0, 255, 0, 255];
const HOVERED: [u8; 4] = [0, 0, 255, 255];

const LOOK: GraphLook = GraphLook {
    background: u32::from_le_bytes(BACKGROUND),
    selected_ring: u32::from_le_bytes(SELECTED),
    hovered_ring: u32::from_le_bytes(HOVERED),
    dimmed_alpha: 0.25,
    edge_fade_units: 1e6,
};

fn node(radius: f32, flags: u32) -> NodeStyle {
    NodeStyle { fill: u32::from_le_bytes(FILL), outline: rgba(0, 0, 0, 255), radius, flags }
}

fn edge(flags: u32) -> EdgeStyle {
    EdgeStyle { color: u32::from_le_bytes(EDGE), flags }
}

/// Pixels per unit `scale`, layout origin in the middle of the picture.
fn camera(scale: f32) -> GraphCamera {
    GraphCamera { center: [0.0, 0.0], scale, viewport_px: [WIDTH as f32, HEIGHT as f32] }
}

struct Painter {
    gpu: Gpu,
    draw: GraphDraw,
}

struct Picture {
    pixels: Vec<u8>,
    camera: GraphCamera,
}

impl Painter {
    fn new() -> Self {
        let gpu = Gpu::headless().expect("an adapter");
        let draw = GraphDraw::new(&gpu).expect("pipelines");
        Self { gpu, draw }
    }

    fn scene(
        &self,
        positions: &[[f32; 2]],
        edges: &[[u32; 2]],
        nodes: &[NodeStyle],
        edge_styles: &[EdgeStyle],
    ) -> GraphScene {
        let buffer = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (positions.len() as u64 * 8).max(8),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(positions));
        GraphScene::new(&self.gpu, &self.draw, &buffer, edges, nodes, edge_styles).expect("a scene")
    }

    fn paint(&self, scene: &GraphScene, camera: GraphCamera) -> Picture {
        self.paint_all(scene, &[camera], &LOOK).remove(0)
    }

    /// One picture for each camera, all recorded into one encoder.
    fn paint_all(&self, scene: &GraphScene, cameras: &[GraphCamera], look: &GraphLook) -> Vec<Picture> {
        let size = wgpu::Extent3d { width: WIDTH, height: HEIGHT, depth_or_array_layers: 1 };
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut read_backs = Vec::new();
        for camera in cameras {
            let texture = self.gpu.device.create_texture(&wgpu::TextureDescriptor {
                label: None,
                size,
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: TARGET_FORMAT,
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
                view_formats: &[],
            });
            let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
            self.draw.paint(&self.gpu, &mut encoder, &view, scene, camera, look);
            let read_back = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: u64::from(WIDTH * HEIGHT * 4),
                usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            });
            encoder.copy_texture_to_buffer(
                texture.as_image_copy(),
                wgpu::TexelCopyBufferInfo {
                    buffer: &read_back,
                    layout: wgpu::TexelCopyBufferLayout {
                        offset: 0,
                        bytes_per_row: Some(WIDTH * 4),
                        rows_per_image: None,
                    },
                },
                size,
            );
            read_backs.push(read_back);
        }
        self.gpu.queue.submit([encoder.finish()]);
        read_backs
            .iter()
            .zip(cameras)
            .map(|(buffer, &camera)| Picture {
                pixels: self.gpu.read_buffer(buffer, 0, u64::from(WIDTH * HEIGHT * 4)).expect("pixels"),
                camera,
            })
            .collect()
    }
}

impl Picture {
    fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let at = ((y * WIDTH + x) * 4) as usize;
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2], self.pixels[at + 3]]
    }

    /// The pixel `offset_px` beside a layout position.
    fn beside(&self, position: [f32; 2], offset_px: [f32; 2]) -> [u8; 4] {
        let [x, y] = self.camera.pixel_from_layout(position);
        self.pixel((x + offset_px[0]) as u32, (y + offset_px[1]) as u32)
    }

    fn painted(&self) -> usize {
        self.pixels.chunks_exact(4).filter(|pixel| pixel[..] != BACKGROUND).count()
    }
}

fn near(a: [u8; 4], b: [u8; 4]) -> bool {
    a.iter().zip(b).all(|(&a, b)| a.abs_diff(b) <= 3)
}

/// What `color` at `alpha` over the background gives.
fn over(color: [u8; 4], alpha: f32) -> [u8; 4] {
    std::array::from_fn(|channel| {
        let (top, under) = (f32::from(color[channel]), f32::from(BACKGROUND[channel]));
        (top * alpha + under * (1.0 - alpha)).round() as u8
    })
}

#[test]
fn an_empty_graph_is_background() {
    let painter = Painter::new();
    let picture = painter.paint(&painter.scene(&[], &[], &[], &[]), camera(10.0));
    assert_eq!(picture.painted(), 0);
}

#[test]
fn nodes_have_their_colour_outline_shape_and_smooth_rim() {
    let painter = Painter::new();
    let positions = [[-4.0, 0.0], [4.0, 0.0]];
    let scene = painter.scene(&positions, &[], &[node(2.0, 0), node(2.0, NODE_SQUARE)], &[]);
    let picture = painter.paint(&scene, camera(10.0));
    for (position, rim_px) in positions.into_iter().zip([-19.2, -17.2]) {
        assert!(near(picture.beside(position, [0.0, 0.0]), FILL));
        assert!(near(picture.beside(position, [rim_px, 0.0]), [0, 0, 0, 255]), "outline");
        assert_eq!(picture.beside(position, [0.0, 24.0]), BACKGROUND);
    }
    let corner = [15.0, 15.0];
    assert_eq!(picture.beside(positions[0], corner), BACKGROUND, "a circle has no corners");
    assert_ne!(picture.beside(positions[1], corner), BACKGROUND, "a square has");
    // Its area is that of the circle within a tenth; the rim has pixels that are neither inside nor outside.
    let half = |from: u32| (0..HEIGHT).flat_map(move |y| (from..from + WIDTH / 2).map(move |x| (x, y)));
    let area = |from: u32| half(from).filter(|&(x, y)| picture.pixel(x, y) != BACKGROUND).count() as f32;
    let disc = std::f32::consts::PI * 20.0 * 20.0;
    assert!((area(0) / disc - 1.0).abs() < 0.1 && (area(WIDTH / 2) / disc - 1.0).abs() < 0.1);
    let red: Vec<u8> = half(0).map(|(x, y)| picture.pixel(x, y)[2]).collect();
    assert!(red.iter().any(|&blue| blue > 3 && blue < 27), "rim blended with the background");
}

#[test]
fn hidden_is_not_drawn_dimmed_is_faint_and_styles_can_change() {
    let painter = Painter::new();
    let positions = [[-6.0, 0.0], [0.0, 0.0], [6.0, 0.0]];
    let edges = [[0, 1], [1, 2]];
    let styles = [node(1.5, 0), node(1.5, NODE_DIMMED), node(1.5, NODE_HIDDEN)];
    let mut scene = painter.scene(&positions, &edges, &styles, &[edge(0), edge(EDGE_HIDDEN)]);
    let picture = painter.paint(&scene, camera(10.0));
    assert!(near(picture.beside(positions[0], [0.0, 0.0]), FILL));
    assert!(near(picture.beside(positions[1], [0.0, 0.0]), over(FILL, LOOK.dimmed_alpha)));
    assert_eq!(picture.beside(positions[2], [0.0, 0.0]), BACKGROUND);
    let middle = [[-3.0, 0.0], [3.0, 0.0]];
    assert_ne!(picture.beside(middle[0], [0.0, 0.0]), BACKGROUND);
    assert_eq!(picture.beside(middle[1], [0.0, 0.0]), BACKGROUND);

    scene.set_node_styles(&painter.gpu, &[node(1.5, NODE_HIDDEN), node(1.5, 0), node(1.5, 0)]);
    scene.set_edge_styles(&painter.gpu, &[edge(EDGE_HIDDEN), edge(EDGE_DIMMED)]);
    let picture = painter.paint(&scene, camera(10.0));
    assert_eq!(picture.beside(positions[0], [0.0, 0.0]), BACKGROUND);
    assert!(near(picture.beside(positions[2], [0.0, 0.0]), FILL));
    assert_eq!(picture.beside(middle[0], [0.0, 0.0]), BACKGROUND);
    let dimmed = picture.beside(middle[1], [0.0, 0.0]);
    assert_ne!(dimmed, BACKGROUND);
    assert!(dimmed[0] < over(EDGE, 0.3)[0]);

    // Nodes without a style are hidden, and so are edges.
    scene.set_node_styles(&painter.gpu, &[]);
    scene.set_edge_styles(&painter.gpu, &[]);
    assert_eq!(painter.paint(&scene, camera(10.0)).painted(), 0);
}

#[test]
fn selected_and_hovered_nodes_have_a_ring_even_as_points() {
    let painter = Painter::new();
    let positions = [[-40.0, 0.0], [0.0, 0.0], [40.0, 0.0]];
    for (radius, scale) in [(6.0, 1.5), (0.3, 1.5)] {
        let styles = [node(radius, NODE_SELECTED), node(radius, NODE_HOVERED), node(radius, 0)];
        let picture = painter.paint(&painter.scene(&positions, &[], &styles, &[]), camera(scale));
        let has = |position: [f32; 2], color: [u8; 4]| {
            let reach = (radius * scale) as i32 + 6;
            (-reach..reach).any(|x| near(picture.beside(position, [x as f32, 0.0]), color))
        };
        assert!(has(positions[0], SELECTED) && !has(positions[0], HOVERED), "radius {radius}");
        assert!(has(positions[1], HOVERED) && !has(positions[1], SELECTED), "radius {radius}");
        assert!(!has(positions[2], HOVERED) && !has(positions[2], SELECTED), "radius {radius}");
    }
}

/// Brightness of the pixels along a horizontal edge, from rim to rim.
fn along_edge(picture: &Picture, from_px: u32, to_px: u32, y: u32) -> Vec<u8> {
    (from_px..to_px).map(|x| (y - 1..=y + 1).map(|y| picture.pixel(x, y)[0]).max().unwrap_or(0)).collect()
}

#[test]
fn dashed_edges_have_gaps_and_plain_ones_have_none_in_every_way_of_painting() {
    let painter = Painter::new();
    let positions = [[-8.0, 0.03], [8.0, 0.03]];
    // Small nodes: thin lines. Highlighted: quads. Large nodes: quads with arrow heads.
    for (name, radius, scale, flags) in
        [("thin", 0.2, 10.0, 0), ("highlighted", 0.2, 10.0, EDGE_HIGHLIGHTED), ("near", 0.8, 10.0, 0)]
    {
        let gaps = |flags: u32| {
            let scene = painter.scene(&positions, &[[0, 1]], &[node(radius, 0); 2], &[edge(flags)]);
            let picture = painter.paint(&scene, camera(scale));
            let line = along_edge(&picture, 30, 150, HEIGHT / 2);
            let dark = line.iter().filter(|&&red| red < 40).count();
            assert!(line.iter().filter(|&&red| red > 90).count() > 50, "{name}: {line:?}");
            dark
        };
        assert_eq!(gaps(flags), 0, "{name}");
        assert!((20..70).contains(&gaps(flags | EDGE_DASHED)), "{name}: {}", gaps(flags | EDGE_DASHED));
    }
}

#[test]
fn edges_in_any_direction_are_whole_and_smooth() {
    let painter = Painter::new();
    for turn in 0..16 {
        let angle = turn as f32 * std::f32::consts::TAU / 16.0 + 0.1;
        let tip = [50.0 * angle.cos(), 50.0 * angle.sin()];
        for flags in [0, EDGE_HIGHLIGHTED] {
            let scene = painter.scene(&[[0.0, 0.0], tip], &[[0, 1]], &[node(0.1, 0); 2], &[edge(flags)]);
            let picture = painter.paint(&scene, camera(1.0));
            for step in 4..46 {
                let at = [tip[0] * step as f32 / 50.0, tip[1] * step as f32 / 50.0];
                let brightest = (-1..=1)
                    .flat_map(|x| (-1..=1).map(move |y| [x as f32, y as f32]))
                    .map(|offset| picture.beside(at, offset)[0])
                    .max();
                assert!(brightest > Some(100), "flags {flags}, angle {angle}, step {step}: {brightest:?}");
            }
            let shades: std::collections::BTreeSet<u8> = picture.pixels.chunks_exact(4).map(|p| p[0]).collect();
            assert!(shades.len() > 8, "flags {flags}, angle {angle}: {shades:?}");
            // Nothing is painted away from the line.
            let opposite = [-tip[0] * 0.5, -tip[1] * 0.5];
            assert_eq!(picture.beside(opposite, [0.0, 0.0]), BACKGROUND);
        }
    }
}

#[test]
fn arrow_heads_and_self_loops_show_when_zoomed_in() {
    let painter = Painter::new();
    let scene = painter.scene(&[[-5.0, 0.0], [5.0, 0.0]], &[[0, 1], [0, 0]], &[node(1.0, 0); 2], &[edge(0); 2]);
    let thickness = |picture: &Picture, x: f32| {
        let painted = |y: &i32| picture.beside([x, 0.0], [0.0, *y as f32]) != BACKGROUND;
        (-8..8).filter(painted).count()
    };
    let near_by = painter.paint(&scene, camera(12.0));
    assert!(thickness(&near_by, 3.3) >= 5, "head: {}", thickness(&near_by, 3.3));
    assert!(thickness(&near_by, 0.0) <= 3);
    assert!(thickness(&near_by, -3.3) <= 3, "no head at the start");
    let loop_top = near_by.beside([-5.0 + 0.9, -0.9], [7.2, 0.0]);
    assert_ne!(loop_top, BACKGROUND);
    let far = painter.paint(&scene, camera(4.0));
    assert!(thickness(&far, 3.3) <= 3, "no head from afar");
}

#[test]
fn long_edges_fade_unless_highlighted_and_edges_to_nowhere_are_left_out() {
    let painter = Painter::new();
    let positions = [[-80.0, -20.0], [80.0, -20.0], [-80.0, 20.0], [80.0, 20.0]];
    let edges = [[0, 1], [2, 3], [0, 99], [u32::MAX, 2]];
    let styles = [edge(0), edge(EDGE_HIGHLIGHTED), edge(0), edge(EDGE_HIGHLIGHTED)];
    let scene = painter.scene(&positions, &edges, &[node(0.5, 0); 4], &styles);
    let view = painter.paint(&scene, camera(1.0));
    let brightness = |picture: &Picture, y: f32| {
        (-2..=2).map(|offset| picture.beside([0.0, y], [0.0, offset as f32])[0]).max().unwrap_or(0)
    };
    assert!(brightness(&view, -20.0) > 100, "LOOK fades nothing");
    assert!(brightness(&view, 20.0) > 100);
    let look = GraphLook { edge_fade_units: 40.0, ..LOOK };
    let faded = painter.paint_all(&scene, &[camera(1.0)], &look).remove(0);
    assert!((BACKGROUND[0] + 5..60).contains(&brightness(&faded, -20.0)), "{}", brightness(&faded, -20.0));
    assert_eq!(brightness(&faded, 20.0), brightness(&view, 20.0), "highlighted");
    let top = (0..WIDTH).map(|x| view.pixel(x, 5)).filter(|&pixel| pixel != BACKGROUND).count();
    assert_eq!(top, 0, "edges to nowhere");
}

#[test]
fn ten_thousand_far_nodes_and_edges_are_points_and_lines() {
    let painter = Painter::new();
    let positions: Vec<[f32; 2]> = (0..30_000).map(|i| [(i % 200) as f32 * 4.0, (i / 200) as f32 * 4.0]).collect();
    let edges: Vec<[u32; 2]> = (0..29_999).map(|i| [i, i + 1]).collect();
    let scene = painter.scene(&positions, &edges, &vec![node(1.0, 0); 30_000], &vec![edge(0); 29_999]);
    let fit = GraphCamera::fit(&positions, [WIDTH as f32, HEIGHT as f32], 4.0);
    assert!(fit.scale < 0.5);
    let picture = painter.paint(&scene, fit);
    let inside = picture.painted() as f32;
    let expected = 796.0 * fit.scale * 596.0 * fit.scale;
    assert!(inside > 0.9 * expected && inside < 1.15 * expected, "{inside} {expected}");
    assert_eq!(picture.pixel(0, 0), BACKGROUND);
}

#[test]
fn two_cameras_in_one_encoder_give_two_pictures() {
    let painter = Painter::new();
    let scene = painter.scene(&[[0.0, 0.0]], &[], &[node(1.0, 0)], &[]);
    let moved = GraphCamera { center: [5.0, 0.0], ..camera(10.0) };
    let pictures = painter.paint_all(&scene, &[camera(10.0), moved], &LOOK);
    for picture in &pictures {
        assert!(near(picture.beside([0.0, 0.0], [0.0, 0.0]), FILL));
    }
    assert_eq!(pictures[1].pixel(WIDTH / 2, HEIGHT / 2), BACKGROUND);
}

#[test]
fn cameras_fit_and_invert() {
    let positions = [[-30.0, 5.0], [90.0, 45.0], [0.0, 20.0]];
    let fit = GraphCamera::fit(&positions, [700.0, 400.0], 10.0);
    for position in positions {
        let pixel = fit.pixel_from_layout(position);
        assert!((10.0..=690.0).contains(&pixel[0]) && (10.0..=390.0).contains(&pixel[1]), "{pixel:?}");
        let back = fit.layout_from_pixel(pixel);
        assert!((back[0] - position[0]).abs() < 1e-3 && (back[1] - position[1]).abs() < 1e-3);
    }
    for positions in [&[][..], &[[7.0, 7.0]]] {
        let fit = GraphCamera::fit(positions, [700.0, 400.0], 10.0);
        assert!(fit.scale.is_finite() && fit.scale > 0.0 && fit.center.iter().all(|c| c.is_finite()));
    }
}

#[test]
fn picking_finds_the_nearest_node_within_the_slack() {
    let positions: Vec<[f32; 2]> = (0..2500).map(|i| [(i % 50) as f32 * 5.0, (i / 50) as f32 * 5.0]).collect();
    let mut radii = vec![1.0; 2500];
    radii[7] = 0.0;
    radii[8] = f32::NAN;
    radii[60] = 3.0;
    let index = PickIndex::new(&positions, &radii);
    let view = GraphCamera { center: [125.0, 125.0], scale: 4.0, viewport_px: [1200.0, 1000.0] };
    // Every answer is that of looking at all nodes.
    for step in 0..4000 {
        let pixel = [(step * 37 % 1200) as f32 + 0.3, (step * 91 % 1000) as f32 + 0.7];
        let at = view.layout_from_pixel(pixel);
        let slack_px = (step % 5) as f32;
        let off_rim = |node: usize| (positions[node][0] - at[0]).hypot(positions[node][1] - at[1]) - radii[node];
        let best = (0..2500).filter(|&n| radii[n] > 0.0).min_by(|&a, &b| off_rim(a).total_cmp(&off_rim(b)));
        let expected = best.filter(|&node| off_rim(node) <= slack_px / view.scale).map(|node| node as u32);
        assert_eq!(index.pick(&view, pixel, slack_px), expected, "pixel {pixel:?}");
    }
    assert_eq!(index.pick(&view, view.pixel_from_layout(positions[7]), 2.0), None, "no radius, not hit");
    assert_eq!(index.pick(&view, [f32::NAN, 0.0], 2.0), None);
    assert_eq!(index.pick(&GraphCamera { scale: 0.0, ..view }, [1.0, 1.0], 2.0), None);
    assert_eq!(PickIndex::new(&[], &[]).pick(&view, [1.0, 1.0], 2.0), None);
    assert_eq!(PickIndex::new(&[[f32::INFINITY, 0.0]], &[1.0]).pick(&view, [1.0, 1.0], 2.0), None);
}

#[test]
fn rust_and_wgsl_agree_on_the_drawing_structs_and_flags() {
    macro_rules! mirror {
        ($rust:ty, $wgsl:literal, [$($field:ident),*]) => {
            let (members, span) = struct_members(shaders::GRAPH_DRAW, $wgsl);
            let ours = vec![$((stringify!($field).to_owned(), offset_of!($rust, $field) as u32)),*];
            assert_eq!(members, ours, $wgsl);
            assert_eq!(span as usize, size_of::<$rust>(), $wgsl);
        };
    }
    mirror!(
        View,
        "View",
        [
            center,
            viewport_px,
            scale,
            edge_alpha,
            dimmed_alpha,
            edge_fade_px,
            arrow_px,
            selected_ring,
            hovered_ring,
            padding
        ]
    );
    mirror!(NodeStyle, "NodeStyle", [fill, outline, radius, flags]);
    mirror!(EdgeStyle, "EdgeStyle", [color, flags]);
    let flags = [
        ("NODE_SQUARE", graph_view::NODE_SQUARE),
        ("NODE_SELECTED", graph_view::NODE_SELECTED),
        ("NODE_HOVERED", graph_view::NODE_HOVERED),
        ("NODE_DIMMED", graph_view::NODE_DIMMED),
        ("EDGE_DASHED", graph_view::EDGE_DASHED),
        ("EDGE_DIMMED", graph_view::EDGE_DIMMED),
        ("EDGE_HIGHLIGHTED", graph_view::EDGE_HIGHLIGHTED),
    ];
    for (name, value) in flags {
        assert!(shaders::GRAPH_DRAW.contains(&format!("const {name}: u32 = {value}u;")), "{name}");
    }
}
