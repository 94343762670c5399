//! Reads the log line of a Hugging Face trainer: one Python dictionary at the beginning of a line.
//!
//! transformers before 5 prints numbers (`'loss': 6.121`), from 5 on numbers in quotes (`'loss': '6.103'`);
//! callbacks add keys of any kind. Only the keys below are looked at, and only their numbers: whatever else
//! stands in the line is skipped, never kept.

use crate::limits::{EPOCH_MAX, TOKENS_MAX};

/// The known metrics of one log line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LogDictionary {
    pub(super) epoch: Option<f64>,
    pub(super) loss: Option<f64>,
    pub(super) learning_rate: Option<f64>,
    pub(super) grad_norm: Option<f64>,
    pub(super) ppl: Option<f64>,
    pub(super) tokens_total: Option<u64>,
    pub(super) tokens_trainable: Option<u64>,
    pub(super) tokens_per_second_per_gpu: Option<f64>,
    pub(super) eval_loss: Option<f64>,
    pub(super) train_loss: Option<f64>,
    pub(super) train_runtime: Option<f64>,
}

impl LogDictionary {
    /// None where the text is no whole dictionary, or not one of a trainer.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('{')?;
        let mut log = Self::default();
        let mut other_tokens = None;
        loop {
            let (key, after) = string(rest.trim_start_matches(' '))?;
            let (value, end, after) = value(after.trim_start_matches(' ').strip_prefix(':')?)?;
            if let Some(number) = number(value) {
                log.put(key, number, &mut other_tokens);
            }
            match end {
                ',' => rest = after,
                _ => break,
            }
        }
        log.tokens_total = log.tokens_total.or(other_tokens);
        let is_log = [log.loss, log.eval_loss, log.train_loss, log.train_runtime]
            .iter()
            .any(Option::is_some);
        is_log.then_some(log)
    }

    /// Whether it is surely a trainer's: people print losses of their own, but rarely so.
    pub(super) fn is_trainers(&self) -> bool {
        let others = self.learning_rate.is_some()
            || self.eval_loss.is_some()
            || self.train_runtime.is_some();
        self.epoch.is_some() && others
    }

    /// Takes one metric. Only a loss and a gradient norm say something when they are no numbers.
    fn put(&mut self, key: &str, number: f64, other_tokens: &mut Option<u64>) {
        let finite = Some(number).filter(|number| number.is_finite());
        match key {
            "loss" => self.loss = Some(number),
            "eval_loss" => self.eval_loss = Some(number),
            "train_loss" => self.train_loss = Some(number),
            "grad_norm" => self.grad_norm = Some(number),
            "learning_rate" => self.learning_rate = finite,
            "ppl" => self.ppl = finite,
            "epoch" => self.epoch = finite.filter(|epoch| (0.0..=EPOCH_MAX).contains(epoch)),
            "train_runtime" => self.train_runtime = finite.filter(|seconds| *seconds >= 0.0),
            "tokens/train_per_sec_per_gpu" => {
                self.tokens_per_second_per_gpu = finite.filter(|rate| *rate >= 0.0);
            }
            "tokens/total" => self.tokens_total = tokens(number),
            "tokens/trainable" => self.tokens_trainable = tokens(number),
            // The same count under the names that transformers and TRL give it.
            "num_input_tokens_seen" | "num_tokens" => *other_tokens = tokens(number),
            _ => {}
        }
    }
}

fn tokens(number: f64) -> Option<u64> {
    // In range, the cast only drops the fraction.
    (0.0..=TOKENS_MAX)
        .contains(&number)
        .then_some(number as u64)
}

/// A number, bare, in quotes, or as numpy prints its own.
pub(super) fn number(value: &str) -> Option<f64> {
    let value = value.trim_matches(' ');
    let quoted = ['\'', '"']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    let wrapped = ["np.float64(", "np.float32("]
        .iter()
        .find_map(|call| value.strip_prefix(call)?.strip_suffix(')'));
    let digits = quoted.or(wrapped).unwrap_or(value);
    // No trainer prints a number this long, and parsing one costs its length.
    if digits.len() > 40 {
        return None;
    }
    digits.parse().ok()
}

