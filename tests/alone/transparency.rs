//! Runs the programs of `tests/transparency/` against the launcher, in their quick form.
//!
//! What they compare, and how to run more of it (thousands of faults, volumes, load), stands in their own
//! documents. They need Python 3; where there is none these tests say so and pass, because nothing is wrong
//! with the launcher.

use std::process::Output;

const LAUNCHER: &str = env!("CARGO_BIN_EXE_axolotl-run");

/// Runs one of the programs; None where there is no Python.
fn python(program: &str, arguments: &[&str]) -> Option<Output> {
    let path = support::documents::path("tests/transparency").join(program);
    match support::program("python3")
        .arg("-B")
        .arg(path)
        .args(arguments)
        .output()
    {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("not judged: no python3 ({error})");
            None
        }
    }
}

fn must_pass(program: &str, arguments: &[&str]) {
    if let Some(output) = python(program, arguments) {
        let text = String::from_utf8_lossy(&output.stdout);
        let problems = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}\n{text}\n{problems}",
            output.status
        );
    }
}

#[test]
fn a_wrapped_command_behaves_as_the_bare_one() {
    must_pass("differential.py", &["--wrapper", LAUNCHER, "--quick"]);
}

#[test]
fn no_fault_of_the_launcher_costs_the_command_a_byte() {
    must_pass("faults.py", &["--wrapper", LAUNCHER, "--runs", "42"]);
}

#[test]
fn a_wrapper_that_vanishes_differs_in_nothing() {
    must_pass(
        "differential.py",
        &[
            "--wrapper",
            "env",
            "--modes",
            "plain",
            "--quick",
            "--only",
            "B2,B4,B6,B9,B17,B27",
        ],
    );
}

#[test]
fn a_wrapper_that_stays_without_care_is_found_out() {
    // A shell that waits: the command dies by a signal, the shell exits with 128+n; a signal meets only the shell.
    let careless = "sh -c '\"$@\"; exit $?' sh";
    let arguments = [
        "--wrapper",
        careless,
        "--modes",
        "plain",
        "--quick",
        "--only",
        "B2,B4,B28",
    ];
    if let Some(output) = python("differential.py", &arguments) {
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{text}");
        for case in ["signal-deaths", "kill-pid", "killed-outright"] {
            let row = text
                .lines()
                .find(|line| line.split(' ').next() == Some(case));
            assert!(
                row.is_some_and(|row| row.contains("DIFFERS") || row.contains("HANGS")),
                "{case}:\n{text}"
            );
        }
    }
}
