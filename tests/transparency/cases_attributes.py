"""What a process inherits: everything but its parent must be as if the launcher had not been there."""

import json
import os
import resource
import signal

from support import COMMAND, OWN_VARIABLES, case

IGNORED_LINES = (
    "Name", "Pid", "PPid", "Tgid", "Ngid", "NStgid", "NSpid", "NSpgid", "NSsid", "Threads", "State", "FDSize",
    "SigQ", "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches", "Mems_allowed", "untag_mask",
)


def unusual():
    """A start that no shell gives: each of these was lost or changed by some wrapper."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for fault in (signal.SIGABRT, signal.SIGTRAP, signal.SIGBUS, signal.SIGFPE, signal.SIGSYS):
        signal.signal(fault, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGRTMIN + 3])
    os.dup2(os.open("/dev/zero", os.O_RDONLY), 7, inheritable=True)
    os.umask(0o027)
    os.nice(3)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 4096))
    resource.setrlimit(resource.RLIMIT_STACK, (4 << 20, resource.RLIM_INFINITY))
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("321")
    with open("/proc/self/timerslack_ns", "w", encoding="ascii") as file:
        file.write("77777")


def status_lines(text):
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key: value.strip() for key, value in lines.items()
            if key not in IGNORED_LINES and not key.startswith(("Vm", "Rss", "Hugetlb", "x86", "CoreDumping", "THP"))}


@case("B27 C21 C56")
def inherited_status(subject):
    """/proc/self/status of a program that changes nothing: signal masks, capabilities, umask, seccomp, groups."""
    answer = {}
    for name, setup in (("usual", None), ("unusual", unusual)):
        end, out, err = subject.captured(*subject.argv("cat", "/proc/self/status"), setup=setup, keep=(7,))
        answer[name] = dict(status_lines(out.decode()), end=end, err=err.decode())
    return answer


@case("B27 C21")
def inherited_attributes(subject):
    answer = {}
    for name, setup, fds in (("usual", None, {}), ("unusual", unusual, {0: None})):
        env = dict(subject.env, ODD="a=b\nc", EMPTY="")
        process = subject.spawn(subject.helper("attributes", subject.folder), fds, setup=setup, env=env, keep=(7,))
        end = process.wait()
        if not os.path.exists(subject.path("attributes")):
            answer[name] = "did not run: " + end
            continue
        with open(subject.path("attributes"), encoding="utf-8") as file:
            seen = json.load(file)
        os.unlink(subject.path("attributes"))
        seen["session"] = "ours" if seen["session"] == os.getsid(0) else "another"
        seen["group"] = "the job's" if seen["group"] == process.pid else "another"
        seen["arguments"] = [word.replace(subject.folder, "FOLDER") for word in seen["arguments"]]
        seen["cwd"] = seen["cwd"].replace(subject.folder, "FOLDER")
        seen["environment"] = {key: value.replace(subject.folder, "FOLDER") for key, value in
                               seen["environment"].items() if key not in OWN_VARIABLES}
        answer[name] = dict(seen, end=end)
    return answer


@case("B27 C21")
def documented_variables(subject):
    """The variables that the launcher may change have the values that its contract names."""
    end, out, _ = subject.captured(*subject.argv("env"))
    seen = dict(line.split("=", 1) for line in out.decode().splitlines() if "=" in line)
    tracked = seen.get("AXOLOTL_DO_NOT_TRACK") == "1" or subject.mode in ("bare", "plain")
    marks = [bool(seen.get(name)) for name in ("AXOLOTL_RUN_ID", "AXOLOTL_RUN_SUPERVISOR")]
    marked = marks == [subject.resident] * 2
    return [end, "as documented" if tracked and marked else seen]


@case("B27 C21 C23")
def open_descriptors(subject):
    """No descriptor of ours, none missing, each with the flags and the kind that it had."""
    probe = ("import os, fcntl\n"
             "for n in sorted(map(int, os.listdir('/proc/self/fd'))):\n"
             " try: t = os.readlink('/proc/self/fd/%d' % n)\n"
             " except OSError: continue\n"
             " if '/proc/' in t: continue\n"
             " f = fcntl.fcntl(n, fcntl.F_GETFL)\n"
             " k = t.split(':')[0] if ':[' in t else t\n"
             " print(n, k, oct(f & 3), 'append' * bool(f & os.O_APPEND), 'nonblock' * bool(f & os.O_NONBLOCK),"
             " fcntl.fcntl(n, fcntl.F_GETFD), file=out)\n")
    python = COMMAND[:3]
    answer = {}
    for name, setup, keep in (("usual", None, ()), ("unusual", unusual, (7,))):
        program = "out = open('fds', 'w')\n" + probe
        end = subject.spawn(subject.argv(*python, "-c", program), setup=setup, keep=keep).wait()
        with open(subject.path("fds"), encoding="ascii") as file:
            answer[name] = [end] + [line.replace(subject.folder, "FOLDER").strip() for line in file]
    end, out, err = subject.captured(*subject.argv(*python, "-c", "import sys; out = sys.stdout\n" + probe))
    answer["pipes"] = [end, out.decode(), err.decode()]
    return answer
