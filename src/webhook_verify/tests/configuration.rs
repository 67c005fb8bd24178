//! What is refused at load, with its place and without a secret.

use super::delivery::SECRET;
use super::*;
use crate::config::Assumed;
use crate::webhook_verify::presets;

fn refused(config: &Value, secrets: &[&str]) -> String {
    match Gate::try_new(config, secrets) {
        Ok(_) => panic!("{config} is taken"),
        Err(error) => error,
    }
}

#[test]
fn a_wrong_field_is_named() {
    let with = |more: Value| endpoint(&json!("portal"), 1, &more);
    let scheme = |more: Value| {
        let mut scheme = json!({
            "algorithm": "hmac-sha256", "signature": {"from": {"header": "x-sig"}, "encoding": "hex"},
            "signed": ["timestamp", {"text": "."}, "body"], "timestamp": {"from": {"header": "x-time"}, "format": "unix"}
        });
        for (name, value) in more.as_object().unwrap() {
            scheme[name] = value.clone();
        }
        endpoint(&scheme, 1, &json!({}))
    };
    let open_mac = json!([{
        "method": "GET", "signed": false, "token": {"query": "t"}, "answer": {"mac": {"member": "m", "encoding": "hex"}},
    }]);
    let components = |more: Value| {
        let mut scheme = json!({
            "algorithm": "hmac-sha256",
            "signature": {"from": {"header": "signature"}, "style": {"components": {"covered": ["@method"]}}},
        });
        for (name, value) in more.as_object().unwrap() {
            scheme[name] = value.clone();
        }
        endpoint(&scheme, 1, &json!({"base_url": "https://hooks.example"}))
    };
    let covers = |names: Value| {
        components(json!({
            "signature": {"from": {"header": "signature"}, "style": {"components": {"covered": names}}},
        }))
    };
    let two = json!({"endpoints": [
        {"name": "a", "match": {"paths": ["/in/**"]}, "scheme": "portal", "secrets": [{"env": "S0"}]},
        {"name": "a", "match": {"paths": ["/out"]}, "scheme": "portal", "secrets": [{"env": "S0"}]}
    ]});
    let mut covered = two.clone();
    covered["endpoints"][1]["name"] = json!("b");
    covered["endpoints"][1]["match"] = json!({"paths": ["/in/x"], "methods": ["POST"]});
    for (config, want) in [
        (json!({"endpoints": []}), "endpoints: is empty"),
        (json!({}), "endpoints: is missing, and so is `sign`"),
        (with(json!({"name": ""})), "endpoints[0].name: must be 1..=64"),
        (with(json!({"name": "a b"})), "endpoints[0].name: must be 1..=64"),
        (two, "endpoints[1].name: is already that of endpoints[0]"),
        (covered, "endpoints[1].match: can never match: endpoints[0] takes all"),
        (with(json!({"match": {"paths": []}})), "endpoints[0].match.paths: is empty"),
        (with(json!({"replay": {"window_s": 600, "keys": 0}})), "endpoints[0].replay.keys: 0 is not in 1..=40960"),
        (with(json!({"replay": {"window_s": 600, "keys": 40_961}})), "endpoints[0].replay.keys: 40961 is not in"),
        (with(json!({"scheme": "portal2"})), "endpoints[0].scheme: is no preset"),
        (with(json!({"scheme": 1})), "endpoints[0].scheme: invalid type, expected the name of a preset or an object"),
        (with(json!({"secrets": []})), "endpoints[0].secrets: must have 1..=8 entries"),
        (with(json!({"secrets": [{"env": "a b"}]})), "endpoints[0].secrets[0].env: must be the name of an environment"),
        (
            with(json!({"secrets": [{"env": "HOOK_GONE"}]})),
            "endpoints[0].secrets[0].env: names a variable, HOOK_GONE, that is not set",
        ),
        // These may be secrets.
        (with(json!({"secrets": [{"env": "GONE"}]})), "endpoints[0].secrets[0].env: names a variable that is not set"),
        (
            with(json!({"secrets": [{"env": "PIN_1234"}]})),
            "endpoints[0].secrets[0].env: names a variable that is not set",
        ),
        (
            with(json!({"secrets": [{"env": "S0", "not_before": 2, "not_after": 2}]})),
            "endpoints[0].secrets[0].not_after: is not after not_before",
        ),
        (
            with(json!({"secrets": [{"env": "S0", "not_before": "soon"}]})),
            "endpoints[0].secrets[0].not_before: invalid value, expected Unix seconds or a time",
        ),
        (with(json!({"secrets": [{"env": "S0", "formal": "raw"}]})), "endpoints[0].secrets[0].formal: unknown field"),
        (with(json!({"scheme": "square"})), "endpoints[0].base_url: is missing"),
        (
            with(json!({"scheme": "square", "base_url": "x.example"})),
            "endpoints[0].base_url: must be http:// or https://",
        ),
        (
            with(json!({"scheme": "square", "base_url": "https://x/?a"})),
            "endpoints[0].base_url: must be http:// or https://",
        ),
        (with(json!({"tolerance_s": 86_401})), "endpoints[0].tolerance_s: is 86401 and must be 0..=86400"),
        (with(json!({"events": []})), "endpoints[0].events: must be 1..=256"),
        (with(json!({"events": ["a*"]})), "endpoints[0].events: `a*` has a * that is not the last part"),
        (with(json!({"scheme": "gocardless", "events": ["a"]})), "endpoints[0].events: cannot be checked"),
        (with(json!({"replay": {"window_s": 864_001}})), "endpoints[0].replay.window_s: is 864001 and must be 0 (off)"),
        (
            with(json!({"replay": {"window_s": 1, "lease_s": 0}})),
            "endpoints[0].replay.lease_s: is 0 and must be 1..=3600",
        ),
        (with(json!({"max_body_bytes": 0})), "endpoints[0].max_body_bytes: is 0 and must be 1..=33554432"),
        (
            with(json!({"scheme": "adyen", "max_body_bytes": 1_048_577, "secrets": [{"env": "S0", "format": "raw"}]})),
            "endpoints[0].max_body_bytes: is 1048577 and must be 1..=1048576",
        ),
        (with(json!({"settings": {"a": "b"}})), "endpoints[0].settings: has an entry that the scheme does not use"),
        (with(json!({"verify_token": {"env": "S0"}})), "endpoints[0].verify_token: is not used"),
        (with(json!({"mode": "off"})), "endpoints[0].mode: unknown variant, expected `enforce` or `shadow`"),
        (scheme(json!({"signed": []})), "endpoints[0].scheme.signed: says what is signed"),
        (scheme(json!({"signed": ["body", "body"]})), "endpoints[0].scheme.signed: has the body twice"),
        (scheme(json!({"signed": ["id", "body"]})), "endpoints[0].scheme.id: is signed, so it must be there"),
        (scheme(json!({"signed": ["bodies"]})), "endpoints[0].scheme.signed[0]: unknown variant"),
        (
            scheme(json!({"signed": [{"optional": ["body"]}]})),
            "endpoints[0].scheme.signed: has the body in an optional part",
        ),
        (
            scheme(json!({"timestamp": {"from": {"header": "x"}, "format": "unix", "required": false}})),
            "endpoints[0].scheme.timestamp: is signed, so it must be there and required",
        ),
        (
            scheme(json!({"timestamp": {"from": {"pair": "t"}, "format": "unix"}})),
            "endpoints[0].scheme.signature.style: has no pairs",
        ),
        (
            scheme(json!({"timestamp": {"from": {"header": "x"}, "format": "unix", "past_s": 0}})),
            "endpoints[0].scheme.timestamp.past_s: is 0",
        ),
        (
            scheme(json!({"signature": {"from": {"header": "x y"}, "encoding": "hex"}})),
            "endpoints[0].scheme.signature.from: is no name",
        ),
        (scheme(json!({"signature": {"from": {"header": "x"}}})), "endpoints[0].scheme.signature.encoding: is missing"),
        (scheme(json!({"algorithm": "jws"})), "endpoints[0].scheme.algorithm: is jws exactly where"),
        (scheme(json!({"algorithm": "md5"})), "endpoints[0].scheme.algorithm: unknown variant"),
        (components(json!({"algorithm": "hmac-sha1"})), "endpoints[0].scheme.algorithm: is none of message signatures"),
        (components(json!({"signed": ["body"]})), "endpoints[0].scheme.signed: says what is signed"),
        (
            components(json!({"signature": {"from": {"header": "x"}, "style": {"components": {"covered": ["date"]}}}})),
            "endpoints[0].scheme.signature.from: must be {\"header\": \"signature\"}",
        ),
        (covers(json!(["@status"])), "endpoints[0].scheme.signature.style.components.covered[0]: is neither"),
        (covers(json!(["date", "Date"])), "endpoints[0].scheme.signature.style.components.covered[1]: is neither"),
        (covers(json!(["@query-param"])), "endpoints[0].scheme.signature.style.components.covered[0]: is neither"),
        (covers(json!([])), "endpoints[0].scheme.signature.style.components.covered: must be 1..=16 texts"),
        (
            scheme(json!({"signed": ["body", {"listed_headers": {"equals": ":", "between": ";", "covered": []}}]})),
            "endpoints[0].scheme.signed: has listed_headers, which need `from`",
        ),
        (
            scheme(json!({
                "algorithm": "jws",
                "signature": {
                    "from": {"header": "x"}, "style": {"detached": {"algorithms": ["HS256"], "headers": "h"}},
                },
            })),
            "endpoints[0].scheme.signature.style.detached.algorithms: must be of public keys",
        ),
        (scheme(json!({"extra": 1})), "endpoints[0].scheme.extra: unknown field `extra`"),
        (
            scheme(
                json!({"challenges": [{"method": "POST", "signed": false, "token": {"json": "/a"}, "answer": "text"}]}),
            ),
            "endpoints[0].scheme.challenges[0].signed: must be true",
        ),
        // Else a probe for `1700000000` is the signature of an empty body at that time, and one with more that of another id.
        (
            scheme(json!({
                "signed": ["timestamp", "body"], "timestamp": {"from": {"header": "x-t"}, "format": "unix"},
                "challenges": open_mac,
            })),
            "endpoints[0].scheme.challenges: sign whatever a caller asks for",
        ),
        (
            scheme(json!({"signed": [{"text": "v0"}, {"header": "x-a"}], "challenges": open_mac})),
            "endpoints[0].scheme.challenges: sign whatever a caller asks for",
        ),
        (
            scheme(json!({"challenges": [{"method": "GET", "signed": false, "answer": "text"}]})),
            "endpoints[0].scheme.challenges[0].token: is what is sent back",
        ),
    ] {
        let error = refused(&config, &[SECRET]);
        assert!(error.starts_with(want), "{error}\nfor {config}");
    }
}

