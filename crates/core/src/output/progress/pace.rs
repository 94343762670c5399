//! The curve of steps over time, in bounded memory.
//!
//! The rates that bars print are smoothed, cut off by narrow terminals and wrong after a resume; so rates
//! come from our own clock. An epoch's bounds lie between two refreshes of a bar: they are interpolated, also
//! long after, because what an epoch is in steps may only be known at the end.

/// Epochs whose duration is reported; with more than these the mean says enough.
const EPOCH_TIMES_MAX: u64 = 200;
/// Points kept of the curve of steps over time; an epoch's bounds are interpolated between two of them.
const PACE_POINTS_MAX: usize = 512;

/// Seconds between the first step and the last one of a rate: in less, one look that comes late changes it many times.
pub const RATE_SECONDS_MIN: f64 = 5.0;
/// Moments at which a step was seen that make a rate: between two of them lies one pause.
const RATE_LOOKS_MIN: u32 = 3;

/// A step and when it was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Seconds since the spawn.
    pub at: f64,
}

/// How long one whole epoch took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Its number, from 0.
    pub number: u64,
    /// Seconds.
    pub seconds: f64,
}

/// The steps of one training over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// When the bar stood at 0.
    pub began_at: Option<f64>,
    /// Steps seen, the first included, at least `stride` apart.
    curve_points: Vec<Point>,
    stride: u64,
    /// The last step seen.
    pub last: Option<Point>,
    /// Moments at which a new step was seen.
    looks: u32,
}

impl Pace {
    /// Notes that `step` was seen. Steps that do not grow and times that run backwards change nothing.
    pub fn note(&mut self, step: u64, seconds: f64) {
        let mut curve_point = Point { step, at: seconds };
        if let Some(last_point) = self.last {
            if step <= last_point.step {
                return;
            }
            curve_point.at = seconds.max(last_point.at);
        }
        if !seconds.is_finite() {
            return;
        }
        if step == 0 {
            self.began_at.get_or_insert(seconds);
            return;
        }
        if self
            .last
            .is_none_or(|last_point| last_point.at < curve_point.at)
        {
            self.looks = self.looks.saturating_add(1);
        }
        self.last = Some(curve_point);
        let is_far_enough = match self.curve_points.last() {
            Some(previous_point) => step >= previous_point.step.saturating_add(self.stride),
            None => true,
        };
        if is_far_enough {
            self.curve_points.push(curve_point);
        }
        if self.curve_points.len() >= PACE_POINTS_MAX {
            self.thin(step);
        }
    }

    /// Keeps about every second point.
    fn thin(&mut self, last_step: u64) {
        let mut next_step = 0;
        let first_step = self.first().map_or(0, |first_point| first_point.step);
        let even_stride = (last_step - first_step) / (PACE_POINTS_MAX as u64 / 2);
        self.stride = even_stride.max(self.stride.saturating_mul(2)).max(1);
        self.curve_points.retain(|curve_point| {
            let is_kept = curve_point.step >= next_step;
            if is_kept {
                next_step = curve_point.step.saturating_add(self.stride);
            }
            is_kept
        });
    }

    /// The first step seen that was not 0.
    pub fn first(&self) -> Option<Point> {
        self.curve_points.first().copied()
    }

    /// Steps per second, from the first step seen to the last. A resumed bar jumps from 0 to where it left
    /// off; counting from the first step keeps that jump (and the first step's warming up) out.
    ///
    /// Of a short run, or of one that was seen in two moments, there is none.
    pub fn steps_per_second(&self) -> Option<f64> {
        let (first_point, last_point) = (self.first()?, self.last?);
        let is_short = last_point.at - first_point.at < RATE_SECONDS_MIN;
        if is_short || self.looks < RATE_LOOKS_MIN {
            return None;
        }
        rate(first_point, last_point)
    }

    /// Whether the bar jumped from 0 faster than any training steps.
    fn is_resumed(&self) -> bool {
        let (Some(first_point), Some(last_point)) = (self.first(), self.last) else {
            return false;
        };
        let Some(rate) = rate(first_point, last_point) else {
            return false;
        };
        let mut plausible_steps = 1.0;
        if let Some(began_at) = self.began_at {
            plausible_steps += 3.0 * rate * (first_point.at - began_at);
        }
        first_point.step > 1 && first_point.step as f64 > plausible_steps
    }

    /// When the training had done that many steps.
    fn time_of(&self, step: f64) -> Option<f64> {
        let began_at = self.began_at.filter(|_| !self.is_resumed());
        let beginning = began_at.map(|at| Point { step: 0, at });
        let mut previous_point = None;
        for curve_point in beginning.iter().chain(&self.curve_points).chain(&self.last) {
            if (curve_point.step as f64) < step {
                previous_point = Some(curve_point);
                continue;
            }
            let previous_point = previous_point.unwrap_or(curve_point);
            let missing_steps = step - previous_point.step as f64;
            if missing_steps < 0.0 {
                return None;
            }
            let steps_between = (curve_point.step - previous_point.step).max(1) as f64;
            let share = missing_steps / steps_between;
            return Some(previous_point.at + share * (curve_point.at - previous_point.at));
        }
        None
    }

