//! What is drawn: the charts of a run, each with its curves, its figures and where its axis ends.
//!
//! One list for the terminal, the HTML page and the JSON answer, so that they cannot show different things. A chart
//! of which nothing is known is not there. Pure.

use super::series::{Curve, Metric, Series};
use axolotl_run_core::judging::summary::{Summary, units};

/// GPUs that have a curve each; of more, only the span of all is drawn.
const GPU_CURVES_MAX: usize = 4;

/// One chart.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What is measured.
    pub title: &'static str,
    /// The same in a word, for a narrow place.
    pub short: &'static str,
    /// The key in JSON.
    pub key: &'static str,
    /// What its values are.
    pub measure: Measure,
    /// Whether the axis begins at zero, and the ground below the curve is filled.
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
    #[must_use]
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Plain => units::number(value),
            Self::Bytes => units::bytes(value),
            Self::Share => units::percent(value),
            Self::Watts => format!("{} W", units::number(value)),
        }
    }

    /// The unit of an axis that goes so high, and how much of the measure it is.
    #[must_use]
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
#[must_use]
pub fn figures(curve: &Curve) -> Option<Figures> {
    let points = || curve.iter().flatten();
    let count = points().count();
    let last = points().last()?;
    Some(Figures {
        least: points()
            .map(|point| point.least)
            .fold(f64::INFINITY, f64::min),
        mean: points().map(|point| point.mean / count as f64).sum(),
        greatest: points()
            .map(|point| point.greatest)
            .fold(f64::NEG_INFINITY, f64::max),
        last: last.mean,
    })
}

/// How many times the first curve's height another's lowest point must be for the two not to share an axis.
const FAR: f64 = 10.0;

