# Sourced by scripts/demo.sh and scripts/bench.sh: what they run, and on what.
tensorscope=${CARGO_TARGET_DIR:-target}/release/tensorscope
run=fixtures/smollm2-135m.tscope

# The software adapter complains on stderr where there is no such folder.
if [ -z "${XDG_RUNTIME_DIR:-}" ]; then
  XDG_RUNTIME_DIR=$(mktemp -d)
  export XDG_RUNTIME_DIR
fi
