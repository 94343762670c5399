#!/usr/bin/env python3
"""Takes the pictures of docs/: the terminal page and the page for a browser of four runs.

    cargo build && python3 tools/report_pictures.py target/debug/axolotl-run [--state FOLDER]

Two are real runs of examples/train.py, beside one another: one goes well, one meets a damaged record. They take six
minutes; with --state they are kept, or taken from there. Two are made up by example_runs.py, because they are of eight
GPUs: one hangs, the loss of one becomes NaN. Needs chromium. The terminal pages are drawn here, as SVG, from what the
program prints on a terminal of 80 columns; the pages for a browser are what the browser shows, as PNG.
"""

import argparse
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from on_terminal import run_on_terminal

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
TRAINING = ["--config", "train.yml", "python3", "train.py", "--steps", "200", "--epochs", "3", "--sleep-per-step", "0.4"]
RUNS = {"good": [], "crashed": ["--fail-at", "500"]}
MADE_UP = {"hung": "e93f7a05", "nan": "3d9e5b12"}
HEIGHTS = {"good": 1500, "crashed": 1700, "hung": 1500, "nan": 1560}
INKS = {"1;32": "#56d364", "1;31": "#ff7b72", "1;33": "#e3a33b", "36": "#58b0e3", "2": "#9aa5b1", "0": "#e6e9ed"}


def record(program, environment):
    """Makes the real runs, in a directory whose path may be seen by all."""
    folder = pathlib.Path(environment["XDG_STATE_HOME"], "training")
    folder.mkdir()
    for name in "train.py", "train.yml":
        shutil.copy(HERE.parent / "examples" / name, folder)
    runs = []
    for name, options in RUNS.items():
        with open(os.path.join(environment["XDG_STATE_HOME"], name), "w") as output:
            runs.append(subprocess.Popen([program, "--record", *TRAINING, *options], cwd=folder, env=environment,
                                         stdout=output, stderr=output))
    for run in runs:
        run.wait()


def recorded(program, environment):
    """The runs by their names, each told by how it ended."""
    listed = subprocess.run([program, "--runs", "--json"], env=environment, capture_output=True, text=True, check=True)
    names = {"success": "good", "error": "crashed"}
    return {names[run["outcome"]]: run["run"] for run in json.loads(listed.stdout)["runs"] if run["outcome"] in names}


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


def picture(program, name, run, environment, scratch):
    page, _ = run_on_terminal([program, "--report", run], environment)
    (DOCS / ("report-%s.svg" % name)).write_text(drawn(page.decode().replace("\r\n", "\n")))
    file = pathlib.Path(scratch, name + ".html")
    subprocess.run([program, "--report", run, "--html", file], check=True, env=environment)
    scheme = "0" if name == "hung" else "1"  # one of them as a browser shows it by night
    subprocess.run(
        ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--user-data-dir=" + scratch + "/browser", "--blink-settings=preferredColorScheme=" + scheme,
         "--window-size=1000,%d" % HEIGHTS[name], "--screenshot=%s" % (DOCS / ("report-%s.png" % name)),
         "file://%s" % file], check=True, stderr=subprocess.DEVNULL, timeout=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--state", type=pathlib.Path, help="where the runs are recorded")
    options = parser.parse_args()
    program = str(options.program.resolve())
    with tempfile.TemporaryDirectory() as scratch:
        state = options.state.resolve() if options.state else pathlib.Path(scratch, "state")
        state.mkdir(exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": scratch, "XDG_STATE_HOME": str(state), "LC_ALL": "C.UTF-8",
                       "TERM": "xterm-256color", "PYTHONUNBUFFERED": "1"}
        if not (state / "axolotl-run").exists():
            record(program, environment)
        for name, run in recorded(program, environment).items():
            picture(program, name, run, environment, scratch)
        made_up = {**environment, "XDG_STATE_HOME": scratch + "/made up"}
        subprocess.run(["python3", HERE / "example_runs.py", made_up["XDG_STATE_HOME"]], check=True)
        for name, run in MADE_UP.items():
            picture(program, name, run, made_up, scratch)


if __name__ == "__main__":
    main()
