//! Every number of the program, with its unit and its reason.
//!
//! A number that bounds memory, time or size stands here and nowhere else, so that a reader can see at a
//! glance what the launcher can cost at the worst.

use std::time::Duration;

// --- the notice -------------------------------------------------------------------------------------------

/// How long the notice blocks the start; the specification of Axolotl's telemetry says 15 seconds.
pub const NOTICE: Duration = Duration::from_secs(15);

// --- lines ------------------------------------------------------------------------------------------------

/// Bytes of a line of output that are kept; what follows is skipped to the line's end. A traceback's frame
/// with the longest path Linux allows (4 KiB) fits four times.
pub const LINE_BYTES_MAX: usize = 16 * 1024;

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

// --- events -----------------------------------------------------------------------------------------------

/// Bytes of one event on the wire; the server refuses about 1,000,000, ours are a few KiB.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one text in an event; the longest we make is a rebuilt stack trace of 40 frames.
pub const EVENT_TEXT_BYTES_MAX: usize = 32 * 1024;
/// Elements of a list in an event; the longest are configuration lists.
pub const EVENT_LIST_MAX: usize = 1024;
/// Depth of the configuration in an event; Axolotl's own schema nests 4 deep.
pub const CONFIG_DEPTH_MAX: usize = 8;
/// Bytes of a configuration file that are read; Axolotl's largest example has 8 KiB.
pub const CONFIG_FILE_BYTES_MAX: u64 = 1024 * 1024;

// --- delivery ---------------------------------------------------------------------------------------------

/// Events of one request.
pub const BATCH_EVENTS_MAX: usize = 100;
/// Bytes of one request before compression; servers of 2024 accept 2 MiB.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Longest wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for an answer, the connection included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// First backoff after a transient failure; it doubles with each further one.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// Longest backoff, and the longest `Retry-After` that is honoured.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read; PostHog's has about 20.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Age of unsent events after which they are no longer sent.
pub const UNSENT_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Bytes of unsent events that are kept for sending.
pub const UNSENT_BYTES_MAX: u64 = 10 * 1000 * 1000;

// --- recorded runs ----------------------------------------------------------------------------------------

/// Runs that are kept.
pub const RUNS_MAX: usize = 50;
/// Bytes of all runs that are kept.
pub const RUNS_BYTES_MAX: u64 = 50 * 1000 * 1000;
/// Age after which a run is deleted.
pub const RUNS_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

// --- observing --------------------------------------------------------------------------------------------

/// Between two measurements of the process tree and the GPUs.
pub const SAMPLE_PERIOD: Duration = Duration::from_secs(5);
/// Between two looks at followed files.
pub const FOLLOW_PERIOD: Duration = Duration::from_secs(1);
/// Between two progress events.
pub const PROGRESS_PERIOD: Duration = Duration::from_secs(60);
/// How long the GPU driver may be silent before it is called unresponsive; a healthy call takes milliseconds.
pub const GPU_TIMEOUT: Duration = Duration::from_secs(10);

// --- the end ----------------------------------------------------------------------------------------------

/// How long the end waits for the finish event to be on disk.
pub const END_JOURNAL_WAIT: Duration = Duration::from_millis(200);
/// How long the end waits in all for the last upload, where the server is known to answer.
pub const END_UPLOAD_WAIT: Duration = Duration::from_millis(1500);
/// How long the observer may go on uploading after the launcher has gone.
pub const OBSERVER_LINGER: Duration = Duration::from_secs(30);