/// The inside of a string in quotes (escapes left as they are: no known key has one), and what follows.
fn string(text: &str) -> Option<(&str, &str)> {
    let quote = text
        .chars()
        .next()
        .filter(|quote| matches!(quote, '\'' | '"'))?;
    let inside = text.strip_prefix(quote)?;
    let mut escaped = false;
    let end = inside.find(|character| {
        let ends = character == quote && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })?;
    let (inside, rest) = inside.split_at_checked(end)?;
    Some((inside, rest.strip_prefix(quote)?))
}

/// A value up to the comma or brace that ends it, which one that is, and what follows.
fn value(text: &str) -> Option<(&str, char, &str)> {
    let mut depth = 0_u32;
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ',' | '}') if depth == 0 => {
                let (value, rest) = text.split_at_checked(at)?;
                return Some((value, character, rest.strip_prefix(character)?));
            }
            (None, ')' | ']' | '}') => depth = depth.checked_sub(1)?,
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_are_read() {
        let old = "{'loss': 6.121, 'grad_norm': 2.057805299758911, 'learning_rate': 0.000375, 'epoch': 0.02}";
        let log = LogDictionary::parse(old).unwrap();
        assert_eq!(
            (log.loss, log.grad_norm, log.learning_rate, log.epoch),
            (
                Some(6.121),
                Some(2.057805299758911),
                Some(0.000375),
                Some(0.02)
            )
        );
        let new = "{'loss': '6.103', 'grad_norm': 'nan', 'learning_rate': '1e-05', 'ppl': 'inf', \
                   'memory/max_active (GiB)': '0', 'tokens/train_per_sec_per_gpu': '1.068e+04', \
                   'tokens/trainable': 8569, 'tokens/total': 18560, 'epoch': '0.2667'} [repeated 2x across cluster]";
        let log = LogDictionary::parse(new).unwrap();
        assert!(log.grad_norm.is_some_and(f64::is_nan));
        assert_eq!(
            (log.loss, log.ppl, log.learning_rate, log.epoch),
            (Some(6.103), None, Some(1e-5), Some(0.2667))
        );
        let tokens = (
            log.tokens_total,
            log.tokens_trainable,
            log.tokens_per_second_per_gpu,
        );
        assert_eq!(tokens, (Some(18560), Some(8569), Some(10680.0)));
    }

    #[test]
    fn other_values_are_skipped() {
        let text = r#"{'note': 'a, \'b\': {', "more": [1, {'loss': 9}, (2,)], 'none': None, 'on': True, 'loss': np.float64(1.5),
            'tensor': tensor(0.5, device='cuda:0'), 'eval_loss': inf, 'num_tokens': 12.0, 'epoch': 1}"#;
        let log = LogDictionary::parse(&text.replace('\n', " ")).unwrap();
        assert_eq!(
            (log.loss, log.eval_loss, log.epoch),
            (Some(1.5), Some(f64::INFINITY), Some(1.0))
        );
        assert_eq!(log.tokens_total, Some(12));
    }

    #[test]
    fn what_is_not_a_whole_log_line_is_nothing() {
        for text in [
            "",
            "{",
            "{}",
            "{'loss': 0.00",
            "{'loss': 0.00,",
            "{'loss': 'mse', 'epoch': 3}",
            "{'epoch': 3}",
            "{'loss'}",
            "{loss: 1.0}",
            "{'loss': ]}",
            "{'loss': 1.0, 2.0}",
            "done: {'train_runtime': 6.76}",
        ] {
            assert_eq!(LogDictionary::parse(text), None, "{text}");
        }
    }

    #[test]
    fn absurd_numbers_are_none() {
        let text = "{'loss': 1e400, 'learning_rate': nan, 'epoch': -1, 'tokens/total': 1e30, 'tokens/trainable': -5, \
                    'train_runtime': -1, 'tokens/train_per_sec_per_gpu': -inf}";
        let expected = LogDictionary {
            loss: Some(f64::INFINITY),
            ..LogDictionary::default()
        };
        assert_eq!(LogDictionary::parse(text), Some(expected));
    }
}
