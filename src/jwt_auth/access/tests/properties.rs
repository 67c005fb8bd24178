//! What holds of every matrix.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::{Access, At, Denied, Entry, lint};
use super::{ask, payload};
use crate::head::Head;

const METHODS: [&str; 6] = ["GET", "PUT", "POST", "BREW", "HEAD", "put"];

/// Patterns that overlap in many ways.
fn pattern() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "*", "**"]);
    (prop::collection::vec(part, 1..4), any::<bool>()).prop_map(|(parts, open)| {
        let end = if open && parts.last() != Some(&"**") { "/" } else { "" };
        format!("/{}{end}", parts.join("/"))
    })
}

fn rule() -> impl Strategy<Value = Json> {
    let methods = prop::option::of(prop::sample::subsequence(METHODS[..3].to_vec(), 1..3));
    let asks = prop::sample::select(vec![
        json!({"require": {}}),
        json!({"require": {"roles": ["A"]}}),
        json!({"require": {"roles": ["A", "B"]}}),
        json!({"require": {"permissions": ["p"]}}),
        json!({"require": {"permissions": ["p", "q"]}}),
        json!({"require": {"permissions": ["q", "p"], "roles": ["B"]}}),
        json!({"require": {"permissions": ["lockgate.revenue"]}}),
        json!({"public": true}),
    ]);
    (prop::collection::vec(pattern(), 1..3), methods, asks).prop_map(|(paths, methods, mut rule)| {
        rule["match"] = match methods {
            Some(methods) => json!({"paths": paths, "methods": methods}),
            None => json!({ "paths": paths }),
        };
        rule
    })
}

/// A list of rules that is accepted: those that no request could reach are taken out, which must be so.
fn accepted(mut rules: Vec<Json>) -> (Access, Vec<Json>) {
    loop {
        let roles = json!({"A": {"permissions": ["*"], "revenue": true}, "B": {"permissions": ["q"]}, "C": {}});
        let config = json!({"access": {"roles": roles, "rules": rules}});
        let message = match Access::from_json(config.to_string().as_bytes()) {
            Ok(access) => return (access, rules),
            Err(error) => error.to_string(),
        };
        let place = message.strip_prefix("access.rules[").and_then(|rest| rest.split_once("].match: can never match"));
        let place: usize = place.unwrap_or_else(|| panic!("{message}")).0.parse().unwrap();
        let dead = rules.remove(place);
        for (method, path) in requests() {
            let first = rules[..place].iter().any(|rule| fits(rule, method, &path));
            assert!(first || !fits(&dead, method, &path), "{method} {path} reaches {dead}");
        }
    }
}

/// Every request that can tell the rules apart, and some that fit none.
fn requests() -> Vec<(&'static str, String)> {
    let mut paths = vec![String::new()];
    for _ in 0..4 {
        let longer: Vec<String> =
            paths.iter().flat_map(|path| ["a", "b", "A"].map(|next| format!("{path}/{next}"))).collect();
        paths.extend(longer);
        paths.sort_unstable();
        paths.dedup();
    }
    let open: Vec<String> = paths.iter().map(|path| format!("{path}/")).collect();
    paths.extend(open);
    paths.iter().flat_map(|path| METHODS.map(|method| (method, path.clone()))).collect()
}

/// The simplest matcher: all ways to lay a pattern over a path.
fn fits(rule: &Json, method: &str, path: &str) -> bool {
    fn lays(parts: &[&str], segments: &[&str]) -> bool {
        match (parts, segments) {
            ([], []) => true,
            (["**", rest @ ..], _) => (0..=segments.len()).any(|taken| lays(rest, &segments[taken..])),
            (["*", rest @ ..], [segment, more @ ..]) => !segment.is_empty() && lays(rest, more),
            ([part, rest @ ..], [segment, more @ ..]) => part == segment && lays(rest, more),
            (_, _) => false,
        }
    }
    let methods = rule["match"]["methods"].as_array();
    if methods.is_some_and(|methods| !methods.contains(&json!(method))) || path.is_empty() {
        return false;
    }
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let paths = rule["match"]["paths"].as_array().unwrap();
    paths.iter().any(|pattern| lays(&pattern.as_str().unwrap().split('/').skip(1).collect::<Vec<_>>(), &segments))
}

/// Whether a rule is about a request when case, a slash at the end, and HEAD for GET are overlooked. The rules have no capitals
/// in their paths.
fn fits_loosely(rule: &Json, method: &str, path: &str) -> bool {
    let (method, path) = (method.to_uppercase(), path.to_lowercase());
    let methods = [method.as_str(), if method == "HEAD" { "GET" } else { &method }];
    let mut shorter = rule.clone();
    for pattern in shorter["match"]["paths"].as_array_mut().unwrap() {
        *pattern = json!(pattern.as_str().unwrap().trim_end_matches('/'));
    }
    methods.iter().any(|method| {
        let bare = path.strip_suffix('/').unwrap_or_default();
        fits(rule, method, &path) || fits(rule, method, bare) || fits(&shorter, method, &path)
    })
}

