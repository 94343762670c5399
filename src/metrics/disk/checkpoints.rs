//! The checkpoints of a training, as they are on disk: how large, of which step, whether whole.
//!
//! A training that dies while it saves leaves half a checkpoint, and resuming from that fails. One is whole when the file
//! that its program writes last is there, and every file that an index beside it names. One that was whole once and has
//! not changed since is not looked at again.

use crate::metrics::files;
use axolotl_run_core::knowledge::lists::CHECKPOINT_FORMS;
use axolotl_run_core::series::CheckpointPoint;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names in a directory that are looked at; checkpoints that nobody deletes are some hundred, shards some thousand.
const NAMES_MAX: usize = 4096;
/// Bytes of an index that are read; that of the largest models has a few MB.
const INDEX_BYTES_MAX: usize = 16 << 20;
/// Folders in a checkpoint whose files count: DeepSpeed's and FSDP's shards are one deep.
const FOLDERS_DEEP: usize = 2;
const INDEX: &str = ".index.json";

/// The last whole checkpoint of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastCheckpoint {
    /// Where it is.
    pub path: PathBuf,
    /// Its step.
    pub step: u64,
    /// Which program's form it has (`knowledge/lists.yaml`).
    pub form: &'static str,
}

#[derive(Clone, Debug)]
struct Checkpoint {
    last: LastCheckpoint,
    bytes: u64,
    written: SystemTime,
    is_whole: bool,
}

/// The checkpoints of one output directory.
pub struct Checkpoints {
    directory: PathBuf,
    spawned: SystemTime,
    known: BTreeMap<PathBuf, Checkpoint>,
    /// How many of this run there were ever.
    ever: u64,
    /// Steps between the last two.
    steps_apart: Option<u64>,
}

impl Checkpoints {
    /// Those that a run writes to this directory that was spawned at this time.
    pub const fn of(directory: PathBuf, spawned: SystemTime) -> Self {
        Self {
            directory,
            spawned,
            known: BTreeMap::new(),
            ever: 0,
            steps_apart: None,
        }
    }

    /// What is there now, in numbers, and the last whole one.
    pub fn look(&mut self) -> (Option<CheckpointPoint>, Option<LastCheckpoint>) {
        let mut there = BTreeMap::new();
        for name in files::entry_names(&self.directory, NAMES_MAX) {
            let Some((form, step)) = name.to_str().and_then(form_and_step) else {
                continue;
            };
            let path = self.directory.join(&name);
            let known = self.known.remove(&path);
            let is_new = known.is_none();
            let checkpoint = match known {
                Some(known) if known.is_whole && path.exists() => known,
                _ => match self.read(path.clone(), form, step) {
                    Some(checkpoint) => checkpoint,
                    None => continue,
                },
            };
            if is_new {
                self.ever += 1;
            }
            there.insert(path, checkpoint);
        }
        self.known = there;
        let mut whole: Vec<_> = self.known.values().filter(|one| one.is_whole).collect();
        whole.sort_by_key(|one| (one.last.step, one.written));
        if let [.., before, last] = whole.as_slice() {
            self.steps_apart = last
                .last
                .step
                .checked_sub(before.last.step)
                .filter(|steps| *steps > 0);
        }
        let Some(last) = whole.last() else {
            return (None, None);
        };
        let point = CheckpointPoint {
            step: last.last.step,
            bytes: last.bytes,
            there: self.known.len() as u64,
            ever: self.ever,
            steps_apart: self.steps_apart.or(Some(last.last.step)),
        };
        (Some(point), Some(last.last.clone()))
    }

    /// A checkpoint of this run; an earlier run's says nothing of this one.
    fn read(&self, path: PathBuf, form: &'static Form, step: u64) -> Option<Checkpoint> {
        let metadata = path.metadata().ok()?;
        let (mut bytes, mut written) = (0, metadata.modified().ok()?);
        let mut is_whole = true;
        if metadata.is_dir() {
            let (mut found, mut names_left) = (BTreeMap::new(), NAMES_MAX);
            walk(&path, FOLDERS_DEEP, &mut names_left, &mut found);
            for (file, metadata) in &found {
                bytes += metadata.len();
                written = written.max(metadata.modified().unwrap_or(written));
                if file.to_string_lossy().ends_with(INDEX) {
                    is_whole &= has_all_shards(file, &found);
                }
            }
            let (_, written_last, _) = form;
            let last_file = found.get(&path.join(written_last));
            is_whole &= last_file.is_some_and(|metadata| metadata.len() > 0);
        } else {
            bytes = metadata.len();
        }
        let (_, _, form) = form;
        let last = LastCheckpoint { path, step, form };
        (written >= self.spawned).then_some(Checkpoint {
            last,
            bytes,
            written,
            is_whole: is_whole && bytes > 0,
        })
    }
}

