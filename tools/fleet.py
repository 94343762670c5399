#!/usr/bin/env python3
"""Makes up the events of many runs, for tests of queries and of what takes events.

    python3 tools/fleet.py [--runs 100000] [--seed 1] [--truth FILE] > events.jsonl

A line is an event as the launcher sends it, `$exception` in the form of PostHog's Error tracking included. The same seed
makes the same bytes. A run is a dict that says what is true of it (`--truth` writes them), and its events are made from
that, so the answer of a query is known from the runs alone. What is simplified: a run has at most five progress events,
and the rates of failures are invented. Every two hundredth event arrives twice, as it may. Needs Python alone.
"""

import argparse
import datetime
import hashlib
import json
import pathlib
import random
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMA_VERSION = int(re.search(r"SCHEMA_VERSION: u64 = (\d+)", (ROOT / "crates/core/src/event/list.rs").read_text())[1])
UNTIL = datetime.datetime(2026, 11, 29, tzinfo=datetime.timezone.utc)
DAYS = 40
GIB = 1 << 30

# A release, and how many days before the end it came out.
RELEASES = [("0.9.2", 400), ("0.18.0", 45), ("0.19.0", 21), ("0.20.0", 6)]
# Name, memory in GiB, tokens a second for one billion parameters, share of the runs.
GPUS = [("NVIDIA H100 80GB HBM3", 80, 30000, 30), ("NVIDIA A100-SXM4-80GB", 80, 14000, 20), ("NVIDIA A100-SXM4-40GB", 40, 13000, 12),
        ("NVIDIA GeForce RTX 4090", 24, 9000, 22), ("NVIDIA L4", 24, 3500, 11), ("", 0, 90, 5)]
# Name, billions of parameters.
MODELS = [("meta-llama/Llama-3.2-1B", 1.2), ("Qwen/Qwen2.5-7B", 7.6), ("meta-llama/Llama-3.1-8B", 8.0), ("mistralai/Mistral-7B-v0.1", 7.2),
          ("Qwen/Qwen2.5-32B", 32.8), ("google/gemma-2-2b", 2.6)]
# GiB that a billion parameters needs.
ADAPTERS = {"full": 16.0, "lora": 2.6, "qlora": 1.0}
# Verdict, its share, outcome, signal, evidence. What an exception is, ISSUES says.
ENDS = [("success", 740, "success", None, "exit_code"), ("exception", 110, "error", None, "traceback"),
        ("signalled_by_user", 60, "signal", "SIGINT", "interrupt_requested"), ("time_limit", 20, "signal", "SIGTERM", "job_end_time"),
        ("oom_cgroup", 20, "signal", "SIGKILL", "cgroup_oom_kill"), ("segfault", 8, "signal", "SIGSEGV", "killed_by_signal"),
        ("nccl_timeout", 8, "error", None, "marker"), ("hang", 12, "signal", "SIGTERM", "no_progress"),
        ("lost", 8, "lost", None, "end_not_seen"), (None, 14, None, None, None)]
# Type, public message, meaning, where it is raised, the first release that has it, its share, whether before the first step.
ISSUES = [
    ("ValueError", "Sample packing requires flash attention", "bad_config", "axolotl/utils/schemas/validation.py:check_sample_packing", "0.9.2", 30, True),
    ("huggingface_hub.errors.GatedRepoError", "", "missing_access", "huggingface_hub/utils/_http.py:hf_raise_for_status", "0.9.2", 22, True),
    ("datasets.exceptions.DatasetGenerationError", "An error occurred while generating the dataset", "bad_data", "datasets/builder.py:_prepare_split_single", "0.9.2", 18, True),
    ("RuntimeError", "element 0 of tensors does not require grad and does not have a grad_fn", "", "torch/autograd/graph.py:_engine_run_backward", "0.18.0", 12, False),
    ("OSError", "[Errno 28] No space left on device", "disk_full", "torch/serialization.py:_save", "0.9.2", 10, False),
    ("AttributeError", "", "", "axolotl/core/trainers/base.py:compute_loss", "0.20.0", 40, False),
    ("ImportError", "", "missing_module", "axolotl/monkeypatch/attention.py:patch", "0.20.0", 5, True),
]
OUT_OF_MEMORY = ("torch.OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB", "gpu_out_of_memory", "torch/nn/modules/linear.py:forward")


