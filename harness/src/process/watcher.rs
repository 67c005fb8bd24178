//! Ends what we have started when we are killed and cannot do it ourselves (SIGKILL, a crash, no memory).
//!
//! One shell a program reads from a pipe whose other end only we hold: which processes run, and which have ended. When the
//! pipe closes, we are gone, and what still runs is killed. Not `PR_SET_PDEATHSIG`: that needs `unsafe`, exists on Linux
//! only, and goes by the thread that started the process, which may end long before it.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// From now on this process goes when we do.
pub(super) fn watch(pid: u32) {
    tell('+', pid);
}

/// It has ended: its id may pass to another process.
pub(super) fn forget(pid: u32) {
    tell('-', pid);
}

/// Without a shell nothing is watched, and everything else works.
fn tell(sign: char, pid: u32) {
    let Some(watcher) = WATCHER.get_or_init(start) else { return };
    let mut pipe = watcher.pipe.lock().unwrap_or_else(PoisonError::into_inner);
    drop(writeln!(pipe, "{sign} {pid}").and_then(|()| pipe.flush()));
}

fn start() -> Option<Watcher> {
    let mut command = Command::new("sh");
    // A group of its own: Ctrl-C in a terminal is for us.
    command.args(["-c", SCRIPT, "lockgate-watcher"]).current_dir("/").process_group(0);
    let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let pipe = shell.stdin.take()?;
    Some(Watcher { pipe: Mutex::new(pipe), _shell: shell })
}

struct Watcher {
    pipe: Mutex<ChildStdin>,
    /// Ends when the pipe closes.
    _shell: Child,
}

static WATCHER: OnceLock<Option<Watcher>> = OnceLock::new();

const SCRIPT: &str = r#"
running=
while read -r sign pid; do
    rest=
    for one in $running; do
        [ "$one" = "$pid" ] || rest="$rest $one"
    done
    running=$rest
    [ "$sign" = - ] || running="$running $pid"
done
[ -z "$running" ] || kill -KILL $running
"#;

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use crate::{Process, ProcessOptions};

    /// Runs itself as another program, kills that, and looks for what it had started.
    #[test]
    fn what_was_started_goes_when_we_are_killed() {
        const FAR: Duration = Duration::from_secs(30);
        if env::var_os(AS_CHILD).is_some() {
            let start = || Process::spawn("sleeper", "sleep", ProcessOptions::new().arg("600")).unwrap();
            // One has ended before, and its thread as well as the one that starts the other are gone.
            drop(start());
            let sleeper = thread::spawn(start).join().unwrap();
            println!("\nsleeper {}", sleeper.pid());
            drop(sleeper.wait_exit(FAR));
            return;
        }
        let name = "process::watcher::tests::what_was_started_goes_when_we_are_killed";
        let options = ProcessOptions::new().args(["--exact", name, "--nocapture"]).env(AS_CHILD, "1");
        let child = Process::spawn("child", env::current_exe().unwrap(), options).unwrap();
        let line = child.wait_for_line(FAR, |line| line.starts_with("sleeper ")).unwrap();
        let sleeper: u32 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(runs(sleeper));
        kill(Pid::from_raw(child.pid().try_into().unwrap()), Signal::SIGKILL).unwrap();
        child.wait_exit(FAR).unwrap();
        let deadline = Instant::now() + FAR;
        while runs(sleeper) {
            assert!(Instant::now() < deadline, "the sleeper has outlived the one that started it");
            thread::yield_now();
        }
    }

    /// A process that has ended and that nobody has waited for yet does not run.
    fn runs(pid: u32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
    }

    const AS_CHILD: &str = "LOCKGATE_HARNESS_TEST_KILLED";
}
