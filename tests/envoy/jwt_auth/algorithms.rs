//! Envoy's cryptography and ours say the same.

use lockgate::config::NoEnvironment;
use lockgate::exchange::Policy as _;
use lockgate::jwt_auth::Policy;
use lockgate::replay::{self, Heads, MemoryHost};
use lockgate_envoy_tests::token::{Key, encode};
use lockgate_envoy_tests::{Setup, cases};
use serde_json::json;

use super::{PARTS, assert_well, bearer, claims, inline, now_s, policy, portal, provider};

/// Tokens of each algorithm, and what may be done to their signatures.
#[test]
fn host_and_rust_agree_on_every_token() {
    let keys = [Key::es256(3).kid("e"), Key::rs256().kid("r"), Key::eddsa(4).kid("d")];
    let mut policy = policy(&provider(&inline(&keys)));
    policy["limits"]["failed_signatures"] = json!({"limit": 0});
    policy["cache"] = json!({"entries": 0});
    let portal = portal();
    // The same rules, and what Envoy's `verify_signature` is asked and says is counted.
    let gate = Setup::new(&portal).mortal(&policy).start();
    let said = |what: &str| gate.envoy.counter(&format!("wasmcustom.lockgate.mortal.{what}")).unwrap_or(0);
    let pure = Policy::read(policy.to_string().as_bytes(), &NoEnvironment).unwrap();

    let mut rows = Vec::new();
    for key in &keys {
        let alg = key.alg();
        for number in 0..10 {
            rows.push((format!("{alg}, good {number}"), key.sign(&claims(&number.to_string())), 200));
        }
        let good = key.sign(&claims("x"));
        let (text, signature) = good.rsplit_once('.').unwrap();
        let bytes = {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap()
        };
        let with = |signature: &[u8]| format!("{text}.{}", encode(signature));
        for at in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            rows.push((format!("{alg}, byte {at} flipped"), with(&flipped), 401));
        }
        let [zero, ones] = [0, 0xff].map(|byte| vec![byte; bytes.len()]);
        let longer = [bytes.as_slice(), &[0]].concat();
        let in_front = [&[0], bytes.as_slice()].concat();
        let halves = [&bytes[bytes.len() / 2..], &bytes[..bytes.len() / 2]].concat();
        for (name, signature) in [
            ("zeros", zero.as_slice()),
            ("ones", &ones),
            ("one byte more", &longer),
            ("a zero in front", &in_front),
            ("one byte less", &bytes[1..]),
            ("half", &bytes[..bytes.len() / 2]),
            ("halves swapped", &halves),
            ("empty", b""),
            ("one byte", b"\x30"),
            // DER, as OpenSSL writes it.
            ("a sequence", b"\x30\x06\x02\x01\x01\x02\x01\x01"),
        ] {
            rows.push((format!("{alg}, {name}"), with(signature), 401));
        }
        // The payload of one under the signature of another.
        let other = key.sign(&claims("y"));
        let payload = other.rsplit_once('.').unwrap().0;
        rows.push((format!("{alg}, another payload"), format!("{payload}.{signature}"), 401));
        for other in &keys {
            let header = json!({"alg": other.alg(), "kid": key.jwk()["kid"]});
            let want = if other.alg() == alg { 200 } else { 401 };
            rows.push((format!("{alg} as {}", other.alg()), key.sign_with(&header, &claims("z")), want));
        }
    }
    cases::each(rows.into_iter().map(|(name, token, want)| (name, (token, want))), |name, (token, want)| {
        let before = [said("good"), said("wrong")];
        let response = gate.ask(&bearer(PARTS, &token));
        let [good, wrong] = [said("good") - before[0], said("wrong") - before[1]];
        let mut host = MemoryHost { now_ms: Some(now_s() * 1000), ..MemoryHost::default() };
        pure.start(&mut host);
        let request = replay::Request {
            method: "GET".to_owned(),
            path: PARTS.to_owned(),
            content: replay::Content {
                headers: vec![("authorization".to_owned(), format!("Bearer {token}").into_bytes())],
                ..replay::Content::default()
            },
        };
        let answer = replay::Answer::Response { status: 200, content: replay::Content::default(), cut: false };
        let outcome = replay::run(&pure, &mut host, &request, &answer, Heads::Wait);
        assert_eq!(response.status, outcome.status, "Envoy and Rust differ: {response}");
        assert_eq!(response.status, want, "{response}");
        // Envoy has verified what it can verify, once, and agrees; what cannot be a signature it is not asked.
        let offered = !name.starts_with("EdDSA");
        match want {
            200 => assert_eq!([good, wrong], [u64::from(offered), 0]),
            _ => assert!(good == 0 && wrong <= u64::from(offered), "{good} {wrong}"),
        }
        if name.contains("flipped") || name.contains("another payload") {
            assert_eq!(wrong, u64::from(offered));
        }
    });
    assert_eq!(said("silent"), 0, "Envoy has the function");
    assert_well(&gate);
}
