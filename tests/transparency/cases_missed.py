"""What the launcher itself loses in scarcity, and says: `--show` tells what was missed, and the command lost nothing.

Here the launcher's part is judged, so a bare command only has to give what is expected of both.
"""

import datetime
import json
import os
import resource
import shutil
import signal

from cases_resources import in_namespace, limit, refuse
from support import COMMAND, Process, Skip, case, drain, holds, observer_of, pipe, remove_group, until, without_warning
from terminal import Terminal

RESIDENT = ("record",)
NOTHING = {"end": "exit 9", "output": "whole"}


def told(subject):
    """What `--show` says was missed, by the fields of the event, and how the run ended."""
    end, out, _ = subject.captured(*subject.prefix[:1], "--show", "--json")
    if end != "exit 0":
        return {"show": end}
    answer = json.loads(out)
    finish = [event["event"]["properties"] for event in answer["events"] if event["event"]["event"] == "finish"]
    missed = sorted(key for properties in finish for key, number in properties.get("dropped", {}).items()
                    if number and key != "samples")  # so short a command may be gone before it is measured
    said = len(answer["missed"]) >= len(missed)
    seen = {"outcome": [properties["outcome"] for properties in finish], "missed": missed, "said": said}
    lost = [properties["supervisor_lost"] for properties in finish if "supervisor_lost" in properties]
    return dict(seen, lost=lost) if lost else seen


def finished(subject):
    return holds(lambda: [event for event in subject.events() if event["event"] == "finish"], 5.0)


TEXT = b"y\n" * 50000
WORK = "yes | head -c 100000 >&2; exit 9"


def behind_pipes(subject, setup=None, before=()):
    end, out, err = subject.captured(*before, *subject.argv("sh", "-c", WORK), setup=setup)
    err = without_warning(err)
    whole = "whole" if err == TEXT and not out else "%d bytes" % len(err)
    return {"end": end, "output": whole}


def behind_a_terminal(subject, before=()):
    terminal = Terminal([*before, *subject.argv("sh", "-c", WORK)], subject.env, subject.folder)
    end = terminal.wait()
    text = without_warning(terminal.rest())
    os.close(terminal.master)
    return {"end": end, "output": "whole" if text == TEXT.replace(b"\n", b"\r\n") else "%d bytes" % len(text)}


def judged(subject, run, expected):
    """The run's own answer, and whether `--show` says what is expected of it."""
    answer = run()
    if not subject.resident:
        return answer
    finished(subject)
    seen = told(subject)
    return answer if seen == expected else dict(answer, show=seen)


def outcome(*missed):
    return {"outcome": ["error"], "missed": sorted(missed), "said": True}


@case("C52", expected=NOTHING, modes=RESIDENT)
def missed_with_few_descriptors(subject):
    """Sixteen are enough for the run and its journal; where there is no room for a relay beside (nineteen: one is kept
    for the launcher's last words), that is said.

    Of fifteen the threads that find out about the machine can take the last one just when the journal needs it."""
    answer = {}
    for number in (16, 17, 18, 24):
        shutil.rmtree(subject.state, ignore_errors=True)
        seen = behind_pipes(subject, limit(resource.RLIMIT_NOFILE, number))
        if subject.resident:
            finished(subject)
            show = told(subject)
            scarce = {"events_unwritten", "streams"} if number < 19 else {"events_unwritten"} if number < 20 else set()
            fits = show.get("outcome") == ["error"] and set(show["missed"]) <= scarce and show["said"]
            seen = seen if fits else dict(seen, show=show)
        answer.update(seen if seen == NOTHING else {"with %d" % number: seen})
    return answer


@case("C52", expected=NOTHING, modes=RESIDENT)
def missed_without_ptmx(subject):
    words = in_namespace('mount --bind /dev/null /dev/ptmx; exec "$@"', subject.folder)
    return judged(subject, lambda: behind_a_terminal(subject, words), outcome("streams"))


@case("C52", expected=NOTHING, modes=RESIDENT)
def missed_without_splice(subject):
    """Read and write do as well, so nothing is missed."""
    return judged(subject, lambda: behind_pipes(subject, refuse(["splice", "tee"])), outcome())


