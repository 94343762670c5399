//! Command lines and environments of real launchers.

use super::*;
use crate::knowledge::launchers::ROWS;
use proptest::prelude::*;
use std::ffi::OsString;

fn read(command: &str, variables: &str) -> (Option<String>, Option<u64>, Option<u64>) {
    let words: Vec<OsString> = command.split_whitespace().map(OsString::from).collect();
    let environment = |name: &str| {
        let pairs = variables
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| OsString::from(value))
            .next()
    };
    let facts = facts(&CommandLine::read(&words), &environment);
    (
        facts.launcher.map(|name| name.to_string()),
        facts.nodes,
        facts.processes_per_node,
    )
}

#[test]
fn the_commands_own_words_come_first() {
    for (command, launcher, nodes, per_node) in [
        (
            "torchrun --nnodes 2 --nproc_per_node 8 train.py --nnodes 9",
            "torchrun",
            Some(2),
            Some(8),
        ),
        (
            "torchrun --nproc-per-node=4 -m axolotl.cli.train cfg.yml",
            "torchrun",
            None,
            Some(4),
        ),
        (
            "torchrun --nnodes=1:4 --nproc_per_node=gpu train.py",
            "torchrun",
            None,
            None,
        ),
        (
            "python -m torch.distributed.run --nproc_per_node 2 train.py -n 5",
            "torchrun",
            None,
            Some(2),
        ),
        (
            "/opt/x/bin/python3.11 -m torch.distributed.launch --nproc_per_node=2 t.py",
            "torchrun",
            None,
            Some(2),
        ),
        (
            "accelerate launch --num_machines 2 --num_processes 16 train.py",
            "accelerate",
            Some(2),
            Some(8),
        ),
        (
            "accelerate launch --num_processes 4 -m axolotl.cli.train c.yml",
            "accelerate",
            None,
            Some(4),
        ),
        (
            "accelerate launch --num_machines 3 --num_processes 16 train.py",
            "accelerate",
            Some(3),
            None,
        ),
        (
            "deepspeed --num_nodes 2 --num_gpus=8 train.py",
            "deepspeed",
            Some(2),
            Some(8),
        ),
        (
            "srun -N2 --ntasks-per-node=4 python train.py",
            "srun",
            Some(2),
            Some(4),
        ),
        ("srun -N 2 -n 8 python train.py", "srun", Some(2), Some(4)),
        (
            "srun --nodes=2 torchrun --nproc_per_node 8 train.py",
            "torchrun",
            Some(2),
            Some(8),
        ),
        ("mpirun -np 4 python train.py", "mpirun", None, Some(4)),
        (
            "mpiexec.hydra -ppn 2 -n 4 python train.py",
            "mpirun",
            None,
            Some(2),
        ),
        ("axolotl train cfg.yml", "axolotl", None, None),
        ("python -m axolotl.cli.train cfg.yml", "axolotl", None, None),
        (
            "uv run accelerate launch --num_processes 2 train.py",
            "accelerate",
            None,
            Some(2),
        ),
        (
            "env A=1 conda run -n x torchrun --nproc_per_node 2 train.py",
            "torchrun",
            None,
            Some(2),
        ),
        (
            "axolotl train cfg.yml --launcher torchrun -- --nproc_per_node=2",
            "torchrun",
            None,
            Some(2),
        ),
        (
            "axolotl train cfg.yml --launcher=accelerate -- --num_processes 2",
            "accelerate",
            None,
            Some(2),
        ),
        (
            "poetry run accelerate launch --num_processes 2 train.py",
            "accelerate",
            None,
            Some(2),
        ),
        (
            "uv run -m torch.distributed.run --nproc_per_node 2 train.py",
            "torchrun",
            None,
            Some(2),
        ),
        (
            "timeout 3h torchrun --nproc_per_node 2 train.py",
            "torchrun",
            None,
            Some(2),
        ),
        (
            "srun -N 2 uv run torchrun --nproc_per_node 2 train.py",
            "torchrun",
            Some(2),
            Some(2),
        ),
        ("python train.py", "python", None, None),
        ("uv run python train.py", "python", None, None),
        ("uv run --with accelerate train.py", "python", None, None),
        (
            "conda run -n torchrun python train.py",
            "python",
            None,
            None,
        ),
        ("pixi run python train.py", "python", None, None),
        ("ray job submit -- python train.py", "ray", None, None),
        ("torchrun --nproc_per_node", "torchrun", None, None),
        (
            "torchrun --nproc_per_node -1 train.py",
            "torchrun",
            None,
            None,
        ),
    ] {
        assert_eq!(
            read(command, ""),
            (Some(launcher.to_owned()), nodes, per_node),
            "{command}"
        );
    }
    for command in [
        "./train --nnodes 2",
        "",
        "bash run.sh",
        "pythonic x",
        "./train --dataset ray",
        "pixi run train",
        "uv add ray",
    ] {
        assert_eq!(read(command, ""), (None, None, None), "{command}");
    }
}

