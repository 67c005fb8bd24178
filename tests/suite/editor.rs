//! The streaming editor against independent readers of the same text.

use lockgate::json::{Edit, Editor, Error, Joints, Judge, Limits, RawKey, Verdict, fuzz_scan};
use proptest::prelude::*;
use serde_json::Value;

use crate::bodies::{SECRET, SPECIAL, damaged, text, wounds};
use crate::oracle::{accepts, is_json};

/// Takes every name that has one of the words in it, by removal or replacement.
#[derive(Default)]
struct ByWords {
    replace: bool,
    space: String,
    joints: Joints,
}

const WORDS: [&str; 6] = ["unit_cost", "totalcost", "margin", "markup", "revenue", "cost of an internal"];

fn is_taken(name: &str) -> bool {
    let name = name.to_lowercase();
    name != "unit_costs2" && WORDS.iter().any(|word| name.contains(word))
}

impl Judge for ByWords {
    fn judge(&mut self, key: RawKey<'_>) -> Verdict {
        match (is_taken(key.text(&mut self.space)), self.replace) {
            (false, _) => Verdict::Keep,
            (true, false) => Verdict::Remove,
            (true, true) => Verdict::Replace(0),
        }
    }

    fn mark(&mut self, key: RawKey<'_>) -> (Verdict, Option<u64>) {
        let verdict = self.judge(key);
        (verdict, Some(u64::from(verdict != Verdict::Keep)))
    }

    fn recall(&self, _: u64) -> Option<Verdict> {
        (!self.replace).then_some(Verdict::Remove)
    }

    fn joints(&mut self) -> Option<&mut Joints> {
        Some(&mut self.joints)
    }

    fn replacement(&self, _: u32) -> &[u8] {
        br#"["gone"]"#
    }
}

/// What was written, and how it ended.
fn edit<'a>(chunks: impl Iterator<Item = &'a [u8]>, replace: bool) -> (Vec<u8>, Result<(), Error>) {
    edit_by(&mut ByWords { replace, ..ByWords::default() }, chunks)
}

fn edit_by<'a>(judge: &mut ByWords, chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Result<(), Error>) {
    let mut editor = Editor::new(Limits::default());
    let mut written = Vec::new();
    for chunk in chunks {
        let mut out = Vec::new();
        match editor.push(chunk, judge, &mut out) {
            Ok(Edit::Unchanged) => {
                assert!(out.is_empty(), "unchanged, and yet something was written");
                written.extend_from_slice(chunk);
            }
            Ok(Edit::Replaced) => written.append(&mut out),
            Err(error) => {
                // What a failed call wrote is not to be sent, and still must hold no secret.
                written.append(&mut out);
                return (written, Err(error));
            }
        }
    }
    let end = editor.finish();
    (written, end)
}

fn whole(body: &[u8], replace: bool) -> (Vec<u8>, Result<(), Error>) {
    edit(std::iter::once(body), replace)
}

pub(crate) fn has_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

/// Splits `body` at the given places.
pub(crate) fn split<'a>(body: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = places.iter().map(|place| place.index(body.len() + 1)).collect();
    ends.extend([0, body.len()]);
    ends.sort_unstable();
    ends.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect()
}

