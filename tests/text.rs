//! Labels: which are shown, and where their letters come to lie.

use std::sync::OnceLock;

use tensorscope::gpu::Gpu;
use tensorscope::gpu::text::{Fonts, Label, TARGET_FORMAT, TextLayer, TextTarget, WorldView};

const SIZE: [u32; 2] = [256, 64];

fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| Gpu::headless().expect("a software adapter"))
}

fn label(text: &str, at: [f64; 2]) -> Label<'_> {
    let color = [255, 255, 255, 255];
    Label { text, at, anchor: [0.0, 0.0], shift_px: [0.0, 0.0], font_px: 12.0, color, room: None }
}

/// Draws over black; gives how many labels are shown and the columns that letters lie in.
fn drawn(view: &WorldView, labels: &[Label<'_>]) -> (usize, Vec<u32>) {
    let gpu = gpu();
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: SIZE[0], height: SIZE[1], depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: TARGET_FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let pixels = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(4 * SIZE[0] * SIZE[1]),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut fonts = Fonts::new(gpu);
    let mut layer = TextLayer::new(gpu, &mut fonts);
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let picture = texture.create_view(&wgpu::TextureViewDescriptor::default());
    let target = TextTarget { view: &picture, size_px: SIZE };
    let shown = layer.draw(gpu, &mut fonts, &mut encoder, &target, view, labels);
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * SIZE[0]), rows_per_image: None };
    let to = wgpu::TexelCopyBufferInfo { buffer: &pixels, layout };
    encoder.copy_texture_to_buffer(texture.as_image_copy(), to, texture.size());
    gpu.queue.submit([encoder.finish()]);
    let bytes = gpu.read_mapped(&pixels, pixels.size()).expect("pixels");
    gpu.check().expect("no fault");
    let lit = |x: u32| (0..SIZE[1]).any(|y| bytes[4 * (y * SIZE[0] + x) as usize] > 60);
    (shown, (0..SIZE[0]).filter(|&x| lit(x)).collect())
}

#[test]
fn a_label_stands_where_the_camera_sees_its_point() {
    let near = WorldView { origin: [1e9, 0.0], px_per_unit: [2.0, 1.0] };
    let (shown, columns) = drawn(&near, &[label("attn_q", [1e9 + 50.0, 20.0])]);
    assert_eq!(shown, 1);
    let (first, last) = (columns[0], columns[columns.len() - 1]);
    assert!((100..104).contains(&first) && (125..150).contains(&last), "{first} to {last}");

    let anchored = Label { anchor: [1.0, 0.0], ..label("attn_q", [1e9 + 50.0, 20.0]) };
    let (_, columns) = drawn(&near, &[anchored]);
    assert!(columns[columns.len() - 1] <= 100, "{columns:?}");

    let (shown, columns) = drawn(&near, &[label("attn_q", [1e9 - 500.0, 20.0])]);
    assert_eq!((shown, columns), (0, vec![]));
}

#[test]
fn of_labels_that_overlap_the_first_is_shown() {
    let labels = [label("first", [10.0, 10.0]), label("second", [20.0, 14.0]), label("third", [120.0, 10.0])];
    let (shown, columns) = drawn(&WorldView::PIXELS, &labels);
    assert_eq!(shown, 2);
    assert!(!columns.iter().any(|x| (60..120).contains(x)), "{columns:?}");
}

#[test]
fn a_label_keeps_to_what_is_seen_of_its_place_or_is_left_out() {
    let band = |left: f64, right: f64| Label { room: Some([left, 0.0, right, 20.0]), ..label("layer 7", [left, 2.0]) };
    // Its place begins far to the left.
    let (shown, columns) = drawn(&WorldView::PIXELS, &[band(-5000.0, 300.0)]);
    assert_eq!(shown, 1);
    assert!(columns[0] < 5, "{columns:?}");
    // Only the end of it is seen, and the label keeps to the end.
    let (_, columns) = drawn(&WorldView::PIXELS, &[band(-5000.0, 60.0)]);
    assert!(columns[columns.len() - 1] < 60, "{columns:?}");
    for narrow in [band(-5000.0, 15.0), band(100.0, 110.0)] {
        assert_eq!(drawn(&WorldView::PIXELS, &[narrow]).0, 0);
    }
}

#[test]
fn numbers_that_are_none_show_nothing_and_harm_nobody() {
    let strange = [
        label("a", [f64::NAN, 0.0]),
        label("b", [f64::INFINITY, 0.0]),
        Label { font_px: 0.0, ..label("c", [10.0, 10.0]) },
        Label { room: Some([f64::NAN, 0.0, 10.0, 10.0]), ..label("d", [0.0, 0.0]) },
        label("", [30.0, 30.0]),
        label("good", [100.0, 10.0]),
    ];
    let (_, columns) = drawn(&WorldView::PIXELS, &strange);
    assert!(columns.iter().any(|x| (100..110).contains(x)), "{columns:?}");
}
