//! What Intel's drivers say of a process's use of a device: the kernel's `drm-usage-stats`, in `/proc/PID/fdinfo`.
//!
//! Each descriptor of a device's node is a client of its driver, with the memory that it holds and the time that each
//! sort of engine worked for it. Duplicates and what children inherit are the same client, told by its number, and must
//! count once. As the files are those of our own processes, no namespace of pids comes between. Two dialects: i915 counts
//! nanoseconds of work, xe cycles, beside a clock in cycles. Which descriptors are a device's is looked for seldom,
//! since a process may have a thousand of others.

use crate::metrics::files;
use axolotl_run_core::limits;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The drivers whose words are known.
const DRIVERS: [&str; 2] = ["i915", "xe"];
/// How the two call a device's own memory: `vram0`, `local0`.
const MEMORIES: [&str; 2] = ["vram", "local"];
/// The figures for memory, the best first: what is in it now, what was allotted, and the name of the second before.
const FIGURES: [&str; 3] = ["drm-resident-", "drm-total-", "drm-memory-"];

/// A client of a driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The device's address on the bus.
    pub device: String,
    /// Its number; unique for the device.
    pub id: u64,
    /// Bytes of the device's own memory.
    pub memory: Option<u64>,
    /// The work that was done for it, by the sort of engine.
    pub engines: BTreeMap<String, Work>,
}

/// What engines of one sort have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Nanoseconds, or cycles where there is a clock of cycles.
    pub busy: u64,
    /// The device's clock, in cycles.
    pub clock: Option<u64>,
    /// How many such engines there are; absent is one.
    pub capacity: Option<u64>,
}

/// Reads one file; None where it is no client of these drivers.
pub fn parse(text: &str) -> Option<Client> {
    let lines = || {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(key, value)| (key, value.trim()))
    };
    let said = |name: &str| {
        lines()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    said("drm-driver").filter(|driver| DRIVERS.contains(driver))?;
    let mut client = Client {
        device: said("drm-pdev")?.to_owned(),
        id: said("drm-client-id")?.parse().ok()?,
        ..Client::default()
    };
    let mut regions: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for (key, value) in lines() {
        let engine = |prefix: &str| key.strip_prefix(prefix);
        let number = || value.split(' ').next()?.parse().ok();
        if let Some(name) = engine("drm-engine-capacity-") {
            client
                .work(name)
                .into_iter()
                .for_each(|work| work.capacity = number());
        } else if let (Some(name), Some(busy)) = (
            engine("drm-engine-").or_else(|| engine("drm-cycles-")),
            number(),
        ) {
            client
                .work(name)
                .into_iter()
                .for_each(|work| work.busy = busy);
        } else if let Some(name) = engine("drm-total-cycles-") {
            client
                .work(name)
                .into_iter()
                .for_each(|work| work.clock = number());
        } else if let Some((rank, region)) = region(key)
            && let Some(bytes) = bytes(value)
            && regions.get(region).is_none_or(|(known, _)| rank < *known)
        {
            regions.insert(region, (rank, bytes));
        }
    }
    client.memory = regions
        .values()
        .map(|(_, bytes)| *bytes)
        .reduce(u64::saturating_add);
    Some(client)
}

impl Client {
    /// The entry of an engine. Which there are is the driver's to say, but a file may name any number of them.
    fn work(&mut self, name: &str) -> Option<&mut Work> {
        let room = self.engines.len() < limits::DRM_ENGINES_MAX || self.engines.contains_key(name);
        room.then(|| self.engines.entry(name.to_owned()).or_default())
    }
}

/// A figure's rank, and the part of the device's memory that it is about.
fn region(key: &str) -> Option<(usize, &str)> {
    let (rank, region) = FIGURES
        .iter()
        .enumerate()
        .find_map(|(rank, figure)| Some((rank, key.strip_prefix(figure)?)))?;
    MEMORIES
        .iter()
        .any(|memory| region.starts_with(memory))
        .then_some((rank, region))
}

