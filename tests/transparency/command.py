"""The commands that are wrapped: small programs that write down what happens to them.

They report into files of a folder, never on their own streams, because the streams are under test. Each ends by
itself after LIFE seconds, so that nothing outlives a failed test. Start: `command.py NAME FOLDER [ARGUMENTS]`.
"""

import os
import signal
import sys
import time

LIFE = 240.0
COUNTED = ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ALRM", "CONT", "WINCH")


def report(folder, name, value):
    """Whole or not at all, so that a reader never sees half of it."""
    import json  # here, because most commands need no JSON and start faster without

    path = os.path.join(folder, name)
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(value if isinstance(value, str) else json.dumps(value))
    os.rename(path + ".part", path)


def wait_for_stop(folder, each=None):
    stop, end = os.path.join(folder, "stop"), time.monotonic() + LIFE
    while not os.path.exists(stop) and time.monotonic() < end:
        if each:
            each()
        time.sleep(0.005)


def listen(folder, role):
    """Counts deliveries exactly: the C handler writes one byte for each, however late Python looks at it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK
    signal.set_wakeup_fd(os.open(os.path.join(folder, role + ".signals"), flags, 0o600), warn_on_full_buffer=False)
    for name in COUNTED:
        signal.signal(getattr(signal, "SIG" + name), lambda *_: None)
    report(folder, role + ".pid", str(os.getpid()))


def count(folder, mode="", code="5"):
    """Main child and grandchild, both counting signals until `stop` exists. `mode` ticks: writes on as it waits."""
    listen(folder, "main.early")
    if os.fork() == 0:
        listen(folder, "grandchild")
        wait_for_stop(folder)
        os._exit(0)
    listen(folder, "main")
    wait_for_stop(folder, (lambda: os.write(2, b"tick\n")) if mode == "ticks" else None)
    return int(code)


def rank(folder, code="5"):
    """`count` in a folder of its own rank, for whatever started it as one of several."""
    names = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")
    own = os.path.join(folder, "rank" + next((os.environ[name] for name in names if name in os.environ), "0"))
    os.mkdir(own)
    return count(own, "", code)


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return "errno %s" % error.errno


def device(folder):
    """What the three descriptors are, as a program would ask."""
    import fcntl
    import struct
    import termios

    def size(fd):
        return list(struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8))[:2])

    def name(fd):
        return "terminal" if os.ttyname(fd).startswith("/dev/pts/") else os.ttyname(fd)

    def controlling():
        fd = os.open("/dev/tty", os.O_RDWR)
        mine = os.tcgetpgrp(fd) == os.getpgrp()
        os.close(fd)
        return "foreground" if mine else "background"

    answer = {"isatty": [os.isatty(fd) for fd in (0, 1, 2)], "/dev/tty": attempt(controlling)}
    answer["size"] = [attempt(size, fd) for fd in (0, 1, 2)]
    answer["name"] = [attempt(name, fd) for fd in (0, 1, 2)]
    answer["foreground group"] = [attempt(lambda fd: os.tcgetpgrp(fd) == os.getpgrp(), fd) for fd in (0, 1, 2)]
    answer["speaks carriage returns"] = [attempt(lambda fd: post_processed(fd), fd) for fd in (0, 1, 2)]
    report(folder, "device", answer)


def post_processed(fd):
    import termios

    try:
        return bool(termios.tcgetattr(fd)[1] & termios.OPOST)
    except termios.error as error:
        return "errno %d" % error.args[0]


def sizes(folder):
    """Follows the window's size as SIGWINCH tells it, on both outputs."""
    import fcntl
    import struct
    import termios

    seen, told = [], [1]  # as many as there were signals, and the start

    def look():
        if len(told) > len(seen):
            seen.extend([None] * (len(told) - len(seen) - 1))  # several signals, one look
            seen.append(
                [list(struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8))[:2]) for fd in (1, 2)])
            report(folder, "sizes", seen)

    signal.signal(signal.SIGWINCH, lambda *_: told.append(1))
    wait_for_stop(folder, look)


