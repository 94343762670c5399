#!/usr/bin/env python3
"""Runs every query of docs/posthog on a real engine, with answers that are known, and takes the time.

    VENV/bin/python tests/posthog/queries.py [--runs 100000] [--wrapper target/debug/axolotl-run] [--pictures docs]

The engine is chdb, which is ClickHouse as a library, as it is behind PostHog: `pip install chdb` into a virtual
environment; without it this says so and ends. HogQL becomes ClickHouse's SQL by the few rules in `clickhouse`, which are
those of PostHog's own compiler; with `pip install hogql-parser`, PostHog's parser reads each query, too. The events are
those of a fleet (tools/fleet.py), of other programs among them, then those of the corpus (--wrapper), of the made-up
runs (tools/example_runs.py) and of the document. --pictures draws two answers of the fleet for docs/events.md.
"""

import argparse
import collections
import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import types

import answers
import pictures
from answers import fleet

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "docs/posthog"))
import install

# Processor time of all threads, so that a busy machine does not matter.
SECONDS_MAX = 2.0
# Columns that ClickHouse takes from a sample, and how far they may be off.
SAMPLED = {"median_seconds", "slowest_tenth_seconds", "slowest_tenth", "median", "fastest_tenth"}
SAMPLED_ERROR = 0.05
# Columns that may hold any of several values.
ANY = {"traceback"}
# What the queries use of HogQL's functions: ClickHouse has many more, under the same names.
FUNCTIONS = set("""any anyIf argMin arrayJoin arrayMap arraySort arrayStringConcat avgIf coalesce count countIf formatDateTime groupUniqArray ifNull
    JSONExtractFloat JSONExtractKeys JSONExtractKeysAndValuesRaw JSONExtractString max maxIf min minIf multiIf now nullIf quantile replaceAll round
    splitByChar sum toFloat toInt toIntervalDay uniqExactIf""".split())
TABLE = """CREATE TABLE %s (uuid UUID, event String, distinct_id String, timestamp DateTime64(6, 'UTC'), properties String)
    ENGINE = MergeTree ORDER BY (toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid))"""
PROPERTY = re.compile(r"\bproperties((?:\.(?:`[^`]+`|\$?\w+))+)")


def clickhouse(query, now):
    """HogQL as SQL: a property is the JSON at its place without quotes, null where there is none; now is a given moment."""
    def extracted(found):
        names = re.findall(r"`([^`]+)`|(\$?\w+)", found[1])
        path = ", ".join("'%s'" % (quoted or plain) for quoted, plain in names)
        return "replaceRegexpAll(nullIf(nullIf(JSONExtractRaw(properties, %s), ''), 'null'), '^\"|\"$', '')" % path
    return PROPERTY.sub(extracted, query).replace("now()", "toDateTime64('%s', 6, 'UTC')" % now.strftime("%Y-%m-%d %H:%M:%S"))


def trends(source):
    """A trend as one HogQL query for each series: a value a day, without the formula and the breakdown."""
    for series in source["series"]:
        filters = [entry["key"] for entry in source["properties"] + series.get("properties", [])]
        yield "SELECT formatDateTime(timestamp, '%%Y-%%m-%%d') AS day, %s AS value FROM events WHERE event = '%s' AND timestamp > now() - " \
            "INTERVAL 30 DAY AND %s GROUP BY day ORDER BY day" % (series["math_hogql"], series["event"], " AND ".join("(%s)" % entry for entry in filters))


