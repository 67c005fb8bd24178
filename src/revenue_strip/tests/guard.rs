//! The second guard finds what a broken editor lets through.

use crate::exchange::{Chunk, HeadState};
use crate::revenue_strip::body::{Active, Progress, Rulebook, Stream};
use crate::revenue_strip::config::Config;
use crate::revenue_strip::error::Reason;
use crate::revenue_strip::media::Media;

/// Removes the default names, redacts `ssn`, only watches for `id`.
const RULES: &str = r#"{"guard": true, "prefixes": ["while(1);"], "rules": [
    {"name": "revenue", "match": {"paths": ["/**"]}, "texts": ["meta"], "action": "remove"},
    {"name": "personal", "match": {"paths": ["/**"]}, "names": ["ssn"], "action": {"redact": {"margin": "cut"}}},
    {"name": "later", "match": {"paths": ["/**"]}, "names": ["id"], "mode": "shadow", "action": "remove"}
]}"#;

/// Sends a body through a stream; the editor is broken when `keeps_all`.
fn send(media: Media, body: &[u8], width: usize, keeps_all: bool) -> Result<Vec<u8>, Reason> {
    send_by(RULES, media, body, width, keeps_all)
}

/// By other rules: one that removes, one that redacts, one that only watches.
fn send_by(rules: &str, media: Media, body: &[u8], width: usize, keeps_all: bool) -> Result<Vec<u8>, Reason> {
    let (config, mut matcher) = Config::from_json(rules.as_bytes()).expect("a good configuration");
    let mut active = Active { enforce: 0b011, removing: 0b001, shadow: 0b100, fields: vec![0; 3] };
    let mut stream = Stream::new(media, &config, None);
    stream.keeps_all = keeps_all;
    let mut written = Vec::new();
    let last: &[u8] = b"";
    for (bytes, end) in body.chunks(width).map(|bytes| (bytes, false)).chain([(last, true)]) {
        let chunk = Chunk { bytes, end, head: HeadState::Sent };
        let book = Rulebook { matcher: &mut matcher, rules: &config.rules, active: &mut active };
        let mut out = Vec::new();
        match stream.push(chunk, 0, book, &mut out)? {
            Progress::Unchanged => written.extend_from_slice(bytes),
            Progress::Replaced => written.append(&mut out),
            Progress::Hold => panic!("nothing is to be held"),
        }
    }
    Ok(written)
}

