//! Palettes, and pictures of grids against what each pixel should be.

use tensorscope::analysis::heat as cpu;
use tensorscope::analysis::heat::level::stats;
use tensorscope::gpu::colormap::{Palette, Scale, Theme};
use tensorscope::gpu::heat::HeatData;
use tensorscope::gpu::heat_draw::{HeatDraw, HeatPicture, HeatTarget, LevelColors, TARGET_FORMAT};
use tensorscope::gpu::heat_tiles::{HeatTiles, TileKey, Wanted};
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

/// What heat_draw.wgsl does for one pixel of the map: the highest of its cells, coloured by the values of their level.
fn shaded(values: &HeatGrid, picture: &HeatPicture<'_>, pixel: [usize; 2], coarser: u32) -> [u8; 4] {
    let (columns, rows) = (picture.columns[pixel[0]], picture.rows[pixel[1]]);
    let cells = (rows[0]..rows[1])
        .flat_map(|y| (columns[0]..columns[1]).map(move |x| [x >> coarser, y >> coarser]))
        .map(|[x, y]| values.values.get((y * values.width + x) as usize).copied().unwrap_or(0));
    match cells.max() {
        None => picture.pending,
        Some(0) => picture.untouched,
        Some(highest) => {
            let level = &picture.levels[0];
            picture.palette.sample(picture.scale.position(highest, level.highest, level.ranks))
        }
    }
}

fn drawn(tiles: &HeatTiles, picture: &HeatPicture<'_>, size: [u32; 2]) -> Vec<[u8; 4]> {
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
    let pixels = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(row_bytes * size[1]),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    HeatDraw::new(gpu).draw(gpu, &mut encoder, &mut HeatTarget::default(), &view, tiles, picture);
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &pixels,
            layout: wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row_bytes), rows_per_image: None },
        },
        texture.size(),
    );
    gpu.queue.submit([encoder.finish()]);
    let bytes = gpu.read_buffer(&pixels, 0, pixels.size()).expect("read");
    let rows = bytes.chunks_exact(row_bytes as usize);
    rows.flat_map(|row| row.as_chunks::<4>().0[..size[0] as usize].to_vec()).collect()
}

const WIDTH: u32 = 512;
const HEIGHT: u32 = 32;

/// `values(cell)` accesses in each cell of 512 bytes by 32 rows of 512 ops.
fn run_of(values: impl Fn(u32) -> u32) -> Run {
    let mut run =
        Run { pass_phase: vec![0], tensor_base: vec![0], tensor_bytes: vec![u64::from(WIDTH)], ..Run::default() };
    for column in 0..WIDTH {
        run.range_tensor.push(0);
        run.range_offset.push(u64::from(column));
        run.range_length.push(1);
    }
    for cell in 0..WIDTH * HEIGHT {
        run.op_first_access.push(run.access_range.len() as u32);
        run.op_pass.push(0);
        run.access_range.extend(std::iter::repeat_n(cell % WIDTH, values(cell) as usize));
    }
    run.access_flags = vec![0; run.access_range.len()];
    run
}

#[test]
fn pictures_show_the_cells_at_any_zoom_and_keep_single_touches() {
    let run = run_of(|cell| if cell == 7777 { 200 } else { u32::from(cell % 5 == 0) * (cell % 90) });
    let gpu = &engine().gpu;
    let data = HeatData::upload(gpu, &run.columns()).expect("upload");
    let fine = HeatLevel { measure: Measure::Accesses, kx: 0, ky: 9, ..everything(&run).level() };
    let size = [75_u32, 41];
    // First cell and cells a pixel, along both axes; how many levels coarser the only tile is.
    let zooms = [
        ([200.0, 0.0], [1.0, 1.0], 0),
        ([250.25, 3.5], [0.25, 0.5], 0),
        ([100.0, 0.0], [5.0, 3.0], 0),
        ([170.7, 1.0], [1.37, 0.61], 0),
        ([0.0, 0.0], [20.0, 1.0], 0),
        ([230.0, 2.0], [0.7, 0.5], 2),
    ];
    for (case, ((first, per_pixel, coarser), scale)) in zooms
        .into_iter()
        .flat_map(|zoom| [Scale::Linear, Scale::Logarithmic, Scale::Equalised].map(|scale| (zoom, scale)))
        .enumerate()
    {
        let mut tiles = HeatTiles::new(gpu).expect("tiles");
        tiles.begin();
        let level = HeatLevel { kx: coarser, ky: 9 + coarser, ..fine };
        let x = if coarser == 0 { 0..2 } else { 0..1 };
        let wanted = Wanted { source: 3, level, x, y: 0..1 };
        assert!(tiles.make(gpu, &engine().pipelines, &data, &wanted, &mut u64::MAX.clone()).expect("make"));
        let query = level.window(0, 0, WIDTH >> coarser, HEIGHT >> coarser);
        let values = cpu::bin(&run.columns(), &query).expect("good columns");
        let stats = stats(&run.columns(), &level, &false.into()).expect("good columns").expect("not cancelled");
        let ranks = stats.ranks();
        let along = |axis: usize, pixels: u32, count: u32| -> Vec<[u32; 2]> {
            let at = |pixel: u32| first[axis] + per_pixel[axis] * f64::from(pixel);
            let cell = |at: f64| (at as u32).min(count);
            (0..pixels)
                .map(|pixel| match per_pixel[axis] < 1.0 {
                    true => [cell(f64::midpoint(at(pixel), at(pixel + 1)))].map(|c| [c, (c + 1).min(count)])[0],
                    false => [cell(at(pixel)), cell(at(pixel + 1))],
                })
                .collect()
        };
        let strip_px = 5;
        let (columns, rows) = (along(0, size[0], WIDTH), along(1, size[1] - 2 * strip_px, HEIGHT));
        let stands: Vec<_> =
            (0..2).map(|x| tiles.stand(&TileKey { source: 3, level: fine, x, y: 0 }).map(|stand| (stand, 0))).collect();
        assert!(stands.iter().flatten().all(|(stand, _)| stand.shift == [coarser; 2]), "{stands:?}");
        let strips: Vec<[u8; 4]> = (0..2 * size[0]).map(|i| [i as u8, 100, 7, 255]).collect();
        let picture = HeatPicture {
            columns: &columns,
            rows: &rows,
            tiles: &stands,
            tile_columns: 2,
            levels: &[LevelColors { highest: stats.highest, ranks: &ranks }],
            strips: &strips,
            strip_px,
            palette: Palette::ALL[case % 3],
            scale,
            untouched: Theme::Dark.untouched(),
            pending: Theme::Dark.pending(),
        };
        let shown = drawn(&tiles, &picture, size);
        let table = picture.palette.table();
        let near = |color: [u8; 4], expected: [u8; 4]| {
            let entry = table.iter().position(|&entry| entry == expected);
            // Logarithms of drivers may differ in the last bit, and so by one entry.
            let around = entry.map(|entry| &table[entry.saturating_sub(1)..(entry + 2).min(256)]);
            color == expected || around.is_some_and(|around| around.contains(&color))
        };
        for y in 0..size[1] {
            for x in 0..size[0] {
                let color = shown[(y * size[0] + x) as usize];
                let expected = match y.checked_sub(2 * strip_px) {
                    None if y % strip_px == strip_px - 1 => picture.untouched,
                    None => strips[(y / strip_px * size[0] + x) as usize],
                    Some(row) => shaded(&values, &picture, [x as usize, row as usize], coarser),
                };
                assert!(near(color, expected), "case {case}, pixel {x} {y}: {color:?}, not {expected:?}");
            }
        }
    }
}
