#!/usr/bin/env bash
# Times of the product and of its kernels, here and now.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/release-binary.sh

"$tensorscope" doctor
"$tensorscope" bench "$run"
cargo bench --locked
