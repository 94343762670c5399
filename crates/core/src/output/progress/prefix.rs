//! Strips what launchers put before each line of a worker.
//!
//! They nest (`srun -l` around `torchrun --tee`), so stripping repeats until nothing is left to strip. A
//! prefix that is not known stays, and turns a bar into a described one, which is ignored: a step is missed
//! rather than invented.

/// The line without launchers' prefixes and without blanks around it.
pub(super) fn strip(line: &str) -> &str {
    let mut text = line.trim_matches(' ');
    while let Some(rest) = tagged(text)
        .or_else(|| numbered(text))
        .or_else(|| actor(text))
        .or_else(|| echoed(text))
    {
        text = rest.trim_start_matches(' ');
    }
    text
}

/// `[default0]:` (torchrun --tee), `[rank0]: `, `[1,0]<stderr>:` (mpirun --tag-output).
fn tagged(text: &str) -> Option<&str> {
    let (tag, rest) = text.strip_prefix('[')?.split_once(']')?;
    if let Some(rest) = rest.strip_prefix(':') {
        let name = tag.trim_end_matches(|digit: char| digit.is_ascii_digit());
        let named = name.len() < tag.len()
            && name
                .chars()
                .all(|letter| letter.is_ascii_alphabetic() || letter == '_');
        return (named && !name.is_empty()).then_some(rest);
    }
    let rest = rest.strip_prefix("<std").filter(|_| tag.contains(','))?;
    ["out>:", "err>:", "diag>:"]
        .iter()
        .find_map(|stream| rest.strip_prefix(stream))
}

/// `0: ` (srun -l); the number is padded to one width.
fn numbered(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let is_number = (1..=7).contains(&text.len().saturating_sub(rest.len()));
    rest.strip_prefix(": ")
        .or_else(|| rest.strip_suffix(':').filter(|rest| rest.is_empty()))
        .filter(|_| is_number)
}

/// `(RayTrainWorker pid=123)`, `(train_fn pid=123, ip=10.0.0.7)`, once its colours are gone.
fn actor(text: &str) -> Option<&str> {
    let (actor, rest) = text.strip_prefix('(')?.split_once(')')?;
    let (_, number) = actor.split_once("pid=")?;
    number
        .starts_with(|digit: char| digit.is_ascii_digit())
        .then_some(rest)
}

/// `^C`: the terminal's echo of a key.
fn echoed(text: &str) -> Option<&str> {
    ["^C", "^\\", "^Z"]
        .iter()
        .find_map(|key| text.strip_prefix(key))
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn known_prefixes_go_however_they_nest_and_nothing_else_does() {
        for (line, rest) in [
            ("  5%|x| 3/60 [", "5%|x| 3/60 ["),
            ("[default0]:  5%|", "5%|"),
            ("[rank0]: {'loss': 1.0}", "{'loss': 1.0}"),
            ("[trainer_12]:x", "x"),
            ("[1,0]<stderr>:  5%|", "5%|"),
            ("[prterun-host-77@1,3]<stdout>: x", "x"),
            ("0: x", "x"),
            (" 0: x", "x"),
            ("007:", ""),
            ("3: [default1]:[rank1]: x", "x"),
            ("(RayTrainWorker pid=123) x", "x"),
            ("(RayTrainWorker pid=123, ip=10.0.0.7)  x", "x"),
            ("(pid=9) x", "x"),
            ("^C^C x", "x"),
            ("[1,0]<stderr>:", ""),
            ("Map: 5%|", "Map: 5%|"),
            ("[INFO]: x", "[INFO]: x"),
            (
                "[2026-11-22 14:45:47] [ERROR] x",
                "[2026-11-22 14:45:47] [ERROR] x",
            ),
            ("(note) x", "(note) x"),
            ("12:30: x", "12:30: x"),
            ("", ""),
        ] {
            assert_eq!(strip(line), rest, "{line:?}");
        }
    }
}
