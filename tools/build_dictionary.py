#!/usr/bin/env python3
"""Build the dictionary of public names that crates/core/src/public/dictionary.rs embeds.

    tools/build_dictionary.py                        download the wheels of the listed releases, then build
    tools/build_dictionary.py --sdists               also releases that have no wheel (axolotl before 0.17, deepspeed)
    tools/build_dictionary.py --wheels DIR           use wheels and sdists that are there already
    tools/build_dictionary.py --site DIR ...         add installed packages (a site-packages folder)
    tools/build_dictionary.py --stdlib DIR ...       standard libraries (default: every interpreter found, and 3.14)
    tools/build_dictionary.py --add --stdlib DIR     put something into the dictionary that is there; the result is the
                                                     one that building it anew with that would give

The standard library of Python 3.14, which few machines have yet, is the one in the `pyodide` package of the npm
registry: CPython's own sources. `npm` has to be there.

The rule that it keeps: nothing but public releases goes in, and nothing is installed. Archives are read as
archives, sources are parsed with `ast`; only with `--sdists` pip runs code of a release, for its metadata. The output depends on the inputs alone, not on their
order, the machine or the day.

Output, in `dictionary/`:
    files.bin        64-bit hashes of files, relative to site-packages or to the standard library
    functions.bin    48-bit hashes of (file, name of a function or class) pairs
    exceptions.bin   64-bit hashes of names of exception classes, as a traceback prints them
    packages.txt     top-level names of the packages, in clear
    SOURCES.txt      what was read; first the date that the list of releases gives

Hashes are sorted and big-endian, so that a reader can search them by halves. They are hashes for size's
sake only (the names in clear are ten times as large); the names are public. A pair is looked up only after
its file was found, which is why 48 bits suffice there: one chance in a billion that a private function of a
PUBLIC file is taken for a public one.
"""
import argparse
import ast
import glob
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
RELEASES = os.path.join(HERE, "dictionary-releases.txt")
OUTPUT = os.path.join(os.path.dirname(HERE), "dictionary")

MASK = (1 << 64) - 1
# Wheels for these are asked for; the first that exists is taken. macOS wheels carry no CUDA libraries.
PLATFORMS = "macosx_14_0_arm64 macosx_12_0_universal2 manylinux_2_28_x86_64 manylinux2014_x86_64 manylinux_2_34_x86_64 manylinux_2_24_x86_64 any"
PYTHONS = "3.11 3.12 3.10 3.9"

# A release of Pyodide, and the Python whose standard library it has in sources.
PYODIDE, PYODIDE_PYTHON = "314.0.7", "python3.14"

SOURCE = re.compile(r"\.(py|pyx|pxi|pxd)$")
CYTHON = re.compile(rb"^[ \t]*(?:async[ \t]+)?(?:def|cpdef|cdef)\b[^\n(=]*?\b(\w+)[ \t]*\(", re.M)
CYTHON_CLASS = re.compile(rb"^[ \t]*(?:cdef[ \t]+)?class[ \t]+(\w+)", re.M)
DEFINITION = re.compile(rb"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+([A-Za-z_]\w{0,119})[ \t]*[(:\[]", re.M)
EXCEPTION = re.compile(r"(Error|Exception|Warning|Interrupt|Exit|Failure|Fault|Traceback|Cancelled|Timeout|Abort|Panic)$")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,119}\Z")
RELATIVE = re.compile(r"[A-Za-z0-9_.+\-]+(?:/[A-Za-z0-9_.+\-]+)*\Z")

