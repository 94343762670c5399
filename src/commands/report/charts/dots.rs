//! A curve drawn in characters: dots of braille, and where the terminal has none, what a typewriter has.
//!
//! A character holds two columns of four dots, so that a line of 50 characters shows 100 points in time. A dot column
//! is filled from the least to the greatest value that fell into it, or from the ground to their mean where the axis
//! begins at zero. Pure; no width, height or curve makes it fail.

use crate::commands::report::series::{Curve, CurvePoint};
use std::ops::RangeInclusive;

/// Where a chart goes, and what it spans.
pub struct ChartArea {
    /// Characters wide.
    pub width: usize,
    /// Lines high.
    pub height: usize,
    /// Seconds from the left edge to the right.
    pub run_seconds: f64,
    /// Value at the bottom and at the top.
    pub axis: (f64, f64),
    /// Whether what is below the curve is filled.
    pub filled: bool,
    /// Whether there is braille.
    pub is_unicode: bool,
}

/// Dots of a character in each direction.
const DOTS: (usize, usize) = (2, 4);
/// The bit of each dot of a braille character, by column, from the bottom up.
const BITS: [[u32; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];
/// For each number of dots that are set in a character, what stands for it.
const ASCII: [char; 9] = [' ', '.', '.', ':', ':', '+', '*', '#', '#'];

/// The chart's lines, from the top; each as wide as the area.
pub fn draw(curve: &Curve, chart_area: &ChartArea) -> Vec<String> {
    let points = at_columns(curve, chart_area.run_seconds, chart_area.width * DOTS.0);
    let row_count = chart_area.height * DOTS.1;
    let mut column_spans = Vec::new();
    for point in points {
        column_spans.push(point.and_then(|point| span(&point, chart_area, row_count)));
    }
    let mut lines = Vec::new();
    for line in (0..chart_area.height).rev() {
        let mut text = String::new();
        for spans_of_character in column_spans.chunks(DOTS.0) {
            let mut bits = 0;
            for (span, column_bits) in spans_of_character.iter().zip(BITS) {
                let Some(span) = span else {
                    continue;
                };
                for (dot, bit) in column_bits.iter().enumerate() {
                    if span.contains(&(line * DOTS.1 + dot)) {
                        bits |= bit;
                    }
                }
            }
            text.push(character(bits, chart_area.is_unicode));
        }
        lines.push(text);
    }
    lines
}

fn character(bits: u32, is_unicode: bool) -> char {
    let character = if !is_unicode {
        ASCII.get(bits.count_ones() as usize).copied()
    } else if bits == 0 {
        // Blank braille is as wide as the others in no font.
        None
    } else {
        char::from_u32(0x2800 | bits)
    };
    character.unwrap_or(' ')
}

/// The rows that a point covers, from the bottom.
fn span(
    point: &CurvePoint,
    chart_area: &ChartArea,
    row_count: usize,
) -> Option<RangeInclusive<usize>> {
    let (axis_bottom, axis_top) = chart_area.axis;
    let highest_row = row_count.checked_sub(1)?;
    let row =
        |value| (share_of_axis(value, axis_bottom, axis_top) * highest_row as f64).round() as usize;
    // A filled chart shows the mean: of several GPUs one that idles would be hidden behind those that do not.
    Some(if chart_area.filled {
        0..=row(point.mean)
    } else {
        row(point.least)..=row(point.greatest)
    })
}

/// The curve at evenly spaced columns: what fell into each, and between two points the line that joins them.
pub fn at_columns(curve: &Curve, run_seconds: f64, column_count: usize) -> Vec<Option<CurvePoint>> {
    let mut at_columns = vec![None; column_count];
    let last_column = column_count.saturating_sub(1);
    let column_of_time =
        |time| (share_of_axis(time, 0.0, run_seconds) * last_column as f64).round() as usize;
    let mut previous_point: Option<CurvePoint> = None;
    for point in curve {
        if let (Some(point_before), Some(point)) = (previous_point, point) {
            let (from_column, to_column) = (
                column_of_time(point_before.elapsed_seconds),
                column_of_time(point.elapsed_seconds),
            );
            for column_between in from_column + 1..to_column {
                let share =
                    (column_between - from_column) as f64 / (to_column - from_column) as f64;
                let mean = point_before.mean * (1.0 - share) + point.mean * share;
                if let Some(column_point) = at_columns.get_mut(column_between) {
                    *column_point = Some(CurvePoint::single(point_before.elapsed_seconds, mean));
                }
            }
        }
        if let Some(point) = point
            && let Some(column_point) = at_columns.get_mut(column_of_time(point.elapsed_seconds))
        {
            let other = column_point.unwrap_or(*point);
            *column_point = Some(CurvePoint {
                elapsed_seconds: point.elapsed_seconds,
                least: other.least.min(point.least),
                mean: other.mean / 2.0 + point.mean / 2.0,
                greatest: other.greatest.max(point.greatest),
            });
        }
        previous_point = *point;
    }
    at_columns
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(values: &[(f64, f64)]) -> Curve {
        values
            .iter()
            .map(|&(elapsed_seconds, value)| {
                Some(CurvePoint {
                    elapsed_seconds,
                    least: value,
                    mean: value,
                    greatest: value,
                })
            })
            .collect()
    }

    fn frame(width: usize, height: usize) -> ChartArea {
        ChartArea {
            width,
            height,
            run_seconds: 10.0,
            axis: (0.0, 8.0),
            filled: true,
            is_unicode: true,
        }
    }

    fn ascii(width: usize) -> ChartArea {
        ChartArea {
            is_unicode: false,
            ..frame(width, 1)
        }
    }

    #[test]
    fn a_slope_climbs_through_the_dots() {
        let slope = curve(&[(0.0, 0.0), (10.0, 8.0)]);
        assert_eq!(draw(&slope, &frame(4, 1)), ["⣀⣤⣶⣿"]);
        assert_eq!(draw(&slope, &frame(4, 2)), ["  ⣠⣾", "⣠⣾⣿⣿"]);
        assert_eq!(draw(&slope, &ascii(4)), [".:*#"]);
        let line = ChartArea {
            filled: false,
            ..frame(4, 1)
        };
        assert_eq!(draw(&slope, &line), ["⣀⠤⠒⠉"]);
    }

    #[test]
    fn a_break_stays_open() {
        let mut broken = curve(&[(0.0, 8.0), (1.0, 8.0), (9.0, 8.0), (10.0, 8.0)]);
        broken.insert(2, None);
        assert_eq!(draw(&broken, &ascii(5)), ["#   #"]);
    }

    proptest! {
        #[test]
        fn every_line_is_as_wide_as_its_frame(
            points in prop::collection::vec((any::<f64>(), any::<f64>(), any::<bool>()), 0..50),
            width in 0_usize..90,
            height in 0_usize..4,
            axis_bottom in any::<f64>(),
            axis_top in any::<f64>(),
            run_seconds in any::<f64>(),
            filled in any::<bool>(),
        ) {
            let curve: Curve = points
                .iter()
                .map(|&(elapsed_seconds, value, known)| known.then_some(CurvePoint { elapsed_seconds, least: value, mean: value, greatest: value }))
                .collect();
            for is_unicode in [true, false] {
                let drawn = draw(&curve, &ChartArea { width, height, run_seconds, axis: (axis_bottom, axis_top), filled, is_unicode });
                prop_assert_eq!(drawn.len(), height);
                for line in drawn {
                    prop_assert_eq!(line.chars().count(), width);
                }
            }
        }

        #[test]
        fn more_is_never_lower(values in prop::collection::vec(0.0..8.0_f64, 2..30)) {
            let frame = ChartArea { run_seconds: (values.len() - 1) as f64, ..frame(values.len(), 2) };
            let points: Vec<_> = values.iter().enumerate().map(|(elapsed_seconds, value)| (elapsed_seconds as f64, *value)).collect();
            let columns = at_columns(&curve(&points), frame.run_seconds, frame.width * 2);
            let rows: Vec<_> = columns.iter().map(|point| *span(&point.unwrap(), &frame, 8).unwrap().end()).collect();
            let sorted = columns.iter().zip(&rows).map(|(point, row)| (point.unwrap().mean, *row));
            let mut sorted: Vec<_> = sorted.collect();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            prop_assert!(sorted.is_sorted_by_key(|(_, row)| *row), "{:?}", sorted);
        }
    }
}
