//! The numbers that bound memory, time or size, each with its unit and its reason.
//!
//! Here are those that several modules share or that a test compares with; one that a single module needs stands at the
//! top of that module. The supervisor and the kernel's side have a `limits.rs` of their own.

use std::time::Duration;

// --- the notice -------------------------------------------------------------------------------------------

/// How long the notice blocks the start; the specification of Axolotl's telemetry says 15 seconds.
pub const NOTICE: Duration = Duration::from_secs(15);

// --- events -----------------------------------------------------------------------------------------------

/// Bytes of one event on the wire; the server refuses about 1,000,000, ours are a few KiB.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one text in an event; the longest we make is a rebuilt stack trace of 40 frames.
pub const EVENT_TEXT_BYTES_MAX: usize = 32 * 1024;
/// Depth of the configuration in an event; Axolotl's own schema nests 4 deep.
pub const CONFIG_DEPTH_MAX: usize = 8;
/// Bytes of a configuration file that are read; Axolotl's largest example has 8 KiB.
pub const CONFIG_FILE_BYTES_MAX: u64 = 1024 * 1024;

// --- delivery ---------------------------------------------------------------------------------------------

/// Events of one request.
pub const BATCH_EVENTS_MAX: usize = 100;
/// Bytes of one request before compression; servers of 2024 accept 2 MiB.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Transient failures in a row that open the circuit: from then on one event at a time is risked.
pub const BREAKER_FAILURES: u32 = 3;
/// Bytes of an answer that are read; PostHog's has about 20.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Age of unsent events after which they are no longer sent.
pub const UNSENT_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Bytes of unsent events that are kept for sending.
pub const UNSENT_BYTES_MAX: u64 = 10 * 1000 * 1000;

/// Bytes of waiting events that are loaded at once; a request holds about as many.
pub const PAGE_BYTES_MAX: usize = BATCH_BYTES_MAX;
/// Runs whose events are loaded at once: each holds three descriptors.
pub const PAGE_RUNS_MAX: usize = 32;

// --- recorded runs ----------------------------------------------------------------------------------------

/// Runs that are kept.
pub const RUNS_MAX: usize = 50;
/// Bytes of all runs that are kept.
pub const RUNS_BYTES_MAX: u64 = 50 * 1000 * 1000;
/// Age after which a run is deleted.
pub const RUNS_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Bytes of one run's events on disk; a progress event each minute fills it after about a week and a half.
pub const RUN_EVENTS_BYTES_MAX: u64 = 32 * 1000 * 1000;
/// Bytes of one run's delivery record; each delivered event takes about 40.
pub const RUN_DELIVERY_BYTES_MAX: u64 = 8 * 1000 * 1000;
/// Bytes of one run's record of messages to the user; eight messages on eight channels take 10,000.
pub const RUN_NOTIFICATIONS_BYTES_MAX: u64 = 100 * 1000;
/// Bytes of one run's samples; where they would be more, every second one is thrown away.
pub const RUN_SAMPLES_BYTES_MAX: u64 = 8 * 1000 * 1000;
/// Bytes of one sample; a machine of 16 GPUs needs about 3 KiB.
pub const SAMPLE_BYTES_MAX: usize = 64 * 1024;
/// Bytes that a line of finish or error may go beyond a full journal: they are why it is kept.
pub const ESSENTIAL_BYTES_MAX: u64 = 4 * EVENT_BYTES_MAX as u64;
/// Bytes of each kind of line that wait in memory while the disk is full or read-only.
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the journal of a run that began on another machine, or before this one was started anew, must be
/// silent before the run is called lost: where locks do not reach, silence is all that can be seen. A living
/// observer writes a sample every few seconds.
pub const FOREIGN_SILENCE: Duration = Duration::from_secs(3600);

// --- what the owner is told -------------------------------------------------------------------------------

/// Columns that a run's time is divided into for its charts; a chart in a browser is hardly wider.
pub const SERIES_COLUMNS_MAX: usize = 600;
/// Seconds beyond which a measurement's time is none: thirty years.
pub const SERIES_SECONDS_MAX: f64 = 1e9;
/// Bytes of the whole summary: a pipe takes so many at once or none.
pub const SUMMARY_BYTES_MAX: usize = 4096;

// --- observing --------------------------------------------------------------------------------------------

