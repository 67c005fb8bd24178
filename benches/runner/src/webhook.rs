//! User-space instructions that verifying a webhook adds to a request, in one Envoy, in one run.

use std::time::{SystemTime, UNIX_EPOCH};

use lockgate_envoy_tests::webhook::{rfc3339, tag};
use lockgate_harness::{Workspace, envoy};
use lockgate_measure::modules::say;
use lockgate_measure::{Ask, Count, Counted, Counter, Error, Listener, Modules, Portal, Scene, Stage, wasm};
use serde_json::{Value, json};

const PATH: &str = "/hooks/event";
const SECRET: &str = "a secret of the benchmark";
/// V8 calls in and out of a module slowly until it has compiled wrappers for that, after a thousand calls or so.
const FIRST: u32 = 1200;
const WARM_UP: u32 = 8;

/// What stands in a listener's chain before the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Chain {
    Nothing,
    Empty,
    /// The portals' format.
    Portal,
    /// The same, without the table.
    Forgetful,
    /// Slack's: the time is signed as well.
    Slack,
    /// Signs what leaves.
    Sign,
}

const CHAINS: [Chain; 6] = [Chain::Nothing, Chain::Empty, Chain::Portal, Chain::Forgetful, Chain::Slack, Chain::Sign];

/// A row of the table: what stands in the chain, how long the bodies are, how many requests are counted.
const ROWS: [(Chain, usize, &str, u32); 10] = [
    (Chain::Nothing, 1024, "no filter, 1 KB", 400),
    (Chain::Empty, 1024, "a Wasm filter that does nothing, 1 KB", 400),
    (Chain::Forgetful, 1024, "portal, nothing remembered, 1 KB", 200),
    (Chain::Portal, 1024, "portal, 1 KB", 200),
    (Chain::Slack, 1024, "slack, 1 KB", 200),
    (Chain::Sign, 1024, "signing: portal and standard-webhooks, 1 KB", 200),
    (Chain::Nothing, 16 * 1024, "no filter, 16 KB", 200),
    (Chain::Portal, 16 * 1024, "portal, 16 KB", 100),
    (Chain::Nothing, 256 * 1024, "no filter, 256 KB", 20),
    (Chain::Portal, 256 * 1024, "portal, 256 KB", 20),
];

/// Starts everything, checks that each chain does its work, and counts.
pub(crate) fn measure(workspace: &Workspace, modules: &Modules<'_>) -> Result<Counted, Error> {
    let counter = Counter::require(workspace)?;
    let binary = envoy::find(workspace, &say)?;
    let portal = Portal::start([("event".to_owned(), br#"{"taken":true}"#.to_vec())])?;
    let (module, empty) = (modules.filter("webhook-verify")?, modules.empty()?);
    let listeners = CHAINS.map(|chain| {
        let name = format!("{chain:?}");
        let filter = match chain {
            Chain::Nothing => None,
            Chain::Empty => Some(wasm(&name, "bench", &empty, "", &VARIABLES)),
            Chain::Portal | Chain::Forgetful | Chain::Slack | Chain::Sign => {
                Some(wasm(&name, "bench", &module, &ours(chain).to_string(), &VARIABLES))
            }
        };
        Listener { name, filters: filter.into_iter().collect() }
    });
    say("starting Envoy with a listener for each chain");
    let mut options = counter.options(&binary);
    options.process = options.process.env("HOOK_SECRET", SECRET).env("WHSEC", WHSEC);
    let stage = Stage::start(&counter.binary(&binary), Scene::before(portal.address()).yaml(&listeners), options)?;
    let connect = |chain: Chain| stage.client(&format!("{chain:?}"));
    let mut number = 0_u64;
    let mut fresh = |chain: Chain, bytes: usize| {
        number += 1;
        delivery(chain, number, bytes)
    };
    // No figures of something that does not work: a good delivery passes, a changed one does not.
    for chain in CHAINS {
        say(&format!("warming up {chain:?}"));
        let mut client = connect(chain)?;
        for _ in 0..if chain == Chain::Nothing { WARM_UP } else { FIRST } {
            client.expect(&fresh(chain, 1024), 200)?;
        }
        if matches!(chain, Chain::Portal | Chain::Forgetful | Chain::Slack) {
            let mut forged = fresh(chain, 1024);
            forged.body.iter_mut().for_each(|body| body.reverse());
            if connect(chain)?.send(&forged)? == 200 {
                return Err(Error::wrong(format!("{chain:?} takes a forged delivery")));
            }
        }
    }
    let mut counts: Vec<Count> = Vec::new();
    let mut plain = 0.0;
    for (chain, bytes, name, requests) in ROWS {
        say(&format!("counting {name}"));
        let mut client = connect(chain)?;
        for _ in 0..WARM_UP {
            client.expect(&fresh(chain, bytes), 200)?;
        }
        let (instructions, drift) =
            counter.per_request(stage.pid(), requests, || client.expect(&fresh(chain, bytes), 200))?;
        if chain == Chain::Nothing {
            plain = instructions;
        }
        counts.push(Count { name: name.to_owned(), instructions, added: instructions - plain, drift });
    }
    Ok(Counted { method: counter.name(), envoy: binary.version, note: String::new(), over: None, counts })
}

/// A delivery that was never made before.
#[expect(clippy::disallowed_methods, reason = "deliveries are made now")]
fn delivery(chain: Chain, number: u64, bytes: usize) -> Ask {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut body =
        format!(r#"{{"id":"evt-{number}","event":"equipment.approved","data":{{"entity":"equipment","text":""#);
    let end = r#""}}"#;
    body.extend(std::iter::repeat_n('x', bytes.saturating_sub(body.len() + end.len())));
    body.push_str(end);
    let fields = if chain == Chain::Slack {
        let signature = tag(SECRET, format!("v0:{now_s}:{body}").as_bytes());
        vec![("x-slack-signature", format!("v0={signature}")), ("x-slack-request-timestamp", now_s.to_string())]
    } else {
        vec![
            ("x-webhook-signature", format!("sha256={}", tag(SECRET, body.as_bytes()))),
            ("x-webhook-id", format!("evt-{number}")),
            ("x-webhook-timestamp", rfc3339(now_s)),
        ]
    };
    let fields = fields.into_iter().chain([("content-type", "application/json".to_owned())]);
    let headers = fields.map(|(name, value)| (name.to_owned(), value)).collect();
    Ask { path: PATH.to_owned(), headers, body: Some(body.into_bytes()) }
}

fn ours(chain: Chain) -> Value {
    let endpoint = |scheme: &str, replay: Value| {
        json!({"endpoints": [{
            "name": "bench", "match": {"paths": ["/hooks/*"]}, "scheme": scheme, "secrets": [{"env": "HOOK_SECRET"}],
            "replay": replay,
        }]})
    };
    match chain {
        Chain::Portal => endpoint("portal", json!({"window_s": 86_400})),
        Chain::Forgetful => endpoint("portal", json!({"window_s": 0})),
        Chain::Slack => endpoint("slack", json!({"window_s": 601})),
        Chain::Nothing | Chain::Empty | Chain::Sign => json!({"sign": [{
            "name": "bench", "match": {"paths": ["/hooks/*"]},
            "schemes": [
                {"scheme": "portal", "secrets": [{"env": "HOOK_SECRET"}]},
                {"scheme": "standard-webhooks", "secrets": [{"env": "WHSEC"}]},
            ],
        }]}),
    }
}

const VARIABLES: [&str; 2] = ["HOOK_SECRET", "WHSEC"];
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
