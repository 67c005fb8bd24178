//! User-space instructions that verifying a token adds to a request: jwt-auth, Envoy's own `jwt_authn`, and a Wasm filter that
//! does nothing, in one Envoy, in one run.

use std::collections::BTreeMap;
use std::fmt::Write;

use lockgate_envoy_tests::token::{Key, key_set};
use lockgate_harness::{Workspace, envoy};
use lockgate_measure::modules::say;
use lockgate_measure::native::{Cache, Payload};
use lockgate_measure::token::{self, ISSUER};
use lockgate_measure::{
    Count, Counted, Counter, Error, Listener, Modules, Portal, Scene, Stage, native, policies, wasm,
};
use serde_json::{Value, json};

const PATH: &str = "/api/maintenance/parts";
/// V8 calls in and out of a module slowly until it has compiled wrappers for that, after a thousand calls or so.
const FIRST: u32 = 1200;
const WARM_UP: u32 = 8;

/// What stands in a listener's chain before the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Chain {
    Nothing,
    Empty,
    NativeCached,
    /// With the payload in metadata, where later filters read roles from it.
    NativeTelling,
    NativeCold,
    Ours,
    /// With four headers for the portal.
    OursForwarding,
    OursCold,
}

const CHAINS: [Chain; 8] = [
    Chain::Nothing,
    Chain::Empty,
    Chain::NativeCached,
    Chain::NativeTelling,
    Chain::NativeCold,
    Chain::Ours,
    Chain::OursForwarding,
    Chain::OursCold,
];

/// A row of the table: what stands in the chain, the algorithm of the token, how many requests are counted.
const ROWS: [(Chain, &str, &str, u32); 14] = [
    (Chain::Nothing, "ES256", "no filter", 400),
    (Chain::Empty, "ES256", "a Wasm filter that does nothing", 400),
    (Chain::NativeCached, "ES256", "jwt_authn, token in its cache", 400),
    (Chain::NativeTelling, "ES256", "jwt_authn, the same and its payload for later filters", 400),
    (Chain::Ours, "ES256", "jwt-auth, token verified before", 400),
    (Chain::OursForwarding, "ES256", "jwt-auth, the same and four headers for the portal", 400),
    (Chain::NativeCold, "HS256", "jwt_authn, HS256", 80),
    (Chain::OursCold, "HS256", "jwt-auth, HS256", 80),
    (Chain::NativeCold, "RS256", "jwt_authn, RS256", 80),
    (Chain::OursCold, "RS256", "jwt-auth, RS256", 80),
    (Chain::NativeCold, "ES256", "jwt_authn, ES256", 80),
    (Chain::OursCold, "ES256", "jwt-auth, ES256", 80),
    (Chain::NativeCold, "EdDSA", "jwt_authn, EdDSA", 80),
    (Chain::OursCold, "EdDSA", "jwt-auth, EdDSA", 80),
];

