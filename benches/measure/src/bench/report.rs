//! What was measured, as tables, JSON and a chart.

use std::fmt::Write;

use serde_json::{Value, json};

use super::rounds::{Figures, Instructions, Row, plural};
use super::steady::Steady;
use super::variant::Variant;
use super::work::Work;
use super::{Report, chart};
use crate::Error;
use crate::native::Cache;

/// A Markdown table whose columns stand under each other also in a terminal.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|title| title.chars().count())).max().unwrap_or(0)
    };
    let mut out = String::new();
    let mut line = |cells: &[String]| {
        for (column, cell) in cells.iter().enumerate() {
            // Names to the left, figures to the right. Writing to a `String` cannot fail.
            let _ = match column {
                0 => write!(out, "| {cell:<width$} ", width = width(column)),
                _ => write!(out, "| {cell:>width$} ", width = width(column)),
            };
        }
        out.push_str("|\n");
    };
    line(&head.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>());
    let rules = head.iter().enumerate().map(|(column, _)| match column {
        0 => "-".repeat(width(column)),
        _ => format!("{}:", "-".repeat(width(column).saturating_sub(1))),
    });
    line(&rules.collect::<Vec<_>>());
    rows.iter().for_each(|row| line(row));
    out
}

/// 12,345 as `12.3 k`.
fn short(figure: f64) -> String {
    match figure.abs() {
        size if size >= 1e9 => format!("{:.2} G", figure / 1e9),
        size if size >= 1e6 => format!("{:.1} M", figure / 1e6),
        size if size >= 1e3 => format!("{:.1} k", figure / 1e3),
        _ => format!("{figure:.0}"),
    }
}

fn megabytes(bytes: f64) -> String {
    format!("{:.1}", bytes / 1e6)
}

impl Report {
    fn find(&self, workers: u32, work: Work, variant: Variant, cache: Cache) -> Option<&Row> {
        self.rows.iter().find(|row| {
            row.workers == workers && row.work == work && row.entry.variant == variant && row.entry.cache == cache
        })
    }

    /// What the chain adds to the same with one worker, in instructions.
    #[must_use]
    pub fn added_instructions(&self, work: Work, variant: Variant, cache: Cache) -> Option<f64> {
        Some(self.find(1, work, variant, cache)?.instructions?.added)
    }

    /// How many times what the chain adds a row adds, of instructions where they were counted and else of CPU time in the cheapest rounds.
    #[must_use]
    pub fn times_chain(&self, row: &Row) -> Option<f64> {
        let chain = self.find(row.workers, row.work, Variant::Chain, row.entry.cache);
        let chain = chain.or_else(|| self.find(row.workers, row.work, Variant::Chain, Cache::Warm))?;
        match (row.instructions, chain.instructions) {
            (Some(counted), Some(of_chain)) => Some(counted.added / of_chain.added),
            _ => Some(row.figures.as_ref().ok()?.least_added_us / chain.figures.as_ref().ok()?.least_added_us),
        }
    }

