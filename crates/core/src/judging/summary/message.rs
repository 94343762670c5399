//! What the run's owner is told through a channel of their own, while the run goes on or at its end.
//!
//! A message leaves the machine, to wherever the owner sends it: so it holds what events may hold, the run's name and the
//! host's, and no path. A name is the last part of a path with nothing in it that any service would take for its own.

use super::figures::Summary;
use super::{lines, units};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The version of the form in which programs get a message.
const FORM_VERSION: u64 = 1;
/// Characters of a name; longer ones are cut.
const NAME_CHARACTERS_MAX: usize = 64;
/// Characters of a message's text; Discord takes 2,000.
const TEXT_CHARACTERS_MAX: usize = 1500;

/// Why the owner is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// The command ended.
    End,
    /// The training stands still.
    Hang,
    /// The loss is no number any more.
    LossNotFinite,
    /// The disk will be full before the training is done.
    DiskFull,
    /// The owner tries the channel.
    Test,
}

impl Occasion {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Hang => "hang",
            Self::LossNotFinite => "loss_not_finite",
            Self::DiskFull => "disk_full",
            Self::Test => "test",
        }
    }
}

/// Which run a message is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunName {
    /// Its identity.
    pub run: String,
    /// Its script or configuration.
    pub name: String,
    /// The machine.
    pub host: String,
}

impl RunName {
    /// A run's name, from a path and a host's name, both made harmless.
    pub fn new(run: String, path: &str, host: &str) -> Self {
        let last_part = path.rsplit('/').next().unwrap_or_default();
        Self {
            run,
            name: plain_name(last_part),
            host: plain_name(host),
        }
    }
}

fn plain_name(name: &str) -> String {
    let mut plain = String::new();
    for character in name.chars().take(NAME_CHARACTERS_MAX) {
        let is_plain = character.is_ascii_alphanumeric() || "._-+".contains(character);
        plain.push(if is_plain { character } else { '_' });
    }
    plain
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Why it is told.
    pub occasion: Occasion,
    /// What happened, in one line.
    pub title: String,
    /// The rest, in several.
    pub text: String,
    /// Whether it is bad news.
    pub is_bad: bool,
    /// How the run ended, where it has.
    pub outcome: String,
    /// All of it for programs.
    pub document: Value,
}

impl Message {
    /// What there is to say of a run now; `detail` is what the occasion itself says, where it says anything.
    pub fn new(occasion: Occasion, name: &RunName, summary: &Summary, detail: &str) -> Self {
        let what = match occasion {
            Occasion::End => lines::verdict(summary),
            Occasion::Hang => "the training stands still".to_owned(),
            Occasion::LossNotFinite => "the loss is not a finite number".to_owned(),
            Occasion::DiskFull => "the disk will not hold".to_owned(),
            Occasion::Test => "a test; messages arrive here".to_owned(),
        };
        let mut title = String::from("axolotl-run");
        if !name.name.is_empty() {
            title.clone_from(&name.name);
        }
        if !name.host.is_empty() {
            title.push_str(&format!(" on {}", name.host));
        }
        title.push_str(&format!(": {what}"));
        let mut text = detail.to_owned();
        let told = lines::body(summary);
        if !text.is_empty() && !told.is_empty() {
            text.push('\n');
        }
        text.push_str(&told);
        if let Some((end, _)) = text.char_indices().nth(TEXT_CHARACTERS_MAX) {
            text.truncate(end);
        }
        let finish = summary.finish.as_ref();
        let is_bad = match occasion {
            Occasion::End => !finish.is_some_and(|finish| finish.is_sound()),
            Occasion::Hang | Occasion::LossNotFinite | Occasion::DiskFull => true,
            Occasion::Test => false,
        };
        let outcome = finish.map(|finish| finish.outcome_word().to_owned());
        let verdict = finish.and_then(|finish| finish.verdict.as_ref()?.kind.clone());
        let document = json!({
            "version": FORM_VERSION,
            "occasion": occasion,
            "run": name.run,
            "name": name.name,
            "host": name.host,
            "title": title,
            "text": text,
            "outcome": outcome,
            "verdict": verdict,
            "exit_code": finish.and_then(|finish| finish.exit_code),
            "signal": finish.and_then(|finish| finish.signal.clone()),
            "seconds": summary.seconds,
            "step": summary.step,
            "total_steps": summary.total_steps,
            "steps_per_second": summary.steps_per_second,
            "epoch": summary.epoch,
            "loss": summary.loss,
            "stalled_seconds": summary.stalled_seconds(),
            "suspect_rank": summary.standstill.and_then(|seen| seen.suspect_rank),
            "peak_cpu_memory_bytes": summary.peak_process_bytes,
        });
        Self {
            occasion,
            title,
            text,
            is_bad,
            outcome: outcome.unwrap_or_default(),
            document,
        }
    }
}

