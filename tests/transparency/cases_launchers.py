"""The programs that people start trainings with, outside and inside of the launcher: ends, and signals counted.

Each is run bare (`mpirun -n 2 program`), with the launcher around it (`W mpirun -n 2 program`) and within it (`mpirun
-n 2 W program`, which for a process manager means one launcher a rank). The program counts what it is sent, in a folder
of its rank, and has a child that counts as well. What is not installed is skipped and says so.
"""

import os
import shutil
import signal
import sys
import time

from cases_signals import Counter
from support import COMMAND, Process, Skip, case, holds, kill_all_below, state, stat_of, tree, until

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slurm_node  # noqa: E402 - stands beside this folder

RANKS = 2
ROOT = os.geteuid() == 0


def need(program):
    path = shutil.which(program)
    if not path:
        raise Skip("no %s" % program)
    return path


class Job:
    """A program that counts signals, `ranks` of it, below whatever starts it."""

    def __init__(self, subject, argv, ranks=1, name="job", **more):
        self.subject, self.ranks = subject, ranks
        self.folder = subject.path(name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder)
        self.process = subject.spawn(argv, **more)
        self.counters = []
        until(lambda: self.process.poll() or len(os.listdir(self.folder)) >= ranks, "all ranks", 40)
        for rank in range(ranks):
            self.counters.append(Counter(os.path.join(self.folder, "rank%d" % rank)))

    def heard(self):
        """What each process was sent; the CONT that some send along with a signal says nothing."""
        for counter in self.counters:
            counter.settle()
        seen = [counter.result() for counter in self.counters]
        for role in (role for rank in seen for role in rank.values()):
            role.pop("CONT", None)
        return seen if self.ranks > 1 else seen[0]

    def clear(self):
        for counter in self.counters:
            counter.clear()

    def leave(self, timeout=40.0):
        """Lets the ranks end and answers the end of all."""
        for counter in self.counters:
            counter.stop()
        return self.process.wait(timeout)


def program(subject, code=5, name="job"):
    return COMMAND + ["rank", subject.path(name), str(code)]


def forms(subject, launcher, code=5):
    """{form: argv} of a launcher around and within; bare there is only one form, measured twice."""
    inner = subject.argv(*program(subject, code))
    return {"outside": subject.argv(*launcher, *program(subject, code)), "inside": list(launcher) + inner}


def told(subject, argv, number, ranks=1, to_group=False, **more):
    """What a signal to the first process, or to its group, brings about: (who heard it, the end)."""
    job = Job(subject, argv, ranks, **more)
    (os.killpg if to_group else os.kill)(job.process.pid, number)
    name = signal.Signals(number).name[3:]
    holds(lambda: all(counter.counts("main").get(name) for counter in job.counters), 3.0)
    answer = [job.heard(), job.leave()]
    kill_all_below()
    return answer


ALL_WELL, A_CODE, A_SIGNAL = ("all well", "exit 0"), ("a code", "exit 3"), ("a signal", "kill -TERM $$")


def ends(subject, launcher, deaths=(A_CODE, A_SIGNAL), **more):
    """Ends of a command, through both forms."""
    answer = {}
    for what, script in deaths:
        shell = ["sh", "-c", script]
        answer["outside, " + what] = subject.spawn(subject.argv(*launcher, *shell), **more).wait(90)
        answer["inside, " + what] = subject.spawn(list(launcher) + subject.argv(*shell), **more).wait(90)
    return answer


# --- what stands before a command in scripts ------------------------------------------------------------------

# What replaces itself by the command, or passes a signal to the pid on, once; what a group is sent it leaves alone.
EXACT = {"nohup": ["nohup"], "nice": ["nice"], "stdbuf": ["stdbuf", "-oL"], "env": ["env", "A=b"]}


@case("C20 C49", timeout=120)
def words_before_a_command(subject):
    answer = {}
    for name, launcher in EXACT.items():
        need(launcher[0])
        answer[name] = ends(subject, launcher)
        for form, argv in forms(subject, launcher).items():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
                answer["%s %s %d to the pid" % (name, form, number)] = told(subject, argv, number)
            answer["%s %s to the group" % (name, form)] = told(subject, argv, signal.SIGTERM, to_group=True)
    return answer


