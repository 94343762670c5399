//! The progress event: how far the training is, how fast it goes, what it uses.

use super::value::{Number, PerIndex, fields};

fields! {
    /// Sent at the first step, then every 60 seconds, and at each tenth of the total.
    pub struct Progress<T> {
        "step" => step: u64, "optimizer steps done";
        "total_steps" => total_steps: u64, "optimizer steps planned";
        "epoch" => epoch: u64, "number of the epoch under way, from 0";
        "progress" => progress: Number, "epochs done, as the training logs it: 1.5 is in the middle of the second";
        "share" => share: Number, "share of the training done, 0 to 1";
        "steps_per_second" => steps_per_second: Number, "steps per second since the last report";
        "time_since_last_report" => time_since_last_report: Number, "seconds since the last report";
        "loss" => loss: Number, "training loss last logged; null where it is not a number";
        "loss_repr" => loss_repr: T, "`nan`, `inf` or `-inf` where the loss is not a number";
        "ppl" => ppl: Number, "perplexity last logged";
        "learning_rate" => learning_rate: Number, "learning rate last logged";
        "grad_norm" => grad_norm: Number, "gradient norm last logged; null where it is not a number";
        "grad_norm_repr" => grad_norm_repr: T, "`nan`, `inf` or `-inf` where the gradient norm is not a number";
        "eval_loss" => eval_loss: Number, "evaluation loss last logged";
        "eval_ppl" => eval_ppl: Number, "perplexity of the evaluation last logged";
        "eval_accuracy" => eval_accuracy: Number, "accuracy of the evaluation last logged, 0 to 1";
        "tokens/total" => tokens_total: u64, "tokens seen, as the training logs it";
        "tokens/trainable" => tokens_trainable: u64, "trainable tokens seen, as the training logs it";
        "tokens/train_per_sec_per_gpu" => tokens_per_second_per_gpu: Number, "tokens per second and GPU, as the training logs it";
        "memory" => memory: MemoryReport, "memory in use";
        "cpu_cores_used" => cpu_cores_used: Number, "processors busy with the run since the last report; 1.0 is one core";
        "gpu" => gpu: Vec<GpuSample<T>>, "load of each GPU";
        "profile" => profile: ProfileReport<T>, "where its time went in the last minute of samples";
        "stalled_seconds" => stalled_seconds: Number, "where the training stands still: seconds since anything moved";
        "suspect_rank" => suspect_rank: u64, "where it stands still: the rank that does something else than all others";
    }
}

fields! {
    /// Memory in use, each figure under its own name because they differ by design.
    pub struct MemoryReport {
        "cpu_memory_bytes" => cpu_memory_bytes: u64, "resident bytes of the largest process of the run";
        "peak_cpu_memory_bytes" => peak_cpu_memory_bytes: u64, "highest resident bytes of one process of the run so far";
        "rss_sum_bytes" => rss_sum_bytes: u64, "resident bytes of all processes of the run; shared pages count more than once";
        "cgroup_bytes" => cgroup_bytes: u64, "bytes charged to the run's control group";
        "gpu_<i>_memory_bytes" => gpu_memory_bytes: PerIndex<u64>, "bytes in use on GPU i";
        "gpu_<i>_peak_memory_bytes" => gpu_peak_memory_bytes: PerIndex<u64>, "highest bytes in use on GPU i so far";
    }
}

fields! {
    /// The load of one GPU.
    pub struct GpuSample<T> {
        "index" => index: u64, "the GPU's index";
        "utilization" => utilization: Number, "share of time in which a kernel ran, 0 to 1";
        "power_watts" => power_watts: Number, "power drawn";
        "temperature_celsius" => temperature_celsius: u64, "temperature";
        "throttled" => throttled: bool, "whether the driver lowers the clocks for heat or power";
        "throttle_reasons" => throttle_reasons: Vec<T>, "why: `power_limit`, `heat`, `heat_hardware`, `hardware`, `power_brake`";
        "mig" => mig: bool, "true where the GPU is shared out in instances (MIG)";
        "attribution" => attribution: T, "how memory was attributed to the run: `pid`, `delta` (to a baseline) or `device` (all users)";
    }
}

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
