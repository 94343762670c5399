#!/usr/bin/env python3
"""Runs test suites that others wrote, bare and behind the launcher, and compares them outcome by outcome.

Our own tests know what we thought of. A suite about signals, subprocesses or terminals knows what its authors thought of:
run behind the launcher, each of its tests has to end as it ends without. The suites are not in this repository: those of
CPython come with each installed Python, the others from their sdists on PyPI, at the time of the test.

    python3 tests/foreign/run.py --wrapper target/debug/axolotl-run [--only WORD...] [--python PATH...]

A test whose outcome changes between two bare runs says nothing; so a difference is looked at again, bare and wrapped, and
counts only if it is there three times. The status is 1 if one is left.
"""

import argparse
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

# Modules of CPython's own suite: what a launcher could disturb.
CPYTHON = """test_signal test_threadsignals test_subprocess test_os test_posix test_pty test_tty test_ioctl test_readline
    test_faulthandler test_wait3 test_wait4 test_fork1 test_popen test_select test_selectors test_sys test_cmd_line
    test_getpass test_curses test_asyncio.test_subprocess test_asyncio.test_unix_events test_asyncio.test_runners
    test_asyncio.test_events test_multiprocessing_fork.test_processes test_multiprocessing_fork
    test_multiprocessing_spawn.test_misc""".split()

# Packages of PyPI whose sdists hold their tests: package, folder of the tests, what else the tests need.
PYPI = [
    ("ptyprocess", "tests", []),
    ("pexpect", "tests", ["ptyprocess"]),
    ("tqdm", "tests", ["pytest-timeout", "pytest-asyncio"]),
]

SUITE_SECONDS = 1800
# `test_x (test.test_signal.Class.test_x) ... ok`; a docstring or output may stand between the name and the outcome.
UNITTEST_NAME = re.compile(r"^(test\w+ \([\w.]+\))")
UNITTEST_OUTCOME = re.compile(r"(?:^|\.\.\. )(ok|FAIL|ERROR|skipped|expected failure|unexpected success)\b[^\n]*$")
PYTEST = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) (\S+)")


def unittest_outcomes(text):
    outcomes, name = {}, None
    for line in text.splitlines():
        named = UNITTEST_NAME.match(line)
        if named:
            name = named.group(1)
        outcome = UNITTEST_OUTCOME.search(line)
        if outcome and name:
            outcomes[name], name = outcome.group(1), None
    return outcomes


def pytest_outcomes(text):
    matches = map(PYTEST.match, text.splitlines())
    return {match.group(2): match.group(1) for match in matches if match}


class Suite:
    """Tests that one command runs, and how what it prints tells their outcomes."""

    def __init__(self, name, command, folder, outcomes, on_terminal):
        self.name, self.command, self.folder = name, command, folder
        self.outcomes, self.on_terminal = outcomes, on_terminal

    def run(self, before, home):
        environment = {**os.environ, "HOME": home, "XDG_STATE_HOME": home, "PYTHONDONTWRITEBYTECODE": "1", "TERM": "xterm"}
        for name in ("AXOLOTL_RUN_ID", "AXOLOTL_RUN_SUPERVISOR", "AXOLOTL_DO_NOT_TRACK"):
            environment.pop(name, None)
        run = on_terminal if self.on_terminal else in_pipes
        status, text = run([*before, *self.command], cwd=self.folder, env=environment)
        return {**self.outcomes(text), "(status)": status}


def in_pipes(command, **more):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=SUITE_SECONDS, errors="replace", **more)
    except subprocess.TimeoutExpired:
        return "hung", ""
    return done.returncode, done.stdout


def on_terminal(command, **more):
    ours, theirs = pty.openpty()
    said = bytearray()

    def read():
        try:
            while piece := os.read(ours, 65536):
                said.extend(piece)
        except OSError:
            pass  # The last one who had the terminal has closed it.

    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, **more)
    os.close(theirs)
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        status = process.wait(SUITE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        status = "hung"
    # What a test left behind may keep the terminal open.
    reader.join(5)
    return status, said.decode(errors="replace").replace("\r\n", "\n")


def cpython_suites(pythons):
    for python in pythons:
        version = subprocess.run([python, "--version"], capture_output=True, text=True).stdout.split()[-1]
        for module in CPYTHON:
            found = subprocess.run([python, "-c", f"import test.{module}"], capture_output=True)
            if found.returncode == 0:
                command = [python, "-m", "unittest", "-v", f"test.{module}"]
                for terminal in (False, True):
                    where = "terminal" if terminal else "pipes"
                    yield Suite(f"CPython {version} {module}, {where}", command, "/", unittest_outcomes, terminal)


def pypi_suites(wanted, work):
    for package, folder, needs in PYPI:
        name = f"{package} of PyPI"
        if not wanted(name):
            continue
        python = work / package / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", work / package], check=True)
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "pytest", package, *needs], check=True)
        download = [*pip, "download", "--no-deps", "--no-binary", ":all:", "--dest", work, package]
        subprocess.run(download, check=True)
        archive = next(work.glob(f"{package}-*.tar.gz"))
        shutil.unpack_archive(archive, work)
        source = archive.with_suffix("").with_suffix("")
        # The folder alone: the package under test is the installed one.
        command = [python, "-m", "pytest", "-q", "-rA", "--color=no", "-p", "no:cacheprovider", folder]
        for terminal in (False, True):
            where = "terminal" if terminal else "pipes"
            yield Suite(f"{name}, {where}", command, source, pytest_outcomes, terminal)


def differences(suite, wrapper, home):
    """The outcomes bare, and the tests that end otherwise behind the launcher in three of three comparisons."""
    bare, left = suite.run([], home), None
    for _ in range(3):
        wrapped = suite.run([wrapper, "--record"], home)
        differing = {name for name in bare.keys() | wrapped.keys() if bare.get(name) != wrapped.get(name)}
        left = differing if left is None else left & differing
        if not left:
            return bare, []
        again = suite.run([], home)
        left = {name for name in left if again.get(name) == bare.get(name)}
    return bare, sorted(f"{name}: bare {bare.get(name)}, wrapped {wrapped.get(name)}" for name in left)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of suites")
    parser.add_argument("--python", nargs="*", default=[sys.executable], help="Pythons whose own suites are run")
    arguments = parser.parse_args()
    wrapper = os.path.realpath(arguments.wrapper)

    def wanted(name):
        return not arguments.only or any(word in name for word in arguments.only)

    differing = 0
    print(f"{'suite':64} {'tests':>5} {'ok':>5} differ", flush=True)
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as home:
        suites = [suite for suite in cpython_suites(arguments.python) if wanted(suite.name)]
        suites += pypi_suites(wanted, Path(work))
        for suite in suites:
            bare, found = differences(suite, wrapper, home)
            counted = Counter(bare.values())
            passed = counted["ok"] + counted["PASSED"]
            print(f"{suite.name:64} {len(bare) - 1:5} {passed:5} {len(found):6}", flush=True)
            for line in found:
                print(f"    {line}", flush=True)
            differing += len(found)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
