#!/usr/bin/env python3
"""Runs the wild cases, what people posted in public threads, against a binary of axolotl-run.

usage: wild.py --binary PATH CASES_DIR... [--jobs N] [--json OUT] [--only TEXT] [-v]

A case is a folder CASES_DIR/<id>/ with `case.json` and the bytes of the program: `input` (all of them), or `stdout` and
`stderr`, or `run.py` or `run.sh`, which is the program. Keys of `case.json`:

  id, title, source (public threads), why (one sentence), kind (letter of a known kind of failure, or a feature's name)
  mode      explain: `--explain` reads the bytes (a run.py prints them)
            live-pipe, live-pty, live-two-pipes, live-file: a program prints the bytes under `--record`, ends as told;
              stdout and stderr are one pipe, a terminal, a pipe each (`input` goes to stderr), one file
            command: run.py or run.sh is run under `--record`, stdout and stderr on one pipe
  exit      {"code": n} or {"signal": n}: how the program ends; in live modes axolotl-run has to end in the same way
  canaries  words that may stand in nothing that is recorded or printed, whatever their case
  before, behind   words in front of axolotl-run, and between it and the program; without their program it is skipped
  tries     how often a live case may be run until it passes (2): a busy machine can cut a run short
  wish      what else should be told, for which there is no field or verdict yet (nothing is checked)
  expect    what has to be told, a closed list; where a list of answers is given, any of them will do:
    exception_type, handled_count    of the error event;  exception_type_any_in_chain: of it or of its chain
    message_contains                 words of the error's public message (or sign), all of them
    frames_contain                   [{"file", "function"?}], all of them
    no_error                         true: there is no error event
    verdict_kind, verdict_kind_not, confidence_not    of the finish event (not in the mode explain)
    rank                             of the error or the verdict; never another one
    verdict_rank                     of the verdict alone: a number, or "absent"
    collective                       what the error or the verdict says of a collective operation: {"trouble", "ranks"…}
    signs_not                        words that neither the error's sign nor a sign of `--explain` has
    step, total, epoch, loss, learning_rate    last told: a number (to a thousandth) or "absent". total and epoch are in
                                     progress events alone, a minute apart: such a case prints its bytes at once
    step_not                         a step that was never told
    max_seconds                      that the run may take
"""

import argparse
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

MODES = {"explain", "live-pipe", "live-pty", "live-two-pipes", "live-file", "command"}
KEYS = set("id title source why kind mode exit canaries expect before behind tries wish".split())
OF_ERROR = set("exception_type exception_type_any_in_chain message_contains frames_contain handled_count".split())
OF_LIVE = set("verdict_kind verdict_kind_not confidence_not step total epoch loss learning_rate step_not "
              "verdict_rank".split())
EXPECT = OF_ERROR | OF_LIVE | {"no_error", "rank", "collective", "signs_not", "max_seconds"}
# The kinds of verdicts when the cases were written; the present ones are listed in docs/events.md.
VERDICTS = set("""success exit_nonzero exception oom_cgroup oom_host oom_daemon oom_gpu shm_full segfault abort illegal
    fpe bus nccl_timeout gpu_fault hang time_limit preempted_or_cancelled signalled_by_user terminated hung_up
    killed_unknown signal lost""".split())
# Those that newer cases expect.
NEWER_VERDICTS = {"peer_lost", "collective_timeout", "collective_mismatch", "rendezvous_failed"}
# How long a run may take, and how long its finish event may then be awaited, in seconds.
RUN_SECONDS, FINISH_SECONDS = 90, 10
# Prints a case's bytes and ends as told. The last words are given a moment, as a real program's are.
REPLAY = """import json, os, resource, signal, sys, time
pieces, end = json.load(open(sys.argv[1]))
for fd, text in pieces:
    data = text.encode("latin-1")
    while data:
        data = data[os.write(fd, data):]
    time.sleep(min(0.004, 0.25 / len(pieces)))
time.sleep(0.15)
if number := end.get("signal"):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL: signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(5)
os._exit(end["code"])
"""


