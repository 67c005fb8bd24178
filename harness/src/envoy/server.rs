use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::EnvoyBinary;
use crate::folder::Folder;
use crate::process::{Process, ProcessOptions};
use crate::{Error, http, tools};

/// A running Envoy. Dropping it stops it.
///
/// Any number run at the same time: hot restart is off, so they share nothing.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    admin: SocketAddr,
    /// Removed after the process has stopped: fields are dropped in order.
    _folder: Folder,
}

/// Where Envoy's configuration is.
#[derive(Clone, Debug)]
pub enum EnvoyConfig {
    /// A file, YAML or JSON by its ending.
    File(PathBuf),
    /// YAML text.
    Yaml(String),
}

/// How Envoy is started.
#[derive(Debug)]
pub struct EnvoyOptions {
    /// Worker threads. Default: 1.
    pub concurrency: u32,
    /// The level of all components. Default: `info`.
    pub log_level: String,
    /// Levels of single components, for example `wasm:debug`. Default: none.
    pub component_log_level: Option<String>,
    /// The port of the administration interface on 127.0.0.1: `Some(0)` lets the system choose (the default), `None` leaves it
    /// to the configuration, which must have one then.
    pub admin_port: Option<u16>,
    /// How long it may take to get ready. Default: 60 s, which only a machine under heavy load needs.
    pub ready_within: Duration,
    /// Environment, log file and listener for lines. Arguments are added to ours.
    pub process: ProcessOptions,
}

impl Default for EnvoyOptions {
    fn default() -> Self {
        Self {
            concurrency: 1,
            log_level: "info".to_owned(),
            component_log_level: None,
            admin_port: Some(0),
            ready_within: Duration::from_mins(1),
            process: ProcessOptions::new(),
        }
    }
}

impl Envoy {
    /// Starts Envoy and waits until it says that it is ready, which includes that every filter took its configuration. Its environment
    /// is that of this process, what the options say, and `GLIBC_TUNABLES=glibc.pthread.rseq=0` where neither has other tunables.
    ///
    /// # Errors
    /// [`Error::EnvoyRefused`] with the reason from its log when it ends before that, [`Error::TimedOut`] when it does neither.
    pub fn start(binary: &EnvoyBinary, config: &EnvoyConfig, options: EnvoyOptions) -> Result<Self, Error> {
        let folder = Folder::create()?;
        let EnvoyOptions { concurrency, log_level, component_log_level, admin_port, ready_within, process } = options;
        let admin_file = folder.path().join("admin");
        let (name, value) = PER_PROCESSOR;
        let mut process = process
            .env_or(name, value)
            .args([
                "--disable-hot-restart",
                "--file-flush-interval-msec",
                ACCESS_LOG_WITHIN_MS,
                "--log-level",
                &log_level,
                "--concurrency",
                &concurrency.to_string(),
            ])
            .arg("--config-path")
            .arg(file_of(config, &folder)?)
            .arg("--admin-address-path")
            .arg(&admin_file);
        if let Some(levels) = component_log_level {
            process = process.args(["--component-log-level", &levels]);
        }
        if let Some(port) = admin_port {
            process = process.arg("--config-yaml").arg(admin_yaml(port));
        }
        let process = Process::spawn("envoy", &binary.path, process)?;
        let ready = || process.wait_until("readiness", ready_within, || admin_when_live(&admin_file));
        match ready() {
            Ok(admin) => Ok(Self { process, admin, _folder: folder }),
            Err(Error::Exited { status, .. }) => Err(Error::EnvoyRefused { status, why: reasons(&process.log()) }),
            Err(other) => Err(other),
        }
    }

    /// Has Envoy check a configuration without running it (`--mode validate`): filters are loaded and take theirs. Its environment is
    /// that of this process, and these variables.
    ///
    /// # Errors
    /// [`Error::EnvoyRefused`] with the reason.
    pub fn validate<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        binary: &EnvoyBinary,
        config: &EnvoyConfig,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), Error> {
        let folder = Folder::create()?;
        let output = tools::run(
            Command::new(&binary.path)
                .args(["--mode", "validate", "--disable-hot-restart", "--log-level", "info", "--config-path"])
                .arg(file_of(config, &folder)?)
                .envs(variables),
            "envoy",
        )?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        Err(Error::EnvoyRefused { status: output.status, why: reasons(&String::from_utf8_lossy(&said)) })
    }

    /// The process: its id, log, exit status, CPU time and memory.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What it has logged so far: its own log and, where the configuration says so, the access log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Where its administration interface listens.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The answer of the administration interface to `GET <path>`, for example `/config_dump`.
    ///
    /// # Errors
    /// It does not answer, or not with 200.
    pub fn get(&self, path: &str) -> Result<String, Error> {
        let url = format!("http://{}{path}", self.admin);
        expect_ok(http::get(&url, ASK_FOR)?, url)
    }

    /// Has the administration interface do something: `POST <path>`, for example `/reset_counters`.
    ///
    /// # Errors
    /// It does not answer, or not with 200.
    pub fn post(&self, path: &str) -> Result<String, Error> {
        let url = format!("http://{}{path}", self.admin);
        expect_ok(http::post(&url, ASK_FOR)?, url)
    }

    /// The addresses of its listeners by name, with the ports that the system chose.
    ///
    /// # Errors
    /// The administration interface does not answer.
    pub fn listeners(&self) -> Result<BTreeMap<String, SocketAddr>, Error> {
        Ok(listeners_in(&self.get("/listeners")?))
    }

    /// Counters and gauges whose names begin with `prefix`; those that are still 0 included.
    ///
    /// # Errors
    /// The administration interface does not answer.
    pub fn stats(&self, prefix: &str) -> Result<BTreeMap<String, u64>, Error> {
        let mut stats = stats_in(&self.get("/stats")?);
        stats.retain(|name, _| name.starts_with(prefix));
        Ok(stats)
    }

    /// One counter or gauge; 0 when there is none of this name.
    ///
    /// # Errors
    /// The administration interface does not answer.
    pub fn counter(&self, name: &str) -> Result<u64, Error> {
        Ok(self.stats(name)?.get(name).copied().unwrap_or(0))
    }

    /// The first line of the log that `wanted` accepts, those already written included.
    ///
    /// # Errors
    /// It ended without such a line, or there was none after `within`.
    pub fn wait_for_line(&self, within: Duration, wanted: impl FnMut(&str) -> bool) -> Result<String, Error> {
        self.process.wait_for_line(within, wanted)
    }

    /// Stops it; dropping does so too.
    pub fn stop(&self) {
        self.process.stop();
    }
}

