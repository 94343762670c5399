//! What is drawn: the charts of a run, each with its curves, its figures and where its axis ends.
//!
//! One list for the terminal, the HTML page and the JSON answer, so that they cannot show different things. A chart
//! without anything to draw is not there. Pure.

use super::series::{Curve, Series, SeriesKey, whole};
use axolotl_run_core::judging::summary::{Summary, units};
use serde::Serialize;

/// GPUs that have a curve each; of more, only the span of all is drawn.
const GPU_CURVES_MAX: usize = 4;

/// One chart.
#[derive(Clone)]
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
    pub tells: ChartFigure,
    /// What the values cannot exceed, where that is known: a machine's memory, all of a GPU's time.
    pub ceiling: Option<f64>,
    /// The first is the one that is drawn where there is room for one.
    pub curves: Vec<NamedCurve>,
}

/// The one figure of a curve that says most.
#[derive(Clone)]
pub enum ChartFigure {
    /// How it was on average.
    Mean,
    /// How high it went.
    Peak,
    /// Where it ended.
    Last,
}

/// What the values of a chart are.
#[derive(Clone, Copy)]
pub enum Measure {
    /// Numbers of this unit.
    Plain(&'static str),
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
            Self::Plain(_) => units::number(value),
            Self::Bytes => units::bytes(value),
            Self::Share => units::percent(value),
            Self::Watts => format!("{} W", units::number(value)),
        }
    }

    /// The unit of an axis that goes so high, and how much of the measure it is.
    pub fn unit(self, highest: f64) -> (&'static str, f64) {
        match self {
            Self::Plain(unit) => (unit, 1.0),
            Self::Share => ("%", 0.01),
            Self::Watts => ("W", 1.0),
            Self::Bytes => {
                let (mut unit, mut size) = ("B", 1.0);
                for larger in ["KiB", "MiB", "GiB", "TiB"] {
                    if highest < size * 1024.0 {
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
#[derive(Clone)]
pub struct NamedCurve {
    /// What it is of.
    pub name: String,
    /// Its points.
    pub curve: Curve,
}

impl NamedCurve {
    pub fn new(name: &str, curve: Curve) -> Self {
        Self {
            name: name.to_owned(),
            curve,
        }
    }
}

/// The figures of a curve.
#[derive(Serialize)]
pub struct Figures {
    /// The least value.
    #[serde(rename = "min")]
    pub least: f64,
    /// The mean of all columns.
    pub mean: f64,
    /// The greatest value.
    #[serde(rename = "max")]
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
    pub fn new(
        title: &'static str,
        short: &'static str,
        key: &'static str,
        measure: Measure,
        tells: ChartFigure,
        curves: Vec<NamedCurve>,
    ) -> Self {
        Self {
            title,
            short,
            key,
            measure,
            from_zero: true,
            tells,
            ceiling: None,
            curves,
        }
    }

    /// The figure that is told of the first curve.
    pub fn told(&self) -> String {
        match self.curves.first() {
            Some(named_curve) => self.told_of(named_curve),
            None => String::new(),
        }
    }

    /// The figure that is told of a curve, with its name: `peak 18.7 GiB`.
    pub fn told_of(&self, named_curve: &NamedCurve) -> String {
        let Some(figures) = figures(&named_curve.curve) else {
            return String::new();
        };
        let (word, value) = match self.tells {
            ChartFigure::Mean => ("mean", figures.mean),
            ChartFigure::Peak => ("peak", figures.greatest),
            ChartFigure::Last => ("last", figures.last),
        };
        format!("{word} {}", self.measure.write(value))
    }

    /// From where to where its axis goes; never of no height.
    pub fn axis(&self) -> (f64, f64) {
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for named_curve in &self.curves {
            if let Some(figures) = figures(&named_curve.curve) {
                lowest = lowest.min(figures.least);
                highest = highest.max(figures.greatest);
            }
        }
        if self.from_zero {
            lowest = lowest.min(0.0);
        }
        // A ceiling far above the curve would press it flat.
        if let Some(ceiling) = self.ceiling
            && highest > 0.5 * ceiling
        {
            highest = highest.max(ceiling);
        }
        if highest > lowest {
            (lowest, highest)
        } else if highest.is_finite() && highest != 0.0 {
            (highest - highest.abs() / 2.0, highest + highest.abs() / 2.0)
        } else {
            (0.0, 1.0)
        }
    }

    /// Whether a curve runs so far above the first one that the two could not be read on one axis: the memory of a
    /// control group that the run shares with many others.
    pub fn is_far_above(&self, curve: &NamedCurve) -> bool {
        let first = self
            .curves
            .first()
            .and_then(|named_curve| figures(&named_curve.curve));
        let (Some(first), Some(other)) = (first, figures(&curve.curve)) else {
            return false;
        };
        self.from_zero && first.greatest > 0.0 && other.least > FAR * first.greatest
    }

    /// The chart with the curves that can be read on one axis; the others are told of, and not drawn.
    pub fn legible(&self) -> Self {
        let mut chart = self.clone();
        for named_curve in &mut chart.curves {
            if self.is_far_above(named_curve) {
                named_curve.curve.clear();
            }
        }
        chart
    }
}

/// All charts of a run for which there is anything to draw.
pub fn charts(series: &Series, summary: &Summary) -> Vec<Chart> {
    use ChartFigure::{Last, Mean, Peak};
    use Measure::{Bytes, Plain, Share, Watts};
    let gauge = |name, key| NamedCurve::new(name, series.gauge(key));
    let rate = |name, key| vec![NamedCurve::new(name, series.rate(key))];
    let steps = rate("steps per second", SeriesKey::Step);
    let loss = vec![gauge("loss", SeriesKey::Loss)];
    let memory = vec![
        gauge("all processes", SeriesKey::MemorySum),
        gauge("largest process", SeriesKey::MemoryLargest),
        gauge("control group", SeriesKey::MemoryGroup),
    ];
    let cores = rate("cores", SeriesKey::Processor);
    let loads = of_gpus(series, SeriesKey::GpuLoad);
    let gpu_memory = of_gpus(series, SeriesKey::GpuMemory);
    let power = of_gpus(series, SeriesKey::GpuPower);
    let per_second = Plain("steps per second");
    let mut charts_with_curves = vec![
        Chart::new(
            "Throughput",
            "steps/s",
            "steps_per_second",
            per_second,
            Mean,
            steps,
        ),
        Chart {
            from_zero: false,
            ..Chart::new("Training loss", "loss", "loss", Plain(""), Last, loss)
        },
        Chart {
            ceiling: whole(summary.start.memory_total),
            ..Chart::new("Memory", "memory", "memory_bytes", Bytes, Peak, memory)
        },
        Chart {
            ceiling: whole(summary.start.cpu_count),
            ..Chart::new(
                "Processors busy",
                "CPU cores",
                "cpu_cores_used",
                Plain("cores"),
                Mean,
                cores,
            )
        },
        Chart {
            ceiling: Some(1.0),
            ..Chart::new(
                "GPU busy",
                "GPU busy",
                "gpu_utilization",
                Share,
                Mean,
                loads,
            )
        },
        Chart {
            ceiling: whole(summary.accelerator_memory()),
            ..Chart::new(
                "GPU memory",
                "GPU memory",
                "gpu_memory_bytes",
                Bytes,
                Peak,
                gpu_memory,
            )
        },
        Chart::new(
            "GPU power",
            "GPU power",
            "gpu_power_watts",
            Watts,
            Mean,
            power,
        ),
    ];
    for chart in &mut charts_with_curves {
        // One point is no curve.
        chart
            .curves
            .retain(|named_curve| named_curve.curve.iter().flatten().count() > 1);
    }
    charts_with_curves.retain(|chart| !chart.curves.is_empty());
    charts_with_curves
}

/// The GPUs' curves: all as one first, then each, where they are few.
fn of_gpus(series: &Series, metric: fn(u32) -> SeriesKey) -> Vec<NamedCurve> {
    let gpus = series.gpus();
    let metrics: Vec<_> = gpus.iter().map(|gpu| metric(*gpu)).collect();
    let name = match gpus.as_slice() {
        [gpu] => format!("GPU {gpu}"),
        gpus => format!("mean of {} GPUs", gpus.len()),
    };
    let mut curves = vec![NamedCurve::new(&name, series.together(&metrics))];
    if (2..=GPU_CURVES_MAX).contains(&gpus.len()) {
        for gpu in gpus {
            let name = format!("GPU {gpu}");
            curves.push(NamedCurve::new(&name, series.gauge(metric(gpu))));
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
                elapsed_seconds: 1.0,
                least: value,
                mean: value,
                greatest: value,
            })]
        };
        for (others, is_drawn) in [(500.0, true), (1001.0, false)] {
            let curves = vec![
                NamedCurve::new("all processes", curve(100.0)),
                NamedCurve::new("largest process", curve(10.0)),
                NamedCurve::new("control group", curve(others)),
            ];
            let chart = Chart::new("", "", "", Measure::Bytes, ChartFigure::Peak, curves);
            let top = if is_drawn { others } else { 100.0 };
            assert_eq!(chart.legible().axis(), (0.0, top), "{others}");
            assert_eq!(chart.legible().curves.len(), 3, "each keeps its colour");
        }
    }
}
