//! Mixed traffic for a long time while things break: no error that the faults do not explain, and flat memory.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use lockgate_harness::{EnvoyOptions, envoy, ports};
use serde_json::{Value, json};

use super::Place;
use super::load::{Answer, Due, open};
use super::mix::{Learnt, Mix};
use super::variant::CHAIN;
use super::work::Callers;
use crate::modules::say;
use crate::native::Cache;
use crate::policies::{self, KEYS_COUNT_S, Keys, Told};
use crate::portal::Fault;
use crate::{Error, Listener, Portal, Scene, Stage, hook, wasm};

/// What came of it.
#[derive(Clone, Debug)]
pub struct Soak {
    envoy: String,
    seconds: u64,
    per_second: u32,
    requests: u64,
    /// Answers by what they were, in the order of their names.
    answers: BTreeMap<String, u64>,
    /// How often each fault was made.
    faults: BTreeMap<&'static str, u64>,
    /// How many wrong answers each fault explains.
    explained: BTreeMap<&'static str, u64>,
    /// Those that none does, by what they are.
    unexplained: BTreeMap<String, u64>,
    /// Resident memory, a look a second.
    rss_bytes: Vec<u64>,
    p99_ms: f64,
    /// Lines of Envoy's log that say that a VM died.
    deaths: Vec<String>,
}

/// What is broken, for how long, and what that explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// The portals end connections, before an answer or in the middle of one.
    Resets,
    /// Nobody has keys to fetch, for longer than those that were fetched count.
    KeysGone,
    /// Envoy gets another configuration.
    Reload,
}

impl Break {
    fn name(self) -> &'static str {
        match self {
            Self::Resets => "upstream resets",
            Self::KeysGone => "key-set outage",
            Self::Reload => "configuration reload",
        }
    }

    /// Whether this is what it does to an answer. `None`: there was no whole one.
    fn explains(self, status: Option<u16>) -> bool {
        match self {
            Self::Resets => matches!(status, None | Some(502 | 503)),
            Self::KeysGone => status == Some(503),
            // A connection that Envoy closes as the next request is on its way.
            Self::Reload => status.is_none(),
        }
    }

    /// How long after its end it is still felt.
    fn echo(self) -> Duration {
        Duration::from_secs(match self {
            Self::Resets => 1,
            // Until the next try to fetch, and its answer.
            Self::KeysGone => 4,
            Self::Reload => DRAIN_S + 2,
        })
    }
}

/// An answer that is not as it must be.
struct Wrong {
    fault: String,
    /// `None`: it was no whole one.
    status: Option<u16>,
    /// When it was due, and when it was there.
    at: Instant,
    now: Instant,
}

/// A fault that was made: which, and from when until when it is felt.
type Made = (Break, Instant, Instant);

/// In a period of so many seconds: when which fault begins, and how long it is, in hundredths of the period.
const PERIOD_S: u64 = 40;
const SCHEDULE: [(Break, u64, u64); 3] = [(Break::Resets, 10, 8), (Break::KeysGone, 30, 45), (Break::Reload, 90, 0)];

