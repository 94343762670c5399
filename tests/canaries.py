"""Looks for canaries in what was sent and written; called by tests/runs/canaries.rs.

    python3 canaries.py SCORE_PY DIRECTORY

For each NAME.labels.json in DIRECTORY, NAME.bytes is all that left the program in that case. The forms in which a
canary could hide are those that the corpus's own scorer knows. Prints what was found; one line says how much was
looked through.
"""

import importlib.util
import json
import pathlib
import sys


def main():
    specification = importlib.util.spec_from_file_location("score", sys.argv[1])
    score = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(score)
    looked = leaks = size = 0
    for labels in sorted(pathlib.Path(sys.argv[2]).glob("*.labels.json")):
        meta = json.loads(labels.read_text(encoding="utf-8"))
        seen = labels.with_name(labels.name.replace(".labels.json", ".bytes")).read_bytes()
        result = score.score_case(meta, seen)
        looked += len(meta["canaries"])
        size += len(seen)
        for canary, (kind, how) in result["leaks"].items():
            leaks += 1
            print("%s: %s (%s, %s)" % (meta["name"], canary, kind, how))
    print("looked for %d canaries in %d bytes" % (looked, size))
    return 1 if leaks else 0


sys.exit(main())
