#!/usr/bin/env python3
"""What the launcher costs, measured beside what it is compared with, in the same minute, in turn.

    python3 benches/speed.py --wrapper target/release/axolotl-run [--quick] [--only launch,…] [--silence 60] [--check]

The problem with such figures: a shared machine changes its speed from second to second. So nothing is compared with
a number of yesterday: in each round all contenders run once, in a rotating order, and what counts is the median of
the rounds' RATIOS. Builds must be release builds. Needs a C compiler for the measured commands (speed.c).

launch      from posix_spawn to the first instruction of the command, and to the end of `true`
throughput  a flood on stderr to a pipe, a file, a terminal, in writes of 1 MiB and 8 KiB
write       the time that the command spends in a write(2) of 80 bytes, paced and back to back
relay       processor time of the relaying process for a GiB through a pipe
silence     memory of the supervisor, and how often it wakes while nothing happens
"""

import argparse
import ctypes
import json
import os
import pty
import random
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import tty

HERE = os.path.dirname(os.path.abspath(__file__))
RELAY = """
import os, subprocess, sys
read, write = os.pipe()
child = subprocess.Popen(sys.argv[1:], stderr=write, close_fds=False)
os.close(write)
data = os.read(read, 1 << 16)
while data:
    while data:
        data = data[os.write(2, data):]
    data = os.read(read, 1 << 16)
sys.exit(child.wait())
"""


class Bench:
    """The contenders, the measured commands, and a folder for all that is written."""

    def __init__(self, options):
        self.options, self.quick = options, options.quick
        self.folder = tempfile.mkdtemp(prefix="speed-")
        self.speed = os.path.join(self.folder, "speed")
        subprocess.run(["cc", "-O2", "-o", self.speed, os.path.join(HERE, "speed.c")], check=True)
        wrapper = os.path.abspath(options.wrapper)
        self.off, self.record = [wrapper], [wrapper, "--record"]
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("AXOLOTL")}
        self.env.update(AXOLOTL_DO_NOT_TRACK="1", HOME=self.folder, XDG_STATE_HOME=self.folder, XDG_CONFIG_HOME=self.folder)
        self.relay = [sys.executable, "-I", "-S", "-c", RELAY]
        self.rows = []

    def row(self, what, value, target="", good=None, unit=""):
        mark = "" if good is None else "ok" if good else "MISSED"
        self.rows.append((what, value, unit, target, mark))
        shown = "%.3g" % value if isinstance(value, float) else str(value)
        print("%-64s %10s %-8s %-28s %s" % (what, shown, unit, target, mark), flush=True)

    def rounds(self, contenders, measure, count):
        """{name: [value of each round]}: in each round every contender once, in another order."""
        values = {name: [] for name in contenders}
        names = list(contenders)
        for number in range(count + 1):
            random.Random(number).shuffle(names)
            for name in names:
                value = measure(contenders[name])
                collect_orphans()
                if number:  # the first round warms the caches
                    values[name].append(value)
        return values


def collect_orphans():
    """Waits until nothing that a measured command left behind uses the processors of the next one."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.0005)
        except ChildProcessError:
            return


def ratio(values, name, base, key=lambda value: value):
    """The median of the rounds' ratios."""
    return statistics.median(key(a) / key(b) for a, b in zip(values[name], values[base]))


def median(values, name, key=lambda value: value):
    return statistics.median(key(value) for value in values[name])


def spawn(bench, argv, actions):
    return os.posix_spawn(shutil.which(argv[0]) or argv[0], argv, bench.env, file_actions=actions)


# --- launch ---------------------------------------------------------------------------------------------------


def launch(bench):
    contenders = {"bare": [], "env": ["env"], "off": bench.off, "record": bench.record}
    for name, words in (("tini", ["tini", "-s", "--"]), ("dumb-init", ["dumb-init"])):
        if shutil.which(name):
            contenders[name] = words
    stamps, out = os.pipe(), os.pipe()

    def measure(prefix):
        """(nanoseconds to the command's first instruction, to the end of all)."""
        actions = [(os.POSIX_SPAWN_DUP2, out[1], 1), (os.POSIX_SPAWN_DUP2, out[1], 2), (os.POSIX_SPAWN_DUP2, stamps[1], 3)]
        begin = time.monotonic_ns()
        pid = spawn(bench, prefix + [bench.speed, "stamp"], actions)
        _, status, _ = os.wait4(pid, 0)
        end = time.monotonic_ns()
        if status:
            raise SystemExit("%s ended with %#x" % (prefix, status))
        return int(os.read(stamps[0], 64)) - begin, end - begin

    values = bench.rounds(contenders, measure, 40 if bench.quick else 300)
    for index, what in ((0, "to the command's start"), (1, "to the launcher's end")):
        for name in contenders:
            milliseconds = median(values, name, lambda pair: pair[index] / 1e6)
            bench.row("launch, %s: %s" % (what, name), milliseconds, unit="ms")
    start = lambda pair: pair[0]
    total = lambda pair: pair[1]
    for key, what in ((start, "start"), (total, "end")):
        value = ratio(values, "off", "env", key)
        bench.row("launch, %s: off / env" % what, value, "<= 1.25", value <= 1.25)
        if "tini" in contenders:
            value = ratio(values, "record", "tini", key)
            # The end of an observed run waits for its finish event to be on disk; the start is what must be quick.
            bench.row("launch, %s: record / tini" % what, value, "<= 1.15", value <= 1.15 if key is start else None)


