#!/usr/bin/env python3
"""Times of layouts, and how true to distances they are, beside other programs' in the same run.

    scripts/bench-layout.py RUN [--copies 6] [--expand-experts] [--binary target/release/tensorscope]
                            [--modules DIR] [--runs 3] [--all-pairs]

The graph is that of RUN, COPIES times one behind the other, the last op of each feeding the first of the next. Beside
tensorscope's engines it goes to whatever is installed: graphviz `sfdp` (apt-get install graphviz), and
ngraph.forcelayout and d3-force (npm install ngraph.graph ngraph.forcelayout d3-force in DIR). --all-pairs times
fdg-sim too, whose steps take half a second.

Stress: the mean of ((s * length - distance) / distance)^2 over 2,000 random pairs of nodes, where distance counts
edges, nodes of more than 8 edges left out, and s is the scale that fits best. Lower is truer; 0 is exact.
"""

import argparse
import json
import math
import random
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import deque
from pathlib import Path

MOST_DEGREE = 8
SOURCES, TARGETS = 250, 8

NODE_STEPS = """
const fs = require('fs');
const [, , library, input, steps] = process.argv;
const { nodes, edges } = JSON.parse(fs.readFileSync(input));
const middle = list => list.sort((a, b) => a - b)[list.length >> 1];
const times = [];
let step, place;
if (library === 'ngraph') {
  const graph = require('ngraph.graph')();
  for (let i = 0; i < nodes; i++) graph.addNode(i);
  for (const [a, b] of edges) graph.addLink(a, b);
  const layout = require('ngraph.forcelayout')(graph, { timeStep: 0.5, dimensions: 2 });
  step = () => layout.step();
  place = i => { const p = layout.getNodePosition(i); return [p.x, p.y]; };
} else {
  const d3 = require('d3-force');
  const points = Array.from({ length: nodes }, () => ({}));
  const links = edges.map(([source, target]) => ({ source, target }));
  const simulation = d3.forceSimulation(points).force('link', d3.forceLink(links)).force('charge', d3.forceManyBody()).stop();
  step = () => simulation.tick();
  place = i => [points[i].x, points[i].y];
}
for (let i = 0; i < +steps; i++) {
  const started = process.hrtime.bigint();
  step();
  times.push(Number(process.hrtime.bigint() - started) / 1e6);
}
const positions = Array.from({ length: nodes }, (_, i) => place(i));
console.log(JSON.stringify({ step_ms: middle(times.slice()), steps: times.length, total_s: times.reduce((a, b) => a + b, 0) / 1e3, positions }));
"""


