"""What all programs of this folder share: processes, terminals, deadlines, and the modes of the launcher.

The problem: these tests start programs that hang, die, stop and leave orphans on purpose. So the rules are: nothing
waits without a deadline; each case runs in a process of its own that adopts every orphan (PR_SET_CHILD_SUBREAPER)
and kills all of them before it ends; nothing sleeps for an event that can be polled. Only the ABSENCE of an event
(a signal that must not come twice) needs a fixed time, and that is `QUIET`.

A case is a function of a `Subject` that answers what was observed: a value that JSON can hold, free of times, pids
and paths, so that the value of the bare command and the value of the wrapped one can simply be compared.
"""

import ctypes
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
COMMAND = [sys.executable, "-I", "-S", os.path.join(HERE, "command.py")]
QUIET = 0.15  # seconds without a second delivery after which none is expected: 3 times the longest wait of the launcher
# What the launcher may change, as documented.
OWN_VARIABLES = ("AXOLOTL_DO_NOT_TRACK", "AXOLOTL_RUN_ID", "AXOLOTL_RUN_SUPERVISOR")
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_CHILD_SUBREAPER = 36


class Hang(Exception):
    """Something did not happen in time."""


class Skip(Exception):
    """The case can't be judged here, and why."""


def slowness():
    """How many times as long as on an idle machine it takes now to start programs: all deadlines grow by that."""
    begin = time.monotonic()
    for _ in range(20):
        subprocess.run(["true"], check=True)
    return min(max(1.0, (time.monotonic() - begin) / (20 * 0.003)), 20.0)


SLOWNESS = slowness()


def later(seconds):
    """The deadline of what takes less than this on an idle machine."""
    return time.monotonic() + seconds * SLOWNESS


def until(predicate, what, timeout=5.0, pause=0.002):
    """Polls until `predicate` answers something true, and answers it."""
    deadline = later(timeout)
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Hang("%s: not within %.1f s" % (what, timeout))
        time.sleep(pause)


def holds(predicate, timeout=2.0):
    """Whether `predicate` becomes true within the time."""
    try:
        return bool(until(predicate, "", timeout))
    except Hang:
        return False


def remove_group(group):
    """Removes a control group of ours once nobody is in it any more."""
    holds(lambda: not open(os.path.join(group, "cgroup.procs"), encoding="ascii").read(), 5)
    try:
        os.rmdir(group)
    except OSError:
        pass


# --- processes ----------------------------------------------------------------------------------------------


def stat_of(pid):
    """(comm, state, parent) of a process, or None."""
    try:
        with open("/proc/%d/stat" % pid, encoding="latin-1") as file:
            text = file.read()
    except OSError:
        return None
    comm, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    return comm, rest[0], int(rest[1])


def state(pid):
    entry = stat_of(pid)
    return entry[1] if entry else "gone"


def alive(pid):
    return state(pid) not in ("gone", "Z", "X")


def tree(root):
    """The pids below `root`, parents first."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            entry = stat_of(int(name))
            if entry:
                children.setdefault(entry[2], []).append(int(name))
    found, queue = [], [root]
    while queue:
        for pid in sorted(children.get(queue.pop(0), [])):
            found.append(pid)
            queue.append(pid)
    return found


def running(process, program):
    """The pids at and below `process` that execute `program`; after a wrapper's death, look below us instead."""
    found = []
    for pid in [process.pid] + tree(os.getpid()):
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                word = file.read().split(b"\0")[0]
        except OSError:
            continue
        if os.path.basename(word) == program.encode() and alive(pid) and pid not in found:
            found.append(pid)
    return found


def observer_of(process):
    """The observer's pid, once it runs its own program."""
    found = lambda: [pid for pid in tree(process.pid) if (stat_of(pid) or " ")[0].startswith("axolotl-obs")]
    return until(found, "the observer")[0]


def adopt_orphans():
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_all_below():
    """Ends and reaps every process below this one; True where something refused to go."""
    deadline = later(5)
    while time.monotonic() < deadline:
        rest = tree(os.getpid())
        for pid in rest:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        if not rest:
            return False
        time.sleep(0.005)
    return True