# Folders that no training runs through.
SKIPPED_PARTS = {
    "tests", "test", "_tests", "testsuite", "benchmarks", "examples", "example", "docs", "doc", "idlelib",
    "turtledemo", "lib2to3", "ensurepip", "site-packages", "dist-packages", "node_modules", "__pycache__",
    "config-3", "lib-dynload", "_pytest_plugins",
}
# Top-level names that are not a package's own.
SKIPPED_TOPS = {
    "tests", "test", "example", "examples", "docs", "scripts", "tools", "benchmarks", "src", "build", "dist", "setup.py",
    "conftest.py", "bin", "simulation", "recipes", "accelerator", "op_builder",
}
SKIPPED_TREES = (
    "torch/testing/_internal/", "torch/_vendor/", "setuptools/_vendor/", "wandb/vendor/", "lightning/app/", "ray/rllib/",
    "ray/dashboard/", "ray/autoscaler/", "ray/serve/llm", "vllm/model_executor/models/", "scipy/", "google/cloud/", "gradio/",
    "sentry_sdk/integrations/", "mlflow/genai/", "mlflow/server/", "mlflow/gateway/", "mlflow/recipes/", "mlflow/protos/",
    "mlflow/store/model_registry", "nltk/", "numba/cuda/tests", "torchtitan/experiments/", "azure/core/tracing", "pygments/lexers/", "caffe2/", "pip/_vendor/", "numpy/f2py/",
    "numpy/distutils/", "tkinter/", "turtle", "sympy/physics/", "sympy/polys/", "sympy/parsing/", "sympy/integrals/",
    "sympy/diffgeom", "sympy/geometry", "sympy/combinatorics", "sympy/stats", "sympy/plotting", "sympy/categories",
    "sympy/holonomic", "sympy/liealgebras", "sympy/vector", "sympy/crypto", "sympy/algebras", "sympy/tensor",
)
# Names of compiled code that no release spells in Python: (file or None, names).
COMPILED_FILES = [
    "pandas/_libs/index.pyx", "pandas/_libs/hashtable_class_helper.pxi", "pandas/_libs/lib.pyx",
    "pandas/_libs/parsers.pyx", "index.pyx", "mtrand.pyx", "numpy/random/mtrand.pyx", "parsers.pyx", "lib.pyx",
    "pyarrow/error.pxi", "pyarrow/array.pxi", "pyarrow/table.pxi", "pyarrow/types.pxi", "pyarrow/io.pxi",
    "pyarrow/ipc.pxi", "pyarrow/scalar.pxi", "pyarrow/_parquet.pyx", "pyarrow/_csv.pyx", "pyarrow/_json.pyx",
    "pyarrow/_dataset.pyx", "pyarrow/_fs.pyx", "pyarrow/_compute.pyx", "yaml/_yaml.pyx", "aiohttp/_http_parser.pyx",
    "python/ray/_raylet.pyx",
]
COMPILED_FUNCTIONS = [
    ("pyarrow/error.pxi", "check_status"), ("pyarrow/error.pxi", "pyarrow_internal_check_status"),
    ("pyarrow/array.pxi", "array"), ("pyarrow/array.pxi", "_sequence_to_array"), ("pyarrow/array.pxi", "_handle_arrow_array_protocol"),
    ("pyarrow/table.pxi", "from_pydict"), ("pyarrow/_json.pyx", "read_json"), ("pyarrow/_csv.pyx", "read_csv"),
    ("pandas/_libs/index.pyx", "get_loc"), ("index.pyx", "get_loc"),
    ("pandas/_libs/hashtable_class_helper.pxi", "get_item"),
    ("python/ray/_raylet.pyx", "execute_task"), ("python/ray/_raylet.pyx", "execute_task_with_cancellation_handler"),
    ("python/ray/_raylet.pyx", "task_execution_handler"), ("python/ray/_raylet.pyx", "check_status"),
]
# Classes that C, C++ or Rust code defines, or that carry another module's name than their file's.
COMPILED_EXCEPTIONS = """
torch.OutOfMemoryError torch.cuda.OutOfMemoryError torch.AcceleratorError torch.cuda.CudaError torch.distributed.DistError
torch.distributed.DistBackendError torch.distributed.DistNetworkError torch.distributed.DistStoreError
torch.distributed.DistQueueEmptyError torch._C._LinAlgError torch.linalg.LinAlgError torch.TimeoutError
torch._C._OutOfMemoryError torch._C._DistError torch._C._DistBackendError torch._C._DistStoreError torch.jit.Error
torch.fx.experimental.symbolic_shapes.ConstraintViolationError torch._dynamo.exc.BackendCompilerFailed
torch.distributed.elastic.multiprocessing.errors.ChildFailedError torch.multiprocessing.spawn.ProcessRaisedException
torch.multiprocessing.spawn.ProcessExitedException torch.distributed.elastic.rendezvous.api.RendezvousConnectionError
safetensors_rust.SafetensorError pyo3_runtime.PanicException tokenizers.TokenizerError tiktoken.TokenizerError
pydantic_core._pydantic_core.ValidationError pydantic_core._pydantic_core.SchemaError pydantic_core.ValidationError
pydantic_core._pydantic_core.PydanticCustomError pydantic_core._pydantic_core.PydanticSerializationError
pydantic_core._pydantic_core.PydanticUndefinedType pydantic_core._pydantic_core.PydanticKnownError
pydantic_core.PydanticUndefined pydantic.error_wrappers.ValidationError pydantic.v1.error_wrappers.ValidationError
numpy.core._exceptions._ArrayMemoryError numpy._core._exceptions._ArrayMemoryError numpy.core._exceptions.MemoryError
numpy.core._exceptions._UFuncNoLoopError numpy._core._exceptions._UFuncNoLoopError numpy.linalg.LinAlgError
numpy.exceptions.AxisError numpy.AxisError numpy.exceptions.DTypePromotionError numpy.exceptions.ComplexWarning
pyarrow.lib.ArrowInvalid pyarrow.lib.ArrowTypeError pyarrow.lib.ArrowNotImplementedError pyarrow.lib.ArrowIOError
pyarrow.lib.ArrowCapacityError pyarrow.lib.ArrowKeyError pyarrow.lib.ArrowMemoryError pyarrow.lib.ArrowException
pyarrow.lib.ArrowIndexError pyarrow.lib.ArrowSerializationError pyarrow.lib.ArrowCancelled
xxhash.Error zlib.error binascii.Error struct.error lzma.LZMAError _lzma.LZMAError zstandard.ZstdError zstd.ZstdError
_pickle.PicklingError _pickle.UnpicklingError pickle.PicklingError pickle.UnpicklingError _queue.Empty queue.Empty queue.Full
socket.gaierror socket.herror socket.timeout socket.error ssl.SSLError ssl.SSLCertVerificationError ssl.SSLEOFError
ssl.SSLZeroReturnError ssl.SSLWantReadError ssl.SSLWantWriteError ssl.SSLSyscallError ssl.CertificateError
sqlite3.OperationalError sqlite3.IntegrityError sqlite3.ProgrammingError sqlite3.DatabaseError sqlite3.InterfaceError
sqlite3.InternalError sqlite3.DataError sqlite3.NotSupportedError sqlite3.Error select.error curses.error _curses.error
ctypes.ArgumentError _ctypes.ArgumentError decimal.InvalidOperation decimal.DivisionByZero _csv.Error csv.Error re.error
_multiprocessing.Error _thread.error asyncio.exceptions.CancelledError asyncio.exceptions.TimeoutError
subprocess.CalledProcessError subprocess.TimeoutExpired json.decoder.JSONDecodeError getopt.GetoptError shutil.Error
xml.parsers.expat.ExpatError pyexpat.ExpatError expat.ExpatError locale.Error grpc._channel._InactiveRpcError
grpc._channel._MultiThreadedRendezvous lxml.etree.XMLSyntaxError orjson.JSONDecodeError orjson.JSONEncodeError
hf_xet.XetError triton.runtime.autotuner.OutOfResources triton.runtime.errors.OutOfResources
triton.compiler.errors.CompilationError triton.compiler.errors.CompileTimeAssertionFailure triton.runtime.errors.PTXASError
triton.compiler.code_generator.UnsupportedLanguageConstruct numba.cuda.cudadrv.driver.CudaAPIError
pynvml.NVMLError pynvml.nvml.NVMLError pynvml.NVMLError_LibraryNotFound pynvml.NVMLError_NotSupported
mpi4py.MPI.Exception vllm.v1.engine.exceptions.EngineDeadError signal.ItimerError os.error
botocore.exceptions.ClientError botocore.errorfactory.NoSuchKey botocore.errorfactory.NoSuchBucket
dill._dill.PicklingError multiprocess.pool.RemoteTraceback multiprocessing.pool.RemoteTraceback
concurrent.futures.process._RemoteTraceback joblib.externals.loky.process_executor._RemoteTraceback
concurrent.futures.process.BrokenProcessPool joblib.externals.loky.process_executor.TerminatedWorkerError
ray.exceptions.RayTaskError ray.exceptions.RayActorError ray.exceptions.ActorDiedError ray.exceptions.OutOfMemoryError
ray.train.base_trainer.TrainingFailedError ray.tune.error.TuneError
wandb.errors.errors.CommError wandb.errors.CommError wandb.errors.UsageError wandb.sdk.lib.mailbox.MailboxClosedError
yaml.scanner.ScannerError yaml.parser.ParserError yaml.constructor.ConstructorError yaml.composer.ComposerError
yaml.reader.ReaderError yaml.representer.RepresenterError OSError.gaierror
""".split()
# What the interpreter itself defines, of any version.
BUILTIN_EXCEPTIONS = """
ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError BrokenPipeError BufferError
BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError
DeprecationWarning EOFError EncodingWarning EnvironmentError Exception ExceptionGroup FileExistsError FileNotFoundError
FloatingPointError FutureWarning GeneratorExit IOError ImportError ImportWarning IndentationError IndexError
InterruptedError IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError
NotADirectoryError NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError ProcessLookupError
PythonFinalizationError RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration
StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError TypeError UnboundLocalError
UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning
ZeroDivisionError WindowsError
""".split()