/// Sends mixed traffic for so long, at so many requests a second, and breaks things meanwhile.
///
/// # Errors
/// Something cannot be built or started. What is answered wrongly is in the report.
pub fn soak(place: &Place<'_>, seconds: u64, per_second: u32) -> Result<Soak, Error> {
    let callers = Callers::start(&Mix::works())?;
    let mix = Mix::new(&callers);
    let keys = Portal::start([("keys".to_owned(), callers.issuer.key_set().to_string().into_bytes())])?;
    let binary = envoy::find(place.workspace, &say)?;
    let config = Config::new(place, &callers, &keys)?;
    let mut options = EnvoyOptions { concurrency: 2, ..EnvoyOptions::default() };
    options.process = options.process.env(hook::VARIABLE, hook::SECRET).args(["--drain-time-s", &DRAIN_S.to_string()]);
    let stage = Stage::start(&binary, config.bootstrap.clone(), options)?;
    config.until_served(&stage)?;

    let made: Mutex<Vec<Made>> = Mutex::new(Vec::new());
    let learnt: Mutex<Learnt> = Mutex::new(Learnt::new());
    let answers: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
    let wrong: Mutex<Vec<Wrong>> = Mutex::new(Vec::new());
    let judge = |due: &Due, answer: &Answer, (at, now): (Instant, Instant)| {
        let fault = fault(&learnt, due, answer);
        let status = answer.as_ref().ok().map(|(status, _)| *status);
        let class = status.map_or("broken".to_owned(), |status| status.to_string());
        *locked(&answers).entry(class).or_default() += 1;
        if let Some(fault) = fault {
            locked(&wrong).push(Wrong { fault, status, at, now });
        }
        None
    };
    let mut clients = (0..CLIENTS).map(|_| stage.client(LISTENER)).collect::<Result<Vec<_>, _>>()?;
    say(&format!(
        "{per_second} mixed requests a second for {seconds} s; every {PERIOD_S} s resets, an outage of keys and a reload"
    ));
    let begin = Instant::now();
    let (seen, rss_bytes) = thread::scope(|scope| {
        let saboteur = scope.spawn(|| sabotage(&config, &callers.portal, &keys, &made, begin, seconds));
        let watcher = scope.spawn(|| {
            (0..seconds)
                .map(|second| {
                    let at = begin + Duration::from_secs(second);
                    thread::sleep(at.saturating_duration_since(Instant::now()));
                    stage.envoy.process().rss_bytes().map_err(Error::from)
                })
                .collect::<Result<Vec<_>, _>>()
        });
        let seen = open(&mut clients, (per_second, seconds), 0, &|number| mix.due(number, true), &judge)?;
        saboteur.join().map_err(|_| Error::wrong("nobody breaks things any more"))??;
        let rss_bytes = watcher.join().map_err(|_| Error::wrong("nobody looks at the memory any more"))??;
        Ok::<_, Error>((seen, rss_bytes))
    })?;
    let made = locked(&made);
    let (mut explained, mut unexplained) = (BTreeMap::new(), BTreeMap::new());
    for Wrong { fault, status, at, now } in locked(&wrong).iter() {
        let cause = made.iter().find(|(cause, from, to)| now >= from && at <= to && cause.explains(*status));
        match cause {
            Some((cause, ..)) => *explained.entry(cause.name()).or_default() += 1,
            None => *unexplained.entry(fault.clone()).or_default() += 1,
        }
    }
    let mut faults = BTreeMap::new();
    for (cause, ..) in made.iter() {
        *faults.entry(cause.name()).or_default() += 1;
    }
    let log = stage.envoy.log();
    let deaths = log.lines().filter(|line| line.contains("[critical]")).map(str::to_owned).collect();
    Ok(Soak {
        envoy: binary.version,
        seconds,
        per_second,
        requests: seen.requests,
        answers: locked(&answers).clone(),
        faults,
        explained,
        unexplained,
        rss_bytes,
        p99_ms: seen.ms_at(99.0),
        deaths,
    })
}

/// What is wrong with an answer. A path answers the same bytes each time: the first answer is looked through, the others are compared.
fn fault(learnt: &Mutex<Learnt>, due: &Due, answer: &Answer) -> Option<String> {
    let (status, body) = match answer {
        Ok(answer) => answer,
        Err(error) => return Some(error.to_string()),
    };
    if *status != due.status {
        return Some(format!("{}: {status}, must be {}", due.ask.path, due.status));
    }
    if *status != 200 || due.ask.body.is_some() {
        return None;
    }
    let mut learnt = locked(learnt);
    let known = learnt.entry(due.ask.path.clone()).or_insert_with(|| body.clone());
    let text = String::from_utf8_lossy(body).to_lowercase();
    let leaks = ["markup", "profit", "margin", "unit_cost", "total_cost", "pricing", "revenue"];
    if let Some(name) = leaks.iter().find(|name| known.len() == body.len() && text.contains(&format!("{name}\":"))) {
        return Some(format!("{}: {name} was let through", due.ask.path));
    }
    (known != body).then(|| format!("{}: not the bytes that it answered first", due.ask.path))
}

/// Breaks things by the schedule, and mends them.
fn sabotage(
    config: &Config,
    portal: &Portal,
    keys: &Portal,
    made: &Mutex<Vec<Made>>,
    begin: Instant,
    seconds: u64,
) -> Result<(), Error> {
    let period_ms = PERIOD_S.min(seconds) * 1000;
    let until = |ms: u64| thread::sleep((begin + Duration::from_millis(ms)).saturating_duration_since(Instant::now()));
    for round in 0..(seconds * 1000 / period_ms.max(1)) {
        for (cause, from, length) in SCHEDULE {
            until(round * period_ms + period_ms * from / 100);
            let now = Instant::now();
            let length = Duration::from_millis(period_ms * length / 100);
            // Known before it is made, so that no answer is too early.
            locked(made).push((cause, now, now + length + cause.echo()));
            match cause {
                Break::Resets => portal.set(Fault::Resets),
                Break::KeysGone => keys.set(Fault::Unavailable),
                Break::Reload => config.reload(round + 1)?,
            }
            thread::sleep(length);
            portal.set(Fault::None);
            keys.set(Fault::None);
        }
    }
    Ok(())
}

/// Envoy's configuration, whose listener it reads from a file that it watches.
struct Config {
    folder: PathBuf,
    scene: Scene,
    module: PathBuf,
    port: u16,
    bootstrap: String,
}

