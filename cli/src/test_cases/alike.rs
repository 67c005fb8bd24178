//! The whole collection of cases decides alike as single filters and as chains.

use std::fs;
use std::path::{Path, PathBuf};

use lockgate::audit::Audit;
use lockgate::replay::{self, Answer, Content, MemoryHost, Outcome, Piped, Request};
use serde_json::json;

use super::file::{Test, read};
use crate::filter::{Filter, Session};
use crate::try_case::Case;

/// All files of policy tests.
fn files() -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    let folders = fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    files
}

fn each_case(mut check: impl FnMut(&str, Filter, &Test)) {
    let mut seen = 0;
    for path in files() {
        for tests in read(&path).unwrap_or_else(|fault| panic!("{fault}")) {
            for test in &tests.cases {
                check(&format!("{}: {}", path.display(), test.name), tests.filter, test);
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen} cases");
}

fn host(case: &Case) -> MemoryHost {
    let mut host = MemoryHost { now_ms: case.now_ms, ..MemoryHost::default() };
    host.attributes.extend(case.attributes());
    host.answers.extend(case.calls.iter().cloned());
    host
}

/// Runs a configuration on a host.
fn run(
    filter: Filter,
    config: &str,
    case: &Case,
    host: &mut MemoryHost,
    request: &Request,
    answer: &Answer,
) -> Outcome {
    let mut session = Session::default();
    session.host = std::mem::take(host);
    let outcome = filter.run(config.as_bytes(), &case.variables, &mut session, request, answer);
    *host = session.host;
    outcome.unwrap_or_else(|error| panic!("{error}"))
}

fn cut(test: &Test) -> (Request, Answer) {
    let (mut request, mut answer) = (test.case.request.clone(), test.case.answer.clone());
    if let Some(chunk) = test.chunk {
        request.content.chunk = chunk;
        if let Answer::Response { content, .. } = &mut answer {
            content.chunk = chunk;
        }
    }
    (request, answer)
}

/// The order of header fields is free.
fn sorted(mut outcome: Outcome) -> Outcome {
    outcome.headers.sort();
    if let Some(forwarded) = &mut outcome.forwarded {
        forwarded.headers.sort();
    }
    outcome
}

fn by_filter(mut audits: Vec<Audit>) -> Vec<Audit> {
    audits.sort_by_key(|audit| audit.filter);
    audits
}

#[test]
fn a_filter_as_the_only_block_is_that_filter() {
    each_case(|name, filter, test| {
        let (request, answer) = cut(test);
        let (mut single, mut chain) = (host(&test.case), host(&test.case));
        // White space around a text is not the block's, and would be another version.
        let config = test.case.config.trim();
        let want = run(filter, config, &test.case, &mut single, &request, &answer);
        let whole = match filter {
            Filter::Lockgate => config.to_owned(),
            filter => format!(r#"{{"chain": [{{"{}": {config}}}]}}"#, filter.name()),
        };
        let got = run(Filter::Lockgate, &whole, &test.case, &mut chain, &request, &answer);
        assert_eq!(got, want, "{name}");
        // A clock that stands still shows in no decision.
        let untimed = |host: &MemoryHost| -> Vec<Audit> {
            host.audits.iter().cloned().map(|audit| Audit { time_ms: None, ..audit }).collect()
        };
        assert_eq!(untimed(&chain), untimed(&single), "{name}");
        assert_eq!(chain.counters, single.counters, "{name}");
        let state = |host: &MemoryHost| host.attributes.clone();
        assert_eq!(state(&chain), state(&single), "{name}: what is left in filter state");
    });
}

#[test]
fn several_blocks_are_filters_one_after_another() {
    let limit = |key: &str, phase: &str| {
        let policy = json!({
            "name": "all", "match": {"paths": ["/**"]}, "key": [key], "limit": 5, "window_s": 60, "phase": phase,
        });
        json!({"policies": [policy]}).to_string()
    };
    let strip = json!({"rules": [
        {"name": "r", "match": {"paths": ["/**"]}, "names": ["cost"], "action": "remove", "unless": {"roles": ["SMS_ADMIN"]}},
    ]})
    .to_string();
    let body = Content {
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: br#"{"id":1,"cost":[1,{"cost":2}],"name":"cost"}"#.to_vec(),
        ..Content::default()
    };
    let body = Answer::Response { status: 200, content: body, cut: false };
    each_case(|name, filter, test| {
        let (request, answer) = cut(test);
        let config = test.case.config.trim().to_owned();
        let (address, consumer) = (limit("address", "pre-auth"), limit("consumer", "post-auth"));
        let chains: Vec<(Vec<(Filter, &str)>, &Answer)> = match filter {
            Filter::RevenueStrip => vec![
                (vec![(Filter::RateLimit, &consumer), (Filter::RevenueStrip, &config)], &answer),
                (vec![(Filter::RevenueStrip, &config), (Filter::RateLimit, &address)], &answer),
            ],
            Filter::JwtAuth => vec![
                (
                    vec![(Filter::RateLimit, &address), (Filter::JwtAuth, &config), (Filter::RevenueStrip, &strip)],
                    &body,
                ),
                (
                    vec![(Filter::JwtAuth, &config), (Filter::RateLimit, &consumer), (Filter::RevenueStrip, &strip)],
                    &body,
                ),
            ],
            Filter::WebhookVerify => vec![(
                vec![(Filter::RateLimit, &address), (Filter::WebhookVerify, &config), (Filter::RevenueStrip, &strip)],
                &body,
            )],
            Filter::RateLimit | Filter::Lockgate => Vec::new(),
        };
        for (blocks, answer) in chains {
            let members: Vec<String> =
                blocks.iter().map(|(filter, text)| format!(r#"{{"{}": {text}}}"#, filter.name())).collect();
            let whole = format!(r#"{{"chain": [{}]}}"#, members.join(","));
            let mut together = host(&test.case);
            // Filters without a clock of their own run at the same time as the chain.
            together.now_ms.get_or_insert(0);
            let got = run(Filter::Lockgate, &whole, &test.case, &mut together, &request, answer);

            // What runs before it is known who calls stands first.
            let mut order = blocks.clone();
            order.sort_by_key(|(_, text)| !text.contains("pre-auth"));
            let runs: Vec<_> = order
                .iter()
                .map(|&(filter, text)| {
                    move |host: &mut MemoryHost, request: &Request, answer: &Answer| {
                        run(filter, text, &test.case, host, request, answer)
                    }
                })
                .collect();
            let mut filters: Vec<Piped<'_>> = runs
                .iter()
                .map(|run| {
                    let mut host = host(&test.case);
                    host.now_ms.get_or_insert(0);
                    Piped { run, host }
                })
                .collect();
            let want = replay::pipe(&mut filters, &request, answer);
            let audits = filters.iter().flat_map(|filter| filter.host.audits.clone()).collect();
            assert_eq!(sorted(got), sorted(want), "{name}: {whole}");
            assert_eq!(by_filter(together.audits), by_filter(audits), "{name}: {whole}");
        }
    });
}
