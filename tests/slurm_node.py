"""A Slurm cluster of this machine alone, on the loopback: its configuration, its keys, what has to be started.

What a launcher does under Slurm can only be seen under Slurm, and a cluster is not at hand. Everything that this one
keeps is below one directory; it needs root, slurmd, slurmctld and munged. `cluster` has it up for as long as a `with`
lasts; whoever runs processes in a way of its own takes what `Node` says has to be started.
"""

import contextlib
import os
import subprocess
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "scancel", "sinfo", "squeue")
CONFIGURATION = """ClusterName=loop
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={home}/munge/socket
CredType=cred/munge
SlurmUser=root
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldPort={port}
SlurmdPort={next_port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=3
OverTimeLimit=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} RealMemory=500 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
"""


class Node:
    """What the cluster's programs need: `configuration` as SLURM_CONF, and `daemons`, to be started in this order."""

    def __init__(self, home):
        for name in ("state", "spool", "munge"):
            os.makedirs(os.path.join(home, name))
        munge = lambda name: os.path.join(home, "munge", name)
        os.chmod(munge(""), 0o700)
        with open(munge("key"), "wb") as file:
            file.write(os.urandom(128))
        os.chmod(munge("key"), 0o400)
        # Two tests at a time have two clusters; processes that follow each other have numbers that do.
        port, host = 20000 + 2 * (os.getpid() % 10000), os.uname().nodename.partition(".")[0]
        self.configuration = os.path.join(home, "slurm.conf")
        with open(self.configuration, "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(host=host, home=home, port=port, next_port=port + 1, processors=os.cpu_count()))
        options = ["--%s-file=%s" % (name, munge(name)) for name in ("key", "log", "pid", "seed")]
        self.socket = munge("socket")
        self.daemons = [["munged", "--foreground", "--force", "--socket=" + self.socket, *options],
                        ["slurmctld", "-D"], ["slurmd", "-D"]]


@contextlib.contextmanager
def cluster(home, patience=60):
    """Brings a node up below this directory, which is made, and ends it. Gives the value for SLURM_CONF."""
    node, daemons = Node(home), []
    environment = dict(os.environ, SLURM_CONF=node.configuration)
    try:
        for words in node.daemons:
            with open(os.path.join(home, words[0] + ".log"), "wb") as log:
                started = subprocess.Popen(words, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            daemons.append(started)
        deadline, state = time.monotonic() + patience, ""
        while not state.startswith(("idle", "mixed", "alloc")):
            if time.monotonic() > deadline:
                raise TimeoutError("Slurm's node is %s; its logs are in %s" % (state.strip() or "not there", home))
            time.sleep(0.5)
            state = subprocess.run(["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True).stdout
        yield node.configuration
    finally:
        subprocess.run(["scancel", "-u", "root"], env=environment, stderr=subprocess.DEVNULL, check=False)
        # In the reverse order: the key's daemon is asked by the others to the last.
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
