//! The one builder for tests that run the real program.
//!
//! A [`Launch`] gets a home of its own and a clean environment, so that nothing of the machine that runs the
//! tests decides anything; each stream is a pipe, a file, nothing, or a terminal. Waiting is polling with a
//! deadline, never a sleep of a guessed length. A failed expectation prints the command, both streams, and
//! where expected and actual text part.

pub mod documents;
pub mod nvml;
pub mod observed;
pub mod posthog;
pub mod posthog_rules;
pub mod sources;

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than anything here takes, the notice's 15 seconds on a busy machine included.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Any other program that a test runs. Its signals do what they do in a shell: the test harness ignores SIGPIPE, as every
/// program in this language does, and whoever started the tests (`nohup`, `&`) may have had others ignored.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    // SAFETY: between fork and exec only system calls are made that a signal handler may make.
    unsafe {
        command.pre_exec(|| {
            for signal in Signal::iterator() {
                nix::libc::signal(signal as i32, nix::libc::SIG_DFL);
            }
            Ok(())
        });
    }
    command
}

/// Writes a program that can be run. Another process writes it: a thread that starts something at the same moment would
/// hand its child our descriptor, and a program that somebody may still write cannot be run ("Text file busy").
pub fn write_program(path: &Path, text: impl AsRef<[u8]>) {
    let mut writer = program("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut input = writer.stdin.take().expect("a pipe");
    input.write_all(text.as_ref()).expect("a shell that reads");
    drop(input);
    assert!(writer.wait().expect("a shell's end").success());
}

/// Where the program under test is: cargo builds it beside the folder of the test programs.
pub fn launch_path() -> &'static Path {
    static PATH: LazyLock<PathBuf> = LazyLock::new(|| {
        let program = std::env::current_exe().expect("the path of this program");
        let folder = program.ancestors().nth(2).expect("the folder above `deps`");
        folder.join("axolotl-run")
    });
    &PATH
}

/// Whether the machine has a program; a test that cannot run without it says so and passes.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(program).is_file());
    if !found {
        eprintln!("skipped: `{program}` is not installed");
    }
    found
}

