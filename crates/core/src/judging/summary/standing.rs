//! Where the processes of a run were that stood still, in words.

use crate::event::value::Text;
use crate::event::{Frame, StackGroup};
use crate::judging::stacks::StoodProcess;
use crate::knowledge::lists::KernelWait;
use crate::knowledge::python::stack_classes::StackClass;

/// Ranks that are named one by one.
const RANKS_NAMED: usize = 6;

impl<T: Text> StackGroup<T> {
    /// `rank 1: your code, line 172, called from transformers/trainer_callback.py:545`.
    pub fn sentence(&self) -> String {
        let waits_for = self.waits_for.as_ref().map_or("", AsRef::as_ref);
        let waits_for = KernelWait::parse(waits_for);
        let Some(word) = &self.stands_in else {
            let doing = waits_for.map_or("unknown", KernelWait::means);
            return format!("{}: {doing}", self.who());
        };
        let class = StackClass::parse(word.as_ref()).unwrap_or(StackClass::Other);
        let mut text = format!("{}: {}", self.who(), self.place());
        let doing = match (class, waits_for) {
            (StackClass::Other, Some(wait)) if self.moves.is_none() => waiting(wait),
            _ => self.doing(class),
        };
        text.push_str(doing);
        if self.moves == Some(true) {
            text.push_str(", and moves there");
        }
        if self.workers_gone == Some(true) {
            text.push_str("; none of its data workers is left");
        }
        text
    }

    fn is_worker(&self) -> bool {
        let process = self.process.as_ref().map(AsRef::as_ref);
        process == Some(StoodProcess::DataWorker.as_str())
    }

    fn who(&self) -> String {
        let ranks = self.ranks.as_deref().unwrap_or_default();
        let named = match ranks {
            [] if self.is_worker() => return "the data workers".to_owned(),
            [] => return "the training".to_owned(),
            [rank] => format!("rank {rank}"),
            [first, .., last] if ranks.len() > RANKS_NAMED => {
                format!("{} ranks from {first} to {last}", ranks.len())
            }
            [others @ .., last] => {
                let others: Vec<String> = others.iter().map(u64::to_string).collect();
                format!("ranks {} and {last}", others.join(", "))
            }
        };
        if self.is_worker() {
            return format!("the data workers of {named}");
        }
        named
    }

    /// The innermost frame, and the package that called it.
    fn place(&self) -> String {
        let frames = self.frames.as_deref().unwrap_or_default();
        let Some(innermost) = frames.first() else {
            return "unknown".to_owned();
        };
        let mut text = innermost.place();
        if !innermost.is_of_package()
            && let Some(caller) = frames.iter().find(|frame| frame.is_of_package())
        {
            text.push_str(&format!(", called from {}", caller.place()));
        }
        text
    }

    fn doing(&self, class: StackClass) -> &'static str {
        match class {
            StackClass::Collective => " in a collective",
            StackClass::Data if self.is_worker() => " preparing data",
            StackClass::Data => " waiting for data",
            StackClass::Saving => " saving a checkpoint",
            StackClass::Compilation => " compiling",
            StackClass::Evaluation => " evaluating",
            StackClass::ChildProcess => " waiting for a process that it started",
            StackClass::Other => "",
        }
    }
}

/// What one does who stands in code that says nothing of it.
fn waiting(wait: KernelWait) -> &'static str {
    match wait {
        KernelWait::Process => ", waiting for another process",
        KernelWait::Child => ", waiting for a process that it started",
        KernelWait::FileSystem => ", waiting for a file system",
        KernelWait::Sleep => ", sleeping",
        KernelWait::Thread => ", waiting for a lock or another thread",
        KernelWait::Processor => ", computing",
    }
}

impl<T: Text> Frame<T> {
    fn is_of_package(&self) -> bool {
        let origin = self.origin.as_ref().map_or("", AsRef::as_ref);
        self.file.is_some() && !matches!(origin, "stdlib" | "script" | "generated")
    }

