//! `lockgate bench`: what Lockgate adds to Envoy on this machine, beside what people use today.

mod chart;
mod load;
mod loading;
mod mix;
mod report;
mod rounds;
mod soak;
mod steady;
mod variant;
mod work;

use std::time::Duration;

use lockgate_harness::Workspace;

use self::work::Callers;
use crate::modules::say;
use crate::native::Cache;
use crate::{Counter, Error, Modules};

pub use loading::Loading;
pub use report::table;
pub use rounds::{Figures, Instructions, Row};
pub use soak::{Soak, soak};
pub use steady::{Steady, steady};
pub use variant::{Entry, Variant};
pub use work::Work;

/// Where it is measured.
#[derive(Debug)]
pub struct Place<'a> {
    /// The repository: modules are built from it.
    pub workspace: &'a Workspace,
    /// Those modules.
    pub modules: Modules<'a>,
}

impl<'a> Place<'a> {
    /// This repository.
    #[must_use]
    pub fn of(workspace: &'a Workspace) -> Self {
        Self { workspace, modules: Modules::new(workspace) }
    }
}

/// What is measured, and how exactly.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What takes turns. [`Variant::None`] must be one: everything is compared with it.
    pub variants: Vec<Variant>,
    /// What is asked.
    pub works: Vec<Work>,
    /// With a memory of verified tokens, without, or both.
    pub caches: Vec<Cache>,
    /// Envoy's worker threads, one run each.
    pub workers: Vec<u32>,
    /// Rounds of turns.
    pub rounds: u32,
    /// How long a turn is.
    pub slot: Duration,
    /// Clients at once, for each worker.
    pub connections: u32,
    /// Whether instructions are counted, and by whom: with one worker.
    pub count: Count,
    /// Worker threads with which loading is measured, one run each; none: not at all.
    pub loading: Vec<u32>,
    /// How often each variant is loaded.
    pub starts: u32,
    /// How long the last of them rests before its memory is read again; zero: it is not.
    pub rest: Duration,
}

/// Who counts instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Nobody.
    No,
    /// `perf`, where the machine has counters.
    Perf,
    /// `perf`, else Valgrind, which takes minutes.
    Valgrind,
}

impl Plan {
    /// Everything.
    #[must_use]
    pub fn full() -> Self {
        Self {
            variants: Variant::ALL.to_vec(),
            works: Work::ALL.to_vec(),
            caches: work::CACHES.to_vec(),
            workers: vec![1, 2],
            rounds: 15,
            slot: Duration::from_millis(100),
            connections: 2,
            count: Count::Perf,
            loading: vec![1, 2],
            starts: 3,
            rest: loading::REST,
        }
    }

    /// Enough to see where one stands: a minute or so.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            works: ["0", "1k", "100k", "hook"].into_iter().filter_map(Work::parse).collect(),
            caches: vec![Cache::Warm],
            workers: vec![1],
            rounds: 5,
            slot: Duration::from_millis(60),
            count: Count::Perf,
            loading: Vec::new(),
            rest: Duration::ZERO,
            ..Self::full()
        }
    }

    /// About how long it takes once everything is built, in seconds; Valgrind's counting not included.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        let starts = self.loading.len() as u64 * u64::from(self.starts) * self.variants.len() as u64 * 2;
        let rest = if self.loading.is_empty() { 0 } else { self.rest.as_secs() };
        rounds::seconds(self) + starts + rest
    }
}

/// Everything that was measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// Envoy's version.
    pub envoy: String,
    /// Who counted instructions, where somebody did.
    pub counted_with: Option<String>,
    /// Times and counts.
    pub rows: Vec<Row>,
    /// Loading and memory.
    pub loading: Vec<Loading>,
}

/// Builds, starts, checks and measures.
///
/// # Errors
/// Something cannot be built or started, or one of our filters does not do its work.
pub fn bench(place: &Place<'_>, plan: &Plan) -> Result<Report, Error> {
    let callers = Callers::start(&plan.works)?;
    let (mut rows, mut envoy) = (Vec::new(), String::new());
    for &workers in &plan.workers {
        let (version, more) = rounds::measure(place, plan, &callers, workers)?;
        envoy = version;
        rows.extend(more);
    }
    let counter = match plan.count {
        Count::No => None,
        Count::Perf => Counter::perf(),
        Count::Valgrind => Some(Counter::require(place.workspace)?),
    };
    let counted_with = match &counter {
        // The other figures are there also where Valgrind cannot run Envoy.
        Some(counter) => match rounds::count(place, plan, &callers, counter, &mut rows) {
            Ok(()) => Some(counter.name()),
            Err(error) => {
                say(&format!("no instructions: {error}"));
                None
            }
        },
        None => {
            if plan.count == Count::Perf {
                say(
                    "no instructions: `perf` counts none on this machine; `--instructions valgrind` does, in many minutes",
                );
            }
            None
        }
    };
    let loading = loading::measure(place, plan, &callers)?;
    Ok(Report { envoy, counted_with, rows, loading })
}
