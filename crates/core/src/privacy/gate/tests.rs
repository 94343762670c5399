//! The gate lets every common setup through, and no planted leak.

use super::*;
use crate::event::{ErrorEvent, Event, EventName, Frame, Start};
use crate::privacy::{IdentityFacts, WordSource};
use crate::public::PublicStr;
use proptest::prelude::*;
use serde_json::json;
use std::time::SystemTime;
use uuid::Uuid;

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn member(event: &str, properties: &Value) -> Member {
    Member {
        uuid: Uuid::from_u128(1),
        event: event.to_owned(),
        distinct_id: Uuid::from_u128(2),
        timestamp: "2026-11-22T13:16:54.100Z".to_owned(),
        properties: properties.as_object().unwrap().clone(),
    }
}

fn start() -> Member {
    let yaml = "base_model: meta-llama/Llama-3.2-1B\nadapter: qlora\ndatasets: [{path: zqx/data, type: alpaca}]\nspecial_tokens: {eos_token: <｜end▁of▁sentence｜>}";
    let vetted = crate::config::read(yaml, &[], &|_| false).unwrap();
    let start = Start {
        os: Some(PublicStr::constant("linux-x86_64")),
        launcher: Some(PublicStr::constant("torchrun")),
        config: Some(vetted.value),
        packages: Some(
            [("torch", "2.8.0+cu128"), ("triton", "3.4.0.1")]
                .map(|(name, raw)| {
                    let version = crate::public::version::format(name, raw).unwrap();
                    (PublicStr::constant(name), version)
                })
                .into(),
        ),
        ..Start::default()
    };
    Member::new(
        Uuid::from_u128(1),
        Uuid::from_u128(2),
        &Event::Start(Box::new(start)),
        SystemTime::UNIX_EPOCH,
        0.0,
    )
}

fn error() -> Member {
    let error = ErrorEvent {
        exception_type: Some(PublicStr::constant("torch.OutOfMemoryError")),
        exception: Some(PublicStr::constant(
            "CUDA out of memory. Tried to allocate 20.00 GiB.",
        )),
        stack_trace: Some(PublicStr::constant(
            "Traceback (most recent call last):\n  File \"transformers/trainer.py\", line 12, in train\n  File \"torch/distributed/run.py\", line 3, in main",
        )),
        frames: Some(vec![Frame {
            file: Some(PublicStr::constant("transformers/trainer.py")),
            ..Frame::default()
        }]),
        fingerprint: Some(PublicStr::constant("0123456789abcdef")),
        ..ErrorEvent::default()
    };
    Member::new(
        Uuid::from_u128(1),
        Uuid::from_u128(2),
        &Event::Error(Box::new(error)),
        SystemTime::UNIX_EPOCH,
        1.5,
    )
}

