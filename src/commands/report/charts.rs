//! What is drawn: the charts of a run, each with its curves, its figures and where its axis ends.
//!
//! One list for the terminal, the HTML page and the JSON answer, so that they cannot show different things. A chart
//! without anything to draw is not there. Pure.

use super::series::{Curve, Series, SeriesKey};
use axolotl_run_core::judging::summary::{Summary, units};

/// GPUs that have a curve each; of more, only the span of all is drawn.
const GPU_CURVES_MAX: usize = 4;

/// One chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What is measured.
    pub title: &'static str,
    /// The same in a word, for a narrow place.
    pub short: &'static str,
    /// The key in JSON.
    pub key: &'static str,
    /// What its values are.
    pub measure: Measure,
    /// Whether the axis begins at zero, and the area below the curve is filled.
    pub from_zero: bool,
    /// The figure that one wants to know of it.
    pub tells: Tells,
    /// What the values cannot exceed, where that is known: a machine's memory, all of a GPU's time.
    pub ceiling: Option<f64>,
    /// The first is the one that is drawn where there is room for one.
    pub curves: Vec<Named>,
}

/// The one figure of a curve that says most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// How it was on average.
    Mean,
    /// How high it went.
    Peak,
    /// Where it ended.
    Last,
}

/// What the values of a chart are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Numbers.
    Plain,
    /// Bytes.
    Bytes,
    /// Shares of one.
    Share,
    /// Watts.
    Watts,
}

impl Measure {
    /// A value with its unit.
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Plain => units::number(value),
            Self::Bytes => units::bytes(value),
            Self::Share => units::percent(value),
            Self::Watts => format!("{} W", units::number(value)),
        }
    }

    /// The unit of an axis that goes so high, and how much of the measure it is.
    pub fn unit(self, high: f64) -> (&'static str, f64) {
        match self {
            Self::Plain => ("", 1.0),
            Self::Share => ("%", 0.01),
            Self::Watts => ("W", 1.0),
            Self::Bytes => {
                let (mut unit, mut size) = ("B", 1.0);
                for larger in ["KiB", "MiB", "GiB", "TiB"] {
                    if high < size * 1024.0 {
                        break;
                    }
                    (unit, size) = (larger, size * 1024.0);
                }
                (unit, size)
            }
        }
    }
}

/// A curve with its name in the legend.
#[derive(Clone, Debug)]
pub struct Named {
    /// What it is of.
    pub name: String,
    /// Its points.
    pub curve: Curve,
}

impl Named {
    pub(super) fn new(name: &str, curve: Curve) -> Self {
        Self {
            name: name.to_owned(),
            curve,
        }
    }
}

/// The figures of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The least value.
    pub least: f64,
    /// The mean of all columns.
    pub mean: f64,
    /// The greatest value.
    pub greatest: f64,
    /// The last value.
    pub last: f64,
}

/// The figures of a curve; None where it has no point.
pub fn figures(curve: &Curve) -> Option<Figures> {
    let points: Vec<_> = curve.iter().flatten().collect();
    let first = points.first()?;
    let mut figures = Figures {
        least: first.least,
        mean: 0.0,
        greatest: first.greatest,
        last: first.mean,
    };
    for point in &points {
        figures.least = figures.least.min(point.least);
        figures.greatest = figures.greatest.max(point.greatest);
        figures.mean += point.mean / points.len() as f64;
        figures.last = point.mean;
    }
    Some(figures)
}

/// How many times the first curve's height another's lowest point must be for the two not to share an axis.
const FAR: f64 = 10.0;

impl Chart {
    pub(super) const fn new(
        title: &'static str,
        short: &'static str,
        key: &'static str,
        measure: Measure,
        tells: Tells,
    ) -> Self {
        Self {
            title,
            short,
            key,
            measure,
            from_zero: true,
            tells,
            ceiling: None,
            curves: Vec::new(),
        }
    }

    pub(super) fn with(mut self, curves: Vec<Named>) -> Self {
        self.curves = curves;
        self
    }

    fn below(mut self, ceiling: Option<u64>) -> Self {
        self.ceiling = ceiling.map(|ceiling| ceiling as f64);
        self
    }

    /// The figure that is told of the first curve.
    pub fn told(&self) -> String {
        let named = self.curves.first();
        named.map_or_else(String::new, |named| self.told_of(named))
    }

    /// The figure that is told of a curve, with its name: `peak 18.7 GiB`.
    pub fn told_of(&self, named: &Named) -> String {
        let Some(figures) = figures(&named.curve) else {
            return String::new();
        };
        let (word, value) = match self.tells {
            Tells::Mean => ("mean", figures.mean),
            Tells::Peak => ("peak", figures.greatest),
            Tells::Last => ("last", figures.last),
        };
        format!("{word} {}", self.measure.write(value))
    }