@case("C52", expected=NOTHING, modes=RESIDENT)
def missed_by_a_full_copy(subject):
    """An observer that does not read while 8 MB pass: its copy has a hole, the reader's stream has none."""
    script = "echo ready >&2; read x; yes | head -c 8000000 >&2; exit 9"

    def run():
        (read, write), (keys, typed) = pipe(), pipe()
        process = subject.spawn(subject.argv("sh", "-c", script), {0: keys, 1: write, 2: write})
        os.close(write)
        drain(read, 10, stop=lambda seen: len(seen) >= 6)
        observer = observer_of(process) if subject.resident else 0
        if observer:
            os.kill(observer, signal.SIGSTOP)
        os.write(typed, b"go\n")
        text = drain(read, 20, stop=lambda seen: len(seen) >= 8000000)
        if observer:
            os.kill(observer, signal.SIGCONT)
        return {"end": process.wait(), "output": "whole" if text == b"y\n" * 4000000 else "%d bytes" % len(text)}

    return judged(subject, run, outcome("copy_bytes"))


def with_observer_short_of(subject, which, value):
    """The command's answer while its observer alone is short of something from the first second on."""
    (read, write), (keys, typed) = pipe(), pipe()
    script = "echo ready >&2; read x; " + WORK
    process = subject.spawn(subject.argv("sh", "-c", script), {0: keys, 1: write, 2: write})
    os.close(write)
    drain(read, 10, stop=lambda seen: len(seen) >= 6)
    if subject.resident:
        until(lambda: [event for event in subject.events() if event["event"] == "start"], "the start event", 10)
        resource.prlimit(observer_of(process), which, (value, value))
    os.write(typed, b"go\n")
    text = drain(read, 20)
    return {"end": process.wait(), "output": "whole" if text == TEXT else "%d bytes" % len(text)}


@case("C52", expected=NOTHING, modes=RESIDENT, timeout=60)
def observer_without_memory(subject):
    """No more memory for the observer: whether it ends of it or not, the command does not, and the run has an end: its
    own, or the one that the next start writes for a run that nobody owns any more."""
    answer = with_observer_short_of(subject, resource.RLIMIT_AS, 1 << 20)
    if subject.resident:
        outcomes = lambda: [event["properties"]["outcome"] for event in subject.events() if event["event"] == "finish"]
        if not holds(outcomes, 5.0):
            subject.captured(*subject.argv("true"))
            holds(lambda: len(outcomes()) == 2, 5.0)
        seen = sorted(outcomes())
        if seen not in (["error"], ["lost"], ["lost", "success"]):
            answer["outcomes"] = seen
    return answer


@case("C52", expected=NOTHING, modes=RESIDENT)
def observer_without_descriptors(subject):
    """EMFILE in the observer: what is open goes on, so the journal has its end."""
    answer = with_observer_short_of(subject, resource.RLIMIT_NOFILE, 3)
    if subject.resident:
        finished(subject)
        seen = told(subject)
        if seen.get("outcome") != ["error"]:
            answer["show"] = seen
    return answer


@case("C52", expected=NOTHING, modes=RESIDENT)
def disk_that_fills_up(subject):
    """The state's disk is full when the run is under way and has room again when it ends: nothing is lost of it."""
    place = subject.path("disk")
    os.mkdir(place)
    script = ('mount -t tmpfs -o size=64k none "$0" && mkdir "$0/s" && XDG_STATE_HOME="$0/s" "$@"; code=$?; '
              'n=0; until grep -qs \'"finish"\' "$0"/s/axolotl-run/runs/*/events.jsonl || [ $((n+=1)) -gt 60 ]; '
              'do sleep 0.05; done; '
              'cp -r "$0/s/." "$XDG_STATE_HOME"; exit $code')
    inner = ("echo ready >&2; head -c 100k /dev/zero >'%s/f' 2>/dev/null; sleep 0.3; rm '%s/f'; " % (place, place)) + WORK
    words = in_namespace(script, place)
    os.makedirs(subject.state, exist_ok=True)

    def run():
        end, _, err = subject.captured(*words, *subject.argv("sh", "-c", inner))
        return {"end": end, "output": "whole" if err == b"ready\n" + TEXT else "%d bytes" % len(err)}

    return judged(subject, run, outcome())


