//! The measurements of a run, however long it was, in as many columns as a chart has.
//!
//! The problem: a week of training leaves a hundred thousand measurements, a damaged or forged file millions, and
//! the run's length is known only at its end. The rule: one pass, bounded memory. Time is divided into columns, and
//! where the run turns out longer than they reach, neighbours are merged and each spans twice the time. A column
//! keeps the least, the greatest and the mean of what fell into it, so that no peak is lost.
//!
//! Pure. [`super`] feeds it, the charts are drawn of it. What is not a finite number at a sensible time is ignored.

use axolotl_run_core::event::Event;
use axolotl_run_core::event::value::Number;
use axolotl_run_core::knowledge::python::stack_classes::StackClass;
use axolotl_run_core::limits;
use axolotl_run_core::series::SeriesLine;
use serde::Serialize;
use std::collections::BTreeMap;

/// Seconds that the narrowest of them spans: a run of six seconds fills all.
const SERIES_COLUMN_SECONDS: f64 = 0.01;

/// What is measured over time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeriesKey {
    /// Measurements, whatever they hold.
    Measured,
    /// Optimizer steps done: a counter.
    Step,
    /// Processor seconds used: a counter.
    Processor,
    /// The training loss.
    Loss,
    /// The learning rate.
    LearningRate,
    /// The gradient norm.
    GradNorm,
    /// Resident bytes of all processes.
    MemorySum,
    /// Resident bytes of the largest process.
    MemoryLargest,
    /// Bytes charged to the control group.
    MemoryGroup,
    /// Share of its time in which the first rank did this.
    Time(StackClass),
    /// Share of time in which a GPU was busy.
    GpuLoad(u32),
    /// Bytes in use on a GPU.
    GpuMemory(u32),
    /// Watts that a GPU draws.
    GpuPower(u32),
}

/// What fell into one column.
#[derive(Clone, Copy)]
struct Cell {
    count: f64,
    time_sum: f64,
    least: f64,
    greatest: f64,
    sum: f64,
    last_seconds: f64,
    last_value: f64,
}

impl Cell {
    const fn single(elapsed_seconds: f64, value: f64) -> Self {
        Self {
            count: 1.0,
            time_sum: elapsed_seconds,
            least: value,
            greatest: value,
            sum: value,
            last_seconds: elapsed_seconds,
            last_value: value,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.time_sum += other.time_sum;
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        if other.last_seconds >= self.last_seconds {
            self.last_seconds = other.last_seconds;
            self.last_value = other.last_value;
        }
    }

    fn point(&self) -> CurvePoint {
        CurvePoint {
            elapsed_seconds: self.time_sum / self.count,
            least: self.least,
            mean: (self.sum / self.count).clamp(self.least, self.greatest),
            greatest: self.greatest,
        }
    }
}

/// Adds what fell into another column to this one.
fn add(column: &mut Option<Cell>, other: Option<Cell>) {
    match (column.as_mut(), &other) {
        (Some(cell), Some(other)) => cell.merge(other),
        _ => *column = column.or(other),
    }
}

/// What a curve has at one place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Seconds since the spawn.
    #[serde(rename = "at")]
    pub elapsed_seconds: f64,
    /// The least value there.
    #[serde(rename = "min")]
    pub least: f64,
    /// The mean.
    pub mean: f64,
    /// The greatest.
    #[serde(rename = "max")]
    pub greatest: f64,
}

impl CurvePoint {
    /// A point where there is one value.
    pub const fn single(elapsed_seconds: f64, value: f64) -> Self {
        Self {
            elapsed_seconds,
            least: value,
            mean: value,
            greatest: value,
        }
    }
}

/// Points in order; None is a break: it was measured there, but this was not known.
pub type Curve = Vec<Option<CurvePoint>>;

/// Steps that a rate is of: fewer come in bursts, as bars are drawn.
const STEPS_OF_A_RATE: f64 = 10.0;
/// Seconds of which the rate says how long the rest will take.
const RECENT_SECONDS: f64 = 300.0;
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

/// The whole time series.
pub struct Series {
    /// Seconds that a column spans.
    column_seconds: f64,
    columns: BTreeMap<SeriesKey, Vec<Option<Cell>>>,
    end_seconds: f64,
    /// The highest step, and when it was first seen.
    step: Option<(f64, f64)>,
    markers: Vec<Marker>,
    /// What was logged last, so that a change is seen.
    epoch: Option<f64>,
    eval_loss: Option<f64>,
    checkpoint_step: Option<u64>,
    evaluations: Curve,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            column_seconds: SERIES_COLUMN_SECONDS,
            columns: BTreeMap::new(),
            end_seconds: 0.0,
            step: None,
            markers: Vec::new(),
            epoch: None,
            eval_loss: None,
            checkpoint_step: None,
            evaluations: Curve::new(),
        }
    }
}

