//! Reports as they were printed, word for word, for the run's owner alone.
//!
//! Everything else in this folder keeps of a line only what is public. Here the lines themselves are kept, where the run
//! is recorded for its owner: the traceback with their own names, and the message as it was printed. No event is made of
//! them: an event takes no text but a `PublicStr`. The reader says which line belongs to which report.

use crate::observation::Stream;
use crate::output::prefix::{SourcePrefix, is_log_line, is_progress_bar};
use crate::output::traceback::report::FirstAndLast;

/// Reports that are kept: the first of many ranks tells most, and the last is what a program died of.
const REPORTS_FIRST: usize = 8;
const REPORTS_LAST: usize = 8;
/// Lines that are kept of one: where the program was, and where it failed.
const LINES_FIRST: usize = 64;
const LINES_LAST: usize = 192;
/// Characters of one line.
const LINE_MAX: usize = 2000;
/// Lines behind the exception's own that may be the rest of its message.
const MESSAGE_LINES_MAX: usize = 16;

/// The reports that are kept.
#[derive(Clone, Debug, Default)]
pub struct PrintedReports {
    reports: FirstAndLast<PrintedReport, REPORTS_FIRST, REPORTS_LAST>,
}

#[derive(Clone, Debug, Default)]
struct PrintedReport {
    /// Which report it is, as the parser numbers them.
    order: u64,
    output_stream: Option<Stream>,
    prefix: SourcePrefix,
    lines: FirstAndLast<String, LINES_FIRST, LINES_LAST>,
    /// How many more lines may be the rest of the message; None while the traceback goes on.
    message_lines_left: Option<usize>,
}

/// What a line is to the report that was open when it came.
#[derive(Clone, Copy, PartialEq)]
pub enum LineRole {
    /// A line of the traceback.
    Traceback,
    /// A line behind the exception's: perhaps the rest of its message.
    Behind,
}

impl PrintedReports {
    /// The parser read a line, without its prefix, as one of this report's.
    pub fn add(
        &mut self,
        order: u64,
        output_stream: Stream,
        prefix: &SourcePrefix,
        line: &str,
        role: LineRole,
    ) {
        for report in self.reports.iter_mut() {
            if report.order == order {
                return report.add(line, role);
            }
        }
        let mut report = PrintedReport {
            order,
            output_stream: Some(output_stream),
            prefix: prefix.clone(),
            ..PrintedReport::default()
        };
        report.add(line, role);
        self.reports.push(report);
    }

    /// A line came that no parser had to see.
    pub fn add_quiet(&mut self, output_stream: Stream, line: &str) {
        if let Some(report) = self.reports.newest()
            && report.output_stream == Some(output_stream)
            && let Some(line) = report.prefix.strip(line, false)
        {
            report.add(line, LineRole::Behind);
        }
    }

    /// A report as it was printed.
    pub fn text(&self, order: u64) -> Option<String> {
        let report = self.reports.iter().find(|report| report.order == order)?;
        let mut text = String::new();
        for (number, line) in report.lines.iter().enumerate() {
            if number == LINES_FIRST && report.lines.dropped > 0 {
                text.push_str(&format!("… ({} lines left out)\n", report.lines.dropped));
            }
            text.push_str(line);
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        Some(text)
    }
}

impl PrintedReport {
    fn add(&mut self, line: &str, role: LineRole) {
        if role == LineRole::Behind {
            let lines_left = self.message_lines_left.unwrap_or(MESSAGE_LINES_MAX);
            let goes_on = lines_left > 0 && !is_log_line(line) && !is_progress_bar(line);
            self.message_lines_left = Some(if goes_on { lines_left - 1 } else { 0 });
            if !goes_on {
                return;
            }
        } else {
            self.message_lines_left = None;
        }
        self.lines.push(line.chars().take(LINE_MAX).collect());
    }
}

#[cfg(test)]
mod tests {
    use crate::observation::Stream;
    use crate::output::lines::LineCutter;
    use crate::output::traceback::TraceReader;
    use crate::status::End;

    fn printed(output: &str) -> Option<String> {
        let mut reader = TraceReader::default();
        reader.keep_printed();
        let mut cutter = LineCutter::default();
        reader.bytes(Stream::Stderr, &mut cutter, output.as_bytes());
        cutter.finish(|line| reader.line(Stream::Stderr, &line));
        let judgement = reader.finish(Some(End::Exited(1)));
        reader.printed(&judgement)
    }

    const CHAIN: &str = "Traceback (most recent call last):
  File \"/home/jane/acme/rows.py\", line 7, in load_salaries
    return json.loads(row)
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"/home/jane/acme/train.py\", line 3, in <module>
    load_salaries(path)
DatasetFormatError: row 17 of /data/private.jsonl has no 'text' column
  the row is {'name': 'x'}";

    #[test]
    fn an_error_is_what_was_printed() {
        let output = format!("loading\n{CHAIN}\n\n");
        assert_eq!(printed(&output).as_deref(), Some(CHAIN));
    }

    #[test]
    fn lines_of_other_ranks_and_logs_are_not_of_it() {
        let mut output = String::from("step 1\n");
        for line in CHAIN.lines() {
            output.push_str(&format!("[rank1]: {line}\n[rank0]: still going\n"));
        }
        output.push_str("2026-11-29 05:51:09,123 - INFO - bye\n");
        assert_eq!(printed(&output).as_deref(), Some(CHAIN));
    }

    #[test]
    fn what_was_survived_is_not_told() {
        let mut reader = TraceReader::default();
        reader.keep_printed();
        let mut cutter = LineCutter::default();
        reader.bytes(Stream::Stderr, &mut cutter, CHAIN.as_bytes());
        cutter.finish(|line| reader.line(Stream::Stderr, &line));
        assert_eq!(reader.printed(&reader.finish(Some(End::Exited(0)))), None);
    }

    #[test]
    fn one_that_never_ends_is_bounded() {
        let frame = "  File \"/home/jane/acme/rows.py\", line 7, in again\n    again()\n";
        let output = format!(
            "Traceback (most recent call last):\n{}RecursionError: deep\n",
            frame.repeat(5000)
        );
        let text = printed(&output).unwrap();
        assert!(text.len() < 100_000 && text.ends_with("RecursionError: deep"));
        assert!(text.contains(" lines left out)\n"), "{text}");
    }
}