# What the kernel says of the time of day, moved by as many seconds as stand in a file.
CLOCK = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    int answer = syscall(SYS_clock_gettime, clock, time);
    if (!answer && clock == CLOCK_REALTIME) {
        char text[32] = {0};
        int file = open(getenv("MOVED_CLOCK"), O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            if (read(file, text, sizeof text - 1) > 0) time->tv_sec += atoll(text);
            close(file);
        }
    }
    return answer;
}
"""


@case("C52", expected=NOTHING, modes=RESIDENT, timeout=60)
def clock_that_is_set(subject):
    """The time of day is set back by an hour while the command runs, and forward by one: durations do not notice."""
    if not shutil.which("cc"):
        raise Skip("no C compiler")
    source, shim, moved = subject.path("clock.c"), subject.path("clock.so"), subject.path("moved")
    with open(source, "w", encoding="ascii") as file:
        file.write(CLOCK)
    built = Process(["cc", "-shared", "-fPIC", "-o", shim, source], subject.env, subject.folder).wait(30)
    if built != "exit 0":
        raise Skip("no shared library can be built here")
    env, answer = dict(subject.env, LD_PRELOAD=shim, MOVED_CLOCK=moved), dict(NOTHING)
    script = "echo ready >&2; read x; " + WORK
    for seconds in (-3600, 3600):
        (read, write), (keys, typed), known = pipe(), pipe(), len(subject.events())
        process = subject.spawn(subject.argv("sh", "-c", script), {0: keys, 1: write, 2: write}, env=env)
        os.close(write)
        drain(read, 10, stop=lambda seen: len(seen) >= 6)
        if subject.resident:
            until(lambda: len(subject.events()) > known, "the start event", 10)
        with open(moved, "w", encoding="ascii") as file:
            file.write(str(seconds))
        os.write(typed, b"go\n")
        text = drain(read, 20)
        seen = {"end": process.wait(), "output": "whole" if text == TEXT else "%d bytes" % len(text)}
        if subject.resident:
            until(lambda: len(subject.events()) >= known + 2, "the finish event", 10)
            seen.update(unmoved(subject.newest(), seconds))
        answer.update(seen if seen != NOTHING else {})
        os.remove(moved)
    return answer


def unmoved(events, seconds):
    """What is wrong with the durations of a short run during which the time of day moved by so many seconds."""
    start, finish = events[0], events[-1]
    at = lambda event: datetime.datetime.strptime(event["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ")
    # Nothing happens before the start, even where the clock says so.
    durations = {"moved": (at(finish) - at(start)).total_seconds() - max(seconds, 0),
                 "elapsed_time": finish["properties"]["elapsed_time"] - start["properties"]["elapsed_time"],
                 "total_time_seconds": finish["properties"]["total_time_seconds"]}
    return {name: value for name, value in durations.items() if not 0 <= value < 60}


# --- followed files ---------------------------------------------------------------------------------------------

FAIL = "%s -I -c 'raise ValueError(1)'" % COMMAND[0]
FILL = "i=0; while [ $i -lt 2000 ]; do echo a line that is long enough to matter; i=$((i+1)); done >&2"
SHAPES = {  # name: (what opens the file, what the command is)
    "truncated at the start": ("echo old >f; exec 2>f", FAIL),
    "appended": ("echo old >f; exec 2>>f", FAIL),
    "both streams": ("exec >f 2>&1", "echo out; " + FAIL),
    "in the middle of a block": ("exec >f 2>&1; echo before", FAIL),
    "unlinked": ("exec 2>f; ln f kept; rm f; mv kept f", FAIL),
    "cut while it is written": ("exec 2>>f", FILL + "; : >f; " + FAIL),
    "cut, and not appended": ("exec 2>f", FILL + "; : >f; " + FAIL),
    "with another writer": ("exec 2>>f; (i=0; while [ $i -lt 200 ]; do echo neighbour >&2; i=$((i+1)); done)", FAIL),
    "gone": ("exec 2>f; rm f; exec 3<>/proc/self/fd/2", FAIL + "; code=$?; cat /proc/self/fd/2 >f; exit $code"),
}


@case("C44 B20", expected={name: "as it is" for name in SHAPES}, timeout=120, modes=("off", "record", "on"))
def followed_files(subject):
    """What is in the file is what the command wrote, and the observer has read the traceback in it."""
    answer = {}
    for name, (opened, command) in SHAPES.items():
        texts = []
        for prefix in ([], subject.prefix):  # bare, right before, in the same shape
            path = subject.path("f")
            if os.path.exists(path):
                os.unlink(path)
            shutil.rmtree(subject.state, ignore_errors=True)
            script = "%s; exec \"$@\"" % opened
            end = subject.spawn(["sh", "-c", script, "sh", *prefix, "sh", "-c", command]).wait()
            with open(path, "rb") as file:
                texts.append((end, file.read()))
        problems = [] if texts[0] == texts[1] else ["differs: %r" % (texts,)]
        if subject.resident:
            finished(subject)
            types = [event["properties"].get("exception_type") for event in subject.events() if event["event"] == "error"]
            problems += [] if types == ["ValueError"] else ["seen: %r" % types]
        answer[name] = problems or "as it is"
    return answer


@case("C44", expected=["exit 1", "written", []], modes=RESIDENT)
def file_that_cannot_be_read(subject):
    """Somebody without rights writes to a file that only may be written: nothing is read of it, and that is said."""
    if not subject.resident:
        return ["exit 1", "written", []]
    if os.geteuid() or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv, to be somebody else")
    os.chmod(subject.folder, 0o777)
    shutil.copy(subject.prefix[0], subject.path("launcher"))
    os.chmod(subject.path("launcher"), 0o755)
    for folder in (subject.env["HOME"], subject.state):
        os.makedirs(folder, exist_ok=True)
        os.chown(folder, 65534, 65534)
    write = os.open(subject.path("f"), os.O_WRONLY | os.O_CREAT, 0o200)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    argv = [subject.path("launcher"), *subject.prefix[1:], "sh", "-c", "echo words >&2; exit 1"]
    end = subject.spawn(nobody + argv, {2: write}).wait()
    finished(subject)
    with open(subject.path("f"), "rb") as file:
        text = file.read()
    seen = told(subject)
    return [end, "written" if text == b"words\n" else repr(text), [] if seen == outcome("streams") else seen]


# --- the kernel's own choice ------------------------------------------------------------------------------------

HOG = """
import os, sys, time
folder, parent, held, most = sys.argv[1], os.getppid(), os.memfd_create('held'), 256 << 20
open(folder + '/hog', 'w').close()
while not os.path.exists(folder + '/go'): pass
while os.getppid() == parent and most > 0:
    most -= os.write(held, b'x' * 65536)
    time.sleep(0.0005)
