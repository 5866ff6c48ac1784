// Where a range lies among the bins of the tile. Twin: analysis/heat/span.rs.

struct Span {
    // Bins that the range overlaps, counted from the tile's first; none if first_bin > last_bin.
    first_bin: u32,
    last_bin: u32,
    // Bins it covers wholly, or that stand for what lies beyond the tile.
    whole_begin: u32,
    whole_end: u32,
    // Bytes in the first and the last bin where those are not whole ones.
    head_bytes: vec2<u32>,
    tail_bytes: vec2<u32>,
}

// Per range: first and last byte on the track, low words first; first behind last if it has no place.
@group(2) @binding(0) var<storage, read> range_place: array<vec4<u32>>;

const ONE = vec2<u32>(1u, 0u);
const NOWHERE = Span(1u, 0u, 0u, 0u, vec2<u32>(0u, 0u), vec2<u32>(0u, 0u));

fn span_of(range: u32) -> Span {
    let place = range_place[range];
    let first_byte = place.xy;
    let last_byte = place.zw;
    let first = shift_right64(first_byte, p.kx);
    let last = shift_right64(last_byte, p.kx);
    if less64(last_byte, first_byte) || less64(last, p.x0) || less64(p.x_last, first) {
        return NOWHERE;
    }
    let enters = less64(first, p.x0);
    let leaves = less64(p.x_last, last);
    var span: Span;
    span.first_bin = select(first.x - p.x0.x, 0u, enters);
    span.last_bin = select(last.x - p.x0.x, p.width - 1u, leaves);
    if BYTES {
        span.whole_begin = select(span.first_bin + 1u, 0u, enters);
        span.whole_end = select(span.last_bin, p.width, leaves);
        let next_bin_byte = shift_left64(add64(first, ONE), p.kx);
        let last_bin_byte = shift_left64(last, p.kx);
        let tail = add64(sub64(last_byte, last_bin_byte), ONE);
        let single = all(first == last);
        let head = select(sub64(next_bin_byte, first_byte), add64(sub64(last_byte, first_byte), ONE), single);
        span.head_bytes = select(head, vec2(0u, 0u), enters);
        span.tail_bytes = select(tail, vec2(0u, 0u), leaves || single);
    }
    return span;
}
