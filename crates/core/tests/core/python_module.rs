//! What Axolotl's own telemetry does, behaviour by behaviour: here it holds, or is stricter or other on purpose, and then
//! the row says why. [`theirs`] has a row for each of their tests.
//!
//! The module is `axolotl.telemetry` of Axolotl 0.19 (`errors.py`: `sanitize_stack_trace`, `send_errors`; `manager.py`:
//! `_is_whitelisted`, `_redact_paths`). Consent and the main process have tables of their own (`src/consent/tests.rs`,
//! `src/rank/tests.rs`).

mod theirs;

use axolotl_run_core::config;
use axolotl_run_core::event::value::Sendable as _;
use axolotl_run_core::judging::explanation::Explanation;
use axolotl_run_core::status::End;
use serde_json::{Value, json};

/// What of a private path stands in each row.
const PRIVATE: [&str; 4] = ["jdoe", "bigbank", "/home", "Users"];

fn error_of(trace: &str) -> Value {
    let told = Explanation::of(trace.as_bytes(), Some(End::Exited(1))).json();
    let events = told["events"].as_array().unwrap();
    let error = events.iter().find(|event| event["event"] == "error");
    error.map_or(Value::Null, |event| event["properties"].clone())
}

/// A file as a traceback prints it, and what is told of it.
const PATHS: &[(&str, &str, &str)] = &[
    (
        "a package below site-packages",
        "/home/jdoe/.local/lib/python3.9/site-packages/axolotl/cli/train.py",
        "axolotl/cli/train.py",
    ),
    (
        "one below dist-packages",
        "/usr/lib/python3/dist-packages/torch/nn/functional.py",
        "torch/nn/functional.py",
    ),
    (
        "an environment of conda",
        "/opt/conda/envs/jdoe/lib/python3.11/site-packages/transformers/trainer.py",
        "transformers/trainer.py",
    ),
    (
        "one of Windows",
        r"C:\Users\jdoe\venv\Lib\site-packages\axolotl\cli\train.py",
        "axolotl/cli/train.py",
    ),
    (
        "axolotl's own checkout",
        "/home/jdoe/axolotl/src/axolotl/train.py",
        "axolotl/train.py",
    ),
    // More is kept than there: its standard library became a bare name (`decoder.py`).
    (
        "the standard library",
        "/usr/lib/python3.11/json/decoder.py",
        "json/decoder.py",
    ),
    // Stricter: a script's name is the user's word. There it is kept.
    ("the user's script", "/home/jdoe/bigbank/train.py", "<user>"),
    (
        "the user's script on Windows",
        r"C:\Users\jdoe\bigbank\train.py",
        "<user>",
    ),
    // Stricter: a package that nobody published is private, wherever it is installed.
    (
        "a private package",
        "/home/jdoe/venv/lib/python3.11/site-packages/bigbank_llm/core.py",
        "<other_package>",
    ),
    // Stricter: `axolotl` in a path makes none of it public.
    (
        "a user called axolotl",
        "/home/axolotl_jdoe/bigbank/train.py",
        "<user>",
    ),
    (
        "outputs below a checkout",
        "/workspace/axolotl/outputs/bigbank/jdoe/plugin.py",
        "<user>",
    ),
    (
        "code from the Hub",
        "/root/axolotl/cache/transformers_modules/bigbank/jdoe/modeling_x.py",
        "<remote_code>",
    ),
    // Stricter: the last folder of packages counts, not the first.
    (
        "an environment below site-packages",
        "/home/a/site-packages/jdoe/venv/lib/python3.11/site-packages/torch/nn/functional.py",
        "torch/nn/functional.py",
    ),
    (
        "a folder whose name begins so",
        "/mnt/site-packages-jdoe/lib/python3/dist-packages/torch/nn/functional.py",
        "torch/nn/functional.py",
    ),
];

#[test]
fn what_is_told_of_the_files_of_a_trace() {
    for (name, path, told) in PATHS {
        let trace = format!(
            "Traceback (most recent call last):\n  File \"{path}\", line 83, in main\n    train('{path}')\nRuntimeError: {path} failed\n"
        );
        let error = error_of(&trace);
        let printed = error["stack_trace"].as_str().unwrap();
        let place = if told.starts_with('<') {
            (*told).to_owned()
        } else {
            format!("\"{told}\"")
        };
        assert!(
            printed.contains(&format!("File {place}, line 83")),
            "{name}: {printed}"
        );
        let all = error.to_string();
        for private in PRIVATE {
            assert!(!all.contains(private), "{name}: {private} is in {all}");
        }
        // There the lines of the source are kept, and the exception's text as it is; here neither, on purpose.
        assert!(
            !all.contains("train('") && error["exception"].is_null(),
            "{name}: {all}"
        );
    }
}

