//! What becomes of memory, and of those who come again and again, when millions come once.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use lockgate::exchange::Policy as _;
use lockgate::rate_limit::Policy;
use lockgate::replay::{self, Answer, Content, Heads, MemoryHost, Request};
use lockgate_harness::{EnvoyOptions, Workspace, envoy};
use lockgate_measure::modules::say;
use lockgate_measure::{Behind, Error, Listener, Modules, Scene, Stage, wasm};
use serde_json::{Value, json};

/// Callers who come again and again.
const STEADY: u64 = 200;
/// Of so many requests of the flood one is theirs.
const ONE_OF: u64 = 10;
/// Requests that a connection sends before it reads the answers. One: Envoy closes a connection with more when it answers by itself.
const BATCH: u64 = 1;
/// Connections to Envoy.
const CLIENTS: u64 = 4;
/// Looks at the memory.
const LOOKS: u64 = 10;
/// The keys that the table is made for.
const TABLE: u64 = 10_000;

/// What was seen in one place.
#[derive(Clone, Debug, Default)]
struct Seen {
    keys: u64,
    /// Requests of the flood and of steady callers together.
    requests: u64,
    seconds: f64,
    /// At each look, the first one after a tenth of the flood.
    bytes: Vec<u64>,
    evicted: u64,
    steady: u64,
    /// Of those, how many found their count forgotten.
    forgotten: u64,
}

/// Both floods.
#[derive(Clone, Debug)]
pub(crate) struct Floods {
    envoy: String,
    most_bytes: usize,
    native: Seen,
    through: Seen,
}

/// Sends so many keys to the core, and so many through Envoy.
pub(crate) fn measure(
    workspace: &Workspace,
    modules: &Modules<'_>,
    native: u64,
    through: u64,
) -> Result<Floods, Error> {
    let config = config();
    let policy = Policy::from_json(config.to_string().as_bytes()).map_err(|error| Error::wrong(error.to_string()))?;
    say(&format!("{native} keys in the core"));
    let native = in_the_core(&policy, native);
    // At once: what follows takes longer, and may be broken off.
    say(&row("the core, all slots", &native));
    say(&format!("{through} keys through Envoy"));
    let (version, through) = through_envoy(workspace, modules, &config, through)?;
    Ok(Floods { envoy: version, most_bytes: policy.max_bytes(), native, through })
}

fn config() -> Value {
    json!({
        "policies": [{"name": "all", "match": {"paths": ["/**"]}, "key": ["address"], "limit": 4_000_000_000_u64, "window_s": 86_400}],
        "table": {"keys": TABLE},
    })
}

/// The network of a caller: IPv6 counts by its first 64 bits.
fn address(kind: u64, number: u64) -> String {
    format!("2001:{kind:x}:{:x}:{:x}::1", number >> 16 & 0xffff, number & 0xffff)
}

/// What is left to a steady caller only becomes less: where it becomes more, its count was forgotten.
#[derive(Debug)]
struct Watch(Vec<Option<u64>>);

impl Watch {
    fn new() -> Self {
        Self(vec![None; usize::try_from(STEADY).unwrap_or_default()])
    }

    fn sees(&mut self, caller: u64, field: &str, seen: &mut Seen) -> Result<(), Error> {
        let left = field.split(";r=").nth(1).and_then(|rest| rest.split(';').next()?.parse::<u64>().ok());
        let left = left.ok_or_else(|| Error::wrong(format!("`{field}` does not say what is left")))?;
        let place = usize::try_from(caller).ok().and_then(|caller| self.0.get_mut(caller));
        let before = place.and_then(|place| place.replace(left));
        seen.steady += 1;
        seen.forgotten += u64::from(before.is_some_and(|before| left >= before));
        Ok(())
    }
}

