#!/usr/bin/env python3
"""A burst before a death loses no traceback: floods of several sizes, then a real traceback, beside busy loops.

    python3 tests/burst.py --wrapper target/debug/axolotl-run [--tries 200] [--busy 4] [--only 8MB-at-once,…] [--threads 4]

Each try prints so many megabytes of what programs print in masses when they die (assertions of a GPU's threads, NCCL's
dumps of eight ranks), then raises an exception, and ends. What counts is what the run's record says of it: whether it
has the exception, whether bytes were missed, and whether the verdict is surer than it may be then. The command times
its own writes, bare and wrapped in turn, so that the last column says what the copy costs it. Takes minutes; needs
nothing but Python.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

COMMAND = r"""
import os, sys, time
shape, size = sys.argv[1], int(sys.argv[2])
ASSERTION = "../aten/src/ATen/native/cuda/Indexing.cu:1290: indexSelectLargeIndex: block: [%d,0,0], thread: [%d,0,0] Assertion `srcIndex < srcSelectDimSize` failed.\n"
DUMP = "[rank%d]:[E1103 09:12:44.%06d ProcessGroupNCCL.cpp:1895] [PG ID 0 PG GUID 0(default_pg) Rank %d] frame #%d: c10d::ProcessGroupNCCL::heartbeatMonitor() + 0xa52 (0x7f0bd2f1c4b2 in libtorch_cuda.so)\n"
lines, length, number = [], 0, 0
while length < size:
    number += 1
    line = DUMP % (number % 8, number, number % 8, number % 40) if number % 3 == 0 else ASSERTION % (number // 64, number % 64)
    lines.append(line.encode())
    length += len(line)
pieces = lines if shape == "lines" else [b"".join(lines[at:at + 64]) for at in range(0, len(lines), 64)]
if shape == "once":
    pieces = [b"".join(lines)]
begin = time.monotonic()
for piece in pieces:
    while piece:
        piece = piece[os.write(2, piece):]
spent = time.monotonic() - begin
open(sys.argv[3], "w").write("%.6f" % spent)
def forward(batch):
    return {"loss": batch["labels"].mean()}
def train():
    forward({"input_ids": 1})
train()
"""
CASES = {
    "200KB-in-lines": ("lines", 200_000),
    "1MB-in-lines": ("lines", 1_000_000),
    "8MB-in-lines": ("lines", 8_000_000),
    "200KB-at-once": ("once", 200_000),
    "1MB-at-once": ("once", 1_000_000),
    "8MB-at-once": ("once", 8_000_000),
    "8MB-in-blocks": ("blocks", 8_000_000),
}


def run(words, home, case):
    """Seconds that the command's writes took; all of its output is read as it comes."""
    shape, size = CASES[case]
    spent = os.path.join(home, "spent")
    env = {"PATH": os.environ["PATH"], "HOME": home, "AXOLOTL_DO_NOT_TRACK": "1"}
    command = [sys.executable, "-I", "-S", os.path.join(home, "command.py"), shape, str(size), spent]
    child = subprocess.Popen(words + command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    received, tail = 0, b""
    while data := os.read(child.stderr.fileno(), 1 << 16):
        received += len(data)
        tail = (tail + data)[-4096:]
    child.stderr.close()
    code = child.wait()
    assert code == 1 and received > size and b"KeyError: 'labels'" in tail, (code, received, tail)
    with open(spent, encoding="ascii") as file:
        return float(file.read())


def recorded(home):
    """The run's events, as soon as its finish is there."""
    runs = os.path.join(home, ".local/state/axolotl-run/runs")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for name in os.listdir(runs) if os.path.isdir(runs) else []:
            path = os.path.join(runs, name, "events.jsonl")
            if os.path.isfile(path):
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                if '"event":"finish"' in text and text.endswith("\n"):
                    return [json.loads(line) for line in text.splitlines()]
        time.sleep(0.002)
    raise SystemExit("no finish after 60 s in " + runs)


def judge(events, told):
    """Counts what a try came to."""
    finish = [event["properties"] for event in events if event["event"] == "finish"][0]
    types = [event["properties"].get("exception_type") for event in events if event["event"] == "error"]
    missed = finish.get("dropped", {}).get("copy_bytes", 0)
    verdict = finish["verdict"]
    told["lost"] += "KeyError" not in types
    told["missed"] += missed > 0
    told["too sure"] += missed > 0 and verdict["confidence"] == "high"
    told["unseen"] += finish["verdict"]["evidence"] == ["observer_lost"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("--tries", type=int, default=200, help="of each case")
    parser.add_argument("--busy", type=int, default=4, help="busy loops beside")
    parser.add_argument("--threads", type=int, default=2, help="tries at once")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    wrapped = [os.path.abspath(options.wrapper), "--record"]
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.busy)]
    failed = False
    try:
        print("%-16s %6s %6s %7s %9s %10s %22s" % ("case", "tries", "lost", "missed", "too sure", "unseen", "time, wrapped / bare"))
        for case in CASES:
            if options.only and case not in options.only.split(","):
                continue
            told = dict.fromkeys(("lost", "missed", "too sure", "unseen"), 0)
            ratios, left, lock = [], [options.tries], threading.Lock()

            def tries():
                while True:
                    with lock:
                        if left[0] == 0:
                            return
                        left[0] -= 1
                    with tempfile.TemporaryDirectory(prefix="burst-", ignore_cleanup_errors=True) as home:
                        with open(os.path.join(home, "command.py"), "w", encoding="ascii") as file:
                            file.write(COMMAND)
                        bare = run([], home, case)
                        ours = run(wrapped, home, case)
                        events = recorded(home)
                    with lock:
                        ratios.append(ours / bare)
                        judge(events, told)

            threads = [threading.Thread(target=tries) for _ in range(options.threads)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            ratio = "%.2f" % statistics.median(ratios)
            print("%-16s %6d %6d %7d %9d %10d %22s" % (case, len(ratios), told["lost"], told["missed"], told["too sure"], told["unseen"], ratio), flush=True)
            failed = failed or len(ratios) < options.tries or told["lost"] > 0 or told["too sure"] > 0
    finally:
        for loop in loops:
            loop.kill()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
