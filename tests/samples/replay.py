#!/usr/bin/env python3
"""Replays recordings at their real timing under the launcher, and compares what it knew with what the training knew.

    python3 tests/samples/replay.py --wrapper target/release/axolotl-run [--jobs 8] [FOLDER...]

`cargo test` replays the same recordings as fast as it can; here every piece comes when it came, so that a progress event
says what was true at its own moment. Each recording is replayed in four settings: two pipes, one pipe for both streams,
files, and a terminal. What is compared: the output byte for byte and the exit status; the last step and the total; each
progress event's loss, learning rate, gradient norm, perplexity, tokens and epoch, all of which have to be those of one
log of the training (as exactly as that log is printed), and not of an older one than the finish's.
"""
import argparse
import concurrent.futures
import glob
import json
import math
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from on_terminal import run_on_terminal

HERE = os.path.dirname(os.path.abspath(__file__))
SETTINGS = ("pipes", "one pipe", "files", "terminal")
CHILD = r"""
import os, signal, sys, time
folder, code, number, cooked = sys.argv[1:]
data, at, began = open(folder + "/bytes", "rb").read(), 0, time.monotonic()
for line in open(folder + "/script"):
    moment, descriptor, length = map(int, line.split())
    piece, at = data[at : at + length], at + length
    time.sleep(max(0, moment / 1000 - (time.monotonic() - began)))
    while piece:
        piece = piece[os.write(descriptor, piece) :]
if code:
    os._exit(int(code))
os.kill(os.getpid(), getattr(signal, number))
"""
# The event's property, and the training's names for it. Those of a training's log are of one log; others come later too.
METRICS = {"loss": ["loss"], "learning_rate": ["learning_rate"], "grad_norm": ["grad_norm"], "ppl": ["ppl"]}
COUNTS = {"tokens/total": ["tokens/total", "num_tokens", "num_input_tokens_seen"],
           "tokens/trainable": ["tokens/trainable"],
           "tokens/train_per_sec_per_gpu": ["tokens/train_per_sec_per_gpu"]}


class Recording:
    def __init__(self, folder, terminal):
        self.folder, self.kind = folder, "pty" if terminal else "pipe"
        suffix = ".pty" if terminal else ""
        self.meta = json.load(open(os.path.join(folder, "meta.json")))
        self.end = self.meta.get(self.kind, {})
        rest = {"o": self.read("stdout" + suffix), "e": self.read("stderr" + suffix)}
        self.pieces = []
        for line in self.read("timing" + suffix).decode().splitlines():
            moment, stream, length = line.split()
            piece, rest[stream] = rest[stream][: int(length)], rest[stream][int(length) :]
            if terminal:
                # A terminal made two characters of each newline, and ours will do it again.
                if piece.endswith(b"\r") and rest[stream].startswith(b"\n"):
                    piece = piece[:-1]
                if piece.startswith(b"\n"):
                    piece = b"\r" + piece
                piece = piece.replace(b"\r\n", b"\n")
            self.pieces.append((int(moment), 1 if stream == "o" else 2, piece))

    def read(self, name):
        return open(os.path.join(self.folder, name), "rb").read()

    def written(self, *descriptors):
        return b"".join(piece for _, descriptor, piece in self.pieces if descriptor in descriptors)


def play(recording, setting, wrapper):
    """Runs one replay; the output by stream, the exit status, the events."""
    with tempfile.TemporaryDirectory(prefix="axolotl-replay-") as home:
        with open(home + "/script", "w") as script:
            script.writelines("%d %d %d\n" % (moment, fd, len(piece)) for moment, fd, piece in recording.pieces)
        open(home + "/bytes", "wb").write(recording.written(1, 2))
        open(home + "/replay.py", "w").write(CHILD)
        code, number = recording.end.get("exit_code"), recording.end.get("signal")
        command = [wrapper, "--record", "--tap-stdout", sys.executable, "-S", "replay.py", ".",
                   "" if code is None else str(code), number or "", ""]
        environment = {"PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": home + "/state"}
        if setting == "terminal":
            out, status = run_on_terminal(command, environment, home, recording.end.get("cols", 110), 40)
            streams = [(recording.written(1, 2).replace(b"\n", b"\r\n"), out)]
        else:
            if setting == "files":
                ends = open(home + "/out", "wb"), open(home + "/err", "wb")
            else:
                ends = subprocess.PIPE, subprocess.PIPE if setting == "pipes" else subprocess.STDOUT
            child = subprocess.Popen(command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=ends[0], stderr=ends[1])
            out, err = child.communicate()
            status = child.returncode
            if setting == "files":
                out, err = open(home + "/out", "rb").read(), open(home + "/err", "rb").read()
            streams = [(recording.written(1), out), (recording.written(2), err)]
            if setting == "one pipe":
                streams = [(recording.written(1, 2), out)]
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            lines = [line for path in glob.glob(home + "/state/axolotl-run/runs/*/events.jsonl") for line in open(path)]
            events = [json.loads(line) for line in lines if line.endswith("\n")]
            if any(event["event"] == "finish" for event in events):
                break
            time.sleep(0.05)
        return streams, status, events