/// Setups that people have, with nothing in them that an event could give away.
#[test]
fn the_events_of_common_setups_pass() {
    let arguments = owned(&[
        "axolotl",
        "train",
        "configs/llama-3.2-1b-qlora.yml",
        "--learning-rate=1e-4",
        "--launcher",
        "torchrun",
    ]);
    let environment = [
        ("PATH", "/opt/conda/bin:/usr/local/bin:/usr/bin"),
        ("TORCH_VERSION", "2.8.0+cu128"),
        ("HF_HOME", "/workspace/.cache/huggingface"),
        ("BASE_MODEL", "meta-llama/Llama-3.2-1B"),
        ("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring"),
        ("NVIDIA_PRODUCT", "linux-x86_64"),
        ("WANDB_API_KEY", "zqxzqxzqxzqx"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let withheld = owned(&[
        "./outputs/lora-out",
        "mhenrichsen/alpaca_2k_test",
        "last_run_prepared",
        "alpaca",
        "train",
    ]);
    for (user, home, host, directory) in [
        ("root", "/root", "localhost", "/workspace/axolotl"),
        (
            "training",
            "/home/training",
            "gpu-node-17",
            "/home/training/axolotl/experiments",
        ),
        (
            "axolotl",
            "/home/axolotl",
            "axolotl",
            "/data/torch/distributed/trainer",
        ),
        (
            "ubuntu",
            "/home/ubuntu",
            "ip-10-0-3-17.ec2.internal",
            "/mnt/llama/finetune/qlora",
        ),
        (
            "runner",
            "/home/runner",
            "fv-az123-456",
            "/home/runner/work/axolotl/axolotl",
        ),
        (
            "jovyan",
            "/home/jovyan",
            "jupyter-zqxzqx",
            "/home/jovyan/work",
        ),
        (
            "traceback",
            "/home/traceback",
            "memory",
            "/tmp/out/file/line/recent",
        ),
        (
            "zqxjdoe",
            "/home/zqxjdoe",
            "zqxhost",
            "/home/zqxjdoe/zqxproject",
        ),
    ] {
        let facts = IdentityFacts {
            user,
            home,
            host,
            working_directory: directory,
            arguments: &arguments,
            environment: &environment,
            withheld: &withheld,
        };
        let gate = Gate::new(Identity::new(&facts)).knowing(|text| {
            ["transformers/trainer.py", "torch/distributed/run.py"].contains(&text)
        });
        for member in [start(), error()] {
            let line = gate
                .check(&member)
                .unwrap_or_else(|refusal| panic!("{user}: {refusal:?}"));
            assert_eq!(serde_json::from_str::<Member>(&line).unwrap(), member);
        }
    }
}

/// A hole in the types is played by putting text into a field that nothing else would let in.
#[test]
fn a_planted_leak_is_refused_and_not_named() {
    let arguments = owned(&[
        "axolotl",
        "train",
        "/data/zqxclient/zqx-takeover.yml",
        "--wandb-project=zqxproj",
    ]);
    let environment = [
        ("HF_TOKEN", "zqxtoken1"),
        ("SESSION", "zqx-long-session-value"),
        ("OTHER", "zqxshort"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let withheld = owned(&["zqxorg/zqxmodel-13b", "you are zqx, a helpful pirate"]);
    let facts = IdentityFacts {
        user: "zqxjdoe",
        home: "/export/zqxhome",
        host: "zqxhost.zqxcorp.example",
        working_directory: "/srv/zqxfolder/runs",
        arguments: &arguments,
        environment: &environment,
        withheld: &withheld,
    };
    let gate = Gate::new(Identity::new(&facts));
    for (leak, expected) in [
        ("zqxjdoe", Some(Refusal::Identity(WordSource::User))),
        ("hello ZQXJDOE!", Some(Refusal::Identity(WordSource::User))),
        (
            "torch/zqxhome/x.py",
            Some(Refusal::Identity(WordSource::Home)),
        ),
        ("zqxcorp", Some(Refusal::Identity(WordSource::Host))),
        (
            "in zqxfolder",
            Some(Refusal::Identity(WordSource::WorkingDirectory)),
        ),
        (
            "zqx-takeover",
            Some(Refusal::Identity(WordSource::Argument)),
        ),
        ("zqxclient", Some(Refusal::Identity(WordSource::Argument))),
        ("zqxproj", Some(Refusal::Identity(WordSource::Argument))),
        (
            "zqxtoken1",
            Some(Refusal::Identity(WordSource::Environment)),
        ),
        (
            "xxzqx-long-session-valuexx",
            Some(Refusal::Identity(WordSource::Environment)),
        ),
        (
            "zqxmodel-13b",
            Some(Refusal::Identity(WordSource::Configuration)),
        ),
        (
            "You are zqx, a helpful PIRATE indeed",
            Some(Refusal::Identity(WordSource::Configuration)),
        ),
        ("/home/somebody/x", Some(Refusal::Pattern("absolute path"))),
        ("10.0.3.17", Some(Refusal::Pattern("ipv4 address"))),
        (
            "hf_abcdefghijklmnopqrstuv",
            Some(Refusal::Pattern("hugging face token")),
        ),
        ("caf\u{e9}", Some(Refusal::Character)),
        ("zqxjdoe2", None),
        ("zqxshort", None),
        ("nothing of anybody's", None),
    ] {
        for (event, properties) in [
            ("error", json!({"exception": leak})),
            ("error", json!({"frames": [{"file": leak}]})),
            ("start", json!({"config": {"datasets": [{"type": leak}]}})),
        ] {
            let verdict = gate.check(&member(event, &properties));
            assert_eq!(
                verdict.as_ref().err(),
                expected.as_ref(),
                "{leak} in {properties}"
            );
            assert!(!format!("{:?}", verdict.err()).contains("zqx"));
        }
    }
    assert!(!format!("{gate:?}").contains("zqx"));
}

#[test]
fn what_is_not_on_the_list_or_no_event_is_refused() {
    let gate = Gate::new(Identity::default());
    let long = "x".repeat(limits::EVENT_TEXT_BYTES_MAX);
    let chain: Vec<_> = std::iter::repeat_n(&long, 10).collect();
    for (event, properties, refusal) in [
        (
            "start",
            json!({"hostname": "x"}),
            Refusal::Schema(Violation::Unlisted("start")),
        ),
        (
            "start",
            json!({"config": {"acme": 1}}),
            Refusal::Schema(Violation::Unlisted("config")),
        ),
        (
            "start",
            json!({"os": "a\u{1b}[0m"}),
            Refusal::Schema(Violation::Size("os")),
        ),
        (
            "start",
            json!({"$ip": "10.0.0.1"}),
            Refusal::Pattern("ipv4 address"),
        ),
        ("error", json!({"chain": chain}), Refusal::Size),
        ("stop", json!({}), Refusal::Name),
    ] {
        assert_eq!(
            gate.check(&member(event, &properties)),
            Err(refusal),
            "{event}"
        );
    }
    for timestamp in [
        "",
        "2026-11-22T13:16:54Z",
        "2026-11-22T13:16:54.100+",
        "zqx6-11-22T13:16:54.100Z",
    ] {
        let member = Member {
            timestamp: timestamp.to_owned(),
            ..member("start", &json!({}))
        };
        assert_eq!(gate.check(&member), Err(Refusal::Timestamp), "{timestamp}");
    }
    assert!(
        gate.check(&member(
            "start",
            &json!({"$ip": "0.0.0.0", "triton_version": "3.4.0.1"})
        ))
        .is_ok()
    );
}

#[test]
fn texts_that_are_withheld_later_count_too() {
    let mut gate = Gate::new(Identity::default());
    let event = member("error", &json!({"exception": "zqxlate"}));
    assert!(gate.check(&event).is_ok());
    gate.withhold(&owned(&["zqxlate"]));
    assert_eq!(
        gate.check(&event),
        Err(Refusal::Identity(WordSource::Configuration))
    );
}

proptest! {
    #[test]
    fn a_user_s_word_does_not_pass_in_any_surroundings(before in "([ -~]{0,12}[ /:.,])?", behind in "([ /:.,][ -~]{0,12})?", name in "zq[a-z]{4,12}") {
        let gate = Gate::new(Identity::new(&IdentityFacts { user: &name, ..IdentityFacts::default() }));
        let text = format!("{before}{}{behind}", name.to_uppercase());
        let verdict = gate.check(&member("error", &json!({"exception": text})));
        prop_assert!(verdict.is_err());
    }

    #[test]
    fn no_text_is_a_surprise(text in "\\PC{0,60}", user in "\\PC{0,20}", argument in "\\PC{0,40}") {
        let arguments = [argument];
        let gate = Gate::new(Identity::new(&IdentityFacts { user: &user, home: &user, arguments: &arguments, ..IdentityFacts::default() }));
        let event = member("error", &json!({"exception": text}));
        if let Ok(line) = gate.check(&event) {
            // Our own texts have one character beyond ASCII.
            let passed = text.replace('…', "").is_ascii() && serde_json::from_str::<Member>(&line).is_ok();
            prop_assert!(passed);
        }
    }
}

#[test]
fn a_folder_named_like_a_public_function_drops_nothing() {
    let facts = IdentityFacts {
        working_directory: "/data/zqx_cross_entropy",
        ..IdentityFacts::default()
    };
    let known: fn(&str, &str) -> bool =
        |file, function| file == "torch/nn/functional.py" && function == "zqx_cross_entropy";
    let trace = |file: &str, function: &str| {
        member(
            "error",
            &json!({
                "stack_trace": format!("Traceback (most recent call last):\n  File \"{file}\", line 3, in {function}\nValueError\n"),
                "frames": [{"file": file, "function": function, "line": 3}],
            }),
        )
    };
    let plain = Gate::new(Identity::new(&facts));
    let knowing = plain.clone().knowing_functions(known);
    let own = trace("torch/nn/functional.py", "zqx_cross_entropy");
    assert!(schema::check(EventName::Error, &own.properties).is_ok());
    assert_eq!(
        plain.check(&own),
        Err(Refusal::Identity(
            crate::privacy::WordSource::WorkingDirectory
        ))
    );
    assert!(knowing.check(&own).is_ok());
    // Of another file it is not public, and neither is it anywhere else in the event.
    assert!(
        knowing
            .check(&trace("torch/nn/init.py", "zqx_cross_entropy"))
            .is_err()
    );
    let elsewhere = "  File \"zqx_cross_entropy\", line 3, in zqx_cross_entropy\n";
    assert!(
        knowing
            .check(&member("error", &json!({"stack_trace": elsewhere})))
            .is_err()
    );
}

/// The line of an error event with this message.
fn passes(gate: &Gate, said: &PublicStr) -> Result<String, Refusal> {
    let error = crate::event::ErrorEvent {
        exception: Some(said.clone()),
        marker: Some(said.clone()),
        ..crate::event::ErrorEvent::default()
    };
    let event = crate::event::Event::Error(Box::new(error));
    let now = std::time::UNIX_EPOCH;
    let uuid = uuid::Uuid::from_u128(1);
    gate.check(&Member::new(uuid, uuid, &event, now, 1.0))
}

#[test]
fn whatever_we_can_say_passes_though_the_users_words_are_in_it() {
    let words = [
        "tensors",
        "variables",
        "module",
        "collective",
        "operation",
        "watchdog",
        "initialized",
        "initialization",
        "padding",
        "process",
        "repository",
        "huggingface",
    ];
    let words = words.map(str::to_owned);
    let gate = Gate::new(Identity::new(&IdentityFacts {
        user: "tensors",
        host: "encountered",
        working_directory: "/home/variables/downstream",
        arguments: &words,
        ..IdentityFacts::default()
    }));
    let mut refused = Vec::new();
    for said in crate::knowledge::all_said() {
        if let Err(why) = passes(&gate, &said) {
            refused.push(format!("{said}: {why:?}"));
        }
    }
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn of_a_refused_event_what_may_leave_is_left() {
    let secret = ("A_TOKEN".to_owned(), "zqxname".to_owned());
    let gate = Gate::new(Identity::new(&IdentityFacts {
        environment: &[secret],
        ..IdentityFacts::default()
    }));
    let identified =
        |event: &Event| Member::new(Uuid::nil(), Uuid::nil(), event, SystemTime::UNIX_EPOCH, 0.0);
    let error = ErrorEvent {
        exception_type: Some(PublicStr::constant("ValueError")),
        exception: Some(PublicStr::constant("zqxname is not known")),
        ..ErrorEvent::default()
    };
    let admission = gate.admit(&Event::Error(Box::new(error.clone())), identified);
    let (left, line) = admission.admitted.unwrap();
    let expected = ErrorEvent {
        exception: None,
        ..error
    };
    assert_eq!(left, Event::Error(Box::new(expected)));
    assert!(!line.contains("zqx"), "{line}");
    let refusal = admission.refusal.unwrap();
    assert_eq!(refusal, Refusal::Identity(WordSource::Environment));
    assert_eq!(refusal.to_string(), "it has a word of your environment");
}