    /// `torch/nn/parallel/distributed.py:2305`; `your code, line 172`.
    fn place(&self) -> String {
        let origin = self.origin.as_ref().map_or("unknown", AsRef::as_ref);
        let line = self.line.map(|line| line.to_string());
        if let Some(file) = &self.file {
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            return format!("{}{line}", file.as_ref());
        }
        let line = line
            .map(|line| format!(", line {line}"))
            .unwrap_or_default();
        match origin {
            "user" => format!("your code{line}"),
            "remote_code" => format!("remote code{line}"),
            _ => format!("{} code{line}", origin.replace('_', " ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(origin: &str, file: Option<&str>, line: u64) -> Frame<String> {
        Frame {
            origin: Some(origin.to_owned()),
            file: file.map(str::to_owned),
            line: Some(line),
            ..Frame::default()
        }
    }

    #[test]
    fn who_stood_where_is_said_in_a_sentence() {
        let user = || frame("user", None, 172);
        let callback = || {
            frame(
                "transformers",
                Some("transformers/trainer_callback.py"),
                545,
            )
        };
        let sync = || frame("torch", Some("torch/nn/parallel/distributed.py"), 2305);
        let poll = || frame("stdlib", Some("multiprocessing/connection.py"), 257);
        let loader = || frame("torch", Some("torch/utils/data/dataloader.py"), 1133);
        for (process, ranks, class, frames, expected) in [
            (
                "rank",
                vec![1],
                "other",
                vec![user(), user(), callback()],
                "rank 1: your code, line 172, called from transformers/trainer_callback.py:545",
            ),
            (
                "rank",
                vec![0, 2],
                "collective",
                vec![sync(), callback()],
                "ranks 0 and 2: torch/nn/parallel/distributed.py:2305 in a collective",
            ),
            (
                "rank",
                (0..8).collect(),
                "collective",
                vec![sync()],
                "8 ranks from 0 to 7: torch/nn/parallel/distributed.py:2305 in a collective",
            ),
            (
                "rank",
                vec![3],
                "data",
                vec![poll(), loader()],
                "rank 3: multiprocessing/connection.py:257, called from torch/utils/data/dataloader.py:1133 waiting for data",
            ),
            (
                "data_worker",
                vec![3],
                "data",
                vec![user(), loader()],
                "the data workers of rank 3: your code, line 172, called from torch/utils/data/dataloader.py:1133 preparing data",
            ),
            (
                "rank",
                vec![],
                "other",
                vec![frame("remote_code", None, 9)],
                "the training: remote code, line 9",
            ),
            ("rank", vec![5], "odd", vec![], "rank 5: unknown"),
        ] {
            let group = StackGroup {
                process: Some(process.to_owned()),
                ranks: Some(ranks),
                stands_in: Some(class.to_owned()),
                frames: Some(frames),
                ..StackGroup::default()
            };
            assert_eq!(group.sentence(), expected);
        }
        for (stands_in, waits_for, expected) in [
            (
                Some("other"),
                "thread",
                "rank 1: your code, line 172, waiting for a lock or another thread",
            ),
            (
                Some("other"),
                "a later launcher's",
                "rank 1: your code, line 172",
            ),
            (
                Some("collective"),
                "thread",
                "rank 1: your code, line 172 in a collective",
            ),
            (None, "file_system", "rank 1: waits for a file system"),
        ] {
            let group = StackGroup {
                ranks: Some(vec![1]),
                stands_in: stands_in.map(str::to_owned),
                frames: stands_in.map(|_| vec![user()]),
                waits_for: Some(waits_for.to_owned()),
                ..StackGroup::default()
            };
            assert_eq!(group.sentence(), expected);
        }
        let gone = StackGroup {
            ranks: Some(vec![1]),
            stands_in: Some("odd".to_owned()),
            frames: Some(vec![loader()]),
            moves: Some(true),
            workers_gone: Some(true),
            ..StackGroup::default()
        };
        assert_eq!(
            gone.sentence(),
            "rank 1: torch/utils/data/dataloader.py:1133, and moves there; none of its data workers is left"
        );
    }
}
