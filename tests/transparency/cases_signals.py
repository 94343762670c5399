"""Signals and job control: what is sent to our pid, our group or everybody arrives at the command, exactly once.

The counting command (`command.py count`) runs its handlers in C, so a delivery is counted even when two come at once.
"""

import ctypes
import os
import random
import shutil
import signal
import time

from support import COMMAND, LIBC, QUIET, SLOWNESS, Hang, Process, alive, case, drain, holds, kill_all_below, pipe, running
from support import observer_of, stat_of, state, tree, until
from terminal import Terminal

NUMBERS = {getattr(signal, "SIG" + name): name for name in
           ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ALRM", "CONT", "WINCH")}


class Counter:
    """Reads what `command.py count` writes."""

    def __init__(self, folder, timeout=5.0):
        self.folder = folder
        there = lambda: all(os.path.exists(self.path(role + ".pid")) for role in ("main", "grandchild"))
        until(there, "the command's start", timeout)

    def path(self, name):
        return os.path.join(self.folder, name)

    def pid(self, role):
        with open(self.path(role + ".pid"), encoding="ascii") as file:
            return int(file.read())

    def raw(self, role):
        with open(self.path(role + ".signals"), "rb") as file:
            return file.read()

    def counts(self, role):
        return {NUMBERS[n]: self.raw(role).count(n) for n in sorted(set(self.raw(role)))}

    def settle(self):
        """Waits until nothing was delivered for QUIET."""
        seen, since = None, time.monotonic()
        while time.monotonic() - since < QUIET:
            now = (self.raw("main"), self.raw("grandchild"))
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.005)

    def result(self):
        self.settle()
        return {"main": self.counts("main"), "grandchild": self.counts("grandchild")}

    def clear(self):
        for role in ("main", "grandchild"):
            os.truncate(self.path(role + ".signals"), 0)

    def stop(self):
        open(self.path("stop"), "w", encoding="ascii").close()


def started(subject, *words):
    process = subject.spawn(subject.helper("count", subject.folder, *words))
    return process, Counter(subject.folder)


def ended(process, counter):
    counter.stop()
    return process.wait()


@case("B4 B5 C6", expected="main 1, grandchild 0, for each")
def kill_pid(subject):
    process, counter = started(subject)
    wrong = {}
    for number, name in NUMBERS.items():
        counter.clear()
        process.kill(number)
        got = counter.result()
        if got != {"main": {name: 1}, "grandchild": {}}:
            wrong[name] = got
    end = ended(process, counter)
    return wrong or ("main 1, grandchild 0, for each" if end == "exit 5" else end)


@case("B4 C6", expected={name: [True, "signal"] for name in ("ABRT", "SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS", "XCPU")})
def kill_pid_with_the_signals_of_faults(subject):
    """A watchdog sends SIGABRT to have a trace; from outside they are signals as any other, and the command's."""
    answer = {}
    for name in ("ABRT", "SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS", "XCPU"):
        process = subject.spawn(subject.argv("sleep", "43"))
        inner = until(lambda: running(process, "sleep"), "the command")[0]
        process.kill(getattr(signal, "SIG" + name))
        end = process.wait(3)
        dead = holds(lambda: not alive(inner), 1.0)
        answer[name] = [dead, "signal" if end == "signal %d" % getattr(signal, "SIG" + name) else end]
        kill_all_below()
    return answer


TAKES_SIGNALS = r'''
import ctypes, os, struct
libc, info, every = ctypes.CDLL(None), (ctypes.c_ubyte * 128)(), (ctypes.c_ubyte * 128)(*([255] * 128))
libc.sigprocmask(0, every, None)
os.write(1, b"ready\n")
while True:
    number = libc.sigwaitinfo(every, info)
    os.write(1, b"%d %d\n" % (number, struct.unpack_from("i", bytes(info), 24)[0]))
    if number == 64:  # of all that wait the last to be taken
        break
'''


class Value(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("pointer", ctypes.c_void_p)]


