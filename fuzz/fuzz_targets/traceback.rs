//! A stream into error events: nothing of the user's comes out, whatever comes in and wherever it is cut.

#![no_main]

use axolotl_run_core::output::lines::LineCutter;
use axolotl_run_core::limits::EVENT_BYTES_MAX;
use axolotl_run_core::observation::Stream;
use axolotl_run::commands::explain::explain;
use axolotl_run::ui::page::Paper;
use axolotl_run_core::status::End;
use axolotl_run_core::output::traceback::TraceReader;
use libfuzzer_sys::fuzz_target;
use oracle::{assert_linear, assert_public, woven};

/// Gives out what it holds in pieces.
struct Pieces<'a>(std::slice::Chunks<'a, u8>);

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some(piece) = self.0.next() else { return Ok(0) };
        into[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

fn told(data: &[u8], piece: usize, end: Option<End>) -> String {
    let explained = explain(Pieces(data.chunks(piece.clamp(1, 60_000))), end).expect("memory can be read");
    format!("{}\n{}", explained.json(), explained.text(Paper::default().for_statements()))
}

fn read(data: &[u8]) {
    let (mut cutter, mut reader) = (LineCutter::new(), TraceReader::new());
    cutter.push(data, |line| reader.line(Stream::Both, 0.0, &line));
    cutter.finish(|line| reader.line(Stream::Both, 0.0, &line));
    let _ = reader.finish(None);
}

fuzz_target!(|data: &[u8]| {
    let choice = data.first().copied().unwrap_or(0);
    let end = match choice % 6 {
        0 => None,
        1 => Some(End::Exited(0)),
        2 => Some(End::Signaled(11)),
        3 => Some(End::Signaled(15)),
        4 => Some(End::Exited(137)),
        _ => Some(End::Exited(1)),
    };
    let data = woven(data.get(1..).unwrap_or_default());
    let whole = told(&data, data.len(), end);
    assert_public(&whole);
    assert_eq!(whole, told(&data, usize::from(choice), end), "cut every {choice} bytes");
    // All reports of a stream, and the whole in words.
    assert!(whole.len() < 40 * EVENT_BYTES_MAX);
    assert_linear(&data, read);
});
