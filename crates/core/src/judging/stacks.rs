//! Which rank holds the others up, from where the processes of a training are that stands still.
//!
//! The rule: while some ranks wait for the others in a collective operation, a rank that is in none is the suspect.
//! It holds for two ranks as well. Where nobody is in a collective that we know, a rank that is elsewhere than all
//! others, who are in one place, is the odd one out. If several ranks are, nobody is named, and where each is is
//! told all the same. Pure; the observer brings what it has read twice.

use crate::event::{Frame, StackGroup};
use crate::knowledge::lists::KernelWait;
use crate::knowledge::python::stack_classes::{
    StackClass, awaits_workers, class_of, is_data_worker,
};
use crate::observation::{ProcessStack, StackFindings};
use crate::public::words::words;
use std::collections::BTreeMap;

/// Groups that are told: a hang has two or three, and each data worker may be elsewhere.
const GROUPS_MAX: usize = 8;
/// Frames that are told of each, the innermost first.
const FRAMES_TOLD: usize = 6;
/// Ranks that are named of each.
const RANKS_TOLD: usize = 64;

words! {
    /// Which process it is.
    StoodProcess {
        /// The training itself.
        Rank => "rank",
        /// One that prepares its data.
        DataWorker => "data_worker",
    }
}

/// A process with what it does.
struct Classed<'a> {
    stack: &'a ProcessStack,
    /// None where its stack could not be read.
    class: Option<StackClass>,
    process: StoodProcess,
    workers_gone: bool,
}

/// Draws the conclusion; `expected`: how many ranks this machine has, where that is known.
pub fn conclude(stacks: &[ProcessStack], expected: Option<u64>) -> StackFindings {
    let mut told = trainings(stacks);
    let is_complete = stacks.iter().all(|stack| !stack.frames.is_empty())
        && expected.is_none_or(|expected| expected <= told.len() as u64);
    let (suspect, is_sure) = match missing_rank(&told) {
        Some(rank) => (Some(rank), is_complete),
        None => (odd_rank(&told), false),
    };
    let workers = workers(stacks, &mut told);
    told.extend(workers);
    unread(stacks, &mut told);
    told.sort_by_key(|classed| classed.stack.rank != suspect);
    StackFindings {
        groups: groups(&told),
        suspect,
        is_sure,
        refused: None,
    }
}

/// The first process of each rank, which leads it. Where no process has a rank: the first that does not only wait for
/// another one, as launchers do.
fn trainings(stacks: &[ProcessStack]) -> Vec<Classed<'_>> {
    let mut by_rank = BTreeMap::new();
    for stack in stacks {
        if stack.frames.is_empty() || is_data_worker(&stack.frames) {
            continue;
        }
        let class = class_of(&stack.frames).0;
        let classed = Classed {
            stack,
            class: Some(class),
            process: StoodProcess::Rank,
            workers_gone: false,
        };
        if stack.rank.is_some() || class != StackClass::ChildProcess {
            by_rank.entry(stack.rank).or_insert(classed);
        }
    }
    if by_rank.len() > 1 {
        by_rank.remove(&None);
    }
    by_rank.into_values().collect()
}

/// The data workers of those who wait for them. Of which none is left is noted.
fn workers<'a>(stacks: &'a [ProcessStack], trainings: &mut [Classed<'a>]) -> Vec<Classed<'a>> {
    let mut workers = Vec::new();
    for training in trainings {
        if !awaits_workers(&training.stack.frames) {
            continue;
        }
        let before = workers.len();
        for stack in stacks {
            if stack.rank == training.stack.rank && is_data_worker(&stack.frames) {
                workers.push(Classed {
                    stack,
                    class: Some(class_of(&stack.frames).0),
                    process: StoodProcess::DataWorker,
                    workers_gone: false,
                });
            }
        }
        training.workers_gone = workers.len() == before;
    }
    workers
}

/// The first process of each rank of which only the kernel tells something. Where no process has a rank, it may be the
/// launcher: nothing is told.
fn unread<'a>(stacks: &'a [ProcessStack], told: &mut Vec<Classed<'a>>) {
    for stack in stacks {
        let is_told = told.iter().any(|told| told.stack.rank == stack.rank);
        if stack.rank.is_some() && stack.frames.is_empty() && stack.waits_for.is_some() && !is_told
        {
            told.push(Classed {
                stack,
                class: None,
                process: StoodProcess::Rank,
                workers_gone: false,
            });
        }
    }
}