    /// Tables of everything.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut out = format!("Envoy {}", self.envoy);
        if let Some(counter) = &self.counted_with {
            // Writing to a `String` cannot fail.
            let _ = write!(out, ", instructions counted with {counter}");
        }
        out.push_str(".\n");
        let mut heads: Vec<(u32, Work)> = Vec::new();
        for row in &self.rows {
            if !heads.contains(&(row.workers, row.work)) {
                heads.push((row.workers, row.work));
            }
        }
        for (workers, work) in heads {
            let rows = self.rows.iter().filter(|row| (row.workers, row.work) == (workers, work));
            let counted = rows.clone().any(|row| row.instructions.is_some());
            let _ = writeln!(out, "\n**{}, {}**\n", work.means(), plural(workers));
            let lines: Vec<Vec<String>> = rows.map(|row| self.line(row, counted)).collect();
            out.push_str(&table(if counted { &COUNTED } else { TIMED }, &lines));
        }
        out.push_str(&self.loading_table());
        out
    }

    fn line(&self, row: &Row, counted: bool) -> Vec<String> {
        let mut line = vec![row.entry.name()];
        let times = self.times_chain(row).filter(|_| row.entry.variant != Variant::None);
        let times = times.map_or("-".to_owned(), |times| format!("{times:.2}"));
        if counted {
            line.push(row.instructions.map_or("-".to_owned(), |Instructions { added, .. }| short(added)));
        }
        match &row.figures {
            Ok(figures) => {
                let Figures { least_added_us, added_us, p50_ms, p95_ms, p99_ms, per_second, .. } = figures;
                line.push(format!("{least_added_us:.1}"));
                line.push(format!("{:.1} ({:.1}..{:.1})", added_us.median, added_us.low, added_us.high));
                line.push(times);
                line.extend([p50_ms, p95_ms, p99_ms].map(|ms| format!("{ms:.2}")));
                line.push(short(*per_second));
            }
            Err(fault) => {
                line.push(format!("cannot: {fault}"));
                line.extend(std::iter::repeat_n("-".to_owned(), TIMED.len() - 2));
            }
        }
        line
    }

    fn loading_table(&self) -> String {
        if self.loading.is_empty() {
            return String::new();
        }
        let of = |variant, workers| {
            self.loading.iter().find(|loading| loading.variant == variant && loading.workers == workers)
        };
        let rows: Vec<Vec<String>> = self
            .loading
            .iter()
            .map(|loading| {
                let plain = of(Variant::None, loading.workers);
                let over = |figure: f64, of: Option<f64>| of.map_or(f64::NAN, |of| figure - of);
                vec![
                    loading.variant.name().to_owned(),
                    loading.workers.to_string(),
                    format!("{:.0}", loading.ready_ms),
                    format!("{:.0}", over(loading.ready_ms, plain.map(|plain| plain.ready_ms))),
                    megabytes(loading.rss_bytes),
                    megabytes(over(loading.rss_bytes, plain.map(|plain| plain.rss_bytes))),
                    loading.rested_bytes.map_or("-".to_owned(), megabytes),
                    loading.rested_bytes.map_or("-".to_owned(), |rested| {
                        megabytes(over(rested, plain.and_then(|plain| plain.rested_bytes)))
                    }),
                ]
            })
            .collect();
        let head = [
            "loading",
            "workers",
            "ready after ms",
            "more than none",
            "resident MB",
            "more than none",
            "after a rest MB",
            "more than none",
        ];
        format!("\n{}", table(&head, &rows))
    }

    /// The same for programs: `rows`, `loading`, `envoy`, `counted_with`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let mut json = json!({
                "workers": row.workers, "body": row.work.name(), "variant": row.entry.variant.name(),
                "token": match row.entry.cache { Cache::Warm => "warm", Cache::Off => "cold" },
                "times_chain": self.times_chain(row),
                "instructions": row.instructions.map(|counted| json!({
                    "all": counted.all.round(), "added": counted.added.round(), "drift": counted.drift,
                })),
            });
            let more = match &row.figures {
                Ok(figures) => json!({
                    "requests": figures.requests,
                    "cpu_us": {
                        "least": figures.least_us, "least_added": figures.least_added_us,
                        "added": {
                            "low": figures.added_us.low, "median": figures.added_us.median, "high": figures.added_us.high,
                        },
                    },
                    "latency_ms": {"p50": figures.p50_ms, "p95": figures.p95_ms, "p99": figures.p99_ms},
                    "per_second": figures.per_second,
                }),
                Err(fault) => json!({"cannot": fault}),
            };
            if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
                json.extend(more);
            }
            json
        });
        let loading = self.loading.iter().map(|loading| {
            json!({
                "variant": loading.variant.name(), "workers": loading.workers, "ready_ms": loading.ready_ms,
                "rss_bytes": loading.rss_bytes, "rested_bytes": loading.rested_bytes,
            })
        });
        json!({
            "envoy": self.envoy, "counted_with": self.counted_with, "rows": rows.collect::<Value>(),
            "loading": loading.collect::<Value>(),
        })
    }

    /// What each variant adds to a request, a panel for each body with the fewest workers: an SVG image. `limit` names at most so many panels.
    ///
    /// # Errors
    /// It cannot be drawn, or there is nothing to draw.
    pub fn to_svg(&self, limit: usize) -> Result<String, Error> {
        let workers = self.rows.iter().map(|row| row.workers).min().unwrap_or(1);
        let mut panels: Vec<chart::Panel> = Vec::new();
        for row in self.rows.iter().filter(|row| row.workers == workers && row.entry.variant != Variant::None) {
            let counted = row.instructions.map(|counted| counted.added);
            let timed = row.figures.as_ref().ok().map(|figures| figures.least_added_us);
            let (figure, unit) = match (self.counted_with.is_some(), counted, timed) {
                (true, Some(added), _) => (added, "instructions added a request"),
                (false, _, Some(added)) => (added, "CPU microseconds added a request"),
                (true, None, _) | (false, _, None) => continue,
            };
            let title = format!("{}: {unit}", row.work.means());
            let bar = chart::Bar { name: row.entry.name(), figure: figure.max(0.0), label: short(figure) };
            match panels.iter_mut().find(|panel| panel.title == title) {
                Some(panel) => panel.bars.push(bar),
                None => panels.push(chart::Panel { title, bars: vec![bar] }),
            }
        }
        panels.truncate(limit);
        chart::svg(&panels)
    }
}

