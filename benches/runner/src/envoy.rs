//! The CPU time that a filter adds to an Envoy, and its memory.

use std::fmt::Write;
use std::time::Duration;

use lockgate_harness::{EnvoyOptions, Workspace, envoy};
use lockgate_measure::modules::say;
use lockgate_measure::{Error, Modules, Spread};
use serde_json::{Value, json};
use strip_work::bodies::{Style, purchase_orders};

use crate::Effort;
use crate::gates::{Gates, VARIANTS, Variant};

/// Bodies by the last part of their path, smallest first.
const BODIES: [(&str, usize); 3] = [("1KB", 1_000), ("100KB", 100_000), ("1300KB", 1_300_000)];

/// What was measured of one body.
#[derive(Clone, Debug)]
struct Row {
    body: &'static str,
    bytes: usize,
    costs: Vec<Cost>,
    /// Of the least costs, which others' work on the machine disturbs least.
    ratio: Option<f64>,
    /// Round by round.
    ratios: Option<Spread>,
}

/// What one variant costs a request.
#[derive(Clone, Debug)]
struct Cost {
    variant: Variant,
    requests: u32,
    /// CPU time of all of Envoy in the cheapest round, in microseconds, and how much more than without a filter in its cheapest.
    least_us: f64,
    least_added_us: f64,
    /// In all rounds.
    total_us: Spread,
    /// More than without a filter, in the same round.
    added_us: Spread,
}

/// What was measured of all bodies.
#[derive(Clone, Debug)]
pub(crate) struct Through {
    envoy: String,
    rounds: u32,
    rows: Vec<Row>,
    /// Resident memory now and at its peak, by variant.
    memory: Vec<(Variant, u64, u64)>,
    /// The linear memory of Lockgate's VM.
    vm_bytes: u64,
}

/// Starts everything, checks that each variant does its work, and measures.
pub(crate) fn measure(workspace: &Workspace, modules: &Modules<'_>, effort: Effort) -> Result<Through, Error> {
    let binary = envoy::find(workspace, &say)?;
    let bodies = BODIES.map(|(name, bytes)| (name.to_owned(), purchase_orders(bytes, Style::Minified)));
    let mut gates = Gates::start(&binary, modules, &bodies, EnvoyOptions::default)?;
    let (rounds, slot) = match effort {
        Effort::Smoke => (7, Duration::from_millis(30)),
        Effort::Full => (81, Duration::from_millis(60)),
    };
    let mut rows = Vec::new();
    for ((name, _), (_, body)) in BODIES.iter().zip(&bodies) {
        say(&format!("measuring {name} through Envoy"));
        rows.push(measure_body(&mut gates, name, body.len(), rounds, slot)?);
    }
    let memory = VARIANTS
        .into_iter()
        .filter(|&variant| variant != Variant::OtherPath)
        .map(|variant| {
            let process = gates.of(variant).stage.envoy.process();
            Ok((variant, process.rss_bytes()?, process.peak_rss_bytes()?))
        })
        .collect::<Result<_, Error>>()?;
    let gauges = gates.of(Variant::Lockgate).stage.envoy.stats("")?;
    let vm_bytes =
        gauges.iter().find(|(name, _)| name.ends_with("lockgate.vm.memory_bytes")).map_or(0, |(_, &now)| now);
    Ok(Through { envoy: binary.version, rounds, rows, memory, vm_bytes })
}