fn in_the_core(policy: &Policy, keys: u64) -> Seen {
    let mut host = MemoryHost { now_ms: Some(1_800_000_000_000), ..MemoryHost::default() };
    let answer = Answer::Response { status: 200, content: Content::default(), cut: false };
    let request = Request { method: "GET".to_owned(), path: "/x".to_owned(), content: Content::default() };
    let (mut seen, mut watch) = (Seen { keys, ..Seen::default() }, Watch::new());
    let begin = Instant::now();
    for number in 0..keys {
        host.set_attribute(&["source", "address"], address(0xdb8, number).as_bytes());
        replay::run(policy, &mut host, &request, &answer, Heads::GoOn);
        seen.requests += 1;
        if number % ONE_OF == 0 {
            let caller = number / ONE_OF % STEADY;
            host.set_attribute(&["source", "address"], address(0xdb9, caller).as_bytes());
            let outcome = replay::run(policy, &mut host, &request, &answer, Heads::GoOn);
            let field = outcome.headers.iter().find(|(name, _)| name == "ratelimit");
            let field = field.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default();
            seen.requests += 1;
            if let Err(error) = watch.sees(caller, &field, &mut seen) {
                say(&error.to_string());
            }
        }
        if (number + 1) % keys.div_ceil(LOOKS) == 0 || number + 1 == keys {
            seen.bytes.push(host.slots.values().map(|slot| slot.bytes.len() as u64).sum());
        }
    }
    seen.seconds = begin.elapsed().as_secs_f64();
    let evicted = policy.counters().iter().position(|name| name.ends_with("table.evicted"));
    seen.evicted = evicted.and_then(|place| host.counters.get(&place)).copied().unwrap_or(0);
    seen
}

fn through_envoy(
    workspace: &Workspace,
    modules: &Modules<'_>,
    config: &Value,
    keys: u64,
) -> Result<(String, Seen), Error> {
    let binary = envoy::find(workspace, &say)?;
    let filter = wasm("keys", "keys", &modules.filter("rate-limit")?, &config.to_string(), &[]);
    let scene = Scene { behind: Behind::Nothing, clusters: Vec::new(), forwarded: true, buffer_bytes: None };
    let yaml = scene.yaml(&[Listener { name: "gate".to_owned(), filters: vec![filter] }]);
    let stage = Stage::start(&binary, yaml, EnvoyOptions { concurrency: 2, ..EnvoyOptions::default() })?;
    let (gate, envoy) = (stage.address("gate")?, &stage.envoy);
    let mut seen = Seen { keys, ..Seen::default() };
    let mut watches: Vec<Watch> = (0..CLIENTS).map(|_| Watch::new()).collect();
    let begin = Instant::now();
    // Each look is a tenth of the flood, over all connections.
    for look in 0..LOOKS {
        let all: Result<Vec<Seen>, Error> = thread::scope(|scope| {
            let clients: Vec<_> = watches
                .iter_mut()
                .enumerate()
                .map(|(client, watch)| scope.spawn(move || part(gate, keys, look, client as u64, watch)))
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().unwrap_or_else(|_| Err(Error::wrong("a client died"))))
                .collect()
        });
        for part in all? {
            seen.requests += part.requests;
            seen.steady += part.steady;
            seen.forgotten += part.forgotten;
        }
        seen.bytes.push(envoy.process().rss_bytes()?);
        say(&format!("{} requests, {} bytes", seen.requests, seen.bytes.last().unwrap_or(&0)));
    }
    seen.seconds = begin.elapsed().as_secs_f64();
    seen.evicted = envoy.counter("wasmcustom.lockgate.rate_limit.table.evicted")?;
    Ok((binary.version, seen))
}

