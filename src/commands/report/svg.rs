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
pub fn draw(chart: &Chart, seconds: f64, stalled: Option<f64>) -> Drawing {
    let (low, high) = chart.axis();
    // A little air above what the curves reach, so that none is cut at the edge.
    let mut top = high;
    if chart.ceiling != Some(high) {
        top += high / 16.0 - low / 16.0;
    }
    // A float's cast saturates.
    let across = |time| (LEFT + share(time, 0.0, seconds) * (RIGHT - LEFT)).round() as i32;
    let up = |value| (BOTTOM - share(value, low, top) * (BOTTOM - TOP)).round() as i32;

    let (_, unit) = chart.measure.unit(top);
    let mut drawing = Drawing::default();
    for value in ticks(low / unit, top / unit) {
        drawing.values.push(Tick {
            at: up(value * unit),
            label: units::number(value),
        });
    }
    for time in time_ticks(seconds) {
        drawing.times.push(Tick {
            at: across(time),
            label: tick_of_time(time),
        });
    }
    if let Some(idle) = stalled
        && seconds > idle
    {
        drawing.stalled_from = Some(across(seconds - idle));
    }
    for named_curve in &chart.curves {
        let mut drawn = DrawnCurve::default();
        for part in named_curve.curve.split(Option::is_none) {
            let points: Vec<_> = part.iter().flatten().collect();
            let line = |value: fn(&CurvePoint) -> f64| {
                let mut corners = Vec::new();
                for point in &points {
                    corners.push(format!("{},{}", across(point.at), up(value(point))));
                }
                corners
            };
            let area = |upper, lower| {
                let mut corners = line(upper);
                corners.extend(line(lower).into_iter().rev());
                corners.join(" ")
            };
            if chart.from_zero && chart.curves.len() == 1 {
                drawn.areas.push(area(|point| point.mean, |_| 0.0));
            }
            if points.iter().any(|point| point.greatest > point.least) {
                drawn
                    .areas
                    .push(area(|point| point.greatest, |point| point.least));
            }
            drawn.lines.push(line(|point| point.mean).join(" "));
        }
        drawing.curves.push(drawn);
    }
    drawing
}

/// Where a value is on an axis, 0 to 1. Divided first: the difference of two large numbers may be none.
pub(super) fn share(value: f64, low: f64, high: f64) -> f64 {
    let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// Round numbers in a range, a handful.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = high / TICKS_MAX - low / TICKS_MAX;
    if !(rough.is_finite() && rough > f64::MIN_POSITIVE) {
        return vec![low];
    }
    let decade = 10.0_f64.powf(rough.log10().floor());
    let mut step = rough;
    for factor in [10.0, 5.0, 2.0, 1.0] {
        if factor * decade >= rough {
            step = factor * decade;
        }
    }
    every(step, low, high)
}

/// Round times up to a run's length.
fn time_ticks(seconds: f64) -> Vec<f64> {
    const STEPS: [f64; 21] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
        10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0,
    ];
    if seconds >= 1.0 {
        for step in STEPS {
            if seconds / step <= TICKS_MAX + 1.0 {
                return every(step, 0.0, seconds);
            }
        }
    }
    ticks(0.0, seconds)
}

fn every(step: f64, low: f64, high: f64) -> Vec<f64> {
    let first = (low / step).ceil();
    // One more than fits, so that rounding costs none; and never more than a few.
    let count = ((high / step - first).max(0.0) as usize).min(16);
    let mut ticks = Vec::new();
    for number in 0..=count {
        let tick = (first + number as f64) * step;
        if tick.is_finite() {
            ticks.push(tick);
        }
    }
    ticks
}

/// A time on the axis: `10m`, `1h 30m`, `2d`.
fn tick_of_time(seconds: f64) -> String {
    if seconds == 0.0 {
        return "0".to_owned();
    }
    if seconds < 1.0 {
        return format!("{}s", units::number(seconds));
    }
    let words = humantime::format_duration(Duration::from_secs(seconds as u64)).to_string();
    words.replace("days", "d").replace("day", "d")
}

#[cfg(test)]
mod tests {
    use super::super::charts::{Measure, NamedCurve, Tells};
    use super::super::series::Curve;
    use super::*;
    use proptest::prelude::*;

    fn chart(curve: Curve) -> Chart {
        let curves = vec![NamedCurve::new("x", curve)];
        Chart::new("Title", "short", "key", Measure::Bytes, Tells::Mean, curves)
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(0.37, 3.31), [1.0, 2.0, 3.0]);
        assert_eq!(ticks(5.0, 5.0), [5.0]);
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
                at,
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
        for part in [
            "<polyline",
            "<polygon",
            "class=\"c0\"",
            ">2<",
            ">30s<",
            "<rect",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_stays_inside(
            points in prop::collection::vec((any::<f64>(), any::<f64>(), any::<bool>()), 0..30),
            seconds in any::<f64>(),
        ) {
            let mut points = points;
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let curve: Curve = points
                .iter()
                .filter(|(at, value, _)| at.is_finite() && value.is_finite())
                .map(|&(at, value, known)| known.then_some(CurvePoint { at, least: value, mean: value, greatest: value }))
                .collect();
            let svg = draw(&chart(curve), seconds.abs(), Some(seconds)).render().unwrap();
            prop_assert!(svg.len() < 20_000, "{}", svg.len());
            for number in svg.split(['"', ' ', ',']).filter_map(|word| word.parse::<f64>().ok()) {
                prop_assert!(number.abs() <= 1000.0, "{}", svg);
            }
        }

        #[test]
        fn ticks_are_few_and_in_order(low in any::<f64>(), high in any::<f64>()) {
            for found in [ticks(low, high), time_ticks(high.abs())] {
                prop_assert!(found.len() <= 17);
                prop_assert!(found.is_sorted_by(|a, b| a <= b) || found.iter().any(|tick| tick.is_nan()), "{:?}", found);
            }
        }
    }
}
