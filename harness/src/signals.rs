//! Ctrl-C and SIGTERM: every process that we started is stopped, then the program ends.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::thread;

use crate::process::Running;
use crate::{Error, folder};

/// From now on Ctrl-C, SIGTERM and SIGHUP stop every running [`Process`](crate::Process) and end the program with the
/// exit code that `farewell` returns (130 says "by Ctrl-C").
///
/// Only the first call of a process counts.
///
/// # Errors
/// The operating system refuses.
pub fn stop_on_ctrl_c(farewell: impl Fn() -> i32 + Send + 'static) -> Result<(), Error> {
    let mut answer = Ok(());
    INSTALLED.call_once(|| {
        // Not `try_set_handler`: a shell lets what it starts in the background ignore SIGINT, which that takes for a handler.
        answer = ctrlc::set_handler(move || {
            STOPPING.store(true, Ordering::SeqCst);
            stop_all();
            folder::remove_all();
            process::exit(farewell());
        })
        .map_err(|error| Error::io("handle Ctrl-C")(std::io::Error::other(error)));
    });
    answer
}

/// Whether Ctrl-C or SIGTERM came: a process that ends now did not fail.
#[must_use]
pub fn stopping() -> bool {
    STOPPING.load(Ordering::SeqCst)
}

/// Stops every process that this program has started and not yet stopped, all at the same time.
pub fn stop_all() {
    let running: Vec<_> = registry().iter().filter_map(Weak::upgrade).collect();
    thread::scope(|scope| {
        for process in &running {
            scope.spawn(|| process.stop());
        }
    });
}

pub(crate) fn register(process: &Arc<Running>) {
    let mut registry = registry();
    registry.retain(|entry| entry.strong_count() > 0);
    registry.push(Arc::downgrade(process));
}

fn registry() -> MutexGuard<'static, Vec<Weak<Running>>> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

static REGISTRY: Mutex<Vec<Weak<Running>>> = Mutex::new(Vec::new());
static STOPPING: AtomicBool = AtomicBool::new(false);
static INSTALLED: Once = Once::new();

#[cfg(test)]
mod tests {
    use std::env;
    use std::path::Path;
    use std::time::Duration;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::*;
    use crate::{Process, ProcessOptions};

    /// Runs itself as another program, interrupts that, and looks for what it had started.
    #[test]
    fn ctrl_c_and_sigterm_stop_what_was_started() {
        const FAR: Duration = Duration::from_secs(30);
        if env::var_os(AS_CHILD).is_some() {
            stop_on_ctrl_c(|| 7).unwrap();
            let sleeper = Process::spawn("sleeper", "sleep", ProcessOptions::new().arg("60")).unwrap();
            println!("\nsleeper {}", sleeper.pid());
            drop(sleeper.wait_exit(FAR));
            thread::sleep(FAR); // ended by the handler, not by this
            return;
        }
        // As a shell starts it: in the foreground, and in the background with SIGINT ignored.
        let foreground = "exec \"$@\"";
        let background = "trap '' INT; exec \"$@\"";
        for (script, signal) in
            [(foreground, Signal::SIGINT), (foreground, Signal::SIGTERM), (background, Signal::SIGTERM)]
        {
            let name = "signals::tests::ctrl_c_and_sigterm_stop_what_was_started";
            let options = ProcessOptions::new().args(["-c", script, "sh"]).arg(env::current_exe().unwrap());
            let options = options.args(["--exact", name, "--nocapture"]).env(AS_CHILD, "1");
            let child = Process::spawn("child", "sh", options).unwrap();
            let line = child.wait_for_line(FAR, |line| line.starts_with("sleeper ")).unwrap();
            let sleeper = line.rsplit(' ').next().unwrap();
            assert!(Path::new("/proc").join(sleeper).exists());
            kill(Pid::from_raw(child.pid().try_into().unwrap()), signal).unwrap();
            assert_eq!(child.wait_exit(FAR).unwrap().code(), Some(7), "{signal}");
            assert!(!Path::new("/proc").join(sleeper).exists(), "{signal}");
        }
    }

    const AS_CHILD: &str = "LOCKGATE_HARNESS_TEST_CHILD";
}
