//! How a run ended, in the words of its finish event.

use crate::event::{Finish, FinishVerdict, StackGroup};
use crate::judging::verdict::{Evidence, Kind, Outcome};
use crate::knowledge::Meaning;
use crate::observation::StacksRefused;

impl Finish<String> {
    /// The outcome's word.
    pub fn outcome_word(&self) -> &str {
        self.outcome.as_deref().unwrap_or("unknown")
    }

    /// Whether the run ended as it should.
    pub fn is_success(&self) -> bool {
        self.outcome_word() == Outcome::Success.as_str()
    }

    /// Whether it did, and the training's numbers were numbers to the end.
    pub fn is_sound(&self) -> bool {
        self.is_success() && self.not_finite.is_none()
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

    /// `grad_norm was nan from step 3 on`.
    pub fn not_finite_words(&self) -> Option<String> {
        let not_finite = self.not_finite.as_ref()?;
        let (metric, repr) = (not_finite.metric.as_ref()?, not_finite.repr.as_ref()?);
        Some(match not_finite.since_step {
            Some(step) => format!("{metric} was {repr} from step {step} on"),
            None => format!("{metric} was {repr} at the end"),
        })
    }

    /// What speaks for the verdict, each as a sentence, with the figure where it is one.
    pub fn reasons(&self) -> Vec<String> {
        let Some(verdict) = &self.verdict else {
            return Vec::new();
        };
        let mut reasons = Vec::new();
        if let Some(collective) = &verdict.collective {
            reasons.extend(collective.sentence());
        }
        for word in verdict.evidence.iter().flatten() {
            reasons.push(self.reason(word, verdict));
        }
        reasons
    }

    /// Where its processes were, if it stood still: a sentence for each place.
    pub fn standing(&self) -> Vec<String> {
        let groups = self.stacks.iter().flatten();
        let mut sentences: Vec<_> = groups.map(StackGroup::sentence).collect();
        let refused = self
            .stacks_refused
            .as_deref()
            .and_then(StacksRefused::parse);
        if let Some(refused) = refused {
            sentences.push(format!("not all stacks could be read: {}", refused.means()));
        }
        sentences
    }

    fn reason(&self, word: &str, verdict: &FinishVerdict<String>) -> String {
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
            Evidence::FirstFailedRank if let Some(rank) = verdict.rank => {
                format!("The kernel said that rank {rank} failed first.")
            }
            Evidence::WorkerExitCode if let Some(code) = verdict.rank_exit_code => {
                match verdict.rank {
                    Some(rank) => format!("Rank {rank} exited with code {code}."),
                    None => format!("The process that failed first exited with code {code}."),
                }
            }
            Evidence::WorkerKilledBySignal if let Some(signal) = &verdict.rank_signal => {
                format!("The kernel says that {signal} killed the process that failed first.")
            }
            _ => evidence.means().to_owned(),
        }
    }
}