class Case:
    """One folder, and what came of it."""

    def __init__(self, folder):
        self.folder, self.name = folder, folder.name
        self.told = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        self.mode, self.kind = self.told.get("mode"), self.told.get("kind")
        wanted, self.end = self.told.get("expect", {}), self.told.get("exit", {})
        self.expect = {key: value if isinstance(value, list) else [value] for key, value in wanted.items()}
        self.script = next((folder / name for name in ("run.py", "run.sh") if (folder / name).exists()), None)
        self.program = [sys.executable if self.script and self.script.suffix == ".py" else "bash"]
        self.failures, self.seen, self.seconds, self.tries, self.skipped = [], {}, 0.0, 0, None

    def mistakes(self):
        """What is wrong with the case itself."""
        kinds = [kind for key in ("verdict_kind", "verdict_kind_not") for kind in self.expect.get(key, [])]
        odd = (set(self.told) - KEYS) | (set(self.expect) - EXPECT) | (set(kinds) - VERDICTS - NEWER_VERDICTS)
        odd |= set(self.expect) & OF_LIVE if self.mode == "explain" else set()
        whole = self.mode in MODES and self.told.get("id") == self.name and self.expect and len(self.end) == 1
        if not whole or self.mode == "command" and not self.script:
            odd.add("mode, id, exit, expect or run.*")
        return [f"case.json: {word}" for word in sorted(odd)]

    def streams(self):
        """The bytes of the program, as (descriptor, piece) in the order in which they are printed."""
        if self.script:
            return [(2, subprocess.run([*self.program, self.script], capture_output=True, check=True).stdout)]
        lines = []
        for fd, path in ((2, self.folder / "input"), (1, self.folder / "stdout"), (2, self.folder / "stderr")):
            own = re.findall(rb"[^\n\r]*[\n\r]|[^\n\r]+", path.read_bytes()) if path.exists() else []
            lines += [(number / len(own), fd, piece) for number, piece in enumerate(own)]
        return [(fd, piece) for _, fd, piece in sorted(lines, key=lambda line: line[0])]


class Runner:
    """Runs one case in a home of its own; `printed` is all that was recorded or printed."""

    def __init__(self, binary, case, home):
        self.binary, self.case, self.home, self.printed = binary, case, home, b""
        self.environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm", "NO_COLOR": "1"}
        for name, folder in (("HOME", "."), ("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config")):
            self.environment[name] = str(home / folder)

    def ask(self, *arguments, data=b"", **environment):
        done = subprocess.run([self.binary, *arguments], input=data, capture_output=True, timeout=RUN_SECONDS,
                              env={**self.environment, **environment}, cwd=self.home)
        self.printed += done.stdout + done.stderr
        return done.stdout

    def explain(self):
        data = b"".join(piece for _, piece in self.case.streams())
        end = {f"AXR_EXIT_{name.upper()}": str(number) for name, number in self.case.end.items()}
        begun = time.monotonic()
        answer = json.loads(self.ask("--explain", "--json", "-", data=data, **end))
        seconds = time.monotonic() - begun
        self.ask("--explain", "-", data=data, **end)
        return {"events": answer["events"], "signs": answer["markers"], "collective": answer["collective"],
                "seconds": seconds}

    def live(self):
        case, signs, work = self.case, [], self.home / "work"
        if case.mode == "command":
            shutil.copytree(case.folder, work)
            program = [*case.program, case.script.name]
        else:
            work.mkdir()
            lines = [(fd, piece.decode("latin-1")) for fd, piece in case.streams()]
            if {"total", "epoch"} & set(case.expect):
                lines = [(fd, "".join(text for _, text in group)) for fd, group in groupby(lines, lambda line: line[0])]
            (work / "train.py").write_text(REPLAY)
            (work / "bytes").write_text(json.dumps([lines, case.end]))
            program = [sys.executable, "train.py", "bytes"]
            signs = self.explain()["signs"]
        before, behind = case.told.get("before", []), case.told.get("behind", [])
        begun = time.monotonic()
        status, output = self.spawn([*before, self.binary, "--record", "--summary", "--", *behind, *program], work)
        seconds = time.monotonic() - begun
        # What the program itself prints passes through and is its own business.
        self.printed += b"\n".join(re.findall(rb"^axolotl-run: .*", output, re.MULTILINE))
        events = self.events()
        # What is kept for the owner has the user's own words; nothing else may have one of them.
        for name in ("output.log", "owner.json"):
            for kept in (self.home / "state").rglob(name):
                kept.unlink()
        for form in ("--show", "--report", "--runs"):
            self.ask(form)
            self.ask(form, "--json")
        for path in (self.home / "state").rglob("*"):
            self.printed += path.read_bytes() if path.is_file() else b""
        return {"events": events, "signs": signs, "status": status, "seconds": seconds}

    def spawn(self, command, work):
        """Runs it with the streams that the mode says; the exit status and what it printed."""
        mode, log, readers = self.case.mode, (work / "log").open("wb"), []

        def read(source=subprocess.PIPE):
            readers.append(subprocess.Popen(["cat"], stdin=source, stdout=log, stderr=subprocess.DEVNULL))
            return readers[-1].stdin

        own, terminal = (open(end, "r+b", 0) for end in os.openpty())
        termios.tcsetwinsize(terminal, (40, 160))
        if mode == "live-pty":
            read(own)
        output = {"live-pty": terminal, "live-file": log}.get(mode) or read()
        errors = read() if mode == "live-two-pipes" else output
        process = subprocess.Popen(command, stdin=terminal if mode == "live-pty" else subprocess.DEVNULL, stdout=output,
                                   stderr=errors, env=self.environment, cwd=work, start_new_session=True)
        for stream in (terminal, output, errors):
            stream.close()
        try:
            status = process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        for reader in readers:
            reader.wait(FINISH_SECONDS)
        return status, (work / "log").read_bytes()

    def events(self):
        """The recorded events, once the finish event is there or can be waited for no longer."""
        deadline = time.monotonic() + FINISH_SECONDS
        while True:
            files = list((self.home / "state").glob("axolotl-run/runs/*/events.jsonl"))
            lines = files[0].read_bytes().splitlines() if files else []
            events = [json.loads(line) for line in lines if line.endswith(b"}")]
            if any(event["event"] == "finish" for event in events) or time.monotonic() > deadline:
                return events
            time.sleep(0.05)


