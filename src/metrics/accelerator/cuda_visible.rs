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

use super::driver::DriverSettings;
use crate::metrics::files;
use axolotl_run_core::limits;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a variable that chooses devices; 64 UUIDs of 40 characters fit.
pub const VISIBLE_BYTES_MAX: usize = 4096;

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CudaDevice {
    /// `GPU-…`.
    pub uuid: String,
    /// Of the instances that it is shared out in (MIG): `MIG-…`.
    pub instances: Vec<String>,
    /// What tells unlike models apart: the driver's name for it.
    pub model: String,
}

/// A device by its place in the driver's order, and the instance of it that is meant (None: all of it).
type DevicePart = (usize, Option<usize>);

/// What a process can use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisibleDevices {
    /// Each device, or instance of one.
    pub places: Vec<DevicePart>,
    /// Whether it is only known how many they are.
    pub is_unknown: bool,
}

impl VisibleDevices {
    /// Whether the device at this place may be used.
    pub fn has(&self, place: usize) -> bool {
        self.is_unknown || self.places.iter().any(|(known, _)| *known == place)
    }
}

/// What a process with this value of CUDA_VISIBLE_DEVICES can use; `by_bus`: CUDA_DEVICE_ORDER is PCI_BUS_ID.
pub fn select(value: Option<&str>, by_bus: bool, devices: &[CudaDevice]) -> VisibleDevices {
    let mut visible = VisibleDevices::default();
    let Some(value) = value else {
        for (place, device) in devices.iter().enumerate() {
            if device.instances.is_empty() {
                visible.places.push((place, None));
            }
            for instance in 0..device.instances.len() {
                visible.places.push((place, Some(instance)));
            }
        }
        return visible;
    };
    let mut is_by_index = None;
    for entry in value.split(',').take(limits::ACCELERATORS_MAX) {
        let entry = entry.trim();
        let index = leading_integer(entry);
        // The first entry decides in which of the two ways the list is written.
        if *is_by_index.get_or_insert(index.is_some()) != index.is_some() {
            break;
        }
        let named = match index {
            Some(place) => (place < devices.len()).then_some((place, None)),
            None => by_uuid(entry, devices),
        };
        let Some(named) = named else { break };
        if visible.places.contains(&named) {
            return VisibleDevices::default();
        }
        visible.places.push(named);
    }
    let are_alike = devices
        .windows(2)
        .all(|pair| matches!(pair, [one, other] if one.model == other.model));
    let count = visible.places.len();
    let is_all_or_none = count == 0 || count == devices.len();
    visible.is_unknown = is_by_index == Some(true) && !by_bus && !are_alike && !is_all_or_none;
    visible
}

/// The device, or the instance of one, whose UUID alone begins like this.
fn by_uuid(entry: &str, devices: &[CudaDevice]) -> Option<DevicePart> {
    if entry.is_empty() {
        return None;
    }
    let mut matching = Vec::new();
    for (place, device) in devices.iter().enumerate() {
        let whole = std::iter::once((&device.uuid, None));
        let instances = device.instances.iter().zip((0..).map(Some));
        for (uuid, instance) in whole.chain(instances) {
            if uuid == entry {
                return Some((place, instance));
            }
            if uuid.starts_with(entry) {
                matching.push((place, instance));
            }
        }
    }
    match matching.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// The number that an entry begins with, as C reads one: what follows the digits does not count. One below 0 is as far
/// from any device as the largest.
fn leading_integer(entry: &str) -> Option<usize> {
    let unsigned = entry.strip_prefix(['+', '-']).unwrap_or(entry);
    let behind = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
    if behind.len() == unsigned.len() {
        return None;
    }
    let number = entry.strip_suffix(behind)?;
    Some(number.parse().unwrap_or(usize::MAX))
}

/// Which devices the run's processes can use.
#[derive(Debug)]
pub struct RunDevices<'settings> {
    /// They have the command's own value.
    settings: &'settings DriverSettings,
    /// How often each process was looked at.
    looks: BTreeMap<u32, u8>,
    /// The values that processes have and the command has not.
    other_values: BTreeSet<String>,
}

impl<'settings> RunDevices<'settings> {
    /// Of no process yet.
    pub fn new(settings: &'settings DriverSettings) -> Self {
        Self {
            settings,
            looks: BTreeMap::new(),
            other_values: BTreeSet::new(),
        }
    }

