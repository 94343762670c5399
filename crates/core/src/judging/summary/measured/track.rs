//! Time and memory of a training over its steps, in bounded memory, and what can be said of where they go.
//!
//! A training that leaks and one that is slowed down do so slowly, between evaluations, pauses and single jumps. So
//! nothing here is a mean: a slope is the median of the slopes of all pairs of points (Theil and Sen), a pace the median of
//! many short ones. The first steps, in which everything is filled, are left out.

/// Points that are kept; where they would be more, every second one goes.
const POINTS_MAX: usize = 192;
/// Points that a slope is made of: as many pairs as two thousand.
const SLOPE_POINTS_MAX: usize = 64;
/// The same at the least.
const SLOPE_POINTS_MIN: usize = 24;
/// Share of a training that is left out at its beginning.
const FILLING_SHARE: f64 = 0.25;

/// Where a training was at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TrackPoint {
    step: f64,
    at: f64,
    bytes: Option<f64>,
}

/// A training's way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    points: Vec<TrackPoint>,
    /// Every how many new steps there is a point, less one.
    skips: u32,
    skipped: u32,
}

/// A line through points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// Bytes a step.
    pub bytes_a_step: f64,
    /// A step near its end.
    pub at_step: f64,
    /// Bytes at that step.
    pub at_bytes: f64,
    /// By how much it grew over the steps that it is of.
    pub growth: f64,
}

impl Track {
    /// Takes a measurement at which a new step was known.
    pub fn take(&mut self, step: u64, at: f64, bytes: Option<u64>) {
        let step = step as f64;
        let last = self.points.last();
        let goes_on = last.is_none_or(|last| last.step < step && last.at < at);
        if !goes_on || !at.is_finite() {
            return;
        }
        if self.skipped < self.skips {
            self.skipped += 1;
            return;
        }
        self.skipped = 0;
        let bytes = bytes.map(|bytes| bytes as f64);
        self.points.push(TrackPoint { step, at, bytes });
        if self.points.len() >= POINTS_MAX {
            let mut is_kept = false;
            self.points.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.skips = self.skips.saturating_mul(2).saturating_add(1);
        }
    }

    /// What is behind the beginning.
    fn settled(&self) -> &[TrackPoint] {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return &[];
        };
        let from = first.at + FILLING_SHARE * (last.at - first.at);
        let begin = self.points.partition_point(|point| point.at < from);
        self.points.get(begin..).unwrap_or_default()
    }

    /// How memory grows; None where it does not, or not from beginning to end.
    pub fn growth(&self) -> Option<Slope> {
        let settled = self.settled();
        let each = settled.len().div_ceil(SLOPE_POINTS_MAX).max(1);
        let mut points = Vec::new();
        for point in settled.iter().step_by(each) {
            points.extend(point.bytes.map(|bytes| (point.step, bytes)));
        }
        if points.len() < SLOPE_POINTS_MIN {
            return None;
        }
        let bytes_a_step = slope(&points)?;
        let (first_half, second_half) = points.split_at(points.len() / 2);
        // What fills up and stays so has grown as well.
        for half in [first_half, second_half] {
            if slope(half)? < bytes_a_step / 3.0 {
                return None;
            }
        }
        let (first_step, _) = *points.first()?;
        let (last_step, _) = *points.last()?;
        let at_step = median(second_half.iter().map(|(step, _)| *step))?;
        let at_bytes = median(second_half.iter().map(|(_, bytes)| *bytes))?;
        let growth = bytes_a_step * (last_step - first_step);
        (bytes_a_step > 0.0).then_some(Slope {
            bytes_a_step,
            at_step,
            at_bytes,
            growth,
        })
    }

    /// Usual seconds a step in the first third and in the last third, the beginning left out.
    pub fn step_seconds(&self) -> Option<(f64, f64)> {
        let settled = self.settled();
        if settled.len() < SLOPE_POINTS_MIN {
            return None;
        }
        let third = settled.len() / 3;
        let usual = |points: &[TrackPoint]| {
            let paces = points.windows(2).filter_map(|pair| match pair {
                [before, after] => Some((after.at - before.at) / (after.step - before.step)),
                _ => None,
            });
            median(paces)
        };
        let first = usual(settled.get(..third)?)?;
        let last = usual(settled.get(settled.len() - third..)?)?;
        Some((first, last))
    }
}

/// The median of the slopes of all pairs.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let mut slopes = Vec::new();
    for (number, (step, bytes)) in points.iter().enumerate() {
        for (later_step, later_bytes) in points.iter().skip(number + 1) {
            slopes.push((later_bytes - bytes) / (later_step - step));
        }
    }
    median(slopes.into_iter())
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.filter(|value| value.is_finite()).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1048576.0;

    fn track(count: u64, bytes: impl Fn(f64) -> f64, seconds: impl Fn(f64) -> f64) -> Track {
        let mut track = Track::default();
        let mut at = 0.0;
        for step in 1..=count {
            at += seconds(step as f64);
            track.take(step, at, Some(bytes(step as f64) as u64));
        }
        track
    }

    #[test]
    fn memory_that_grows_to_the_end_is_told_from_memory_that_fills_up() {
        let jitter = |step: f64| 20.0 * MIB * (step * 7.0).sin();
        for (name, bytes, expected) in [
            (
                "a leak",
                (|step: f64| 1000.0 * MIB + MIB * step) as fn(f64) -> f64,
                Some(1.0),
            ),
            ("constant", |_| 1000.0 * MIB, None),
            (
                "filled in the first half",
                |step: f64| 1000.0 * MIB + MIB * step.min(1500.0),
                None,
            ),
            ("shrinking", |step: f64| 9000.0 * MIB - MIB * step, None),
            (
                "one jump",
                |step: f64| if step < 2000.0 { 1e9 } else { 9e9 },
                None,
            ),
        ] {
            let track = track(3000, |step| bytes(step) + jitter(step), |_| 1.0);
            assert!(track.points.len() <= POINTS_MAX);
            let known = track.growth().filter(|slope| slope.growth > 100.0 * MIB);
            let slope = known.map(|slope| (10.0 * slope.bytes_a_step / MIB).round() / 10.0);
            assert_eq!(slope, expected, "{name}");
        }
        assert_eq!(
            track(20, |step| step * MIB, |_| 1.0).growth(),
            None,
            "too few"
        );
    }

    #[test]
    fn a_pace_is_that_of_usual_steps() {
        let pauses = |step: f64| if step % 100.0 == 0.0 { 60.0 } else { 1.0 };
        let (first, last) = track(3000, |_| 1.0, pauses).step_seconds().unwrap();
        assert!((last / first - 1.0).abs() < 0.2, "{first} {last}");
        let (first, last) = track(3000, |_| 1.0, |step| 1.0 + step / 3000.0)
            .step_seconds()
            .unwrap();
        assert!(last / first > 1.2, "{first} {last}");
    }
}
