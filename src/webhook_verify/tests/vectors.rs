//! Published vectors, each with its source: `tests/cases/webhook_verify/accept.json` and `reject.json`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::webhook_verify::descriptor::{Algorithm, Descriptor, DescriptorWire};

const ACCEPT: &str = include_str!("../../../tests/cases/webhook_verify/accept.json");
const CERTIFICATES: &str = include_str!("../../../tests/cases/webhook_verify/certificates.json");
const REJECT: &str = include_str!("../../../tests/cases/webhook_verify/reject.json");

#[derive(Clone)]
pub(super) struct Vector {
    pub(super) id: String,
    pub(super) config: Value,
    pub(super) secrets: Vec<String>,
    pub(super) request: Request,
    pub(super) now_s: u64,
    pub(super) fail: Option<String>,
}

impl Vector {
    pub(super) fn gate(&self) -> Result<Gate, String> {
        let secrets: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
        let mut gate = Gate::try_new(&self.config, &secrets)?;
        gate.at(self.now_s);
        Ok(gate)
    }
}

fn read(file: &str) -> Vec<Vector> {
    let file: Value = serde_json::from_str(file).unwrap();
    file.as_array().unwrap().iter().map(vector).collect()
}

/// All that must pass.
pub(super) fn accepted() -> Vec<Vector> {
    [read(ACCEPT), read(CERTIFICATES)].concat()
}

fn vector(vector: &Value) -> Vector {
    let text = |name: &str| vector[name].as_str().unwrap_or_else(|| panic!("no {name} in {vector}")).to_owned();
    let scheme = vector["scheme"].clone();
    let secrets: Vec<String> =
        vector["secrets"].as_array().unwrap().iter().map(|secret| secret.as_str().unwrap().to_owned()).collect();
    let listed: Vec<Value> =
        (0..secrets.len()).map(|n| json!({"env": format!("S{n}"), "format": vector["format"]})).collect();
    let mut more = json!({"secrets": listed});
    let descriptor = descriptor(&scheme);
    if let Some(settings) = vector.get("settings") {
        more["settings"] = settings.clone();
    }
    if descriptor.signs_url() {
        more["base_url"] = vector["base_url"].clone();
    }
    if descriptor.algorithm == Algorithm::Sha256SecretPrefix {
        more["accept_weak_scheme"] = json!(true);
    }
    let body = match vector.get("body_b64") {
        Some(body) => STANDARD.decode(body.as_str().unwrap()).unwrap(),
        None => text("body").into_bytes(),
    };
    let headers: Vec<(String, Vec<u8>)> = vector["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| (header[0].as_str().unwrap().to_owned(), header[1].as_str().unwrap().as_bytes().to_vec()))
        .collect();
    let content = Content { headers, body, ..Content::default() };
    Vector {
        id: text("id"),
        config: endpoint(&scheme, secrets.len(), &more),
        secrets,
        request: Request { method: text("method"), path: text("path"), content },
        now_s: vector["now"].as_u64().unwrap_or(1_750_000_000),
        fail: vector.get("fail").map(|fail| fail.as_str().unwrap().to_owned()),
    }
}

#[test]
fn what_providers_publish_is_good() {
    let vectors = accepted();
    let mut faults = Vec::new();
    for vector in &vectors {
        let mut gate = match vector.gate() {
            Ok(gate) => gate,
            Err(error) => {
                faults.push(format!("{}: {error}", vector.id));
                continue;
            }
        };
        let outcome = gate.send(&vector.request);
        let challenged = reason(&outcome) == "challenge";
        if reason(&outcome) != "pass" && !challenged {
            faults.push(format!("{}: {}", vector.id, reason(&outcome)));
            continue;
        }
        if !challenged {
            let forwarded = outcome.forwarded.as_ref().expect("it went on");
            assert_eq!(forwarded.body, vector.request.content.body, "{}", vector.id);
            assert_eq!(field(&forwarded.headers, "x-webhook-verified"), ["hook"], "{}", vector.id);
        }
    }
    assert!(faults.is_empty(), "{} of {}: {faults:#?}", faults.len(), vectors.len());
    // So that no vector is lost unseen.
    assert_eq!(vectors.len(), 166);
}

#[test]
fn what_must_not_pass_does_not() {
    let vectors = read(REJECT);
    let mut faults = Vec::new();
    for vector in &vectors {
        let fail = vector.fail.as_deref().unwrap();
        let given = match vector.gate() {
            Err(_) => "config",
            Ok(mut gate) => {
                let outcome = gate.send(&vector.request);
                if outcome.forwarded.is_some() {
                    faults.push(format!("{}: IT PASSED", vector.id));
                    continue;
                }
                assert_eq!(outcome.status, 401, "{}", vector.id);
                reason(&outcome)
            }
        };
        if given != fail {
            faults.push(format!("{}: {given} instead of {fail}", vector.id));
        }
    }
    assert!(faults.is_empty(), "{} of {}: {faults:#?}", faults.len(), vectors.len());
    assert_eq!(vectors.len(), 192);
}

/// However a body is cut, also into single bytes, and whether it ends with its last chunk, an empty one or trailers.
#[test]
fn every_split_gives_the_same_verdict() {
    for vector in accepted() {
        let length = vector.request.content.body.len();
        for chunk in [1, 2, 3, 7, 64, length / 2 + 1, length.max(1)] {
            for trailers in [Fields::new(), vec![("x-end".to_owned(), b"1".to_vec())]] {
                let mut request = vector.request.clone();
                request.content.chunk = chunk;
                request.content.trailers.clone_from(&trailers);
                let outcome = vector.gate().unwrap().send(&request);
                assert!(outcome.status == 200, "{}, {chunk}: {}", vector.id, reason(&outcome));
                let mut forged = request;
                if let Some(last) = forged.content.body.last_mut() {
                    *last ^= 1;
                    if covers_body(&vector.config) {
                        assert_eq!(vector.gate().unwrap().send(&forged).status, 401, "{}, {chunk}", vector.id);
                    }
                }
            }
        }
    }
}

fn covers_body(config: &Value) -> bool {
    descriptor(&config["endpoints"][0]["scheme"]).covers_body()
}

/// A preset, or what is written out in its place.
pub(super) fn descriptor(scheme: &Value) -> Descriptor {
    match scheme.as_str() {
        Some(name) => crate::webhook_verify::presets::find(name).unwrap_or_else(|| panic!("no {name}")).unwrap(),
        None => serde_json::from_value::<DescriptorWire>(scheme.clone()).unwrap().check("scheme").unwrap(),
    }
}
