//! The `$exception` event of a failed run: one issue in PostHog's Error tracking.
//!
//! An error with a class is that exception, and has the error's own fingerprint. Every other failure (a kill for memory,
//! a segmentation fault, a hang) is named after its verdict, and grouped by what is public about it: the verdict, what
//! was printed where the verdict alone does not say what happened, and the places of its frames. What somebody asked
//! for, and an end that nobody saw, is no failure.

use super::verdict::{Kind, Outcome, Verdict};
use crate::event::{ErrorEvent, ExceptionEvent, ListedException, ListedFrame};
use crate::knowledge::Meaning;
use crate::output::traceback::{Judgement, fingerprint_of, mechanism};
use crate::public::PublicStr;
use crate::public::text::PublicText;

/// The issue of a run that ended so; None where it did not fail.
pub fn issue(judgement: &Judgement, verdict: &Verdict) -> Option<ExceptionEvent> {
    let failed = matches!(verdict.outcome, Outcome::Error | Outcome::Signal);
    let error = judgement.error.as_ref();
    if error.is_none() && (!failed || verdict.kind.is_requested()) {
        return None;
    }
    let no_error = ErrorEvent::default();
    let error = error.unwrap_or(&no_error);
    let mut event = ExceptionEvent {
        list: Some(judgement.exceptions.clone()),
        fingerprint: error.fingerprint.clone(),
        level: Some(PublicStr::constant("fatal")),
        handled: Some(false),
        issue_description: description(error, verdict),
        verdict_kind: Some(verdict.kind.public()),
        meaning: error.meaning.clone(),
        stage: error.stage.clone(),
        rank: verdict.rank.or(error.rank),
        ..ExceptionEvent::default()
    };
    if let Some(class) = &error.exception_type {
        event.issue_name = Some(named(class, &judgement.exceptions));
        return Some(event);
    }
    let death = death(error, verdict, &judgement.exceptions);
    event.fingerprint = Some(fingerprint(&death, error, verdict));
    let means = PublicStr::constant(verdict.kind.means().trim_end_matches('.'));
    event.issue_name = Some(means);
    event.list = Some(vec![death]);
    Some(event)
}

/// A failure without a class as an entry of the list.
fn death(error: &ErrorEvent, verdict: &Verdict, exceptions: &[ListedException]) -> ListedException {
    let mut kind = PublicText::new();
    kind.constant("axolotl_run.").public(&verdict.kind.public());
    let first = exceptions.first();
    ListedException {
        kind: Some(kind.finish()),
        value: error.marker.clone(),
        mechanism: Some(mechanism(true)),
        stacktrace: first.and_then(|exception| exception.stacktrace.clone()),
    }
}

/// Groups failures without a class.
fn fingerprint(death: &ListedException, error: &ErrorEvent, verdict: &Verdict) -> PublicStr {
    let mut parts: Vec<&PublicStr> = death.kind.iter().collect();
    if !says_what_happened(verdict.kind) {
        parts.extend(error.meaning.as_ref().or(error.marker.as_ref()));
    }
    let mut previous_place = None;
    for frame in frames(death) {
        let place = Some((&frame.filename, &frame.function));
        if place != previous_place {
            parts.extend(frame.filename.iter().chain(&frame.function));
            previous_place = place;
        }
    }
    fingerprint_of(parts)
}

/// Whether two failures with this verdict and no frames are the same failure.
const fn says_what_happened(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::ExitNonzero | Kind::Exception | Kind::Abort | Kind::GpuFault | Kind::OtherSignal
    )
}

fn frames(exception: &ListedException) -> impl DoubleEndedIterator<Item = &ListedFrame> {
    let stacktrace = exception.stacktrace.iter();
    stacktrace.flat_map(|stacktrace| stacktrace.frames.iter().flatten())
}

/// `torch.OutOfMemoryError in forward (torch/nn/modules/linear.py)`.
fn named(class: &PublicStr, exceptions: &[ListedException]) -> PublicStr {
    let mut name = PublicText::new();
    name.public(class);
    let is_public = |frame: &&ListedFrame| {
        let file = frame.filename.as_ref();
        file.is_some_and(|file| !file.as_str().starts_with('<'))
    };
    let innermost = exceptions.first().and_then(|exception| {
        let mut innermost_first = frames(exception).rev();
        innermost_first.find(is_public)
    });
    if let Some(ListedFrame {
        filename: Some(file),
        function: Some(function),
        ..
    }) = innermost
    {
        name.constant(" in ");
        if !function.as_str().starts_with('<') {
            name.public(function).constant(" of ");
        }
        name.public(file);
    }
    name.finish()
}

