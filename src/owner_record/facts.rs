//! What the owner wants to find again of a run: what was run, where, with which configuration, and what it died of.

use axolotl_run_core::knowledge::lists::RESUME_WORDS;
use axolotl_run_core::launch::command_line::{CommandLine, Target};
use axolotl_run_core::privacy::SecretMask;
use axolotl_run_sys::local_time::LocalTime;
use axolotl_run_sys::role;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::SystemTime;

/// The version of the file's form.
const FORM: u32 = 1;
/// Words of the command line that are kept.
const WORDS_MAX: usize = 1024;

/// The file `owner.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnerFacts {
    /// The version of this form.
    pub form: u32,
    /// What tells the run from others: configuration or script, and the arguments behind it.
    pub label: String,
    /// The command line as it was typed.
    pub command: Vec<String>,
    /// The directory that it was started in.
    pub directory: String,
    /// The path of the training's configuration.
    pub configuration: Option<String>,
    /// The machine's name.
    pub host: Option<String>,
    /// When it was started, on the clock of the machine.
    pub started: Option<String>,
    /// The error that it died of, as it was printed.
    #[serde(default)]
    pub traceback: Option<String>,
    /// Where its processes were, if it stood still.
    #[serde(default)]
    pub stacks: Option<String>,
    /// The last whole checkpoint.
    #[serde(default)]
    pub checkpoint: Option<ResumePoint>,
}

/// Where a training can go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The checkpoint.
    pub path: String,
    /// Its step.
    pub step: u64,
    /// The command that goes on from it, or what its program has to call.
    pub resume: Option<String>,
}

impl ResumePoint {
    /// `the last whole checkpoint is that of step 40, 12 steps were lost; to go on from it: axolotl train c.yml …`.
    pub fn words(&self, reached_step: Option<u64>) -> String {
        let mut words = format!("the last whole checkpoint is that of step {}", self.step);
        if let Some(lost) = reached_step.and_then(|step| step.checked_sub(self.step)) {
            words.push_str(&format!(", {lost} steps were lost"));
        }
        match &self.resume {
            Some(resume) => words.push_str(&format!("; to go on from it: {resume}")),
            None => words.push_str(&format!("; it is {}", self.path)),
        }
        words
    }
}

impl OwnerFacts {
    /// What is known when the command is started. `named`: the configuration of `--config`.
    pub fn new(
        command: &[OsString],
        named: Option<&Path>,
        directory: &Path,
        started: SystemTime,
        secret_mask: &SecretMask,
    ) -> Self {
        let command_line = CommandLine::read(command);
        let located = command_line.configuration().map(|located| located.path);
        let configuration = named.map(Path::to_path_buf).or(located);
        let mut words = Vec::new();
        for word in command.iter().take(WORDS_MAX) {
            words.push(word.to_string_lossy().into_owned());
        }
        let masked = |text: &OsStr| secret_mask.mask(&text.to_string_lossy());
        Self {
            form: FORM,
            label: label(&command_line, configuration.as_deref(), secret_mask),
            command: secret_mask.mask_words(&words),
            directory: masked(directory.as_os_str()),
            configuration: configuration.map(|path| masked(directory.join(path).as_os_str())),
            host: role::host_name(),
            started: LocalTime::of(started).map(|local| local.with_offset()),
            traceback: None,
            stacks: None,
            checkpoint: None,
        }
    }

    /// How the training goes on from a checkpoint of a form.
    pub fn resume_words(&self, path: &str, form: &str) -> Option<String> {
        let has_word = |wanted: &str| {
            wanted.is_empty()
                || self.command.iter().any(|word| {
                    let name = word.rsplit('/').next();
                    name == Some(wanted) || word.split('=').next() == Some(wanted)
                })
        };
        let (.., how) = RESUME_WORDS
            .iter()
            .find(|(of_form, word, _)| *of_form == form && has_word(word))?;
        let is_argument = how.starts_with('-') || !how.contains('(');
        let path = if is_argument {
            quoted(path)
        } else {
            path.to_owned()
        };
        let words = how.replace("{}", &path);
        if is_argument {
            return Some(format!("{} {words}", self.command_text()));
        }
        Some(words)
    }

    /// The command line in one line.
    pub fn command_text(&self) -> String {
        let quoted = self.command.iter().map(|word| quoted(word));
        quoted.collect::<Vec<_>>().join(" ")
    }
}