impl Series {
    /// Takes one line of the time series; false where its time makes no sense.
    pub fn take(&mut self, line: &SeriesLine) -> bool {
        let elapsed_seconds = line.at;
        if self.column(elapsed_seconds).is_none() {
            return false;
        }
        for (series_key, value) in [
            (SeriesKey::Measured, Some(0.0)),
            (SeriesKey::Step, whole(line.step)),
            (SeriesKey::Processor, line.cpu_seconds),
            (SeriesKey::Loss, line.loss),
            (SeriesKey::LearningRate, line.learning_rate),
            (SeriesKey::GradNorm, line.grad_norm),
            (SeriesKey::MemorySum, whole(line.rss_sum_bytes)),
            (SeriesKey::MemoryLargest, whole(line.rss_max_process_bytes)),
            (SeriesKey::MemoryGroup, whole(line.cgroup_bytes)),
        ] {
            self.note(elapsed_seconds, series_key, value);
        }
        if let Some(time) = line.time {
            for (class, share) in [
                (StackClass::Data, time.data),
                (StackClass::Collective, time.collective),
                (StackClass::Saving, time.saving),
                (StackClass::Evaluation, time.evaluation),
                (StackClass::Compilation, time.compilation),
            ] {
                self.note(elapsed_seconds, SeriesKey::Time(class), Some(share));
            }
        }
        for gpu in &line.gpus {
            if (gpu.index as usize) < limits::ACCELERATORS_MAX {
                self.note(
                    elapsed_seconds,
                    SeriesKey::GpuLoad(gpu.index),
                    gpu.utilization,
                );
                self.note(
                    elapsed_seconds,
                    SeriesKey::GpuMemory(gpu.index),
                    whole(gpu.memory_bytes),
                );
                self.note(
                    elapsed_seconds,
                    SeriesKey::GpuPower(gpu.index),
                    gpu.power_watts,
                );
            }
        }
        self.mark(line);
        true
    }

