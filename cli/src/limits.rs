//! `lockgate limits`: what a configuration of rate-limit means, in numbers.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use lockgate::exchange::Policy as _;
use lockgate::rate_limit::{Line, Policy, Refused};
use serde_json::Value;

use crate::configuration::find_block;
use crate::filter::Filter;

use lockgate::replay::{self, Answer, Content, Ending, Heads, MemoryHost, Request};

/// Shows when which caller is refused under a configuration of rate-limit, and how much memory it takes.
///
/// Each policy and each of its tiers is tried for itself, with a caller who comes evenly.
///
/// Example: lockgate limits limits.json --per-second 5
#[derive(Args, Debug)]
pub(crate) struct LimitsArgs {
    /// The filter's configuration, a JSON file; or a chain, or a file for Envoy and the like, that has it.
    file: PathBuf,
    /// Which plugin, by its name, where a file has several of rate-limit.
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
    /// How often the caller comes, a second; absent: twice as often as each policy admits in the long run.
    #[arg(long, value_name = "RATE")]
    per_second: Option<f64>,
    /// Sends so many requests from different addresses, and between them those of 200 steady callers; shows how many of these
    /// were forgotten, and how the memory grows.
    #[arg(long, value_name = "REQUESTS")]
    flood: Option<u64>,
}

/// Runs the command.
pub(crate) fn run(args: &LimitsArgs) -> Result<u8, String> {
    if args.per_second.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
        return Err("--per-second: must be more than 0".to_owned());
    }
    let policy = policy(args)?;
    let mut out = io::stdout().lock();
    let mut print = |line: &dyn fmt::Display| writeln!(out, "{line}").map_err(|error| format!("write limits: {error}"));
    for line in policy.simulate(args.per_second) {
        print(&Shown(&line))?;
    }
    for size in policy.sizes() {
        print(&size)?;
    }
    if let Some(requests) = args.flood {
        flood(&policy, requests, &mut print)?;
    }
    Ok(0)
}

/// The policy of a file: its own, or a plugin's or a block's in it.
fn policy(args: &LimitsArgs) -> Result<Policy, String> {
    let shown = args.file.display();
    let text = fs::read(&args.file).map_err(|error| format!("read {shown}: {error}"))?;
    match Policy::from_json(&text) {
        Ok(policy) => Ok(policy),
        Err(error) => {
            let other = find_block(&args.file, Filter::RateLimit, &["policies", "penalties"], args.plugin.as_deref());
            match other {
                Ok(found) if found.block.text.as_bytes() != text => {
                    Policy::from_json(found.block.text.as_bytes()).map_err(|error| found.refused(&error))
                }
                // What says what is wrong with the file as a configuration of its own.
                Ok(_) => Err(format!("{shown}: {error}")),
                Err(_) if text.trim_ascii_start().starts_with(b"{") && !has_chain(&text) => {
                    Err(format!("{shown}: {error}"))
                }
                Err(message) => Err(message),
            }
        }
    }
}

fn has_chain(text: &[u8]) -> bool {
    serde_json::from_slice::<Value>(text).is_ok_and(|json| json.get("chain").is_some())
}

struct Shown<'a>(&'a Line);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { policy, tier, key, limit, window_s, burst, cost, at_once, per_second, refused, sent, admitted } =
            self.0;
        write!(f, "{policy}")?;
        if let Some(tier) = tier {
            write!(f, ", tier {tier}")?;
        }
        write!(f, " (by {key}): {limit} in {window_s} s")?;
        if burst != limit {
            write!(f, ", {burst} at once")?;
        }
        if *cost != 1 {
            write!(f, ", {cost} a request: {at_once} requests at once")?;
        }
        write!(f, "; at {per_second:.4} a second ")?;
        match refused {
            None => write!(f, "none of {sent} is refused"),
            Some(Refused { nth, after_ms, wait_ms }) => write!(
                f,
                "request {nth} is the first refused, after {:.3} s, for {:.3} s; {admitted} of {sent} pass",
                seconds(*after_ms),
                seconds(*wait_ms)
            ),
        }
    }
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

/// Steady callers of a flood.
const STEADY: u64 = 200;

/// Of so many requests of the flood, one is a steady caller's.
const ONE_OF: u64 = 10;

/// So many reports of memory.
const REPORTS: u64 = 10;

/// A flood of `GET /` from addresses that come once, a million a second of the policy's time. What is left to a steady caller
/// only becomes less while one window runs: where it becomes more, its count was forgotten.
fn flood(
    policy: &Policy,
    requests: u64,
    print: &mut dyn FnMut(&dyn fmt::Display) -> Result<(), String>,
) -> Result<(), String> {
    let mut host = MemoryHost::default();
    let answer = Answer::Response { status: 200, content: Content::default(), cut: false };
    let request = Request { method: "GET".to_owned(), path: "/".to_owned(), content: Content::default() };
    let evicted = policy.counters().iter().position(|name| name == "lockgate.rate_limit.table.evicted");
    let (mut left, mut forgotten, mut asked) = (vec![None::<u64>; STEADY as usize], 0_u64, 0_u64);
    let start = Instant::now();
    for n in 0..requests {
        host.now_ms = Some(n / 1_000);
        host.set_attribute(&["source", "address"], address(6, n).as_bytes());
        replay::run(policy, &mut host, &request, &answer, Heads::GoOn);
        if n % ONE_OF == 0 {
            let caller = n / ONE_OF % STEADY;
            host.set_attribute(&["source", "address"], address(7, caller).as_bytes());
            let outcome = replay::run(policy, &mut host, &request, &answer, Heads::GoOn);
            let field = outcome.headers.iter().find(|(name, _)| name == "ratelimit");
            let now = field.and_then(|(_, value)| remaining(value));
            if let (Some(place), Some(now)) = (left.get_mut(caller as usize), now) {
                asked += 1;
                let passed = outcome.ending == Ending::Pass;
                forgotten += u64::from(passed && place.is_some_and(|before| now >= before));
                *place = Some(if passed { now } else { 0 });
            }
        }
        host.audits.clear();
        if (n + 1) % requests.div_ceil(REPORTS) == 0 {
            let bytes: usize = host.slots.values().map(|slot| slot.bytes.len()).sum();
            print(&format_args!("flood: {} requests, {bytes} bytes in {} slots", n + 1, host.slots.len()))?;
        }
    }
    let evicted = evicted.and_then(|at| host.counters.get(&at)).copied().unwrap_or(0);
    print(&format_args!(
        "flood: {requests} requests in {:.1} s, {evicted} records evicted; of {asked} requests of {STEADY} steady callers \
         {forgotten} found their count forgotten",
        start.elapsed().as_secs_f64()
    ))
}

/// The network of a caller.
fn address(kind: u64, number: u64) -> String {
    format!("[2001:{kind}:{:x}:{:x}::1]:1", number >> 16 & 0xffff, number & 0xffff)
}

/// `r` of the first policy in a RateLimit field.
fn remaining(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let (_, rest) = text.split_once(";r=")?;
    rest.split([';', ',']).next()?.parse().ok()
}
