//! What holds for all kinds of keys.

mod tokens;
mod wycheproof;

use super::{Algorithm, Curve, KeyError, SigningKey, VerifyingKey};

const SECRET: [u8; 64] = *b"TopSecret0123456789abcdefghijklmnopqrstuvwxyzTopSecret0123456789";
const SEED: [u8; 32] = [7; 32];

#[test]
fn names_are_read_letter_for_letter() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
    }
    for name in ["", "none", "hs256", "HS256 ", "ES256K", "RS1", "eddsa", "ED25519", "Ed448", "P-256"] {
        assert_eq!(Algorithm::from_name(name), None, "{name}");
    }
    assert_eq!(Curve::from_name("P-256"), Some(Curve::P256));
    assert_eq!(Curve::from_name("p-256"), None);
}

#[test]
fn what_is_signed_verifies_and_nothing_else() {
    let hmac = (SigningKey::hmac(&SECRET).unwrap(), VerifyingKey::hmac(&SECRET).unwrap());
    let seed = SigningKey::ed25519_seed(&SEED).unwrap();
    let public = ed25519_dalek::SigningKey::from_bytes(&SEED).verifying_key();
    let ed25519 = (seed, VerifyingKey::ed25519(public.as_bytes()).unwrap());
    for (signing, verifying) in [hmac, ed25519] {
        let signature = signing.sign(b"message");
        assert!(verifying.verify(signing.algorithm(), b"message", &signature), "{verifying:?}");
        assert!(!verifying.verify(signing.algorithm(), b"massage", &signature), "{verifying:?}");
        for place in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            assert!(!verifying.verify(signing.algorithm(), b"message", &flipped), "{verifying:?}, bit {place}");
        }
    }
}

#[test]
fn short_secrets_do_not_fit_long_hashes() {
    assert_eq!(VerifyingKey::hmac(&SECRET[..31]).unwrap_err(), KeyError::SecretLength);
    for (length, fits) in [(32, 1), (47, 1), (48, 2), (63, 2), (64, 3)] {
        let key = VerifyingKey::hmac(&SECRET[..length]).unwrap();
        let fitting = Algorithm::ALL.into_iter().filter(|&algorithm| key.fits(algorithm)).count();
        assert_eq!(fitting, fits, "{length} bytes");
    }
}

#[test]
fn debug_texts_hide_secrets() {
    let signing = SigningKey::hmac(&SECRET).unwrap();
    let verifying = VerifyingKey::hmac(&SECRET).unwrap();
    let seed = SigningKey::ed25519_seed(&SEED).unwrap();
    assert_eq!(format!("{signing:?}"), "SigningKey(hmac <redacted>)");
    assert_eq!(format!("{verifying:?}"), "VerifyingKey(hmac <redacted>)");
    assert_eq!(format!("{seed:?}"), "SigningKey(ed25519 <redacted>)");
}
