//! A chart as SVG, for the page in the browser.
//!
//! The template chart.svg has the drawing's form; here is where everything goes. No value that a file may hold leads
//! outside the drawing, or to more than a handful of ticks. Curves have the numbers of the style sheet's colours.

use super::dots::{at_columns, share_of_axis};
use super::{CURVES_MAX, Chart, NamedCurve};
use crate::commands::report::series::{CurvePoint, Marker};
use askama::Template;
use axolotl_run_core::judging::summary::units;
use std::time::Duration;

/// The edges of what is drawn, in a drawing of 1000 by 400; the browser scales it.
const LEFT: f64 = 112.0;
const RIGHT: f64 = 960.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 352.0;
/// What is below the edge: the times.
const BELOW: f64 = 48.0;
/// The left edge where each curve has a row, whose name and figure are beside it, and how high a row is.
const LEFT_OF_ROWS: f64 = 270.0;
const ROW: f64 = 46.0;
/// Curves that are drawn in rows; the machine of most GPUs has 16.
const ROWS_MAX: usize = 64;
/// Lines across the chart, at the most.
const TICKS_MAX: f64 = 5.0;
/// Places at which a chart tells its values to whoever points there.
const SLOTS: usize = 80;

/// What all charts of a page share: their time.
pub struct Scene<'a> {
    /// Seconds from the left edge to the right.
    pub run_seconds: f64,
    /// Seconds at the end in which nothing went on.
    pub stalled_seconds: Option<f64>,
    /// What happened at a moment.
    pub markers: &'a [Marker],
}

/// A chart, drawn.
#[derive(Default, Template)]
#[template(path = "chart.svg")]
pub struct Drawing {
    height: i32,
    left: i32,
    values: Vec<Tick>,
    times: Vec<Tick>,
    /// Where the time begins in which nothing went on.
    stalled_from: Option<i32>,
    marks: Vec<Mark>,
    curves: Vec<DrawnCurve>,
    slots: Vec<Slot>,
}

struct Tick {
    at: i32,
    /// Where its label is, where that is elsewhere.
    label_at: i32,
    label: String,
}

struct Mark {
    at: i32,
    class: &'static str,
}

/// The points of a curve's parts, as SVG has them.
struct DrawnCurve {
    class: String,
    areas: Vec<String>,
    lines: Vec<String>,
}

/// A place that tells its values.
struct Slot {
    at: i32,
    width: i32,
    words: String,
}

/// Where a curve goes.
#[derive(Clone, Copy)]
struct Band {
    left: f64,
    top: f64,
    bottom: f64,
    run_seconds: f64,
    axis: (f64, f64),
}

impl Band {
    fn x(&self, time: f64) -> i32 {
        // A float's cast saturates.
        let share = share_of_axis(time, 0.0, self.run_seconds);
        (self.left + share * (RIGHT - self.left)).round() as i32
    }

    fn y(&self, value: f64) -> i32 {
        let share = share_of_axis(value, self.axis.0, self.axis.1);
        (self.bottom - share * (self.bottom - self.top)).round() as i32
    }

    /// The corners of a curve's parts.
    fn draw(&self, named_curve: &NamedCurve, class: String, is_filled: bool) -> DrawnCurve {
        let mut drawn_curve = DrawnCurve {
            class,
            areas: Vec::new(),
            lines: Vec::new(),
        };
        for curve_part in named_curve.curve.split(Option::is_none) {
            let part_points: Vec<_> = curve_part.iter().flatten().collect();
            let line = |value: fn(&CurvePoint) -> f64| {
                let mut corners = Vec::new();
                for point in &part_points {
                    let (x, y) = (self.x(point.elapsed_seconds), self.y(value(point)));
                    corners.push(format!("{x},{y}"));
                }
                corners
            };
            let area = |upper, lower| {
                let mut corners = line(upper);
                corners.extend(line(lower).into_iter().rev());
                corners.join(" ")
            };
            if is_filled {
                drawn_curve.areas.push(area(|point| point.mean, |_| 0.0));
            }
            if part_points.iter().any(|point| point.greatest > point.least) {
                drawn_curve
                    .areas
                    .push(area(|point| point.greatest, |point| point.least));
            }
            drawn_curve.lines.push(line(|point| point.mean).join(" "));
        }
        drawn_curve
    }
}