    /// Notes what has happened since the line before.
    fn mark(&mut self, line: &SeriesLine) {
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

    /// Takes the figures of an event: short runs have more events than measurements.
    pub fn event(&mut self, event: &Event<String>, elapsed_seconds: Option<f64>) {
        let (elapsed_seconds, step, loss) = match event {
            Event::Progress(progress) => (elapsed_seconds, progress.step, progress.loss),
            Event::Finish(finish) => {
                let elapsed_seconds = finish.total_time_seconds.map(Number::get);
                (elapsed_seconds, finish.total_steps, finish.loss)
            }
            Event::Start(_) | Event::Setup(_) | Event::Error(_) | Event::Exception(_) => {
                return;
            }
        };
        if let Some(elapsed_seconds) = elapsed_seconds {
            self.note(elapsed_seconds, SeriesKey::Step, whole(step));
            self.note(elapsed_seconds, SeriesKey::Loss, loss.map(Number::get));
        }
    }

    fn note(&mut self, elapsed_seconds: f64, series_key: SeriesKey, value: Option<f64>) {
        let (Some(column), Some(value)) = (self.column(elapsed_seconds), value) else {
            return;
        };
        if !value.is_finite() {
            return;
        }
        if series_key == SeriesKey::Step && self.step.is_none_or(|(step, _)| value > step) {
            self.step = Some((value, elapsed_seconds));
        }
        let columns = self.columns.entry(series_key).or_default();
        if columns.len() <= column {
            columns.resize(column + 1, None);
        }
        if let Some(column) = columns.get_mut(column) {
            add(column, Some(Cell::single(elapsed_seconds, value)));
        }
    }

    /// The column of a time, which may make all of them wider.
    fn column(&mut self, elapsed_seconds: f64) -> Option<usize> {
        if !(0.0..=limits::SERIES_SECONDS_MAX).contains(&elapsed_seconds) {
            return None;
        }
        // A float's cast saturates.
        while (elapsed_seconds / self.column_seconds) as usize >= limits::SERIES_COLUMNS_MAX {
            self.column_seconds *= 2.0;
            for columns in self.columns.values_mut() {
                let mut wider = Vec::new();
                for neighbours in columns.chunks(2) {
                    let mut column = None;
                    for neighbour in neighbours {
                        add(&mut column, *neighbour);
                    }
                    wider.push(column);
                }
                *columns = wider;
            }
        }
        self.end_seconds = self.end_seconds.max(elapsed_seconds);
        Some((elapsed_seconds / self.column_seconds) as usize)
    }

    /// The time of the last measurement, in seconds since the spawn.
    pub const fn end_seconds(&self) -> f64 {
        self.end_seconds
    }

    /// The value last known.
    pub fn last(&self, series_key: SeriesKey) -> Option<f64> {
        let cell = self
            .columns
            .get(&series_key)?
            .iter()
            .flatten()
            .next_back()?;
        Some(cell.last_value)
    }

    /// Steps per second of the last minutes.
    pub fn recent_rate(&self) -> Option<f64> {
        let columns = self.columns.get(&SeriesKey::Step)?;
        let last = columns.iter().flatten().next_back()?;
        let is_long_ago = |cell: &&Cell| cell.last_seconds <= last.last_seconds - RECENT_SECONDS;
        let long_ago = columns.iter().flatten().rfind(is_long_ago);
        let before = long_ago.or(columns.iter().flatten().next())?;
        let rate =
            (last.last_value - before.last_value) / (last.last_seconds - before.last_seconds);
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// When the highest step was first seen.
    pub fn last_step_at(&self) -> Option<f64> {
        self.step.map(|(_, elapsed_seconds)| elapsed_seconds)
    }

    /// The GPUs of which anything is known.
    pub fn gpus(&self) -> Vec<u32> {
        let index = |series_key: &SeriesKey| match series_key {
            SeriesKey::GpuLoad(index)
            | SeriesKey::GpuMemory(index)
            | SeriesKey::GpuPower(index) => Some(*index),
            _ => None,
        };
        let mut gpus: Vec<_> = self.columns.keys().filter_map(index).collect();
        gpus.sort_unstable();
        gpus.dedup();
        gpus
    }

    /// A measured value over time.
    pub fn gauge(&self, series_key: SeriesKey) -> Curve {
        self.together(&[series_key])
    }

    /// Several as one: their mean, from the least of all to the greatest.
    pub fn together(&self, metrics: &[SeriesKey]) -> Curve {
        // Where it was measured there is a point, or the curve breaks.
        let mut measured_columns = self.columns.get(&SeriesKey::Measured).into_iter().flatten();
        let mut sums = [None; limits::SERIES_COLUMNS_MAX];
        for series_key in metrics {
            let columns = self.columns.get(series_key).into_iter().flatten();
            for (sum, column) in sums.iter_mut().zip(columns) {
                add(sum, *column);
            }
        }
        let mut curve = Curve::new();
        for sum in sums {
            let was_measured = matches!(measured_columns.next(), Some(Some(_)));
            let goes_on = matches!(curve.last(), Some(Some(_)));
            if sum.is_some() || was_measured && goes_on {
                curve.push(sum.as_ref().map(Cell::point));
            }
        }
        if curve.last() == Some(&None) {
            curve.pop();
        }
        curve
    }

    /// How fast a counter grew, over a window that is wide enough to see it grow by several.
    pub fn rate(&self, counter: SeriesKey) -> Curve {
        let columns = self.columns.get(&counter).into_iter().flatten();
        let known_cells: Vec<_> = columns.flatten().collect();
        let (Some(first_cell), Some(last_cell)) = (known_cells.first(), known_cells.last()) else {
            return Curve::new();
        };
        let seconds_known = last_cell.last_seconds - first_cell.last_seconds;
        let total_growth = last_cell.last_value - first_cell.last_value;
        if seconds_known <= 0.0 {
            return Curve::new();
        }
        // A processor's second is a fine measure, a step may take minutes.
        let seconds_for_steps = if counter == SeriesKey::Step && total_growth > 0.0 {
            STEPS_OF_A_RATE * seconds_known / total_growth
        } else {
            0.0
        };
        let window = seconds_for_steps
            .max(seconds_known / 150.0)
            .min(seconds_known / 8.0);
        let mut window_start = 0;
        let mut curve = Curve::new();
        for (index, cell) in known_cells.iter().enumerate().skip(1) {
            let elapsed_seconds = cell.last_seconds;
            // The latest place that is a window away, or the neighbour where they are far apart.
            while let Some(next) = known_cells.get(window_start + 1)
                && window_start + 1 < index
                && next.last_seconds <= elapsed_seconds - window
            {
                window_start += 1;
            }
            let Some(window_cell) = known_cells.get(window_start) else {
                break;
            };
            let seconds_between = elapsed_seconds - window_cell.last_seconds;
            // Two measurements at nearly the same time see nothing grow.
            if seconds_between < window / 2.0 {
                continue;
            }
            let rate = (cell.last_value - window_cell.last_value) / seconds_between;
            // A counter that begins anew (another phase, a child that was not waited for) says nothing here.
            if rate.is_finite() && rate >= 0.0 {
                curve.push(Some(CurvePoint::single(elapsed_seconds, rate)));
            } else if matches!(curve.last(), Some(Some(_))) {
                curve.push(None);
            }
        }
        curve
    }
}

pub fn whole(number: Option<u64>) -> Option<f64> {
    number.map(|number| number as f64)
}

#[cfg(test)]
mod tests;
