//! `--stacks`: where the Python processes of a running run are, asked from another terminal.
//!
//! What the observer tells of a run that stands still is public; this is for whoever sits before the terminal, and
//! names the user's files and functions. It looks twice, a moment apart, and shows the calls that are in both. The run
//! is asked nothing and notices nothing: its processes are found by the run's name in their environment.

use super::choose;
use crate::commands::output::{AnswerForm, AnswerOutput, AnswerResult, FAILED};
use crate::metrics::files;
use crate::metrics::python_stacks::{StackReader, SteadyProcess, why_refused};
use crate::store::Store;
use crate::ui::Complaint;
use crate::ui::text::harmless;
use axolotl_run_core::env;
use axolotl_run_core::judging::stacks;
use axolotl_run_core::knowledge::lists::KernelWait;
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
    if now.processes.is_empty() {
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
        if now.refused.contains(&process.pid) {
            let waits = process.waits_for.map_or("unknown", KernelWait::means);
            let pid = process.pid;
            text.push_str(&format!("pid {pid}: {waits}; its stack cannot be read\n"));
        } else {
            text.push_str(&harmless(&process.text()));
        }
        text.push('\n');
    }
    text.push_str(&conclusion(&findings));
    answer_output.answer(&text)?;
    if now.refused.len() == now.processes.len() {
        return Err(Complaint::new(
            "the stacks of the run's processes cannot be read",
            why_refused().means(),
        ));
    }
    Ok(if steady.iter().any(|process| !process.frames.is_empty()) {
        crate::commands::output::ANSWERED
    } else {
        FAILED
    })
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
