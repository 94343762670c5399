"""A command on a terminal of its own, for the scripts that look at what is printed there."""

import fcntl
import os
import pty
import struct
import termios


def run_on_terminal(command, environment, folder=".", columns=80, rows=24):
    """Output and exit status of a command; a signal's number is negative."""
    pid, master = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        finally:
            os._exit(127)  # whatever happened, this must not go on as a second parent
    output = bytearray()
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # a terminal whose last user has gone
            break
        if not piece:
            break
        output += piece
    _, status = os.waitpid(pid, 0)
    os.close(master)
    return bytes(output), os.waitstatus_to_exitcode(status)