impl Config {
    fn new(place: &Place<'_>, callers: &Callers, keys: &Portal) -> Result<Self, Error> {
        let folder = place.workspace.target().join("lockgate-bench").join(format!("soak-{}", process::id()));
        fs::create_dir_all(&folder).map_err(Error::io("create a folder for the configuration"))?;
        let scene = Scene {
            forwarded: true,
            clusters: vec![(KEYS.to_owned(), keys.address())],
            ..Scene::before(callers.portal.address())
        };
        let bootstrap = json!({
            "node": {"id": "soak", "cluster": "soak"},
            "static_resources": {"clusters": scene.clusters()},
            "dynamic_resources": {"lds_config": {"path_config_source": {"path": folder.join(FILE)}}},
        })
        .to_string();
        let port = ports::free()?.port();
        let config = Self { folder, scene, module: place.modules.filter(CHAIN)?, port, bootstrap };
        config.reload(0)?;
        Ok(config)
    }

    /// Another configuration, which refuses nobody either. A file that is moved to its place is read by Envoy as a whole.
    fn reload(&self, number: u64) -> Result<(), Error> {
        let mut policy = policies::chain(Keys::Fetched(KEYS), Cache::Warm, Told::Fields)?;
        if let Some(limit) = policy.pointer_mut("/chain/2/rate-limit/policies/1/limit") {
            *limit = json!(1_000_000_000 + number);
        }
        let filter = wasm("soak", "soak", &self.module, &policy.to_string(), &[hook::VARIABLE]);
        let mut listener =
            self.scene.listener(&Listener { name: LISTENER.to_owned(), filters: vec![filter] }, self.port);
        if let Some(members) = listener.as_object_mut() {
            let kind = Value::String("type.googleapis.com/envoy.config.listener.v3.Listener".to_owned());
            members.insert("@type".to_owned(), kind);
        }
        let resources = json!({"version_info": number.to_string(), "resources": [listener]});
        let (next, place) = (self.folder.join("next.json"), self.folder.join(FILE));
        fs::write(&next, resources.to_string()).map_err(Error::io("write a configuration"))?;
        fs::rename(&next, &place).map_err(Error::io("put a configuration in its place"))
    }

    /// Until keys were fetched and somebody is let in.
    fn until_served(&self, stage: &Stage) -> Result<(), Error> {
        let fetched = || {
            let stats = stage.envoy.stats("wasmcustom.").ok()?;
            stats.iter().any(|(name, count)| name.ends_with(".fetched") && *count > 0).then_some(())
        };
        Ok(stage.envoy.process().wait_until("the first keys", READY_WITHIN, fetched)?)
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // What is left is a configuration nobody needs, in the target folder.
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl Soak {
    /// By how much memory grew from the second fifth of the time to the last, most against most, in bytes.
    #[must_use]
    pub fn grown_bytes(&self) -> u64 {
        let fifth = self.rss_bytes.len() / 5;
        let most = |looks: Option<&[u64]>| looks.unwrap_or_default().iter().copied().max().unwrap_or_default();
        let early = most(self.rss_bytes.get(fifth..fifth * 2));
        most(self.rss_bytes.get(fifth * 4..)).saturating_sub(early)
    }

    /// What speaks against it; nothing, when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .unexplained
            .iter()
            .map(|(fault, times)| format!("{times} times, and no fault explains it: {fault}"))
            .collect();
        if self.grown_bytes() > MOST_GROWN_BYTES {
            all.push(format!("memory grew by {} bytes, must be at most {MOST_GROWN_BYTES}", self.grown_bytes()));
        }
        all.extend(self.deaths.iter().map(|line| format!("Envoy says: {line}")));
        all
    }

    /// The report.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let list = |counts: Vec<String>| if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        let faults = self.faults.iter().map(|(name, times)| {
            let explained = self.explained.get(name).copied().unwrap_or_default();
            format!("{times} × {name} ({explained} answers)")
        });
        // Writing to a `String` cannot fail.
        let mut out = String::new();
        let _ = writeln!(
            out,
            "Envoy {}, 2 workers, lockgate.wasm: {} requests in {} s ({} a second). {}.\n\n\
             - answers: {}\n- faults, and the wrong answers that they explain: {}\n\
             - memory: {:.1} MB at first, {:.1} MB at most; from the second fifth of the time to the last it grew by {:.1} MB (at most {:.0})\n\
             - 99 of 100 answers within {:.1} ms, faults included",
            self.envoy,
            self.requests,
            self.seconds,
            self.per_second,
            Mix::describe(),
            list(self.answers.iter().map(|(class, times)| format!("{times} × {class}")).collect()),
            list(faults.collect()),
            self.rss_bytes.first().copied().unwrap_or_default() as f64 / 1e6,
            self.rss_bytes.iter().copied().max().unwrap_or_default() as f64 / 1e6,
            self.grown_bytes() as f64 / 1e6,
            MOST_GROWN_BYTES as f64 / 1e6,
            self.p99_ms,
        );
        let against = self.faults();
        if against.is_empty() {
            out.push_str("\nNo error that the faults do not explain, and flat memory.\n");
        }
        for fault in against {
            let _ = writeln!(out, "- **{fault}**");
        }
        out
    }

    /// The same for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "envoy": self.envoy, "seconds": self.seconds, "per_second": self.per_second, "requests": self.requests,
            "answers": self.answers, "faults": self.faults, "explained": self.explained, "unexplained": self.unexplained,
            "rss_bytes": self.rss_bytes, "grown_bytes": self.grown_bytes(), "p99_ms": self.p99_ms, "against": self.faults(),
        })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What memory may grow by: Envoy keeps an old listener until it has drained, and its allocator some pages.
