//! The grammar of tqdm's bars.
//!
//! ```text
//! [desc ": "] percent "%|" cells "| " n "/" total " [" elapsed_seconds "<" remaining ", " rate [", " postfix] "]"
//! n "it [" elapsed_seconds ", " rate "]"                                                    the total is unknown
//! desc ": |" cells "| " n "/? [" elapsed_seconds "<" remaining ", " rate [", " postfix] "]"      likewise, Lightning's
//! desc cells n "/" total elapsed " • " remaining rate [key ": " value]…                  rich's, as Lightning draws it
//! ```
//! A narrow terminal cuts the end off, so `| n/total [` is enough; one that says it has no columns at all gets
//! `percent "% " n "/" total " ["`. The percentage has to fit the numbers: it tells a bar from a line into
//! which another process wrote.

use super::knowledge::UNITS;
use super::loops::Numbering;
use super::role::{self, BarRole};
use crate::limits::STEP_MAX;
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// What a bar counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CountedUnit {
    /// Iterations, tqdm's default and the training's unit; batches and steps are the same by other names.
    Iterations,
    /// Anything else: examples, files, bytes.
    Other,
    /// The terminal was too narrow for it.
    Unknown,
}

/// One refresh of one bar.
#[derive(Clone, Copy, PartialEq)]
pub struct ProgressBar<'a> {
    /// The description; training bars of trainers have none.
    pub description: &'a str,
    /// What the description says that is counted.
    pub role: BarRole,
    /// Drawn by rich, whose epochs are numbered up to the last one's own number.
    pub is_rich: bool,
    /// The count.
    pub step: u64,
    /// The total, never below the count.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: CountedUnit,
    /// Seconds since the bar began.
    pub elapsed_seconds: Option<u64>,
    /// Whether the bar is there up to its closing bracket.
    pub is_whole: bool,
    /// What the program itself put behind the rate.
    pub postfix: &'a str,
}

/// The forms of bars, in the order in which they are tried. `COUNT` and `TAIL` stand for what they have in common.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let forms = [
        r"^(?<description>.*?)(?<percent>[0-9]{1,3})%(?:\|[^|A-Za-z]*\|| ) *(?<step>COUNT)/(?<total>COUNT) \[TAIL",
        r"^(?<step>COUNT)it \[(?<elapsed>[0-9:]+)(?:, (?<rate>[^,\]]*))?[^\]]*(?<end>\])?",
        r"^(?<description>[^|]*)\| *\| (?<step>COUNT)/\? \[TAIL",
        "^(?<rich>[^━╸╺]*)[━╸╺]+ +(?<step>COUNT)/(?:(?<total>COUNT)|--)(?: (?:.*?(?<rate>[^ ]*it/s) (?<postfix>.*)|.*))?(?<end>$)",
    ];
    let compiled = forms.iter().map(|form| {
        let form = form.replace("COUNT", "[0-9.]{1,20}[kMGT]?").replace(
            "TAIL",
            r"(?:(?<elapsed>[0-9:]+)<[^,\]]*(?:, (?<rate>[^,\]]*)(?:, (?<postfix>[^\]]*))?)?)?[^\]]*(?<end>\])?",
        );
        Regex::new(&form)
    });
    compiled.filter_map(Result::ok).collect()
});

impl<'a> ProgressBar<'a> {
    /// The loss in its description.
    pub fn loss(&self) -> Option<f64> {
        match role::only_epoch(self.description) {
            Some((_, loss)) => loss,
            None => role::loss(self.description),
        }
    }

    /// How its epochs are numbered. Only Lightning puts the version of its log behind its bars.
    pub fn numbering(&self) -> Numbering {
        if self.is_rich {
            Numbering::FromZeroToLast
        } else if self.postfix.contains("v_num=") {
            Numbering::FromZero
        } else {
            Numbering::Unknown
        }
    }

    /// Whether its description names its epoch; such bars are drawn on standard output, too.
    pub const fn names_epoch(&self) -> bool {
        matches!(self.role, BarRole::Epoch(_) | BarRole::OnlyEpoch(_))
    }

