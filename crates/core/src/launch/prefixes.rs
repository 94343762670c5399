//! Programs that run the command behind their own words: what stands before a training that is not its launcher.
//!
//! `nice -n 10 conda run -n torchrun python train.py` is a Python, in an environment that `conda` chooses and that its
//! owner has named like a launcher. So the words of such a program are skipped by its own grammar: its subcommand, its
//! options, the words that it takes for itself. An option that is not listed takes no word; what is then taken for the
//! command is no program that anybody knows, and the answer is "unknown". Pure; for the two readers of command lines,
//! of launchers and of interpreters.

use crate::limits;
use std::ffi::OsString;
use std::path::Path;

/// One such program.
struct Prefix {
    name: &'static str,
    /// The subcommands that run a command, where it has subcommands.
    subcommands: &'static [&'static str],
    /// Options that take the next word.
    options: &'static [&'static str],
    /// Words of its own between its options and the command.
    operands: usize,
    /// Whether the command runs in another Python environment than ours.
    chooses: bool,
}

const fn plain(name: &'static str, options: &'static [&'static str], operands: usize) -> Prefix {
    Prefix {
        name,
        subcommands: &[],
        options,
        operands,
        chooses: false,
    }
}

const fn chooser(
    name: &'static str,
    subcommands: &'static [&'static str],
    options: &'static [&'static str],
    operands: usize,
) -> Prefix {
    Prefix {
        name,
        subcommands,
        options,
        operands,
        chooses: true,
    }
}

/// Options of `conda run` and its relatives.
const CONDA: &[&str] = &[
    "-n",
    "--name",
    "-p",
    "--prefix",
    "--cwd",
    "-r",
    "--root-prefix",
];

/// Options of `uv run` and `uvx`.
const UV: &[&str] = &[
    "--with",
    "--with-editable",
    "--with-requirements",
    "--from",
    "--extra",
    "--group",
    "--no-group",
    "--only-group",
    "--env-file",
    "--package",
    "--project",
    "--directory",
    "--python",
    "-p",
    "-w",
    "--index",
    "--default-index",
    "--index-url",
    "-i",
    "--extra-index-url",
    "--find-links",
    "-f",
    "--cache-dir",
    "--config-file",
    "--color",
];

const PREFIXES: &[Prefix] = &[
    plain("env", &["-u", "--unset", "-C", "--chdir"], 0),
    plain("nice", &["-n", "--adjustment"], 0),
    plain("ionice", &["-c", "-n", "--class", "--classdata"], 0),
    plain("chrt", &["-T", "-P", "-D"], 1),
    plain("nohup", &[], 0),
    plain("setsid", &[], 0),
    plain("time", &["-f", "--format", "-o", "--output"], 0),
    plain("timeout", &["-k", "--kill-after", "-s", "--signal"], 1),
    plain(
        "stdbuf",
        &["-i", "-o", "-e", "--input", "--output", "--error"],
        0,
    ),
    plain("unbuffer", &[], 0),
    plain("numactl", &["-i", "-N", "-m", "-C", "-p", "-P"], 0),
    plain("taskset", &[], 1),
    plain(
        "flock",
        &["-w", "--timeout", "-E", "--conflict-exit-code"],
        1,
    ),
    plain("tini", &["-p", "-e"], 0),
    plain("dumb-init", &["--rewrite", "-r"], 0),
    plain("catatonit", &[], 0),
    plain("strace", &["-e", "-o", "-s", "-p", "-P", "-E"], 0),
    plain(
        "nsys",
        &[
            "-o",
            "--output",
            "-t",
            "--trace",
            "-c",
            "--capture-range",
            "-d",
            "-y",
            "-s",
        ],
        1,
    ),
    plain("ncu", &["-o", "--export", "--set", "-k", "-c", "-s"], 0),
    plain("perf", &["-o", "-e", "-F", "-c"], 1),
    chooser("uv", &["run"], UV, 0),
    chooser("uvx", &[], UV, 0),
    chooser(
        "poetry",
        &["run"],
        &["-C", "--directory", "-P", "--project"],
        0,
    ),
    chooser("pdm", &["run"], &["-p", "--project"], 0),
    chooser("rye", &["run"], &["--pyproject"], 0),
    chooser("hatch", &["run"], &["-e", "--env"], 0),
    chooser("pipenv", &["run"], &["--python"], 0),
    chooser("pipx", &["run"], &["--spec", "--python"], 0),
    chooser(
        "pixi",
        &["run"],
        &["-e", "--environment", "--manifest-path", "-m"],
        0,
    ),
    chooser("conda", &["run"], CONDA, 0),
    chooser("mamba", &["run"], CONDA, 0),
    chooser("micromamba", &["run"], CONDA, 0),
    chooser(
        "sudo",
        &[],
        &[
            "-u", "--user", "-g", "--group", "-C", "-D", "-h", "-p", "-r", "-t",
        ],
        0,
    ),
    chooser(
        "apptainer",
        &["exec"],
        &[
            "-B",
            "--bind",
            "--env",
            "--pwd",
            "-W",
            "-H",
            "--home",
            "--overlay",
        ],
        1,
    ),
    chooser(
        "singularity",
        &["exec"],
        &[
            "-B",
            "--bind",
            "--env",
            "--pwd",
            "-W",
            "-H",
            "--home",
            "--overlay",
        ],
        1,
    ),
];

