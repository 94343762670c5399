#!/usr/bin/env python3
"""Records what a real training prints, in the form of this folder's samples.

    python3 tests/samples/record.py OUT [--name NAME] [--columns 110] [--truth PATTERN] [--before COMMAND] -- COMMAND...

The command is run twice: with a pipe for each stream, then with a terminal for each. What the training knows of itself
comes from where it says so: a callback that appends lines {"kind": "begin"|"step"|"log"|"end", "step", "max_steps",
"epoch", "logs"} to the file that $WL_TRUTH names, or a trainer_state.json (--truth, a pattern; the newest file counts).
What of it can be seen in the bytes is counted here with nothing of the launcher's own reading: bars by one expression,
log lines by Python's own parser. Runs in the current directory; names of users and hosts are yours to keep out.
"""
import argparse
import ast
import fcntl
import glob
import hashlib
import json
import os
import pty
import re
import selectors
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
BAR = re.compile(r"\| *(\d+)/(\d+) \[")
PACKAGES = ("torch", "transformers", "accelerate", "datasets", "trl", "peft", "tqdm")
LOSSES = ("loss", "eval_loss", "train_loss", "train_runtime")


def openers(terminal, columns):
    """Two pairs of (what we read, what the command writes)."""
    if not terminal:
        return [os.pipe(), os.pipe()]
    pairs = [pty.openpty(), pty.openpty()]
    for _, end in pairs:
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    return pairs


def capture(command, terminal, columns, truth_file):
    pairs = openers(terminal, columns)
    began = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pairs[0][1], stderr=pairs[1][1],
                             env=dict(os.environ, WL_TRUTH=truth_file))
    streams, timing = [bytearray(), bytearray()], []
    selector = selectors.DefaultSelector()
    for number, (read, write) in enumerate(pairs):
        os.close(write)
        selector.register(read, selectors.EVENT_READ, number)
    while selector.get_map():
        for key, _ in selector.select():
            try:
                piece = os.read(key.fd, 65536)
            except OSError:
                piece = b""
            if not piece:
                selector.unregister(key.fd)
                os.close(key.fd)
                continue
            streams[key.data] += piece
            timing.append((int((time.monotonic() - began) * 1000), "oe"[key.data], len(piece)))
    code = child.wait()
    wall = round(time.monotonic() - began, 1)
    return streams, timing, code, wall


def truth(callback, pattern):
    if pattern:
        found = sorted(glob.glob(pattern, recursive=True), key=os.path.getmtime)
        if not found:
            return {}
        state = json.load(open(found[-1]))
        return {"source": "trainer_state.json", "total_steps": state["max_steps"], "last_step": state["global_step"],
                "epoch": state["epoch"], "logs": state["log_history"]}
    lines = [json.loads(line) for line in open(callback)] if os.path.exists(callback) else []
    # An evaluation before the training logs as well, but nobody prints that.
    begins = [at for at, line in enumerate(lines) if line["kind"] == "begin"]
    if not begins:
        return {}
    lines = lines[begins[-1] :]
    logs = [dict(line["logs"], step=line["step"]) for line in lines if line["kind"] == "log"]
    return {"source": "callback", "total_steps": lines[0]["max_steps"], "last_step": lines[-1]["step"],
            "train_ended": any(line["kind"] == "end" for line in lines), "logs": logs}


def versions(program):
    """Of the packages beside the program, by the names of their records."""
    records = os.path.join(os.path.dirname(program), "../lib/python*/site-packages/*.dist-info")
    found = dict(os.path.basename(path)[: -len(".dist-info")].split("-")[:2] for path in glob.glob(records))
    return {name: found[name] for name in PACKAGES if name in found}


def is_log(line):
    try:
        value = ast.literal_eval(re.sub(r"(?<=: )-?(nan|inf)\b", "None", line))
    except (SyntaxError, ValueError):
        return False
    return isinstance(value, dict) and any(key in value for key in LOSSES)


def visible(streams, known):
    out, err = (ESCAPE.sub("", bytes(stream).decode(errors="replace")) for stream in streams)
    total = known.get("total_steps")
    steps = [int(step) for step, of in BAR.findall(err) if int(of) == total]
    # An evaluation may have as many batches: the last bar that the training can have drawn.
    steps = [step for step in steps if step <= known.get("last_step", 0)]
    logs = sum(is_log(line) for line in re.split(r"[\r\n]+", out) if line.startswith("{"))
    return {"step": max(steps, default=None), "total": total if steps else None, "bars": len(steps), "logs": logs}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--name")
    parser.add_argument("--what", default="")
    parser.add_argument("--columns", type=int, default=110)
    parser.add_argument("--truth")
    parser.add_argument("--before", help="a shell command to run before each of the two runs")
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    given, command = parser.parse_args(words[:at]), words[at + 1 :]
    os.makedirs(given.out, exist_ok=True)
    meta = {"name": given.name or os.path.basename(given.out.rstrip("/")), "what": given.what,
            "versions": versions(command[0]), "env": {}}
    for kind, suffix in (("pipe", ""), ("pty", ".pty")):
        if given.before:
            subprocess.run(given.before, shell=True, check=True)
        with tempfile.TemporaryDirectory() as scratch:
            callback = os.path.join(scratch, "truth")
            streams, timing, code, wall = capture(command, kind == "pty", given.columns, callback)
            known = truth(callback, given.truth)
        meta[kind] = {"wall_s": wall, "exit_code": code if code >= 0 else None,
                      "signal": signal.Signals(-code).name if code < 0 else None, "truth": known}
        for name, stream in zip(("stdout", "stderr"), streams):
            open(os.path.join(given.out, name + suffix), "wb").write(stream)
            meta[kind][name] = {"bytes": len(stream), "sha256_of_all": hashlib.sha256(stream).hexdigest()[:16]}
        open(os.path.join(given.out, "timing" + suffix), "w").writelines("%d %s %d\n" % line for line in timing)
        meta[kind]["visible"] = visible(streams, known)
    meta["pty"]["cols"] = given.columns
    meta["expected"] = {"ends_ok": meta["pipe"]["exit_code"] == 0}
    open(os.path.join(given.out, "cmd"), "w").write(" ".join(command) + "\n")
    json.dump(meta, open(os.path.join(given.out, "meta.json"), "w"), indent=1)
    print(given.out, *(json.dumps(meta[kind]["visible"]) for kind in ("pipe", "pty")), file=sys.stderr)


if __name__ == "__main__":
    main()
