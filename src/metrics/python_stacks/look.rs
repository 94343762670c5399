//! One look at where all Python processes of a run are, on a thread of its own: the kernel answers for a process that is
//! stuck when it likes, or never.
//!
//! A look is bounded: so many processes, and a time after which it takes no further one. Two looks are compared: what is
//! the same in both stood still, and only that is told.

use super::process::{PROCESSES_MAX, PythonFrame, PythonProcess, Refused, find};
use super::sampling::{Samples, StackSampling};
use crate::metrics::files;
use crate::metrics::processes::{kernel_wait, ranks};
use axolotl_run_core::knowledge::lists::KernelWait;
use axolotl_run_core::observation::{ProcessStack, StacksRefused};
use axolotl_run_core::output::traceback::frame_of_code;
use axolotl_run_sys::background::{Background, Desk};
use axolotl_run_sys::channel::Arrived;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

/// When a look takes no further process: reading all of them takes 20 ms.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// How long whoever asks waits for an answer.
const ANSWER_WAIT: Duration = Duration::from_millis(500);

/// What is wanted of the thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// All stacks as they are now.
    Look,
    /// What was sampled, and that it goes on.
    Samples,
}

/// Whose stacks are wanted.
struct StackRequest {
    wanted: Wanted,
    pids: Vec<u32>,
    /// Memory that somebody else has opened for us.
    opened: Vec<(u32, File)>,
}

enum StackAnswer {
    Look(StackLook),
    Samples(Samples),
}

/// A process that runs Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenProcess {
    /// Its pid.
    pub pid: u32,
    /// The rank that it was started with.
    pub rank: Option<u64>,
    /// Its main thread's stack, the innermost frame first; None where it cannot be read, or what was read cannot be true.
    pub frames: Option<Vec<PythonFrame>>,
    /// What its main thread waits for, as the kernel says.
    pub waits_for: Option<KernelWait>,
}

/// What one look saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackLook {
    /// The processes, by pid.
    pub processes: Vec<SeenProcess>,
    /// Those of them whose memory the kernel does not let us open.
    pub refused: Vec<u32>,
    /// Ranks that the launcher has started on this machine, where it says so.
    pub expected_ranks: Option<u64>,
}

/// Looks at the stacks of a run's processes.
pub struct StackReader {
    thread: Option<Background<StackRequest, StackAnswer>>,
    /// Handed over since the last look.
    opened: Vec<(u32, File)>,
}

impl StackReader {
    /// Reads when it is asked to.
    pub const fn new() -> Self {
        Self {
            thread: None,
            opened: Vec::new(),
        }
    }

    /// Takes memory that somebody else has opened.
    pub fn take(&mut self, pid: u32, memory: File) {
        if self.opened.len() < PROCESSES_MAX {
            self.opened.push((pid, memory));
        }
    }

    /// Looks now; None where nothing comes of it in time.
    pub fn look(&mut self, pids: Vec<u32>) -> Option<StackLook> {
        self.ask(Wanted::Look, pids)?;
        let thread = self.thread.as_mut()?;
        match thread.wait(ANSWER_WAIT).message()? {
            StackAnswer::Look(look) => Some(look),
            StackAnswer::Samples(_) => None,
        }
    }

    /// What was sampled since this was last asked, which has the thread go on sampling until shortly after it should be
    /// asked again. Waits for nothing.
    pub fn sample(&mut self, pids: Vec<u32>) -> Samples {
        self.ask(Wanted::Samples, pids).unwrap_or_default()
    }

    /// Asks, unless the thread is still at what it was asked before. What came meanwhile is of another moment: a look that
    /// nobody waits for any more, or samples.
    fn ask(&mut self, wanted: Wanted, pids: Vec<u32>) -> Option<Samples> {
        if self.thread.is_none() {
            self.thread = Background::start("stacks", work);
        }
        let thread = self.thread.as_mut()?;
        let mut samples = Samples::default();
        while let Arrived::Message(answer) = thread.take() {
            if let StackAnswer::Samples(sampled) = answer {
                samples = sampled;
            }
        }
        if thread.is_busy() {
            return None;
        }
        thread.ask(StackRequest {
            wanted,
            pids,
            opened: std::mem::take(&mut self.opened),
        });
        Some(samples)
    }
}

