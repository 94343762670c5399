//! Which of a machine's devices the run can use, by the variable that CUDA reads.
//!
//! The grammar is CUDA's own: a list of indices, or of unique beginnings of UUIDs, read up to the first entry
//! that names no device (so `-1` ends it, and `NoDevFiles` is an empty list); a device that is named twice makes
//! all of them invisible. CUDA numbers devices by their speed unless it is told to go by the bus, as the
//! driver does: where the devices are unlike and it was not told, an index says how many, but not which.
//!
//! Launchers often give each worker one device, by a variable that only the worker has. So the environment of each
//! new process is looked at once, on the measuring thread, and only that one variable is kept. Where workers have a
//! value of their own, theirs together decide, and the command's does not.

use super::driver::Places;
use crate::metrics::files;
use axolotl_run_core::limits;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CudaDevice {
    /// `GPU-…`.
    pub uuid: Option<String>,
    /// Of the instances that it is shared out in (MIG): `MIG-…`.
    pub instances: Vec<String>,
    /// What tells unlike models apart: the driver's name for it.
    pub model: String,
}

/// What a process can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibleDevices {
    /// How many devices, or instances of them.
    pub count: u64,
    /// Which, by their place in the driver's order, each with the instances that are meant (none: all of it).
    /// None where it cannot be told which.
    pub places: Option<Vec<(usize, Vec<usize>)>>,
}

impl VisibleDevices {
    const fn none() -> Self {
        Self {
            count: 0,
            places: Some(Vec::new()),
        }
    }

    /// Whether the device at this place may be used.
    pub fn has(&self, place: usize) -> bool {
        match &self.places {
            Some(places) => places.iter().any(|(known, _)| *known == place),
            None => true,
        }
    }
}

/// What a process with this value of CUDA_VISIBLE_DEVICES can use; `by_bus`: CUDA_DEVICE_ORDER is PCI_BUS_ID.
pub fn select(value: Option<&str>, by_bus: bool, devices: &[CudaDevice]) -> VisibleDevices {
    let mut visible = VisibleDevices::none();
    let mut places: Vec<(usize, Vec<usize>)> = Vec::new();
    let Some(value) = value else {
        for (place, device) in devices.iter().enumerate() {
            visible.count += device.instances.len().max(1) as u64;
            places.push((place, Vec::new()));
        }
        visible.places = Some(places);
        return visible;
    };
    let mut chosen: Vec<(usize, Option<usize>)> = Vec::new();
    let mut by_index = None;
    for entry in value.split(',').take(limits::ACCELERATORS_MAX) {
        let entry = entry.trim();
        let index = leading_integer(entry);
        // The first entry decides in which of the two ways the list is written.
        if *by_index.get_or_insert(index.is_some()) != index.is_some() {
            break;
        }
        let found = match index {
            Some(index) => {
                let place = (0..devices.len()).find(|place| *place as i64 == index);
                place.map(|place| (place, None))
            }
            None => by_uuid(entry, devices),
        };
        let Some(found) = found else { break };
        if chosen.contains(&found) {
            return visible;
        }
        chosen.push(found);
    }
    visible.count = chosen.len() as u64;
    for (place, instance) in &chosen {
        match places.iter_mut().find(|(known, _)| known == place) {
            Some((_, instances)) => instances.extend(instance),
            None => places.push((*place, Vec::from_iter(*instance))),
        }
    }
    let alike = devices
        .windows(2)
        .all(|pair| matches!(pair, [one, other] if one.model == other.model));
    let is_known = by_bus
        || alike
        || by_index == Some(false)
        || chosen.is_empty()
        || chosen.len() == devices.len();
    visible.places = is_known.then_some(places);
    visible
}

/// The device, or the instance of one, whose UUID alone begins like this.
fn by_uuid(entry: &str, devices: &[CudaDevice]) -> Option<(usize, Option<usize>)> {
    let mut beginning = Vec::new();
    for (place, device) in devices.iter().enumerate() {
        let whole = device.uuid.iter().map(|uuid| (uuid, None));
        let instances = device.instances.iter().zip((0..).map(Some));
        for (uuid, instance) in whole.chain(instances) {
            if uuid == entry {
                return Some((place, instance));
            }
            if uuid.starts_with(entry) {
                beginning.push((place, instance));
            }
        }
    }
    match beginning.as_slice() {
        [only] if !entry.is_empty() => Some(*only),
        _ => None,
    }
}

/// The number that an entry begins with, as C reads one: what follows the digits does not count.
fn leading_integer(entry: &str) -> Option<i64> {
    let unsigned = entry.strip_prefix(['+', '-']).unwrap_or(entry);
    let behind = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
    if behind.len() == unsigned.len() {
        return None;
    }
    let number = entry.strip_suffix(behind)?;
    Some(number.parse().unwrap_or(i64::MAX))
}

/// Bytes of a variable that chooses devices; 64 UUIDs of 40 characters fit.
pub const VISIBLE_BYTES_MAX: usize = 4096;

/// What is known of the run's processes.
#[derive(Debug, Default)]
pub struct RunDevices {
    root: PathBuf,
    /// The command's own value.
    own: Option<String>,
    by_bus: bool,
    /// The processes that were looked at, each with how often.
    looked: BTreeMap<u32, u8>,
    /// The values that processes have and the command has not.
    others: BTreeSet<String>,
}

