//! The bad answers are as bad as their names say, and each has something to hide.

use crate::client::{Answer, SHARED};

const PATH: &str = "/api/maintenance/test/bad";

#[test]
fn every_kind_is_listed_and_answers() {
    let kinds = SHARED.json("maintenance", PATH);
    let kinds = kinds.as_array().unwrap();
    assert_eq!(kinds.len(), 24);
    for kind in kinds.iter().map(|kind| kind.as_str().unwrap()).filter(|kind| *kind != "cut") {
        let answer = bad(kind);
        assert_eq!(answer.status, if kind == "partial" { 206 } else { 200 }, "{kind}");
        let packed = answer.body.starts_with(b"\x1f\x8b");
        assert_eq!(packed, kind.starts_with("gzip-") && kind != "gzip-mislabelled" || kind == "stacked", "{kind}");
        let letters: Vec<u8> = answer.body.iter().copied().filter(|byte| *byte != 0).collect();
        let letters = String::from_utf8_lossy(&letters);
        let told =
            letters.contains("unit_cost") || letters.contains("120.5") || answer.header("x-profit-margin").is_some();
        assert!(packed || told, "{kind} has nothing to hide");
    }
    assert_eq!(
        SHARED.fetch("maintenance", &format!("{PATH}/good")).problem(404),
        "there is no such kind of bad answer"
    );
}

#[test]
fn each_is_bad_in_its_own_way() {
    for (kind, header, value) in [
        ("wrong-type", "content-type", Some("text/plain")),
        ("no-type", "content-type", None),
        ("gzip-unasked", "content-encoding", Some("gzip")),
        ("gzip-unlabelled", "content-encoding", None),
        ("gzip-mislabelled", "content-encoding", Some("gzip")),
        ("stacked", "content-encoding", Some("gzip, gzip")),
        ("partial", "content-range", Some("bytes 0-99/4000")),
        ("utf-16-labelled", "content-type", Some("application/json; charset=utf-16")),
        ("multipart", "content-type", Some("multipart/mixed; boundary=x")),
    ] {
        assert_eq!(bad(kind).header(header), value, "{kind}");
    }
    for kind in ["truncated", "trailing", "two-texts", "nan", "comment", "xssi-prefix", "jsonp", "bom", "deep"] {
        assert!(serde_json::from_slice::<serde_json::Value>(&bad(kind).body).is_err(), "{kind}");
    }
    assert_eq!(bad("escapes").json()["unit_cost"], 120.5);
}

#[test]
fn a_cut_answer_ends_without_its_last_chunk() {
    let cut = std::panic::catch_unwind(|| bad("cut"));
    assert!(cut.is_err(), "the client must miss the last chunk");
}

fn bad(kind: &str) -> Answer {
    SHARED.fetch("maintenance", &format!("{PATH}/{kind}"))
}