def attributes(folder):
    """All that a process inherits and Python's own start leaves alone."""
    import ctypes
    import resource

    libc = ctypes.CDLL(None, use_errno=True)

    def prctl_get(option):
        value = ctypes.c_int(0)
        return [libc.prctl(option, ctypes.byref(value), 0, 0, 0), value.value]

    def read(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()

    limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
    report(
        folder,
        "attributes",
        {
            "arguments": sys.orig_argv if hasattr(sys, "orig_argv") else sys.argv,
            "environment": dict(os.environ),
            "cwd": os.getcwd(),
            "umask": os.umask(0),
            "limits": limits,
            "nice": os.getpriority(os.PRIO_PROCESS, 0),
            "scheduler": os.sched_getscheduler(0),
            "affinity": sorted(os.sched_getaffinity(0)),
            "session": os.getsid(0),
            "group": os.getpgrp(),
            "oom_score_adj": attempt(read, "/proc/self/oom_score_adj"),
            "timerslack": attempt(read, "/proc/self/timerslack_ns"),
            "cgroup": attempt(read, "/proc/self/cgroup"),
            "death signal": prctl_get(2),
            "subreaper": prctl_get(37),
            "dumpable": libc.prctl(3, 0, 0, 0, 0),
            "no_new_privs": libc.prctl(39, 0, 0, 0, 0),
            "huge pages off": libc.prctl(42, 0, 0, 0, 0),
            "securebits": libc.prctl(27, 0, 0, 0, 0),
            "personality": libc.personality(0xFFFFFFFF),
            "timers": [list(map(bool, __import__("signal").getitimer(which))) for which in (0, 1, 2)],
        },
    )


def record(number):
    """One numbered record of 64 bytes; the reader can tell a lost, a doubled and a torn one."""
    return b"%012d %s\n" % (number, b"abcdefghij" * 5)


def records(folder, fd, total, block, pause, at_end="0"):
    """`total` numbered records on `fd`, `block` of them a write, `pause` seconds between the writes."""
    import mmap

    fd, total, block, pause = int(fd), int(total), int(block), float(pause)
    with open(os.path.join(folder, "written"), "wb+") as file:
        file.write(b"%012d" % 0)
        file.flush()
        written = mmap.mmap(file.fileno(), 12)  # survives SIGKILL, and costs the writer no call
    report(folder, "records.pid", str(os.getpid()))
    data, done = b"".join(record(number) for number in range(total)), 0
    while done < len(data):
        done += os.write(fd, data[done : min(len(data), done - done % 64 + block * 64)])
        written[:] = b"%012d" % done
        if pause:
            time.sleep(pause)
    report(folder, "done", "1")
    return int(at_end)


def lead(folder, *argv):
    """A session's leader that says nothing: starts `argv`, reports its wait status, stays until `leave` exists."""
    pid = os.fork()
    if pid == 0:
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these two for itself
            signal.signal(number, signal.SIG_DFL)
        os.execvp(argv[0], argv)
    report(folder, "code", str(os.waitpid(pid, 0)[1]))
    end = time.monotonic() + LIFE
    while not os.path.exists(os.path.join(folder, "leave")) and time.monotonic() < end:
        time.sleep(0.005)


def alternate(folder, count):
    """Writes to stderr and stdout in turn: on one terminal or one pipe the order is part of the output."""
    for number in range(int(count)):
        os.write(2, b"e%05d\n" % number)
        os.write(1, b"o%05d\n" % number)


def bars(folder, count):
    """Bars, log lines above them and logging, as tqdm, tqdm.write and logging write; no clock in the text."""
    count = int(count)
    for number in range(count + 1):
        bar = b"\r%3d%%|%-10s| %d/%d [00:00<00:00, 9.99it/s]" % (
            100 * number // count, "\u2588".encode() * (10 * number // count), number, count)
        os.write(2, bar)
        if number % 5 == 4:
            os.write(2, b"\r" + b" " * len(bar) + b"\r")
            os.write(1, b"{'loss': '%d.5', 'epoch': '0.%d'}\n" % (count - number, number))
            os.write(2, bar)
        if number % 7 == 6:
            os.write(2, b"WARNING:trainer: a warning \x1b[33min colour\x1b[0m\n")
    os.write(2, b"\n")


def late(folder, delay):
    """Ends at once; a grandchild keeps the streams and writes later."""
    if os.fork() == 0:
        time.sleep(float(delay))
        try:
            done = os.write(2, b"LATE\n")
        except OSError as error:
            done = -error.errno
        report(folder, "late", str(done))
        os._exit(0)
    os.write(2, b"EARLY\n")
    return 5


def pair(folder):
    """Writes to stderr until it fails; reports how."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    report(folder, "pair.pid", str(os.getpid()))
    while not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.002)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            os.write(2, b"x")
        except OSError as error:
            report(folder, "error", str(error.errno))
            return 9
        time.sleep(0.002)
    report(folder, "error", "none")
    return 8


def flood(folder):
    """Writes to stderr for ever."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    report(folder, "flood.pid", str(os.getpid()))
    while True:
        os.write(2, b"flood of text " * 300 + b"\n")


if __name__ == "__main__":
    PROGRAMS = {
        function.__name__: function
        for function in (count, rank, device, sizes, attributes, records, lead, alternate, bars, late, pair, flood)
    }
    sys.exit(PROGRAMS[sys.argv[1]](*sys.argv[2:]))
