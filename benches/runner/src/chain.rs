//! The record of the chain: what issue 7 asks for, in one run.

use std::fs;

use lockgate_harness::Workspace;
use lockgate_measure::bench::{Count, Loading, Place, Plan, Report, Steady, Variant, Work, bench, steady, table};
use lockgate_measure::modules::say;
use lockgate_measure::native::Cache;
use lockgate_measure::{Error, machine};
use serde_json::json;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Full,
    /// The same in half of the time.
    Brief,
}

/// Measures everything and writes `benches/record/chain.md`, `.json` and `.svg`, and what of it stands in the README.
pub(crate) fn record(workspace: &Workspace, size: Size) -> Result<(), Error> {
    // Before the record itself makes a difference.
    let commit = machine::commit(workspace.root());
    let load = machine::load().map_or("unknown".to_owned(), |load| load.to_string());
    let place = Place::of(workspace);
    let wasm_bytes = place.modules.bytes("lockgate-filter")?;
    let steady = steady(&place, 2, RATE, SECONDS)?;
    say(&steady.to_markdown());
    let plan = match size {
        Size::Full => Plan::full(),
        Size::Brief => brief(),
    };
    let plan = Plan { count: Count::Valgrind, loading: vec![1, 4], starts: 3, ..plan };
    let report = bench(&place, &plan)?;
    let reached = reached(&report, &steady, wasm_bytes);
    let processor = machine::processor();
    let date = machine::says("date", &["-u", "+%Y-%m-%d"], workspace.root());
    let rustc = machine::says("rustc", &["--version"], workspace.root());
    let variants: String = Variant::ALL.iter().map(|it| format!("- `{}`: {}\n", it.name(), it.means())).collect();
    let goals: Vec<Vec<String>> = reached.iter().map(Goal::line).collect();
    let markdown = format!(
        "# The chain beside what people use today\n\n\
         Written by `cargo run --release -p lockgate-bench -- record-chain{}`.\n\n\
         Commit {commit} · {date} · {processor} · {rustc} · load average {load} at the start\n\n\
         ## What must be reached\n\n{}\n{GOALS}\n\n![What each variant adds to a request](chain.svg)\n\n\
         ## What each variant adds\n\n{HOW}\n\n{variants}\n{}\n\
         ## A steady rate\n\n{STEADY}\n\n{}",
        if size == Size::Brief { " brief" } else { "" },
        table(&["", "must be", "is", ""], &goals),
        report.to_markdown(),
        steady.to_markdown(),
    );
    let json = json!({
        "commit": commit, "date": date, "processor": processor, "rustc": rustc, "load_average": load,
        "lockgate_wasm_bytes": wasm_bytes, "reached": reached.iter().map(Goal::to_json).collect::<Vec<_>>(),
        "compared": report.to_json(), "steady": steady.to_json(),
    });
    let folder = workspace.root().join("benches").join("record");
    let write = |name: &str, text: String| {
        fs::write(folder.join(name), text).map_err(Error::io(format!("write benches/record/{name}")))
    };
    write("chain.md", markdown)?;
    write("chain.json", format!("{json:#}\n"))?;
    write("chain.svg", report.to_svg(PANELS)?)?;
    say("written: benches/record/chain.md, .json and .svg");
    let readme = workspace.root().join("README.md");
    let text = fs::read_to_string(&readme).map_err(Error::io("read README.md"))?;
    let summary = format!("Commit {commit}, {processor}.\n\n{}", summary(&report));
    let text = between(&text, &summary).ok_or_else(|| Error::wrong(format!("README.md has no {BEGIN} … {END}")))?;
    fs::write(&readme, text).map_err(Error::io("write README.md"))?;
    say("written: README.md");
    Ok(())
}

