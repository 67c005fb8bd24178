//! What holds for all kinds of keys.

mod properties;
pub(crate) mod tokens;
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

#[test]
fn weak_and_malformed_keys_are_refused() {
    let rsa = |bits: usize, last: u8, e: &[u8]| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] = 0xff >> (bits.div_ceil(8) * 8 - bits);
        *n.last_mut().unwrap() = last;
        VerifyingKey::rsa(&n, e).err()
    };
    let cases = [
        ("RSA of 2047 bits", rsa(2047, 1, &[1, 0, 1]), Some(KeyError::ModulusSize)),
        ("RSA of 2048 bits", rsa(2048, 1, &[1, 0, 1]), None),
        ("RSA of 2049 bits", rsa(2049, 1, &[1, 0, 1]), None),
        ("RSA of 4096 bits", rsa(4096, 1, &[3]), None),
        ("RSA of 4097 bits", rsa(4097, 1, &[1, 0, 1]), Some(KeyError::ModulusSize)),
        ("an even modulus", rsa(2048, 2, &[1, 0, 1]), Some(KeyError::ModulusEven)),
        ("no modulus", VerifyingKey::rsa(&[], &[3]).err(), Some(KeyError::ModulusSize)),
        ("no exponent", rsa(2048, 1, &[]), Some(KeyError::Exponent)),
        ("exponent 1", rsa(2048, 1, &[0, 1]), Some(KeyError::Exponent)),
        ("exponent 2", rsa(2048, 1, &[2]), Some(KeyError::Exponent)),
        ("exponent 3", rsa(2048, 1, &[0, 3]), None),
        ("an exponent of 33 bits", rsa(2048, 1, &[1, 0, 0, 0, 1]), None),
        ("an exponent of 34 bits", rsa(2048, 1, &[2, 0, 0, 0, 1]), Some(KeyError::Exponent)),
        ("a short coordinate", VerifyingKey::ec(Curve::P256, &[0; 31], &[0; 32]).err(), Some(KeyError::Length)),
        ("a long coordinate", VerifyingKey::ec(Curve::P256, &[0; 32], &[0; 33]).err(), Some(KeyError::Length)),
        ("no point", VerifyingKey::ec(Curve::P384, &[0; 48], &[0; 48]).err(), Some(KeyError::Point)),
        ("beyond the field", VerifyingKey::ec(Curve::P521, &[0xff; 66], &[0xff; 66]).err(), Some(KeyError::Point)),
        ("a short Ed25519 key", VerifyingKey::ed25519(&[1; 31]).err(), Some(KeyError::Length)),
        ("no Ed25519 point", VerifyingKey::ed25519(&[2; 32]).err(), Some(KeyError::Point)),
    ];
    for (name, got, want) in cases {
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn ed25519_points_are_canonical_and_not_of_small_order() {
    // All points of small order (RFC 8032's curve), and what else some readers take for them.
    let hex = |text: &str| -> Vec<u8> {
        (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    let cases = [
        ("0100000000000000000000000000000000000000000000000000000000000000", KeyError::SmallOrder),
        ("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", KeyError::SmallOrder),
        ("0000000000000000000000000000000000000000000000000000000000000000", KeyError::SmallOrder),
        ("0000000000000000000000000000000000000000000000000000000000000080", KeyError::SmallOrder),
        ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", KeyError::SmallOrder),
        ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", KeyError::SmallOrder),
        ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", KeyError::SmallOrder),
        ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", KeyError::SmallOrder),
        // The identity with the sign of zero, and y = p, p + 1.
        ("0100000000000000000000000000000000000000000000000000000000000080", KeyError::Point),
        ("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", KeyError::Point),
        ("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", KeyError::Point),
    ];
    for (point, want) in cases {
        assert_eq!(VerifyingKey::ed25519(&hex(point)).unwrap_err(), want, "{point}");
    }
    // [S]B = R + [k]A with S = 0 and R the identity would hold for A of small order; with a good key it does not, and R of
    // small order never counts.
    let good = ed25519_dalek::SigningKey::from_bytes(&SEED).verifying_key();
    let key = VerifyingKey::ed25519(good.as_bytes()).unwrap();
    for (point, _) in cases {
        assert!(!key.verify(Algorithm::EdDsa, b"message", &[hex(point), vec![0; 32]].concat()), "{point}");
    }
}

#[test]
fn keys_are_read_from_files() {
    // What `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write.
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n-----END PRIVATE KEY-----\n";
    let signing = SigningKey::ed25519_pkcs8_pem(private).unwrap();
    let [kty, crv, (name, x)] = signing.public_jwk_members().unwrap();
    assert_eq!((kty, crv, name), (("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), "x"));
    let x = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, x).unwrap();
    let signature = signing.sign(b"message");
    assert!(VerifyingKey::ed25519(&x).unwrap().verify(Algorithm::Ed25519, b"message", &signature));
    assert_eq!(SigningKey::hmac(&SECRET).unwrap().public_jwk_members(), None);

    let refused = [
        ("another label", private.replace("PRIVATE KEY", "EC PRIVATE KEY"), KeyError::Pem),
        ("no PEM", private.replace("-----", ""), KeyError::Pem),
        ("damaged", private.replace("MC4", "MC5"), KeyError::Der),
        ("another kind", private.replace("K2Vw", "K2Vu"), KeyError::Unsupported),
        ("too long", private.repeat(80), KeyError::Pem),
    ];
    for (name, pem, want) in refused {
        assert_eq!(SigningKey::ed25519_pkcs8_pem(&pem).unwrap_err(), want, "{name}");
    }
    assert_eq!(VerifyingKey::spki_pem(private).unwrap_err(), KeyError::Pem);
    assert_eq!(VerifyingKey::spki_der(&[0x30, 0x80]).unwrap_err(), KeyError::Der);
    assert_eq!(VerifyingKey::spki_der(&vec![0x30; 4096]).unwrap_err(), KeyError::Der);
}
