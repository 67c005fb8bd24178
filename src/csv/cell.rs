//! A replacement as a cell.

/// What stands for a cell: of a JSON string its text, of `null` nothing, else the JSON text; quoted where some reader
/// needs it. `alone`: in its line; `tabs`: in a table with tabs.
pub(super) fn cell(json: &[u8], alone: bool, tabs: bool) -> Vec<u8> {
    let json = String::from_utf8_lossy(json);
    let text = match json.trim() {
        "null" => String::new(),
        string if string.starts_with('"') => {
            // Lone surrogates are no text.
            safe_text(&serde_json::from_str::<String>(string).unwrap_or_default(), tabs)
        }
        // The same JSON without the two characters before a quotation mark that not all readers of CSV take for one.
        other => safe_text(&other.replace(r"\\", r"\u005c").replace(r#"\""#, r"\u0022"), tabs),
    };
    let marks = |letter| matches!(letter, '"' | ',' | ';' | '\t' | '|' | '\r' | '\n');
    let quoted = text.contains(marks) || text.trim() != text || (alone && text.is_empty());
    if quoted { format!("\"{}\"", text.replace('"', "\"\"")).into_bytes() } else { text.into_bytes() }
}

/// The text without what [`Editor`](super::Editor) would refuse: U+FFFD in its place.
fn safe_text(text: &str, tabs: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let bad = match letter {
            '\t' | '\r' | '\n' => tabs,
            // The closing quotation mark comes after the last letter.
            '\\' => matches!(letters.peek(), Some('"') | None),
            letter => letter < ' ',
        };
        safe.push(if bad { char::REPLACEMENT_CHARACTER } else { letter });
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn json_becomes_a_cell() {
        let cases = [
            ("null", ""),
            (r#""""#, ""),
            (r#""***""#, "***"),
            (r#"  "x" "#, "x"),
            ("0.50", "0.50"),
            ("true", "true"),
            (r#""a,b""#, r#""a,b""#),
            (r#""a;b""#, r#""a;b""#),
            (r#""a|b""#, r#""a|b""#),
            (r#""a\tb""#, "\"a\tb\""),
            (r#""a\nb""#, "\"a\nb\""),
            (r#"" a""#, "\" a\""),
            (r#""say \"no\"""#, r#""say ""no""""#),
            (r#""größe \u00e9""#, "größe é"),
            (r#""\u0000\u001f""#, "\u{fffd}\u{fffd}"),
            (r#""C:\\x\\""#, "C:\\x\u{fffd}"),
            (r#""\\\"""#, "\"\u{fffd}\"\"\""),
            (r#""\ud800""#, ""),
            (r#"{"a":1}"#, r#""{""a"":1}""#),
            (r#"["a\"\\"]"#, r#""[""a\u0022\u005c""]""#),
            ("[]", "[]"),
        ];
        for (json, want) in cases {
            let got = cell(json.as_bytes(), false, false);
            assert_eq!(String::from_utf8(got).unwrap(), want, "{json}");
        }
        assert_eq!(cell(b"null", true, false), b"\"\"");
        assert_eq!(cell(b"1", true, false), b"1");
        assert_eq!(cell(br#""a\tb""#, false, true), "a\u{fffd}b".as_bytes());
    }
}
