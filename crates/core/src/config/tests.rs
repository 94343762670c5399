//! The rules of the configuration, by tables and by properties.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn vetted(yaml: &str) -> Vetted {
    read(yaml, &[], &|path| {
        path == "google/local" || path == "microsoft"
    })
    .unwrap()
}

fn sent(yaml: &str) -> Value {
    crate::event::value::Sendable::json(&vetted(yaml).value)
}

#[test]
fn the_output_directory_is_named_by_the_file() {
    for (yaml, expected) in [
        ("output_dir: ./out", Some("./out")),
        ("output_dir: [x]", None),
        ("seed: 1", None),
    ] {
        let vetted = read(yaml, &[], &|_| false).unwrap();
        assert_eq!(vetted.output_directory.as_deref(), expected, "{yaml}");
    }
    let overridden = [("output_dir".to_owned(), "b".to_owned())];
    let vetted = read("output_dir: a", &overridden, &|_| false).unwrap();
    assert_eq!(vetted.output_directory.as_deref(), Some("b"));
}

#[test]
fn what_is_public_is_kept_and_what_is_not_is_replaced() {
    for (yaml, expected) in [
        // Switches and numbers.
        ("bf16: auto", json!({"bf16": "auto"})),
        ("bf16: true", json!({"bf16": true})),
        ("flash_attention: yes", json!({"flash_attention": true})),
        ("flash_attention: 1", json!({"flash_attention": true})),
        ("learning_rate: 2e-4", json!({"learning_rate": 2e-4})),
        ("learning_rate: \"2e-4\"", json!({"learning_rate": 2e-4})),
        (
            "learning_rate: 0.15551234567",
            json!({"learning_rate": 0.155_512}),
        ),
        ("max_steps: 500_000", json!({"max_steps": 500_000})),
        ("sequence_len: 1048576", json!({"sequence_len": 1_048_576})),
        ("sequence_len: 5551234", json!({"sequence_len": "<num>"})),
        ("seed: 15551234567", json!({"seed": "<num>"})),
        ("seed: -15551234567", json!({"seed": "<num>"})),
        ("val_set_size: 1.5e300", json!({"val_set_size": "<num>"})),
        ("max_grad_norm: .inf", json!({"max_grad_norm": "inf"})),
        ("max_grad_norm: .nan", json!({"max_grad_norm": "nan"})),
        (
            "gradio_server_port: 7860",
            json!({"gradio_server_port": "<num>"}),
        ),
        (
            "trl: {vllm_server_port: 8000, beta: 0.1}",
            json!({"trl": {"vllm_server_port": "<num>", "beta": 0.1}}),
        ),
        ("profiler_steps: 5", json!({"profiler_steps": 5})),
        ("wandb_name: 12345", json!({"wandb_name": "<num>"})),
        ("use_wandb: true", json!({"use_wandb": true})),
        // Public words, each for its own key.
        (
            "optimizer: adamw_torch",
            json!({"optimizer": "adamw_torch"}),
        ),
        ("optimizer: acme_adam", json!({"optimizer": "<str>"})),
        (
            "wandb_project: adamw_torch",
            json!({"wandb_project": "<str>"}),
        ),
        (
            "lora_target_modules: [q_proj, secret_proj]",
            json!({"lora_target_modules": ["q_proj", "<str>"]}),
        ),
        (
            "lora_target_modules: q_proj",
            json!({"lora_target_modules": "q_proj"}),
        ),
        (
            "fsdp_config: {fsdp_sharding_strategy: 1}",
            json!({"fsdp_config": {"fsdp_sharding_strategy": "1"}}),
        ),
        (
            "plugins: [axolotl.integrations.liger.LigerPlugin, acme.Plugin]",
            json!({"plugins": ["axolotl.integrations.liger.LigerPlugin", "<str>"]}),
        ),
        (
            "weight_decay: [53, 53, true, x]",
            json!({"weight_decay": ["<num>", "<num>", "<str>", "<str>"]}),
        ),
        (
            "optimizer: [adamw_torch, zqx]",
            json!({"optimizer": ["adamw_torch", "<str>"]}),
        ),
        (
            "dpo_loss_weights: [0.5, 1]",
            json!({"dpo_loss_weights": [0.5, 1]}),
        ),
        // Groups, lists of groups, one map where a list is due.
        (
            "datasets: [{path: acme/x, type: alpaca, split: train, acme: 1}]",
            json!({"datasets": [{"path": "<str>", "type": "alpaca", "split": "train"}]}),
        ),
        (
            "datasets: [{type: {system_prompt: you are acme, format: \"[INST] {x}\"}}]",
            json!({"datasets": [{"type": {"system_prompt": "<str>", "format": "<str>"}}]}),
        ),
        (
            "pretraining_dataset: {path: acme/x, type: pretrain}",
            json!({"pretraining_dataset": {"path": "<str>", "type": "pretrain"}}),
        ),
        ("datasets: acme/x", json!({"datasets": "<str>"})),
        (
            "datasets: [acme/x, 17]",
            json!({"datasets": ["<str>", "<num>"]}),
        ),
        (
            "gradient_checkpointing_kwargs: {use_reentrant: false, acme: x}",
            json!({"gradient_checkpointing_kwargs": {"use_reentrant": false}}),
        ),
        ("deepspeed: {zero: 3}", json!({"deepspeed": "<map>"})),
        (
            "deepspeed: /home/jdoe/ds.json",
            json!({"deepspeed": "<str>"}),
        ),
        (
            "output_dir: {nested: /home/jdoe}",
            json!({"output_dir": "<map>"}),
        ),
        ("output_dir: [/home/jdoe]", json!({"output_dir": ["<str>"]})),
        // Models.
        (
            "base_model: Mistralai/Mistral-7B-v0.3",
            json!({"base_model": "mistralai/Mistral-7B-v0.3"}),
        ),
        (
            "tokenizer_config: Qwen/Qwen3-8B",
            json!({"tokenizer_config": "Qwen/Qwen3-8B"}),
        ),
        (
            "base_model: google/zqx-ckpt",
            json!({"base_model": "google/<model>"}),
        ),
        ("base_model: acme/secret", json!({"base_model": "<str>"})),
        ("base_model: google/local", json!({"base_model": "<str>"})),
        (
            "base_model: microsoft/phi-4",
            json!({"base_model": "<str>"}),
        ),
        ("base_model: ./google/gemma", json!({"base_model": "<str>"})),
        ("output_dir: google/gemma", json!({"output_dir": "<str>"})),
        (
            "hub_model_id: google/gemma",
            json!({"hub_model_id": "<str>"}),
        ),
        (
            "datasets: [{path: google/gemma}]",
            json!({"datasets": [{"path": "<str>"}]}),
        ),
        // Nothing at all.
        ("wandb_project:", json!({})),
        ("eval_sample_packing: ~", json!({})),
    ] {
        assert_eq!(sent(yaml), expected, "{yaml}");
    }
}

