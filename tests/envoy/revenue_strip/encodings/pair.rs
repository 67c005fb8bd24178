//! Envoy's compressors and decompressor around our filter, as envoy.yaml has them, and packing by hand.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::{Answer, Gate, Request, Setup, Upstream};
use serde_json::{Value, json};

/// Packs for clients, asks portals for plain text, strips, unpacks what comes packed all the same.
pub(super) fn between(setup: Setup) -> Setup {
    let packs = |coding| filter("compressor", &json!({"response_direction_config": packing()}), coding);
    let plain = json!({
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {
                "request_mutations": [{"append": {
                    "header": {"key": "accept-encoding", "value": "identity"},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }}],
                "response_trailers_mutations": [
                    {"remove": "x-envoy-decompressor-gzip-compressed-bytes"},
                    {"remove": "x-envoy-decompressor-gzip-uncompressed-bytes"},
                ],
            },
        },
    });
    setup
        .filter(packs("brotli"))
        .filter(packs("gzip"))
        .filter(plain)
        .strip(&rules(&[revenue_rule()]))
        .filter(unpacks("gzip"))
}

/// A compressor's or decompressor's settings for answers: those of envoy.yaml, but short texts are packed as well.
fn packing() -> Value {
    json!({
        "common_config": {
            "min_content_length": 30,
            "content_type": ["application/json", "application/x-ndjson", "text/csv", "text/html", "text/plain"],
        },
        "uncompressible_response_codes": [206],
    })
}

/// A decompressor for answers.
pub(super) fn unpacks(coding: &str) -> Value {
    let only_when_packed = json!({
        "request_direction_config": {
            "advertise_accept_encoding": false,
            "common_config": {"enabled": {"default_value": false, "runtime_key": "lockgate.unpack_requests"}},
        },
        "response_direction_config": {"common_config": {"ignore_no_transform_header": true}},
    });
    filter("decompressor", &only_when_packed, coding)
}

/// `kind`: compressor or decompressor.
fn filter(kind: &str, settings: &Value, coding: &str) -> Value {
    let message = if coding == "gzip" { "Gzip" } else { "Brotli" };
    let types = "type.googleapis.com/envoy.extensions";
    let outer = if kind == "compressor" { "Compressor" } else { "Decompressor" };
    let mut config = settings.clone();
    config["@type"] = json!(format!("{types}.filters.http.{kind}.v3.{outer}"));
    config[format!("{kind}_library")] = json!({
        "name": coding,
        "typed_config": {"@type": format!("{types}.compression.{coding}.{kind}.v3.{message}")},
    });
    json!({"name": format!("{kind}.{coding}"), "typed_config": config})
}

/// gzip by a library, brotli by an Envoy of its own: there is no brotli crate with a licence that we allow.
pub(super) struct Codec {
    upstream: Upstream,
    packs: Gate,
    unpacks: Gate,
}

impl Codec {
    pub(super) fn new() -> Self {
        let upstream = Upstream::start();
        let packs = filter("compressor", &json!({"response_direction_config": packing()}), "brotli");
        let packs = Setup::new(&upstream).filter(packs).start();
        let unpacks = Setup::new(&upstream).filter(unpacks("brotli")).start();
        Self { upstream, packs, unpacks }
    }

    pub(super) fn brotli(&self, text: impl AsRef<[u8]>) -> Vec<u8> {
        self.upstream.on("/pack", Answer::json(text));
        let packed = self.packs.ask(&Request::get("/pack").header("accept-encoding", "br"));
        assert_eq!(packed.header("content-encoding").as_deref(), Some("br"), "{packed}");
        packed.body
    }

    /// The body of an answer with this `content-encoding`; the beginning of it when it is cut.
    pub(super) fn unpack(&self, coding: Option<&str>, body: &[u8]) -> Vec<u8> {
        match coding {
            None => body.to_vec(),
            Some("gzip") => gunzip(body),
            Some("br") => {
                let head = [("content-type", "application/json"), ("content-encoding", "br")];
                self.upstream.on("/unpack", Answer::with("200 OK", &head, body));
                self.unpacks.get("/unpack").body
            }
            Some(other) => panic!("{other} was not asked for"),
        }
    }
}

pub(super) fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_ref()).unwrap();
    packed.finish().unwrap()
}

/// As far as it can be unpacked.
pub(super) fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let _ = GzDecoder::new(body).read_to_end(&mut text);
    text
}