impl RunDevices {
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
            let mut entries = environment.split(|byte| *byte == 0);
            let value = entries.find_map(|entry| entry.strip_prefix(b"CUDA_VISIBLE_DEVICES="));
            let Some(value) = value else { continue };
            let value = String::from_utf8_lossy(value).into_owned();
            if value.len() <= VISIBLE_BYTES_MAX && self.own.as_ref() != Some(&value) {
                self.others.insert(value);
            }
        }
    }

    /// The devices of the run.
    pub fn selection(&self, devices: &[CudaDevice]) -> VisibleDevices {
        if self.others.is_empty() {
            return select(self.own.as_deref(), self.by_bus, devices);
        }
        let mut all = VisibleDevices::none();
        for value in &self.others {
            let one = select(Some(value), self.by_bus, devices);
            all.count += one.count;
            match (&mut all.places, one.places) {
                (Some(known), Some(more)) => known.extend(more),
                (places, _) => *places = None,
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn four() -> Vec<CudaDevice> {
        let device = |uuid: &str, instances: &[&str]| CudaDevice {
            uuid: Some(uuid.into()),
            instances: instances.iter().map(|&uuid| uuid.into()).collect(),
            model: "H100".into(),
        };
        vec![
            device("GPU-18ef14e9-aaaa", &[]),
            device("GPU-18ef5522-bbbb", &[]),
            device("GPU-9a000000-cccc", &["MIG-1111", "MIG-2222"]),
            device("GPU-ffffffff-dddd", &["MIG-GPU-ffffffff-dddd/1/0"]),
        ]
    }

    fn places(value: &str) -> (u64, Vec<(usize, Vec<usize>)>) {
        let selection = select(Some(value), false, &four());
        (selection.count, selection.places.unwrap())
    }

    #[test]
    fn every_spelling_means_what_cuda_makes_of_it() {
        for (value, count, expected) in [
            ("0", 1, vec![(0, vec![])]),
            ("2,0", 2, vec![(2, vec![]), (0, vec![])]),
            (" 1 , 3 ", 2, vec![(1, vec![]), (3, vec![])]),
            (
                "0,1,2,3",
                4,
                vec![(0, vec![]), (1, vec![]), (2, vec![]), (3, vec![])],
            ),
            // The first that names no device ends the list.
            ("0,-1,2", 1, vec![(0, vec![])]),
            ("0,9,1", 1, vec![(0, vec![])]),
            ("-1", 0, vec![]),
            ("", 0, vec![]),
            ("NoDevFiles", 0, vec![]),
            ("none", 0, vec![]),
            (",0", 0, vec![]),
            ("99999999999999999999", 0, vec![]),
            // As C reads numbers.
            ("1x,+2", 2, vec![(1, vec![]), (2, vec![])]),
            // Twice is never.
            ("0,0", 0, vec![]),
            ("1,0,1", 0, vec![]),
            // Beginnings of UUIDs, as long as they are unique.
            ("GPU-18ef14", 1, vec![(0, vec![])]),
            (
                "GPU-18ef14e9-aaaa,GPU-9a",
                2,
                vec![(0, vec![]), (2, vec![])],
            ),
            ("GPU-18ef", 0, vec![]),
            ("GPU-nothing", 0, vec![]),
            ("GPU-18ef14,GPU-18ef14e9-aaaa", 0, vec![]),
            // Instances, in both spellings.
            ("MIG-1111", 1, vec![(2, vec![0])]),
            ("MIG-1111,MIG-2222", 2, vec![(2, vec![0, 1])]),
            ("MIG-GPU-ffffffff-dddd/1/0", 1, vec![(3, vec![0])]),
            ("MIG-9999", 0, vec![]),
            // The two ways do not mix.
            ("0,GPU-9a", 1, vec![(0, vec![])]),
            ("GPU-9a,0", 1, vec![(2, vec![])]),
        ] {
            assert_eq!(places(value), (count, expected), "{value}");
        }
        assert_eq!(
            select(None, false, &four()).count,
            5,
            "instances count each"
        );
        assert_eq!(
            select(Some("0"), false, &[]),
            VisibleDevices {
                count: 0,
                places: Some(vec![])
            }
        );
    }

    #[test]
    fn among_unlike_devices_an_index_says_how_many_and_not_which() {
        let mut devices = four();
        devices[3].model = "T4".into();
        for (value, by_bus, count, known) in [
            ("0,1", false, 2, false),
            ("0,1", true, 2, true),
            ("GPU-18ef14", false, 1, true),
            ("0,1,2,3", false, 4, true),
            ("", false, 0, true),
        ] {
            let selection = select(Some(value), by_bus, &devices);
            assert_eq!(
                (selection.count, selection.places.is_some()),
                (count, known),
                "{value}"
            );
            assert!(
                known || (0..4).all(|place| selection.has(place)),
                "which is unknown, so each may be"
            );
        }
    }

    proptest! {
        #[test]
        fn any_value_can_be_read(value in "[0-9a-zA-Z,/+ -]{0,60}|\\PC{0,40}") {
            let selection = select(Some(&value), true, &four());
            let places = selection.places.unwrap_or_default();
            prop_assert!(places.iter().all(|(place, _)| *place < 4) && selection.count <= 8);
        }
    }

    #[test]
    fn workers_with_devices_of_their_own_decide() {
        let root = tempfile::tempdir().unwrap();
        let device = |model: &str| CudaDevice {
            model: model.into(),
            ..CudaDevice::default()
        };
        let devices = vec![device("a"); 4];
        let places = |users: &RunDevices| {
            users
                .selection(&devices)
                .places
                .map(|places| places.iter().map(|(place, _)| *place).collect::<Vec<_>>())
        };
        let mut users = RunDevices {
            root: root.path().to_owned(),
            own: Some("0,1,2".into()),
            ..RunDevices::default()
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
