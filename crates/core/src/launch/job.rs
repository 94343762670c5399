//! Which job this launcher is a part of, and which part.
//!
//! The problem: a job of sixteen machines leaves sixteen records that know nothing of each other, and people ask which
//! machine failed first. So each record keeps a key that all launchers of the job find by themselves, in the variables and
//! options of whatever started them (`knowledge/jobs.yaml`), and the number of its machine. The key is a hash, stays on
//! the machine and is never sent: it is made of names that identify the job.
//!
//! A machine is a number here, never the name of a host. Read by the plan, the observer and nobody else.

use super::Environment;
use super::command_line::CommandLine;
use super::facts;
use super::rank::{LOCAL_RANK, RankVerdict};
use crate::knowledge::launchers::jobs::{JobName, KeyReach, ROWS};
use crate::knowledge::launchers::{NODE_VARIABLES, RANK_VARIABLES, Says, TASK_VARIABLES};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Bytes of a key: 128 bits are never the same by chance.
const KEY_BYTES: usize = 16;
/// The highest number of a machine or a process that is believed.
const INDEX_MAX: u64 = 1_000_000;

/// What a launcher observes of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobPart {
    /// The main process: it alone may send.
    Main,
    /// The first process of another machine.
    Node,
    /// Any other process, of whose machine another launcher records the rest.
    Task,
}

/// Where a launcher is in its job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobPlace {
    /// What all launchers of the job have in common.
    pub key: String,
    /// Whether a later job may have the same key.
    pub is_reused: bool,
    /// The number of this machine.
    pub node: Option<u64>,
    /// The rank of this process, where there is a launcher for each process.
    pub task: Option<u64>,
    /// How many machines the job has.
    pub nodes: Option<u64>,
}

impl JobPlace {
    /// Reads variables and options; None where nothing names the job.
    pub fn read(environment: Environment<'_>, command: &CommandLine<'_>) -> Option<Self> {
        let (key, reach) = key(environment, command)?;
        Some(Self {
            key,
            is_reused: reach == KeyReach::Reused,
            node: first_index(NODE_VARIABLES, environment).or_else(|| typed_node(command)),
            task: first_index(task_ranks(), environment),
            nodes: facts::facts(command, environment).nodes,
        })
    }
}

/// What this launcher observes; None: nothing, because nobody could tell whose record it is.
pub fn part(
    rank: RankVerdict,
    environment: Environment<'_>,
    command: &CommandLine<'_>,
) -> Option<JobPart> {
    let RankVerdict::NotMain { variable } = rank else {
        return Some(JobPart::Main);
    };
    let is_of_task = variable == LOCAL_RANK || task_ranks().any(|rank| *rank == variable);
    if !is_of_task {
        return Some(JobPart::Node);
    }
    key(environment, command)?;
    match first_index(TASK_VARIABLES, environment) {
        None | Some(0) => Some(JobPart::Node),
        Some(_) => Some(JobPart::Task),
    }
}

/// A hash of some texts, in which none runs into the next.
pub fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    let mut digits = String::new();
    for byte in hash.finalize().iter().take(KEY_BYTES) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// The variables that number the processes of a job, not its machines.
fn task_ranks() -> impl Iterator<Item = &'static &'static str> {
    RANK_VARIABLES
        .iter()
        .filter(|name| **name != LOCAL_RANK && !NODE_VARIABLES.contains(name))
}

fn key(environment: Environment<'_>, command: &CommandLine<'_>) -> Option<(String, KeyReach)> {
    for row in ROWS {
        if let Some(parts) = name_parts(row, environment, command) {
            return Some((digest(parts.iter().map(String::as_str)), row.reach));
        }
    }
    None
}

