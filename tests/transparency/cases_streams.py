"""Bytes: pipes, files, sockets, closed and odd descriptors. What is written arrives, exactly, in order, and no later."""

import hashlib
import os
import select
import socket
import time

from support import COMMAND, QUIET, alive, case, drain, later, pipe, tree, until


def md5(data):
    return "%d bytes %s" % (len(data), hashlib.md5(data).hexdigest()[:12])


@case("B20 C26", expected=["exit 3", "O\n", "E\n"])
def streams_apart(subject):
    end, out, err = subject.captured(*subject.argv("sh", "-c", "echo O; echo E >&2; exit 3"))
    return [end, out.decode(), err.decode()]


@case("B22 C24 C25")
def standard_input(subject):
    """Control characters, every byte, and a volume: stdin is nobody's but the command's."""
    answer = {}
    for name, data in (("control", b"a\x03b\x04c\x1a\x13\r\n"), ("all bytes", bytes(range(256)) * 64)):
        with open(subject.path("in"), "wb") as file:
            file.write(data)
        script = 'cat in | "$@"'
        end, out, err = subject.captured("sh", "-c", script, "sh", *subject.argv("cat"))
        answer[name] = [end, md5(out), err.decode()]
    megabytes = 4 if subject.quick else 2048
    script = 'head -c %dM /dev/zero | "$@" | md5sum' % megabytes
    answer["volume"] = subject.captured("sh", "-c", script, "sh", *subject.argv("cat"), timeout=120)[1].decode()
    return answer


@case("B24 C33", expected=["exit 5", "at once"])
def grandchild_holds_the_pipe(subject):
    """The end of the command is the end, whoever still holds stderr."""
    read, write = pipe()
    process = subject.spawn(subject.argv("sh", "-c", "sleep 5 & exit 5"), {2: write})
    os.close(write)
    begin = time.monotonic()
    end = process.wait()
    spent = time.monotonic() - begin
    return [end, "at once" if spent < 2.0 else "%.1f s" % spent]


@case("B25 C34", expected=["exit 5", "EARLY\nLATE\n", "5", "end of file at once"])
def late_output(subject):
    """What a grandchild writes after the command's end arrives, its write succeeds, and end of file comes with it."""
    read, write = pipe()
    process = subject.spawn(subject.helper("late", subject.folder, 0.7), {1: write, 2: write})
    os.close(write)
    end = process.wait()
    text = drain(read)
    moment = time.monotonic()
    until(lambda: os.path.exists(subject.path("late")), "the grandchild's report")
    with open(subject.path("late"), encoding="ascii") as file:
        written = file.read()
    late_end = moment - os.stat(subject.path("late")).st_mtime + time.time() - time.monotonic()
    return [end, text.decode(), written, "end of file at once" if late_end < 0.3 else "%.2f s later" % late_end]


@case("B25", expected="as inherited")
def relay_that_is_nobodys_victim(subject):
    """What relays for a process that outlives the command is no likelier to be killed for memory than that process."""
    read, write = pipe()
    process = subject.spawn(subject.argv("sh", "-c", "sleep 49 >&2 & exit 5"), {2: write})
    os.close(write)
    process.wait()
    own, others = score("self"), {score(pid) for pid in tree(os.getpid()) if alive(pid)}
    return "as inherited" if others == {own} else sorted(others)


def score(pid):
    with open("/proc/%s/oom_score_adj" % pid, encoding="ascii") as file:
        return file.read().strip()


FLOOD = "seq 1 100000000 >&2 & echo $! >seq; sleep 0.3; exit 3"


@case("B24 B25 C33", expected={reader: ["exit 3", "in order"] for reader in ("fast", "slow", "stopped")}, timeout=60)
def flood_that_outlives(subject):
    """A process that writes without a pause, whoever reads: the launcher ends with the command, and not a number is
    missing of what is read before and after."""
    answer = {}
    for reader, pause in (("fast", 0.0), ("slow", 0.01), ("stopped", None)):
        read, write = pipe()
        process = subject.spawn(subject.argv("sh", "-c", FLOOD), {2: write})
        os.close(write)
        text, deadline = b"", later(3)
        while not process.poll() and time.monotonic() < deadline:
            if pause is None or not select.select([read], [], [], 0.01)[0]:
                time.sleep(0.01)
                continue
            text += os.read(read, 1 << 16 if pause == 0 else 4096)
            time.sleep(pause)
        end = process.ended or "goes on"
        goal = len(text) + (4 << 20)
        text += drain(read, 20, stop=lambda seen: len(seen) + len(text) >= goal)
        with open(subject.path("seq"), encoding="ascii") as file:
            os.kill(int(file.read()), 9)
        os.close(read)
        numbers = text.split(b"\n")[:-1]
        in_order = numbers == [b"%d" % number for number in range(1, len(numbers) + 1)]
        answer[reader] = [end, "in order" if in_order else "%d lines, not in order" % len(numbers)]
    return answer