#[test]
fn an_error_is_told_once_and_its_class_and_chain_are_kept() {
    assert!(error_of("").is_null(), "no trace, no error of its own");
    let inner = "Traceback (most recent call last):\n  File \"/v/site-packages/axolotl/train.py\", line 9, in train\nValueError: jdoe\n";
    let outer = inner
        .replace("ValueError", "RuntimeError")
        .replace("line 9", "line 12");
    let nested = format!(
        "{inner}\nDuring handling of the above exception, another exception occurred:\n\n{outer}"
    );
    let told = Explanation::of(nested.as_bytes(), Some(End::Exited(1))).json();
    let names: Vec<_> = told["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["event"])
        .collect();
    assert_eq!(names, ["error", "$exception"], "{told}");
    let error = &told["events"][0]["properties"];
    assert_eq!(
        (&error["exception_type"], &error["chain"]),
        (
            &json!("RuntimeError"),
            &json!(["ValueError", "RuntimeError"])
        )
    );
    for line in ["line 9, in train", "line 12, in train"] {
        assert!(
            error["stack_trace"].as_str().unwrap().contains(line),
            "{error}"
        );
    }
    // A public message is told, without what follows it: there all of it is.
    let memory = inner.replace(
        "ValueError: jdoe",
        "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB for jdoe",
    );
    let error = error_of(&memory);
    assert_eq!(
        error["exception"],
        "CUDA out of memory. Tried to allocate 2.00 GiB."
    );
}

/// A configuration, and what is sent of it.
const VALUES: &[(&str, &str, &str)] = &[
    (
        "a model of a whitelisted organisation",
        "base_model: meta-llama/Llama-3.2-1B",
        r#"{"base_model":"meta-llama/Llama-3.2-1B"}"#,
    ),
    // Its spelling is the list's, so that one organisation is one.
    (
        "whatever its case",
        "base_model: META-LLAMA/Llama-3.2-1B",
        r#"{"base_model":"meta-llama/Llama-3.2-1B"}"#,
    ),
    (
        "a model of nobody's",
        "base_model: bigbank/secret-13b",
        r#"{"base_model":"<str>"}"#,
    ),
    (
        "a model's folder",
        "base_model: /home/jdoe/model",
        r#"{"base_model":"<str>"}"#,
    ),
    (
        "a name without an organisation",
        "base_model: llama",
        r#"{"base_model":"<str>"}"#,
    ),
    // Stricter: the first part alone makes nothing public.
    (
        "a path that begins like an organisation",
        "base_model: meta-llama/../../home/jdoe",
        r#"{"base_model":"<str>"}"#,
    ),
    (
        "one with three parts",
        "base_model: microsoft/jdoe/private",
        r#"{"base_model":"<str>"}"#,
    ),
    (
        "a folder here that is called like a model",
        "base_model: google/local",
        r#"{"base_model":"<str>"}"#,
    ),
    (
        "a whitelisted organisation under another key",
        "output_dir: nvidia/jdoe",
        r#"{"output_dir":"<str>"}"#,
    ),
    ("a path", "output_dir: ./jdoe", r#"{"output_dir":"<str>"}"#),
    (
        "a path in a list of maps",
        "datasets: [{path: jdoe/rows, type: alpaca}]",
        r#"{"datasets":[{"path":"<str>","type":"alpaca"}]}"#,
    ),
    (
        "files in a list",
        "datasets: [{data_files: [jdoe.jsonl, b]}]",
        r#"{"datasets":[{"data_files":["<str>","<str>"]}]}"#,
    ),
    (
        "an account of a tracker",
        "wandb_project: bigbank\nwandb_entity: jdoe",
        r#"{"wandb_project":"<str>","wandb_entity":"<str>"}"#,
    ),
    (
        "a checkpoint",
        "resume_from_checkpoint: ./jdoe/checkpoint-3",
        r#"{"resume_from_checkpoint":"<str>"}"#,
    ),
    (
        "a name on the Hub",
        "hub_model_id: jdoe/model",
        r#"{"hub_model_id":"<str>"}"#,
    ),
    (
        "numbers and switches",
        "sequence_len: 512\nsample_packing: true\nlearning_rate: 0.0002",
        r#"{"sequence_len":512,"sample_packing":true,"learning_rate":0.0002}"#,
    ),
    (
        "a member of a key's own list",
        "optimizer: adamw_torch\nadapter: lora",
        r#"{"optimizer":"adamw_torch","adapter":"lora"}"#,
    ),
    // Stricter: text that is no member of its key's list never leaves. There all of these do.
    (
        "a prompt",
        "default_system_message: you are jdoe",
        r#"{"default_system_message":"<str>"}"#,
    ),
    ("a token", "hub_token: hf_jdoe", "{}"),
    ("a key that nobody knows", "bigbank_setting: 3", "{}"),
    (
        "a path to a configuration",
        "deepspeed: /home/jdoe/zero.json",
        r#"{"deepspeed":"<str>"}"#,
    ),
    (
        "an optimizer of the user's",
        "optimizer: jdoe_adam",
        r#"{"optimizer":"<str>"}"#,
    ),
    ("nothing", "seed:", "{}"),
];

#[test]
fn what_is_sent_of_a_configuration() {
    for (name, yaml, expected) in VALUES {
        let vetted = config::read(yaml, &[], &|path| path == "google/local").unwrap();
        let sent = vetted.value.json();
        assert_eq!(
            sent,
            serde_json::from_str::<Value>(expected).unwrap(),
            "{name}"
        );
        for private in PRIVATE {
            assert!(!sent.to_string().contains(private), "{name}: {sent}");
        }
    }
}
