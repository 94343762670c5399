//! The finish event: how the run ended, why as far as it can be told, and its totals.

use super::collective::CollectiveReport;
use super::error::Frame;
use super::progress::ProfileReport;
use super::value::{Number, PerIndex, fields};

fields! {
    /// Sent exactly once, when the command has ended, however it ended.
    pub struct Finish<T> {
        "outcome" => outcome: T, "`success`, `error`, `signal`, or `lost` where nobody saw the end";
        "verdict" => verdict: FinishVerdict<T>, "why the run ended, with the evidence";
        "exit_code" => exit_code: u64, "the command's exit code";
        "signal" => signal: T, "the signal that killed the command";
        "total_time_seconds" => total_time_seconds: Number, "seconds from spawn to end";
        "total_steps" => total_steps: u64, "optimizer steps done";
        "steps_per_second" => steps_per_second: Number, "steps per second over the whole training";
        "epochs_completed" => epochs_completed: u64, "whole epochs done";
        "epoch_times" => epoch_times: EpochTimes, "how long each epoch took";
        "average_epoch_time_seconds" => average_epoch_time_seconds: Number, "mean seconds an epoch took";
        "peak_cpu_memory_bytes" => peak_cpu_memory_bytes: u64, "highest resident bytes of one process of the run";
        "gpu_memory" => gpu_memory: GpuMemory, "highest memory use of each GPU";
        "cpu_energy_joules" => cpu_energy_joules: Number, "energy that the machine's processors drew during the run, whoever used them";
        "gpu_energy_joules" => gpu_energy_joules: Number, "energy drawn by the run's GPUs";
        "gpu_ecc_errors" => gpu_ecc_errors: u64, "memory errors of the run's GPUs that could not be corrected";
        "gpu_xids" => gpu_xids: Vec<u64>, "errors that the NVIDIA driver reported, by NVIDIA's numbers (XID)";
        "gpu_lost_at" => gpu_lost_at: Number, "seconds from spawn until a GPU was first found lost";
        "gpu_driver_unresponsive" => gpu_driver_unresponsive: bool, "true where the GPU's driver did not answer for 10 seconds";
        "cpu_seconds" => cpu_seconds: Number, "processor time of the command and all that it waited for";
        "loss" => loss: Number, "training loss last logged; null where it is not a number";
        "loss_repr" => loss_repr: T, "`nan`, `inf` or `-inf` where the loss is not a number";
        "ppl" => ppl: Number, "perplexity last logged";
        "learning_rate" => learning_rate: Number, "learning rate last logged";
        "grad_norm" => grad_norm: Number, "gradient norm last logged; null where it is not a number";
        "grad_norm_repr" => grad_norm_repr: T, "`nan`, `inf` or `-inf` where the gradient norm is not a number";
        "eval_loss" => eval_loss: Number, "evaluation loss last logged";
        "tokens/total" => tokens_total: u64, "tokens seen, as the training logs it";
        "tokens/trainable" => tokens_trainable: u64, "trainable tokens seen, as the training logs it";
        "tokens/train_per_sec_per_gpu" => tokens_per_second_per_gpu: Number, "tokens per second and GPU, as the training logs it";
        "epoch" => epoch: u64, "number of the last epoch, from 0";
        "progress" => progress: Number, "epochs done, as the training logs it";
        "phases" => phases: Phases, "what the time was spent on, as far as the output shows it";
        "not_finite" => not_finite: NotFinite<T>, "the number of the training that was none any more at the end";
        "oom_kills" => oom_kills: u64, "processes of the run's control group that the kernel killed for memory";
        "supervisor_lost" => supervisor_lost: T, "how the launcher itself ended before the command, where it did: `crashed`, `killed` or `out_of_memory`";
        "profile" => profile: ProfileReport<T>, "where its time went from the first step on";
        "stacks" => stacks: Vec<StackGroup<T>>, "where the processes of a run were that stood still when it ended";
        "stacks_refused" => stacks_refused: T, "why not all of their stacks could be read: `ptrace_scope_1`, `ptrace_scope_2`, `ptrace_scope_3` (Yama's setting) or `other_user`";
        "dropped" => dropped: Dropped, "what could not be observed or sent";
    }
}

