//! The numbers that bound memory, time or size, each with its unit and its reason.
//!
//! They are here, so that a reader can see at a glance what the launcher can cost at the worst; those that only the
//! supervisor needs, or the kernel's side, are in `limits.rs` there.

mod measuring;
mod reading;

pub use measuring::*;
pub use reading::*;

use std::time::Duration;

// --- the notice -------------------------------------------------------------------------------------------

/// How long the notice blocks the start; the specification of Axolotl's telemetry says 15 seconds.
pub const NOTICE: Duration = Duration::from_secs(15);
/// Between two looks at the clock during the notice: the countdown shows whole seconds.
pub const NOTICE_TICK: Duration = Duration::from_millis(200);

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
/// Transient failures in a row that open the circuit: from then on one event at a time is risked.
pub const BREAKER_FAILURES: u32 = 3;
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
/// Bytes of one run's samples; where they would be more, every second one is thrown away.
pub const RUN_SAMPLES_BYTES_MAX: u64 = 8 * 1000 * 1000;
/// Bytes of one sample; a machine of 16 GPUs needs about 3 KiB.
pub const SAMPLE_BYTES_MAX: usize = 64 * 1024;
/// Bytes that a line of finish or error may go beyond a full journal: they are why it is kept.
pub const ESSENTIAL_BYTES_MAX: u64 = 4 * EVENT_BYTES_MAX as u64;
/// Bytes of each kind of line that wait in memory while the disk is full or read-only.
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Runs that are looked at; 50 are kept, but a shared home that other versions filled may have thousands.
pub const RUNS_LISTED_MAX: usize = 100_000;
/// How long a start's observer deletes old runs; a disk that is busy deletes a hundred in a second, others thousands.
pub const PRUNE_TIME: Duration = Duration::from_secs(5);
/// Names that are read of a run's directory; it has 6 files, others may have put more there.
pub const DIRECTORY_NAMES_MAX: usize = 4096;
/// Bytes of measurements that the report takes in: a week's at full rate, half a second of reading. The observer
/// keeps less; of a larger file every second, third… line is taken.
pub const SAMPLES_READ_BYTES: u64 = 192 * 1000 * 1000;
/// Bytes of measurements that are looked through for them; half of what is read of any file at the most.
pub const SAMPLES_SEEN_BYTES: u64 = 500 * 1000 * 1000;
/// Bytes of the stored decision; ours has about 100.
pub const DECISION_BYTES_MAX: u64 = 16 * 1024;
/// How long the journal of a run that began on another machine, or before this one was started anew, must be
/// silent before the run is called lost: where locks do not reach, silence is all that can be seen. A living
/// observer writes a sample every few seconds.
pub const FOREIGN_SILENCE: Duration = Duration::from_secs(3600);
/// Delivery records of one run that are remembered while it is read.
pub const DELIVERED_MAX: usize = 200_000;

// --- what the owner is told -------------------------------------------------------------------------------

/// Columns that a run's time is divided into for its charts; a chart in a browser is hardly wider.
pub const SERIES_COLUMNS_MAX: usize = 600;
/// Seconds that the narrowest of them spans: a run of six seconds fills all.
pub const SERIES_COLUMN_SECONDS: f64 = 0.01;
/// Seconds beyond which a measurement's time is none: thirty years.
pub const SERIES_SECONDS_MAX: f64 = 1e9;
/// Characters of a line of the summary at the end: a verdict with five reasons; a public message has 200 at the most.
pub const SUMMARY_LINE_CHARACTERS_MAX: usize = 400;
/// Bytes of the whole summary: a pipe takes so many at once or none.
pub const SUMMARY_BYTES_MAX: usize = 4096;

// --- observing --------------------------------------------------------------------------------------------

/// Between two measurements of the process tree and the GPUs.
pub const SAMPLE_PERIOD: Duration = Duration::from_secs(5);
/// The same at a run's beginning.
pub const SAMPLE_PERIOD_FIRST: Duration = Duration::from_millis(250);
/// Between two looks at followed files, at memory that is short, and at everything in the first moments.
pub const FOLLOW_PERIOD: Duration = Duration::from_secs(1);
/// What is due within so long of something else is done together with it: being woken costs more.
pub const SCHEDULE_SLACK: Duration = Duration::from_millis(100);
/// Between two progress events.
pub const PROGRESS_PERIOD: Duration = Duration::from_secs(60);
/// How long the GPU driver may be silent before it is called unresponsive; a healthy call takes milliseconds.
pub const GPU_TIMEOUT: Duration = Duration::from_secs(10);

// --- the end ----------------------------------------------------------------------------------------------

/// How long the file of a page of continuous integration may take to be appended to.
pub const PAGE_WAIT: Duration = Duration::from_secs(1);
/// How long a server of which nothing is known has for its first answer before the end no longer waits for it:
/// an answer takes a few round trips, a network that swallows everything takes for ever.
pub const FIRST_ANSWER_WAIT: Duration = Duration::from_millis(500);
/// How long the observer waits, at its own end, for the disk to take what was written down.
pub const DISK_WAIT: Duration = Duration::from_secs(10);
/// How long the observer may go on uploading after the launcher has gone.
pub const OBSERVER_LINGER: Duration = Duration::from_secs(30);

// --- the supervisor ---------------------------------------------------------------------------------------

/// How long an answer may wait for a sender that gets no turn, in milliseconds; below what the supervisor
/// waits for an answer.
pub const SENDER_WAIT_MS: u64 = 500;
/// Between two looks at a sender, in milliseconds.
pub const SENDER_LOOK_MS: u64 = 5;
/// How long looks have to find a sender asleep that has sent everything, in milliseconds. Loops nap between two
/// signals; a longer time would delay what a program sends that polls for its effect.
pub const SENDER_SLEEP_MS: u64 = 5;
/// How long a sender has run since the question that does something else by now, in nanoseconds: some hundred
/// signals, and no more than a few polls of a program that waits for its signal's effect.
pub const SENDER_RUN_NS: u64 = 500_000;
/// Between two looks at whether the supervisor was stopped, in milliseconds. Nobody tells us of that, and to be woken
/// each second for it was two fifths of what an idle observer costs.
pub const LOOK_MS: u64 = 2000;
/// Until such a look is repeated that saw a difference: longer than a shell takes to stop or continue a job.
pub const LOOK_AGAIN_MS: u64 = 50;
/// A look may come later by this fraction of its period: a timer that the kernel may merge with another wakes at two
/// thirds of the cost, and being woken is nearly all that a look costs.
pub const LOOK_SLACK: u64 = 5;

// --- the observer's place ---------------------------------------------------------------------------------

/// The observer's niceness: it gives way to the training, and still gets its turn on a busy machine.
pub const OBSERVER_NICE: i32 = 10;
