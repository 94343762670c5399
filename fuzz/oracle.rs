//! What all targets hold an answer against: no word of the user's in it, and no more time than its size allows.

use std::io::Error;

/// The user's word. A byte of 1 in an input stands for it, so that a mutation can put it anywhere.
pub const CANARY: &str = "zqxkanari7";

/// Bytes of an input; what takes longer than its size allows shows at this size.
pub const INPUT_MAX: usize = 64 * 1024;

/// Seconds of processor time that any input may take, with sanitizers and on a slow machine.
const SECONDS_AT_LEAST: f64 = 0.05;

/// How much more than `TIMES` as long `TIMES` as many bytes may take.
const SLACK: f64 = 4.0;

/// How often an input is repeated to see how its time grows.
const TIMES: usize = 8;

/// The input with the canaries in place.
#[must_use]
pub fn woven(data: &[u8]) -> Vec<u8> {
    let mut woven = Vec::with_capacity(data.len());
    for byte in data.iter().take(INPUT_MAX) {
        match byte {
            1 => woven.extend_from_slice(CANARY.as_bytes()),
            byte => woven.push(*byte),
        }
    }
    woven
}

/// Refuses an answer that has a piece of the canary.
pub fn assert_public(answer: &str) {
    let folded = answer.to_lowercase();
    assert!(
        !folded.contains("zqxka") && !folded.contains("kanari"),
        "a leak: {answer}"
    );
}

/// Refuses work whose time grows faster than its input: `work` gets the input, and the input many times over.
pub fn assert_linear(data: &[u8], mut work: impl FnMut(&[u8])) {
    let one = seconds(|| work(data));
    let repeated = data.repeat(TIMES);
    let many = seconds(|| work(&repeated));
    let allowed = (one * TIMES as f64 * SLACK).max(SECONDS_AT_LEAST);
    assert!(
        many < allowed,
        "{} bytes: {one:.4} s, {TIMES} times as many: {many:.4} s",
        data.len()
    );
}

/// Processor time of this thread: a busy machine must not look like slow code.
fn seconds(work: impl FnOnce()) -> f64 {
    let before = now();
    work();
    now() - before
}

fn now() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the clock exists on every Linux, and `time` outlives the call.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) } != 0;
    assert!(!failed, "{}", Error::last_os_error());
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
