//! What a process does that stands in a public function: the table of `knowledge/stack_classes.yaml`, which explains the
//! fields.

use crate::event::Frame;
use crate::event::value::Text;
use crate::public::PublicStr;
use crate::public::words::words;

words! {
    /// What a process does.
    StackClass {
        /// It waits for other ranks.
        Collective => "collective",
        /// It waits for data, or prepares it.
        Data => "data",
        /// It writes a checkpoint.
        Saving => "saving",
        /// It compiles.
        Compilation => "compilation",
        /// It evaluates.
        Evaluation => "evaluation",
        /// It waits for a process that it has started.
        ChildProcess => "child_process",
        /// Anything else.
        Other => "other",
    }
}

/// The file and the functions in which a training waits for its data workers, and where these work.
const LOADER: (&str, &str) = ("torch/utils/data/dataloader.py", "_get_data");
const WORKER: (&str, &str) = ("torch/utils/data/_utils/worker.py", "_worker_loop");

/// What an entry's frame says of those further in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It counts whatever it has called.
    Anywhere,
    /// It counts if it has called no code of the user's.
    Public,
    /// It counts if it has called nothing.
    Innermost,
}

/// While it does what an entry says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum While {
    /// Whatever it does.
    None,
    /// While its main thread sleeps; else it works there itself.
    Asleep,
}

/// An entry.
#[derive(Debug)]
pub(crate) struct StackKnowledge {
    class: StackClass,
    files: &'static [&'static str],
    functions: &'static [&'static str],
    reach: Reach,
    holds: While,
    #[cfg(test)]
    examples: &'static [&'static str],
    #[cfg(test)]
    look_alikes: &'static [&'static str],
}

impl StackKnowledge {
    fn names<T: Text>(&self, frame: &Frame<T>) -> bool {
        let Some(file) = frame.file.as_ref().map(T::as_ref) else {
            return false;
        };
        let function = frame.function.as_ref().map_or("", T::as_ref);
        let is_file =
            |listed: &&str| *listed == file || listed.ends_with('/') && file.starts_with(listed);
        let is_function = |word: &&str| function.contains(word);
        self.files.iter().any(is_file)
            && (self.functions.is_empty() || self.functions.iter().any(is_function))
    }
}

/// What a process does whose frames these are, the innermost first, and the frame that tells. That of a training that
/// goes on: what only waiting makes of it counts where its main thread `sleeps`.
pub fn class_at_work(frames: &[Frame], sleeps: impl FnOnce() -> bool) -> StackClass {
    match telling(frames) {
        Some((entry, _)) if entry.holds == While::Asleep && !sleeps() => StackClass::Other,
        Some((entry, _)) => entry.class,
        None => StackClass::Other,
    }
}

/// What a process does that stands still in these frames, the innermost first, and the frame that tells.
pub fn class_of<T: Text>(frames: &[Frame<T>]) -> (StackClass, Option<&Frame<T>>) {
    match telling(frames) {
        Some((entry, frame)) => (entry.class, Some(frame)),
        None => (StackClass::Other, None),
    }
}

/// Whether it waits for its data workers.
pub fn awaits_workers(frames: &[Frame]) -> bool {
    is_in(frames, LOADER)
}

/// Whether it is a data worker itself.
pub fn is_data_worker(frames: &[Frame]) -> bool {
    is_in(frames, WORKER)
}

fn is_in(frames: &[Frame], (file, function): (&str, &str)) -> bool {
    frames.iter().any(|frame| {
        let is_file = frame.file.as_ref().map(PublicStr::as_str) == Some(file);
        let name = frame.function.as_ref().map_or("", PublicStr::as_str);
        is_file && name.contains(function)
    })
}

fn telling<T: Text>(frames: &[Frame<T>]) -> Option<(&'static StackKnowledge, &Frame<T>)> {
    let mut is_public = true;
    for (index, frame) in frames.iter().enumerate() {
        is_public &= frame.file.is_some();
        for entry in ROWS {
            let reaches = match entry.reach {
                Reach::Anywhere => true,
                Reach::Public => is_public,
                Reach::Innermost => index == 0,
            };
            if reaches && entry.names(frame) {
                return Some((entry, frame));
            }
        }
    }
    None
}

include!(concat!(env!("OUT_DIR"), "/stack_classes.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::traceback::frame_of_code;

    fn frame(written: &str) -> Frame {
        let (file, function) = written.split_once(' ').unwrap();
        let folder = if file.contains('/') {
            "/v/lib/python3.12/site-packages"
        } else {
            "/v/lib/python3.12"
        };
        let frame = frame_of_code(&format!("{folder}/{file}"), function, Some(1));
        assert_eq!(
            frame.file.as_ref().map(PublicStr::as_str),
            Some(file),
            "{written}"
        );
        frame
    }

    #[test]
    fn every_example_is_recognised_and_no_look_alike() {
        for entry in ROWS {
            for example in entry.examples {
                assert_eq!(class_of(&[frame(example)]).0, entry.class, "{example}");
            }
            for look_alike in entry.look_alikes {
                assert_eq!(
                    class_of(&[frame(look_alike)]).0,
                    StackClass::Other,
                    "{look_alike}"
                );
            }
        }
    }

    #[test]
    fn code_of_the_users_further_in_is_what_a_process_really_does() {
        let user = frame_of_code("/home/me/train.py", "hook", Some(3));
        let lock = frame("threading.py wait");
        for (frames, expected) in [
            (
                vec![
                    lock.clone(),
                    frame("torch/distributed/distributed_c10d.py barrier"),
                ],
                StackClass::Collective,
            ),
            (
                vec![
                    user.clone(),
                    frame("torch/distributed/distributed_c10d.py barrier"),
                ],
                StackClass::Other,
            ),
            (
                vec![
                    frame("torch/autograd/graph.py _engine_run_backward"),
                    user.clone(),
                ],
                StackClass::Collective,
            ),
            (
                vec![lock, frame("torch/autograd/graph.py _engine_run_backward")],
                StackClass::Other,
            ),
            (
                vec![
                    user.clone(),
                    frame("torch/utils/data/_utils/fetch.py fetch"),
                ],
                StackClass::Data,
            ),
            (vec![user], StackClass::Other),
            (vec![], StackClass::Other),
        ] {
            assert_eq!(class_of(&frames).0, expected, "{frames:?}");
        }
    }
}
