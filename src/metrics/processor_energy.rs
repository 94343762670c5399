//! Energy that the machine's processors draw, as they count it themselves (RAPL, `/sys/class/powercap`).
//!
//! The counters are of whole processors, whoever uses them; they count microjoules and begin anew after some minutes of
//! full load, which is known by their range. On most machines only root may read them: then nothing is known.

use super::files;
use axolotl_run_sys::probe::open_regular;
use std::fs::File;
use std::path::Path;

/// Processors that are read; the largest machines have eight.
const PACKAGES_MAX: usize = 64;

/// The counters of all processors.
pub struct ProcessorEnergy {
    packages: Vec<Package>,
    joules: f64,
}

struct Package {
    counter: File,
    /// Microjoules at which it begins anew.
    range: u64,
    last: u64,
}

impl ProcessorEnergy {
    /// Begins to count from now on.
    pub fn begin() -> Self {
        Self::below(Path::new("/sys/class/powercap"))
    }

    fn below(powercap: &Path) -> Self {
        let mut packages = Vec::new();
        // Those with one number are processors; those with two are parts of them.
        for number in files::numbered_entries(powercap, "intel-rapl:", PACKAGES_MAX) {
            let directory = powercap.join(format!("intel-rapl:{number}"));
            if let Some(range) = files::read_number(&directory.join("max_energy_range_uj"))
                && let Ok(counter) = open_regular(&directory.join("energy_uj"))
                && let Some(last) = number_in(&counter)
            {
                packages.push(Package {
                    counter,
                    range,
                    last,
                });
            }
        }
        Self {
            packages,
            joules: 0.0,
        }
    }

    /// Joules since the beginning; None where nothing counts them.
    pub fn joules(&mut self) -> Option<f64> {
        for package in &mut self.packages {
            let now = number_in(&package.counter)?;
            let drawn = match now.checked_sub(package.last) {
                Some(drawn) => drawn,
                None => now.saturating_add(package.range.saturating_sub(package.last)),
            };
            package.last = now;
            self.joules += drawn as f64 / 1e6;
        }
        (!self.packages.is_empty()).then_some(self.joules)
    }
}

fn number_in(counter: &File) -> Option<u64> {
    files::read_beginning::<32>(counter)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn joules_of_all_processors_are_counted_across_their_range() {
        let place = tempfile::tempdir().unwrap();
        let zone = |name: &str, microjoules: u64| {
            let zone = place.path().join(name);
            fs::create_dir_all(&zone).unwrap();
            fs::write(zone.join("max_energy_range_uj"), "10000000\n").unwrap();
            fs::write(zone.join("energy_uj"), format!("{microjoules}\n")).unwrap();
        };
        assert_eq!(ProcessorEnergy::below(place.path()).joules(), None);
        zone("intel-rapl:0", 9_000_000);
        zone("intel-rapl:1", 1_000_000);
        zone("intel-rapl:0:0", 5);
        let mut energy = ProcessorEnergy::below(place.path());
        assert_eq!(energy.joules(), Some(0.0));
        zone("intel-rapl:0", 2_000_000);
        zone("intel-rapl:1", 1_500_000);
        zone("intel-rapl:0:0", 9_000_000);
        assert_eq!(energy.joules(), Some(3.5), "one has begun anew");
    }
}
