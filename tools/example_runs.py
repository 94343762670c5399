#!/usr/bin/env python3
"""Makes up four recorded runs of two hours on eight GPUs: one that went well, one that died, one that hung, one whose
loss became NaN.

    python3 tools/example_runs.py STATE [--samples NUMBER]

STATE is what XDG_STATE_HOME names afterwards: `XDG_STATE_HOME=STATE axolotl-run --report`. The runs are written in the
form of the launcher's own files, so that its reader takes them; nothing of them was measured. With --samples the first
is a run of a week with so many measurements. For the pictures in docs/ and for looking at pages; needs Python alone.
"""

import argparse
import datetime
import json
import math
import pathlib
import random
import uuid

GPUS, GIB = 8, 1 << 30
BEGAN = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)


def common(elapsed):
    return {
        "$lib": "axolotl-run", "$lib_version": "0.1.0", "$process_person_profile": False, "$geoip_disable": True,
        "$ip": "0.0.0.0", "schema_version": 1, "elapsed_time": elapsed,
    }


class Run:
    def __init__(self, state, name, began):
        self.uuid, self.began, self.random = uuid.UUID(name), began, random.Random(7)
        self.place = pathlib.Path(state, "axolotl-run/runs", str(self.uuid))
        self.place.mkdir(parents=True, mode=0o700)
        for parent in self.place.relative_to(state).parents:
            (pathlib.Path(state) / parent).chmod(0o700)
        self.events, self.eval_loss, self.samples = [], None, (self.place / "samples.jsonl").open("w")

    def event(self, name, at, **properties):
        time = self.began + datetime.timedelta(seconds=at)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (time.microsecond // 1000)
        member = {
            "uuid": str(uuid.UUID(int=self.random.getrandbits(128), version=4)), "event": name,
            "distinct_id": str(self.uuid), "timestamp": stamp, "properties": {**common(float(at)), **properties},
        }
        self.events.append(json.dumps(member, separators=(",", ":")))

    def sample(self, at, cpu, memory, step, share, loss, gpus):
        line = {"at": at, "processes": 38, "cpu_seconds": round(cpu, 2), "rss_sum_bytes": int(memory * 1.6),
                "rss_max_process_bytes": int(memory * 0.4), "cgroup_bytes": int(memory * 1.3)}
        line.update({"step": step} if step else {})
        if step and loss is not None:
            line.update({"loss": round(loss, 4), "grad_norm": round(0.3 + 0.5 * loss * self.random.uniform(0.8, 1.2), 4)})
        if step:
            line.update({"epoch": round(3 * share, 2), "learning_rate": 1e-4 * (1 + math.cos(math.pi * share))})
        line.update({"eval_loss": self.eval_loss} if self.eval_loss else {})
        line["gpus"] = [{"index": index, "memory_bytes": int(bytes_), "utilization": round(load, 2),
                         "power_watts": round(90 + 560 * load, 1), "temperature_celsius": int(38 + 30 * load)}
                        for index, (bytes_, load) in enumerate(gpus)]
        self.samples.write(json.dumps(line, separators=(",", ":")) + "\n")

    def close(self):
        self.samples.close()
        (self.place / "events.jsonl").write_text("\n".join(self.events) + "\n")
        (self.place / "live").write_text("")


def train(run, seconds, total, stop=None, hang=None, nan=None, every=5.0, batch=2):
    """Measures a training that stops at a second, or hangs from one on; returns its steps and processor seconds."""
    rng, cpu, step, done = run.random, 0.0, 0, 0.0
    run.event("start", 0.0, os="linux-6.8-x86_64", python_version="3.12", cpu_count=64, memory_total=512 * GIB,
              accelerator_type="cuda", accelerator_count=GPUS,
              accelerator_info=[{"name": "NVIDIA H100 80GB HBM3", "memory": 80 * GIB}] * GPUS, launcher="torchrun",
              torch_version="2.8.0", transformers_version="4.57.1", peft_version="0.17.1", axolotl_version="0.13.0",
              config={"adapter": "lora", "lora_r": 16, "learning_rate": 0.0002, "micro_batch_size": batch,
                      "gradient_accumulation_steps": 4, "num_epochs": 3, "sequence_len": 4096, "bf16": True})
    rate, told, at = total / (seconds * 0.93), -60.0, 0.0
    end = stop or seconds
    while at < end:
        evaluated = at > 0 and evaluates
        trains = at > seconds * 0.05 and not (hang and at > hang)
        evaluates = trains and (at / seconds * 6) % 1 > 0.94
        if trains and not evaluates:
            done = min(total, done + every * rate * (1.06 + 0.05 * math.sin(at / 300) + rng.gauss(0, 0.02)))
            step = int(done)
        if trains or not step:
            if evaluates and not evaluated and loss is not None:
                run.eval_loss = round(loss + 0.08, 4)
            loss = 0.55 + 2.1 * math.exp(-3.2 * step / total) + rng.gauss(0, 0.03)
        if nan and step >= nan:
            loss = None
        loading = min(1.0, at / (seconds * 0.05))
        cpu += every * (6.2 + rng.random() if trains else 1.0 + 14 * (loading < 1) if not hang or at < hang else 4.02)
        memory = (20 + 58 * loading + 9 * at / seconds) * GIB
        gpus = []
        for gpu in range(GPUS):
            busy = 0.96 - 0.05 * rng.random() - 0.01 * gpu if trains else 0.0
            busy = 0.72 if evaluates else busy
            if hang and at > hang:
                busy = 0.0 if gpu == 2 else 1.0
            bytes_ = (2 + loading * 52 + (9 + gpu if trains or hang else 0) + (12 * at / end if stop and not hang else 0)) * GIB
            gpus.append((min(bytes_, 79.6 * GIB), busy))
        run.sample(round(at, 3), cpu, memory, step, step / total, loss, gpus)
        if step and at - told >= 60:
            told = at
            stands = {"stalled_seconds": at - hang, "suspect_rank": 2} if hang and at > hang + 300 else {}
            run.event("progress", float(int(at)), step=step, total_steps=total, epoch=min(3 * step // total, 2),
                      progress=round(3 * step / total, 2), share=round(step / total, 4), **(written(loss)), **stands)
        at += every
    return step, cpu, loss


def written(loss):
    return {"loss": round(loss, 4)} if loss is not None else {"loss": None, "loss_repr": "nan"}


def finish(run, seconds, step, cpu, loss, outcome, kind, evidence, confidence, **more):
    peaks = {"gpu_%d_peak_memory_bytes" % gpu: (60 + gpu) * GIB for gpu in range(GPUS)}
    run.event("finish", float(seconds), outcome=outcome, verdict={"kind": kind, "evidence": evidence, "confidence": confidence, **more.pop("judged", {})},
              **{name: more.pop(name) for name in ("exit_code", "signal") if name in more}, total_time_seconds=float(seconds),
              total_steps=step, steps_per_second=round(step / seconds, 3), peak_cpu_memory_bytes=34 * GIB, gpu_memory=peaks,
              gpu_energy_joules=round(seconds * GPUS * 610.0, 1), cpu_seconds=round(cpu, 2), **written(loss), **more)
    run.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state")
    parser.add_argument("--samples", type=int)
    options = parser.parse_args()
    hour, day = datetime.timedelta(hours=1), datetime.timedelta(days=1)

    good = Run(options.state, "6f1c2e9a-7d54-4f0b-8a21-3c5d9e7f1b42", BEGAN)
    if options.samples:
        good.began -= 8 * day
        step, cpu, loss = train(good, 604800.0, 400000, every=604800.0 / options.samples)
        finish(good, 604800.0, step, cpu, loss, "success", "success", ["exit_code"], "high", exit_code=0)
    else:
        (good.place / "consent").write_text("")
        step, cpu, loss = train(good, 7985.0, 5400)
        finish(good, 7985.0, step, cpu, loss, "success", "success", ["exit_code"], "high", exit_code=0)
        uuids = [json.loads(line)["uuid"] for line in good.events]
        answer = {"time": "2026-11-22T13:16:54.100Z", "outcome": "delivered", "status": 200, "events": len(uuids), "uuids": uuids}
        (good.place / "delivery.jsonl").write_text(json.dumps(answer) + "\n")

    died = Run(options.state, "b20d41c7-5a1e-4c39-9d02-7f60a8e35c11", BEGAN - 5 * hour)
    step, cpu, loss = train(died, 7985.0, 5400, stop=3312.0, batch=4)
    frame = lambda origin, line, file=None, function=None: {
        name: value for name, value in (("origin", origin), ("file", file), ("function", function), ("line", line)) if value}
    frames = [
        frame("axolotl", 53, "axolotl/cli/train.py", "do_train"), frame("axolotl", 217, "axolotl/train.py", "execute_training"),
        frame("transformers", 2122, "transformers/trainer.py", "train"),
        frame("transformers", 2474, "transformers/trainer.py", "_inner_training_loop"),
        frame("user", 139), frame("torch", 1751, "torch/nn/modules/module.py", "_wrapped_call_impl"),
        frame("torch", 1762, "torch/nn/modules/module.py", "_call_impl"),
        frame("transformers", 318, "transformers/models/llama/modeling_llama.py", "forward"),
        frame("torch", 125, "torch/nn/modules/linear.py", "forward"),
    ]
    died.event("error", 3312.0, exception_type="torch.OutOfMemoryError",
               exception="CUDA out of memory. Tried to allocate 20.00 GiB", frames=frames, chain=["torch.OutOfMemoryError"],
               fingerprint="b5a7123fc48aed76", rank=3, fatal=True, other_ranks=3)
    finish(died, 3312.0, step, cpu, loss, "error", "oom_gpu", ["traceback", "exit_code"], "high", exit_code=1)

    hung = Run(options.state, "e93f7a05-0c68-4b2f-b1d7-2a94c60d8e77", BEGAN - 9 * hour)
    step, cpu, loss = train(hung, 7985.0, 5400, stop=6480.0, hang=4210.0)
    finish(hung, 6480.0, step, cpu, loss, "signal", "hang", ["killed_by_signal", "termination_requested"], "high",
           signal="SIGTERM", judged={"rank": 2})

    broken = Run(options.state, "3d9e5b12-64c7-4e08-a5f1-9b0c2d7e6a34", BEGAN - 13 * hour)
    step, cpu, loss = train(broken, 7985.0, 5400, nan=3120)
    finish(broken, 7985.0, step, cpu, loss, "success", "success", ["exit_code"], "high", exit_code=0,
           not_finite={"metric": "loss", "repr": "nan", "since_step": 3120})


if __name__ == "__main__":
    main()
