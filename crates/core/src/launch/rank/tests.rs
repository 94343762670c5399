//! Each launcher's variables as it really sets them, and the commands that have none.

use super::*;

const MAIN: RankVerdict = RankVerdict::Main;
const DEFERRED: RankVerdict = RankVerdict::Deferred;

const fn not_main(variable: &'static str) -> RankVerdict {
    RankVerdict::NotMain { variable }
}

fn words(command: &str) -> Vec<OsString> {
    command.split_whitespace().map(OsString::from).collect()
}

fn in_environment(environment: &str, command: &str) -> RankVerdict {
    let value = |name: &str| {
        environment.split_whitespace().find_map(|pair| {
            let (key, value) = pair.split_once('=').expect("the table has pairs");
            (key == name).then(|| OsString::from(value))
        })
    };
    rank(value, &CommandLine::read(&words(command)))
}

#[test]
fn the_innermost_launcher_decides() {
    for (launcher, environment, expected) in [
        ("none", "", MAIN),
        (
            "torchrun",
            "RANK=0 LOCAL_RANK=0 WORLD_SIZE=4 GROUP_RANK=0 ROLE_RANK=0",
            MAIN,
        ),
        (
            "torchrun",
            "RANK=3 LOCAL_RANK=3 WORLD_SIZE=4 GROUP_RANK=0 ROLE_RANK=3",
            not_main("RANK"),
        ),
        (
            "torchrun, 2nd node's first worker",
            "RANK=8 LOCAL_RANK=0 GROUP_RANK=1",
            not_main("RANK"),
        ),
        (
            "torchrun under srun, c10d gave rank 0 to the second node",
            "RANK=0 LOCAL_RANK=0 SLURM_PROCID=1",
            MAIN,
        ),
        (
            "accelerate, one process",
            "ACCELERATE_MIXED_PRECISION=bf16 OMP_NUM_THREADS=1",
            MAIN,
        ),
        (
            "accelerate, multi-gpu",
            "RANK=1 LOCAL_RANK=1 ACCELERATE_MIXED_PRECISION=bf16",
            not_main("RANK"),
        ),
        (
            "deepspeed",
            "RANK=0 LOCAL_RANK=0 LOCAL_SIZE=2 CROSS_RANK=0 CROSS_SIZE=1",
            MAIN,
        ),
        (
            "deepspeed",
            "RANK=1 LOCAL_RANK=1 LOCAL_SIZE=2 CROSS_RANK=0 CROSS_SIZE=1",
            not_main("RANK"),
        ),
        (
            "Ray Train",
            "RANK=0 LOCAL_RANK=0 WORLD_SIZE=2 NODE_RANK=0",
            MAIN,
        ),
        (
            "Ray Train",
            "RANK=1 LOCAL_RANK=0 WORLD_SIZE=2 NODE_RANK=1",
            not_main("RANK"),
        ),
        (
            "Lightning",
            "GLOBAL_RANK=2 LOCAL_RANK=0 NODE_RANK=1",
            not_main("GLOBAL_RANK"),
        ),
        (
            "Open MPI",
            "OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_LOCAL_RANK=0 PMIX_RANK=0",
            MAIN,
        ),
        (
            "Open MPI",
            "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_LOCAL_RANK=1 PMIX_RANK=1",
            not_main("OMPI_COMM_WORLD_RANK"),
        ),
        ("PMIx alone", "PMIX_RANK=5", not_main("PMIX_RANK")),
        (
            "MPICH, Intel MPI",
            "PMI_RANK=0 PMI_SIZE=2 PMI_FD=6 MPI_LOCALRANKID=0",
            MAIN,
        ),
        (
            "MPICH, Intel MPI",
            "PMI_RANK=1 PMI_SIZE=2 PMI_FD=6 MPI_LOCALRANKID=1",
            not_main("PMI_RANK"),
        ),
        (
            "MVAPICH",
            "MV2_COMM_WORLD_RANK=0 MV2_COMM_WORLD_LOCAL_RANK=0",
            MAIN,
        ),
        (
            "MVAPICH",
            "MV2_COMM_WORLD_RANK=7 MV2_COMM_WORLD_LOCAL_RANK=3",
            not_main("MV2_COMM_WORLD_RANK"),
        ),
        ("PALS", "PALS_RANKID=0 PALS_LOCAL_RANKID=0", MAIN),
        (
            "PALS",
            "PALS_RANKID=2 PALS_LOCAL_RANKID=2",
            not_main("PALS_RANKID"),
        ),
        ("Flux", "FLUX_TASK_RANK=0 FLUX_TASK_LOCAL_ID=0", MAIN),
        (
            "Flux",
            "FLUX_TASK_RANK=1 FLUX_TASK_LOCAL_ID=1",
            not_main("FLUX_TASK_RANK"),
        ),
        ("jsrun", "JSM_NAMESPACE_RANK=0", MAIN),
        (
            "jsrun",
            "JSM_NAMESPACE_RANK=1",
            not_main("JSM_NAMESPACE_RANK"),
        ),
        ("Horovod", "HOROVOD_RANK=0 HOROVOD_LOCAL_RANK=0", MAIN),
        (
            "Horovod",
            "HOROVOD_RANK=4 HOROVOD_LOCAL_RANK=0",
            not_main("HOROVOD_RANK"),
        ),
        (
            "srun",
            "SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_NTASKS=2",
            MAIN,
        ),
        (
            "srun",
            "SLURM_PROCID=1 SLURM_LOCALID=0 SLURM_NODEID=1 SLURM_NTASKS=2",
            not_main("SLURM_PROCID"),
        ),
        (
            "srun --mpi=pmi2",
            "SLURM_PROCID=1 PMI_RANK=1",
            not_main("PMI_RANK"),
        ),
        (
            "sbatch",
            "SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_JOB_ID=7",
            MAIN,
        ),
        (
            "sbatch + mpirun",
            "SLURM_PROCID=0 SLURM_LOCALID=0 OMPI_COMM_WORLD_RANK=0",
            MAIN,
        ),
        (
            "sbatch + mpirun",
            "SLURM_PROCID=0 SLURM_LOCALID=0 OMPI_COMM_WORLD_RANK=1",
            not_main("OMPI_COMM_WORLD_RANK"),
        ),
        (
            "sbatch + mpiexec.hydra",
            "SLURM_PROCID=0 PMI_RANK=3",
            not_main("PMI_RANK"),
        ),
        (
            "salloc",
            "SLURM_JOB_ID=7 SLURM_NNODES=2 SLURM_NTASKS=2",
            MAIN,
        ),
        (
            "PyTorchJob, master",
            "RANK=0 WORLD_SIZE=2 PYTHONUNBUFFERED=0",
            MAIN,
        ),
        (
            "PyTorchJob, worker",
            "RANK=1 WORLD_SIZE=2 PYTHONUNBUFFERED=0",
            not_main("RANK"),
        ),
        (
            "PyTorchJob, elastic",
            "PET_NNODES=2 PET_NPROC_PER_NODE=8 PET_NODE_RANK=1",
            not_main("PET_NODE_RANK"),
        ),
        (
            "Trainer v2",
            "PET_NNODES=2 PET_NODE_RANK=0 PET_MASTER_ADDR=h",
            MAIN,
        ),
        (
            "Trainer v2",
            "PET_NNODES=2 PET_NODE_RANK=1 PET_MASTER_ADDR=h",
            not_main("PET_NODE_RANK"),
        ),
        (
            "MPI operator, launcher",
            "K_MPI_JOB_ROLE=launcher OMPI_MCA_orte_default_hostfile=/etc/mpi/hostfile",
            MAIN,
        ),
        (
            "MPI operator, rank",
            "K_MPI_JOB_ROLE=worker OMPI_COMM_WORLD_RANK=1",
            not_main("OMPI_COMM_WORLD_RANK"),
        ),
        ("script", "NODE_RANK=1", not_main("NODE_RANK")),
        ("only a local rank", "LOCAL_RANK=1", not_main("LOCAL_RANK")),
        ("only a local rank", "LOCAL_RANK=0", MAIN),
    ] {
        assert_eq!(
            in_environment(environment, "python train.py"),
            expected,
            "{launcher}: {environment}"
        );
    }
}

