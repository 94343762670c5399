//! What the Hugging Face Trainer writes down at each checkpoint: `trainer_state.json`.
//!
//! Where the training's output cannot be read, or shows no bars, this is what tells its step. The newest file of the
//! output directory counts, and only one that is younger than the run: an earlier training's checkpoint says nothing of
//! this one. The file is read as a stream, since its history has a line for each log of the whole training; of each only
//! known numbers are kept, the later ones in the place of the earlier. What was read once is not read again before it
//! has changed. Called on a thread that may be held up.

use axolotl_run_core::limits;
use axolotl_run_core::observation::TrainerState;
use axolotl_run_sys::probe;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Names in a training's output directory that are looked at; checkpoints that nobody deletes are some hundred.
const OUTPUT_NAMES_MAX: usize = 4096;
/// Bytes of a trainer's state that are read: 100 for each log line of the whole training.
const TRAINER_STATE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The states of a run, as they come.
#[derive(Debug)]
pub struct TrainerStates {
    directory: PathBuf,
    spawned: SystemTime,
    taken: Option<StateOnDisk>,
}

/// A state on disk: by when it was written the newest is told, by all of it whether it has changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct StateOnDisk {
    since_spawn: Duration,
    bytes: u64,
    path: PathBuf,
}

impl TrainerStates {
    /// Of a run that was spawned at this time and writes to this directory.
    pub const fn of(directory: PathBuf, spawned: SystemTime) -> Self {
        Self {
            directory,
            spawned,
            taken: None,
        }
    }

    /// The newest, unless it is the one that was taken last; `at` is when it was written.
    pub fn newest(&mut self) -> Option<TrainerState> {
        let names = super::files::entry_names(&self.directory, OUTPUT_NAMES_MAX);
        let mut found = self.look(&self.directory);
        for name in names {
            if name.as_encoded_bytes().starts_with(b"checkpoint-") {
                found = found.max(self.look(&self.directory.join(name)));
            }
        }
        let found = found?;
        if self.taken.as_ref() == Some(&found) {
            return None;
        }
        let state = read(&found.path, found.since_spawn)?;
        self.taken = Some(found);
        Some(state)
    }

    fn look(&self, place: &Path) -> Option<StateOnDisk> {
        let path = place.join("trainer_state.json");
        let there = path.metadata().ok()?;
        let since_spawn = there.modified().ok()?.duration_since(self.spawned).ok()?;
        Some(StateOnDisk {
            since_spawn,
            bytes: there.len(),
            path,
        })
    }
}

fn read(path: &Path, at: Duration) -> Option<TrainerState> {
    let file = probe::open_regular(path).ok()?;
    let text = BufReader::new(file.take(TRAINER_STATE_BYTES_MAX));
    let written: TrainerStateFile = serde_json::from_reader(text).ok()?;
    let total = written.max_steps;
    let total_steps = total.filter(|total| (1..=limits::STEP_MAX).contains(total));
    let steps_max = total_steps.unwrap_or(limits::STEP_MAX);
    let epochs = 0.0..=limits::EPOCH_MAX;
    let last_value = |name| written.log_history.get(name).copied();
    Some(TrainerState {
        at: at.as_secs_f64(),
        step: written.global_step.filter(|step| *step <= steps_max),
        total_steps,
        epoch: written.epoch.filter(|epoch| epochs.contains(epoch)),
        loss: last_value("loss"),
        grad_norm: last_value("grad_norm"),
        learning_rate: last_value("learning_rate"),
        eval_loss: last_value("eval_loss"),
    })
}

/// The values of the history's entries that are told.
const LOGGED_VALUES: [&str; 4] = ["loss", "grad_norm", "learning_rate", "eval_loss"];
type LastValues = BTreeMap<&'static str, f64>;

/// The file's known keys.
#[derive(Deserialize)]
struct TrainerStateFile {
    global_step: Option<u64>,
    max_steps: Option<u64>,
    epoch: Option<f64>,
    #[serde(default, deserialize_with = "last_values")]
    log_history: LastValues,
}