def name_of(status):
    """A wait status in words; whether a core was written is compared by its file, not by the flag."""
    if os.WIFSTOPPED(status):
        return "stopped %d" % os.WSTOPSIG(status)
    if os.WIFSIGNALED(status):
        return "signal %d" % os.WTERMSIG(status)
    return "exit %d" % os.WEXITSTATUS(status)


class Process:
    """A child of ours, started by fork and exec so that nothing but what is asked for differs from a shell's."""

    def __init__(self, argv, env, cwd, fds=None, group=True, setup=None, keep=()):
        fds = dict(fds or {})
        for number in (0, 1, 2):
            fds.setdefault(number, os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC))
        self.ended = None
        self.pid = os.fork()
        if self.pid == 0:
            try:
                if group:
                    os.setpgid(0, 0)
                become(argv, env, cwd, fds, setup, keep)
            finally:
                os._exit(120)
        if group:
            try:
                os.setpgid(self.pid, self.pid)
            except OSError:
                pass

    def poll(self, flags=0):
        """The next change of state as words, or None."""
        if self.ended:
            return self.ended
        pid, status = os.waitpid(self.pid, os.WNOHANG | flags)
        if pid == 0:
            return None
        name = name_of(status)
        if not os.WIFSTOPPED(status):
            self.ended = name
        return name

    def wait(self, timeout=10.0):
        return until(self.poll, "the end of the command", timeout)

    def stopped(self, timeout=5.0):
        return until(lambda: self.poll(os.WUNTRACED), "the stop of the command", timeout)

    def kill(self, number):
        os.kill(self.pid, number)


def become(argv, env, cwd, fds, setup, keep):
    """In the child: the descriptors, nothing else open, every signal at its default, then exec."""
    high = {number: fcntl.fcntl(fd, fcntl.F_DUPFD, 200) for number, fd in fds.items() if fd is not None}
    for number in set(range(3)) | set(fds):
        if number in high:
            os.dup2(high[number], number, inheritable=True)
        else:
            try:
                os.close(number)
            except OSError:
                pass
    for number in [int(n) for n in os.listdir("/proc/self/fd")]:
        if number not in fds and number not in keep and number > 2:
            try:
                os.close(number)
            except OSError:
                pass
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.chdir(cwd)
    if setup:
        setup()
    try:
        os.execvpe(argv[0], argv, env)
    except OSError as error:  # the answer of a shell
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def drain(fd, timeout=10.0, stop=None):
    """Reads to the end of file (or until `stop` of what was read so far is true)."""
    data, deadline = bytearray(), later(timeout)
    while not (stop and stop(data)):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Hang("end of file: not within %.1f s, %d bytes so far" % (timeout, len(data)))
        if select.select([fd], [], [], min(left, 0.2))[0]:
            try:
                part = os.read(fd, 1 << 20)
            except OSError:  # EIO: the last user of the terminal has gone
                break
            if not part:
                break
            data += part
    return bytes(data)


def without_warning(text):
    """The text without the documented last line of a run that was to be recorded and could not be, or not in full."""
    return re.sub(rb"axolotl-run: warning: this run is not recorded[^\r\n]*\r?\n\Z", b"", text)


def pipe():
    return os.pipe2(os.O_CLOEXEC)


# --- the subject of a case ----------------------------------------------------------------------------------


