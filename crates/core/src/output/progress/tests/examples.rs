//! The examples and look-alikes of `knowledge/progress`, read.

use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Entry {
    name: Option<String>,
    metric: Option<String>,
    counts: Option<String>,
    examples: Vec<String>,
    told: Vec<BTreeMap<String, f64>>,
    look_alikes: Vec<String>,
}

fn entries(file: &str) -> Vec<Entry> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../knowledge/progress");
    let text = std::fs::read_to_string(format!("{folder}/{file}.yaml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// All that is known of a training, by the names of the entries.
fn told(text: &str) -> BTreeMap<String, f64> {
    let training = read(Stream::Both, text);
    let count = |count: Option<u64>| count.map(|count| count as f64);
    let numbers = [
        ("step", count(training.step)),
        ("total", count(training.total_steps)),
        ("epoch", training.epoch),
        ("epochs", training.planned_epochs),
        ("loss", training.metrics.get(Metric::Loss)),
        ("learning_rate", training.metrics.get(Metric::LearningRate)),
        ("grad_norm", training.metrics.get(Metric::GradNorm)),
        ("ppl", training.metrics.get(Metric::Ppl)),
        (
            "tokens_total",
            count(training.metrics.count(Metric::TokensTotal)),
        ),
        (
            "tokens_trainable",
            count(training.metrics.count(Metric::TokensTrainable)),
        ),
        (
            "tokens_per_second_per_gpu",
            training.metrics.get(Metric::TokensPerSecondPerGpu),
        ),
        ("step_seconds", training.metrics.get(Metric::StepSeconds)),
        ("eval_loss", training.metrics.get(Metric::EvalLoss)),
        ("eval_ppl", training.metrics.get(Metric::EvalPpl)),
        ("eval_accuracy", training.metrics.get(Metric::EvalAccuracy)),
        ("train_loss", training.metrics.get(Metric::TrainLoss)),
        (
            "parameters_trainable",
            training.metrics.get(Metric::ParametersTrainable),
        ),
        (
            "parameters_all",
            training.metrics.get(Metric::ParametersAll),
        ),
        ("train_runtime", training.metrics.get(Metric::TrainRuntime)),
    ];
    let known = numbers
        .into_iter()
        .filter_map(|(name, number)| Some((name.to_owned(), number?)));
    known.collect()
}

/// The examples of which something else is told than the entry says.
fn wrong(entry: &Entry) -> Vec<String> {
    let mut wrong = Vec::new();
    for (example, expected) in entry.examples.iter().zip(&entry.told) {
        let told = told(example);
        let is_same = |((name, number), (wanted, value)): ((&String, &f64), (&String, &f64))| {
            name == wanted && (number - value).abs() <= 1e-9 * value.abs()
        };
        if told.len() != expected.len() || !told.iter().zip(expected).all(is_same) {
            wrong.push(format!("{example}\n  told {told:?}\nwanted {expected:?}"));
        }
    }
    wrong
}

#[test]
fn each_line_is_read_and_nothing_of_what_looks_like_it() {
    let mut wrongs = Vec::new();
    for entry in entries("lines") {
        wrongs.extend(wrong(&entry));
        for look_alike in &entry.look_alikes {
            let told = told(look_alike);
            if !told.is_empty() {
                wrongs.push(format!("{:?}: {look_alike}\n  told {told:?}", entry.name));
            }
        }
    }
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
}

#[test]
fn each_metric_is_read_and_no_other_name_for_it() {
    for entry in entries("metrics") {
        assert_eq!(wrong(&entry), [""; 0]);
        let metric = entry.metric.unwrap();
        for look_alike in &entry.look_alikes {
            assert!(!told(look_alike).contains_key(&metric), "{look_alike}");
        }
    }
}

#[test]
fn each_bar_counts_what_its_description_says() {
    for entry in entries("bars") {
        assert_eq!(wrong(&entry), [""; 0]);
        let is_training = entry.counts.as_deref() != Some("loading");
        for look_alike in &entry.look_alikes {
            assert_ne!(
                told(look_alike).contains_key("step"),
                is_training,
                "{look_alike}"
            );
        }
    }
}
