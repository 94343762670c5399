//! Deaths without a traceback of the interpreter's (rows 38 to 44, 48).

use super::{FAILED, FRAMES, read, traceback};
use crate::public::PublicStr;
use crate::status::End;

fn marker(text: &str, end: Option<End>) -> Option<String> {
    read(text, end)
        .error
        .and_then(|error| error.marker)
        .map(|marker| marker.to_string())
}

#[test]
fn a_fatal_error_of_the_interpreter_has_its_frames_in_the_usual_order() {
    let frames = "  File \"/home/jane/venv/lib/python3.11/site-packages/torch/nn/functional.py\", line 592 in cross_entropy\n  File \"/home/jane/acme.py\", line 4 in <module>\n";
    for text in [
        format!(
            "Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007feb (most recent call first):\n{frames}\nExtension modules: numpy.core, acme._C (total: 2)\n"
        ),
        format!(
            "Fatal Python error: Segmentation fault\n\nThread 0x00007f00 (most recent call first):\n  File \"/usr/lib/python3.11/threading.py\", line 3 in wait\n\nCurrent thread 0x00007feb (most recent call first):\n{frames}"
        ),
        format!(
            " 45%|####5  | 431/960 [00:01<00:01, 1.64s/it]Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007feb (most recent call first):\n{frames}"
        ),
        format!(
            "[rank0]: Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007feb (most recent call first):\n{frames}"
        ),
    ] {
        let judgement = read(&text, Some(End::Signaled(11)));
        let error = judgement.error.unwrap();
        assert_eq!(
            (judgement.reports.len(), judgement.exception_type),
            (1, None),
            "{text}"
        );
        assert_eq!(
            error.marker.unwrap().as_str(),
            "Fatal Python error: Segmentation fault (SIGSEGV)",
            "{text}"
        );
        let frames = error.frames.unwrap();
        let files: Vec<_> = frames
            .iter()
            .map(|frame| frame.file.as_ref().map(PublicStr::as_str))
            .collect();
        assert_eq!(files, [None, Some("torch/nn/functional.py")], "{text}");
    }
}

#[test]
fn signs_of_native_deaths() {
    for (text, end, expected) in [
        (
            "terminate called after throwing an instance of 'c10::Error'\n  what():  acme at 10.0.0.1\n",
            End::Signaled(6),
            "c10::Error",
        ),
        (
            "terminate called after throwing an instance of 'acme::Error'\n",
            End::Signaled(6),
            "terminate called after throwing an exception",
        ),
        (
            "free(): double free detected in tcache 2\n",
            End::Signaled(6),
            "double free or corruption",
        ),
        (
            "*** stack smashing detected ***: terminated\n",
            End::Exited(134),
            "stack smashing detected",
        ),
        (
            "python: acme.c:412: f: Assertion 's3cr3t' failed.\n",
            End::Signaled(6),
            "Assertion failed",
        ),
        (
            "launch.sh: line 3:    25 Killed                  /home/jane/python --token s3cr3t\n",
            End::Exited(137),
            "Killed (SIGKILL)",
        ),
        (
            "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some of acme\n/x.sh: line 2: 25 Killed  jane\n",
            End::Exited(137),
            "oom_kill",
        ),
        ("", End::Signaled(9), "SIGKILL"),
        ("", End::Signaled(11), "SIGSEGV"),
        ("", End::Exited(139), "SIGSEGV"),
    ] {
        assert_eq!(marker(text, Some(end)).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn a_crash_behind_a_traceback_keeps_both() {
    let survived = traceback("ValueError: acme");
    let thrown = "terminate called after throwing an instance of 'c10::Error'\n";
    let unjoined = "terminate called without an active exception\n";
    for (text, end, class, marker) in [
        (
            format!("{survived}{thrown}"),
            End::Signaled(6),
            Some("ValueError"),
            Some("c10::Error"),
        ),
        (
            survived.clone() + "Segmentation fault (core dumped)\n",
            End::Exited(139),
            Some("ValueError"),
            Some("Segmentation fault (SIGSEGV)"),
        ),
        (
            survived.clone() + &"step 3\n".repeat(50) + thrown,
            End::Signaled(6),
            None,
            Some("c10::Error"),
        ),
        (
            format!("{survived}{unjoined}"),
            End::Signaled(6),
            Some("ValueError"),
            None,
        ),
        (survived.clone(), End::Signaled(9), None, Some("SIGKILL")),
    ] {
        let error = read(&text, Some(end)).error.unwrap();
        assert_eq!(
            (
                error.exception_type.as_ref().map(PublicStr::as_str),
                error.marker.as_ref().map(PublicStr::as_str)
            ),
            (class, marker),
            "{text}"
        );
    }
}

#[test]
fn quiet_ends_tell_nothing() {
    for text in [
        "",
        "no GPU on acme for jane\n",
        "Error: Invalid value for 'CONFIG': Path '/home/jane' does not exist.\n",
        "╭─ Error ───╮\n│ s3cr3t    │\n╰───────────╯\n",
    ] {
        let judgement = read(text, FAILED);
        assert_eq!(
            (
                judgement.error,
                judgement.reports.len(),
                judgement.interrupted
            ),
            (None, 0, false),
            "{text}"
        );
    }
    let alone = read("MemoryError\n", FAILED);
    assert_eq!(alone.exception_type.unwrap().as_str(), "MemoryError");
}

#[test]
fn frames_without_an_exception_are_no_error() {
    let text = format!(
        "Object allocated at (most recent call last):\n{FRAMES}\nsys:1: ResourceWarning: unclosed file <_io.TextIOWrapper name='/home/jane/acme'>\n"
    );
    assert_eq!(read(text, Some(End::Exited(0))).reports.len(), 0);
}
