#!/usr/bin/env python3
"""The public corpus through the launcher, and through the scrubber that one would write without its rule.

    compare.py --wrapper target/debug/axolotl-run

Prints for both: streams, canaries leaked, what maintainers need and still have, mean bytes an event. The scrubber is
a deny-list as good as such lists get: it takes the last traceback and strikes out what looks private.
"""

import argparse
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# What looks private, and what is put in its place; the most particular first.
DENIED = [
    (r"\x1b\[[0-9;]*[A-Za-z]", ""),
    (r"hf_\w{16,}|sk-[\w-]{16,}|gh[pousr]_\w{20,}|AKIA\w{12,}|xox[abeprs]-[\w-]{8,}|eyJ[\w-]{8,}\.[\w.-]+", "<token>"),
    (r"(?i)(password|passwd|secret|api_?key|token)(\s*[=:]\s*)\S+", r"\1\2<secret>"),
    (r"[\w.+-]+@[\w-]+\.[\w.-]+", "<e-mail>"),
    (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "<address>"),
    (r"(?:s3|gs|hf|https?|file)://[^\s'\"]+", "<url>"),
    (r"[^\s\"'│]*/(?:site-packages|dist-packages|lib/python3\.\d+)/", ""),
    (r"(?<![\w.])(?:/[\w.@+-]+)+/([\w.-]+\.py)", r"\1"),
    (r"(?<![\w.])(?:/[\w.@+-]+){2,}", "<path>"),
    (r"[A-Za-z]:\\[^\s'\"]+", "<path>"),
    (r"\b[0-9a-fA-F]{32,}\b", "<hash>"),
    (r"\b\d{9,}\b", "<number>"),
    (r"'[^'\n]*'|`[^`\n]*`", "'<text>'"),
]


def scrub(text):
    """The last traceback of a stream without what the list knows."""
    start = text.rfind("Traceback (most recent call last)")
    text = text[start:] if start >= 0 else text[-4096:]
    for pattern, replacement in DENIED:
        text = re.sub(pattern, replacement, text)
    lines = text.strip().splitlines()
    last = [line for line in lines if re.match(r"\s*[\w.]+(Error|Exception|Interrupt|Exit)\b", line)]
    return json.dumps({"stack_trace": text, "exception_type": last[-1].strip().split(":")[0] if last else None})


def score(command):
    scorer = [sys.executable, os.path.join(HERE, "score.py"), "--cases", os.path.join(HERE, "cases"), "--cmd", command]
    done = subprocess.run(scorer, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrapper", default="target/debug/axolotl-run")
    parser.add_argument("--scrub", action="store_true", help="be the scrubber: a stream on stdin, JSON on stdout")
    arguments = parser.parse_args()
    if arguments.scrub:
        print(scrub(sys.stdin.buffer.read().decode("utf-8", "replace")))
        return
    rows = [("axolotl-run", "%s --explain - --json" % os.path.abspath(arguments.wrapper)),
            ("deny-list", "%s %s --scrub" % (sys.executable, os.path.abspath(__file__)))]
    print("%-12s %8s %18s %16s %7s %15s" % ("", "streams", "canaries leaked", "streams leaking", "kept", "bytes an event"))
    for name, command in rows:
        found = score(command)
        leaked = "%d of %d" % (found["leaked"], found["canaries"])
        print("%-12s %8d %18s %16d %6.1f%% %15.0f" % (name, found["cases"], leaked, found["cases_leaking"], 100 * found["keep_rate"], found["mean_output_bytes"]))


if __name__ == "__main__":
    main()