@case("B5 C6", expected={"in a rhythm": 10, "queued": "in order", "by a program each": 5, "soon": 1}, timeout=60)
def signals_in_a_row(subject):
    """Many signals to the pid alone: none is lost to another, none overtakes another, and none comes late."""

    def taken(send):
        read, write = pipe()
        process = subject.spawn(subject.argv(*COMMAND[:3], "-c", TAKES_SIGNALS), {1: write})
        os.close(write)
        drain(read, 5, stop=lambda seen: len(seen) >= 6)
        if subject.resident:
            observer_of(process)  # while it still starts, it keeps a signal waiting
        send(process)
        process.kill(64)
        lines = drain(read, 10).decode().split("\n")[:-2]
        process.wait()
        os.close(read)
        return [tuple(map(int, line.split())) for line in lines if line]

    def rhythm(process):
        for _ in range(10):
            process.kill(signal.SIGUSR1)
            time.sleep(0.01)

    def queued(process):
        for number in range(300):
            LIBC.sigqueue(process.pid, signal.SIGRTMIN + 6, Value(number=number))

    def programs(process):
        for _ in range(5):
            Process(["kill", "-s", "USR2", str(process.pid)], subject.env, subject.folder).wait()
            time.sleep(0.01 * SLOWNESS)

    def soon():
        process, counter = started(subject)
        if subject.resident:
            observer_of(process)
        process.kill(signal.SIGTERM)
        time.sleep(0.03 * SLOWNESS)  # how long a script may wait between SIGTERM and SIGKILL
        process.kill(signal.SIGKILL)
        process.wait()
        count = counter.counts("main").get("TERM", 0)
        kill_all_below()
        shutil.rmtree(subject.folder, ignore_errors=True)
        os.makedirs(subject.env["HOME"])
        return count

    def best(wanted, attempt):
        """Whoever gets no turn on a busy machine loses one of two, bare or not: the best of some attempts counts."""
        return next((got for got in (attempt() for _ in range(5)) if got == wanted), "less")

    answer = {"in a rhythm": best(10, lambda: len(taken(rhythm))),
              "by a program each": best(5, lambda: len(taken(programs))),
              "soon": best(1, soon)}
    values = [value for _, value in taken(queued)]
    answer["queued"] = "in order" if values == list(range(300)) else values
    return answer


def load(subject):
    """Two busy loops beside, so that the scheduler shows what it can do to the order of things."""
    return [subject.spawn(["sh", "-c", "while :; do :; done"]) for _ in range(0 if subject.quick else 2)]


def tally(subject, send):
    """The distinct outcomes of many rounds of TERM and INT, each round's order and timing different."""
    load(subject)
    process, counter = started(subject)
    wrong = {}
    for _ in range(3 if subject.quick else 50):
        for number in (signal.SIGTERM, signal.SIGINT):
            counter.clear()
            send(process, number)
            name = NUMBERS[number]
            holds(lambda: all(counter.raw(role) for role in ("main", "grandchild")), 3.0)  # a starved one is not a lost one
            got = counter.result()
            if got != {"main": {name: 1}, "grandchild": {name: 1}}:
                wrong["%s %s" % (name, got)] = wrong.get("%s %s" % (name, got), 0) + 1
    end = ended(process, counter)
    return wrong or ("1/1 always" if end == "exit 5" else end)


@case("B6 B7 C7", expected="1/1 always", timeout=90)
def kill_group(subject):
    return tally(subject, lambda process, number: os.killpg(process.pid, number))


@case("B8 C8", expected="1/1 always", timeout=90)
def kill_everybody(subject):
    """As systemd, Slurm and `kill $(pgrep …)` do: each pid of the tree, one by one, in any order."""
    orders = [sorted, lambda p: sorted(p, reverse=True), lambda p: random.Random(len(p)).sample(p, len(p))]
    turn = iter(orders * 100)

    def send(process, number):
        for pid in next(turn)([process.pid] + tree(process.pid)):
            os.kill(pid, number)
            time.sleep(0.0002)

    return tally(subject, send)


def foreground(subject, *words):
    """The counting command as the foreground job of an interactive shell."""
    terminal = Terminal.shell(subject)
    terminal.line(*subject.helper("count", subject.folder, *words))
    return terminal, Counter(subject.folder)