class Subject:
    """The command bare, or behind a wrapper in one of its modes; a folder and an environment of its own."""

    MODES = ("off", "record", "on", "tap")

    def __init__(self, mode, wrapper, quick, server, folder):
        self.mode, self.quick, self.folder = mode, quick, folder
        self.bare = mode == "bare"
        self.resident = mode not in ("bare", "off", "plain")
        options = {"record": ["--record"], "tap": ["--record", "--tap-stdout"]}.get(mode, [])
        self.prefix = [] if self.bare else wrapper + options
        self.state = os.path.join(folder, "state")
        kept = ("PATH", "LANG", "LC_ALL", "TERM")
        self.env = {name: value for name, value in os.environ.items() if name in kept}
        self.env.setdefault("TERM", "xterm")
        self.env.update(
            HOME=os.path.join(folder, "home"),
            XDG_STATE_HOME=self.state,
            XDG_CONFIG_HOME=os.path.join(folder, "config"),
            AXOLOTL_DO_NOT_TRACK="0" if mode == "on" else "1",
            AXOLOTL_RUN_POSTHOG_HOST=server,
            AXOLOTL_RUN_POSTHOG_KEY="phc_test",
        )
        os.makedirs(self.env["HOME"])

    def argv(self, *command):
        return self.prefix + list(command)

    def helper(self, *words):
        """The helper program of this folder as the wrapped command."""
        return self.argv(*COMMAND, *[str(word) for word in words])

    def spawn(self, argv, fds=None, **more):
        return Process(argv, more.pop("env", self.env), more.pop("cwd", self.folder), fds, **more)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def captured(self, *argv, timeout=10.0, **more):
        """Runs to the end with a pipe each for stdout and stderr: (end, stdout, stderr), both to end of file."""
        out, err = pipe(), pipe()
        process = self.spawn(list(argv), {1: out[1], 2: err[1]}, **more)
        os.close(out[1]), os.close(err[1])
        texts, open_fds, deadline = {out[0]: b"", err[0]: b""}, [out[0], err[0]], later(timeout)
        while open_fds:
            if time.monotonic() > deadline:
                raise Hang("end of file of a captured command: not within %.1f s" % timeout)
            for fd in select.select(open_fds, [], [], 0.2)[0]:
                part = os.read(fd, 1 << 16)
                texts[fd] += part
                if not part:
                    open_fds.remove(fd)
        end = process.wait(timeout)
        os.close(out[0]), os.close(err[0])
        return end, texts[out[0]], texts[err[0]]

    def newest(self):
        """The events of the run that began last."""
        events = self.events()
        begun = max((event["timestamp"], event["distinct_id"]) for event in events if event["event"] == "start")
        return [event for event in events if event["distinct_id"] == begun[1]]

    def events(self):
        """The events of all runs in the journal."""
        found, runs = [], os.path.join(self.state, "axolotl-run", "runs")
        for run in sorted(os.listdir(runs)) if os.path.isdir(runs) else []:
            try:
                with open(os.path.join(runs, run, "events.jsonl"), encoding="utf-8") as lines:
                    found += [json.loads(line) for line in lines]
            except (OSError, ValueError):
                pass
        return found


class Case:
    """A case of this folder, under the numbers that the facts give it."""

    def __init__(self, function, numbers, expected, timeout, modes, slow):
        self.function, self.numbers, self.expected = function, numbers, expected
        self.timeout, self.modes, self.slow = timeout, modes, slow
        self.name = function.__name__.replace("_", "-")


CASES = []


def case(numbers, expected=None, timeout=30, modes=None, slow=False):
    """Registers a case. `numbers`: B1..B30 the behaviours, C1..C56 the test cases that it covers. `expected`: what
    the BARE command must give, which proves that the case measures what it says. `slow`: not in a quick run."""

    def register(function):
        CASES.append(Case(function, numbers, expected, timeout, modes, slow))
        return function

    return register


def in_worker(function, subject_arguments, timeout):
    """Runs `function(Subject)` in a process of its own session; answers {"value" | "hang" | "skip" | "error": …}."""
    read, write = pipe()
    worker = os.fork()
    if worker == 0:
        code = 1
        try:
            os.close(read)
            os.setsid()
            adopt_orphans()
            answer = json.dumps(answer_of(function, subject_arguments, timeout)).encode()
            while answer:
                answer = answer[os.write(write, answer) :]
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    return worker, read


def answer_of(function, subject_arguments, timeout):
    folder = tempfile.mkdtemp(prefix="transparency-")

    def too_late(_number, frame):
        place = "%s:%d" % (os.path.basename(frame.f_code.co_filename), frame.f_lineno)
        raise Hang("the case as a whole: not within %.0f s, last at %s" % (timeout, place))

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(int(timeout * SLOWNESS))
    try:
        answer = {"value": function(Subject(*subject_arguments, folder))}
    except Hang as hang:
        answer = {"hang": str(hang)}
    except Skip as skip:
        answer = {"skip": str(skip)}
    except Exception:  # noqa: BLE001 - whatever a case does, the others go on
        answer = {"error": traceback.format_exc()}
    signal.alarm(0)
    if kill_all_below():
        answer["left"] = True
    shutil.rmtree(folder, ignore_errors=True)
    return answer
