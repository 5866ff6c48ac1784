#!/usr/bin/env python3
"""Makes big runs out of the small real ones, to measure loading by.

    scripts/make-big-runs.py DATA OUT [--records 1048576] [--passes 100] [--moe-records 200000]

DATA holds recorded/smollm2-135m/tensor_trace.bin and gpt-oss-20b/traces/token-00000.json. OUT gets:

    trace/tensor_trace.bin      the recording again and again, with rising stamps and token numbers (1 GiB)
    tokens/                     a predecessor folder of the same token file again and again, two passes a file
    moe/                        as tokens/, as 1024-byte records, one token a pass and other experts in every pass
"""

import argparse
import json
import random
import shutil
import struct
from pathlib import Path

RECORD_BYTES = 1024
SOURCE_BYTES = 160


def stamps_and_tokens(records):
    """(first stamp, time that a copy takes, tokens that a copy counts) of packed records."""
    first = struct.unpack_from("<Q", records, 0)[0]
    last = struct.unpack_from("<Q", records, len(records) - RECORD_BYTES)[0]
    tokens = max(struct.unpack_from("<I", records, at + 8)[0] for at in range(0, len(records), RECORD_BYTES)) + 1
    return first, last - first + 1_000_000, tokens


def repeat_records(source, target, count):
    one = bytearray(source.read_bytes())
    _, period_ns, tokens = stamps_and_tokens(one)
    heads = [struct.unpack_from("<QI", one, at) for at in range(0, len(one), RECORD_BYTES)]
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        copy = 0
        while count > 0:
            for k, (stamp_ns, token) in enumerate(heads):
                struct.pack_into("<QI", one, k * RECORD_BYTES, stamp_ns + copy * period_ns, token + copy * tokens)
            taken = min(count, len(heads))
            out.write(one[: taken * RECORD_BYTES])
            count -= taken
            copy += 1


def repeat_tokens(source, folder, passes):
    """Token files of two passes each: 77 MB for 100 passes."""
    text = (source / "traces/token-00000.json").read_text()
    (folder / "traces").mkdir(parents=True, exist_ok=True)
    (folder / "graphs").mkdir(exist_ok=True)
    shutil.copy(source / "memory-map.json", folder)
    shutil.copy(source / "graphs/token-00000.json", folder / "graphs")
    for k in range(passes // 2):
        numbered = text.replace('"token_id": 0', f'"token_id": {k}')
        (folder / f"traces/token-{k:05}.json").write_text(numbered)


def packed(entry, token, stamp_ns, experts):
    """A token file's entry as a 1024-byte record."""
    record = bytearray(RECORD_BYTES)
    op_codes = {"GET_ROWS": 40, "MUL_MAT": 29, "MUL_MAT_ID": 30, "ADD": 2, "ADD_ID": 3, "MUL": 7, "RMS_NORM": 25,
                "ROPE": 48, "SET_ROWS": 42, "SOFT_MAX": 46, "CPY": 34, "CONT": 35, "ARGSORT": 68, "GLU": 94,
                "FLASH_ATTN_EXT": 73, "SCALE": 32}
    struct.pack_into("<QIHHBBB", record, 0, stamp_ns, token, 0xFFFF, 7, op_codes.get(entry["operation_type"], 2), 1,
                     len(entry["sources"]))
    name = entry["dst_name"].encode()[:127]
    record[24:24 + len(name)] = name
    for k, source in enumerate(entry["sources"]):
        at = 152 + k * SOURCE_BYTES
        name = source["name"].encode()[:127]
        record[at:at + len(name)] = name
        on_disk = source["memory_source"] == "DISK"
        place = source["disk_offset"] if on_disk else source["buffer_id"]
        size = 4 if source["name"] == "leaf_2" else source["size_bytes"] & 0xFFFFFFFF
        struct.pack_into("<QIHBxQI", record, at + 128, int(source["tensor_ptr"], 16), size, 0xFFFF, int(not on_disk),
                         place, 0xFFFFFFFF)
    if experts and entry["operation_type"] in ("MUL_MAT_ID", "ADD_ID"):
        struct.pack_into(f"<{len(experts)}i", record, 792, *experts)
        record[856] = len(experts)
    return record


def make_moe(source, folder, count):
    entries = json.loads((source / "traces/token-00000.json").read_text())["entries"]
    half = [e for e in entries if e["phase"] == "GENERATE"]
    pick = random.Random(1)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "memory-map.json", folder)
    graph = json.loads((source / "graphs/token-00000.json").read_text())
    for node in graph["nodes"]:
        if node["label"].startswith("ffn_moe_topk"):
            node["shape"] = [4, 1]
    (folder / "graphs").mkdir(exist_ok=True)
    (folder / "graphs/token-00000.json").write_text(json.dumps(graph))
    with (folder / "tensor_trace.bin").open("wb") as out:
        for row in range(count):
            token, k = divmod(row, len(half))
            entry = half[k]
            if entry["operation_type"] == "MUL_MAT_ID" and "gate" in entry["sources"][0]["name"] or k == 0:
                experts = pick.sample(range(32), 4)
            out.write(packed(entry, token, 1_000_000 + row * 20_000, experts))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--records", type=int, default=1 << 20)
    arguments.add_argument("--passes", type=int, default=100)
    arguments.add_argument("--moe-records", type=int, default=200_000)
    given = arguments.parse_args()
    repeat_records(given.data / "recorded/smollm2-135m/tensor_trace.bin", given.out / "trace/tensor_trace.bin",
                   given.records)
    repeat_tokens(given.data / "gpt-oss-20b", given.out / "tokens", given.passes)
    make_moe(given.data / "gpt-oss-20b", given.out / "moe", given.moe_records)


if __name__ == "__main__":
    main()