impl Steady {
    /// A table, and what it is about.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let row = |name: &str, [p50, p95, p99, rate]: [f64; 4]| {
            let mut row = vec![name.to_owned()];
            row.extend([p50, p95, p99].map(|ms| format!("{ms:.2}")));
            row.push(format!("{rate:.0}"));
            row
        };
        let head = ["", "p50 ms", "p95 ms", "p99 ms", "requests a second"];
        let rows = [row("no filter", self.plain), row("chain", self.chain)];
        let mut out = format!(
            "Envoy {}, {} workers, {} requests a second for {} s with the chain and as long without, in turns. {}.\n\n{}",
            self.envoy,
            self.workers,
            self.per_second,
            self.seconds,
            Self::mix(),
            table(&head, &rows)
        );
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            out,
            "\nAdded to the 95th percentile: {:.2} ms, the median of pairs of turns (middle half {:.2}..{:.2}). Wrong answers: {}. Memory \
             after the first pair: {} MB, grown since by {} MB.",
            self.added_p95_ms.median,
            self.added_p95_ms.low,
            self.added_p95_ms.high,
            self.errors.iter().map(|(_, times)| times).sum::<u64>(),
            megabytes(self.rss_bytes.first().copied().unwrap_or_default() as f64),
            megabytes(self.grown_bytes() as f64),
        );
        for (error, times) in &self.errors {
            let _ = writeln!(out, "- {times} times: {error}");
        }
        out
    }

    /// The same for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let latency =
            |[p50, p95, p99, rate]: [f64; 4]| json!({"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "per_second": rate});
        json!({
            "envoy": self.envoy, "workers": self.workers, "per_second": self.per_second, "seconds": self.seconds,
            "none": latency(self.plain), "chain": latency(self.chain),
            "added_p95_ms": {"low": self.added_p95_ms.low, "median": self.added_p95_ms.median, "high": self.added_p95_ms.high},
            "errors": self.errors.iter().map(|(error, times)| json!({"error": error, "times": times})).collect::<Value>(),
            "rss_bytes": self.rss_bytes,
        })
    }
}

const TIMED: &[&str] =
    &["", "CPU us added: least", "median (middle half)", "times chain", "p50 ms", "p95 ms", "p99 ms", "requests/s"];
const COUNTED: [&str; 9] = [
    "",
    "instructions added",
    "CPU us added: least",
    "median (middle half)",
    "times chain",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "requests/s",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spread;
    use crate::bench::Entry;

    fn report() -> Report {
        let work = Work::parse("1k").unwrap();
        let row = |variant, added: f64, counted: Option<f64>| Row {
            workers: 1,
            work,
            entry: Entry { variant, cache: Cache::Warm },
            figures: Ok(Figures {
                requests: 100,
                least_us: 50.0 + added,
                least_added_us: added,
                added_us: Spread { low: added - 1.0, median: added, high: added + 1.0 },
                p50_ms: 0.5,
                p95_ms: 1.25,
                p99_ms: 2.0,
                per_second: 12_345.0,
            }),
            instructions: counted.map(|added| Instructions { all: added + 2e5, added, drift: 0.01 }),
        };
        let mut rows = vec![
            row(Variant::None, 0.0, Some(0.0)),
            row(Variant::Chain, 20.0, Some(100_000.0)),
            row(Variant::Native, 50.0, Some(222_000.0)),
            row(Variant::Lua, 1.0, None),
        ];
        if let Some(lua) = rows.last_mut() {
            lua.figures = Err("answers 413".to_owned());
        }
        Report { envoy: "1.40.0".to_owned(), counted_with: Some("perf stat".to_owned()), rows, loading: Vec::new() }
    }

    #[test]
    fn ratios_are_of_what_is_added_and_of_what_was_counted() {
        let mut report = report();
        let markdown = report.to_markdown();
        for parts in [
            &["| native", "222.0 k", "50.0 (49.0..51.0)", "2.22", "0.50", "1.25", "12.3 k"][..],
            &["| chain", "100.0 k", "20.0", "1.00"],
            &["| none", " - "],
            &["| lua", "cannot: answers 413"],
        ] {
            let line = markdown.lines().find(|line| parts.iter().all(|part| line.contains(part)));
            assert!(line.is_some(), "{parts:?}\n{markdown}");
        }
        let widths: Vec<usize> = markdown.lines().filter(|line| line.starts_with('|')).map(str::len).collect();
        assert!(widths.iter().all(|width| Some(width) == widths.first()), "{markdown}");
        let json = report.to_json();
        assert_eq!(json["rows"][2]["times_chain"], 2.22);
        assert_eq!(json["rows"][3]["cannot"], "answers 413");
        for row in &mut report.rows {
            row.instructions = None;
        }
        assert_eq!(report.times_chain(&report.rows[2]), Some(2.5));
    }

    #[test]
    fn a_chart_has_a_bar_for_each_variant_and_says_of_what() {
        let svg = report().to_svg(4).unwrap();
        for part in ["<svg", "1 KB: instructions added a request", "native", "222.0 k", "chain", "</svg>"] {
            assert!(svg.contains(part), "{part}\n{svg}");
        }
        assert!(!svg.contains("\nnone\n"), "{svg}");
        let empty = Report { rows: Vec::new(), ..report() };
        assert!(empty.to_svg(4).is_err());
    }
}
