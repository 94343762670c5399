//! Metrics that a hand-written loop puts behind its bar: `loss=2.31, lr=0.0005`, or `train_loss: 2.31` by rich.
//!
//! As with the log lines of trainers, only known names are looked at, and only their numbers. They are rounded to what
//! is printed, so a trainer's log line, where there is one, comes before them.

use super::bar::Bar;
use super::dictionary::{LogDictionary, number};
use super::role;

/// Names that mean the same.
const LOSS: [&str; 7] = [
    "loss",
    "train_loss",
    "train_loss_step",
    "step_loss",
    "training_loss",
    "train/loss",
    "avg_loss",
];
const LEARNING_RATE: [&str; 3] = ["lr", "learning_rate", "train/lr"];
const GRADIENT: [&str; 4] = ["grad_norm", "gnorm", "grad", "train/grad_norm"];
const PERPLEXITY: [&str; 3] = ["ppl", "perplexity", "train_ppl"];

/// The metrics that a training's bar shows.
pub(super) fn metrics(bar: &Bar<'_>) -> LogDictionary {
    let mut log = LogDictionary {
        loss: role::loss(bar.description),
        ..LogDictionary::default()
    };
    let pairs = bar
        .postfix
        .split(", ")
        .filter_map(|pair| pair.split_once('='));
    // rich separates by blanks only.
    let mut words = bar
        .postfix
        .split(' ')
        .filter(|word| !word.is_empty())
        .peekable();
    let named = std::iter::from_fn(|| {
        words
            .by_ref()
            .next()
            .map(|word| (word.strip_suffix(':'), words.peek().copied()))
    });
    let named = named
        .filter_map(|(name, value)| name.zip(value))
        .filter(|_| bar.rich);
    for (name, value) in pairs.filter(|_| !bar.rich).chain(named) {
        let (name, finite) = (
            name.trim_matches(' '),
            number(value).filter(|number| number.is_finite()),
        );
        if LOSS.contains(&name) {
            log.loss = number(value).or(log.loss);
        } else if LEARNING_RATE.contains(&name) {
            log.learning_rate = finite.or(log.learning_rate);
        } else if GRADIENT.contains(&name) {
            log.grad_norm = number(value).or(log.grad_norm);
        } else if PERPLEXITY.contains(&name) {
            log.ppl = finite.or(log.ppl);
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_give_their_numbers() {
        for (text, loss, rate) in [
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
            let (bar, _) = Bar::find(text).unwrap();
            let log = metrics(&bar);
            assert_eq!((log.loss, log.learning_rate), (loss, rate), "{text}");
        }
    }
}