/// Draws a chart: its curves on one axis, or in a row each where they are many.
pub fn draw(chart: &Chart, scene: &Scene<'_>) -> Drawing {
    let (axis_low, axis_high) = chart.axis();
    // A little air above what the curves reach, so that none is cut at the edge.
    let mut axis_top = axis_high;
    if chart.ceiling != Some(axis_high) {
        axis_top += axis_high / 16.0 - axis_low / 16.0;
    }
    let mut band = Band {
        left: LEFT,
        top: TOP,
        bottom: BOTTOM,
        run_seconds: scene.run_seconds,
        axis: (axis_low, axis_top),
    };
    let mut drawing = Drawing::default();
    if chart.curves.len() > CURVES_MAX {
        band.left = LEFT_OF_ROWS;
        for named_curve in chart.curves.iter().take(ROWS_MAX) {
            band.bottom = band.top + ROW - 6.0;
            let told = chart.told_of(named_curve);
            let value = told.split_once(' ').map_or("", |(_, value)| value);
            drawing.values.push(Tick {
                at: band.y(axis_low),
                label_at: (band.top + ROW / 2.0) as i32,
                label: format!("{} {value}", named_curve.name),
            });
            let class = if named_curve.is_odd { "odd" } else { "c0" };
            drawing
                .curves
                .push(band.draw(named_curve, class.to_owned(), true));
            band.top += ROW;
        }
        band.bottom = band.top;
    } else {
        let (_, unit) = chart.measure.unit(axis_top);
        for value in round_ticks(axis_low / unit, axis_top / unit) {
            let at = band.y(value * unit);
            drawing.values.push(Tick {
                at,
                label_at: at,
                label: units::number(value),
            });
        }
        let is_filled = chart.from_zero && chart.curves.len() == 1;
        for (number, named_curve) in chart.curves.iter().enumerate() {
            let class = format!("c{}", number % 6);
            drawing
                .curves
                .push(band.draw(named_curve, class, is_filled));
        }
    }
    drawing.left = band.left as i32;
    drawing.height = (band.bottom + BELOW) as i32;
    add_times(&mut drawing, &band, scene);
    drawing.slots = slots(chart, &band);
    drawing
}

fn add_times(drawing: &mut Drawing, band: &Band, scene: &Scene<'_>) {
    for time in time_ticks(scene.run_seconds) {
        let at = band.x(time);
        drawing.times.push(Tick {
            at,
            label_at: at,
            label: tick_of_time(time),
        });
    }
    if let Some(stalled_seconds) = scene.stalled_seconds
        && scene.run_seconds > stalled_seconds
    {
        drawing.stalled_from = Some(band.x(scene.run_seconds - stalled_seconds));
    }
    for marker in scene.markers {
        drawing.marks.push(Mark {
            at: band.x(marker.at),
            class: marker.kind.class(),
        });
    }
}

/// What the chart's curves were at each place.
fn slots(chart: &Chart, band: &Band) -> Vec<Slot> {
    let mut values_at = vec![Vec::new(); SLOTS];
    for named_curve in chart.curves.iter().take(ROWS_MAX) {
        let columns = at_columns(&named_curve.curve, band.run_seconds, SLOTS);
        for (values, point) in values_at.iter_mut().zip(columns) {
            if let Some(point) = point {
                let value = chart.measure.write(point.mean);
                values.push(format!("{} {value}", named_curve.name));
            }
        }
    }
    let width = (RIGHT - band.left) / SLOTS as f64;
    let mut slots = Vec::new();
    for (number, values) in values_at.iter().enumerate() {
        if values.is_empty() {
            continue;
        }
        let share = number as f64 / (SLOTS - 1) as f64;
        let time = units::duration(share * band.run_seconds);
        slots.push(Slot {
            at: (band.left + share * (RIGHT - band.left) - width / 2.0) as i32,
            width: width.ceil() as i32,
            words: format!("{time}: {}", values.join(", ")),
        });
    }
    slots
}

/// Round numbers in a range, a handful.
fn round_ticks(axis_low: f64, axis_high: f64) -> Vec<f64> {
    let rough = axis_high / TICKS_MAX - axis_low / TICKS_MAX;
    if !(rough.is_finite() && rough > f64::MIN_POSITIVE) {
        return vec![axis_low];
    }
    let decade = 10.0_f64.powf(rough.log10().floor());
    let mut tick_step = rough;
    for factor in [10.0, 5.0, 2.0, 1.0] {
        if factor * decade >= rough {
            tick_step = factor * decade;
        }
    }
    multiples_of(tick_step, axis_low, axis_high)
}

/// Round times up to a run's length.
fn time_ticks(run_seconds: f64) -> Vec<f64> {
    const STEPS: [f64; 21] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
        10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0,
    ];
    if run_seconds >= 1.0 {
        for tick_step in STEPS {
            if run_seconds / tick_step <= TICKS_MAX + 1.0 {
                return multiples_of(tick_step, 0.0, run_seconds);
            }
        }
    }
    round_ticks(0.0, run_seconds)
}

