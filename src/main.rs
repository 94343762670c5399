//! The process entry, and nothing else.

#![no_main]

axolotl_run_sys::entry!(axolotl_run::main);