    /// The whole epochs that were seen from beginning to end, the first `EPOCH_TIMES_MAX`.
    pub fn epochs(&self, steps_per_epoch: f64) -> Vec<Epoch> {
        let mut epochs = Vec::new();
        let (Some(first_point), Some(last_point)) = (self.first(), self.last) else {
            return epochs;
        };
        if steps_per_epoch.is_nan() || steps_per_epoch < 1.0 {
            return epochs;
        }
        let (first_step, last_step) = (first_point.step as f64, last_point.step as f64);
        // A hundredth of a step of slack: the printed epoch that this is computed from is rounded.
        let whole_epochs = ((last_step + 0.01) / steps_per_epoch) as u64;
        let skipped_epochs = (first_step / steps_per_epoch) as u64;
        let bound = |epoch: u64| self.time_of((epoch as f64 * steps_per_epoch).min(last_step));
        for number in skipped_epochs..whole_epochs.min(skipped_epochs + EPOCH_TIMES_MAX) {
            if let (Some(began_at), Some(ended_at)) = (bound(number), bound(number + 1)) {
                let seconds = ended_at - began_at;
                epochs.push(Epoch { number, seconds });
            }
        }
        epochs
    }
}

/// Steps per second between two points; None where no time or no step lies between them.
pub fn rate(from: Point, to: Point) -> Option<f64> {
    let steps = to.step.checked_sub(from.step)?;
    let seconds = to.at - from.at;
    (steps > 0 && seconds > 0.0).then_some(steps as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(curve_points: &[(u64, f64)]) -> Pace {
        let mut pace = Pace::default();
        curve_points
            .iter()
            .for_each(|(step, at)| pace.note(*step, *at));
        pace
    }

    #[test]
    fn the_rate_leaves_the_jump_of_a_resume_out() {
        assert_eq!(
            pace(&[(0, 1.0), (21, 2.0), (22, 3.0), (41, 22.0)]).steps_per_second(),
            Some(1.0)
        );
        assert_eq!(
            pace(&[(0, 1.0), (5, 2.0)]).steps_per_second(),
            None,
            "one step seen gives no rate"
        );
        assert_eq!(
            pace(&[(1, 2.0), (5, 2.0)]).steps_per_second(),
            None,
            "no time gives no rate"
        );
        for (points, expected, why) in [
            (
                &[(1, 1.0), (5, 3.0), (9, 5.9)][..],
                None,
                "less than five seconds",
            ),
            (&[(1, 1.0), (5, 3.0), (11, 6.0)], Some(2.0), "five seconds"),
            (&[(1, 1.0), (5, 1.0), (11, 60.0)], None, "two moments"),
        ] {
            assert_eq!(pace(points).steps_per_second(), expected, "{why}");
        }
    }

    #[test]
    fn nonsense_changes_nothing() {
        let sane = pace(&[(0, 1.0), (1, 2.0), (3, 4.0)]);
        let noisy = pace(&[
            (0, 1.0),
            (1, 2.0),
            (1, 9.0),
            (0, 9.0),
            (2, f64::NAN),
            (2, f64::INFINITY),
            (3, 4.0),
        ]);
        assert_eq!(noisy, sane);
        assert_eq!(
            pace(&[(1, 5.0), (2, 3.0)])
                .last
                .map(|curve_point| curve_point.at),
            Some(5.0)
        );
    }

    #[test]
    fn epochs_are_cut_between_refreshes() {
        let steady = pace(&[(0, 0.0), (3, 3.0), (6, 6.0), (9, 9.0), (10, 10.0)]);
        let seconds: Vec<_> = steady
            .epochs(5.0)
            .iter()
            .map(|epoch| (epoch.number, epoch.seconds))
            .collect();
        assert_eq!(seconds, [(0, 5.0), (1, 5.0)]);
        assert_eq!(steady.epochs(11.0), [], "no epoch is whole");
        assert_eq!(steady.epochs(0.0), []);
        assert_eq!(steady.epochs(f64::NAN), []);
    }

    #[test]
    fn of_a_resumed_run_only_whole_epochs_count() {
        let resumed = pace(&[(0, 0.0), (21, 1.0), (30, 10.0), (40, 20.0), (60, 40.0)]);
        let seconds: Vec<_> = resumed
            .epochs(20.0)
            .iter()
            .map(|epoch| (epoch.number, epoch.seconds))
            .collect();
        assert_eq!(seconds, [(2, 20.0)], "epoch 1 began before we did");
    }

    #[test]
    fn a_long_run_stays_small_and_keeps_its_ends() {
        let mut long = Pace::default();
        (0..100_000).for_each(|step| long.note(step, step as f64));
        assert!(long.curve_points.len() < PACE_POINTS_MAX);
        assert_eq!(
            (
                long.first().map(|curve_point| curve_point.step),
                long.last.map(|curve_point| curve_point.step)
            ),
            (Some(1), Some(99_999))
        );
        let epochs = long.epochs(25_000.0);
        assert_eq!(epochs.len(), 3);
        assert!(
            epochs
                .iter()
                .all(|epoch| (epoch.seconds - 25_000.0).abs() < 1.0),
            "{epochs:?}"
        );
    }
}