@case("C49", timeout=60)
def setsid(subject):
    """As a script starts it, which makes no job of it."""
    words = [need("setsid"), "-w"]
    answer = ends(subject, words, group=False)
    for form, argv in forms(subject, words).items():
        answer["TERM " + form] = told(subject, argv, signal.SIGTERM, group=False)
    return answer


@case("C49", expected=["exit 0", "at once"])
def setsid_as_a_job(subject):
    """The leader of a job's process group can't lead a session as well, so setsid forks and is gone."""
    begin = time.monotonic()
    end = subject.spawn(subject.argv(need("setsid"), "sleep", "1.5")).wait()
    return [end, "at once" if time.monotonic() - begin < 1.2 else "with the command's end"]


@case("C49", timeout=60)
def timeout_of_coreutils(subject):
    """It signals the command and its group, so the command hears it twice now and then, bare too; the end is exact."""
    need("timeout")
    answer = ends(subject, ["timeout", "9"])
    for words in (["timeout", "0.4"], ["timeout", "-s", "INT", "0.4"], ["timeout", "--foreground", "0.4"],
                  ["timeout", "-k", "0.3", "-s", "HUP", "0.3"], ["timeout", "--preserve-status", "0.4"]):
        key = " ".join(words)
        answer[key + ", outside"] = subject.spawn(subject.argv(*words, "sleep", "9")).wait()
        answer[key + ", inside"] = subject.spawn(words + subject.argv("sleep", "9")).wait()
    deaf = ["sh", "-c", "trap '' HUP; sleep 9; sleep 9"]
    answer["deaf"] = subject.spawn(["timeout", "-k", "0.3", "-s", "HUP", "0.3", *subject.argv(*deaf)]).wait()
    return answer


@case("C49", timeout=60)
def many_at_a_time(subject):
    """xargs -P and GNU parallel: how many failed, and nothing lost of what they print."""
    answer = {}
    work = "echo $0; exit $(($0 % 3))"
    argv = subject.argv("sh", "-c", work)
    for name, words in (("xargs", ["xargs", "-P4", "-n1"]), ("parallel", ["parallel", "--will-cite", "-j4", "-q"])):
        if not shutil.which(name):
            answer[name] = "not installed"
            continue
        end, out, err = subject.captured("sh", "-c", 'seq 24 | "$@"', "sh", *words, *argv, timeout=40)
        answer[name] = [end, sorted(out.split()) == sorted(b"%d" % n for n in range(1, 25)), len(err)]
        end, out, err = subject.captured(*subject.argv("sh", "-c", 'seq 24 | "$@"', "sh", *words, "sh", "-c", work), timeout=40)
        answer[name + " inside"] = [end, sorted(out.split()) == sorted(b"%d" % n for n in range(1, 25)), len(err)]
    if shutil.which("parallel"):
        words = ["parallel", "--will-cite", "--timeout", "1", "-j2", "-q", *subject.argv("sleep"), ":::", "9", "9"]
        answer["parallel --timeout"] = subject.spawn(words).wait(20)
        left = holds(lambda: not [p for p in tree(os.getpid()) if (stat_of(p) or " ")[0] == "sleep"], 5.0)
        answer["parallel leaves"] = "nothing" if left else "sleepers"
    return answer


@case("C49", timeout=60)
def sudo(subject):
    """Without a password. A signal to sudo's pid is passed on; from its own group it takes it for its own."""
    need("sudo")
    words = ["sudo", "-n", "-E"]
    if Process(words + ["true"], subject.env, subject.folder).wait() != "exit 0":
        raise Skip("sudo asks for a password here")
    answer = ends(subject, words)
    for form, argv in forms(subject, words).items():
        answer["TERM " + form] = told(subject, argv, signal.SIGTERM)
        answer["USR1 " + form] = told(subject, argv, signal.SIGUSR1)
    return answer


@case("C49", timeout=60)
def script(subject):
    need("script")
    answer = {}
    for what, code in (("code", "exit 3"), ("signal", "kill -TERM $$")):
        inner = " ".join(subject.argv("sh", "-c", "'echo out; echo err >&2; %s'" % code))
        end, out, _ = subject.captured("script", "-qec", inner, "/dev/null")
        answer[what] = [end, out.decode()]
        end, out, _ = subject.captured(*subject.argv("script", "-qec", "echo out; echo err >&2; %s" % code, "/dev/null"))
        answer[what + " inside"] = [end, out.decode()]
    return answer


