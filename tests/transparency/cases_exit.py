"""How a command ends: its code, its signal, the two failures before it starts, and who collects the dead."""

import os
import random
import resource
import signal
import socket
import time

from support import Skip, alive, case, drain, holds, kill_all_below, pipe, running, tree, until


def shell(subject, script, **more):
    return subject.spawn(subject.argv("sh", "-c", script), **more).wait()


@case("B1 C1", expected="each as told")
def exit_codes(subject):
    codes = (0, 1, 2, 7, 125, 126, 127, 128, 137, 255) if subject.quick else range(256)
    wrong = {code: end for code in codes for end in [shell(subject, "exit %d" % code)] if end != "exit %d" % code}
    return wrong or "each as told"


@case("C50", expected="all end", timeout=240)
def many_launches(subject):
    """Three thousand starts and ends, none of which hangs or leaves a process behind for long."""
    wrong = {}
    for _ in range(50 if subject.quick else 3000):
        end = subject.spawn(subject.argv("true")).wait(20)
        if end != "exit 0":
            wrong[end] = wrong.get(end, 0) + 1
    if not holds(lambda: not [pid for pid in tree(os.getpid()) if alive(pid)], 10.0):
        wrong["left behind"] = len(tree(os.getpid()))
    return wrong or "all end"


@case("B2 C2")
def signal_deaths(subject):
    os.mkdir(subject.path("cores"))
    ends = {}
    for number in (1, 2, 3, 6, 9, 11, 13, 14, 15):
        def unlimited():
            try:
                resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
            except (OSError, ValueError):
                pass
        ends[str(number)] = shell(subject, "kill -%d $$" % number, setup=unlimited, cwd=subject.path("cores"))
    return {"ends": ends, "core files": min(1, len(os.listdir(subject.path("cores"))))}


@case("B3 C3")
def not_found(subject):
    """Against `sh -c 'exec "$@"'`: a code and one message."""
    def attempt(name):
        argv = subject.argv(name) if not subject.bare else ["sh", "-c", 'exec "$@"', "sh", name]
        end, out, err = subject.captured(*argv)
        return [end, len(out), len(err.splitlines())]

    return {name: attempt(name) for name in ("/nonexistent", "no-such-program-anywhere", "/etc/passwd", "/tmp")}


@case("C3", expected=["exit 125", "silent"], modes=("off", "record"))
def usage_error(subject):
    """Our own refusal is the one code that is neither the command's nor a shell's."""
    if subject.bare:
        return ["exit 125", "silent"]
    end, out, err = subject.captured(*subject.argv("--no-such-option"))
    nothing, _, message = subject.captured(*subject.prefix, "--")
    return [end if end == nothing and err and message else [end, nothing], "silent" if not out else "talks"]


@case("C4 C5")
def as_process_1(subject):
    """As PID 1 it can't die by a signal, so 128+n; where the launcher has vanished the bare behaviour counts."""
    space = ["unshare", "-pf", "--mount-proc"]
    if subject.spawn(space + ["true"]).wait() != "exit 0":
        raise Skip("no right to make a PID namespace")

    def run(script, *tail):
        return subject.captured(*space, *subject.prefix, "sh", "-c", script, *tail)

    killed = run("kill -TERM $$; sleep 0.05; exit 143")[0]
    code = run("exit 6")[0]
    tails = 2 if subject.quick else 200
    bad = 0
    for _ in range(tails):
        end, _, err = run("head -c 300000 /dev/zero >&2; echo TAIL >&2; exit 6")
        bad += not (end == "exit 6" and len(err) == 300005 and err.endswith(b"TAIL\n"))
    return {"killed": killed, "code": code, "tails lost": bad}


@case("C4", expected="none", modes=("record", "on", "tap"))
def zombies_below_process_1(subject):
    """The launcher as PID 1 collects what the command leaves behind; a bare command needs no such thing."""
    if subject.bare:
        return "none"
    script = "for i in 1 2 3 4 5; do (sleep 0.05 &) ; done; n=0; while [ $n -lt 100 ]; do n=$((n+1)); sleep 0.02; " \
        "ps -eo stat= | grep -q ^S.*x || [ $n -gt 10 ] && ! grep -l '^State:.Z' /proc/[0-9]*/status >/dev/null 2>&1 " \
        "&& echo none && exit; done; echo zombies"
    end, out, err = subject.captured("unshare", "-pf", "--mount-proc", *subject.prefix, "sh", "-c", script)
    return out.decode().strip() or [end, err.decode()[-200:]]


