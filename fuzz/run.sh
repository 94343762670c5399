#!/usr/bin/env bash
# Runs each fuzz target for a while, one after the other: `fuzz/run.sh [SECONDS] [TARGET...]`, 900 seconds and all
# targets by default. Needs cargo-fuzz; stable Rust will do. A find is written to fuzz/artifacts; keep it as a test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-900}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    targets=(traceback catalogue config lines)
fi
# Sanitizers are an unstable option of the compiler; nothing that is shipped is built like this.
export RUSTC_BOOTSTRAP=1
python3 fuzz/seeds.py tests/corpus fuzz/corpus
for target in "${targets[@]}"; do
    printf '\n=== %s, %s seconds\n' "$target" "$seconds"
    nice -n 19 cargo fuzz run -O "$target" ${FUZZ_TARGET_DIR:+--target-dir "$FUZZ_TARGET_DIR"} -- \
        -dict=fuzz/words.txt -max_len=16384 -timeout=20 -rss_limit_mb=2048 -max_total_time="$seconds" -print_final_stats=1
done
