use super::{Matcher, Names};

fn names(exact: &[&str], patterns: &[&str], keep: &[&str]) -> Names {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Names {
        exact: list(exact),
        patterns: list(patterns),
        keep: list(keep),
        texts: Vec::new(),
        pairs: Vec::new(),
        in_headers: true,
    }
}

#[test]
fn names_are_exact_and_patterns_are_searched() {
    let rules = [
        names(&["unit_cost", ""], &["(?i)margin", "^profit"], &["margin-top"]),
        names(&["ssn"], &[], &[]),
        names(&[], &["cost"], &["cost"]),
    ];
    let mut matcher = Matcher::new(&rules).unwrap();
    let cases = [
        ("unit_cost", 0b101),
        ("Unit_cost", 0b100),
        ("", 0b001),
        ("SSN", 0),
        ("ssn", 0b010),
        ("grossMARGINs", 0b001),
        ("margin-top", 0),
        ("profits", 0b001),
        ("nonprofit", 0),
        ("cost", 0),
        ("a cost that is longer than the thirty-two bytes of a cached name", 0b100),
    ];
    for round in 0..2 {
        for (name, want) in cases {
            let body = format!("{{\"{name}\":0}}");
            let mut seen = Vec::new();
            let mut judge = Spy { matcher: &mut matcher, seen: &mut seen };
            let mut editor = crate::json::Editor::new(crate::json::Limits::default());
            let _ = editor.push(body.as_bytes(), &mut judge, &mut Vec::new()).unwrap();
            assert_eq!(seen, [want], "{name}, round {round}");
        }
    }
}

struct Spy<'a> {
    matcher: &'a mut Matcher,
    seen: &'a mut Vec<u64>,
}

impl crate::json::Judge for Spy<'_> {
    fn judge(&mut self, key: crate::json::RawKey<'_>) -> crate::json::Verdict {
        self.seen.push(self.matcher.member(key));
        crate::json::Verdict::Keep
    }

    fn replacement(&self, _: u32) -> &[u8] {
        b""
    }
}

#[test]
fn header_names_are_compared_without_case_sign_and_x() {
    let mut matcher = Matcher::new(&[names(
        &["unit_cost", "unitCost"],
        &["cost.*internal", "net-price", "^x-secret", "^top[-]both_signs-mixed"],
        &["x-cost-internal-note"],
    )])
    .unwrap();
    for round in 0..2 {
        for (name, want) in [
            ("unit-cost", 1),
            ("x-unit-cost", 1),
            ("X-Unit_Cost", 1),
            ("unitcost", 1),
            ("x-cost-a-Internal", 1),
            ("cost-internal-note", 0),
            ("x-net_price", 1),
            ("unit-costs", 0),
            ("x-secret-note", 1),
            ("secret-note", 0),
            ("x_secret", 1),
            ("top-both-signs-mixed", 1),
            ("x-top_both_signs_mixed", 1),
            (":status", 0),
            ("x-", 0),
        ] {
            assert_eq!(matcher.header(name.as_bytes()), want, "{name}, round {round}");
        }
    }
}

#[test]
fn word_boundaries_hold_next_to_any_letter() {
    let mut matcher = Matcher::new(&[names(&[], &[r"\bcost\b", "(?i)PREIS"], &[])]).unwrap();
    for (name, want) in [
        ("unit cost", 1),
        ("unit_cost", 0),
        ("é cost", 1),
        ("écost", 0),
        ("cost é", 1),
        ("größerer preis", 1),
        ("é", 0),
    ] {
        assert_eq!(matcher.members.rules(name), want, "{name}");
    }
}

#[test]
fn a_bad_pattern_is_refused_with_its_place() {
    let error = Matcher::new(&[names(&[], &["a", "(b"], &[])]).unwrap_err();
    assert_eq!(error.to_string(), "rules[0].patterns[1]: unclosed group");
    let error = Matcher::new(&[names(&[], &["(a{1000}){1000}"], &[])]).unwrap_err();
    assert!(error.to_string().starts_with("rules[0].patterns[0]: "), "{error}");
}
