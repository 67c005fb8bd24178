//! JSON texts with secrets in them, good and broken.

use proptest::collection::vec;
use proptest::prelude::*;

/// Stands in every value that must never leave, and nowhere else.
pub(crate) const SECRET: &str = "TopSecret";

/// Names that the default rules take, also in spellings with escapes.
pub(crate) const TAKEN: [&str; 8] = [
    "unit_cost",
    "totalCost",
    "profit-margin",
    r"unit\u005fcost",
    r"\u006darkup",
    "GrossMargin",
    r"revenue\ud800",
    "cost of an internal thing, longer than cached",
];

/// Names that stay.
const KEPT: [&str; 8] =
    ["id", "", "qty", "name", r"a\u0062c", "größe", "unit_costs2", "a name that is longer than thirty-two bytes"];

const SCALARS: [&str; 12] = [
    "0",
    "-0",
    "1e400",
    "12.50",
    "123456789012345678901234567890",
    "true",
    "null",
    r#""""#,
    r#""unit_cost""#,
    r#""漢字 \u00e9 \ud83d\ude00""#,
    r#""a \"quoted\" text, [with] {brackets} that is longer than sixteen bytes""#,
    r#""\\""#,
];

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\n  "), 1 => Just("\t\r\n"), 1 => Just("                    ")]
}

/// A value with secrets under taken names.
fn value() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(&SCALARS[..]).prop_map(str::to_owned);
    leaf.prop_recursive(5, 60, 6, |inner| {
        let array = (vec((space(), inner.clone(), space()), 0..5), space()).prop_map(|(items, blank)| {
            let items: Vec<_> =
                items.into_iter().map(|(before, item, after)| format!("{before}{item}{after}")).collect();
            if items.is_empty() { format!("[{blank}]") } else { format!("[{}]", items.join(",")) }
        });
        let kept = (proptest::sample::select(&KEPT[..]), inner.clone());
        let taken = (proptest::sample::select(&TAKEN[..]), inner).prop_map(|(name, value)| {
            // Secrets as text, in a list, and under names that would stay elsewhere.
            (name, format!(r#"[{{"id":"{SECRET}","{SECRET}":{value}}}]"#))
        });
        let member = (space(), prop_oneof![2 => kept, 1 => taken], space(), space(), space());
        let object = (vec(member, 0..6), space()).prop_map(|(members, blank)| {
            let members: Vec<_> = members
                .into_iter()
                .map(|(before, (name, value), colon, start, end)| {
                    format!("{before}\"{name}\"{colon}:{start}{value}{end}")
                })
                .collect();
            if members.is_empty() { format!("{{{blank}}}") } else { format!("{{{}}}", members.join(",")) }
        });
        prop_oneof![1 => array, 2 => object]
    })
}

/// A whole text.
pub(crate) fn text() -> impl Strategy<Value = String> {
    (prop_oneof![9 => Just(""), 1 => Just("\u{feff}")], space(), value(), space())
        .prop_map(|(mark, before, value, after)| format!("{mark}{before}{value}{after}"))
}

/// Bytes that mean something to a reader of JSON.
pub(crate) const SPECIAL: &[u8] = b"{}[]\",:\\ \n0-.eEtfnu\x00\x1f\x7f\x80\xbf\xc3\xe2\xed\xf0\xff";

/// A text with a few bytes changed, cut out or put in: mostly broken.
pub(crate) fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (text(), wounds(SPECIAL)).prop_map(|(text, wounds)| wounds.inflict(text.into_bytes()))
}

/// What is done to a text: where, which byte, and put in, cut off there or put in a byte's place.
#[derive(Clone, Debug)]
pub(crate) struct Wounds(Vec<(prop::sample::Index, u8, u8)>);

/// Wounds with bytes that mean something to the reader, mostly.
pub(crate) fn wounds(special: &'static [u8]) -> impl Strategy<Value = Wounds> {
    let byte = prop_oneof![3 => proptest::sample::select(special), 1 => any::<u8>()];
    vec((any::<prop::sample::Index>(), byte, 0..3_u8), 1..4).prop_map(Wounds)
}

impl Wounds {
    pub(crate) fn inflict(self, mut bytes: Vec<u8>) -> Vec<u8> {
        for (place, byte, kind) in self.0 {
            let at = place.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                _ => {
                    if let Some(slot) = bytes.get_mut(at) {
                        *slot = byte;
                    }
                }
            }
        }
        bytes
    }
}
