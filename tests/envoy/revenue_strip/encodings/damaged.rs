//! gzip that is none, is cut, goes on after its end, or is a bomb.

use lockgate_envoy_tests::{Answer, End, Gate, Request, Setup, Upstream, cases};

use super::pair::{between, gunzip, gzip};
use super::{GZIP, JSON, PART, accepting, assert_no_secret};
use crate::revenue_strip::assert_refused_or_broken;

#[test]
fn a_text_that_was_cut_is_never_taken_for_the_whole() {
    let upstream = Upstream::start();
    let gate = between(Setup::new(&upstream)).start();
    let packed = gzip(PART);
    let two_members = [gzip(&PART[..100]), gzip(&PART[100..])].concat();
    let mut rows: Vec<(String, Vec<u8>)> = vec![("two members".to_owned(), two_members)];
    // A gzip header is 10 bytes, its end 8: from the 20th byte on there is text, and without the last 12 it is not whole.
    rows.extend(
        (20..packed.len() - 12).step_by(17).map(|length| (format!("{length} bytes"), packed[..length].to_vec())),
    );
    cases::each(rows, |_, body| {
        for size in [10, 10_000] {
            let head = [JSON, GZIP, ("transfer-encoding", "chunked")];
            upstream.on("/api/cut", Answer::head("200 OK", &head).chunks(body.chunks(size)).send("0\r\n\r\n"));
            for accepted in [None, Some("gzip"), Some("br")] {
                let response = gate.ask(&accepting("/api/cut", accepted));
                let nothing = response.end == End::Complete && gunzip_if(&response).is_empty();
                if !nothing {
                    assert_refused_or_broken(&response);
                }
                assert_no_secret(&response);
            }
        }
    });
    assert_alive(&gate);
}

#[test]
fn what_is_no_gzip_ends_without_a_byte_and_is_counted() {
    let upstream = Upstream::start();
    let gate = between(Setup::new(&upstream)).start();
    for body in [PART.as_bytes(), b"\x1f\x8b\x08s3cr3t", b"\x78\x9cs3cr3t"] {
        let before = gate.envoy.counter(DATA_ERRORS).unwrap();
        for answer in [
            Answer::with("200 OK", &[JSON, GZIP], body),
            Answer::head("200 OK", &[JSON, GZIP, ("transfer-encoding", "chunked")])
                .chunks(body.chunks(3))
                .send("0\r\n\r\n"),
        ] {
            upstream.on("/api/lie", answer);
            for request in [Request::get("/api/lie"), Request::get("/api/lie").admin()] {
                let response = gate.ask(&request);
                assert_no_secret(&response);
                assert_ne!(response.end, End::Hung, "{response}");
                assert!(response.body.is_empty() || response.status == 502, "{response}");
            }
        }
        assert!(gate.envoy.counter(DATA_ERRORS).unwrap() > before);
    }
    assert_alive(&gate);
}

#[test]
fn a_bomb_is_broken_off() {
    let upstream = Upstream::start();
    let gate = between(Setup::new(&upstream)).start();
    upstream.on("/api/part", Answer::with("200 OK", &[JSON, GZIP], gzip(PART)));
    gate.get("/api/part");
    let before = gate.envoy.process().peak_rss_bytes().unwrap();
    let bomb = gzip(format!("[{}1]", " ".repeat(50 << 20)));
    upstream.on("/api/bomb", Answer::with("200 OK", &[JSON, GZIP], &bomb));
    let response = gate.get("/api/bomb");
    assert_eq!(response.end, End::Broken, "{response}");
    assert!(response.body.len() <= bomb.len() * 101, "{} of {}", response.body.len(), bomb.len());
    let grown = gate.envoy.process().peak_rss_bytes().unwrap().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes");
    assert_alive(&gate);
}

fn gunzip_if(response: &lockgate_envoy_tests::Response) -> Vec<u8> {
    match response.header("content-encoding").as_deref() {
        Some("gzip") => gunzip(&response.body),
        Some(_) if response.body.len() < 8 => Vec::new(), // brotli of nothing
        Some(_) | None => response.body.clone(),
    }
}

fn assert_alive(gate: &Gate) {
    let log = gate.envoy.log();
    assert!(!log.contains("[critical]"), "the VM died: {log}");
    assert!(gate.envoy.process().exit_status().is_none(), "Envoy died: {log}");
}

/// The counter that envoy.yaml says to watch.
const DATA_ERRORS: &str = "http.gate.decompressor.gzip.gzip.decompressor_library.zlib_data_error";
