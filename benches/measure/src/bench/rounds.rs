//! Paired rounds: everything that is compared takes its turn in each, in changing order.

use lockgate_harness::{EnvoyOptions, envoy};

use super::load::{Seen, closed};
use super::variant::{Entry, Variant};
use super::work::{Callers, Work};
use super::{Place, Plan};
use crate::modules::say;
use crate::native::Cache;
use crate::{Client, Counter, Error, Scene, Spread, Stage, hook};

/// What one entry takes at one work.
#[derive(Clone, Debug)]
pub struct Row {
    /// Envoy's worker threads.
    pub workers: u32,
    /// What was asked.
    pub work: Work,
    /// Of whom.
    pub entry: Entry,
    /// `None`: it does not do this work, and why.
    pub figures: Result<Figures, String>,
    /// User-space instructions a request, where they were counted.
    pub instructions: Option<Instructions>,
}

/// What was timed. CPU time is all of Envoy's, user and system.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Requests in all rounds.
    pub requests: u64,
    /// CPU time of a request in the cheapest round, in microseconds.
    pub least_us: f64,
    /// More than without a filter, each in its cheapest round.
    pub least_added_us: f64,
    /// More than without a filter in the same round.
    pub added_us: Spread,
    /// Latency in milliseconds: half of the requests, 95 and 99 of a hundred are faster.
    pub p50_ms: f64,
    /// See there.
    pub p95_ms: f64,
    /// See there.
    pub p99_ms: f64,
    /// Requests a second.
    pub per_second: f64,
}

/// What was counted.
#[derive(Clone, Copy, Debug)]
pub struct Instructions {
    /// All of Envoy's.
    pub all: f64,
    /// More than without a filter.
    pub added: f64,
    /// By how much half as many requests differ: 0.01 is one percent.
    pub drift: f64,
}

/// Entries, works, and the Envoy that they are in.
struct Set<'a> {
    callers: &'a Callers,
    entries: Vec<Entry>,
    stage: Stage,
}

impl<'a> Set<'a> {
    fn start(
        place: &Place<'_>,
        plan: &Plan,
        callers: &'a Callers,
        counter: Option<&Counter>,
        workers: u32,
        variants: &[Variant],
    ) -> Result<Self, Error> {
        let entries = Entry::all(variants, &plan.caches);
        let listeners: Vec<_> =
            entries.iter().map(|entry| entry.listener(&place.modules, &callers.issuer)).collect::<Result<_, _>>()?;
        let envoy = envoy::find(place.workspace, &say)?;
        let scene =
            Scene { forwarded: true, buffer_bytes: Some(BUFFER_BYTES), ..Scene::before(callers.portal.address()) };
        let binary = counter.map_or_else(|| envoy.clone(), |counter| counter.binary(&envoy));
        let options = counter.map_or_else(EnvoyOptions::default, |counter| counter.options(&envoy));
        let process = options.process.env(hook::VARIABLE, hook::SECRET);
        let options = EnvoyOptions { concurrency: workers, process, ..options };
        let stage = Stage::start(&binary, scene.yaml(&listeners), options)?;
        Ok(Self { callers, entries, stage })
    }

    /// Those that do this work, the others with the reason. Lockgate must.
    fn able(&self, work: Work) -> Result<Vec<(Entry, Option<String>)>, Error> {
        let mut all = Vec::new();
        for &entry in self.entries.iter().filter(|entry| entry.variant.does(work)) {
            // Without tokens, a memory of them changes nothing.
            if work == Work::Hook && entry.cache == Cache::Off {
                continue;
            }
            let fault = self.callers.fault(&self.stage, entry, work)?;
            if let (true, Some(fault)) = (entry.variant.is_ours(), &fault) {
                return Err(Error::wrong(format!("{}, {}: {fault}", entry.name(), work.means())));
            }
            all.push((entry, fault));
        }
        Ok(all)
    }

    /// V8 calls in and out of a module slowly until it has compiled wrappers for that, after a thousand calls or so.
    fn warm_up(&self, entry: Entry, work: Work, clients: &mut [Client]) -> Result<(), Error> {
        let times = if entry.variant.is_wasm() { WARM_UP } else { WARM_UP_NATIVE };
        let each = times.div_ceil(u32::try_from(clients.len()).unwrap_or(1));
        for client in clients {
            for _ in 0..each {
                client.expect(&self.callers.ask(work)?, 200)?;
            }
        }
        Ok(())
    }
}

