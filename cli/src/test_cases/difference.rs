//! How two bodies differ, for people.

use serde_json::Value;
use similar::TextDiff;

/// Two texts, line by line.
pub(super) fn of_texts(must: &[u8], is: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("differs (- must be, + is)\n{}", lines(&text(must), &text(is)))
}

/// Two JSON values: the places (JSON Pointers, RFC 6901) that differ, then the lines.
pub(super) fn of_values(must: &Value, is: &Value) -> String {
    let mut places = Vec::new();
    compare(must, is, &mut String::new(), &mut places);
    let more = places.len().saturating_sub(MAX_PLACES);
    places.truncate(MAX_PLACES);
    let mut text = format!("differs (- must be, + is)\n{}", places.join("\n"));
    if more > 0 {
        text.push_str(&format!("\n… and {more} more places"));
    }
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{text}\n{}", lines(&pretty(must), &pretty(is)))
}

/// The beginning of a body.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let begin: String = text.chars().take(MAX_EXCERPT).collect();
    if begin.len() < text.len() { format!("{begin}…") } else { begin }
}

fn compare(must: &Value, is: &Value, place: &mut String, places: &mut Vec<String>) {
    let length = place.len();
    match (must, is) {
        (Value::Object(must), Value::Object(is)) => {
            for (name, value) in must {
                step(place, name);
                match is.get(name) {
                    Some(other) => compare(value, other, place, places),
                    None => places.push(format!("{place}: is absent, must be {}", short(value))),
                }
                place.truncate(length);
            }
            for (name, value) in is.iter().filter(|(name, _)| !must.contains_key(*name)) {
                step(place, name);
                places.push(format!("{place}: is {}, must not be there", short(value)));
                place.truncate(length);
            }
        }
        (Value::Array(must), Value::Array(is)) => {
            for (n, (value, other)) in must.iter().zip(is).enumerate() {
                step(place, &n.to_string());
                compare(value, other, place, places);
                place.truncate(length);
            }
            if must.len() != is.len() {
                places.push(format!("{}: has {} entries, must have {}", shown(place), is.len(), must.len()));
            }
        }
        (must, is) if must == is => {}
        (must, is) => places.push(format!("{}: is {}, must be {}", shown(place), short(is), short(must))),
    }
}

fn step(place: &mut String, name: &str) {
    place.push('/');
    place.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

fn shown(place: &str) -> &str {
    if place.is_empty() { "(the whole)" } else { place }
}

fn short(value: &Value) -> String {
    excerpt(value.to_string().as_bytes())
}

fn lines(must: &str, is: &str) -> String {
    let diff = TextDiff::from_lines(must, is);
    let text = diff.unified_diff().context_radius(2).missing_newline_hint(false).to_string();
    let mut lines: Vec<&str> = text.lines().collect();
    let more = lines.len().saturating_sub(MAX_LINES);
    lines.truncate(MAX_LINES);
    let lines: Vec<String> = lines.iter().map(|line| excerpt(line.as_bytes())).collect();
    let rest = if more > 0 { format!("\n… and {more} more lines") } else { String::new() };
    format!("{}{rest}", lines.join("\n"))
}

/// Places that are named.
const MAX_PLACES: usize = 20;
/// Lines of a difference.
const MAX_LINES: usize = 60;
/// Characters of a value or line.
const MAX_EXCERPT: usize = 200;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_pointers() {
        let cases = [
            (json!({"a": 1}), json!({"a": 2}), "/a: is 2, must be 1"),
            (json!({"a": 1}), json!({}), "/a: is absent, must be 1"),
            (json!({}), json!({"a/b": [1]}), "/a~1b: is [1], must not be there"),
            (json!([1, {"x": 1}]), json!([1, {"x": "1"}, 2]), "/1/x: is \"1\", must be 1\n: has 3"),
            (json!(1), json!(2), "(the whole): is 2, must be 1"),
        ];
        for (must, is, want) in cases {
            let text = of_values(&must, &is);
            let want = want.replace("\n: has", "\n(the whole): has");
            assert!(text.contains(&want), "{text}");
        }
    }

    #[test]
    fn a_long_difference_is_cut() {
        let many: Vec<u32> = (0..1000).collect();
        let text = of_values(&json!(many), &json!(many.iter().map(|n| n + 1000).collect::<Vec<_>>()));
        assert!(text.contains("… and 980 more places") && text.contains(" more lines"), "{text}");
        assert_eq!(excerpt("é".repeat(300).as_bytes()).chars().count(), 201);
    }
}
