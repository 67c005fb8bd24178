//! Who counts instructions: `perf` where the machine has counters, else Valgrind where it is installed.

use lockgate_harness::{EnvoyBinary, EnvoyOptions, Workspace};

use crate::Error;
use crate::callgrind::Callgrind;
use crate::perf;

/// Counts the user-space instructions of a process.
#[derive(Debug)]
pub enum Counter {
    /// The machine's own counters: costs nothing.
    Perf,
    /// Envoy runs in Valgrind, fifty times slower.
    Callgrind(Callgrind),
}

impl Counter {
    /// `perf` where it counts, else Valgrind where it is installed, else `None`.
    ///
    /// # Errors
    /// Valgrind is there and does not work.
    pub fn find(workspace: &Workspace) -> Result<Option<Self>, Error> {
        match Self::perf() {
            Some(perf) => Ok(Some(perf)),
            None => Ok(Callgrind::find(workspace)?.map(Self::Callgrind)),
        }
    }

    /// `perf`, where it counts.
    #[must_use]
    pub fn perf() -> Option<Self> {
        perf::counts().then_some(Self::Perf)
    }

    /// [`Self::find`]; without a counter, what to install.
    ///
    /// # Errors
    /// There is none.
    pub fn require(workspace: &Workspace) -> Result<Self, Error> {
        Self::find(workspace)?.ok_or_else(|| Error::wrong(NO_COUNTER))
    }

    /// As reports name it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Perf => "perf stat".to_owned(),
            Self::Callgrind(callgrind) => format!("valgrind callgrind ({})", callgrind.version()),
        }
    }

    /// What to start in place of Envoy.
    #[must_use]
    pub fn binary(&self, envoy: &EnvoyBinary) -> EnvoyBinary {
        match self {
            Self::Perf => envoy.clone(),
            Self::Callgrind(callgrind) => callgrind.binary(envoy),
        }
    }

    /// With what.
    #[must_use]
    pub fn options(&self, envoy: &EnvoyBinary) -> EnvoyOptions {
        match self {
            Self::Perf => EnvoyOptions::default(),
            Self::Callgrind(callgrind) => callgrind.options(envoy),
        }
    }

    /// The instructions of process `pid` while `work` is done.
    ///
    /// # Errors
    /// The work's, or the counter's.
    pub fn count(&self, pid: u32, work: impl FnOnce() -> Result<(), Error>) -> Result<f64, Error> {
        match self {
            Self::Perf => perf::count(pid, work),
            Self::Callgrind(callgrind) => callgrind.count(pid, work),
        }
    }

    /// The instructions of process `pid` for each of so many requests, and by how much the figure of half as many differs: 0.01
    /// is one percent.
    ///
    /// # Errors
    /// The request's, or the counter's.
    pub fn per_request(
        &self,
        pid: u32,
        requests: u32,
        mut ask: impl FnMut() -> Result<(), Error>,
    ) -> Result<(f64, f64), Error> {
        let half = requests.div_ceil(2);
        let mut each = |requests: u32| {
            let all = self.count(pid, || (0..requests).try_for_each(|_| ask()))?;
            Ok::<_, Error>(all / f64::from(requests))
        };
        let (few, many) = (each(half)?, each(requests)?);
        Ok((many, (few - many).abs() / many))
    }
}

/// What to do where nobody counts.
pub const NO_COUNTER: &str =
    "`perf` counts no instructions on this machine, and valgrind is not installed (apt install valgrind)";
