//! Processes of our own: started, read, asked, measured and stopped.

mod measure;
#[cfg(test)]
mod tests;
mod watcher;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::log::Log;
use crate::{Error, http, signals};

/// A running program. Dropping it stops it, and when this program is killed, it is killed as well.
#[derive(Debug)]
pub struct Process {
    running: Arc<Running>,
}

/// How a program is started: what it gets and who hears what it says.
#[derive(Default)]
pub struct ProcessOptions {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    log_file: Option<PathBuf>,
    on_line: Option<OnLine>,
}

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

type OnLine = Arc<dyn Fn(Stream, &str) + Send + Sync>;

impl ProcessOptions {
    /// No arguments, the environment of this process, lines kept in memory only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable, in addition to those of this process.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable unless it is set already, here or in the environment of this process.
    #[must_use]
    pub fn env_or(self, name: &str, value: &str) -> Self {
        let is_set = std::env::var_os(name).is_some() || self.env.iter().any(|(set, _)| set == name);
        if is_set { self } else { self.env(name, value) }
    }

    /// The folder to run in; absent: that of this process.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Also writes every line to this file, replacing it.
    #[must_use]
    pub fn log_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.log_file = Some(path.into());
        self
    }

    /// Also calls `on_line` with every line, from the threads that read.
    #[must_use]
    pub fn on_line(mut self, on_line: impl Fn(Stream, &str) + Send + Sync + 'static) -> Self {
        self.on_line = Some(Arc::new(on_line));
        self
    }
}

impl fmt::Debug for ProcessOptions {
    /// Names of variables only: their values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessOptions")
            .field("args", &self.args)
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("folder", &self.folder)
            .field("log_file", &self.log_file)
            .finish_non_exhaustive()
    }
}

impl Process {
    /// Starts `program`; `name` is what messages call it. Its input is empty, its output is read by two threads.
    ///
    /// It runs in a process group of its own, so that Ctrl-C in a terminal reaches only us and we stop things in order.
    ///
    /// # Errors
    /// The program cannot be started, or everything is being stopped.
    pub fn spawn(name: &str, program: impl AsRef<OsStr>, options: ProcessOptions) -> Result<Self, Error> {
        let ProcessOptions { args, env, folder, log_file, on_line } = options;
        let log_file = log_file
            .map(|path| fs::File::create(&path).map_err(Error::io_at("write", &path)))
            .transpose()?
            .map(|file| Arc::new(Mutex::new(file)));
        let mut command = Command::new(program.as_ref());
        command.args(args).envs(env).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        let mut child =
            command.spawn().map_err(Error::io(format!("start {name} ({})", program.as_ref().to_string_lossy())))?;

        watcher::watch(child.id());
        let log = Arc::new(Log::new(2));
        let reader = |stream| Reader { stream, log: log.clone(), log_file: log_file.clone(), on_line: on_line.clone() };
        read(reader(Stream::Out), child.stdout.take());
        read(reader(Stream::Err), child.stderr.take());
        let running =
            Arc::new(Running { name: name.to_owned(), pid: child.id(), state: Mutex::new(State::Alive(child)), log });
        signals::register(&running);
        if signals::stopping() {
            running.stop();
            return Err(Error::Stopping);
        }
        Ok(Self { running })
    }

