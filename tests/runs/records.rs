//! A training whose standard output is a pipe of its own, and so left alone: what it writes down by itself is read.

use serde_json::json;
use std::fs;
use std::path::Path;
use support::Launch;
use support::observed::{Recorded, state, until_recorded};

const BARS: &str = r"printf '\r  0%%|          | 0/60 [00:00<?, ?it/s]\r  5%%|5         | 3/60 [00:03<00:57,  1.00it/s]\n' >&2";
const LOG: &str =
    "{'loss': '6.103', 'grad_norm': '1.872', 'learning_rate': '0.0003875', 'epoch': '0.02105'}";

/// Until the launcher knows the configuration: a training gives it that time.
const KNOWN: &str = r#"until grep -qs '"event":"start"' "$HOME"/.local/state/axolotl-run/runs/*/events.jsonl; do sleep 0.05; done"#;

/// A training called axolotl that does this and ends.
fn train(home: &Path, script: &str) {
    fs::write(home.join("cfg.yml"), "base_model: x\noutput_dir: ./out\n").unwrap();
    support::write_program(
        &home.join("axolotl"),
        format!("#!/bin/sh\nmkdir -p out/checkpoint-20\n{KNOWN}\n{script}\n"),
    );
}

fn recorded(script: &str, options: &[&str]) -> Recorded {
    let launch = Launch::new();
    let home = launch.home();
    fs::create_dir(home.join("out")).unwrap();
    fs::write(
        home.join("out/debug.log"),
        "{'loss': '9.999', 'epoch': '9.0'}\n",
    )
    .unwrap();
    train(&home, script);
    let words: Vec<_> = ["--record"]
        .iter()
        .chain(options)
        .chain(&["./axolotl", "train", "cfg.yml"])
        .collect();
    let done = launch.run(&words);
    done.expect_code(0);
    until_recorded(&state(done.home()), Recorded::is_finished)
}

#[test]
fn the_log_of_axolotl_stands_in_for_its_output() {
    let log = format!("echo \"{LOG}\" >> out/debug.log");
    let run = recorded(&format!("{BARS}; {log}"), &[]);
    let finish = run.finish();
    assert_eq!(
        (&finish["loss"], &finish["learning_rate"]),
        (&json!(6.103), &json!(0.0003875)),
        "{run:#?}"
    );
    assert_eq!(finish["total_steps"], json!(3));
    // Where standard output is read, the copy is not.
    let run = recorded(&format!("{BARS}; {log}"), &["--tap-stdout"]);
    assert_eq!(run.finish().get("loss"), None, "{run:#?}");
}

#[test]
fn the_trainers_state_stands_in_for_bars() {
    let state = r#"{"epoch": 0.5, "global_step": 20, "log_history": [{"loss": 6.25, "step": 20}], "max_steps": 40}"#;
    let run = recorded(
        &format!("echo '{state}' > out/checkpoint-20/trainer_state.json"),
        &[],
    );
    let finish = run.finish();
    assert_eq!(
        (&finish["loss"], &finish["total_steps"]),
        (&json!(6.25), &json!(20)),
        "{run:#?}"
    );
    assert_eq!(
        run.named("progress")
            .last()
            .map(|progress| &progress["total_steps"]),
        Some(&json!(40))
    );
}

/// What Axolotl prints before the first step, and the model's own configuration in the cache of the Hub.
#[test]
fn the_setup_is_what_was_printed_before_the_first_step() {
    let printed = r#"{
  echo '[2026-11-22 13:10:01,247] [INFO] [axolotl.cli.config:346] config:'
  echo '{'
  echo '  "base_model": "meta-llama/Llama-3.2-1B",'
  echo '  "dataset_prepared_path": "/home/jdoe/prepared",'
  echo '  "micro_batch_size": 2'
  echo '}'
  echo 'trainable params: 1,703,936 || all params: 1,237,518,336 || trainable%: 0.1377'
} >> out/debug.log
hub="$HOME/.cache/huggingface/hub/models--meta-llama--Llama-3.2-1B"
mkdir -p "$hub/refs" "$hub/snapshots/abc"
printf abc > "$hub/refs/main"
echo '{"model_type": "llama", "hidden_size": 2048, "_name_or_path": "/home/jdoe/m"}' > "$hub/snapshots/abc/config.json""#;
    let run = recorded(&format!("{printed}; {BARS}"), &[]);
    let setup = run.named("setup");
    assert_eq!(setup.len(), 1, "{run:#?}");
    let setup = setup[0];
    assert_eq!(
        (&setup["config"], &setup["num_parameters"]),
        (
            &json!({
                "base_model": "meta-llama/Llama-3.2-1B",
                "dataset_prepared_path": "<str>",
                "micro_batch_size": 2,
            }),
            &json!(1_237_518_336)
        ),
        "{run:#?}"
    );
    assert_eq!(setup["trainable_parameters"], json!(1_703_936));
    assert_eq!(
        setup["model"],
        json!({"model_type": "llama", "hidden_size": 2048})
    );
    assert!(!run.lines.concat().contains("jdoe"), "{run:#?}");
}
