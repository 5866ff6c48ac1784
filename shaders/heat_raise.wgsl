// Maxima of ops with few accesses: one invocation an op. Twin: MaxRow in analysis/heat/row.rs.
//
// Between the bins where one of the op's accesses begins or ends its value is constant, so it is a handful of bin
// intervals. Level l of a row's table holds, per bin, the maximum over intervals of 2^l bins that begin there, and an
// interval of any length is two of those. heat_settle.wgsl passes the levels down.

@group(2) @binding(1) var<storage, read_write> low_words: array<atomic<u32>>;
@group(2) @binding(2) var<storage, read_write> high_words: array<atomic<u32>>;

// Values have 64 bits, atomics 32: high words are raised first, then the low words of those that reached the highest.
override HIGH: bool = false;
override WIDE: bool = false;

const FEW_ACCESSES: u32 = 16u;
const RAISE_LANES: u32 = 64u;

// Breaks of a span: the bins where the value of the op may change. Without parts, a span's inner two do not matter.
fn breaks() -> u32 {
    return select(2u, 4u, BYTES);
}

fn break_of(span: Span, i: u32) -> u32 {
    if BYTES {
        return select(span.first_bin, span.last_bin, i >= 2u) + (i & 1u);
    }
    return select(span.first_bin, span.last_bin + 1u, i == 1u);
}

fn overlap(span: Span, bin: u32) -> vec2<u32> {
    if bin < span.first_bin || bin > span.last_bin {
        return vec2(0u, 0u);
    }
    if !BYTES {
        return ONE;
    }
    if bin >= span.whole_begin && bin < span.whole_end {
        return shift_left64(ONE, p.kx);
    }
    // First and last may be one bin, of which one of the two is 0.
    let head = select(vec2(0u, 0u), span.head_bytes, bin == span.first_bin);
    let tail = select(vec2(0u, 0u), span.tail_bytes, bin == span.last_bin);
    return add64(head, tail);
}

fn raise_cell(at: u32, value: vec2<u32>) {
    if HIGH {
        atomicMax(&high_words[at], value.y);
    } else if !WIDE || atomicLoad(&high_words[at]) == value.y {
        atomicMax(&low_words[at], value.x);
    }
}

@compute @workgroup_size(64)
fn raise(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let op = p.op_begin + linear_group(group, groups) * RAISE_LANES + lane;
    if op >= p.op_end {
        return;
    }
    let begin = op_first_access[op - p.op_base];
    let end = op_first_access[op - p.op_base + 1u];
    // Ops with many accesses and those cut by a chunk of accesses are summed up in rows of their own.
    if begin == end || end - begin > FEW_ACCESSES || begin < p.access_begin || end > p.access_end || !in_phases(op) {
        return;
    }
    // Spans of the accesses that count and that the tile has bins of.
    var spans: array<Span, FEW_ACCESSES>;
    var count = 0u;
    for (var access = begin; access < end; access++) {
        if in_direction(access) {
            spans[count] = span_of(range_of(access));
            count += u32(spans[count].first_bin <= spans[count].last_bin);
        }
    }
    let table = ((op - p.first_op) >> p.ky) * p.levels * p.width;
    for (var i = 0u; i < count * breaks(); i++) {
        let from_bin = break_of(spans[i / breaks()], i % breaks());
        if from_bin >= p.width {
            continue;
        }
        var value = vec2(0u, 0u);
        var to_bin = p.width;
        for (var other = 0u; other < count; other++) {
            value = add64(value, overlap(spans[other], from_bin));
            for (var j = 0u; j < breaks(); j++) {
                let at = break_of(spans[other], j);
                to_bin = select(to_bin, min(to_bin, at), at > from_bin);
            }
        }
        if all(value == vec2(0u, 0u)) {
            continue;
        }
        let level = firstLeadingBit(to_bin - from_bin);
        raise_cell(table + level * p.width + from_bin, value);
        raise_cell(table + level * p.width + to_bin - (1u << level), value);
    }
}
