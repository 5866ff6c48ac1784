//! Runs made up for the table: small ones of every shape, and one of ten million ops.

use tensorscope::trace::*;

use crate::heat::run::Random;

/// A run of `ops` ops with missing values, names that need counting, experts, and ops that touch nothing.
pub fn random(seed: u64, ops: usize) -> Trace {
    let mut random = Random::new(seed);
    let names = ["blk.2.ffn_up", "blk.10.ffn_up", "node_7", "Qcur-0", "", "tok, \"1\"\n", "blk.2.ffn_up", "ADD"];
    let tensors: Vec<Tensor> = (0..12_u64)
        .map(|i| Tensor {
            name: names[random.below(names.len() as u64) as usize].to_owned(),
            dtype: None,
            shape: Vec::new(),
            bytes: 1 + random.below(1 << 40),
            track: if i % 3 == 0 { Track::Disk } else { Track::Buffer },
            home: (i % 5 != 4).then_some(0),
            offset: i << 20,
            layer: None,
            experts: None,
            category: String::new(),
        })
        .collect();
    let ranges = 30;
    let column = |random: &mut Random, end: u64| -> Vec<u32> { (0..ops).map(|_| random.below(end) as u32).collect() };
    // One value behind the last stands for none.
    let nullable = |values: Vec<u32>, end: u32| {
        Nullable::from_sentinel(values.into_iter().map(|v| if v == end { u32::MAX } else { v }).collect(), u32::MAX)
    };
    let layers = column(&mut random, 5);
    let destinations = column(&mut random, 13);
    let durations: Vec<u64> = (0..ops)
        .map(|_| match random.below(6) {
            0 => u64::MAX,
            1 => random.below(1 << 60),
            _ => random.below(4),
        })
        .collect();
    let mut first_access = Vec::with_capacity(ops);
    let mut accesses = 0;
    for _ in 0..ops {
        first_access.push(accesses);
        accesses += random.below(4) as u32;
    }
    let passes: Vec<Pass> = (0..7_u32)
        .map(|i| Pass {
            phase: Phase::ALL[random.below(3) as usize],
            first_op: (ops as u32 * i) / 7,
            ops: (ops as u32 * (i + 1)) / 7 - (ops as u32 * i) / 7,
            graph: None,
            start_ns: 0,
            duration_ns: 0,
            reads_disk: 0,
            reads_buffer: 0,
            writes: 0,
            token: None,
            positions: Vec::new(),
            token_ids: Vec::new(),
            text: (i % 3 != 2).then(|| [" the", "\n", " The"][random.below(3) as usize].to_owned()),
        })
        .collect();
    let pass = passes.iter().zip(0_u32..).flat_map(|(pass, i)| vec![i; pass.ops as usize]).collect::<Vec<_>>();
    let experts: Vec<u32> = (0..ranges).map(|_| random.below(9) as u32).collect();
    Trace {
        meta: RunMeta { op_names: ["MUL_MAT", "ADD", "ROPE"].map(str::to_owned).to_vec(), ..RunMeta::default() },
        tensors,
        ops: Ops {
            start_ns: (0..ops).map(|_| random.below(1 << 45)).collect::<Vec<_>>().into(),
            duration_ns: Nullable::from_sentinel(durations, u64::MAX),
            pass: pass.into(),
            kind: column(&mut random, 3).into(),
            destination: nullable(destinations, 12),
            layer: nullable(layers, 4),
            thread: Nullable::default(),
            node: Nullable::default(),
            first_access: first_access.into(),
        },
        ranges: Ranges {
            tensor: (0..ranges).map(|_| random.below(12) as u32).collect::<Vec<_>>().into(),
            offset: (0..ranges).map(|_| random.below(1 << 20)).collect::<Vec<_>>().into(),
            length: (0..ranges).map(|_| random.below(5) << random.below(38)).collect::<Vec<_>>().into(),
            expert: nullable(experts, 8),
        },
        accesses: Accesses {
            range: (0..accesses).map(|_| random.below(ranges) as u32).collect::<Vec<_>>().into(),
            slot: (0..accesses).map(|_| [0, 1, DESTINATION_SLOT][random.below(3) as usize]).collect::<Vec<_>>().into(),
            flags: vec![0; accesses as usize].into(),
        },
        passes,
        graphs: Vec::new(),
        buffers: Vec::new(),
        health: Health::default(),
    }
}

/// Ten million ops, of which one in a hundred thousand is a ROPE; each lasts its number modulo 1,009 ns.
pub fn ten_million() -> Trace {
    const OPS: u32 = 10_000_000;
    let small = random(1, 1);
    let pass = Pass { first_op: 0, ops: OPS, phase: Phase::Generate, ..small.passes[0].clone() };
    Trace {
        ops: Ops {
            start_ns: (0..u64::from(OPS)).map(|op| op * 1000).collect::<Vec<_>>().into(),
            duration_ns: Nullable {
                values: (0..u64::from(OPS)).map(|op| op % 1009).collect::<Vec<_>>().into(),
                nulls: None,
            },
            pass: vec![0; OPS as usize].into(),
            kind: (0..OPS).map(|op| if op % 100_000 == 77 { 2 } else { op % 2 }).collect::<Vec<_>>().into(),
            destination: Nullable { values: vec![0; OPS as usize].into(), nulls: None },
            layer: Nullable { values: (0..OPS).map(|op| op % 80).collect::<Vec<_>>().into(), nulls: None },
            first_access: vec![0; OPS as usize].into(),
            ..Ops::default()
        },
        accesses: Accesses::default(),
        passes: vec![pass],
        ..small
    }
}