class Engine:
    def __init__(self, folder):
        from chdb import session
        self.session, self.folder = session.Session(str(folder / "chdb")), folder
        for name, kind in (("toFloat", "Float64"), ("toInt", "Int64")):
            self.session.query("CREATE FUNCTION IF NOT EXISTS %s AS x -> accurateCastOrNull(x, '%s')" % (name, kind))

    def fill(self, events):
        """A table of these events and no others."""
        path = self.folder / "events.jsonl"
        with path.open("w") as file:
            for event in events:
                file.write(json.dumps(event, separators=(",", ":")) + "\n")
        self.session.query("DROP TABLE IF EXISTS events")
        self.session.query(TABLE % "events")
        columns = "JSONExtractString(json, 'uuid'), JSONExtractString(json, 'event'), JSONExtractString(json, 'distinct_id'), " \
            "parseDateTime64BestEffort(JSONExtractString(json, 'timestamp'), 6, 'UTC'), JSONExtractRaw(json, 'properties')"
        self.session.query("INSERT INTO events SELECT %s FROM file('%s', 'JSONAsString')" % (columns, path))
        path.unlink()

    def ask(self, query, now=fleet.UNTIL):
        """Names of the columns, rows, seconds of processor time."""
        began = time.process_time()
        answer = json.loads(str(self.session.query(clickhouse(query, now), "JSONCompact")))
        seconds = time.process_time() - began
        wide = {column["name"] for column in answer["meta"] if "Int64" in column["type"]}
        names = [column["name"] for column in answer["meta"]]
        rows = [[int(value) if name in wide and value is not None else value for name, value in zip(names, row)] for row in answer["data"]]
        return names, rows, seconds


def parser():
    """PostHog's own parser, which asks for modules of its program that are no part of it."""
    errors = types.ModuleType("posthog.hogql.errors")
    errors.__getattr__ = lambda name: type(name, (Exception,), {})
    sys.modules.update({"posthog": types.ModuleType("posthog"), "posthog.hogql": types.ModuleType("posthog.hogql"), "posthog.hogql.errors": errors})
    try:
        import hogql_parser
    except ImportError:
        print("hogql-parser is not installed: the queries are not read by PostHog's parser")
        return None
    return hogql_parser.parse_select_json


def called(node):
    """The functions of a query that was read."""
    if isinstance(node, dict) and node.get("node") == "Call":
        yield node["name"]
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from called(part)


def text_of(name):
    return (install.HERE / "queries" / (name + ".sql")).read_text()


def compare(what, names, rows, expected):
    """Counts a difference, and says where it is."""
    kept = [index for index, name in enumerate(names) if name not in ANY]
    rows = [[row[index] for index in kept] for row in rows]
    names = [names[index] for index in kept]
    same = len(rows) == len(expected)
    for row, wanted in zip(rows, expected):
        for name, value, right in zip(names, row, wanted):
            bound = abs(right) * SAMPLED_ERROR + 1 if name in SAMPLED else 0.1001 if isinstance(right, float) or name == "gpu_hours" and right else 0
            same &= value == right or bool(bound and value is not None and abs(value - right) <= bound)
    if not same:
        print("WRONG: %s: %s" % (what, ", ".join(names)))
        for number, row in enumerate(rows):
            wanted = list(expected[number]) if number < len(expected) else None
            if row != wanted:
                print("  is %s\n  must be %s" % (row, wanted))
    return not same


def strangers():
    """Events of another program in the same project, and what is not even an object."""
    for number in range(1000):
        yield {"uuid": fleet.uuid(number, 7), "event": ("start", "progress", "error", "finish")[number % 4], "distinct_id": "somebody",
               "timestamp": "2026-11-28T00:00:00.000Z", "properties": {"$lib": "posthog-python", "outcome": "error", "axolotl_version": "1", "config": 3}}


def check_fleet(engine, count, seed, folder):
    began = time.monotonic()
    runs = list(fleet.runs(count, seed))
    events = [0]
    def all_events():
        for run in runs:
            for event in fleet.events(run):
                events[0] += 1
                yield event
        yield from strangers()
    engine.fill(all_events())
    print("%d runs, %d events, made and taken in %.0f s" % (count, events[0], time.monotonic() - began))
    wrong, parse, shown = 0, parser(), {}
    for dashboard in json.loads((install.HERE / "dashboards.json").read_text())["dashboards"]:
        for insight in dashboard["insights"]:
            source = insight["query"]["source"]
            if source["kind"] == "HogQLQuery":
                name = source["query"].removeprefix("@")
                queries = [text_of(name)]
                expected = [answers.QUERIES.pop(name)(runs)]
            else:
                queries, name = list(trends(source)), insight["name"]
                expected = [answers.by_day(runs, *series) for series in answers.TRENDS.pop(name)]
            for query, answer in zip(queries, expected):
                if parse:
                    read = json.loads(parse(query))
                    assert not read.get("error"), "PostHog's parser refuses %s: %s" % (name, read)
                    unknown = set(called(read)) - FUNCTIONS
                    assert not unknown, "%s: look whether HogQL has %s, and add it to FUNCTIONS" % (name, unknown)
                names, rows, seconds = engine.ask(query)
                wrong += compare(name, names, rows, answer)
                if seconds > SECONDS_MAX:
                    print("SLOW: %s" % name)
                    wrong += 1
                print("%-36s %4d rows %6.2f s" % (name, len(rows), seconds))
                shown[name] = names, rows
    left = [*answers.QUERIES, *answers.TRENDS]
    assert not left, "no dashboard has %s" % left
    if folder:
        pictures.draw(shown, count, pathlib.Path(folder))
    return wrong