fn work(desk: &Desk<StackRequest, StackAnswer>) {
    let procfs = Path::new("/proc");
    let mut known = BTreeMap::new();
    let mut sampling = StackSampling::default();
    loop {
        let request = match sampling.wait() {
            Some(wait) => desk.requests.recv_timeout(wait),
            None => desk.requests.recv().map_err(RecvTimeoutError::from),
        };
        match request {
            Ok(request) if request.wanted == Wanted::Look => {
                let seen = look(procfs, request, &mut known);
                desk.answer(StackAnswer::Look(seen));
            }
            Ok(StackRequest { pids, opened, .. }) => {
                let samples = sampling.measure(procfs, &pids, opened, &mut known);
                desk.answer(StackAnswer::Samples(samples));
            }
            Err(RecvTimeoutError::Timeout) => sampling.take(procfs, &mut known),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn look(
    procfs: &Path,
    request: StackRequest,
    known: &mut BTreeMap<u32, PythonProcess>,
) -> StackLook {
    let begun = Instant::now();
    let StackRequest {
        pids, mut opened, ..
    } = request;
    known.retain(|pid, _| pids.contains(pid));
    let mut look = StackLook::default();
    for pid in pids {
        if look.processes.len() >= PROCESSES_MAX || begun.elapsed() > LOOK_TIME {
            break;
        }
        let given = opened.iter().position(|(owner, _)| *owner == pid);
        let given = given.map(|index| opened.swap_remove(index).1);
        let found = match known.remove(&pid) {
            Some(process) => Ok(Some(process)),
            None => find(procfs, pid, given),
        };
        let mut frames = None;
        match found {
            Ok(Some(mut process)) => {
                frames = process.main_stack();
                // One that cannot be read may be another program by now; the next look finds out.
                if frames.is_some() {
                    known.insert(pid, process);
                }
            }
            Ok(None) => continue,
            Err(Refused) => look.refused.push(pid),
        }
        let rank = ranks::of(procfs, pid);
        if rank.is_some() && look.expected_ranks.is_none() {
            look.expected_ranks = ranks::on_this_machine(procfs, pid);
        }
        look.processes.push(SeenProcess {
            pid,
            rank,
            frames,
            waits_for: kernel_wait::of(procfs, pid),
        });
    }
    look
}

/// Why the kernel does not let us look.
pub fn why_refused() -> StacksRefused {
    let scope = files::read_text(Path::new("/proc/sys/kernel/yama/ptrace_scope"));
    match scope.trim() {
        "1" => StacksRefused::Scope1,
        "2" => StacksRefused::Scope2,
        "3" => StacksRefused::Scope3,
        _ => StacksRefused::OtherUser,
    }
}

/// A process with the calls that two looks have seen.
pub struct SteadyProcess<'a> {
    /// Its pid.
    pub pid: u32,
    /// The rank that it was started with.
    pub rank: Option<u64>,
    /// Whether it was elsewhere at the second look.
    pub moves: bool,
    /// What its main thread waited for at both, as the kernel says.
    pub waits_for: Option<KernelWait>,
    /// The calls that are in both, the innermost first.
    pub frames: &'a [PythonFrame],
}

impl SteadyProcess<'_> {
    /// A heading, and a line for each call, the innermost first, with the user's own names in them.
    pub fn text(&self) -> String {
        let mut text = match self.rank {
            Some(rank) => format!("rank {rank}, pid {}", self.pid),
            None => format!("pid {}", self.pid),
        };
        text.push_str(match (self.moves, self.frames) {
            (_, []) => ": in no call for long\n",
            (true, _) => ", at work in what it calls from here\n",
            (false, _) => ", in the same line twice\n",
        });
        for frame in self.frames {
            let line = frame.line.map(|line| format!(":{line}"));
            let line = line.unwrap_or_default();
            let place = format!("{} ({}{line})", frame.function, frame.file);
            // A name may hold a line break.
            text.push_str(&format!("    {}\n", place.replace('\n', " ")));
        }
        text
    }
}

impl StackLook {
    /// Whether the first process of each rank of an earlier look is still there.
    pub fn has_ranks_of(&self, before: &Self) -> bool {
        let mut ranks = Vec::new();
        for process in &before.processes {
            if process.rank.is_none() || ranks.contains(&process.rank) {
                continue;
            }
            ranks.push(process.rank);
            let mut now = self.processes.iter();
            if !now.any(|now| now.pid == process.pid && now.frames.is_some()) {
                return false;
            }
        }
        true
    }

    /// What is the same in an earlier look.
    pub fn steady_since(&self, before: &Self) -> Vec<SteadyProcess<'_>> {
        let mut steady = Vec::new();
        for now in &self.processes {
            let mut earlier = before.processes.iter();
            let earlier = earlier.find(|earlier| earlier.pid == now.pid);
            let waited_for = earlier.and_then(|earlier| earlier.waits_for);
            let earlier = earlier.and_then(|earlier| earlier.frames.as_deref());
            let earlier = earlier.unwrap_or_default();
            let frames = now.frames.as_deref().unwrap_or_default();
            steady.push(SteadyProcess {
                pid: now.pid,
                rank: now.rank,
                moves: frames != earlier,
                waits_for: now.waits_for.filter(|wait| waited_for == Some(*wait)),
                frames: common(frames, earlier),
            });
        }
        steady
    }

    /// The same, as far as it is public.
    pub fn same_as(&self, before: &Self) -> Vec<ProcessStack> {
        let mut stacks = Vec::new();
        for process in self.steady_since(before) {
            let mut frames = Vec::new();
            for frame in process.frames {
                frames.push(frame_of_code(&frame.file, &frame.function, frame.line));
            }
            stacks.push(ProcessStack {
                rank: process.rank,
                moves: process.moves,
                waits_for: process.waits_for,
                frames,
            });
        }
        stacks
    }
}