/// The parts of the name that an entry gives the job.
fn name_parts(
    row: &JobName,
    environment: Environment<'_>,
    command: &CommandLine<'_>,
) -> Option<Vec<String>> {
    let variable = |name: &&str| {
        let value = environment(name)?.to_string_lossy().trim().to_owned();
        (!value.is_empty()).then_some(value)
    };
    let mut options = row.options.iter().filter_map(|says| typed(command, *says));
    let named = options.next();
    let named = named.or_else(|| row.variables.iter().find_map(variable))?;
    let name = match named.split_once(row.until) {
        Some((name, _)) if !row.until.is_empty() => name,
        _ => &named,
    };
    let host = name.split_once(':').map_or(name, |(host, _)| host);
    if name.is_empty() || row.nobody.contains(&name) || row.nobody.contains(&host) {
        return None;
    }
    let mut parts = vec![row.name.to_owned(), name.to_owned()];
    for says in row.with_options {
        parts.extend(typed(command, *says));
    }
    for name in row.with {
        parts.extend(variable(name));
    }
    Some(parts)
}

/// What an option of the innermost launcher says that has it.
fn typed(command: &CommandLine<'_>, wanted: Says) -> Option<String> {
    let mut launches = command.launches.iter().chain(&command.hidden).rev();
    let (_, value) = launches.find_map(|launch| launch.says(wanted))?;
    (!value.is_empty()).then(|| value.to_owned())
}

fn typed_node(command: &CommandLine<'_>) -> Option<u64> {
    index(&typed(command, Says::NodeRank)?)
}

fn first_index<'a>(
    names: impl IntoIterator<Item = &'a &'a str>,
    environment: Environment<'_>,
) -> Option<u64> {
    let values = names.into_iter().filter_map(|name| environment(name));
    values
        .into_iter()
        .find_map(|value| index(value.to_str()?.trim()))
}

