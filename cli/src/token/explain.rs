//! `lockgate token explain`: what stands in a token, and what the filter would say to it.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use lockgate::replay::{Answer, Content, Ending, Request};
use serde_json::{Map, Value, json};

use crate::configuration::text_of;
use crate::filter::{Filter, Session, Variables};
use crate::matrix::load;

use super::decode::parts;
use super::times::{now_s, relative, utc};

/// Shows a token's header, claims and times, and whether the filter would take it.
///
/// With --config the filter's own code decides: keys and issuers are those of the file, secrets come from the environment.
/// Where the file fetches its keys, give the key set with --keys. Revoked tokens of a remote list, and values that a token is
/// bound to, are not looked at.
/// Exit codes: 0 good, 1 the filter would refuse it, 2 usage or configuration.
///
/// Example: lockgate token explain "$TOKEN" --config envoy.yaml --keys jwks.json --request GET /api/maintenance/parts
#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    /// The token; `-` reads it from standard input.
    token: String,
    /// A jwt-auth configuration, or a file for Envoy and the like that has one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which plugin, where the file has several of jwt-auth.
    #[arg(long, value_name = "NAME", requires = "config")]
    plugin: Option<String>,
    /// A key set (RFC 7517), in place of those that the configuration fetches.
    #[arg(long, value_name = "FILE", requires = "config")]
    keys: Option<PathBuf>,
    /// A request, to see whether the token's holder may make it.
    #[arg(long, num_args = 2, value_names = ["METHOD", "PATH"], requires = "config")]
    request: Option<Vec<String>>,
    /// The time, in Unix seconds; absent: the clock's.
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
}

/// The text, and the exit code.
pub(super) fn explain(args: &ExplainArgs) -> Result<(u8, String), String> {
    let token = super::given(&args.token)?;
    let token = token.strip_prefix("Bearer ").unwrap_or(&token).trim();
    let (header, claims) = parts("token explain", token)?;
    let now_s = args.now.unwrap_or_else(now_s);
    let mut out = String::new();
    for (title, object) in [("header", &header), ("claims", &claims)] {
        let text = serde_json::to_string_pretty(object).map_err(|error| error.to_string())?;
        let _ = writeln!(out, "{title} {text}");
    }
    let _ = writeln!(out, "times, at {}", utc(now_s));
    for name in ["iat", "nbf", "exp", "auth_time"] {
        let Some(date) = claims.get(name) else { continue };
        let words = date.as_f64().map_or("no number, and so no date".to_owned(), |date_s| relative(date_s, now_s));
        let _ = writeln!(out, "  {name:9} {words}");
    }
    if !claims.contains_key("exp") {
        let _ = writeln!(out, "  exp       missing: the filter refuses such a token");
    }
    let Some(file) = &args.config else {
        let _ = writeln!(out, "not verified: anybody may have written this token (--config says what the filter does)");
        return Ok((0, out));
    };
    let json = load(file, args.plugin.as_deref())?.json;
    let keys = args.keys.as_deref().map(text_of).transpose()?;
    let keys: Option<Value> = keys
        .map(|text| serde_json::from_str(&text).map_err(|error| format!("--keys: is no JSON: {error}")))
        .transpose()?;
    let alone = configuration(&json, keys.as_ref(), false)?;
    let verdict = ask(&alone, token, "GET", "/", now_s)?;
    let _ = writeln!(out, "token: {}", said(verdict));
    let mut code = u8::from(verdict.is_some());
    if let (None, Some([method, path])) = (verdict, args.request.as_deref()) {
        let whole = configuration(&json, keys.as_ref(), true)?;
        let verdict = ask(&whole, token, method, path, now_s)?;
        let _ = writeln!(out, "{method} {path}: {}", said(verdict));
        code = u8::from(verdict.is_some());
    }
    Ok((code, out))
}