def chosen(rng, rows, weight):
    return rng.choices(rows, [row[weight] for row in rows])[0]


def release(rng, began):
    """The newest release of that day for most, an older one for the others."""
    out = [name for name, days in RELEASES if UNTIL - datetime.timedelta(days=days) <= began]
    return out[-1] if rng.random() < 0.7 else rng.choice(out)


def make_run(rng):
    """What is true of one run."""
    gpu, memory, speed, _ = chosen(rng, GPUS, 3)
    model, billions = rng.choice(MODELS)
    count = rng.choice([1, 1, 2, 4, 8]) if gpu else 0
    nodes = rng.choice([1, 1, 1, 2, 4]) if count == 8 else 1
    adapter = rng.choice(list(ADAPTERS)) if gpu else "lora"
    launcher = "python" if count < 2 else "srun" if nodes > 1 and rng.random() < 0.5 else rng.choice(["accelerate", "torchrun"])
    seconds = rng.uniform(300, 90000)
    began = UNTIL - datetime.timedelta(seconds=rng.uniform(0, DAYS * 86400) + seconds)
    run = {
        "id": uuid(rng.getrandbits(128), 4), "began": began, "seconds": round(seconds, 2), "seed": rng.getrandbits(64),
        "version": None if rng.random() < 0.02 else release(rng, began), "launcher_version": rng.choice(["0.1.0", "0.2.0"]),
        "gpu": gpu, "gpu_memory": memory, "gpus": count, "nodes": nodes, "launcher": launcher, "model": model, "adapter": adapter,
        "sequence_len": rng.choice([512, 2048, 4096, 8192]), "micro_batch_size": rng.choice([1, 2, 4]), "total_steps": rng.randint(50, 5000),
        "optimizer": rng.choice(["adamw_torch", "adamw_torch", "adamw_bnb_8bit", "muon"]), "sample_packing": rng.random() < 0.6,
        "rl": rng.choice([None, None, None, "dpo", "grpo"]), "tokens_per_second": round(speed / billions * rng.uniform(0.7, 1.3), 1),
        "issue": None, "stalls": False, "suspect": None, "setup": round(min(seconds / 2, 20 + billions * rng.uniform(2, 8)), 2),
        "supervisor_lost": rng.random() < 0.001, "refused": rng.random() < 0.002,
    }
    need = billions * ADAPTERS[adapter] / (max(count, 1) if adapter == "full" else 1)
    need += run["sequence_len"] / 1024 * run["micro_batch_size"] * billions ** 0.5
    if gpu and rng.random() < min(0.4, (need / memory - 1.0) / 2):
        run.update(verdict="oom_gpu", outcome="error", signal=None, evidence="traceback", issue=OUT_OF_MEMORY)
    else:
        verdict, _, outcome, signal, evidence = chosen(rng, ENDS, 1)
        run.update(verdict=verdict, outcome=outcome, signal=signal, evidence=evidence)
    early = rng.random() < 0.5
    if run["verdict"] == "exception":
        known = [issue for issue in ISSUES if number(issue[4]) <= number(run["version"] or "0.9.2")]
        run["issue"] = chosen(rng, known, 5)
        early = run["issue"][6]
    share = 1.0 if run["verdict"] == "success" else 0.0 if early and run["verdict"] != "hang" else rng.uniform(0.001, 0.99)
    run["steps"] = round(share * run["total_steps"]) or int(share > 0)
    run["stalls"] = run["steps"] > 0 and (run["verdict"] == "hang" or run["verdict"] == "success" and rng.random() < 0.005)
    run["suspect"] = rng.randrange(count) if run["stalls"] and count > 1 and rng.random() < 0.6 else None
    run["fingerprint"] = fingerprint(run)
    return run