#[test]
fn a_broken_editor_is_caught_and_a_sound_one_never() {
    let texts = [
        r#"{"a":1,"unit_cost":2}"#,
        r#"{"unit_cost" : 2}"#,
        r#"[[{"x":{"unit\u005fcost":2}}]]"#,
        r#"{"\u006d\u0061rgin":{}}"#,
        r#"{"margin\ud800":1}"#,
        r#"{"\ud83d\ude00 revenue":1}"#,
        r#"{"a":"\"","b\\":"\\","totalCost":1}"#,
        r#"{"ssn":"1-2"}"#,
        r#"{"ssn":{"margin": "cut"}}"#,
        r#"{"ssn":{"margin": "cut" }}"#,
        r#"{"ssn":null,"a":1}"#,
        r#"{"meta":"unit_cost"}"#,
        r#"{"meta":nul}"#,
        r#"{"meta":nullx}"#,
    ];
    let untouched = [
        r#"{"a":["unit_cost","margin"],"b":"\"unit_cost\":5"}"#,
        r#"{"id":1,"größe":"é"}"#,
        r#"{"meta":null , "a":1}"#,
        r#""unit_cost""#,
        "",
    ];
    for width in [1, 2, 3, 5, 8, 1000] {
        for text in texts {
            let forms = [
                (Media::Json, text.to_owned()),
                (Media::Sniff, format!("while(1);{text}")),
                (Media::Lines, format!("{{\"a\":1}}\n{text}\n")),
                (Media::Records, format!("\x1e{text}\n\x1e[]\n")),
                (Media::Events, format!("data: {text}\n\n")),
                (Media::Events, format!("\u{feff}data:{text}\r\n\r\n")),
                (Media::Events, format!("id: 1\rdata: [\rdata:{}\rdata:]\r\r", text.replace("\":", "\"\rdata::"))),
            ];
            for (media, body) in forms {
                // What the rules make of it is known to be right only when it is JSON and not right already.
                let good = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
                let redacted = body.contains(r#"{"ssn":{"margin": "cut"}}"#);
                let broken = send(media, body.as_bytes(), width, true);
                if redacted {
                    assert!(broken.is_ok(), "{body:?}");
                } else {
                    assert_eq!(broken, Err(Reason::Guard), "{body:?}, width {width}");
                }
                if good {
                    let sound = send(media, body.as_bytes(), width, false);
                    assert!(sound.is_ok(), "{sound:?}: {body:?}, width {width}");
                }
            }
        }
        for text in untouched {
            for media in [Media::Json, Media::Lines] {
                assert_eq!(send(media, text.as_bytes(), width, true), Ok(text.into()), "{text:?}, width {width}");
            }
        }
    }
}

#[test]
fn a_name_longer_than_any_editor_passes_is_a_hit() {
    let long = format!("{{\"{}\":1}}", "x".repeat(65_537));
    assert_eq!(send(Media::Json, long.as_bytes(), 4096, true), Err(Reason::Guard));
    let value = format!("{{\"a\":\"{}\",\"b\":1}}", "x".repeat(65_537));
    assert!(send(Media::Json, value.as_bytes(), 4096, false).is_ok());
}

#[test]
fn the_guard_reads_data_lines_alone() {
    let stream = "id: \"unit_cost\":1\n: \"margin\":1\nevent: \"margin\":\ndata: {\"a\":1}\n\n";
    for width in [1, 7, 100] {
        assert_eq!(send(Media::Events, stream.as_bytes(), width, true), Ok(stream.into()));
    }
}

#[test]
fn columns_of_a_broken_editor_are_caught() {
    use crate::csv::Dialect;
    let hits = [
        "a,unit_cost\n1,2\n",
        "unit_cost,a",
        "a;\"unit_cost\"\n1;2\n",
        "\u{feff}\"gross \"\"margin\"\"\",b\n1,2\n",
        "id,Unit Cost\r\n1,2\r\n",
        "id,UNIT-COST\r\n1,2\r\n",
        "id, unit_cost \n1,2\n",
        "a|totalCost\n1|2\n",
        "a\tmarkup\n1\t2\n",
        // Redacted columns with something else in a cell.
        "a,ssn\n1,2\n",
        "a,ssn\n1,\"{\"\"margin\"\": \"\"cut\"\"}\"\n1,\"{\"\"margin\"\": \"\"cat\"\"}\"\n",
        "ssn\nx\n",
    ];
    let fine = [
        "a,b\nunit_cost,2\n",
        "a,ssn\n1,\"{\"\"margin\"\": \"\"cut\"\"}\"\n",
        "a,b\n\"unit_cost\n\",2\n\nunit_cost,3",
        "\"a,unit_cost \";b\n1;2\n",
        "meta,id\n,1\n",
        "",
    ];
    for width in [1, 3, 1000] {
        for table in hits {
            let media = Media::Table(Dialect::Detect);
            assert_eq!(send(media, table.as_bytes(), width, true), Err(Reason::Guard), "{table:?}, width {width}");
            let sound = send(media, table.as_bytes(), width, false);
            assert!(sound.is_ok(), "{sound:?}: {table:?}, width {width}");
        }
        for table in fine {
            let media = Media::Table(Dialect::Detect);
            assert_eq!(send(media, table.as_bytes(), width, true), Ok(table.into()), "{table:?}, width {width}");
        }
    }
}

#[test]
fn values_beside_taken_names_are_caught() {
    let rules = r#"{"guard": true, "rules": [
        {"name": "revenue", "match": {"paths": ["/**"]}, "action": "remove", "pairs": [{"name": "name", "value": "value"}]},
        {"name": "personal", "match": {"paths": ["/**"]}, "names": ["ssn"], "action": {"redact": "*"},
         "pairs": [{"name": "key", "value": "v"}]},
        {"name": "later", "match": {"paths": ["/**"]}, "names": ["id"], "mode": "shadow", "action": "remove",
         "pairs": [{"name": "label", "value": "v"}]}
    ]}"#;
    let hits = [
        r#"{"name":"unit_cost","value":5}"#,
        r#"[{"value" : {"a":[1,"}"]} , "name" : "Gross Margin"}]"#,
        r#"{"value":"\"","name":"unit\u005fcost"}"#,
        r#"{"a":{"b":[{}],"n\u0061me":"margin"},"value":1,"name":"markup"}"#,
        r#"{"name":"x","value":1,"name":"margin"}"#,
        r#"{"key":"ssn","v":5}"#,
        r#"{"v":"**","key":"ssn"}"#,
        r#"{"v":["*"],"key":"ssn"}"#,
        r#"{"value":{"name":"unit_cost","value":-1.5e3},"name":"x"}"#,
    ];
    let fine = [
        r#"{"name":"color","value":5}"#,
        r#"{"name":"unit_cost","q":{"value":5}}"#,
        r#"[{"name":"unit_cost"},{"value":5}]"#,
        r#"{"name":["unit_cost"],"value":5}"#,
        r#"{"key":"ssn","v":"*"}"#,
        r#"{"v" : "*" ,"key":"ssn"}"#,
        r#"{"key":"unit_cost","v":5}"#,
        r#"{"label":"id","v":5}"#,
        r#"{"q":"name\":\"unit_cost","value":5}"#,
    ];
    for width in [1, 3, 1000] {
        for (texts, caught) in [(&hits[..], true), (&fine[..], false)] {
            for text in texts {
                for (media, body) in [
                    (Media::Json, (*text).to_owned()),
                    (Media::Lines, format!("{{}}\n{text}\n")),
                    (Media::Events, format!("data: {{}}\n\ndata: {text}\n\n")),
                ] {
                    let broken = send_by(rules, media, body.as_bytes(), width, true);
                    assert_eq!(broken.err(), caught.then_some(Reason::Guard), "{body}, width {width}");
                    let sound = send_by(rules, media, body.as_bytes(), width, false);
                    assert!(sound.is_ok(), "{sound:?}: {body}, width {width}");
                }
            }
        }
    }
}
