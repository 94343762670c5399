"""What a program sees of its terminal, and what the terminal shows of the program."""

import hashlib
import json
import os
import shutil
import signal
import sys
import time

from support import Skip, case, drain, holds, pipe, stat_of, tree, until
from terminal import Terminal, set_size


def read_json(subject, name):
    """What a helper reported; half of a second file is never seen, because it is renamed into place."""
    path = subject.path(name)
    until(lambda: os.path.exists(path), "the report " + name)
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    return value


def device_of(subject, kinds):
    """`command.py device` with stdin, stdout, stderr of the given kinds, under a session leader with a terminal."""
    words = subject.helper("device", subject.folder)
    redirections = []
    for number, kind in enumerate(kinds):
        if kind == "file":
            redirections.append("%d<>%s" % (number, subject.path("file%d" % number)))
        elif kind == "null":
            redirections.append("%d<>/dev/null" % number)
    script = '"$@" ' + " ".join(redirections)
    if kinds[0] == "pipe":
        script = "true | " + script
    if kinds[1] == "pipe":
        script += " | cat"
    if kinds[2] == "pipe":
        script = "{ %s; } 2>&1 >&3 3>&- | cat" % script
        script = "exec 3>&1; " + script
    terminal = Terminal(["sh", "-c", script, "sh", *words], subject.env, subject.folder)
    terminal.wait()
    terminal.rest()
    os.close(terminal.master)
    answer = read_json(subject, "device")
    os.unlink(subject.path("device"))
    return answer


@case("B18 B19 C27")
def what_is_a_terminal(subject):
    """isatty, names, sizes and /dev/tty in every combination that scripts make."""
    kinds = [(i, o, e) for i in ("tty", "pipe", "null") for o in ("tty", "pipe", "file") for e in ("tty", "file", "null")]
    kinds += [("tty", "tty", "pipe"), ("null", "file", "pipe")]
    if subject.quick:
        kinds = kinds[::4] + kinds[-2:] + [("tty", "tty", "null")]
    answer = {}
    for combination in kinds:
        seen = device_of(subject, combination)
        answer["/".join(combination)] = {key: seen[key] for key in ("isatty", "/dev/tty", "size", "name")}
    return answer


@case("B18 C27")
def terminal_as_device(subject):
    """Asking stdout or stderr for its foreground group or its line discipline, as only shells and editors do."""
    seen = device_of(subject, ("tty", "tty", "tty"))
    return {key: seen[key] for key in ("foreground group", "speaks carriage returns")}


@case("C27 C32")
def real_terminal_on_request(subject):
    """`--tty=direct`: the very terminal, nothing in between."""
    if subject.resident:
        subject.prefix = subject.prefix + ["--tty=direct"]
    return device_of(subject, ("tty", "tty", "tty"))


@case("B23 C28", expected=["right at start", "right after resize", "right after a storm"])
def window_size(subject):
    terminal = Terminal(subject.helper("sizes", subject.folder), subject.env, subject.folder)
    path, answer = subject.path("sizes"), []
    until(lambda: os.path.exists(path), "the first size")

    def last():
        with open(path, encoding="ascii") as file:
            return json.load(file)[-1]

    answer.append("right at start" if last() == [[24, 80], [24, 80]] else last())
    set_size(terminal.master, 40, 132)
    right = holds(lambda: last() == [[40, 132], [40, 132]], 0.5)
    answer.append("right after resize" if right else last())
    for number in range(60):
        set_size(terminal.master, 20 + number, 80 + number)
        time.sleep(0.002)
    right = holds(lambda: last() == [[79, 139], [79, 139]], 1.0)
    answer.append("right after a storm" if right else last())
    open(subject.path("stop"), "w", encoding="ascii").close()
    terminal.wait()
    return answer


def transcript(subject, argv, keys=(), env=None, timeout=10.0):
    """Everything that a terminal shows of a program, each of `keys` typed after its text has appeared."""
    terminal = Terminal(argv, dict(subject.env, **(env or {})), subject.folder)
    for wanted, key in keys:
        terminal.expect(wanted, timeout)
        terminal.send(key)
    end = terminal.wait(timeout)
    text = terminal.rest()
    os.close(terminal.master)
    return end, text


@case("B20 B21 C26 C29", expected=["ordered"])
def order_on_one_terminal(subject):
    """300 alternating writes to both streams: on a terminal, and on one pipe."""
    wanted = b"".join(b"e%05d\no%05d\n" % (number, number) for number in range(300))
    seen = set()
    for _ in range(3 if subject.quick else 20):
        _, text = transcript(subject, subject.helper("alternate", subject.folder, 300))
        seen.add("ordered" if text == wanted.replace(b"\n", b"\r\n") else "terminal: %d bytes, other order" % len(text))
        read, write = pipe()
        process = subject.spawn(subject.helper("alternate", subject.folder, 300), {1: write, 2: write})
        os.close(write)
        text = drain(read)
        os.close(read)
        process.wait()
        seen.add("ordered" if text == wanted else "pipe: %d bytes, other order" % len(text))
    return sorted(seen)