/// The calls that both have, from the outermost one on.
fn common<'a>(now: &'a [PythonFrame], before: &[PythonFrame]) -> &'a [PythonFrame] {
    let pairs = now.iter().rev().zip(before.iter().rev());
    let count = pairs.take_while(|(now, before)| now == before).count();
    now.get(now.len() - count..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(line: u64) -> PythonFrame {
        PythonFrame {
            file: "/home/me/train.py".to_owned(),
            function: "f".to_owned(),
            line: Some(line),
        }
    }

    fn seen(pid: u32, lines: Option<&[u64]>) -> SeenProcess {
        SeenProcess {
            pid,
            rank: Some(u64::from(pid)),
            frames: lines.map(|lines| lines.iter().copied().map(frame).collect()),
            waits_for: None,
        }
    }

    fn looked(processes: Vec<SeenProcess>) -> StackLook {
        StackLook {
            processes,
            ..StackLook::default()
        }
    }

    #[test]
    fn only_what_is_the_same_twice_is_told() {
        let before = looked(vec![
            seen(1, Some(&[9, 5, 1])),
            seen(2, Some(&[9, 5, 1])),
            seen(3, None),
            seen(4, Some(&[9])),
        ]);
        let now = looked(vec![
            seen(1, Some(&[9, 5, 1])),
            seen(2, Some(&[7, 8, 5, 1])),
            seen(3, Some(&[9, 5, 1])),
            seen(4, Some(&[8])),
            seen(5, Some(&[9])),
        ]);
        let told: Vec<_> = now
            .same_as(&before)
            .iter()
            .map(|stack| {
                let lines: Vec<_> = stack.frames.iter().filter_map(|frame| frame.line).collect();
                (stack.rank.unwrap(), stack.moves, lines)
            })
            .collect();
        assert_eq!(
            told,
            [
                (1, false, vec![9, 5, 1]),
                (2, true, vec![5, 1]),
                (3, true, vec![]),
                (4, true, vec![]),
                (5, true, vec![]),
            ]
        );
    }
}
