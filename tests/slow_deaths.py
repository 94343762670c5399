#!/usr/bin/env python3
"""The deaths that take minutes, or a batch system: each for real, one line each, as tests/alone/deaths.rs prints them.

    python3 tests/slow_deaths.py --wrapper target/debug/axolotl-run [hang] [two] [soon] [crowded] [asleep] [saving] [time-limit] [scancel]

`hang` takes six minutes: of four ranks that make steps one goes to sleep and three spin, as in a collective
operation; the launcher has to say so, name the rank, and give the verdict when the run is ended. in `two` there are two
ranks, of which one sleeps in its own function while the other waits in what is `torch.distributed` by its place: only the
Python stacks tell who it is, and the launcher has to say where each is; `soon` is the same with a Ctrl-C after less than a
minute, which is no hang yet, but where each was has to be told, and to the owner in which of their files. `crowded` is `hang`
beside twice as many other programs as there are processors, which come and go; `asleep` beside them with all four
ranks asleep; in `saving` they work by turns beside them without a step, and the launcher must not call that a hang.
`time-limit` and `scancel` bring Slurm up on this machine (tests/slurm_node.py says what that needs); where they cannot,
they say that they were skipped. The time limit is that of the batch script: it has Slurm's word in its output, where a
step of a Slurm before 23 has neither that nor the variable with the job's end, and so is told as cancelled. Exit
status: 0 where every verdict is the expected one.
"""

import argparse
import json
import marshal
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import slurm_node

WORKER = r"""
import os, sys, time
rank = int(os.environ["RANK"])
for step in range(1, 13):
    time.sleep(0.2)
    if rank == 0:
        print(f"\r{step:3d}%|##        | {step}/100 [00:01<00:09,  5.00it/s]", end="", file=sys.stderr, flush=True)
launcher = os.getppid()
def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end and os.getppid() == launcher:
        pass
kind = sys.argv[1]
def fault_now():
    time.sleep(3600)
if kind == "two":
    sys.path.insert(0, sys.argv[2])
    import c10d
    fault_now() if rank == 1 else c10d.barrier()
if kind == "asleep" or kind == "spinning" and rank == 2:
    time.sleep(3600)
while os.getppid() == launcher:
    # Longer and longer, and by turns: as little even as what writes a checkpoint.
    spin(3600 if kind == "spinning" else 6 + 2 * rank)
    time.sleep(0 if kind == "spinning" else 7)
"""
BURNER = "import random, time\nwhile True:\n    end = time.monotonic() + random.uniform(1, 20)\n    while time.monotonic() < end: pass\n    time.sleep(random.uniform(1, 10))"
LAUNCHER = """
import os, subprocess, sys
workers = [subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], env=dict(os.environ, RANK=str(rank))) for rank in range(2 if sys.argv[2] == "two" else 4)]
try:
    sys.exit(max(worker.wait() for worker in workers))
finally:
    [worker.kill() for worker in workers]
"""


