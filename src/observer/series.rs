//! The time series for the run's owner: one line of numbers a measurement, kept on this machine.

use crate::metrics::memory::OomKills;
use axolotl_run_core::event::value::Number;
use axolotl_run_core::observation::Sample;
use axolotl_run_core::output::progress::Training;
use serde_json::{Map, Value, json};

/// The first line of `samples.jsonl`: what whoever finishes the run in our place has to compare with.
#[must_use]
pub fn first_line(counters: OomKills) -> String {
    json!({"at": 0.0, "oom_kill_counters": {"cgroup": counters.cgroup, "host": counters.host}})
        .to_string()
}

/// Any other line of `samples.jsonl`. Unknown is absent.
#[must_use]
pub fn line(sample: &Sample, training: &Training) -> String {
    let number = |number: Option<f64>| {
        number
            .and_then(Number::new)
            .map(|number| Value::from(number.get()))
    };
    let count = |count: Option<u64>| count.map(Value::from);
    let mut members: Map<String, Value> = [
        ("at", number(Some(sample.at))),
        ("processes", count(sample.processes)),
        ("cpu_seconds", number(sample.cpu_seconds)),
        ("rss_sum_bytes", count(sample.rss_sum_bytes)),
        ("rss_max_process_bytes", count(sample.rss_max_process_bytes)),
        ("cgroup_bytes", count(sample.cgroup_bytes)),
        ("step", count(training.step)),
        ("loss", number(training.loss)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect();
    if !sample.gpus.is_empty() {
        let gpus = sample.gpus.iter().map(|gpu| {
            json!({
                "index": gpu.index,
                "memory_bytes": gpu.memory_bytes,
                "utilization": number(gpu.utilization),
                "power_watts": number(gpu.power_watts),
                "temperature_celsius": gpu.temperature_celsius,
            })
        });
        members.insert("gpus".to_owned(), gpus.collect());
    }
    Value::Object(members).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_not_there() {
        let sample = Sample {
            at: 1.5,
            processes: Some(2),
            cpu_seconds: Some(f64::NAN),
            ..Sample::default()
        };
        assert_eq!(
            line(&sample, &Training::default()),
            r#"{"at":1.5,"processes":2}"#
        );
    }
}
