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
/// Bytes of one file of certificates; the largest bundle in use has 300 KiB.
pub const CERTIFICATES_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Characters of a host that is configured; no real one is near it.
pub const HOST_BYTES_MAX: usize = 1024;
/// Bytes of a project key; the server refuses longer ones.
pub const KEY_BYTES_MAX: usize = 64;
/// Transient failures in a row after which `--send` gives up; with backoff about eight seconds of them.
pub const SEND_FAILURES_MAX: u32 = 5;
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

/// Bytes of one run's events on disk; a progress event each minute fills it after about a week and a half.
pub const RUN_EVENTS_BYTES_MAX: u64 = 32 * 1000 * 1000;
/// Bytes of one run's delivery record; each delivered event takes about 40.
pub const RUN_DELIVERY_BYTES_MAX: u64 = 8 * 1000 * 1000;
/// Bytes of one run's samples; where they would be more, every second one is thrown away.
pub const RUN_SAMPLES_BYTES_MAX: u64 = 8 * 1000 * 1000;
/// Bytes of one sample; a machine of 16 GPUs needs about 3 KiB.
pub const SAMPLE_BYTES_MAX: usize = 64 * 1024;
/// Bytes that a line of finish or error may go beyond a full journal: they are why it is kept.
pub const ESSENTIAL_BYTES_MAX: u64 = 4 * EVENT_BYTES_MAX as u64;
/// Bytes of each kind of line that wait in memory while the disk is full or read-only.
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Names that are read of a directory of ours; 50 runs of 6 files are kept, others may have put more there.
pub const DIRECTORY_NAMES_MAX: usize = 4096;
/// Bytes of the stored decision; ours has about 100.
pub const DECISION_BYTES_MAX: u64 = 16 * 1024;
/// How long the journal of a run that began on another machine, or before this one was started anew, must be
/// silent before the run is called lost: where locks do not reach, silence is all that can be seen. A living
/// observer writes a sample every few seconds.
pub const FOREIGN_SILENCE: Duration = Duration::from_secs(3600);
/// Delivery records of one run that are remembered while it is read.
pub const DELIVERED_MAX: usize = 200_000;

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
