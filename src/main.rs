//! The process entry, and nothing else.

#![no_main]

axolotl_run::entry!(axolotl_run::main);
