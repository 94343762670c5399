"""Scarcity: few descriptors, no processes, no memory for state, kernels that refuse. The command's run is the same.

Each case makes one thing scarce for the launcher AND for the bare command, and compares output and end. What the
launcher itself loses then (its observer, its journal) is its own business.
"""

import ctypes
import hashlib
import os
import resource
import struct
import time

from support import (
    LIBC, Process, Skip, alive, case, drain, holds, pipe, remove_group, running, tree, until, without_warning)
from terminal import Terminal

WORK = "echo out; echo err >&2; head -c 200000 /dev/zero | tr '\\0' y >&2; echo LAST >&2; exit 9"


def run(subject, setup=None, env=None, before=(), script=WORK):
    """The work behind pipes and behind a terminal, in the scarcity that `setup` or the words `before` make."""
    words = list(before) + subject.argv("sh", "-c", script)
    end, out, err = subject.captured(*words, setup=setup, env=env or subject.env)
    err = without_warning(err)
    terminal = Terminal(words, env or subject.env, subject.folder, setup)
    terminal_end = terminal.wait()
    text = without_warning(terminal.rest())
    os.close(terminal.master)
    digest = [len(out), len(err), hashlib.md5(out + err).hexdigest()[:8]]
    return {"pipes": [end] + digest, "terminal": [terminal_end, len(text), hashlib.md5(text).hexdigest()[:8]]}


def limit(which, value):
    return lambda: resource.setrlimit(which, (value, value))


@case("C52")
def few_descriptors(subject):
    return {str(n): run(subject, limit(resource.RLIMIT_NOFILE, n)) for n in ((16, 10) if subject.quick else range(8, 20))}


@case("C52")
def little_address_space(subject):
    return run(subject, limit(resource.RLIMIT_AS, 200 << 20))


@case("C52")
def files_of_no_size(subject):
    """RLIMIT_FSIZE 0: writing the journal would raise SIGXFSZ in whoever writes it."""
    return run(subject, limit(resource.RLIMIT_FSIZE, 0))


@case("C52 C55")
def no_more_processes(subject):
    """The launcher may not fork: then it becomes the command, which needs no process of its own. With one more there
    is a command without an observer, which ends with a launcher that is killed all the same."""
    group = pids_cgroup()
    try:
        def at_most(processes):
            with open(os.path.join(group, "pids.max"), "w", encoding="ascii") as file:
                file.write(str(processes))

        def enter():
            with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write(str(os.getpid()))

        script = "echo out; echo err >&2; exit 9"
        at_most(1)
        answer = run(subject, enter, script=script)
        at_most(2)
        answer["one more"] = run(subject, enter, script=script)
        process = subject.spawn(subject.argv("sleep", "46"), setup=enter)
        inner = until(lambda: running(process, "sleep"), "the command")[0]
        process.kill(9)
        process.wait()
        answer["killed"] = "gone" if holds(lambda: not alive(inner), 2.0) else "lives on"
        return answer
    finally:
        remove_group(group)


def time_limit(pid):
    """The soft and the hard limit of a process's time on the processor."""
    return list(resource.prlimit(pid, resource.RLIMIT_CPU))


@case("C52", expected={"command": [1000, 2000], "launcher": "not in the way"})
def limit_of_processor_time(subject):
    """The limit is the command's, which sees what it would see: the launcher's own work has none, or its highest."""
    process = subject.spawn(subject.argv("sleep", "47"), setup=lambda: resource.setrlimit(resource.RLIMIT_CPU, (1000, 2000)))
    inner = until(lambda: running(process, "sleep"), "the command")[0]
    answer = {"command": time_limit(inner), "launcher": "not in the way"}
    if subject.resident:
        until(lambda: len(tree(process.pid)) > 1, "the observer")
        for pid in [process.pid] + [pid for pid in tree(process.pid) if pid != inner]:
            if time_limit(pid) not in ([-1, -1], [2000, 2000]):
                answer["launcher"] = time_limit(pid)
    return answer


@case("C52", expected="goes on", timeout=60)
def processor_time_of_the_launcher(subject):
    """The kernel tells the launcher that its own time is up: that is no word for the command, which has used none."""
    master, slave = os.openpty()
    # A terminal, because nothing else keeps the launcher as busy.
    script = "while :; do head -c 1000000 /dev/zero; done"
    process = subject.spawn(subject.argv("sh", "-c", script), {1: slave, 2: slave})
    os.close(slave)
    if subject.resident:
        os.read(master, 1 << 16)
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (1, resource.RLIM_INFINITY))
        drain(master, 40, stop=lambda _: ticks(process.pid)[1] > 1.2 * os.sysconf("SC_CLK_TCK"))
    return process.poll() or "goes on"


