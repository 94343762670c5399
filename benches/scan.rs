//! What reading a command's output costs, beside what finding its lines costs at the least.
//!
//! `cargo bench --bench scan`. Processor time of this thread is measured, in the same run and in turns, so that the
//! ratios hold on a busy machine where the figures do not. The log is a training's: bars that overwrite each other,
//! dictionaries of metrics, lines of loggers. Fails where a promise is broken.

use axolotl_run_core::observation::Stream;
use axolotl_run_core::output::lines::LineCutter;
use axolotl_run_core::output::progress::ProgressReader;
use axolotl_run_core::output::traceback::TraceReader;
use axolotl_run_core::public::dictionary;
use std::hint::black_box;

/// Bytes of each log.
const LOG_BYTES: usize = 32 * 1024 * 1024;
/// Bytes that the observer reads at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Of several rounds the fastest counts: whatever slows a round down is not the code.
const ROUNDS: usize = 5;

/// Of the speed at which memchr finds the lines.
const SCAN_RATIO_MIN: f64 = 0.5;
/// Megabytes a second of a log that is full of tracebacks.
const TRACEBACKS_MIN: f64 = 200.0;
/// Milliseconds until the dictionary answers for the first time.
const DICTIONARY_MAX: f64 = 0.2;

/// Seconds of processor time of this thread.
fn cpu() -> f64 {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    let time = nix::time::clock_gettime(clock).expect("every Linux has this clock");
    time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
}

fn seconds(work: impl FnOnce()) -> f64 {
    let before = cpu();
    work();
    cpu() - before
}

fn training_log() -> Vec<u8> {
    let mut log = Vec::with_capacity(LOG_BYTES + 4096);
    for step in 0.. {
        if log.len() >= LOG_BYTES {
            return log;
        }
        let done = step % 960;
        let bar = format!(
            "\r {:3}%|{:<10}| {done}/960 [03:11<23:02,  1.64s/it]",
            done / 10,
            "#".repeat(done / 96)
        );
        log.extend_from_slice(bar.as_bytes());
        if step % 4 == 0 {
            let (loss, epoch) = (2.5 - done as f64 / 960.0, done as f64 / 480.0);
            let metrics = format!(
                "\n{{'loss': {loss:.4}, 'grad_norm': 1.2187, 'learning_rate': 1.9e-05, 'epoch': {epoch:.2}}}\n"
            );
            log.extend_from_slice(metrics.as_bytes());
        }
        if step % 16 == 0 {
            let line = format!(
                "[2026-03-01 11:22:{:02},456] [INFO] [axolotl.utils.samplers.multipack:448] [PID:4242] gather_len_batches: [{step}]\n",
                step % 60
            );
            log.extend_from_slice(line.as_bytes());
        }
    }
    log
}

fn tracebacks() -> Vec<u8> {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/cases");
    let mut paths: Vec<_> = std::fs::read_dir(corpus)
        .expect("the corpus is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "stderr")
        })
        .collect();
    paths.sort();
    let cases: Vec<u8> = paths
        .iter()
        .flat_map(|path| std::fs::read(path).expect("a case can be read"))
        .collect();
    cases.iter().copied().cycle().take(LOG_BYTES).collect()
}

fn find_lines(log: &[u8]) {
    for piece in log.chunks(PIECE_BYTES) {
        for end in memchr::memchr2_iter(b'\n', b'\r', black_box(piece)) {
            black_box(end);
        }
    }
}

fn cut(log: &[u8]) {
    let mut cutter = LineCutter::default();
    for piece in log.chunks(PIECE_BYTES) {
        cutter.push(piece, |line| {
            black_box(line.text.len());
        });
    }
}

fn read_tracebacks(log: &[u8]) {
    let (mut cutter, mut reader) = (LineCutter::default(), TraceReader::default());
    for piece in log.chunks(PIECE_BYTES) {
        reader.bytes(Stream::Stderr, &mut cutter, piece);
    }
    black_box(reader.finish(None));
}

fn read_progress(log: &[u8]) {
    let (mut cutter, mut reader) = (LineCutter::default(), ProgressReader::default());
    for piece in log.chunks(PIECE_BYTES) {
        cutter.push(piece, |line| reader.line(Stream::Stderr, 0.0, &line));
    }
    black_box(&reader);
}

/// The fastest of the rounds, in megabytes a second.
fn fastest<const N: usize>(log: &[u8], works: [fn(&[u8]); N]) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    for _ in 0..ROUNDS {
        for (work, best) in works.iter().zip(&mut best) {
            *best = best.min(seconds(|| work(log)));
        }
    }
    best.map(|seconds| log.len() as f64 / 1e6 / seconds)
}

fn main() {
    // First of all, or something else has looked a name up before.
    let dictionary = 1000.0
        * seconds(|| {
            black_box(dictionary::file("torch/nn/functional.py"));
            black_box(dictionary::function(
                "torch/nn/functional.py",
                "cross_entropy",
            ));
            black_box(dictionary::exception("torch.OutOfMemoryError"));
            black_box(dictionary::package("torch"));
        });
    let [memchr, cut, traces, progress] = fastest(
        &training_log(),
        [find_lines, cut, read_tracebacks, read_progress],
    );
    let [lines, full] = fastest(&tracebacks(), [find_lines, read_tracebacks]);
    let ratio = traces / memchr;
    println!("a training's log without tracebacks");
    println!("  memchr finds its lines         {memchr:8.0} MB/s");
    println!("  the cutter cuts them           {cut:8.0} MB/s");
    println!(
        "  read for tracebacks            {traces:8.0} MB/s, {ratio:.2} of memchr (at least {SCAN_RATIO_MIN})"
    );
    println!("  read for progress              {progress:8.0} MB/s");
    println!("the public corpus, again and again");
    println!("  memchr finds its lines         {lines:8.0} MB/s");
    println!("  read for tracebacks            {full:8.0} MB/s (at least {TRACEBACKS_MIN:.0})");
    println!("the dictionary");
    println!("  four names, the first time     {dictionary:8.3} ms (at most {DICTIONARY_MAX})");
    let kept = ratio >= SCAN_RATIO_MIN && full >= TRACEBACKS_MIN && dictionary <= DICTIONARY_MAX;
    println!("{}", if kept { "all kept" } else { "NOT KEPT" });
    std::process::exit(i32::from(!kept));
}
