//! What is measured: the machine, and the observer's own loop.

use std::time::Duration;

// --- measuring the machine --------------------------------------------------------------------------------

/// Bytes of a small file of /proc, /sys or a control group that are read; the longest line we need is 1 KiB.
pub const KERNEL_FILE_BYTES_MAX: usize = 64 * 1024;
/// Processes of one command that are followed: 16 ranks with 64 data loaders each are 1,000, and a fork bomb is more.
pub const TREE_PROCESSES_MAX: usize = 4096;
/// Open files kept for followed processes; a quarter of the usual soft limit of 1,024.
pub const TREE_FILES_MAX: usize = 256;
/// Up to this many threads, all of a process's threads are asked for children at each sample (4 us each).
pub const TREE_THREADS_EACH_SAMPLE: u64 = 4;
/// From more than this many threads on a process's line of /proc is dear, and read with each twelfth sample only.
pub const TREE_THREADS_BRIEF: u64 = 8;
/// Samples between two whole readings of such a process: a minute.
pub const TREE_WHOLE_SAMPLES: u32 = 12;
/// Samples for which the clock of such a process is not read that has used nothing: the kernel sums all threads up for
/// it, which costs more than all else of a sample. What it uses meanwhile is seen ten seconds later.
pub const TREE_IDLE_SAMPLES: u8 = 2;
/// Threads of processes with many that one sample asks for children: 6 us each.
pub const TREE_ROUND_THREADS: usize = 8;
/// The most samples until all were asked once: ten minutes.
pub const TREE_ROUND_SAMPLES_MAX: u64 = 120;
/// Threads of one process that are asked.
pub const TREE_THREADS_MAX: usize = 16 * 1024;
/// Samples between two scans of all processes, where the kernel lists no children: a minute or more.
pub const TREE_SCAN_SAMPLES: u32 = 12;
/// The most samples between two scans: ten minutes.
pub const TREE_SCAN_SAMPLES_MAX: u32 = 120;
/// What scans may add to each sample between two: less than it costs.
pub const TREE_SCAN_COST_PER_SAMPLE: Duration = Duration::from_micros(150);
/// Processes that one scan looks at.
pub const TREE_SCAN_ENTRIES_MAX: usize = 16 * 1024;
/// How long before the end a process's failure counts as the cause: launchers give the other workers 30 s to end.
pub const FAILURE_WINDOW: Duration = Duration::from_secs(90);
/// How long after the spawn new processes are looked for more often: one that dies at once is the one to know of.
pub const TREE_HURRY: Duration = Duration::from_secs(15);
/// Between two such looks.
pub const TREE_HURRY_PERIOD: Duration = Duration::from_millis(200);
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
/// Names in a training's output directory that are looked at; checkpoints that nobody deletes are some hundred.
pub const OUTPUT_NAMES_MAX: usize = 4096;
/// Bytes of a trainer's state that are read: 100 for each log line of the whole training.
pub const TRAINER_STATE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Between two looks for a trainer's state; checkpoints are minutes apart.
pub const TRAINER_STATE_PERIOD: Duration = Duration::from_secs(30);
/// Words behind a program that is not known among which a launcher is sought.
pub const LAUNCHER_WORDS_MAX: usize = 512;
/// Launchers within launchers that are read; three is much.
pub const LAUNCHERS_MAX: usize = 16;
/// Accelerators of one machine; the largest nodes have 16, MIG or DPUs a few times as many.
pub const ACCELERATORS_MAX: usize = 64;
/// Descriptors of a process that are looked through for those of a device; a training's sockets and shards are some 100.
pub const DESCRIPTORS_MAX: usize = 4096;
/// Main memory of a graphics device that is counted as an accelerator: the firmware gives integrated ones less.
pub const ACCELERATOR_MEMORY_MIN: u64 = 2 * 1024 * 1024 * 1024;
/// Errors of the driver that are taken at once, and kept of a run: the first half and the last.
pub const XIDS_MAX: usize = 16;
/// How long the end waits for a last reading of the accelerators: what the driver has to say comes in milliseconds.
pub const GPU_TAIL_WAIT: Duration = Duration::from_millis(50);
/// Between two attempts to bring a lost GPU driver back.
pub const GPU_RETRY_PERIOD: Duration = Duration::from_secs(60);

