#!/usr/bin/env bash
# Opens the bundled run in the window, or writes pictures of it where there is no display.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/release-binary.sh

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  if "$tensorscope" "$run"; then
    exit 0
  fi
  echo "no window could be opened; writing pictures instead" >&2
fi

pictures=out/demo
mkdir -p "$pictures"
for view in all graph heatmap table timeline analytics; do
  "$tensorscope" render "$run" --view "$view" -o "$pictures/$view.png"
done
for script in fixtures/actions/*.jsonl; do
  name=$(basename "$script" .jsonl)
  "$tensorscope" render "$run" --view all --actions "$script" -o "$pictures/$name.png"
done
echo "pictures of the window, with the bundled run in it:"
ls -1 "$PWD/$pictures"/*.png