/// How it is named, the file that is written last, and the form's own name.
type Form = (&'static str, &'static str, &'static str);

/// Which form a name has, and which step it says.
fn form_and_step(name: &str) -> Option<(&'static Form, u64)> {
    for form in CHECKPOINT_FORMS {
        let (begins, ends) = form.0.split_once("{}")?;
        let behind = match begins.strip_prefix('*') {
            Some(within) => name.split_once(within).map(|(_, behind)| behind),
            None => name.strip_prefix(begins),
        };
        let step = behind.and_then(|behind| behind.strip_suffix(ends));
        if let Some(step) = step.and_then(|step| step.parse().ok()) {
            return Some((form, step));
        }
    }
    None
}

/// The files of a folder and of those in it.
fn walk(
    folder: &Path,
    deep: usize,
    names_left: &mut usize,
    found: &mut BTreeMap<PathBuf, Metadata>,
) {
    for name in files::entry_names(folder, *names_left) {
        *names_left = names_left.saturating_sub(1);
        let path = folder.join(name);
        let Ok(metadata) = path.metadata() else {
            continue;
        };
        if metadata.is_dir() && deep > 0 {
            walk(&path, deep - 1, names_left, found);
        } else if metadata.is_file() {
            found.insert(path, metadata);
        }
    }
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, Value>,
}

/// Whether all files that an index names are there, and none is empty.
fn has_all_shards(index: &Path, found: &BTreeMap<PathBuf, Metadata>) -> bool {
    let Some(text) = files::read_bytes(index, INDEX_BYTES_MAX) else {
        return false;
    };
    let Ok(index_file) = serde_json::from_slice::<Index>(&text) else {
        return false;
    };
    let folder = index.parent().unwrap_or(Path::new(""));
    index_file.weight_map.values().all(|shard| {
        let file = shard
            .as_str()
            .and_then(|shard| found.get(&folder.join(shard)));
        file.is_some_and(|metadata| metadata.len() > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    struct Output(tempfile::TempDir);

    impl Output {
        fn put(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn checkpoints(&self, spawned: SystemTime) -> Checkpoints {
            Checkpoints::of(self.0.path().to_owned(), spawned)
        }
    }

    const INDEX_TEXT: &str =
        r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;

    #[test]
    fn the_last_whole_checkpoint_is_found() {
        let output = Output(tempfile::tempdir().unwrap());
        let before = SystemTime::now() - Duration::from_secs(60);
        let mut checkpoints = output.checkpoints(before);
        assert_eq!(checkpoints.look(), (None, None));
        output.put("checkpoint-20/model.safetensors", "weights");
        assert_eq!(checkpoints.look().1, None, "it is being written");
        output.put("checkpoint-20/trainer_state.json", "{}");
        output.put("checkpoint-40/trainer_state.json", "{}");
        output.put("checkpoint-40/model.safetensors.index.json", INDEX_TEXT);
        output.put("checkpoint-40/model-1.safetensors", "weights");
        output.put("runs/checkpoint-900", "no checkpoint");
        let (point, last) = checkpoints.look();
        assert_eq!(
            last.as_ref().map(|last| last.step),
            Some(20),
            "a shard is missing"
        );
        assert_eq!(last.unwrap().form, "trainer");
        assert_eq!(point.unwrap().steps_apart, Some(20));
        output.put("checkpoint-40/model-2.safetensors", "");
        assert_eq!(checkpoints.look().1.unwrap().step, 20, "a shard is empty");
        output.put("checkpoint-40/model-2.safetensors", "weights");
        let (point, last) = checkpoints.look();
        assert_eq!(last.unwrap().path, output.0.path().join("checkpoint-40"));
        let bytes = INDEX_TEXT.len() as u64 + 2 + 7 + 7;
        let expected = CheckpointPoint {
            step: 40,
            bytes,
            there: 2,
            ever: 2,
            steps_apart: Some(20),
        };
        assert_eq!(point, Some(expected));
        fs::remove_dir_all(output.0.path().join("checkpoint-20")).unwrap();
        let point = checkpoints.look().0.unwrap();
        assert_eq!((point.there, point.ever), (1, 2), "the oldest was deleted");
        let later = SystemTime::now() + Duration::from_secs(60);
        assert_eq!(
            output.checkpoints(later).look(),
            (None, None),
            "an earlier run's"
        );
    }

    #[test]
    fn names_of_known_programs_are_checkpoints() {
        for (name, expected) in [
            ("checkpoint-20", Some(("trainer", 20))),
            ("checkpoint-best", None),
            ("step_300", Some(("accelerate", 300))),
            ("epoch=1-step=120.ckpt", Some(("lightning", 120))),
            ("last.ckpt", None),
            ("checkpoint-", None),
            // One that is not yet in its place.
            ("tmp-checkpoint-20", None),
        ] {
            let found = form_and_step(name).map(|((_, _, form), step)| (*form, step));
            assert_eq!(found, expected, "{name}");
        }
    }
}