@case("B26 C35", expected={"SIGPIPE": "signal 13", "silent": ["32", "exit 9"]})
def reader_goes_away(subject):
    """The command's next write fails as if nobody were in between."""
    answer = {}
    read, write = pipe()
    process = subject.spawn(subject.helper("flood", subject.folder), {2: write})
    os.close(write)
    os.read(read, 4096)
    os.close(read)
    answer["SIGPIPE"] = process.wait(3)
    read, write = pipe()
    process = subject.spawn(subject.helper("pair", subject.folder), {2: write})
    os.close(write)
    until(lambda: os.path.exists(subject.path("pair.pid")), "the writer")
    os.close(read)
    time.sleep(QUIET)  # bare, the very next write fails; a relay may need this long to hear of it
    open(subject.path("go"), "w", encoding="ascii").close()
    end = process.wait(5)
    with open(subject.path("error"), encoding="ascii") as file:
        answer["silent"] = [file.read(), end]
    return answer


def tails(subject, shared):
    """60 KB and a last word, then exit at once: how many were not all there when the launcher had gone."""
    script, lost = "head -c 60000 /dev/zero >&2; printf TAIL >&2", 0
    for _ in range(20 if subject.quick else 1000):
        read, write = pipe()
        process = subject.spawn(subject.argv("sh", "-c", script), {1: write, 2: write} if shared else {2: write})
        os.close(write)
        text = drain(read)
        end = process.wait()
        os.close(read)
        lost += not (end == "exit 0" and len(text) == 60004 and text.endswith(b"TAIL"))
    return lost or "nothing lost"


@case("B20 C36", expected="nothing lost", timeout=120)
def tail_in_a_pipe(subject):
    return tails(subject, shared=False)


@case("B20 C36", expected="nothing lost", timeout=120)
def tail_in_a_shared_pipe(subject):
    return tails(subject, shared=True)


@case("B20 C36", expected="nothing lost", timeout=120)
def tail_in_a_file(subject):
    script, lost = "head -c 60000 /dev/zero >&2; printf TAIL >&2", 0
    for _ in range(20 if subject.quick else 1000):
        write = os.open(subject.path("tail"), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        end = subject.spawn(subject.argv("sh", "-c", script), {2: write}).wait()
        os.close(write)
        with open(subject.path("tail"), "rb") as file:
            text = file.read()
        lost += not (end == "exit 0" and len(text) == 60004 and text.endswith(b"TAIL"))
    return lost or "nothing lost"


@case("B20 C44")
def regular_files(subject):
    """Truncating, appending, shared, unlinked, write-only and rotated files: content, offset and mode."""
    answer = {}
    script = "echo one; echo two >&2; echo three; echo four >&2"
    shapes = {"2>": '"$@" 2>f', ">f 2>&1": '"$@" >f 2>&1', "2>>": 'echo old >f; "$@" 2>>f',
              ">>f 2>&1": 'echo old >f; "$@" >>f 2>&1',
              "block": '{ echo before; "$@"; echo after; } >f 2>&1',
              "not appended": 'printf 0123456789 >f; { printf AB; "$@"; } 1<>f 2>&1',
              "write-only": 'umask 577; "$@" >f 2>&1', "two": '"$@" >f 2>g; cat g >>f'}
    for name, shape in shapes.items():
        for path in (subject.path("f"), subject.path("g")):
            if os.path.exists(path):
                os.unlink(path)
        end = subject.spawn(["sh", "-c", shape, "sh", *subject.argv("sh", "-c", script)]).wait()
        mode = os.stat(subject.path("f")).st_mode & 0o777
        os.chmod(subject.path("f"), 0o600)
        with open(subject.path("f"), "rb") as file:
            answer[name] = [end, file.read().decode(), "%o" % mode]
    write = os.open(subject.path("gone"), os.O_RDWR | os.O_CREAT, 0o600)
    os.unlink(subject.path("gone"))
    end = subject.spawn(subject.argv("sh", "-c", script), {1: write, 2: write}).wait()
    answer["unlinked"] = [end, os.pread(write, 100, 0).decode(), os.lseek(write, 0, os.SEEK_CUR)]
    return answer


@case("C44")
def rotated_file(subject):
    """copytruncate: the file is cut while the command writes in append mode."""
    path = subject.path("log")
    write = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    script = "echo first >&2; while ! [ -e cut ]; do sleep 0.01; done; echo second >&2"
    process = subject.spawn(subject.argv("sh", "-c", script), {2: write})
    until(lambda: os.path.getsize(path) > 0, "the first line")
    os.truncate(path, 0)
    open(subject.path("cut"), "w", encoding="ascii").close()
    end = process.wait()
    with open(path, encoding="ascii") as file:
        return [end, file.read()]


@case("C45 C46", expected={"full": ["28"], "closed 2": ["9"], "closed 1": ["9"], "closed 0": ["9"]})
def odd_descriptors(subject):
    """/dev/full fails with ENOSPC, a closed descriptor is closed: the command meets what we were given."""
    probe = "import os,sys\ntry: os.write(%d, b'x'); print('ok', file=open('r','w'))\n" \
        "except OSError as e: print(e.errno, file=open('r','w'))"
    if_closed = "import os\ntry: os.fstat(%d); r='open'\nexcept OSError as e: r=e.errno\nopen('r','w').write(str(r))"
    answer = {}
    full = os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC)
    python = COMMAND[:3]
    for name, program, fds in (
        ("full", probe % 2, {2: full}),
        ("closed 2", if_closed % 2, {2: None}),
        ("closed 1", if_closed % 1, {1: None}),
        ("closed 0", if_closed % 0, {0: None}),
    ):
        end = subject.spawn(subject.argv(*python, "-c", program), fds).wait()
        try:
            with open(subject.path("r"), encoding="ascii") as file:
                answer[name] = file.read().split()
            os.unlink(subject.path("r"))
        except FileNotFoundError:
            answer[name] = "did not run: " + end
    return answer


