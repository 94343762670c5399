#!/usr/bin/env python3
"""Removes one rule of the privacy kernel at a time, and shows that a test fails for each.

    tools/mutate.py [WORD]      only the rules that have the word in their name

A rule that can be removed without a failing test is a rule that nobody would miss. The sources are changed where they
stand and put back, so that the working tree must be clean; each rule costs a compilation.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = "axolotl-run-core"

# What the rule is, its file, what stands there, what is put there, and the tests that have to notice.
RULES = [
    ("a file is looked up", "crates/core/src/public/dictionary.rs", "if !contains::<WIDE>(FILES, finished(hash)) {", "if false {", "--lib dictionary"),
    ("a function is looked up", "crates/core/src/public/dictionary.rs", "contains::<NARROW>(FUNCTIONS, key)", "(key > 0)", "--lib dictionary"),
    ("a class is looked up", "crates/core/src/public/dictionary.rs", "contains::<WIDE>(EXCEPTIONS, fingerprint(name.as_bytes()))", "true", "--lib dictionary"),
    ("a word is of its list", "crates/core/src/knowledge/messages.rs", "let found = list.iter().find(|known| **known == value);", "let found = list.first();", "--lib messages"),
    ("a whole number is small", "crates/core/src/knowledge/messages.rs", "(number <= TRACE_HOLE_MAX).then_some(number)", "Some(number)", "--lib messages"),
    ("a line number is small", "crates/core/src/output/traceback/origin.rs", "line.filter(|line| *line <= TRACE_LINE_NUMBER_MAX)", "line", "--lib traceback"),
    ("a private key's number is withheld", "crates/core/src/config/vet.rs", "if is_private(key) {", "if false {", "--lib config"),
    ("a large number is withheld", "crates/core/src/config/vet.rs", "if size < 1_000_000 ||", "if true ||", "--lib config"),
    ("a local path is no model", "crates/core/src/config/vet.rs", "if !id.as_paths().into_iter().any(self.exists)", "if true", "--lib config"),
    ("an organisation is whitelisted", "crates/core/src/public/models.rs", "let organization = organizations().find(|known| known.eq_ignore_ascii_case(typed_organization))?;", "let organization = organizations().next()?;", "--lib models"),
    ("a tag is no data", "crates/core/src/config/parse.rs", 'Err(A::Error::custom("a tag"))', "Ok(Value::Null)", "--lib config"),
    ("a tag of Python's is no data", "crates/core/src/config/parse.rs", "if has_foreign_tag(yaml) {", "if false {", "--lib config"),
    ("no prefix of a rank is another's", "crates/core/src/output/prefix/source.rs", "if loosely && !self.key.contains(TIME) {", "if false {", "--lib output"),
    ("the gate looks for the user's words", "crates/core/src/privacy/gate.rs", "return Err(Refusal::Identity(source));", "let _ = source;", "--lib gate"),
    ("the gate looks for shapes", "crates/core/src/privacy/gate.rs", "return Err(Refusal::Pattern(pattern));", "let _ = pattern;", "--lib gate"),
    ("the gate checks the schema", "crates/core/src/privacy/gate.rs", "schema::check(name, &member.properties).map_err(Refusal::Schema)?;", "let _ = name;", "--lib gate"),
]


def where(old):
    """Finds the text however it is broken into lines."""
    return re.compile(r"\s*".join(map(re.escape, re.findall(r"\w+|\S", old))))


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    changed = subprocess.run(["git", "status", "--porcelain", "crates/core/src"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    if changed.stdout:
        sys.exit("the sources have changes that are not committed")
    missed = 0
    for name, file, old, new, tests in RULES:
        if wanted not in name:
            continue
        path = ROOT / file
        source = path.read_text(encoding="utf-8")
        pattern = where(old)
        if len(pattern.findall(source)) != 1:
            print("%-40s is not where it is looked for: %s" % (name, file))
            missed += 1
            continue
        try:
            path.write_text(pattern.sub(lambda _: new, source), encoding="utf-8")
            build = subprocess.run(["cargo", "test", "-p", PACKAGE, "--lib", "--no-run"], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
            failed = build.returncode == 0 and subprocess.run(["cargo", "test", "-p", PACKAGE, *tests.split()], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0
        finally:
            path.write_text(source, encoding="utf-8")
        verdict = "does not compile without it" if build.returncode else "a test fails" if failed else "NO TEST FAILS"
        print("%-40s %s" % (name, verdict), flush=True)
        missed += not failed
    sys.exit(1 if missed else 0)


main()
