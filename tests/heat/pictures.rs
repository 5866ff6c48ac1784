//! Palettes, and pictures of grids against what each pixel should be.

use tensorscope::analysis::heat as cpu;
use tensorscope::gpu::colormap::{Palette, Scale, Theme};
use tensorscope::gpu::heat::{GpuGrid, HeatData};
use tensorscope::gpu::heat_draw::{HeatDraw, HeatLayer, Outline, TARGET_FORMAT};
use tensorscope::kernel_io::heat::*;

use super::engine;
use super::run::{Run, everything};

#[test]
fn palettes_rise_evenly_in_lightness_from_cold_to_hot() {
    // CIE lightness, which the palettes were not made with.
    let lightness = |color: [u8; 4]| {
        let linear = color.map(|channel| (f64::from(channel) / 255.0).powf(2.2));
        (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]).cbrt()
    };
    for palette in Palette::ALL {
        let table = palette.table();
        for (from, to) in table.iter().zip(&table[8..]) {
            assert!(lightness(*to) > lightness(*from), "{palette:?} {from:?} {to:?}");
        }
        for pair in table.windows(2) {
            let step = |channel: usize| i32::from(pair[1][channel]) - i32::from(pair[0][channel]);
            assert!((0..4).all(|channel| step(channel).abs() <= 8), "{palette:?} jumps: {pair:?}");
        }
        for theme in [Theme::Dark, Theme::Light] {
            let untouched = theme.untouched();
            let near = |color: &[u8; 4]| (0..3).all(|i| color[i].abs_diff(untouched[i]) < 24);
            assert!(!table.iter().any(near), "{palette:?} has the colour of untouched cells");
        }
        assert_eq!((palette.sample(-1.0), palette.sample(f32::NAN)), (table[0], table[0]));
        assert_eq!((palette.sample(0.5), palette.sample(7.0)), (table[128], table[255]));
    }
    let [cold, hot] = [0.0, 1.0].map(|position| Palette::Heat.sample(position));
    assert!(cold[2] > 2 * cold[0].max(cold[1]) && hot[0] > 3 * hot[1].max(hot[2]), "{cold:?} {hot:?}");
}

/// What heat_draw.wgsl does for one pixel: the table entry, or nothing where the grid has no cell.
fn shaded(values: &HeatGrid, layer: &HeatLayer<'_>, pixel: [u32; 2]) -> Option<[u8; 4]> {
    let covered = |axis: usize, cells: u32| {
        let at = (pixel[axis] - layer.target_px[axis]) as f32;
        let per_pixel = layer.cells_per_pixel[axis];
        let cell = |at: f32| (layer.origin_cells[axis] + at * per_pixel).floor() as i64;
        let range = if per_pixel < 1.0 { cell(at + 0.5)..cell(at + 0.5) + 1 } else { cell(at)..cell(at + 1.0) };
        range.start.max(0)..range.end.min(i64::from(cells))
    };
    let (columns, rows) = (covered(0, values.width), covered(1, values.height));
    let cells =
        rows.flat_map(|y| columns.clone().map(move |x| values.values[(y * i64::from(values.width) + x) as usize]));
    Some(match cells.max()? {
        0 => layer.untouched,
        highest => layer.palette.sample(layer.scale.position(highest, layer.highest)),
    })
}

fn drawn(layers: &[HeatLayer<'_>], size: [u32; 2], clear: [u8; 4]) -> Vec<[u8; 4]> {
    let gpu = &engine().gpu;
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: TARGET_FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let row_bytes = (4 * size[0]).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let picture = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(row_bytes * size[1]),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    HeatDraw::new(gpu).draw(gpu, &mut encoder, &view, size, Some(clear), layers);
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &picture,
            layout: wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row_bytes), rows_per_image: None },
        },
        texture.size(),
    );
    gpu.queue.submit([encoder.finish()]);
    let bytes = gpu.read_buffer(&picture, 0, picture.size()).expect("read");
    let rows = bytes.chunks_exact(row_bytes as usize);
    rows.flat_map(|row| row.as_chunks::<4>().0[..size[0] as usize].to_vec()).collect()
}

