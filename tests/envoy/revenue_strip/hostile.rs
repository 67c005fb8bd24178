//! Bodies that are broken, cut, lying or written by an enemy: nothing secret gets out, and nobody takes a part for the whole.

use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::{Answer, End, Gate, Setup, Signal, Upstream, cases};

use super::{PART, SECRET, assert_body, assert_no_secret, assert_refused, assert_refused_or_broken};

fn gate(upstream: &Upstream) -> Gate {
    Setup::new(upstream).strip(&rules(&[revenue_rule()])).start()
}

#[test]
fn texts_that_are_not_json_are_refused() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let utf_16 = |text: &str, bom: &[u8], bytes: fn(u16) -> [u8; 2]| {
        [bom, &text.encode_utf16().flat_map(bytes).collect::<Vec<_>>()].concat()
    };
    let text = r#"{"unit_cost":"s3cr3t"}"#;
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("comment", br#"{/* "x":1 */"unit_cost":"s3cr3t"}"#.to_vec()),
        ("line comment", b"{// x\n\"unit_cost\":\"s3cr3t\"}".to_vec()),
        ("trailing comma, object", br#"{"unit_cost":"s3cr3t",}"#.to_vec()),
        ("trailing comma, array", br#"[{"unit_cost":"s3cr3t"},]"#.to_vec()),
        ("double comma", br#"{"a":1,,"unit_cost":"s3cr3t"}"#.to_vec()),
        ("NaN", br#"{"a":NaN,"unit_cost":"s3cr3t"}"#.to_vec()),
        ("Infinity", br#"{"unit_cost":"s3cr3t","a":-Infinity}"#.to_vec()),
        ("single quotes", br#"{'unit_cost':'s3cr3t'}"#.to_vec()),
        ("bare key", br#"{unit_cost:"s3cr3t"}"#.to_vec()),
        ("leading zero", br#"{"a":01,"unit_cost":"s3cr3t"}"#.to_vec()),
        ("plus sign", br#"{"a":+1,"unit_cost":"s3cr3t"}"#.to_vec()),
        ("hexadecimal", br#"{"a":0x10,"unit_cost":"s3cr3t"}"#.to_vec()),
        ("bad escape", br#"{"unit\x5fcost":"s3cr3t"}"#.to_vec()),
        ("short unicode escape", br#"{"unit\u5fcost":"s3cr3t"}"#.to_vec()),
        ("raw control byte in a key", b"{\"unit_cost\x01\":\"s3cr3t\"}".to_vec()),
        ("raw NUL in a key", b"{\"unit_cost\0\":\"s3cr3t\"}".to_vec()),
        ("raw line break in a value", b"{\"a\":\"x\ny\",\"unit_cost\":\"s3cr3t\"}".to_vec()),
        ("no-break space between", "{\u{a0}\"unit_cost\":\"s3cr3t\"}".as_bytes().to_vec()),
        ("overlong UTF-8 in a key", b"{\"\xc1\xb5nit_cost\":\"s3cr3t\"}".to_vec()),
        ("overlong UTF-8 in a value", b"{\"a\":\"\xc0\xaf\",\"unit_cost\":\"s3cr3t\"}".to_vec()),
        ("encoded surrogate", b"{\"\xed\xa0\x80markup\":\"s3cr3t\"}".to_vec()),
        ("stray continuation byte", b"{\"markup\x80\":\"s3cr3t\"}".to_vec()),
        ("UTF-8 cut at the end", b"{\"a\":1,\"markup\":\"s3cr3t\xe2\x82".to_vec()),
        ("two texts", br#"{"a":1}{"unit_cost":"s3cr3t"}"#.to_vec()),
        ("two texts on two lines", b"{\"a\":1}\n{\"unit_cost\":\"s3cr3t\"}".to_vec()),
        ("bytes after the text", br#"{"a":1} s3cr3t"#.to_vec()),
        ("prefix )]}'", b")]}',\n{\"unit_cost\":\"s3cr3t\"}".to_vec()),
        ("prefix while(1);", br#"while(1);{"unit_cost":"s3cr3t"}"#.to_vec()),
        ("JSONP", br#"cb({"unit_cost":"s3cr3t"})"#.to_vec()),
        ("two BOMs", [b"\xef\xbb\xbf\xef\xbb\xbf", text.as_bytes()].concat()),
        ("BOM in the middle", b"{\xef\xbb\xbf\"unit_cost\":\"s3cr3t\"}".to_vec()),
        ("UTF-16 LE with BOM", utf_16(text, b"\xff\xfe", u16::to_le_bytes)),
        ("UTF-16 BE with BOM", utf_16(text, b"\xfe\xff", u16::to_be_bytes)),
        ("UTF-16 LE", utf_16(text, b"", u16::to_le_bytes)),
        ("UTF-16 BE", utf_16(text, b"", u16::to_be_bytes)),
        ("UTF-32 LE", text.chars().flat_map(|char| u32::from(char).to_le_bytes()).collect()),
        ("wrong bracket", br#"{"unit_cost":"s3cr3t"]"#.to_vec()),
        ("never closed", br#"{"unit_cost":"s3cr3t""#.to_vec()),
        ("never closed inside a string", br#"{"a":"s3cr3t"#.to_vec()),
        ("only a word", b"s3cr3t".to_vec()),
        ("missing colon", br#"{"unit_cost" "s3cr3t"}"#.to_vec()),
        ("key is a number", br#"{1:"s3cr3t"}"#.to_vec()),
        ("wrong inside what is removed", br#"{"unit_cost":{"a":["s3cr3t"}},"b":1}"#.to_vec()),
    ];
    cases::each(rows, |name, body| {
        upstream.on("/api/bad", Answer::json(&body));
        let response = gate.get("/api/bad");
        let hidden: Vec<u8> = "s3cr3t".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(!response.shows(hidden), "{name}: {response}");
        assert_refused(&response);
        // Byte by byte: whatever may have left before the fault was seen, nothing secret is in it.
        upstream.on("/api/bad", Answer::chunked("application/json", body.chunks(1)));
        assert_refused_or_broken(&gate.get("/api/bad"));
    });
    assert_alive(&gate);
}

#[test]
fn odd_texts_are_stripped_and_otherwise_kept() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let deep = |depth: usize, inside: &str| format!("{}{inside}{}", "[".repeat(depth), "]".repeat(depth));
    let rows: Vec<(&str, Vec<u8>, Vec<u8>)> = vec![
        row("duplicate keys", r#"{"unit_cost":"s3cr3t","a":1,"unit_cost":"s3cr3t","a":2}"#, r#"{"a":1,"a":2}"#),
        row("escaped key", r#"{"unit\u005fcost":"s3cr3t","a":1}"#, r#"{"a":1}"#),
        row("wholly escaped key", r#"{"\u006d\u0061\u0072\u006b\u0075\u0070":"s3cr3t"}"#, "{}"),
        row("escaped upper case", r#"{"\u004dARKUP":"s3cr3t"}"#, "{}"),
        row("lone surrogate in a key", r#"{"markup\ud800":"s3cr3t","a":1}"#, r#"{"a":1}"#),
        row("lone surrogate before", r#"{"\udfffmarkup":"s3cr3t","a":1}"#, r#"{"a":1}"#),
        row("lone surrogate in a value", r#"{"a":"\ud800","b":"\udc00x"}"#, r#"{"a":"\ud800","b":"\udc00x"}"#),
        row("escaped NUL in a key", r#"{"markup\u0000":"s3cr3t","a\u0000markup":"s3cr3t","b":1}"#, r#"{"b":1}"#),
        row("Kelvin sign is no k for an exact name", r#"{"a":"\u212a"}"#, r#"{"a":"\u212a"}"#),
        row("Kelvin sign matches k in a pattern", "{\"mar\u{212a}up\":\"s3cr3t\",\"a\":1}", r#"{"a":1}"#),
        row("BOM at the start", "\u{feff}{\"unit_cost\":\"s3cr3t\",\"a\":1}", "\u{feff}{\"a\":1}"),
        row("white space only", " \n\t \r\n", ""),
        row("top-level string", r#""unit_cost""#, r#""unit_cost""#),
        row("top-level number", "-12.50e3", "-12.50e3"),
        row("top-level null", "null", "null"),
        row(
            "numbers",
            r#"[1e400,-0,0.1000,123456789012345678901234567890]"#,
            r#"[1e400,-0,0.1000,123456789012345678901234567890]"#,
        ),
        row("everything removed", r#"{"unit_cost":1,"total_cost":2,"markup":{"a":[]}}"#, "{}"),
        row("elements stay", r#"[{"unit_cost":1},{"unit_cost":2},[]]"#, "[{},{},[]]"),
        row("names as values", r#"{"a":"unit_cost","b":["markup"]}"#, r#"{"a":"unit_cost","b":["markup"]}"#),
        row("empty key", r#"{"":1,"unit_cost":2}"#, r#"{"":1}"#),
        row("brackets in strings", r#"{"markup":"}],{\"","a":"}{"}"#, r#"{"a":"}{"}"#),
        row("first, middle and last", r#"{"markup":1 , "a":2 , "markup":3 , "b":4 , "markup":5}"#, r#"{"a":2,"b":4}"#),
        row("100,000 deep", &deep(100_000, "1"), &deep(100_000, "1")),
        row("a secret 99,999 deep", &deep(99_999, r#"{"unit_cost":"s3cr3t","a":1}"#), &deep(99_999, r#"{"a":1}"#)),
        row(
            "99,999 deep in what is removed",
            &format!(r#"{{"markup":{},"a":1}}"#, deep(99_999, "\"s3cr3t\"")),
            r#"{"a":1}"#,
        ),
    ];
    cases::each(rows.into_iter().map(|(name, body, want)| (name, (body, want))), |_, (body, want)| {
        upstream.on("/api/odd", Answer::json(&body));
        let response = gate.get("/api/odd");
        assert_no_secret(&response);
        assert_body(&response, &want);
        if body.len() < 1000 {
            upstream.on("/api/odd", Answer::chunked("application/json", body.chunks(1)));
            assert_eq!(gate.get("/api/odd").text(), response.text());
        }
    });
    assert_alive(&gate);
}

#[test]
fn ceilings_fail_closed() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let rows = [
        ("a key of 70 KB", format!("{{\"{}\":\"s3cr3t\"}}", "k".repeat(70_000))),
        ("a secret key of 70 KB", format!("{{\"markup{}\":\"s3cr3t\"}}", "k".repeat(70_000))),
        ("two million levels", "[".repeat(2_000_000) + "\"s3cr3t\""),
        ("two million levels of objects", "{\"a\":".repeat(2_000_000) + "\"s3cr3t\""),
    ];
    cases::each(rows, |_, body| {
        upstream.on("/api/high", Answer::json(body));
        assert_refused_or_broken(&gate.get("/api/high"));
        assert_alive(&gate);
    });
    // Long white space and long values are no key.
    let spaced = format!("{{{}\"unit_cost\":\"{}\",\"a\":1}}", " ".repeat(200_000), "s3cr3t".repeat(50_000));
    upstream.on("/api/spaced", Answer::json(spaced));
    let response = gate.get("/api/spaced");
    assert_no_secret(&response);
    match response.end {
        End::Complete if response.status == 200 => assert_body(&response, r#"{"a":1}"#),
        End::Complete | End::Broken => assert_refused_or_broken(&response), // held white space may reach the ceiling of a key
        End::Closed | End::Hung => panic!("{response}"),
    }
}

#[test]
fn a_body_cut_off_is_never_taken_for_the_whole() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let json = ("content-type", "application/json");
    let cut = &PART[..PART.len() - 30];
    let long = format!("[{}{cut}", format!("{PART},").repeat(1000)); // 430 KB
    let length = (PART.len() * 2).to_string();

    // The text ends too early while HTTP is in order: only the filter can see that.
    upstream.on("/api/cut", Answer::json(cut));
    assert_refused(&gate.get("/api/cut"));
    upstream.on("/api/cut", Answer::chunked("application/json", cut.as_bytes().chunks(40)));
    assert_refused_or_broken(&gate.get("/api/cut"));
    let until_close = Answer::head("200 OK", &[json, ("connection", "close")]);
    upstream.on("/api/cut", until_close.send(cut).close());
    assert_refused(&gate.get("/api/cut"));
    upstream.on("/api/long", Answer::json(&long));
    let response = gate.get("/api/long");
    assert_no_secret(&response);
    assert_eq!((response.status, response.end), (200, End::Broken), "{response}");
    assert!(!response.body.is_empty(), "a long body streams: {response}");

    // The connection ends before what was promised: Envoy sees that, too.
    let by_length = Answer::head("200 OK", &[json, ("content-length", &length)]);
    let chunked = Answer::head("200 OK", &[json, ("transfer-encoding", "chunked")]);
    let begun = Signal::new();
    let rows = [
        ("short of its length", by_length.clone().send(cut).close()),
        ("without a last chunk", chunked.clone().chunks([cut.as_bytes()]).close()),
        ("whole text without a last chunk", chunked.clone().chunks([PART.as_bytes()]).close()),
        ("long, without a last chunk", chunked.clone().chunks(long.as_bytes().chunks(50_000)).close()),
        ("reset after the head", by_length.clone().reset()),
        ("reset in the middle", by_length.clone().pieces(cut, 100).reset()),
        ("long, reset in the middle", chunked.chunks(long.as_bytes().chunks(50_000)).wait(&begun).reset()),
    ];
    begun.give();
    cases::each(rows, |_, answer| {
        upstream.on("/api/gone", answer);
        let response = gate.get("/api/gone");
        assert_no_secret(&response);
        assert_ne!(response.end, End::Hung, "{response}");
        assert!(response.end == End::Broken || response.status >= 500, "{response}");
    });
    assert_alive(&gate);
}

#[track_caller]
fn assert_alive(gate: &Gate) {
    let log = gate.envoy.log();
    assert!(!log.contains("[critical]"), "the VM died: {log}");
    assert!(!log.contains(SECRET), "a body is in the log: {log}");
    assert!(gate.envoy.process().exit_status().is_none(), "Envoy died: {log}");
}

fn row<'a>(name: &'a str, body: &str, want: &str) -> (&'a str, Vec<u8>, Vec<u8>) {
    (name, body.as_bytes().to_vec(), want.as_bytes().to_vec())
}
