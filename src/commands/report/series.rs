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
use axolotl_run_core::limits;
use axolotl_run_core::series::SeriesLine;
use serde::Serialize;
use std::collections::BTreeMap;

/// Seconds that the narrowest of them spans: a run of six seconds fills all.
const SERIES_COLUMN_SECONDS: f64 = 0.01;

/// What is measured over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeriesKey {
    /// Measurements, whatever they hold.
    Measured,
    /// Optimizer steps done: a counter.
    Step,
    /// Processor seconds used: a counter.
    Processor,
    /// The training loss.
    Loss,
    /// Resident bytes of all processes.
    MemorySum,
    /// Resident bytes of the largest process.
    MemoryLargest,
    /// Bytes charged to the control group.
    MemoryGroup,
    /// Share of time in which a GPU was busy.
    GpuLoad(u32),
    /// Bytes in use on a GPU.
    GpuMemory(u32),
    /// Watts that a GPU draws.
    GpuPower(u32),
}

/// What fell into one column.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cell {
    count: f64,
    time_sum: f64,
    least: f64,
    greatest: f64,
    sum: f64,
    last_at: f64,
    last: f64,
}

impl Cell {
    const fn single(at: f64, value: f64) -> Self {
        Self {
            count: 1.0,
            time_sum: at,
            least: value,
            greatest: value,
            sum: value,
            last_at: at,
            last: value,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.time_sum += other.time_sum;
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        if other.last_at >= self.last_at {
            self.last_at = other.last_at;
            self.last = other.last;
        }
    }

    fn point(&self) -> CurvePoint {
        CurvePoint {
            at: self.time_sum / self.count,
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
    pub at: f64,
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
    pub const fn single(at: f64, value: f64) -> Self {
        Self {
            at,
            least: value,
            mean: value,
            greatest: value,
        }
    }
}

/// Points in order; None is a break: it was measured there, but this was not known.
pub type Curve = Vec<Option<CurvePoint>>;

/// The whole time series.
#[derive(Clone, Debug)]
pub struct Series {
    /// Seconds that a column spans.
    width: f64,
    columns: BTreeMap<SeriesKey, Vec<Option<Cell>>>,
    end: f64,
    /// The highest step, and when it was first seen.
    step: Option<(f64, f64)>,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            width: SERIES_COLUMN_SECONDS,
            columns: BTreeMap::new(),
            end: 0.0,
            step: None,
        }
    }
}

impl Series {
    /// Takes one line of the time series; false where its time makes no sense.
    pub fn take(&mut self, line: &SeriesLine) -> bool {
        let at = line.at;
        if self.column(at).is_none() {
            return false;
        }
        for (metric, value) in [
            (SeriesKey::Measured, Some(0.0)),
            (SeriesKey::Step, whole(line.step)),
            (SeriesKey::Processor, line.cpu_seconds),
            (SeriesKey::Loss, line.loss),
            (SeriesKey::MemorySum, whole(line.rss_sum_bytes)),
            (SeriesKey::MemoryLargest, whole(line.rss_max_process_bytes)),
            (SeriesKey::MemoryGroup, whole(line.cgroup_bytes)),
        ] {
            self.note(at, metric, value);
        }
        for gpu in &line.gpus {
            if (gpu.index as usize) < limits::ACCELERATORS_MAX {
                self.note(at, SeriesKey::GpuLoad(gpu.index), gpu.utilization);
                self.note(at, SeriesKey::GpuMemory(gpu.index), whole(gpu.memory_bytes));
                self.note(at, SeriesKey::GpuPower(gpu.index), gpu.power_watts);
            }
        }
        true
    }

    /// Takes the figures of an event: short runs have more events than measurements.
    pub fn event(&mut self, event: &Event<String>, elapsed_seconds: Option<f64>) {
        let (at, step, loss) = match event {
            Event::Progress(progress) => (elapsed_seconds, progress.step, progress.loss),
            Event::Finish(finish) => {
                let at = finish.total_time_seconds.map(Number::get);
                (at, finish.total_steps, finish.loss)
            }
            Event::Start(_) | Event::Error(_) => return,
        };
        if let Some(at) = at {
            self.note(at, SeriesKey::Step, whole(step));
            self.note(at, SeriesKey::Loss, loss.map(Number::get));
        }
    }

