//! Whatever is signed cannot be changed: cases made of each scheme's own description.

use super::vectors::{Vector, accepted, descriptor};
use super::*;
use crate::signature::MacHash;
use crate::webhook_verify::Outgoing;
use crate::webhook_verify::descriptor::{Descriptor, FieldSource, Place, Segment, SignatureSource, Style};
use crate::webhook_verify::presets;

const NOW_S: u64 = 1_767_323_045;
const SECRET: &str = "a secret of the sender's that is long";

/// A delivery under each preset that can be signed here, the others' from the vectors.
fn deliveries() -> Vec<(String, Vector)> {
    let mut all: Vec<(String, Vector)> = accepted()
        .into_iter()
        .map(|vector| {
            let scheme = &vector.config["endpoints"][0]["scheme"];
            (scheme.as_str().map_or_else(|| scheme.to_string(), str::to_owned), vector)
        })
        .collect();
    for name in presets::names() {
        let descriptor = presets::find(name).unwrap().unwrap();
        if let Some(vector) = signed(name, &descriptor) {
            all.push((name.to_owned(), vector));
        }
    }
    all
}

/// A delivery that we sign ourselves.
fn signed(name: &str, descriptor: &Descriptor) -> Option<Vector> {
    descriptor.mac()?;
    let body = format!(r#"{{"event":"a.b","type":"a","webhookTimestamp":{0},"time_ms":{0},"n":1.50}}"#, NOW_S * 1000);
    let mut more = json!({"secrets": [{"env": "S0", "format": "raw"}]});
    if descriptor.signs_url() {
        more["base_url"] = json!("https://hooks.example");
    }
    let config = endpoint(&json!(name), 1, &more);
    let gate = Gate::new(&config, &[SECRET]);
    let target = "/in?data.id=7&b=2";
    let is_form = |segment: &Segment| matches!(segment, Segment::Fields(fields) if fields.source == FieldSource::Form);
    let form = descriptor.segments().any(is_form);
    let body = if form { "b=2&a=1".to_owned() } else { body };
    let given: &[(&str, &str)] = match form {
        true => &[("content-type", "application/x-www-form-urlencoded")],
        false => &[("x-request-id", "r-1")],
    };
    let delivery =
        Outgoing { method: "POST", target, headers: given, body: body.as_bytes(), id: "id-1", now_ms: NOW_S * 1000 };
    let headers = gate.policy.sign("hook", &delivery).ok()?;
    let mut headers: Fields = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    for (name, value) in given {
        if !headers.iter().any(|(there, _)| there == name) {
            headers.push(((*name).to_owned(), value.as_bytes().to_vec()));
        }
    }
    let content = Content { headers, body: body.into_bytes(), ..Content::default() };
    Some(Vector {
        id: format!("{name}, signed here"),
        config,
        secrets: vec![SECRET.to_owned()],
        request: Request { method: "POST".to_owned(), path: target.to_owned(), content },
        now_s: NOW_S,
        fail: None,
    })
}

/// Every preset has a delivery that is good, so that the changes below mean something.
#[test]
fn every_preset_has_a_good_delivery() {
    let all = deliveries();
    for name in presets::names() {
        let mut its = all.iter().filter(|(scheme, _)| scheme == name).peekable();
        // Below.
        if matches!(name, "gitlab-token" | "vonage-signed-query-sha512") {
            continue;
        }
        assert!(its.peek().is_some(), "nothing is known to be good for {name}");
        for (_, vector) in its {
            let outcome = vector.gate().unwrap_or_else(|error| panic!("{}: {error}", vector.id)).send(&vector.request);
            assert_eq!(outcome.status, 200, "{}: {}", vector.id, reason(&outcome));
        }
    }
}

#[test]
fn a_secret_that_is_sent_is_compared() {
    for (sent, want) in [(SECRET, 200), ("a secret of the sender's that is lone", 401), ("a", 401)] {
        let mut gate = Gate::new(&endpoint(&json!("gitlab-token"), 1, &json!({})), &[SECRET]);
        assert_eq!(gate.at(NOW_S).send(&post("/", &[("x-gitlab-token", sent)], b"{}")).status, want, "{sent}");
    }
}

#[test]
fn a_query_is_signed_in_the_order_of_its_names() {
    let tag = |text: &str| {
        let mut mac = crate::signature::Mac::new(MacHash::Sha512, SECRET.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        mac.finish().expose().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let gate = |query: &str, signed: &str, now_s: u64| {
        let mut gate = Gate::new(&endpoint(&json!("vonage-signed-query-sha512"), 1, &json!({})), &[SECRET]);
        gate.at(now_s).send(&post(&format!("/?{query}&sig={}", tag(signed)), &[], b"")).status
    };
    let good = format!("&a=2_x&b=1&timestamp={NOW_S}");
    for (query, want) in [
        ("b=1&a=2_x", 200),
        ("a=2_x&b=1", 200),
        ("a=2%26x&b=1", 401),
        ("a=2%3Dx&b=1", 401),
        ("b=1&a=2", 401),
        ("b=1&a=2_x&c=", 401),
    ] {
        assert_eq!(gate(&format!("{query}&timestamp={NOW_S}"), &good, NOW_S), want, "{query}");
    }
    // The name has one reading too.
    assert_eq!(gate(&format!("a%26b=1&timestamp={NOW_S}"), &format!("&a_b=1&timestamp={NOW_S}"), NOW_S), 401);
    // The time is signed, and it is looked at.
    for (now_s, want) in [(NOW_S + 300, 200), (NOW_S + 301, 401), (NOW_S - 300, 200), (NOW_S - 301, 401)] {
        assert_eq!(gate(&format!("b=1&a=2_x&timestamp={NOW_S}"), &good, now_s), want, "{now_s}");
    }
    assert_eq!(gate("a=1", "&a=1", NOW_S), 401);
}

/// A request with one signed part changed, and what was changed.
fn changes(descriptor: &Descriptor, vector: &Vector) -> Vec<(String, Request)> {
    let good = &vector.request;
    let mut all = Vec::new();
    let mut put = |what: String, change: &dyn Fn(&mut Request) -> bool| {
        let mut request = good.clone();
        if change(&mut request) {
            assert_ne!(&request, good, "{what}");
            all.push((what, request));
        }
    };
    let mut segments: Vec<&Segment> = descriptor.segments().collect();
    match &descriptor.signature.style {
        Style::Token(_) => segments.push(&Segment::Body),
        Style::Components(components) => {
            for name in &components.covered {
                match name.as_str() {
                    "@method" => segments.push(&Segment::Method),
                    "@path" => segments.push(&Segment::Target),
                    "content-digest" => segments.push(&Segment::Body),
                    _ => {}
                }
            }
            let fields = &good.content.headers;
            let input = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("signature-input"));
            let input = String::from_utf8(input.unwrap().1.clone()).unwrap();
            for name in ["content-digest", "date", "content-type"] {
                if input.contains(&format!("\"{name}\"")) {
                    put(name.to_owned(), &|request| change(request, &Place::Header(name.to_owned()), descriptor));
                }
            }
            // Of the first signature, which is the one that is taken.
            put("what is said of it".to_owned(), &|request| {
                let fields = request.content.headers.iter_mut();
                for (_, value) in fields.filter(|(name, _)| name.eq_ignore_ascii_case("signature-input")) {
                    *value = input.replacen("created=1", "created=2", 1).into_bytes();
                }
                true
            });
        }
        Style::Whole { .. } | Style::Pairs { .. } | Style::Versions { .. } | Style::Detached(_) => {}
    }
    for segment in segments {
        match segment {
            Segment::Body | Segment::BodySha256(_) | Segment::BodyCrc32 => change_body(&mut put, good),
            Segment::Timestamp => {
                let place = &descriptor.timestamp.as_ref().unwrap().place;
                put("the time".to_owned(), &|request| change(request, place, descriptor));
            }
            Segment::Id => {
                let place = descriptor.id.as_ref().unwrap();
                put("the id".to_owned(), &|request| change(request, place, descriptor));
            }
            Segment::Value(place) | Segment::ValueOrNothing(place) => {
                put(format!("{place:?}"), &|request| change(request, place, descriptor));
            }
            Segment::Method => put("the method".to_owned(), &|request| {
                request.method = "PUT".to_owned();
                true
            }),
            Segment::Url | Segment::Target => {
                put("the query".to_owned(), &|request| {
                    request.path.push_str(if request.path.contains('?') { "&z=1" } else { "?z=1" });
                    true
                });
                put("the path".to_owned(), &|request| {
                    request.path.insert_str(1, "z/");
                    true
                });
            }
            Segment::Fields(fields) if fields.source == FieldSource::Query => put("the query".to_owned(), &|request| {
                request.path.push_str(if request.path.contains('?') { "&z=1" } else { "?z=1" });
                true
            }),
            Segment::Fields(_) => put("the form".to_owned(), &|request| {
                request.content.body.extend_from_slice(b"&z=1");
                request.content.headers.iter().any(|(_, value)| value.starts_with(b"application/x-www-form"))
            }),
            Segment::Listed(listed) => {
                for name in listed.covered.iter().map(String::as_str).chain(["content-type", "idempotency-key"]) {
                    put(name.to_owned(), &|request| change(request, &Place::Header(name.to_owned()), descriptor));
                }
            }
            Segment::Text(_) | Segment::Setting(_) | Segment::Optional(_) => {}
        }
    }
    all
}

fn change_body(put: &mut dyn FnMut(String, &dyn Fn(&mut Request) -> bool), good: &Request) {
    let length = good.content.body.len();
    for place in [0, length / 2, length.saturating_sub(1)] {
        put(format!("byte {place} of the body"), &|request| {
            let Some(byte) = request.content.body.get_mut(place) else { return false };
            *byte ^= 4;
            true
        });
    }
    put("a byte more".to_owned(), &|request| {
        request.content.body.push(b'\n');
        true
    });
    put("a byte less".to_owned(), &|request| request.content.body.pop().is_some());
}

/// Changes a value where it stands; whether it is there.
fn change(request: &mut Request, place: &Place, descriptor: &Descriptor) -> bool {
    fn other(text: &str) -> String {
        // The last digit or letter: a time stays one.
        let mut letters: Vec<char> = text.chars().collect();
        match letters.iter().rposition(|letter| letter.is_ascii_digit()) {
            Some(at) => letters[at] = if letters[at] == '5' { '4' } else { '5' },
            None => letters.push('x'),
        }
        letters.into_iter().collect()
    }
    match place {
        Place::Header(name) => {
            let field = request.content.headers.iter_mut().find(|(given, _)| given.eq_ignore_ascii_case(name));
            let Some((_, value)) = field else { return false };
            *value = other(std::str::from_utf8(value).unwrap()).into_bytes();
            true
        }
        Place::Query(name) => {
            let Some(at) = request.path.find(&format!("{name}=")) else { return false };
            request.path.insert(at + name.len() + 1, 'z');
            true
        }
        Place::Pair(name) => {
            let SignatureSource::One(Place::Header(header)) = &descriptor.signature.source else { return false };
            let field = request.content.headers.iter_mut().find(|(given, _)| given.eq_ignore_ascii_case(header));
            let Some((_, value)) = field else { return false };
            let text = std::str::from_utf8(value).unwrap();
            let at = text.find(&format!("{name}=")).unwrap() + name.len() + 1;
            let end = text[at..].find([',', ';']).map_or(text.len(), |end| at + end);
            *value = format!("{}{}{}", &text[..at], other(&text[at..end]), &text[end..]).into_bytes();
            true
        }
        Place::Json(path) => {
            let mut json: Value = serde_json::from_slice(&request.content.body).unwrap();
            let root = if descriptor.each.is_some() { "/notificationItems/0" } else { "" };
            let Some(value) = json.pointer_mut(&format!("{root}/{}", path.steps().join("/"))) else { return false };
            *value = match &*value {
                Value::String(text) => json!(other(text)),
                Value::Number(number) => json!(number.as_u64().unwrap() + 1),
                _ => return false,
            };
            request.content.body = json.to_string().into_bytes();
            true
        }
        Place::Form(name) => {
            let body = String::from_utf8(request.content.body.clone()).unwrap();
            let Some(at) = body.find(&format!("{name}=")) else { return false };
            request.content.body.insert(at + name.len() + 1, b'z');
            true
        }
    }
}

#[test]
fn no_signed_part_can_be_changed() {
    let mut count = 0;
    for (_, vector) in deliveries() {
        let descriptor = descriptor(&vector.config["endpoints"][0]["scheme"]);
        for (what, request) in changes(&descriptor, &vector) {
            let outcome = vector.gate().unwrap().send(&request);
            assert!(outcome.forwarded.is_none(), "{}: {what} was changed, and it passed", vector.id);
            // A body that is no JSON any more is malformed; what was said of the body by a query still is.
            assert_eq!(outcome.status, 401, "{}: {what}: {}", vector.id, reason(&outcome));
            count += 1;
        }
    }
    assert!(count > 700, "only {count} changes were tried");
}

/// Of each signature, every bit of its first, middle and last byte; none of them, no other length.
#[test]
fn no_signature_can_be_changed() {
    for (_, vector) in deliveries() {
        let descriptor = descriptor(&vector.config["endpoints"][0]["scheme"]);
        // Published lists hold several, of which any will do.
        if !matches!(descriptor.signature.style, Style::Whole { .. }) && !vector.id.ends_with("signed here") {
            continue;
        }
        let names: Vec<String> = match &descriptor.signature.source {
            SignatureSource::One(Place::Header(name)) | SignatureSource::Lines(name) => vec![name.clone()],
            SignatureSource::Keyed(names) => names.clone(),
            SignatureSource::Numbered(stem) => vec![format!("{stem}1")],
            SignatureSource::One(_) => continue,
        };
        let is = |given: &str| names.iter().any(|name| name.eq_ignore_ascii_case(given));
        let mut gone = vector.request.clone();
        gone.content.headers.retain(|(given, _)| !is(given));
        let outcome = vector.gate().unwrap().send(&gone);
        assert_eq!((outcome.status, outcome.forwarded), (401, None), "{}: without a signature", vector.id);

        let mut twice = vector.request.clone();
        let copies: Fields = twice.content.headers.iter().filter(|(given, _)| is(given)).cloned().collect();
        twice.content.headers.extend(copies);
        if !matches!(descriptor.signature.source, SignatureSource::Lines(_)) {
            let outcome = vector.gate().unwrap().send(&twice);
            assert_eq!((outcome.status, reason(&outcome)), (401, "malformed"), "{}: twice", vector.id);
        }

        let changed = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut request = vector.request.clone();
            request.content.headers.iter_mut().filter(|(given, _)| is(given)).for_each(|(_, value)| change(value));
            request
        };
        // The text's letters are those of its encoding but for the first few, its label.
        let cut = |value: &mut Vec<u8>| value.truncate(value.len() / 2);
        let longer = |value: &mut Vec<u8>| value.extend_from_slice(b"00");
        let space = |value: &mut Vec<u8>| value.insert(value.len() - 1, b' ');
        let wide = |value: &mut Vec<u8>| value.extend_from_slice("é".as_bytes());
        let empty = |value: &mut Vec<u8>| value.clear();
        let null = |value: &mut Vec<u8>| value.push(0);
        let all: [(&str, &dyn Fn(&mut Vec<u8>)); 6] = [
            ("cut", &cut),
            ("longer", &longer),
            ("with a blank", &space),
            ("with é", &wide),
            ("empty", &empty),
            ("with NUL", &null),
        ];
        for (what, change) in all {
            let outcome = vector.gate().unwrap().send(&changed(change));
            assert_eq!((outcome.status, outcome.forwarded), (401, None), "{}: {what}", vector.id);
        }
    }
}

/// A scheme takes no signature of another hash, and the algorithm is never the request's choice.
#[test]
fn the_hash_is_the_schemes() {
    for (scheme, other) in [("portal", "portal-sha1"), ("portal-sha1", "portal"), ("github", "github-sha1")] {
        let descriptor = presets::find(other).unwrap().unwrap();
        let vector = signed(other, &descriptor).unwrap();
        let mut config = vector.config.clone();
        config["endpoints"][0]["scheme"] = json!(scheme);
        let mut gate = Gate::new(&config, &[SECRET]);
        let outcome = gate.at(NOW_S).send(&vector.request);
        assert_eq!((outcome.status, outcome.forwarded), (401, None), "{other} to {scheme}");
    }
    assert_eq!(presets::find("github").unwrap().unwrap().mac(), Some(MacHash::Sha256));
}
