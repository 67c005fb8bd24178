//! Instructions of one thing after another, as a table.

use std::fmt::Write;

/// What one row takes a request.
#[derive(Clone, Debug)]
pub struct Count {
    /// What it is.
    pub name: String,
    /// User-space instructions of all of Envoy.
    pub instructions: f64,
    /// More than without a filter.
    pub added: f64,
    /// By how much the figure of half as many requests differs: 0.01 is one percent.
    pub drift: f64,
}

/// What was counted.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Who counted.
    pub method: String,
    /// Envoy's version.
    pub envoy: String,
    /// What is to be said besides.
    pub note: String,
    /// The row that costs are over, where a column shall say so.
    pub over: Option<String>,
    /// In the order of the table.
    pub counts: Vec<Count>,
}

impl Counted {
    /// What a row adds.
    #[must_use]
    pub fn added(&self, name: &str) -> Option<f64> {
        self.counts.iter().find(|count| count.name == name).map(|count| count.added)
    }

    /// A table, with what was counted how before it.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let thousands = |count: f64| format!("{:.1} k", count / 1000.0);
        // Writing to a `String` cannot fail.
        let mut out = format!("Envoy {}, 1 worker, counted with {}{}\n\n", self.envoy, self.method, self.note);
        out.push_str(if self.over.is_some() { OVER } else { PLAIN });
        for Count { name, instructions, added, drift } in &self.counts {
            let (all, more) = (thousands(*instructions), thousands(*added));
            let what = match &self.over {
                Some(over) => {
                    let over = thousands(added - self.added(over).unwrap_or(f64::NAN));
                    format!("{more} | **{over}**")
                }
                None => format!("**{more}**"),
            };
            let _ = writeln!(out, "| {name} | {all} | {what} | {:.1} % |", drift * 100.0);
        }
        out
    }
}

const PLAIN: &str = "| what | instructions a request | added | half as many requests differ by |\n|---|---|---|---|\n";
const OVER: &str = "| what | instructions a request | added | over the empty filter | half as many requests differ by |\n\
                    |---|---|---|---|---|\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_over_no_filter_and_where_asked_over_another_row() {
        let count =
            |name: &str, instructions, added| Count { name: name.to_owned(), instructions, added, drift: 0.001 };
        let counts = vec![
            count("no filter", 150_000.0, 0.0),
            count("empty", 170_000.0, 20_000.0),
            count("one", 210_000.0, 60_000.0),
        ];
        let (method, envoy) = ("m".to_owned(), "1.40.0".to_owned());
        let mut counted = Counted { method, envoy, note: "; n".to_owned(), over: None, counts };
        for (over, lines) in [
            (None, ["Envoy 1.40.0, 1 worker, counted with m; n", "| one | 210.0 k | **60.0 k** | 0.1 % |"]),
            (Some("empty"), ["|---|---|---|---|---|", "| one | 210.0 k | 60.0 k | **40.0 k** | 0.1 % |"]),
            (Some("nothing"), ["|---|---|---|---|---|", "| one | 210.0 k | 60.0 k | **NaN k** | 0.1 % |"]),
        ] {
            counted.over = over.map(str::to_owned);
            let markdown = counted.to_markdown();
            for line in lines {
                assert!(markdown.lines().any(|written| written == line), "{line}\n{markdown}");
            }
        }
    }
}
