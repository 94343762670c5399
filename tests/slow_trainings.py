#!/usr/bin/env python3
"""Trainings that are slow for a known reason, each two minutes long and all at the same time: what is true, and what we
tell of it.

    python3 tests/slow_trainings.py --wrapper target/debug/axolotl-run

Nothing but Python is needed: the trainings wait and compute in files that lie where torch has them. The last column is
the processor time of the observer; the last two rows are a training of eight ranks with samples and without, and fail
where the samples cost 0.1 % of a core.
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

STEPS_SECONDS = 130
# What lies in site-packages: a loader with and without workers, a collective operation, an evaluation, and a model.
PACKAGES = {
    "torch/utils/data/dataloader.py": '''
import multiprocessing, sys
from torch.utils.data._utils import worker
class DataLoader:
    def __init__(self, load, workers):
        self.load = load
        self.queue = multiprocessing.Queue(2)
        self.workers = [multiprocessing.Process(target=worker._worker_loop, args=(load, self.queue), daemon=True) for _ in range(workers)]
        for process in self.workers:
            process.start()
    def _get_data(self):
        return self.queue.get()
    def __next__(self):
        return self._get_data() if self.workers else self.load()
''',
    "torch/utils/data/_utils/worker.py": '''
def _worker_loop(load, queue):
    while True:
        load()
        queue.put(1)
''',
    "torch/distributed/distributed_c10d.py": '''
import os, time
def barrier(folder, step):
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    open(f"{folder}/{step}.{rank}", "w").close()
    # At the end they do not all take the last step.
    for _ in range(2500):
        if all(os.path.exists(f"{folder}/{step}.{other}") for other in range(world)):
            return
        time.sleep(0.002)
''',
    "transformers/trainer.py": '''
def evaluation_loop(work):
    work()
''',
}
TRAINING = '''
import os, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib/python3/site-packages"))
from torch.utils.data.dataloader import DataLoader
from torch.distributed.distributed_c10d import barrier
from transformers.trainer import evaluation_loop
kind, folder, rank = sys.argv[1], sys.argv[2], int(os.environ.get("RANK", 0))
def sleep(seconds):
    time.sleep(seconds)
def compute(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(1000))
def load():
    if kind == "workers compute":
        compute(0.25)
    elif kind in ("workers wait", "loads itself") or kind == "straggler" and rank == 1:
        sleep(0.25)
    else:
        sleep(0.005)
if __name__ == "__main__":
    loader = DataLoader(load, {"workers compute": 1, "workers wait": 2}.get(kind, 0))
    end, step = time.monotonic() + SECONDS, 0
    total = 10 ** 5
    while time.monotonic() < end:
        next(loader)
        sleep(0.1 if kind in ("good", "eight ranks") else 0.02)
        if kind == "evaluates":
            evaluation_loop(lambda: sleep(0.3))
        if "WORLD_SIZE" in os.environ:
            barrier(folder, step)
        step += 1
        if rank == 0:
            print(f"\\r{step / total:4.0%}|{'':10}| {step}/{total} [00:09<99:59,  9.00it/s]", end="", file=sys.stderr, flush=True)
'''.replace("SECONDS", str(STEPS_SECONDS))
LAUNCHER = '''
import os, subprocess, sys
world = int(sys.argv[1])
ranks = [subprocess.Popen([sys.executable, *sys.argv[2:]], env=dict(os.environ, RANK=str(rank), WORLD_SIZE=str(world), LOCAL_WORLD_SIZE=str(world))) for rank in range(world)]
sys.exit(max(rank.wait() for rank in ranks))
'''
# What is the case, with how many ranks, and which words must be told of it.
CASES = [
    ("good", 1, set()),
    ("loads itself", 1, {"data_bound", "no_workers"}),
    ("workers compute", 1, {"data_bound", "workers_compute"}),
    ("workers wait", 1, {"data_bound", "workers_wait"}),
    ("evaluates", 1, {"evaluation"}),
    ("even", 2, set()),
    ("straggler", 2, {"straggler", "rank 1 data"}),
    ("eight ranks", 8, set()),
    ("eight ranks", 8, set()),
]


def observer_nanoseconds(run):
    """The observer is the launcher's other child."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            if open(path, "rb").read().startswith(b"axolotl-run-observer") and f"\nPPid:\t{run.pid}\n" in open(f"{os.path.dirname(path)}/status").read():
                return sum(int(open(times).read().split()[0]) for times in glob.glob(f"{os.path.dirname(path)}/task/*/schedstat"))
        except OSError:
            pass
    return None


def begin(wrapper, home, kind, ranks, samples):
    home.mkdir()
    for name, text in PACKAGES.items():
        path = home / "lib/python3/site-packages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, text in [("train.py", TRAINING), ("launch.py", LAUNCHER)]:
        (home / name).write_text(text)
    (home / "meet").mkdir()
    words = ["train.py", kind, str(home / "meet")]
    if ranks > 1:
        words = ["launch.py", str(ranks), *words]
    environment = dict(os.environ, HOME=str(home), XDG_STATE_HOME=str(home / "state"), AXOLOTL_RUN_STACKS=samples)
    return subprocess.Popen([wrapper, "--record", sys.executable, *words], env=environment, cwd=home,
                            stdin=subprocess.DEVNULL, stdout=open(home / "log", "w"), stderr=subprocess.STDOUT)


def told(home):
    [path] = glob.glob(f"{home}/state/axolotl-run/runs/*/events.jsonl")
    finish = json.loads(open(path).readlines()[-1])["properties"]
    profile = finish.get("profile", {})
    words = set(profile.get("slow_because", [])) - {"processors_taken"}
    words.update(filter(None, [profile.get("data_because")]))
    if "straggler_rank" in profile:
        words.add(f"rank {profile['straggler_rank']} {profile['straggler_does']}")
    return profile, words


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--wrapper", required=True)
    wrapper = os.path.abspath(arguments.parse_args().wrapper)
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for index, (kind, ranks, expected) in enumerate(CASES):
            samples = "0" if index == len(CASES) - 1 else ""
            home = pathlib.Path(folder) / str(index)
            runs.append((kind, expected, home, samples, begin(wrapper, home, kind, ranks, samples)))
        # The beginning is no measure of what comes later.
        time.sleep(20)
        before = [observer_nanoseconds(run) for *_, run in runs]
        time.sleep(STEPS_SECONDS - 30)
        used = [(observer_nanoseconds(run) - earlier) / 1e9 / (STEPS_SECONDS - 30) for (*_, run), earlier in zip(runs, before)]
        print(f"{'what is true':<18} {'told':<45} {'data':>5} {'wait':>5} {'eval':>5}  observer, of a core")
        for (kind, expected, home, samples, run), share in zip(runs, used):
            run.wait()
            profile, words = told(home)
            good = words == expected or samples == "0" and not profile
            failures += not good
            shares = " ".join(f"{profile.get(name, 0):5.0%}" for name in ("data_share", "collective_share", "evaluation_share"))
            print(f"{kind:<18} {', '.join(sorted(words)) or ('nothing' if profile else 'no samples'):<45} {shares}  {share:.3%} {'' if good else 'WRONG'}")
        cost = used[-2] - used[-1]
        print(f"samples of eight ranks cost {cost:.3%} of a core")
        failures += cost > 0.001
    sys.exit(bool(failures))


main()