fields! {
    /// Why the run ended.
    pub struct FinishVerdict<T> {
        "kind" => kind: T, "the verdict";
        "meaning" => meaning: T, "what the output says happened, of the closed list of an error's meanings: it tells a full disk from a missing module where the kind of both is `exception`";
        "evidence" => evidence: Vec<T>, "what speaks for it";
        "confidence" => confidence: T, "`high`, `medium` or `low`";
        "rank" => rank: u64, "the rank that failed first; of a training that stood still, the one that did something else than all others";
        "rank_exit_code" => rank_exit_code: u64, "exit code of the process that failed first, where it was not the command itself";
        "rank_signal" => rank_signal: T, "signal that killed the process that failed first, where it was not the command itself";
        "collective" => collective: CollectiveReport<T>, "what the ranks' watchdogs say of a collective operation that failed";
    }
}

fields! {
    /// Seconds of each phase, from its first sign in the output to that of the next one; absent where there was no sign.
    pub struct Phases {
        "first_step_seconds" => first_step: Number, "seconds from spawn until the first step was seen";
        "startup_seconds" => startup: Number, "until the first sign of another phase: starting up, importing";
        "download_seconds" => download: Number, "fetching files";
        "data_seconds" => data: Number, "preparing data";
        "model_seconds" => model: Number, "loading the model";
        "training_seconds" => training: Number, "training, evaluations and checkpoints left out";
        "evaluation_seconds" => evaluation: Number, "evaluating";
        "checkpoint_seconds" => checkpoint: Number, "writing checkpoints between steps";
        "saving_seconds" => saving: Number, "saving the result";
        "end_seconds" => end: Number, "after the training, or after its result was saved";
    }
}

fields! {
    /// A number of the training that was none any more.
    pub struct NotFinite<T> {
        "metric" => metric: T, "`grad_norm` or `loss`";
        "repr" => repr: T, "`nan`, `inf` or `-inf`";
        "since_step" => since_step: u64, "the step at which it was first logged so; from there on it stayed so";
    }
}

fields! {
    /// Processes of a run that stood still in the same place.
    pub struct StackGroup<T> {
        "ranks" => ranks: Vec<u64>, "the ranks";
        "process" => process: T, "which process of theirs: `rank`, the training itself, or `data_worker`";
        "stands_in" => stands_in: T, "what it did: `collective`, `data`, `saving`, `compilation`, `evaluation`, `child_process` or `other`";
        "frames" => frames: Vec<Frame<T>>, "where its main thread was, innermost first; of one that moved, the calls that it did not return from";
        "waits_for" => waits_for: T, "what its main thread waited for, as the kernel says: `process`, `child`, `file_system`, `sleep`, `thread` (a collective or a lock), `processor` (it ran)";
        "moves" => moves: bool, "true where it was not in the same line twice";
        "workers_gone" => workers_gone: bool, "true where it waits for data workers of which none is left";
    }
}

fields! {
    /// Time per epoch.
    pub struct EpochTimes {
        "epoch_<n>_seconds" => seconds: PerIndex<Number>, "seconds that epoch n took";
    }
}

fields! {
    /// Peak memory per GPU.
    pub struct GpuMemory {
        "gpu_<i>_peak_memory_bytes" => peak: PerIndex<u64>, "highest bytes in use on GPU i";
    }
}

fields! {
    /// What the observer missed; each figure is absent where nothing was.
    pub struct Dropped {
        "copy_bytes" => copy_bytes: u64, "bytes of output that the observer did not see";
        "long_lines" => long_lines: u64, "lines of output too long to be read";
        "events_refused" => events_refused: u64, "events that the privacy gate refused";
        "events_unwritten" => events_unwritten: u64, "events that could not be written to disk";
        "samples" => samples: u64, "measurements that failed";
        "streams" => streams: u64, "output streams that could not be observed";
    }
}
