//! The grammar of tracebacks, row by row: what is printed, and what must be told of it.
//!
//! Every stream here holds `jane`, `acme` or `s3cr3t` wherever the user's text may stand; `read` refuses an
//! answer that holds one of them, so that each test is a test of privacy too.

mod chains;
mod hostile;
mod launchers;
mod native;
mod renderers;

use super::{Judgement, TraceReader};
use crate::event::value::Sendable as _;
use crate::observation::Stream;
use crate::output::lines::LineCutter;
use crate::public::PublicStr;
use crate::status::End;

/// An exit with 1, as the interpreter does after an exception.
const FAILED: Option<End> = Some(End::Exited(1));

/// Two frames, of the user and of a public package.
const FRAMES: &str = "  File \"/home/jane/acme/train.py\", line 9, in load_acme\n    go('s3cr3t')\n  File \"/home/jane/venv/lib/python3.11/site-packages/torch/nn/functional.py\", line 592, in cross_entropy\n    return _C.call(*args)\n";

/// The frames behind a header, with an exception's line.
fn traceback(exception: &str) -> String {
    format!("Traceback (most recent call last):\n{FRAMES}{exception}\n")
}

/// Every line behind a prefix.
fn prefixed(prefix: &str, text: &str) -> String {
    text.lines()
        .map(|line| format!("{prefix}{line}\n"))
        .collect()
}

fn read(text: impl AsRef<[u8]>, end: Option<End>) -> Judgement {
    let mut cutter = LineCutter::default();
    let mut reader = TraceReader::default();
    cutter.push(text.as_ref(), |line| reader.line(Stream::Stderr, &line));
    cutter.finish(|line| reader.line(Stream::Stderr, &line));
    let judgement = reader.finish(end);
    let told = format!(
        "{:?} {:?} {}",
        judgement.error,
        judgement.reports,
        judgement.markers().json()
    )
    .to_lowercase();
    for word in ["jane", "acme", "s3cr3t"] {
        assert!(
            !told.contains(word),
            "`{word}` is told of {}: {told}",
            String::from_utf8_lossy(text.as_ref())
        );
    }
    judgement
}

/// Class of the error, number of reports, and the public frames of all reports as `file:line function`.
fn told(text: impl AsRef<[u8]>, end: Option<End>) -> (Option<String>, usize, Vec<String>) {
    let judgement = read(text, end);
    let class = judgement
        .error
        .as_ref()
        .and_then(|error| error.exception_type.as_ref())
        .map(ToString::to_string);
    let mut frames = Vec::new();
    for report in &judgement.reports {
        let trace = report.stack_trace.as_ref().map_or("", PublicStr::as_str);
        let public = trace
            .lines()
            .filter_map(|line| line.strip_prefix("  File \""));
        frames.extend(public.map(|line| line.replace("\", line ", ":").replace(", in ", " ")));
    }
    (class, judgement.reports.len(), frames)
}

/// Asserts that the stream is one report of this class, with the public frame of [`FRAMES`].
fn assert_one(text: impl AsRef<[u8]>, class: &str) {
    let text = text.as_ref();
    let (told, reports, frames) = told(text, FAILED);
    let stream = String::from_utf8_lossy(text);
    assert_eq!((told.as_deref(), reports), (Some(class), 1), "{stream}");
    assert!(
        frames
            .iter()
            .any(|frame| frame == "torch/nn/functional.py:592 cross_entropy"),
        "{frames:?}\n{stream}"
    );
}