    fn note(&mut self, at: f64, metric: SeriesKey, value: Option<f64>) {
        let (Some(column), Some(value)) = (self.column(at), value) else {
            return;
        };
        if !value.is_finite() {
            return;
        }
        if metric == SeriesKey::Step && self.step.is_none_or(|(step, _)| value > step) {
            self.step = Some((value, at));
        }
        let columns = self.columns.entry(metric).or_default();
        if columns.len() <= column {
            columns.resize(column + 1, None);
        }
        if let Some(column) = columns.get_mut(column) {
            add(column, Some(Cell::single(at, value)));
        }
    }

    /// The column of a time, which may make all of them wider.
    fn column(&mut self, at: f64) -> Option<usize> {
        if !(0.0..=limits::SERIES_SECONDS_MAX).contains(&at) {
            return None;
        }
        // A float's cast saturates.
        while (at / self.width) as usize >= limits::SERIES_COLUMNS_MAX {
            self.width *= 2.0;
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
        self.end = self.end.max(at);
        Some((at / self.width) as usize)
    }

    /// The time of the last measurement, in seconds since the spawn.
    pub const fn end(&self) -> f64 {
        self.end
    }

    /// When the highest step was first seen.
    pub fn last_step_at(&self) -> Option<f64> {
        self.step.map(|(_, at)| at)
    }

    /// The GPUs of which anything is known.
    pub fn gpus(&self) -> Vec<u32> {
        let index = |metric: &SeriesKey| match metric {
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
    pub fn gauge(&self, metric: SeriesKey) -> Curve {
        self.together(&[metric])
    }

    /// Several as one: their mean, from the least of all to the greatest.
    pub fn together(&self, metrics: &[SeriesKey]) -> Curve {
        // Where it was measured there is a point, or the curve breaks.
        let mut measured = self.columns.get(&SeriesKey::Measured).into_iter().flatten();
        let mut sums = [None; limits::SERIES_COLUMNS_MAX];
        for metric in metrics {
            let columns = self.columns.get(metric).into_iter().flatten();
            for (sum, column) in sums.iter_mut().zip(columns) {
                add(sum, *column);
            }
        }
        let mut curve = Curve::new();
        for sum in sums {
            let was_measured = matches!(measured.next(), Some(Some(_)));
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
        let known: Vec<_> = columns.flatten().collect();
        let (Some(first), Some(last)) = (known.first(), known.last()) else {
            return Curve::new();
        };
        let time = last.last_at - first.last_at;
        let grown = last.last - first.last;
        if time <= 0.0 {
            return Curve::new();
        }
        // A processor's second is a fine measure, a step may take minutes.
        let several = if counter == SeriesKey::Step && grown > 0.0 {
            4.0 * time / grown
        } else {
            0.0
        };
        let window = several.max(time / 150.0).min(time / 8.0);
        let mut from = 0;
        let mut curve = Curve::new();
        for (index, cell) in known.iter().enumerate().skip(1) {
            let at = cell.last_at;
            // The latest place that is a window away, or the neighbour where they are far apart.
            while let Some(next) = known.get(from + 1)
                && from + 1 < index
                && next.last_at <= at - window
            {
                from += 1;
            }
            let Some(before) = known.get(from) else {
                break;
            };
            let rate = (cell.last - before.last) / (at - before.last_at);
            // A counter that begins anew (another phase, a child that was not waited for) says nothing here.
            if rate.is_finite() && rate >= 0.0 {
                curve.push(Some(CurvePoint::single(at, rate)));
            } else if matches!(curve.last(), Some(Some(_))) {
                curve.push(None);
            }
        }
        curve
    }
}

pub(super) fn whole(number: Option<u64>) -> Option<f64> {
    number.map(|number| number as f64)
}

#[cfg(test)]
mod tests;
