//! Small parts of events, each made of one figure.

use crate::event::finish;
use crate::event::value::{Number, non_finite};
use crate::output::progress::{Metric, Training};
use crate::public::PublicStr;
use crate::public::text::PublicText;
use crate::status::signal_name;

/// What an event says of a measured number; NaN and the infinities it leaves out.
pub fn number(measured: Option<f64>) -> Option<Number> {
    Number::new(measured?)
}

/// The share that is done, where a number of them is planned.
pub fn ratio(done: Option<f64>, planned: Option<f64>) -> Option<f64> {
    let planned = planned.filter(|planned| *planned > 0.0)?;
    Some((done? / planned).clamp(0.0, 1.0))
}

/// The number of the training that was none any more at the end.
pub fn not_finite(training: &Training) -> Option<finish::NotFinite> {
    let since = training.not_finite?;
    let name = match since.metric {
        Metric::Loss => "loss",
        _ => "grad_norm",
    };
    Some(finish::NotFinite {
        metric: Some(PublicStr::constant(name)),
        repr: training.metrics.get(since.metric).and_then(non_finite),
        since_step: since.step,
    })
}

/// Tenths of the total that are done.
pub fn tenths(training: &Training) -> u64 {
    match (training.step, training.total_steps) {
        (Some(step), Some(total @ 1..)) => (step.saturating_mul(10) / total).min(10),
        _ => 0,
    }
}

/// A signal's name, or its number where it has none.
pub fn name_of(signal: i32) -> PublicStr {
    match signal_name(signal) {
        Some(name) => PublicStr::constant(name),
        None => PublicText::new()
            .constant("signal ")
            .integer(signal.unsigned_abs().into())
            .clone()
            .finish(),
    }
}
