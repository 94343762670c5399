//! Command lines, and what was typed with them.

use super::parse::parser;
use super::*;
use crate::ui::Complaint;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn parsed(line: &[&str]) -> Result<Typed, Complaint> {
    parse(words(line))
}

fn run(command: &[&str]) -> Typed {
    Typed {
        operands: words(command),
        ..Typed::default()
    }
}

fn instead(mode: Mode, operands: &[&str]) -> Typed {
    Typed {
        mode,
        ..run(operands)
    }
}

#[test]
fn options_end_at_the_first_word_that_is_not_one() {
    for (line, expected) in [
        (&["train"][..], run(&["train"])),
        (&["train", "--status"], run(&["train", "--status"])),
        (&["train", "--", "--help"], run(&["train", "--", "--help"])),
        (&["--", "train"], run(&["train"])),
        (&["--", "--status"], run(&["--status"])),
        (&["--", "--", "x"], run(&["--", "x"])),
        (&[""], run(&[""])),
        (&["-"], run(&["-"])),
        (&["--", ""], run(&[""])),
        (&["status"], run(&["status"])),
        (&["help"], run(&["help"])),
        (
            &["--record", "train", "--status"],
            Typed {
                record: true,
                ..run(&["train", "--status"])
            },
        ),
        (
            &["--record", "--", "train", "--", "x"],
            Typed {
                record: true,
                ..run(&["train", "--", "x"])
            },
        ),
        (
            &["--record", "--record", "train"],
            Typed {
                record: true,
                ..run(&["train"])
            },
        ),
        (
            &["--record", "", "--status"],
            Typed {
                record: true,
                ..run(&["", "--status"])
            },
        ),
        (
            &["--tap-stdout", "t", "-h"],
            Typed {
                tap_stdout: true,
                ..run(&["t", "-h"])
            },
        ),
        (
            &["--tty=direct", "t"],
            Typed {
                tty_direct: true,
                ..run(&["t"])
            },
        ),
        (
            &["--tty", "direct", "t"],
            Typed {
                tty_direct: true,
                ..run(&["t"])
            },
        ),
        (
            &["--config", "c.yml", "t"],
            Typed {
                config: Some("c.yml".into()),
                ..run(&["t"])
            },
        ),
        (
            &["--config=c.yml", "t"],
            Typed {
                config: Some("c.yml".into()),
                ..run(&["t"])
            },
        ),
        (
            &["--config=c=d", "t"],
            Typed {
                config: Some("c=d".into()),
                ..run(&["t"])
            },
        ),
        (&["--status"], instead(Mode::Status, &[])),
        (
            &["--status", "--json"],
            Typed {
                json: true,
                ..instead(Mode::Status, &[])
            },
        ),
        (
            &["--json", "--status"],
            Typed {
                json: true,
                ..instead(Mode::Status, &[])
            },
        ),
        (
            &["--report", "0f", "--html", "p", "--against=1e"],
            Typed {
                html: Some("p".into()),
                against: Some("1e".into()),
                ..instead(Mode::Report, &["0f"])
            },
        ),
        (&["--explain"], instead(Mode::Explain, &[])),
        (&["--explain", "-"], instead(Mode::Explain, &["-"])),
        (&["--explain", "log"], instead(Mode::Explain, &["log"])),
        (
            &["--explain", "--json", "log"],
            Typed {
                json: true,
                ..instead(Mode::Explain, &["log"])
            },
        ),
        (
            &["--explain", "log", "--json"],
            Typed {
                json: true,
                ..instead(Mode::Explain, &["log"])
            },
        ),
        (
            &["--explain", "--", "--json"],
            instead(Mode::Explain, &["--json"]),
        ),
        (&["--show"], instead(Mode::Show, &[])),
        (
            &["--show", "0f", "--json"],
            Typed {
                json: true,
                ..instead(Mode::Show, &["0f"])
            },
        ),
        (&["--forget", "0f"], instead(Mode::Forget, &["0f"])),
        (
            &["--forget", "all", "--json"],
            Typed {
                json: true,
                ..instead(Mode::Forget, &["all"])
            },
        ),
        (
            &["--preview", "a", "--json"],
            instead(Mode::Preview, &["a", "--json"]),
        ),
        (
            &["--preview", "--json", "--", "a", "b"],
            Typed {
                json: true,
                ..instead(Mode::Preview, &["a", "b"])
            },
        ),
        (
            &["--preview", "--config", "c.yml", "a"],
            Typed {
                config: Some("c.yml".into()),
                ..instead(Mode::Preview, &["a"])
            },
        ),
        (&["--help"], instead(Mode::Help, &[])),
        (&["-h"], instead(Mode::Help, &[])),
        (&["-V"], instead(Mode::Version, &[])),
        (&["--status", "--help"], instead(Mode::Help, &[])),
        (&["--record", "--help", "train"], instead(Mode::Help, &[])),
    ] {
        assert_eq!(parsed(line), Ok(expected), "{line:?}");
    }
}

