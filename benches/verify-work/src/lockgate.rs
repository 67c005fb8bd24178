use lockgate::signature::{Algorithm, Curve, VerifyingKey};

use crate::{Case, Check};

pub(crate) fn key(case: &Case) -> VerifyingKey {
    match case.jwk["kty"].as_str().unwrap() {
        "oct" => VerifyingKey::hmac(&case.member("k")),
        "RSA" => VerifyingKey::rsa(&case.member("n"), &case.member("e")),
        "EC" => {
            let curve = Curve::from_name(case.jwk["crv"].as_str().unwrap()).unwrap();
            VerifyingKey::ec(curve, &case.member("x"), &case.member("y"))
        }
        _ => VerifyingKey::ed25519(&case.member("x")),
    }
    .unwrap()
}

pub(crate) fn check(case: &Case) -> Option<Check> {
    let key = key(case);
    let algorithm = Algorithm::from_name(&case.alg)?;
    Some(Box::new(move |message, signature| key.verify(algorithm, message, signature)))
}