def check(case, result, printed):
    """All that does not hold, a line each; and what was told, for the reader."""
    last = {event["event"]: event["properties"] for event in result["events"]}
    error, finish, progress = last.get("error") or {}, last.get("finish", {}), last.get("progress", {})
    verdict = finish.get("verdict", {})
    seen = {key: error.get(key) for key in ("exception_type", "exception", "marker", "chain", "rank", "handled_count")}
    seen |= {"verdict": verdict.get("kind"), "confidence": verdict.get("confidence"), "step": finish.get("total_steps")}
    seen |= {"total": progress.get("total_steps"), "epoch": progress.get("progress"), "loss": finish.get("loss")}
    seen["learning_rate"] = finish.get("learning_rate")
    of_verdict, frames = [seen["verdict"], seen["confidence"]], error.get("frames", [])
    ranks = [place["rank"] for place in (error, verdict) if place.get("rank") is not None]
    chain = [seen["exception_type"], *(seen["chain"] or [])]
    message = f"{seen['exception'] or ''} {seen['marker'] or ''}".strip().lower()
    signs = " / ".join([seen["marker"] or "", *result["signs"]]).lower()
    steps = [event["properties"].get("step", event["properties"].get("total_steps")) for event in result["events"]]
    collective = error.get("collective") or verdict.get("collective") or result.get("collective") or {}
    has_frame = lambda wanted: any(all(frame.get(key) == wanted[key] for key in wanted) for frame in frames)
    is_near = lambda got, answer: isinstance(got, (int, float)) and math.isclose(got, answer, rel_tol=1e-3)
    is_told = lambda got, answer: got is None if answer == "absent" else got == answer or is_near(got, answer)
    # Of each key: whether it holds, given its answers, and what there was.
    rules = {
        "exception_type_any_in_chain": lambda answers: (set(chain) & set(answers), chain),
        "message_contains": lambda answers: (all(words.lower() in message for words in answers), message),
        "frames_contain": lambda answers: (all(map(has_frame, answers)),
                                           [f"{frame.get('file')}:{frame.get('function')}" for frame in frames]),
        "no_error": lambda _: (not error, [seen["exception_type"], seen["marker"]]),
        # A kind that is newer than the cases (a full disk, a missing module) is an exception told more exactly.
        "verdict_kind": lambda answers: (seen["verdict"] in answers or ("exception" in answers and
                                         seen["verdict"] and seen["verdict"] not in VERDICTS), of_verdict),
        "verdict_kind_not": lambda answers: (seen["verdict"] not in answers, of_verdict),
        "confidence_not": lambda answers: (seen["confidence"] not in answers, of_verdict),
        "rank": lambda answers: (ranks and set(ranks) <= set(answers), ranks),
        "signs_not": lambda answers: (not any(words.lower() in signs for words in answers), signs),
        "verdict_rank": lambda answers: (is_told(verdict.get("rank"), answers[0]), verdict.get("rank")),
        "collective": lambda answers: (all(collective.get(key) == value for key, value in answers[0].items()), collective),
        "step_not": lambda answers: (not set(steps) & set(answers), steps),
        "max_seconds": lambda answers: (result["seconds"] <= answers[0], round(result["seconds"], 1)),
    }
    for key in ("exception_type", "handled_count", "step", "total", "epoch", "loss", "learning_rate"):
        rules[key] = lambda answers, key=key: (any(is_told(seen[key], answer) for answer in answers), seen[key])
    failures = ["no error event"] if OF_ERROR & set(case.expect) and not error else []
    status = case.end["code"] if "code" in case.end else -case.end["signal"]
    if case.mode != "explain" and ("finish" not in last or result["status"] != status):
        failures.append(f"exit: expected {case.end}, got {result['status']}; events {sorted(last)}")
    for key, answers in case.expect.items():
        holds, got = rules[key](answers)
        if not holds and (error or key not in OF_ERROR):
            failures.append(f"{key}: expected {json.dumps(answers)}, got {json.dumps(got)}")
    leaked = [word for word in case.told.get("canaries", []) if word.lower().encode() in printed.lower()]
    return failures + ([f"canaries told: {leaked}"] if leaked else []), seen


