//! How a run ended, in the words of its finish event.

use crate::event::Finish;
use crate::event::value::Text;
use crate::judging::verdict::{Evidence, Kind, Outcome};
use crate::knowledge::Meaning;

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunEnding {
    /// `success`, `error`, `signal` or `lost`.
    pub outcome: String,
    /// The verdict's word.
    pub kind: Option<String>,
    /// What the output says happened, as a word.
    pub meaning: Option<String>,
    /// What speaks for it.
    pub evidence: Vec<String>,
    /// How sure it is.
    pub confidence: Option<String>,
    /// The exit code.
    pub exit_code: Option<u64>,
    /// The signal that killed it.
    pub signal: Option<String>,
    /// The rank that failed first, or that made the others wait.
    pub rank: Option<u64>,
}

impl RunEnding {
    pub(super) fn of<T: Text>(finish: &Finish<T>) -> Self {
        let outcome = finish.outcome.as_ref().map_or("unknown", AsRef::as_ref);
        let mut conclusion = Self {
            outcome: outcome.to_owned(),
            exit_code: finish.exit_code,
            signal: owned(&finish.signal),
            ..Self::default()
        };
        if let Some(verdict) = &finish.verdict {
            conclusion.kind = owned(&verdict.kind);
            conclusion.meaning = owned(&verdict.meaning);
            conclusion.evidence = all_owned(&verdict.evidence);
            conclusion.confidence = owned(&verdict.confidence);
            conclusion.rank = verdict.rank;
        }
        conclusion
    }

    /// Whether it ended as it should.
    pub fn is_success(&self) -> bool {
        self.outcome == Outcome::Success.as_str()
    }

    /// The verdict in a few words, for a headline: the verdict's own, where there is one, else the outcome.
    pub fn headline(&self) -> String {
        let word = self.kind.as_ref().unwrap_or(&self.outcome);
        word.replace('_', " ")
    }

    /// The verdict as a sentence, where its word is one of ours. Of an exception, what it means says more.
    pub fn meaning(&self) -> Option<&'static str> {
        match &self.kind {
            Some(kind) if kind == Kind::Exception.as_str() && self.meaning.is_some() => {
                Meaning::parse(self.meaning.as_ref()?).map(Meaning::describe)
            }
            Some(kind) => Kind::parse(kind).map(Kind::means),
            None => Outcome::parse(&self.outcome).map(Outcome::means),
        }
    }

    /// What speaks for the verdict, each as a sentence, with the figure where it is one.
    pub fn reasons(&self) -> Vec<String> {
        self.evidence.iter().map(|word| self.reason(word)).collect()
    }

    fn reason(&self, word: &str) -> String {
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
            Evidence::FirstFailedRank if let Some(rank) = self.rank => {
                format!("The kernel said that rank {rank} failed first.")
            }
            _ => evidence.means().to_owned(),
        }
    }
}

/// A text as a value of its own.
pub(super) fn owned<T: Text>(text: &Option<T>) -> Option<String> {
    text.as_ref().map(|text| text.as_ref().to_owned())
}

/// Several texts.
pub(super) fn all_owned<T: Text>(texts: &Option<Vec<T>>) -> Vec<String> {
    let texts = texts.iter().flatten();
    texts.map(|text| text.as_ref().to_owned()).collect()
}