def finish_of(state):
    """The properties of the run's finish, once it is written, and all events."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for path in state.glob("axolotl-run/runs/*/events.jsonl"):
            events = [json.loads(line) for line in path.read_text().splitlines()]
            for event in events:
                if event["event"] == "finish":
                    return event["properties"], events
        time.sleep(0.1)
    return {}, []


def row(name, status, finish, expected):
    verdict = finish.get("verdict", {})
    good = verdict.get("kind") == expected
    evidence = ", ".join(verdict.get("evidence", []))
    print(f"{name:<34} {status!s:>6}  {verdict.get('kind')!s:<22} {verdict.get('confidence')!s:<6} {evidence}"
          f"{'' if good else f'  EXPECTED {expected}'}", flush=True)
    return good


def hang(wrapper, state, environment, name, kind, burners, suspect, expected="hang", most=600):
    # A module whose code says that it is torch's: its file is what a stack names.
    package = state / "lib/python3/site-packages/torch/distributed/distributed_c10d.py"
    barrier = compile("import time\ndef barrier():\n    time.sleep(3600)\n", str(package), "exec")
    (state / "c10d.py").write_text(f"import marshal\nexec(marshal.loads({marshal.dumps(barrier)!r}))\n")
    command = [wrapper, "--record", sys.executable, "-c", LAUNCHER, WORKER, kind, str(state)]
    others = [subprocess.Popen([sys.executable, "-c", BURNER]) for _ in range(burners)]
    try:
        # A file is read as well as a pipe, and nobody has to empty it; of /dev/null nothing could be read.
        with (state / "stderr").open("w") as stderr:
            # What a shell has put into the background has SIGINT ignored, and so has all that it starts.
            heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
            process = subprocess.Popen(command, env=environment, stderr=stderr, start_new_session=True, preexec_fn=heed)
        began, journals = time.monotonic(), []
        deadline = began + most
        while time.monotonic() < deadline and not any("stalled_seconds" in path.read_text() for path in journals):
            time.sleep(1)
            journals = list(state.glob("axolotl-run/runs/*/events.jsonl"))
        seconds = time.monotonic() - began
        os.killpg(process.pid, signal.SIGINT)
        status = process.wait()
    finally:
        for other in others:
            other.kill()
            other.wait()
    finish, events = finish_of(state)
    suspects = {event["properties"].get("suspect_rank") for event in events if event["event"] == "progress"} - {None}
    print(f"after {seconds:.0f} s; suspects: {sorted(suspects)}")
    good = row(name, status, finish, expected)
    for group in finish.get("stacks", []):
        frames = [f"{frame.get('file', frame['origin'])}:{frame.get('line')}" for frame in group.get("frames", [])]
        print(f"    {group['process']} {group['ranks']} {group['stands_in']}: {' <- '.join(frames)}")
    if kind == "two":
        places = [(group["ranks"], group["stands_in"]) for group in finish.get("stacks", [])]
        [owner] = [json.loads(path.read_text()) for path in state.glob("axolotl-run/runs/*/owner.json")]
        good = good and "fault_now (<string>:" in (owner["stacks"] or "")
        expected_places = [([1], "other"), ([0], "collective")]
        good = good and places == expected_places and (expected != "hang" or finish["verdict"]["confidence"] == "high")
    return good and suspects == ({suspect} - {None}) and finish.get("verdict", {}).get("rank") == suspect


def slurm(wrapper, state, environment, name, options, step, cancel, expected):
    missing = [program for program in (*slurm_node.PROGRAMS, "sbatch") if not shutil.which(program)]
    if missing or os.geteuid():
        print(f"skipped: {name}: {', '.join(missing) or 'root'} is missing")
        return True
    with slurm_node.cluster(str(state / "slurm")) as configuration:
        environment["SLURM_CONF"] = os.environ["SLURM_CONF"] = configuration
        return slurm_job(wrapper, state, environment, name, options, step, cancel, expected)


def slurm_job(wrapper, state, environment, name, options, step, cancel, expected):
    script = state / "job.sh"
    script.write_text(f"#!/bin/sh\n#SBATCH {options}\nexec {step} {wrapper} --record sleep 600\n")
    submit = ["sbatch", "--parsable", f"--output={state}/out", str(script)]
    job = subprocess.run(submit, env=environment, capture_output=True, text=True).stdout.strip().split(";")[0]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(state.glob("axolotl-run/runs/*/events.jsonl")):
        time.sleep(0.5)
    if cancel:
        subprocess.run(["scancel", job], check=False)
    deadline = time.monotonic() + 240
    queue = ["squeue", "-h", "-o", "%i"]
    while time.monotonic() < deadline and job in subprocess.run(queue, capture_output=True, text=True).stdout.split():
        time.sleep(1)
    return row(name, "-", finish_of(state)[0], expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("deaths", nargs="*")
    arguments = parser.parse_args()
    wrapper = str(pathlib.Path(arguments.wrapper).resolve())
    crowd = 2 * os.cpu_count()
    deaths = {
        "hang": lambda *where: hang(wrapper, *where, "standing still, then Ctrl-C", "spinning", 0, 2),
        "two": lambda *where: hang(wrapper, *where, "one of two elsewhere, then Ctrl-C", "two", 0, 1),
        "soon": lambda *where: hang(wrapper, *where, "the same, with Ctrl-C soon", "two", 0, None, "signalled_by_user", 50),
        "crowded": lambda *where: hang(wrapper, *where, "the same on a crowded machine", "spinning", crowd, 2),
        "asleep": lambda *where: hang(wrapper, *where, "all asleep on a crowded machine", "asleep", crowd, None),
        "saving": lambda *where: hang(wrapper, *where, "no step, but at work", "saving", crowd, None, "signalled_by_user", 420),
        "time-limit": lambda *where: slurm(wrapper, *where, "Slurm's time limit", "--time=1", "", False, "time_limit"),
        "scancel": lambda *where: slurm(wrapper, *where, "scancel", "--time=10", "srun", True, "preempted_or_cancelled"),
    }
    good = True
    for name in arguments.deaths or deaths:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "XDG_STATE_HOME": folder, "HOME": folder}
            environment.pop("AXOLOTL_RUN_ID", None)
            good &= deaths[name](pathlib.Path(folder), environment)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
