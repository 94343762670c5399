//! The disk: whether it holds what is still to be written, and whether it is almost full.

use super::note::{DiskLack, Note};
use crate::judging::summary::Summary;
use crate::series::DiskPlace;

/// Share of a file system that is free where it is almost full.
const FULL_SHARE: f64 = 0.03;
/// Bytes from which on that is no trouble.
const FULL_BYTES: u64 = 20 << 30;

/// Whether the checkpoints that are still to come find room beside those that are there.
pub fn will_not_hold(summary: &Summary) -> Option<Note> {
    let measured = &summary.measured;
    let output = measured
        .disks
        .iter()
        .find(|disk| disk.place == DiskPlace::Output)?;
    let checkpoints = measured.checkpoints?;
    let is_done = summary
        .finish
        .as_ref()
        .is_some_and(|finish| finish.is_success());
    let steps_left = summary.total_steps?.checked_sub(checkpoints.step)?;
    let steps_apart = checkpoints.steps_apart.filter(|steps| *steps > 0)?;
    let mut to_come = steps_left.div_ceil(steps_apart);
    if checkpoints.ever > checkpoints.there {
        // Each takes the place of an old one, which is deleted when the new one is whole.
        to_come = to_come.min(1);
    }
    let needed = checkpoints.bytes.saturating_mul(to_come);
    (!is_done && needed > output.free_bytes).then_some(Note::DiskWillNotHold {
        free_bytes: output.free_bytes,
        checkpoint_bytes: checkpoints.bytes,
        to_come,
    })
}

/// Whether a file system that the run writes to is almost full.
pub fn almost_full(summary: &Summary) -> Option<Note> {
    for disk in &summary.measured.disks {
        let is_low = |free: u64, total: u64| (free as f64) < FULL_SHARE * total as f64;
        let lack = match disk.free_inodes.zip(disk.total_inodes) {
            _ if is_low(disk.free_bytes, disk.total_bytes) && disk.free_bytes < FULL_BYTES => {
                DiskLack::Bytes(disk.free_bytes)
            }
            Some((free, total)) if is_low(free, total) => DiskLack::Files(free),
            _ => continue,
        };
        return Some(Note::DiskAlmostFull {
            place: disk.place,
            left: lack,
        });
    }
    None
}