/// One entry's clients and what they saw, round by round.
struct Turns {
    entry: Entry,
    clients: Vec<Client>,
    costs_us: Vec<f64>,
    seen: Seen,
}

/// Measures everything of a plan with so many workers.
pub(super) fn measure(
    place: &Place<'_>,
    plan: &Plan,
    callers: &Callers,
    workers: u32,
) -> Result<(String, Vec<Row>), Error> {
    say(&format!("starting Envoy with {} and a listener for each variant", plural(workers)));
    let set = Set::start(place, plan, callers, None, workers, &plan.variants)?;
    let smallest = plan.works.iter().copied().find(|work| *work != Work::Hook);
    if let Some(smallest) = smallest {
        for &entry in set.entries.iter().filter(|entry| entry.variant.does(smallest)) {
            let clients = (0..workers * 2).map(|_| callers.client(&set.stage, entry));
            set.warm_up(entry, smallest, &mut clients.collect::<Result<Vec<_>, _>>()?)?;
        }
    }
    let mut rows = Vec::new();
    for &work in &plan.works {
        say(&format!(
            "{}, {}: every variant is checked, then {} rounds",
            plural(workers),
            work.means(),
            rounds(plan, work)
        ));
        rows.extend(measure_work(&set, plan, work, workers)?);
    }
    if smallest.is_some() {
        callers.check_counts(&set.stage, &set.entries)?;
    }
    Ok((envoy::find(place.workspace, &say)?.version, rows))
}

fn measure_work(set: &Set<'_>, plan: &Plan, work: Work, workers: u32) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let mut turns = Vec::new();
    for (entry, fault) in set.able(work)? {
        match fault {
            Some(fault) => rows.push(Row { workers, work, entry, figures: Err(fault), instructions: None }),
            None => {
                let clients = (0..work.connections(plan.connections * workers))
                    .map(|_| set.callers.client(&set.stage, entry))
                    .collect::<Result<Vec<_>, _>>()?;
                turns.push(Turns { entry, clients, costs_us: Vec::new(), seen: Seen::new()? });
            }
        }
    }
    let ask = || set.callers.ask(work);
    if work == Work::Hook {
        for turn in &mut turns {
            set.warm_up(turn.entry, work, &mut turn.clients)?;
        }
    }
    // One round more than asked for: what the first one sees may be colder.
    for round in 0..=rounds(plan, work) as usize {
        for n in 0..turns.len() {
            let at = (n + round) % turns.len();
            let Some(turn) = turns.get_mut(at) else { continue };
            let process = set.stage.envoy.process();
            let before = process.cpu_time()?;
            let seen = closed(&mut turn.clients, plan.slot, &ask)?;
            let used = process.cpu_time()?.saturating_sub(before);
            if round > 0 {
                turn.costs_us.push(used.as_secs_f64() * 1e6 / seen.requests.max(1) as f64);
                turn.seen.add(&seen);
            }
        }
    }
    let plain = turns.iter().find(|turn| turn.entry.variant == Variant::None);
    let plain: Vec<f64> = plain.map(|turn| turn.costs_us.clone()).unwrap_or_default();
    let least = |figures: &[f64]| figures.iter().copied().fold(f64::INFINITY, f64::min);
    for turn in &turns {
        let added = turn.costs_us.iter().zip(&plain).map(|(with, without)| with - without);
        let figures = Figures {
            requests: turn.seen.requests,
            least_us: least(&turn.costs_us),
            least_added_us: least(&turn.costs_us) - least(&plain),
            added_us: Spread::of(added).ok_or_else(|| Error::wrong("no rounds"))?,
            p50_ms: turn.seen.ms_at(50.0),
            p95_ms: turn.seen.ms_at(95.0),
            p99_ms: turn.seen.ms_at(99.0),
            per_second: turn.seen.per_second(),
        };
        rows.push(Row { workers, work, entry: turn.entry, figures: Ok(figures), instructions: None });
    }
    rows.sort_by_key(|row| set.entries.iter().position(|entry| *entry == row.entry));
    Ok(rows)
}

