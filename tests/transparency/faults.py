#!/usr/bin/env python3
"""Kills, stops and crashes the launcher's processes at random moments, and counts what the command lost.

    python3 faults.py --wrapper PATH [--runs 1000] [--seed N] [--only FAULT] [--streams pipe,terminal,file]

A command writes numbered records (fast or slow) to a reader (fast or slow) through a pipe, a terminal or a file.
At a random byte of that stream one fault strikes. What must hold afterwards:

    none                the control: everything arrives, the code is right
    observer-kill       SIGKILL: every record exactly once, the command's code, no wait
    observer-stop       SIGSTOP for the whole rest: the same, at the latest a second after the command's end
    crash-address       the supervisor meets a bad address: the command lives to its end, every record exactly once,
                        and the journal has one finish event that says `crashed`
    crash-abort         the same with abort()
    supervisor-kill     SIGKILL: the command dies too; what it had written arrives exactly once; one finish event
    both-kill           SIGKILL to both at once: the command ends at a write, nothing hangs, nothing is doubled
                        (what was inside a relay at that moment is gone; a file loses nothing)

A fault that strikes when the command has already ended (too late) is judged as none. One that strikes before the
observer runs (too early) leaves no journal, and a crash then no relay: such a crash is counted and not judged, after
such a SIGKILL the command must be gone. Other columns: runs; lost,
doubled (runs with a record too few, too many or torn); hang; wrong (end of the launcher or fate of the command);
finish (runs whose journal has not exactly the finish event it should). Exit status 1 if one of those has an entry.
"""

import argparse
import json
import os
import random
import select
import shlex
import shutil
import signal
import sys
import time

from command import record
from crash import make_fault
from support import COMMAND, adopt_orphans, alive, holds, in_worker, later, name_of, pipe, stat_of, tree, until
from terminal import Terminal

FAULTS = ("none", "observer-kill", "observer-stop", "crash-address", "crash-abort", "supervisor-kill", "both-kill")
CODE = "7"  # the command's own end
COLUMNS = ("lost", "doubled", "hang", "wrong", "finish")


class Experiment:
    """One run: what is written how fast, who reads how fast, what strikes when."""

    def __init__(self, fault, stream, seed):
        draw = random.Random("%s %s %d" % (fault, stream, seed))
        self.fault, self.stream = fault, stream
        # A file takes everything at once: only a writer that pauses is still there when the fault strikes.
        self.writer = draw.choice(["slow", "lumps"] if stream == "file" else ["fast", "slow", "lumps"])
        self.reader = "fast" if stream == "file" else draw.choice(["fast", "fast", "slow"])
        paces = {"fast": (16000, 64, 0), "slow": (200, 1, 0.001), "lumps": (3000, 700, 0.02)}
        self.total, self.block, self.pause = paces[self.writer]
        self.strike_at = draw.randrange(self.total * 64)
        self.delay = draw.choice([0, 0, draw.random() * 0.003])

    def words(self):
        return "%s to a %s %s at byte %d" % (self.writer, self.reader, self.stream, self.strike_at)

    def __call__(self, subject):
        return Trial(self, subject).run()


