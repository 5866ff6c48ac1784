// Marks each access by itself: cheaper than counting where a window has few accesses and the run many ranges.

fn visit(row: u32, range: u32) {
    mark(row, range, 1u);
}
