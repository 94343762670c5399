#!/bin/sh
# Shows the main job: a small training that is real, under the launcher, to four different ends; then what a server
# that takes events as PostHog does (examples/posthog.rs, on this machine) got to know of it.
#
#   sh examples/demo.sh
#
# Needs Rust and python3, takes a minute at first for building and some seconds then. Nothing leaves this machine:
# the server is a local one, and the journals go to a directory that is deleted again.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
programs=${CARGO_TARGET_DIR:-$here/../target}/debug
cargo build --quiet --manifest-path "$here/../Cargo.toml" --bin axolotl-run --example posthog

work=$(mktemp -d)
server=
clean_up() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# The server ends with its standard input, which is why it gets one that stays.
mkfifo "$work/stay"
"$programs/examples/posthog" --port-file "$work/address" --log "$work/log" <"$work/stay" &
server=$!
exec 9>"$work/stay"
tries=0
while [ ! -s "$work/address" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ]; then
        echo "the server has not begun" >&2
        exit 1
    fi
    sleep 0.05
done

XDG_STATE_HOME=$work/state
AXOLOTL_DO_NOT_TRACK=0
AXOLOTL_RUN_POSTHOG_KEY=phc_test0123456789
AXOLOTL_RUN_POSTHOG_HOST=$(cat "$work/address")
export XDG_STATE_HOME AXOLOTL_DO_NOT_TRACK AXOLOTL_RUN_POSTHOG_KEY AXOLOTL_RUN_POSTHOG_HOST
unset DO_NOT_TRACK AXOLOTL_RUN_ID RANK LOCAL_RANK SLURM_PROCID 2>/dev/null || true

run() {
    printf '\n== python3 train.py %s\n' "$*"
    status=0
    "$programs/axolotl-run" --config "$here/train.yml" -- python3 -u "$here/train.py" --config "$here/train.yml" \
        --steps 20 --sleep-per-step 0.05 "$@" >"$work/output" 2>&1 9>&- || status=$?
    # A bar is drawn over itself: of each line, the last state is what a terminal shows.
    tr '\r' '\n' <"$work/output" | grep -v '^ *$' | tail -n 4
    echo "-- exit status $status"
}

run
run --fail-at 40
run --sigkill-at 40
run --segfault-at 40

exec python3 - "$work/log/stored.jsonl" <<'PYTHON'
import json
import sys
import time

SKIPPED = ("$", "schema_version")


def read():
    try:
        with open(sys.argv[1], encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    except (OSError, ValueError):  # not there yet, or in the middle of being written
        return []


def short(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("\n", "\n" + " " * 38)


deadline = time.monotonic() + 20
finished = []
while len(finished) < 4 and time.monotonic() < deadline:
    time.sleep(0.05)
    events = read()
    finished = [event["distinct_id"] for event in events if event["event"] == "finish"]
print("\nWhat the server got")
runs = {}
for event in events:
    runs.setdefault(event["distinct_id"], []).append(event)
for run, events in runs.items():
    print("\nrun " + run)
    for event in events:
        print("  %-9s %s" % (event["event"], event["timestamp"]))
        for name, value in event["properties"].items():
            if not name.startswith(SKIPPED):
                print("      %s %s" % (name, short(value)))
print("\n%d of 4 runs arrived, %d events" % (len(set(finished)), sum(map(len, runs.values()))))
sys.exit(len(set(finished)) != 4)
PYTHON
