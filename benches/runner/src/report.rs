//! A record of all figures with what they were taken on.

use std::fs;
use std::path::PathBuf;

use lockgate_harness::Workspace;
use lockgate_measure::modules::say;
use lockgate_measure::{Error, Modules, machine};
use serde_json::json;

use crate::{ENVOY_KEYS, Effort, NATIVE_KEYS, envoy, instructions, jwt, keys, limits, wasm, webhook};

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figures {
    All,
    /// What is counted: as true on a busy machine as on a quiet one.
    Counts,
}

/// Measures and writes `benches/record/revenue_strip.md` and `.json`.
pub(crate) fn record(workspace: &Workspace, modules: &Modules<'_>, figures: Figures) -> Result<(), Error> {
    // Before the record itself makes a difference.
    let commit = machine::commit(workspace.root());
    let size = modules.bytes("revenue-strip")?;
    let load = machine::load();
    let quiet = match load {
        Some(load) if load > QUIET => format!("load average {load} at the start: **others used the machine, {BUSY}**"),
        Some(load) => format!("load average {load} at the start"),
        None => "load unknown".to_owned(),
    };
    let timed = figures == Figures::All;
    let through = if timed { Some(envoy::measure(workspace, modules, Effort::Full)?) } else { None };
    let instructions = instructions::try_measure(workspace, modules);
    say(&instructions.to_markdown());
    let wasm = if timed { wasm::measure(workspace, modules, Effort::Full)? } else { wasm::count(workspace, modules)? };
    let processor = machine::processor();
    let date = machine::says("date", &["-u", "+%Y-%m-%d"], workspace.root());
    let rustc = machine::says("rustc", &["--version"], workspace.root());
    let markdown = format!(
        "# revenue_strip: cost, speed, size\n\n\
         Written by `cargo run --release -p lockgate-bench -- {}`.\n\n\
         Commit {commit} · {date} · {processor} · {rustc} · {quiet}\n\n\
         `revenue_strip.wasm`: {size} bytes.\n\n\
         ## Through Envoy\n\n{THROUGH}\n\n{}\n\
         ## Instructions added per request\n\n{INSTRUCTIONS}\n\n{}\n\
         ## In Wasm without a proxy\n\n{IN_WASM}\n\n{}",
        if timed { "record" } else { "record counts" },
        through.as_ref().map_or(NOT_TIMED.to_owned(), envoy::Through::to_markdown),
        instructions.to_markdown(),
        wasm.to_markdown(),
    );
    let json = json!({
        "commit": commit, "date": date, "processor": processor, "rustc": rustc, "load_average": load, "revenue_strip_wasm_bytes": size,
        "through_envoy": through.as_ref().map(envoy::Through::to_json), "instructions": instructions.to_json(), "in_wasm": wasm.to_json(),
    });
    let folder = workspace.root().join("benches").join("record");
    let write = |name: &str, text: String| {
        fs::write(folder.join(name), text).map_err(Error::io(format!("write benches/record/{name}")))
    };
    fs::create_dir_all(&folder).map_err(Error::io("create benches/record"))?;
    write("revenue_strip.md", markdown)?;
    write("revenue_strip.json", format!("{json:#}\n"))?;
    say("written: benches/record/revenue_strip.md and .json");
    Ok(())
}

/// Counts what jwt-auth adds and writes `benches/record/jwt_auth.md`.
pub(crate) fn record_jwt(workspace: &Workspace, modules: &Modules<'_>) -> Result<(), Error> {
    let head = Head::of("jwt_auth", "instructions, size", "record-jwt", "jwt-auth", workspace, modules)?;
    let counted = jwt::measure(workspace, modules)?;
    head.write(workspace, &format!("{JWT}\n\n{}", jwt::to_markdown(&counted)))
}

/// Counts what rate-limit adds, sends floods of keys, and writes `benches/record/rate_limit.md`.
pub(crate) fn record_limits(workspace: &Workspace, modules: &Modules<'_>) -> Result<(), Error> {
    let head = Head::of("rate_limit", "instructions, memory, size", "record-limits", "rate-limit", workspace, modules)?;
    let floods = keys::measure(workspace, modules, NATIVE_KEYS, ENVOY_KEYS)?.to_markdown();
    say(&floods);
    let counted = limits::measure(workspace, modules)?.to_markdown();
    head.write(
        workspace,
        &format!(
            "## Instructions added per request\n\n{LIMITS}\n\n{counted}\n## Keys without an end\n\n{KEYS}\n\n{floods}"
        ),
    )
}

/// Counts what webhook-verify adds and writes `benches/record/webhook_verify.md`, but for the part about SHA-256 at its end.
pub(crate) fn record_webhook(workspace: &Workspace, modules: &Modules<'_>) -> Result<(), Error> {
    let head =
        Head::of("webhook_verify", "instructions, size", "record-webhook", "webhook-verify", workspace, modules)?;
    let counted = webhook::measure(workspace, modules)?.to_markdown();
    let before = fs::read_to_string(head.path(workspace)).unwrap_or_default();
    let kept = before.find(SHA_256).and_then(|at| before.get(at..)).unwrap_or_default();
    head.write(workspace, &format!("{WEBHOOK}\n\n{counted}\n{kept}"))
}