    /// From where to where its axis goes; never of no height.
    pub fn axis(&self) -> (f64, f64) {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for named in &self.curves {
            if let Some(figures) = figures(&named.curve) {
                low = low.min(figures.least);
                high = high.max(figures.greatest);
            }
        }
        if self.from_zero {
            low = low.min(0.0);
        }
        // A ceiling far above the curve would press it flat.
        if let Some(ceiling) = self.ceiling
            && high > 0.5 * ceiling
        {
            high = high.max(ceiling);
        }
        if !(low.is_finite() && high.is_finite()) {
            (0.0, 1.0)
        } else if high > low {
            (low, high)
        } else if high == 0.0 {
            (0.0, 1.0)
        } else {
            (high - high.abs() / 2.0, high + high.abs() / 2.0)
        }
    }

    /// Whether a curve runs so far above the first one that the two could not be read on one axis: the memory of a
    /// control group that the run shares with many others.
    pub fn is_far_above(&self, curve: &Named) -> bool {
        let first = self.curves.first().and_then(|named| figures(&named.curve));
        let (Some(first), Some(other)) = (first, figures(&curve.curve)) else {
            return false;
        };
        self.from_zero && first.greatest > 0.0 && other.least > FAR * first.greatest
    }

    /// The chart with the curves that can be read on one axis; the others are told of, and not drawn.
    pub fn legible(&self) -> Self {
        let mut chart = self.clone();
        for named in &mut chart.curves {
            if self.is_far_above(named) {
                named.curve.clear();
            }
        }
        chart
    }
}

/// All charts of a run for which there is anything to draw.
pub fn charts(series: &Series, summary: &Summary) -> Vec<Chart> {
    use Measure::{Bytes, Plain, Share, Watts};
    use Tells::{Last, Mean, Peak};
    let memory = vec![
        Named::new("all processes", series.gauge(SeriesKey::MemorySum)),
        Named::new("largest process", series.gauge(SeriesKey::MemoryLargest)),
        Named::new("control group", series.gauge(SeriesKey::MemoryGroup)),
    ];
    let steps = Named::new("steps per second", series.rate(SeriesKey::Step));
    let loss = Named::new("loss", series.gauge(SeriesKey::Loss));
    let cores = Named::new("cores", series.rate(SeriesKey::Processor));
    let mut all = vec![
        Chart::new("Throughput", "steps/s", "steps_per_second", Plain, Mean).with(vec![steps]),
        Chart {
            from_zero: false,
            ..Chart::new("Training loss", "loss", "loss", Plain, Last).with(vec![loss])
        },
        Chart::new("Memory", "memory", "memory_bytes", Bytes, Peak)
            .below(summary.memory_total)
            .with(memory),
        Chart::new(
            "Processors busy",
            "CPU cores",
            "cpu_cores_used",
            Plain,
            Mean,
        )
        .below(summary.processors)
        .with(vec![cores]),
        Chart::new("GPU busy", "GPU busy", "gpu_utilization", Share, Mean)
            .below(Some(1))
            .with(of_gpus(series, SeriesKey::GpuLoad)),
        Chart::new("GPU memory", "GPU memory", "gpu_memory_bytes", Bytes, Peak)
            .below(summary.accelerator_memory)
            .with(of_gpus(series, SeriesKey::GpuMemory)),
        Chart::new("GPU power", "GPU power", "gpu_power_watts", Watts, Mean)
            .with(of_gpus(series, SeriesKey::GpuPower)),
    ];
    for chart in &mut all {
        chart.curves.retain(|named| has_shape(&named.curve));
    }
    all.retain(|chart| !chart.curves.is_empty());
    all
}

/// Whether there is more than one point to draw.
fn has_shape(curve: &Curve) -> bool {
    curve.iter().flatten().count() > 1
}

/// The GPUs' curves: all as one first, then each, where they are few.
fn of_gpus(series: &Series, metric: fn(u32) -> SeriesKey) -> Vec<Named> {
    let gpus = series.gpus();
    let metrics: Vec<_> = gpus.iter().map(|gpu| metric(*gpu)).collect();
    let name = match gpus.as_slice() {
        [gpu] => format!("GPU {gpu}"),
        gpus => format!("mean of {} GPUs", gpus.len()),
    };
    let mut curves = vec![Named::new(&name, series.together(&metrics))];
    if (2..=GPU_CURVES_MAX).contains(&gpus.len()) {
        for gpu in gpus {
            let name = format!("GPU {gpu}");
            curves.push(Named::new(&name, series.gauge(metric(gpu))));
        }
    }
    curves
}

#[cfg(test)]
mod tests {
    use super::super::series::CurvePoint;
    use super::*;

    #[test]
    fn what_is_far_above_is_told_and_not_drawn() {
        let curve = |value: f64| {
            vec![Some(CurvePoint {
                at: 1.0,
                least: value,
                mean: value,
                greatest: value,
            })]
        };
        for (others, is_drawn) in [(500.0, true), (1001.0, false)] {
            let chart = Chart::new("", "", "", Measure::Bytes, Tells::Peak).with(vec![
                Named::new("all processes", curve(100.0)),
                Named::new("largest process", curve(10.0)),
                Named::new("control group", curve(others)),
            ]);
            let top = if is_drawn { others } else { 100.0 };
            assert_eq!(chart.legible().axis(), (0.0, top), "{others}");
            assert_eq!(chart.legible().curves.len(), 3, "each keeps its colour");
        }
    }
}
