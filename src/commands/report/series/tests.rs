use super::*;
use axolotl_run_core::series::{CheckpointPoint, GpuPoint};
use proptest::prelude::*;

fn series(lines: &[String]) -> Series {
    let mut series = Series::default();
    for line in lines {
        assert!(series.take(&SeriesLine::read(line).unwrap()), "{line}");
    }
    series
}

fn means(curve: &Curve) -> Vec<Option<f64>> {
    curve
        .iter()
        .map(|point| point.map(|point| point.mean))
        .collect()
}

#[test]
fn a_week_keeps_its_peak_and_its_end_in_few_columns() {
    let mut series = Series::default();
    for number in 0_u32..120_960 {
        let memory = if number == 77_777 {
            9_000_000_000
        } else {
            1_000_000_000
        };
        let elapsed_seconds = f64::from(number) * 5.0;
        assert!(series.take(&SeriesLine {
            at: elapsed_seconds,
            rss_sum_bytes: Some(memory),
            step: Some(u64::from(number) * 10),
            ..SeriesLine::default()
        }));
    }
    let curve = series.gauge(SeriesKey::MemorySum);
    assert!(
        (limits::SERIES_COLUMNS_MAX / 2..=limits::SERIES_COLUMNS_MAX).contains(&curve.len()),
        "{}",
        curve.len()
    );
    let greatest = curve
        .iter()
        .flatten()
        .map(|point| point.greatest)
        .fold(0.0, f64::max);
    assert_eq!(
        (greatest, series.end_seconds(), series.last_step_at()),
        (9e9, 604_795.0, Some(604_795.0))
    );
    for point in series.rate(SeriesKey::Step).iter().flatten() {
        assert!((point.mean - 2.0).abs() < 0.02, "{point:?}");
    }
}

/// Loads of GPUs, a line for each moment.
fn loads(moments: &[&[f64]]) -> Series {
    let mut series = Series::default();
    for (number, loads) in moments.iter().enumerate() {
        let gpus = (0..).zip(*loads).map(|(index, load)| GpuPoint {
            index,
            utilization: Some(*load),
            ..GpuPoint::default()
        });
        series.take(&SeriesLine {
            at: number as f64,
            gpus: gpus.collect(),
            ..SeriesLine::default()
        });
    }
    series
}

#[test]
fn a_gpu_that_differs_from_most_others_for_long_is_odd() {
    let (even, idle): (&[f64], &[f64]) = (&[0.9, 0.8, 1.0, 0.9], &[0.9, 0.8, 0.0, 0.9]);
    for (moments, expected) in [
        (vec![even; 20], vec![]),
        (vec![idle; 20], vec![2]),
        ([vec![even; 17], vec![idle; 3]].concat(), vec![2]),
        ([vec![even; 18], vec![idle; 2]].concat(), vec![]),
        // Of two nobody can tell which one is odd, and where half of them differ there are no others.
        (vec![&[1.0, 0.0][..]; 20], vec![]),
        (vec![&[1.0, 1.0, 0.0, 0.0][..]; 20], vec![]),
    ] {
        assert_eq!(loads(&moments).odd_gpus(), expected, "{moments:?}");
    }
}

#[test]
fn what_happened_is_marked_and_the_last_minutes_say_how_fast_it_goes() {
    let mut series = Series::default();
    for number in 0_u64..100 {
        let at = number as f64 * 10.0;
        series.take(&SeriesLine {
            at,
            step: Some(if number < 50 {
                number * 40
            } else {
                2000 + (number - 50) * 10
            }),
            epoch: Some(number as f64 / 40.0),
            checkpoints: (number >= 42).then_some(CheckpointPoint {
                step: 1600,
                bytes: 1,
                there: 1,
                ever: 1,
                steps_apart: None,
            }),
            eval_loss: (number >= 30).then_some(if number < 60 { 2.0 } else { 1.5 }),
            ..SeriesLine::default()
        });
    }
    let markers = series.markers(Some(1000)).into_iter();
    let found: Vec<_> = markers.map(|marker| (marker.kind, marker.at)).collect();
    use MarkerKind::{Checkpoint, Epoch, Evaluation, NotFinite};
    assert_eq!(
        found,
        [
            (Epoch, 400.0),
            (Epoch, 800.0),
            (Evaluation, 300.0),
            (Evaluation, 600.0),
            (Checkpoint, 400.0),
            (NotFinite, 250.0)
        ]
    );
    assert_eq!(series.evaluations().len(), 2);
    let rate = series.recent_rate().unwrap();
    assert!((rate - 1.0).abs() < 0.05, "{rate}");
}

