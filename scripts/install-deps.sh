#!/usr/bin/env bash
# Installs what tensorscope needs beside a Rust toolchain, and nothing that is already there:
# a software Vulkan driver, the X libraries that winit opens at run time, and Xvfb with xdotool for the window test.
# Runs apt as root or through sudo; where it may do neither it names the packages and stops.
set -euo pipefail

packages=(
  mesa-vulkan-drivers libvulkan1                       # software adapter (lavapipe)
  libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon0 libxkbcommon-x11-0   # window
  xvfb xdotool                                         # the window test
  gcc libc6-dev make                                   # linker for cargo
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done

if ! command -v cargo >/dev/null; then
  echo "tensorscope needs Rust 1.95 or newer: install it from https://rustup.rs, then run this again" >&2
  exit 1
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "this system has no apt; install the equivalents of: ${missing[*]}" >&2
  echo "(set TENSORSCOPE_SKIP_INSTALL=1 once they are there)" >&2
  [ "${TENSORSCOPE_SKIP_INSTALL:-}" = 1 ] && exit 0
  exit 1
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
  [ "${TENSORSCOPE_SKIP_INSTALL:-}" = 1 ] && exit 0
  exit 1
fi

echo "installing: ${missing[*]}"
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