/// What a variant adds to a request, a column for each body: in instructions, or where none were counted in CPU time.
fn summary(report: &Report) -> String {
    let bodies: Vec<Work> = ["0", "1k", "1300k", "hook"].into_iter().filter_map(Work::parse).collect();
    let counted = report.counted_with.is_some();
    let added = |work: Work, variant: Variant| -> Option<String> {
        let row = report.rows.iter().find(|row| {
            (row.workers, row.work, row.entry.variant, row.entry.cache) == (1, work, variant, Cache::Warm)
        })?;
        match (counted, row.instructions, &row.figures) {
            (true, Some(counted), _) => Some(format!("{:.0} k", counted.added / 1000.0)),
            (false, _, Ok(figures)) => Some(format!("{:.0} us", figures.least_added_us)),
            (true, None, _) | (false, _, Err(_)) => None,
        }
    };
    let rows: Vec<Vec<String>> = README_VARIANTS
        .into_iter()
        .map(|variant| {
            let cells = bodies.iter().map(|&work| added(work, variant).unwrap_or_else(|| "-".to_owned()));
            std::iter::once(variant.means().to_owned()).chain(cells).collect()
        })
        .collect();
    let unit = if counted { "instructions added to a request" } else { "CPU time added to a request" };
    let titles: Vec<String> = bodies.iter().map(|work| work.means()).collect();
    let head: Vec<&str> = std::iter::once(unit).chain(titles.iter().map(String::as_str)).collect();
    table(&head, &rows)
}

/// The text with something else between the marks.
fn between(text: &str, new: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{new}{END}{after}"))
}

const BEGIN: &str = "<!-- written by record-chain -->";
const END: &str = "<!-- end of what record-chain writes -->";
const README_VARIANTS: [Variant; 6] =
    [Variant::Empty, Variant::Chain, Variant::ChainTelling, Variant::Native, Variant::NativeScan, Variant::SerdeStrip];

/// Everything in a third of the rounds, without what stands in [`Variant::Native`] anyway.
fn brief() -> Plan {
    let apart = [Variant::Rbac, Variant::Lua, Variant::LuaScan];
    let variants = Variant::ALL.into_iter().filter(|variant| !apart.contains(variant)).collect();
    Plan { variants, rounds: 5, ..Plan::full() }
}

/// A figure that must be reached.
struct Goal {
    what: &'static str,
    most: f64,
    is: Option<f64>,
    unit: &'static str,
}

impl Goal {
    fn holds(&self) -> Option<bool> {
        self.is.map(|is| is <= self.most)
    }

    fn line(&self) -> Vec<String> {
        let written = |figure: f64| match self.unit {
            "" => format!("{figure:.3}"),
            unit => format!("{figure:.1} {unit}"),
        };
        let verdict = match self.holds() {
            Some(true) => "reached",
            Some(false) => "**missed**",
            None => "not measured",
        };
        let is = self.is.map_or("-".to_owned(), written);
        vec![self.what.to_owned(), format!("at most {}", written(self.most)), is, verdict.to_owned()]
    }

    fn to_json(&self) -> serde_json::Value {
        json!({"what": self.what, "most": self.most, "is": self.is, "unit": self.unit, "holds": self.holds()})
    }
}

