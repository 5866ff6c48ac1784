#!/usr/bin/env python3
"""Times the heatmap's binning beside datashader's, on the same accesses of a native run.

    scripts/bench-datashader.py RUN.tscope [--program target/release/tensorscope] [--rounds 5]

Needs datashader and pyarrow. In each round the program bins the run from its columns (`tensorscope bench --json`), and
datashader counts one point an access (first byte of its range by op) into as many cells. Both are warm: datashader has
compiled its loops, the program its kernels. A point is less than a range of bytes, which may fill many cells.
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

import datashader
import numpy as np
import pandas as pd
import pyarrow as pa


def table(run: Path, name: str) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(run / f"{name}.arrow"))).read_all()


def points(run: Path) -> pd.DataFrame:
    """First byte within its home, and op, of every access."""
    ranges, tensors, ops, accesses = (table(run, name) for name in ["ranges", "tensors", "ops", "accesses"])
    tensor = ranges["tensor"].to_numpy()
    first_byte = tensors["offset"].to_numpy()[tensor] + ranges["offset"].to_numpy()
    firsts = ops["first_access"].to_numpy()
    counts = np.diff(np.append(firsts, len(accesses)))
    x = first_byte[accesses["range"].to_numpy()].astype(np.float64)
    return pd.DataFrame({"x": x, "y": np.repeat(np.arange(len(firsts)), counts).astype(np.float64)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--program", default="target/release/tensorscope")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    frame = points(arguments.run)
    rows: list[tuple[float, float, float]] = []
    for _ in range(arguments.rounds):
        command = [arguments.program, "bench", str(arguments.run), "--frames", "1", "--json"]
        binning = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["binning"]
        canvas = datashader.Canvas(plot_width=binning["width"], plot_height=binning["height"])
        canvas.points(frame, "x", "y")
        times = []
        for _ in range(9):
            started = time.perf_counter()
            canvas.points(frame, "x", "y")
            times.append((time.perf_counter() - started) * 1000)
        rows.append((binning["gpu_ms"], binning["cpu_ms"], statistics.median(times)))
        print("kernels {:.1f} ms, twin {:.1f} ms, datashader {:.1f} ms".format(*rows[-1]))
    medians = [statistics.median(column) for column in zip(*rows)]
    print("{:,} accesses, medians: kernels {:.1f} ms, twin {:.1f} ms, datashader {:.1f} ms".format(len(frame), *medians))


if __name__ == "__main__":
    main()
