"""One rank of a small training: bars and logs as the Trainer prints them, and a death on demand.

worker.py STEPS [FAULT RANK]; FAULT is one of raise, kill, segv, exit, hang. With torch (WORKER_TORCH=1) the ranks are
bound together by a collective in each step, so that one rank's death becomes the others' error.
"""
import os
import signal
import sys
import time

steps = int(sys.argv[1])
fault, at = (sys.argv[2], int(sys.argv[3])) if len(sys.argv) > 3 else ("", -1)
names = ("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
rank = int(next((os.environ[name] for name in names if name in os.environ), 0))
together = None
if os.environ.get("WORKER_TORCH"):
    import torch
    import torch.distributed as together

    if "RANK" in os.environ:
        together.init_process_group("gloo")
    else:
        together = None


def shard(path):
    try:
        return open(path)
    except FileNotFoundError as error:
        raise RuntimeError("could not load a shard") from error


def die():
    if fault == "raise":
        shard("/nowhere/shard-7")
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "exit":
        os._exit(3)
    if fault == "hang":
        time.sleep(600)


for step in range(steps + 1):
    if rank == 0:
        cells = "█" * (10 * step // steps)
        sys.stderr.write(f"\r{100 * step // steps:3d}%|{cells:10s}| {step}/{steps} [00:{step // 20:02d}<00:00, 20.00it/s]")
        if step % 5 == 0 and step:
            print({"loss": f"{6 - step / 100:.4g}", "epoch": f"{step / steps:.4g}"}, flush=True)
        sys.stderr.flush()
    if fault and rank == at and step == steps // 2:
        die()
    if together:
        together.all_reduce(torch.ones(1))
    time.sleep(0.05)
if rank == 0:
    sys.stderr.write("\n")
if together:
    together.destroy_process_group()