def near(known, true):
    """Whether a value is that of a log, of which four digits may be printed."""
    if not math.isfinite(true):
        return known is None
    return known is not None and abs(known - true) <= abs(true) * 0.00051 + 1e-12


def fits(properties, log, metrics=METRICS):
    for name, spellings in metrics.items():
        true = [log[spelling] for spelling in spellings if spelling in log]
        if name in properties and properties[name] is not None and true and not near(properties[name], float(true[0])):
            return False
    return True


def complaints(recording, setting, played):
    streams, status, events = played
    for expected, actual in streams:
        if expected != actual:
            yield "the output differs"
    code, number = recording.end.get("exit_code"), recording.end.get("signal")
    if (status if status >= 0 else None) != code or (status < 0) != bool(number):
        yield f"exit status {status}, recorded {code} {number}"
    by_name = lambda name: [event["properties"] for event in events if event["event"] == name]
    if len(by_name("finish")) != 1:
        yield f"{len(by_name('finish'))} finish events"
        return
    finish, visible = by_name("finish")[0], recording.end.get("visible") or {}
    if finish.get("total_steps") != visible.get("step"):
        yield f"step {finish.get('total_steps')}, visible {visible.get('step')}"
    truth = recording.end.get("truth") or {}
    logs = truth.get("logs", [])[: visible.get("logs") or 0]
    training = [log for log in logs if "loss" in log]
    if visible.get("logs") and training and not fits(finish, training[-1]):
        yield f"finish: loss {finish.get('loss')}, last log {training[-1]}"
    for progress in by_name("progress"):
        # An evaluation that comes first looks like a training until the training begins.
        totals = [visible.get("total"), *filter(None, [visible.get("evaluation")])]
        if progress.get("step") is not None and progress.get("total_steps") not in totals:
            yield f"total {progress.get('total_steps')}, visible {visible.get('total')}"
        if "loss" in progress and training and not any(fits(progress, log) for log in training):
            yield f"at step {progress.get('step')}: {progress} is no log of the training"
        for name, spellings in COUNTS.items():
            counted = [log for log in logs if any(spelling in log for spelling in spellings)]
            if name in progress and counted and not any(fits(progress, log, {name: spellings}) for log in counted):
                yield f"{name} {progress[name]}"
        epochs = [log["epoch"] for log in logs if log.get("epoch") is not None]
        if epochs and "progress" in progress and not any(abs(progress["progress"] - epoch) <= max(0.0051, epoch * 0.00051) for epoch in epochs):
            yield f"epoch {progress['progress']}"
    if visible.get("step") and not by_name("progress"):
        yield "no progress event"
    ends_ok = recording.meta.get("expected", {}).get("ends_ok")
    if ends_ok is not None and (finish.get("outcome") == "success") != ends_ok:
        yield f"outcome {finish.get('outcome')}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--only", choices=SETTINGS)
    parser.add_argument("folders", nargs="*")
    given = parser.parse_args()
    wrapper = os.path.abspath(given.wrapper)
    folders = given.folders or sorted(os.path.dirname(path) for path in glob.glob(HERE + "/*/meta.json"))
    work = [(folder, setting) for folder in folders for setting in SETTINGS if given.only in (None, setting)]

    def one(item):
        folder, setting = item
        recording = Recording(folder, setting == "terminal")
        return folder, setting, list(complaints(recording, setting, play(recording, setting, wrapper)))

    failures = 0
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for folder, setting, found in pool.map(one, work):
            failures += bool(found)
            print("%-28s %-9s %s" % (os.path.basename(folder.rstrip("/")), setting, "; ".join(found) or "exact"), flush=True)
    print(f"{len(work) - failures} of {len(work)} exact")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