/// Never "no secret, so everything passes", and never the secret in a message.
#[test]
fn a_bad_secret_is_refused_and_not_shown() {
    let hush = "hush-hush-hush";
    for (scheme, format, secret, want) in [
        ("github", "raw", "", "names a variable that is not set, or empty"),
        ("github", "raw", "  \t ", "names a variable with nothing but white space"),
        ("github", "raw", "ab", "names a variable with a secret that is too short; at least 3 bytes"),
        ("braintree", "sha1", "ab", "names a variable with a secret that is too short; at least 3 bytes"),
        ("github", "raw", "hush-hush-hush\0", "names a variable with a secret that ends in NUL"),
        ("github", "hex", hush, "names a variable that is not in the secret's format"),
        ("github", "hex", "6", "names a variable that is not in the secret's format"),
        ("github", "base64", hush, "names a variable that is not in the secret's format"),
        ("github", "whsec", "whsec_hush-hush", "names a variable that is not in the secret's format"),
        ("standard-webhooks", "whsec", "whsec_", "names a variable with a secret that is too short; at least 16 bytes"),
        (
            "standard-webhooks",
            "whsec",
            "whsec_aHVzaC1odXNoLWh1c2g=",
            "names a variable with a secret that is too short",
        ),
        ("standard-webhooks-ed", "whpk", "whpk_aHVzaC1odXNoLWh1c2g=", "names a variable with no key that can be used"),
        ("discord", "hex", "00", "names a variable with no key that can be used"),
        ("sendgrid", "spki", hush, "names a variable that is not in the secret's format"),
        ("sendgrid", "raw", hush, "names a variable with a key of another kind"),
        ("github", "spki", hush, "names a variable that is not in the secret's format"),
        ("plaid", "jwk", "{\"kty\":\"oct\",\"k\":\"hush\"}", "names a variable with a key of another kind"),
        ("aws-sns", "certificate", hush, "names a variable with no key that can be used"),
        ("twitch", "raw", "hush-hush", "names a variable with a secret that is too short; at least 10 bytes"),
    ] {
        let config = endpoint(&json!(scheme), 1, &json!({"secrets": [{"env": "S0", "format": format}]}));
        let error = refused(&config, &[secret]);
        assert!(error.starts_with(&format!("endpoints[0].secrets[0].env: {want}")), "{scheme}, {format}: {error}");
        assert!(!error.contains("hush"), "{error}");
    }
    let long = "x".repeat(1025);
    let error = refused(&endpoint(&json!("github"), 1, &json!({})), &[&long]);
    assert!(error.contains("longer than 1024 bytes"), "{error}");
    assert!(Gate::try_new(&endpoint(&json!("github"), 1, &json!({})), &[&long[..1024]]).is_ok());
    // A secret where something else belongs.
    for more in [
        json!({"secrets": [hush]}),
        json!({"secrets": hush}),
        json!({"secrets": [{"env": hush}]}),
        json!({"scheme": hush}),
        json!({"secrets": [{"env": "S0", "format": hush}]}),
        json!({"secrets": [{"env": "S0", "not_after": hush}]}),
        json!({"events": hush}),
    ] {
        let error = refused(&endpoint(&json!("portal"), 1, &more), &[SECRET]);
        assert!(!error.contains("hush"), "{error}");
    }
    let gate = Gate::new(&endpoint(&json!("github"), 1, &json!({})), &[hush]);
    assert!(!format!("{:?}", gate.policy).contains("hush"));
}