    /// The name it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.running.name
    }

    /// Its process id. It stays ours until the process is stopped or its exit status was asked for.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.pid
    }

    /// What it has written so far, both streams, at most the last 16 MiB.
    #[must_use]
    pub fn log(&self) -> String {
        self.running.log.text()
    }

    /// How it ended, or `None` while it runs.
    #[must_use]
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.running.exit_status()
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// It still runs after `within`.
    pub fn wait_exit(&self, within: Duration) -> Result<ExitStatus, Error> {
        self.running.wait_exit(within).ok_or_else(|| self.timed_out("end", within))
    }

    /// The first line that `wanted` accepts, those already written included.
    ///
    /// # Errors
    /// It ended without such a line, or there was none after `within`.
    pub fn wait_for_line(&self, within: Duration, wanted: impl FnMut(&str) -> bool) -> Result<String, Error> {
        match self.running.log.wait_for(Instant::now() + within, wanted) {
            Some(line) => Ok(line),
            None => Err(self.early_end().unwrap_or_else(|| self.timed_out("such a line", within))),
        }
    }

    /// Asks `url` until the answer is 2xx.
    ///
    /// # Errors
    /// It ended, or gave no such answer after `within`. Both errors hold its last lines.
    pub fn wait_ready(&self, url: &str, within: Duration) -> Result<(), Error> {
        self.wait_until(url, within, || {
            http::get(url, ASK_FOR).is_ok_and(|(status, _)| (200..300).contains(&status)).then_some(())
        })
    }

    /// Asks `question` until it has an answer. `what` names what is awaited.
    ///
    /// # Errors
    /// It ended, or there was no answer after `within`. Both errors hold its last lines.
    pub fn wait_until<T>(
        &self,
        what: &str,
        within: Duration,
        mut question: impl FnMut() -> Option<T>,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(error) = self.early_end() {
                return Err(error);
            }
            if let Some(answer) = question() {
                return Ok(answer);
            }
            if Instant::now() >= deadline {
                return Err(self.timed_out(what, within));
            }
            thread::sleep(BETWEEN_QUESTIONS);
        }
    }

    /// Ends it with SIGTERM, and with SIGKILL if it is still there after 5 seconds. Again: nothing happens.
    pub fn stop(&self) {
        self.running.stop();
    }

    /// CPU time of all its living threads since it began: user and system, to the nanosecond where the kernel counts that
    /// (`schedstat`), else to its clock tick (10 ms) and threads that ended included.
    ///
    /// # Errors
    /// It has ended, or this machine has no `/proc`.
    pub fn cpu_time(&self) -> Result<Duration, Error> {
        measure::cpu_time(self.pid())
    }

    /// Memory in use now: the resident set.
    ///
    /// # Errors
    /// It has ended, or this machine has no `/proc`.
    pub fn rss_bytes(&self) -> Result<u64, Error> {
        measure::memory_bytes(self.pid(), "VmRSS:")
    }

    /// The most memory that was ever in use, or since [`Process::forget_peak`]: the peak of the resident set.
    ///
    /// # Errors
    /// It has ended, or this machine has no `/proc`.
    pub fn peak_rss_bytes(&self) -> Result<u64, Error> {
        measure::memory_bytes(self.pid(), "VmHWM:")
    }

    /// Measures the peak anew, from what is in use now.
    ///
    /// # Errors
    /// It has ended, or this machine has no such `/proc`.
    pub fn forget_peak(&self) -> Result<(), Error> {
        measure::forget_peak(self.pid())
    }

    fn early_end(&self) -> Option<Error> {
        let status = self.exit_status()?;
        self.running.log.wait_closed(LAST_LINES_WITHIN);
        let tail = self.running.log.tail(TAIL_LINES);
        Some(Error::Exited { name: self.running.name.clone(), status, tail })
    }

    fn timed_out(&self, what: &str, after: Duration) -> Error {
        Error::TimedOut {
            name: self.running.name.clone(),
            waiting_for: what.to_owned(),
            after,
            tail: self.running.log.tail(TAIL_LINES),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the registry of [`signals`] knows of a process.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    pid: u32,
    /// Locked while a signal is sent, so that the id cannot have passed to another process meanwhile.
    state: Mutex<State>,
    log: Arc<Log>,
}

#[derive(Debug)]
enum State {
    /// Not yet waited for: the process id is ours.
    Alive(Child),
    Ended(ExitStatus),
}

impl Running {
    pub(crate) fn stop(&self) {
        self.stop_within(STOP_WITHIN);
    }

    fn stop_within(&self, patience: Duration) {
        if self.with_child(|child| terminate(child.id())).is_none() {
            return;
        }
        if self.wait_exit(patience).is_none() {
            self.with_child(|child| drop(child.kill()));
            self.wait_exit(STOP_WITHIN);
        }
        self.log.wait_closed(LAST_LINES_WITHIN);
    }

    fn wait_exit(&self, within: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.exit_status() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn exit_status(&self) -> Option<ExitStatus> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Alive(child) = &mut *state
            && let Ok(Some(status)) = child.try_wait()
        {
            watcher::forget(child.id());
            *state = State::Ended(status);
        }
        match &*state {
            State::Alive(_) => None,
            State::Ended(status) => Some(*status),
        }
    }

    fn with_child<T>(&self, act: impl FnOnce(&mut Child) -> T) -> Option<T> {
        match &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Alive(child) => Some(act(child)),
            State::Ended(_) => None,
        }
    }
}

fn terminate(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may have ended by itself: that is what we want.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

struct Reader {
    stream: Stream,
    log: Arc<Log>,
    log_file: Option<Arc<Mutex<fs::File>>>,
    on_line: Option<OnLine>,
}

fn read(reader: Reader, from: Option<impl Read + Send + 'static>) {
    let Some(from) = from else {
        return reader.log.close();
    };
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut bytes = Vec::new();
        while from.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let line = String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
            bytes.clear();
            if let Some(file) = &reader.log_file {
                // A full disk must not stop the process: the line is still in memory.
                drop(writeln!(file.lock().unwrap_or_else(PoisonError::into_inner), "{line}"));
            }
            if let Some(on_line) = &reader.on_line {
                on_line(reader.stream, &line);
            }
            reader.log.push(line);
        }
        reader.log.close();
    });
}

/// SIGTERM first, SIGKILL after this.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How long the last lines of an ended process may take to arrive: a child of it may hold the pipe open.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(10);
const ASK_FOR: Duration = Duration::from_secs(1);
/// How many lines an error quotes.
const TAIL_LINES: usize = 20;