#[test]
fn what_was_not_known_is_a_break_and_what_was_not_measured_is_none() {
    let elapsed_seconds =
        |elapsed_seconds: f64, rest: &str| format!("{{\"at\":{elapsed_seconds}{rest}}}");
    let series = series(&[
        elapsed_seconds(0.0, ""),
        elapsed_seconds(5.0, ",\"loss\":3"),
        elapsed_seconds(10.0, ",\"loss\":2"),
        elapsed_seconds(15.0, ",\"loss\":null"),
        elapsed_seconds(20.0, ""),
        elapsed_seconds(300.0, ",\"loss\":1"),
        elapsed_seconds(305.0, ""),
    ]);
    assert_eq!(
        means(&series.gauge(SeriesKey::Loss)),
        [Some(3.0), Some(2.0), None, Some(1.0)]
    );
    assert_eq!(series.gauge(SeriesKey::MemorySum), []);
}

#[test]
fn a_rate_falls_to_nothing_when_the_steps_stop() {
    let step = |second: u32| f64::from(second.min(300)) / 2.0;
    let lines: Vec<_> = (0..600)
        .step_by(5)
        .map(|second| format!("{{\"at\":{second},\"step\":{}}}", step(second).floor()))
        .collect();
    let series = series(&lines);
    let curve = series.rate(SeriesKey::Step);
    let near = |second: f64| {
        curve
            .iter()
            .flatten()
            .min_by_key(|point| (point.elapsed_seconds - second).abs() as u64)
            .unwrap()
            .mean
    };
    assert!((near(200.0) - 0.5).abs() < 0.11, "{}", near(200.0));
    assert_eq!(near(400.0), 0.0);
    assert_eq!(series.last_step_at(), Some(300.0));
}

#[test]
fn gpus_are_kept_apart_and_can_be_taken_together() {
    let mut series = Series::default();
    let line = r#"{"at":1,"gpus":[{"index":0,"memory_bytes":1,"utilization":0.5,"power_watts":null},
        {"index":1,"memory_bytes":3,"utilization":1.0,"temperature_celsius":60},{"index":4000000000,"utilization":1}]}"#;
    assert!(series.take(&SeriesLine::read(line).unwrap()));
    assert_eq!(series.gpus(), [0, 1]);
    let together = series.together(&[SeriesKey::GpuMemory(0), SeriesKey::GpuMemory(1)]);
    assert_eq!(
        together,
        [Some(CurvePoint {
            elapsed_seconds: 1.0,
            least: 1.0,
            mean: 2.0,
            greatest: 3.0
        })]
    );
}

proptest! {
    #[test]
    fn no_line_breaks_it(lines in prop::collection::vec(hostile(), 0..40)) {
        let mut series = Series::default();
        for line in &lines {
            if let Some(line) = SeriesLine::read(line) {
                series.take(&line);
            }
        }
        prop_assert!(series.columns.values().all(|columns| columns.len() <= limits::SERIES_COLUMNS_MAX));
        prop_assert!(series.end_seconds() <= limits::SERIES_SECONDS_MAX);
        for metric in [SeriesKey::Step, SeriesKey::Loss, SeriesKey::MemorySum, SeriesKey::GpuLoad(0)] {
            for curve in [series.gauge(metric), series.rate(metric)] {
                for point in curve.iter().flatten() {
                    prop_assert!(point.elapsed_seconds.is_finite() && point.least <= point.mean && point.mean <= point.greatest);
                    prop_assert!(point.least.is_finite() && point.greatest.is_finite());
                }
                let times: Vec<_> = curve.iter().flatten().map(|point| point.elapsed_seconds).collect();
                prop_assert!(times.is_sorted(), "{:?}", times);
            }
        }
    }

    #[test]
    fn the_order_of_lines_does_not_matter_to_least_and_greatest(
        mut values in prop::collection::vec((0.0..5000.0, -1e6..1e6), 1..200)
    ) {
        let of = |values: &[(f64, f64)]| {
            let mut series = Series::default();
            values.iter().for_each(|(elapsed_seconds, value)| series.note(*elapsed_seconds, SeriesKey::Loss, Some(*value)));
            let curve = series.gauge(SeriesKey::Loss);
            curve.into_iter().flatten().map(|point| (point.least, point.greatest)).collect::<Vec<_>>()
        };
        let forwards = of(&values);
        values.reverse();
        prop_assert_eq!(forwards, of(&values));
    }
}

/// Lines with times and values of every size, in every order, and lines that are none.
fn hostile() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<f64>().prop_map(|number| serde_json::json!(number)),
        (0.0..1e6).prop_map(|number| serde_json::json!(number)),
        any::<u64>().prop_map(|number| serde_json::json!(number)),
        Just(serde_json::json!(1e308)),
        Just(serde_json::Value::Null),
    ];
    let line = (number.clone(), number.clone(), number.clone(), number).prop_map(|(elapsed_seconds, step, loss, load)| {
        serde_json::json!({"at": elapsed_seconds, "step": step, "loss": loss, "rss_sum_bytes": load, "gpus": [{"index": 0, "utilization": load}]}).to_string()
    });
    prop_oneof![9 => line, 1 => ".{0,40}"]
}