    /// The first bar of a line, and what follows it.
    pub fn find(bar_text: &'a str) -> Option<(Self, &'a str)> {
        for form in FORMS.iter() {
            if let Some(captures) = form.captures(bar_text)
                && let Some(bar) = Self::read(&captures)
            {
                return Some((bar, &bar_text[captures[0].len()..]));
            }
        }
        None
    }

    fn read(captures: &Captures<'a>) -> Option<Self> {
        let part = |name| captures.name(name).map(|bar_part| bar_part.as_str());
        let is_rich = part("rich");
        let description = is_rich.or(part("description")).unwrap_or_default();
        let description = description.trim_matches(' ');
        let role = BarRole::of(description);
        // Of rich's bars only those of epochs are Lightning's.
        if is_rich.is_some() && !matches!(role, BarRole::Epoch(_)) {
            return None;
        }
        let step = count(part("step")?)?;
        let mut total = None;
        if let Some(digits) = part("total") {
            let counted = count(digits)?;
            if step > counted || counted == 0 {
                return None;
            }
            total = Some(counted);
        }
        if let (Some(percent), Some(total)) = (part("percent"), total) {
            let printed_percent: f64 = percent.parse().ok()?;
            let true_percent = step as f64 * 100.0 / total as f64;
            // With a scaled unit the printed numbers have three digits, hence the second percent.
            if (printed_percent - true_percent).abs() > 2.0 {
                return None;
            }
        }
        let is_whole = part("end").is_some();
        let postfix = part("postfix");
        let unit = match part("rate") {
            Some(rate) if is_whole || postfix.is_some() => unit(rate),
            _ => CountedUnit::Unknown,
        };
        Some(ProgressBar {
            description,
            role,
            is_rich: is_rich.is_some(),
            step,
            total,
            unit,
            // Cut off in its middle, a time would seem to run backwards.
            elapsed_seconds: part("elapsed").and_then(seconds),
            is_whole,
            postfix: postfix.filter(|_| is_whole).unwrap_or_default(),
        })
    }
}

/// The unit of a rate: `6.84it/s`, `2.55s/it`, `?it/s`, `1.20kit/s`.
fn unit(rate: &str) -> CountedUnit {
    let name =
        rate.trim_start_matches(|first: char| first.is_ascii_digit() || " .?".contains(first));
    let Some(name) = name.strip_suffix("/s").or(name.strip_prefix("s/")) else {
        return CountedUnit::Other;
    };
    let scales = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
    let unscaled = name.strip_prefix(scales).unwrap_or(name);
    if UNITS.contains(&name) || UNITS.contains(&unscaled) {
        CountedUnit::Iterations
    } else {
        CountedUnit::Other
    }
}

/// `25`, `1.20k`, `3.00G`: the numbers of a bar, rounded down.
fn count(printed_count: &str) -> Option<u64> {
    let number = printed_count.trim_end_matches(['k', 'M', 'G', 'T']);
    let scale = match &printed_count[number.len()..] {
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        _ => 1.0,
    };
    let counted = number.parse::<f64>().ok()? * scale + 1e-6;
    // Below 10^12 every whole float is exact.
    Some(counted as u64).filter(|counted| *counted <= STEP_MAX)
}