def run(command, **more):
    """(what it printed, seconds on the clock, seconds of all its threads)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, **more)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr.decode(errors='replace').strip()}")
    compute = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, seconds, compute


def join(layout, copies):
    """Names and edges of the copies, with layers counted on."""
    names = [node["name"] for node in layout["nodes"]]
    edges = [tuple(edge) for edge in layout["edges"]]
    layer = re.compile(r"^(blk\.|cache_[a-z_]+_l)(\d+)|-(\d+)((?: \([^)]*\))*)$")
    found = [layer.search(name) for name in names]
    layers = 1 + max((int(m.group(2) or m.group(3)) for m in found if m), default=-1)
    targets = {b for _, b in edges}
    ops = [i for i in range(len(names)) if i in targets]
    all_names, all_edges = [], []
    for copy in range(copies):
        def shifted(match):
            number = int(match.group(2) or match.group(3)) + copy * layers
            return f"{match.group(1)}{number}" if match.group(1) else f"-{number}{match.group(4)}"
        base = copy * len(names)
        all_names += [layer.sub(shifted, name) for name in names]
        all_edges += [(a + base, b + base) for a, b in edges]
        if copy:
            all_edges.append((base - len(names) + ops[-1], base + ops[0]))
    return all_names, all_edges


def write_run(folder, names, edges):
    """The joined graph as a run that tensorscope opens: ops first, in their order, then leafs."""
    targets = {b for _, b in edges}
    order = sorted(range(len(names)), key=lambda i: i not in targets)
    (folder / "graphs").mkdir()
    nodes = [
        {"id": f"n{i}", "label": names[i], "operation": "x+y" if i in targets else "CONST", "shape": [1]} for i in order
    ]
    links = [{"source": f"n{a}", "target": f"n{b}", "label": "src 0"} for a, b in edges]
    (folder / "graphs" / "token-00000.json").write_text(json.dumps({"nodes": nodes, "edges": links}))
    places = {node: place for place, node in enumerate(order)}
    return [(places[a], places[b]) for a, b in edges]


def distances(count, edges):
    """(a, b, edges between them) of random pairs."""
    degree = [0] * count
    for a, b in edges:
        degree[a] += 1
        degree[b] += 1
    near = [[] for _ in range(count)]
    for a, b in edges:
        if max(degree[a], degree[b]) <= MOST_DEGREE:
            near[a].append(b)
            near[b].append(a)
    chosen = random.Random(1)
    pairs = []
    sources = [i for i in range(count) if near[i]]
    while len(pairs) < SOURCES * TARGETS and sources:
        source = chosen.choice(sources)
        away = {source: 0}
        queue = deque([source])
        while queue:
            at = queue.popleft()
            for other in near[at]:
                if other not in away:
                    away[other] = away[at] + 1
                    queue.append(other)
        reached = [node for node in away if node != source]
        pairs += [(source, node, away[node]) for node in chosen.sample(reached, min(TARGETS, len(reached)))]
    return pairs


def stress(positions, pairs):
    lengths = [math.dist(positions[a], positions[b]) for a, b, _ in pairs]
    squares = sum((length / away) ** 2 for length, (_, _, away) in zip(lengths, pairs))
    scale = sum(length / away for length, (_, _, away) in zip(lengths, pairs)) / max(squares, 1e-30)
    return sum((scale * length / away - 1) ** 2 for length, (_, _, away) in zip(lengths, pairs)) / len(pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--copies", type=int, default=6)
    parser.add_argument("--expand-experts", action="store_true")
    parser.add_argument("--binary", type=Path, default=Path("target/release/tensorscope"))
    parser.add_argument("--modules", type=Path, help="folder with node_modules")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--all-pairs", action="store_true", help="fdg-sim too")
    args = parser.parse_args()

    expand = ["--expand-experts"] if args.expand_experts else []
    printed, _, _ = run([args.binary, "layout", args.run, "--iterations", "0", "--engine", "cpu", "--json", *expand])
    names, edges = join(json.loads(printed), args.copies)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        edges = write_run(folder, names, edges)
        count = len(names)
        pairs = distances(count, edges)
        print(f"{count} nodes, {len(edges)} edges; {len(pairs)} pairs for stress")
        print(f"{'layout':<24}{'ms a step':>12}{'steps':>8}{'to rest, s':>12}{'compute, s':>12}{'stress':>10}")

        def report(name, step_ms, steps, rest_s, compute_s, positions):
            show = lambda value, digits: "" if value is None else f"{value:.{digits}f}"
            truth = show(stress(positions, pairs) if positions and pairs else None, 3)
            print(f"{name:<24}{show(step_ms, 2):>12}{steps or '':>8}{show(rest_s, 2):>12}{show(compute_s, 2):>12}{truth:>10}")

        def ours(engine, *more):
            done = []
            for _ in range(args.runs):
                printed, _, compute = run([args.binary, "layout", folder, "--json", "--engine", engine, *more])
                done.append((json.loads(printed), compute))
            result = done[-1][0]
            step_ms = statistics.median(r["ms_per_iteration"] for r, _ in done)
            positions = [(node["x"], node["y"]) for node in result["nodes"]]
            rest_s = step_ms * result["iterations"] / 1e3 if not more else None
            compute_s = statistics.median(c for _, c in done) if not more else None
            report(f"tensorscope {engine}", step_ms, result["iterations"], rest_s, compute_s, positions)

        ours("gpu")
        ours("cpu")
        if args.all_pairs:
            ours("fdg", "--iterations", "3")
        if shutil.which("sfdp"):
            graph = folder / "graph.dot"
            graph.write_text("graph {\n" + "".join(f"{i};\n" for i in range(count))
                             + "".join(f"{a} -- {b};\n" for a, b in edges) + "}\n")
            times = []
            for _ in range(args.runs):
                printed, seconds, compute = run(["sfdp", "-Tplain", graph])
                times.append((seconds, compute))
            positions = {}
            for line in printed.decode().splitlines():
                words = line.split()
                if words[0] == "node":
                    positions[int(words[1])] = (float(words[2]), float(words[3]))
            seconds, compute = (statistics.median(column) for column in zip(*times))
            report("graphviz sfdp", None, None, seconds, compute, positions)
        if args.modules and shutil.which("node"):
            script, data = args.modules / "bench-layout-steps.cjs", folder / "graph.json"
            script.write_text(NODE_STEPS)
            data.write_text(json.dumps({"nodes": count, "edges": edges}))
            for library in ["ngraph", "d3"]:
                printed, _, compute = run(["node", script, library, data, "300" if library == "d3" else "100"])
                result = json.loads(printed)
                report(library, result["step_ms"], result["steps"], result["total_s"], compute, result["positions"])
            script.unlink()


if __name__ == "__main__":
    main()
