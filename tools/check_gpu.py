#!/usr/bin/env python3
"""Compares what axolotl-run says of NVIDIA GPUs with what nvidia-smi says, and prints what asking costs.

    python3 tools/check_gpu.py --wrapper target/release/axolotl-run [--seconds 30] [-- COMMAND ...]

Needs a machine with a GPU. The command (default: `sleep`) runs under the launcher with --record while nvidia-smi is
asked once a second; one that computes makes the comparison worth more. Compared: number, model and memory of the
devices; memory in use by the command's own processes; utilization, power and temperature, each as a mean over the
run; energy, against the integral of nvidia-smi's power. Then `cargo bench --bench accelerators` prints the cost of
each call. Exit status: 0 where all agree, 1 where something differs, 2 where there is nothing to compare.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

FIELDS = ["index", "name", "memory.total", "memory.used", "utilization.gpu", "power.draw", "temperature.gpu"]
# What may differ: both sides sample at times of their own, and sensors are noisy.
TOLERANCES = {"utilization": (0.15, 0.0), "power_watts": (10.0, 0.15), "temperature_celsius": (3.0, 0.0)}


def smi():
    """One look of nvidia-smi: a dictionary for each device, with what it does not know left out."""
    command = ["nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if output.returncode != 0:
        return []
    devices = []
    for line in output.stdout.splitlines():
        device = {}
        for field, value in zip(FIELDS, (part.strip() for part in line.split(","))):
            try:
                device[field] = value if field == "name" else float(value)
            except ValueError:
                pass  # [N/A], [Not Supported]
        devices.append(device)
    return devices


def own_memory(pids):
    """Bytes that these processes use, of each device's UUID, as nvidia-smi lists them."""
    command = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    total = 0.0
    for line in output.splitlines():
        pid, _, used = (part.strip() for part in line.partition(","))
        if pid.isdigit() and int(pid) in pids and used.replace(".", "").isdigit():
            total += float(used) * 2**20
    return total


def descendants(root):
    """A process and all that came from it."""
    found, ask = set(), [root]
    while ask:
        pid = ask.pop()
        found.add(pid)
        for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                ask.extend(int(child) for child in path.read_text().split())
            except OSError:
                pass
    return found


def mean(values):
    values = [value for value in values if value is not None]
    return sum(values) / len(values) if values else None


class Report:
    """Prints the rows and remembers whether all agree."""

    def __init__(self):
        self.agree = True

    def row(self, what, ours, theirs, tolerance):
        if ours is None or theirs is None:
            print(f"  {what:<28} {ours!s:>14} {theirs!s:>14}   unknown to one side")
            return
        same = ours == theirs if isinstance(ours, str) else abs(ours - theirs) <= tolerance
        self.agree &= same
        show = (lambda value: f"{value:14.2f}") if not isinstance(ours, str) else (lambda value: f"{value:>14}")
        print(f"  {what:<28} {show(ours)} {show(theirs)}   {'ok' if same else 'DIFFERS'}")


def observe(wrapper, command, state):
    """Runs the command under the launcher; returns its events, its samples and nvidia-smi's looks meanwhile."""
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    environment.pop("AXOLOTL_RUN_ID", None)
    process = subprocess.Popen([wrapper, "--record", *command], env=environment)
    looks, peak = [], 0.0
    while process.poll() is None:
        looks.append((time.monotonic(), smi()))
        peak = max(peak, own_memory(descendants(process.pid)))
        time.sleep(1)
    deadline = time.monotonic() + 10
    runs = []
    while time.monotonic() < deadline and not any("\"finish\"" in run.read_text() for run in runs):
        runs = list(state.glob("axolotl-run/runs/*/events.jsonl"))
        time.sleep(0.1)
    if not runs:
        sys.exit("check_gpu: the run was not recorded")
    events = {}
    for line in runs[0].read_text().splitlines():
        event = json.loads(line)
        events[event["event"]] = event["properties"]
    samples = [json.loads(line) for line in (runs[0].parent / "samples.jsonl").read_text().splitlines()]
    return events, samples, looks, peak


def compare(events, samples, looks, peak):
    report = Report()
    start, finish = events.get("start", {}), events.get("finish", {})
    devices = next((found for _, found in looks if found), [])
    print(f"  {'':<28} {'axolotl-run':>14} {'nvidia-smi':>14}")
    report.row("devices", float(start.get("accelerator_count") or 0), float(len(devices)), 0.0)
    for place, (ours, theirs) in enumerate(zip(start.get("accelerator_info") or [], devices)):
        report.row(f"{place}: model", ours.get("name"), theirs.get("name"), 0)
        total = theirs.get("memory.total")
        report.row(f"{place}: memory, MiB", (ours.get("memory") or 0) / 2**20, total, 64.0)
    for device in devices:
        index = int(device["index"])
        own = [gpu for sample in samples for gpu in sample.get("gpus", []) if gpu["index"] == index]
        for field, name, scale in [
            ("utilization.gpu", "utilization", 0.01),
            ("power.draw", "power_watts", 1.0),
            ("temperature.gpu", "temperature_celsius", 1.0),
        ]:
            values = [look[field] * scale for _, found in looks for look in found if look["index"] == index and field in look]
            ours, theirs = mean(gpu.get(name) for gpu in own), mean(values)
            absolute, relative = TOLERANCES[name]
            report.row(f"{index}: {name}, mean", ours, theirs, max(absolute, relative * (theirs or 0)))
    peaks = sum((finish.get("gpu_memory") or {}).values())
    report.row("peak memory of the run, MiB", peaks / 2**20, peak / 2**20, max(64.0, 0.1 * peak / 2**20))
    watts = [sum(device.get("power.draw", 0.0) for device in found) for _, found in looks]
    seconds = looks[-1][0] - looks[0][0] if looks else 0.0
    joules = mean(watts) * seconds if watts and any(watts) and peaks else None
    report.row("energy, J", finish.get("gpu_energy_joules"), joules, max(50.0, 0.2 * (joules or 0)))
    return report.agree


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--no-cost", action="store_true", help="leave the cost of the calls out")
    parser.add_argument("command", nargs="*")
    arguments = parser.parse_args()
    if not shutil.which("nvidia-smi") or not smi():
        print("skipped: nvidia-smi is not here, or shows no device", file=sys.stderr)
        return 2
    command = arguments.command or ["sleep", str(arguments.seconds)]
    with tempfile.TemporaryDirectory() as state:
        agree = compare(*observe(arguments.wrapper, command, pathlib.Path(state)))
    if not arguments.no_cost:
        subprocess.run(["cargo", "bench", "--quiet", "--bench", "accelerators"], check=False)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
