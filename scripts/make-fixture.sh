#!/usr/bin/env bash
# Makes the bundled run, fixtures/smollm2-135m.tscope, from the recording it was converted from.
#
#   scripts/make-fixture.sh [RECORDING]     default: ../shared/data/recorded/smollm2-135m
#
# RECORDING holds tensor_trace.bin, graphs/*.dot and the header of the model file. The recording stays as it is: the
# header is copied and given the true length of the file, its weights a hole that nobody reads.
set -euo pipefail
cd "$(dirname "$0")/.."

recording=${1:-../shared/data/recorded/smollm2-135m}
model_bytes=98362432
run=fixtures/smollm2-135m.tscope
largest_bytes=$((3 * 1024 * 1024))

if [ ! -f "$recording/tensor_trace.bin" ]; then
  echo "$recording: no tensor_trace.bin in it; name the folder of the recording" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$recording" "$work/recording"
chmod -R u+w "$work/recording"
truncate -s "$model_bytes" "$work"/recording/*.gguf

cargo build --quiet
tensorscope=${CARGO_TARGET_DIR:-target}/debug/tensorscope
"$tensorscope" convert "$work/recording" -o "$work/run.tscope"

# What a run says must not change on the way, but for where it was read from.
"$tensorscope" info "$work/recording" --json | sed 's/"source":"[^"]*"//' > "$work/before"
"$tensorscope" info "$work/run.tscope" --json | sed 's/"source":"[^"]*"//' > "$work/after"
cmp "$work/before" "$work/after"

size_bytes=$(cat "$work"/run.tscope/* | wc -c)
if [ "$size_bytes" -gt "$largest_bytes" ]; then
  echo "$run would have $size_bytes bytes; $largest_bytes are the most" >&2
  exit 1
fi
rm -rf "$run"
mv "$work/run.tscope" "$run"
echo "$run: $size_bytes bytes"
