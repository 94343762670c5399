//! The numbers that are taken from what a training prints, and what each may be.
//!
//! A number that makes no sense under its name is as good as none.

use crate::limits::{EPOCH_MAX, STEP_MAX};

/// Tokens beyond which a logged count is none; the largest trainings have seen 10^14.
const TOKENS_MAX: f64 = 1e18;
/// Parameters beyond which a printed count is none; the largest models have some 10^12.
const PARAMETERS_MAX: f64 = 1e15;

/// What a number says. The names are those of `knowledge/progress`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Steps done.
    Step,
    /// Steps planned.
    Total,
    /// The number of the last step, where the first one's is 0.
    Last,
    /// Epochs done.
    Epoch,
    /// The number of the epoch under way.
    EpochNumber,
    /// Epochs planned.
    Epochs,
    /// Batches done of the epoch under way.
    Batch,
    /// Batches of an epoch.
    Batches,
    /// Training loss; may be NaN or infinite.
    Loss,
    /// Learning rate.
    LearningRate,
    /// Gradient norm; may be NaN or infinite.
    GradNorm,
    /// Perplexity.
    Ppl,
    /// Tokens seen.
    TokensTotal,
    /// Trainable tokens seen.
    TokensTrainable,
    /// Tokens per second and GPU.
    TokensPerSecondPerGpu,
    /// Seconds a step.
    StepSeconds,
    /// The same in milliseconds.
    StepMilliseconds,
    /// Evaluation loss.
    EvalLoss,
    /// Perplexity of the evaluation.
    EvalPpl,
    /// Accuracy of the evaluation.
    EvalAccuracy,
    /// Mean training loss, logged at the training's end.
    TrainLoss,
    /// Seconds that the training says it took, or has taken so far.
    TrainRuntime,
    /// Parameters of the model that are trained.
    ParametersTrainable,
    /// All parameters of the model.
    ParametersAll,
}

const METRICS: usize = Metric::ParametersAll as usize + 1;

/// The known numbers of one line, or of all so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics([Option<f64>; METRICS]);

impl Metrics {
    /// Takes a number. Of those that are none, only a loss's and a gradient norm's say something.
    pub fn put(&mut self, metric: Metric, number: f64) {
        let (metric, number) = match metric {
            Metric::StepMilliseconds => (Metric::StepSeconds, number / 1000.0),
            _ => (metric, number),
        };
        if is_possible(metric, number) {
            self.0[metric as usize] = Some(number);
        }
    }

    /// The number that says this.
    pub const fn get(&self, metric: Metric) -> Option<f64> {
        self.0[metric as usize]
    }

    /// A number that counts something, without its fraction.
    pub fn count(&self, metric: Metric) -> Option<u64> {
        // In range, the cast only drops the fraction.
        self.get(metric).map(|number| number as u64)
    }

    /// Whether there is a number that says this.
    pub fn has(&self, metric: Metric) -> bool {
        self.get(metric).is_some()
    }

    /// Whether there is a number that says one of these.
    pub fn has_any(&self, metrics: &[Metric]) -> bool {
        metrics.iter().any(|metric| self.has(*metric))
    }

    /// The same with what only the other ones say.
    pub fn or(mut self, others: &Self) -> Self {
        for (number, other_number) in self.0.iter_mut().zip(others.0) {
            *number = number.or(other_number);
        }
        self
    }
}

fn is_possible(metric: Metric, number: f64) -> bool {
    match metric {
        Metric::Loss | Metric::EvalLoss | Metric::TrainLoss | Metric::GradNorm => true,
        Metric::LearningRate | Metric::Ppl | Metric::EvalPpl | Metric::EvalAccuracy => {
            number.is_finite()
        }
        Metric::ParametersTrainable | Metric::ParametersAll => {
            (0.0..=PARAMETERS_MAX).contains(&number) && number.fract() == 0.0
        }
        Metric::Step
        | Metric::Total
        | Metric::Last
        | Metric::Batch
        | Metric::Batches
        | Metric::EpochNumber
        | Metric::Epochs => (0.0..=STEP_MAX as f64).contains(&number) && number.fract() == 0.0,
        Metric::Epoch => (0.0..=EPOCH_MAX).contains(&number),
        Metric::TokensTotal | Metric::TokensTrainable => (0.0..=TOKENS_MAX).contains(&number),
        Metric::TokensPerSecondPerGpu
        | Metric::StepSeconds
        | Metric::StepMilliseconds
        | Metric::TrainRuntime => number.is_finite() && number >= 0.0,
    }
}

/// A number that no program prints in more characters; parsing one costs its length.
const NUMBER_BYTES_MAX: usize = 40;

/// A number as Python, numpy or C print it, maybe with commas between the thousands.
pub fn number(text: &str) -> Option<f64> {
    if text.len() > NUMBER_BYTES_MAX {
        return None;
    }
    text.replace(',', "").parse().ok()
}
