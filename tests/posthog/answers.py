"""What each query of docs/posthog must answer for a fleet, counted from what is true of its runs, never from its events."""

import collections
import datetime
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))
import fleet


def within(runs, days, at=lambda run: run["began"]):
    """The runs of the last days; a query about ends looks at when they ended."""
    first = fleet.UNTIL - datetime.timedelta(days=days)
    return [run for run in runs if at(run) > first]


def ended(run):
    return run["began"] + datetime.timedelta(seconds=run["seconds"])


def grouped(runs, *keys):
    groups = collections.defaultdict(list)
    for run in runs:
        groups[tuple(key(run) for key in keys)].append(run)
    return groups


def count(runs, **wanted):
    return sum(all(run[name] == value for name, value in wanted.items()) for run in runs)


def version(run):
    return run["version"] or "unknown"


def gpu(run):
    return run["gpu"] or "none"


def quantile(values, share):
    """As ClickHouse's `quantile`: between the two nearest."""
    values, place = sorted(values), share * (len(values) - 1)
    low = int(place)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (place - low)


def outcomes(key):
    def answer(runs):
        rows = []
        for (name,), group in grouped(within(runs, 30), key).items():
            failed = count(group, outcome="error")
            rows.append([name, len(group), count(group, outcome="success"), failed, count(group, outcome="signal"),
                         count(group, outcome="lost") + count(group, outcome=None), round(100 * failed / len(group), 1)])
        return sorted(rows, key=lambda row: (-row[1], row[0]))
    return answer


def releases(runs):
    rows = []
    for (name,), group in grouped(within(runs, 30), version).items():
        rows.append([name, len(group), len(within(group, 7)), max(run["began"] for run in group).strftime("%Y-%m-%d")])
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def verdicts(runs):
    rows = []
    for (name,), group in grouped(within(runs, 30), lambda run: run["verdict"] or "no end yet").items():
        surely = len(group) if name != "no end yet" else 0
        seconds = sum(run["seconds"] * run["gpus"] for run in group) if surely else None
        rows.append([name, len(group), surely, seconds and round(seconds / 3600)])
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def reached(run):
    share = run["steps"] / run["total_steps"]
    if run["outcome"] == "success":
        return "5 success"
    if share == 0:
        return "1 no step"
    return "2 first tenth" if share < 0.1 else "3 first half" if share < 0.5 else "4 second half"


def how_far(runs):
    return sorted([name, len(group)] for (name,), group in grouped(within(runs, 30), reached).items())


def first_step(runs):
    rows = []
    for (name,), group in grouped(within(runs, 30), version).items():
        seconds = [run["setup"] for run in group if run["steps"]]
        rows.append([name, len(group), len(group) - len(seconds), round(quantile(seconds, 0.5)), round(quantile(seconds, 0.9))])
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def failure(run):
    marker = {"segfault": "Segmentation fault", "nccl_timeout": "c10::Error"}
    return run["issue"][0] if run["issue"] else marker[run["verdict"]]


def top_issues(runs):
    """Without the traceback, which is any one of the group."""
    rows = []
    failed = [run for run in within(runs, 30, ended) if run["fingerprint"]]
    for (fingerprint,), group in grouped(failed, lambda run: run["fingerprint"]).items():
        meaning = group[0]["issue"] and group[0]["issue"][2] or None
        rows.append([fingerprint, failure(group[0]), meaning, len(group), max(map(ended, group)).strftime("%Y-%m-%d")])
    return sorted(rows, key=lambda row: (-row[3], row[0]))


def new_issues(runs):
    rows = []
    failed = [run for run in runs if run["fingerprint"] and run["version"]]
    for (fingerprint,), group in grouped(failed, lambda run: run["fingerprint"]).items():
        versions = {run["version"] for run in group}
        first = min(versions, key=fleet.number)
        rows.append([fingerprint, failure(group[0]), len(group), first, ", ".join(sorted(versions))])
    rows.sort(key=lambda row: (-row[2], row[0]))
    return sorted(rows, key=lambda row: fleet.number(row[3]), reverse=True)