def fingerprint(data):
    """FNV-1a with a finalizer: short inputs that differ in one letter differ in all bits. Same as in Rust."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & MASK
    value ^= value >> 33
    value = (value * 0xFF51AFD7ED558CCD) & MASK
    value ^= value >> 33
    value = (value * 0xC4CEB9FE1A85EC53) & MASK
    return value ^ (value >> 33)


class Dictionary:
    """Everything that was found, in clear."""

    def __init__(self):
        self.files, self.functions, self.classes, self.packages = set(), set(), {}, set()
        self.sources, self._seen = set(), set()

    def wanted(self, relative):
        parts = relative.split("/")
        if parts[0] in SKIPPED_TOPS or any(part in SKIPPED_PARTS for part in parts[:-1]):
            return False
        if any(part.startswith("test_") for part in parts) or relative.startswith(SKIPPED_TREES):
            return False
        return bool(RELATIVE.match(relative)) and len(relative) <= 240 and ".." not in relative

    def source(self, relative, data, package=True):
        """Takes one source file; `relative` is the path as a traceback shows it below site-packages."""
        if not self.wanted(relative):
            return
        key = (relative, hashlib.blake2b(data, digest_size=12).digest())
        if key in self._seen:
            return
        self._seen.add(key)
        self.files.add(relative)
        if package:
            top = relative.split("/")[0]
            self.packages.add(re.sub(r"\.pyx?$", "", top))
        if relative.endswith(".py"):
            self.python(relative, data)
        else:
            names = CYTHON.findall(data) + CYTHON_CLASS.findall(data)
            self.functions.update((relative, name.decode()) for name in names)

    def python(self, relative, data):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(data)
        except SyntaxError:
            # Newer than this interpreter: the names can still be read, what a class is made of cannot.
            self.functions.update((relative, name.decode()) for name in DEFINITION.findall(data))
            return
        except (ValueError, RecursionError, MemoryError):
            return
        module = re.sub(r"(/__init__)?\.py$", "", relative).replace("/", ".")
        pending = [(tree, "")]
        while pending:
            node, prefix = pending.pop()
            for child in ast.iter_child_nodes(node):
                inner = prefix
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    if IDENTIFIER.match(child.name):
                        self.functions.add((relative, child.name))
                        if isinstance(child, ast.ClassDef):
                            bases = frozenset(filter(None, map(last_name, child.bases)))
                            self.classes.setdefault((module, prefix + child.name), set()).update(bases)
                    inner = None if not isinstance(child, ast.ClassDef) or prefix is None else prefix + child.name + "."
                if isinstance(child, (ast.expr, ast.arguments)):
                    continue
                pending.append((child, inner if inner is not None else ""))

    def script(self, name):
        """A command that an installation puts into `bin`."""
        if re.match(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,60}\Z", name):
            self.files.add("bin/" + name)

    def exceptions(self):
        """The classes that are exceptions, under each name by which they are printed."""
        bare = set(BUILTIN_EXCEPTIONS)
        while True:
            more = {name.split(".")[-1] for (_, name), bases in self.classes.items() if EXCEPTION.search(name) and bases or bases & bare}
            if more <= bare:
                break
            bare |= more
        names = set(BUILTIN_EXCEPTIONS) | set(COMPILED_EXCEPTIONS)
        names |= {name.split(".")[-1] for name in COMPILED_EXCEPTIONS}
        for (module, name), bases in self.classes.items():
            if not (bases & bare or EXCEPTION.search(name) and bases):
                continue
            names.update((name, name.split(".")[-1]))
            # A package may re-export a class, and then often rewrites its `__module__`.
            parts = module.split(".")
            names.update(".".join(parts[:depth]) + "." + name for depth in range(1, len(parts) + 1))
        return {name for name in names if len(name) <= 200 and all(IDENTIFIER.match(part) for part in name.split("."))}


def last_name(node):
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def read_wheel(dictionary, path):
    with zipfile.ZipFile(path) as archive:
        for item in sorted(archive.namelist()):
            relative = re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", item)
            if SOURCE.search(relative) and not re.match(r"[^/]+\.data/", relative):
                dictionary.source(relative, archive.read(item))
            elif item.endswith(".dist-info/entry_points.txt"):
                read_scripts(dictionary, archive.read(item).decode("utf-8", "replace"))
            elif re.match(r"[^/]+\.data/scripts/[^/]+$", item):
                dictionary.script(item.rsplit("/", 1)[1])


def read_scripts(dictionary, text):
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip()
        elif section == "[console_scripts]" and "=" in line:
            dictionary.script(line.split("=")[0].strip())


def read_sdist(dictionary, path):
    """An sdist has no fixed layout: the packages are what holds an `__init__.py` at the top or below `src`."""
    with tarfile.open(path) as archive:
        members = {}
        for item in archive:
            if item.isfile() and SOURCE.search(item.name):
                members[item.name.split("/", 1)[-1]] = archive.extractfile(item).read()
    for name in sorted(members):
        relative = name[4:] if name.startswith("src/") else name
        base = name[: len(name) - len(relative)]
        if base + relative.split("/")[0] + "/__init__.py" in members:
            dictionary.source(relative, members[name])


def read_tree(dictionary, root, package):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_PARTS)
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in sorted(names):
            path = os.path.join(folder, name)
            if package and name == "entry_points.txt":
                with open(path, encoding="utf-8", errors="replace") as file:
                    read_scripts(dictionary, file.read())
            if SOURCE.search(name) and not name.startswith("__editable__"):
                with open(path, "rb") as file:
                    dictionary.source(name if relative == "." else relative + "/" + name, file.read(), package)


def standard_libraries():
    """Those of all interpreters that can be found."""
    found = set()
    for pattern in ("/usr/lib/python3.*", "/usr/local/lib/python3.*", os.path.expanduser("~/.pyenv/versions/3.*/lib/python3.*"),
                    os.path.join(sys.base_prefix, "lib", "python3.*")):
        found.update(os.path.realpath(path) for path in glob.glob(pattern) if os.path.exists(os.path.join(path, "os.py")))
    return sorted(found)


def newest_standard_library(target):
    """Downloads and unpacks that of Python 3.14; its folder, or none."""
    pack = ["npm", "pack", "--silent", "pyodide@" + PYODIDE]
    try:
        archive = subprocess.run(pack, cwd=target, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1]
    except (OSError, subprocess.CalledProcessError):
        print("left out: the standard library of", PYODIDE_PYTHON, "needs npm", file=sys.stderr)
        return []
    folder = os.path.join(target, PYODIDE_PYTHON)
    with tarfile.open(os.path.join(target, archive)) as package:
        library = zipfile.ZipFile(package.extractfile("package/python_stdlib.zip"))
        # What Pyodide itself has put there is no standard library.
        own = re.compile(r"_?pyodide/|site-packages/|_sysconfigdata")
        library.extractall(folder, [name for name in library.namelist() if not own.match(name)])
    return [folder]


def releases():
    with open(RELEASES, encoding="utf-8") as file:
        for line in file:
            name, _, versions = line.split("#")[0].partition(":")
            if name.strip():
                yield from ((name.strip(), version) for version in (versions.split() or [None]))


def as_of():
    """The date of the list: of the dictionary's inputs, for it must not depend on the day on which it is built."""
    with open(RELEASES, encoding="utf-8") as file:
        return re.search(r"^# As of (\d{4}-\d{2}-\d{2})", file.read(), re.M).group(1)


