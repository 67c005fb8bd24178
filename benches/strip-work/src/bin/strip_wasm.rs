//! Strips bodies over and over and prints how fast: built for `wasm32-wasip1` and run without a proxy.
//!
//! `strip-wasm [smoke]`: one JSON object a line: body, work, bytes, chunk width, best time of one pass in nanoseconds.
//! `strip-wasm csv`: the same of tables.
//! `strip-wasm modes`: the same of each format that the filter knows, without and with the second guard, and byte by byte.
//! `strip-wasm passes lockgate|serde_json minified|pretty <n>`, `strip-wasm passes csv needed|quoted <n>`, `strip-wasm passes
//! lockgate|guarded|bytes <media type> <n>` (bytes: byte by byte): so many passes over 1.3 MB, for counting instructions.

use std::hint::black_box;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lockgate::revenue_strip::Policy;
use serde_json::{Value, json};
use strip_work::bodies::{Quotes, Style, order_lines, order_table, purchase_orders};
use strip_work::csv_strip::{self, ByLists};
use strip_work::lockgate_strip;
use strip_work::serde_strip::Names;

/// How the body reaches a filter in Envoy.
const CHUNK_BYTES: usize = 64 * 1024;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["passes", work, kind, count] => passes(work, kind, count),
        ["csv"] => run_csv(&mut io::stdout().lock()),
        ["modes"] => run_modes(&mut io::stdout().lock()),
        words => run(words.contains(&"smoke"), &mut io::stdout().lock()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("strip-wasm: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(smoke: bool, out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    let names = Names::new()?;
    let policy = lockgate_strip::policy()?;
    let sizes: &[(&str, usize)] =
        if smoke { &[("1 MB", 1_000_000)] } else { &[("1 MB", 1_000_000), ("20 MB", 20_000_000)] };
    let patience = Duration::from_millis(if smoke { 250 } else { 1500 });
    for &(size, bytes) in sizes {
        for (style, kind) in [(Style::Minified, "minified"), (Style::Pretty, "pretty")] {
            let body = purchase_orders(bytes, style);
            check(&names, &policy, &body)?;
            let mut passes = Passes { body: &body, names: &names, policy: &policy, buffer: Vec::new() };
            let works = [Work::Copy, Work::Lockgate(CHUNK_BYTES), Work::Lockgate(4096), Work::Serde];
            let mut best = works.map(|work| (work, Duration::MAX));
            // Rounds of all of them, so that a slow moment of the machine meets each.
            for _ in 0..ROUNDS {
                for (work, least) in &mut best {
                    *least = (*least).min(passes.best_of(*work, patience / ROUNDS)?);
                }
            }
            for (work, time) in best {
                let (name, width) = work.name();
                let line = json!({
                    "body": format!("{size} {kind}"), "work": name, "chunk_bytes": width, "bytes": body.len(),
                    "best_ns": u64::try_from(time.as_nanos())?,
                });
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(())
}

/// Tables without comparison: what is asked is whether they keep up.
fn run_csv(out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    let names = Names::new()?;
    for (quotes, kind) in [(Quotes::Needed, "CSV"), (Quotes::All, "CSV, all quoted")] {
        let body = order_table(20_000_000, quotes);
        for width in [CHUNK_BYTES, 4096, 1] {
            let mut buffer = Vec::new();
            let mut best = Duration::MAX;
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_secs(2) {
                let pass = Instant::now();
                let sink = |bytes: &[u8]| {
                    black_box(bytes);
                };
                if !csv_strip::strip(&mut ByLists(&names), black_box(&body), width, &mut buffer, sink) {
                    return Err("Lockgate refused the table".into());
                }
                best = best.min(pass.elapsed());
            }
            let line = json!({
                "body": format!("20 MB {kind}"), "work": "lockgate", "chunk_bytes": width, "bytes": body.len(),
                "best_ns": u64::try_from(best.as_nanos())?,
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// Each format through the whole filter: what is asked is how they compare with one JSON text, and what the guard costs.
fn run_modes(out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    let bodies = formats(20_000_000);
    let (plain, guarded) = (lockgate_strip::policy()?, lockgate_strip::guarded_policy()?);
    let works =
        [("lockgate", &plain, CHUNK_BYTES), ("lockgate, guarded", &guarded, CHUNK_BYTES), ("lockgate", &plain, 1)];
    let mut best = [[Duration::MAX; 3]; 5];
    let mut buffer = Vec::new();
    // Rounds of all of them, so that a slow moment of the machine meets each.
    for _ in 0..4 * ROUNDS {
        for ((_, media, body), best) in bodies.iter().zip(&mut best) {
            for ((_, policy, width), best) in works.iter().zip(best) {
                let begin = Instant::now();
                let sink = |bytes: &[u8]| {
                    black_box(bytes);
                };
                if !lockgate_strip::strip_as(policy, media, black_box(body), *width, &mut buffer, sink) {
                    return Err(format!("Lockgate refused {media}").into());
                }
                *best = (*best).min(begin.elapsed());
            }
        }
    }
    for ((kind, _, body), best) in bodies.iter().zip(best) {
        for ((work, _, width), time) in works.iter().zip(best) {
            let line = json!({
                "body": format!("20 MB {kind}"), "work": work, "chunk_bytes": width, "bytes": body.len(),
                "best_ns": u64::try_from(time.as_nanos())?,
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// One body of each format that the filter knows, with its media type.
fn formats(bytes: usize) -> [(&'static str, &'static str, Vec<u8>); 5] {
    [
        ("JSON", "application/json", purchase_orders(bytes, Style::Minified)),
        ("NDJSON", "application/x-ndjson", order_lines(bytes, "", "\n")),
        ("JSON sequence", "application/json-seq", order_lines(bytes, "\u{1e}", "\n")),
        ("events", "text/event-stream", order_lines(bytes, "event: order\ndata: ", "\n\n")),
        ("CSV", "text/csv", order_table(bytes, Quotes::Needed)),
    ]
}

const ROUNDS: u32 = 3;

fn passes(work: &str, kind: &str, count: &str) -> Result<(), Box<dyn std::error::Error>> {
    if work == "csv" {
        let quotes = if kind == "quoted" { Quotes::All } else { Quotes::Needed };
        let (names, body) = (Names::new()?, order_table(1_300_000, quotes));
        return (0..count.parse::<u32>()?).try_for_each(|_| {
            let sink = |bytes: &[u8]| {
                black_box(bytes);
            };
            let went_on = csv_strip::strip(&mut ByLists(&names), &body, CHUNK_BYTES, &mut Vec::new(), sink);
            if went_on { Ok(()) } else { Err("Lockgate refused the table".into()) }
        });
    }
    if let Some((_, media, body)) = formats(1_300_000).into_iter().find(|(_, media, _)| *media == kind) {
        let policy = if work == "guarded" { lockgate_strip::guarded_policy()? } else { lockgate_strip::policy()? };
        let mut buffer = Vec::new();
        return (0..count.parse::<u32>()?).try_for_each(|_| {
            let sink = |bytes: &[u8]| {
                black_box(bytes);
            };
            let width = if work == "bytes" { 1 } else { CHUNK_BYTES };
            let went_on = lockgate_strip::strip_as(&policy, media, &body, width, &mut buffer, sink);
            if went_on { Ok(()) } else { Err(format!("Lockgate refused {media}").into()) }
        });
    }
    let work = if work == "lockgate" { Work::Lockgate(CHUNK_BYTES) } else { Work::Serde };
    let style = if kind == "pretty" { Style::Pretty } else { Style::Minified };
    let (names, policy) = (Names::new()?, lockgate_strip::policy()?);
    let body = purchase_orders(1_300_000, style);
    let mut passes = Passes { body: &body, names: &names, policy: &policy, buffer: Vec::new() };
    (0..count.parse::<u32>()?).try_for_each(|_| passes.pass(work))
}

#[derive(Clone, Copy)]
enum Work {
    /// In and out of a buffer, chunk by chunk, as every host does: the floor.
    Copy,
    /// The filter's steps with chunks of this size.
    Lockgate(usize),
    Serde,
}

impl Work {
    fn name(self) -> (&'static str, usize) {
        match self {
            Self::Copy => ("copy", CHUNK_BYTES),
            Self::Lockgate(width) => ("lockgate", width),
            Self::Serde => ("serde_json", 0),
        }
    }
}

struct Passes<'a> {
    body: &'a [u8],
    names: &'a Names,
    policy: &'a Policy,
    buffer: Vec<u8>,
}

impl Passes<'_> {
    /// The shortest pass within this time; one at least.
    fn best_of(&mut self, work: Work, patience: Duration) -> Result<Duration, Box<dyn std::error::Error>> {
        let begin = Instant::now();
        let mut best = Duration::MAX;
        loop {
            let pass = Instant::now();
            self.pass(work)?;
            best = best.min(pass.elapsed());
            if begin.elapsed() >= patience {
                return Ok(best);
            }
        }
    }

    fn pass(&mut self, work: Work) -> Result<(), Box<dyn std::error::Error>> {
        let buffer = &mut self.buffer;
        match work {
            Work::Copy => {
                let mut back = Vec::with_capacity(CHUNK_BYTES);
                for chunk in self.body.chunks(CHUNK_BYTES) {
                    buffer.clear();
                    buffer.extend_from_slice(chunk);
                    back.clear();
                    back.extend_from_slice(black_box(buffer));
                    black_box(&back);
                }
            }
            Work::Lockgate(width) => {
                let went_on = lockgate_strip::strip(self.policy, black_box(self.body), width, buffer, |bytes| {
                    black_box(bytes);
                });
                if !went_on {
                    return Err("Lockgate refused the body".into());
                }
            }
            Work::Serde => {
                black_box(self.names.strip_body(black_box(self.body))?);
            }
        }
        Ok(())
    }
}

/// Both strips must give the same value, and something must have gone.
fn check(names: &Names, policy: &Policy, body: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    let mut stripped = Vec::new();
    let went_on =
        lockgate_strip::strip(policy, body, CHUNK_BYTES, &mut Vec::new(), |bytes| stripped.extend_from_slice(bytes));
    let want = names.strip_body(body)?;
    if !went_on || stripped.len() >= body.len() {
        return Err("Lockgate stripped nothing".into());
    }
    let got: Value = serde_json::from_slice(&stripped)?;
    if got != serde_json::from_slice::<Value>(&want)? {
        return Err("the two strips differ".into());
    }
    Ok(())
}