/// One connection's part of a look: its own keys, and its own steady callers, who are its alone so that what they are told only
/// becomes less.
fn part(gate: SocketAddr, keys: u64, look: u64, client: u64, watch: &mut Watch) -> Result<Seen, Error> {
    let each = keys / LOOKS / CLIENTS;
    let first = (look * CLIENTS + client) * each;
    let mut seen = Seen::default();
    let mut stream = TcpStream::connect(gate).map_err(Error::io("connect"))?;
    stream.set_nodelay(true).map_err(Error::io("connect"))?;
    let mut rest = Vec::new();
    let mut number = first;
    while number < first + each {
        // `None`: one of the flood.
        let mut callers = Vec::new();
        let mut batch = String::new();
        let mut ask = |address: String, caller: Option<u64>| {
            // Writing to a `String` cannot fail.
            let _ = write!(batch, "GET /x HTTP/1.1\r\nhost: bench\r\nx-forwarded-for: {address}\r\n\r\n");
            callers.push(caller);
        };
        for number in number..(number + BATCH).min(first + each) {
            ask(address(0xdb8, number), None);
            if number % ONE_OF == 0 {
                let caller = number / ONE_OF % (STEADY / CLIENTS);
                ask(address(0xdb9, client * STEADY + caller), Some(caller));
            }
        }
        number += BATCH;
        stream.write_all(batch.as_bytes()).map_err(Error::io("send requests"))?;
        for caller in callers {
            let head = head(&mut stream, &mut rest)?;
            if !head.starts_with("HTTP/1.1 200") {
                return Err(Error::wrong(format!("not let in: {head}")));
            }
            seen.requests += 1;
            if let Some(caller) = caller {
                let field = head.lines().find_map(|line| line.strip_prefix("ratelimit: ")).unwrap_or_default();
                watch.sees(caller, field, &mut seen)?;
            }
        }
    }
    Ok(seen)
}

/// The next answer's head; answers have no body.
fn head(stream: &mut TcpStream, rest: &mut Vec<u8>) -> Result<String, Error> {
    loop {
        if let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<u8> = rest.drain(..end + 4).collect();
            return Ok(String::from_utf8_lossy(&head).into_owned());
        }
        let mut piece = [0; 16 * 1024];
        match stream.read(&mut piece).map_err(Error::io("read an answer"))? {
            0 => return Err(Error::wrong("the connection ended inside an answer")),
            count => rest.extend_from_slice(piece.get(..count).unwrap_or_default()),
        }
    }
}

impl Seen {
    /// How much the memory grew after the first look, in bytes.
    fn grown(&self) -> i64 {
        let bytes = |look: Option<&u64>| look.and_then(|bytes| i64::try_from(*bytes).ok()).unwrap_or(0);
        bytes(self.bytes.iter().max()) - bytes(self.bytes.first())
    }
}

/// A line of the table.
fn row(name: &str, seen: &Seen) -> String {
    let Seen { keys, requests, seconds, bytes, evicted, steady, forgotten } = seen;
    let rate = *requests as f64 / seconds.max(f64::MIN_POSITIVE);
    let first = bytes.first().copied().unwrap_or(0);
    format!(
        "| {name} | {keys} | {requests} | {rate:.0} | {first} | **{}** | {evicted} | {steady} | **{forgotten}** |",
        seen.grown()
    )
}

impl Floods {
    pub(crate) fn to_markdown(&self) -> String {
        let mut out = format!(
            "A table for {TABLE} keys (at most {} bytes), one policy by address; {STEADY} steady callers, one request of them after \
             every {ONE_OF} of the flood. Envoy {}, 2 workers, {CLIENTS} connections.\n\n\
             | | keys | requests | a second | bytes after a tenth | grown after that | evicted | steady requests | of these forgotten |\n\
             |---|---|---|---|---|---|---|---|---|\n",
            self.most_bytes, self.envoy
        );
        for (name, seen) in [("the core, all slots", &self.native), ("Envoy, resident set", &self.through)] {
            out.push_str(&row(name, seen));
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_flood_is_seen_as_it_is() {
        let policy = Policy::from_json(config().to_string().as_bytes()).expect("good");
        let seen = in_the_core(&policy, 50_000);
        assert_eq!((seen.keys, seen.requests, seen.steady, seen.forgotten), (50_000, 55_000, 5_000, 0));
        assert_eq!(seen.bytes.len(), 10);
        assert!(seen.evicted > 20_000, "{seen:?}");
        assert!(seen.bytes.iter().all(|bytes| *bytes < policy.max_bytes() as u64 + 1_000), "{seen:?}");
    }

    #[test]
    fn a_count_that_begins_anew_is_seen() {
        let (mut watch, mut seen) = (Watch::new(), Seen::default());
        for (field, forgotten) in [("\"a\";r=9;t=1", 0), ("\"a\";r=8;t=1", 0), ("\"a\";r=9;t=1", 1)] {
            watch.sees(3, field, &mut seen).expect("a field");
            assert_eq!(seen.forgotten, forgotten);
        }
        assert!(watch.sees(3, "", &mut seen).is_err());
    }
}