def download(target, sdists):
    platforms = [word for platform in PLATFORMS.split() for word in ("--platform", platform)]
    for name, version in releases():
        wish = name if version is None else name + "==" + version
        base = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", target]
        for python in PYTHONS.split():
            wheel = [*base, "--only-binary=:all:", "--python-version", python, *platforms, wish]
            if subprocess.run(wheel, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                break
        else:
            source = [*base, "--no-binary=" + name, wish]
            if not sdists or subprocess.run(source, stderr=subprocess.DEVNULL, timeout=600, check=False).returncode != 0:
                print("left out:", wish, "has no wheel", file=sys.stderr)


def write(dictionary, output, add):
    os.makedirs(output, exist_ok=True)

    def present(name):
        if not add:
            return b""
        with open(os.path.join(output, name), "rb") as file:
            return file.read()

    def hashes(name, keys, width):
        values = {fingerprint(key) >> (64 - 8 * width) for key in keys}
        known = present(name)
        values |= {int.from_bytes(known[at : at + width], "big") for at in range(0, len(known), width)}
        values = sorted(values)
        with open(os.path.join(output, name), "wb") as file:
            file.write(b"".join(value.to_bytes(width, "big") for value in values))
        print(name, len(values), "entries,", len(values) * width, "bytes")

    dictionary.files.update(COMPILED_FILES)
    dictionary.functions.update(COMPILED_FUNCTIONS)
    hashes("files.bin", (name.encode() for name in dictionary.files), 8)
    hashes("functions.bin", ((file + "\0" + name).encode() for file, name in dictionary.functions), 6)
    hashes("exceptions.bin", (name.encode() for name in dictionary.exceptions()), 8)
    for name, lines in (("packages.txt", dictionary.packages), ("SOURCES.txt", dictionary.sources)):
        lines |= {line for line in present(name).decode().splitlines() if not line.startswith("as of ")}
        with open(os.path.join(output, name), "w", encoding="utf-8") as file:
            if name == "SOURCES.txt":
                file.write("as of " + as_of() + "\n")
            file.writelines(line + "\n" for line in sorted(lines) if line.isascii())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sdists", action="store_true", help="also read releases that have no wheel")
    parser.add_argument("--wheels", action="append", default=[], help="a folder of wheels and sdists")
    parser.add_argument("--site", action="append", default=[], help="a site-packages folder of public packages only")
    parser.add_argument("--stdlib", action="append", default=[], help="a standard library, as .../lib/python3.12")
    parser.add_argument("--add", action="store_true", help="add to the dictionary that is there")
    parser.add_argument("--output", default=OUTPUT)
    arguments = parser.parse_args()
    dictionary = Dictionary()
    with tempfile.TemporaryDirectory() as temporary:
        if not arguments.wheels and not arguments.site and not arguments.add:
            download(temporary, arguments.sdists)
            arguments.wheels.append(temporary)
        for folder in arguments.wheels:
            for name in sorted(os.listdir(folder)):
                path = os.path.join(folder, name)
                if name.endswith(".whl"):
                    read_wheel(dictionary, path)
                elif name.endswith(".tar.gz"):
                    read_sdist(dictionary, path)
                else:
                    continue
                dictionary.sources.add(" ".join(re.match(r"(.+?)-(\d[^-]*?)(?:-|\.tar\.gz)", name).groups()))
        for folder in arguments.site:
            read_tree(dictionary, folder, True)
            for name in glob.glob(os.path.join(folder, "*.dist-info")):
                dictionary.sources.add(" ".join(os.path.basename(name)[: -len(".dist-info")].rsplit("-", 1)))
        for folder in arguments.stdlib or standard_libraries() + newest_standard_library(temporary):
            read_tree(dictionary, folder, False)
            dictionary.sources.add("standard library " + os.path.basename(folder.rstrip("/")))
    write(dictionary, arguments.output, arguments.add)


if __name__ == "__main__":
    main()
