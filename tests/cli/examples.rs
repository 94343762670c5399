//! The lines that users copy: aliases, the container, the CI jobs, the batch script. Each is taken from where it
//! stands and run as far as a machine without an engine, a cluster or a CI service can; CONTRIBUTING.md has the rest.

use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use support::observed::{Recorded, STARTED, example, runs, until_recorded};
use support::{has, launch_path, poll_until};

/// A home with an `axolotl` on the path that says how it was called and whether it is observed.
struct Place {
    home: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            home: tempfile::tempdir().unwrap(),
        };
        place.program(
            "axolotl",
            "echo \"axolotl $*, observed: ${AXOLOTL_RUN_ID:+yes}\"; exit 3",
        );
        place
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.home.path().join("bin").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        support::write_program(&path, format!("#!/bin/sh\n{script}\n"));
    }

    /// The same `axolotl`, as long a run as any training.
    fn lives_until_its_start_is_recorded(&self) {
        let says = "print('axolotl', *sys.argv[1:], end='')\nprint(', observed:', 'yes' if 'AXOLOTL_RUN_ID' in os.environ else '')";
        let program = self.home.path().join("bin/axolotl");
        fs::write(
            program,
            format!("#!/usr/bin/env python3\n{STARTED}\n{says}\nsys.exit(3)\n"),
        )
        .unwrap();
    }

    fn state(&self) -> PathBuf {
        self.home.path().join("state")
    }

    fn command(&self, words: &[impl AsRef<std::ffi::OsStr>]) -> Command {
        let mut path: OsString = launch_path().parent().unwrap().into();
        path.push(format!(
            ":{}/bin:{}",
            self.home.path().display(),
            std::env::var("PATH").unwrap()
        ));
        let mut command = support::program(&words[0]);
        command
            .args(&words[1..])
            .current_dir(self.home.path())
            .env_clear();
        command
            .env("PATH", path)
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.state());
        command
    }

    fn output(
        &self,
        words: &[impl AsRef<std::ffi::OsStr>],
        environment: &[(&str, &str)],
    ) -> Output {
        self.command(words)
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn repository(name: &str) -> String {
    fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_aliases_work_in_the_shells_that_they_are_for() {
    let row = regex::Regex::new(r"(?m)^\| alias in ([a-z, ]+) \| `(alias [^`]+)` \|$").unwrap();
    let readme = repository("README.md");
    let mut tried = 0;
    for row in row.captures_iter(&readme) {
        for shell in row[1].split(", ") {
            tried += 1;
            if !has(shell) {
                continue;
            }
            let place = Place::new();
            // A shell reads its own file at the start; only bash has to be told that aliases count in a script.
            let script = format!("{}\naxolotl train 'my config.yml'\n", &row[2]);
            fs::write(place.home.path().join("script"), script).unwrap();
            let options = if shell == "bash" {
                &["-O", "expand_aliases"][..]
            } else {
                &[]
            };
            let words = [&[shell], options, &["script"]].concat();
            let output = place.output(&words, &[("AXOLOTL_DO_NOT_TRACK", "0")]);
            assert_eq!(
                said(&output),
                "axolotl train my config.yml, observed: yes\n",
                "{shell}"
            );
            assert_eq!(output.status.code(), Some(3), "{shell}");
        }
    }
    assert_eq!(tried, 5, "the README's lines");
}

/// What of the README's event another machine has otherwise.
const OF_THE_MACHINE: &[&str] = &[
    "os",
    "cpu_count",
    "cpu_count_usable",
    "memory_total",
    "accelerator_type",
    "accelerator_count",
    "ci",
    "container",
    "elapsed_time",
];

#[test]
fn the_readmes_event_is_what_a_run_records() {
    let readme = repository("README.md");
    let block = readme
        .split("```json\n")
        .find(|block| block.starts_with("{\n  \"event\": \"start\""))
        .unwrap();
    let shown = block.split("```").next().unwrap();
    assert_eq!(shown.matches("      …\n").count(), 1);
    let shown: Value = serde_json::from_str(&shown.replace("      …\n", "")).unwrap();
    if !has("python3") {
        return;
    }
    let place = Place::new();
    place.lives_until_its_start_is_recorded();
    fs::create_dir(place.home.path().join("examples")).unwrap();
    fs::write(
        place.home.path().join("examples/train.yml"),
        repository("examples/train.yml"),
    )
    .unwrap();
    let words = [
        "axolotl-run",
        "--record",
        "axolotl",
        "train",
        "examples/train.yml",
    ];
    assert_eq!(place.output(&words, &[]).status.code(), Some(3));
    let recorded = until_recorded(&place.state(), Recorded::is_finished);
    let start = recorded.named("start")[0].clone();
    for (name, value) in shown["properties"].as_object().unwrap() {
        let real = start
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in {start:?}"));
        if name == "config" {
            let left_out = real.as_object().unwrap().len() - value.as_object().unwrap().len();
            assert_eq!(left_out, 11, "`…` stands for eleven more keys");
            for (key, value) in value.as_object().unwrap() {
                assert_eq!(&real[key], value, "{key}");
            }
        } else if !OF_THE_MACHINE.contains(&name.as_str()) {
            assert_eq!(real, value, "{name}");
        }
    }
}

/// The words of an instruction in exec form.
fn instruction(name: &str) -> Vec<String> {
    let file = repository("examples/container/Containerfile");
    let line = file
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("the instruction");
    serde_json::from_str(line).expect("a list, which is the exec form")
}

/// There is no engine here; a process namespace of its own is what an engine gives the entry point.
#[test]
fn the_container_runs_its_training_under_pid_1() {
    let place = Place::new();
    let space = ["unshare", "--pid", "--fork", "--mount-proc"];
    let possible = has("unshare") && has("python3");
    if !possible
        || !place
            .output(&[&space[..], &["true"]].concat(), &[])
            .status
            .success()
    {
        eprintln!("skipped: this machine allows no process namespace");
        return;
    }
    let entry = [instruction("ENTRYPOINT "), instruction("CMD ")].concat();
    let [.., script, _, config] = &entry[..] else {
        panic!("{entry:?}")
    };
    for file in [script, config] {
        fs::copy(example(file), place.home.path().join(file)).unwrap();
    }
    let words = |more: &[&str]| {
        [
            &space.map(str::to_owned)[..],
            &entry,
            &more
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>(),
        ]
        .concat()
    };
    let output = place.output(&words(&["--steps", "5"]), &[]);
    assert!(output.status.success(), "{}", said(&output));
    let run = until_recorded(&place.state(), Recorded::is_finished);
    assert_eq!(run.finish()["outcome"], "success");

    // A signal's end is 128 + n: the kernel protects PID 1 from dying of it.
    let output = place.output(&words(&["--steps", "20", "--sigkill-at", "20"]), &[]);
    assert_eq!(output.status.code(), Some(137), "{}", said(&output));
    assert_eq!(
        runs(&place.state())
            .iter()
            .filter(|run| run.is_finished())
            .count(),
        2,
        "PID 1 waits for the journal"
    );
}

/// The commands of the YAML files that start the training, in a shell that is called as the service calls it.
#[test]
fn the_ci_jobs_run_and_record_the_training() {
    if !has("python3") {
        return;
    }
    let read = |name: &str| -> Value { serde_yaml::from_str(&repository(name)).unwrap() };
    let github = read("examples/github-actions.yml");
    let steps = github["jobs"]["train"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == "train").unwrap();
    let gitlab = read("examples/gitlab-ci.yml");
    let kept = gitlab["train"]["artifacts"]["paths"][0].as_str().unwrap();
    let upload = steps
        .iter()
        .find_map(|step| step["with"]["path"].as_str())
        .unwrap();
    for (service, line, kept, base) in [
        (
            "GITHUB_ACTIONS",
            &step["run"],
            upload,
            &github["jobs"]["train"]["env"]["XDG_STATE_HOME"],
        ),
        (
            "GITLAB_CI",
            &gitlab["train"]["script"][0],
            kept,
            &gitlab["train"]["variables"]["XDG_STATE_HOME"],
        ),
    ] {
        let place = Place::new();
        place.lives_until_its_start_is_recorded();
        let workspace = place.home.path().to_str().unwrap();
        let summary = format!("{workspace}/summary");
        let base = base
            .as_str()
            .unwrap()
            .replace("${{ github.workspace }}", workspace)
            .replace("$CI_PROJECT_DIR", workspace);
        let environment = [
            ("CI", "true"),
            (service, "true"),
            ("XDG_STATE_HOME", base.as_str()),
            ("GITHUB_STEP_SUMMARY", summary.as_str()),
        ];
        let output = place.output(
            &["bash", "-eo", "pipefail", "-c", line.as_str().unwrap()],
            &environment,
        );
        assert_eq!(
            said(&output),
            "axolotl train config.yml, observed: yes\n",
            "{service}: nothing but the training's"
        );
        assert_eq!(output.status.code(), Some(3), "{service}");
        let state = place.home.path().join(kept);
        let run = until_recorded(state.parent().unwrap(), Recorded::is_finished);
        assert_eq!(run.named("start")[0]["ci"], true, "{service}");
        // It is written behind the finish event.
        let is_github = service == "GITHUB_ACTIONS";
        assert!(poll_until(|| !is_github
            || fs::read_to_string(&summary)
                .is_ok_and(|text| text.ends_with('\n'))));
        let summary = fs::read_to_string(summary).unwrap_or_default();
        assert_eq!(
            summary.starts_with("### axolotl-run: Exit code"),
            is_github,
            "{service}: {summary}"
        );
    }
}

#[test]
fn every_task_of_a_batch_job_is_recorded() {
    let place = Place::new();
    place.program(
        "srun",
        "for SLURM_PROCID in 0 1 2; do SLURM_PROCID=$SLURM_PROCID \"$@\" || ended=$?; done; exit $ended",
    );
    let script = example("slurm.sbatch");
    let output = place.output(
        &[script.as_str(), "axolotl", "train", "config.yml"],
        &[("SLURM_JOB_ID", "7")],
    );
    assert_eq!(
        said(&output),
        "axolotl train config.yml, observed: yes\n".repeat(3)
    );
    assert_eq!(output.status.code(), Some(3));
    let finished = || {
        let runs = runs(&place.state()).into_iter();
        runs.filter(Recorded::is_finished).count()
    };
    assert!(poll_until(|| finished() == 3));
}
