#!/usr/bin/env python3
"""Makes streams of the kinds of the public corpus, in any number: programs that fail, run by real interpreters.

    make.py OUT [--seed N] [--count N] [--python PROGRAM ...]

Each case has invented names of its own in every place where a user's would stand. The frames are code objects whose
files have public names, so that the interpreter and the packages that print tracebacks (rich, loguru, IPython, …:
whatever is installed) print them as they print any. What stands around a traceback in a cluster's log (ranks, times,
progress bars, launchers' tables) is put there afterwards. Score it with `score.py --cases OUT`.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile

# Public files with functions of theirs; which calls which does not matter to a reader of tracebacks.
PUBLIC = {
    "axolotl/cli/main.py": ["train", "cli"], "axolotl/cli/train.py": ["do_train", "do_cli"],
    "axolotl/train.py": ["train", "execute_training", "setup_model_and_trainer"],
    "axolotl/core/trainers/base.py": ["compute_loss", "get_train_dataloader", "create_optimizer"],
    "axolotl/utils/data/sft.py": ["prepare_datasets", "_prepare_standard_dataset"],
    "axolotl/loaders/model.py": ["load", "_build_model"],
    "transformers/trainer.py": ["train", "_inner_training_loop", "training_step", "compute_loss", "_save_checkpoint"],
    "transformers/modeling_utils.py": ["from_pretrained", "load_state_dict"],
    "transformers/models/llama/modeling_llama.py": ["forward"], "transformers/utils/hub.py": ["cached_file"],
    "transformers/tokenization_utils_base.py": ["from_pretrained", "pad"],
    "trl/trainer/sft_trainer.py": ["train", "compute_loss"], "trl/trainer/dpo_trainer.py": ["get_batch_loss_metrics"],
    "torch/nn/modules/module.py": ["_wrapped_call_impl", "_call_impl"], "torch/nn/functional.py": ["cross_entropy", "embedding"],
    "torch/utils/data/dataloader.py": ["__next__", "_next_data"], "torch/utils/data/_utils/fetch.py": ["fetch"],
    "torch/autograd/__init__.py": ["backward"], "torch/_tensor.py": ["backward"],
    "torch/optim/adamw.py": ["step"], "torch/distributed/distributed_c10d.py": ["all_reduce", "barrier"],
    "torch/serialization.py": ["load", "save"], "torch/utils/checkpoint.py": ["checkpoint"],
    "accelerate/accelerator.py": ["backward", "prepare"], "accelerate/utils/operations.py": ["forward", "gather"],
    "datasets/load.py": ["load_dataset"], "datasets/builder.py": ["download_and_prepare", "_prepare_split_single"],
    "datasets/arrow_dataset.py": ["map", "_map_single", "wrapper"], "peft/peft_model.py": ["forward", "from_pretrained"],
    "peft/tuners/lora/layer.py": ["forward"], "deepspeed/runtime/engine.py": ["forward", "backward", "step"],
    "huggingface_hub/file_download.py": ["hf_hub_download"], "huggingface_hub/utils/_http.py": ["hf_raise_for_status"],
    "requests/sessions.py": ["request", "send"], "urllib3/connectionpool.py": ["urlopen"],
    "bitsandbytes/nn/modules.py": ["forward"], "pandas/core/frame.py": ["__getitem__"], "safetensors/torch.py": ["load_file"],
}
STDLIB = {"json/decoder.py": ["decode", "raw_decode"], "json/__init__.py": ["loads"], "subprocess.py": ["check_call", "run"],
          "threading.py": ["run", "_bootstrap_inner"], "concurrent/futures/thread.py": ["run"], "contextlib.py": ["__exit__"]}
TYPES = ["ValueError", "RuntimeError", "KeyError", "TypeError", "OSError", "AssertionError", "IndexError", "ZeroDivisionError",
         "NotImplementedError", "PermissionError", "UnicodeError", "torch.OutOfMemoryError", "torch.distributed.DistBackendError",
         "huggingface_hub.errors.RepositoryNotFoundError", "safetensors_rust.SafetensorError", "pyarrow.lib.ArrowInvalid",
         "datasets.exceptions.DatasetGenerationError", "requests.exceptions.ConnectionError", "yaml.scanner.ScannerError"]

# Beside the program; what fails, and the way to it.
HELPER = '''
import builtins, sys
def load(frames, last):
    """The outermost function; each frame's file calls the next one's."""
    f = last
    for path, line, name, number in reversed(frames):
        scope = {"__name__": "x"}
        with open(path, encoding="utf-8") as file:
            exec(compile(file.read(), path, "exec"), scope)
        scope["NEXT%d" % number] = f
        f = scope["FUNCTION%d" % number]
    return f
def find(name):
    if hasattr(builtins, name):
        return getattr(builtins, name)
    module, _, last = name.rpartition(".")
    return type(last, (Exception,), {"__module__": module})
def failing(name, message, function):
    def inner(*a, **k):
        raise find(name)(message)
    inner.__name__ = inner.__qualname__ = function
    return inner
def pyhook():
    import traceback
    sys.excepthook = lambda t, v, tb: traceback.print_exception(t, v, tb)
'''

# These print the class without its module.
LAST_NAME_ONLY = {"rich", "rich_ascii", "rich_logging", "ipython", "typer", "structlog", "stackprinter"}


def plain(text):
    return re.sub("[^a-z0-9_]", "_", text)


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def word(self):
        return "canary%04x" % self.random.randrange(65536)

    def canary(self, kind):
        r = self.random
        text = {
            "user": lambda: self.word(), "path": lambda: self.word() + r.choice("-_ .") + self.word(),
            "token": lambda: r.choice(["hf_%s", "sk-proj-%s", "ghp_%s"]) % "".join(r.choices("abcdefGHIJKLmnop0123456789", k=30)),
            "number": lambda: str(r.randrange(10**10, 10**11)), "host": lambda: "gpu-%d.%s.zone7q" % (r.randrange(9), self.word()),
            "function": lambda: "load_%s_%s" % (self.word(), self.word()), "class": lambda: "%s%sBoom" % (self.word().title(), self.word().title()),
            "data": lambda: self.word(), "repo": lambda: "%s/%s" % (self.word(), self.word()), "runname": lambda: "%s-%s" % (self.word(), self.word()),
        }[kind]()
        self.labels[text] = kind
        return text

    def secrets(self):
        """Text as a user's message or argument would be."""
        c = self.canary
        return self.random.choice([
            lambda: "cannot read /data/%s/%s.jsonl" % (c("path"), c("data")), lambda: "token %s was refused by %s" % (c("token"), c("host")),
            lambda: "Expected input batch_size (%s) to match target batch_size for /srv/%s" % (c("number"), c("path")),
            lambda: "%s has no %s: %r" % (c("repo"), c("data"), {c("data"): c("token")}), lambda: c("data"),
            lambda: "CUDA out of memory. Tried to allocate 2.00 GiB for %s" % c("data"),
            lambda: "first line %s\nsecond: %s\n  File \"/home/%s/x.py\", line 3, in %s\nthird" % (c("data"), c("token"), c("user"), c("function")),
            lambda: "[Errno 2] No such file or directory: '/home/%s/%s'" % (c("user"), c("path")), lambda: "",
            lambda: "\u4f60\u597d %s \u00e9\u2028 %s" % (c("data"), c("token")), lambda: "%s:\n\n  - %s\n  - %s" % (c("data"), c("path"), c("token")),
        ])()

    def frames(self, count):
        """Files that do nothing but call the next one, at the lines that are wanted."""
        r, found, texts = self.random, [], {}
        for number in range(count):
            table, root = (STDLIB, self.lib) if r.random() < 0.15 else (PUBLIC, self.site)
            file = r.choice(sorted(table))
            lines = texts.setdefault(root + "/" + file, [])
            line, name = len(lines) + r.randrange(5, 900), r.choice(table[file])
            source = r.choice(["loss = compute(model, batch)", "token = %r" % self.canary("token"), "return self.%s(x)" % self.canary("function"), "# %s" % self.canary("data")])
            while len(lines) < line - 3:
                lines.append(r.choice(["", "# a comment", "x = 1"]))
            lines += ["def %s(self=None, *args, **kwargs):" % name, "    %s = %r" % (self.canary("function"), self.canary("data")), "    return NEXT%d(*args, **kwargs)  # %s" % (number, source), "FUNCTION%d = %s" % (number, name), ""]
            found.append((root + "/" + file, line, name, number))
        for path, lines in texts.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
        return found

    def case(self, name, kind, python, version):
        with tempfile.TemporaryDirectory(prefix="c") as folder:
            return self.made(name, kind, python, version, folder)

    def made(self, name, kind, python, version, folder):
        r = self.random
        self.labels = {}
        user, project = self.canary("user"), plain(self.canary("path"))
        base = folder + r.choice(["/home/%s" % user, "/mnt/%s/%s" % (user, project), "/scratch/%s" % user, "/Users/%s" % user])
        style = r.random()
        self.site = base + ("/venv/lib/python%s/site-packages" % version if style < 0.7 else "/miniconda3/envs/%s/lib/python%s/site-packages" % (self.canary("path"), version) if style < 0.9 else "/.local/lib/python%s/dist-packages" % version)
        self.lib = r.choice([folder + "/usr/lib/python%s", folder + "/usr/local/lib/python%s", base + "/.pyenv/versions/3/lib/python%s"]) % version
        script = "%s/%s/train_%s.py" % (base, project, plain(self.canary("path")))
        os.makedirs(os.path.dirname(script))
        kept = self.frames(r.randrange(1, 9))
        exception = r.choice(TYPES if r.random() < 0.9 else ["x"])
        private = exception == "x"
        if private:
            exception = "%s.%s" % (plain(self.canary("path")), self.canary("class"))
        self.message, self.function = self.secrets(), self.canary("function")
        self.kind = kind
        made = getattr(self, "kind_" + kind)(kept, exception)
        body, options = made if isinstance(made, tuple) else (made, {})
        begin = "import os, sys\nfrom helper import failing, load, pyhook\nFRAMES = %r\n" % (kept,)
        begin += "TYPE, MESSAGE, USERFN = %r, %r, %r\ngo = load(FRAMES, failing(TYPE, MESSAGE, USERFN))\n" % (exception, self.message, self.function)
        for path, text in ((script, begin + body + "\n"), (os.path.dirname(script) + "/helper.py", HELPER)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        environment = dict(os.environ, PYTHONIOENCODING="utf-8", PYTHONUTF8="1", PYTHONDONTWRITEBYTECODE="1", COLUMNS=str(r.choice([40, 60, 80, 100, 120, 200])), **options.get("env", {}))
        try:
            done = subprocess.run([python, script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, timeout=60, cwd=folder)
        except subprocess.TimeoutExpired:
            return None
        raw = done.stdout + done.stderr if options.get("stdout") else done.stderr
        if b"ModuleNotFoundError" in raw or b"ImportError" in raw or b"NameError: name 'ExceptionGroup'" in raw or b"has no attribute 'TaskGroup'" in raw or b"has no attribute 'add_note'" in raw:
            # What the case needs is not installed, or is not of this version.
            return None
        code, signal = (done.returncode, None) if done.returncode >= 0 else (128 - done.returncode, -done.returncode)
        labels = {
            "name": name, "kind": kind, "python": version, "exception_type": None if private else exception,
            "exception_private": private, "must_keep": options.get("words", []),
            "must_keep_frames": [{"file": re.split("(?:site-packages|dist-packages|lib/python[0-9.]+)/", path)[-1], "line": line, "function": function} for path, line, function, _ in options.get("frames", kept)],
            "fatal": code != 0, "traces": options.get("traces", 1), "exit_code": code, "signal": signal, "emulated": False, "note": "",
        }
        if "type" in options:
            labels.update(exception_type=options["type"], exception_private=False)
            if options["type"] == "ExceptionGroup" and version in ("3.9", "3.10"):
                labels["exception_type"] = "exceptiongroup.ExceptionGroup"
        elif kind in LAST_NAME_ONLY and not private:
            labels["exception_type"] = exception.rsplit(".", 1)[-1]
        if code == 0:
            labels["must_keep_frames"] = []
        raw = self.around(raw, labels, options)
        text = raw.decode("utf-8", "replace")
        if labels["exception_type"] and kind == "structlog" and not private and exception + ":" in text:
            # Only its renderer of boxes prints the last name alone.
            labels["exception_type"] = exception
        labels["canaries"] = [canary for canary in self.labels if canary in text]
        labels["canary_class"] = {canary: self.labels[canary] for canary in labels["canaries"]}
        labels["bytes"] = len(raw)
        return raw, labels

    # What stands around it.

    def around(self, raw, labels, options):
        r = self.random
        choice = r.choice(["", "", "", "rank", "default", "time", "crlf", "bar", "ranks", "ray", "pod", "noise", "elastic", "accelerate", "deepspeed", "colour"])
        if options.get("bare") or not raw.strip():
            choice = ""
        lines = raw.decode("utf-8", "surrogateescape").split("\n")
        if lines and not lines[-1]:
            lines.pop()
        before, behind = [], []
        if choice in ("rank", "default", "ray", "pod"):
            prefix = {"rank": "[rank%d]: " % r.randrange(16), "default": "[default%d]:" % r.randrange(8), "ray": "\x1b[36m(%s pid=%d, ip=10.1.2.3)\x1b[0m " % (r.choice(["train", "RayTrainWorker"]), r.randrange(9999)), "pod": "%s | " % self.canary("host")}[choice]
            lines = [prefix + line for line in lines]
        elif choice == "time":
            host = self.canary("host")
            lines = ["2026-03-01T11:%02d:%02d.%03dZ %s trainer[42]: " % (r.randrange(60), r.randrange(60), r.randrange(1000), host) + line for line in lines]
        elif choice == "crlf":
            lines = [line + "\r" for line in lines]
        elif choice == "bar":
            bar = "\r%3d%%|####    | %d/960 [00:10<00:09,  7.36it/s]" % (r.randrange(100), r.randrange(960))
            lines[0] = "".join([bar] * r.randrange(1, 9)) + lines[0]
        elif choice == "ranks" and labels["fatal"] and labels["signal"] is None and self.kind in ("plain", "pyhook", "cause"):
            # The same program on two ranks, their lines mixed.
            queues = [["[rank%d]: %s" % (rank, line) for line in lines] for rank in (0, 1)]
            lines = []
            while any(queues):
                queue = r.choice([queue for queue in queues if queue])
                lines.extend(queue.pop(0) for _ in range(min(len(queue), r.randrange(1, 4))))
            labels["traces"] = None
        elif choice == "noise":
            c = self.canary
            noise = ["wandb: Run %s at https://wandb.ai/%s" % (c("runname"), c("repo")), "/home/%s/x.py:5: UserWarning: %s" % (c("user"), c("data")), "  warnings.warn(%r)" % c("token"), "[2026-03-01 11:22:33,456] [INFO] [axolotl.train] saving to /data/%s" % c("path"), "{'loss': 1.234, 'epoch': 0.5}", ""]
            before, behind = r.sample(noise, 3), r.sample(noise, 2)
        elif choice in ("elastic", "accelerate", "deepspeed") and labels["fatal"] and labels["signal"] is None and self.kind in ("plain", "pyhook", "cause"):
            behind = getattr(self, "behind_" + choice)()
            labels["traces"] = None
        elif choice == "colour":
            lines = ["\x1b[31m" + line + "\x1b[0m" for line in lines]
        return ("\n".join(before + lines + behind) + "\n").encode("utf-8", "surrogateescape")

    def behind_elastic(self):
        c, rank = self.canary, self.random.randrange(8)
        host, script = c("host"), "/home/%s/%s.py" % (c("user"), c("path"))
        site = self.site
        return ["E0301 11:22:33.444000 77 torch/distributed/elastic/multiprocessing/api.py:874] failed (exitcode: 1) local_rank: %d (pid: 99) of binary: %s/bin/python" % (rank, site), "Traceback (most recent call last):",
                '  File "%s/../bin/torchrun", line 8, in <module>' % site, "    sys.exit(main())", '  File "%s/torch/distributed/run.py", line 892, in main' % site, "    run(args)",
                '  File "%s/torch/distributed/launcher/api.py", line 264, in launch_agent' % site, "    raise ChildFailedError(", "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
                "============================================================", "%s FAILED" % script, "------------------------------------------------------------", "Failures:", "  <NO_OTHER_FAILURES>",
                "------------------------------------------------------------", "Root Cause (first observed failure):", "[0]:", "  time      : 2026-03-01_11:22:33", "  host      : %s" % host,
                "  rank      : %d (local_rank: %d)" % (rank, rank), "  exitcode  : 1 (pid: 99)", "  error_file: <N/A>", "  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html",
                "============================================================"]

    def behind_accelerate(self):
        c = self.canary
        return ["Traceback (most recent call last):", '  File "%s/../bin/accelerate", line 8, in <module>' % self.site, "    sys.exit(main())", '  File "%s/accelerate/commands/launch.py", line 1106, in launch_command' % self.site,
                "    simple_launcher(args)", '  File "%s/accelerate/commands/launch.py", line 704, in simple_launcher' % self.site, "    raise subprocess.CalledProcessError(returncode=process.returncode, cmd=cmd)",
                "subprocess.CalledProcessError: Command '['/home/%s/bin/python', '%s.py', '--token', '%s']' returned non-zero exit status 1." % (c("user"), c("path"), c("token"))]

    def behind_deepspeed(self):
        c = self.canary
        return ["[2026-03-01 11:22:33,456] [INFO] [launch.py:319:sigkill_handler] Killing subprocess 4242", "[2026-03-01 11:22:34,456] [ERROR] [launch.py:325:sigkill_handler] ['/home/%s/bin/python', '-u', '%s.py', '--key=%s'] exits with return code = 1" % (c("user"), c("path"), c("token"))]

    # The kinds: the program behind `go`, and what is to be expected of it.

    def kind_plain(self, kept, exception):
        return "go(%r)" % self.canary("token")

    def kind_pyhook(self, kept, exception):
        return "pyhook()\ngo(%r)" % self.canary("token")

    def kind_colour(self, kept, exception):
        return "go(1)", {"env": {"FORCE_COLOR": "1", "PYTHON_COLORS": "1"}}

    def kind_cause(self, kept, exception):
        how = self.random.choice([" from e", "", " from None"])
        own = kept if how != " from None" else []
        return "pyhook()\ntry:\n    go()\nexcept BaseException as e:\n    raise RuntimeError(%r)%s" % (self.secrets(), how), {"type": "RuntimeError", "frames": own}

    def kind_group(self, kept, exception):
        return "def grab(f):\n    try:\n        f()\n    except BaseException as e:\n        return e\nraise ExceptionGroup(%r, [grab(go), ExceptionGroup('x', [grab(go), grab(go)])])" % self.canary("data"), {"type": "ExceptionGroup"}

    def kind_taskgroup(self, kept, exception):
        return "import asyncio\nasync def main():\n    async with asyncio.TaskGroup() as tg:\n        async def t(): go()\n        tg.create_task(t())\nasyncio.run(main())", {"type": "ExceptionGroup"}

    def kind_notes(self, kept, exception):
        return "try:\n    go()\nexcept BaseException as e:\n    e.add_note(%r)\n    e.add_note('  File \"/x.py\", line 3, in f')\n    raise" % self.canary("token"), {}

    def kind_recursion(self, kept, exception):
        return "def %s(n):\n    return %s(n + 1)\n%s(0)" % (self.function, self.function, self.function), {"type": "RecursionError", "frames": []}

    def kind_syntax(self, kept, exception):
        bad = self.random.choice(["x = (\n", "def f(:\n  pass", "if True:\nx = 1", "  x = %r" % self.canary("token"), "x = '%s" % self.canary("data"), "a b %s" % self.canary("data")])
        return "exec(compile(%r, '/home/%s/m.py', 'exec'))" % (bad, self.canary("user")), {"type": None, "frames": []}

    def kind_thread(self, kept, exception):
        return "import threading\nt = threading.Thread(target=go, name=%r)\nt.start()\nt.join()" % self.canary("data"), {"handled": True}

    def kind_unraisable(self, kept, exception):
        return "class C:\n    def __del__(self): go()\nx = C()\ndel x", {"handled": True}

    def kind_atexit(self, kept, exception):
        return "import atexit\natexit.register(go)", {"handled": True}

    def kind_logged(self, kept, exception):
        style = self.random.choice(["logging.exception(%r)", "logging.getLogger('x').warning(%r, exc_info=True)", "logging.error(%r, exc_info=True)"]) % self.canary("data")
        return "import logging\nlogging.basicConfig(%s)\ntry:\n    go()\nexcept BaseException:\n    %s" % (self.random.choice(["", "format='%(asctime)s %(levelname)s %(name)s: %(message)s'", "format='[%(asctime)s] [%(levelname)s] [%(name)s:%(lineno)d] %(message)s'"]), style), {"handled": True}

    def kind_logged_then_fatal(self, kept, exception):
        other = self.random.choice(["AttributeError", "LookupError", "ArithmeticError"])
        return "import logging\nlogging.basicConfig()\ntry:\n    load(FRAMES[:1], failing(%r, %r, USERFN))()\nexcept BaseException:\n    logging.exception(%r)\ngo()" % (other, self.secrets(), self.canary("data")), {"traces": 2}

    def kind_logged_exit(self, kept, exception):
        return "import logging\nlogging.basicConfig()\ntry:\n    go()\nexcept BaseException:\n    logging.exception(%r)\n    sys.exit(1)" % self.canary("data")

    def kind_logging_error(self, kept, exception):
        return "import logging\nlogging.basicConfig()\nlogging.error('%%d', %r)" % self.canary("token"), {"type": "TypeError", "frames": [], "handled": True}

    def kind_asyncio(self, kept, exception):
        return "import asyncio\nasync def %s(): go()\nasync def main():\n    t = asyncio.ensure_future(%s())\n    await asyncio.sleep(0.01)\n    del t\n    import gc; gc.collect()\nasyncio.run(main())" % (self.function, self.function), {"handled": True}

    def kind_pool(self, kept, exception):
        how = self.random.choice(["import multiprocessing as mp\nwith mp.get_context('fork').Pool(1) as p: p.map(go, [1])", "from concurrent.futures import ProcessPoolExecutor as P\nimport multiprocessing as mp\nwith P(1, mp_context=mp.get_context('fork')) as p: list(p.map(go, [1]))"])
        # The class must be found again by the other process.
        return "TYPE = 'RuntimeError'\ngo = load(FRAMES, failing(TYPE, MESSAGE, USERFN))\ngo.__module__ = '__main__'\ngo.__qualname__ = go.__name__\nsys.modules['__main__'].__dict__[go.__name__] = go\n" + how, {"type": "RuntimeError", "frames": kept}

    def kind_process(self, kept, exception):
        return "import multiprocessing as mp\np = mp.get_context('fork').Process(target=go, name=%r)\np.start()\np.join()\nsys.exit(p.exitcode)" % self.canary("data")

    def kind_segv(self, kept, exception):
        return "import faulthandler, ctypes\nfaulthandler.enable()\ngo = load(FRAMES, lambda *a: ctypes.string_at(0))\ngo()", {"type": None, "words": ["Segmentation fault||SIGSEGV"]}

    def kind_abort(self, kept, exception):
        return "import faulthandler, os\nfaulthandler.enable()\ngo = load(FRAMES, lambda *a: os.abort())\ngo()", {"type": None, "words": ["Aborted||SIGABRT"]}

    def kind_interrupt(self, kept, exception):
        return "import os, signal, time\ndef slp(*a): os.kill(os.getpid(), signal.SIGINT); time.sleep(5)\ngo = load(FRAMES, slp)\ngo()", {"type": "KeyboardInterrupt"}

    def kind_exit_text(self, kept, exception):
        return "sys.exit(%r)" % self.secrets(), {"type": None, "frames": [], "traces": None, "bare": True}

    def kind_excepthook_error(self, kept, exception):
        return "def hook(*a): raise LookupError(%r)\nsys.excepthook = hook\ngo()" % self.canary("data"), {"traces": None}

    def kind_rich(self, kept, exception):
        r = self.random
        options = "width=%r, show_locals=%r, extra_lines=%d, word_wrap=%r, max_frames=%d, indent_guides=%r" % (r.choice([None, 40, 60, 72, 88, 100, 140, 200]), r.random() < 0.5, r.randrange(4), r.random() < 0.3, r.choice([0, 4, 20, 100]), r.random() < 0.5)
        return "from rich.traceback import install\nfrom rich.console import Console\ninstall(console=Console(file=sys.stderr, force_terminal=%r), %s)\ngo(%r)" % (r.random() < 0.3, options, self.canary("token")), {"frames": kept if len(kept) < 3 else kept[-1:]}

    def kind_rich_ascii(self, kept, exception):
        return "from rich.console import Console\nfrom rich.traceback import Traceback\nimport rich.box\nc = Console(file=sys.stderr, width=%d)\nc._environ = {}\ntype(c).encoding = property(lambda s: 'ascii')\ntry:\n    go()\nexcept BaseException:\n    c.print(Traceback(show_locals=%r))\n    sys.exit(1)" % (self.random.choice([60, 80, 100]), self.random.random() < 0.5), {"frames": kept}

    def kind_rich_chain(self, kept, exception):
        return "from rich.traceback import install\ninstall(width=%d)\ntry:\n    go()\nexcept BaseException as e:\n    raise RuntimeError(%r) from e" % (self.random.choice([80, 100]), self.secrets()), {"type": "RuntimeError"}

    def kind_rich_logging(self, kept, exception):
        return "import logging\nfrom rich.logging import RichHandler\nfrom rich.console import Console\nlogging.basicConfig(handlers=[RichHandler(rich_tracebacks=True, tracebacks_show_locals=%r, console=Console(file=sys.stderr, width=%d))])\ntry:\n    go()\nexcept BaseException:\n    logging.exception(%r)\n    sys.exit(%d)" % (self.random.random() < 0.5, self.random.choice([80, 120, 160]), self.canary("data"), self.random.randrange(2)), {"handled": True}

    def kind_loguru(self, kept, exception):
        r = self.random
        return "from loguru import logger\nlogger.remove()\nlogger.add(sys.stderr, diagnose=%r, backtrace=%r, colorize=%r)\n%s" % (r.random() < 0.7, r.random() < 0.7, r.random() < 0.3, r.choice(["@logger.catch(reraise=True)\ndef main(): go()\nmain()", "try:\n    go()\nexcept BaseException:\n    logger.exception(%r)\n    sys.exit(1)" % self.canary("data")])), {"traces": None}

    def kind_loguru_serialized(self, kept, exception):
        return "from loguru import logger\nlogger.remove()\nlogger.add(sys.stderr, serialize=True)\ntry:\n    go()\nexcept BaseException:\n    logger.exception(%r)\n    sys.exit(1)" % self.canary("data"), {"traces": None}

    def kind_better_exceptions(self, kept, exception):
        return "import better_exceptions\nbetter_exceptions.hook()\ngo(%r)" % self.canary("token")

    def kind_stackprinter(self, kept, exception):
        return "import stackprinter\nstackprinter.set_excepthook(style=%r)\ngo(%r)" % (self.random.choice(["plaintext", "darkbg2"]), self.canary("token"))

    def kind_ipython(self, kept, exception):
        r = self.random
        mode = r.choice(["Plain", "Context", "Verbose", "Minimal"])
        return "from IPython.core.ultratb import FormattedTB\ntry:\n    h = FormattedTB(mode=%r, color_scheme=%r)\nexcept TypeError:\n    h = FormattedTB(mode=%r)\ntry:\n    go(%r)\nexcept BaseException as e:\n    print(h.stb2text(h.structured_traceback(type(e), e, e.__traceback__)), file=sys.stderr)\n    sys.exit(1)" % (mode, r.choice(["NoColor", "Linux"]), mode, self.canary("token")), {"frames": [] if mode == "Minimal" else kept, "traces": None if mode == "Minimal" else 1}

    def kind_typer(self, kept, exception):
        return "import typer\napp = typer.Typer(pretty_exceptions_show_locals=%r)\n@app.command()\ndef main(): go()\nsys.argv = ['x']\napp()" % (self.random.random() < 0.5), {"frames": kept[-1:]}

    def kind_click(self, kept, exception):
        return "import click\n@click.command()\n@click.argument('config', type=click.Path(exists=True))\ndef main(config): pass\nsys.argv = ['x', '/home/%s/c.yml']\nmain()" % self.canary("user"), {"type": None, "frames": [], "traces": None, "bare": True}

    def kind_hydra(self, kept, exception):
        return "import hydra\n@hydra.main(version_base=None, config_path=None)\ndef main(cfg): go()\nsys.argv = ['x', '+token=%s']\nos.environ['HYDRA_FULL_ERROR'] = '1'\nmain()" % self.canary("token")

    def kind_absl(self, kept, exception):
        return "from absl import app\ndef main(argv): go()\nsys.argv = ['x']\napp.run(main)"

    def kind_fire(self, kept, exception):
        return "import fire\nfire.Fire(lambda: go(), command=[])"

    def kind_trio(self, kept, exception):
        return "import trio\nasync def t(): go()\nasync def main():\n    async with trio.open_nursery() as n: n.start_soon(t)\ntrio.run(main)", {"type": "ExceptionGroup"}

    def kind_backport_group(self, kept, exception):
        return "from exceptiongroup import ExceptionGroup\ndef grab(f):\n    try:\n        f()\n    except Exception as e:\n        return e\nraise ExceptionGroup(%r, [grab(go), grab(go)])" % self.canary("data"), {"type": "ExceptionGroup"}

    def kind_structlog(self, kept, exception):
        how = self.random.choice(["structlog.dev.ConsoleRenderer()", "structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)", "structlog.processors.JSONRenderer()"])
        before = "structlog.processors.format_exc_info, " if "JSON" in how else ""
        return "import structlog\nstructlog.configure(processors=[%s%s], logger_factory=structlog.PrintLoggerFactory(sys.stderr))\ntry:\n    go()\nexcept BaseException:\n    structlog.get_logger().exception(%r)\n    sys.exit(1)" % (before, how, self.canary("data"))

    def kind_joblib(self, kept, exception):
        return "from joblib import Parallel, delayed\ngo = load(FRAMES, failing('RuntimeError', MESSAGE, USERFN))\nParallel(n_jobs=1)(delayed(go)(i) for i in range(2))", {"type": "RuntimeError"}

    def kind_unittest(self, kept, exception):
        return "import unittest\nclass T(unittest.TestCase):\n    def test_%s(self): go()\nunittest.main(module='__main__', argv=['x'])" % self.word(), {"traces": None}

    def kind_cgitb(self, kept, exception):
        return "import warnings; warnings.simplefilter('ignore')\nimport cgitb\ncgitb.enable(format='text')\ngo(%r)" % self.canary("token"), {"traces": None, "stdout": True}

    def kind_warnings(self, kept, exception):
        return "import warnings\nwarnings.warn(%r)\ngo()" % self.canary("data")

    def kind_json_log(self, kept, exception):
        return "import json, traceback\ntry:\n    go()\nexcept BaseException:\n    print(json.dumps({'message': %r, 'exc_info': traceback.format_exc()}), file=sys.stderr)\n    sys.exit(1)" % self.canary("data")

    def kind_calls(self, kept, exception):
        return "import subprocess\nsubprocess.run([sys.executable, '-c', 'import sys; sys.exit(3)', %r], check=True)" % self.canary("token"), {"type": "subprocess.CalledProcessError", "frames": []}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=3, help="cases of each kind and interpreter")
    parser.add_argument("--python", action="append", default=[])
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    kinds = sorted(name[5:] for name in dir(Maker) if name.startswith("kind_"))
    made = 0
    for python in arguments.python or [sys.executable]:
        version = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        for kind in kinds:
            if not re.search(arguments.only, kind):
                continue
            for number in range(arguments.count):
                name = "%s_%s_%d_%d" % (kind, version.replace(".", ""), arguments.seed, number)
                case = Maker("%s %s" % (arguments.seed, name)).case(name, kind, python, version)
                if case is None:
                    continue
                raw, labels = case
                with open(os.path.join(arguments.out, name + ".stderr"), "wb") as file:
                    file.write(raw)
                with open(os.path.join(arguments.out, name + ".json"), "w", encoding="utf-8") as file:
                    json.dump(labels, file, indent=1)
                made += 1
    print(made, "cases")


if __name__ == "__main__":
    main()
