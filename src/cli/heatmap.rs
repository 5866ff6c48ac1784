//! `heatmap RUN`: exact values of a grid of cells, from the kernels or their twin.

use std::fmt::Write;

use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::args::{AggregateArg, DirectionArg, EngineArg, HeatmapArgs, MeasureArg, OrderArg, TrackArg};
use super::{CliError, engine, open, print_json, print_text};
use crate::analysis::heat;
use crate::gpu::Gpu;
use crate::gpu::heat::{HeatData, HeatPipelines};
use crate::kernel_io::heat::{Aggregate, Direction, HeatColumns, HeatGrid, HeatQuery, Measure};
use crate::trace::Track;
use crate::trace::tracks::{HeatTables, Order, TrackLayout, phase_bits};

/// Cells that a terminal shows; larger grids are told in numbers only.
const SHOWN_COLUMNS: u32 = 200;
const SHOWN_ROWS: u32 = 100;

#[derive(serde::Serialize)]
struct Heatmap {
    track: Track,
    measure: MeasureArg,
    kx: u32,
    ky: u32,
    x0: u64,
    y0: u64,
    width: u32,
    height: u32,
    engine: &'static str,
    adapter: Option<String>,
    values: Rows,
}

/// The grid as a list of rows.
struct Rows(HeatGrid);

impl Rows {
    fn rows(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.0.values.chunks(self.0.width.max(1) as usize)
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.rows().len()))?;
        for row in self.rows() {
            rows.serialize_element(row)?;
        }
        rows.end()
    }
}

pub fn run(args: &HeatmapArgs) -> Result<(), CliError> {
    let trace = open(&args.run)?;
    let track = match args.track {
        TrackArg::Disk => Track::Disk,
        TrackArg::Buffer => Track::Buffer,
    };
    let order = match args.order {
        OrderArg::File => Order::File,
        OrderArg::Layer => Order::Layer,
        OrderArg::Heat => Order::Heat,
    };
    let layout = TrackLayout::new(&trace, track, order);
    let query = query(args, layout.bytes, trace.op_count() as u64);
    query.check()?;
    let tables = HeatTables::new(&trace);
    let (grid, adapter) = compute(args.engine, &trace.heat_columns(&layout, &tables), &query)?;
    let heatmap = Heatmap {
        track,
        measure: args.measure,
        kx: query.kx,
        ky: query.ky,
        x0: query.x0,
        y0: query.y0,
        width: query.width,
        height: query.height,
        engine: if adapter.is_some() { "gpu" } else { "cpu" },
        adapter,
        values: Rows(grid),
    };
    if args.json { print_json(&heatmap) } else { print_text(&text(&heatmap)) }
}

fn query(args: &HeatmapArgs, track_bytes: u64, ops: u64) -> HeatQuery {
    let [width, height] = args.size;
    HeatQuery {
        measure: match args.measure {
            MeasureArg::Accesses => Measure::Accesses,
            MeasureArg::Bytes => Measure::Bytes,
            MeasureArg::Logged => Measure::Logged,
        },
        aggregate: match args.agg {
            AggregateArg::Sum => Aggregate::Sum,
            AggregateArg::Max => Aggregate::Max,
        },
        direction: match args.rw {
            DirectionArg::Both => Direction::Both,
            DirectionArg::Read => Direction::Read,
            DirectionArg::Write => Direction::Write,
        },
        phases: phase_bits(args.phase.phase()),
        kx: args.kx.unwrap_or_else(|| least_level(track_bytes, width)),
        ky: args.ky.unwrap_or_else(|| least_level(ops, height)),
        x0: args.x0,
        y0: args.y0,
        width,
        height,
    }
}

/// The least k for which `cells` cells of 2^k hold `extent`.
fn least_level(extent: u64, cells: u32) -> u32 {
    (0..63).find(|&k| extent.div_ceil(1 << k) <= u64::from(cells)).unwrap_or(63)
}

/// The grid, and the adapter that computed it; `None` for the CPU.
fn compute(
    choice: Option<EngineArg>,
    columns: &HeatColumns<'_>,
    query: &HeatQuery,
) -> Result<(HeatGrid, Option<String>), CliError> {
    if let Some(gpu) = engine::adapter(choice.map(|c| c == EngineArg::Gpu))? {
        match on_gpu(&gpu, columns, query) {
            Ok(grid) => return Ok((grid, Some(gpu.adapter_name()))),
            Err(error) if choice.is_none() && engine::cpu_can(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((heat::bin(columns, query)?, None))
}

fn on_gpu(gpu: &Gpu, columns: &HeatColumns<'_>, query: &HeatQuery) -> Result<HeatGrid, CliError> {
    let data = HeatData::upload(gpu, columns)?;
    Ok(HeatPipelines::new(gpu).bin(gpu, &data, query)?.read(gpu)?)
}

fn text(heatmap: &Heatmap) -> String {
    /// From the least to the most, by logarithm; a blank is 0.
    const SHADES: [char; 9] = ['.', ':', '-', '=', '+', 'o', '*', '#', '@'];
    let values = &heatmap.values.0.values;
    let highest = values.iter().copied().max().unwrap_or(0);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}: {} x {} cells of 2^{} bytes by 2^{} ops, from byte {} and op {}",
        heatmap.track.label(),
        heatmap.width,
        heatmap.height,
        heatmap.kx,
        heatmap.ky,
        u128::from(heatmap.x0) << heatmap.kx,
        u128::from(heatmap.y0) << heatmap.ky,
    );
    let touched = values.iter().filter(|&&v| v > 0).count();
    let _ = writeln!(out, "{touched} cells touched, at most {highest} in one; computed by {}", engine_text(heatmap));
    if heatmap.width > SHOWN_COLUMNS || heatmap.height > SHOWN_ROWS {
        let _ = writeln!(out, "larger than {SHOWN_COLUMNS} x {SHOWN_ROWS}: --json prints the values");
        return out;
    }
    let shade = |value: u64| match value {
        0 => ' ',
        _ => {
            let share = ((value as f64).ln_1p() / (highest as f64).ln_1p()).clamp(0.0, 1.0);
            SHADES[(share * (SHADES.len() - 1) as f64).round() as usize]
        }
    };
    for row in heatmap.values.rows() {
        let cells: String = row.iter().map(|&value| shade(value)).collect();
        let _ = writeln!(out, "|{cells}|");
    }
    out
}

fn engine_text(heatmap: &Heatmap) -> String {
    heatmap.adapter.as_ref().map_or_else(|| "the CPU".to_owned(), |name| format!("the GPU ({name})"))
}

#[cfg(test)]
mod tests {
    use super::least_level;

    #[test]
    fn the_whole_fits_and_no_less_would_do() {
        assert_eq!(least_level(0, 64), 0);
        assert_eq!(least_level(64, 64), 0);
        assert_eq!(least_level(65, 64), 1);
        assert_eq!(least_level(98_362_432, 64), 21);
        assert_eq!(least_level(u64::MAX, 1), 63);
    }
}
