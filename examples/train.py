#!/usr/bin/env python3
"""A small training that is real: a character language model, learnt by gradient descent in plain Python.

It needs nothing but Python 3.8 and prints what a Hugging Face Trainer prints, byte for byte in the same grammar:
tqdm bars on stderr, a dictionary of metrics on stdout, records that worker processes prepare. So it stands for a
training wherever one is needed and no GPU is at hand: in the tests, in the demonstration, at a first try.

    python3 train.py                                 a few seconds; the loss falls from 3.3 to below 1
    python3 train.py --config train.yml              the same, as a file of Axolotl's form says
    python3 train.py --fail-at 200                   a damaged record stops it in the middle
    python3 train.py --sigkill-at 200 | --segfault-at 200 | --hang-at 200

The model: the embeddings of the last CONTEXT characters, one hidden layer, a softmax over the alphabet; Adam.
"""

import argparse
import atexit
import collections
import ctypes
import json
import math
import multiprocessing
import operator
import os
import random
import shutil
import signal
import sys
import time

ALPHABET = "\n abcdefghijklmnopqrstuvwxyz"
CONTEXT, EMBEDDING, HIDDEN = 4, 6, 24
NAMES, VERBS, THINGS = (
    ("the axolotl", "a newt", "the old salamander", "one olm"),
    ("eats", "sees", "follows", "dreams of"),
    ("a worm", "small snails", "the cold water", "its own tail"),
)


# --- what a Trainer shows -----------------------------------------------------------------------------------


