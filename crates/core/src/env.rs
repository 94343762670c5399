//! Every environment variable that the launcher reads or sets, once.
//!
//! The README's table and `--help` are compared with [`ALL`] by a test; nothing else in the source spells a
//! variable's name. Variables of launchers (RANK, SLURM_PROCID…) are facts about others and are in `knowledge/variables.yaml`.

/// A variable and what it does, for the documents.
#[derive(Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
}

/// Consent by environment, as Axolotl itself reads it.
pub const AXOLOTL_DO_NOT_TRACK: &str = "AXOLOTL_DO_NOT_TRACK";
/// The general wish of <https://consoledonottrack.com>.
pub const DO_NOT_TRACK: &str = "DO_NOT_TRACK";
/// Where events are sent.
pub const AXOLOTL_RUN_POSTHOG_HOST: &str = "AXOLOTL_RUN_POSTHOG_HOST";
/// The project's write-only key.
pub const AXOLOTL_RUN_POSTHOG_KEY: &str = "AXOLOTL_RUN_POSTHOG_KEY";
/// How often in a row an upload may fail before it is given up.
pub const AXOLOTL_RUN_SEND_TRIES: &str = "AXOLOTL_RUN_SEND_TRIES";
/// Set for the command; an inner launcher that finds it vanishes.
pub const AXOLOTL_RUN_ID: &str = "AXOLOTL_RUN_ID";
/// Set beside it: which process observes the run, for what outlives it.
pub const AXOLOTL_RUN_SUPERVISOR: &str = "AXOLOTL_RUN_SUPERVISOR";
/// Another NVML library.
pub const AXOLOTL_RUN_NVML_PATH: &str = "AXOLOTL_RUN_NVML_PATH";
/// Whether the stacks of a run that stands still are read.
pub const AXOLOTL_RUN_STACKS: &str = "AXOLOTL_RUN_STACKS";
/// Base of the state directory.
pub const XDG_STATE_HOME: &str = "XDG_STATE_HOME";
/// Base of the configuration directory.
pub const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// How the program of a saved log ended, where that is known: its exit code.
pub const AXR_EXIT_CODE: &str = "AXR_EXIT_CODE";
/// Or the number of the signal that killed it.
pub const AXR_EXIT_SIGNAL: &str = "AXR_EXIT_SIGNAL";
/// Set for a `--notify` command: why it is run.
pub const AXOLOTL_RUN_OCCASION: &str = "AXOLOTL_RUN_OCCASION";
/// Likewise: what happened, in one line.
pub const AXOLOTL_RUN_TITLE: &str = "AXOLOTL_RUN_TITLE";
/// Likewise: the rest, in several lines.
pub const AXOLOTL_RUN_TEXT: &str = "AXOLOTL_RUN_TEXT";
/// Likewise: how the run ended.
pub const AXOLOTL_RUN_OUTCOME: &str = "AXOLOTL_RUN_OUTCOME";
/// No colour in what we print.
pub const NO_COLOR: &str = "NO_COLOR";

/// The file of GitHub's runner for a job's page.
pub const GITHUB_STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

// Variables of others that we read as they mean them; the README does not explain those.

/// The user's home, where the XDG variables are not set.
pub const HOME: &str = "HOME";
/// The user's name, where the system's list of users does not have it.
pub const USER: &str = "USER";
/// Files of certificates that Python's users have already named: OpenSSL's, requests', curl's.
pub const CERTIFICATE_FILES: [&str; 3] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
/// A directory of certificates, as OpenSSL reads it.
pub const SSL_CERT_DIR: &str = "SSL_CERT_DIR";
/// When the batch system Slurm ends the job: seconds since 1970.
pub const SLURM_JOB_END_TIME: &str = "SLURM_JOB_END_TIME";
/// When it has started it, likewise.
pub const SLURM_JOB_START_TIME: &str = "SLURM_JOB_START_TIME";
/// Megabytes of memory that the job was given on each machine; 0 are all.
pub const SLURM_MEM_PER_NODE: &str = "SLURM_MEM_PER_NODE";
/// The same for each processor.
pub const SLURM_MEM_PER_CPU: &str = "SLURM_MEM_PER_CPU";
/// Processors that the job was given on this machine.
pub const SLURM_CPUS_ON_NODE: &str = "SLURM_CPUS_ON_NODE";
/// Which GPUs a process may use, and how they are numbered, as CUDA reads it.
pub const CUDA_VISIBLE_DEVICES: &str = "CUDA_VISIBLE_DEVICES";
/// `PCI_BUS_ID` numbers them as the driver does.
pub const CUDA_DEVICE_ORDER: &str = "CUDA_DEVICE_ORDER";
/// Where huggingface_hub keeps what it has downloaded.
pub const HF_HUB_CACHE: &str = "HF_HUB_CACHE";
/// The folder that has it, where it is not named itself.
pub const HF_HOME: &str = "HF_HOME";
/// Base of the directories of caches.
pub const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// Where temporary files are made.
pub const TMPDIR: &str = "TMPDIR";
/// The terminal's kind: nothing is drawn over on a dumb one.
pub const TERM: &str = "TERM";

