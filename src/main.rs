#![no_main]
//! tmp
axolotl_run::entry!(tmp);

fn tmp(arguments: Vec<std::ffi::OsString>) -> u8 {
    use axolotl_run::{observer, protocol::order::*, status, supervisor, sys};
    if observer::is_called(&arguments) {
        return observer::main(&arguments);
    }
    let mut direct = false;
    let mut tap = false;
    let mut rest = &arguments[1..];
    let mut off = true;
    while let Some(word) = rest.first() {
        match word.to_str() {
            Some("--record") => off = false,
            Some("--tap-stdout") => tap = true,
            Some("--tty=direct") => direct = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    let command = rest.to_vec();
    if off {
        sys::command::exec(&command, &[]);
        return 127;
    }
    let order = Order {
        command,
        run: uuid::Uuid::new_v4(),
        sending: Sending::RecordOnly,
        config: None,
        tap_stdout: tap,
        terminal_direct: direct,
        rank_deferred: false,
    };
    match supervisor::observe(&order) {
        supervisor::Finished::Ended(end) => {
            if let status::End::Signaled(s) = end {
                sys::signals::die_of(s);
            }
            end.shell_code()
        }
        supervisor::Finished::NotRun(e) => {
            eprintln!("axolotl-run: {}: {}", order.command[0].display(), e.desc());
            supervisor::Finished::refusal_code(e)
        }
    }
}