// --- a training that stands still -------------------------------------------------------------------------

/// Measurements in a row that must show that nothing is being done: half a minute.
pub const HANG_LOOKS: usize = 6;
/// Steps whose times make a training's pace; of fewer than a quarter nothing is concluded.
pub const HANG_INTERVALS: usize = 20;
/// How long without a step a training may stand still; slower trainings may for longer.
pub const HANG_PATIENCE: Duration = Duration::from_secs(300);
/// A GPU that is busy and draws no more than so many times its idle power only waits.
pub const HANG_WAITING_POWER: f64 = 1.3;
/// Utilization from which on a GPU is busy.
pub const GPU_BUSY: f64 = 0.95;
/// Utilization up to which a GPU is idle.
pub const GPU_IDLE: f64 = 0.01;
/// Cores by which an even load may vary.
pub const HANG_EVEN_CORES: f64 = 0.1;
/// The same, as a share of it.
pub const HANG_EVEN_SHARE: f64 = 0.1;
/// Threads that are asked how long they waited for a processor, 6 us each: eight ranks have 100 each.
pub const QUEUE_THREADS_MAX: usize = 1024;

// --- the observer's loop ----------------------------------------------------------------------------------

/// Bytes of output that are read at once; between two reads everything else has its turn.
pub const READ_BYTES: usize = 256 * 1024;
/// The least time between two reads that leave nothing: output that floods would have us woken for each piece of it, at
/// the relay's expense, and a progress bar is drawn ten times a second.
pub const READ_REST: Duration = Duration::from_millis(1);
/// Reads of a pipe at the command's end: more than the copy's pipe (1 MiB) can hold.
pub const READ_TAIL_TIMES: usize = 8;
/// The least room for what a followed file has gained.
pub const READ_BYTES_LITTLE: usize = 4096;
/// How long a followed file has to be silent to be looked at with the measurements only. A training that runs adds to
/// it more often; one that is silent is compiling, waiting, or standing still.
pub const FOLLOW_SILENCE: Duration = Duration::from_secs(15);
/// How long the end waits for a followed file; a file system that does not answer costs this once.
pub const FOLLOW_TAIL_WAIT: Duration = Duration::from_millis(100);
/// Pieces that what a followed file has gained since the last look is cut into, each with a time of its own: a bar
/// is drawn ten times a second.
pub const FOLLOW_SLICES: usize = 16;
/// How long the start event waits for what the machine and its drivers have to say.
pub const START_WAIT: Duration = Duration::from_secs(2);
/// How long it waits for the configuration, and for versions that have to be read from running processes: a shell script
/// leads to no Python.
pub const START_WAIT_FILES: Duration = Duration::from_secs(5);
/// When the running processes are first looked at for that; an interpreter is mapped within milliseconds.
pub const PYTHON_LOOK_AFTER: Duration = Duration::from_millis(500);
/// How long a start event that goes out at the command's end waits for facts that are being read.
pub const FACTS_TAIL_WAIT: Duration = Duration::from_millis(100);
/// Between two looks at whether the start event is complete.
pub const START_LOOK: Duration = Duration::from_millis(50);
/// How long a look at the workers' ranks may leave the first event waiting; then this is the main process.
pub const RANK_WAIT: Duration = Duration::from_secs(600);
/// When runs of earlier launchers are finished, deleted and sent: not in the training's first moments.
pub const HOUSEKEEPING_AFTER: Duration = Duration::from_secs(2);

/// Bytes of a process's environment that are read; a longer one has no place for a rank that early launchers set.
pub const ENVIRON_BYTES_MAX: usize = 256 * 1024;