class Trial:
    """An experiment while it runs."""

    def __init__(self, plan, subject):
        self.plan, self.subject = plan, subject
        self.text, self.open = bytearray(), True
        self.struck = self.note = None
        self.outlived = False  # whether the launcher was still there when the command was not
        self.observer = self.supervisor = self.command = 0

    def start(self):
        plan, subject = self.plan, self.subject
        words = subject.helper("records", subject.folder, 2, plan.total, plan.block, plan.pause, CODE)
        if plan.stream == "terminal":
            # Somebody else leads the session, so that the terminal outlives the launcher.
            leader = COMMAND + ["lead", subject.folder]
            self.terminal = Terminal(leader + words, subject.env, subject.folder)
            self.fd = self.terminal.master
            self.supervisor = until(lambda: tree(self.terminal.pid), "the launcher")[0]
        else:
            if plan.stream == "pipe":
                self.fd, write = pipe()
            else:
                write = os.open(subject.path("file"), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
                self.fd = os.open(subject.path("file"), os.O_RDONLY)
            self.process = subject.spawn(words, {1: write, 2: write})
            os.close(write)
            self.supervisor = self.process.pid
        self.command = int(until(lambda: self.read_number("records.pid"), "the command's start"))

    def read_number(self, name):
        try:
            with open(self.subject.path(name), encoding="ascii") as file:
                return file.read().strip()
        except OSError:
            return ""

    def find_observer(self):
        for pid in tree(self.supervisor):
            entry = stat_of(pid)
            if entry and entry[0].startswith("axolotl-obs"):
                return pid
        return 0

    def pump(self):
        """Reads a part of the stream at the reader's pace."""
        if not select.select([self.fd], [], [], 0.01)[0]:
            return
        slow = self.plan.reader == "slow"
        try:
            part = os.read(self.fd, 3000 if slow else 1 << 16)
        except OSError:  # EIO: the terminal's last user has gone
            part = b""
        if not part and self.plan.stream != "file":
            self.open = False
        if not part:
            time.sleep(0.001)
        self.text += part
        if slow:
            time.sleep(0.0005)

    def strike(self):
        """The fault, at the moment that was drawn."""
        plan = self.plan
        self.struck = time.monotonic()
        wanted = plan.fault in ("observer-kill", "observer-stop", "both-kill")
        if wanted:
            until(lambda: self.find_observer() or not alive(self.command), "an observer", 2.0)
            self.observer = self.find_observer()
        if not alive(self.supervisor) or (wanted and not self.observer):
            self.note = "the end came first"
            return
        time.sleep(plan.delay)
        lone = self.subject.resident and plan.fault.startswith(("supervisor", "crash")) and not self.find_observer()
        if lone and alive(self.command):
            self.note = "before the observer"  # the command is started first: there is a moment with nobody else
        try:
            if plan.fault == "observer-kill":
                os.kill(self.observer, signal.SIGKILL)
            elif plan.fault == "observer-stop":
                os.kill(self.observer, signal.SIGSTOP)
            elif plan.fault == "supervisor-kill":
                os.kill(self.supervisor, signal.SIGKILL)
            elif plan.fault == "both-kill":
                os.kill(self.observer, signal.SIGKILL)
                os.kill(self.supervisor, signal.SIGKILL)
            elif plan.fault.startswith("crash"):
                make_fault(self.supervisor, plan.fault.partition("-")[2])
                self.outlived = not alive(self.command)
        except (ProcessLookupError, ChildProcessError):
            self.note = "the end came first"
        except PermissionError:  # so ptrace calls a process that has ended
            self.note = "the end came first"

    def launcher_end(self):
        """The launcher's end in words, or None while it lives."""
        if self.plan.stream != "terminal":
            return self.process.poll()
        status = self.read_number("code")
        return name_of(int(status)) if status else None

    def run(self):
        self.start()
        deadline = later(25)
        left_alone = False
        while self.open and time.monotonic() < deadline:
            self.pump()
            if self.struck is None and (len(self.text) >= self.plan.strike_at or not alive(self.command)):
                self.strike()
            gone = self.launcher_end() is not None and not alive(self.command)
            if gone and self.plan.stream == "terminal" and not left_alone:
                open(self.subject.path("leave"), "w", encoding="ascii").close()
                left_alone = True
            if gone and self.plan.stream == "file" and len(self.text) >= os.path.getsize(self.subject.path("file")):
                break
        return self.judge(time.monotonic() >= deadline)

    def judge(self, late):
        plan = self.plan
        if "kill" in plan.fault and "observer" not in plan.fault and self.launcher_end() == "exit " + CODE:
            self.note = "the end came first"  # the signal met a process that had ended and was not collected yet
        result = {"plan": plan.words(), "note": self.note}
        whole = b"".join(record(number) for number in range(plan.total))
        text = bytes(self.text).replace(b"\r\n", b"\n")
        written = int(self.read_number("written") or 0)
        killed = plan.fault in ("supervisor-kill", "both-kill") and not self.note
        early = self.note == "before the observer"
        if early and plan.fault != "supervisor-kill":
            return dict(result, hang=late)
        killed |= early
        least = 0 if early or (plan.fault == "both-kill" and plan.stream != "file") else written if killed else len(whole)
        result["hang"] = late
        result["lost"] = max(0, least - len(text)) if whole.startswith(text) else missing(text, written)
        result["doubled"] = 0 if whole.startswith(text) else excess(text)
        if not whole.startswith(text):
            at = next(at for at in range(len(text) + 1) if whole[:at] != text[:at]) - 1
            result["differs"] = "at %d of %d: %r" % (at, len(text), text[max(0, at - 20) : at + 60])
        self.judge_end(result, killed)
        self.judge_journal(result)
        return result

    def judge_end(self, result, killed):
        fault, done = self.plan.fault, os.path.exists(self.subject.path("done"))
        dead = holds(lambda: not alive(self.command), 2.0)
        holds(self.launcher_end, 4.0)  # the last byte may come before the launcher's end
        end = self.launcher_end()
        if killed:
            wrong = not dead or end != "signal 9"
        elif fault.startswith("crash") and not self.note:
            wrong = not done or end == "exit 0"
        else:
            wrong = not done or end != "exit " + CODE
        result["wrong"] = wrong
        if wrong:
            fate = "is dead" if dead else "lives"
            result["seen"] = "the launcher ended with %s, the command %s, at its own end: %s" % (end, fate, done)

    def judge_journal(self, result):
        fault = self.plan.fault
        early = self.note == "before the observer"
        if early or not self.subject.resident or fault in ("observer-kill", "observer-stop", "both-kill"):
            result["finish"] = False
            return
        finishes = lambda: [e for e in self.subject.events() if e["event"] == "finish"]
        holds(finishes, 3.0)
        seen = finishes()
        wanted = {"crash": "crashed", "supervisor": "killed"}.get(fault.partition("-")[0]) if not self.note else None
        lost = [event.get("properties", {}).get("supervisor_lost") for event in seen]
        # Struck between the command's end and the launcher's: then it was not lost BEFORE the command.
        done = os.path.exists(self.subject.path("done")) if fault == "supervisor-kill" else self.outlived
        either = [None, wanted] if done else [wanted]
        result["finish"] = len(lost) != 1 or lost[0] not in either
        if result["finish"]:
            result["seen finish"] = lost


def numbers(text):
    """The record numbers of the whole lines of a stream that is not a plain prefix."""
    return [int(line[:12]) for line in text.split(b"\n") if len(line) == 63 and line[:12].isdigit()]


def missing(text, written):
    return len(set(range(written // 64)) - set(numbers(text)))


def excess(text):
    seen = numbers(text)
    return max(1, len(seen) - len(set(seen)))


def run_all(experiments, arguments, jobs, verbose):
    """Runs all, `jobs` at a time; answers [(experiment, result)]."""
    work, active, results = list(experiments), {}, []
    while work or active:
        while work and len(active) < jobs:
            plan = work.pop(0)
            worker, read = in_worker(plan, arguments, 40)
            active[worker] = (plan, read)
        worker, _ = os.wait()
        if worker not in active:
            continue
        plan, read = active.pop(worker)
        with os.fdopen(read, "rb") as file:
            text = file.read()
        answer = json.loads(text) if text else {"error": "the worker died"}
        result = answer.get("value") or {"plan": plan.words(), "hang": "hang" in answer, "skip": answer.get("skip"),
                                         "error": answer.get("hang") or answer.get("error")}
        results.append((plan, result))
        bad = [column for column in COLUMNS if result.get(column)]
        if bad or result.get("error") or verbose:
            print("%s: %s: %s" % (plan.fault, ", ".join(bad) or "fine", json.dumps(result)), flush=True)
    return results


def table(results):
    """Prints the summary; answers the number of entries that must not be."""
    heads = ("runs",) + COLUMNS + ("errors", "too early", "too late", "skipped")
    rows, failures = {}, 0
    for plan, result in results:
        row = rows.setdefault((plan.fault, plan.stream), dict.fromkeys(heads, 0))
        row["runs"] += 1
        row["too late"] += result.get("note") == "the end came first"
        row["too early"] += result.get("note") == "before the observer"
        row["skipped"] += bool(result.get("skip"))
        row["errors"] += bool(result.get("error")) and not result.get("hang")
        for column in COLUMNS:
            row[column] += bool(result.get(column))
    print("%-16s %-9s" % ("fault", "stream") + "".join("%10s" % head for head in heads))
    for (fault, stream), row in sorted(rows.items(), key=lambda item: (FAULTS.index(item[0][0]), item[0][1])):
        print("%-16s %-9s" % (fault, stream) + "".join("%10d" % row[head] for head in heads))
        failures += sum(row[column] for column in COLUMNS) + row["errors"]
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("--mode", default="record", help="record, tap, or plain for another wrapper")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(FAULTS), help="faults, separated by commas")
    parser.add_argument("--streams", default="pipe,terminal,file")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    words = shlex.split(options.wrapper)
    words[0] = os.path.abspath(words[0]) if os.path.exists(words[0]) else shutil.which(words[0]) or words[0]
    kinds = [(fault, stream) for fault in options.only.split(",") for stream in options.streams.split(",")]
    plans = [Experiment(*kinds[number % len(kinds)], options.seed + number) for number in range(options.runs)]
    adopt_orphans()
    begin = time.monotonic()
    results = run_all(plans, (options.mode, words, False, "http://127.0.0.1:9"), options.jobs, options.verbose)
    failures = table(results)
    print("%d runs with seed %d in %.0f s" % (len(results), options.seed, time.monotonic() - begin))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
