//! On what and with what a run was begun, as its start event says: in a line each, and as rows that can be compared.

use axolotl_run_core::event::{ConfigValue, Start};
use axolotl_run_core::judging::summary::units;
use std::collections::BTreeMap;

/// Rows of a configuration that are shown; those that Axolotl prints have hundreds, of which the typed ones matter.
const ROWS_MAX: usize = 60;

/// `64 cores, 512 GiB, 8 x NVIDIA H100 80GB HBM3, linux-6.8-x86_64`.
pub fn machine(start: &Start<String>) -> String {
    let mut parts = Vec::new();
    match (start.cpu_count_usable, start.cpu_count) {
        (Some(usable), Some(all)) if usable < all => parts.push(format!("{usable} of {all} cores")),
        (_, Some(all)) => parts.push(format!("{all} cores")),
        _ => {}
    }
    if let Some(bytes) = start.memory_total {
        parts.push(units::bytes(bytes as f64));
    }
    let mut models = BTreeMap::<&str, u64>::new();
    for accelerator in start.accelerator_info.iter().flatten() {
        *models
            .entry(accelerator.name.as_deref().unwrap_or("GPU"))
            .or_default() += 1;
    }
    for (model, number) in models {
        parts.push(match number {
            1 => model.to_owned(),
            number => format!("{number} x {model}"),
        });
    }
    parts.extend(start.os.clone());
    parts.extend(start.scheduler.clone());
    if start.container == Some(true) {
        parts.push("in a container".to_owned());
    }
    parts.join(", ")
}

/// Python and the packages, each with its version.
pub fn versions(start: &Start<String>) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    if let Some(version) = &start.python_version {
        rows.push(("Python".to_owned(), version.clone()));
    }
    for (package, version) in start.packages.iter().flatten() {
        rows.push((package.clone(), version.clone()));
    }
    rows
}

/// The public values of the configuration, each under its whole key.
pub fn configuration(start: &Start<String>) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    if let Some(ConfigValue::Map(members)) = &start.config {
        for (key, value) in members {
            flatten(key, value, &mut rows);
        }
    }
    rows
}

/// `Python 3.12.3, torch 2.6.0`.
pub fn in_a_line(rows: &[(String, String)]) -> String {
    let words = rows.iter().map(|(name, value)| format!("{name} {value}"));
    words.collect::<Vec<_>>().join(", ")
}

fn flatten(key: &str, value: &ConfigValue<String>, rows: &mut Vec<(String, String)>) {
    if rows.len() >= ROWS_MAX {
        return;
    }
    match value {
        ConfigValue::Map(members) => {
            for (name, value) in members {
                flatten(&format!("{key}.{name}"), value, rows);
            }
        }
        value => rows.push((key.to_owned(), text(value))),
    }
}

fn text(value: &ConfigValue<String>) -> String {
    match value {
        ConfigValue::Null => "null".to_owned(),
        ConfigValue::Boolean(switch) => switch.to_string(),
        ConfigValue::Integer(number) => number.to_string(),
        ConfigValue::Number(number) => number.get().to_string(),
        ConfigValue::Text(text) => text.clone(),
        ConfigValue::List(values) => {
            let texts: Vec<_> = values.iter().map(text).collect();
            format!("[{}]", texts.join(", "))
        }
        ConfigValue::Map(members) => {
            let texts = members
                .iter()
                .map(|(key, value)| format!("{key}: {}", text(value)));
            format!("{{{}}}", texts.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axolotl_run_core::event::Accelerator;

    #[test]
    fn what_a_run_was_begun_on_is_said_in_a_line() {
        let gpu = |name: &str| Accelerator {
            name: Some(name.to_owned()),
            ..Accelerator::default()
        };
        let start = Start {
            cpu_count: Some(64),
            cpu_count_usable: Some(8),
            memory_total: Some(512 << 30),
            accelerator_info: Some(vec![gpu("H100"), gpu("H100"), gpu("A2")]),
            os: Some("linux-6.8-x86_64".to_owned()),
            python_version: Some("3.12.3".to_owned()),
            packages: Some(BTreeMap::from([("torch".to_owned(), "2.6.0".to_owned())])),
            ..Start::default()
        };
        assert_eq!(
            machine(&start),
            "8 of 64 cores, 512 GiB, A2, 2 x H100, linux-6.8-x86_64"
        );
        assert_eq!(in_a_line(&versions(&start)), "Python 3.12.3, torch 2.6.0");
        assert_eq!(machine(&Start::default()), "");
    }

    #[test]
    fn a_configuration_is_rows_with_whole_keys() {
        let texts = |words: &[&str]| {
            let texts = words
                .iter()
                .map(|word| ConfigValue::Text((*word).to_owned()));
            ConfigValue::List(texts.collect())
        };
        let lora = BTreeMap::from([
            ("r".to_owned(), ConfigValue::Integer(8)),
            ("target".to_owned(), texts(&["q", "v"])),
        ]);
        let config = BTreeMap::from([
            ("bf16".to_owned(), ConfigValue::Boolean(true)),
            ("lora".to_owned(), ConfigValue::Map(lora)),
        ]);
        let start = Start {
            config: Some(ConfigValue::Map(config)),
            ..Start::default()
        };
        assert_eq!(
            in_a_line(&configuration(&start)),
            "bf16 true, lora.r 8, lora.target [q, v]"
        );
    }
}