@case("C49", timeout=60)
def tmux(subject):
    """A session without anybody attached: Ctrl-C by its keys, then its end, which hangs up."""
    need("tmux")
    words = ["tmux", "-L", "transparency-%d" % os.getpid(), "-f", "/dev/null"]
    inner = " ".join("'%s'" % word for word in subject.argv(*program(subject)))
    os.mkdir(subject.path("job"))
    call = lambda *more: Process(words + list(more), subject.env, subject.folder).wait(20)
    try:
        answer = [call("new-session", "-d", "-s", "job", inner)]
        counter = Counter(subject.path("job", "rank0"), 20)
        answer.append(call("send-keys", "-t", "job", "C-c"))
        holds(lambda: counter.raw("main") and counter.raw("grandchild"), 3.0)
        answer.append(counter.result())
        counter.clear()
        pids = [counter.pid(role) for role in ("main", "grandchild")]
        answer.append(call("kill-session", "-t", "job"))
        holds(lambda: counter.raw("main") and counter.raw("grandchild"), 3.0)
        heard = counter.result()
        answer.append({role: sorted(set(heard[role]) - {"CONT"}) for role in heard})
        counter.stop()
        answer.append(["ends" if holds(lambda: state(pid) in ("gone", "Z"), 3.0) else state(pid) for pid in pids])
        return answer
    finally:
        call("kill-server")


@case("C4", timeout=60)
def process_1_of_a_namespace(subject):
    """Signals from outside to PID 1, as `docker stop` sends them."""
    space = ["unshare", "-pf", "--mount-proc"]
    if Process(space + ["true"], subject.env, subject.folder).wait() != "exit 0":
        raise Skip("no right to make a PID namespace")
    answer = {}
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        job = Job(subject, space + subject.argv(*program(subject)))
        first = tree(job.process.pid)[0]
        os.kill(first, number)
        holds(lambda: job.counters[0].raw("main"), 3.0)
        answer[str(int(number))] = [job.heard(), job.leave()]
    return answer


@case("C56", timeout=60)
def set_user_id_target(subject):
    """A program that gains rights by its own file, started by somebody who has none."""
    if not ROOT or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv, to be somebody else")
    os.chmod(subject.folder, 0o777)
    for name, copy in ((shutil.which("id"), "id"), (shutil.which("sleep"), "sleeper")):
        shutil.copy(os.path.realpath(name), subject.path(copy))
        os.chmod(subject.path(copy), 0o4755)
    for folder in ("home", "state"):
        os.makedirs(subject.path(folder), exist_ok=True)
        os.chown(subject.path(folder), 65534, 65534)
    if not subject.bare:
        shutil.copy(subject.prefix[0], subject.path("launcher"))
        os.chmod(subject.path("launcher"), 0o755)
        subject.prefix[0] = subject.path("launcher")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    answer = [subject.captured(*nobody, *subject.argv(subject.path("id"), "-u"))[:2]]
    answer = [[answer[0][0], answer[0][1].decode()]]
    for number in (signal.SIGTERM, signal.SIGKILL):
        process = subject.spawn(nobody + subject.argv(subject.path("sleeper"), "44"))
        find = lambda: [p for p in [process.pid] + tree(process.pid) if (stat_of(p) or " ")[0] == "sleeper"]
        inner = until(find, "the command")[0]
        process.kill(number)
        end = process.wait()
        answer.append([end, "gone" if holds(lambda: state(inner) in ("gone", "Z"), 3.0) else "lives on"])
    return answer


# --- process managers -----------------------------------------------------------------------------------------


def manager(subject, words, deaths=(ALL_WELL, A_CODE, A_SIGNAL)):
    """Ends and signals of `RANKS` processes under a process manager, which is around the launcher and within it. Those
    that were signaled end with 0: whose code it is where two end at once, managers leave to chance."""
    answer = ends(subject, words, deaths)
    for form, argv in forms(subject, words, 0).items():
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
            answer["%d %s" % (number, form)] = told(subject, argv, number, RANKS)
    return answer


@case("C8", timeout=240)
def mpirun_of_open_mpi(subject):
    return manager(subject, [need("mpirun.openmpi"), *["--allow-run-as-root"] * ROOT, "--oversubscribe", "-n", str(RANKS)])


