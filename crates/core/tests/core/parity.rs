//! The table of docs/events.md that says, property by property, what stands here for what Axolotl's own telemetry sends
//! (axolotl 0.19.0, `telemetry/` and what calls it). `BLESS=1 cargo test -p axolotl-run-core --test core` writes it.
//!
//! Every field that a row names is one of the published list.

use crate::documents::{compare, read, with_section};
use axolotl_run_core::event::EventName;
use axolotl_run_core::event::value::Field;

const DOCUMENT: &str = "docs/events.md";

/// What stands here for a property of theirs.
enum Ours {
    /// The same name and meaning, in this event.
    Same(EventName),
    /// Another event or field, and what differs.
    Field(EventName, &'static str, &'static str),
    /// Nothing, and why.
    None(&'static str),
}

use EventName::{Error, Finish, Progress, Setup, Start};
use Ours::{Field as Other, None as Nothing, Same};

/// Event and property of theirs, and ours.
const ROWS: &[(&str, &str, Ours)] = &[
    (
        "every event",
        "distinct_id",
        Nothing("the same meaning, outside of the properties: a random UUID of the run"),
    ),
    (
        "config-loaded",
        "each key",
        Other(
            Start,
            "config",
            "known keys only, with vetted values: theirs are redacted by name, ours are built from lists; the command's overrides are applied",
        ),
    ),
    (
        "config-processed",
        "each key",
        Other(
            Setup,
            "config",
            "the same vetting, of what `load_cfg` prints",
        ),
    ),
    (
        "system-info",
        "os",
        Other(
            Start,
            "os",
            "with release and architecture: `linux-6.18-x86_64` where theirs is `Linux`",
        ),
    ),
    ("system-info", "python_version", Same(Start)),
    ("system-info", "cpu_count", Same(Start)),
    ("system-info", "memory_total", Same(Start)),
    ("system-info", "accelerator_type", Same(Start)),
    ("system-info", "accelerator_count", Same(Start)),
    ("system-info", "accelerator_info", Same(Start)),
    ("system-info", "<package>_version", Same(Start)),
    (
        "model-load",
        "num_parameters",
        Other(
            Setup,
            "num_parameters",
            "as PEFT prints it, so known of adapters only, and with the adapter's own",
        ),
    ),
    (
        "model-load",
        "num_parameters_est",
        Nothing("a rounding of `num_parameters`"),
    ),
    (
        "model-load",
        "each key of the model's configuration",
        Other(
            Setup,
            "model",
            "numbers and public words of the cached `config.json` of a whitelisted model; of any other model nothing, as its configuration is the user's",
        ),
    ),
    (
        "peft-config-load",
        "each key",
        Other(
            Setup,
            "config",
            "the keys `lora_*`, `peft_*`, `adapter`: Axolotl makes the adapter's configuration of them",
        ),
    ),
    (
        "train-start",
        "(the moment)",
        Other(
            Setup,
            "setup_seconds",
            "the first step, not the call before it: the seconds until then",
        ),
    ),
    ("train-progress", "step", Same(Progress)),
    ("train-progress", "epoch", Same(Progress)),
    ("train-progress", "progress", Same(Progress)),
    ("train-progress", "steps_per_second", Same(Progress)),
    ("train-progress", "time_since_last_report", Same(Progress)),
    (
        "train-progress",
        "elapsed_time",
        Nothing(
            "every event has it, from the spawn of the command; theirs counts from the creation of the trainer, after `setup_seconds` without the first step",
        ),
    ),
    (
        "train-progress",
        "loss",
        Other(
            Progress,
            "loss",
            "absent where it is unknown, where theirs is 0; null with `loss_repr` where it is no number, where theirs loses the batch",
        ),
    ),
    (
        "train-progress",
        "ppl",
        Other(
            Progress,
            "ppl",
            "absent where it is unknown, where theirs is 0",
        ),
    ),
    (
        "train-progress",
        "learning_rate",
        Other(
            Progress,
            "learning_rate",
            "absent where it is unknown, where theirs is 0",
        ),
    ),
    (
        "train-progress",
        "grad_norm",
        Other(
            Progress,
            "grad_norm",
            "absent where it is unknown, where theirs is 0",
        ),
    ),
    (
        "train-progress",
        "tokens/total",
        Other(
            Progress,
            "tokens/total",
            "absent where it is unknown, where theirs is 0",
        ),
    ),
    (
        "train-progress",
        "tokens/trainable",
        Other(
            Progress,
            "tokens/trainable",
            "absent where it is unknown, where theirs is 0",
        ),
    ),
    (
        "train-progress",
        "tokens/train_per_sec_per_gpu",
        Other(
            Progress,
            "tokens/train_per_sec_per_gpu",
            "absent where it is unknown, where theirs is 0",
        ),
    ),
    (
        "train-progress",
        "memory.cpu_memory_bytes",
        Other(
            Progress,
            "memory.cpu_memory_bytes",
            "the largest process of the run; theirs is rank 0's process",
        ),
    ),
    (
        "train-progress",
        "memory.peak_cpu_memory_bytes",
        Other(
            Progress,
            "memory.peak_cpu_memory_bytes",
            "of all times; theirs of its reports and each 100th step",
        ),
    ),
    (
        "train-progress",
        "memory.gpu_<i>_memory_bytes",
        Other(
            Progress,
            "memory.gpu_<i>_memory_bytes",
            "what the driver counts; theirs is what torch's allocator has given out, which is less. Not comparable",
        ),
    ),
    (
        "train-progress",
        "memory.gpu_<i>_peak_memory_bytes",
        Other(Progress, "memory.gpu_<i>_peak_memory_bytes", "likewise"),
    ),
    (
        "train-progress",
        "(when)",
        Nothing(
            "first step, then each minute, and each tenth of the total; theirs: first step, each 100 steps, and each multiple of 100 steps after 60 s. The events of a fast training would be thousands",
        ),
    ),
    (
        "train-end",
        "total_time_seconds",
        Other(
            Finish,
            "total_time_seconds",
            "from the spawn of the command; theirs from the creation of the trainer",
        ),
    ),
    (
        "train-end",
        "total_steps",
        Other(
            Finish,
            "total_steps",
            "steps done, those before a resume included; theirs counts the steps of this process",
        ),
    ),
    (
        "train-end",
        "steps_per_second",
        Other(
            Finish,
            "steps_per_second",
            "from the first step seen to the last; theirs counts the set-up of the trainer in",
        ),
    ),
    ("train-end", "epochs_completed", Same(Finish)),
    ("train-end", "epoch_times", Same(Finish)),
    ("train-end", "average_epoch_time_seconds", Same(Finish)),
    (
        "train-end",
        "peak_cpu_memory_bytes",
        Other(
            Finish,
            "peak_cpu_memory_bytes",
            "the largest process of the run, as the kernel counts it; theirs is rank 0's process",
        ),
    ),
    (
        "train-end",
        "gpu_memory",
        Other(
            Finish,
            "gpu_memory",
            "what the driver counts, not torch's allocator",
        ),
    ),
    (
        "train-end",
        "loss",
        Other(
            Finish,
            "loss",
            "last logged with a loss; theirs is of the last log, which has none: 0",
        ),
    ),
    ("train-end", "ppl", Other(Finish, "ppl", "likewise")),
    (
        "train-end",
        "learning_rate",
        Other(Finish, "learning_rate", "likewise"),
    ),
    (
        "train-end",
        "grad_norm",
        Other(Finish, "grad_norm", "likewise"),
    ),
    (
        "train-end",
        "tokens/total",
        Other(Finish, "tokens/total", "likewise"),
    ),
    (
        "train-end",
        "tokens/trainable",
        Other(Finish, "tokens/trainable", "likewise"),
    ),
    (
        "train-end",
        "tokens/train_per_sec_per_gpu",
        Other(Finish, "tokens/train_per_sec_per_gpu", "likewise"),
    ),
    (
        "<module>.<function>-error",
        "(the event's name)",
        Other(
            Error,
            "module_event",
            "the same name; `stage` has the outermost of the functions, theirs is named after the innermost",
        ),
    ),
    (
        "<module>.<function>-error",
        "exception",
        Other(
            Error,
            "exception",
            "a public message of the catalogue; of any other message its shape",
        ),
    ),
    (
        "<module>.<function>-error",
        "stack_trace",
        Other(
            Error,
            "stack_trace",
            "rebuilt from public names, without the lines of the source",
        ),
    ),
    (
        "triton-autotune, fused-rope-autotune",
        "gpu_name",
        Other(Start, "accelerator_info[].name", ""),
    ),
    (
        "triton-autotune, fused-rope-autotune",
        "gpu_compute_capability",
        Other(Start, "accelerator_info[].compute_capability", ""),
    ),
    (
        "triton-autotune, fused-rope-autotune",
        "gpu_memory_bytes",
        Other(Start, "accelerator_info[].memory", ""),
    ),
    (
        "triton-autotune, fused-rope-autotune",
        "kernel_count, kernels, the choices",
        Nothing("they exist in the memory of the training's process only; nothing prints them"),
    ),
    (
        "an error of any kind",
        "$exception_list",
        Nothing("theirs has none; see `$exception`"),
    ),
];

/// Whether the path leads to a field: `accelerator_info[].name`.
fn exists(fields: &[Field], path: &str) -> bool {
    let known = |name: &str| fields.iter().find(|field| field.name == name);
    if known(path).is_some() {
        return true;
    }
    let Some((owner, member)) = path.split_once('.') else {
        return false;
    };
    let owner = known(owner.trim_end_matches("[]"));
    owner.is_some_and(|owner| exists(owner.kind.members(), member))
}

#[test]
fn each_property_of_axolotls_module_has_its_row() {
    let mut table = String::from("| their event | property | ours | |\n|---|---|---|---|\n");
    for (event, property, ours) in ROWS {
        let (place, words) = match ours {
            Same(name) => {
                assert!(exists(&name.fields(), property), "{property}");
                (format!("`{}.{property}`", name.as_str()), "same")
            }
            Other(name, field, words) => {
                assert!(exists(&name.fields(), field), "{field}");
                (format!("`{}.{field}`", name.as_str()), *words)
            }
            Nothing(words) => ("none".to_owned(), *words),
        };
        let words = if words.is_empty() { "same" } else { words };
        let property = match property.as_bytes() {
            [b'(', ..] => (*property).to_owned(),
            _ if property.contains(' ') => (*property).to_owned(),
            _ => format!("`{property}`"),
        };
        table += &format!("| {event} | {property} | {place} | {words} |\n");
    }
    let document = read(DOCUMENT);
    compare(DOCUMENT, &with_section(&document, "parity", &table));
}
