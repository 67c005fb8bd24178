//! Tokens that are dead before their time, and tokens in the wrong hands.

use super::*;
use crate::host::CallResult;
use crate::jwt_auth::revocation::Revoked;

fn with_revocation(revocation: Json) -> Json {
    let mut config = config();
    config["revocation"] = revocation;
    config
}

fn token_of(issuer: Json, jti: Json, iat: Json) -> String {
    let mut claims = claims();
    claims["iss"] = issuer;
    claims["jti"] = jti;
    claims["iat"] = iat;
    for name in ["jti", "iat"] {
        if claims[name].is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    token(&claims)
}

const REVOKED: Verdict = Verdict::Bad("revoked");

#[test]
fn single_tokens_die_by_their_jti() {
    let mut gate = Gate::new(&with_revocation(json!({"jti": ["dead", "gone"]})));
    let iat = json!(NOW_S);
    for (jti, want) in [
        (json!("dead"), REVOKED),
        (json!("gone"), REVOKED),
        (json!("alive"), Verdict::Passed),
        (json!("Dead"), Verdict::Passed),
        (json!("dead "), Verdict::Passed),
        // It could never be revoked.
        (Json::Null, REVOKED),
    ] {
        assert_eq!(gate.bearer(&token_of(json!(ISSUER), jti.clone(), iat.clone())), want, "{jti}");
    }
}

#[test]
fn all_tokens_of_before_die_together() {
    let mut gate =
        Gate::new(&with_revocation(json!({"not_before": {ISSUER: NOW_S - 50, "https://other.example": NOW_S + 9}})));
    for (iat, want) in [
        (json!(NOW_S - 50), Verdict::Passed),
        (json!(NOW_S - 51), REVOKED),
        (json!(1_699_999_949.9), REVOKED),
        (Json::Null, REVOKED),
    ] {
        assert_eq!(gate.bearer(&token_of(json!(ISSUER), Json::Null, iat.clone())), want, "{iat}");
    }
}

const LIST: &str = "/revoked";

/// What the issuer answers from now on.
fn publish(gate: &mut Gate, body: &str) {
    let answer = CallResult::Answered { status: 200, body: body.as_bytes().to_vec() };
    gate.host.answers.insert(("issuer".to_owned(), LIST.to_owned()), answer);
}

fn remote() -> Json {
    json!({"remote": {"cluster": "issuer", "authority": "issuer.example", "path": LIST, "max_age_s": 60}})
}

#[test]
fn a_list_is_polled_and_kills_what_is_remembered() {
    let mut gate = Gate::new(&with_revocation(remote()));
    let alive = token_of(json!(ISSUER), json!("a"), json!(NOW_S));
    publish(&mut gate, r#"{"revoked":[]}"#);
    assert_eq!(gate.bearer(&alive), Verdict::Passed);
    assert_eq!(gate.bearer(&alive), Verdict::Passed);
    for (name, list, want) in [
        ("another issuer's", r#"{"revoked":[{"iss":"x","jti":"a"}]}"#.to_owned(), Verdict::Passed),
        ("ours", format!(r#"{{"revoked":[{{"iss":"{ISSUER}","jti":"a","exp":1}}]}}"#), REVOKED),
        ("nobody's any more", r#"{"revoked":[]}"#.to_owned(), Verdict::Passed),
        ("any issuer's", r#"{"revoked":[{"jti":"b"},{"jti":"a"}]}"#.to_owned(), REVOKED),
        ("unreadable: the old one stays", r#"{"revoked":[{"jti":1}]}"#.to_owned(), REVOKED),
        ("all of before", format!(r#"{{"revoked":[],"not_before":{{"{ISSUER}":{}}}}}"#, NOW_S + 1), REVOKED),
        ("only those of before", format!(r#"{{"revoked":[],"not_before":{{"{ISSUER}":{NOW_S}}}}}"#), Verdict::Passed),
    ] {
        publish(&mut gate, &list);
        let now = gate.host.now_ms.unwrap() / 1000;
        gate.set_time(now + 6);
        gate.host.work(&gate.policy);
        assert_eq!(gate.bearer(&alive), want, "{name}");
    }
}

#[test]
fn without_a_list_nobody_passes() {
    let mut gate = Gate::new(&with_revocation(remote()));
    let alive = token_of(json!(ISSUER), json!("a"), json!(NOW_S));
    let missing = Verdict::Other(503, "revocation_unavailable");
    assert_eq!(gate.bearer(&alive), missing);
    // A bad token is no reason to wait.
    assert_eq!(gate.bearer("x"), Verdict::Bad("token_format"));
    publish(&mut gate, r#"{"revoked":[]}"#);
    gate.set_time(NOW_S + 10);
    gate.host.work(&gate.policy);
    assert_eq!(gate.bearer(&alive), Verdict::Passed);
    // The issuer is gone: the last list counts for a while.
    gate.host.answers.clear();
    for (after, want) in [(30, Verdict::Passed), (69, Verdict::Passed), (70, missing)] {
        gate.set_time(NOW_S + after);
        gate.host.work(&gate.policy);
        assert_eq!(gate.bearer(&alive), want, "after {after} s");
    }
}

#[test]
fn a_list_is_read_in_whole_or_not() {
    for (text, good) in [
        (r#"{"revoked":[]}"#, true),
        (r#"{"revoked":[{"jti":"a"}],"not_before":{}}"#, true),
        (r#"{"revoked":[{"jti":"a","iss":"b","exp":1,"reason":"lost"}],"not_before":{"b":1.5}}"#, true),
        ("", false),
        ("[]", false),
        ("{}", false),
        (r#"{"not_before":{}}"#, false),
        (r#"{"revoked":{}}"#, false),
        (r#"{"revoked":["a"]}"#, false),
        (r#"{"revoked":[{}]}"#, false),
        (r#"{"revoked":[{"jti":"a","iss":null}]}"#, false),
        (r#"{"revoked":[{"jti":"a"},{"jti":2}]}"#, false),
        (r#"{"revoked":[],"revoked":[]}"#, false),
        (r#"{"revoked":[],"notBefore":{}}"#, false),
        (r#"{"revoked":[],"not_before":[]}"#, false),
        (r#"{"revoked":[],"not_before":{"b":"1"}}"#, false),
        (r#"{"revoked":[]}x"#, false),
    ] {
        assert_eq!(Revoked::read(text.as_bytes()).is_some(), good, "{text}");
    }
    let of = |count: usize| format!(r#"{{"revoked":[{}]}}"#, vec![r#"{"jti":"a"}"#; count].join(","));
    assert!(Revoked::read(of(crate::jwt_auth::MAX_REVOKED).as_bytes()).is_some());
    assert!(Revoked::read(of(crate::jwt_auth::MAX_REVOKED + 1).as_bytes()).is_none());
    let issuers = |count: usize| (0..count).map(|n| format!(r#""{n}":1"#)).collect::<Vec<_>>().join(",");
    let of = |count: usize| format!(r#"{{"revoked":[],"not_before":{{{}}}}}"#, issuers(count));
    assert!(Revoked::read(of(crate::jwt_auth::MAX_REVOKED_ISSUERS).as_bytes()).is_some());
    assert!(Revoked::read(of(crate::jwt_auth::MAX_REVOKED_ISSUERS + 1).as_bytes()).is_none());
}

/// SHA-256 of `holder`.
const HEX: &str = "f3ca7c3ab8e57dd5ccce7c22dd5c8eb3bfe5b67fef6ac58d5ee5d2a6a22ec3ba";

#[test]
fn a_bound_token_needs_its_holder() {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(b"holder");
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_ne!(hex, HEX, "another value's");
    let base64url = URL_SAFE_NO_PAD.encode(digest);
    let mut by_cookie = config();
    by_cookie["fingerprint"] = json!({"cookie": "__Host-fp"});
    let mut by_header = config();
    by_header["fingerprint"] = json!({"header": "X-Fp", "claim": "cnf.fp"});
    let (mut by_cookie, mut by_header) = (Gate::new(&by_cookie), Gate::new(&by_header));
    let bound = Verdict::Bad("not_bound");
    let with = |print: Json| {
        let mut claims = claims();
        claims["fingerprint"] = print.clone();
        claims["cnf"] = json!({"fp": print});
        format!("Bearer {}", token(&claims))
    };
    for (name, print, shown, want) in [
        ("hex", json!(hex), vec!["holder"], Verdict::Passed),
        ("hex in capitals", json!(hex.to_uppercase()), vec!["holder"], Verdict::Passed),
        ("base64url", json!(base64url), vec!["holder"], Verdict::Passed),
        ("another value's", json!(HEX), vec!["holder"], bound),
        ("another value", json!(hex), vec!["thief"], bound),
        ("nothing", json!(hex), vec![], bound),
        ("empty", json!(hex), vec![""], bound),
        ("twice", json!(hex), vec!["holder", "holder"], bound),
        ("the hash itself", json!(hex), vec![hex.as_str()], bound),
        ("cut", json!(hex[..62]), vec!["holder"], bound),
        ("not hex", json!(format!("zz{}", &hex[2..])), vec!["holder"], bound),
        ("padded", json!(format!("{base64url}=")), vec!["holder"], bound),
        ("a number", json!(1), vec!["holder"], bound),
        ("no claim", Json::Null, vec!["holder"], bound),
        (
            "SHA-256 of nothing",
            json!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            vec![""],
            bound,
        ),
    ] {
        let bearer = with(print);
        // The second time from what is remembered.
        for _ in 0..2 {
            let cookie = shown.iter().map(|value| format!("__Host-fp={value}")).collect::<Vec<_>>().join("; ");
            let mut headers: Vec<(&str, &[u8])> = vec![("authorization", bearer.as_bytes())];
            if !shown.is_empty() {
                headers.push(("cookie", cookie.as_bytes()));
            }
            assert_eq!(Verdict::of(&by_cookie.ask("GET", "/api/x", &headers)), want, "{name}, cookie");
            let mut headers: Vec<(&str, &[u8])> = vec![("authorization", bearer.as_bytes())];
            headers.extend(shown.iter().map(|value| ("x-fp", value.as_bytes())));
            assert_eq!(Verdict::of(&by_header.ask("GET", "/api/x", &headers)), want, "{name}, header");
        }
    }
    let long = "x".repeat(crate::jwt_auth::MAX_FINGERPRINT_BYTES + 1);
    let hex: String = sha2::Sha256::digest(&long).iter().map(|byte| format!("{byte:02x}")).collect();
    let bearer = with(json!(hex));
    let headers: [(&str, &[u8]); 2] = [("authorization", bearer.as_bytes()), ("x-fp", long.as_bytes())];
    assert_eq!(Verdict::of(&by_header.ask("GET", "/api/x", &headers)), bound, "longer than is hashed");
}
