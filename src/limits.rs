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

// --- measuring the machine --------------------------------------------------------------------------------

/// Bytes of a small file of /proc, /sys or a control group that are read; the longest line we need is 1 KiB.
pub const KERNEL_FILE_BYTES_MAX: usize = 64 * 1024;
/// Processes of one command that are followed. The largest training nodes start about 1,000 (16 ranks with 64
/// data loaders each); a fork bomb must not make the observer one.
pub const TREE_PROCESSES_MAX: usize = 4096;
/// Open files kept for followed processes; a quarter of the usual soft limit of 1,024.
pub const TREE_FILES_MAX: usize = 256;
/// Up to this many threads, all of a process's threads are asked for children at each sample (4 us each).
pub const TREE_THREADS_EACH_SAMPLE: u64 = 4;
/// Samples between two complete walks (children of all threads, or the scan where the kernel lists none): a
/// minute, since such a walk of 8,000 threads was measured at 51 ms.
pub const TREE_WALK_SAMPLES: u32 = 12;
/// A complete walk that took longer than this is done ten times less often.
pub const TREE_WALK_COST_MAX: Duration = Duration::from_millis(5);
/// Threads, or processes of a scan, that one complete walk looks at.
pub const TREE_WALK_ENTRIES_MAX: usize = 16 * 1024;
/// Control groups above the command's own that are asked for a limit; systemd and Kubernetes nest 6 deep.
pub const CGROUP_DEPTH_MAX: usize = 32;
/// Entries of one directory that are read when packages are looked up; a large environment has 1,000.
pub const PACKAGE_ENTRIES_MAX: usize = 20_000;
/// Directories of packages that are read for one interpreter.
pub const PACKAGE_DIRECTORIES_MAX: usize = 16;
/// Entries of PATH and PYTHONPATH that are looked at.
pub const SEARCH_PATH_ENTRIES_MAX: usize = 128;
/// Bytes of /proc/PID/maps that are read; a training process has 2,000 mappings of 150 bytes.
pub const MAPS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Processes whose mappings are looked at for the versions of packages.
pub const MAPS_PROCESSES_MAX: usize = 32;
/// Words of a command line that are read for what its launcher was asked to start.
pub const LAUNCHER_WORDS_MAX: usize = 512;
/// Accelerators of one machine; the largest nodes have 16, MIG or DPUs a few times as many.
pub const ACCELERATORS_MAX: usize = 64;
/// Main memory of a graphics device below which it is not counted as an accelerator: integrated ones are
/// given 0.5 to 1 GiB by the firmware.
pub const ACCELERATOR_MEMORY_MIN: u64 = 2 * 1024 * 1024 * 1024;
/// Between two attempts to bring a lost GPU driver back.
pub const GPU_RETRY_PERIOD: Duration = Duration::from_secs(60);