/// Between two measurements of the process tree and the GPUs.
pub const SAMPLE_PERIOD: Duration = Duration::from_secs(5);
/// How long the GPU driver may be silent before it is called unresponsive; a healthy call takes milliseconds.
pub const GPU_TIMEOUT: Duration = Duration::from_secs(10);

// --- the end ----------------------------------------------------------------------------------------------

/// How long a server of which nothing is known has for its first answer before the end no longer waits for it:
/// an answer takes a few round trips, a network that swallows everything takes for ever.
pub const FIRST_ANSWER_WAIT: Duration = Duration::from_millis(500);

// --- measuring the machine --------------------------------------------------------------------------------

/// Bytes of a small file of /proc, /sys or a control group that are read; the longest line we need is 1 KiB.
pub const KERNEL_FILE_BYTES_MAX: usize = 64 * 1024;
/// Processes of one command that are followed: 16 ranks with 64 data loaders each are 1,000, and a fork bomb is more.
pub const TREE_PROCESSES_MAX: usize = 4096;
/// Open files kept for followed processes; a quarter of the usual soft limit of 1,024.
pub const TREE_FILES_MAX: usize = 256;
/// From more than this many threads on a process's line of /proc is dear, and read with each twelfth sample only.
pub const TREE_THREADS_BRIEF: u64 = 8;
/// Threads of processes with many that one sample asks for children: 6 us each.
pub const TREE_ROUND_THREADS: usize = 8;
/// Entries of one directory that are read when packages are looked up; a large environment has 1,000.
pub const PACKAGE_ENTRIES_MAX: usize = 20_000;
/// Directories of packages that are read for one interpreter.
pub const PACKAGE_DIRECTORIES_MAX: usize = 16;
/// Entries of PATH and PYTHONPATH that are looked at.
pub const SEARCH_PATH_ENTRIES_MAX: usize = 128;
/// Accelerators of one machine; the largest nodes have 16, MIG or DPUs a few times as many.
pub const ACCELERATORS_MAX: usize = 64;
/// Errors of the driver that are taken at once, and kept of a run: the first half and the last.
pub const XIDS_MAX: usize = 16;
/// Between two attempts to bring a lost GPU driver back.
pub const GPU_RETRY_PERIOD: Duration = Duration::from_secs(60);

// --- the observer's loop ----------------------------------------------------------------------------------

/// Bytes of output that are read at once; between two reads everything else has its turn.
pub const READ_BYTES: usize = 256 * 1024;
/// How long the start event waits for what the machine and its drivers have to say.
pub const START_WAIT: Duration = Duration::from_secs(2);
/// Between two looks at whether the start event is complete.
pub const START_LOOK: Duration = Duration::from_millis(50);

/// Bytes of a process's environment that are read; a longer one has no place for a rank that early launchers set.
pub const ENVIRON_BYTES_MAX: usize = 256 * 1024;

// --- lines ------------------------------------------------------------------------------------------------

/// Bytes of a line of output that are kept; what follows is skipped to the line's end. A traceback's frame
/// with the longest path Linux allows (4 KiB) fits four times.
pub const LINE_BYTES_MAX: usize = 16 * 1024;

// --- tracebacks -------------------------------------------------------------------------------------------

/// Sources of interleaved lines (ranks, actors, containers) that are told apart; the largest nodes run 16.
pub const TRACE_STREAMS_MAX: usize = 64;
/// Bytes of a prefix by which such a source is known.
pub const TRACE_PREFIX_BYTES_MAX: usize = 200;
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
/// Bytes of a rebuilt stack trace; a chain of twelve full ones would not fit an event.
pub const TRACE_TEXT_BYTES_MAX: usize = 24 * 1024;
/// Largest line number that is told; the longest public file has about 30,000 lines.
pub const TRACE_LINE_NUMBER_MAX: u64 = 999_999;
/// Largest whole number that a message's hole is filled with: seven digits can be a telephone number.
pub const TRACE_HOLE_MAX: u64 = 999_999;

// --- progress of the training -----------------------------------------------------------------------------

/// Steps beyond which a number in a bar is no step; the longest trainings have some ten million.
pub const STEP_MAX: u64 = 1_000_000_000_000;
/// Epochs beyond which a logged epoch is none.
pub const EPOCH_MAX: f64 = 1_000_000.0;
/// GPUs of which peaks are kept; machines have 16 at the most, fake drivers whatever they like.
pub const GPUS_MAX: usize = 256;
