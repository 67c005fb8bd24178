use jwt_compact::alg::{Ed25519, Es256, Hs256, Hs256Key, Hs384, Hs384Key, Hs512, Hs512Key, Rsa};
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm, AlgorithmSignature};

use crate::{Case, Check};

pub(crate) fn check(case: &Case) -> Option<Check> {
    let jwk: JsonWebKey<'_> = serde_json::from_value(case.jwk.clone()).unwrap();
    match case.alg.as_str() {
        "HS256" => Some(by(Hs256, Hs256Key::try_from(&jwk).unwrap())),
        "HS384" => Some(by(Hs384, Hs384Key::try_from(&jwk).unwrap())),
        "HS512" => Some(by(Hs512, Hs512Key::try_from(&jwk).unwrap())),
        "RS256" => Some(by(Rsa::rs256(), (&jwk).try_into().unwrap())),
        "RS384" => Some(by(Rsa::rs384(), (&jwk).try_into().unwrap())),
        "RS512" => Some(by(Rsa::rs512(), (&jwk).try_into().unwrap())),
        "PS256" => Some(by(Rsa::ps256(), (&jwk).try_into().unwrap())),
        "PS384" => Some(by(Rsa::ps384(), (&jwk).try_into().unwrap())),
        "PS512" => Some(by(Rsa::ps512(), (&jwk).try_into().unwrap())),
        "ES256" => Some(by(Es256, (&jwk).try_into().unwrap())),
        "EdDSA" => Some(by(Ed25519, (&jwk).try_into().unwrap())),
        _ => None,
    }
}

fn by<A: Algorithm + 'static>(algorithm: A, key: A::VerifyingKey) -> Check
where
    A::VerifyingKey: 'static,
{
    Box::new(move |message, signature| {
        A::Signature::try_from_slice(signature).is_ok_and(|signature| algorithm.verify_signature(&signature, &key, message))
    })
}
