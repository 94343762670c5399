//! The process entry, and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(axolotl_run::front(std::env::args_os().skip(1).collect()).shell_code())
}
