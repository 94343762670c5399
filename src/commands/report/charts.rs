//! What is drawn: the charts of a run, each with its curves, its figures and where its axis ends.
//!
//! One list for the terminal, the HTML page and the JSON answer, so that they cannot show different things. A chart
//! without anything to draw is not there. Pure.

pub mod dots;
pub mod svg;

use super::data::ReportData;
use super::series::{Curve, CurvePoint, Series, SeriesKey, whole};
use axolotl_run_core::judging::summary::{GpuUse, units};
use axolotl_run_core::knowledge::python::stack_classes::StackClass;
use serde::Serialize;

/// Curves that share an axis; of more, each has a row of its own.
pub const CURVES_MAX: usize = 4;
/// Seconds by which the last measurement may be older than the run's end, and the share of a long run: it is held until
/// then, so that all charts end where the run does.
const HELD_SECONDS: f64 = 15.0;
const HELD_SHARE: f64 = 0.02;

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
    /// The figure that is told of it, where the run's events have it: one thing has one number on a page.
    pub known: Option<f64>,
    /// Whether it differs from most of its kind.
    pub is_odd: bool,
}

impl NamedCurve {
    pub fn new(name: &str, curve: Curve) -> Self {
        Self {
            name: name.to_owned(),
            curve,
            known: None,
            is_odd: false,
        }
    }

    fn with_known(name: &str, curve: Curve, known: Option<f64>) -> Self {
        Self {
            known,
            ..Self::new(name, curve)
        }
    }