def number(version):
    return [int(part) for part in version.split(".")]


def fingerprint(run):
    """Of the failures that are reported as an error; the others have none."""
    words = run["issue"][:1] + run["issue"][3:4] if run["issue"] else {"segfault": ("Segmentation fault",), "nccl_timeout": ("NCCL",)}.get(run["verdict"])
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16] if words else None


def uuid(bits, version):
    bits = bits & ~(0xF << 76 | 0x3 << 62) | version << 76 | 0x2 << 62
    text = "%032x" % bits
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def events(run):
    """The events of a run, as they arrive."""
    rng = random.Random(run["seed"])
    ended = run["seconds"]
    made = [("start", 0.0, start(run))]
    if run["steps"]:
        made += [("progress", at, progress(run, step, at, stalled)) for step, at, stalled in reports(run, ended)]
    if run["fingerprint"]:
        made.append(("error", ended, error(run)))
    if run["outcome"] in ("error", "signal") and run["verdict"] not in ("signalled_by_user", "time_limit"):
        made.append(("$exception", ended, exception(run)))
    if run["outcome"]:
        made.append(("finish", ended, finish(run)))
    for name, at, properties in made:
        time = run["began"] + datetime.timedelta(seconds=at)
        common = {"$lib": "axolotl-run", "$lib_version": run["launcher_version"], "$process_person_profile": False, "$geoip_disable": True,
                  "$ip": "0.0.0.0", "schema_version": SCHEMA_VERSION, "elapsed_time": at}
        bits = int(time.timestamp() * 1000) << 80 | rng.getrandbits(80)
        event = {"uuid": uuid(bits, 7), "event": name, "distinct_id": run["id"],
                 "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (time.microsecond // 1000), "properties": {**common, **properties}}
        yield event
        if rng.random() < 0.005:
            yield event


def reports(run, ended):
    """Step, second and standstill of each progress event: the first step, three on the way, the last."""
    steps = sorted({1, *(run["steps"] * part // 4 for part in (1, 2, 3, 4))} - {0})
    pace = (ended - run["setup"]) / (run["steps"] + 1)
    made = [(step, round(run["setup"] + pace * (step - 1), 2), 0.0) for step in steps]
    if run["stalls"]:
        made.append((run["steps"], round(run["setup"] + pace * run["steps"], 2), 900.0))
    return made


def start(run):
    config = {"base_model": run["model"], "adapter": run["adapter"], "bf16": "auto", "datasets": [{"path": "<str>", "type": "alpaca"}],
              "learning_rate": 0.0002, "lr_scheduler": "cosine", "micro_batch_size": run["micro_batch_size"], "num_epochs": 3,
              "optimizer": run["optimizer"], "output_dir": "<str>", "rl": run["rl"], "sample_packing": run["sample_packing"],
              "sequence_len": run["sequence_len"]}
    absent = {"adapter": "full", "rl": None}
    config = {key: value for key, value in config.items() if key not in absent or value != absent[key]}
    made = {"os": "linux-6.8-x86_64", "python_version": "3.11.9", "cpu_count": 64, "memory_total": 512 * GIB,
            "accelerator_type": "cuda" if run["gpu"] else "none", "accelerator_count": run["gpus"], "launcher": run["launcher"],
            "torch_version": "2.8.0", "config": config, "config_unknown_keys": 0}
    if run["gpu"]:
        made["accelerator_info"] = [{"name": run["gpu"], "memory": run["gpu_memory"] * GIB}] * run["gpus"]
    if run["version"]:
        made["axolotl_version"] = run["version"]
    if run["nodes"] > 1:
        made.update(nodes=run["nodes"], processes_per_node=run["gpus"])
    return made


def progress(run, step, at, stalled):
    share = step / run["total_steps"]
    made = {"step": step, "total_steps": run["total_steps"], "epoch": min(int(3 * share), 2), "progress": round(3 * share, 3), "share": round(share, 3), "loss": round(2.5 - share, 4),
            "learning_rate": 0.0002, "steps_per_second": round(run["steps"] / run["seconds"], 4), "time_since_last_report": 60.0,
            "tokens/train_per_sec_per_gpu": run["tokens_per_second"], "memory": {"cpu_memory_bytes": 9 * GIB, "rss_sum_bytes": 30 * GIB}}
    if stalled:
        made["stalled_seconds"] = stalled
        if run["suspect"] is not None:
            made["suspect_rank"] = run["suspect"]
    return made


def where(run):
    return run["issue"][3].rsplit(":", 1)


def error(run):
    made = {"fingerprint": run["fingerprint"], "fatal": True, "handled_count": 0}
    if not run["issue"]:
        return {**made, "marker": {"segfault": "Segmentation fault", "nccl_timeout": "c10::Error"}[run["verdict"]]}
    kind, message, meaning, _ = run["issue"][:4]
    file, function = where(run)
    told = kind + (": " + message if message else "")
    made.update(exception_type=kind, chain=[kind], frames=[{"origin": "user", "function": "<module>", "line": 9},
                {"origin": file.split("/")[0], "file": file, "function": function, "line": 100 + len(run["version"] or "")}],
                stack_trace='Traceback (most recent call last):\n  File <user>, line 9, in <module>\n  File "%s", in %s\n%s\n' % (file, function, told))
    made.update({name: value for name, value in (("exception", message), ("meaning", meaning)) if value})
    return made


def exception(run):
    """The form of PostHog's Error tracking; a death without a traceback is an issue of its own."""
    cause = {"mechanism": {"handled": False, "type": "generic", "synthetic": not run["issue"]}}
    made = {"$exception_list": [cause], "$exception_fingerprint": run["fingerprint"], "$exception_level": "fatal", "$exception_handled": False,
            "verdict_kind": run["verdict"]}
    if run["issue"]:
        file, function = where(run)
        frames = [{"platform": "python", "filename": "<user>", "function": "<module>", "lineno": 9, "in_app": False},
                  {"platform": "python", "filename": file, "function": function, "lineno": 100, "in_app": file.startswith("axolotl/")}]
        cause.update(type=run["issue"][0], value=run["issue"][1], stacktrace={"type": "raw", "frames": frames})
        made["$issue_name"] = "%s in %s of %s" % (run["issue"][0], function, file)
    else:
        cause["type"] = "axolotl_run." + run["verdict"]
        made["$exception_fingerprint"] = hashlib.sha256(cause["type"].encode()).hexdigest()[:16]
        made["$issue_name"] = run["verdict"].replace("_", " ")
    return made


def finish(run):
    made = {"outcome": run["outcome"], "verdict": {"kind": run["verdict"], "evidence": [run["evidence"]], "confidence": "high"},
            "total_time_seconds": run["seconds"], "total_steps": run["steps"], "peak_cpu_memory_bytes": 10 * GIB}
    if run["issue"] and run["issue"][2]:
        made["verdict"]["meaning"] = run["issue"][2]
    if run["signal"]:
        made["signal"] = run["signal"]
    elif run["outcome"] != "lost":
        made["exit_code"] = int(run["outcome"] == "error")
    if run["supervisor_lost"]:
        made["supervisor_lost"] = "killed"
    if run["refused"]:
        made["dropped"] = {"events_refused": 1}
    return made


def runs(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        yield make_run(rng)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--truth")
    options = parser.parse_args()
    truth = open(options.truth, "w") if options.truth else None
    for run in runs(options.runs, options.seed):
        if truth:
            truth.write(json.dumps(run, default=str) + "\n")
        for event in events(run):
            sys.stdout.write(json.dumps(event, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
