//! `lockgate check`: every Lockgate configuration inside configurations of Envoy and of what stands on it.

mod access;
mod ask_envoy;
mod caller;
mod finding;
mod limits;
mod listener;
mod order;
mod plugin;
mod service;
mod shadow;
mod twins;
mod webhooks;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use lockgate_harness::EnvoyBinary;
use serde_json::{Value, json};

use crate::configuration::{
    Block, Document, Listener, Plugin, Settings, blocks, documents, find, text_of, verify, verify_text,
};
use crate::filter::Filter;
use crate::place;

use self::finding::{Finding, Report, Severity};
use self::twins::Loaded;

/// Checks every Lockgate configuration inside files for Envoy, Istio, Envoy Gateway or Higress.
///
/// Each fault is named with file, line and field; then Envoy is asked, where there is one.
/// Exit codes: 0 good (warnings are printed), 1 warnings with --deny-warnings, 2 something is refused.
///
/// Example: lockgate check envoy.yaml
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// YAML or JSON files, also of several documents.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The files are this filter's configuration itself, as JSON text.
    #[arg(long)]
    filter: Option<Filter>,
    /// Does not ask Envoy.
    #[arg(long)]
    no_envoy: bool,
    /// Exit code 1 when there is a warning.
    #[arg(long)]
    deny_warnings: bool,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line each.
    Text,
    /// One JSON object.
    Json,
}

/// Whether Envoy is asked.
enum Ask {
    Envoy(EnvoyBinary),
    /// There is none.
    Nobody,
    NotWanted,
}

/// What was done with a file.
struct Checked {
    report: Report,
    configurations: usize,
    accepted_by: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &CheckArgs) -> Result<u8, String> {
    let envoy = match args.no_envoy || args.filter.is_some() {
        true => Ask::NotWanted,
        false => ask_envoy::found()?.map_or(Ask::Nobody, Ask::Envoy),
    };
    let mut checked = Vec::new();
    for path in &args.files {
        checked.push(match args.filter {
            Some(filter) => check_bare(filter, path),
            None => check_file(path, &envoy),
        });
    }
    let configurations: usize = checked.iter().map(|checked| checked.configurations).sum();
    let broken = checked.iter().any(|checked| checked.report.has_errors());
    if let Some(first) = checked.first_mut().filter(|_| configurations == 0 && !broken) {
        let message = "no Lockgate configuration is in it (a filter is known by its module's name, such as \
                       revenue_strip.wasm, its root_id or its name); for a configuration alone name it: --filter lockgate for a \
                       chain, --filter revenue-strip for that filter alone";
        first.report.push(Severity::Error, None, "", message);
    }
    let mut summary = Vec::new();
    let mut findings = Vec::new();
    for Checked { report, configurations, accepted_by } in checked {
        summary.push((report.file().to_owned(), configurations, accepted_by));
        findings.extend(report.into_findings());
    }
    let code = match findings.iter().map(|finding| finding.severity).min() {
        Some(Severity::Error) => 2,
        Some(Severity::Warning) if args.deny_warnings => 1,
        Some(Severity::Warning | Severity::Note) | None => 0,
    };
    match args.format {
        Format::Text => print_text(&findings, &summary),
        Format::Json => {
            let files: Vec<Value> = summary
                .iter()
                .map(|(file, configurations, envoy)| json!({"file": file, "configurations": configurations, "accepted_by_envoy": envoy}))
                .collect();
            writeln!(io::stdout(), "{}", json!({"files": files, "findings": findings}))
        }
    }
    .map_err(|error| format!("write findings: {error}"))?;
    Ok(code)
}

fn print_text(findings: &[Finding], summary: &[(String, usize, Option<String>)]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    for (file, configurations, envoy) in summary {
        if findings.iter().any(|finding| &finding.file == file && finding.severity == Severity::Error) {
            continue;
        }
        let count = match configurations {
            0 => "no Lockgate configuration".to_owned(),
            1 => "1 configuration is good".to_owned(),
            count => format!("{count} configurations are good"),
        };
        let envoy = envoy.as_ref().map_or(String::new(), |version| format!(", Envoy {version} accepts the file"));
        writeln!(out, "{file}: {count}{envoy}")?;
    }
    Ok(())
}

/// A file that is a configuration itself.
fn check_bare(filter: Filter, path: &Path) -> Checked {
    let mut report = Report::new(path.display().to_string());
    match text_of(path) {
        Err(message) => report.push(Severity::Error, None, "", message),
        Ok(text) => match verify_text(filter, &text) {
            Err(wrong) => report.push(Severity::Error, Some(wrong.line), &wrong.path, wrong.message),
            Ok(()) => {
                let line = |field: &str| place::line_of(&text, place::in_json(&text, field));
                check_blocks(&blocks(filter, &text), None, &line, &mut report);
            }
        },
    }
    Checked { report, configurations: 1, accepted_by: None }
}

