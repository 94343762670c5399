//! A chart as SVG, for the page in the browser.
//!
//! The drawing library is told places between 0 and 1 only: the places of ticks and what is written beside them are
//! decided here, so that no value that a file may hold can make it search for ticks without end. Colours stand for
//! roles; the page's style sheet says what they look like by day, by night and on terminal.

use super::charts::Chart;
use super::series::{Curve, CurvePoint};
use axolotl_run_core::judging::summary::units;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;

/// The drawing's own size; the browser scales it.
const SIZE: (u32, u32) = (1000, 400);
/// The height of a label's letters, in the drawing's measure.
const LETTERS: i32 = 30;
/// Lines across the chart, at the most.
const TICKS_MAX: f64 = 5.0;

/// The lines behind the curves. Style sheet: `--line`.
const GRID: RGBColor = RGBColor(0xd8, 0xdc, 0xe0);
/// Letters. Style sheet: `--faint`.
const TEXT: RGBColor = RGBColor(0x5f, 0x68, 0x72);
/// The time in which nothing went on. Style sheet: `--open`.
const STALL: RGBColor = RGBColor(0xb2, 0x6b, 0x00);
/// The curves, told apart by people who see colours otherwise, too. Style sheet: `--c0` and so on.
const CURVES: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x8a, 0x6d, 0x00),
    RGBColor(0x56, 0x4e, 0xb4),
];

/// The curve's number as the style sheet knows it.
pub const fn role(curve: usize) -> usize {
    curve % CURVES.len()
}

/// Draws a chart; nothing where the library fails, which writing to memory gives it no reason for.
pub fn draw(chart: &Chart, seconds: f64, stalled: Option<f64>) -> Option<String> {
    let mut svg = String::new();
    draw_on(&mut svg, chart, seconds, stalled).ok()?;
    Some(svg)
}

type Failure = DrawingAreaErrorKind<std::io::Error>;

fn draw_on(
    svg: &mut String,
    chart: &Chart,
    seconds: f64,
    stalled: Option<f64>,
) -> Result<(), Failure> {
    let (low, high) = chart.axis();
    // A little air above what the curves reach, so that none is cut at the edge.
    let mut top = high;
    if chart.ceiling != Some(high) {
        top += high / 16.0 - low / 16.0;
    }
    let (_, unit) = chart.measure.unit(top);
    let in_height = Range { low, high: top };
    let in_time = Range {
        low: 0.0,
        high: seconds,
    };
    let mut times = time_ticks(seconds);
    for time in &mut times {
        *time = in_time.share(*time);
    }
    let mut values = ticks(low / unit, top / unit);
    for value in &mut values {
        *value = in_height.share(*value * unit);
    }

    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut canvas = ChartBuilder::on(&area)
        .margin(6)
        .margin_right(40)
        .margin_top(18)
        .x_label_area_size(48)
        .y_label_area_size(96)
        .build_cartesian_2d(Axis { ticks: times }, Axis { ticks: values })?;
    let letters = ("sans-serif", LETTERS).into_font().color(&TEXT);
    canvas
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(2))
        .axis_style(GRID.stroke_width(2))
        .label_style(letters)
        .x_label_formatter(&|share| tick_of_time(in_time.value(*share)))
        .y_label_formatter(&|share| units::number(nearly(in_height.value(*share) / unit)))
        .draw()?;

    if let Some(idle) = stalled.filter(|idle| seconds > *idle) {
        let from = in_time.share(seconds - idle);
        canvas.draw_series([Rectangle::new(
            [(from, 0.0), (1.0, 1.0)],
            STALL.mix(0.16).filled(),
        )])?;
    }
    for (number, named) in chart.curves.iter().enumerate() {
        let colour = CURVES.get(role(number)).copied().unwrap_or(TEXT);
        for part in parts(&named.curve) {
            let at = |value: fn(&CurvePoint) -> f64| {
                part.iter()
                    .map(move |point| (in_time.share(point.at), in_height.share(value(point))))
            };
            let line: Vec<_> = at(|point| point.mean).collect();
            if chart.from_zero && chart.curves.len() == 1 {
                let ground = line.iter().rev().map(|(time, _)| (*time, 0.0));
                let below: Vec<_> = line.iter().copied().chain(ground).collect();
                canvas.draw_series([Polygon::new(below, colour.mix(0.12).filled())])?;
            }
            if part.iter().any(|point| point.greatest > point.least) {
                let back: Vec<_> = at(|point| point.least).collect();
                let band: Vec<_> = at(|point| point.greatest)
                    .chain(back.into_iter().rev())
                    .collect();
                canvas.draw_series([Polygon::new(band, colour.mix(0.22).filled())])?;
            }
            canvas.draw_series([PathElement::new(line, colour.stroke_width(3))])?;
        }
    }
    area.present()
}

