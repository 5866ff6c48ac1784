// Marks where accesses begin and end in the bins of a row; heat_finish.wgsl sums the marks up. `add_edge` and `add_part`
// come from the module that this one is joined with.

fn mark(row: u32, range: u32, count: u32) {
    let span = span_of(range);
    if span.first_bin > span.last_bin {
        return;
    }
    let row_edge = row * p.width;
    if !BYTES {
        add_edge(row_edge + span.first_bin, count);
        if span.last_bin + 1u < p.width {
            add_edge(row_edge + span.last_bin + 1u, 0u - count);
        }
        return;
    }
    let row_cell = (p.first_row + row) * p.stride + p.first_column;
    add_part(row_cell + span.first_bin, times64(span.head_bytes, count));
    add_part(row_cell + span.last_bin, times64(span.tail_bytes, count));
    if span.whole_begin < span.whole_end {
        add_edge(row_edge + span.whole_begin, count);
        if span.whole_end < p.width {
            add_edge(row_edge + span.whole_end, 0u - count);
        }
    }
}