fn check_file(path: &Path, envoy: &Ask) -> Checked {
    let mut report = Report::new(path.display().to_string());
    let mut configurations = 0;
    let mut accepted_by = None;
    match text_of(path).map(|text| documents(&text)) {
        Err(message) => report.push(Severity::Error, None, "", message),
        Ok(Err(fault)) => {
            let message = format!("is no YAML here: {}; correct the text at this place", fault.message);
            report.push(Severity::Error, Some(fault.line), "", message);
        }
        Ok(Ok(documents)) => {
            configurations = check_documents(&documents, &mut report);
            let askable = configurations > 0 && !report.has_errors() && ask_envoy::is_bootstrap(&documents);
            match (envoy, documents.as_slice()) {
                (Ask::Envoy(binary), [document]) if askable => {
                    ask_envoy::check_version(binary, &mut report);
                    if ask_envoy::ask(binary, path, document, &mut report) {
                        accepted_by = Some(binary.version.clone());
                    }
                }
                (Ask::Nobody, _) if askable => {
                    let message = "there is no Envoy here to ask: set ENVOY to one, or put it on PATH";
                    report.push(Severity::Note, None, "", message);
                }
                (Ask::Envoy(_) | Ask::Nobody | Ask::NotWanted, _) => {}
            }
        }
    }
    Checked { report, configurations, accepted_by }
}

/// The number of configurations.
fn check_documents(documents: &[Document], report: &mut Report) -> usize {
    let mut loaded = Vec::new();
    for document in documents {
        report.before = document.before;
        let found = find(&document.root);
        for node in found.unclear {
            let message = "is Lockgate's by its name, and which filter cannot be told; name the module as it is built, \
                           such as revenue_strip.wasm, or the root_id after the filter";
            report.add(Severity::Warning, node.line, "name", message);
        }
        let all = found.plugins.clone();
        for plugin in found.plugins {
            if loaded.len() >= MAX_PLUGINS {
                let message = format!("the file has more than {MAX_PLUGINS} Lockgate configurations; divide it");
                report.push(Severity::Error, None, "", message);
                return loaded.len();
            }
            report.before = document.before;
            let verified = verify(&plugin, document);
            let blocks = verified.as_ref().map(|json| blocks(plugin.filter, json)).unwrap_or_default();
            // A chain does what its blocks do, as far as they are known.
            let does = |what: fn(Filter) -> bool| match blocks.as_slice() {
                [] => what(plugin.filter),
                blocks => blocks.iter().any(|block| what(block.filter)),
            };
            plugin::check(&plugin, &does, report);
            if let Some(listener) = &plugin.listener {
                listener::check(listener, report);
                if does(Filter::edits_bodies) {
                    order::check(listener, report);
                }
            }
            let json = match verified {
                Ok(json) => {
                    check_rules(&plugin, &all, &blocks, &json, document, report);
                    Some(json)
                }
                Err(wrong) => {
                    report.push(Severity::Error, Some(wrong.line), &wrong.path, wrong.message);
                    None
                }
            };
            loaded.push(Loaded { plugin, json, before: document.before });
        }
    }
    twins::check(&loaded, report);
    loaded.len()
}

/// What a configuration means where it stands; the filter accepts it.
fn check_rules(
    plugin: &Plugin<'_>,
    all: &[Plugin<'_>],
    blocks: &[Block],
    text: &str,
    document: &Document,
    report: &mut Report,
) {
    let line = |field: &str| {
        let line = match plugin.settings {
            Settings::Text(place) => place.line_of(place::in_json(text, field), &document.source),
            Settings::Tree(tree) => place::in_tree(tree, field),
            Settings::Message(..) | Settings::Missing => plugin.node.line,
        };
        line + document.before
    };
    let stand = plugin.listener.map(|listener| Stand { listener, beside: limits::beside(all, &listener) });
    check_blocks(blocks, stand.as_ref(), &line, report);
    for block in blocks.iter().filter(|block| block.filter == Filter::RateLimit) {
        let json = serde_json::from_str(&block.text).unwrap_or_default();
        report.within.clone_from(&block.within);
        service::check(&json, &document.root, &|field| line(&block.path(field)), report);
    }
    report.within.clear();
}

/// Where a plugin stands: its listener, and our filters there by their places.
struct Stand<'a> {
    listener: Listener<'a>,
    beside: Vec<(usize, Filter)>,
}

/// The same block by block.
fn check_blocks(blocks: &[Block], stand: Option<&Stand<'_>>, line: &dyn Fn(&str) -> usize, report: &mut Report) {
    for (n, block) in blocks.iter().enumerate() {
        let json: Value = serde_json::from_str(&block.text).unwrap_or_default();
        let line = |field: &str| line(&block.path(field));
        report.within.clone_from(&block.within);
        shadow::check(&json, &line, report);
        match (block.filter, stand) {
            (Filter::JwtAuth, _) => access::check(&block.text, &line, report),
            (Filter::WebhookVerify, _) => webhooks::check(&block.text, &line, report),
            (_, Some(Stand { listener, beside })) => {
                // Then it is known who calls, unless the block asks somebody else.
                let known = blocks.iter().take(n).any(|before| before.filter == Filter::JwtAuth);
                if !known || json.get("identity").is_some() {
                    caller::check(&json, listener, beside, &line, report);
                }
                if block.filter == Filter::RateLimit {
                    limits::addresses(&json, listener, report);
                    // A chain runs what shields before all blocks, and the core has looked at the order of the rest.
                    if blocks.iter().all(|other| other.filter != Filter::JwtAuth) {
                        limits::check(&json, listener, beside, &line, report);
                    }
                }
            }
            (_, None) => {}
        }
    }
    report.within.clear();
}

/// Most configurations of a file: each is compared with all before it.
const MAX_PLUGINS: usize = 1000;
