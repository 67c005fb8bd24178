//! What the figures were taken on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

/// The processor's name and how many of it there are.
#[must_use]
pub fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown", |(_, name)| name.trim());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores")
}

/// How many programs wanted to run at once in the last minute.
#[must_use]
pub fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The first line that a program says, empty when it does not.
#[must_use]
pub fn says(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let said = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
}

/// The commit, marked when tracked files differ from it.
#[must_use]
pub fn commit(root: &Path) -> String {
    let commit = says("git", &["rev-parse", "--short=12", "HEAD"], root);
    let clean = says("git", &["status", "--porcelain", "--untracked-files=no"], root).is_empty();
    if clean { commit } else { format!("{commit} and changes") }
}
