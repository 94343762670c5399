//! The `$exception` event: a failure in the form of PostHog's Error tracking, which makes issues of it.
//!
//! It says nothing that `error` and `finish` do not say; what differs is the form, which is PostHog's: the first
//! exception of the list is the one that ended the run, the others are its chain, newest first. A death that left no
//! traceback is an issue, too. Its frames are not printed again as a text, and the whole is bounded like every event.
//! The names that PostHog's server writes itself (`$exception_types`, `$exception_issue_id`…) are never sent.

use super::value::fields;
use crate::public::PublicStr;

fields! {
    /// Sent at most once, when the run failed.
    pub struct ExceptionEvent<T> {
        "$exception_list" => list: Vec<ListedException<T>>, "the exception that ended the run, and its chain, newest first";
        "$exception_fingerprint" => fingerprint: T, "groups equal failures into an issue: the error's fingerprint, or a hash over the verdict and what is public about a death without a traceback";
        "$exception_level" => level: T, "always `fatal`";
        "$exception_handled" => handled: bool, "always false: the run ended of it";
        "$issue_name" => issue_name: T, "what people read in the list of issues: the type, and the innermost public function";
        "$issue_description" => issue_description: T, "the public message or sign, or what the failure means";
        "verdict_kind" => verdict_kind: T, "the kind of the finish event's verdict, so that issues can be filtered by it";
        "meaning" => meaning: T, "what the error means, as in the error event";
        "stage" => stage: T, "the part of Axolotl that failed, as in the error event";
        "rank" => rank: u64, "rank of the process that failed first";
    }
}

fields! {
    /// One exception.
    pub struct ListedException<T> {
        "type" => kind: T, "public class of the exception, else `<private>`; `axolotl_run.` and the verdict where no traceback was left";
        "value" => value: T, "a public message of the catalogue, or the sign of a death; else empty";
        "mechanism" => mechanism: Mechanism<T>, "how it came about";
        "stacktrace" => stacktrace: Stacktrace<T>, "its frames";
    }
}

fields! {
    /// How an exception came about.
    pub struct Mechanism<T> {
        "handled" => handled: bool, "always false";
        "type" => kind: T, "always `generic`";
        "synthetic" => synthetic: bool, "true where there was no exception: the type is a verdict";
    }
}

fields! {
    /// The frames of an exception.
    pub struct Stacktrace<T> {
        "type" => kind: T, "always `raw`";
        "frames" => frames: Vec<ListedFrame<T>>, "outermost first";
    }
}

fields! {
    /// One frame.
    pub struct ListedFrame<T> {
        "platform" => platform: T, "always `python`";
        "filename" => filename: T, "public file, else what kind of code it is: `<user>`, `<other_package>`…";
        "function" => function: T, "public function of that file, else the same";
        "lineno" => lineno: u64, "line number";
        "in_app" => in_app: bool, "whether it is Axolotl's own code";
    }
}

impl ExceptionEvent {
    /// The same failure with less and less of it, for the gate that has refused all: without messages, without frames
    /// and chain, its fingerprint alone.
    pub fn degraded(&self) -> [Self; 3] {
        let mut without_messages = self.clone();
        without_messages.issue_description = None;
        for exception in without_messages.list.iter_mut().flatten() {
            exception.value = None;
        }
        let mut without_frames = without_messages.clone();
        without_frames.issue_name = None;
        if let Some(list) = &mut without_frames.list {
            list.truncate(1);
            for exception in list {
                exception.stacktrace = None;
            }
        }
        let mut fingerprint = without_frames.clone();
        fingerprint.stage = None;
        for exception in fingerprint.list.iter_mut().flatten() {
            exception.kind = Some(PublicStr::constant("<withheld>"));
        }
        [without_messages, without_frames, fingerprint]
    }
}