def finish(terminal, counter):
    """Lets the command end and answers the code that the shell saw."""
    counter.stop()
    terminal.prompt()
    return code(terminal)


def code(terminal):
    terminal.line("echo code=$?.")
    terminal.expect(b"code=")
    return int(terminal.expect(b".")[:-1])


KEYS = {key: {role: {name: times} for role in ("main", "grandchild")}
        for key, name, times in (("^C", "INT", 1), ("^\\", "QUIT", 1), ("^C ^C", "INT", 2))}


@case("B9 B10 C9 C10", expected=dict(KEYS, code=5))
def keys_of_the_terminal(subject):
    terminal, counter = foreground(subject)
    answer = {}
    for key, times, name in ((b"\x03", 1, "^C"), (b"\x1c", 1, "^\\"), (b"\x03", 2, "^C ^C")):
        counter.clear()
        for _ in range(times):
            terminal.send(key)
            time.sleep(0.3 if times > 1 else 0)  # what is tested is that two keys stay two
        answer[name] = counter.result()
    answer["code"] = finish(terminal, counter)
    return answer


BOTH_CONTINUED = {"main": {"CONT": 1}, "grandchild": {"CONT": 1}}
RESUMED = {"main": "T", "grandchild": "T", "jobs": True, "after fg": BOTH_CONTINUED, "after bg": BOTH_CONTINUED}


@case("B11 C11 C12", expected={"bash": RESUMED, "sh": RESUMED})
def suspend_and_resume(subject):
    """^Z, `jobs`, `fg`, ^Z again, `bg`, and the end: what the shell and the command see of it."""
    answer = {}
    for shell in ("bash", "sh"):
        for name in ("stop", "main.pid", "grandchild.pid", "main.signals", "grandchild.signals"):
            if os.path.exists(subject.path(name)):
                os.unlink(subject.path(name))
        terminal = Terminal.shell(subject, shell)
        terminal.line(*subject.helper("count", subject.folder, "ticks"))
        counter = Counter(subject.folder)
        terminal.send(b"\x1a")
        terminal.prompt()
        both = [counter.pid(role) for role in ("main", "grandchild")]
        holds(lambda: {state(pid) for pid in both} == {"T"}, 1.0)
        got = answer[shell] = {"main": state(both[0]), "grandchild": state(both[1])}
        terminal.line("jobs; echo end of jobs")
        got["jobs"] = b"Stopped" in terminal.expect(b"end of jobs\r\n")
        terminal.prompt()
        terminal.line("fg")
        terminal.expect(b"tick")
        got["after fg"] = counter.result()
        terminal.send(b"\x1a")
        terminal.prompt()
        counter.clear()
        terminal.line("bg")
        terminal.expect(b"tick")
        got["after bg"] = counter.result()
        counter.stop()
        terminal.line("wait; fg; echo all done")
        terminal.expect(b"all done")
    return answer


@case("B12 C13", expected="stops and resumes", timeout=120)
def stop_while_starting(subject):
    """SIGTSTP in the first milliseconds, when there may be no command yet: never ignored, never stuck."""
    draw, wrong = random.Random(7), {}
    for _ in range(20 if subject.quick else 400):
        process = subject.spawn(subject.argv("sleep", "9"))
        time.sleep(draw.random() * 0.003)
        os.killpg(process.pid, signal.SIGTSTP)
        try:
            process.stopped(2.0)
            os.killpg(process.pid, signal.SIGCONT)
            what = "sleeping"
            until(lambda: [p for p in running(process, "sleep") if state(p) in "SR"], what, 5.0)
            os.killpg(process.pid, signal.SIGTERM)
            what = process.wait(2.0)
        except Hang as hang:
            what = str(hang)
        if what != "signal 15":
            states = sorted("%s %s" % stat_of(p)[:2] for p in [process.pid] + tree(process.pid) if stat_of(p))
            what += "; there are " + ", ".join(states)
            wrong[what] = wrong.get(what, 0) + 1
        os.killpg(process.pid, signal.SIGKILL) if process.ended is None else None
    return wrong or "stops and resumes"


