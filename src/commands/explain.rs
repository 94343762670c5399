//! `--explain`: reads a saved log and says what happened in it.
//!
//! The same reader that watches a run reads the log; nothing is run, sent or stored. The answer is what would
//! leave the machine, so that people can see it before they consent, and the shortest way from a long log to
//! the error in it. A log does not say how its program ended: two variables can, and without them it is assumed
//! that the program failed.

use super::output::{AnswerForm, AnswerOutput, AnswerResult};
use crate::cli::printable;
use crate::observer::surroundings;
use crate::ui::page::Page;
use crate::ui::{Complaint, OutputTerminal};
use axolotl_run_core::env;
use axolotl_run_core::event::ErrorEvent;
use axolotl_run_core::judging::explanation::{Explainer, Explanation};
use axolotl_run_core::launch::Environment;
use axolotl_run_core::status::End;
use axolotl_run_sys::reason;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How the log's program ended, as whoever saved the log may say. A variable that is empty says nothing.
pub fn known_end(environment: Environment<'_>) -> Option<End> {
    let number_in = |name: &str| environment(name)?.to_str()?.trim().parse::<u8>().ok();
    let exit_signal =
        number_in(env::AXR_EXIT_SIGNAL).map(|exit_signal| End::Signaled(i32::from(exit_signal)));
    exit_signal.or_else(|| number_in(env::AXR_EXIT_CODE).map(End::Exited))
}

/// Answers `--explain [FILE]`; None and `-` are the standard input.
pub fn run(
    log_file: Option<&Path>,
    known_end: Option<End>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let explanation_read = match log_file.filter(|path| *path != Path::new("-")) {
        Some(path) => File::open(path).and_then(|log_file| explain(log_file, known_end)),
        None => explain(io::stdin().lock(), known_end),
    };
    let directory = std::env::current_dir().unwrap_or_default();
    let gate = surroundings::gate(&[], &directory);
    match explanation_read.map(|explanation| explanation.through(&gate)) {
        Ok(explanation) if answer_output.form == AnswerForm::Json => {
            answer_output.document(&explanation.json())
        }
        Ok(explanation) => {
            answer_output.answer(&text(&explanation, answer_output.terminal.for_statements()))
        }
        Err(error_event) => {
            let name = match log_file {
                Some(path) => format!("`{}`", printable(path)),
                None => "the standard input".to_owned(),
            };
            Err(Complaint::new(
                format!("failed to explain {name}: {}", reason(&error_event)),
                "`--explain FILE` reads a saved log; without a file it reads stdin",
            ))
        }
    }
}

/// Reads a whole log; `end` is how its program ended, where that is known.
fn explain(mut input: impl Read, known_end: Option<End>) -> io::Result<Explanation> {
    let mut explainer = Explainer::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match input.read(&mut chunk) {
            Ok(0) => return Ok(explainer.finish(known_end)),
            Ok(count) => explainer.push(chunk.get(..count).unwrap_or_default()),
            Err(error_event) if error_event.kind() == io::ErrorKind::Interrupted => {}
            Err(error_event) => return Err(error_event),
        }
    }
}

/// The answer for people.
fn text(explanation: &Explanation, terminal: OutputTerminal) -> String {
    let judgement = &explanation.judgement;
    let mut page = Page::new(terminal, 0);
    let mut other_tracebacks = judgement.reports.len();
    if let Some(error_event) = &judgement.error {
        describe(error_event, &mut page);
        if error_event.stack_trace.is_some() {
            other_tracebacks -= 1;
        }
    } else if judgement.interrupted {
        page.add_verbatim(
            "The program was interrupted; that is not an error, and no error event would be sent.",
        );
    } else {
        page.add_verbatim("No error was found, and no error event would be sent.");
    }
    if let Some(report) = &explanation.collective
        && let Some(sentence) = report.sentence()
    {
        page.add_line("");
        page.add_verbatim(&format!("What the ranks say together: {sentence}"));
    }
    if let Some(refusal) = explanation.refusal {
        page.add_verbatim(&format!(
            "\nThe privacy gate would refuse more of it: {refusal}."
        ));
    }
    if !judgement.markers().is_empty() {
        page.add_verbatim("\nOther signs of a failure:");
        for marker in judgement.markers() {
            page.add_verbatim(&format!("  {marker}"));
        }
    }
    if other_tracebacks > 0 {
        page.add_verbatim(&format!(
            "\n{other_tracebacks} other traceback(s) in this log; `--json` prints them."
        ));
    }
    page.finish()
}

/// One event in words: what is known, a line each.
fn describe(error_event: &ErrorEvent, page: &mut Page) {
    page.add_verbatim("The error event that would be sent:\n\n");
    fact(page, "exception", &error_event.exception_type);
    fact(page, "message", &error_event.exception);
    fact(page, "sign", &error_event.marker);
    fact(page, "rank", &error_event.rank);
    fact(page, "fingerprint", &error_event.fingerprint);
    if error_event.handled_count != Some(0) {
        fact(page, "handled before", &error_event.handled_count);
    }
    if error_event.exception.is_none() && error_event.exception_shape.is_some() {
        let withheld = "withheld: not on the list of public messages";
        fact(page, "message", &Some(withheld));
    }
    if let Some(trace) = &error_event.stack_trace {
        page.add_line("");
        for line in trace.as_str().lines() {
            page.add_verbatim(&format!("  {line}"));
        }
    }
}

fn fact(page: &mut Page, name: &str, value: &Option<impl Display>) {
    if let Some(value) = value {
        page.add_verbatim(&format!("  {name:16}{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_what_the_variables_say() {
        for (code, exit_signal, end) in [
            ("", "", None),
            ("1", "", Some(End::Exited(1))),
            ("0", "", Some(End::Exited(0))),
            ("", "11", Some(End::Signaled(11))),
            ("1", "9", Some(End::Signaled(9))),
            ("256", "", None),
            ("-1", "x", None),
        ] {
            let value = |name: &str| match name {
                env::AXR_EXIT_CODE => Some(code.into()),
                env::AXR_EXIT_SIGNAL => Some(exit_signal.into()),
                _ => None,
            };
            assert_eq!(known_end(&value), end, "{code:?} {exit_signal:?}");
        }
        assert_eq!(known_end(&|_| None), None);
    }
}