@case("C47")
def sockets_and_non_blocking_pipes(subject):
    """A socket for stderr, and a pipe that somebody made non-blocking: every byte arrives, the flag stays as it is."""
    answer = {}
    mine, theirs = socket.socketpair()
    process = subject.spawn(subject.argv("sh", "-c", "head -c 300000 /dev/zero >&2; echo END >&2"), {2: theirs.fileno()})
    theirs.close()
    answer["socket"] = [md5(drain(mine.fileno())), process.wait()]
    read, write = pipe()
    os.set_blocking(write, False)
    program = "import os\nd=b'z'*300000\nwhile d:\n try: d=d[os.write(2,d[:4096]):]\n except BlockingIOError: pass"
    process = subject.spawn(subject.argv(*COMMAND[:3], "-c", program), {2: write})
    text = drain(read, 10, stop=lambda seen: len(seen) >= 300000)
    answer["non-blocking"] = [md5(text), process.wait(), "blocking" if os.get_blocking(write) else "as it was"]
    return answer


@case("C1", expected=["exit 0", 0, 0])
def never_writes(subject):
    end, out, err = subject.captured(*subject.argv("sleep", "0.2"))
    return [end, len(out), len(err)]


@case("C46", expected=["exit 4", "out\n", ""])
def closes_its_stderr(subject):
    """A command that closes stderr and goes on: that is no end of anything."""
    end, out, err = subject.captured(*subject.argv("sh", "-c", "exec 2>&-; sleep 0.3; echo out; exit 4"))
    return [end, out.decode(), err.decode()]


@case("B20 C37", expected=["exit 9", "whole"], timeout=150, modes=("record",), slow=True)
def ten_gigabytes(subject):
    """Through one pipe, each byte looked at by the reader."""
    (read, write), gigabytes = pipe(), 1 if subject.bare else 10
    process = subject.spawn(subject.argv("sh", "-c", "yes 0123456 | head -c %dG >&2; exit 9" % gigabytes), {2: write})
    os.close(write)
    pattern, seen, buffer = b"0123456\n" * (1 << 17), 0, bytearray(1 << 20)
    while True:
        count = os.readv(read, [buffer])
        if not count:
            break
        at = seen % 8
        if buffer[:count] != (pattern[at:] + pattern[:at])[:count] if at else buffer[:count] != pattern[:count]:
            return "other bytes after %d" % seen
        seen += count
    return [process.wait(), "whole" if seen == gigabytes << 30 else "%d bytes" % seen]


@case("B20 C37", timeout=100)
def volume(subject):
    """A flood through a pipe arrives whole; sizes larger than any buffer."""
    megabytes = 64 if subject.quick else 512
    answer = {}
    for name, script in (("apart", '"$@" 2>&1 >/dev/null | md5sum'), ("shared", '"$@" 2>&1 | md5sum')):
        command = subject.argv("sh", "-c", "head -c %dM /dev/zero >&2" % megabytes)
        answer[name] = subject.captured("sh", "-c", script, "sh", *command, timeout=90)[1].decode()
    return answer
