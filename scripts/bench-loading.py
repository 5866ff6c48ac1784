#!/usr/bin/env python3
"""Times `tensorscope info` on big runs beside what bounds it, in turn, and prints medians.

    scripts/make-big-runs.py DATA OUT
    target/release/tensorscope convert fixtures/smollm2-135m.tscope --repeat 204 -o OUT/native.tscope
    scripts/bench-loading.py OUT [--binary target/release/tensorscope] [--runs 9]
"""

import argparse
import os
import statistics
import subprocess
import time
from pathlib import Path


def once(command):
    """(wall seconds, resident bytes at most) of one process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"{command} failed")
    return seconds, usage.ru_maxrss * 1024


def in_turn(commands, runs):
    """For each command: its runs, after one that is not counted."""
    results = [[] for _ in commands]
    for turn in range(runs + 1):
        for command, result in zip(commands, results):
            measured = once(command)
            if turn > 0:
                result.append(measured)
    return results


def row(name, result, limit):
    seconds = statistics.median(s for s, _ in result)
    resident = max(r for _, r in result)
    print(f"{name:<44} {seconds * 1000:9.1f} ms   {resident / 2**20:7.1f} MiB resident at most   {limit}")
    return seconds


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--binary", default="target/release/tensorscope")
    arguments.add_argument("--runs", type=int, default=9)
    given = arguments.parse_args()
    info = [given.binary, "info"]
    trace = given.folder / "trace/tensor_trace.bin"
    tokens, native = given.folder / "tokens", given.folder / "native.tscope"
    files = sorted(str(f) for f in (tokens / "traces").iterdir())
    results = in_turn(
        [["cat", str(trace)], [*info, str(trace)], ["cat", *files], [*info, str(tokens)], [*info, str(native)]], given.runs
    )
    cat = row(f"cat of {trace.stat().st_size / 2**30:.2f} GiB", results[0], "")
    ours = row("info of the same, 1024-byte records", results[1], "limit: 3 times cat")
    print(f"{'':<44} {ours / cat:9.2f} times cat; pair by pair", end=" ")
    print(f"{statistics.median(o / c for (o, _), (c, _) in zip(results[1], results[0])):.2f}")
    row(f"cat of {sum(os.path.getsize(f) for f in files) / 1e6:.0f} MB of token JSON", results[2], "")
    row("info of the same", results[3], "limit: 300 ms")
    row("info of a native run", results[4], "limit: 100 ms, 100 MiB private")


main()