fn place(entry: Entry<'_>) -> Option<usize> {
    match entry {
        Entry::Public(at) | Entry::Webhook(at, _) | Entry::Token(at) => Some(at.rule()),
        Entry::Closed => None,
    }
}

fn at(entry: Entry<'_>) -> Option<At> {
    match entry {
        Entry::Public(at) | Entry::Webhook(at, _) | Entry::Token(at) => Some(at),
        Entry::Closed => None,
    }
}

fn token() -> impl Strategy<Value = Json> {
    let roles = prop::sample::subsequence(vec!["A", "B", "C", "D"], 0..3);
    let permissions = prop::sample::subsequence(vec!["p", "q", "*", "lockgate.revenue", "x"], 0..5).prop_shuffle();
    (roles, permissions).prop_map(|(roles, permissions)| json!({"roles": roles, "permissions": permissions}))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_entry_is_that_of_the_simplest_matcher(rules in prop::collection::vec(rule(), 1..7)) {
        let (access, rules) = accepted(rules);
        for (method, path) in requests() {
            let entry = access.entry(method.as_bytes(), path.as_bytes());
            let naive = rules.iter().position(|rule| fits_loosely(rule, method, &path));
            let naive = naive.filter(|&first| fits(&rules[first], method, &path));
            prop_assert_eq!(place(entry), naive, "{} {}", method, path);
            if let Some(at) = at(entry) {
                let pattern = json!({"match": {"paths": [access.pattern(at)]}});
                prop_assert!(fits(&pattern, method, &path), "{} {}", method, path);
            }
        }
    }

    #[test]
    fn what_stands_below_the_first_match_changes_nothing(
        rules in prop::collection::vec(rule(), 2..7), token in token(), cut in any::<prop::sample::Index>(),
    ) {
        let (all, mut rules) = accepted(rules);
        let cut = cut.index(rules.len());
        rules.remove(cut);
        prop_assume!(!rules.is_empty());
        let (fewer, _) = accepted(rules);
        let payload = payload(&token);
        for (method, path) in requests() {
            let first = place(all.entry(method.as_bytes(), path.as_bytes()));
            if first.is_some_and(|first| first < cut) {
                let verdict = |access| ask(access, method, &path, &payload, &Head::default());
                prop_assert_eq!(verdict(&all), verdict(&fewer), "{} {}", method, path);
            }
        }
    }

    #[test]
    fn the_order_of_permissions_does_not_matter(rules in prop::collection::vec(rule(), 1..5), token in token()) {
        let turned = |json: &Json| {
            let mut json = json.clone();
            for list in ["permissions", "roles"] {
                if let Some(Json::Array(list)) = json.get_mut(list) {
                    list.reverse();
                }
            }
            json
        };
        let (one, rules) = accepted(rules);
        let rules = rules.into_iter().map(|mut rule| {
            let require = rule["require"].take();
            if !require.is_null() {
                rule["require"] = turned(&require);
            } else {
                rule.as_object_mut().unwrap().remove("require");
            }
            rule
        });
        let (other, _) = accepted(rules.collect());
        let (here, there) = (payload(&token), payload(&turned(&token)));
        for (method, path) in requests() {
            let head = Head::default();
            let allowed = |verdict: Result<(), Denied>| verdict.is_ok();
            prop_assert_eq!(
                allowed(ask(&one, method, &path, &here, &head)),
                allowed(ask(&other, method, &path, &there, &head)),
                "{} {}", method, path
            );
        }
    }

    #[test]
    fn nobody_gains_by_having_less(rules in prop::collection::vec(rule(), 1..5), token in token(), n in any::<prop::sample::Index>()) {
        let (access, _) = accepted(rules);
        let mut less = token.clone();
        for list in ["roles", "permissions"] {
            let list = less[list].as_array_mut().unwrap();
            if !list.is_empty() {
                list.remove(n.index(list.len()));
            }
        }
        let (token, less) = (payload(&token), payload(&less));
        for (method, path) in requests() {
            let with = ask(&access, method, &path, &token, &Head::default());
            let without = ask(&access, method, &path, &less, &Head::default());
            prop_assert!(with.is_ok() || without.is_err(), "{} {}", method, path);
        }
    }

    #[test]
    fn what_is_said_to_be_unreachable_is(rules in prop::collection::vec(rule(), 1..7)) {
        let (access, _) = accepted(rules);
        for finding in access.findings() {
            let Some(rest) = finding.path.strip_prefix("access.rules[") else { continue };
            let Some((rule, path)) = rest.split_once("].match.paths[") else { continue };
            let (rule, path): (usize, usize) = (rule.parse().unwrap(), path.trim_end_matches(']').parse().unwrap());
            if finding.message.starts_with("can never match") || finding.message.starts_with("is closed: ") {
                for (method, target) in requests() {
                    let reached = at(access.entry(method.as_bytes(), target.as_bytes()));
                    prop_assert!(reached != Some(At { rule, path }), "{} {}", method, target);
                }
            }
        }
        for n in 0..access.rules().len() {
            prop_assert_eq!(lint::covered_by(access.rules(), n), None);
        }
    }
}