/// Polls until the condition holds; false where it does not within [`DEADLINE`].
pub fn poll_until(mut condition: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < DEADLINE {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

/// Asserts that something took no longer than `bound`; on a busy machine, as many times longer as that is slower.
#[track_caller]
pub fn assert_within(elapsed: Duration, bound: Duration, what: &str) {
    if elapsed > bound {
        let slowness = slowness();
        assert!(
            elapsed < bound.mul_f64(slowness),
            "{what}: {elapsed:?} instead of {bound:?}, and the machine is only {slowness:.1} times as slow"
        );
    }
}

/// How many times as long as on an idle machine it takes now to start programs.
fn slowness() -> f64 {
    /// Programs that are started, and how long one takes at most where nothing else is going on.
    const PROGRAMS: u32 = 20;
    const IDLE: Duration = Duration::from_millis(3);
    let begin = Instant::now();
    for _ in 0..PROGRAMS {
        let _ = Command::new("true").status();
    }
    let slower = begin.elapsed().as_secs_f64() / (IDLE * PROGRAMS).as_secs_f64();
    // The load that made something late may have gone since.
    slower.max(1.0) * 2.0
}

/// What a stream is connected to.
#[derive(Clone, Debug)]
pub enum Stream {
    /// A pipe; for stdin an empty one.
    Pipe,
    /// A new file of this name in the home.
    File(String),
    /// `/dev/null`.
    Nothing,
    /// The terminal, which the process also gets as its controlling one.
    Terminal,
    /// A closed descriptor.
    Closed,
}

/// A launch in preparation.
pub struct Launch {
    home: tempfile::TempDir,
    environment: Vec<(OsString, OsString)>,
    prefix: Vec<OsString>,
    streams: [Stream; 3],
    typed_ahead: String,
    controlling: bool,
    columns: u16,
    directory: Option<PathBuf>,
}

impl Default for Launch {
    fn default() -> Self {
        Self::new()
    }
}

impl Launch {
    /// A launch with pipes, a home of its own, and nothing in the environment but PATH and HOME.
    pub fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary home");
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let environment = vec![("HOME".into(), home.path().into()), ("PATH".into(), path)];
        Self {
            home,
            environment,
            prefix: Vec::new(),
            streams: [Stream::Nothing, Stream::Pipe, Stream::Pipe],
            typed_ahead: String::new(),
            controlling: true,
            columns: 120,
            directory: None,
        }
    }

    /// The launch's home directory.
    pub fn home(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self = self.without_env(name);
        self.environment.push((name.into(), value.as_ref().into()));
        self
    }

    /// Removes a variable.
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// Starts in this directory instead of the home.
    pub fn inside(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Puts words before the program (`strace …`).
    pub fn before(mut self, words: &[&str]) -> Self {
        self.prefix = words.iter().map(OsString::from).collect();
        self
    }

    /// Chooses stdin.
    pub fn stdin(mut self, stream: Stream) -> Self {
        self.streams[0] = stream;
        self
    }

    /// Chooses stdout.
    pub fn stdout(mut self, stream: Stream) -> Self {
        self.streams[1] = stream;
        self
    }

    /// Chooses stderr.
    pub fn stderr(mut self, stream: Stream) -> Self {
        self.streams[2] = stream;
        self
    }

    /// Puts all three streams on one terminal; what appears there is read as stdout.
    pub fn on_terminal(mut self) -> Self {
        self.streams = [Stream::Terminal, Stream::Terminal, Stream::Terminal];
        self.env("TERM", "xterm")
    }

    /// Makes the terminal so wide.
    pub fn columns(mut self, columns: u16) -> Self {
        self.columns = columns;
        self
    }

    /// Leaves the terminal a mere device, as a program does that opens a pty for another.
    pub fn not_controlling(mut self) -> Self {
        self.controlling = false;
        self
    }

    /// Types on the terminal before the program is started.
    pub fn typed_ahead(mut self, keys: &str) -> Self {
        self.typed_ahead = keys.into();
        self
    }

    /// Starts the program with these words.
    pub fn start(self, words: &[impl AsRef<OsStr>]) -> Running {
        let mut line = self.prefix.clone();
        line.push(launch_path().into());
        line.extend(words.iter().map(|word| word.as_ref().to_owned()));
        let mut command = program(&line[0]);
        command
            .args(&line[1..])
            .env_clear()
            .envs(self.environment.iter().cloned());
        command.current_dir(self.directory.as_deref().unwrap_or(self.home.path()));
        let terminal = self
            .streams
            .iter()
            .any(|stream| matches!(stream, Stream::Terminal))
            .then(|| Pty::open(self.columns));
        let closed: Vec<i32> = (0..)
            .zip(&self.streams)
            .filter(|(_, s)| matches!(s, Stream::Closed))
            .map(|(fd, _)| fd)
            .collect();
        let stdio = |stream: &Stream| match stream {
            Stream::Pipe => Stdio::piped(),
            Stream::Nothing | Stream::Closed => Stdio::null(),
            Stream::File(name) => File::create(self.home.path().join(name))
                .expect("a file for a stream")
                .into(),
            Stream::Terminal => terminal
                .as_ref()
                .expect("a terminal")
                .user
                .try_clone()
                .expect("a descriptor")
                .into(),
        };
        command
            .stdin(stdio(&self.streams[0]))
            .stdout(stdio(&self.streams[1]))
            .stderr(stdio(&self.streams[2]));
        let controlling = terminal
            .as_ref()
            .filter(|_| self.controlling)
            .map(|terminal| terminal.user.as_raw_fd());
        // SAFETY: between fork and exec only system calls are made that a signal handler may make.
        unsafe {
            command.pre_exec(move || {
                if let Some(terminal) = controlling {
                    nix::unistd::setsid()?;
                    if nix::libc::ioctl(terminal, nix::libc::TIOCSCTTY, 0) != 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                }
                for fd in &closed {
                    nix::libc::close(*fd);
                }
                Ok(())
            });
        }
        if let Some(terminal) = &terminal {
            terminal.type_ahead(&self.typed_ahead);
        }
        // Before the start: what it waits for may have begun before we have another turn.
        let begin = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{line:?} cannot be started: {error}"));
        let stdout = match &terminal {
            Some(terminal) => {
                Reader::new(File::from(terminal.ours.try_clone().expect("a descriptor")))
            }
            None => child
                .stdout
                .take()
                .map_or_else(Reader::default, Reader::new),
        };
        let stderr = child
            .stderr
            .take()
            .map_or_else(Reader::default, Reader::new);
        let keyboard = terminal.map(|terminal| File::from(terminal.ours));
        Running {
            child,
            line,
            stdout,
            stderr,
            keyboard,
            begin,
            home: Arc::new(self.home),
            ended: None,
        }
    }

    /// Runs the program with these words to its end.
    pub fn run(self, words: &[impl AsRef<OsStr>]) -> Done {
        self.start(words).finish()
    }
}

struct Pty {
    ours: OwnedFd,
    user: OwnedFd,
}

impl Pty {
    fn open(columns: u16) -> Self {
        let size = nix::pty::Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None).expect("a terminal");
        for fd in [&pty.master, &pty.slave] {
            let flags = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
            nix::fcntl::fcntl(fd, flags).expect("close-on-exec");
        }
        Self {
            ours: pty.master,
            user: pty.slave,
        }
    }

    /// Types lines, and waits until they can be read: the kernel hands them on in its own time.
    fn type_ahead(&self, lines: &str) {
        nix::unistd::write(&self.ours, lines.as_bytes()).expect("keys that can be typed");
        let there = || {
            let mut count: i32 = 0;
            // SAFETY: the call writes one int to the place that it is given.
            let answer = unsafe {
                nix::libc::ioctl(self.user.as_raw_fd(), nix::libc::FIONREAD, &raw mut count)
            };
            answer == 0 && usize::try_from(count) == Ok(lines.len())
        };
        assert!(
            poll_until(there),
            "{lines:?} cannot be read from the terminal"
        );
    }
}

/// Collects a stream in a thread.
#[derive(Default)]
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn new(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // A terminal whose last user has gone reads as an error: its end of file.
            while let Ok(count @ 1..) = stream.read(&mut piece) {
                shared
                    .lock()
                    .expect("the collected bytes")
                    .extend_from_slice(&piece[..count]);
            }
        });
        Self {
            bytes,
            thread: Some(thread),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("the collected bytes")).into_owned()
    }

    /// All there is; a grandchild that keeps the stream open does not hold up the test for longer than this.
    fn finish(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            let _ = poll_until(|| thread.is_finished());
        }
        self.text()
    }
}

