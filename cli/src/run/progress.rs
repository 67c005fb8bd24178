use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// What is being done: a line that moves on a terminal, plain lines elsewhere.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(super) fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} ({elapsed}) {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }

    /// The next step.
    pub(super) fn step(&self, what: &str) {
        match &self.0 {
            Some(bar) => {
                bar.reset_elapsed();
                bar.set_message("");
                bar.set_prefix(what.to_owned());
            }
            None => plain(what),
        }
    }

    /// What a step says of itself.
    pub(super) fn detail(&self, line: &str) {
        match &self.0 {
            Some(bar) => bar.set_message(line.to_owned()),
            None => plain(&format!("  {line}")),
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn plain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