#[test]
fn the_longest_window_is_the_tables() {
    assert_eq!(u64::from(crate::webhook_verify::MAX_REPLAY_S) * 1000, crate::table::MAX_KEEP_MS);
    let longest = endpoint(&json!("github"), 1, &json!({"replay": {"window_s": crate::webhook_verify::MAX_REPLAY_S}}));
    assert!(Gate::try_new(&longest, &[SECRET]).is_ok());
}

#[test]
fn what_does_nothing_is_warned_about() {
    let more = json!({"base_url": "https://x.example", "tolerance_s": 5, "future_s": 5});
    let gate = Gate::new(&endpoint(&json!("github"), 1, &more), &[SECRET]);
    let findings = gate.policy.findings();
    for field in ["base_url", "tolerance_s", "future_s"] {
        let path = format!("endpoints[0].{field}");
        assert!(findings.iter().any(|finding| finding.warning && finding.path == path), "{field}: {findings:?}");
    }
}

#[test]
fn short_secrets_are_warned_about() {
    // Of the second scheme the key is a hash, which is long whatever the secret is.
    for scheme in ["github", "braintree"] {
        let gate = Gate::new(&endpoint(&json!(scheme), 2, &json!({})), &["fifteen letters", "sixteen letters!"]);
        let findings = gate.policy.findings();
        let weak: Vec<&str> = findings
            .iter()
            .filter(|finding| finding.message.contains("can be guessed"))
            .map(|finding| finding.path.as_str())
            .collect();
        assert_eq!(weak, ["endpoints[0].secrets[0]"], "{scheme}");
    }
}