/// What is said of a loss that is no number any more.
pub fn not_finite(loss: f64, step: Option<u64>) -> String {
    let word = if loss.is_nan() { "nan" } else { "infinite" };
    match step {
        Some(step) => format!("loss {word}, seen at step {step}"),
        None => format!("loss {word}"),
    }
}

/// What is said of a disk that will be full too early.
pub fn disk_full(free_bytes: f64, needed_bytes: f64) -> String {
    let (free, needed) = (units::bytes(free_bytes), units::bytes(needed_bytes));
    format!("{free} are free, and the rest of the training needs about {needed}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Finish;

    fn name() -> RunName {
        RunName::new(
            "id".into(),
            "/home/mallory/secret/train <!here>.yml",
            "no/de",
        )
    }

    #[test]
    fn a_name_is_no_path_and_no_markup() {
        assert_eq!(
            name(),
            RunName {
                run: "id".into(),
                name: "train___here_.yml".into(),
                host: "no_de".into()
            }
        );
        let long = RunName::new(String::new(), &"ä".repeat(200), "");
        assert_eq!(long.name, "_".repeat(NAME_CHARACTERS_MAX));
    }

    #[test]
    fn each_occasion_has_its_words_and_only_a_success_is_good_news() {
        let mut summary = Summary {
            step: Some(7),
            total_steps: Some(9),
            seconds: Some(60.0),
            ..Summary::default()
        };
        let host = "train___here_.yml on no_de";
        let progress = "step 7 of 9";
        for (occasion, title, is_bad) in [
            (Occasion::Hang, "the training stands still", true),
            (
                Occasion::LossNotFinite,
                "the loss is not a finite number",
                true,
            ),
            (Occasion::DiskFull, "the disk will not hold", true),
            (Occasion::Test, "a test; messages arrive here", false),
            (Occasion::End, "End unknown, after 1m 00s", true),
        ] {
            let message = Message::new(occasion, &name(), &summary, "detail");
            assert_eq!(message.title, format!("{host}: {title}"));
            assert_eq!(message.text, format!("detail\n{progress}"));
            assert_eq!(message.is_bad, is_bad);
            assert_eq!(message.document["occasion"], occasion.as_str());
            assert_eq!(message.document["outcome"], Value::Null);
        }
        summary.finish = Some(Finish {
            outcome: Some("success".into()),
            exit_code: Some(0),
            ..Finish::default()
        });
        let message = Message::new(Occasion::End, &name(), &summary, "");
        assert_eq!(
            message.title,
            format!("{host}: Finished, step 7 of 9, after 1m 00s")
        );
        assert_eq!(
            (message.is_bad, message.outcome.as_str()),
            (false, "success")
        );
        assert_eq!(message.document["exit_code"], 0);
        assert_eq!(message.document["step"], 7);
    }

    #[test]
    fn what_happened_is_said_with_its_figures() {
        assert_eq!(
            not_finite(f64::NAN, Some(412)),
            "loss nan, seen at step 412"
        );
        assert_eq!(not_finite(f64::INFINITY, None), "loss infinite");
        assert_eq!(
            disk_full(3e9, 5e9),
            "2.79 GiB are free, and the rest of the training needs about 4.66 GiB"
        );
    }

    #[test]
    fn a_text_is_bounded() {
        let message = Message::new(
            Occasion::Hang,
            &name(),
            &Summary::default(),
            &"ä".repeat(9999),
        );
        assert_eq!(message.text.chars().count(), TEXT_CHARACTERS_MAX);
    }
}