/// A run with a touch of `values[i] % 256` accesses in cell i of a row of 64-byte cells, and the grid of it.
fn grid_of(width: u32, height: u32, values: impl Fn(u32) -> u32) -> (GpuGrid, HeatGrid) {
    let cells = width * height;
    let mut run =
        Run { pass_phase: vec![0], tensor_base: vec![0], tensor_bytes: vec![u64::from(width)], ..Run::default() };
    for column in 0..width {
        run.range_tensor.push(0);
        run.range_offset.push(u64::from(column));
        run.range_length.push(1);
    }
    for cell in 0..cells {
        run.op_first_access.push(run.access_range.len() as u32);
        run.op_pass.push(0);
        run.access_range.extend(std::iter::repeat_n(cell % width, values(cell) as usize));
    }
    run.access_flags = vec![0; run.access_range.len()];
    let ky = width.ilog2();
    let query = HeatQuery { measure: Measure::Accesses, kx: 0, ky, width, height, ..everything(&run) };
    let data = HeatData::upload(&engine().gpu, &run.columns()).expect("upload");
    let grid = engine().pipelines.bin(&engine().gpu, &data, &query).expect("bin");
    (grid, cpu::bin(&run.columns(), &query).expect("good columns"))
}

#[test]
fn pictures_show_the_cells_at_any_zoom_and_keep_single_touches() {
    let (grid, values) = grid_of(64, 32, |cell| if cell == 777 { 200 } else { u32::from(cell % 5 == 0) * (cell % 90) });
    let size = [75, 41];
    let clear = [1, 2, 3, 255];
    let outline = Outline { rect_px: [20.0, 10.0, 30.0, 16.0], width_px: 2.0, color: [9, 250, 9, 255] };
    let zooms = [[1.0, 1.0], [0.25, 0.5], [2.0, 3.0], [1.37, 0.61], [16.0, 16.0]];
    for (case, (cells_per_pixel, scale)) in
        zooms.into_iter().flat_map(|zoom| [Scale::Linear, Scale::Logarithmic].map(|scale| (zoom, scale))).enumerate()
    {
        let layer = HeatLayer {
            grid: &grid,
            target_px: [3, 2, 70, 36],
            origin_cells: [-0.5, 0.75],
            cells_per_pixel,
            palette: Palette::ALL[case % 3],
            scale,
            highest: 200,
            untouched: Theme::Dark.untouched(),
            outline: (case % 2 == 0).then_some(outline),
        };
        let picture = drawn(std::slice::from_ref(&layer), size, clear);
        let table = layer.palette.table();
        let near = |color: [u8; 4], expected: [u8; 4]| {
            let entry = table.iter().position(|&entry| entry == expected);
            // Logarithms of drivers may differ in the last bit, and so by one entry.
            let around = entry.map(|entry| &table[entry.saturating_sub(1)..(entry + 2).min(256)]);
            color == expected || around.is_some_and(|around| around.contains(&color))
        };
        for y in 0..size[1] {
            for x in 0..size[0] {
                let color = picture[(y * size[0] + x) as usize];
                let within = (3..73).contains(&x) && (2..38).contains(&y);
                let framed = (20..30).contains(&x) && (10..16).contains(&y);
                let framed = framed && !((22..28).contains(&x) && (12..14).contains(&y));
                let expected = match within {
                    false => clear,
                    true if framed && layer.outline.is_some() => outline.color,
                    true => shaded(&values, &layer, [x, y]).unwrap_or(clear),
                };
                assert!(near(color, expected), "case {case}, pixel {x} {y}: {color:?}, not {expected:?}");
            }
        }
    }
}