@case("C18", expected="exit 143")
def killed_by_a_neighbour(subject):
    """`cmd & kill $!` in a script: the sender is in the same process group, and the signal is still for us."""
    script = '"$@" & kill $!; wait $!'
    argv = ["sh", "-c", script, "sh", *subject.argv("sleep", "9")]
    return subject.spawn(argv).wait(5)


@case("C22", expected=["exit 7", "signal 15"])
def child_signal_ignored(subject):
    """SIGCHLD inherited as ignored reaps by itself; the status must still be known."""
    def ignored():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    return [shell(subject, script, setup=ignored) for script in ("exit 7", "kill -15 $$")]


@case("C48")
def nested(subject):
    """Three launchers inside one another: one code, and one report."""
    end = subject.spawn(subject.prefix * 3 + ["sh", "-c", "exit 9"] if not subject.bare else ["sh", "-c", "exit 9"]).wait()
    if subject.resident:
        until(lambda: [e for e in subject.events() if e["event"] == "finish"], "the finish event", 3)
    names = sorted(event["event"] for event in subject.events() if event["event"] in ("start", "finish"))
    return [end, "one report" if names in ([], ["finish", "start"]) else names]


@case("C49")
def inside_other_wrappers(subject):
    ends = {"timeout": subject.spawn(["timeout", "-k", "1", "0.3", *subject.argv("sleep", "9")]).wait()}
    ends["timeout, deaf"] = subject.spawn(
        ["timeout", "-k", "0.3", "0.3", *subject.argv("sh", "-c", "trap '' TERM; sleep 9; sleep 9")]).wait()
    ends["below"] = subject.spawn(subject.argv("timeout", "0.2", "sleep", "9")).wait()
    script = 'seq 8 | xargs -P4 -n1 "$@"'
    ends["xargs -P"] = subject.spawn(["sh", "-c", script, "sh", *subject.argv("sh", "-c", "exit 3")]).wait()
    words = " ".join(subject.argv("sh", "-c", "'exit 4'"))
    ends["script"] = subject.spawn(["script", "-qec", words, "/dev/null"]).wait()
    ends["env"] = subject.spawn(["env", *subject.argv("sh", "-c", "exit 5")]).wait()
    return ends


@case("B28 C41", expected={"9 to the pid": "gone", "9 to the group": "gone"})
def killed_outright(subject):
    """kill -9 of the launcher's pid is kill -9 of the command: decided so, because orphans keep GPUs."""
    answer = {}
    for what in ("9 to the pid", "9 to the group"):
        process = subject.spawn(subject.argv("sleep", "47"))
        pid = until(lambda: running(process, "sleep"), "the command")[0]
        os.kill(process.pid if "pid" in what else -process.pid, signal.SIGKILL)
        process.wait()
        answer[what] = "gone" if holds(lambda: not alive(pid), 1.0) else "lives on"
        kill_all_below()
    return answer


@case("B28 C41", expected="always gone", timeout=120)
def killed_while_starting(subject):
    """kill -9 in the first milliseconds, when there may be no observer yet to pass it on."""
    draw, left = random.Random(11), 0
    for _ in range(30 if subject.quick else 400):
        process = subject.spawn(subject.argv("sleep", "45"))
        time.sleep(draw.random() * 0.008)
        process.kill(signal.SIGKILL)
        process.wait()
        left += not holds(lambda: not running(process, "sleep"), 2.0)
        if left > 3:
            break
    return "%d left" % left if left else "always gone"


@case("C54", expected=["signal 15", "nothing started"], modes=("record",))
def ended_during_the_notice(subject):
    """SIGTERM while the notice waits: dead at once, nothing was started."""
    if subject.bare:
        return ["signal 15", "nothing started"]
    env = {k: v for k, v in subject.env.items() if not k.startswith("AXOLOTL")}
    read, write = pipe()
    process = subject.spawn(subject.prefix[:1] + ["touch", subject.path("started")], {2: write}, env=env)
    os.close(write)
    drain(read, 5, stop=lambda seen: len(seen) > 40)
    process.kill(signal.SIGTERM)
    end = process.wait(1.0)
    return [end, "started" if os.path.exists(subject.path("started")) else "nothing started"]


@case("C53", expected="at once", modes=("on",))
def black_hole(subject):
    """A server that accepts and never answers must not be felt for longer than the decision of the end allows."""
    hole = socket.socket()
    hole.bind(("127.0.0.1", 0))
    hole.listen(16)
    env = dict(subject.env, AXOLOTL_RUN_POSTHOG_HOST="http://127.0.0.1:%d" % hole.getsockname()[1])
    begin = time.monotonic()
    subject.spawn(subject.argv("true"), env=env).wait(5)
    spent = time.monotonic() - begin
    return "at once" if spent < 1.8 else "%.1f s" % spent
