//! The program's entry, without the start-up of Rust's runtime.
//!
//! Before `fn main` Rust ignores SIGPIPE and opens /dev/null on closed descriptors 0 to 2. A command that we
//! replace ourselves with, or start, would inherit both. So the binary has `#![no_main]` and this macro makes
//! the symbol that the C runtime calls; arguments are still to be had from `std::env::args_os`, which glibc
//! and musl fill before any of our code runs.

/// Makes the C symbol `main`, which calls `$front` with the arguments and returns its exit code.
#[macro_export]
macro_rules! entry {
    ($front:path) => {
        // SAFETY: the one definition of `main` in a binary built with `#![no_main]`, with the C signature that
        // the C runtime calls; it does not unwind, because a panic in `$front` aborts at this border.
        #[expect(unsafe_code, reason = "a symbol name that the C runtime calls")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn main(count: i32, values: *const *const u8) -> i32 {
            // SAFETY: the C runtime's own arguments.
            unsafe { $crate::arguments::remember(count, values) };
            i32::from($front(std::env::args_os().collect()))
        }
    };
}