#[test]
fn variables_are_asked_in_the_order_of_their_places() {
    assert_eq!(
        RANK_VARIABLES,
        [
            "RANK",
            "GLOBAL_RANK",
            "OMPI_COMM_WORLD_RANK",
            "PMIX_RANK",
            "PMI_RANK",
            "MV2_COMM_WORLD_RANK",
            "PALS_RANKID",
            "FLUX_TASK_RANK",
            "JSM_NAMESPACE_RANK",
            "HOROVOD_RANK",
            "SLURM_PROCID",
            "PET_NODE_RANK",
            "NODE_RANK",
            "GROUP_RANK",
            LOCAL_RANK,
        ]
    );
}

#[test]
fn what_is_no_plain_integer_counts_as_absent() {
    for (environment, expected) in [
        ("RANK= LOCAL_RANK=1", not_main("LOCAL_RANK")),
        ("RANK=zero LOCAL_RANK=1", not_main("LOCAL_RANK")),
        ("RANK=-1 SLURM_PROCID=0", MAIN),
        ("RANK=-1 SLURM_PROCID=2", not_main("SLURM_PROCID")),
        ("RANK=+1", MAIN),
        ("RANK=1.0", MAIN),
        ("RANK=0x1", MAIN),
        ("RANK=1e0", MAIN),
        ("RANK=000", MAIN),
        ("RANK=007", not_main("RANK")),
        ("RANK=99999999999999999999999999", not_main("RANK")),
        ("RANK=１", MAIN),
    ] {
        assert_eq!(
            in_environment(environment, "python train.py"),
            expected,
            "{environment}"
        );
    }
}