    /// Holds the last value until the run's end, if that is near.
    fn hold(&mut self, run_seconds: f64) {
        if let Some(Some(last)) = self.curve.last() {
            let missing_seconds = run_seconds - last.elapsed_seconds;
            if missing_seconds > 0.0
                && missing_seconds <= HELD_SECONDS.max(HELD_SHARE * run_seconds)
            {
                let end = CurvePoint::single(run_seconds, last.mean);
                self.curve.push(Some(end));
            }
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
        let value = named_curve.known.unwrap_or(value);
        if !value.is_finite() {
            return format!("{word} {}", units::not_finite(value));
        }
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
pub fn charts(report: &ReportData) -> Vec<Chart> {
    use ChartFigure::{Last, Mean, Peak};
    use Measure::{Bytes, Plain, Share, Watts};
    let (series, summary) = (&report.series, &report.summary);
    let gauge = |name, key| NamedCurve::new(name, series.gauge(key));
    let rate = |name, key, known| vec![NamedCurve::with_known(name, series.rate(key), known)];
    let line = |title, short, key, unit, tells, curves| Chart {
        from_zero: false,
        ..Chart::new(title, short, key, Plain(unit), tells, curves)
    };
    let area = Chart::new;
    let below = |ceiling, chart| Chart { ceiling, ..chart };
    let steps = rate(
        "steps per second",
        SeriesKey::Step,
        summary.steps_per_second,
    );
    let last_loss = summary.loss.as_ref().and_then(|loss| loss.parse().ok());
    let loss = vec![
        NamedCurve::with_known("training", series.gauge(SeriesKey::Loss), last_loss),
        NamedCurve::new("evaluation", series.evaluations()),
    ];
    let learning_rate = vec![gauge("learning rate", SeriesKey::LearningRate)];
    let grad_norm = vec![gauge("gradient norm", SeriesKey::GradNorm)];
    let memory = vec![
        gauge("all processes", SeriesKey::MemorySum),
        gauge("largest process", SeriesKey::MemoryLargest),
        gauge("control group", SeriesKey::MemoryGroup),
    ];
    let cores = rate("cores", SeriesKey::Processor, summary.cores_used());
    let mut loads = of_gpus(report, SeriesKey::GpuLoad, GpuUse::load, report.gpu_load());
    for gpu in series.odd_gpus() {
        let name = gpu_name(gpu);
        for named_curve in &mut loads {
            named_curve.is_odd |= named_curve.name == name;
        }
    }
    let peak = |gpu: &GpuUse| Some(gpu.peak_bytes? as f64);
    let gpu_memory = of_gpus(report, SeriesKey::GpuMemory, peak, report.gpu_peak());
    let power = of_gpus(report, SeriesKey::GpuPower, |_| None, None);
    let (short_time, time) = time_shares(series);
    let memory_total = whole(summary.start.memory_total);
    let cpu_count = whole(summary.start.cpu_count);
    let gpu_total = whole(summary.accelerator_memory());
    let rate_unit = Plain("steps per second");
    let mut charts = vec![
        area(
            "Throughput",
            "steps/s",
            "steps_per_second",
            rate_unit,
            Mean,
            steps,
        ),
        line("Loss", "loss", "loss", "", Last, loss),
        below(
            memory_total,
            area("Memory", "memory", "memory_bytes", Bytes, Peak, memory),
        ),
        below(
            cpu_count,
            area(
                "Processors busy",
                "CPU cores",
                "cpu_cores_used",
                Plain("cores"),
                Mean,
                cores,
            ),
        ),
        below(
            Some(1.0),
            area(
                "Time outside of the model",
                short_time,
                "time_shares",
                Share,
                Mean,
                time,
            ),
        ),
        below(
            Some(1.0),
            area(
                "GPU busy",
                "GPU busy",
                "gpu_utilization",
                Share,
                Mean,
                loads,
            ),
        ),
        below(
            gpu_total,
            area(
                "GPU memory",
                "GPU memory",
                "gpu_memory_bytes",
                Bytes,
                Peak,
                gpu_memory,
            ),
        ),
        area(
            "GPU power",
            "GPU power",
            "gpu_power_watts",
            Watts,
            Mean,
            power,
        ),
        line(
            "Learning rate",
            "learn rate",
            "learning_rate",
            "",
            Last,
            learning_rate,
        ),
        line(
            "Gradient norm",
            "grad norm",
            "grad_norm",
            "",
            Last,
            grad_norm,
        ),
    ];
    for chart in &mut charts {
        // One point is no curve.
        chart
            .curves
            .retain(|named_curve| named_curve.curve.iter().flatten().count() > 1);
        for named_curve in &mut chart.curves {
            named_curve.hold(report.seconds());
        }
    }
    charts.retain(|chart| !chart.curves.is_empty());
    charts
}

/// What the first rank did that is no training, as far as it did: the most of it first, with a word for that.
fn time_shares(series: &Series) -> (&'static str, Vec<NamedCurve>) {
    let mut curves = Vec::new();
    for (short, name, class) in [
        ("data wait", "waits for data", StackClass::Data),
        ("rank wait", "waits for other ranks", StackClass::Collective),
        ("saving", "saves", StackClass::Saving),
        ("evaluating", "evaluates", StackClass::Evaluation),
        ("compiling", "compiles", StackClass::Compilation),
    ] {
        let curve = series.gauge(SeriesKey::Time(class));
        if let Some(figures) = figures(&curve)
            && figures.greatest > 0.0
        {
            curves.push((figures.mean, short, NamedCurve::new(name, curve)));
        }
    }
    curves.sort_by(|(first, ..), (second, ..)| second.total_cmp(first));
    let short = curves.first().map_or("", |(_, short, _)| short);
    (short, curves.into_iter().map(|(.., curve)| curve).collect())
}

/// The GPUs' curves: all as one first, then each.
fn of_gpus(
    report: &ReportData,
    metric: fn(u32) -> SeriesKey,
    known: fn(&GpuUse) -> Option<f64>,
    known_of_all: Option<f64>,
) -> Vec<NamedCurve> {
    let series: &Series = &report.series;
    let gpus = series.gpus();
    let mut each = Vec::new();
    for gpu in &gpus {
        let known = report.summary.gpus.get(gpu).and_then(known);
        let curve = series.gauge(metric(*gpu));
        each.push(NamedCurve::with_known(&gpu_name(*gpu), curve, known));
    }
    if gpus.len() == 1 {
        return each;
    }
    let metrics: Vec<_> = gpus.iter().map(|gpu| metric(*gpu)).collect();
    let name = format!("mean of {} GPUs", gpus.len());
    let together = series.together(&metrics);
    let mut curves = vec![NamedCurve::with_known(&name, together, known_of_all)];
    curves.extend(each);
    curves
}

fn gpu_name(gpu: u32) -> String {
    format!("GPU {gpu}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::report::series::CurvePoint;

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
