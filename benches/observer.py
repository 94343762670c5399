#!/usr/bin/env python3
"""What the observer uses while a training runs: processor time and memory, beside psutil and sysinfo doing the same.

    python3 benches/observer.py --wrapper target/release/axolotl-run [--seconds 60] [--strangers 2000] [--limits]
                                [--python PYTHON]

The command is a tree of 16 processes of 64 threads, as a node of data loaders has them. The observer's processor time
is the kernel's own (/proc/PID/task/*/schedstat, in nanoseconds), over a window that begins when the start is done; its
memory is the highest resident set that was seen, and the kernel's own high-water mark. Then the same with 2,000 other
processes on the machine, and beside them, each at the same period: psutil's walk of the same tree (of --python, where
this Python has none), and sysinfo's refresh of all processes (of `cargo bench --bench sampling`, which is built).
--limits fails where a core is used more than 0.02 %, memory above 10 MB, or strangers cost more than 1.2 times.
"""
import argparse
import contextlib
import glob
import os
import signal
import subprocess
import sys
import tempfile
import time

TREE = """
import os, sys, threading, time
threading.stack_size(65536)
for _ in range(15):
    if os.fork() == 0:
        break
for _ in range(63):
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
time.sleep(float(sys.argv[1]))
os._exit(0)
"""
PSUTIL = """
import psutil, sys, time
root = psutil.Process(int(sys.argv[1]))
while True:
    for process in [root, *root.children(recursive=True)]:
        with process.oneshot():
            process.cpu_times(), process.memory_info(), process.num_threads()
    time.sleep(5)
"""
SYSINFO = ["cargo", "bench", "--quiet", "--bench", "sampling", "--", "--sysinfo"]
# In the first moments new processes are looked for five times a second.
SETTLE = 20


def nanoseconds(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            total += int(open(path).read().split()[0])
        except OSError:
            pass
    return total


def memory(pid):
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    return {name: int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM", "RssAnon")}


def observer_of(run):
    """The observer is the launcher's other child."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                words = open(path, "rb").read()
                if words.startswith(b"axolotl-run-observer") and f'"supervisor":{run.pid},'.encode() in words:
                    return int(path.split("/")[2])
            except OSError:
                pass
        time.sleep(0.05)
    raise SystemExit("no observer was started")


def window(pid, seconds):
    """Share of a core that was used, and the most memory that was seen."""
    before, began, highest = nanoseconds(pid), time.monotonic(), {}
    while time.monotonic() - began < seconds:
        time.sleep(1)
        for name, value in memory(pid).items():
            highest[name] = max(value, highest.get(name, 0))
    return (nanoseconds(pid) - before) / (time.monotonic() - began) / 1e9, highest


def measure(wrapper, seconds):
    with tempfile.TemporaryDirectory() as home:
        environment = dict(os.environ, HOME=home, XDG_STATE_HOME=home)
        command = [wrapper, "--record", sys.executable, "-S", "-c", TREE, str(SETTLE + seconds + 10)]
        run = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        try:
            pid = observer_of(run)
            time.sleep(SETTLE)
            share, highest = window(pid, seconds)
        finally:
            run.terminate()
            run.wait()
            time.sleep(0.5)
        return share, highest


def beside(command, seconds, measured=lambda process: process.pid):
    """The same of another observer; None where it ends by itself, as without its library."""
    tree = subprocess.Popen([sys.executable, "-S", "-c", TREE, str(seconds + 120)], stdin=subprocess.DEVNULL, start_new_session=True)
    time.sleep(3)
    command = [word.replace("PID", str(tree.pid)) for word in command]
    other = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        pid = measured(other)
        time.sleep(3)
        return None if pid is None or other.poll() is not None else window(pid, seconds)
    finally:
        for process in (other, tree):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()


def benchmark_of(cargo):
    """The process that cargo has built and started; None where it does neither."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and cargo.poll() is None:
        for child in open(f"/proc/{cargo.pid}/task/{cargo.pid}/children").read().split():
            try:
                if b"--sysinfo" in open(f"/proc/{child}/cmdline", "rb").read():
                    return int(child)
            except OSError:
                pass
        time.sleep(0.2)
    return None


def show(name, measured):
    share, highest = measured
    print(f"{name:34s} {share * 100:9.4f} {highest['VmRSS']:9.2f} {highest['VmHWM']:9.2f} {highest['RssAnon']:9.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--strangers", type=int, default=2000)
    parser.add_argument("--python", default=sys.executable, help="one that has psutil")
    parser.add_argument("--limits", action="store_true")
    given = parser.parse_args()
    # Whoever ends this ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wrapper = os.path.abspath(given.wrapper)
    print("16 processes of 64 threads           % of core    MB RSS    MB HWM   MB anon")
    quiet = measure(wrapper, given.seconds)
    show("observer", quiet)
    script = f"for n in $(seq {given.strangers}); do sleep 3600 & done; wait"
    strangers = subprocess.Popen(["sh", "-c", script], start_new_session=True)
    time.sleep(5)
    try:
        crowded = measure(wrapper, given.seconds)
        show(f"observer, {given.strangers} strangers", crowded)
        others = {
            "psutil, likewise": beside([given.python, "-c", PSUTIL, "PID"], given.seconds),
            "sysinfo's full refresh, likewise": beside(SYSINFO, given.seconds, benchmark_of),
        }
        for name, other in others.items():
            show(name, other) if other else print(f"{name}: not here")
    finally:
        os.killpg(strangers.pid, 9)
        strangers.wait()
    ratio = crowded[0] / quiet[0]
    print(f"strangers cost {ratio:.2f} times")
    broken = [text for text, found in (("processor time", quiet[0] > 0.0002), ("memory", quiet[1]["VmRSS"] > 10), ("strangers", ratio > 1.2)) if found]
    if given.limits and broken:
        print("over the limit: " + ", ".join(broken))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
