//! `--man`: the manual page, in the language of roff.
//!
//! It is made of the tables that `--help` and the README are made of, so that it cannot say anything else; a
//! generator for the parser's options would know neither the variables nor the files nor the exit statuses.
//! What it prints is the same everywhere: packages install it as it is.

use crate::cli::{ABOUT, DESCRIPTION, Group, NAME, OPERANDS, OPTIONS, exit_statuses, shown};
use axolotl_run_core::env;

/// Lines that are typed, each with what it does.
const EXAMPLES: [(&str, &str); 5] = [
    (
        "axolotl-run --record axolotl train config.yml",
        "Record a run for yourself; nothing is sent.",
    ),
    (
        "axolotl-run --report --html report.html",
        "Write the report of the latest run for a browser.",
    ),
    (
        "axolotl-run --record --notify https://ntfy.sh/TOPIC torchrun --nproc-per-node 8 train.py",
        "Be told when the run ends or stands still.",
    ),
    (
        "srun axolotl-run --record python3 train.py",
        "Within a launcher; the task of rank 0 records.",
    ),
    (
        "axolotl-run --explain train.log",
        "Say what happened in a log of any training.",
    ),
];

/// What asks for consent, and what ends the asking.
const CONSENT: &str = "Until you decide with `--enable`, `--disable` or `--record-always`, each run without `--record` \
    begins with a notice of 15 seconds on stderr and is not observed. The variables `DO_NOT_TRACK` and \
    `AXOLOTL_DO_NOT_TRACK` decide for the runs in which they are set. `--schema` lists all that can be sent, `--preview` \
    shows it for a command, and `--show` for a recorded run.";

/// What its network client reads as others do.
const NETWORK: &str = "`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE` mean what they mean \
    elsewhere.";

/// The whole page.
pub fn page() -> String {
    let name = set_in_face(NAME, Face::Bold);
    let mut page = format!(
        ".\\\" Printed by `{NAME} --man`.\n\
         .TH {} 1 \"\" \"{NAME} {}\"\n\
         .SH NAME\n{}\n\
         .SH SYNOPSIS\n{name} {}\n.br\n{name} {}\n\
         .SH DESCRIPTION\n{}\n\
         .SH OPTIONS\n",
        NAME.to_uppercase(),
        env!("CARGO_PKG_VERSION"),
        prose(&format!("{NAME} - {}", DESCRIPTION.replacen('A', "a", 1))),
        command_line_words(OPERANDS),
        command_line_words("--report [RUN] [--html FILE]"),
        ABOUT.map(prose).join("\n.PP\n"),
    );
    for group in Group::ALL {
        page.push_str(&format!(".SS {}\n", group.heading()));
        for row in OPTIONS.iter().filter(|row| row.group == group) {
            page.push_str(&entry(&command_line_words(&shown(row)), row.does));
        }
    }
    page.push_str(".SH EXIT STATUS\n");
    for (status, means) in exit_statuses() {
        page.push_str(&entry(&set_in_face(&status, Face::Bold), means));
    }
    page.push_str(".SH ENVIRONMENT\n");
    for variable in env::ALL {
        page.push_str(&entry(
            &set_in_face(variable.name, Face::Bold),
            variable.does,
        ));
    }
    page.push_str(&format!(".PP\n{}\n", prose(NETWORK)));
    page.push_str(".SH FILES\n");
    for (path, holds) in super::files() {
        page.push_str(&entry(&set_in_face(&path, Face::Italic), holds));
    }
    page.push_str(&format!(".SH CONSENT\n{}\n.SH EXAMPLES\n", prose(CONSENT)));
    for (line, does) in EXAMPLES {
        page.push_str(&entry(&set_in_face(line, Face::Bold), does));
    }
    page.push_str(".SH SEE ALSO\n");
    page.push_str("\\fBnohup\\fR(1), \\fBsrun\\fR(1), \\fBtimeout\\fR(1)\n");
    page
}

fn entry(name: &str, does: &str) -> String {
    format!(".TP\n{name}\n{}\n", prose(does))
}

/// How a word is set.
enum Face {
    /// What is typed as it stands.
    Bold,
    /// What something else is typed for.
    Italic,
}

/// Words of a command line: options and punctuation as they stand, the names of values in italics.
fn command_line_words(line: &str) -> String {
    let mut words = Vec::new();
    for word in line.split(' ') {
        let face = if word.contains('-') {
            Face::Bold
        } else {
            Face::Italic
        };
        words.push(set_in_face(word, face));
    }
    words.join(" ")
}

fn set_in_face(text: &str, face: Face) -> String {
    let letter = match face {
        Face::Bold => 'B',
        Face::Italic => 'I',
    };
    // Brackets and dots say how often, and are neither.
    let inner = text
        .trim_start_matches('[')
        .trim_end_matches([']', '.', ',']);
    let (before, after) = text.split_once(inner).unwrap_or_default();
    format!("{before}\\f{letter}{}\\fR{after}", escaped(inner))
}

/// Text with what stands between backticks in bold.
fn prose(text: &str) -> String {
    let mut formatted_text = String::new();
    for (number, part_of_text) in text.split('`').enumerate() {
        if number % 2 == 0 {
            formatted_text.push_str(&escaped(part_of_text));
        } else {
            formatted_text.push_str(&set_in_face(part_of_text, Face::Bold));
        }
    }
    // A line that begins with a dot or an apostrophe would be a request.
    if formatted_text.starts_with(['.', '\'']) {
        formatted_text.insert_str(0, "\\&");
    }
    formatted_text
}

/// Text in which nothing is roff's, and a hyphen is the one that is typed.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_taken_for_a_request() {
        for (text, expected) in [
            ("plain", "plain"),
            (".so /etc/passwd", "\\&.so /etc/passwd"),
            ("'tis", "\\&'tis"),
            ("a\\b", "a\\eb"),
            ("the driver's `lib-x.so`", "the driver's \\fBlib\\-x.so\\fR"),
        ] {
            assert_eq!(prose(text), expected);
        }
    }

    #[test]
    fn options_are_bold_and_values_are_italic() {
        for (line, expected) in [
            ("--config FILE", "\\fB\\-\\-config\\fR \\fIFILE\\fR"),
            ("-h, --help", "\\fB\\-h\\fR, \\fB\\-\\-help\\fR"),
            ("--show [RUN]", "\\fB\\-\\-show\\fR [\\fIRUN\\fR]"),
            (
                "--preview COMMAND...",
                "\\fB\\-\\-preview\\fR \\fICOMMAND\\fR...",
            ),
            ("--tty=direct", "\\fB\\-\\-tty=direct\\fR"),
            ("[--]", "[\\fB\\-\\-\\fR]"),
        ] {
            assert_eq!(command_line_words(line), expected);
        }
    }
}