/// Starts everything, checks that each chain does its work, and counts.
pub(crate) fn measure(workspace: &Workspace, modules: &Modules<'_>) -> Result<Counted, Error> {
    let counter = Counter::require(workspace)?;
    let binary = envoy::find(workspace, &say)?;
    let portal = Portal::start([("parts".to_owned(), br#"{"id":1}"#.to_vec())])?;
    let keys = [
        Key::es256(1).kid("es256"),
        Key::rs256().kid("rs256"),
        Key::eddsa(2).kid("eddsa"),
        Key::hs256([7; 32]).kid("hs256"),
    ];
    let tokens: BTreeMap<&'static str, String> =
        keys.iter().map(|key| (key.alg(), key.sign(&token::claims("usr-2002", key.alg(), 86_400)))).collect();
    let matrix = policies::matrix()?;
    let (module, empty) = (modules.filter("jwt-auth")?, modules.empty()?);
    let listeners = CHAINS.map(|chain| {
        let name = format!("{chain:?}");
        let native = |cache, payload| Some(native::jwt_authn(ISSUER, &key_set(&keys), cache, payload));
        let filter = match chain {
            Chain::Nothing => None,
            Chain::Empty => Some(wasm(&name, "bench", &empty, "", &[])),
            Chain::NativeCached => native(Cache::Warm, Payload::Dropped),
            Chain::NativeTelling => native(Cache::Warm, Payload::InMetadata),
            Chain::NativeCold => native(Cache::Off, Payload::Dropped),
            Chain::Ours | Chain::OursForwarding | Chain::OursCold => {
                Some(wasm(&name, "bench", &module, &ours(&keys, &matrix, chain).to_string(), &[]))
            }
        };
        Listener { name, filters: filter.into_iter().collect() }
    });
    say("starting Envoy with a listener for each chain");
    let yaml = Scene::before(portal.address()).yaml(&listeners);
    let stage = Stage::start(&counter.binary(&binary), yaml, counter.options(&binary))?;
    let connect = |chain: Chain, token: &str| {
        let client = stage.client(&format!("{chain:?}"))?;
        Ok::<_, Error>(client.with_header("authorization", &format!("Bearer {token}")))
    };
    // No figures of something that does not work: a good token passes, a changed one does not.
    for chain in CHAINS {
        let first = if matches!(chain, Chain::Empty | Chain::Ours | Chain::OursForwarding) { FIRST } else { WARM_UP };
        say(&format!("warming up {chain:?}"));
        for (&alg, token) in &tokens {
            let mut client = connect(chain, token)?;
            let times = if alg == "ES256" { first } else { 1 };
            (0..times).try_for_each(|_| client.get(PATH))?;
            let verifies = !matches!(chain, Chain::Nothing | Chain::Empty);
            if verifies && connect(chain, &token::forged(token))?.get(PATH).is_ok() {
                return Err(Error::wrong(format!("{chain:?} takes a forged {alg} token")));
            }
        }
    }
    let mut counts: Vec<Count> = Vec::new();
    for (chain, alg, name, requests) in ROWS {
        say(&format!("counting {name}"));
        let token = tokens.get(alg).map(String::as_str).unwrap_or_default();
        let mut client = connect(chain, token)?;
        (0..WARM_UP).try_for_each(|_| client.get(PATH))?;
        let (instructions, drift) = counter.per_request(stage.pid(), requests, || client.get(PATH))?;
        let plain = counts.first().map_or(instructions, |plain| plain.instructions);
        counts.push(Count { name: name.to_owned(), instructions, added: instructions - plain, drift });
    }
    let bytes: Vec<String> = tokens.iter().map(|(alg, token)| format!("{alg} {}", token.len())).collect();
    let note = format!("; tokens in bytes: {}", bytes.join(", "));
    Ok(Counted { method: counter.name(), envoy: binary.version, note, over: None, counts })
}

/// Rights are checked against the reference matrix, which `jwt_authn` cannot do.
fn ours(keys: &[Key], matrix: &Value, chain: Chain) -> Value {
    let (secret, public): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(|key| key.alg() == "HS256");
    let provider = |name: &str, algorithms: &[&str], keys: &[&Key]| {
        json!({
            "name": name, "issuer": ISSUER, "audiences": ["lockgate"], "algorithms": algorithms,
            "jwks": {"inline": key_set(keys.iter().copied())},
        })
    };
    let mut policy = json!({
        "providers": [provider("public", &["ES256", "RS256", "EdDSA"], &public), provider("secret", &["HS256"], &secret)],
        "systems": matrix.get("systems"),
        "access": matrix.get("access"),
        "cache": {"entries": if chain == Chain::OursCold { 0 } else { 1024 }},
        "limits": {"failed_signatures": {"limit": 1000}},
    });
    if let (Chain::OursForwarding, Some(members)) = (chain, policy.as_object_mut()) {
        let headers = json!({
            "x-user-id": {"identity": "subject"}, "x-tenant-id": "tenantId", "x-role": {"identity": "roles"},
            "x-permissions": {"identity": "permissions"},
        });
        members.insert("forward".to_owned(), json!({"headers": headers}));
    }
    policy
}

/// What was counted, and what jwt-auth adds to what `jwt_authn` adds.
pub(crate) fn to_markdown(counted: &Counted) -> String {
    let mut out = counted.to_markdown();
    out.push_str("\n| a token not seen before | added by jwt-auth : added by jwt_authn |\n|---|---|\n");
    for alg in ["HS256", "RS256", "ES256", "EdDSA"] {
        let both = counted.added(&format!("jwt-auth, {alg}")).zip(counted.added(&format!("jwt_authn, {alg}")));
        let ratio = both.map_or(f64::NAN, |(ours, native)| ours / native);
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "| {alg} | **{ratio:.2}** |");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_what_is_added() {
        let count =
            |name: &str, instructions, added| Count { name: name.to_owned(), instructions, added, drift: 0.001 };
        let counts = vec![
            count("no filter", 150_000.0, 0.0),
            count("jwt_authn, RS256", 450_000.0, 300_000.0),
            count("jwt-auth, RS256", 600_000.0, 450_000.0),
        ];
        let (method, envoy) = ("m".to_owned(), "1.40.0".to_owned());
        let markdown = to_markdown(&Counted { method, envoy, note: String::new(), over: None, counts });
        for line in ["| RS256 | **1.50** |", "| ES256 | **NaN** |"] {
            assert!(markdown.lines().any(|written| written == line), "{line}\n{markdown}");
        }
    }
}
