#!/usr/bin/env python3
"""Takes the pictures of docs/: the terminal page and the page for a browser of three made-up runs.

    cargo build && python3 tools/report_pictures.py target/debug/axolotl-run

Needs chromium. The terminal pages are drawn here, as SVG, from what the program prints on a terminal of 80 columns; the
pages for a browser are what the browser shows, as PNG.
"""

import fcntl
import html
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
RUNS = {"good": "6f1c2e9a", "crashed": "b20d41c7", "hung": "e93f7a05"}
INKS = {"1;32": "#56d364", "1;31": "#ff7b72", "1;33": "#e3a33b", "36": "#58b0e3", "2": "#9aa5b1", "0": "#e6e9ed"}


def on_terminal(program, words, environment, columns=80, rows=24):
    """What a program prints on a terminal."""
    child, master = pty.fork()
    if child == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execve(program, [program, *words], environment)
    printed = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        printed += piece
    os.waitpid(child, 0)
    return printed.decode().replace("\r\n", "\n")


def drawn(text, columns=80):
    """The text of a terminal as SVG."""
    lines = text.rstrip("\n").split("\n")
    width, height = columns * 8.43 + 24, len(lines) * 17 + 20
    svg = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" width="%.0f" height="%d">' % (width, height, width, height),
           '<rect width="100%" height="100%" rx="6" fill="#12161b"/>',
           '<g font-family="DejaVu Sans Mono, monospace" font-size="14" fill="#e6e9ed">']
    for number, line in enumerate(lines):
        ink, at = "0", 0
        for part in re.split(r"(\x1b\[[0-9;]*m)", line):
            if part.startswith("\x1b"):
                ink = part[2:-1]
            elif part:
                # Word by word: no two viewers agree on what becomes of blanks.
                for word in re.finditer(r"\S+", part):
                    svg.append('<text x="%.1f" y="%d" textLength="%.1f" fill="%s">%s</text>' % (
                        12 + (at + word.start()) * 8.43, 24 + number * 17, len(word[0]) * 8.43, INKS[ink],
                        html.escape(word[0])))
                at += len(part)
    return "\n".join([*svg, "</g>", "</svg>", ""])


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, HERE / "example_runs.py", scratch], check=True)
        environment = {"XDG_STATE_HOME": scratch, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "HOME": scratch}
        for name, run in RUNS.items():
            page = on_terminal(program, ["--report", run], environment)
            (DOCS / ("report-%s.svg" % name)).write_text(drawn(page))
            file = pathlib.Path(scratch, name + ".html")
            subprocess.run([program, "--report", run, "--html", file], check=True, env=environment)
            scheme = "0" if name == "hung" else "1"  # one of them as a browser shows it by night
            subprocess.run(
                ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                 "--user-data-dir=" + scratch + "/browser", "--blink-settings=preferredColorScheme=" + scheme,
                 "--window-size=1000,1500", "--screenshot=%s" % (DOCS / ("report-%s.png" % name)), "file://%s" % file],
                check=True, stderr=subprocess.DEVNULL, timeout=120)


if __name__ == "__main__":
    main()
