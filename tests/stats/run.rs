//! Runs made up for tables of numbers: small enough to look at every byte.

use tensorscope::trace::*;

use crate::heat::run::Random;

pub const NONE: u32 = u32::MAX;

/// A tensor of `bytes` bytes.
pub fn tensor(name: &str, track: Track, offset: u64, bytes: u64) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dtype: None,
        shape: Vec::new(),
        bytes,
        track,
        home: Some(0),
        offset,
        layer: names::layer(name),
        experts: None,
        category: names::category(name).to_owned(),
    }
}

/// An op with its accesses: range, and whether it writes.
#[derive(Clone)]
pub struct Op {
    pub kind: u32,
    pub layer: u32,
    pub duration_ns: u64,
    pub accesses: Vec<(u32, bool)>,
}

/// A run of these passes. Ranges are (tensor, offset, length, expert).
pub fn run(tensors: Vec<Tensor>, ranges: &[(u32, u64, u64, u32)], passes: &[(Phase, usize, Vec<Op>)]) -> Trace {
    let ops: Vec<&Op> = passes.iter().flat_map(|(_, _, ops)| ops).collect();
    let nullable = |values: Vec<u32>| Nullable::from_sentinel(values, NONE);
    let accesses: Vec<(u32, bool)> = ops.iter().flat_map(|op| op.accesses.clone()).collect();
    let mut first_access = Vec::new();
    let mut next = 0;
    for op in &ops {
        first_access.push(next);
        next += op.accesses.len() as u32;
    }
    let mut records = Vec::new();
    let mut first_op = 0;
    for (index, (phase, tokens, ops)) in (0_u64..).zip(passes) {
        let duration_ns = ops.iter().map(|op| op.duration_ns).filter(|&ns| ns != u64::MAX).sum();
        records.push(Pass {
            phase: *phase,
            first_op,
            ops: ops.len() as u32,
            graph: None,
            start_ns: index * 1000,
            duration_ns,
            reads_disk: 0,
            reads_buffer: 0,
            writes: 0,
            token: None,
            positions: (0..*tokens as u32).collect(),
            token_ids: Vec::new(),
            text: Some(format!("pass, \"{index}\"")),
        });
        first_op += ops.len() as u32;
    }
    let model = Model {
        files: vec![ModelFile { name: "m.gguf".to_owned(), bytes: 400, data_offset: None }],
        ..Model::default()
    };
    Trace {
        meta: RunMeta { op_names: ["MUL_MAT", "ADD", "ROPE"].map(str::to_owned).to_vec(), model, ..RunMeta::default() },
        tensors,
        ops: Ops {
            start_ns: vec![0; ops.len()].into(),
            duration_ns: Nullable::from_sentinel(ops.iter().map(|op| op.duration_ns).collect(), u64::MAX),
            pass: (0_u32..).zip(passes).flat_map(|(k, (_, _, ops))| vec![k; ops.len()]).collect::<Vec<_>>().into(),
            kind: ops.iter().map(|op| op.kind).collect::<Vec<_>>().into(),
            destination: nullable(vec![NONE; ops.len()]),
            layer: nullable(ops.iter().map(|op| op.layer).collect()),
            thread: nullable(vec![NONE; ops.len()]),
            node: nullable(vec![NONE; ops.len()]),
            first_access: first_access.into(),
        },
        ranges: Ranges {
            tensor: ranges.iter().map(|r| r.0).collect::<Vec<_>>().into(),
            offset: ranges.iter().map(|r| r.1).collect::<Vec<_>>().into(),
            length: ranges.iter().map(|r| r.2).collect::<Vec<_>>().into(),
            expert: nullable(ranges.iter().map(|r| r.3).collect()),
        },
        accesses: Accesses {
            range: accesses.iter().map(|a| a.0).collect::<Vec<_>>().into(),
            slot: accesses.iter().map(|a| if a.1 { DESTINATION_SLOT } else { 0 }).collect::<Vec<_>>().into(),
            flags: accesses.iter().map(|a| u32::from(a.1) * flags::WRITE).collect::<Vec<_>>().into(),
        },
        passes: records,
        graphs: Vec::new(),
        buffers: vec![
            Buffer { usage: "COMPUTE".to_owned(), bytes: 200, ..Buffer::default() },
            Buffer { usage: "WEIGHTS".to_owned(), bytes: 100, ..Buffer::default() },
        ],
        health: Health::default(),
    }
}

/// Weights, experts, caches and compute, some of it overlapping, some of it nowhere; ops with and without all that ops have.
pub fn random(seed: u64, ops: usize) -> Trace {
    let mut random = Random::new(seed);
    let mut tensors = vec![
        tensor("token_embd.weight", Track::Disk, 10, 90),
        tensor("blk.0.ffn_up_exps.weight", Track::Disk, 100, 80),
        tensor("blk.1.ffn_up_exps.weight", Track::Disk, 180, 80),
        tensor("blk.1.attn_q.weight", Track::Disk, 280, 60),
        tensor("cache_k_l0", Track::Buffer, 0, 64),
        tensor("Qcur-0", Track::Buffer, 64, 40),
        tensor("Kcur-1", Track::Buffer, 80, 40),
        tensor("repacked", Track::Buffer, 0, 50),
        tensor("lost", Track::Buffer, 0, 30),
    ];
    tensors[1].experts = Some(4);
    tensors[2].experts = Some(8);
    tensors[7].home = Some(1);
    tensors[8].home = None;
    let mut ranges: Vec<(u32, u64, u64, u32)> = (0..4).map(|e| (1, e * 20, 20, e as u32)).collect();
    ranges.extend((0..8).map(|e| (2, e * 10, 10, e as u32)));
    for _ in 0..20 {
        let at = random.below(tensors.len() as u64) as u32;
        let bytes = tensors[at as usize].bytes;
        let offset = random.below(bytes);
        let length = if random.below(5) == 0 { 0 } else { 1 + random.below(bytes - offset) };
        ranges.push((at, offset, length, NONE));
    }
    let passes = 1 + random.below(6) as usize;
    let of_pass = (0..passes)
        .map(|pass| {
            let phase = Phase::ALL[random.below(3) as usize];
            let here = ops * (pass + 1) / passes - ops * pass / passes;
            let tokens = random.below(3) as usize;
            let ops = (0..here).map(|_| {
                let accesses = random.below(5);
                Op {
                    kind: random.below(4) as u32,
                    layer: [0, 1, 70_000, NONE][random.below(4) as usize],
                    duration_ns: if random.below(5) == 0 { u64::MAX } else { random.below(1000) },
                    accesses: (0..accesses)
                        .map(|_| (random.below(ranges.len() as u64 + 1) as u32, random.below(3) == 0))
                        .collect(),
                }
            });
            (phase, tokens, ops.collect())
        })
        .collect::<Vec<(Phase, usize, Vec<Op>)>>();
    run(tensors, &ranges, &of_pass)
}
