//! Which devices the run may use: by the command's own variables, and by those that its workers were given.
//!
//! Launchers often give each worker one device, by a variable that only the worker has. So the environment of each
//! new process is looked at once, on the measuring thread, and nothing of it is kept but that one variable. Where
//! workers have a value of their own, theirs together decide, and the command's does not.

use super::Places;
use super::visible::{Device, Selection, select};
use crate::metrics::files;
use axolotl_run_core::limits;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Bytes of a variable that chooses devices; 64 UUIDs of 40 characters fit.
pub(super) const VISIBLE_BYTES_MAX: usize = 4096;

/// What is known of the run's processes.
#[derive(Debug, Default)]
pub struct Users {
    root: PathBuf,
    /// The command's own value.
    own: Option<String>,
    by_bus: bool,
    /// The processes that were looked at, each with how often.
    looked: BTreeMap<u32, u8>,
    /// The values that processes have and the command has not.
    others: BTreeSet<String>,
}

impl Users {
    /// Of CUDA's devices.
    pub fn nvidia(places: &Places) -> Self {
        Self {
            root: places.root.clone(),
            own: places.visible.clone(),
            by_bus: places.by_bus,
            ..Self::default()
        }
    }

    /// Looks at the processes that are new; a young one once more, since after a fork it has its parent's environment.
    pub fn look_at(&mut self, tree: &[u32]) {
        self.looked.retain(|pid, _| tree.contains(pid));
        for &pid in tree {
            let looks = self.looked.entry(pid).or_default();
            if *looks >= 2 || self.others.len() >= limits::ACCELERATORS_MAX {
                continue;
            }
            *looks += 1;
            let path = self.root.join(format!("proc/{pid}/environ"));
            let environment = files::bytes(&path, limits::ENVIRON_BYTES_MAX).unwrap_or_default();
            let value = environment
                .split(|byte| *byte == 0)
                .find_map(|entry| entry.strip_prefix(b"CUDA_VISIBLE_DEVICES="));
            let value = value.map(|value| String::from_utf8_lossy(value).into_owned());
            if let Some(value) = value.filter(|value| {
                value.len() <= VISIBLE_BYTES_MAX && Some(value) != self.own.as_ref()
            }) {
                self.others.insert(value);
            }
        }
    }

    /// The devices of the run.
    pub fn selection(&self, devices: &[Device]) -> Selection {
        if self.others.is_empty() {
            return select(self.own.as_deref(), self.by_bus, devices);
        }
        let mut all = Selection {
            count: 0,
            places: Some(Vec::new()),
        };
        for value in &self.others {
            let one = select(Some(value), self.by_bus, devices);
            all.count = all.count.saturating_add(one.count);
            all.places = match (all.places, one.places) {
                (Some(mut known), Some(more)) => {
                    known.extend(more);
                    Some(known)
                }
                _ => None,
            };
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_with_devices_of_their_own_decide() {
        let root = tempfile::tempdir().unwrap();
        let device = |model: &str| Device {
            model: model.into(),
            ..Device::default()
        };
        let devices = vec![device("a"); 4];
        let places = |users: &Users| {
            users
                .selection(&devices)
                .places
                .map(|places| places.iter().map(|(place, _)| *place).collect::<Vec<_>>())
        };
        let mut users = Users {
            root: root.path().to_owned(),
            own: Some("0,1,2".into()),
            ..Users::default()
        };
        assert_eq!(places(&users), Some(vec![0, 1, 2]));
        for (pid, environment) in [
            (7, "A=1\0CUDA_VISIBLE_DEVICES=0,1,2\0"),
            (8, "CUDA_VISIBLE_DEVICES=2\0"),
            (9, "CUDA_VISIBLE_DEVICES=0\0B=2"),
        ] {
            let process = root.path().join(format!("proc/{pid}"));
            std::fs::create_dir_all(&process).unwrap();
            std::fs::write(process.join("environ"), environment).unwrap();
        }
        users.look_at(&[7, 99]);
        assert_eq!(
            places(&users),
            Some(vec![0, 1, 2]),
            "the command's own value, inherited"
        );
        users.look_at(&[7, 8, 9, 99]);
        assert_eq!(places(&users), Some(vec![0, 2]));
    }
}