#[test]
fn the_environment_fills_in_what_the_command_does_not_say() {
    for (command, variables, launcher, nodes, per_node) in [
        (
            "python t.py",
            "TORCHELASTIC_RUN_ID=none LOCAL_WORLD_SIZE=8 GROUP_WORLD_SIZE=2",
            "torchrun",
            Some(2),
            Some(8),
        ),
        (
            "python t.py",
            "SLURM_STEP_NUM_TASKS=8 SLURM_STEP_TASKS_PER_NODE=4(x2) SLURM_NNODES=2",
            "srun",
            Some(2),
            Some(4),
        ),
        (
            "python t.py",
            "OMPI_COMM_WORLD_SIZE=8 OMPI_COMM_WORLD_LOCAL_SIZE=4 SLURM_NNODES=2",
            "mpirun",
            Some(2),
            Some(4),
        ),
        (
            "python t.py",
            "CROSS_SIZE=2 LOCAL_SIZE=4",
            "deepspeed",
            Some(2),
            Some(4),
        ),
        // A batch script is no step: srun did not start it.
        (
            "python t.py",
            "SLURM_PROCID=0 SLURM_NNODES=2",
            "python",
            Some(2),
            None,
        ),
        (
            "torchrun --nproc_per_node=4 t.py",
            "SLURM_STEP_NUM_TASKS=2 SLURM_NNODES=2",
            "torchrun",
            Some(2),
            Some(4),
        ),
        (
            "torchrun t.py",
            "PET_NNODES=2 PET_NPROC_PER_NODE=8",
            "torchrun",
            Some(2),
            Some(8),
        ),
        (
            "torchrun t.py",
            "PET_NNODES=1:2 PET_NPROC_PER_NODE=auto",
            "torchrun",
            None,
            None,
        ),
        (
            "accelerate launch --num_processes 8 t.py",
            "SLURM_NNODES=2",
            "accelerate",
            Some(2),
            Some(4),
        ),
        (
            "python t.py",
            "MPI_LOCALNRANKS=2 PMI_SIZE=4",
            "mpirun",
            None,
            Some(2),
        ),
        (
            "python t.py",
            "WORLD_SIZE=16 GROUP_WORLD_SIZE=2",
            "python",
            Some(2),
            Some(8),
        ),
    ] {
        let expected = (Some(launcher.to_owned()), nodes, per_node);
        assert_eq!(read(command, variables), expected, "{command} {variables}");
    }
}

proptest! {
    #[test]
    fn no_command_line_makes_it_panic_or_says_more_than_the_list(command in "[ -~]{0,120}", variables in "[ -~]{0,80}") {
        let (launcher, ..) = read(&command, &variables);
        prop_assert!(launcher.is_none_or(|name| ROWS.iter().any(|launcher| launcher.name == name)));
    }
}
