//! A chart as SVG, for the page in the browser.
//!
//! The template chart.svg has the drawing's form; here is where everything goes. No value that a file may hold leads
//! outside the drawing, or to more than a handful of ticks. Curves have the numbers of the style sheet's colours.

use super::charts::Chart;
use super::series::CurvePoint;
use askama::Template;
use axolotl_run_core::judging::summary::units;
use std::time::Duration;

/// The edges of what is drawn, in a drawing of 1000 by 400; the browser scales it.
const LEFT: f64 = 96.0;
const RIGHT: f64 = 960.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 352.0;
/// Lines across the chart, at the most.
const TICKS_MAX: f64 = 5.0;

/// A chart, drawn.
#[derive(Default, Template)]
#[template(path = "chart.svg")]
pub struct Drawing {
    values: Vec<Tick>,
    times: Vec<Tick>,
    /// Where the time begins in which nothing went on.
    stalled_from: Option<i32>,
    curves: Vec<DrawnCurve>,
}

struct Tick {
    at: i32,
    label: String,
}

/// The points of a curve's parts, as SVG has them.
#[derive(Default)]
struct DrawnCurve {
    areas: Vec<String>,
    lines: Vec<String>,
}

/// Draws a chart.
pub fn draw(chart: &Chart, run_seconds: f64, stalled_seconds: Option<f64>) -> Drawing {
    let (axis_low, axis_high) = chart.axis();
    // A little air above what the curves reach, so that none is cut at the edge.
    let mut axis_top = axis_high;
    if chart.ceiling != Some(axis_high) {
        axis_top += axis_high / 16.0 - axis_low / 16.0;
    }
    // A float's cast saturates.
    let x_position =
        |time| (LEFT + share_of_axis(time, 0.0, run_seconds) * (RIGHT - LEFT)).round() as i32;
    let y_position =
        |value| (BOTTOM - share_of_axis(value, axis_low, axis_top) * (BOTTOM - TOP)).round() as i32;

    let (_, unit) = chart.measure.unit(axis_top);
    let mut drawing = Drawing::default();
    for value in round_ticks(axis_low / unit, axis_top / unit) {
        drawing.values.push(Tick {
            at: y_position(value * unit),
            label: units::number(value),
        });
    }
    for time in time_ticks(run_seconds) {
        drawing.times.push(Tick {
            at: x_position(time),
            label: tick_of_time(time),
        });
    }
    if let Some(stalled_seconds) = stalled_seconds
        && run_seconds > stalled_seconds
    {
        drawing.stalled_from = Some(x_position(run_seconds - stalled_seconds));
    }
    for named_curve in &chart.curves {
        let mut drawn_curve = DrawnCurve::default();
        for curve_part in named_curve.curve.split(Option::is_none) {
            let part_points: Vec<_> = curve_part.iter().flatten().collect();
            let line = |value: fn(&CurvePoint) -> f64| {
                let mut corners = Vec::new();
                for point in &part_points {
                    corners.push(format!(
                        "{},{}",
                        x_position(point.elapsed_seconds),
                        y_position(value(point))
                    ));
                }
                corners
            };
            let area = |upper, lower| {
                let mut corners = line(upper);
                corners.extend(line(lower).into_iter().rev());
                corners.join(" ")
            };
            if chart.from_zero && chart.curves.len() == 1 {
                drawn_curve.areas.push(area(|point| point.mean, |_| 0.0));
            }
            if part_points.iter().any(|point| point.greatest > point.least) {
                drawn_curve
                    .areas
                    .push(area(|point| point.greatest, |point| point.least));
            }
            drawn_curve.lines.push(line(|point| point.mean).join(" "));
        }
        drawing.curves.push(drawn_curve);
    }
    drawing
}

/// Where a value is on an axis, 0 to 1. Divided first: the difference of two large numbers may be none.
pub fn share_of_axis(value: f64, axis_low: f64, axis_high: f64) -> f64 {
    let share_of_axis = (value / 2.0 - axis_low / 2.0) / (axis_high / 2.0 - axis_low / 2.0);
    if share_of_axis.is_finite() {
        share_of_axis.clamp(0.0, 1.0)
    } else {
        0.0
    }
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
    use super::super::charts::{ChartFigure, Measure, NamedCurve};
    use super::super::series::Curve;
    use super::*;
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
            60.0,
            Some(10.0),
        )
        .render()
        .unwrap();
        for curve_part in [
            "<polyline",
            "<polygon",
            "class=\"c0\"",
            ">2<",
            ">30s<",
            "<rect",
        ] {
            assert!(svg.contains(curve_part), "{curve_part}: {svg}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_stays_inside(
            part_points in prop::collection::vec((any::<f64>(), any::<f64>(), any::<bool>()), 0..30),
            run_seconds in any::<f64>(),
        ) {
            let mut part_points = part_points;
            part_points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let curve: Curve = part_points
                .iter()
                .filter(|(at, value, _)| at.is_finite() && value.is_finite())
                .map(|&(at, value, known)| known.then_some(CurvePoint { elapsed_seconds: at, least: value, mean: value, greatest: value }))
                .collect();
            let svg = draw(&chart(curve), run_seconds.abs(), Some(run_seconds)).render().unwrap();
            prop_assert!(svg.len() < 20_000, "{}", svg.len());
            for number in svg.split(['"', ' ', ',']).filter_map(|word| word.parse::<f64>().ok()) {
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