fate = 'alone' if os.getppid() != parent else 'never alone'
os.close(held)
os.write(2, fate.encode() + b'\\n')
open(folder + '/fate', 'w').write(fate)
"""


def memory_group(limit_bytes):
    """A memory control group of ours, of either version."""
    for root, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        path = os.path.join(root, "transparency-%d" % os.getpid())
        try:
            os.mkdir(path)
        except OSError:
            continue
        if os.path.exists(os.path.join(path, name)):
            with open(os.path.join(path, name), "w", encoding="ascii") as file:
                file.write(str(limit_bytes))
            return path
        os.rmdir(path)
    raise Skip("no cgroup of ours with a memory controller")


def killed_in(group):
    """How many processes the kernel has killed for the group's memory."""
    for name in ("memory.oom_control", "memory.events"):
        if os.path.exists(os.path.join(group, name)):
            with open(os.path.join(group, name), encoding="ascii") as file:
                return int(dict(line.split() for line in file)["oom_kill"])
    return 0


def set_score(pid, score):
    with open("/proc/%d/oom_score_adj" % pid, "w", encoding="ascii") as file:
        file.write(str(score))


@case("C37", expected=["alone", "alone"], modes=RESIDENT, timeout=60)
def supervisor_killed_for_memory(subject):
    """The kernel chooses the launcher, of all, when memory is short: then the command lives, and the run has its end.
    The memory is in a file without a name, which makes nobody that holds it a better choice."""
    if not subject.resident:
        return ["alone", "alone"]
    # On a busy machine the kernel may choose a second one before the first is gone: another case than this one.
    answers = (starve(subject) for _ in range(5))
    return next((answer for answer in answers if answer), ["always more than one was killed"])


def starve(subject):
    """What becomes of the command; None where not the launcher alone was killed."""
    shutil.rmtree(subject.state, ignore_errors=True)
    for name in ("hog", "go", "fate"):
        if os.path.exists(subject.path(name)):
            os.unlink(subject.path(name))
    group = memory_group(64 << 20)
    try:
        def enter():
            with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write(str(os.getpid()))

        read, write = pipe()
        argv = subject.argv(*COMMAND[:3], "-c", HOG, subject.folder)
        process = subject.spawn(argv, {1: write, 2: write}, setup=enter)
        os.close(write)
        until(lambda: os.path.exists(subject.path("hog")), "the command")
        observer = observer_of(process)
        set_score(observer, 0), set_score(process.pid, 1000)
        open(subject.path("go"), "w", encoding="ascii").close()
        text = drain(read, 30)
        end = process.wait()
        if killed_in(group) > 1:
            return None
        finished(subject)
        until(lambda: os.path.exists(subject.path("fate")), "the command's end")
        with open(subject.path("fate"), encoding="ascii") as file:
            answer = [file.read(), text.decode().strip()]
        seen = told(subject)
        return answer if (end, seen.get("lost")) == ("signal 9", ["out_of_memory"]) else answer + [end, seen]
    finally:
        remove_group(group)