/// The curve's parts between its breaks.
fn parts(curve: &Curve) -> impl Iterator<Item = Vec<CurvePoint>> {
    curve
        .split(Option::is_none)
        .map(|part| part.iter().flatten().copied().collect())
        .filter(|part: &Vec<_>| !part.is_empty())
}

/// An axis.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    /// Where a value stands, 0 to 1. Divided first: the difference of two large numbers may be none.
    fn share(&self, value: f64) -> f64 {
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    fn value(&self, share: f64) -> f64 {
        self.low * (1.0 - share) + self.high * share
    }
}

/// An axis as the library wants it: places from 0 to 1, and where its ticks are.
#[derive(Clone, Debug)]
struct Axis {
    ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let length = f64::from(to) - f64::from(from);
        // A float's cast saturates.
        (f64::from(from) + value.clamp(0.0, 1.0) * length).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.0..1.0
    }
}

/// What a value is that was a round number before it went through a division: `0.30000000004` is `0.3`.
fn nearly(value: f64) -> f64 {
    if value.abs() < 1e-12 { 0.0 } else { value }
}

/// Round numbers in a range, a handful.
pub fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = high / TICKS_MAX - low / TICKS_MAX;
    if !(rough.is_finite() && rough > f64::MIN_POSITIVE) {
        return vec![low];
    }
    let decade = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * decade)
        .find(|step| *step >= rough);
    every(step.unwrap_or(rough), low, high)
}

/// Round times up to a run's length.
pub fn time_ticks(seconds: f64) -> Vec<f64> {
    const STEPS: [f64; 21] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
        10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0,
    ];
    if seconds < 1.0 {
        return ticks(0.0, seconds);
    }
    match STEPS
        .into_iter()
        .find(|step| seconds / step <= TICKS_MAX + 1.0)
    {
        Some(step) => every(step, 0.0, seconds),
        None => ticks(0.0, seconds),
    }
}

fn every(step: f64, low: f64, high: f64) -> Vec<f64> {
    let first = (low / step).ceil();
    // One more than fits, so that rounding costs none; and never more than a few.
    let count = ((high / step - first).max(0.0) as usize).min(16);
    (0..=count)
        .map(|number| (first + number as f64) * step)
        .filter(|tick| tick.is_finite())
        .collect()
}

/// A time on the axis: `10m`, `1h 30m`, `2d`.
fn tick_of_time(seconds: f64) -> String {
    let whole = seconds.round();
    if seconds < 10.0 && (seconds - whole).abs() > 0.01 {
        return format!("{}s", units::number(seconds));
    }
    let whole = whole as u64;
    let parts = [
        (whole / 86_400, "d"),
        (whole / 3600 % 24, "h"),
        (whole / 60 % 60, "m"),
        (whole % 60, "s"),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .take(2)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if parts.is_empty() {
        "0".to_owned()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::charts::{Measure, Named, Tells};
    use super::*;
    use proptest::prelude::*;

    fn chart(curve: Curve) -> Chart {
        Chart::new("Title", "short", "key", Measure::Bytes, Tells::Mean)
            .with(vec![Named::new("x", curve)])
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
        .unwrap();
        for part in [
            "<polyline",
            "<polygon",
            "stroke=\"#0072B2\"",
            ">\n2\n<",
            ">\n30s\n<",
            "fill=\"#B26B00\"",
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
            let svg = draw(&chart(curve), seconds.abs(), Some(seconds)).unwrap();
            prop_assert!(svg.len() < 20_000, "{}", svg.len());
            for number in svg.split(['"', ' ', ',']).filter_map(|word| word.parse::<f64>().ok()) {
                prop_assert!(number.abs() <= f64::from(SIZE.0), "{}", svg);
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