class Bar:
    """A progress bar in tqdm's exact grammar: at most ten refreshes a second, the rate as a moving average."""

    MIN_INTERVAL = 0.1

    def __init__(self, total, description="", unit="it", initial=0):
        self.total, self.n, self.unit = total, initial, unit
        self.prefix = description + ": " if description else ""
        self.start = self.last_time = time.monotonic()
        self.last_n, self.rate, self.width, self.open = initial, None, 0, True
        atexit.register(self.close)  # as tqdm does: after a crash the bar is drawn once more, below the traceback
        self.draw()

    @staticmethod
    def clock(seconds):
        minutes, seconds = divmod(int(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return "%d:%02d:%02d" % (hours, minutes, seconds) if hours else "%02d:%02d" % (minutes, seconds)

    def text(self):
        elapsed = time.monotonic() - self.start
        rate = self.rate or (self.n / elapsed if self.n and elapsed else None)
        if rate is None:
            speed, left = "?" + self.unit + "/s", "?"
        else:
            form = "%5.2f" + self.unit + "/s" if rate >= 1 else "%5.2fs/" + self.unit
            speed, left = form % (rate if rate >= 1 else 1 / rate), self.clock((self.total - self.n) / rate)
        left_part = "%s%3.0f%%|" % (self.prefix, 100 * self.n / self.total)
        right_part = "| %d/%d [%s<%s, %s]" % (self.n, self.total, self.clock(elapsed), left, speed)
        cells = 10
        if sys.stderr.isatty():
            columns = shutil.get_terminal_size().columns
            cells = max(1, columns - len(left_part) - len(right_part) - 1)
        eighths = int(self.n / self.total * cells * 8)
        full, part = divmod(eighths, 8)
        blocks = "\u2588" * full + (" \u258f\u258e\u258d\u258c\u258b\u258a\u2589"[part] if full < cells else "")
        return left_part + blocks.ljust(cells) + right_part

    def draw(self):
        text = self.text()
        sys.stderr.write("\r" + text + " " * (self.width - len(text)))
        sys.stderr.flush()
        self.width = len(text)

    def update(self, n=1):
        self.n += n
        now = time.monotonic()
        if now - self.last_time >= self.MIN_INTERVAL:
            rate = (self.n - self.last_n) / (now - self.last_time)
            self.rate = rate if self.rate is None else 0.3 * rate + 0.7 * self.rate
            self.last_n, self.last_time = self.n, now
            self.draw()

    def write(self, line):
        """Prints a line on stdout, above the bar."""
        sys.stderr.write("\r" + " " * self.width + "\r")
        sys.stderr.flush()
        print(line)
        self.draw()

    def close(self):
        if self.open:
            self.open = False
            self.draw()
            sys.stderr.write("\n")
            sys.stderr.flush()


def log_line(metrics):
    """A metrics dictionary as transformers 5 prints it: every float as a string of four digits."""
    return str({key: "%.4g" % value if isinstance(value, float) else value for key, value in metrics.items()})


# --- data, prepared by worker processes ---------------------------------------------------------------------


class BadSampleError(Exception):
    """An exception of the user's own code: its name and its message are nobody else's business."""


def make_record(seed):
    """One record of the dataset: a JSON line with a sentence of a small grammar."""
    draw = random.Random(seed).choice
    return json.dumps({"id": seed, "text": "%s %s %s\n" % (draw(NAMES), draw(VERBS), draw(THINGS))})


def make_batch(job):
    """What a DataLoader's worker does: records in, pairs (context, next character) out."""
    step, size, seed, fail = job
    pairs = []
    for index in range(size):
        line = make_record(seed * 1000003 + step * 1009 + index)
        if fail == "data":
            line = line[: len(line) // 2]  # as a disk that was full leaves it
        elif fail == "own":
            raise BadSampleError("sample 7 of /home/jane/patients/2026.jsonl has no label")
        codes = [ALPHABET.index(character) for character in "\n" * CONTEXT + json.loads(line)["text"]]
        at = CONTEXT + (step * 7 + index * 3) % (len(codes) - CONTEXT - 1)
        pairs += [(codes[i - CONTEXT : i], codes[i]) for i in (at, at + 1)]
    return pairs


class Loader:
    """Batches in order, prepared ahead by `workers` processes; by this process itself where `workers` is 0."""

    def __init__(self, jobs, workers):
        self.jobs, self.ahead = iter(jobs), collections.deque()
        self.pool = multiprocessing.get_context("fork").Pool(workers) if workers else None
        self.depth = 2 * workers

    def __iter__(self):
        if self.pool is None:
            yield from map(make_batch, self.jobs)
            return
        for job in self.jobs:
            self.ahead.append(self.pool.apply_async(make_batch, (job,)))
            if len(self.ahead) > self.depth:
                yield self.ahead.popleft().get()
        while self.ahead:
            yield self.ahead.popleft().get()
        self.pool.close()
        self.pool.join()


# --- the model ----------------------------------------------------------------------------------------------


def dot(left, right):
    return sum(map(operator.mul, left, right))


class Model:
    """All weights are one flat list, so that the optimizer is one loop."""

    def __init__(self, seed):
        draw = random.Random(seed)
        inputs, characters = CONTEXT * EMBEDDING, len(ALPHABET)
        self.shapes = {"embedding": (characters, EMBEDDING), "hidden": (HIDDEN, inputs + 1), "out": (characters, HIDDEN + 1)}
        self.rows = {
            name: [[draw.gauss(0, 0.5 / math.sqrt(columns)) for _ in range(columns)] for _ in range(rows)]
            for name, (rows, columns) in self.shapes.items()
        }
        zero = {name: [[0.0] * columns for _ in range(rows)] for name, (rows, columns) in self.shapes.items()}
        self.mean, self.square = zero, {name: [row[:] for row in rows] for name, rows in zero.items()}
        self.updates = 0

    def loss_and_gradient(self, batch):
        embedding, hidden, out = (self.rows[name] for name in ("embedding", "hidden", "out"))
        gradient = {name: [[0.0] * columns for _ in range(rows)] for name, (rows, columns) in self.shapes.items()}
        loss = 0.0
        for context, target in batch:
            x = [value for code in context for value in embedding[code]] + [1.0]
            h = [math.tanh(dot(row, x)) for row in hidden] + [1.0]
            scores = [dot(row, h) for row in out]
            top = max(scores)
            powers = [math.exp(score - top) for score in scores]
            total = sum(powers)
            loss += math.log(total) + top - scores[target]
            d_h = [0.0] * (HIDDEN + 1)
            for code, power in enumerate(powers):
                d = power / total - (code == target)
                gradient["out"][code] = [g + d * value for g, value in zip(gradient["out"][code], h)]
                d_h = [g + d * weight for g, weight in zip(d_h, out[code])]
            d_x = [0.0] * len(x)
            for unit, row in enumerate(hidden):
                d = d_h[unit] * (1 - h[unit] * h[unit])
                gradient["hidden"][unit] = [g + d * value for g, value in zip(gradient["hidden"][unit], x)]
                d_x = [g + d * weight for g, weight in zip(d_x, row)]
            for place, code in enumerate(context):
                part = d_x[place * EMBEDDING : (place + 1) * EMBEDDING]
                gradient["embedding"][code] = [g + value for g, value in zip(gradient["embedding"][code], part)]
        scale = 1 / len(batch)
        return loss * scale, {name: [[g * scale for g in row] for row in rows] for name, rows in gradient.items()}

    def adam(self, gradient, rate, max_norm):
        """One step of Adam; answers the norm of the gradient before it was clipped."""
        norm = math.sqrt(sum(dot(row, row) for rows in gradient.values() for row in rows))
        clip = min(1.0, max_norm / (norm + 1e-6))
        self.updates += 1
        step = rate * math.sqrt(1 - 0.999**self.updates) / (1 - 0.9**self.updates)
        for name, rows in gradient.items():
            for at, row in enumerate(rows):
                row = [g * clip for g in row]
                self.mean[name][at] = m = [0.9 * a + 0.1 * g for a, g in zip(self.mean[name][at], row)]
                self.square[name][at] = v = [0.999 * a + 0.001 * g * g for a, g in zip(self.square[name][at], row)]
                weights = self.rows[name][at]
                self.rows[name][at] = [w - step * a / (math.sqrt(b) + 1e-8) for w, a, b in zip(weights, m, v)]
        return norm


# --- the training -------------------------------------------------------------------------------------------


def read_config(path):
    """The top-level scalars of a YAML file; Python brings no YAML, and a training this small needs no more."""
    config = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            line = line.split(" #")[0].rstrip()
            key, colon, value = line.partition(":")
            if colon and value.strip() and not line[0] in " -#":
                try:
                    config[key] = json.loads(value)
                except ValueError:
                    config[key] = value.strip()
    return config


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", help="a YAML file with Axolotl's keys")
    parser.add_argument("--steps", type=int, help="optimizer steps of an epoch")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--workers", type=int, help="processes that prepare data")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--sleep-per-step", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--fail-at", type=int, metavar="STEP", help="the data of this step raise")
    parser.add_argument("--fail-kind", choices=("data", "own"), default="data")
    parser.add_argument("--segfault-at", type=int, metavar="STEP")
    parser.add_argument("--sigkill-at", type=int, metavar="STEP")
    parser.add_argument("--hang-at", type=int, metavar="STEP")
    options = parser.parse_args()
    config = read_config(options.config) if options.config else {}

    def setting(key, default, flag=None):
        return flag if flag is not None else config.get(key, default)

    options.epochs = int(setting("num_epochs", 3, options.epochs))
    options.steps = int(options.steps or config.get("max_steps", 240 * options.epochs) // options.epochs)
    options.workers = int(setting("dataloader_num_workers", 2, options.workers))
    options.seed = int(setting("seed", 42, options.seed))
    options.batch = int(setting("micro_batch_size", 8)) * int(setting("gradient_accumulation_steps", 1))
    options.rate = float(setting("learning_rate", 0.02))
    options.warmup = int(setting("warmup_steps", 10))
    options.logging = int(setting("logging_steps", 40))
    options.max_norm = float(setting("max_grad_norm", 1.0))
    return options


def prepare(options):
    """The phase before: records are made and counted under a bar of its own, as `datasets` shows it."""
    total = 400
    bar = Bar(total, "Tokenizing Prompts (num_proc=%d)" % max(1, options.workers), " examples")
    for seed in range(total):
        json.loads(make_record(seed))
        bar.update()
    bar.close()


def misfortune(options, step):
    if step == options.segfault_at:
        ctypes.string_at(8)
    if step == options.sigkill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    if step == options.hang_at:
        while True:
            time.sleep(3600)


def train(options):
    prepare(options)
    model, total = Model(options.seed), options.steps * options.epochs
    jobs = (
        (step, options.batch, options.seed, options.fail_kind if step == options.fail_at else None)
        for step in range(1, total + 1)
    )
    started, bar, recent, every = time.monotonic(), Bar(total), [], []
    for step, batch in enumerate(Loader(jobs, options.workers), 1):
        misfortune(options, step)
        warm = min(1.0, step / max(1, options.warmup))
        rate = options.rate * warm * 0.5 * (1 + math.cos(math.pi * (step - 1) / total))
        loss, gradient = model.loss_and_gradient(batch)
        norm = model.adam(gradient, rate, options.max_norm)
        recent.append(loss)
        every.append(loss)
        time.sleep(options.sleep_per_step)
        bar.update()
        if step % options.logging == 0:
            mean, recent = sum(recent) / len(recent), []
            metrics = {"loss": mean, "grad_norm": norm, "learning_rate": rate, "epoch": step / options.steps}
            bar.write(log_line(metrics))
    seconds = time.monotonic() - started
    summary = {
        "train_runtime": seconds,
        "train_samples_per_second": total * options.batch / seconds,
        "train_steps_per_second": total / seconds,
        "train_loss": sum(every) / len(every),
        "epoch": float(options.epochs),
    }
    bar.write(log_line(summary))
    bar.close()


if __name__ == "__main__":
    train(arguments())
