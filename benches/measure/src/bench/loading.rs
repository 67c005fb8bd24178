//! How long Envoy takes to get ready with a variant, and what memory it takes then.

use std::thread;
use std::time::{Duration, Instant};

use lockgate_harness::{EnvoyOptions, envoy};

use super::load::closed;
use super::rounds::plural;
use super::variant::{Entry, Variant};
use super::work::{Callers, Work};
use super::{Place, Plan};
use crate::modules::say;
use crate::native::Cache;
use crate::{Error, Scene, Spread, Stage, hook};

/// What loading a variant takes.
#[derive(Clone, Copy, Debug)]
pub struct Loading {
    /// Which one.
    pub variant: Variant,
    /// Envoy's worker threads.
    pub workers: u32,
    /// From its start until Envoy is ready, in milliseconds: the median of some starts.
    pub ready_ms: f64,
    /// Resident memory once every worker has answered, in bytes: the median.
    pub rss_bytes: f64,
    /// The same after the rest that the plan gives it, in which Envoy gives back what loading has left: of the last start.
    pub rested_bytes: Option<f64>,
}

/// Envoy's allocator gives back what was not needed for five minutes (`tcmalloc_skip_subrelease_long_interval`), some megabytes a second.
pub(super) const REST: Duration = Duration::from_secs(330);

/// Starts an Envoy of its own for each variant, a few times, by turns.
pub(super) fn measure(place: &Place<'_>, plan: &Plan, callers: &Callers) -> Result<Vec<Loading>, Error> {
    let envoy = envoy::find(place.workspace, &say)?;
    let scene = Scene { forwarded: true, ..Scene::before(callers.portal.address()) };
    let work = Work::parse("1k").filter(|work| plan.works.contains(work));
    let (mut all, mut resting) = (Vec::new(), Vec::new());
    for &workers in &plan.loading {
        say(&format!("loading with {}, {} times each", plural(workers), plan.starts));
        let mut figures: Vec<(Variant, Vec<f64>, Vec<f64>)> =
            plan.variants.iter().map(|&variant| (variant, Vec::new(), Vec::new())).collect();
        for start in 1..=plan.starts {
            for (variant, ready_ms, rss_bytes) in &mut figures {
                let entry = Entry { variant: *variant, cache: Cache::Warm };
                let yaml = scene.yaml(&[entry.listener(&place.modules, &callers.issuer)?]);
                let mut options = EnvoyOptions { concurrency: workers, ..EnvoyOptions::default() };
                options.process = options.process.env(hook::VARIABLE, hook::SECRET);
                let begin = Instant::now();
                let stage = Stage::start(&envoy, yaml, options)?;
                ready_ms.push(begin.elapsed().as_secs_f64() * 1000.0);
                // Several connections a worker, so that each has some.
                let clients = (0..workers * 4).map(|_| callers.client(&stage, entry));
                let mut clients: Vec<_> = clients.collect::<Result<_, _>>()?;
                let work = if entry.variant == Variant::WebhookVerify { Some(Work::Hook) } else { work };
                if let Some(work) = work {
                    closed(&mut clients, plan.slot, &|| callers.ask(work))?;
                }
                rss_bytes.push(stage.envoy.process().rss_bytes()? as f64);
                if start == plan.starts && !plan.rest.is_zero() {
                    resting.push(stage);
                }
            }
        }
        for (variant, ready_ms, rss_bytes) in figures {
            let median = |figures: Vec<f64>| Spread::of(figures).map_or(f64::NAN, |spread| spread.median);
            all.push(Loading {
                variant,
                workers,
                ready_ms: median(ready_ms),
                rss_bytes: median(rss_bytes),
                rested_bytes: None,
            });
        }
    }
    if !resting.is_empty() {
        say(&format!("waiting {} s for what Envoy gives back", plan.rest.as_secs()));
        thread::sleep(plan.rest);
    }
    // They stand in the order in which they were started.
    for (loading, stage) in all.iter_mut().zip(&resting) {
        loading.rested_bytes = Some(stage.envoy.process().rss_bytes()? as f64);
    }
    Ok(all)
}