def ticks(pid):
    """A process's name, and how long it has run."""
    try:
        with open("/proc/%d/stat" % pid, encoding="latin-1") as file:
            text = file.read()
    except OSError:
        return "", 0
    fields = text[text.rindex(")") + 2 :].split()
    return text[text.index("(") + 1 : text.rindex(")")], int(fields[11]) + int(fields[12])


def pids_cgroup():
    for root in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
        path = os.path.join(root, "transparency-%d" % os.getpid())
        try:
            os.mkdir(path)
        except OSError:
            continue
        if os.path.exists(os.path.join(path, "pids.max")):
            return path
        os.rmdir(path)
    raise Skip("no cgroup of ours with a pids controller")


@case("C52")
def state_that_cannot_be_written(subject):
    """A read-only home, a full disk, no home at all, a file where the folder should be."""
    answer = {}
    closed = subject.path("closed")
    open(closed, "w", encoding="ascii").close()
    odd = {"a file in the way": closed, "nonsense": "/proc/nonsense", "relative": "no/such", "empty": ""}
    for name, place in odd.items():
        env = dict(subject.env, XDG_STATE_HOME=place, XDG_CONFIG_HOME=place, HOME=place)
        answer[name] = run(subject, env=env)
    env = {key: value for key, value in subject.env.items() if not key.startswith(("XDG", "HOME"))}
    answer["no home"] = run(subject, env=env)
    full = subject.path("full")
    os.mkdir(full)
    script = 'mount -t tmpfs -o size=8k none "$0" && head -c 100k /dev/zero >"$0/f" 2>/dev/null; exec "$@"'
    answer["full disk"] = in_mount_namespace(subject, script, full)
    script = 'mount -t tmpfs none "$0" && mount -o remount,ro "$0"; exec "$@"'
    answer["read-only disk"] = in_mount_namespace(subject, script, full)
    return answer


def in_namespace(script, place):
    """The words before a command by which it has mounts of its own, which `script` makes."""
    if Process(["unshare", "-m", "true"], dict(os.environ), "/").wait() != "exit 0":
        raise Skip("no right to make a mount namespace")
    return ["unshare", "-m", "sh", "-c", script, place]


def in_mount_namespace(subject, script, place):
    env = dict(subject.env, XDG_STATE_HOME=place, XDG_CONFIG_HOME=place)
    return run(subject, env=env, before=in_namespace(script, place))


@case("C52")
def no_proc_no_ptmx(subject):
    """Neither /proc nor /dev/ptmx nor /tmp: what can't be observed is not observed."""
    answer = {}
    for name, script in (
        ("no /proc", 'mount -t tmpfs none /proc; exec "$@"'),
        ("no /dev/ptmx", 'mount --bind /dev/null /dev/ptmx; exec "$@"'),
        ("neither", 'mount -t tmpfs none /proc; mount --bind /dev/null /dev/ptmx; exec "$@"'),
    ):
        answer[name] = in_mount_namespace(subject, script, subject.state)
    return answer


# --- a kernel that refuses ------------------------------------------------------------------------------------

