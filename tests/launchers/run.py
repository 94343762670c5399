#!/usr/bin/env python3
"""The launcher under real launchers of workers, outside and inside of each.

    python3 tests/launchers/run.py --wrapper target/release/axolotl-run [--python DIR/bin/python] [--only WORD...]

Every case is run bare and wrapped. Wanted: the same exit status; exactly one finished report over all processes and
nodes; the outcome; the step; and where a rank has failed, that rank and what it died of, not what the others then said.
What is not installed is skipped and named: torchrun and accelerate of the --python given (with torch; CPU is enough),
Open MPI and MPICH (mpirun.openmpi, mpiexec.hydra), Slurm (slurmd, slurmctld, munged; brought up on one node by itself),
two nodes as two network namespaces (ip, root).
"""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import slurm_node  # noqa: E402 - stands beside this folder
WORKER = os.path.join(HERE, "worker.py")
STEPS = 30
LIMIT = 150


class Place:
    """A scratch directory, and what is recorded in it."""

    def __init__(self, root, name):
        self.home = os.path.join(root, name)
        os.makedirs(self.home)
        hidden = ("AXOLOTL_", "DO_NOT_TRACK", "SLURM_", "OMPI_", "PMI", "RANK", "LOCAL_RANK", "WORLD_SIZE")
        mine = lambda key: key == "SLURM_CONF" or not key.startswith(hidden)
        self.environment = {key: value for key, value in os.environ.items() if mine(key)}
        self.environment.update(HOME=self.home, XDG_STATE_HOME=self.home + "/state", OMP_NUM_THREADS="1",
                                OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")

    def reports(self):
        """The events of each run."""
        found = []
        for path in glob.glob(self.home + "/state/axolotl-run/runs/*/events.jsonl"):
            found.append([json.loads(line) for line in open(path) if line.endswith("\n")])
        return found

    def settled(self):
        """The same, once every one has its finish and no more are coming."""
        deadline, reports = time.monotonic() + 15, []
        while time.monotonic() < deadline:
            reports = self.reports()
            if reports and all(events and events[-1]["event"] == "finish" for events in reports):
                break
            time.sleep(0.1)
        return reports


class Case:
    def __init__(self, name, commands, outcome, rank=None, kinds=None, error=None, environment=None, same=True, step=None):
        # One command a node; {run} is where the launcher stands.
        self.name, self.commands, self.outcome = name, commands, outcome
        self.rank, self.kinds, self.error = rank, kinds, error
        self.environment, self.same, self.step = environment or {}, same, step


def run_all(case, root, wrapper):
    """Exit status of the first node, and the place, of one way to run a case."""
    place = Place(root, case.name.replace(" ", "-").replace("/", "-") + ("-wrapped" if wrapper else "-bare"))
    prefix = f"{wrapper} --record --tap-stdout" if wrapper else ""
    nodes = []
    for number, command in enumerate(case.commands):
        log = open(f"{place.home}/output-{number}", "wb")
        environment = {**place.environment, **case.environment}
        words = command.replace("{run}", prefix).replace("{home}", place.home)
        words = words.replace("{programs}", os.path.dirname(wrapper or ""))
        nodes.append(subprocess.Popen(["bash", "-c", "exec " + words if ";" not in words else words], env=environment, cwd=place.home,
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT))
    status = []
    for node in nodes:
        try:
            status.append(node.wait(LIMIT))
        except subprocess.TimeoutExpired:
            node.kill()
            status.append("hangs")
    return status, place


def judge(case, bare, wrapped, reports):
    if case.same and bare != wrapped:
        yield f"exit status {wrapped}, bare {bare}"
    if len(reports) != 1:
        yield f"{len(reports)} reports"
        return
    events = reports[0]
    last = events[-1]["properties"]
    if events[-1]["event"] != "finish" or sum(event["event"] == "finish" for event in events) != 1:
        yield "no finish, or more than one"
        return
    if last.get("outcome") not in case.outcome.split("|"):
        yield f"outcome {last.get('outcome')}, expected {case.outcome}"
    if case.step is not None and last.get("total_steps") != case.step:
        yield f"step {last.get('total_steps')}, expected {case.step}"
    verdict = last.get("verdict", {})
    if case.kinds and verdict.get("kind") not in case.kinds:
        yield f"verdict {verdict}, expected {case.kinds}"
    errors = [event["properties"] for event in events if event["event"] == "error"]
    if case.error is not None and [error.get("exception_type") for error in errors] != [case.error]:
        yield f"error {[error.get('exception_type') for error in errors]}, expected {case.error}"
    if case.rank is not None:
        said = [error.get("rank") for error in errors] + [last.get("verdict", {}).get("rank")]
        if case.rank not in said:
            yield f"rank {said}, expected {case.rank}; verdict {verdict}"


# --- the launchers ----------------------------------------------------------------------------------------------------


FAULTS = [
    # fault, outcome, what the verdict may be called, the exception
    ("", "success", ["success"], None),
    ("raise", "error", ["exception"], "RuntimeError"),
    ("kill", "error|signal", ["killed_unknown"], None),
    ("segv", "error|signal", ["segfault"], None),
    ("exit", "error", ["exit_nonzero"], None),
]


def cases_of(name, outside, inside, environment=None, knows_rank=True):
    """Outside, the second rank fails and has to be named; inside, the reporting one does."""
    for fault, outcome, kinds, error in FAULTS:
        told = outside.replace("{worker}", f"{WORKER} {STEPS} {fault} {1 if fault else ''}".strip())
        wanted = dict(environment=environment, step=STEPS if not fault else None)
        known = dict(rank=1 if fault and knows_rank else None, kinds=kinds, error=error)
        yield Case(f"{name} outside {fault or 'ok'}", [told], outcome, **known, **wanted)
        told = inside.replace("{worker}", f"{WORKER} {STEPS} {fault} {0 if fault else ''}".strip())
        yield Case(f"{name} inside {fault or 'ok'}", [told], outcome, kinds=kinds, error=error, **wanted)
    told = inside.replace("{worker}", f"{WORKER} {STEPS} raise 1")
    yield Case(f"{name} inside another rank's end", [told], "error|signal|success", environment=environment)


def torchrun(python):
    bin = os.path.dirname(python)
    torch = {"WORKER_TORCH": "1"}
    yield from cases_of("torchrun", f"{{run}} {bin}/torchrun --nproc_per_node 2 {{worker}}",
                        f"{bin}/torchrun --nproc_per_node 2 --no-python {{run}} {python} {{worker}}", torch)
    options = "--num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no --multi_gpu"
    yield from cases_of("accelerate", f"{{run}} {bin}/accelerate launch {options} {{worker}}",
                        f"{bin}/accelerate launch {options} --no_python {{run}} {python} {{worker}}", torch)


def two_nodes(python):
    """torchrun on two nodes: two network namespaces with a cable between them."""
    bin = os.path.dirname(python)
    tag = f"axr{os.getpid() % 10000}"
    names = [f"{tag}a", f"{tag}b"]
    setup = [f"ip netns add {name}" for name in names]
    setup += [f"ip link add {names[0]} type veth peer name {names[1]}"]
    for number, name in enumerate(names):
        setup += [f"ip link set {name} netns {name}", f"ip -n {name} addr add 10.99.7.{number + 1}/24 dev {name}",
                  f"ip -n {name} link set {name} up", f"ip -n {name} link set lo up"]
    for line in setup:
        subprocess.run(line.split(), check=True)
    inside = [f"ip netns exec {name} env GLOO_SOCKET_IFNAME={name}" for name in names]
    numbered = "--nnodes 2 --nproc_per_node 1 --master_addr 10.99.7.1 --master_port 29511"
    rendezvous = "--nnodes 2 --nproc_per_node 1 --rdzv_backend c10d --rdzv_id x --rdzv_endpoint 10.99.7.1:29512"

    def nodes(words, worker, wrapped_inside=False):
        for number, name in enumerate(inside):
            options = words + (f" --node_rank {number}" if words is numbered else f" --local_addr 10.99.7.{number + 1} --rdzv_conf is_host={1 - number}")
            if wrapped_inside:
                yield f"{name} {bin}/torchrun {options} --no-python {{run}} {python} {worker}"
            else:
                yield f"{name} {{run}} {bin}/torchrun {options} {worker}"

    torch = {"WORKER_TORCH": "1"}
    plain = f"{WORKER} {STEPS}"
    yield Case("two nodes outside ok", list(nodes(numbered, plain)), "success", environment=torch, step=STEPS)
    yield Case("two nodes inside ok", list(nodes(numbered, plain, True)), "success", environment=torch, step=STEPS)
    yield Case("two nodes rendezvous ok", list(nodes(rendezvous, plain)), "success", environment=torch, step=STEPS)
    failing = plain + " raise 0"
    yield Case("two nodes outside raise", list(nodes(numbered, failing)), "error", 0, ["exception"], "RuntimeError", torch)
    yield Case("two nodes the other fails", list(nodes(numbered, plain + " kill 1")), "error", environment=torch)
    yield lambda: [subprocess.run(["ip", "netns", "del", name]) for name in names]


def mpi(name, program):
    worker = f"{sys.executable} {{worker}}"
    yield from cases_of(name, f"{{run}} {program} -np 2 {worker}", f"{program} -np 2 {{run}} {worker}", knows_rank=name == "Open MPI")


def slurm():
    worker = f"{sys.executable} {{worker}}"
    # A step of its own: a bare srun allocates the job as well.
    yield from cases_of("srun", f"{{run}} srun -n2 --overcommit {worker}", f"srun -n2 --overcommit {{run}} {worker}", knows_rank=True)
    plain, patient = f"{sys.executable} {WORKER} {STEPS}", f"{sys.executable} {WORKER} 3000"
    batch = lambda line, options="": f"printf '#!/bin/bash\\n{line}\\n' > job.sh; sbatch --wait -o {{home}}/job.log {options} job.sh"
    yield Case("sbatch inside ok", [batch("exec {run} " + plain)], "success", step=STEPS)
    yield Case("sbatch srun inside ok", [batch("srun -n2 --overcommit {run} " + plain)], "success", step=STEPS)
    yield Case("sbatch outside raise", [batch("{run} srun -n2 --overcommit " + plain + " raise 1")], "error", 1, ["exception"], "RuntimeError")
    # The script that users copy finds the launcher on the path.
    example = os.path.join(HERE, "../../examples/slurm.sbatch")
    yield Case("sbatch example", [f"env PATH={{programs}}:$PATH sbatch --wait -o {{home}}/job.log {example} {plain}"], "success", step=STEPS, same=False)
    # The limit is a whole minute, and the job must be found a minute old.
    yield Case("sbatch time limit", [batch("{run} " + patient, "--time=1")], "signal|error", kinds=["time_limit"])
    cancel = "sbatch -o {home}/job.log job.sh > id; sleep 6; scancel $(tr -cd 0-9 < id); sleep 5"
    yield Case("sbatch scancel", [batch("exec {run} " + patient).split(";")[0] + "; " + cancel], "signal|error",
               kinds=["preempted_or_cancelled"])
    step = "srun -n2 --overcommit {run} " + patient + " & sleep 6; scancel -u root; wait"
    yield Case("srun scancel", [step], "signal|error", kinds=["preempted_or_cancelled"], same=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wrapper", required=True)
    parser.add_argument("--python", help="one that has torch and accelerate")
    parser.add_argument("--only", nargs="*", default=[], help="cases whose name has all of these words")
    parser.add_argument("--keep", action="store_true", help="leave the scratch directory")
    given = parser.parse_args()
    wrapper = os.path.abspath(given.wrapper)
    root = tempfile.mkdtemp(prefix="axolotl-launchers-")
    failures = done = 0

    def go(cases):
        nonlocal failures, done
        after = None
        for case in cases:
            if not isinstance(case, Case):
                after = case
                continue
            if not all(word in case.name.split() for word in given.only):
                continue
            bare, _ = run_all(case, root, None) if case.same else (None, None)
            wrapped, place = run_all(case, root, wrapper)
            found = list(judge(case, bare, wrapped, place.settled()))
            failures, done = failures + bool(found), done + 1
            print("%-36s %-8s %s" % (case.name, wrapped, "; ".join(found) or "ok"), flush=True)
        if after:
            after()

    has = shutil.which
    if given.python:
        go(torchrun(given.python))
    else:
        print("torchrun, accelerate: skipped, no --python")
    if given.python and has("ip") and os.geteuid() == 0:
        go(two_nodes(given.python))
    else:
        print("two nodes: skipped, need --python, ip and root")
    for name, program in (("Open MPI", "mpirun.openmpi"), ("MPICH", "mpiexec.hydra")):
        if has(program):
            options = " --oversubscribe" if name == "Open MPI" else ""
            go(mpi(name, program + options))
        else:
            print(f"{name}: skipped, no {program}")
    if all(map(has, slurm_node.PROGRAMS)) and os.geteuid() == 0:
        try:
            with slurm_node.cluster(os.path.join(root, "slurm")) as configuration:
                os.environ["SLURM_CONF"] = configuration
                go(slurm())
        except TimeoutError as error:
            failures += 1
            print(error)
    else:
        print("Slurm: skipped, needs slurmd, slurmctld, munged and root")
    print(f"{done - failures} of {done} as they should be" + (f"; see {root}" if failures or given.keep else ""))
    if not failures and not given.keep:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