/// A command without what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind<'a> {
    /// The command's own words.
    pub command: &'a [OsString],
    /// Whether it runs in another Python environment than ours.
    pub elsewhere: bool,
}

/// Skips all prefixes.
#[must_use]
pub fn behind(words: &[OsString]) -> Behind<'_> {
    let words = words.get(..limits::LAUNCHER_WORDS_MAX).unwrap_or(words);
    let mut behind = Behind {
        command: words,
        elsewhere: false,
    };
    while let Some((prefix, command)) = skip_one(behind.command) {
        behind = Behind {
            command,
            elsewhere: behind.elsewhere || prefix.chooses,
        };
    }
    behind
}

fn skip_one(words: &[OsString]) -> Option<(&'static Prefix, &[OsString])> {
    let (first, rest) = words.split_first()?;
    let name = Path::new(first).file_name()?;
    let prefix = PREFIXES.iter().find(|prefix| name == prefix.name)?;
    let mut rest = prefix.skip_options(rest);
    if !prefix.subcommands.is_empty() {
        let (subcommand, behind) = rest.split_first()?;
        prefix
            .subcommands
            .iter()
            .find(|name| subcommand == **name)?;
        rest = prefix.skip_options(behind);
    }
    for _ in 0..prefix.operands {
        rest = prefix.skip_options(rest.get(1..)?);
    }
    // Without a command it is a program like any other.
    (!rest.is_empty()).then_some((prefix, rest))
}

impl Prefix {
    /// What follows the options, up to and with `--`. Assignments stand before a command as options do.
    fn skip_options<'a>(&self, words: &'a [OsString]) -> &'a [OsString] {
        let mut rest = words;
        while let Some((word, behind)) = rest.split_first() {
            let bytes = word.as_encoded_bytes();
            if word == "--" {
                return behind;
            }
            if !bytes.starts_with(b"-") && !is_assignment(bytes) {
                return rest;
            }
            let takes_next = self.options.iter().any(|option| word == option);
            rest = if takes_next {
                behind.get(1..).unwrap_or_default()
            } else {
                behind
            };
        }
        rest
    }
}

/// `NAME=value`, as `env` and `sudo` take it.
fn is_assignment(word: &[u8]) -> bool {
    let mut parts = word.splitn(2, |byte| *byte == b'=');
    let name = parts.next().unwrap_or_default();
    parts.next().is_some()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(command: &str) -> Vec<OsString> {
        command.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn each_prefix_is_skipped_by_its_own_grammar() {
        for (command, expected, elsewhere) in [
            ("python t.py", "python t.py", false),
            ("/usr/bin/nice -n 10 python t.py", "python t.py", false),
            ("env -u A B=1 C=x/y python t.py", "python t.py", false),
            ("env A=1 nohup python t.py", "python t.py", false),
            (
                "timeout -k 5 --signal=TERM 1h torchrun t.py",
                "torchrun t.py",
                false,
            ),
            (
                "taskset -c 0-3 numactl --cpunodebind=0 python t.py",
                "python t.py",
                false,
            ),
            ("chrt -f 10 python t.py", "python t.py", false),
            (
                "stdbuf -oL setsid -w -- python -u t.py",
                "python -u t.py",
                false,
            ),
            (
                "nsys profile -o x --trace=cuda accelerate launch t.py",
                "accelerate launch t.py",
                false,
            ),
            ("uv run python t.py", "python t.py", true),
            (
                "uv --project x run --with accelerate --no-sync python t.py",
                "python t.py",
                true,
            ),
            (
                "uv run -m torch.distributed.run t.py",
                "torch.distributed.run t.py",
                true,
            ),
            ("uv run t.py --epochs 3", "t.py --epochs 3", true),
            (
                "uvx --from axolotl axolotl train c.yml",
                "axolotl train c.yml",
                true,
            ),
            (
                "poetry -C x run accelerate launch t.py",
                "accelerate launch t.py",
                true,
            ),
            (
                "conda run -n torchrun --no-capture-output python t.py",
                "python t.py",
                true,
            ),
            ("pixi run -e cuda python t.py", "python t.py", true),
            ("sudo -u alice python t.py", "python t.py", true),
            (
                "apptainer exec --nv -B /data image.sif torchrun t.py",
                "torchrun t.py",
                true,
            ),
            // No command behind it: a program like any other.
            ("uv pip install torch", "uv pip install torch", false),
            ("conda activate x", "conda activate x", false),
            ("nice", "nice", false),
            ("timeout 5", "timeout 5", false),
            ("uv run", "uv run", false),
            ("niced python t.py", "niced python t.py", false),
        ] {
            let typed = words(command);
            let behind = behind(&typed);
            assert_eq!(
                (behind.command, behind.elsewhere),
                (&words(expected)[..], elsewhere),
                "{command}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_behind_is_the_end_of_what_was_typed(command in "((env|uv|run|timeout|-n|--|A=1|nice|x) ){0,12}") {
            let typed = words(&command);
            prop_assert!(typed.ends_with(behind(&typed).command));
        }
    }
}
