//! How much of a GPU's memory is the run's. Pure.
//!
//! The driver lists the processes that use a device, but their pids are the host's or the container's,
//! depending on its version, and in containers the sizes may be missing. So, in this order: the sizes of our
//! tree's pids; what the device's use has grown by since before the command used it; all that is in use.
//! Each figure says which of the three it is. That none of our pids is listed proves that we use nothing only
//! where pids mean the same to the driver and to us: outside of containers, or once one of ours was seen.

use axolotl_run_core::observation::Attribution;

/// A process on a device, with its bytes where the driver says them.
pub type Listed = (u32, Option<u64>);

/// Attributes memory, device by device.
#[derive(Clone, Debug)]
pub struct Attributor {
    /// Whether we are outside of any namespace for pids.
    pub pids_comparable: bool,
    /// What was in use on each device before the command could use it.
    pub baselines: Vec<Option<u64>>,
}

impl Attributor {
    /// Bytes of the device that are the run's, as far as can be told.
    pub fn attribute(
        &mut self,
        device: usize,
        used_bytes: Option<u64>,
        listed_processes: Option<&[Listed]>,
        run_pids: &[u32],
    ) -> Option<(u64, Attribution)> {
        let baseline = self.baselines.get_mut(device);
        if let (Some(Some(baseline)), Some(used_bytes)) = (baseline, used_bytes) {
            // Others have freed some: it must not hide as much of ours.
            *baseline = used_bytes.min(*baseline);
        }
        if let Some(listed_processes) = listed_processes {
            let mut sum = Some(0_u64);
            let mut is_listed = false;
            for (_, bytes) in listed_processes
                .iter()
                .filter(|(pid, _)| run_pids.contains(pid))
            {
                is_listed = true;
                sum = match (sum, bytes) {
                    (Some(sum), Some(bytes @ 1..)) => Some(sum.saturating_add(*bytes)),
                    _ => None,
                };
            }
            self.pids_comparable |= is_listed && sum.is_some();
            if let Some(sum) = sum
                && self.pids_comparable
            {
                return Some((sum, Attribution::Pid));
            }
        }
        let used_bytes = used_bytes?;
        Some(match self.baselines.get(device).copied().flatten() {
            Some(baseline) => (used_bytes.saturating_sub(baseline), Attribution::Delta),
            None => (used_bytes, Attribution::Device),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Attribution::{Delta, Device, Pid};

    #[test]
    fn the_best_evidence_decides_and_is_named() {
        let tree = [10, 11];
        for (comparable, baseline, used, listed, expected) in [
            (
                true,
                Some(5),
                Some(100),
                Some(&[(10, Some(60)), (11, Some(20)), (99, Some(15))][..]),
                Some((80, Pid)),
            ),
            (
                true,
                Some(5),
                Some(100),
                Some(&[(99, Some(95))][..]),
                Some((0, Pid)),
            ),
            (true, Some(5), Some(5), Some(&[][..]), Some((0, Pid))),
            // In a container: foreign pids, or our own without sizes, or with sizes of 0.
            (
                false,
                Some(5),
                Some(100),
                Some(&[(77_777, Some(95))][..]),
                Some((95, Delta)),
            ),
            (false, Some(5), Some(100), Some(&[][..]), Some((95, Delta))),
            (
                true,
                Some(5),
                Some(100),
                Some(&[(10, None)][..]),
                Some((95, Delta)),
            ),
            (
                true,
                Some(5),
                Some(100),
                Some(&[(10, Some(0)), (11, Some(7))][..]),
                Some((95, Delta)),
            ),
            // A driver that lists nothing.
            (true, Some(5), Some(100), None, Some((95, Delta))),
            (true, None, Some(100), None, Some((100, Device))),
            (true, Some(5), None, None, None),
            (
                true,
                None,
                None,
                Some(&[(10, Some(60))][..]),
                Some((60, Pid)),
            ),
        ] {
            let mut attributor = Attributor {
                pids_comparable: comparable,
                baselines: vec![baseline],
            };
            assert_eq!(
                attributor.attribute(0, used, listed, &tree),
                expected,
                "{listed:?} {used:?}"
            );
        }
        assert_eq!(
            Attributor {
                pids_comparable: false,
                baselines: vec![]
            }
            .attribute(3, Some(9), None, &tree),
            Some((9, Device))
        );
    }

    #[test]
    fn one_of_our_pids_on_any_device_makes_pids_comparable() {
        let mut attributor = Attributor {
            pids_comparable: false,
            baselines: vec![Some(0), Some(0)],
        };
        assert_eq!(
            attributor.attribute(1, Some(50), Some(&[(99, Some(50))]), &[10]),
            Some((50, Delta))
        );
        assert_eq!(
            attributor.attribute(0, Some(70), Some(&[(10, Some(60))]), &[10]),
            Some((60, Pid))
        );
        assert_eq!(
            attributor.attribute(1, Some(50), Some(&[(99, Some(50))]), &[10]),
            Some((0, Pid))
        );
    }

    #[test]
    fn what_others_free_does_not_hide_ours() {
        let mut attributor = Attributor {
            pids_comparable: false,
            baselines: vec![Some(50)],
        };
        assert_eq!(
            attributor.attribute(0, Some(60), None, &[]),
            Some((10, Delta))
        );
        assert_eq!(
            attributor.attribute(0, Some(20), None, &[]),
            Some((0, Delta))
        );
        assert_eq!(
            attributor.attribute(0, Some(60), None, &[]),
            Some((40, Delta))
        );
    }
}
