//! Where a training's time goes, as samples of its stacks say.

use super::value::{Number, fields};

fields! {
    /// Where the time of the run's first rank on this machine goes, from one sample a second of its Python stack.
    pub struct ProfileReport<T> {
        "samples" => samples: u64, "how many samples the shares are of";
        "data_share" => data_share: Number, "share of them in which it waited for data or prepared it, 0 to 1";
        "collective_share" => collective_share: Number, "share in which it waited for other ranks";
        "saving_share" => saving_share: Number, "share in which it wrote a checkpoint";
        "evaluation_share" => evaluation_share: Number, "share in which it evaluated";
        "compilation_share" => compilation_share: Number, "share in which it compiled";
        "other_share" => other_share: Number, "share in which it was anywhere else: in the model, in the optimizer";
        "processor_cores" => processor_cores: Number, "processors that its main thread used or waited for, 0 to 1";
        "processor_waited_share" => processor_waited_share: Number, "share of that for which it only waited, because others had them";
        "gpu_busy_share" => gpu_busy_share: Number, "mean utilization of the GPUs that the run uses, in the same time";
        "data_workers" => data_workers: u64, "its data workers";
        "data_worker_cores" => data_worker_cores: Number, "processors that one of them used or waited for, on average";
        "data_workers_blocked_share" => data_workers_blocked_share: Number, "share of their time in which the kernel held them up, for a disk or a network file system";
        "slow_because" => slow_because: Vec<T>, "what makes it slow, as far as that is known: `data_bound`, `straggler`, `processors_taken`, `evaluation`, `saving`, `compilation`";
        "data_because" => data_because: T, "why it waits for data: `no_workers`, `workers_compute` or `workers_wait`";
        "straggler_rank" => straggler_rank: u64, "the rank that the others wait for";
        "straggler_does" => straggler_does: T, "what that one does instead: `data`, `saving`, `compilation`, `evaluation`, `child_process` or `other`";
        "straggler_confidence" => straggler_confidence: T, "`high` where three minutes agree, else `medium`";
        "compilation_seconds" => compilation_seconds: Number, "seconds of compilation before the first step";
    }
}