fn multiples_of(tick_step: f64, axis_low: f64, axis_high: f64) -> Vec<f64> {
    let first = (axis_low / tick_step).ceil();
    // One more than fits, so that rounding costs none; and never more than a few.
    let count = ((axis_high / tick_step - first).max(0.0) as usize).min(16);
    let mut ticks = Vec::new();
    for number in 0..=count {
        let tick = (first + number as f64) * tick_step;
        if tick.is_finite() {
            ticks.push(tick);
        }
    }
    ticks
}

/// A time on the axis: `10m`, `1h 30m`, `2d`.
fn tick_of_time(run_seconds: f64) -> String {
    if run_seconds == 0.0 {
        return "0".to_owned();
    }
    if run_seconds < 1.0 {
        return format!("{}s", units::number(run_seconds));
    }
    let words = humantime::format_duration(Duration::from_secs(run_seconds as u64)).to_string();
    words.replace("days", "d").replace("day", "d")
}

#[cfg(test)]
mod tests {
    use super::super::{ChartFigure, Measure};
    use super::*;
    use crate::commands::report::series::{Curve, MarkerKind};
    use proptest::prelude::*;

    fn chart(curve: Curve) -> Chart {
        let curves = vec![NamedCurve::new("x", curve)];
        Chart::new(
            "Title",
            "short",
            "key",
            Measure::Bytes,
            ChartFigure::Mean,
            curves,
        )
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(round_ticks(0.0, 10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(round_ticks(0.37, 3.31), [1.0, 2.0, 3.0]);
        assert_eq!(round_ticks(5.0, 5.0), [5.0]);
        assert_eq!(
            time_ticks(8000.0)
                .into_iter()
                .map(tick_of_time)
                .collect::<Vec<_>>(),
            ["0", "30m", "1h", "1h 30m", "2h"]
        );
        assert_eq!(time_ticks(604_800.0).len(), 4);
    }

    #[test]
    fn a_chart_has_its_curve_and_its_labels() {
        let point = |at, value| {
            Some(CurvePoint {
                elapsed_seconds: at,
                least: value / 2.0,
                mean: value,
                greatest: value,
            })
        };
        let svg = draw(
            &chart(vec![point(0.0, 1e9), point(60.0, 4e9)]),
            &Scene {
                run_seconds: 60.0,
                stalled_seconds: Some(10.0),
                markers: &[Marker {
                    kind: MarkerKind::Epoch,
                    at: 30.0,
                }],
            },
        )
        .render()
        .unwrap();
        for curve_part in [
            "<polyline",
            "<polygon",
            "class=\"c0\"",
            ">2<",
            ">30s<",
            "class=\"still\"",
            "class=\"epoch\"",
            "<title>1m 00s: x 3.73 GiB</title>",
        ] {
            assert!(svg.contains(curve_part), "{curve_part}: {svg}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_stays_inside(
            part_points in prop::collection::vec((any::<f64>(), any::<f64>(), any::<bool>()), 0..30),
            run_seconds in any::<f64>(),
            rows in prop::sample::select(vec![1_usize, 8]),
        ) {
            let mut part_points = part_points;
            part_points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let curve: Curve = part_points
                .iter()
                .filter(|(at, value, _)| at.is_finite() && value.is_finite())
                .map(|&(at, value, known)| known.then_some(CurvePoint { elapsed_seconds: at, least: value, mean: value, greatest: value }))
                .collect();
            let scene = Scene { run_seconds: run_seconds.abs(), stalled_seconds: Some(run_seconds), markers: &[] };
            let curves = vec![NamedCurve::new("x", curve); rows];
            let svg = draw(&Chart { curves, ..chart(Curve::new()) }, &scene).render().unwrap();
            prop_assert!(svg.len() < 100_000, "{}", svg.len());
            let drawn: String = svg.split("<title>").map(|part| part.split_once("</title>").map_or(part, |(_, rest)| rest)).collect();
            // Every second part is between quotation marks.
            let attributes = drawn.split('"').skip(1).step_by(2);
            for number in attributes.flat_map(|text| text.split([' ', ','])).filter_map(|word| word.parse::<f64>().ok()) {
                prop_assert!(number.abs() <= 1000.0, "{}", svg);
            }
        }

        #[test]
        fn ticks_are_few_and_in_order(axis_low in any::<f64>(), axis_high in any::<f64>()) {
            for found in [round_ticks(axis_low, axis_high), time_ticks(axis_high.abs())] {
                prop_assert!(found.len() <= 17);
                prop_assert!(found.is_sorted_by(|a, b| a <= b) || found.iter().any(|tick| tick.is_nan()), "{:?}", found);
            }
        }
    }
}