@case("B13 C14", expected=["stopped 20", "T", "runs", {"CONT": 1}, "exit 5"])
def stop_by_pid(subject):
    """kill -TSTP of our pid alone: the command stops, and so do we, or the shell waits for nothing."""
    process, counter = started(subject)
    process.kill(signal.SIGTSTP)
    try:
        seen = process.stopped(1.0)
    except Hang:
        seen = "not stopped"
    inner = "T" if holds(lambda: state(counter.pid("main")) == "T", 1.0) else state(counter.pid("main"))
    process.kill(signal.SIGCONT)
    runs = "runs" if holds(lambda: state(counter.pid("main")) in "SR", 1.0) else state(counter.pid("main"))
    main = counter.result()["main"]
    return [seen, inner, runs, main, ended(process, counter)]


@case("B14", expected=["stopped 19", "T", "runs", "exit 5"])
def stop_that_nobody_catches(subject):
    """kill -STOP of our pid alone can't be forwarded by us, who are stopped; the observer has to mirror it."""
    process, counter = started(subject)
    process.kill(signal.SIGSTOP)
    seen = process.stopped(1.0)
    inner = "T" if holds(lambda: state(counter.pid("main")) == "T", 5.0) else "runs on"
    process.kill(signal.SIGCONT)
    runs = "runs" if holds(lambda: state(counter.pid("main")) in "SR", 1.0) else "stuck"
    return [seen, inner, runs, ended(process, counter)]


@case("B14", expected="always goes on", timeout=60)
def stopped_for_a_moment(subject):
    """SIGSTOP and SIGCONT to our pid, the time between drawn: whoever mirrors the one must not miss the other."""
    draw, wrong = random.Random(3), {}
    process, counter = started(subject)
    for _ in range(6 if subject.quick else 40):
        process.kill(signal.SIGSTOP)
        time.sleep(draw.choice([0.01, 0.1, 0.5, 1.0]) * (0.9 + 0.2 * draw.random()))
        process.kill(signal.SIGCONT)
        time.sleep(QUIET)
        pids = {"launcher": process.pid, "command": counter.pid("main")}
        for who, pid in pids.items():
            if not holds(lambda: state(pid) in "SR", 1.5):
                wrong[who + " stuck"] = wrong.get(who + " stuck", 0) + 1
                os.kill(pid, signal.SIGCONT)
    end = ended(process, counter)
    return wrong or ("always goes on" if end == "exit 5" else end)


@case("B4", expected=["exit 7", "saved", "in its own time"], timeout=60, slow=True)
def long_save_after_term(subject):
    """A trainer that takes 20 s to save after SIGTERM is waited for, and asked once."""
    script = "trap 'sleep 20; echo saved >&2; exit 7' TERM; echo ready >&2; while :; do sleep 0.05; done"
    read, write = pipe()
    process = subject.spawn(subject.argv("sh", "-c", script), {1: write, 2: write})
    os.close(write)
    drain(read, 10, stop=lambda seen: b"ready" in seen)
    process.kill(signal.SIGTERM)
    begin = time.monotonic()
    text = drain(read, 40)
    end = process.wait()
    spent = time.monotonic() - begin
    return [end, text.decode().strip(), "in its own time" if 19.5 < spent < 25 else "%.1f s" % spent]


@case("B15 C15", expected=["stopped for input", "typed", 0])
def background_reads_terminal(subject):
    terminal = Terminal.shell(subject)
    terminal.line("%s &" % " ".join(subject.argv("cat")))
    terminal.prompt()
    terminal.line("while ! jobs | grep -q Stop; do sleep 0.01; [ $((n+=1)) -gt 200 ] && break; done; jobs -l; echo listed")
    jobs = terminal.expect(b"listed\r\n")
    terminal.prompt()
    terminal.line("fg")
    terminal.expect(b"cat")
    until(lambda: all(state(p) != "T" for p in tree(terminal.pid)), "the job running again")
    terminal.line("some words")
    terminal.expect(b"some words")
    terminal.send(b"\x04")
    terminal.prompt()
    return ["stopped for input" if b"(tty input)" in jobs else jobs.decode(), "typed", code(terminal)]


