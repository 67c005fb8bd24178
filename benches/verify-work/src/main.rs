//! Verifies one token over and over, for counting instructions: `verify-work lockgate|crates|jwt-compact NAME COUNT`.
//!
//! NAME is one in `tests/cases/signature/openssl.json`. The key is read once; only the check of the signature is
//! repeated. `verify-work names` lists them; `verify-work load NAME COUNT` reads the key so often.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

#[cfg(feature = "crates")]
mod crates;
#[cfg(feature = "jwt-compact")]
mod jwt_compact;
#[cfg(feature = "lockgate")]
mod lockgate;

/// A token taken apart.
struct Case {
    alg: String,
    jwk: Value,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Case {
    fn of(token: &Value) -> Self {
        let text = token["token"].as_str().unwrap();
        let (message, signature) = text.rsplit_once('.').unwrap();
        Self {
            alg: token["alg"].as_str().unwrap().to_owned(),
            jwk: token["jwk"].clone(),
            message: message.as_bytes().to_vec(),
            signature: URL_SAFE_NO_PAD.decode(signature).unwrap(),
        }
    }

    fn member(&self, name: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(self.jwk[name].as_str().unwrap()).unwrap()
    }
}

/// What checks the signature of one case.
type Check = Box<dyn Fn(&[u8], &[u8]) -> bool>;

fn main() {
    let tokens: Vec<Value> = serde_json::from_str(include_str!("../../../tests/cases/signature/openssl.json")).unwrap();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let find = |name: &str| {
        let token = tokens.iter().find(|token| token["name"] == name);
        Case::of(token.unwrap_or_else(|| panic!("no token {name}")))
    };
    match words.as_slice() {
        ["names"] => tokens.iter().for_each(|token| println!("{}", token["name"].as_str().unwrap())),
        #[cfg(feature = "lockgate")]
        ["load", name, count] => {
            let case = find(name);
            for _ in 0..count.parse::<u32>().unwrap() {
                black_box(lockgate::key(black_box(&case)));
            }
        }
        [work, name, count] => {
            let case = find(name);
            let check: Option<Check> = match *work {
                #[cfg(feature = "lockgate")]
                "lockgate" => lockgate::check(&case),
                #[cfg(feature = "crates")]
                "crates" => crates::check(&case),
                #[cfg(feature = "jwt-compact")]
                "jwt-compact" => jwt_compact::check(&case),
                _ => panic!("no work {work}"),
            };
            let check = check.unwrap_or_else(|| panic!("{work} does not know {name}"));
            let mut bad = case.signature.clone();
            bad[7] ^= 1;
            assert!(!check(&case.message, &bad), "a bad signature is accepted");
            for _ in 0..count.parse::<u32>().unwrap() {
                assert!(check(black_box(&case.message), black_box(&case.signature)), "a good signature is refused");
            }
        }
        _ => panic!("usage: verify-work lockgate|crates|jwt-compact|load NAME COUNT"),
    }
}
