#!/usr/bin/env bash
# Fuzzes every target, or the one named, for so many seconds each: fuzz/run.sh [SECONDS [TARGET]]
#
# Needs cargo-fuzz (`cargo install cargo-fuzz --locked`). What is found goes to fuzz/artifacts; new
# inputs of interest go to a folder outside of the project and are merged into fuzz/corpus, small as
# they are, so that the tests replay them.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly seconds="${1:-3600}"
readonly found="${TMPDIR:-/tmp}/herdgate-fuzz"
# The stable toolchain has what the fuzzer needs; only its switches are unstable.
export RUSTC_BOOTSTRAP=1

targets=("${@:2:1}")
if [[ ${#targets[@]} -eq 0 ]]; then
    mapfile -t targets < <(cargo fuzz list)
fi
for target in "${targets[@]}"; do
    mkdir -p "$found/$target"
    cargo fuzz run "$target" "$found/$target" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048
done
