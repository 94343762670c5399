//! Tracebacks as libraries print them (rows 30 to 37, 46).

use super::{FAILED, assert_one, read, traceback};
use crate::status::End;

const SITE: &str = "/home/jane/venv/lib/python3.11/site-packages";

#[test]
fn boxes() {
    let rows = format!(
        "│ /home/jane/acme.py:7 in <module>    │\n│                 │\n│ ❱ 7 go('s3cr3t')  │\n│                 │\n│ {SITE}/torch/nn/functional.py:592 in   │\n│ cross_entropy   │\n│                 │\n│ ╭─── locals ───╮ │\n│ │ x = 'acme'   │ │\n│ ╰──────────────╯ │\n"
    );
    let unicode = format!(
        "╭────── Traceback (most recent call last) ──────╮\n{rows}╰────────────╯\nValueError: acme\n"
    );
    let ascii = unicode
        .replace(['╭', '╮', '╰', '╯'], "+")
        .replace('─', "-")
        .replace('│', "|");
    let logged: String = unicode
        .lines()
        .map(|line| format!("{:29}{line}{:14}\n", "", "acme.py:13"))
        .collect();
    let linked = unicode.replace(
        "/torch/nn",
        "\u{1b}]8;;file:///home/jane\u{1b}\\/torch/nn\u{1b}]8;;\u{1b}\\",
    );
    for text in [
        &unicode,
        &ascii,
        &logged,
        &linked,
        &format!("[rank0]: {}", unicode.replace('\n', "\n[rank0]: ")),
    ] {
        assert_one(text, "ValueError");
    }
    let chain = format!(
        "{unicode}\nThe above exception was the direct cause of the following exception:\n\n{}",
        unicode.replace("ValueError", "RuntimeError")
    );
    assert_one(chain, "RuntimeError");
    let member: String = unicode
        .lines()
        .map(|line| format!("│ {line} │\n"))
        .collect();
    let group = format!(
        "{}\n╭──── Sub-exception #1 ────╮\n{member}╰──────────╯\n",
        unicode.replace("ValueError", "ExceptionGroup")
    );
    assert_one(group, "ExceptionGroup");
}

fn assert_one_private(text: &str) {
    let judgement = read(text, FAILED);
    let class = judgement.error.and_then(|error| error.exception_type);
    assert_eq!(
        (class.unwrap().as_str(), judgement.reports.len()),
        ("<private>", 1),
        "{text}"
    );
}

#[test]
fn logs_with_values() {
    let loguru = format!(
        "2026-11-22 14:05:55.936 | ERROR    | __main__:<module>:8 - acme died\nTraceback (most recent call last):\n\n> File \"/home/jane/acme.py\", line 6, in <module>\n    go('s3cr3t')\n    └ <function acme at 0x7f>\n\n  File \"{SITE}/torch/nn/functional.py\", line 592, in cross_entropy\n    return x\n           └ 's3cr3t'\n\nValueError: acme\n"
    );
    let stackprinter = format!(
        "File \"/home/jane/acme.py\", line 6, in f\n    4   def f(x):\n--> 6       go(x)\n    ..................................................\n     x = 's3cr3t'\n    ..................................................\n\nFile \"{SITE}/torch/nn/functional.py\", line 592, in cross_entropy\n--> 592   return x\n\nValueError: acme\n"
    );
    // Nothing but the place below its frames says that this is an exception's line.
    assert_one_private(&stackprinter.replace("ValueError: acme", "AcmeBoom: jane"));
    let better = traceback("ValueError: acme").replace(
        "    go('s3cr3t')\n",
        "    go('s3cr3t')\n    │  └ 's3cr3t'\n    └ <function acme at 0x7f>\n",
    );
    let json = |text: &str| {
        format!(
            "{{\"host\": \"acme\", \"exc_info\": {}, \"z\": 1}}\n",
            serde_json::to_string(text.trim_end()).unwrap()
        )
    };
    for text in [
        loguru,
        stackprinter,
        better,
        json(&traceback("ValueError: acme")),
        json(&json(&traceback("ValueError: acme"))),
    ] {
        assert_one(text, "ValueError");
    }
}

#[test]
fn notebooks() {
    let dashes = "-".repeat(75);
    let head = "ValueError                                Traceback (most recent call last)";
    for text in [
        format!(
            "{dashes}\n{head}\nCell In[3], line 2\n      1 x = 's3cr3t'\n----> 2 acme(x)\n\nFile {SITE}/torch/nn/functional.py:592, in cross_entropy(x, token)\n    590 def\n--> 592     return x\n\nValueError: acme\n"
        ),
        format!(
            "{dashes}\n{head}\n<ipython-input-3-acme> in <module>\n----> 2 acme(x)\n\n{SITE}/torch/nn/functional.py in cross_entropy(x='s3cr3t')\n    590 def\n--> 592     return x\n        x = 's3cr3t'\n\nValueError: acme\n"
        ),
        format!(
            "Traceback (most recent call last):\n  File /home/jane/acme.py:8\n    go('s3cr3t')\n  File {SITE}/torch/nn/functional.py:592 in cross_entropy\n    return x\nValueError: acme\n"
        ),
    ] {
        assert_one(text, "ValueError");
    }
}

#[test]
fn progress_bars_before_between_and_behind() {
    let bar = "\r 45%|####5  | 431/960 [00:01<00:01,  1.64s/it, loss=2]";
    let own = traceback("ValueError: acme");
    assert_one(format!("{bar}{own}"), "ValueError");
    assert_one(
        own.replace('\n', &format!("\n{bar}\n\u{1b}[A")),
        "ValueError",
    );
    assert_one(own.replace('\n', &format!("\n{bar}")), "ValueError");
    assert_one(
        format!("{}{bar}", own.replace("    go", "Epoch: 3\n    go")),
        "ValueError",
    );
    assert_one(
        format!("{bar}{}", super::prefixed("[rank0]: ", &own)),
        "ValueError",
    );
}

#[test]
fn a_long_training_without_an_error_is_quiet() {
    let text: String = (0..2000)
        .map(|step| {
            format!(
                "\r {}%|##  | {step}/2000 [00:01<00:01, 7.3it/s] acme{{'loss': 1.{step}}}\n",
                step / 20
            )
        })
        .collect();
    let judgement = read(text, Some(End::Exited(0)));
    assert_eq!(
        (
            judgement.error,
            judgement.reports.len(),
            judgement.handled_count
        ),
        (None, 0, 0)
    );
}
