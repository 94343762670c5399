//! Reads the owner's side of a record back, whatever it has become.

use super::facts::OwnerFacts;
use super::names::{FACTS, OUTPUT};
use axolotl_run_sys::files::{Access, Directory};
use std::io::Read as _;

/// Bytes of a file that are read; ours are far smaller, but for output of empty lines, each with its time.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Processes that are told of a run that stood still.
const STOOD_MAX: usize = 8;

/// What was kept for the owner of a run.
#[derive(Debug, Default)]
pub struct OwnerView {
    /// What was run, where, and what it died of.
    pub facts: OwnerFacts,
    /// The last lines of the output, each with its time and stream.
    pub output: Vec<String>,
}

impl OwnerView {
    /// Reads it; None where nothing was kept.
    pub fn read(run_directory: &Directory) -> Option<Self> {
        let facts = Self::facts(run_directory)?;
        let output = text_of(run_directory, OUTPUT).unwrap_or_default();
        Some(Self {
            facts,
            output: output.lines().map(str::to_owned).collect(),
        })
    }

    /// What was run, without its output.
    pub fn facts(run_directory: &Directory) -> Option<OwnerFacts> {
        serde_json::from_str(&text_of(run_directory, FACTS)?).ok()
    }

    /// Where each process was that stood still: who it is, and its innermost call.
    pub fn stood(&self) -> Vec<String> {
        let mut stood: Vec<String> = Vec::new();
        let mut is_behind_heading = false;
        for line in self.facts.stacks.as_deref().unwrap_or_default().lines() {
            let is_call = line.starts_with(' ');
            if !is_call && stood.len() == STOOD_MAX {
                break;
            }
            if !is_call {
                stood.push(line.to_owned());
            } else if is_behind_heading && let Some(heading) = stood.last_mut() {
                heading.push_str(&format!(": {}", line.trim()));
            }
            is_behind_heading = !is_call;
        }
        stood
    }

    /// The last lines of the output as they were printed, those of the traceback left out, which is told apart.
    pub fn last_words(&self, lines_max: usize) -> Vec<&str> {
        let traceback = self.facts.traceback.as_deref().unwrap_or_default();
        let mut last_words = Vec::new();
        for line in self.output.iter().rev() {
            // Behind date, time and stream.
            let words = line.splitn(4, ' ').nth(3).unwrap_or_default();
            let is_told = traceback
                .lines()
                .any(|told| !told.is_empty() && words.ends_with(told));
            if last_words.len() < lines_max && !is_told && !words.trim().is_empty() {
                last_words.push(words);
            }
        }
        last_words.reverse();
        last_words
    }

    /// The exception's own line in the traceback: the first behind the frames that stands as far left as they began.
    pub fn exception(&self) -> Option<&str> {
        let traceback = self.facts.traceback.as_deref()?;
        let mut exception = None;
        let mut is_behind_frame = false;
        for line in traceback.lines() {
            if line.trim_start().starts_with("File \"") {
                is_behind_frame = true;
            } else if is_behind_frame && !line.starts_with(' ') && !line.is_empty() {
                is_behind_frame = false;
                exception = Some(line);
            }
        }
        exception
    }

    /// Its class, without the modules around it.
    pub fn exception_class(&self) -> Option<&str> {
        let name = self.exception()?.split(':').next()?.trim();
        let is_name = |part: &str| {
            let begins_well = part.starts_with(|first: char| first.is_alphabetic() || first == '_');
            begins_well
                && part
                    .chars()
                    .all(|character| character.is_alphanumeric() || character == '_')
        };
        if !name.split('.').all(is_name) {
            return None;
        }
        name.rsplit('.').next()
    }
}

fn text_of(run_directory: &Directory, name: &str) -> Option<String> {
    let file = run_directory.file(name, Access::Read).ok()?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner_record::OwnerWriter;
    use axolotl_run_core::observation::Stream;
    use axolotl_run_core::output::tail::OutputTail;
    use axolotl_run_sys::files::Missing;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::time::SystemTime;

    const TRACEBACK: &str = "Traceback (most recent call last):\n  File \"/home/jane/train.py\", line 3, in load_salaries\n    raise E\nacme.FormatError: row 17 has no 'text'\n  see the row";

    #[test]
    fn what_is_written_is_read_back() {
        let home = tempfile::tempdir().unwrap();
        let run_directory = Directory::open(home.path(), Missing::Fail).unwrap();
        assert!(OwnerView::read(&run_directory).is_none());
        let command = ["python3".into(), "train.py".into()];
        let spawned = SystemTime::now();
        let mut writer = OwnerWriter::new(&command, None, Path::new("/home/jane"), spawned);
        let mut tail = OutputTail::default();
        tail.bytes(
            Stream::Stdout,
            1.0,
            b"key hf_aBcDeFgHiJkLmNoPqRsT\nstep 1\n",
        );
        tail.bytes(
            Stream::Stderr,
            2.0,
            format!("{TRACEBACK}\nbye\n").as_bytes(),
        );
        writer.write(&run_directory, Some(&tail));
        writer.take_error(Some(TRACEBACK.to_owned()));
        writer.write(&run_directory, Some(&tail));
        let view = OwnerView::read(&run_directory).unwrap();
        assert_eq!(view.facts.label, "train.py");
        assert_eq!(view.facts.traceback.as_deref(), Some(TRACEBACK));
        assert_eq!(
            view.exception(),
            Some("acme.FormatError: row 17 has no 'text'")
        );
        assert_eq!(view.exception_class(), Some("FormatError"));
        assert_eq!(view.last_words(2), ["step 1", "bye"]);
        assert!(
            view.output[0].ends_with(" out key ***"),
            "{:?}",
            view.output[0]
        );
        for name in [FACTS, OUTPUT] {
            let mode = fs::metadata(home.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
    }

    #[test]
    fn of_each_process_that_stood_still_the_innermost_call_is_told() {
        let mut view = OwnerView::default();
        assert_eq!(view.stood(), [""; 0]);
        view.facts.stacks = Some("rank 0, pid 7, in the same line twice\n    f (/home/jane/a.py:3)\n    g (/home/jane/a.py:9)\nrank 1, pid 8: in no call for long\n".to_owned());
        assert_eq!(
            view.stood(),
            [
                "rank 0, pid 7, in the same line twice: f (/home/jane/a.py:3)",
                "rank 1, pid 8: in no call for long"
            ]
        );
    }

    #[test]
    fn what_was_changed_is_read_as_far_as_it_goes() {
        let home = tempfile::tempdir().unwrap();
        let run_directory = Directory::open(home.path(), Missing::Fail).unwrap();
        fs::write(home.path().join(FACTS), "{[").unwrap();
        assert!(OwnerView::read(&run_directory).is_none());
        fs::write(
            home.path().join(FACTS),
            r#"{"form":1,"label":"x","command":[],"directory":""}"#,
        )
        .unwrap();
        fs::write(home.path().join(OUTPUT), [0xff, b'\n', b'a']).unwrap();
        let view = OwnerView::read(&run_directory).unwrap();
        assert_eq!((view.output.len(), view.last_words(9).len()), (2, 0));
    }
}