fn reached(report: &Report, steady: &Steady, wasm_bytes: u64) -> Vec<Goal> {
    let added = |body: &str, variant, cache| report.added_instructions(Work::parse(body)?, variant, cache);
    let ratio = |body: &str, of, to, cache| Some(added(body, of, cache)? / added(body, to, cache)?);
    let goal = |what, most, is, unit| Goal { what, most, is, unit };
    let loading = |variant, workers| {
        report.loading.iter().find(|loading| loading.variant == variant && loading.workers == workers)
    };
    // What the chain takes more than no filter, with so many workers.
    let more = |workers, figure: &dyn Fn(&Loading) -> f64| {
        Some(figure(loading(Variant::Chain, workers)?) - figure(loading(Variant::None, workers)?))
    };
    let megabytes = |loading: &Loading| loading.rested_bytes.unwrap_or(f64::NAN) / 1e6;
    let further = more(4, &megabytes).zip(more(1, &megabytes)).map(|(four, one)| (four - one) / 3.0);
    let errors = steady.errors.iter().map(|(_, times)| times).sum::<u64>() as f64;
    vec![
        goal(
            "warm token, two limits, 1 KB stripped: chain to native",
            0.7,
            ratio("1k", Variant::Chain, Variant::Native, Cache::Warm),
            "",
        ),
        goal(
            "the same to native-scan, whose Lua script does not parse",
            0.7,
            ratio("1k", Variant::Chain, Variant::NativeScan, Cache::Warm),
            "",
        ),
        goal(
            "the same without a body: instructions that the chain adds",
            100.0,
            added("0", Variant::Chain, Cache::Warm).map(|added| added / 1000.0),
            "k",
        ),
        goal(
            "1.3 MB: chain to serde-strip",
            1.0 / 15.0,
            ratio("1300k", Variant::Chain, Variant::SerdeStrip, Cache::Warm),
            "",
        ),
        goal(
            "cold EdDSA token, no body: jwt-auth to jwt_authn",
            1.5,
            ratio("0", Variant::JwtAuth, Variant::JwtAuthn, Cache::Off),
            "",
        ),
        goal(
            "1,000 mixed requests a second: added to the 95th percentile",
            2.0,
            Some(steady.added_p95_ms.median),
            "ms",
        ),
        goal("the same: wrong answers", 0.0, Some(errors), "errors"),
        goal("the same: memory grown in the run", 4.0, Some(steady.grown_bytes() as f64 / 1e6), "MB"),
        goal("ready later than without filters, 1 worker", 1500.0, more(1, &|loading| loading.ready_ms), "ms"),
        goal("resident memory of the chain after a rest, 1 worker", 50.0, more(1, &megabytes), "MB"),
        goal("the same for each further worker", 2.0, further, "MB"),
        goal("lockgate.wasm", 1.8, Some(wasm_bytes as f64 / 1e6), "MB"),
    ]
}

const RATE: u32 = 1000;
const SECONDS: u64 = 60;
/// Bodies in the chart: none, 1 KB, 100 KB, 1.3 MB.
const PANELS: usize = 4;

const GOALS: &str = "\
Ratios are of what each adds in user-space instructions over the same Envoy without a filter. Cold RS256 and ES256: [jwt_auth.md](jwt_auth.md).
Where the cost of what is missed sits: [chain_profile.md](chain_profile.md).";

const HOW: &str = "\
One Envoy with a listener for each variant, otherwise set up alike (64 MiB connection buffers, so that what gathers bodies can). Every
variant is first checked to do its job: nothing of the default lists is left and everything else is, forged tokens and none get 401, what
the caller has no right to 403, forged webhooks 401, limits count. Then all take turns in rounds, in changing order. CPU time is all of
Envoy's, user and system: *least* compares the cheapest rounds, the median is of differences within a round. *Times chain* is what a row
adds over what the chain adds: of instructions where they were counted, else of least CPU times. Latencies are of two clients a worker, each asking as
soon as it has its answer, on the machine that Envoy runs on. Where instructions were counted, Envoy ran under Valgrind in a run of its
own, with one worker. Bodies are pages of purchase orders, about half of the bytes revenue fields. The token is EdDSA with the
unified payload; *cold* is without any memory of verified tokens. A webhook is a POST of 1 KB. Each Envoy, the one without a filter, too,
gives unused memory back as the reference configuration says (`memory_allocator_manager`), and the C library leaves restartable sequences
to its allocator (`GLIBC_TUNABLES=glibc.pthread.rseq=0`). Resident memory is read once every worker has answered and, of the last start,
after five and a half minutes in which nobody asks anything: V8 needs much memory for a few hundred milliseconds, and the allocator keeps it for five
minutes in case that it is needed again.";

const STEADY: &str = "\
Each request is sent when it is due, and its latency counts from then.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_up_to_its_figure() {
        let goal = |is| Goal { what: "x", most: 0.7, is, unit: "" };
        let verdicts = [Some(0.7), Some(0.701), None].map(|is| goal(is).line().pop());
        assert_eq!(verdicts.map(|it| it.unwrap_or_default()), ["reached", "**missed**", "not measured"]);
        let readme = include_str!("../../../README.md");
        assert!(between(readme, "x\n").is_some_and(|text| text.contains(&format!("{BEGIN}\nx\n{END}"))));
        let line = Goal { what: "x", most: 2.0, is: Some(1.25), unit: "MB" }.line();
        assert_eq!(line, ["x", "at most 2.0 MB", "1.2 MB", "reached"]);
    }
}
