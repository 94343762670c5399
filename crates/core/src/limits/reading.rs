//! What is read: lines, tracebacks, progress, the configuration, and what may leave of them.

use std::time::Duration;

// --- lines ------------------------------------------------------------------------------------------------

/// Bytes of a line of output that are kept; what follows is skipped to the line's end. A traceback's frame
/// with the longest path Linux allows (4 KiB) fits four times.
pub const LINE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a piece of output from which on it is worth asking whether its lines can be left out.
pub const LINES_SKIPPED_BYTES_MIN: usize = 4 * 1024;

// --- tracebacks -------------------------------------------------------------------------------------------

/// Sources of interleaved lines (ranks, actors, containers) that are told apart; the largest nodes run 16.
pub const TRACE_STREAMS_MAX: usize = 64;
/// Bytes of a prefix by which such a source is known.
pub const TRACE_PREFIX_BYTES_MAX: usize = 200;
/// Outermost frames that are kept of a traceback: where the program was.
pub const TRACE_FRAMES_FIRST: usize = 8;
/// Innermost frames that are kept: where it failed.
pub const TRACE_FRAMES_LAST: usize = 32;
/// Exceptions that are kept of a chain or a group.
pub const TRACE_CHAIN_MAX: usize = 12;
/// Reports that are kept from the beginning of a stream: the first of many ranks is the one to blame.
pub const TRACE_REPORTS_FIRST: usize = 16;
/// Reports that are kept from its end: what the process died of comes last.
pub const TRACE_REPORTS_LAST: usize = 16;
/// Lines without a frame after which a traceback is taken as cut off; locals printed by `rich` are the longest.
pub const TRACE_JUNK_LINES_MAX: u32 = 600;
/// Lines after a message in which another exception of its chain may begin.
pub const TRACE_CHAIN_LINES_MAX: u32 = 400;
/// Lines between a heading (`Exception in thread`) and the traceback that it announces.
pub const TRACE_HEADING_LINES_MAX: u32 = 12;
/// Rows over which `rich` may fold one path; 4 KiB at 40 columns.
pub const TRACE_FOLD_ROWS_MAX: usize = 110;
/// Bytes of a rebuilt stack trace; a chain of twelve full ones would not fit an event.
pub const TRACE_TEXT_BYTES_MAX: usize = 24 * 1024;
/// Largest line number that is told; the longest public file has about 30,000 lines.
pub const TRACE_LINE_NUMBER_MAX: u64 = 999_999;
/// Largest whole number that a message's hole is filled with: seven digits can be a telephone number.
pub const TRACE_HOLE_MAX: u64 = 999_999;
/// Signs of a death that are kept.
pub const TRACE_MARKERS_MAX: usize = 32;

// --- progress of the training -----------------------------------------------------------------------------

/// Steps beyond which a number in a bar is no step; the longest trainings have some ten million.
pub const STEP_MAX: u64 = 1_000_000_000_000;
/// Epochs beyond which a logged epoch is none.
pub const EPOCH_MAX: f64 = 1_000_000.0;
/// Tokens beyond which a logged count is none; the largest trainings have seen 10^14.
pub const TOKENS_MAX: f64 = 1e18;
/// Epochs whose duration is reported; with more than these the mean says enough.
pub const EPOCH_TIMES_MAX: u64 = 200;
/// Points kept of the curve of steps over time; an epoch's bounds are interpolated between two of them.
pub const PACE_POINTS_MAX: usize = 512;
/// Different totals of nested bars that are remembered; a training has one evaluation set or a few.
pub const NESTED_TOTALS_MAX: usize = 16;
/// Epochs that a bar without a description is believed to count; beyond that it counts steps.
pub const GUESSED_EPOCHS_MAX: u64 = 1000;
/// Lines between two bars of one total that make the second a restart: more than where an evaluation begins.
pub const RESTART_LINES_MIN: u32 = 8;
/// Shortest time between two progress events: a fast run passes its tenths in moments.
pub const PROGRESS_GAP: Duration = Duration::from_secs(1);
/// GPUs of which peaks are kept; machines have 16 at the most, fake drivers whatever they like.
pub const GPUS_MAX: usize = 256;

// --- the training configuration ---------------------------------------------------------------------------

/// Depth of a configuration file that is still read; Axolotl's own files nest 5 deep.
pub const CONFIG_PARSE_DEPTH_MAX: usize = 64;
/// Values of a configuration once its aliases are followed; Axolotl's largest example has 200.
pub const CONFIG_NODES_MAX: usize = 50_000;
/// Bytes of text of a configuration once its aliases are followed; a prompt template has a few KiB.
pub const CONFIG_TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Elements of a list of the configuration that are sent; more are counted as `<more>`.
pub const CONFIG_LIST_MAX: usize = 64;
/// Values of a configuration that are sent in all; they fill half of the largest event. Axolotl's largest example has 200.
pub const CONFIG_VALUES_MAX: usize = 2500;
/// Magnitude from which a number is withheld: a telephone number or an account has eight digits or more.
pub const CONFIG_NUMBER_MAX: f64 = 1e7;
/// The same for whole numbers, of which those of seven digits must be round as well.
pub const CONFIG_INTEGER_MAX: u64 = 10_000_000;
/// Withheld texts that the last gate looks for; Axolotl's largest example has 30.
pub const CONFIG_WITHHELD_MAX: usize = 2000;
/// Digits that are kept of a number that is not whole; a learning rate has two or three.
pub const CONFIG_NUMBER_DIGITS: usize = 6;
/// Overrides on a command line that are looked at.
pub const CONFIG_OVERRIDES_MAX: usize = 256;

// --- the last gate ----------------------------------------------------------------------------------------

/// Characters from which on a word of the user's identity is looked for; shorter ones are in everything.
pub const IDENTITY_WORD_MIN: usize = 5;
/// Characters of a word that are compared: of a long secret or prompt, its beginning is enough.
pub const IDENTITY_WORD_MAX: usize = 64;
/// Length from which on the value of any environment variable counts as one; the secrets' begin at the minimum.
pub const IDENTITY_VALUE_MIN: usize = 12;
/// Length from which on a word is found inside of others too; shorter ones only where they stand alone.
pub const IDENTITY_INSIDE_MIN: usize = 16;
/// Words of the user's identity that are looked for.
pub const IDENTITY_WORDS_MAX: usize = 8192;
/// Depth of an event's JSON; ours have 5 levels and the configuration's.
pub const EVENT_DEPTH_MAX: usize = 16;