CALLS = {
    "x86_64": {"splice": 275, "tee": 276, "pidfd_open": 434, "memfd_create": 319, "clone3": 435, "socketpair": 53,
               "pidfd_send_signal": 424, "close_range": 436, "signalfd4": 289, "eventfd2": 290, "epoll_create1": 291,
               "timerfd_create": 283, "prctl": 157, "vmsplice": 278, "poll": 7, "ppoll": 271, "wait4": 61, "waitid": 247,
               "rt_sigprocmask": 14, "recvfrom": 45, "sendto": 44, "getrandom": 318, "clock_nanosleep": 230,
               "prlimit64": 302, "ioctl": 16, "kill": 62, "getppid": 110, "recvmsg": 47, "sendmsg": 46},
    "aarch64": {"splice": 76, "tee": 77, "pidfd_open": 434, "memfd_create": 279, "clone3": 435, "socketpair": 199,
                "pidfd_send_signal": 424, "close_range": 436, "signalfd4": 74, "eventfd2": 19, "epoll_create1": 20,
                "timerfd_create": 85, "prctl": 167, "vmsplice": 75, "poll": 73, "ppoll": 73, "wait4": 260, "waitid": 95,
                "rt_sigprocmask": 135, "recvfrom": 207, "sendto": 206, "getrandom": 278, "clock_nanosleep": 115,
                "prlimit64": 261, "ioctl": 29, "kill": 129, "getppid": 173, "recvmsg": 212, "sendmsg": 211},
}


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def refuse(names, errno_value=38):
    """A seccomp filter that answers the named calls with an error, as old kernels and strict containers do."""
    machine = CALLS.get(os.uname().machine)
    if machine is None:
        raise Skip("no table of system calls for this machine")
    load, equal, answer = 0x20, 0x15, 0x06  # BPF: load a word, jump if equal, return
    code = struct.pack("HBBI", load, 0, 0, 0)
    numbers = [machine[name] for name in names]
    for at, number in enumerate(numbers):
        code += struct.pack("HBBI", equal, len(numbers) - at, 0, number)
    code += struct.pack("HBBI", answer, 0, 0, 0x7FFF0000)  # allowed
    code += struct.pack("HBBI", answer, 0, 0, 0x00050000 | errno_value)

    def install():
        program = Filter(len(code) // 8, code)
        if os.geteuid():
            LIBC.prctl(38, 1, 0, 0, 0)  # an ordinary user may filter only after giving up new privileges
        if LIBC.prctl(22, 2, ctypes.byref(program), 0, 0):
            os._exit(119)

    return install


@case("C52", timeout=60)
def kernel_that_refuses(subject):
    """Without splice, tee, pidfd_open, memfd_create: one by one, all together, with ENOSYS and with EPERM."""
    groups = [[name] for name in ("splice", "tee", "pidfd_open", "memfd_create", "close_range", "signalfd4")]
    groups += [["splice", "tee"], ["pidfd_open", "pidfd_send_signal"], ["socketpair"], ["epoll_create1", "eventfd2"]]
    groups += [["splice", "tee", "vmsplice", "pidfd_open", "pidfd_send_signal", "memfd_create", "close_range", "clone3"]]
    answer = {}
    for names in groups:
        for error in (38, 1):
            answer["%s: %d" % (" ".join(names), error)] = run(subject, refuse(names, error))
    return answer


@case("C52", timeout=120)
def calls_that_are_refused(subject):
    """What the launcher waits, listens and reaps with: without it there is no hang, no spinning, no kill."""
    names = ["poll", "ppoll", "wait4", "waitid", "rt_sigprocmask", "recvfrom", "sendto", "getrandom", "clock_nanosleep",
             "prlimit64", "ioctl", "kill", "getppid", "recvmsg", "sendmsg"]
    answer = {}
    for name in names:
        for error in (38, 1):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            words = subject.argv("sh", "-c", "echo out; echo err >&2; read x; exit 9")
            (read, write), (keys, typed) = pipe(), pipe()
            process = subject.spawn(words, {0: keys, 1: write, 2: write}, setup=refuse([name], error))
            os.close(write)
            seen = drain(read, 10, stop=lambda text: len(text) >= 8)
            time.sleep(0.3)  # what spins has spun by then
            os.write(typed, b"go\n")
            end = process.wait()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            for descriptor in (read, keys, typed):
                os.close(descriptor)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            spins = spinning() if subject.resident else []
            answer["%s: %d" % (name, error)] = [end, seen.decode(), "calm" if spent < 0.25 and not spins else [spent, spins]]
    return answer


def spinning():
    """The names of processes below us that have used the processor as if they did nothing else."""
    return [name for name, used in map(ticks, tree(os.getpid())) if used > 25]


@case("C52")
def no_randomness(subject):
    """Neither the call nor the device: a run without a name is not observed, and runs."""
    words = in_namespace('mount -t tmpfs none /dev; exec "$@"', subject.state)
    end, out, err = subject.captured(
        *words, *subject.argv("sh", "-c", "echo out; echo err >&2; exit 9"), setup=refuse(["getrandom"]))
    return [end, out.decode(), err.decode()]


@case("C52", timeout=60)
def starved_of_processor(subject):
    """One processor, eight busy loops: nothing is lost, the end is right, a late signal arrives once."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for _ in range(2 if subject.quick else 8):
        subject.spawn(["sh", "-c", "while :; do :; done"])
    answer = run(subject)
    process = subject.spawn(subject.argv("sleep", "41"))
    until(lambda: running(process, "sleep"), "the command")
    os.kill(process.pid, 15)
    answer["TERM"] = process.wait(10)
    return answer


@case("C52 C39", timeout=60)
def memory_stays_small(subject):
    """A reader that does not read for a while: the writer waits, and nothing grows meanwhile."""
    read, write = pipe()
    process = subject.spawn(subject.helper("flood", subject.folder), {1: write, 2: write})
    os.close(write)
    until(lambda: os.path.exists(subject.path("flood.pid")), "the flood")
    holds(lambda: False, 0.1)
    before = own_memory(subject, process)
    for _ in range(3):
        holds(lambda: False, 0.1)
        drain(read, 10, stop=lambda seen: len(seen) > 8 << 20)
    grown = own_memory(subject, process) - before
    os.close(read)
    end = process.wait(3)
    return [end, "constant" if grown <= 256 else "%d KiB more" % grown]


def own_memory(subject, process):
    """Anonymous KiB of the launcher; a bare command's are not the question."""
    if not subject.resident or not alive(process.pid):
        return 0
    with open("/proc/%d/status" % process.pid, encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))