/// Where Envoy reads its configuration from.
fn file_of(config: &EnvoyConfig, folder: &Folder) -> Result<PathBuf, Error> {
    match config {
        EnvoyConfig::File(path) => Ok(path.clone()),
        EnvoyConfig::Yaml(text) => {
            let path = folder.path().join("envoy.yaml");
            fs::write(&path, text).map_err(Error::io_at("write", &path))?;
            Ok(path)
        }
    }
}

/// Merged over the configuration: an `admin` there keeps its other settings.
fn admin_yaml(port: u16) -> String {
    format!("admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}")
}

fn admin_when_live(file: &Path) -> Option<SocketAddr> {
    let admin: SocketAddr = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    let (status, body) = http::get(&format!("http://{admin}/ready"), ASK_FOR).ok()?;
    (status == 200 && body.trim() == "LIVE").then_some(admin)
}

fn expect_ok((status, body): (u16, String), url: String) -> Result<String, Error> {
    if status == 200 { Ok(body) } else { Err(Error::Http { url, why: format!("status {status}: {}", body.trim()) }) }
}

/// `name::127.0.0.1:10000` a line; a listener with several addresses has several lines.
fn listeners_in(text: &str) -> BTreeMap<String, SocketAddr> {
    text.lines()
        .filter_map(|line| line.split_once("::"))
        .filter_map(|(name, address)| Some((name.to_owned(), address.trim().parse().ok()?)))
        .collect()
}

/// `name: 5` a line; histograms and texts are no numbers and left out.
fn stats_in(text: &str) -> BTreeMap<String, u64> {
    text.lines()
        .filter_map(|line| line.rsplit_once(": "))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

/// The lines of a log that say why Envoy ended: errors, and what filters said; its last lines when there are none.
fn reasons(log: &str) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    let mut inside = false; // a message can have several lines, only the first with a level
    for line in log.lines() {
        if line.starts_with('[') {
            inside = ["[critical]", "[error]", "[warning][wasm]"].iter().any(|level| line.contains(level));
        }
        if inside && !line.trim().is_empty() && !reasons.contains(&line) {
            reasons.push(line);
        }
    }
    if reasons.is_empty() { tools::tail(log, 20) } else { reasons.join("\n") }
}

/// How soon a line of the access log is written; Envoy's default is 10 s.
/// Envoy's allocator keeps what is freed per processor, and gives it back when it is idle, if the kernel's restartable sequences are left to
/// it. The C library takes them since 2.35, and then each thread keeps some megabytes for good (google/tcmalloc, issue 144).
const PER_PROCESSOR: (&str, &str) = ("GLIBC_TUNABLES", "glibc.pthread.rseq=0");
const ACCESS_LOG_WITHIN_MS: &str = "50";
const ASK_FOR: Duration = Duration::from_secs(5);

impl fmt::Display for EnvoyBinary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envoy {} ({})", self.version, self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_the_numbers() {
        let text = "a.b: 5\nwasmcustom.x: 0\nh: P0(nan,1) P25(nan,1)\nt: \"text: 7\"\nodd name: 3: 4\n";
        let stats = stats_in(text);
        assert_eq!(stats.len(), 3);
        assert_eq!((stats["a.b"], stats["wasmcustom.x"], stats["odd name: 3"]), (5, 0, 4));
    }

    #[test]
    fn listeners_have_the_ports_that_were_chosen() {
        let listeners = listeners_in("gate::127.0.0.1:40001\nother::[::1]:7\nbroken::x\n");
        assert_eq!(listeners["gate"], SocketAddr::from(([127, 0, 0, 1], 40001)));
        assert_eq!(listeners["other"].port(), 7);
        assert_eq!(listeners.len(), 2);
    }

    #[test]
    fn reasons_are_errors_and_what_filters_say() {
        let log = "[1][info][main] starting\n\
                   [1][error][wasm] wasm log p: rules[0].x: unknown field\n  more of it\n\
                   [1][info][main] exiting\ntail\n\
                   [1][critical][main] error initializing configuration\n";
        assert_eq!(
            reasons(log),
            "[1][error][wasm] wasm log p: rules[0].x: unknown field\n  more of it\n\
             [1][critical][main] error initializing configuration"
        );
        assert_eq!(reasons("[1][info][main] bye\n"), "[1][info][main] bye");
    }
}
