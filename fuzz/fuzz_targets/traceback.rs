//! A stream into error events: nothing of the user's comes out, whatever comes in and wherever it is cut.

#![no_main]

use axolotl_run_core::judging::explanation::Explainer;
use axolotl_run_core::limits::EVENT_BYTES_MAX;
use axolotl_run_core::observation::Stream;
use axolotl_run_core::output::lines::LineCutter;
use axolotl_run_core::output::traceback::TraceReader;
use axolotl_run_core::status::End;
use libfuzzer_sys::fuzz_target;
use oracle::{assert_linear, assert_public, woven};

/// All that is told of a stream that comes in pieces of this size, for programs and for people: what people read is
/// written from the same public words.
fn told(data: &[u8], piece: usize, end: Option<End>) -> String {
    let mut explainer = Explainer::default();
    for bytes in data.chunks(piece.clamp(1, 60_000)) {
        explainer.push(bytes);
    }
    let explanation = explainer.finish(end);
    format!("{}\n{explanation:?}", explanation.json())
}

fn read(data: &[u8]) {
    let (mut cutter, mut reader) = (LineCutter::default(), TraceReader::default());
    cutter.push(data, |line| reader.line(Stream::Both, &line));
    cutter.finish(|line| reader.line(Stream::Both, &line));
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
    assert_eq!(
        whole,
        told(&data, usize::from(choice), end),
        "cut every {choice} bytes"
    );
    // All reports of a stream, and the whole in words.
    assert!(whole.len() < 40 * EVENT_BYTES_MAX);
    assert_linear(&data, read);
});
