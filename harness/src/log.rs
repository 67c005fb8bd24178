//! What a process has written, kept in memory with a ceiling.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The lines of one process, standard output and error in the order in which they came.
#[derive(Debug)]
pub(crate) struct Log {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug)]
struct Lines {
    kept: VecDeque<String>,
    kept_bytes: usize,
    /// How many lines were dropped from the front.
    dropped: usize,
    /// Streams that may still bring lines.
    open: usize,
}

impl Log {
    pub(crate) fn new(streams: usize) -> Self {
        let lines = Lines { kept: VecDeque::new(), kept_bytes: 0, dropped: 0, open: streams };
        Self { lines: Mutex::new(lines), changed: Condvar::new() }
    }

    pub(crate) fn push(&self, line: String) {
        let mut lines = self.lock();
        lines.kept_bytes += line.len();
        lines.kept.push_back(line);
        while lines.kept_bytes > MAX_BYTES {
            let Some(oldest) = lines.kept.pop_front() else {
                break;
            };
            lines.kept_bytes -= oldest.len();
            lines.dropped += 1;
        }
        drop(lines);
        self.changed.notify_all();
    }

    /// One stream has ended.
    pub(crate) fn close(&self) {
        let mut lines = self.lock();
        lines.open = lines.open.saturating_sub(1);
        drop(lines);
        self.changed.notify_all();
    }

    /// Waits until every stream has ended, at most `within`.
    pub(crate) fn wait_closed(&self, within: Duration) {
        let lines = self.lock();
        drop(self.changed.wait_timeout_while(lines, within, |lines| lines.open > 0));
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lock().kept {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// The last `count` lines.
    pub(crate) fn tail(&self, count: usize) -> String {
        let lines = self.lock();
        let skip = lines.kept.len().saturating_sub(count);
        lines.kept.iter().skip(skip).cloned().collect::<Vec<_>>().join("\n")
    }

    /// The first line that `wanted` accepts, those already there included; `None` after `deadline` or when nothing more
    /// can come.
    pub(crate) fn wait_for(&self, deadline: Instant, mut wanted: impl FnMut(&str) -> bool) -> Option<String> {
        let mut lines = self.lock();
        let mut seen = 0; // counted from the first line ever
        loop {
            let skip = usize::saturating_sub(seen, lines.dropped);
            if let Some(line) = lines.kept.iter().skip(skip).find(|line| wanted(line)) {
                return Some(line.clone());
            }
            seen = lines.dropped + lines.kept.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if lines.open == 0 || left.is_zero() {
                return None;
            }
            lines = self.changed.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Older lines are dropped beyond this.
const MAX_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_there_is_found_at_once_and_one_that_comes_is_awaited() {
        let log = Log::new(1);
        log.push("first".to_owned());
        let far = Instant::now() + Duration::from_secs(30);
        assert_eq!(log.wait_for(far, |line| line == "first").as_deref(), Some("first"));
        std::thread::scope(|scope| {
            scope.spawn(|| log.push("second".to_owned()));
            assert_eq!(log.wait_for(far, |line| line == "second").as_deref(), Some("second"));
        });
        log.close();
        assert_eq!(log.wait_for(far, |line| line == "third"), None, "nothing more can come");
        assert_eq!(log.text(), "first\nsecond\n");
        assert_eq!(log.tail(1), "second");
    }

    #[test]
    fn memory_has_a_ceiling_and_the_newest_lines_stay() {
        let log = Log::new(1);
        let line = "x".repeat(MAX_BYTES / 4);
        for number in 0..9 {
            log.push(format!("{number}{line}"));
        }
        let lines = log.lock();
        assert!(lines.kept_bytes <= MAX_BYTES);
        assert_eq!(lines.dropped + lines.kept.len(), 9);
        assert!(lines.kept.back().unwrap().starts_with('8'));
    }
}