/// Where the secrets are not, the rest is checked all the same.
#[test]
fn without_the_environment_the_rest_is_checked() {
    for name in presets::names() {
        let descriptor = presets::find(name).unwrap().unwrap_or_else(|error| panic!("{error}"));
        let mut more = json!({"accept_weak_scheme": true});
        if descriptor.signs_url() {
            more["base_url"] = json!("https://x.example/");
        }
        if name == "paypal" {
            more["settings"] = json!({"webhook_id": "1"});
        }
        if name.starts_with("aws-sns") || name == "bkash" {
            more["settings"] = json!({"topic_arn": "arn:aws:sns:eu-west-1:1:a"});
        }
        let config = endpoint(&json!(name), 1, &more).to_string();
        let policy = Policy::read(config.as_bytes(), &Assumed);
        assert!(policy.is_ok(), "{name}: {:?}", policy.err());
    }
}

/// A preset is what a configuration may write out: the same text does the same.
#[test]
fn every_preset_can_be_written_out() {
    let file: Value = serde_json::from_str(include_str!("../presets.json")).unwrap();
    let members = file.as_object().unwrap();
    assert_eq!(members.len(), presets::names().count());
    assert_eq!(presets::presets().len(), members.len());
    for preset in presets::presets() {
        assert!(!preset.source.is_empty(), "{} has no source", preset.name);
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(preset.name.bytes().all(good), "{}", preset.name);
    }
    for vector in super::vectors::accepted() {
        let mut config = vector.config.clone();
        let Some(name) = config["endpoints"][0]["scheme"].as_str().map(str::to_owned) else { continue };
        config["endpoints"][0]["scheme"] = members[&name].clone();
        let secrets: Vec<&str> = vector.secrets.iter().map(String::as_str).collect();
        let mut gate = Gate::new(&config, &secrets);
        assert_eq!(gate.at(vector.now_s).send(&vector.request).status, 200, "{}", vector.id);
    }
}