fn measure_body(
    gates: &mut Gates,
    name: &'static str,
    bytes: usize,
    rounds: u32,
    slot: Duration,
) -> Result<Row, Error> {
    let mut turns = Vec::new();
    for variant in VARIANTS {
        let gate = gates.of(variant);
        let path = variant.path(name);
        // Also warms up.
        let once = gate.us_per_request(&path, WARM_UP)?;
        let fitting = (slot.as_secs_f64() * 1e6 / once.max(1.0)).clamp(3.0, 2000.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "3..=2000")]
        turns.push((variant, path, fitting as u32, Vec::new()));
    }
    for round in 0..rounds as usize {
        // Who follows whom differs from round to round.
        for turn in 0..turns.len() {
            let place = (turn + round) % turns.len();
            if let Some((variant, path, requests, costs)) = turns.get_mut(place) {
                costs.push(gates.of(*variant).us_per_request(path, *requests)?);
            }
        }
    }
    let plain: Vec<f64> = turns.first().map(|(.., costs)| costs.clone()).unwrap_or_default();
    let added = |variant: Variant| -> Vec<f64> {
        let costs = turns.iter().find(|turn| turn.0 == variant).map(|turn| turn.3.as_slice()).unwrap_or_default();
        costs.iter().zip(&plain).map(|(with, without)| with - without).collect()
    };
    let of_rounds = added(Variant::Serde).into_iter().zip(added(Variant::Lockgate)).map(|(serde, ours)| serde / ours);
    let ratios = Spread::of(of_rounds);
    let least = |figures: &[f64]| figures.iter().copied().fold(f64::INFINITY, f64::min);
    let mut costs = Vec::new();
    for (variant, _, requests, total) in &turns {
        let spread = |figures: Vec<f64>| Spread::of(figures).ok_or_else(|| Error::wrong("no rounds"));
        costs.push(Cost {
            variant: *variant,
            requests: *requests,
            least_us: least(total),
            least_added_us: least(total) - least(&plain),
            total_us: spread(total.clone())?,
            added_us: spread(added(*variant))?,
        });
    }
    let of = |variant| costs.iter().find(|cost: &&Cost| cost.variant == variant);
    let both = of(Variant::Serde).zip(of(Variant::Lockgate));
    let ratio = both.map(|(serde, ours)| serde.least_added_us / ours.least_added_us);
    Ok(Row { body: name, bytes, costs, ratio, ratios })
}

const WARM_UP: u32 = 8;

impl Through {
    /// The ratio for the largest body.
    pub(crate) fn ratio_at_most_bytes(&self) -> Option<f64> {
        self.rows.last()?.ratio
    }

    pub(crate) fn to_markdown(&self) -> String {
        // Writing to a `String` cannot fail.
        let mut out = format!("Envoy {}, 1 worker, {} rounds\n\n", self.envoy, self.rounds);
        out.push_str(
            "| body | variant | requests a round | CPU us a request: least | least added | median added (middle half) |\n\
             |---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            for cost in &row.costs {
                let Spread { low, median, high } = cost.added_us;
                let _ = writeln!(
                    out,
                    "| {} ({} B) | {} | {} | {:.0} | **{:.0}** | {median:.0} ({low:.0}..{high:.0}) |",
                    row.body,
                    row.bytes,
                    cost.variant.name(),
                    cost.requests,
                    cost.least_us,
                    cost.least_added_us,
                );
            }
        }
        out.push_str(
            "\n| body | added by serde_strip : added by revenue_strip, least | median of rounds (middle half) |\n\
             |---|---|---|\n",
        );
        for row in &self.rows {
            let ratios = row
                .ratios
                .map_or("-".to_owned(), |Spread { low, median, high }| format!("{median:.1} ({low:.1}..{high:.1})"));
            let _ = writeln!(out, "| {} | **{:.1}** | {ratios} |", row.body, row.ratio.unwrap_or(f64::NAN));
        }
        out.push_str("\n| Envoy with | resident MB after the run | at its peak |\n|---|---|---|\n");
        for (variant, now, peak) in &self.memory {
            let _ = writeln!(out, "| {} | {} | {} |", variant.name(), now >> 20, peak >> 20);
        }
        let _ = writeln!(out, "\nLinear memory of revenue_strip's VM: {} KiB.", self.vm_bytes >> 10);
        out
    }

    pub(crate) fn to_json(&self) -> Value {
        let spread = |spread: Spread| json!({"low": spread.low, "median": spread.median, "high": spread.high});
        let rows = self.rows.iter().map(|row| {
            let costs = row.costs.iter().map(|cost| {
                json!({
                    "variant": cost.variant.name(), "requests_a_round": cost.requests,
                    "least_us": cost.least_us, "least_added_us": cost.least_added_us,
                    "total_us": spread(cost.total_us), "added_us": spread(cost.added_us),
                })
            });
            json!({
                "body": row.body, "bytes": row.bytes, "variants": costs.collect::<Value>(),
                "ratio_of_least": row.ratio, "ratio_of_rounds": row.ratios.map(spread),
            })
        });
        let memory = self
            .memory
            .iter()
            .map(|(variant, now, peak)| json!({"variant": variant.name(), "rss_bytes": now, "peak_rss_bytes": peak}));
        json!({
            "envoy": self.envoy, "rounds": self.rounds, "bodies": rows.collect::<Value>(),
            "memory": memory.collect::<Value>(), "vm_memory_bytes": self.vm_bytes,
        })
    }
}
