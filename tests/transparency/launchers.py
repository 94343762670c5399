#!/usr/bin/env python3
"""Runs the real programs that trainings are started with, around the launcher and within it, and compares with bare.

    python3 launchers.py --wrapper PATH [--only NAME] [--modes record,on]

What is not installed is skipped and says so. Debian: coreutils, util-linux, tmux, sudo, parallel, openmpi-bin, mpich,
slurmd slurmctld slurm-client munge (started here on the loopback, as root); torchrun has to be found in PATH. Reading
the table: differential.py.

{table}
"""

import os
import sys

import cases_launchers
import differential

if __name__ == "__main__":
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    own = [entry for entry in differential.CASES if entry.function.__module__ == cases_launchers.__name__]
    sys.exit(differential.main(own, __doc__, ("off", "record")))
