//! The start event: on what, with what, and how a run was begun.

use super::value::{FieldKind, Number, PerPackage, Sendable, Text, fields};
use crate::public::PublicStr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

fields! {
    /// Sent once, when the command was spawned.
    pub struct Start<T> {
        "os" => os: T, "operating system and architecture, to know what must be supported";
        "python_version" => python_version: T, "version of the Python that runs the training";
        "cpu_count" => cpu_count: u64, "logical processors of the machine";
        "cpu_count_usable" => cpu_count_usable: u64, "whole processors that the run may use at once: its affinity and the quotas of its control groups counted";
        "memory_total" => memory_total: u64, "bytes of main memory of the machine, or of the run's limit, made up to whole GiB";
        "accelerator_type" => accelerator_type: T, "kind of accelerator: cuda, hip, xpu, mps, npu or none";
        "accelerator_count" => accelerator_count: u64, "how many accelerators the machine shows";
        "accelerator_info" => accelerator_info: Vec<Accelerator<T>>, "model and memory of each accelerator";
        "<package>_version" => packages: PerPackage<T>, "installed version of a package of the published list";
        "launcher" => launcher: T, "program of the public launchers that started the workers (torchrun, accelerate, srun…)";
        "nodes" => nodes: u64, "machines of the job, as its launcher says";
        "processes_per_node" => processes_per_node: u64, "worker processes on each machine, as its launcher says";
        "scheduler" => scheduler: T, "batch system or service that placed the run (slurm, pbs, lsf, kubernetes, sagemaker…): it decides on limits, preemption and how ranks are told apart";
        "ci" => ci: bool, "whether the run is a job of continuous integration";
        "ci_system" => ci_system: T, "which service of continuous integration (github_actions, gitlab_ci, jenkins…), to know what must be supported";
        "container" => container: bool, "whether the run is in a container";
        "wsl" => wsl: bool, "whether the kernel is the one that Windows runs (WSL), whose memory and GPUs are shared with it";
        "config" => config: ConfigValue<T>, "known keys of the training configuration, with values that are numbers, booleans, public choices or whitelisted model names";
        "config_unknown_keys" => config_unknown_keys: u64, "how many keys of the configuration are not on the public list";
    }
}

fields! {
    /// One accelerator.
    pub struct Accelerator<T> {
        "name" => name: T, "model name, as the driver says it";
        "memory" => memory: u64, "bytes of its memory, made up to whole GiB";
        "compute_capability" => compute_capability: T, "what the hardware can do, as NVIDIA numbers it (`9.0`)";
    }
}

/// A vetted part of the training configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ConfigValue<T: Text = PublicStr> {
    /// A YAML null.
    Null,
    /// A switch.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(Number),
    /// A public choice of this key, a whitelisted model, or a constant that says what was withheld.
    Text(T),
    /// A list, element by element.
    List(Vec<Self>),
    /// Known keys.
    Map(BTreeMap<T, Self>),
}

impl<T: Sendable + Text> Sendable for ConfigValue<T> {
    fn kind() -> FieldKind {
        FieldKind::Config
    }
}
