//! Where in a JSON text a reader stopped, as a path such as `rules[2].name`.

/// What encloses a place.
enum Frame {
    /// An object; the member that is being read, once its name has come.
    Object { name: Option<String> },
    /// An array; how many elements stand before this one.
    Array { index: usize },
}

/// The path of the member or element whose name or value ends, or is under way, `read` bytes into a text. Empty at the top.
///
/// The text need not be JSON behind that place, and what a reader has accepted is JSON before it.
pub(super) fn path_at(text: &[u8], read: usize) -> String {
    let mut rest = text.get(..read).unwrap_or(text);
    let mut frames: Vec<Frame> = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, frames.last_mut()) {
            (b'"', frame) => {
                let length = text_length(rest);
                let (inner, more) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                if let Some(Frame::Object { name: name @ None }) = frame
                    && !more.is_empty()
                {
                    *name = Some(decoded(inner));
                }
                rest = more.get(1..).unwrap_or_default();
            }
            (b'{', _) => frames.push(Frame::Object { name: None }),
            (b'[', _) => frames.push(Frame::Array { index: 0 }),
            (b'}' | b']', _) => drop(frames.pop()),
            (b',', Some(Frame::Object { name })) => *name = None,
            (b',', Some(Frame::Array { index })) => *index += 1,
            (_, _) => {}
        }
    }
    let mut path = String::new();
    for frame in frames {
        match frame {
            Frame::Object { name: None } => {}
            Frame::Object { name: Some(name) } if path.is_empty() => path = name,
            Frame::Object { name: Some(name) } => {
                path.push('.');
                path.push_str(&name);
            }
            Frame::Array { index } => {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
            }
        }
    }
    path
}

/// How many bytes stand before a string's closing quotation mark.
fn text_length(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

/// A name without its escapes; as it stands where they are wrong.
fn decoded(name: &[u8]) -> String {
    let quoted = [b"\"", name, b"\""].concat();
    serde_json::from_slice(&quoted).unwrap_or_else(|_| String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::path_at;

    #[test]
    fn a_place_has_a_path() {
        let text = br#"{"a":[1,{"b\"\u0063":[[],{"d":"}],{"}]}],"e":2}"#;
        for (up_to, want) in [
            ("", ""),
            ("{", ""),
            ("{\"a", ""),
            ("{\"a\"", "a"),
            ("{\"a\":", "a"),
            ("{\"a\":[", "a[0]"),
            ("{\"a\":[1", "a[0]"),
            ("{\"a\":[1,", "a[1]"),
            ("{\"a\":[1,{", "a[1]"),
            (r#"{"a":[1,{"b\"\u0063""#, "a[1].b\"c"),
            (r#"{"a":[1,{"b\"\u0063":[[]"#, "a[1].b\"c[0]"),
            (r#"{"a":[1,{"b\"\u0063":[[],{"d":"}],{"#, "a[1].b\"c[1].d"),
            (r#"{"a":[1,{"b\"\u0063":[[],{"d":"}],{"}"#, "a[1].b\"c[1]"),
            (r#"{"a":[1,{"b\"\u0063":[[],{"d":"}],{"}]"#, "a[1].b\"c"),
            (r#"{"a":[1,{"b\"\u0063":[[],{"d":"}],{"}]}"#, "a[1]"),
            (r#"{"a":[1,{"b\"\u0063":[[],{"d":"}],{"}]}]"#, "a"),
            (r#"{"a":[1,{"b\"\u0063":[[],{"d":"}],{"}]}],"e""#, "e"),
            (r#"{"a":[1,{"b\"\u0063":[[],{"d":"}],{"}]}],"e":2}"#, ""),
        ] {
            assert!(text.starts_with(up_to.as_bytes()), "{up_to}");
            assert_eq!(path_at(text, up_to.len()), want, "{up_to}");
        }
        assert_eq!(path_at(text, usize::MAX), "");
    }
}