@case("B16 C16", expected=["stopped for output", "WRITTEN"])
def background_writes_terminal(subject):
    """`stty tostop`: a background job that writes is stopped, whoever writes for it."""
    terminal = Terminal.shell(subject)
    terminal.line("stty tostop")
    terminal.prompt()
    terminal.line("%s &" % " ".join(subject.argv("sh", "-c", "'echo WRITTEN >&2'")))
    terminal.prompt()
    terminal.line("while ! jobs | grep -q Stop; do sleep 0.01; [ $((n+=1)) -gt 200 ] && break; done; jobs -l; echo listed")
    jobs = terminal.expect(b"listed\r\n")
    terminal.prompt()
    terminal.line("fg")
    terminal.expect(b"WRITTEN")
    seen = terminal.expect(b"WRITTEN") if b"WRITTEN'" in terminal.text[terminal.at - 20 :] else b"WRITTEN"
    terminal.prompt()
    return ["stopped for output" if b"(tty output)" in jobs else jobs.decode(), seen[-7:].decode()]


@case("B17 C17", expected=["loop stopped", 130])
def loop_interrupted(subject):
    """bash ends a loop at ^C only where it sees that the command died of it."""
    terminal = Terminal.shell(subject)
    words = " ".join(subject.argv("sleep", "2"))
    terminal.line("bash", "-c", "for i in 1 2 3; do echo ROUND; %s; echo AGAIN; done" % words)
    terminal.expect(b"ROUND")
    until(lambda: [p for p in tree(terminal.pid) if running_name(p) == "sleep"], "the command")
    terminal.send(b"\x03")
    seen = terminal.prompt(10.0)
    return ["loop goes on" if b"AGAIN" in seen else "loop stopped", code(terminal)]


def running_name(pid):
    try:
        with open("/proc/%d/comm" % pid, encoding="latin-1") as file:
            return file.read().strip()
    except OSError:
        return ""


@case("B29 C19", expected={"main": ["HUP"], "grandchild": ["HUP"], "left": []})
def terminal_closed(subject):
    """Both get their SIGHUP; a second one, sent while the first is pending, is one and the same."""
    terminal, counter = foreground(subject)
    mine = tree(terminal.pid)
    os.close(terminal.master)
    holds(lambda: counter.raw("main") and counter.raw("grandchild"), 2.0)
    got = counter.result()
    counter.stop()
    holds(lambda: not [p for p in mine if alive(p)], 3.0)
    left = sorted(running_name(p) for p in mine if alive(p))
    heard = {role: sorted(set(got[role]) - {"CONT"}) for role in got}  # a CONT may come with it
    return dict(heard, left=left)


@case("B30 C42 C43", expected={"TERM": ["in time", 143], "^C": ["in time", 130]})
def output_stopped(subject):
    """^S, a flood, then SIGTERM by pid, or ^C: the end does not wait for ^Q."""
    answer = {}
    for what in ("TERM", "^C"):
        terminal = Terminal.shell(subject)
        if os.path.exists(subject.path("flood.pid")):
            os.unlink(subject.path("flood.pid"))
        terminal.line(*subject.helper("flood", subject.folder))
        until(lambda: os.path.exists(subject.path("flood.pid")), "the flood")
        terminal.expect(b"flood of text")
        terminal.send(b"\x13")
        with open(subject.path("flood.pid"), encoding="ascii") as file:
            flooder = int(file.read())
        until(lambda: not terminal_moves(terminal), "silence after ^S", 3.0)
        until(lambda: state(flooder) == "S", "the writer blocked")
        target = tree(terminal.pid)[0]
        begin = time.monotonic()
        if what == "TERM":
            os.kill(target, signal.SIGTERM)
        else:
            terminal.send(b"\x03")
        until(lambda: not alive(target) and not alive(flooder), "the end in spite of ^S", 3.0)
        spent = time.monotonic() - begin
        terminal.send(b"\x11")
        terminal.prompt()
        answer[what] = ["in time" if spent < 0.5 else "%.2f s" % spent, code(terminal)]
    return answer


def terminal_moves(terminal):
    before = len(terminal.text)
    terminal.pump(0.1)
    return len(terminal.text) != before