/// The only rank that is in no collective while others are.
fn missing_rank(trainings: &[Classed<'_>]) -> Option<u64> {
    let (waiting, elsewhere): (Vec<_>, Vec<_>) = trainings
        .iter()
        .partition(|training| training.class == Some(StackClass::Collective));
    match elsewhere.as_slice() {
        [training] if !waiting.is_empty() => training.stack.rank,
        _ => None,
    }
}

/// The only rank that is not where all others are, none of which is in a collective.
fn odd_rank(trainings: &[Classed<'_>]) -> Option<u64> {
    let mut places: Vec<(&[Frame], Vec<Option<u64>>)> = Vec::new();
    for training in trainings {
        if training.class == Some(StackClass::Collective) {
            return None;
        }
        let frames = training.stack.frames.as_slice();
        match places.iter_mut().find(|(place, _)| *place == frames) {
            Some((_, ranks)) => ranks.push(training.stack.rank),
            None => places.push((frames, vec![training.stack.rank])),
        }
    }
    places.sort_by_key(|(_, ranks)| ranks.len());
    match places.as_slice() {
        [(_, odd), (_, others)] if others.len() >= 2 => match odd.as_slice() {
            [rank] => *rank,
            _ => None,
        },
        _ => None,
    }
}

fn groups(told: &[Classed<'_>]) -> Vec<StackGroup> {
    let mut groups: Vec<(StackGroup, Option<KernelWait>, Vec<u64>)> = Vec::new();
    for classed in told {
        let waits_for = classed.stack.waits_for;
        // Of the others the stack says more.
        let (unread, unclassed) = match classed.class {
            None => (waits_for, None),
            Some(StackClass::Other) => (None, waits_for),
            Some(_) => (None, None),
        };
        let group = StackGroup {
            process: Some(classed.process.public()),
            stands_in: classed.class.map(StackClass::public),
            frames: classed.class.map(|_| told_frames(&classed.stack.frames)),
            waits_for: unread.map(KernelWait::public),
            moves: (classed.class.is_some() && classed.stack.moves).then_some(true),
            workers_gone: classed.workers_gone.then_some(true),
            ..StackGroup::default()
        };
        let rank = classed.stack.rank;
        let mut same = groups.iter_mut().filter(|(known, ..)| *known == group);
        if let Some((_, known_wait, ranks)) = same.next() {
            *known_wait = known_wait.filter(|wait| unclassed == Some(*wait));
            ranks.extend(rank.filter(|rank| !ranks.contains(rank)));
        } else if groups.len() < GROUPS_MAX {
            groups.push((group, unclassed, rank.into_iter().collect()));
        }
    }
    let mut with_ranks = Vec::new();
    for (mut group, waits_for, mut ranks) in groups {
        ranks.truncate(RANKS_TOLD);
        group.ranks = Some(ranks);
        group.waits_for = group.waits_for.or(waits_for.map(KernelWait::public));
        with_ranks.push(group);
    }
    with_ranks
}

/// The innermost frames, and further out the first public one and the one that tells what it does.
fn told_frames(frames: &[Frame]) -> Vec<Frame> {
    let (_, telling) = class_of(frames);
    let public = frames.iter().find(|frame| frame.file.is_some());
    let mut told = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        let is = |wanted: Option<&Frame>| wanted.is_some_and(|wanted| std::ptr::eq(wanted, frame));
        if index < FRAMES_TOLD || is(telling) || is(public) {
            told.push(frame.clone());
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::traceback::frame_of_code;
    use crate::public::PublicStr;

    const BARRIER: &str = "torch/distributed/distributed_c10d.py barrier 4000";
    const BACKWARD: &str = "torch/autograd/graph.py _engine_run_backward 824";
    const LOADING: &str = "torch/utils/data/dataloader.py _try_get_data 1133";
    const PIPE: &str = "multiprocessing/connection.py _poll 257";
    const WORKING: &str = "torch/utils/data/_utils/worker.py _worker_loop 349";
    const CALLED: &str = "transformers/trainer_callback.py call_event 545";
    const LAUNCHER: &str = "subprocess.py _try_wait 2010";

    /// `file function line`, or the line of code of the user's.
    fn frame(written: &str) -> Frame {
        let words: Vec<&str> = written.split(' ').collect();
        let (path, function, line) = match words.as_slice() {
            [file, function, line] => {
                let folder = if file.starts_with("multi") || !file.contains('/') {
                    ""
                } else {
                    "/site-packages"
                };
                (
                    format!("/v/lib/python3.12{folder}/{file}"),
                    *function,
                    *line,
                )
            }
            _ => ("/home/me/train.py".to_owned(), "fault_now", written),
        };
        frame_of_code(&path, function, line.parse().ok())
    }

    fn stack(rank: Option<u64>, frames: &[&str]) -> ProcessStack {
        ProcessStack {
            rank,
            moves: false,
            waits_for: None,
            frames: frames.iter().map(|written| frame(written)).collect(),
        }
    }

    #[test]
    fn the_only_rank_that_did_not_come_is_named_for_two_ranks_as_well() {
        let missing = |rank| stack(Some(rank), &["172", CALLED]);
        let waiting = |rank| stack(Some(rank), &[BARRIER]);
        for (stacks, expected, suspect, is_sure) in [
            (vec![waiting(0), missing(1)], None, Some(1), true),
            (
                vec![waiting(0), missing(1), stack(Some(2), &[BACKWARD])],
                Some(3),
                Some(1),
                true,
            ),
            (vec![waiting(0), missing(1)], Some(3), Some(1), false),
            // Not all could be read.
            (
                vec![waiting(0), missing(1), stack(Some(2), &[])],
                None,
                Some(1),
                false,
            ),
            // Several, nobody, and everybody.
            (vec![waiting(0), missing(1), missing(2)], None, None, false),
            (vec![waiting(0), waiting(1)], None, None, false),
            (vec![missing(0), missing(1)], None, None, false),
            (vec![missing(0), stack(Some(1), &["9"])], None, None, false),
            // Nobody is in a collective that we know: the odd one of at least three.
            (
                vec![missing(0), stack(Some(1), &["9"]), missing(2)],
                None,
                Some(1),
                false,
            ),
            (
                vec![missing(0), stack(Some(1), &["9"]), stack(Some(2), &["8"])],
                None,
                None,
                false,
            ),
            // The launcher, and another process of a rank's, do not count.
            (
                vec![stack(None, &[LAUNCHER]), waiting(0), missing(1), missing(0)],
                None,
                Some(1),
                true,
            ),
            (vec![], None, None, false),
        ] {
            let findings = conclude(&stacks, expected);
            assert_eq!(
                (findings.suspect, findings.is_sure),
                (suspect, is_sure),
                "{stacks:?}"
            );
        }
    }

    #[test]
    fn those_who_stand_in_the_same_place_are_told_together_the_suspect_first() {
        let findings = conclude(
            &[
                stack(Some(0), &[BARRIER]),
                stack(
                    Some(1),
                    &[
                        "172", "171", "170", "169", "168", "167", "166", CALLED, BARRIER,
                    ],
                ),
                stack(Some(2), &[BARRIER]),
            ],
            None,
        );
        let told: Vec<_> = findings
            .groups
            .iter()
            .map(|group| {
                let frames = group.frames.iter().flatten();
                (
                    group.ranks.clone().unwrap(),
                    group.stands_in.clone().unwrap(),
                    frames.map(|frame| frame.line.unwrap()).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (
                    vec![1],
                    StackClass::Other.public(),
                    vec![172, 171, 170, 169, 168, 167, 545]
                ),
                (vec![0, 2], StackClass::Collective.public(), vec![4000]),
            ]
        );
    }

    #[test]
    fn data_workers_are_told_where_somebody_waits_for_them_and_when_they_are_gone() {
        let waits = stack(Some(1), &[PIPE, LOADING]);
        let works = stack(Some(1), &["40", WORKING, "5"]);
        let elsewhere = stack(Some(0), &["7", WORKING]);
        let others = stack(Some(0), &[BARRIER]);
        let findings = conclude(
            &[
                others.clone(),
                waits.clone(),
                works.clone(),
                works,
                elsewhere,
            ],
            None,
        );
        let told = |findings: &StackFindings| -> Vec<_> {
            findings
                .groups
                .iter()
                .map(|group| {
                    (
                        group.process.clone().unwrap().as_str().to_owned(),
                        group.ranks.clone().unwrap(),
                        group.workers_gone,
                    )
                })
                .collect()
        };
        assert_eq!(
            told(&findings),
            [
                ("rank".to_owned(), vec![1], None),
                ("data_worker".to_owned(), vec![1], None),
                ("rank".to_owned(), vec![0], None),
            ]
        );
        assert_eq!(findings.suspect, Some(1));
        let findings = conclude(&[others, waits], None);
        assert_eq!(told(&findings)[0], ("rank".to_owned(), vec![1], Some(true)));
    }

    #[test]
    fn a_training_without_ranks_is_told_and_its_launcher_is_not() {
        let findings = conclude(
            &[
                stack(None, &[LAUNCHER]),
                stack(None, &["9"]),
                stack(None, &["8"]),
            ],
            None,
        );
        assert_eq!(findings.groups.len(), 1);
        assert_eq!(findings.groups[0].frames.as_ref().unwrap()[0].line, Some(9));
        assert_eq!(findings.suspect, None);
    }

    #[test]
    fn of_a_rank_that_cannot_be_read_the_kernels_word_is_told() {
        let unread = |rank, waits_for| ProcessStack {
            waits_for,
            ..stack(rank, &[])
        };
        let findings = conclude(
            &[
                unread(None, Some(KernelWait::Child)),
                unread(Some(0), Some(KernelWait::Thread)),
                unread(Some(0), Some(KernelWait::Process)),
                unread(Some(1), Some(KernelWait::FileSystem)),
                unread(Some(2), None),
                stack(Some(3), &[BARRIER]),
            ],
            None,
        );
        let mut told = Vec::new();
        for group in &findings.groups {
            told.push((
                group.ranks.clone().unwrap(),
                group.stands_in.as_ref().map(PublicStr::as_str),
                group.waits_for.as_ref().map(PublicStr::as_str),
                group.frames.is_some(),
            ));
        }
        assert_eq!(
            told,
            [
                (vec![3], Some("collective"), None, true),
                (vec![0], None, Some("thread"), false),
                (vec![1], None, Some("file_system"), false),
            ]
        );
        assert!(!findings.is_sure);
    }
}
