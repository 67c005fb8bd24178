//! Where tokens are found, where not, and what is left of them for the portal.

use super::*;

fn with_sources(sources: Json) -> Json {
    let mut config = config();
    config["sources"] = sources;
    config
}

fn verdict(gate: &mut Gate, target: &str, headers: &[(&str, &str)]) -> Verdict {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|&(name, value)| (name, value.as_bytes())).collect();
    Verdict::of(&gate.ask("GET", target, &headers))
}

#[test]
fn bearer_is_read_as_http_says() {
    let mut gate = Gate::new(&config());
    let good = good();
    let none = Verdict::NoToken("no_token");
    let bad = Verdict::Bad("bad_credentials");
    for (value, want) in [
        (format!("Bearer {good}"), Verdict::Passed),
        (format!("bearer {good}"), Verdict::Passed),
        (format!("BEARER {good}"), Verdict::Passed),
        (format!("Bearer  {good}"), Verdict::Passed),
        (format!("Bearer     {good}"), Verdict::Passed),
        (format!("Bearer\t{good}"), none),
        (format!("Bearer \t{good}"), bad),
        (format!("Bearer: {good}"), none),
        (format!("Bearer={good}"), none),
        (format!(" Bearer {good}"), none),
        (format!("x Bearer {good}"), none),
        (format!("Bearer{good}"), none),
        ("Bearer".to_owned(), bad),
        ("Bearer ".to_owned(), bad),
        ("Basic dTpw".to_owned(), none),
        (format!("Basic {good}"), none),
        (format!("DPoP {good}"), none),
        (good.clone(), none),
        (String::new(), none),
        (format!("Bearer Bearer {good}"), bad),
        (format!("Bearer \"{good}\""), bad),
    ] {
        assert_eq!(verdict(&mut gate, "/api/x", &[("authorization", &value)]), want, "{value}");
    }
    let bytes = [b"Bearer ".as_slice(), good.as_bytes(), b"\xff"].concat();
    assert_eq!(Verdict::of(&gate.ask("GET", "/api/x", &[("authorization", &bytes)])), bad);
}

#[test]
fn one_token_in_one_place() {
    let mut gate = Gate::new(&config());
    let bearer = format!("Bearer {}", good());
    let two = Verdict::Bad("two_tokens");
    for headers in [
        [("authorization", bearer.as_str()), ("authorization", bearer.as_str())],
        [("authorization", bearer.as_str()), ("Authorization", "Bearer x")],
        [("authorization", "Bearer x"), ("authorization", bearer.as_str())],
        [("authorization", "Basic dTpw"), ("authorization", bearer.as_str())],
        [("authorization", bearer.as_str()), ("authorization", "")],
    ] {
        assert_eq!(verdict(&mut gate, "/api/x", &headers), two, "{headers:?}");
    }
    // RFC 6750 has a name for the query, wherever tokens are looked for.
    let header = [("authorization", bearer.as_str())];
    for (target, want) in [
        ("/api/x?access_token=x", two),
        ("/api/x?a=b&access_token=x", two),
        ("/api/x?access%5ftoken=x", two),
        ("/api/x?%61ccess_token", two),
        ("/api/x?access_tokens=x", Verdict::Passed),
        ("/api/x?a=access_token", Verdict::Passed),
        ("/api/x?a=b?access_token=x", Verdict::Passed),
    ] {
        assert_eq!(verdict(&mut gate, target, &header), want, "{target}");
    }
}

#[test]
fn what_is_not_configured_is_no_place() {
    let mut gate = Gate::new(&config());
    let good = good();
    let none = Verdict::NoToken("no_token");
    for (target, headers) in [
        (format!("/api/x?access_token={good}"), vec![]),
        (format!("/api/x?token={good}"), vec![]),
        (format!("/api/{good}"), vec![]),
        ("/api/x".to_owned(), vec![("cookie", format!("session={good}"))]),
        ("/api/x".to_owned(), vec![("x-token", good.clone())]),
        ("/api/x".to_owned(), vec![("proxy-authorization", format!("Bearer {good}"))]),
        ("/api/x".to_owned(), vec![]),
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(verdict(&mut gate, &target, &headers), none, "{target} {headers:?}");
    }
    assert_eq!(verdict(&mut gate, &format!("/api/x#{good}"), &[]), Verdict::Other(400, "unsafe_path"));
}

