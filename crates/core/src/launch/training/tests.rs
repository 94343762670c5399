//! Command lines of trainings.

use super::*;
use proptest::prelude::*;

fn words(command: &str) -> Vec<OsString> {
    command.split_whitespace().map(OsString::from).collect()
}

fn configuration(words: &[OsString]) -> Option<Located> {
    CommandLine::read(words).configuration()
}

#[test]
fn the_output_directory_is_named_by_the_command() {
    for (words, expected) in [
        (
            "python run_clm.py --output_dir out/a --seed 1",
            Some("out/a"),
        ),
        (
            "torchrun --nproc_per_node 2 t.py --output-dir=/b",
            Some("/b"),
        ),
        ("python t.py --output_dir", None),
        ("python t.py --out x", None),
    ] {
        let words = self::words(words);
        assert_eq!(
            CommandLine::read(&words).output_directory().as_deref(),
            expected,
            "{words:?}"
        );
    }
}

#[test]
fn a_command_that_trains_nothing_is_known() {
    for (words, expected) in [
        ("axolotl train c.yml", false),
        ("axolotl evaluate c.yml", true),
        ("axolotl -h preprocess c.yml", true),
        ("accelerate launch -m axolotl.cli.evaluate c.yml", true),
        ("accelerate launch -m axolotl.cli.train c.yml", false),
        ("python -m axolotl.cli.main inference c.yml", true),
        ("python src/axolotl/cli/merge_lora.py c.yml", true),
        ("python scripts/finetune.py c.yml", false),
        ("python run_clm.py --do_eval --output_dir x", true),
        ("python run_clm.py --do_eval=true --do_train true", false),
        ("torchrun t.py --do-predict", true),
        ("python evaluate.py", false),
        ("", false),
    ] {
        let words = self::words(words);
        assert_eq!(
            CommandLine::read(&words).trains_nothing(),
            expected,
            "{words:?}"
        );
    }
    let shell: Vec<_> = ["sh", "-c", "axolotl evaluate c.yml"]
        .map(OsString::from)
        .into();
    assert!(CommandLine::read(&shell).trains_nothing());
}

#[test]
fn the_configuration_is_found_in_the_command() {
    let found = |path: &str, overrides: &[(&str, &str)]| {
        let overrides = overrides
            .iter()
            .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
            .collect();
        Some(Located {
            path: path.into(),
            overrides,
        })
    };
    for (command, expected) in [
        ("axolotl train cfg.yml", found("cfg.yml", &[])),
        (
            "/opt/venv/bin/axolotl train /data/cfg.yml",
            found("/data/cfg.yml", &[]),
        ),
        (
            "axolotl train cfg.yml --learning-rate 1e-4 --num-epochs=3",
            found("cfg.yml", &[("learning_rate", "1e-4"), ("num_epochs", "3")]),
        ),
        (
            "axolotl train --learning-rate 1e-4 cfg.yml",
            found("cfg.yml", &[("learning_rate", "1e-4")]),
        ),
        (
            "axolotl train --flash-attention cfg.yml --no-sample-packing",
            found(
                "cfg.yml",
                &[("flash_attention", "true"), ("sample_packing", "false")],
            ),
        ),
        (
            "axolotl train cfg.yml --trl.beta 0.1 --trl.use-vllm --no-trl.log-completions",
            found(
                "cfg.yml",
                &[
                    ("trl.beta", "0.1"),
                    ("trl.use_vllm", "true"),
                    ("trl.log_completions", "false"),
                ],
            ),
        ),
        (
            "axolotl train cfg.yml --launcher torchrun -- --nproc_per_node=2 --seed 3",
            found("cfg.yml", &[]),
        ),
        (
            "axolotl train cfg.yml --debug --launcher torchrun --acme x",
            found("cfg.yml", &[]),
        ),
        (
            "axolotl train cfg.yml --bf16 auto",
            found("cfg.yml", &[("bf16", "auto")]),
        ),
        ("axolotl train cfg.yml --seed", found("cfg.yml", &[])),
        (
            "accelerate launch --config_file acc.yaml --num_processes 2 -m axolotl.cli.train cfg.yml --seed 3",
            found("cfg.yml", &[("seed", "3")]),
        ),
        ("python -m axolotl.cli.train cfg.yml", found("cfg.yml", &[])),
        (
            "python3 -u -m axolotl.cli.train cfg.yml --flash_attention --seed -3",
            found("cfg.yml", &[("flash_attention", "true"), ("seed", "-3")]),
        ),
        (
            "python -m axolotl.cli.train --config=cfg.yml --noflash_attention",
            found("cfg.yml", &[("flash_attention", "false")]),
        ),
        (
            "python -m axolotl.cli.train --config cfg.yml",
            found("cfg.yml", &[]),
        ),
        (
            "python -m axolotl.cli.main train cfg.yml",
            found("cfg.yml", &[]),
        ),
        (
            "torchrun --nproc_per_node 2 -m axolotl.cli.train cfg.yaml",
            found("cfg.yaml", &[]),
        ),
        (
            "deepspeed --num_gpus 2 /src/axolotl/cli/train.py cfg.yaml",
            found("cfg.yaml", &[]),
        ),
        (
            "srun --container-image x axolotl preprocess cfg.yaml",
            found("cfg.yaml", &[]),
        ),
        (
            "accelerate launch scripts/finetune.py cfg.yml",
            found("cfg.yml", &[]),
        ),
        ("uv run axolotl train cfg.yml", found("cfg.yml", &[])),
        ("axolotl train https://example.com/cfg.yml", None),
        ("axolotl fetch examples", None),
        ("axolotl train", None),
        ("axolotl --version", None),
        ("axolotl", None),
        ("axolotl train -- cfg.yml", None),
        (
            "bash|-lc|axolotl train cfg.yml --seed 3",
            found("cfg.yml", &[("seed", "3")]),
        ),
        ("sh|-c|cd /data && axolotl train cfg.yml", None),
        ("sh|-c|axolotl train 'cfg.yml'", None),
        ("echo|axolotl train cfg.yml", None),
        ("bash run.sh", None),
        ("python train.py config.yml", None),
        ("accelerate launch --config_file acc.yaml train.py", None),
        ("python -m acme.axolotl.cli.train cfg.yml", None),
        ("", None),
    ] {
        let words: Vec<&str> = if command.contains('|') {
            command.split('|').collect()
        } else {
            command.split_whitespace().collect()
        };
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        assert_eq!(configuration(&words), expected, "{command}");
    }
}

#[test]
fn a_path_that_is_not_unicode_is_found_too() {
    use std::os::unix::ffi::OsStringExt as _;
    let odd = OsString::from_vec(b"c\xff.yml".to_vec());
    let words = [
        "axolotl".into(),
        "train".into(),
        odd.clone(),
        "--seed".into(),
        "1".into(),
    ];
    let located = configuration(&words).unwrap();
    assert_eq!(
        (located.path.as_os_str(), located.overrides.len()),
        (odd.as_os_str(), 1)
    );
}

proptest! {
    #[test]
    fn no_command_line_is_a_surprise(words in prop::collection::vec("axolotl|train|-m|axolotl.cli.train|--|-|--seed|--no-|--trl.beta|=|--=|c.yml|\\PC{0,5}", 0..8)) {
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        if let Some(located) = configuration(&words) {
            prop_assert!(words.iter().any(|word| word == located.path.as_os_str() || word.to_str().is_some_and(|word| word.starts_with("--config"))));
            for (key, _) in located.overrides {
                prop_assert!(key.split('.').all(crate::public::config_keys::is_key));
            }
        }
    }
}