fn index(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|digit| digit.is_ascii_digit());
    let number = text.parse().ok().filter(|number| *number <= INDEX_MAX);
    number.filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::rank::rank;
    use std::ffi::OsString;

    /// Variables in front of a command, as a shell takes them.
    fn with<Answer>(
        line: &str,
        ask: impl FnOnce(Environment<'_>, &CommandLine<'_>) -> Answer,
    ) -> Answer {
        let is_variable = |word: &&str| {
            word.split_once('=')
                .is_some_and(|(name, _)| !name.starts_with('-'))
        };
        let words: Vec<&str> = line.split(' ').collect();
        let behind = words.iter().position(|word| !is_variable(word));
        let (variables, command) = words.split_at(behind.unwrap_or(words.len()));
        let environment = |name: &str| {
            let mut pairs = variables.iter().filter_map(|pair| pair.split_once('='));
            Some(OsString::from(pairs.find(|(key, _)| *key == name)?.1))
        };
        let command: Vec<_> = command.iter().map(OsString::from).collect();
        ask(&environment, &CommandLine::read(&command))
    }

    fn key_of(line: &str) -> Option<String> {
        with(line, |environment, command| {
            Some(key(environment, command)?.0)
        })
    }

    #[test]
    fn every_example_names_its_job_and_no_look_alike_does() {
        for row in ROWS {
            for example in row.examples {
                let expected = with(example, |environment, command| {
                    name_parts(row, environment, command)
                });
                assert!(expected.is_some(), "{example}");
                let mut first = ROWS.iter().filter(|row| {
                    with(example, |environment, command| {
                        name_parts(row, environment, command).is_some()
                    })
                });
                assert_eq!(
                    first.next().map(|row| row.name),
                    Some(row.name),
                    "{example}"
                );
            }
            for look_alike in row.look_alikes {
                let found = with(look_alike, |environment, command| {
                    name_parts(row, environment, command)
                });
                assert_eq!(found, None, "{look_alike}");
            }
        }
    }

    #[test]
    fn the_launchers_of_a_job_find_the_same_key_and_others_do_not() {
        for (one, other, is_same) in [
            (
                "SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_NODEID=0 SLURM_PROCID=0 train",
                "SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_NODEID=3 SLURM_PROCID=25 train",
                true,
            ),
            (
                "SLURM_JOB_ID=7 SLURM_STEP_ID=0 train",
                "SLURM_JOB_ID=7 SLURM_STEP_ID=1 train",
                false,
            ),
            (
                "SLURM_JOB_ID=7 SLURM_RESTART_COUNT=1 train",
                "SLURM_JOB_ID=7 train",
                false,
            ),
            // The ranks of mpirun on other machines are in a step of their own.
            (
                "PMIX_NAMESPACE=19 SLURM_JOB_ID=7 PMIX_RANK=0 train",
                "PMIX_NAMESPACE=19 SLURM_JOB_ID=7 SLURM_STEP_ID=0 PMIX_RANK=8 train",
                true,
            ),
            (
                "torchrun --nnodes 2 --rdzv-id 9 --rdzv_endpoint=a:1 t.py",
                "torchrun --nnodes 2 --rdzv_endpoint a:1 --rdzv_id=9 t.py",
                true,
            ),
            (
                "torchrun --rdzv-id 9 --rdzv-endpoint a:1 t.py",
                "torchrun --rdzv-id 9 --rdzv-endpoint b:1 t.py",
                false,
            ),
            (
                "torchrun --nnodes 2 --node-rank 0 --master-addr a --master-port 1 t.py",
                "torchrun --nnodes 2 --node-rank 1 --master-addr a --master-port 1 t.py",
                true,
            ),
            (
                "MASTER_ADDR=a MASTER_PORT=11 train",
                "MASTER_ADDR=a1 MASTER_PORT=1 train",
                false,
            ),
            ("AWS_BATCH_JOB_ID=x#0 t", "AWS_BATCH_JOB_ID=x#1 t", true),
        ] {
            let keys = [one, other].map(|line| key_of(line).unwrap());
            assert_eq!(keys[0] == keys[1], is_same, "{one} / {other}");
        }
        assert_eq!(key_of("train"), None);
    }

    #[test]
    fn a_place_is_numbers() {
        for (line, node, task, nodes) in [
            (
                "SLURM_JOB_ID=7 SLURM_NODEID=3 SLURM_PROCID=25 SLURM_STEP_NUM_NODES=4 t",
                Some(3),
                Some(25),
                Some(4),
            ),
            (
                "MASTER_ADDR=a torchrun --nnodes 2 --node-rank 1 t.py",
                Some(1),
                None,
                Some(2),
            ),
            (
                "MASTER_ADDR=a JOB_COMPLETION_INDEX=2 t",
                Some(2),
                None,
                None,
            ),
            ("MASTER_ADDR=a RANK=5 t", None, Some(5), None),
            ("MASTER_ADDR=a RANK=-1 NODE_RANK=x t", None, None, None),
            ("MASTER_ADDR=a RANK=99999999 t", None, None, None),
        ] {
            let place = with(line, JobPlace::read).unwrap();
            assert_eq!(
                (place.node, place.task, place.nodes),
                (node, task, nodes),
                "{line}"
            );
        }
    }

    #[test]
    fn one_launcher_of_a_machine_records_the_machine() {
        for (line, expected) in [
            ("train", Some(JobPart::Main)),
            (
                "SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_LOCALID=0 t",
                Some(JobPart::Main),
            ),
            (
                "SLURM_JOB_ID=7 SLURM_PROCID=1 SLURM_LOCALID=1 t",
                Some(JobPart::Task),
            ),
            (
                "SLURM_JOB_ID=7 SLURM_PROCID=8 SLURM_LOCALID=0 t",
                Some(JobPart::Node),
            ),
            (
                "torchrun --nnodes 2 --node-rank 1 t.py",
                Some(JobPart::Node),
            ),
            ("PET_NODE_RANK=1 torchrun t.py", Some(JobPart::Node)),
            ("MASTER_ADDR=a RANK=1 t", Some(JobPart::Node)),
            ("MASTER_ADDR=a RANK=1 LOCAL_RANK=1 t", Some(JobPart::Task)),
            // Nothing says of which job: it could never be joined.
            ("PMI_RANK=1 t", None),
            ("RANK=1 LOCAL_RANK=1 t", None),
            ("LOCAL_RANK=1 t", None),
        ] {
            let found = with(line, |environment, command| {
                part(rank(environment, command), environment, command)
            });
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn no_part_of_a_name_runs_into_the_next() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_eq!(digest(["a"]).len(), 2 * KEY_BYTES);
    }
}
