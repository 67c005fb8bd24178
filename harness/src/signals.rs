//! Ctrl-C and SIGTERM: every process that we started is stopped, then the program ends.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::thread;

use crate::Error;
use crate::process::Running;

/// From now on Ctrl-C, SIGTERM and SIGHUP stop every running [`Process`](crate::Process) and end the program with the
/// exit code that `farewell` returns (130 says "by Ctrl-C").
///
/// Only the first call of a process counts.
///
/// # Errors
/// Another part of the program handles these signals already.
pub fn stop_on_ctrl_c(farewell: impl Fn() -> i32 + Send + 'static) -> Result<(), Error> {
    let mut answer = Ok(());
    INSTALLED.call_once(|| {
        answer = ctrlc::try_set_handler(move || {
            STOPPING.store(true, Ordering::SeqCst);
            stop_all();
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