def out_of_memory(runs):
    rows = []
    keys = [lambda run, name=name: run[name] for name in ("model", "sequence_len", "adapter", "gpu_memory")]
    on_gpus = [run for run in within(runs, 30) if run["gpu"]]
    for group_key, group in grouped(on_gpus, *keys).items():
        died = count(group, verdict="oom_gpu")
        if died:
            rows.append([*group_key, died, len(group), round(100 * died / len(group), 1)])
    return sorted(rows, key=lambda row: (-row[4], *row[:4]))[:100]


def hangs(runs):
    rows = []
    for (launcher, nodes), group in grouped(within(runs, 30), lambda run: run["launcher"], lambda run: run["nodes"]).items():
        suspected = sum(run["suspect"] is not None for run in group)
        rows.append([launcher, nodes, len(group), count(group, stalls=True), count(group, verdict="hang"),
                     count(group, stalls=True, verdict="success"), suspected])
    return sorted(rows, key=lambda row: (-row[3], row[0], row[1]))


def throughput(runs):
    rows = []
    for (name,), group in grouped([run for run in within(runs, 30) if run["steps"]], gpu).items():
        speeds = [run["tokens_per_second"] for run in group]
        rows.append([name, len(group), *(round(quantile(speeds, share)) for share in (0.1, 0.5, 0.9))])
    return sorted(rows, key=lambda row: -row[3])


def configurations(runs):
    rows = []
    options = ["adapter", "model", "optimizer", "rl", "sample_packing", "sequence_len", "micro_batch_size"]
    constant = {"bf16": "auto", "lr_scheduler": "cosine"}
    recent = within(runs, 30)
    for option in options:
        shown = "base_model" if option == "model" else option
        for (value,), group in grouped(recent, lambda run: run[option]).items():
            if value is not None and (option, value) != ("adapter", "full"):
                rows.append([shown, str(value).lower() if isinstance(value, bool) else str(value), len(group)])
    rows += [[option, value, len(recent)] for option, value in constant.items()]
    return sorted(rows, key=lambda row: (row[0], -row[2], row[1]))


def options(runs):
    recent = within(runs, 30)
    always = ["base_model", "bf16", "datasets", "learning_rate", "lr_scheduler", "micro_batch_size", "num_epochs", "optimizer", "output_dir",
              "sample_packing", "sequence_len"]
    rows = [[option, len(recent)] for option in always]
    rows.append(["adapter", len(recent) - count(recent, adapter="full")])
    rows.append(["rl", len(recent) - count(recent, rl=None)])
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def launcher_health(runs):
    rows = []
    over = [run for run in within(runs, 30, ended) if run["outcome"]]
    for (name,), group in grouped(over, lambda run: run["launcher_version"]).items():
        rows.append([name, len(group), count(group, refused=True), count(group, supervisor_lost=True), count(group, outcome="lost")])
    return sorted(rows, reverse=True)


QUERIES = {
    "releases": releases, "outcome_by_version": outcomes(version), "outcome_by_gpu": outcomes(gpu),
    "outcome_by_launcher": outcomes(lambda run: run["launcher"]), "verdicts": verdicts, "how_far": how_far, "first_step": first_step,
    "top_issues": top_issues, "new_issues": new_issues, "out_of_memory": out_of_memory, "hangs": hangs, "throughput": throughput,
    "configurations": configurations, "options": options, "launcher_health": launcher_health,
}


def by_day(runs, at, wanted):
    """Runs a day, as a series of a trend."""
    days = collections.Counter(at(run).strftime("%Y-%m-%d") for run in within(runs, 30, at) if wanted(run))
    return sorted(days.items())


TRENDS = {
    "axolotl-run: runs by release": [(lambda run: run["began"], lambda run: True)],
    "axolotl-run: failed share": [(ended, lambda run: run["outcome"] == "error"), (ended, lambda run: run["outcome"])],
    "axolotl-run: hangs a day": [(ended, lambda run: run["verdict"] == "hang")],
    "axolotl-run: launcher faults a day": [(ended, lambda run: run["outcome"] and (run["supervisor_lost"] or run["refused"]))],
}
