use ed25519_dalek::{Signature, VerifyingKey};
use p256::ecdsa::signature::Verifier as _;
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, PublicKey};
use sha2::{Digest as _, Sha256};

use crate::{Case, Check};

pub(crate) fn check(case: &Case) -> Option<Check> {
    let sec1 = || [vec![4], case.member("x"), case.member("y")].concat();
    let rsa = || {
        let number = |name| BoxedUint::from_be_slice_vartime(&case.member(name));
        PublicKey::new(number("n"), number("e")).unwrap()
    };
    match case.alg.as_str() {
        "RS256" => {
            let key = rsa();
            Some(Box::new(move |message, signature| {
                key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature).is_ok()
            }))
        }
        "PS256" => {
            let key = rsa();
            Some(Box::new(move |message, signature| {
                key.verify(Pss::<Sha256>::new(), &Sha256::digest(message), signature).is_ok()
            }))
        }
        "ES256" => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1()).unwrap();
            Some(Box::new(move |message, signature| {
                key.verify(message, &p256::ecdsa::Signature::from_slice(signature).unwrap()).is_ok()
            }))
        }
        "ES384" => {
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&sec1()).unwrap();
            Some(Box::new(move |message, signature| {
                key.verify(message, &p384::ecdsa::Signature::from_slice(signature).unwrap()).is_ok()
            }))
        }
        "ES512" => {
            let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(&sec1()).unwrap();
            Some(Box::new(move |message, signature| {
                key.verify(message, &p521::ecdsa::Signature::from_slice(signature).unwrap()).is_ok()
            }))
        }
        "EdDSA" => {
            let key = VerifyingKey::from_bytes(&case.member("x").try_into().unwrap()).unwrap();
            Some(Box::new(move |message, signature| {
                key.verify_strict(message, &Signature::from_slice(signature).unwrap()).is_ok()
            }))
        }
        _ => None,
    }
}
