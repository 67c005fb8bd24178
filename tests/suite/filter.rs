//! The whole filter over plain data: no name that its rules take remains in what a client gets.

use std::fmt;

use lockgate::exchange::Policy as _;
use lockgate::replay::{self, Answer, Content, Ending, Heads, MemoryHost, Outcome, Request};
use lockgate::revenue_strip::Policy;
use proptest::prelude::*;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::bodies::{SECRET, damaged, text};
use crate::oracle::is_json;

fn ask(policy: &Policy, body: &[u8], chunk: usize, heads: Heads) -> Outcome {
    let request = Request { method: "GET".to_owned(), path: "/api/x".to_owned(), content: Content::default() };
    let content = Content {
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: body.to_vec(),
        chunk,
        ..Content::default()
    };
    let answer = Answer::Response { status: 200, content, cut: false };
    replay::run(policy, &mut MemoryHost::default(), &request, &answer, heads)
}

fn policy(hold_bytes: usize) -> Policy {
    let config = format!(
        r#"{{"limits": {{"hold_bytes": {hold_bytes}}},
             "rules": [{{"name": "r", "match": {{"paths": ["/api/**"]}}, "action": "remove"}}]}}"#
    );
    Policy::from_json(config.as_bytes()).expect("a good configuration")
}

/// Every name in a text, duplicates and all.
struct AllNames<'a>(&'a mut Vec<String>);

impl<'de> serde::de::DeserializeSeed<'de> for AllNames<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AllNames<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(AllNames(self.0))?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            self.0.push(name);
            members.next_value_seed(AllNames(self.0))?;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn no_stripped_name_and_no_secret_remains(body in text(), chunk in 0..40_usize, hold in prop_oneof![Just(0), Just(64), Just(8192)], wait: bool) {
        // Numbers beyond f64 are no numbers for the other parser.
        let body = body.replace("1e400", "1e40");
        let heads = if wait { Heads::Wait } else { Heads::GoOn };
        let outcome = ask(&policy(hold), body.as_bytes(), chunk, heads);
        prop_assert_eq!(&outcome.ending, &Ending::Pass);
        let out = String::from_utf8(outcome.body).unwrap();
        prop_assert!(!out.contains(SECRET));
        let mut names = Vec::new();
        let mut json = serde_json::Deserializer::from_str(out.trim_start_matches('\u{feff}'));
        serde::de::DeserializeSeed::deserialize(AllNames(&mut names), &mut json).unwrap();
        for name in names {
            let lower = name.to_lowercase();
            prop_assert!(!["markup", "profit", "margin", "revenue", "pricing"].iter().any(|word| lower.contains(word)), "{}", name);
            prop_assert!(!["unit_cost", "totalCost"].contains(&name.as_str()), "{}", name);
        }
    }

    #[test]
    fn chunks_and_holding_change_nothing(body in text(), chunk in 1..40_usize) {
        let want = ask(&policy(8192), body.as_bytes(), 0, Heads::Wait);
        for hold in [0, 50, 8192] {
            for heads in [Heads::Wait, Heads::GoOn] {
                let got = ask(&policy(hold), body.as_bytes(), chunk, heads);
                prop_assert_eq!(&got, &want, "hold {}", hold);
            }
        }
    }

    #[test]
    fn a_damaged_body_is_refused_or_broken_off_and_never_whole(body in damaged(), chunk in 0..40_usize, hold in prop_oneof![Just(0), Just(8192)]) {
        let outcome = ask(&policy(hold), &body, chunk, Heads::Wait);
        match outcome.ending {
            Ending::Pass => prop_assert!(is_json(&outcome.body)),
            Ending::Reply(_) => {
                prop_assert!(!is_json(&body));
                prop_assert_eq!(outcome.status, 502);
            }
            Ending::Abort(_) => prop_assert!(!is_json(&body) && hold == 0),
        }
    }
}
