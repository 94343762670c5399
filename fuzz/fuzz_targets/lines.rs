//! Bytes into lines and progress: where a stream is cut never changes its lines, and no line is longer than allowed.

#![no_main]

use axolotl_run_core::limits::LINE_BYTES_MAX;
use axolotl_run_core::observation::Stream;
use axolotl_run_core::output::lines::{LineCutter, LineEnd};
use axolotl_run_core::output::progress::ProgressReader;
use libfuzzer_sys::fuzz_target;
use oracle::{assert_linear, woven};

fn lines(data: &[u8], piece: usize) -> Vec<(String, LineEnd, bool)> {
    let (mut cutter, mut lines) = (LineCutter::default(), Vec::new());
    for piece in data.chunks(piece.max(1)) {
        cutter.push(piece, |line| {
            lines.push((line.text.to_owned(), line.end, line.cursor_up))
        });
    }
    cutter.finish(|line| lines.push((line.text.to_owned(), line.end, line.cursor_up)));
    lines
}

fn progress(data: &[u8]) {
    let (mut cutter, mut reader) = (LineCutter::default(), ProgressReader::default());
    cutter.push(data, |line| reader.line(Stream::Both, 0.0, &line));
    cutter.finish(|line| reader.line(Stream::Both, 0.0, &line));
}

fuzz_target!(|data: &[u8]| {
    let piece = usize::from(data.first().copied().unwrap_or(1));
    let data = woven(data);
    let whole = lines(&data, data.len());
    assert_eq!(whole, lines(&data, piece), "cut every {piece} bytes");
    assert_eq!(whole, lines(&data, 1), "cut at each byte");
    for (text, ..) in &whole {
        // A byte that is not UTF-8 becomes a character of three.
        assert!(text.len() <= 3 * LINE_BYTES_MAX && !text.contains(['\n', '\r', '\u{1b}', '\0']));
    }
    assert_linear(&data, progress);
});