@case("C8", timeout=240)
def mpiexec_of_mpich(subject):
    """Where several ranks die by a signal its code is now one and now another, bare too."""
    return manager(subject, [need("mpiexec.hydra"), "-n", str(RANKS)], (ALL_WELL, A_CODE))


@case("C8", timeout=400)
def torchrun(subject):
    subject.env["OMP_NUM_THREADS"] = "1"
    words = [need("torchrun"), "--no-python", "--nproc_per_node=%d" % RANKS, "--master_port=0", "--rdzv_backend=c10d",
             "--rdzv_endpoint=localhost:0"]
    answer = ends(subject, words, (ALL_WELL, A_CODE))
    for form, argv in forms(subject, words, 0).items():
        for number in (signal.SIGTERM, signal.SIGINT):
            answer["%d %s" % (number, form)] = told(subject, argv, number, RANKS)
    return answer


# --- Slurm ----------------------------------------------------------------------------------------------------

class Slurm:
    """A cluster of one node in the subject's folder, on the loopback; it ends with the worker that started it."""

    def __init__(self, subject):
        for name in slurm_node.PROGRAMS:
            need(name)
        if not ROOT:
            raise Skip("Slurm needs root")
        self.subject, node = subject, slurm_node.Node(subject.path("slurm"))
        os.chmod(subject.folder, 0o755)
        subject.env["SLURM_CONF"] = node.configuration
        for words in node.daemons:
            self.start(*words)
            if words[0] == "munged":
                until(lambda: os.path.exists(node.socket), "munged", 20)
        idle = lambda: subject.captured("sinfo", "-h", "-o", "%T", timeout=30)[1].split(b"\n")[0] in (b"idle", b"mixed")
        until(idle, "a node that is idle", 60, 0.3)

    def start(self, program, *words):
        self.subject.spawn([shutil.which(program) or program, *words])

    def call(self, *words):
        return self.subject.spawn(list(words)).wait(60)

    def newest_job(self):
        return self.subject.captured("squeue", "-h", "-o", "%i", timeout=30)[1].split()[-1].decode()


@case("C8", timeout=400)
def slurm(subject):
    """srun's own signals, scancel to the tasks and to everything of the step, and what srun says in the end."""
    cluster, words = Slurm(subject), ["srun", "--quiet", "-n", str(RANKS)]
    answer = ends(subject, words, (ALL_WELL, A_CODE, A_SIGNAL))
    sends = {
        "USR1 to srun": lambda job: job.process.kill(signal.SIGUSR1),
        "TERM to srun": lambda job: job.process.kill(signal.SIGTERM),
        "scancel USR1 of the step": lambda job: cluster.call("scancel", "-s", "USR1", cluster.newest_job() + ".0"),
        "scancel USR2 of all": lambda job: cluster.call("scancel", "--full", "-s", "USR2", cluster.newest_job()),
        "scancel": lambda job: cluster.call("scancel", cluster.newest_job()),
    }
    for form, argv in forms(subject, words, 0).items():
        for what, send in sends.items():
            job = Job(subject, argv, RANKS)
            send(job)
            holds(lambda: all(counter.raw("main") for counter in job.counters), 5.0)
            answer["%s %s" % (what, form)] = [job.heard(), job.leave(60)]
            settle(cluster)
    return answer


def settle(cluster):
    """The node takes the next job when the last one has gone."""
    gone = lambda: not cluster.subject.captured("squeue", "-h", timeout=30)[1].strip()
    until(gone, "an empty queue", 60, 0.2)


@case("C8", timeout=400, slow=True, modes=("record",))
def time_limit_of_slurm(subject):
    """At the limit every process of the step is sent SIGTERM, and SIGKILL after KillWait."""
    cluster = Slurm(subject)
    words = ["srun", "--quiet", "-n", str(RANKS), "-t", "0:05"]  # which Slurm takes for a minute, and looks twice in one
    jobs = {"outside": Job(subject, subject.argv(*words, *program(subject, 0, "outside")), RANKS, "outside"),
            "inside": Job(subject, words + subject.argv(*program(subject, 0, "inside")), RANKS, "inside")}
    counters = [counter for job in jobs.values() for counter in job.counters]
    holds(lambda: all(counter.counts("main").get("TERM") for counter in counters), 150.0)
    return {form: [job.heard(), job.process.wait(60)] for form, job in jobs.items()}