/// Reads the history as a stream, and keeps only the last values of it: numbers; whatever else a callback has put there
/// is none.
fn last_values<'de, D: Deserializer<'de>>(source: D) -> Result<LastValues, D::Error> {
    struct Fold;
    impl<'de> Visitor<'de> for Fold {
        type Value = LastValues;
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a history of logs")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<LastValues, A::Error> {
            let mut last = LastValues::new();
            while let Some(entry) = entries.next_element::<Map<String, Value>>()? {
                for name in LOGGED_VALUES {
                    if let Some(number) = entry.get(name).and_then(Value::as_f64) {
                        last.insert(name, number);
                    }
                }
            }
            Ok(last)
        }
    }
    source.deserialize_seq(Fold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const STATE: &str = r#"{"best_metric": null, "epoch": 0.5, "global_step": 20, "log_history": [
        {"epoch": 0.25, "grad_norm": 1.5, "learning_rate": 0.001, "loss": 6.5, "step": 10},
        {"epoch": 0.5, "grad_norm": "odd", "learning_rate": 0.0005, "loss": 6.25, "step": 20, "note": [1, {"loss": 9}]},
        {"epoch": 0.5, "eval_loss": 6.0, "step": 20}], "max_steps": 40, "trial_name": "alice"}"#;

    #[test]
    fn the_newest_state_of_this_run_counts() {
        let home = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            fs::create_dir_all(home.path().join(name)).unwrap();
            fs::write(home.path().join(name).join("trainer_state.json"), text).unwrap();
        };
        let since = |spawned: SystemTime| TrainerStates::of(home.path().to_owned(), spawned);
        let long_ago = SystemTime::now() - Duration::from_secs(60);
        let mut states = since(long_ago);
        assert_eq!(states.newest(), None);
        assert_eq!(
            TrainerStates::of(home.path().join("none"), long_ago).newest(),
            None
        );
        put("checkpoint-20", STATE);
        let state = states.newest().unwrap();
        assert_eq!(
            (state.step, state.total_steps, state.epoch),
            (Some(20), Some(40), Some(0.5))
        );
        assert_eq!(
            (state.loss, state.grad_norm, state.learning_rate),
            (Some(6.25), Some(1.5), Some(0.0005))
        );
        assert_eq!(state.eval_loss, Some(6.0));
        assert!((59.0..90.0).contains(&state.at), "{}", state.at);
        assert_eq!(states.newest(), None, "taken");
        assert_eq!(
            since(SystemTime::now() + Duration::from_secs(60)).newest(),
            None,
            "an earlier training's"
        );
        let older = fs::File::options()
            .write(true)
            .open(home.path().join("checkpoint-20/trainer_state.json"))
            .unwrap();
        older
            .set_modified(SystemTime::now() - Duration::from_secs(30))
            .unwrap();
        // The next one is being written.
        put("checkpoint-9", "{");
        assert_eq!(states.newest(), None);
        put("checkpoint-9", &STATE.replace("20,", "30,"));
        assert_eq!(
            states.newest().and_then(|state| state.step),
            Some(30),
            "by time, not by name"
        );
        assert_eq!(states.newest(), None);
    }

    #[test]
    fn what_is_no_state_is_none_and_absurd_numbers_are_unknown() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("trainer_state.json");
        for text in [
            "",
            "{",
            "[]",
            "{\"log_history\": 3}",
            "{\"global_step\": -1}",
            &STATE[..STATE.len() / 2],
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(&path, Duration::ZERO), None, "{text}");
        }
        fs::write(
            &path,
            r#"{"global_step": 50, "max_steps": 40, "epoch": -1, "log_history": []}"#,
        )
        .unwrap();
        let expected = TrainerState {
            total_steps: Some(40),
            ..TrainerState::default()
        };
        assert_eq!(read(&path, Duration::ZERO), Some(expected));
    }
}
