"""Writes the first inputs of each target: the public corpus, each canary as the byte that stands for one.

    python3 seeds.py CORPUS DIRECTORY

CORPUS is tests/corpus. For each target a directory is made below DIRECTORY.
"""

import json
import pathlib
import re
import sys


def woven(raw, labels):
    for canary in sorted(labels["canaries"], key=len, reverse=True):
        raw = raw.replace(canary.encode(), b"\1")
    return raw


def main():
    corpus, out = map(pathlib.Path, sys.argv[1:])
    for target in ("lines", "traceback", "catalogue", "config"):
        (out / target).mkdir(parents=True, exist_ok=True)
    for case in sorted(corpus.glob("cases/*.stderr")):
        raw = woven(case.read_bytes(), json.loads(case.with_suffix(".json").read_text()))
        (out / "lines" / case.stem).write_bytes(raw)
        for choice in b"\x00\x05":
            (out / "traceback" / ("%s-%d" % (case.stem, choice))).write_bytes(bytes([choice]) + raw)
    for case in sorted(corpus.glob("config/*.yml")):
        raw = woven(case.read_bytes(), json.loads(case.with_suffix(".json").read_text()))
        (out / "config" / case.stem).write_bytes(raw + b"\f--learning-rate\n1e-4\n--trl.beta=0.1\n--wandb-name\n\1\n")
    # Every text of the messages that are known, the examples among them.
    root = corpus.parents[1]
    files = [*root.glob("knowledge/messages/*.yaml"), *root.glob("crates/core/src/output/traceback/messages/catalogue.rs")]
    known = "".join(path.read_text() for path in sorted(files))
    for number, example in enumerate(re.findall(r'"((?:[^"\\]|\\.)*)"', known)):
        (out / "catalogue" / str(number)).write_bytes(b"\0" + example.encode() + b" \1")


main()
