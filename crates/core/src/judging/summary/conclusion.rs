//! How a run ended, in the words of its finish event.

use crate::event::{Finish, StackGroup};
use crate::judging::verdict::{Evidence, Kind, Outcome};
use crate::knowledge::Meaning;

impl Finish<String> {
    /// The outcome's word.
    pub fn outcome_word(&self) -> &str {
        self.outcome.as_deref().unwrap_or("unknown")
    }

    /// Whether the run ended as it should.
    pub fn is_success(&self) -> bool {
        self.outcome_word() == Outcome::Success.as_str()
    }

    /// The verdict in a few words, for a headline: the verdict's own, where there is one, else the outcome.
    pub fn headline(&self) -> String {
        let verdict = self.verdict.clone().unwrap_or_default();
        let kind = verdict.kind.as_deref();
        kind.unwrap_or(self.outcome_word()).replace('_', " ")
    }

    /// The verdict as a sentence, where its word is one of ours. Of an exception, what it means says more.
    pub fn meaning(&self) -> Option<&'static str> {
        let verdict = self.verdict.clone().unwrap_or_default();
        let Some(kind) = verdict.kind else {
            return Outcome::parse(self.outcome_word()).map(Outcome::means);
        };
        if kind == Kind::Exception.as_str()
            && let Some(meaning) = verdict.meaning
        {
            return Meaning::parse(&meaning).map(Meaning::means);
        }
        Kind::parse(&kind).map(Kind::means)
    }

    /// The same with how sure it is.
    pub fn confident_meaning(&self) -> Option<String> {
        let meaning = self.meaning()?;
        let verdict = self.verdict.clone().unwrap_or_default();
        let Some(confidence) = verdict.confidence else {
            return Some(meaning.to_owned());
        };
        let meaning = meaning.trim_end_matches('.');
        Some(format!("{meaning} ({confidence} confidence)."))
    }

    /// What speaks for the verdict, each as a sentence, with the figure where it is one.
    pub fn reasons(&self) -> Vec<String> {
        let Some(verdict) = &self.verdict else {
            return Vec::new();
        };
        let evidence = verdict.evidence.iter().flatten();
        evidence
            .map(|word| self.reason(word, verdict.rank))
            .collect()
    }

    /// Where its processes were, if it stood still: a sentence for each place.
    pub fn standing(&self) -> Vec<String> {
        let groups = self.stacks.iter().flatten();
        groups.map(StackGroup::sentence).collect()
    }

    fn reason(&self, word: &str, rank: Option<u64>) -> String {
        let Some(evidence) = Evidence::parse(word) else {
            return word.replace('_', " ");
        };
        match evidence {
            Evidence::ExitCode | Evidence::ExitCodeOfSignal if let Some(code) = self.exit_code => {
                format!("Exit code {code}.")
            }
            Evidence::KilledBySignal if let Some(signal) = &self.signal => {
                format!("The command was killed by {signal}.")
            }
            Evidence::FirstFailedRank if let Some(rank) = rank => {
                format!("The kernel said that rank {rank} failed first.")
            }
            _ => evidence.means().to_owned(),
        }
    }
}