/// The same removal on a tree, by another parser.
fn strip_tree(value: &mut Value, replace: bool) {
    match value {
        Value::Object(members) => {
            if replace {
                for (name, value) in members.iter_mut() {
                    if is_taken(name) {
                        *value = serde_json::json!(["gone"]);
                    }
                }
            } else {
                members.retain(|name, _| !is_taken(name));
            }
            members.values_mut().for_each(|value| strip_tree(value, replace));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip_tree(item, replace)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn every_split_equals_one_chunk(body in text(), places in prop::collection::vec(any::<prop::sample::Index>(), 0..12), replace: bool) {
        let (want, end) = whole(body.as_bytes(), replace);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(&edit(split(body.as_bytes(), &places).into_iter(), replace), &(want.clone(), Ok(())));
        prop_assert_eq!(edit(body.as_bytes().chunks(1), replace), (want, Ok(())));
    }

    #[test]
    fn every_split_of_a_broken_body_fails_at_the_same_place(body in damaged(), places in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let (_, want) = whole(&body, false);
        prop_assert_eq!(edit(split(&body, &places).into_iter(), false).1, want);
        prop_assert_eq!(edit(body.chunks(1), false).1, want);
    }

    #[test]
    fn no_secret_is_written_whatever_comes(body in text(), places in prop::collection::vec(any::<prop::sample::Index>(), 0..12), cut in any::<prop::sample::Index>(), replace: bool) {
        prop_assert!(!has_secret(&whole(body.as_bytes(), replace).0));
        let cut = &body.as_bytes()[..cut.index(body.len() + 1)];
        prop_assert!(!has_secret(&edit(split(cut, &places).into_iter(), replace).0));
        let mut noise = cut.to_vec();
        noise.push(0);
        prop_assert!(!has_secret(&edit(split(&noise, &places).into_iter(), replace).0));
    }

    #[test]
    fn what_is_json_stays_json_and_what_is_not_fails_or_is_removed(body in prop_oneof![damaged(), text().prop_map(String::into_bytes)], replace: bool) {
        let (out, end) = whole(&body, replace);
        prop_assert_eq!(end.is_ok(), accepts(&body, is_taken), "{:?}", end);
        if end.is_ok() {
            // Nothing of what need not be JSON is left.
            prop_assert!(is_json(&out));
        }
    }

    #[test]
    fn the_tree_is_what_another_parser_makes_of_it(body in text(), replace: bool) {
        // Lone surrogates are no text for that parser.
        prop_assume!(!body.contains(r"\ud800"));
        // Nor does it take numbers beyond f64.
        let body = body.replace("1e400", "1e40");
        let (out, _) = whole(body.as_bytes(), replace);
        let mark = "\u{feff}";
        let mut tree: Value = serde_json::from_str(body.trim_start_matches(mark)).unwrap();
        strip_tree(&mut tree, replace);
        let got: Value = serde_json::from_str(std::str::from_utf8(&out).unwrap().trim_start_matches(mark)).unwrap();
        prop_assert_eq!(got, tree);
    }

    #[test]
    fn what_was_learnt_changes_nothing(record in text(), count in 2..5_usize, wounds in wounds(SPECIAL), places in prop::collection::vec(any::<prop::sample::Index>(), 0..6), replace: bool) {
        // All alike and long enough that what stands between values is foreseen; then one of them is damaged.
        let record = record.trim_start_matches('\u{feff}');
        let body = format!("{{\"data\":[{}],\"end\":\"{:100}\"}}", vec![record; count].join(","), "");
        let mut judge = ByWords { replace, joints: Joints::new(), ..ByWords::default() };
        let want = whole(body.as_bytes(), replace);
        for _ in 0..2 {
            prop_assert_eq!(edit_by(&mut judge, std::iter::once(body.as_bytes())), want.clone());
        }
        prop_assert_eq!(edit_by(&mut judge, split(body.as_bytes(), &places).into_iter()), want);
        let damaged = wounds.inflict(body.into_bytes());
        let want = whole(&damaged, replace);
        let got = edit_by(&mut judge, std::iter::once(damaged.as_slice()));
        prop_assert_eq!(got.1, want.1);
        if got.1.is_ok() {
            prop_assert_eq!(got.0, want.0);
        } else {
            // What a failed call wrote is not to be sent, and may be less.
            prop_assert!(!has_secret(&got.0) || has_secret(&want.0));
        }
        prop_assert_eq!(edit_by(&mut judge, split(&damaged, &places).into_iter()).1, want.1);
    }

    #[test]
    fn stripping_twice_equals_once(body in text()) {
        let (once, _) = whole(body.as_bytes(), false);
        prop_assert!(once.len() <= body.len());
        prop_assert_eq!(whole(&once, false), (once, Ok(())));
    }

    #[test]
    fn nothing_changes_when_nothing_matches(body in text()) {
        struct KeepAll;
        impl Judge for KeepAll {
            fn judge(&mut self, _: RawKey<'_>) -> Verdict {
                Verdict::Keep
            }
            fn replacement(&self, _: u32) -> &[u8] {
                b""
            }
        }
        let mut editor = Editor::new(Limits::default());
        let mut out = Vec::new();
        prop_assert_eq!(editor.push(body.as_bytes(), &mut KeepAll, &mut out), Ok(Edit::Unchanged));
        prop_assert_eq!(editor.finish(), Ok(()));
        prop_assert!(out.is_empty());
    }

    #[test]
    fn fast_and_slow_searches_agree(bytes in prop::collection::vec(prop_oneof![3 => proptest::sample::select(&b"abc \n\"\\"[..]), 1 => any::<u8>()], 0..80)) {
        fuzz_scan(&bytes);
    }
}