#[test]
fn unknown_keys_are_counted_wherever_they_are_and_never_named() {
    let read = vetted(
        "acme_one: {base_model: x}\n[1, 2]: x\ndatasets: [{acme_two: 1, learning_rate: 2, type: alpaca}]\ntrl: {acme_three: 1}\nnull: 1",
    );
    assert_eq!(read.unknown_keys, 6);
    let text = format!("{:?}{:?}", read.value, read.redactions);
    assert!(
        !text.contains("acme") && !text.contains("base_model"),
        "{text}"
    );
    for word in ["acme_one", "acme_two", "acme_three"] {
        assert!(
            read.withheld.iter().any(|withheld| withheld == word),
            "{word}"
        );
    }
}

#[test]
fn the_owner_is_told_what_was_withheld_where_and_why() {
    let read = vetted(
        "base_model: acme/x\ndatasets:\n  - type: alpaca\n  - {path: /p, shards: 99999999}\nvllm: {port: 8000}\nwandb_project: w\noutput_dir: {a: b}",
    );
    let told: Vec<_> = read
        .redactions
        .iter()
        .map(|redaction| (redaction.path.as_str(), redaction.reason))
        .collect();
    assert_eq!(
        told,
        [
            ("base_model", Reason::Model),
            ("datasets[1].path", Reason::Text),
            ("datasets[1].shards", Reason::LargeNumber),
            ("vllm.port", Reason::PrivateKey),
            ("wandb_project", Reason::Text),
            ("output_dir", Reason::Unexpected),
        ]
    );
    assert_eq!(read.withheld, ["acme/x", "/p", "w", "a", "b"]);
}

#[test]
fn what_the_training_plans_is_known_here() {
    let read = vetted(
        "num_epochs: '3'\nmax_steps: -1\nlogging_steps: 10\ngradient_accumulation_steps: 4\nmicro_batch_size: x",
    );
    let expected = Planned {
        num_epochs: Some(3.0),
        logging_steps: Some(10),
        gradient_accumulation_steps: Some(4),
        ..Planned::default()
    };
    assert_eq!(read.planned, expected);
}

#[test]
fn overrides_are_vetted_like_the_file() {
    let overrides = [
        ("learning_rate", "1e-5"),
        ("wandb_project", "acme"),
        ("flash_attention", "true"),
        ("trl.beta", "0.2"),
        ("base_model", "acme/x"),
    ];
    let overrides = overrides.map(|(key, text)| (key.to_owned(), text.to_owned()));
    let read = read(
        "base_model: Qwen/Qwen3-8B\nlearning_rate: 0.1",
        &overrides,
        &|_| false,
    )
    .unwrap();
    let expected = json!({"base_model": "<str>", "learning_rate": 1e-5, "wandb_project": "<str>", "flash_attention": true, "trl": {"beta": 0.2}});
    assert_eq!(crate::event::value::Sendable::json(&read.value), expected);
}

