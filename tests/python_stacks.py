#!/usr/bin/env python3
"""Our reader of Python stacks beside py-spy's: the same programs, looked at by both; and what a look costs.

    python3 tests/python_stacks.py --wrapper target/debug/axolotl-run --py-spy VENV/bin/py-spy [PYTHON...]

Needs `pip install py-spy`. Without PYTHON every python3.9 to python3.14 is taken that is in /usr/bin, /usr/local/bin or
~/.pyenv/versions. Each runs a program under `axolotl-run --record` that sleeps deep in classes, generators and threads; its
main thread's frames have to be the same in `axolotl-run --stacks --json` and in `py-spy dump --json`. Exit status: 0 where
they are.
"""

import argparse
import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

PROGRAM = r"""
import threading, time
class Model:
    def step(self, *batch):
        return [
            time.sleep(600) for _ in batch
        ]
def batches():
    yield from (Model().step(number) for number in (1, 2))
def train():
    for _ in map(lambda value: list(
            batches()), [1]):
        pass
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
train()
"""


def pythons():
    folders = ["/usr/bin", "/usr/local/bin", os.path.expanduser("~/.pyenv/versions/*/bin")]
    found = [path for folder in folders for minor in range(9, 15) for path in glob.glob(f"{folder}/python3.{minor}")]
    return sorted(found)


def ours(wrapper, environment):
    """The frames as we see them, once both looks agree on something that sleeps."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        told = subprocess.run([wrapper, "--stacks", "--json"], env=environment, capture_output=True, text=True).stdout
        for process in json.loads(told)["processes"] if told else []:
            frames = [(frame["function"], frame["file"], frame["line"]) for frame in process["frames"]]
            if not process["moves"] and len(frames) > 4:
                return process["pid"], frames
        time.sleep(0.2)
    return None, []


def theirs(py_spy, pid):
    dumped = subprocess.run([py_spy, "dump", "--nonblocking", "--json", "--pid", str(pid)], capture_output=True, text=True)
    for thread in json.loads(dumped.stdout):
        if thread["thread_name"] == "MainThread":
            # From 3.11 on it tells qualified names.
            name = lambda frame: frame["name"].rsplit(".", 1)[-1]
            return [(name(frame), frame["filename"], frame["line"]) for frame in thread["frames"]]
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("--py-spy", required=True)
    parser.add_argument("pythons", nargs="*")
    arguments = parser.parse_args()
    wrapper = str(pathlib.Path(arguments.wrapper).resolve())
    good = True
    for python in arguments.pythons or pythons():
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            environment = {**os.environ, "XDG_STATE_HOME": folder, "HOME": folder}
            environment.pop("AXOLOTL_RUN_ID", None)
            program = pathlib.Path(folder) / "train.py"
            program.write_text(PROGRAM)
            run = subprocess.Popen([wrapper, "--record", python, str(program)], env=environment)
            pid, seen = ours(wrapper, environment)
            expected = theirs(arguments.py_spy, pid) if pid else []
            run.terminate()
            run.wait()
        same = seen == expected and bool(seen)
        print(f"{python:<50} {len(seen)} frames  {'the same' if same else f'DIFFERENT: {seen} / {expected}'}", flush=True)
        good &= same
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
