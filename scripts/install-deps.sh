#!/usr/bin/env bash
# Installs what tensorscope needs beside a Rust toolchain, and nothing that is already there: a software Vulkan driver
# and the libraries that the window opens at run time. With --tests also Xvfb and xdotool for the window test, a Python
# with DuckDB in out/venv for the test of exports (which says that it was skipped where there is no network), and the
# formatter and linter of the toolchain. Runs apt as root or through sudo; where it may do neither it names the packages
# and stops. With --recorder also what llama.cpp is built with. TENSORSCOPE_SKIP_INSTALL=1 goes on without them.
set -euo pipefail

packages=(
  mesa-vulkan-drivers libvulkan1                                           # software adapter (lavapipe)
  libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon0 libxkbcommon-x11-0 # window
  gcc libc6-dev make                                                       # what cargo links with
  ca-certificates                                                          # what cargo downloads with
)
components=()
duckdb=0
for argument in "$@"; do
  case $argument in
    --tests)
      packages+=(xvfb xdotool python3-venv)
      duckdb=1
      components+=(fmt clippy)
      ;;
    --recorder)
      packages+=(cmake g++ libclang-dev libgomp1)
      ;;
    *)
      echo "usage: $0 [--tests] [--recorder]" >&2
      exit 2
      ;;
  esac
done

# The test of exports asks DuckDB. Where it cannot be installed that test says that it was skipped.
install_duckdb() {
  [ "$duckdb" = 1 ] || return 0
  local venv
  venv=$(cd "$(dirname "$0")/.." && pwd)/out/venv
  "$venv/bin/python" -c 'import duckdb; assert duckdb.__version__.startswith("2.")' 2>/dev/null && return 0
  mkdir -p "$(dirname "$venv")"
  # Where there is no network this is given up within seconds.
  { [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"; } &&
    "$venv/bin/pip" install -q --disable-pip-version-check --timeout 5 --retries 1 'duckdb==2.*' && return 0
  echo "DuckDB could not be installed into $venv: the test of the guide's query will be skipped" >&2
}

stop() {
  install_duckdb
  [ "${TENSORSCOPE_SKIP_INSTALL:-}" = 1 ] && exit 0
  exit 1
}

if ! command -v cargo >/dev/null; then
  echo "tensorscope needs Rust 1.95 or newer: install it from https://rustup.rs, then run this again" >&2
  exit 1
fi
for component in "${components[@]}"; do
  cargo "$component" --version >/dev/null 2>&1 && continue
  package=${component/fmt/rustfmt}
  if ! command -v rustup >/dev/null || ! rustup component add "$package"; then
    echo "the Rust toolchain lacks $package: run 'rustup component add $package'" >&2
    exit 1
  fi
done

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  install_duckdb
  exit 0
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "this system has no apt; install the equivalents of: ${missing[*]}" >&2
  echo "(set TENSORSCOPE_SKIP_INSTALL=1 once they are there)" >&2
  stop
fi

if [ "$(id -u)" = 0 ]; then
  run=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  run=(sudo -n)
elif command -v sudo >/dev/null && [ -t 0 ]; then
  run=(sudo)
else
  echo "missing packages, and no right to install them. Ask an administrator to run:" >&2
  echo "  apt-get install ${missing[*]}" >&2
  stop
fi

echo "installing: ${missing[*]}"
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
install_duckdb
