//! What stands out in a time series: moments that the charts mark, and a GPU that differs from the others.

use super::{Cell, Curve, CurvePoint, Series, SeriesKey};
use axolotl_run_core::limits;
use axolotl_run_core::series::SeriesLine;
use std::collections::BTreeMap;

/// Something that happened at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marker {
    /// What.
    pub kind: MarkerKind,
    /// Seconds since the spawn.
    pub at: f64,
}

/// What is marked on the charts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkerKind {
    /// An epoch was complete.
    Epoch,
    /// An evaluation had its result.
    Evaluation,
    /// The step of a checkpoint that is whole.
    Checkpoint,
    /// From here on loss or gradient norm was no number.
    NotFinite,
}

impl MarkerKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Epoch,
        Self::Evaluation,
        Self::Checkpoint,
        Self::NotFinite,
    ];

    /// What the legend calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Evaluation => "evaluation",
            Self::Checkpoint => "checkpoint",
            Self::NotFinite => "not finite",
        }
    }

    /// What the style sheet calls it.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Evaluation => "evaluation",
            Self::Checkpoint => "checkpoint",
            Self::NotFinite => "broken",
        }
    }
}

/// Moments of a kind that are kept; more could not be told apart.
const MARKERS_MAX: usize = 40;

/// GPUs among which one can be odd.
const ODD_AMONG_MIN: usize = 3;
/// How far an odd one's load is from the median of all.
const ODD_LOAD: f64 = 0.4;
/// In how many columns at the least, and in which share of them: one that loads data a little longer is not odd.
const ODD_COLUMNS_MIN: usize = 3;
const ODD_SHARE: f64 = 0.1;

impl Series {
    /// Notes what has happened since the line before.
    pub(super) fn mark(&mut self, line: &SeriesLine) {
        let at = line.at;
        if let Some(epoch) = line.epoch
            && epoch.floor() > self.epoch.unwrap_or(0.0).floor()
        {
            let kind = MarkerKind::Epoch;
            self.markers.push(Marker { kind, at });
        }
        self.epoch = line.epoch.or(self.epoch);
        if let Some(eval_loss) = line.eval_loss
            && self.eval_loss != Some(eval_loss)
        {
            let kind = MarkerKind::Evaluation;
            self.markers.push(Marker { kind, at });
            self.evaluations
                .push(Some(CurvePoint::single(at, eval_loss)));
            self.eval_loss = Some(eval_loss);
        }
        if let Some(checkpoint) = line.checkpoints
            && Some(checkpoint.step) > self.checkpoint_step
        {
            // It is looked for now and then, and was written at its step.
            let kind = MarkerKind::Checkpoint;
            let at = self.time_of_step(checkpoint.step).unwrap_or(at);
            self.markers.push(Marker { kind, at });
            self.checkpoint_step = Some(checkpoint.step);
        }
        // A file that may hold anything makes neither grow for ever.
        self.markers.truncate(limits::SERIES_COLUMNS_MAX);
        self.evaluations.truncate(limits::SERIES_COLUMNS_MAX);
    }

    /// What happened, of each kind that happened seldom enough to be marked. `broken_step`: since when a number of the
    /// training was none.
    pub fn markers(&self, broken_step: Option<u64>) -> Vec<Marker> {
        let mut markers = Vec::new();
        for kind in MarkerKind::ALL {
            let of_kind = self.markers.iter().filter(|marker| marker.kind == kind);
            if of_kind.clone().count() <= MARKERS_MAX {
                markers.extend(of_kind);
            }
        }
        if let Some(at) = broken_step.and_then(|step| self.time_of_step(step)) {
            let kind = MarkerKind::NotFinite;
            markers.push(Marker { kind, at });
        }
        markers
    }

    fn time_of_step(&self, step: u64) -> Option<f64> {
        let columns = self.columns.get(&SeriesKey::Step)?;
        let reached = |cell: &&Cell| cell.greatest >= step as f64;
        let cell = columns.iter().flatten().find(reached)?;
        Some(cell.time_sum / cell.count)
    }

    /// The losses of the evaluations.
    pub fn evaluations(&self) -> Curve {
        self.evaluations.clone()
    }

    /// GPUs whose load was far from that of most others for a good part of the time; none where there is no most.
    pub fn odd_gpus(&self) -> Vec<u32> {
        let gpus = self.gpus();
        let mut odd_columns = BTreeMap::<u32, usize>::new();
        let mut columns_seen = 0;
        for column in 0..limits::SERIES_COLUMNS_MAX {
            let mut loads = Vec::new();
            for gpu in &gpus {
                let columns = self.columns.get(&SeriesKey::GpuLoad(*gpu));
                if let Some(Some(cell)) = columns.and_then(|columns| columns.get(column)) {
                    loads.push((cell.sum / cell.count, *gpu));
                }
            }
            if loads.len() < ODD_AMONG_MIN {
                continue;
            }
            columns_seen += 1;
            loads.sort_by(|a, b| a.0.total_cmp(&b.0));
            let median = loads.get(loads.len() / 2).map_or(0.0, |(load, _)| *load);
            for (load, gpu) in loads {
                if (load - median).abs() > ODD_LOAD {
                    *odd_columns.entry(gpu).or_default() += 1;
                }
            }
        }
        let enough = ODD_COLUMNS_MIN.max((ODD_SHARE * columns_seen as f64) as usize);
        odd_columns.retain(|_, columns| *columns >= enough);
        if 2 * odd_columns.len() >= gpus.len() {
            return Vec::new();
        }
        odd_columns.into_keys().collect()
    }
}