impl Panel {
    /// From where to where its axis goes; never of no height.
    #[must_use]
    pub fn axis(&self) -> (f64, f64) {
        let of_curves: Vec<_> = self
            .curves
            .iter()
            .filter_map(|named| figures(&named.curve))
            .collect();
        let least = of_curves
            .iter()
            .map(|figures| figures.least)
            .fold(f64::INFINITY, f64::min);
        let greatest = of_curves
            .iter()
            .map(|figures| figures.greatest)
            .fold(f64::NEG_INFINITY, f64::max);
        let low = if self.from_zero {
            least.min(0.0)
        } else {
            least
        };
        // A ceiling far above the curve would press it flat.
        let high = self
            .ceiling
            .filter(|ceiling| greatest > 0.5 * ceiling)
            .map_or(greatest, |top| top.max(greatest));
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
    #[must_use]
    pub fn is_far_above(&self, curve: &Named) -> bool {
        let greatest = self
            .curves
            .first()
            .and_then(|named| figures(&named.curve))
            .map(|figures| figures.greatest);
        let least = figures(&curve.curve).map(|figures| figures.least);
        self.from_zero
            && greatest
                .zip(least)
                .is_some_and(|(greatest, least)| greatest > 0.0 && least > FAR * greatest)
    }

    /// The panel with the curves that can be read on one axis; the others are told of, and not drawn.
    #[must_use]
    pub fn legible(&self) -> Self {
        let mut panel = self.clone();
        for named in &mut panel.curves {
            if self.is_far_above(named) {
                named.curve.clear();
            }
        }
        panel
    }
}

/// All charts of a run of which anything is known.
#[must_use]
pub fn panels(series: &Series, digest: &Summary) -> Vec<Panel> {
    let named = |name: &str, curve| Named {
        name: name.to_owned(),
        curve,
    };
    let all = [
        Panel {
            title: "Throughput",
            short: "steps/s",
            key: "steps_per_second",
            measure: Measure::Plain,
            from_zero: true,
            tells: Tells::Mean,
            ceiling: None,
            curves: vec![named("steps per second", series.rate(Metric::Step))],
        },
        Panel {
            title: "Training loss",
            short: "loss",
            key: "loss",
            measure: Measure::Plain,
            from_zero: false,
            tells: Tells::Last,
            ceiling: None,
            curves: vec![named("loss", series.gauge(Metric::Loss))],
        },
        Panel {
            title: "Memory",
            short: "memory",
            key: "memory_bytes",
            measure: Measure::Bytes,
            from_zero: true,
            tells: Tells::Peak,
            ceiling: digest.memory_total.map(|bytes| bytes as f64),
            curves: vec![
                named("all processes", series.gauge(Metric::MemorySum)),
                named("largest process", series.gauge(Metric::MemoryLargest)),
                named("control group", series.gauge(Metric::MemoryGroup)),
            ],
        },
        Panel {
            title: "Processors busy",
            short: "CPU cores",
            key: "cpu_cores_used",
            measure: Measure::Plain,
            from_zero: true,
            tells: Tells::Mean,
            ceiling: digest.processors.map(|count| count as f64),
            curves: vec![named("cores", series.rate(Metric::Processor))],
        },
        Panel {
            title: "GPU busy",
            short: "GPU busy",
            key: "gpu_utilization",
            measure: Measure::Share,
            from_zero: true,
            tells: Tells::Mean,
            ceiling: Some(1.0),
            curves: of_gpus(series, Metric::GpuLoad),
        },
        Panel {
            title: "GPU memory",
            short: "GPU memory",
            key: "gpu_memory_bytes",
            measure: Measure::Bytes,
            from_zero: true,
            tells: Tells::Peak,
            ceiling: digest.accelerator_memory.map(|bytes| bytes as f64),
            curves: of_gpus(series, Metric::GpuMemory),
        },
        Panel {
            title: "GPU power",
            short: "GPU power",
            key: "gpu_power_watts",
            measure: Measure::Watts,
            from_zero: true,
            tells: Tells::Mean,
            ceiling: None,
            curves: of_gpus(series, Metric::GpuPower),
        },
    ];
    all.into_iter()
        .filter_map(|mut panel| {
            panel
                .curves
                .retain(|named| named.curve.iter().flatten().count() > 1);
            (!panel.curves.is_empty()).then_some(panel)
        })
        .collect()
}

/// The GPUs' curves: all as one first, then each, where they are few.
fn of_gpus(series: &Series, metric: fn(u32) -> Metric) -> Vec<Named> {
    let gpus = series.gpus();
    let metrics: Vec<_> = gpus.iter().map(|gpu| metric(*gpu)).collect();
    let name = match gpus.as_slice() {
        [gpu] => format!("GPU {gpu}"),
        gpus => format!("mean of {} GPUs", gpus.len()),
    };
    let mut curves = vec![Named {
        name,
        curve: series.together(&metrics),
    }];
    if (2..=GPU_CURVES_MAX).contains(&gpus.len()) {
        curves.extend(gpus.iter().map(|gpu| Named {
            name: format!("GPU {gpu}"),
            curve: series.gauge(metric(*gpu)),
        }));
    }
    curves
}

impl Tells {
    /// The figure with its name: `peak 18.7 GiB`.
    #[must_use]
    pub fn text(self, figures: &Figures, measure: Measure) -> String {
        match self {
            Self::Mean => format!("mean {}", measure.write(figures.mean)),
            Self::Peak => format!("peak {}", measure.write(figures.greatest)),
            Self::Last => format!("last {}", measure.write(figures.last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::series::Point;
    use super::*;

    #[test]
    fn what_is_far_above_is_told_and_not_drawn() {
        let curve = |value: f64| {
            vec![Some(Point {
                at: 1.0,
                least: value,
                mean: value,
                greatest: value,
            })]
        };
        for (others, is_drawn) in [(500.0, true), (1001.0, false)] {
            let named = |name: &str, value| Named {
                name: name.to_owned(),
                curve: curve(value),
            };
            let panel = Panel {
                title: "",
                short: "",
                key: "",
                measure: Measure::Bytes,
                from_zero: true,
                tells: Tells::Peak,
                ceiling: None,
                curves: vec![
                    named("all processes", 100.0),
                    named("largest process", 10.0),
                    named("control group", others),
                ],
            };
            let top = if is_drawn { others } else { 100.0 };
            assert_eq!(panel.legible().axis(), (0.0, top), "{others}");
            assert_eq!(panel.legible().curves.len(), 3, "each keeps its colour");
        }
    }
}