/// The configuration with keys that are here; with its own matrix, or one that takes every good token.
fn configuration(json: &Value, keys: Option<&Value>, matrix: bool) -> Result<Value, String> {
    let mut providers = json.get("providers").cloned().ok_or("--config: has no `providers`, so no token is good")?;
    for provider in providers.as_array_mut().into_iter().flatten() {
        let Some(jwks) = provider.get_mut("jwks").filter(|jwks| jwks.get("remote").is_some()) else { continue };
        let keys = keys.ok_or("--config: fetches its keys; give them with --keys FILE")?;
        *jwks = json!({ "inline": keys });
    }
    let mut config = Map::new();
    config.insert("providers".to_owned(), providers);
    config.insert("cache".to_owned(), json!({"entries": 0}));
    let names: &[&str] = match matrix {
        true => &["limits", "unnormalized", "systems", "claims", "access"],
        false => &["limits", "unnormalized"],
    };
    for name in names {
        if let Some(value) = json.get(name) {
            config.insert((*name).to_owned(), value.clone());
        }
    }
    if !matrix {
        let any = json!({"rules": [{"match": {"paths": ["/**"]}, "require": {}}]});
        config.insert("access".to_owned(), any);
    }
    let revocation = json.get("revocation").and_then(Value::as_object).cloned();
    let mut revocation: Map<String, Value> = revocation.unwrap_or_default();
    revocation.remove("remote");
    if !revocation.is_empty() {
        config.insert("revocation".to_owned(), Value::Object(revocation));
    }
    Ok(Value::Object(config))
}

/// Why the filter refuses; `None`: it does not.
fn ask(config: &Value, token: &str, method: &str, path: &str, now_s: u64) -> Result<Option<&'static str>, String> {
    let variables: Variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut session = Session::default();
    session.host.now_ms = Some(now_s.saturating_mul(1000));
    let headers = vec![("authorization".to_owned(), format!("Bearer {token}").into_bytes())];
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        content: Content { headers, ..Content::default() },
    };
    let answer = Answer::Response { status: 200, content: Content::default(), cut: false };
    let outcome = Filter::JwtAuth
        .run(config.to_string().as_bytes(), &variables, &mut session, &request, &answer)
        .map_err(|error| format!("--config: {error}"))?;
    Ok(match outcome.ending {
        Ending::Pass => None,
        Ending::Reply(reason) => Some(reason),
        Ending::Abort(reason) => Some(reason.unwrap_or("aborted")),
    })
}

fn said(verdict: Option<&'static str>) -> String {
    let Some(code) = verdict else { return "good: the filter takes it".to_owned() };
    match WORDS.iter().find(|(known, _)| *known == code) {
        Some((_, words)) => format!("refused ({code}): {words}"),
        None => format!("refused ({code})"),
    }
}

/// The reasons that a good-looking token meets.
const WORDS: [(&str, &str); 33] = [
    ("unsafe_path", "the path has two readings"),
    ("bad_credentials", "it is not one token"),
    ("token_length", "it is longer than limits.max_token_bytes"),
    ("token_format", "it is not three parts of canonical base64url"),
    ("header_format", "the header is not one strict JSON object"),
    ("payload_format", "the payload is not one strict JSON object: no name twice, no text after it"),
    ("algorithm", "no provider's `algorithms` has its `alg`"),
    ("critical", "it has `crit` or `b64`, which is never taken"),
    ("nested", "it is a token in a token"),
    ("key_id_format", "its `kid` is no text, or too long"),
    ("type", "its `typ` is not among the provider's"),
    ("issuer", "no provider has its `iss`, letter for letter"),
    ("audience", "its `aud` has none of the provider's `audiences`, letter for letter"),
    ("no_expiry", "it has no `exp`"),
    ("expired", "its time is over: now is `exp` and leeway, or later"),
    ("not_yet", "its `nbf` lies ahead by more than the leeway"),
    ("issued_ahead", "its `iat` lies ahead by more than the leeway"),
    ("date_format", "`exp`, `nbf` or `iat` is no number of seconds"),
    ("lifetime", "it lives longer than `max_lifetime_s`, or has no `iat`"),
    ("claim_type", "a registered claim has the wrong type"),
    ("claim_missing", "a claim of `required` is missing"),
    ("claim_value", "a claim is not what `require` says"),
    ("unknown_key", "no key of the provider has its `kid` and fits its `alg`"),
    ("signature", "the signature is wrong: another key signed it, or it was changed"),
    ("revoked", "it was revoked"),
    ("not_forwardable", "a claim cannot be handed on in a header"),
    ("keys_unavailable", "the provider's keys are not here"),
    ("no_rule", "no rule of `access.rules` is about the request: it is closed"),
    ("missing_role", "none of the roles that the rule names counts there (`lockgate matrix --why` says more)"),
    ("missing_permission", "a permission that the rule names is missing (`lockgate matrix --why` says more)"),
    ("other_tenant", "the request is about another tenant than the token's"),
    ("step_up_needed", "a stronger or newer authentication is needed"),
    ("no_webhook", "only a verified webhook may do that"),
];
