//! Tokens that were verified before: faster, and never better than new.

use std::rc::Rc;

use super::*;
use crate::jwt_auth::cache::Cache;

fn verified(gate: &Gate) -> u64 {
    let place = gate.policy.counters().iter().position(|name| name == "lockgate.jwt_auth.provider-main.verified");
    gate.host.counters.get(&place.unwrap()).copied().unwrap_or_default()
}

#[test]
fn a_signature_is_verified_once() {
    for (entries, want) in [(json!(null), 1), (json!(1), 1), (json!(4), 1), (json!(1024), 1), (json!(0), 3)] {
        let mut config = config();
        if !entries.is_null() {
            config["cache"] = json!({"entries": entries});
        }
        let mut gate = Gate::new(&config);
        for _ in 0..3 {
            assert_eq!(gate.bearer(&good()), Verdict::Passed);
        }
        assert_eq!(verified(&gate), want, "{entries}");
    }
}

#[test]
fn a_remembered_token_ends_in_time() {
    let mut gate = Gate::new(&config());
    let token = good();
    for (time, want) in [
        (NOW_S, Verdict::Passed),
        (NOW_S + 599, Verdict::Passed),
        (NOW_S + 600, Verdict::Bad("expired")),
        // The clock goes back: it is good again, and before it was issued it is not.
        (NOW_S, Verdict::Passed),
        (NOW_S - 61, Verdict::Bad("issued_ahead")),
    ] {
        gate.set_time(time);
        assert_eq!(gate.bearer(&token), want, "{time}");
    }
}

#[test]
fn only_the_same_text_is_remembered() {
    let mut gate = Gate::new(&config());
    let token = good();
    assert_eq!(gate.bearer(&token), Verdict::Passed);
    let (message, signature) = token.rsplit_once('.').unwrap();
    // The same signature, by which it is looked for, below other claims of the same length.
    let claims = claims().to_string().replace("u-1", "u-2");
    let header = message.split_once('.').unwrap().0;
    let forged = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims));
    assert_eq!(forged.len(), token.len());
    assert_eq!(gate.bearer(&forged), Verdict::Bad("signature"));
    assert_eq!(gate.bearer(&token), Verdict::Passed);
    assert_eq!(verified(&gate), 1);
}

#[test]
fn long_tokens_are_not_remembered() {
    let mut gate = Gate::new(&config());
    for (bytes, want) in [(2_000, 1), (3_500, 3)] {
        let mut claims = claims();
        claims["x"] = json!("x".repeat(bytes));
        let before = verified(&gate);
        for _ in 0..3 {
            assert_eq!(gate.bearer(&token(&claims)), Verdict::Passed);
        }
        assert_eq!(verified(&gate) - before, want, "{bytes} bytes");
    }
}

#[test]
fn places_and_bytes_are_bounded() {
    let mut cache = Cache::new(64, 7);
    let text = |n: usize| format!("{n:0>3000}").into_bytes();
    for n in 0..10_000 {
        cache.put(&text(n), &Rc::new(n), |_| false);
        // What was put last is there.
        assert_eq!(cache.find(&text(n)).as_deref(), Some(&n));
    }
    let left = (0..10_000).filter(|&n| cache.find(&text(n)).is_some()).count();
    assert!((1..=64).contains(&left), "{left}");
    // More places than bytes.
    let mut cache = Cache::new(65_536, 7);
    for n in 0..10_000 {
        cache.put(&text(n), &Rc::new(n), |_| false);
    }
    let left = (0..10_000).filter(|&n| cache.find(&text(n)).is_some()).count();
    let most = crate::jwt_auth::MAX_CACHE_BYTES / (3000 * 6 + 512);
    assert_eq!(left, most);
    for n in 0..10_000 {
        cache.forget(&text(n));
    }
    for n in 0..most {
        cache.put(&text(n), &Rc::new(n), |_| false);
    }
    assert_eq!((0..most).filter(|&n| cache.find(&text(n)).is_some()).count(), most, "what was forgotten makes room");
}

#[test]
fn what_is_used_stays_and_what_is_over_goes() {
    let mut cache = Cache::new(4, 7);
    let text = |n: u32| format!("token-{n:0>40}").into_bytes();
    for n in 0..100 {
        cache.put(&text(n), &Rc::new(n), |_| false);
        assert_eq!(cache.find(&text(0)).as_deref(), Some(&0), "after {n}");
    }
    let mut cache = Cache::new(1024, 7);
    for n in 0..1000 {
        cache.put(&text(n), &Rc::new(n), |_| false);
    }
    // Each new one sweeps a few places.
    for n in 1000..1200 {
        cache.put(&text(n), &Rc::new(n), |&old| old < 1000);
    }
    assert_eq!((0..1000).filter(|&n| cache.find(&text(n)).is_some()).count(), 0);
}
