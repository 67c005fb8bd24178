//! CPU time and memory of a process, from Linux's `/proc`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::Error;

pub(super) fn cpu_time(pid: u32) -> Result<Duration, Error> {
    if let Some(time) = of_threads(pid) {
        return Ok(time);
    }
    let path = PathBuf::from(format!("/proc/{pid}/stat"));
    let stat = fs::read_to_string(&path).map_err(Error::io_at("read", &path))?;
    ticks_of(&stat)
        .map(|ticks| Duration::from_millis(ticks.saturating_mul(MS_PER_TICK)))
        .ok_or_else(|| Error::io_at("read CPU time from", &path)(std::io::ErrorKind::InvalidData.into()))
}

/// One field of `/proc/<pid>/status`.
pub(super) fn memory_bytes(pid: u32, field: &str) -> Result<u64, Error> {
    let path = PathBuf::from(format!("/proc/{}/status", pid));
    let text = fs::read_to_string(&path).map_err(Error::io_at("read", &path))?;
    kib_of(&text, field).ok_or_else(|| Error::io_at("read memory from", &path)(std::io::ErrorKind::InvalidData.into()))
}

/// The peak of the resident set begins anew from what is in use now.
pub(super) fn forget_peak(pid: u32) -> Result<(), Error> {
    let path = PathBuf::from(format!("/proc/{pid}/clear_refs"));
    fs::write(&path, PEAK_RSS).map_err(Error::io_at("write", &path))
}

/// The sum over `task/*/schedstat`: its first field is time on a CPU in nanoseconds.
fn of_threads(pid: u32) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread can end between the listing and the reading.
        let Ok(text) = thread.ok()?.path().join("schedstat").canonicalize().and_then(fs::read_to_string) else {
            continue;
        };
        total += Duration::from_nanos(text.split_ascii_whitespace().next()?.parse().ok()?);
    }
    (!total.is_zero()).then_some(total)
}

/// User and system time (fields 14 and 15) of `/proc/<pid>/stat`; the name in field 2 may hold spaces and brackets.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

fn kib_of(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What `clear_refs` takes for "reset the peak resident set size" (proc(5)).
const PEAK_RSS: &str = "5";
/// `sysconf(_SC_CLK_TCK)` is 100 on every Linux that Envoy runs on.
const MS_PER_TICK: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_proc_are_read() {
        assert_eq!(kib_of("Name:\tx\nVmHWM:\t    1234 kB\n", "VmHWM:"), Some(1234 * 1024));
        assert_eq!(kib_of("Name:\tx\n", "VmHWM:"), None);
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 30 12 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks_of(stat), Some(42));
        assert_eq!(ticks_of("7 (a"), None);
    }
}