def work_on(binary, case):
    """Runs a case, if need be again."""
    needed = [words[0] for key in ("before", "behind") if (words := case.told.get(key))]
    case.skipped = next((program for program in needed if not shutil.which(program)), None)
    case.failures = [] if case.skipped else case.mistakes()
    most = 0 if case.failures or case.skipped else 1 if case.mode == "explain" else case.told.get("tries", 2)
    while case.tries < most and (case.failures or not case.tries):
        case.tries += 1
        with tempfile.TemporaryDirectory(prefix="wild.", ignore_cleanup_errors=True) as home:
            runner = Runner(binary, case, Path(home))
            try:
                result = runner.explain() if case.mode == "explain" else runner.live()
                case.failures, case.seen = check(case, result, runner.printed)
                case.seconds = round(result["seconds"], 2)
            except Exception as error:  # One broken case must not hide the others.
                case.failures = [f"{type(error).__name__}: {error}"]
    return case


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, type=Path)
    parser.add_argument("folders", nargs="+", type=Path, metavar="CASES_DIR")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose id has this text")
    parser.add_argument("-v", action="store_true", help="say of each case what was told")
    options = parser.parse_args()
    folders = [path.parent for folder in options.folders for path in sorted(folder.glob("*/case.json"))]
    cases = [Case(folder) for folder in folders if options.only in folder.name]
    with ThreadPoolExecutor(options.jobs) as pool:
        for case in pool.map(lambda case: work_on(options.binary.resolve(), case), cases):
            if options.v or case.skipped:
                word = f"skipped, no {case.skipped}:" if case.skipped else "FAIL" if case.failures else "ok"
                seen = json.dumps({key: value for key, value in case.seen.items() if value is not None})
                print(f"{word:4} {case.name} [{case.kind}] {case.seconds}s try {case.tries} {seen}", flush=True)
    if options.json:
        keys = ("name", "kind", "mode", "skipped", "tries", "failures", "seconds", "seen")
        told = [{"set": case.folder.parent.name, **{key: getattr(case, key) for key in keys}} for case in cases]
        options.json.write_text(json.dumps(told, indent=1))
    failed = [case for case in cases if case.failures]
    for case in failed:
        print(f"FAIL {case.name} [{case.kind}]: {'; '.join(case.failures)}")
    passed = sum(not case.skipped for case in cases) - len(failed)
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
