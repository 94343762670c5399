//! `--stacks`: where the Python processes of a running run are, asked from another terminal.
//!
//! What the observer tells of a run that stands still is public; this is for whoever sits before the terminal, and
//! names the user's files and functions. It looks twice, a moment apart, and shows the calls that are in both. The run
//! is asked nothing and notices nothing: its processes are found by the run's name in their environment.

use super::choose;
use crate::commands::output::{AnswerForm, AnswerOutput, AnswerResult, FAILED};
use crate::metrics::files;
use crate::metrics::processes::kernel_wait;
use crate::metrics::python_stacks::{StackReader, SteadyProcess};
use crate::store::Store;
use crate::ui::Complaint;
use crate::ui::text::harmless;
use axolotl_run_core::env;
use axolotl_run_core::judging::stacks;
use axolotl_run_core::observation::StackFindings;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// Between the two looks: longer than most lines of Python take.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// Processes of the machine that are looked through for those of the run.
const PROCESSES_MAX: usize = 65_536;

/// Prints the stacks of a run's processes.
///
/// # Errors
/// Why there are none.
pub fn print(
    store: Option<&Store>,
    run: Option<&str>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let (_, run_id) = choose::identify(store, run, answer_output.now)?;
    let procfs = Path::new("/proc");
    let pids = processes_of(procfs, run_id);
    let mut reader = StackReader::new();
    let before = reader.look(pids.clone()).unwrap_or_default();
    std::thread::sleep(BETWEEN_LOOKS);
    let now = reader.look(pids).unwrap_or_default();
    if now.processes.is_empty() && now.refused.is_empty() {
        return Err(Complaint::new(
            format!("no Python process of run `{run_id}` is running here"),
            "`axolotl-run --runs` lists the recorded runs",
        ));
    }
    let steady = now.steady_since(&before);
    let findings = stacks::conclude(&now.same_as(&before), now.expected_ranks);
    if answer_output.form == AnswerForm::Json {
        let mut processes = Vec::new();
        for process in &steady {
            processes.push(described(process));
        }
        return answer_output.document(&json!({
            "run": run_id,
            "processes": processes,
            "unreadable": now.refused,
            "places": findings.groups,
            "suspect_rank": findings.suspect,
        }));
    }
    let mut text = String::new();
    for process in &steady {
        text.push_str(&shown(process));
    }
    for pid in &now.refused {
        let waits = kernel_wait::words(procfs, *pid);
        text.push_str(&format!("pid {pid}: {waits}; its stack cannot be read\n\n"));
    }
    text.push_str(&conclusion(&findings));
    answer_output.answer(&text)?;
    if now.processes.is_empty() {
        let scope = files::read_text(Path::new("/proc/sys/kernel/yama/ptrace_scope"));
        return Err(Complaint::new(
            "the kernel does not let this user look into the run's processes",
            what_would_allow(scope.trim()),
        ));
    }
    Ok(if steady.iter().any(|process| !process.frames.is_empty()) {
        crate::commands::output::ANSWERED
    } else {
        FAILED
    })
}

/// What has to change for the kernel to let us look, by Yama's setting.
fn what_would_allow(scope: &str) -> String {
    match scope {
        "1" => "ask as root, or set `sysctl kernel.yama.ptrace_scope=0`; the report of a run that stood still has them all the same".to_owned(),
        "2" => "ask as root: `kernel.yama.ptrace_scope` is 2".to_owned(),
        "3" => "nothing does before the next boot: `kernel.yama.ptrace_scope` is 3".to_owned(),
        _ => "ask as the user whose processes they are, or as root".to_owned(),
    }
}

/// The processes with the run's name in their environment.
fn processes_of(procfs: &Path, run_id: Uuid) -> Vec<u32> {
    let name = run_id.to_string();
    let mut pids = files::numbered_entries(procfs, "", PROCESSES_MAX);
    pids.sort_unstable();
    pids.retain(|pid| {
        let environment = files::process_environment(procfs, *pid);
        let value = files::variable_value(&environment, env::AXOLOTL_RUN_ID);
        value.as_ref() == Some(&name)
    });
    pids
}

fn described(process: &SteadyProcess<'_>) -> serde_json::Value {
    let mut frames = Vec::new();
    for frame in process.frames {
        frames.push(json!({
            "file": frame.file,
            "function": frame.function,
            "line": frame.line,
        }));
    }
    json!({
        "pid": process.pid,
        "rank": process.rank,
        "moves": process.moves,
        "frames": frames,
    })
}

/// A heading, and a line for each call, the innermost first.
fn shown(process: &SteadyProcess<'_>) -> String {
    let mut text = match process.rank {
        Some(rank) => format!("rank {rank}, pid {}", process.pid),
        None => format!("pid {}", process.pid),
    };
    text.push_str(match (process.moves, process.frames) {
        (_, []) => ": in no call for long\n",
        (true, _) => ", at work in what it calls from here\n",
        (false, _) => ", in the same line twice\n",
    });
    for frame in process.frames {
        let line = frame.line.map(|line| format!(":{line}"));
        let place = format!(
            "{} ({}{})",
            frame.function,
            frame.file,
            line.unwrap_or_default()
        );
        // A name may hold a line break.
        text.push_str(&format!("    {}\n", harmless(&place).replace('\n', " ")));
    }
    text.push('\n');
    text
}

/// Who is where, in sentences.
fn conclusion(findings: &StackFindings) -> String {
    let mut text = String::new();
    for group in &findings.groups {
        text.push_str(&format!("{}\n", group.sentence()));
    }
    if let Some(rank) = findings.suspect {
        text.push_str(&format!(
            "rank {rank} is not where the others wait: look there first\n"
        ));
    }
    text
}