    /// Looks at the processes that are new; a young one once more, since after a fork it has its parent's environment.
    pub fn look_at(&mut self, run_pids: &[u32]) {
        self.looks.retain(|pid, _| run_pids.contains(pid));
        for &pid in run_pids {
            let looks = self.looks.entry(pid).or_default();
            if *looks >= 2 || self.other_values.len() >= limits::ACCELERATORS_MAX {
                continue;
            }
            *looks += 1;
            let environment = files::process_environment(&self.settings.root.join("proc"), pid);
            let Some(value) = files::variable_value(&environment, "CUDA_VISIBLE_DEVICES") else {
                continue;
            };
            if value.len() <= VISIBLE_BYTES_MAX
                && self.settings.visible_devices.as_ref() != Some(&value)
            {
                self.other_values.insert(value);
            }
        }
    }

    /// The devices of the run.
    pub fn selection(&self, devices: &[CudaDevice]) -> VisibleDevices {
        let by_bus = self.settings.by_bus;
        if self.other_values.is_empty() {
            return select(self.settings.visible_devices.as_deref(), by_bus, devices);
        }
        let mut visible = VisibleDevices::default();
        for value in &self.other_values {
            let more = select(Some(value), by_bus, devices);
            visible.places.extend(more.places);
            visible.is_unknown |= more.is_unknown;
        }
        visible
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn four() -> Vec<CudaDevice> {
        let device = |uuid: &str, instances: &[&str]| CudaDevice {
            uuid: uuid.into(),
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

    fn places(value: &str) -> (usize, Vec<DevicePart>) {
        let selection = select(Some(value), false, &four());
        assert!(!selection.is_unknown, "{value}");
        (selection.places.len(), selection.places)
    }

    #[test]
    fn every_spelling_means_what_cuda_makes_of_it() {
        for (value, count, expected) in [
            ("0", 1, vec![(0, None)]),
            ("2,0", 2, vec![(2, None), (0, None)]),
            (" 1 , 3 ", 2, vec![(1, None), (3, None)]),
            (
                "0,1,2,3",
                4,
                vec![(0, None), (1, None), (2, None), (3, None)],
            ),
            // The first that names no device ends the list.
            ("0,-1,2", 1, vec![(0, None)]),
            ("0,9,1", 1, vec![(0, None)]),
            ("-1", 0, vec![]),
            ("", 0, vec![]),
            ("NoDevFiles", 0, vec![]),
            ("none", 0, vec![]),
            (",0", 0, vec![]),
            ("99999999999999999999", 0, vec![]),
            // As C reads numbers.
            ("1x,+2", 2, vec![(1, None), (2, None)]),
            // Twice is never.
            ("0,0", 0, vec![]),
            ("1,0,1", 0, vec![]),
            // Beginnings of UUIDs, as long as they are unique.
            ("GPU-18ef14", 1, vec![(0, None)]),
            ("GPU-18ef14e9-aaaa,GPU-9a", 2, vec![(0, None), (2, None)]),
            ("GPU-18ef", 0, vec![]),
            ("GPU-nothing", 0, vec![]),
            ("GPU-18ef14,GPU-18ef14e9-aaaa", 0, vec![]),
            // Instances, in both spellings.
            ("MIG-1111", 1, vec![(2, Some(0))]),
            ("MIG-1111,MIG-2222", 2, vec![(2, Some(0)), (2, Some(1))]),
            ("MIG-GPU-ffffffff-dddd/1/0", 1, vec![(3, Some(0))]),
            ("MIG-9999", 0, vec![]),
            // The two ways do not mix.
            ("0,GPU-9a", 1, vec![(0, None)]),
            ("GPU-9a,0", 1, vec![(2, None)]),
        ] {
            assert_eq!(places(value), (count, expected), "{value}");
        }
        assert_eq!(
            select(None, false, &four()).places.len(),
            5,
            "instances count each"
        );
        assert_eq!(select(Some("0"), false, &[]), VisibleDevices::default());
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
                (selection.places.len(), !selection.is_unknown),
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
            let places = selection.places;
            prop_assert!(places.iter().all(|(place, _)| *place < 4) && places.len() <= 8);
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
        let places = |users: &RunDevices<'_>| {
            let selection = users.selection(&devices);
            assert!(!selection.is_unknown);
            selection
                .places
                .iter()
                .map(|(place, _)| *place)
                .collect::<Vec<_>>()
        };
        let settings = DriverSettings {
            root: root.path().to_owned(),
            visible_devices: Some("0,1,2".into()),
            ..DriverSettings::default()
        };
        let mut users = RunDevices::new(&settings);
        assert_eq!(places(&users), vec![0, 1, 2]);
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
            vec![0, 1, 2],
            "the command's own value, inherited"
        );
        users.look_at(&[7, 8, 9, 99]);
        assert_eq!(places(&users), vec![0, 2]);
    }
}