/// `[H:]MM:SS`.
fn seconds(printed_time: &str) -> Option<u64> {
    let mut seconds = 0_u64;
    for digits in printed_time.split(':') {
        let digits = digits.parse::<u64>().ok()?;
        seconds = seconds.checked_mul(60)?.checked_add(digits)?;
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(bar_text: &str) -> Option<(bool, u64, Option<u64>, CountedUnit, bool)> {
        ProgressBar::find(bar_text).map(|(bar, _)| {
            (
                bar.role != BarRole::Plain,
                bar.step,
                bar.total,
                bar.unit,
                bar.is_whole,
            )
        })
    }

    #[test]
    fn bars_are_read() {
        use CountedUnit::{Iterations, Other, Unknown};
        for (bar_text, expected) in [
            (
                " 21%|██        | 25/120 [00:03<00:13,  6.84it/s]",
                (false, 25, Some(120), Iterations, true),
            ),
            (
                "0%|          | 0/560 [00:00<?, ?it/s]",
                (false, 0, Some(560), Iterations, true),
            ),
            (
                "83%|████▎ | 10/12 [00:25<00:05,  2.55s/it]",
                (false, 10, Some(12), Iterations, true),
            ),
            (
                "50%|#####5    | 1/2 [00:25<00:05,  2.55s/it, loss=2, lr=3]",
                (false, 1, Some(2), Iterations, true),
            ),
            (
                "Map:  30%|███       | 300/1000 [00:00<00:01, 900.00 examples/s]",
                (true, 300, Some(1000), Other, true),
            ),
            (
                "30%|███       | 300/1000 [00:00<00:01, 900.00 examples/s]",
                (false, 300, Some(1000), Other, true),
            ),
            (
                "12%|█▏        | 1.20k/10.0k [00:03<00:20, 1.20kit/s]",
                (false, 1200, Some(10_000), Iterations, true),
            ),
            (
                "33%|███▎      | 1.00G/3.00G [1:00:03<2:00:20, 90.0MB/s]",
                (false, 1_000_000_000, Some(3_000_000_000), Other, true),
            ),
            ("0%|█| 0/1 [00:0", (false, 0, Some(1), Unknown, false)),
            ("0%| | 0/30 [", (false, 0, Some(30), Unknown, false)),
            (
                "  8% 5/60 [25:01:05<275:11:58, 18013.06s/it]",
                (false, 5, Some(60), Iterations, true),
            ),
            (
                "1%|▎         | 0.5/60.0 [00:05<10:30, 10.60s/it]",
                (false, 0, Some(60), Iterations, true),
            ),
            (
                " 5%|▌| 3/60 [00:03<00:57, 1.",
                (false, 3, Some(60), Unknown, false),
            ),
            ("5it [00:01, 4.20it/s]", (false, 5, None, Iterations, true)),
            (
                "Epoch 0: |          | 12/? [00:00<00:00, 38.22it/s, v_num=0]",
                (true, 12, None, Iterations, true),
            ),
            (
                "Epoch 1/2:   7%|7| 4/60 [00:00<00:01, 32.05batch/s, loss=5]",
                (true, 4, Some(60), Iterations, true),
            ),
            (
                "Epoch 1/2:   7%|7| 4/60 [00:09<00:01,  2.05s/batch, loss=5]",
                (true, 4, Some(60), Iterations, true),
            ),
            (
                "Epoch 0/1  ━━━╺━━ 12/40 0:00:00 • -:--:-- 0.00it/s train_loss: 0.1",
                (true, 12, Some(40), Iterations, true),
            ),
            (
                "Epoch 1/-2 ━━━━━╸ 30/-- 0:00:01 • 0:00:",
                (true, 30, None, Unknown, true),
            ),
        ] {
            assert_eq!(find(bar_text), Some(expected), "{bar_text}");
        }
    }

    #[test]
    fn what_is_no_bar_is_none() {
        for bar_text in [
            "",
            "100%| done",
            "5%|▌| 3/6",
            "5%|▌| 61/60 [00:00<?, ?it/s]",
            "5%|▌| -3/60 [00:00<?, ?it/s]",
            "0%|▌| 0/0 [00:00<?, ?it/s]",
            "0%|▌| 0/1000000000000000000000000000000 [00:00<?, ?it/s]",
            "90%|▌| 3/60 [00:00<?, ?it/s]",
            "1234%|▌| 3/60 [00:00<?, ?it/s]",
            "5% of 3/60 [x]",
            "disk 5% 40/60 [x]",
            "5%| yes | 3/60 [x]",
            "5%|▌| 3/60k [x]",
            "0%|▌| nan/60 [x]",
            "Map: 4000 examples [00:00, 11062.50 examples/s]",
            "audit [00:00, x]",
            "Downloading ━━━━━━━━━━ 12/40 0:00:00",
            "Epoch 0/1 ━━━╺━━ 41/40 0:00:00",
            "━━━━━━ Epoch 1",
            "Epoch 0: | yes | 12/? [00:00<00:00]",
        ] {
            assert_eq!(find(bar_text), None, "{bar_text}");
        }
    }

    #[test]
    fn what_follows_a_bar_is_handed_back() {
        let (bar, rest) =
            ProgressBar::find("%|%| 5%|▌| 3/60 [01:03<?, ?it/s]Traceback (most").unwrap();
        assert_eq!(
            (bar.step, bar.elapsed_seconds, rest),
            (3, Some(63), "Traceback (most")
        );
    }
}
