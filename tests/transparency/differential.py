#!/usr/bin/env python3
"""Runs every behaviour bare and wrapped, and compares everything that can be observed.

    python3 differential.py --wrapper PATH [--quick] [--only NAME] [--modes off,record,on,tap]
    python3 differential.py --wrapper 'tini -s --' --modes plain      another wrapper, to see that this can fail

The modes of `axolotl-run`: off (AXOLOTL_DO_NOT_TRACK=1: it replaces itself), record (--record), on (reports to a
server on the loopback), tap (--record --tap-stdout). Exit status: 0 where nothing differs but what DECISIONS lists
with its reason; 1 otherwise. B numbers are the rows of the measured behaviour matrix, C numbers the test cases:

{table}
"""

import argparse
import http.server
import json
import os
import shlex
import shutil
import socketserver
import sys
import time

import cases_attributes  # noqa: F401 - importing registers the cases
import cases_exit  # noqa: F401
import cases_missed  # noqa: F401
import cases_resources  # noqa: F401
import cases_signals  # noqa: F401
import cases_streams  # noqa: F401
import cases_terminal  # noqa: F401
from support import CASES, Subject, adopt_orphans, in_worker

# The rows of the behaviour matrix.
BEHAVIOURS = (
    "exit code", "death by signal", "not found, not executable", "SIGTERM to the pid", "SIGUSR1 to the pid",
    "SIGTERM to the group", "SIGINT to the group", "SIGTERM to everybody", "^C", "^\\", "^Z, fg, bg", "^Z at the start",
    "SIGTSTP to the pid", "SIGSTOP to the pid", "background job reads", "background job writes", "loop and ^C",
    "isatty and /dev/tty", "isatty with 2>/dev/null", "streams separable", "order on a terminal", "standard input",
    "window size", "grandchild holds stderr", "grandchild writes late", "reader goes away", "inherited attributes",
    "kill -9", "terminal closed", "^S, then SIGTERM",
)
# Test cases that other programs run.
ELSEWHERE = {"C38": "faults.py", "C40": "faults.py", "C51": "benches/speed.py"}
TEST_CASES = 56
# From good to bad, for what covers several cases.
CELLS = ("-", "ok", "same", "skipped", "decided", "DIFFERS", "HANGS", "WRONG", "ERROR")

# Why a difference is wanted. Nothing else may differ.
DECISIONS = {
    (name, mode): reason
    for name, reason in {
        "terminal-as-device": "one output-only pty for stdout and stderr: it has no foreground group and no CR of its own; "
        "programs that own the terminal get the real one by their names, others by --tty=direct",
        "kill-pid-with-the-signals-of-faults": "the seven signals that the kernel raises for faults say that the launcher "
        "itself crashed, whoever sent them: then the command lives on under the observer",
        "setsid-as-a-job": "the leader of a job's process group is the launcher, which is why a group's signals are exact; "
        "setsid then need not fork, and the job lasts as long as its command",
    }.items()
    for mode in ("record", "on", "tap")
}


class Server(http.server.BaseHTTPRequestHandler):
    """A PostHog that accepts everything."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b'{"status": "Ok"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve():
    """The server in a process of its own: (pid, address)."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server)
    pid = os.fork()
    if pid == 0:
        try:
            server.serve_forever()
        finally:
            os._exit(0)
    server.server_close()
    return pid, "http://127.0.0.1:%d" % server.server_address[1]


def run_all(cases, columns, wrapper, quick, server, jobs):
    """{(case name, column): answer}, several workers at a time."""
    work = [(entry, column) for entry in cases for column in columns
            if column == "bare" or column in (entry.modes or columns)]
    answers, active = {}, {}
    while work or active:
        while work and len(active) < jobs:
            entry, column = work.pop(0)
            arguments = (column, wrapper, quick, server)
            worker, read = in_worker(entry.function, arguments, entry.timeout * (1 if quick else 4))
            active[worker] = (entry, column, read, time.monotonic())
        worker, status = os.wait()
        if worker not in active:
            continue
        entry, column, read, begin = active.pop(worker)
        text = b""
        while True:
            part = os.read(read, 1 << 16)
            if not part:
                break
            text += part
        os.close(read)
        answers[entry.name, column] = json.loads(text) if text else {"error": "the worker died: %d" % status}
        if not quick:  # the long form takes long: say what it is at
            print("%s [%s]: %.0f s" % (entry.name, column, time.monotonic() - begin), file=sys.stderr, flush=True)
    return answers


def verdict(entry, column, answers):
    """(cell of the table, lines of explanation, whether it is a failure)."""
    answer = answers.get((entry.name, column))
    if answer is None:
        return "-", [], False
    bare = answers[entry.name, "bare"]
    title = "%s [%s]" % (entry.name, column)
    if "skip" in answer or "skip" in bare:
        return "skipped", ["%s: %s" % (title, answer.get("skip") or bare.get("skip"))], False
    if "error" in answer:
        return "ERROR", ["%s: %s" % (title, answer["error"])], True
    value = {"hang": answer["hang"]} if "hang" in answer else answer["value"]
    if column == "bare":
        if "hang" in answer or entry.expected not in (None, value):
            return "WRONG", ["%s: the bare command gave %s" % (title, json.dumps(value))], True
        return "ok", [], False
    if "value" in bare and value == bare["value"]:
        return "same", [], False
    reason = DECISIONS.get((entry.name, column))
    lines = [title + ":"]
    lines += ["  hangs: " + answer["hang"]] if "hang" in answer else differences(bare.get("value"), value)
    if reason:
        return "decided", lines + ["  decided: " + reason], False
    return "HANGS" if "hang" in answer else "DIFFERS", lines, True