/// What is told of it in a sentence.
fn description(error: &ErrorEvent, verdict: &Verdict) -> Option<PublicStr> {
    let printed = error.exception.as_ref().or(error.marker.as_ref());
    let meaning = verdict.meaning.map(Meaning::means);
    let meaning = meaning.unwrap_or(verdict.kind.means());
    Some(printed.cloned().unwrap_or(PublicStr::constant(meaning)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::judging::verdict::judge;
    use crate::knowledge::lists::SignalSender;
    use crate::observation::{Ending, Hang, Request, Stream};
    use crate::output::lines::LineCutter;
    use crate::output::progress::Training;
    use crate::output::traceback::TraceReader;
    use crate::status::End;
    use serde_json::{Map, Value};

    fn properties(printed: &str, ending: &Ending) -> Option<Map<String, Value>> {
        let mut reader = TraceReader::default();
        reader.bytes(Stream::Both, &mut LineCutter::default(), printed.as_bytes());
        let judgement = reader.finish(ending.end);
        let verdict = judge(ending, &judgement, &Training::default());
        let event = Event::Exception(Box::new(issue(&judgement, &verdict)?));
        Some(event.properties(1.0))
    }

    fn ended(end: End) -> Ending {
        Ending {
            at: 100.0,
            end: Some(end),
            ..Ending::default()
        }
    }

    #[test]
    fn a_death_without_a_traceback_is_an_issue_named_after_its_verdict() {
        let killed = End::Signaled(9);
        let stopped = Request {
            signal: 15,
            sender: SignalSender::SameUser,
            at: 99.0,
            seconds_left: None,
        };
        let killed_for_memory = Ending {
            oom_kills_cgroup: Some(1),
            ..ended(killed)
        };
        let hung = Ending {
            hang: Some(Hang {
                since: 1.0,
                suspect_rank: Some(3),
            }),
            requests: vec![stopped],
            ..ended(End::Signaled(15))
        };
        let asked = Ending {
            requests: vec![stopped],
            ..ended(End::Signaled(15))
        };
        let mut fingerprints = Vec::new();
        for (printed, ending, kind) in [
            ("", killed_for_memory, Some("axolotl_run.oom_cgroup")),
            ("", ended(killed), Some("axolotl_run.killed_unknown")),
            ("", ended(End::Signaled(11)), Some("axolotl_run.segfault")),
            ("", hung, Some("axolotl_run.hang")),
            ("", ended(End::Exited(3)), Some("axolotl_run.exit_nonzero")),
            ("", ended(End::Exited(0)), None),
            ("", asked, None),
            ("", ended(End::Signaled(2)), None),
            ("", Ending::default(), None),
        ] {
            let made = properties(printed, &ending);
            let first = made.as_ref().map(|made| &made["$exception_list"][0]);
            let told = first.and_then(|first| first["type"].as_str());
            assert_eq!(told, kind, "{ending:?}");
            if let Some(made) = made {
                assert_eq!(made["$exception_list"][0]["mechanism"]["synthetic"], true);
                fingerprints.push(made["$exception_fingerprint"].to_string());
            }
        }
        let kinds = fingerprints.len();
        fingerprints.sort();
        fingerprints.dedup();
        assert_eq!(
            fingerprints.len(),
            kinds,
            "different deaths are different issues"
        );
    }

    #[test]
    fn an_exception_comes_with_its_chain_its_frames_and_a_name() {
        let printed = "Traceback (most recent call last):\n  File \"/v/site-packages/torch/serialization.py\", line 4, in save\nOSError: [Errno 28] No space left on device: '/home/jdoe'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"/home/jdoe/train.py\", line 3, in jdoe\n  File \"/v/site-packages/axolotl/train.py\", line 9, in train\nRuntimeError: jdoe\n";
        let made = properties(printed, &ended(End::Exited(1))).unwrap();
        let list = made["$exception_list"].as_array().unwrap();
        let types: Vec<_> = list.iter().map(|entry| &entry["type"]).collect();
        assert_eq!(types, ["RuntimeError", "OSError"]);
        assert_eq!(
            list[1]["value"],
            "[Errno 28] No space left on device (ENOSPC)"
        );
        let frames = list[0]["stacktrace"]["frames"].as_array().unwrap();
        assert_eq!(frames[0]["filename"], "<user>");
        assert_eq!(frames[0]["function"], "<user>");
        assert_eq!(
            (&frames[0]["in_app"], &frames[1]["in_app"]),
            (&false.into(), &true.into())
        );
        assert_eq!(
            made["$issue_name"],
            "RuntimeError in train of axolotl/train.py"
        );
        assert_eq!(made["stage"], "axolotl.train.train");
        assert!(!Value::from(made).to_string().contains("jdoe"));
    }
}