def check_corpus(engine, wrapper):
    """The errors that the program finds in the corpora and recordings; one stream is one run."""
    events, failures = [], collections.Counter()
    cases = [*(ROOT / "tests/corpus/cases").glob("*.stderr"), *(ROOT / "tests/samples").glob("*/stderr"), *(ROOT / "tests/wild").glob("*/input")]
    for number, case in enumerate(sorted(cases)):
        said = json.loads(subprocess.run([wrapper, "--explain", "--json", str(case)], capture_output=True, check=True).stdout)
        for event in said["events"]:
            properties = {**event["properties"], "$lib": "axolotl-run"}
            events.append({"uuid": fleet.uuid(len(events), 7), "event": event["event"], "distinct_id": fleet.uuid(number, 4),
                           "timestamp": "2026-11-28T00:00:00.000Z", "properties": properties})
            if event["event"] == "error":
                failures[properties.get("fingerprint")] += 1
    engine.fill(events)
    names, rows, _ = engine.ask(text_of("top_issues"))
    place = names.index("runs")
    found = {row[0]: row[place] for row in rows}
    print("corpus: %d events, %d failures, %d fingerprints" % (len(events), sum(failures.values()), len(failures)))
    assert failures, "the corpus has failures"
    # The query shows the fifty that hit most runs; of those that hit one, any may be among them.
    wrong = len(found) != min(50, len(failures)) or sorted(found.values()) != sorted(failures.values())[-50:]
    wrong |= any(failures[fingerprint] != runs for fingerprint, runs in found.items())
    if wrong:
        print("WRONG: corpus: %s, not %s" % (found, failures))
    return wrong


def check_examples(engine, folder):
    """Three made-up runs, in the form of the launcher's own files, and the run of the document."""
    subprocess.run([sys.executable, ROOT / "tools/example_runs.py", folder / "state"], check=True)
    events = [json.loads(line) for path in (folder / "state").rglob("events.jsonl") for line in path.read_text().splitlines()]
    document = (ROOT / "docs/events.md").read_text()
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", document, re.DOTALL)]
    shown = [event for event in shown if "distinct_id" in event]
    today = datetime.datetime.now(datetime.timezone.utc)
    for event in shown:
        event["timestamp"] = today.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    engine.fill(events + shown)
    wrong = 0
    later = today + datetime.timedelta(hours=1)
    for name, expected in (
        ("verdicts", [["exception", 1, 1, 0], ["hang", 1, 1, 7], ["oom_gpu", 1, 1, 4], ["success", 1, 1, 9]]),
        ("out_of_memory", [["unknown", None, "full", 80, 1, 3, 33.3]]),
        ("hangs", [["torchrun", 1, 3, 1, 1, 0, 1], ["python", 1, 1, 0, 0, 0, 0]]),
    ):
        names, rows, _ = engine.ask(text_of(name), later)
        wrong += compare("examples: " + name, names, rows, expected)
    print("examples: %d events" % len(events + shown))
    return wrong


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--runs", type=int, default=100000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--wrapper")
    options.add_argument("--pictures")
    options = options.parse_args()
    try:
        import chdb
    except ImportError:
        print("SKIPPED: chdb is not installed (`pip install chdb` into a virtual environment)")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        engine = Engine(folder)
        wrong = check_fleet(engine, options.runs, options.seed, options.pictures) + check_examples(engine, folder)
        if options.wrapper:
            wrong += check_corpus(engine, options.wrapper)
    print("%d wrong" % wrong)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