/// `23992 KiB`; without a unit it is bytes.
fn bytes(value: &str) -> Option<u64> {
    let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
    let scale = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

/// The clients that the run's processes are.
#[derive(Debug)]
pub struct Clients {
    processes: PathBuf,
    /// Of each process: in how many looks its descriptors are to be looked through again, and which are a device's.
    known: BTreeMap<u32, (u32, Vec<OsString>)>,
}

impl Clients {
    /// Of the machine with this root.
    pub fn new(root: &Path) -> Self {
        Self {
            processes: root.join("proc"),
            known: BTreeMap::new(),
        }
    }

    /// All of them, each once.
    pub fn look(&mut self, tree: &[u32]) -> Vec<Client> {
        self.known.retain(|pid, _| tree.contains(pid));
        let mut clients = BTreeMap::new();
        for pid in tree {
            let process = self.processes.join(pid.to_string());
            let (due, descriptors) = self.known.entry(*pid).or_default();
            if *due == 0 {
                *descriptors = devices_descriptors(&process);
            }
            *due = due.checked_sub(1).unwrap_or(limits::DRM_LOOK_SAMPLES);
            for descriptor in descriptors {
                let text = files::text(&process.join("fdinfo").join(descriptor));
                if let Some(client) = text.as_deref().and_then(parse)
                    && clients.len() < limits::DRM_CLIENTS_MAX
                {
                    clients.insert((client.device.clone(), client.id), client);
                }
            }
        }
        clients.into_values().collect()
    }
}

/// Which descriptors of a process are open on a graphics device.
fn devices_descriptors(process: &Path) -> Vec<OsString> {
    let directory = process.join("fd");
    let names = files::names(&directory, limits::DESCRIPTORS_MAX)
        .unwrap_or_default()
        .into_iter();
    let devices = names.filter(|name| {
        std::fs::read_link(directory.join(name)).is_ok_and(|target| target.starts_with("/dev/dri"))
    });
    devices.take(limits::DRM_CLIENTS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_drivers_are_understood() {
        let xe = "pos:\t0\nflags:\t0100002\ndrm-driver:\txe\ndrm-client-id:\t3\ndrm-pdev:\t0000:4d:00.0\n\
                  drm-total-gtt:\t192 KiB\ndrm-total-vram0:\t23992 KiB\ndrm-shared-vram0:\t16 MiB\n\
                  drm-resident-vram0:\t23 MiB\ndrm-total-vram1:\t1 MiB\ndrm-cycles-ccs:\t500\n\
                  drm-total-cycles-ccs:\t7655183225\ndrm-engine-capacity-ccs:\t4\n";
        let ccs = Work {
            busy: 500,
            clock: Some(7_655_183_225),
            capacity: Some(4),
        };
        let expected = Client {
            device: "0000:4d:00.0".into(),
            id: 3,
            memory: Some(24 << 20),
            engines: BTreeMap::from([("ccs".to_owned(), ccs)]),
        };
        assert_eq!(parse(xe), Some(expected));
        let i915 = "drm-driver:\ti915\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t7\ndrm-total-system0:\t0\n\
                    drm-total-local0:\t2 MiB\ndrm-engine-render:\t25662044495 ns\ndrm-engine-compute:\t0 ns\n";
        let client = parse(i915).unwrap();
        assert_eq!(
            (client.id, client.memory, client.engines.len()),
            (7, Some(2 << 20), 2)
        );
        let render = Work {
            busy: 25_662_044_495,
            clock: None,
            capacity: None,
        };
        assert_eq!(client.engines.get("render"), Some(&render));
        // A kernel that does not count memory yet.
        assert_eq!(
            parse("drm-driver: i915\ndrm-pdev: a\ndrm-client-id: 1\n")
                .unwrap()
                .memory,
            None
        );
    }

    #[test]
    fn what_is_no_client_of_theirs_is_none() {
        for text in [
            "",
            "pos:\t0\nflags:\t02\n",
            "drm-driver:\tamdgpu\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t7\n",
            "drm-driver:\txe\ndrm-client-id:\t7\n",
            "drm-driver:\txe\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\tx\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        for (value, expected) in [
            ("7", Some(7)),
            ("7 KiB", Some(7168)),
            ("7 kB", None),
            ("-7", None),
            ("", None),
        ] {
            assert_eq!(bytes(value), expected, "{value}");
        }
        assert_eq!(bytes("99999999999999999 MiB"), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(lines in "(drm-(driver|pdev|client-id|engine-|cycles-|total-vram)[a-z0-9]{0,3}: (xe|[0-9]{1,22})( [KM]iB)?\n){0,90}") {
            let engines = parse(&lines).map_or(0, |client| client.engines.len());
            prop_assert!(engines <= limits::DRM_ENGINES_MAX);
        }
    }
}
