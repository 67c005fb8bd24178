//! User-space instructions that counting a request adds: rate-limit, Envoy's own `local_ratelimit`, and a Wasm filter that does
//! nothing, in one Envoy, in one run.

use lockgate_harness::{Workspace, envoy};
use lockgate_measure::modules::say;
use lockgate_measure::{Count, Counted, Counter, Error, Listener, Modules, Portal, Scene, Stage, native, wasm};
use serde_json::{Value, json};

const PATH: &str = "/api/maintenance/parts";
/// V8 calls in and out of a module slowly until it has compiled wrappers for that, after a thousand calls or so.
const FIRST: u32 = 1200;
const WARM_UP: u32 = 8;
const REQUESTS: u32 = 400;
/// Callers beside the one that is counted: a table as it is in use.
const OTHERS: u32 = 200;

/// What stands in a listener's chain before the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Chain {
    Nothing,
    Empty,
    Native,
    /// One policy, by a header, so that nothing but the head is read of the request. Clients are told nothing.
    Quiet,
    /// The same, with both fields in answers.
    Telling,
    /// One by the client's address.
    Address,
    /// One by the consumer of an identity in trusted headers.
    Consumer,
    /// Five policies by the client's address.
    FiveQuiet,
    FiveTelling,
    /// Both penalties, by address.
    Penalties,
}

const ROWS: [(Chain, &str); 10] = [
    (Chain::Nothing, "no filter"),
    (Chain::Empty, "a Wasm filter that does nothing"),
    (Chain::Native, "local_ratelimit, one bucket for all"),
    (Chain::Quiet, "one policy by a header, nothing told"),
    (Chain::Telling, "one policy by a header, two fields in the answer"),
    (Chain::Address, "one policy by address, nothing told"),
    (Chain::Consumer, "one policy by consumer, nothing told"),
    (Chain::FiveQuiet, "five policies by address, nothing told"),
    (Chain::FiveTelling, "five policies by address, two fields in the answer"),
    (Chain::Penalties, "failed authentications and floods, by address"),
];

/// Starts everything, checks that each chain counts, and counts instructions.
pub(crate) fn measure(workspace: &Workspace, modules: &Modules<'_>) -> Result<Counted, Error> {
    let counter = Counter::require(workspace)?;
    let binary = envoy::find(workspace, &say)?;
    let portal = Portal::start([("parts".to_owned(), br#"{"id":1}"#.to_vec())])?;
    let (module, empty) = (modules.filter("rate-limit")?, modules.empty()?);
    let listeners = ROWS.map(|(chain, _)| {
        let name = format!("{chain:?}");
        let filter = match chain {
            Chain::Nothing => None,
            Chain::Empty => Some(wasm(&name, "bench", &empty, "", &[])),
            Chain::Native => Some(native::local_ratelimit()),
            Chain::Quiet
            | Chain::Telling
            | Chain::Address
            | Chain::Consumer
            | Chain::FiveQuiet
            | Chain::FiveTelling
            | Chain::Penalties => Some(wasm(&name, "bench", &module, &ours(chain).to_string(), &[])),
        };
        Listener { name, filters: filter.into_iter().collect() }
    });
    let scene = Scene { forwarded: true, ..Scene::before(portal.address()) };
    say("starting Envoy with a listener for each chain");
    let stage = Stage::start(&counter.binary(&binary), scene.yaml(&listeners), counter.options(&binary))?;
    let connect = |chain: Chain, caller: u32| {
        let address = format!("203.0.{}.{}", caller / 250, caller % 250);
        let client = stage.client(&format!("{chain:?}"))?.with_header("x-caller", &caller.to_string());
        Ok::<_, Error>(client.with_header("x-forwarded-for", &address))
    };
    let mut counts: Vec<Count> = Vec::new();
    for (chain, name) in ROWS {
        say(&format!("warming up {chain:?}"));
        for caller in 1..=OTHERS {
            connect(chain, caller)?.get(PATH)?;
        }
        let mut client = connect(chain, 0)?;
        (0..FIRST + WARM_UP).try_for_each(|_| client.get(PATH))?;
        say(&format!("counting {name}"));
        let (instructions, drift) = counter.per_request(stage.pid(), REQUESTS, || client.get(PATH))?;
        let plain = counts.first().map_or(instructions, |plain| plain.instructions);
        counts.push(Count { name: name.to_owned(), instructions, added: instructions - plain, drift });
    }
    // No figures of something that does not count.
    let allowed = stage.envoy.stats("wasmcustom.lockgate.rate_limit.")?;
    for policy in ["quiet.allowed", "address.allowed", "consumer.allowed", "five-4.allowed"] {
        let counted = allowed.iter().find(|(name, _)| name.ends_with(policy)).map_or(0, |(_, counted)| *counted);
        if counted < u64::from(FIRST) {
            return Err(Error::wrong(format!("{policy} is {counted}")));
        }
    }
    let over = ROWS.iter().find(|(chain, _)| *chain == Chain::Empty).map(|(_, name)| (*name).to_owned());
    Ok(Counted { method: counter.name(), envoy: binary.version, note: String::new(), over, counts })
}

fn ours(chain: Chain) -> Value {
    let policy = |name: &str, key: Value, limit: u32| json!({"name": name, "match": {"paths": ["/api/**"]}, "key": key, "limit": limit, "window_s": 86_400});
    let by_header = json!([{"header": "x-caller"}]);
    let five: Vec<Value> =
        (0..5).map(|n| policy(&format!("five-{n}"), json!(["address"]), 1_000_000 + n)).map(shorter).collect();
    let (policies, penalties) = match chain {
        Chain::Nothing | Chain::Empty | Chain::Native => (Vec::new(), Value::Null),
        Chain::Quiet => (vec![policy("quiet", by_header, 1_000_000)], Value::Null),
        Chain::Telling => (vec![policy("telling", by_header, 1_000_000)], Value::Null),
        Chain::Address => (vec![policy("address", json!(["address"]), 1_000_000)], Value::Null),
        Chain::Consumer => (vec![policy("consumer", json!(["consumer"]), 1_000_000)], Value::Null),
        Chain::FiveQuiet | Chain::FiveTelling => (five, Value::Null),
        Chain::Penalties => (
            Vec::new(),
            json!([
                {"name": "failing", "failures": {"limit": 5, "window_s": 60}, "block_s": 60},
                {"name": "flood", "flood": {"per_second": 100_000}, "block_s": 60},
            ]),
        ),
    };
    json!({
        "policies": policies,
        "penalties": penalties,
        "identity": {"trusted_header": {"subject": "x-caller"}},
        "headers": {"rate_limit": matches!(chain, Chain::Telling | Chain::FiveTelling)},
    })
}

/// Policies of one key must each be within reach: the more a window admits, the longer it is.
fn shorter(mut policy: Value) -> Value {
    let limit = policy.get("limit").and_then(Value::as_u64).unwrap_or_default();
    if let Some(members) = policy.as_object_mut() {
        members.insert("window_s".to_owned(), json!(limit - 1_000_000 + 3_600));
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_a_good_configuration() {
        use lockgate::exchange::Policy as _;
        for (chain, _) in ROWS {
            if !matches!(chain, Chain::Nothing | Chain::Empty | Chain::Native) {
                let text = ours(chain).to_string();
                assert!(lockgate::rate_limit::Policy::from_json(text.as_bytes()).is_ok(), "{text}");
            }
        }
    }
}