#[test]
fn numbers_that_could_spell_a_text_are_withheld() {
    for (yaml, expected) in [
        (
            "fix_untrained_tokens: [83, 101, 99, 114, 101, 116]",
            json!("<list>"),
        ),
        ("fix_untrained_tokens: [83]", json!(["<num>"])),
        ("fix_untrained_tokens: 83", json!("<num>")),
        (
            "peft_trainable_token_indices: [15339, 1917]",
            json!(["<num>", "<num>"]),
        ),
        (
            "pose_split_on_token_ids: [15339, 1917]",
            json!(["<num>", "<num>"]),
        ),
        (
            "peft_layers_to_transform: [83, 101, 99, 114, 101]",
            json!("<list>"),
        ),
        (
            "peft_layers_to_transform: ['83', '101', '99', '114', '101']",
            json!("<list>"),
        ),
        ("peft_layers_to_transform: [0, 1]", json!([0, 1])),
        (
            "peft_layer_replication: [[83, 101], [99, 114], [101, 116]]",
            json!("<list>"),
        ),
        (
            "peft_layer_replication: [[0, 4], [2, 5]]",
            json!([[0, 4], [2, 5]]),
        ),
    ] {
        let (key, _) = yaml.split_once(':').unwrap();
        assert_eq!(sent(yaml)[key], expected, "{yaml}");
    }
}

#[test]
fn long_lists_and_deep_maps_are_cut() {
    let modules = vec!["q_proj"; 100].join(", ");
    let list = sent(&format!("lora_target_modules: [{modules}]"));
    let list = list["lora_target_modules"].as_array().unwrap();
    assert_eq!((list.len(), list.last().unwrap()), (65, &json!("<more>")));
    let one = format!(
        "{{{}}}",
        ["path", "name", "split", "revision", "type", "field"]
            .map(|key| format!("{key}: zqx"))
            .join(", ")
    );
    let many = vec![one; 64].join(", ");
    let groups = ["datasets", "test_datasets", "pretraining_dataset"]
        .map(|key| format!("{key}: [{many}]"))
        .join("\n");
    let lists = [
        "tokens",
        "eot_tokens",
        "plugins",
        "fsdp",
        "unfrozen_parameters",
        "lora_target_modules",
        "reward_funcs",
    ];
    let lists = lists
        .map(|key| format!("{key}: [{}]", vec!["zqx"; 5000].join(", ")))
        .join("\n");
    let largest = vetted(&format!("{groups}\n{lists}"));
    let size = crate::event::value::Sendable::json(&largest.value)
        .to_string()
        .len();
    assert!(
        (10_000..crate::limits::EVENT_BYTES_MAX / 2).contains(&size),
        "{size}"
    );
    let deep = format!(
        "peft_layer_replication: {}1{}",
        "[".repeat(30),
        "]".repeat(30)
    );
    assert!(
        crate::event::schema::check(
            crate::event::EventName::Start,
            json!({"config": sent(&deep)}).as_object().unwrap()
        )
        .is_ok()
    );
}

#[test]
fn what_is_no_configuration_is_a_problem() {
    for (yaml, problem) in [
        ("[a, b]", ConfigProblem::NotAMap),
        ("just text", ConfigProblem::NotAMap),
        ("a: [", ConfigProblem::Syntax),
        ("a: 1\n---\nb: 1", ConfigProblem::Syntax),
        ("base_model: !secret x", ConfigProblem::Syntax),
    ] {
        assert_eq!(read(yaml, &[], &|_| false), Err(problem), "{yaml}");
    }
}

/// Texts that look like what users write, each with a word that nobody else has.
fn hostile() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("zqxcanary/zqxmodel".to_owned()),
        Just("\"zqxcanary \\u00e9 [x]\"".to_owned()),
        Just("/home/zqxcanary".to_owned()),
        Just("q_proj".to_owned()),
        Just("&a zqxcanary".to_owned()),
        Just("15551234567".to_owned()),
        Just("| # zqxcanary\n      zqxcanary".to_owned()),
        "zqxcanary[a-z0-9_./-]{0,8}",
        "[0-9.e+-]{1,9}",
    ];
    let keys = prop::sample::select(vec![
        "base_model",
        "datasets",
        "path",
        "type",
        "lora_target_modules",
        "trl",
        "beta",
        "wandb_name",
        "zqxcanary",
        "optimizer",
        "tokens",
        "fsdp_config",
        "learning_rate",
        "special_tokens",
        "deepspeed",
        "plugins",
        "rope_scaling",
        "<<",
    ]);
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|parts| format!("[{}]", parts.join(", "))),
            prop::collection::vec((keys.clone(), inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members
                    .into_iter()
                    .map(|(key, value)| format!("{key}: {value}"))
                    .collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_of_the_user_is_ever_sent(yaml in hostile(), bytes in "\\PC{0,80}") {
        for yaml in [yaml, bytes] {
            if let Ok(read) = read(&yaml, &[], &|_| false) {
                let value = crate::event::value::Sendable::json(&read.value);
                let text = value.to_string();
                prop_assert!(!text.contains("zqx") && !text.contains("5551234"), "{}", text);
                let start = json!({"config": value});
                prop_assert!(crate::event::schema::check(crate::event::EventName::Start, start.as_object().unwrap()).is_ok());
                prop_assert!(read.redactions.iter().all(|redaction| !redaction.path.as_str().contains("zqx")));
            }
        }
    }
}
