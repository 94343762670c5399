//! Which options go together: a combination that would silently do less than was asked for is refused.
//!
//! An option that does nothing beside another is a misunderstanding, and the user is told before anything has
//! been started, while it is still cheap. Only [`parse`](super::parse) calls this.

use super::{Mode, NAME, Refusal, Typed, printable};

/// Refuses options that have no meaning beside each other.
pub(super) fn combination(typed: &Typed) -> Result<(), Refusal> {
    let report_only = [
        (typed.html.is_some(), "--html"),
        (typed.against.is_some(), "--against"),
    ];
    if let Some((_, option)) = report_only
        .into_iter()
        .find(|(given, _)| *given && typed.mode != Mode::Report)
    {
        return Err(Refusal::new(
            format!("`{option}` goes with `--report` alone"),
            format!("leave out `{option}`"),
        ));
    }
    if typed.mode == Mode::Run {
        return if typed.json {
            Err(Refusal::new(
                "`--json` has nothing to print: a run prints what its command prints",
                "it goes with `--status`, `--preview`, `--explain`, `--schema`, `--runs`, `--show`, `--report`, `--send` and `--forget`",
            ))
        } else {
            Ok(())
        };
    }
    let Some(mode) = option_of(typed.mode) else {
        return Ok(());
    };
    if typed.json && matches!(typed.mode, Mode::Completions(_) | Mode::Man) {
        return Err(Refusal::new(
            format!("`{mode}` has no JSON to print"),
            "leave out `--json`",
        ));
    }
    if typed.html.is_some() && typed.json {
        return Err(Refusal::new(
            "`--html` and `--json` exclude each other",
            "give one of them",
        ));
    }
    let run_only = [
        (typed.record, "--record"),
        (
            typed.config.is_some() && typed.mode != Mode::Preview,
            "--config",
        ),
        (typed.tap_stdout, "--tap-stdout"),
        (typed.tty_direct, "--tty"),
        (typed.summary, "--summary"),
        (typed.ci_summary, "--ci-summary"),
    ];
    run_only
        .into_iter()
        .find(|(given, _)| *given)
        .map_or(Ok(()), |(_, option)| {
            Err(Refusal::new(
                format!("`{option}` is for a run, but `{mode}` runs nothing"),
                format!("leave out `{option}` or `{mode}`"),
            ))
        })
}

/// Refuses a missing command, and words where none belong.
pub(super) fn operands(typed: &Typed) -> Result<(), Refusal> {
    let most = match typed.mode {
        Mode::Help | Mode::Version => return Ok(()),
        Mode::Run if typed.operands.is_empty() => {
            return Err(Refusal::new(
                "no command was given",
                format!(
                    "write it behind `{NAME}`, as in `{NAME} axolotl train config.yml`; `{NAME} --help` lists the options"
                ),
            ));
        }
        Mode::Preview if typed.operands.is_empty() => {
            return Err(Refusal::new(
                "`--preview` needs a command",
                format!("write it behind, as in `{NAME} --preview axolotl train config.yml`"),
            ));
        }
        Mode::Forget if typed.operands.is_empty() => {
            return Err(Refusal::new(
                "`--forget` needs a run",
                format!(
                    "write the beginning of its UUID behind it, or `all`; `{NAME} --runs` lists the recorded runs"
                ),
            ));
        }
        Mode::Run | Mode::Preview => return Ok(()),
        Mode::Explain | Mode::Show | Mode::Report | Mode::Forget => 1,
        Mode::Status
        | Mode::Enable
        | Mode::Disable
        | Mode::Schema
        | Mode::Runs
        | Mode::Send
        | Mode::Completions(_)
        | Mode::Man => 0,
    };
    let (Some(word), Some(mode)) = (typed.operands.get(most), option_of(typed.mode)) else {
        return Ok(());
    };
    let word = printable(word);
    Err(if most == 0 {
        Refusal::new(
            format!("`{mode}` runs nothing, but `{word}` follows it"),
            format!("leave out `{mode}` or `{word}`"),
        )
    } else {
        Refusal::new(
            format!("`{mode}` takes one word, but `{word}` follows it"),
            format!("leave out `{word}`"),
        )
    })
}

/// The option that chose the mode.
fn option_of(mode: Mode) -> Option<&'static str> {
    Some(match mode {
        Mode::Run | Mode::Help | Mode::Version => return None,
        Mode::Status => "--status",
        Mode::Enable => "--enable",
        Mode::Disable => "--disable",
        Mode::Preview => "--preview",
        Mode::Explain => "--explain",
        Mode::Schema => "--schema",
        Mode::Runs => "--runs",
        Mode::Show => "--show",
        Mode::Report => "--report",
        Mode::Send => "--send",
        Mode::Forget => "--forget",
        Mode::Completions(_) => "--completions",
        Mode::Man => "--man",
    })
}