/// Configuration or script, whichever says more, and what was typed behind it.
fn label(
    command_line: &CommandLine<'_>,
    configuration: Option<&Path>,
    secret_mask: &SecretMask,
) -> String {
    let target = match command_line.target {
        Target::Program(word) | Target::Script(word) | Target::Module(word) => Some(word),
        Target::Elsewhere(word) => Some(word),
        Target::None => command_line.command.first().map(OsString::as_os_str),
    };
    let named = configuration.map(Path::as_os_str).or(target);
    let path = Path::new(named.unwrap_or_default());
    let name = path.file_name().unwrap_or_default();
    let mut arguments = command_line.arguments;
    let is_configuration = |word: &OsString| configuration == Some(Path::new(word));
    if let Some(index) = arguments.iter().position(is_configuration) {
        arguments = arguments.get(index + 1..).unwrap_or_default();
    }
    let mut words = vec![name.to_string_lossy().into_owned()];
    for argument in arguments {
        words.push(argument.to_string_lossy().into_owned());
    }
    secret_mask.mask_words(&words).join(" ")
}

/// A word as a shell would have to read it.
fn quoted(word: &str) -> String {
    let is_plain =
        |character: char| character.is_alphanumeric() || "-_./=:,@%+".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(typed: &str, named: Option<&str>) -> OwnerFacts {
        let command: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
        OwnerFacts::new(
            &command,
            named.map(Path::new),
            Path::new("/home/jane/acme"),
            SystemTime::UNIX_EPOCH,
            &SecretMask::default(),
        )
    }

    #[test]
    fn ten_runs_can_be_told_apart() {
        for (typed, named, expected) in [
            ("axolotl train qlora.yml", None, "qlora.yml"),
            (
                "axolotl train c/qlora.yml --lora_r 8",
                None,
                "qlora.yml --lora_r 8",
            ),
            ("python3 train.py --lr 1e-4", None, "train.py --lr 1e-4"),
            (
                "python3 train.py --config t.yml --steps 9",
                Some("t.yml"),
                "t.yml --steps 9",
            ),
            ("torchrun --nproc-per-node 8 a/train.py", None, "train.py"),
            ("./train --fast", None, "train --fast"),
            ("python3 -m acme.train -v", None, "acme.train -v"),
        ] {
            assert_eq!(facts(typed, named).label, expected, "{typed}");
        }
    }

    #[test]
    fn secrets_are_masked_in_what_was_typed() {
        let found = facts(
            "axolotl train c.yml --hub_token hf_aBcDeFgHiJkLmNoPqRsT",
            None,
        );
        assert_eq!(found.command.last().map(String::as_str), Some("***"));
        assert_eq!(found.label, "c.yml --hub_token ***");
        assert_eq!(
            found.configuration.as_deref(),
            Some("/home/jane/acme/c.yml")
        );
    }

    #[test]
    fn a_training_goes_on_as_its_program_wants_it() {
        for (typed, form, expected) in [
            (
                "axolotl train c.yml",
                "trainer",
                "axolotl train c.yml --resume-from-checkpoint 'out put/checkpoint-40'",
            ),
            (
                "python3 run_clm.py --output_dir=out",
                "trainer",
                "python3 run_clm.py --output_dir=out --resume_from_checkpoint 'out put/checkpoint-40'",
            ),
            (
                "python3 train.py",
                "trainer",
                "trainer.train(resume_from_checkpoint=\"out put/checkpoint-40\")",
            ),
            (
                "python3 train.py",
                "lightning",
                "trainer.fit(model, ckpt_path=\"out put/checkpoint-40\")",
            ),
        ] {
            let found = facts(typed, None).resume_words("out put/checkpoint-40", form);
            assert_eq!(found.as_deref(), Some(expected), "{typed}");
        }
        assert_eq!(facts("train", None).resume_words("x", "unknown"), None);
    }

    #[test]
    fn a_command_can_be_typed_again() {
        let found = OwnerFacts {
            command: ["python3", "a b.py", "it's", ""]
                .map(str::to_owned)
                .to_vec(),
            ..OwnerFacts::default()
        };
        assert_eq!(found.command_text(), r"python3 'a b.py' 'it'\''s' ''");
    }
}
