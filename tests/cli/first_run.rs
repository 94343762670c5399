//! docs/first-run.md is what happens: each command of the transcript is typed on a terminal, in an environment that has
//! seen nothing of the program, and what stands on the screen then is compared with what stands there.
//!
//! `…` stands for any text within its line; on a line of its own, for any lines.

use regex::Regex;
use std::fs;
use std::path::Path;
use support::documents::{path, read};
use support::observed::{Recorded, runs, state};
use support::{Launch, has, launch_path, poll_until};

/// A command of the transcript, and what it prints.
struct Step {
    command: String,
    expected: String,
}

fn steps(document: &str) -> Vec<Step> {
    let block = Regex::new(r"(?s)```console\n(.*?)```").unwrap();
    let text: String = block
        .captures_iter(document)
        .map(|block| block[1].to_owned())
        .collect();
    let steps = format!("\n{text}");
    let steps = steps
        .split("\n$ ")
        .skip(1)
        .map(|step| step.split_once('\n').unwrap_or((step, "")));
    steps
        .map(|(command, expected)| Step {
            command: command.to_owned(),
            expected: expected.trim_end().to_owned(),
        })
        .collect()
}

/// What a terminal shows after this: lines that are drawn over show what was drawn last.
fn screen(written: &str) -> String {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0, 0);
    let mut rest = written;
    let escape = Regex::new("^\u{1b}\\[[0-?]*([@-~])").unwrap();
    while let Some(character) = rest.chars().next() {
        let line: &mut Vec<char> = &mut lines[row];
        let mut length = character.len_utf8();
        match character {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                lines.resize(lines.len().max(row + 1), Vec::new());
            }
            '\u{1b}' => {
                let sequence = escape
                    .captures(rest)
                    .unwrap_or_else(|| panic!("no escape sequence: {rest:?}"));
                length = sequence[0].len();
                match &sequence[1] {
                    "K" => line.clear(),
                    "A" => row -= 1,
                    _ => {}
                }
            }
            _ => {
                line.resize(line.len().max(column + 1), ' ');
                line[column] = character;
                column += 1;
            }
        }
        rest = &rest[length..];
    }
    let lines = lines
        .iter()
        .map(|line| line.iter().collect::<String>().trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn pattern(expected: &str) -> Regex {
    let lines = expected.lines().map(|line| match line {
        "…" => "(?:.*\n)*?".to_owned(),
        line => format!("{}\n", regex::escape(line).replace('…', ".*?")),
    });
    Regex::new(&format!("^{}$", lines.collect::<String>())).unwrap()
}

/// Types a command as a user does: where the notice asks for it, Enter follows.
fn typed(command: &str, home: &Path) -> String {
    let program = launch_path().parent().unwrap().display();
    let launch = Launch::new()
        .on_terminal()
        .env("HOME", home)
        .inside(home)
        .env("DO_NOT_TRACK", "1");
    let launch = launch.env(
        "PATH",
        format!("{program}:{}", std::env::var("PATH").unwrap()),
    );
    // The launcher becomes the shell, and the shell does not know why.
    let mut running = launch.start(&["env", "-u", "DO_NOT_TRACK", "bash", "-c", command]);
    let asked = "Enter starts now";
    assert!(
        poll_until(|| running.has_ended() || running.stdout().contains(asked)),
        "{command}: neither asks nor ends"
    );
    if !running.has_ended() {
        running.type_in("\n");
    }
    screen(&running.finish().stdout)
}

#[test]
fn the_transcript_is_what_happens() {
    if !has("python3") || !has("bash") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    for file in ["train.py", "train.yml"] {
        fs::copy(path("examples").join(file), home.path().join(file)).unwrap();
    }
    let steps = steps(&read("docs/first-run.md"));
    assert!(steps.len() >= 10, "{} steps", steps.len());
    for Step { command, expected } in steps {
        let shown = typed(&command, home.path());
        // A user who types is slower than an observer, however busy the machine is.
        runs(&state(home.path()))
            .iter()
            .for_each(Recorded::until_released);
        assert!(
            pattern(&expected).is_match(&format!("{shown}\n"))
                || expected.is_empty() && shown.is_empty(),
            "$ {command}\n--- expected\n{expected}\n--- shown\n{shown}\n---"
        );
    }
}

#[test]
fn a_screen_shows_what_was_drawn_last() {
    for (written, expected) in [
        ("one\r\ntwo\r\n", "one\ntwo"),
        ("  1%|\r 50%|\r100%|\r\n", "100%|"),
        ("bar\r\u{1b}[2Kgone\u{1b}[1m!\u{1b}[0m\n", "gone!"),
        ("a\r\nb\u{1b}[1A\rc\n", "c\nb"),
    ] {
        assert_eq!(screen(written), expected, "{written:?}");
    }
}

#[test]
fn an_ellipsis_stands_for_what_differs_and_nothing_else_does() {
    for (expected, shown, holds) in [
        ("a … c", "a b c", true),
        ("a\n…\nd", "a\nb\nc\nd", true),
        ("a\n…\nd", "a\nd", true),
        ("a … c", "a b\nc", false),
        ("a", "a\nb", false),
        ("a.c", "abc", false),
    ] {
        assert_eq!(
            pattern(expected).is_match(&format!("{shown}\n")),
            holds,
            "{expected:?} {shown:?}"
        );
    }
}
