//! What a bar's description says that the bar counts.
//!
//! Trainers leave the training's bar without a description; hand-written loops and Lightning describe theirs, and so
//! does everything that is no training: downloads, maps, tokenizing, shards of checkpoints, evaluations. So a
//! description has to be one of the few words that people give to a training's loop; any other one is a phase's. The
//! words are looked at, never kept.

use super::knowledge::{BESIDE_EPOCH, EPOCHS, LOADING, ONLY_EPOCH, STEPS};
use super::metrics::{Metric, number};

/// What a bar counts, as far as its description says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BarRole {
    /// No description: a trainer's own bar, or that of an evaluation, which looks the same.
    Plain,
    /// The steps of a training: `Steps:`, `Training:`, `loss 2.31:`.
    Steps,
    /// The batches of one epoch: `Epoch 3:`, `Epoch 1/2:`, `Train Epoch [1/2]`.
    Epoch(EpochName),
    /// The batches of one epoch, by a program that says nothing of any other epoch: where it is the first, its bar is that
    /// of the training.
    OnlyEpoch(EpochName),
    /// The epochs themselves; the batches are counted by a bar in it.
    Epochs,
    /// Weights are being loaded, which a training does as it begins.
    Loading,
    /// Anything else.
    Phase,
}

/// Which epoch, as it is printed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochName {
    pub number: u64,
    /// The number behind the slash; None where there is none, or where it means no bound (Lightning's -2).
    pub last: Option<u64>,
}

impl BarRole {
    /// Reads what stands before a bar, its colon included or not.
    pub fn of(description: &str) -> Self {
        let trimmed = description
            .trim_matches(' ')
            .trim_end_matches([':', ' ', '|', '-']);
        if trimmed.is_empty() {
            return Self::Plain;
        }
        if trimmed.len() > DESCRIPTION_BYTES_MAX {
            return Self::Phase;
        }
        if let Some((epoch, _)) = only_epoch(description) {
            return Self::OnlyEpoch(epoch);
        }
        let lowercase = trimmed.to_ascii_lowercase();
        let words = lowercase.replace(['-', '_'], " ");
        if let Some((first_word, _)) = words.split_once(' ')
            && LOADING.contains(&first_word)
        {
            return Self::Loading;
        }
        if STEPS.contains(&words.as_str()) || loss(&lowercase).is_some() {
            return Self::Steps;
        }
        if EPOCHS.contains(&words.as_str()) {
            return Self::Epochs;
        }
        epoch(&lowercase).map_or(Self::Phase, Self::Epoch)
    }
}

/// The epoch of a description in the form of a program that draws no other bar, and the loss in it.
pub fn only_epoch(description: &str) -> Option<(EpochName, Option<f64>)> {
    let metrics = ONLY_EPOCH.read(description)?;
    let number = metrics.count(Metric::EpochNumber)?;
    let epoch = EpochName { number, last: None };
    Some((epoch, metrics.get(Metric::Loss)))
}

/// The loss in a description that says nothing else: `loss 2.31`, `Train loss: 2.31`, `loss=2.31`.
pub fn loss(description: &str) -> Option<f64> {
    let captures = captures!(
        r"(?i)^[: ]*(?:train(?:ing)? )?loss[:= ]*(-?[0-9][0-9.e+-]*)[: ]*$",
        description
    );
    number(&captures[1])
}

/// The epoch that a description names, if all its words are those of a training.
fn epoch(description: &str) -> Option<EpochName> {
    let captures = captures!(
        r"^(?<before>.*?)epochs?[ :=#\[(]*(?<number>[0-9]+)(?: *(?:/|of )[ -]*(?<last>[0-9]+))?(?<behind>.*)$",
        description
    );
    for words in [&captures["before"], &captures["behind"]] {
        for word in words.split(|character: char| !character.is_ascii_alphanumeric()) {
            let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
            if !is_number && !BESIDE_EPOCH.contains(&word) {
                return None;
            }
        }
    }
    let number = captures["number"].parse().ok()?;
    if number > NUMBER_MAX {
        return None;
    }
    let last = match captures.name("last") {
        // Behind a minus it means no bound.
        Some(last) if !description[..last.start()].ends_with('-') => last.as_str().parse().ok(),
        _ => None,
    };
    Some(EpochName {
        number,
        last: last.filter(|last| (1..=NUMBER_MAX).contains(last)),
    })
}

/// Longer than any description that is meant here, and not worth reading.
const DESCRIPTION_BYTES_MAX: usize = 80;
/// A number of an epoch beyond which it is something else.
const NUMBER_MAX: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_training_loops_are_known() {
        for text in [
            "Steps",
            "Training: ",
            "Fine-tuning",
            "global_step:",
            "train",
            "Iteration",
            "loss 5.940",
            "Loss: 2.31",
            "train loss=2",
            "loss -0.5",
        ] {
            assert_eq!(BarRole::of(text), BarRole::Steps, "{text}");
        }
        for (text, number, last) in [
            ("Epoch 0: ", 0, None),
            ("Epoch 1/2", 1, Some(2)),
            ("Epoch [1/20]:", 1, Some(20)),
            ("Train Epoch: 3", 3, None),
            ("Training epoch 2 of 3", 2, Some(3)),
            ("Epoch 1/-2 ", 1, None),
            ("epoch=4", 4, None),
            ("Epoch (2/5) train", 2, Some(5)),
            ("Epoch 1 - loss: 2.31", 1, None),
        ] {
            assert_eq!(
                BarRole::of(text),
                BarRole::Epoch(EpochName { number, last }),
                "{text}"
            );
        }
        assert_eq!(
            (BarRole::of("Epoch"), BarRole::of(" Epochs: ")),
            (BarRole::Epochs, BarRole::Epochs)
        );
        assert_eq!(
            (BarRole::of(""), BarRole::of("Loading weights: ")),
            (BarRole::Plain, BarRole::Loading)
        );
    }

    #[test]
    fn any_other_description_is_a_phase() {
        for text in [
            "Map",
            "Map (num_proc=2)",
            "Tokenizing Prompts",
            "Fetching 3 files",
            "valid",
            "Validation",
            "Evaluating",
            "Validation DataLoader 0",
            "Sanity Checking DataLoader 0",
            "Testing",
            "Epoch 1 validation",
            "Val Epoch 1/2",
            "Epoch",
            "model-00001-of-00002.safetensors",
            "Generating train split",
            "Training tokenizer",
            "Saving epoch 3",
            "Writing model shards",
            "Upload",
            "train.jsonl",
            "loss",
            "loss of data",
            "stream",
            "epoch1/alice",
            "Epoch one",
        ] {
            assert!(
                matches!(BarRole::of(text), BarRole::Phase | BarRole::Epochs)
                    && (text == "Epoch") == (BarRole::of(text) == BarRole::Epochs),
                "{text}"
            );
        }
    }
}