/// Counts the instructions of everything of a plan, with one worker, and adds them to the rows that there are.
pub(super) fn count(
    place: &Place<'_>,
    plan: &Plan,
    callers: &Callers,
    counter: &Counter,
    rows: &mut [Row],
) -> Result<(), Error> {
    let slow = matches!(counter, Counter::Callgrind(_));
    let variants = if slow { groups(&plan.variants) } else { vec![plan.variants.clone()] };
    variants.iter().try_for_each(|variants| count_group(place, plan, callers, counter, variants, rows))
}

/// Variants for one Envoy each, with no filter in all of them.
fn groups(variants: &[Variant]) -> Vec<Vec<Variant>> {
    let mut groups: Vec<Vec<Variant>> = Vec::new();
    for &variant in variants.iter().filter(|variant| **variant != Variant::None) {
        let wasm = |group: &Vec<Variant>| group.iter().filter(|variant| variant.is_wasm()).count();
        match groups.last_mut() {
            Some(group) if !variant.is_wasm() || wasm(group) < MAX_COUNTED_MODULES => group.push(variant),
            _ => groups.push(vec![Variant::None, variant]),
        }
    }
    groups
}

fn count_group(
    place: &Place<'_>,
    plan: &Plan,
    callers: &Callers,
    counter: &Counter,
    variants: &[Variant],
    rows: &mut [Row],
) -> Result<(), Error> {
    say(&format!("counting instructions with {}: starting Envoy", counter.name()));
    let set = Set::start(place, plan, callers, Some(counter), 1, variants)?;
    let first = plan.works.first().copied();
    let slow = matches!(counter, Counter::Callgrind(_));
    for &work in plan.works.iter().filter(|work| !(slow && work.is_very_long())) {
        let mut plain = None;
        for (entry, fault) in set.able(work)? {
            if fault.is_some() {
                continue;
            }
            say(&format!("counting {}, {}", entry.name(), work.means()));
            let mut client = callers.client(&set.stage, entry)?;
            if Some(work) == first || work == Work::Hook {
                set.warm_up(entry, work, std::slice::from_mut(&mut client))?;
            }
            client.expect(&callers.ask(work)?, 200)?;
            let ask = || client.expect(&callers.ask(work)?, 200);
            let (all, drift) = counter.per_request(set.stage.pid(), work.counted(), ask)?;
            let plain = *plain.get_or_insert(all);
            let counted = Instructions { all, added: all - plain, drift };
            for row in rows.iter_mut().filter(|row| row.work == work && row.entry == entry && row.workers == 1) {
                // No filter is counted with each group.
                row.instructions.get_or_insert(counted);
            }
        }
    }
    Ok(())
}

/// `2 workers`
pub(super) fn plural(workers: u32) -> String {
    format!("{workers} worker{}", if workers == 1 { "" } else { "s" })
}

/// Valgrind has no address space for more modules in one process: V8 sets ten gigabytes aside for each of their memories.
const MAX_COUNTED_MODULES: usize = 4;
const WARM_UP: u32 = 1500;
const WARM_UP_NATIVE: u32 = 100;
/// Enough for filters that gather the largest body; the same for all, so that only the filters differ.
const BUFFER_BYTES: u32 = 64 << 20;

/// Rounds of a work: of bodies that take seconds, few.
fn rounds(plan: &Plan, work: Work) -> u32 {
    if work.is_very_long() { plan.rounds.div_ceil(3) } else { plan.rounds }
}

/// How long all rounds take, about.
pub(super) fn seconds(plan: &Plan) -> u64 {
    let entries = Entry::all(&plan.variants, &plan.caches);
    let of_work = |work: Work| {
        let those = entries.iter().filter(|entry| entry.variant.does(work));
        // What gathers 20 MB takes seconds for one answer.
        let turn_ms = |entry: &Entry| {
            if work.is_very_long() && entry.variant.gathers() { 2_000 } else { plan.slot.as_millis() as u64 }
        };
        those.map(turn_ms).sum::<u64>() * u64::from(rounds(plan, work) + 1) / 1000
    };
    let starting = 5 + entries.len() as u64;
    plan.workers.len() as u64 * (starting + plan.works.iter().copied().map(of_work).sum::<u64>())
}