#[test]
fn other_places_count_when_configured() {
    let sources = json!([
        {"header": "authorization"}, {"header": "X-Token"}, {"cookie": "__Host-session"}, {"query": "token"}
    ]);
    let mut gate = Gate::new(&with_sources(sources));
    let good = good();
    let bearer = format!("Bearer {good}");
    let cookie = format!("a=b; __Host-session={good}; c=d");
    let query = format!("/api/x?a=b&token={good}");
    let two = Verdict::Bad("two_tokens");
    let format_fault = Verdict::Bad("token_format");
    let bad = Verdict::Bad("bad_credentials");
    for (name, target, headers, want) in [
        ("header", "/api/x", vec![("authorization", bearer.as_str())], Verdict::Passed),
        ("other header", "/api/x", vec![("x-token", good.as_str())], Verdict::Passed),
        ("cookie", "/api/x", vec![("cookie", cookie.as_str())], Verdict::Passed),
        ("query", query.as_str(), vec![], Verdict::Passed),
        (
            "Basic beside a cookie",
            "/api/x",
            vec![("authorization", "Basic dTpw"), ("cookie", &cookie)],
            Verdict::Passed,
        ),
        ("other header with a scheme", "/api/x", vec![("x-token", bearer.as_str())], bad),
        ("two headers", "/api/x", vec![("authorization", bearer.as_str()), ("x-token", &good)], two),
        ("header and cookie", "/api/x", vec![("authorization", bearer.as_str()), ("cookie", &cookie)], two),
        ("header and query", query.as_str(), vec![("authorization", bearer.as_str())], two),
        ("cookie and query", query.as_str(), vec![("cookie", cookie.as_str())], two),
        ("two cookies in one field", "/api/x", vec![("cookie", "__Host-session=a;__Host-session=b")], two),
        ("two cookie fields", "/api/x", vec![("cookie", cookie.as_str()), ("cookie", &cookie)], two),
        ("an empty second cookie", "/api/x", vec![("cookie", cookie.as_str()), ("cookie", "__Host-session=")], two),
        ("two parameters", "/api/x?token=a&token=b", vec![], two),
        ("two parameters, one encoded", "/api/x?token=a&%74oken=b", vec![], two),
        ("a quoted cookie", "/api/x", vec![("cookie", "__Host-session=\"a\"")], bad),
        (
            "control bytes before a second cookie",
            "/api/x",
            vec![("cookie", cookie.as_str()), ("cookie", "\u{b}__Host-session=b")],
            two,
        ),
        ("an empty parameter", "/api/x?token", vec![], format_fault),
        ("other case", "/api/x?Token=a", vec![("cookie", "__host-session=a")], Verdict::NoToken("no_token")),
        ("cookies without values", "/api/x", vec![("cookie", "a; ;=;__Host-sessio")], Verdict::NoToken("no_token")),
    ] {
        assert_eq!(verdict(&mut gate, target, &headers), want, "{name}");
    }
}

#[test]
fn a_token_is_taken_out_when_asked() {
    let good = good();
    let bearer = format!("Bearer {good}");
    let sources = json!([{"header": "authorization"}, {"cookie": "s"}, {"query": "token"}]);
    let mut config = with_sources(sources);
    let cases = [
        (format!("/api/x?token={good}"), vec![], "/api/x", None, None),
        (
            format!("/api/x?a=1&token={good}&b=%20"),
            vec![("authorization", "Basic dTpw".to_owned())],
            "/api/x?a=1&b=%20",
            Some("Basic dTpw"),
            None,
        ),
        (format!("/api/x?&token={good}"), vec![], "/api/x?", None, None),
        ("/api/x?a".to_owned(), vec![("authorization", bearer.clone())], "/api/x?a", None, None),
        ("/api/x".to_owned(), vec![("cookie", format!("s={good}"))], "/api/x", None, None),
        ("/api/x".to_owned(), vec![("cookie", format!("a=1;s={good};;  b=2"))], "/api/x", None, Some("a=1; b=2")),
        (
            "/api/x".to_owned(),
            vec![("cookie", "a=1".to_owned()), ("cookie", format!("s={good}"))],
            "/api/x",
            None,
            Some("a=1"),
        ),
        // On a public path it is nobody's token, and stays here all the same.
        ("/public/x?token=a".to_owned(), vec![("authorization", bearer.clone())], "/public/x", None, None),
        (
            "/public/x".to_owned(),
            vec![("authorization", "Basic dTpw".to_owned())],
            "/public/x",
            Some("Basic dTpw"),
            None,
        ),
    ];
    config["forward"] = json!({"token": "remove"});
    let mut gate = Gate::new(&config);
    for (target, headers, path, authorization, cookie) in &cases {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let outcome = gate.ask("GET", target, &headers);
        assert_eq!(Verdict::of(&outcome), Verdict::Passed, "{target}");
        assert_eq!(outcome.forwarded.as_ref().unwrap().path, *path);
        assert_eq!(Gate::forwarded(&outcome, "authorization").as_deref(), *authorization, "{target}");
        assert_eq!(Gate::forwarded(&outcome, "cookie").as_deref(), *cookie, "{target}");
    }
    // The default: portals may want to look at it themselves.
    config["forward"] = json!({});
    let mut gate = Gate::new(&config);
    let outcome = gate.ask("GET", "/api/x", &[("authorization", bearer.as_bytes())]);
    assert_eq!(Gate::forwarded(&outcome, "authorization"), Some(bearer));
}
