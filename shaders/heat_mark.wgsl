// Marks where accesses begin and end in the bins of a row; heat_finish.wgsl sums the marks up.

// Per row and bin: how many more whole bins begin there than have ended just before, modulo 2^32.
@group(2) @binding(1) var<storage, read_write> edges: array<atomic<u32>>;
// The grid, low words first: parts of bins go straight to their cells.
@group(2) @binding(2) var<storage, read_write> cells: array<atomic<u32>>;

fn mark(row: u32, range: u32, count: u32) {
    let span = span_of(range);
    if span.first_bin > span.last_bin {
        return;
    }
    let row_edge = row * p.width;
    if !BYTES {
        atomicAdd(&edges[row_edge + span.first_bin], count);
        if span.last_bin + 1u < p.width {
            atomicSub(&edges[row_edge + span.last_bin + 1u], count);
        }
        return;
    }
    let row_cell = (p.first_row + row) * p.stride + p.first_column;
    add_part(row_cell + span.first_bin, times64(span.head_bytes, count));
    add_part(row_cell + span.last_bin, times64(span.tail_bytes, count));
    if span.whole_begin < span.whole_end {
        atomicAdd(&edges[row_edge + span.whole_begin], count);
        if span.whole_end < p.width {
            atomicSub(&edges[row_edge + span.whole_end], count);
        }
    }
}

fn add_part(cell: u32, bytes: vec2<u32>) {
    if all(bytes == vec2(0u, 0u)) {
        return;
    }
    // Who carries the low word over adds the carry, so the pair is exact once everyone is done.
    let before = atomicAdd(&cells[2u * cell], bytes.x);
    let high = bytes.y + select(0u, 1u, before + bytes.x < before);
    if high != 0u {
        atomicAdd(&cells[2u * cell + 1u], high);
    }
}
