//! What the watchdogs say of a collective operation, as one sentence.

use crate::event::CollectiveReport;
use crate::event::value::Text;
use crate::judging::summary::units;
use crate::judging::verdict::CollectiveTrouble;

/// Ranks that a sentence lists; of more it says how many.
const RANKS_LISTED: usize = 8;

impl<T: Text> CollectiveReport<T> {
    /// Who was waited for: `rank 1 never came to ALLREDUCE 5, in which 3 ranks waited for 10m`.
    pub fn sentence(&self) -> Option<String> {
        let trouble = CollectiveTrouble::parse(self.trouble.as_ref()?.as_ref())?;
        let operation = self.named_operation();
        let who = self.named_ranks();
        let mut sentence = match (trouble, who) {
            (CollectiveTrouble::Lagging, Some(who)) => {
                format!("{who} behind the others in {operation}: look there first")
            }
            (CollectiveTrouble::NeverCame, Some(who)) => {
                format!("{who} not in {operation}, in which others waited: look there first")
            }
            (CollectiveTrouble::Mismatch, Some(who)) => format!(
                "{who} in another operation, or one of another size, than others ({operation})"
            ),
            (CollectiveTrouble::WatchdogStuck, Some(who)) => {
                format!("{who} held up in a call into CUDA, or waiting for Python's lock")
            }
            (CollectiveTrouble::NobodyLags | CollectiveTrouble::FirstConnection, _) => {
                format!(
                    "all ranks waited in {operation}; {}",
                    lower(trouble.means())
                )
            }
            (CollectiveTrouble::Untold, _) => {
                format!("ranks waited in {operation}; what they say does not tell for whom")
            }
            _ => lower(trouble.means()).trim_end_matches('.').to_owned(),
        };
        if let (Some(joined), Some(expected)) = (self.joined, self.expected) {
            sentence += &format!(" ({joined} of {expected} came)");
        }
        if let Some(seconds) = self.timeout_seconds {
            sentence += &format!(", limit {}", units::duration(seconds.get()));
        }
        if self.held_up == Some(true) {
            sentence += "; it was noticed far too late, so the watchdog itself was held up";
        }
        let confidence = self.confidence.as_ref().map_or("", T::as_ref);
        if !confidence.is_empty() {
            sentence += &format!(" ({confidence} confidence)");
        }
        Some(capitalised(sentence.trim_end_matches('.')) + ".")
    }

    /// `ALLREDUCE 5`; of one element it is how PyTorch makes a barrier.
    fn named_operation(&self) -> String {
        let Some(operation) = &self.operation else {
            return "a collective operation".to_owned();
        };
        let mut named = operation.as_ref().to_owned();
        if let Some(sequence) = self.sequence {
            named += &format!(" {sequence}");
        }
        if self.elements == Some(1) && operation.as_ref() == "ALLREDUCE" {
            named += " (one element: a barrier)";
        }
        named
    }

    /// `rank 1 was`, `ranks 1 and 3 were`, `12 ranks were`.
    fn named_ranks(&self) -> Option<String> {
        let ranks = self.ranks.as_deref().unwrap_or_default();
        let count = self.ranks_named.unwrap_or(0);
        let listed: Vec<String> = ranks.iter().map(u64::to_string).collect();
        let mut who = match listed.as_slice() {
            [] => return None,
            [rank] => format!("rank {rank}"),
            [first @ .., last] if count <= RANKS_LISTED as u64 => {
                format!("ranks {} and {last}", first.join(", "))
            }
            _ => format!("{count} ranks"),
        };
        if let Some(group) = self.process_group {
            who += &format!(" of process group {group} (its own numbers, not the job's)");
        }
        who += if count > 1 { " were" } else { " was" };
        Some(who)
    }
}

fn lower(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::value::Number;

    #[test]
    fn who_was_waited_for_is_said_in_one_sentence() {
        let report = |trouble: &str, ranks: &[u64]| CollectiveReport::<String> {
            trouble: Some(trouble.to_owned()),
            confidence: Some("high".to_owned()),
            ranks: Some(ranks.to_vec()),
            ranks_named: Some(ranks.len() as u64),
            operation: Some("ALLREDUCE".to_owned()),
            sequence: Some(5),
            timeout_seconds: Number::new(600.0),
            ..CollectiveReport::default()
        };
        for (report, expected) in [
            (
                report("never_came", &[1]),
                "Rank 1 was not in ALLREDUCE 5, in which others waited: look there first, limit 10m 00s (high confidence).",
            ),
            (
                CollectiveReport {
                    process_group: Some(3),
                    ..report("lagging", &[1, 2])
                },
                "Ranks 1 and 2 of process group 3 (its own numbers, not the job's) were behind the others in ALLREDUCE 5: look there first, limit 10m 00s (high confidence).",
            ),
            (
                CollectiveReport {
                    elements: Some(1),
                    ..report("untold", &[])
                },
                "Ranks waited in ALLREDUCE 5 (one element: a barrier); what they say does not tell for whom, limit 10m 00s (high confidence).",
            ),
            (
                CollectiveReport {
                    trouble: Some("not_all_joined".to_owned()),
                    joined: Some(1),
                    expected: Some(2),
                    ..CollectiveReport::default()
                },
                "Not all processes came to the rendezvous (1 of 2 came).",
            ),
        ] {
            assert_eq!(report.sentence().as_deref(), Some(expected));
        }
        assert_eq!(report("made up", &[]).sentence(), None);
    }
}