#[test]
fn without_a_variable_the_commands_own_options_decide() {
    let not_torchrun = not_main("--node_rank");
    for (command, expected) in [
        ("torchrun --nnodes 2 --node-rank 1 train.py", not_torchrun),
        ("torchrun --nnodes=2 --node_rank=1 train.py", not_torchrun),
        ("torchrun --nnodes 2 --node-rank 0 train.py", MAIN),
        ("torchrun --nnodes 2 train.py", DEFERRED),
        ("torchrun --nnodes 1 train.py", MAIN),
        ("torchrun --nnodes=1:4 train.py", DEFERRED),
        ("torchrun --nnodes=1:1 train.py", MAIN),
        ("torchrun --nnodes=auto train.py", MAIN),
        ("torchrun train.py", MAIN),
        (
            "torchrun --standalone --nproc-per-node 8 train.py --node_rank 1",
            MAIN,
        ),
        ("torchrun --nnodes 2 train.py --node_rank 0", DEFERRED),
        (
            "torchrun --nnodes 2 -m axolotl.cli.train --node_rank 1",
            DEFERRED,
        ),
        ("torchrun --nnodes 2 --node-rank auto train.py", DEFERRED),
        (
            "torchrun --nnodes 2 --no-python --node-rank 3 ./train.sh",
            not_torchrun,
        ),
        (
            "torchrun --nnodes 2 --unheard-of train.py --node_rank 3",
            DEFERRED,
        ),
        ("torchrun --node-rank", MAIN),
        (
            "/opt/conda/bin/python3.11 /opt/conda/bin/torchrun --nnodes 2 --node-rank 1 t.py",
            not_torchrun,
        ),
        (
            "python -u -m torch.distributed.run --nnodes 2 --node_rank 1 t.py",
            not_torchrun,
        ),
        ("env NCCL_DEBUG=INFO torchrun --nnodes 2 t.py", DEFERRED),
        ("uv run torchrun --nnodes 2 t.py", DEFERRED),
        (
            "accelerate launch --num_machines 2 --machine_rank 1 t.py",
            not_main("--machine_rank"),
        ),
        (
            "accelerate launch --multi_gpu --num_machines 2 --machine_rank 0 t.py",
            MAIN,
        ),
        ("accelerate launch --num_machines 2 t.py", DEFERRED),
        ("accelerate launch t.py --machine_rank 1", MAIN),
        (
            "accelerate launch --multi-gpu --machine-rank=1 t.py",
            not_main("--machine_rank"),
        ),
        ("accelerate config", MAIN),
        ("accelerate", MAIN),
        ("deepspeed --num_nodes 2 t.py", MAIN),
        (
            "deepspeed --no_ssh --node_rank 1 --master_addr h t.py",
            not_torchrun,
        ),
        (
            "python -m deepspeed.launcher.launch --node_rank=1 t.py",
            not_torchrun,
        ),
        (
            "axolotl train c.yml --launcher torchrun -- --nnodes 2 --node_rank 1",
            not_torchrun,
        ),
        (
            "axolotl train c.yml --launcher=torchrun -- --nnodes 2",
            DEFERRED,
        ),
        ("axolotl train c.yml --launcher python -- --nnodes 2", MAIN),
        (
            "axolotl train c.yml -- --num_machines 2 --machine_rank 1",
            not_main("--machine_rank"),
        ),
        ("axolotl train c.yml --node_rank 1", MAIN),
        ("python -m axolotl.cli.train c.yml", MAIN),
        ("srun torchrun --nnodes 2 t.py", MAIN),
        ("mpirun -np 4 python t.py", MAIN),
        ("ssh node1 torchrun --nnodes 2 t.py", MAIN),
        ("nice torchrun --nnodes 2 --node-rank 1 t.py", not_torchrun),
        (
            "timeout -k 5 9h sudo -E torchrun --nnodes 2 --node-rank 1 t.py",
            not_torchrun,
        ),
        (
            "env A=1 uv run -m torch.distributed.run --nnodes 2 --node-rank 1 t.py",
            not_torchrun,
        ),
        (
            "conda run -n deepspeed accelerate launch --num_machines 2 t.py",
            DEFERRED,
        ),
        (
            "apptainer exec --nv image.sif torchrun --nnodes 2 t.py",
            DEFERRED,
        ),
        (
            "docker run image torchrun --nnodes 2 --node-rank 1 t.py",
            not_torchrun,
        ),
        ("docker run image ssh n torchrun --nnodes 2 t.py", MAIN),
        ("nice srun -N 2 nice torchrun --nnodes 2 t.py", MAIN),
        ("python train.py --node_rank 1", MAIN),
        ("", MAIN),
    ] {
        assert_eq!(in_environment("", command), expected, "{command}");
    }
}

#[test]
fn a_variable_beats_the_commands_options() {
    assert_eq!(
        in_environment("PET_NODE_RANK=0", "torchrun --nnodes 2 --node-rank 1 t.py"),
        MAIN
    );
    assert_eq!(
        in_environment("SLURM_PROCID=1", "torchrun --nnodes 2 t.py"),
        not_main("SLURM_PROCID")
    );
}

proptest::proptest! {
    #[test]
    fn no_command_line_upsets_it(command: Vec<Vec<u8>>) {
        use std::os::unix::ffi::OsStringExt as _;
        let mut words: Vec<_> = command.into_iter().map(OsString::from_vec).collect();
        for launcher in ["torchrun", "deepspeed", "axolotl", "accelerate"] {
            words.insert(0, launcher.into());
            let _ = rank(|_| None, &CommandLine::read(&words));
        }
    }

    #[test]
    fn any_number_but_zero_is_another_rank(number: u64) {
        let verdict = rank(|name| (name == "RANK").then(|| number.to_string().into()), &CommandLine::read(&[]));
        proptest::prop_assert_eq!(verdict == RankVerdict::Main, number == 0);
    }
}