# --- throughput -----------------------------------------------------------------------------------------------


def destination(bench, kind):
    """(our end or None, the end that is written to), neither inherited."""
    if kind == "file":
        return None, os.open(os.path.join(bench.folder, "out"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    read, write = os.pipe() if kind == "pipe" else pty.openpty()
    for fd in (read, write):
        os.set_inheritable(fd, False)
    if kind == "terminal":
        tty.setraw(write)
    return read, write


def flood(bench, words, kind, size, watch=None):
    """Seconds from the start to the last byte's arrival; into a file, those that the command counted for itself."""
    read, write = destination(bench, kind)
    own = os.pipe()
    begin = time.monotonic()
    standard = [(os.POSIX_SPAWN_DUP2, write, fd) for fd in ((0, 1, 2) if kind == "terminal" else (1, 2))]
    pid = spawn(bench, words, standard + [(os.POSIX_SPAWN_DUP2, own[1], 3)])
    os.close(write), os.close(own[1])
    received, buffer = 0, memoryview(bytearray(1 << 20))
    while read is not None and received < size:
        if watch:
            watch(pid)
        if not select.select([read], [], [], 20)[0]:
            raise SystemExit("%s: no output for 20 s after %d bytes" % (words, received))
        try:
            count = os.readv(read, [buffer])
        except OSError:
            break
        if not count:
            break
        received += count
    spent = time.monotonic() - begin
    while watch and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        watch(pid)
        time.sleep(0.005)
    if read is None:
        spent = int(os.read(own[0], 64) or sys.exit("%s: the command failed" % words)) / 1e9
    elif received != size:
        raise SystemExit("%s: %d bytes of %d" % (words, received, size))
    else:
        os.close(read)
    os.waitpid(pid, 0)
    os.close(own[0])
    return spent


def throughput(bench):
    megabyte = 1 << 20
    contenders = {
        "bare": lambda words: words,
        "record": lambda words: bench.record + words,
        "python relay": lambda words: bench.relay + words,
        "tee": lambda words: ["sh", "-c", '"$@" 2>&1 | tee /dev/null', "sh"] + words,
    }
    for kind, block, size, count in (
        ("pipe", megabyte, 512 * megabyte, 9),
        ("pipe", 8192, 256 * megabyte, 9),
        ("file", megabyte, 256 * megabyte, 9),
        ("file", 8192, 256 * megabyte, 9),
        ("terminal", 8192, 16 * megabyte, 7),
    ):
        if kind == "terminal":
            contenders["script -q"] = lambda words: ["script", "-q", "-c", " ".join(words), "/dev/null"]
            if shutil.which("unbuffer"):
                contenders["unbuffer"] = lambda words: ["unbuffer"] + words
        if bench.quick:
            size, count = size // 4, 3

        def measure(wrapped):
            words = wrapped([bench.speed, "flood", str(size), str(block), "0"])
            return size / megabyte / flood(bench, words, kind, size)

        values = bench.rounds(contenders, measure, count)
        label = "throughput, %s, writes of %d KiB: " % (kind, block // 1024)
        for name in contenders:
            bench.row(label + name, median(values, name), unit="MiB/s")
        value = ratio(values, "record", "bare")
        if kind == "pipe":
            whole = block == megabyte
            bench.row(label + "record / bare", value, ">= 0.5" if whole else "", value >= 0.5 if whole else None)
        elif kind == "file":
            bench.row(label + "record / bare", value, "1.00 +- 0.05", abs(value - 1) <= 0.05)
        else:
            value = ratio(values, "record", "script -q")
            bench.row(label + "record / script -q", value, ">= 1", value >= 0.97)


# --- the command's own writes ---------------------------------------------------------------------------------


def write_latency(bench):
    for kind in ("pipe", "terminal", "file"):
        for pace, count in ((0, 20000), (300, 2000)):
            def measure(prefix):
                return latency(bench, prefix, kind, count // (4 if bench.quick else 1), pace)

            values = bench.rounds({"bare": [], "record": bench.record}, measure, 3 if bench.quick else 9)
            label = "write(2), %s, %s: " % (kind, "every 300 us" if pace else "back to back")
            for index, name, bound in ((0, "p50", 5.0), (1, "p99", 50.0)):
                bare, ours = (median(values, which, lambda pair: pair[index] / 1000) for which in ("bare", "record"))
                bench.row(label + "bare " + name, bare, unit="us")
                bench.row(label + "record " + name, ours, "bare + %.0f us" % bound, ours <= bare + bound, unit="us")


def latency(bench, prefix, kind, count, pace):
    """(p50, p99) in nanoseconds, as the command itself measured them."""
    read, write = destination(bench, kind)
    answer = os.pipe()
    pid = spawn(bench, prefix + [bench.speed, "latency", str(count), str(pace)],
                [(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_DUP2, write, 2), (os.POSIX_SPAWN_DUP2, answer[1], 3)])
    os.close(write), os.close(answer[1])
    waiting = [fd for fd in (read, answer[0]) if fd is not None]
    text = b""
    while answer[0] in waiting:
        for fd in select.select(waiting, [], [], 30)[0] or sys.exit("no answer within 30 s"):
            try:
                part = os.read(fd, 1 << 16)
            except OSError:
                part = b""
            if fd == answer[0]:
                text += part
            if not part or (fd == answer[0] and b"\n" in text):
                waiting.remove(fd)
    os.close(answer[0])
    if read is not None:
        os.close(read)
    os.waitpid(pid, 0)
    return tuple(map(int, text.split()))


# --- the relaying process -------------------------------------------------------------------------------------


def run_time(pid):
    """Nanoseconds on a processor, exact; 0 where the process has gone."""
    try:
        with open("/proc/%d/schedstat" % pid, encoding="ascii") as file:
            return int(file.read().split()[0])
    except (OSError, IndexError):
        return 0


def relay(bench):
    size = (1 << 28) if bench.quick else 1 << 30

    def measure(prefix):
        last = [0]

        def watch(pid):
            last[0] = max(last[0], run_time(pid))

        # The command lingers, so that the last look comes after the last byte.
        flood(bench, prefix + [bench.speed, "flood", str(size), str(1 << 20), "100"], "pipe", size, watch)
        return last[0] / 1e9 * (1 << 30) / size

    values = bench.rounds({"record": bench.record, "python relay": bench.relay}, measure, 2 if bench.quick else 7)
    for name in values:
        bench.row("relay, processor time per GiB through a pipe: " + name, median(values, name), unit="s")
    value = ratio(values, "record", "python relay")
    bench.row("relay, processor time: record / read and write", value, "<= 0.33", value <= 1 / 3)


# --- silence --------------------------------------------------------------------------------------------------


def status(pid):
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as file:
        return dict(line.rstrip("\n").split(":", 1) for line in file if ":" in line)


def switches(pid):
    entry = status(pid)
    return int(entry["voluntary_ctxt_switches"]) + int(entry["nonvoluntary_ctxt_switches"])


def silence(bench):
    seconds = bench.options.silence
    read, write = os.pipe()
    pid = spawn(bench, bench.record + ["sleep", str(seconds + 60)],
                [(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_DUP2, write, 2)])
    time.sleep(2)  # the start is not silence
    before, begin = switches(pid), time.monotonic()
    time.sleep(seconds)
    woken, span = switches(pid) - before, time.monotonic() - begin
    entry = status(pid)
    resident, own = (int(entry[key].split()[0]) / 1024 for key in ("VmRSS", "RssAnon"))
    bench.row("silence, supervisor resident", resident, "<= 2", resident <= 2, "MiB")
    bench.row("silence, of that its own (anonymous)", own, unit="MiB")
    bench.row("silence, context switches in %.0f s" % span, woken, "0", woken == 0)
    for child in children(pid):
        entry = status(child)
        if entry["Name"].strip().startswith("axolotl"):
            bench.row("silence, observer resident", int(entry["VmRSS"].split()[0]) / 1024, unit="MiB")
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    os.close(read), os.close(write)


def children(pid):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if int(status(int(name))["PPid"]) == pid:
                    found.append(int(name))
            except (OSError, KeyError):
                pass
    return found


PARTS = {"launch": launch, "throughput": throughput, "write": write_latency, "relay": relay, "silence": silence}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it runs, not to report")
    parser.add_argument("--silence", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--json", metavar="FILE", help="write the table there too")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a target is missed")
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: what outlives its launcher comes to us
    bench = Bench(options)
    try:
        for name in options.only.split(","):
            PARTS[name](bench)
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([dict(zip(("what", "value", "unit", "target", "mark"), row)) for row in bench.rows], file, indent=1)
    missed = [row for row in bench.rows if row[4] == "MISSED"]
    print("\n%d figures, %d targets missed" % (len(bench.rows), len(missed)))
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