/// How the record of one filter begins: taken before the record itself makes a difference.
struct Head {
    module: &'static str,
    text: String,
}

impl Head {
    fn of(
        module: &'static str,
        what: &str,
        command: &str,
        package: &str,
        workspace: &Workspace,
        modules: &Modules<'_>,
    ) -> Result<Self, Error> {
        let commit = machine::commit(workspace.root());
        let size = modules.bytes(package)?;
        let processor = machine::processor();
        let date = machine::says("date", &["-u", "+%Y-%m-%d"], workspace.root());
        let rustc = machine::says("rustc", &["--version"], workspace.root());
        let text = format!(
            "# {module}: {what}\n\n\
             Written by `cargo run --release -p lockgate-bench -- {command}`.\n\n\
             Commit {commit} · {date} · {processor} · {rustc}\n\n\
             `{module}.wasm`: {size} bytes.\n\n"
        );
        Ok(Self { module, text })
    }

    fn path(&self, workspace: &Workspace) -> PathBuf {
        workspace.root().join("benches").join("record").join(format!("{}.md", self.module))
    }

    fn write(&self, workspace: &Workspace, rest: &str) -> Result<(), Error> {
        let name = format!("benches/record/{}.md", self.module);
        fs::write(self.path(workspace), format!("{}{rest}", self.text)).map_err(Error::io(format!("write {name}")))?;
        say(&format!("written: {name}"));
        Ok(())
    }
}

/// Written by hand: where it begins.
const SHA_256: &str = "## SHA-256";

const WEBHOOK: &str = "\
User-space instructions of the whole Envoy process for one POST over a keep-alive connection, counted as those of jwt_auth.md. Every
delivery is another one, verified, claimed, sent on with three headers, and settled by the portal's 200; *nothing remembered* is with
`replay.window_s: 0`. The filter holds head and body until the last byte, so Envoy buffers the body: *a Wasm filter that does nothing*
does not.";

/// One of our own programs has just been compiled, perhaps.
const QUIET: f64 = 1.2;
const BUSY: &str = "times and ratios of times are not to be quoted; instruction counts are";

const NOT_TIMED: &str = "Not measured: this record holds what is counted.\n";

const THROUGH: &str = "\
CPU time of the whole Envoy process, user and system, for one GET over a keep-alive connection; minified purchase orders, about half
of the bytes revenue fields, `content-length` from the portal. An Envoy for each variant, one worker each, otherwise set up alike
(16 MiB connection buffers, so that `serde_strip` can gather the body). In each round every variant takes its turn, in changing order;
*least* is the cheapest round of a variant, what others do on the machine disturbs it least, and *least added* the difference from the
cheapest round of no filter; *median added* is the median of the differences within one round, with the middle half of them.
Every variant's answers are checked first. `serde_strip`: gathers the body, `serde_json::Value`, hash set and regex set of the same
lists, printed again; crates optimised for speed.";

const INSTRUCTIONS: &str = "\
User-space instructions of the whole Envoy process for one GET, set up as above: `perf stat` where the machine counts them, else Envoy
under `valgrind --tool=callgrind`, which also counts the code that V8 makes, but neither the kernel's work nor what waits for memory.
*Added* is the difference from no filter. Nearly the same in every run, however busy the machine is.";

const IN_WASM: &str = "\
`strip-wasm` (benches/strip-work): the best pass of many, in turns. Lockgate takes all steps of its filter, from the request's head on;
`serde_json` gets the whole body at once. Copy is in and out of a buffer. The scalar build is without `simd128`. Instructions are Wasmtime's
fuel (nearly every Wasm instruction one unit) of one pass: the same in every run, on every machine.";

const JWT: &str = "\
User-space instructions of the whole Envoy process for one GET over a keep-alive connection, under `valgrind --tool=callgrind`, which also
counts the code that V8 makes, but neither the kernel's work nor what waits for memory. One Envoy with a listener for each chain, so all
figures are of one run; *added* is the difference from no filter. Nearly the same in every run, however busy the machine is. The token
carries the unified payload. Both verify signature, issuer, audience and dates; jwt-auth also checks the rights in the reference matrix,
removes what only a gateway may say, counts, and leaves the identity and an audit line. A token *verified before* is in the filter's
cache; for the rows of one algorithm there is no cache, so each request is the first. RSA and P-256 are checked by Envoy's own
cryptography on both sides.";

const LIMITS: &str = "\
User-space instructions of the whole Envoy process for one GET over a keep-alive connection, under `valgrind --tool=callgrind`, which also
counts the code that V8 makes, but neither the kernel's work nor what waits for memory. One Envoy with a listener for each chain, so all
figures are of one run; *added* is the difference from no filter. Nearly the same in every run, however busy the machine is. Every
request is let in. 200 other callers have come before, so slots are as full as they are in use: 200 keys in the 625 slots that are
for 10,000.";

const KEYS: &str = "\
Addresses that come once, as fast as one process sends them, and steady callers among them. What is left to a steady caller only becomes
less while the one window runs: where an answer says more than the one before, the count was forgotten. Rates are those of a machine that
others used as well.";