#[test]
fn a_refusal_names_the_word_and_says_what_to_do() {
    for (line, error, hint) in [
        (&[][..], "no command was given", "axolotl-run axolotl train"),
        (&["--"], "no command was given", "axolotl-run axolotl train"),
        (
            &["--record"],
            "no command was given",
            "axolotl-run axolotl train",
        ),
        (
            &["--recrod", "train"],
            "unknown option `--recrod`",
            "did you mean `--record`?",
        ),
        (
            &["--qqqq=3", "train"],
            "unknown option `--qqqq`",
            "needs `--` before it",
        ),
        (
            &["-x", "train"],
            "unknown option `-x`",
            "needs `--` before it",
        ),
        (
            &["-\u{1b}[31m", "train"],
            "unknown option `-\\u{1b}",
            "--help",
        ),
        (&["--config"], "`--config` needs a value", "`--config FILE`"),
        (
            &["--config", "--record", "t"],
            "`--config` needs a value",
            "`--config FILE`",
        ),
        (&["--tty"], "`--tty` needs a value", "`--tty=direct`"),
        (
            &["--tty=raw", "t"],
            "`--tty` does not know `raw`",
            "`--tty=direct`",
        ),
        (&["--record=1", "t"], "`--record` takes no value", "--help"),
        (
            &["--status", "--enable"],
            "`--status` and `--enable` exclude each other",
            "one of them",
        ),
        (
            &["--status", "train"],
            "`--status` runs nothing, but `train` follows it",
            "leave out",
        ),
        (
            &["--record", "--status"],
            "`--record` and `--status` exclude each other",
            "leave out",
        ),
        (
            &["--tty=direct", "--runs"],
            "`--tty` and `--runs` exclude each other",
            "leave out",
        ),
        (
            &["--config=c", "--schema"],
            "`--config` and `--schema` exclude each other",
            "leave out",
        ),
        (
            &["--html", "f", "train"],
            "`--html`, `--against`, `--with`, `--follow` and `--with-output` only work",
            "--report",
        ),
        (
            &["--html", "f", "--status"],
            "`--html` and `--status` exclude each other",
            "leave out",
        ),
        (
            &["--html", "f", "--report", "--json"],
            "exclude each other",
            "leave out",
        ),
        (
            &["--report", "a", "b"],
            "`--report` takes one word, but `b` follows it",
            "leave out `b`",
        ),
        (
            &["--json", "train"],
            "`--json` has nothing to print",
            "--status",
        ),
        (
            &["--explain", "a", "b"],
            "`--explain` takes one word, but `b` follows it",
            "leave out `b`",
        ),
        (
            &["--preview"],
            "`--preview` needs a command",
            "--preview axolotl train",
        ),
    ] {
        let refusal = parsed(line).expect_err(&format!("{line:?} is refused"));
        assert!(
            refusal.error.contains(error),
            "{line:?}: {refusal:?} lacks {error}"
        );
        assert!(
            refusal.hint.contains(hint),
            "{line:?}: {refusal:?} lacks {hint}"
        );
        assert!(!refusal.error.contains(char::is_control), "{refusal:?}");
    }
}

#[test]
fn the_commands_words_may_be_any_bytes() {
    let odd = OsString::from_vec(vec![b'-', 0xff, b'\n']);
    let line = vec!["--record".into(), "train".into(), odd.clone()];
    assert_eq!(
        parse(line).map(|typed| typed.operands),
        Ok(vec!["train".into(), odd.clone()])
    );
    assert!(parse(vec![odd, "train".into()]).is_err());
    let config = OsStr::from_bytes(b"\xff.yml");
    let typed = parse(vec!["--config".into(), config.into(), "t".into()]);
    assert_eq!(
        typed.map(|typed| typed.config),
        Ok(Some(PathBuf::from(config)))
    );
}

#[test]
fn the_table_is_what_the_parser_and_the_help_have() {
    parser(true).debug_assert();
    let help = help();
    for row in OPTIONS {
        assert!(help.contains(&help::shown(row)), "{}", row.long);
        assert!(!row.does.ends_with('.'), "{}", row.does);
    }
    for variable in axolotl_run_core::env::ALL {
        assert!(help.contains(variable.name), "{}", variable.name);
    }
    for line in help.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert_eq!(line, line.trim_end());
    }
}

proptest::proptest! {
    /// Whatever stands behind the first word that is no option reaches the command untouched.
    #[test]
    fn the_command_is_never_touched(command: Vec<Vec<u8>>, record: bool, dashes: bool) {
        let mut command: Vec<_> = command.into_iter().map(OsString::from_vec).collect();
        command.insert(0, "train".into());
        let mut line = Vec::new();
        if record {
            line.push("--record".into());
        }
        if dashes {
            line.push("--".into());
        }
        line.extend(command.iter().cloned());
        proptest::prop_assert_eq!(parse(line), Ok(Typed { record, operands: command, ..Typed::default() }));
    }

    #[test]
    fn nothing_upsets_it(line: Vec<String>) {
        let _ = parse(line.into_iter().map(OsString::from).collect());
    }

    #[test]
    fn nothing_that_looks_like_options_upsets_it(line in proptest::collection::vec("-{0,3}(record|config|tty|explain|h|V)?=?[a-z]{0,2}", 0..6)) {
        let _ = parse(line.into_iter().map(OsString::from).collect());
    }
}
