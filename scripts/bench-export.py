#!/usr/bin/env python3
"""Times `tensorscope export` of a big run into every format, with the private memory that it takes at most.

    target/release/tensorscope convert fixtures/smollm2-135m.tscope --repeat 231 -o OUT/big.tscope
    scripts/bench-export.py OUT/big.tscope OUT [--binary target/release/tensorscope] [--runs 5]

What is written goes again. Private memory is RssAnon of Linux: mapped pages of the run do not count.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

EXPORTS = [
    ("Parquet, accesses and ops", ["--format", "parquet"], "limit: 5 s"),
    ("CSV, ops", ["--format", "csv"], ""),
    ("CSV, accesses", ["--format", "csv", "--rows", "accesses"], ""),
    ("JSON, ops", ["--format", "json"], ""),
    ("JSON, accesses", ["--format", "json", "--rows", "accesses"], ""),
    ("Perfetto", ["--format", "perfetto"], ""),
]


def private_bytes(process):
    try:
        with open(f"/proc/{process.pid}/status") as status:
            return max((int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:")), default=0)
    except OSError:
        return 0


def once(command):
    """(wall seconds, seconds of CPU, private bytes at most) of one process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    most = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid != 0:
            break
        most = max(most, private_bytes(process))
        time.sleep(0.005)
    seconds = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"{command} failed")
    return seconds, usage.ru_utime + usage.ru_stime, most


def written(path):
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("run", type=Path)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--binary", default="target/release/tensorscope")
    arguments.add_argument("--runs", type=int, default=5)
    given = arguments.parse_args()
    path = given.folder / "bench-export"
    print(f"{'export':<28} {'wall':>8} {'CPU':>8} {'private':>9} {'written':>9}")
    for name, options, limit in EXPORTS:
        results = []
        for _ in range(given.runs):
            remove(path)
            results.append(once([given.binary, "export", str(given.run), "-o", str(path), *options]))
        size = written(path)
        remove(path)
        wall, cpu = (statistics.median(result[k] for result in results) for k in (0, 1))
        private = max(result[2] for result in results)
        print(f"{name:<28} {wall:6.2f} s {cpu:6.2f} s {private / 2**20:5.0f} MiB {size / 2**20:5.0f} MiB   {limit}")


if __name__ == "__main__":
    main()
