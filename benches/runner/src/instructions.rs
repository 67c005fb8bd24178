//! User-space instructions that a filter adds to a request: nearly the same on a busy machine as on a quiet one.

use std::fmt::Write;

use lockgate_harness::{Workspace, envoy};
use lockgate_measure::modules::say;
use lockgate_measure::{Counter, Error, Modules, NO_COUNTER};
use serde_json::{Value, json};
use strip_work::bodies::{Style, purchase_orders};

use crate::gates::{Gates, VARIANTS, Variant};

/// Bodies by the last part of their path, smallest first, and how many requests are counted first; then twice as many.
const BODIES: [(&str, usize, Style, u32); 4] = [
    ("1KB", 1_000, Style::Minified, 500),
    ("100KB", 100_000, Style::Minified, 50),
    ("1300KB", 1_300_000, Style::Minified, 4),
    ("1300KB-pretty", 1_300_000, Style::Pretty, 4),
];

/// What one variant takes a request.
#[derive(Clone, Debug)]
pub(crate) struct Count {
    variant: Variant,
    instructions: f64,
    added: f64,
    /// By how much the figure of half as many requests differs: 0.01 is one percent.
    drift: f64,
}

/// What was counted of one body.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    body: &'static str,
    bytes: usize,
    requests: u32,
    counts: Vec<Count>,
}

/// What was counted of all bodies, or why nothing was.
#[derive(Clone, Debug)]
pub(crate) enum Instructions {
    Counted { method: String, envoy: String, rows: Vec<Row> },
    NotCounted { why: &'static str },
}

/// Starts everything, checks that each variant does its work, and counts.
pub(crate) fn measure(workspace: &Workspace, modules: &Modules<'_>) -> Result<Instructions, Error> {
    let Some(counter) = Counter::find(workspace)? else { return Ok(Instructions::NotCounted { why: NO_COUNTER }) };
    let envoy = envoy::find(workspace, &say)?;
    let bodies = BODIES.map(|(name, bytes, style, _)| (name.to_owned(), purchase_orders(bytes, style)));
    let method = counter.name();
    say(&format!("counting instructions with {method}"));
    let mut gates = Gates::start(&counter.binary(&envoy), modules, &bodies, || counter.options(&envoy))?;
    let mut rows = Vec::new();
    for ((name, _, _, requests), (_, body)) in BODIES.iter().zip(&bodies) {
        say(&format!("counting {name} through Envoy"));
        rows.push(count_body(&mut gates, &counter, name, body.len(), *requests)?);
    }
    Ok(Instructions::Counted { method, envoy: envoy.version, rows })
}

/// The same for a record, which has its other figures also where Valgrind cannot run Envoy.
pub(crate) fn try_measure(workspace: &Workspace, modules: &Modules<'_>) -> Instructions {
    measure(workspace, modules).unwrap_or_else(|error| {
        say(&format!("instructions: {error}"));
        Instructions::NotCounted { why: "counting failed" }
    })
}

fn count_body(
    gates: &mut Gates,
    counter: &Counter,
    body: &'static str,
    bytes: usize,
    requests: u32,
) -> Result<Row, Error> {
    let mut counts: Vec<Count> = Vec::new();
    for variant in VARIANTS {
        let (gate, path) = (gates.of(variant), variant.path(body));
        gate.ask(&path, WARM_UP)?;
        let (instructions, drift) = counter.per_request(gate.stage.pid(), requests * 2, || gate.ask(&path, 1))?;
        let plain = counts.first().map_or(instructions, |plain| plain.instructions);
        counts.push(Count { variant, instructions, added: instructions - plain, drift });
    }
    Ok(Row { body, bytes, requests: requests * 2, counts })
}

const WARM_UP: u32 = 8;

impl Row {
    fn added(&self, variant: Variant) -> Option<f64> {
        self.counts.iter().find(|count| count.variant == variant).map(|count| count.added)
    }

    /// What the comparison filter adds to what Lockgate adds.
    fn ratio(&self) -> Option<f64> {
        Some(self.added(Variant::Serde)? / self.added(Variant::Lockgate)?)
    }
}

impl Instructions {
    pub(crate) fn to_markdown(&self) -> String {
        let Self::Counted { method, envoy, rows } = self else {
            return format!("Not counted: {NO_COUNTER}.\n");
        };
        let thousands = |count: f64| format!("{:.0} k", count / 1000.0);
        // Writing to a `String` cannot fail.
        let mut out = format!("Envoy {envoy}, 1 worker, counted with {method}\n\n");
        out.push_str(
            "| body | variant | requests | instructions a request | added | half as many requests differ by |\n\
             |---|---|---|---|---|---|\n",
        );
        for Row { body, bytes, requests, counts } in rows {
            for Count { variant, instructions, added, drift } in counts {
                let _ = writeln!(
                    out,
                    "| {body} ({bytes} B) | {} | {requests} | {} | **{}** | {:.1} % |",
                    variant.name(),
                    thousands(*instructions),
                    thousands(*added),
                    drift * 100.0
                );
            }
        }
        out.push_str("\n| body | added by serde_strip : added by revenue_strip |\n|---|---|\n");
        for row in rows {
            let _ = writeln!(out, "| {} | **{:.1}** |", row.body, row.ratio().unwrap_or(f64::NAN));
        }
        out
    }

    pub(crate) fn to_json(&self) -> Value {
        let (method, envoy, rows) = match self {
            Self::Counted { method, envoy, rows } => (method, envoy, rows),
            Self::NotCounted { why } => return json!({"not_counted": why}),
        };
        let rows = rows.iter().map(|row| {
            let counts = row.counts.iter().map(|count| {
                json!({
                    "variant": count.variant.name(), "instructions": count.instructions.round(),
                    "added": count.added.round(), "drift": count.drift,
                })
            });
            json!({
                "body": row.body, "bytes": row.bytes, "requests": row.requests, "variants": counts.collect::<Value>(),
                "ratio": row.ratio(),
            })
        });
        json!({"method": method, "envoy": envoy, "bodies": rows.collect::<Value>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_what_is_added() {
        let count = |variant, instructions, added| Count { variant, instructions, added, drift: 0.004 };
        let counts = vec![
            count(Variant::Plain, 151_000.0, 0.0),
            count(Variant::Lockgate, 251_000.0, 100_000.0),
            count(Variant::Serde, 401_000.0, 250_000.0),
        ];
        let rows = vec![Row { body: "1KB", bytes: 1084, requests: 1000, counts }];
        let counted = Instructions::Counted { method: "perf stat".to_owned(), envoy: "1.40.0".to_owned(), rows };
        let markdown = counted.to_markdown();
        for line in [
            "Envoy 1.40.0, 1 worker, counted with perf stat",
            "| 1KB (1084 B) | revenue_strip | 1000 | 251 k | **100 k** | 0.4 % |",
            "| 1KB | **2.5** |",
        ] {
            assert!(markdown.lines().any(|written| written == line), "{line}\n{markdown}");
        }
        assert_eq!(counted.to_json()["bodies"][0]["ratio"], 2.5);
    }

    #[test]
    fn a_machine_without_a_counter_is_named() {
        let none = Instructions::NotCounted { why: NO_COUNTER };
        assert!(none.to_markdown().starts_with("Not counted: "));
        assert_eq!(none.to_json()["not_counted"], NO_COUNTER);
    }
}