const MOST_GROWN_BYTES: u64 = 16 << 20;
const DRAIN_S: u64 = 2;
const CLIENTS: u32 = 16;
const LISTENER: &str = "soak";
const KEYS: &str = "keys";
const FILE: &str = "listeners.json";
const READY_WITHIN: Duration = Duration::from_secs(60);

/// An outage is felt: it is longer than keys count.
const _: () = assert!(PERIOD_S * 45 / 100 > KEYS_COUNT_S);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ask;

    fn of(rss_bytes: Vec<u64>) -> Soak {
        Soak {
            envoy: "1.40.0".to_owned(),
            seconds: 10,
            per_second: 1,
            requests: 10,
            answers: BTreeMap::from([("200".to_owned(), 9), ("broken".to_owned(), 1)]),
            faults: BTreeMap::from([("upstream resets", 1)]),
            explained: BTreeMap::from([("upstream resets", 1)]),
            unexplained: BTreeMap::new(),
            rss_bytes,
            p99_ms: 1.0,
            deaths: Vec::new(),
        }
    }

    #[test]
    fn growth_errors_and_deaths_speak_against_it() {
        let flat =
            of(vec![1, 90 << 20, 90 << 20, 91 << 20, 99 << 20, 95 << 20, 95 << 20, 91 << 20, 91 << 20, 92 << 20]);
        assert_eq!((flat.grown_bytes(), flat.faults()), (1 << 20, Vec::new()));
        assert!(flat.to_markdown().contains("1 × upstream resets (1 answers)"), "{}", flat.to_markdown());
        let growing = of((0..10).map(|n| n * (10 << 20)).collect());
        assert!(growing.faults()[0].contains("memory grew by 62914560 bytes"), "{:?}", growing.faults());
        let wrong = Soak { unexplained: BTreeMap::from([("/x: 500".to_owned(), 3)]), ..flat.clone() };
        assert_eq!(wrong.faults(), ["3 times, and no fault explains it: /x: 500"]);
        let dead = Soak { deaths: vec!["[critical] trap".to_owned()], ..flat };
        assert_eq!(dead.faults(), ["Envoy says: [critical] trap"]);
    }

    #[test]
    fn a_leak_and_other_bytes_are_no_good_answers() {
        let learnt = Mutex::new(Learnt::new());
        let due = Due { ask: Ask { path: "/p".to_owned(), ..Ask::default() }, status: 200 };
        let said = |body: &str| fault(&learnt, &due, &Ok((200, body.as_bytes().to_vec())));
        assert_eq!(said(r#"{"a":1}"#), None);
        assert_eq!(said(r#"{"a":1}"#), None);
        assert_eq!(said(r#"{"a":2}"#).as_deref(), Some("/p: not the bytes that it answered first"));
        assert_eq!(fault(&learnt, &due, &Ok((503, Vec::new()))).as_deref(), Some("/p: 503, must be 200"));
        let learnt = Mutex::new(Learnt::new());
        let said = |body: &str| fault(&learnt, &due, &Ok((200, body.as_bytes().to_vec())));
        assert_eq!(said(r#"{"Markup":1}"#).as_deref(), Some("/p: markup was let through"));
    }

    #[test]
    fn faults_explain_only_what_they_do() {
        for (cause, status, want) in [
            (Break::Resets, None, true),
            (Break::Resets, Some(503), true),
            (Break::Resets, Some(401), false),
            (Break::KeysGone, Some(503), true),
            (Break::KeysGone, Some(200), false),
            (Break::KeysGone, None, false),
            (Break::Reload, None, true),
            (Break::Reload, Some(503), false),
        ] {
            assert_eq!(cause.explains(status), want, "{cause:?}, {status:?}");
        }
    }
}
