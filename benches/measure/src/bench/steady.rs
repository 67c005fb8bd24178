//! A steady rate of mixed requests, with the chain and without a filter by turns.

use lockgate_harness::{EnvoyOptions, envoy};

use super::Place;
use super::load::{Answer, Due, Seen, open};
use super::mix::Mix;
use super::variant::{Entry, Variant};
use super::work::Callers;
use crate::modules::say;
use crate::native::Cache;
use crate::{Error, Scene, Spread, Stage, hook};

/// What a steady rate was like.
#[derive(Clone, Debug)]
pub struct Steady {
    /// Envoy's version.
    pub envoy: String,
    /// Envoy's worker threads.
    pub workers: u32,
    /// Requests a second.
    pub per_second: u32,
    /// How long with the chain, and as long without a filter, in seconds.
    pub seconds: u64,
    /// Without a filter and with the chain: latencies in milliseconds at 50, 95 and 99 %, and requests a second.
    pub plain: [f64; 4],
    /// The same with the chain.
    pub chain: [f64; 4],
    /// What the chain adds to the 95th percentile, in milliseconds: pairs of turns that follow each other.
    pub added_p95_ms: Spread,
    /// What was not answered as it must be, and how often, with the chain and without.
    pub errors: Vec<(String, u64)>,
    /// Envoy's resident memory after each pair of turns, in bytes.
    pub rss_bytes: Vec<u64>,
}

impl Steady {
    /// By how much the memory grew after the first pair of turns, in bytes: less than nothing is 0.
    #[must_use]
    pub fn grown_bytes(&self) -> u64 {
        let first = self.rss_bytes.first().copied().unwrap_or_default();
        self.rss_bytes.iter().max().copied().unwrap_or_default().saturating_sub(first)
    }

    /// What the mix is made of.
    #[must_use]
    pub fn mix() -> String {
        Mix::describe()
    }
}

/// Sends so many mixed requests a second, `seconds` long through the chain and as long without a filter, in turns of a few seconds.
///
/// # Errors
/// Something cannot be built or started. What is answered wrongly is a figure.
pub fn steady(place: &Place<'_>, workers: u32, per_second: u32, seconds: u64) -> Result<Steady, Error> {
    let callers = Callers::start(&Mix::works())?;
    let mix = Mix::new(&callers);
    let binary = envoy::find(place.workspace, &say)?;
    let entries = [Variant::None, Variant::Chain].map(|variant| Entry { variant, cache: Cache::Warm });
    let listeners: Vec<_> =
        entries.iter().map(|entry| entry.listener(&place.modules, &callers.issuer)).collect::<Result<_, _>>()?;
    let scene = Scene { forwarded: true, ..Scene::before(callers.portal.address()) };
    let mut options = EnvoyOptions { concurrency: workers, ..EnvoyOptions::default() };
    options.process = options.process.env(hook::VARIABLE, hook::SECRET);
    let stage = Stage::start(&binary, scene.yaml(&listeners), options)?;
    let turn_s = seconds.clamp(1, TURN_S);
    let pairs = seconds.div_ceil(turn_s);
    let judge = |due: &Due, answer: &Answer| match answer {
        Ok((status, _)) if *status == due.status => None,
        Ok((status, _)) => Some(format!("{}: {status}, must be {}", due.ask.path, due.status)),
        Err(error) => Some(error.to_string()),
    };
    let mut clients = Vec::new();
    for entry in entries {
        let each = (0..CLIENTS).map(|_| stage.client(&entry.name()));
        clients.push((entry, each.collect::<Result<Vec<_>, _>>()?, Seen::new()?));
    }
    let (mut added, mut rss_bytes, mut first) = (Vec::new(), Vec::new(), 0);
    say(&format!("{per_second} requests a second, {pairs} times {turn_s} s with the chain and as long without"));
    // One pair more, which nobody counts: V8 compiles what is called often.
    for pair in 0..=pairs {
        let mut p95 = [0.0; 2];
        for n in 0..2 {
            let place = (n + usize::try_from(pair).unwrap_or_default()) % 2;
            let Some((entry, clients, all)) = clients.get_mut(place) else { continue };
            let guarded = entry.variant == Variant::Chain;
            let due = |number| mix.due(number, guarded);
            let seen = open(clients, (per_second, turn_s), first, &due, &|due, answer, _| judge(due, answer))?;
            if let Some(p95) = p95.get_mut(place) {
                *p95 = seen.ms_at(95.0);
            }
            if pair > 0 {
                all.add(&seen);
            }
        }
        first += u64::from(per_second) * turn_s;
        if pair > 0 {
            let [plain, chain] = p95;
            added.push(chain - plain);
            rss_bytes.push(stage.envoy.process().rss_bytes()?);
        }
    }
    let figures = |seen: &Seen| [seen.ms_at(50.0), seen.ms_at(95.0), seen.ms_at(99.0), seen.per_second()];
    let of = |variant| clients.iter().find(|(entry, ..)| entry.variant == variant).map(|(.., seen)| seen);
    let (plain, chain) = of(Variant::None).zip(of(Variant::Chain)).ok_or_else(|| Error::wrong("nothing was asked"))?;
    Ok(Steady {
        envoy: binary.version,
        workers,
        per_second,
        seconds: pairs * turn_s,
        plain: figures(plain),
        chain: figures(chain),
        added_p95_ms: Spread::of(added).ok_or_else(|| Error::wrong("no turns"))?,
        errors: plain.errors.iter().chain(&chain.errors).map(|(error, times)| (error.clone(), *times)).collect(),
        rss_bytes,
    })
}

const TURN_S: u64 = 5;
/// More than ever wait for an answer at once, unless something is wrong.
const CLIENTS: u32 = 16;