@case("C30")
def bars_on_a_terminal(subject):
    """Bars on stderr and log lines on stdout share one line of the screen: the bytes must be the same, in order."""
    seen = {}
    for _ in range(3 if subject.quick else 20):
        _, text = transcript(subject, subject.helper("bars", subject.folder, 60))
        key = "%d bytes %s" % (len(text), hashlib.md5(text).hexdigest()[:8])
        seen[key] = "seen"
    return seen


INTERACTIVE = {
    "getpass": (["-c", "import getpass; print(len(getpass.getpass('word? ')))"], [(b"word? ", b"secret\n")]),
    "input": (["-c", "print('<' + input('name? ') + '>')"], [(b"name? ", b"jane\n")]),
    "pdb": (["-c", "import pdb; pdb.set_trace(); print('after')"], [(b"(Pdb) ", b"p 6*7\n"), (b"42", b"c\n")]),
    "interpreter": (["-q", "-i", "-c", "x = 20"], [(b">>> ", b"x + 22\n"), (b"42", b"exit()\n")]),
}


@case("C31")
def interactive_python(subject):
    python = [sys.executable, "-I"]
    answer = {}
    for name, (words, keys) in INTERACTIVE.items():
        end, text = transcript(subject, subject.argv(*python, *words), keys, {"PYTHON_BASIC_REPL": "1"})
        answer[name] = [end, text.decode(errors="replace")]
    return answer


@case("C31")
def silent_reading(subject):
    """`stty -echo; read` on the inherited stdin acts on the real terminal, wherever stderr goes."""
    script = "stty -echo; printf 'key? ' >&2; read x; stty echo; stty -a <&0 | grep -o -- '-\\?echo ' >&2; echo got $x"
    end, text = transcript(subject, subject.argv("sh", "-c", script), [(b"key? ", b"typed\n")])
    return [end, text.decode()]


@case("C32")
def programs_that_own_the_terminal(subject):
    """A pager and a shell get the real terminal by their names: same screens, same job control."""
    if not shutil.which("less"):
        raise Skip("no less")
    with open(subject.path("pages"), "w", encoding="ascii") as file:
        file.write("".join("line %d\n" % number for number in range(200)))
    env = {"LESS": "", "LESSHISTFILE": "-", "PS1": "in> ", "HISTFILE": "/dev/null"}
    answer = {}
    end, text = transcript(subject, subject.argv("less", "pages"), [(b"pages", b" "), (b"line 45", b"q")], env)
    answer["less"] = [end, text.decode()]
    words = ["bash", "--noprofile", "--norc", "--noediting", "-i"]
    terminal = Terminal(subject.argv(*words), dict(subject.env, **env), subject.folder)
    terminal.expect(b"in> ")
    terminal.line("sleep 7")
    until(lambda: sleeping(terminal.pid), "the inner job")
    terminal.send(b"\x1a")
    terminal.expect(b"Stopped")
    terminal.expect(b"in> ")
    terminal.line("fg")
    until(lambda: sleeping(terminal.pid, "S"), "the inner job running on")
    terminal.send(b"\x03")
    terminal.expect(b"in> ")
    terminal.line("echo $((5*5))")
    terminal.expect(b"25")
    terminal.line("exit 3")
    answer["bash"] = terminal.wait()
    return answer


def sleeping(root, wanted="ST"):
    entries = [stat_of(pid) for pid in tree(root)]
    return any(entry and entry[0] == "sleep" and entry[1] in wanted for entry in entries)


@case("C32")
def curses_on_request(subject):
    """A program that is not on the list of those that own the terminal, with --tty=direct."""
    if subject.resident:
        subject.prefix = subject.prefix + ["--tty=direct"]
    program = ("import curses\ndef main(s):\n s.addstr(3, 4, 'in the middle'); s.refresh(); k = s.getch(); "
               "s.addstr(5, 4, 'key %d' % k); s.refresh(); s.getch()\ncurses.wrapper(main)")
    argv = subject.argv(sys.executable, "-I", "-c", program)
    end, text = transcript(subject, argv, [(b"middle", b"a"), (b"97", b"b")], {"TERM": "xterm"})
    return [end, text.decode()]


@case("C20", expected={"HUP": "ignored", "end": "exit 0"})
def nohup_stays(subject):
    """What nohup ignores stays ignored in the command."""
    script = 'nohup "$@" >out 2>&1 </dev/null'
    argv = ["sh", "-c", script, "sh", *subject.argv("grep", "SigIgn", "/proc/self/status")]
    terminal = Terminal(argv, subject.env, subject.folder)
    end = terminal.wait()
    with open(subject.path("out"), encoding="ascii") as file:
        mask = int(file.read().split()[-1], 16)
    return {"HUP": "ignored" if mask & 1 << (signal.SIGHUP - 1) else "not ignored", "end": end}


@case("C36", expected="nothing lost", timeout=60)
def tail_on_a_terminal(subject):
    """60 KB and a last word, then exit at once: all of it is on the terminal at its end of file."""
    script = "head -c 60000 /dev/zero | tr '\\0' x >&2; printf TAIL >&2"
    lost = 0
    for _ in range(20 if subject.quick else 1000):
        end, text = transcript(subject, subject.argv("sh", "-c", script))
        lost += not (end == "exit 0" and len(text) == 60004 and text.endswith(b"TAIL"))
    return lost or "nothing lost"
