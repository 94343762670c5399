#!/usr/bin/env python3
"""A rank that stands still in each of six places, under real launchers: what is true, and what is told of it.

    python3 tests/launchers/hangs.py --wrapper target/debug/axolotl-run --python VENV/bin/python [--ranks 2 3] [--mpirun]

VENV has torch; without a GPU the ranks meet through gloo. The training is ended with Ctrl-C half a minute after its last
step: that is no hang yet, and each place must be told all the same. Exit status: 0 where each row is as it has to be.
"""
import argparse
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

WORKER = r'''
import os, sys, threading, time
place = sys.argv[1]
for name, other in [("RANK", "OMPI_COMM_WORLD_RANK"), ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE")]:
    os.environ.setdefault(name, os.environ.get(other, "0"))
import torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset
torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()
STEPS = 40
class Rows(Dataset):
    def __len__(self):
        return 100000
    def __getitem__(self, index):
        if place == "data worker" and rank == 1 and index >= STEPS:
            time.sleep(3600)
        return torch.randn(8)
def fault_now():
    if place == "sleep":
        time.sleep(3600)
    if place == "spin":
        while True:
            pass
    if place == "lock":
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
    if place == "pipe":
        os.read(os.pipe()[0], 1)
    if place == "other collective":
        dist.recv(torch.zeros(1), src=0)
model = DistributedDataParallel(torch.nn.Linear(8, 8))
workers = 1 if place == "data worker" else 0
for step, rows in enumerate(DataLoader(Rows(), num_workers=workers)):
    if rank == 1 and step == STEPS:
        fault_now()
    model(rows).sum().backward()
    time.sleep(0.1)
    if rank == 0:
        print(f"\r{step // 10:3d}%|##        | {step + 1}/1000 [00:01<00:09,  5.00it/s]", end="", file=sys.stderr, flush=True)
'''
# What rank 1 is told to do: its class, and what the kernel says it waits for.
PLACES = {
    "sleep": ("other", "sleep"),
    "spin": ("other", "processor"),
    "lock": ("other", "thread"),
    "pipe": ("other", "process"),
    "data worker": ("data", None),
    # All wait in an operation: nobody can be named.
    "other collective": ("collective", None),
}


def launch(wrapper, python, place, ranks, mpirun, home):
    worker = os.path.join(home, "worker.py")
    with open(worker, "w") as file:
        file.write(WORKER)
    environment = dict(os.environ, HOME=home, XDG_STATE_HOME=home)
    if mpirun:
        environment.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(29600 + list(PLACES).index(place)))
        command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks), python, worker, place]
    else:
        command = [python, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), worker, place]
    log = open(os.path.join(home, "log"), "w")
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen([wrapper, "--record", *command], env=environment, cwd=home, stdin=subprocess.DEVNULL,
                            stdout=log, stderr=log, start_new_session=True, preexec_fn=heed)


def finish_of(home):
    for path in glob.glob(f"{home}/axolotl-run/runs/*/events.jsonl"):
        for line in open(path):
            event = json.loads(line)
            if event["event"] == "finish":
                return event["properties"]
    return {}


def judged(place, ranks, finish):
    told = {}
    for group in finish.get("stacks", []):
        if group["process"] == "rank":
            told.update((rank, (group.get("stands_in"), group.get("waits_for"))) for rank in group["ranks"])
    stands_in, waits_for = PLACES[place]
    is_right = told.get(1, ())[:1] == (stands_in,) and waits_for in (None, told[1][1])
    others = [told.get(rank, (None, None))[0] for rank in range(ranks) if rank != 1]
    is_right &= set(others) == {"collective"}
    if stands_in != "collective":
        # The one that the others wait for comes first.
        is_right &= finish["stacks"][0]["ranks"] == [1]
    words = "; ".join(f"rank {rank} {does} ({waits})" for rank, (does, waits) in sorted(told.items()))
    return is_right, words or "nothing"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--ranks", nargs="*", type=int, default=[2, 3])
    parser.add_argument("--mpirun", action="store_true")
    given = parser.parse_args()
    wrapper = os.path.abspath(given.wrapper)
    failures = 0
    for ranks in given.ranks:
        for place in PLACES:
            with tempfile.TemporaryDirectory() as home:
                run = launch(wrapper, given.python, place, ranks, given.mpirun, home)
                deadline = time.monotonic() + 240
                while time.monotonic() < deadline and "| 40/" not in open(os.path.join(home, "log")).read():
                    time.sleep(0.5)
                # A step is late after a quarter of a minute, and two looks are a measurement apart.
                time.sleep(32)
                os.killpg(run.pid, signal.SIGINT)
                try:
                    run.wait(60)
                except subprocess.TimeoutExpired:
                    os.killpg(run.pid, signal.SIGKILL)
                    run.wait()
                deadline = time.monotonic() + 30
                while not finish_of(home) and time.monotonic() < deadline:
                    time.sleep(0.2)
                is_right, words = judged(place, ranks, finish_of(home))
                failures += not is_right
                print(f"{ranks} ranks, {place:<17} {'ok   ' if is_right else 'WRONG'} {words}", flush=True)
    sys.exit(bool(failures))


main()