/// A launch that is going on.
pub struct Running {
    child: Child,
    line: Vec<OsString>,
    stdout: Reader,
    stderr: Reader,
    keyboard: Option<File>,
    begin: Instant,
    home: Arc<tempfile::TempDir>,
    ended: Option<(ExitStatus, Duration)>,
}

impl Running {
    /// The process that was started.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"))
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// What has come so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What has come so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Types on the terminal.
    pub fn type_in(&mut self, keys: &str) {
        self.keyboard
            .as_mut()
            .expect("a terminal")
            .write_all(keys.as_bytes())
            .expect("keys that can be typed");
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a process to signal");
    }

    /// Polls until the condition holds.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut condition: impl FnMut() -> bool) {
        if !poll_until(&mut condition) {
            self.fail(&format!("{what}: not within {DEADLINE:?}"));
        }
    }

    /// Polls until a text has appeared on stdout or stderr.
    #[track_caller]
    pub fn until_said(&mut self, text: &str) {
        self.until_said_any(&[text]);
    }

    /// Polls until one of these texts has appeared on stdout or stderr.
    #[track_caller]
    pub fn until_said_any(&mut self, texts: &[&str]) {
        let stdout = Arc::clone(&self.stdout.bytes);
        let stderr = Arc::clone(&self.stderr.bytes);
        let said = |bytes: &Mutex<Vec<u8>>| {
            let bytes = bytes.lock().expect("the collected bytes");
            let has = |text: &&str| {
                let mut windows = bytes.windows(text.len());
                windows.any(|window| window == text.as_bytes())
            };
            texts.iter().any(has)
        };
        self.until(&format!("{texts:?} is said"), || {
            said(&stdout) || said(&stderr)
        });
    }

    /// Whether it has ended; the first look that finds it so takes the time.
    pub fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            let status = self.child.try_wait().expect("a child to wait for");
            self.ended = status.map(|status| (status, self.begin.elapsed()));
        }
        self.ended.is_some()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn finish(mut self) -> Done {
        if !poll_until(|| self.has_ended()) {
            self.fail(&format!("it has not ended within {DEADLINE:?}"));
        }
        let (status, elapsed) = self.ended.expect("an end");
        let (stdout, stderr) = (self.stdout.finish(), self.stderr.finish());
        Done {
            line: std::mem::take(&mut self.line),
            status,
            stdout,
            stderr,
            elapsed,
            home: Arc::clone(&self.home),
        }
    }

    #[track_caller]
    fn fail(&mut self, why: &str) -> ! {
        let _ = self.child.kill();
        panic!(
            "{why}\n{}",
            report(&self.line, &self.stdout.text(), &self.stderr.text())
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A launch that has ended.
pub struct Done {
    line: Vec<OsString>,
    /// How it ended.
    pub status: ExitStatus,
    /// All of stdout; of a terminal, all that appeared on it.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
    /// From start to end.
    pub elapsed: Duration,
    home: Arc<tempfile::TempDir>,
}

impl Done {
    /// The launch's home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file of the launch's home; None where it is not there.
    pub fn file(&self, name: &str) -> Option<String> {
        std::fs::read(self.home.path().join(name))
            .ok()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Expects this exit code.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        self.check(
            self.status.code() == Some(code),
            &format!("exit code {code}, but: {}", self.status),
        );
        self
    }

    /// Expects to have been killed by this signal, for real.
    #[track_caller]
    pub fn expect_signal(&self, signal: Signal) -> &Self {
        self.check(
            self.status.signal() == Some(signal as i32),
            &format!("{signal}, but: {}", self.status),
        );
        self
    }

    /// Expects exactly this on stdout.
    #[track_caller]
    pub fn expect_stdout(&self, expected: &str) -> &Self {
        self.check(
            self.stdout == expected,
            &documents::difference("stdout", expected, &self.stdout),
        );
        self
    }

    /// Expects exactly this on stderr.
    #[track_caller]
    pub fn expect_stderr(&self, expected: &str) -> &Self {
        self.check(
            self.stderr == expected,
            &documents::difference("stderr", expected, &self.stderr),
        );
        self
    }

    /// Expects stdout to contain this.
    #[track_caller]
    pub fn expect_in_stdout(&self, part: &str) -> &Self {
        self.check(self.stdout.contains(part), &format!("{part:?} on stdout"));
        self
    }

    /// Expects stderr to contain this.
    #[track_caller]
    pub fn expect_in_stderr(&self, part: &str) -> &Self {
        self.check(self.stderr.contains(part), &format!("{part:?} on stderr"));
        self
    }

    /// Expects stderr not to contain this.
    #[track_caller]
    pub fn expect_not_in_stderr(&self, part: &str) -> &Self {
        self.check(
            !self.stderr.contains(part),
            &format!("no {part:?} on stderr"),
        );
        self
    }

    #[track_caller]
    fn check(&self, holds: bool, expected: &str) {
        assert!(
            holds,
            "expected {expected}\n{}",
            report(&self.line, &self.stdout, &self.stderr)
        );
    }
}

fn report(line: &[OsString], stdout: &str, stderr: &str) -> String {
    format!("command: {line:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
}
