//! Our own command line as others see it: `/proc/PID/cmdline` is everybody's to read.
//!
//! An option may hold a secret (an address that whoever knows it can write to). It has to be gone from there as soon as it
//! was read, because we stay for as long as the training. The kernel reads the memory that holds our arguments, so that is
//! overwritten. So are the command's own arguments: what it wipes out of them must not stay in ours.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// What a hidden byte is replaced by.
const HIDDEN: u8 = b'*';

static VALUES: AtomicPtr<*mut u8> = AtomicPtr::new(std::ptr::null_mut());
static COUNT: AtomicI32 = AtomicI32::new(0);

/// Remembers where our arguments are.
///
/// # Safety
/// They are those that the C runtime gave to `main`, which are ours to change for as long as the process lives.
pub unsafe fn remember(count: i32, values: *const *const u8) {
    VALUES.store(values.cast::<*mut u8>().cast_mut(), Ordering::Relaxed);
    COUNT.store(count, Ordering::Relaxed);
}

/// Overwrites each argument that is this text, or an option with it behind `=`. To be called while there is one thread.
pub fn hide(secret: &OsStr) {
    let secret = secret.as_bytes();
    let values = VALUES.load(Ordering::Relaxed);
    if secret.is_empty() || values.is_null() {
        return;
    }
    for index in 1..usize::try_from(COUNT.load(Ordering::Relaxed)).unwrap_or(0) {
        // SAFETY: `remember` was given an array of so many pointers, each null or to a text of the process's own that
        // ends with a zero. Nothing else reads or writes them: the standard library has copied them.
        unsafe {
            let argument = *values.add(index);
            if argument.is_null() {
                return;
            }
            let length = CStr::from_ptr(argument.cast()).count_bytes();
            let bytes = std::slice::from_raw_parts_mut(argument, length);
            if let Some(start) = start_of(bytes, secret) {
                for byte in bytes.iter_mut().skip(start) {
                    *byte = HIDDEN;
                }
            }
        }
    }
}

/// Wipes all arguments from this one on, the program's name being the first. To be called while there is one thread, once
/// they are read.
pub fn wipe_from(first: usize) {
    let values = VALUES.load(Ordering::Relaxed);
    if values.is_null() {
        return;
    }
    for index in first..usize::try_from(COUNT.load(Ordering::Relaxed)).unwrap_or(0) {
        // SAFETY: as in `hide`; the text's end stays where it is.
        unsafe {
            let argument = *values.add(index);
            if argument.is_null() {
                return;
            }
            let length = CStr::from_ptr(argument.cast()).count_bytes();
            std::ptr::write_bytes(argument, 0, length);
        }
    }
}

/// Wipes the last arguments, so many.
pub fn wipe_last(wiped: usize) {
    let count = usize::try_from(COUNT.load(Ordering::Relaxed)).unwrap_or(0);
    wipe_from(count.saturating_sub(wiped));
}

/// Where the secret begins in an argument.
fn start_of(argument: &[u8], secret: &[u8]) -> Option<usize> {
    let start = argument.len().checked_sub(secret.len())?;
    let before = argument.strip_suffix(secret)?;
    let is_value = before.starts_with(b"--") && before.ends_with(b"=");
    (start == 0 || is_value).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_whole_word_or_an_options_value() {
        for (argument, start) in [
            ("https://h/s", Some(0)),
            ("--notify=https://h/s", Some(9)),
            ("x=https://h/s", None),
            ("--notify", None),
            ("https://h/s/t", None),
        ] {
            let found = start_of(argument.as_bytes(), b"https://h/s");
            assert_eq!(found, start, "{argument}");
        }
    }
}
