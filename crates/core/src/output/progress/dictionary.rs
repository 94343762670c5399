//! Reads named numbers: the log dictionary of a trainer, and what a hand-written loop puts behind its bar.
//!
//! transformers before 5 prints numbers (`'loss': 6.121`), from 5 on numbers in quotes (`'loss': '6.103'`); callbacks add
//! keys of any kind. Only the names of `knowledge/progress/metrics.yaml` are looked at, and only their numbers: whatever
//! else is in the line is skipped, never kept.

use super::bar::ProgressBar;
use super::knowledge::{BAR_NAMES, DICTIONARY_NAMES};
use super::metrics::{Metric, Metrics, number};
use regex::Regex;
use std::sync::LazyLock;

/// Strings (escapes left as they are: no known key has one), what encloses, what separates, and all else.
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\[({\])},:]|[^'"\[({\])},:]+"#).ok()
});

/// The metrics of a line that is one whole dictionary of a trainer.
pub fn parse(line_text: &str) -> Option<Metrics> {
    if !line_text.starts_with('{') {
        return None;
    }
    let mut log_metrics = Metrics::default();
    let mut depth = 0_u32;
    let mut metric_key = None;
    // Where the key or value begins that is being read.
    let mut part_begin = 1;
    let mut end = 0;
    for token in TOKEN.as_ref()?.find_iter(line_text) {
        // A quotation mark that is never closed is no token.
        if token.start() != end {
            return None;
        }
        end = token.end();
        let part_text = line_text.get(part_begin..token.start()).unwrap_or_default();
        match token.as_str() {
            "[" | "(" | "{" => depth += 1,
            ":" if depth == 1 && metric_key.is_none() => {
                metric_key = Some(quoted(part_text)?);
                part_begin = end;
            }
            "," if depth == 1 => {
                put(&mut log_metrics, metric_key.take()?, part_text);
                part_begin = end;
            }
            "}" if depth == 1 => {
                put(&mut log_metrics, metric_key.take()?, part_text);
                return Some(log_metrics).filter(is_log);
            }
            "]" | ")" if depth == 1 => return None,
            "]" | ")" | "}" => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether it has what trainers log, and not only numbers of some kind.
fn is_log(log_metrics: &Metrics) -> bool {
    log_metrics.has_any(&[
        Metric::Loss,
        Metric::EvalLoss,
        Metric::TrainLoss,
        Metric::TrainRuntime,
    ])
}

/// The metrics of a dictionary that a logger printed, behind what loggers print before it. It has to be surely a
/// trainer's.
pub fn parse_logged(line_text: &str) -> Option<Metrics> {
    if !line_text.ends_with('}') {
        return None;
    }
    let blank = line_text.find(" {'").or_else(|| line_text.find(" {\""))?;
    let log_metrics = parse(&line_text[blank + 1..])?;
    (log_metrics.has(Metric::Loss) && is_trainers(&log_metrics)).then_some(log_metrics)
}

/// Whether it is surely a trainer's: people print losses of their own, but rarely so.
pub fn is_trainers(log_metrics: &Metrics) -> bool {
    let others = [Metric::LearningRate, Metric::EvalLoss, Metric::TrainRuntime];
    log_metrics.has(Metric::Epoch) && log_metrics.has_any(&others)
}

fn put(log_metrics: &mut Metrics, metric_key: &str, printed_value: &str) {
    let Some(metric) = metric_called(metric_key, DICTIONARY_NAMES) else {
        return;
    };
    if let Some(number) = printed_number(printed_value) {
        // The first name of the tokens is the exact one.
        if metric != Metric::TokensTotal || metric_key.contains('/') || !log_metrics.has(metric) {
            log_metrics.put(metric, number);
        }
    } else if metric == Metric::Step
        && let Some((step, total)) =
            quoted(printed_value).and_then(|printed_value| printed_value.split_once('/'))
        && let (Ok(step), Ok(total)) = (step.parse(), total.parse())
    {
        log_metrics.put(Metric::Step, step);
        log_metrics.put(Metric::Total, total);
    }
}

fn metric_called(metric_name: &str, metric_names: &[(&str, Metric)]) -> Option<Metric> {
    let (_, metric) = metric_names
        .iter()
        .find(|(known, _)| *known == metric_name)?;
    Some(*metric)
}

/// The metrics that a training's bar shows. They are rounded to what is printed, so a trainer's log line, where there is
/// one, comes before them.
pub fn of_bar(progress_bar: &ProgressBar<'_>) -> Metrics {
    let mut log_metrics = Metrics::default();
    if let Some(loss) = progress_bar.loss() {
        log_metrics.put(Metric::Loss, loss);
    }
    let mut take = |metric_name: &str, printed_value: &str| {
        if let Some(metric) = metric_called(metric_name.trim_matches(' '), BAR_NAMES)
            && let Some(number) = printed_number(printed_value)
        {
            log_metrics.put(metric, number);
        }
    };
    if progress_bar.is_rich {
        // rich separates by blanks only.
        let mut metric_name = "";
        for word in progress_bar
            .postfix
            .split(' ')
            .filter(|word| !word.is_empty())
        {
            take(metric_name, word);
            metric_name = word.strip_suffix(':').unwrap_or_default();
        }
        return log_metrics;
    }
    for pair in progress_bar.postfix.split(", ") {
        if let Some((metric_name, printed_value)) = pair.split_once('=') {
            take(metric_name, printed_value);
        }
    }
    log_metrics
}

/// A number, bare, in quotes, or as numpy prints its own.
fn printed_number(printed_value: &str) -> Option<f64> {
    let printed_value = printed_value.trim_matches(' ');
    for call in ["np.float64(", "np.float32("] {
        if let Some(part_text) = printed_value.strip_prefix(call) {
            return number(part_text.strip_suffix(')')?);
        }
    }
    number(quoted(printed_value).unwrap_or(printed_value))
}

/// The inside of a string in quotes.
fn quoted(line_text: &str) -> Option<&str> {
    let line_text = line_text.trim_matches(' ');
    let inside = |quote: char| line_text.strip_prefix(quote)?.strip_suffix(quote);
    inside('\'').or_else(|| inside('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Metric::*;

    #[test]
    fn both_generations_are_read() {
        let old = "{'loss': 6.121, 'grad_norm': 2.057805299758911, 'learning_rate': 0.000375, 'epoch': 0.02}";
        let log_metrics = parse(old).unwrap();
        assert_eq!(
            (
                log_metrics.get(Loss),
                log_metrics.get(GradNorm),
                log_metrics.get(LearningRate),
                log_metrics.get(Epoch)
            ),
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
        let log_metrics = parse(new).unwrap();
        assert!(log_metrics.get(GradNorm).is_some_and(f64::is_nan));
        assert_eq!(
            (
                log_metrics.get(Loss),
                log_metrics.get(Ppl),
                log_metrics.get(LearningRate),
                log_metrics.get(Epoch)
            ),
            (Some(6.103), None, Some(1e-5), Some(0.2667))
        );
        let tokens = (
            log_metrics.get(TokensTotal),
            log_metrics.get(TokensTrainable),
            log_metrics.get(TokensPerSecondPerGpu),
        );
        assert_eq!(tokens, (Some(18560.0), Some(8569.0), Some(10680.0)));
    }

    #[test]
    fn other_values_are_skipped() {
        let line_text = r#"{'note': 'a, \'b\': {', "more": [1, {'loss': 9}, (2,)], 'none': None, 'on': True, 'loss': np.float64(1.5),
            'tensor': tensor(0.5, device='cuda:0'), 'eval_loss': inf, 'num_tokens': 12.0, 'epoch': 1}"#;
        let log_metrics = parse(&line_text.replace('\n', " ")).unwrap();
        assert_eq!(
            (
                log_metrics.get(Loss),
                log_metrics.get(EvalLoss),
                log_metrics.get(Epoch)
            ),
            (Some(1.5), Some(f64::INFINITY), Some(1.0))
        );
        assert_eq!(log_metrics.get(TokensTotal), Some(12.0));
    }

    #[test]
    fn what_is_not_a_whole_log_line_is_nothing() {
        for line_text in [
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
            assert_eq!(parse(line_text), None, "{line_text}");
        }
    }

    #[test]
    fn absurd_numbers_are_none() {
        let line_text = "{'loss': 1e400, 'learning_rate': nan, 'epoch': -1, 'tokens/total': 1e30, 'tokens/trainable': -5, \
                    'train_runtime': -1, 'tokens/train_per_sec_per_gpu': -inf}";
        let mut expected = Metrics::default();
        expected.put(Loss, f64::INFINITY);
        assert_eq!(parse(line_text), Some(expected));
    }

    #[test]
    fn known_names_give_their_numbers() {
        for (line_text, loss, rate) in [
            (
                "Epoch 1/2:   7%|7| 4/60 [00:00<00:01, 32.05batch/s, loss=5.7636, lr=0.0005]",
                Some(5.7636),
                Some(0.0005),
            ),
            (
                "Steps:   7%|7| 4/60 [00:00<00:01, 32.05it/s, lr=1e-5, step_loss=5.94]",
                Some(5.94),
                Some(1e-5),
            ),
            (
                "Epoch 0/1 ━━╺━━ 12/40 0:00:00 • 0:00:01 29.9it/s v_num: 0 train_loss: 0.125 lr: 0.1",
                Some(0.125),
                Some(0.1),
            ),
            (
                "loss 5.940:   7%|7| 4/60 [00:00<00:01, 32.05it/s]",
                Some(5.94),
                None,
            ),
            (
                "  7%|7| 4/60 [00:00<00:01, 32.05it/s, Loss=alice, note=loss=3, val_loss=3]",
                None,
                None,
            ),
            ("  7%|7| 4/60 [00:00<00:01, 32.05it/s, loss=5.9", None, None),
        ] {
            let (progress_bar, _) = ProgressBar::find(line_text).unwrap();
            let log_metrics = of_bar(&progress_bar);
            let shown = (log_metrics.get(Loss), log_metrics.get(LearningRate));
            assert_eq!(shown, (loss, rate), "{line_text}");
        }
    }
}
