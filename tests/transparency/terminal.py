"""Terminals with a session leader, as a person or a test has them.

Echo is off, so that what arrives is the output alone; what was read stays in `text`, and `expect` moves on through it,
so that nothing is taken for an answer to what was typed later.
"""

import fcntl
import os
import select
import shlex
import struct
import termios
import time

from support import Hang, become, later, name_of, until


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    """A terminal whose session leader is `argv`. Echo is off, so that what arrives is output alone."""

    PROMPT = b"=-=> "

    def __init__(self, argv, env, cwd, setup=None):
        self.master, slave = os.openpty()
        set_size(self.master, 24, 80)
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.text, self.at = bytearray(), 0
        self.ended = None
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
                become(argv, env, cwd, {0: slave, 1: slave, 2: slave}, setup, ())
            finally:
                os._exit(120)
        os.close(slave)

    @classmethod
    def shell(cls, subject, program="bash"):
        """An interactive shell with job control, its first prompt already read."""
        words = ["bash", "--noprofile", "--norc", "--noediting", "-i"] if program == "bash" else [program, "-i"]
        env = dict(subject.env, PS1=cls.PROMPT.decode(), PS2="", TERM="xterm", HISTFILE="/dev/null", ENV="")
        terminal = cls(words, env, subject.folder)
        terminal.expect(cls.PROMPT)
        return terminal

    def pump(self, timeout=0.0):
        """Takes in what is there; False at the end of file."""
        if not select.select([self.master], [], [], timeout)[0]:
            return True
        try:
            part = os.read(self.master, 1 << 16)
        except OSError:
            part = b""
        self.text += part
        return bool(part)

    def send(self, data):
        os.write(self.master, data)

    def line(self, *words):
        """Types one command line."""
        self.send((words[0] if len(words) == 1 else shlex.join(words)).encode() + b"\n")

    def expect(self, wanted, timeout=5.0):
        """Reads on until `wanted` appears behind what was already looked at; answers all text up to its end."""
        deadline = later(timeout)
        while True:
            found = self.text.find(wanted, self.at)
            if found >= 0:
                seen = bytes(self.text[self.at : found + len(wanted)])
                self.at = found + len(wanted)
                return seen
            left = deadline - time.monotonic()
            if left <= 0 or not self.pump(min(left, 0.2)):
                self.pump(0)
                if self.text.find(wanted, self.at) < 0:
                    tail = bytes(self.text[self.at :])[-200:]
                    raise Hang("%r on the terminal: not within %.1f s; there was %r" % (wanted, timeout, tail))

    def prompt(self, timeout=5.0):
        return self.expect(self.PROMPT, timeout)

    def poll(self):
        """The end of the session's leader in words, or None; reads on, so that nobody waits for us."""
        self.pump(0)
        if self.ended is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.ended = name_of(status)
        return self.ended

    def wait(self, timeout=10.0):
        return until(self.poll, "the end of the session", timeout)

    def rest(self, timeout=5.0):
        """Everything up to the end of file."""
        until(lambda: not self.pump(0.05), "end of file on the terminal", timeout)
        return bytes(self.text)
