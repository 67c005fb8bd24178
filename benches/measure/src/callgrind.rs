//! User-space instructions of an Envoy that runs under Valgrind's callgrind, for machines where `perf` counts none.
//!
//! Callgrind counts each instruction of each thread as it translates it, V8's code included. It tells the processor's
//! name without AVX-512, so a library may choose other instructions than it would outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use lockgate_harness::{EnvoyBinary, EnvoyOptions, ProcessOptions, Workspace};

use crate::Error;
use crate::modules::{on_path, run};

/// Valgrind, and where it writes what it counted.
#[derive(Debug)]
pub struct Callgrind {
    valgrind: PathBuf,
    vgdb: PathBuf,
    version: String,
    folder: PathBuf,
}

impl Callgrind {
    /// `None` where Valgrind is not installed.
    ///
    /// # Errors
    /// It is installed and does not work.
    pub(crate) fn find(workspace: &Workspace) -> Result<Option<Self>, Error> {
        let (Some(valgrind), Some(vgdb)) = (on_path("valgrind"), on_path("vgdb")) else { return Ok(None) };
        let version = run(Command::new(&valgrind).arg("--version"), "valgrind")?.trim().to_owned();
        let folder = workspace.target().join("lockgate-bench").join(format!("callgrind-{}", process::id()));
        fs::create_dir_all(&folder).map_err(Error::io("create a folder for callgrind"))?;
        Ok(Some(Self { valgrind, vgdb, version, folder }))
    }

    /// `valgrind-3.19.0`
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// What to start in place of Envoy; [`Self::options`] names Envoy.
    pub(crate) fn binary(&self, envoy: &EnvoyBinary) -> EnvoyBinary {
        EnvoyBinary { path: self.valgrind.clone(), version: envoy.version.clone() }
    }

    /// How to start it.
    pub(crate) fn options(&self, envoy: &EnvoyBinary) -> EnvoyOptions {
        // `all-non-file`: V8 writes code where it wrote other code before.
        let process = ProcessOptions::new()
            .args(["--tool=callgrind", "--smc-check=all-non-file"])
            .arg(format!("--callgrind-out-file={}/%p", self.folder.display()))
            .env("GLIBC_TUNABLES", COPY_IN_A_LOOP)
            .arg(&envoy.path);
        EnvoyOptions { ready_within: READY_WITHIN, process, ..EnvoyOptions::default() }
    }

    /// The instructions of process `pid` while `work` is done.
    ///
    /// # Errors
    /// The work's, or Valgrind wrote no counts.
    pub(crate) fn count(&self, pid: u32, work: impl FnOnce() -> Result<(), Error>) -> Result<f64, Error> {
        self.take(pid)?;
        work()?;
        self.take(pid)
    }

    /// The instructions of process `pid` since they were last taken.
    fn take(&self, pid: u32) -> Result<f64, Error> {
        run(Command::new(&self.vgdb).arg(format!("--pid={pid}")).arg("dump"), "vgdb")?;
        // `<pid>.<number of the dump>`, the only one: what was read is removed.
        let prefix = format!("{pid}.");
        let is_dump = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
        let written = fs::read_dir(&self.folder).map_err(Error::io("read callgrind's folder"))?;
        let dump = written.flatten().map(|entry| entry.path()).find(|path| is_dump(path));
        let dump = dump.ok_or_else(|| Error::wrong("callgrind wrote no counts"))?;
        let text = fs::read_to_string(&dump).map_err(Error::io("read callgrind's counts"))?;
        fs::remove_file(&dump).map_err(Error::io("remove callgrind's counts"))?;
        total_in(&text).ok_or_else(|| Error::wrong("callgrind's counts have no total"))
    }
}

impl Drop for Callgrind {
    fn drop(&mut self) {
        // What is left are counts nobody needs, in the target folder.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// `totals: 123456`, after a header and a line or more for each function.
fn total_in(dump: &str) -> Option<f64> {
    dump.lines().rev().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

/// Valgrind takes each byte that `rep movsb` copies for an instruction, a processor and `perf` the whole: the C library copies with
/// vectors, whatever the length, as it does on other processors.
const COPY_IN_A_LOOP: &str = "glibc.cpu.x86_rep_movsb_threshold=1073741824";

/// Valgrind is fifty times slower and compiles the filter on one processor; others may use the machine.
const READY_WITHIN: Duration = Duration::from_mins(30);

#[cfg(test)]
mod tests {
    use super::total_in;

    #[test]
    fn the_total_of_a_dump_is_its_last_line_of_that_name() {
        let dump = "# callgrind format\nversion: 1\npid: 7\npart: 2\n\nevents: Ir\nsummary: 12\n\n\
                    fn=(1) totals: 5\n0 12\n\ntotals: 312543\n";
        let cases = [
            ("a dump", dump, Some(312_543.0)),
            ("an idle process", "events: Ir\n\ntotals: 0\n", Some(0.0)),
            ("cut off", "events: Ir\nsummary: 12\n\nfn=(1) f\n0 12\n", None),
            ("two events", "events: Ir Dr\n\ntotals: 3 4\n", None),
            ("nothing", "", None),
        ];
        for (name, dump, want) in cases {
            assert_eq!(total_in(dump), want, "{name}");
        }
    }
}