/// The width of the terminal, where the user says so.
pub const COLUMNS: &str = "COLUMNS";
/// The language and the character set, in the order in which they count.
pub const LOCALE: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

const fn variable(name: &'static str, does: &'static str) -> Variable {
    Variable { name, does }
}

/// All of them, in the order of the README.
pub const ALL: &[Variable] = &[
    variable(
        AXOLOTL_DO_NOT_TRACK,
        "`0` or `false` turns telemetry on, anything else that is not empty turns it off; set to `1` for the command",
    ),
    variable(
        DO_NOT_TRACK,
        "anything but empty, `0` or `false` turns telemetry off, whatever else is set",
    ),
    variable(
        AXOLOTL_RUN_POSTHOG_HOST,
        "the PostHog host that events are sent to",
    ),
    variable(
        AXOLOTL_RUN_POSTHOG_KEY,
        "the PostHog project key; without one, events are recorded and kept",
    ),
    variable(
        AXOLOTL_RUN_SEND_TRIES,
        "how often in a row an upload is tried before what waits is left to the next run (1 to 1000; without it 5 times for `--send`, and again and again while a run lasts)",
    ),
    variable(
        AXOLOTL_RUN_ID,
        "the run's UUID, set for the command; a launcher that finds it set runs the command and nothing else",
    ),
    variable(
        AXOLOTL_RUN_SUPERVISOR,
        "the launcher's process, set for the command; where that has ended, `AXOLOTL_RUN_ID` counts as not set",
    ),
    variable(
        AXOLOTL_RUN_NVML_PATH,
        "another NVML library than the driver's `libnvidia-ml.so.1`",
    ),
    variable(
        AXOLOTL_RUN_STACKS,
        "`0` or `false`: do not read the Python stacks of a run: not why it is slow, nor where it stands still",
    ),
    variable(
        XDG_STATE_HOME,
        "base of the directory of recorded runs (default `~/.local/state`)",
    ),
    variable(
        XDG_CONFIG_HOME,
        "base of the directory of the stored decision (default `~/.config`)",
    ),
    variable(
        AXR_EXIT_CODE,
        "for `--explain`: the exit code of the log's program, which a log does not say",
    ),
    variable(
        AXR_EXIT_SIGNAL,
        "for `--explain`: the number of the signal that killed the log's program",
    ),
    variable(
        AXOLOTL_RUN_OCCASION,
        "set for a `--notify` command: `end`, `hang`, `loss_not_finite`, `disk_full` or `test`",
    ),
    variable(
        AXOLOTL_RUN_TITLE,
        "set for a `--notify` command: what happened, in one line",
    ),
    variable(
        AXOLOTL_RUN_TEXT,
        "set for a `--notify` command: the rest, in several lines",
    ),
    variable(
        AXOLOTL_RUN_OUTCOME,
        "set for a `--notify` command: `success`, `error`, `signal` or `lost`; empty while the run goes on",
    ),
    variable(
        GITHUB_STEP_SUMMARY,
        "the file that `--ci-summary` appends to; GitHub's runner sets it",
    ),
    variable(
        NO_COLOR,
        "anything but empty turns colour off in what the launcher prints",
    ),
];