def differences(bare, wrapped, path=""):
    """One line for each leaf that differs."""
    if isinstance(bare, dict) and isinstance(wrapped, dict):
        keys = sorted(set(bare) | set(wrapped), key=str)
        return [line for key in keys for line in
                differences(bare.get(key), wrapped.get(key), "%s / %s" % (path, key) if path else str(key))]
    if isinstance(bare, list) and isinstance(wrapped, list) and len(bare) == len(wrapped):
        return [line for at, pair in enumerate(zip(bare, wrapped))
                for line in differences(*pair, "%s [%d]" % (path, at))]
    return [] if bare == wrapped else ["  %s: bare %s, wrapped %s" % (path, json.dumps(bare), json.dumps(wrapped))]


def main(cases, description, modes):
    """The command line over some cases: this program's own, or another's."""
    table = "\n".join("    %-36s %s" % (entry.name, entry.numbers) for entry in cases)
    parser = argparse.ArgumentParser(
        description=description.replace("{table}", table), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrapper", required=True, help="the program, with its own first words if it has any")
    parser.add_argument("--only", default="", help="names of cases or their numbers, separated by commas")
    parser.add_argument("--modes", default=",".join(modes))
    parser.add_argument("--quick", action="store_true", help="few repetitions, no slow cases")
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    parser.add_argument("--json", action="store_true", help="print the answers instead of the table")
    options = parser.parse_args()
    words = shlex.split(options.wrapper)
    words[0] = os.path.abspath(words[0]) if os.path.exists(words[0]) else shutil.which(words[0]) or words[0]
    wanted = set(filter(None, options.only.split(",")))
    cases = [entry for entry in cases
             if (wanted and ({entry.name} | set(entry.numbers.split())) & wanted)
             or (not wanted and not (options.quick and entry.slow))]
    if not cases:
        parser.error("no such case")
    columns = ["bare"] + options.modes.split(",")
    adopt_orphans()
    server_pid, server = serve()
    begin = time.monotonic()
    try:
        answers = run_all(cases, columns, words, options.quick, server, options.jobs)
    finally:
        os.kill(server_pid, 9)
    if options.json:
        print(json.dumps({"%s/%s" % key: answer for key, answer in answers.items()}, indent=1))
    return show(cases, columns, answers, time.monotonic() - begin)


def show(cases, columns, answers, seconds):
    failures, details, counts, cells = 0, [], {}, {}
    heads = "".join("%-9s" % column for column in columns)
    print("%-36s %-15s %s" % ("case", "numbers", heads))
    for entry in cases:
        for column in columns:
            cell, lines, failed = verdict(entry, column, answers)
            cells[entry.name, column] = cell
            details += lines
            failures += failed
            counts[cell] = counts.get(cell, 0) + 1
        row = "".join("%-9s" % cells[entry.name, column] for column in columns)
        print("%-36s %-15s %s" % (entry.name, entry.numbers, row))
    print("\n".join([""] + details))
    total = ", ".join("%d %s" % (n, cell) for cell, n in sorted(counts.items()) if cell != "-")
    if len(cases) == len(CASES):
        failures += show_behaviours(cases, columns, cells)
    print("\n%s in %.0f s" % (total, seconds))
    return 1 if failures else 0


def show_behaviours(cases, columns, cells):
    """The matrix, each behaviour by the worst of its cases; answers how many numbers nothing covers."""
    print("%-36s %s" % ("\nbehaviour", "".join("%-9s" % column for column in columns)))
    covered = {number for entry in cases for number in entry.numbers.split()} | set(ELSEWHERE)
    for number, name in enumerate(BEHAVIOURS, 1):
        rows = [entry for entry in cases if "B%d" % number in entry.numbers.split()]
        worst = [max((cells[entry.name, column] for entry in rows), key=CELLS.index, default="-") for column in columns]
        print("B%-3d%-32s%s" % (number, name, "".join("%-9s" % cell for cell in worst)))
    wanted = ["B%d" % n for n in range(1, len(BEHAVIOURS) + 1)] + ["C%d" % n for n in range(1, TEST_CASES + 1)]
    missing = [number for number in wanted if number not in covered]
    others = ", ".join("%s in %s" % item for item in ELSEWHERE.items())
    print("\n%d behaviours and %d test cases (%s); nothing covers: %s"
          % (len(BEHAVIOURS), TEST_CASES, others, ", ".join(missing) or "none"))
    return len(missing)


if __name__ == "__main__":
    sys.exit(main(CASES, __doc__, Subject.MODES))
