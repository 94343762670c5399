#!/bin/sh
# Runs the little training under the launcher four times, each with another end, and prints what a server received.
#
#   examples/demo.sh                                   starts the example server on the loopback by itself
#   AXOLOTL_RUN_POSTHOG_HOST=… examples/demo.sh        reports to that host; what arrived is then seen there
#
# AXOLOTL_RUN_EXAMPLE_SERVER names a server that was built before; else it is built.
# AXOLOTL_RUN names another launcher than target/release (or else target/debug); where there is none it is built. Needs
# Rust and python3. Nothing outside a temporary folder is written but what is built: state and configuration of the runs
# live there and go with it. Ends well where all four runs have arrived.
set -eu

examples=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$examples")
launcher=${AXOLOTL_RUN:-}
for built in "$root/target/release/axolotl-run" "$root/target/debug/axolotl-run"; do
    [ -n "$launcher" ] || [ ! -x "$built" ] || launcher=$built
done
if [ -z "$launcher" ]; then
    (cd "$root" && cargo build --quiet --bin axolotl-run)
    launcher=$root/target/debug/axolotl-run
fi

folder=$(mktemp -d)
server=
cleanup() {
    exec 9>&- # the server ends with its standard input
    [ -z "$server" ] || wait "$server" || true
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ -z "${AXOLOTL_RUN_POSTHOG_HOST:-}" ]; then
    mkfifo "$folder/stdin"
    receiver=${AXOLOTL_RUN_EXAMPLE_SERVER:-$root/target/debug/examples/posthog}
    [ -n "${AXOLOTL_RUN_EXAMPLE_SERVER:-}" ] || (cd "$root" && cargo build --quiet --example posthog)
    "$receiver" --port-file "$folder/address" --log "$folder/received" <"$folder/stdin" &
    server=$!
    exec 9>"$folder/stdin"
    tries=0
    until [ -s "$folder/address" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || { echo "the example server does not start" >&2; exit 1; }
        sleep 0.05
    done
    AXOLOTL_RUN_POSTHOG_HOST=$(cat "$folder/address")
fi
export AXOLOTL_RUN_POSTHOG_HOST
export AXOLOTL_RUN_POSTHOG_KEY="${AXOLOTL_RUN_POSTHOG_KEY:-phc_demonstration}"
export AXOLOTL_DO_NOT_TRACK=0 XDG_STATE_HOME="$folder/state" XDG_CONFIG_HOME="$folder/config"
unset DO_NOT_TRACK AXOLOTL_RUN_ID || true

run() {
    title=$1
    shift
    printf '\n=== %s\n$ axolotl-run --config train.yml python3 train.py --config train.yml %s\n' "$title" "$*"
    code=0
    (cd "$examples" && "$launcher" --config train.yml python3 train.py --config train.yml "$@" 9>&-) || code=$?
    printf '=== ended with %s\n' "$code"
}

run "a training that ends well"
run "a training that raises in the middle" --fail-at 300
run "a training that is killed, as the kernel does it when memory is short" --sigkill-at 300
run "a training whose process crashes" --segfault-at 300

printf '\n=== what the launcher recorded\n'
"$launcher" --runs || true

if [ -n "$server" ]; then
    printf '\n=== what the server received\n'
    tries=0 # the last report may still be on its way when its run has ended
    until [ "$(grep -c '"event":"finish"' "$folder/received/stored.jsonl" 2>/dev/null || echo 0)" -ge 4 ] || [ "$tries" -ge 100 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    if [ -s "$folder/received/stored.jsonl" ]; then
        python3 - "$folder/received/stored.jsonl" <<'PYTHON'
import json
import sys

for line in open(sys.argv[1], encoding="utf-8"):
    event = json.loads(line)
    properties = {key: value for key, value in event["properties"].items() if not key.startswith("$")}
    print("%s  run %s\n%s\n" % (event["event"], event["distinct_id"][:8], json.dumps(properties, indent=2)))
PYTHON
    else
        echo "nothing"
    fi
    arrived=$(grep -c '"event":"finish"' "$folder/received/stored.jsonl" 2>/dev/null || true)
    echo "${arrived:-0} of 4 runs arrived"
    [ ! -s "$folder/received/complaints" ] || { echo "=== against the contract:"; cat "$folder/received/complaints"; }
    [ "${arrived:-0}" -eq 4 ] && [ ! -s "$folder/received/complaints" ]
fi
