//! Lists of names in claims, in the forms in which issuers write them.

use serde::Deserialize;

use crate::claims::{ClaimPath, Value};

/// What divides the names in a claim that is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Separator {
    /// Nothing: the text is one name.
    None,
    /// Spaces, as in `scope` (RFC 8693, section 4.2).
    Space,
    /// Commas, with blanks around them or not.
    Comma,
}

/// The names in the first of some claims that is there; none when none is. `None` when that claim is neither a text nor a
/// list of texts.
pub(super) fn names<'a>(payload: &'a Value, claims: &[ClaimPath], separator: Separator) -> Option<Vec<&'a str>> {
    let Some(claim) = claims.iter().find_map(|claim| claim.find(payload)) else {
        return Some(Vec::new());
    };
    match claim {
        Value::Text(text) => Some(separator.split(text)),
        Value::List(elements) => {
            elements.iter().map(|element| element.text().filter(|text| !text.is_empty())).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// A text, or a number as it is written.
pub(super) fn plain(claim: &Value) -> Option<&str> {
    match claim {
        Value::Text(text) | Value::Number(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
    }
}

/// An integer that JSON writes without fraction and exponent, in its one form.
pub(super) fn integer(claim: &Value) -> Option<&str> {
    let Value::Number(number) = claim else { return None };
    let digits = number.strip_prefix('-').unwrap_or(number);
    (digits.bytes().all(|byte| byte.is_ascii_digit()) && number != "-0").then_some(number)
}

impl Separator {
    fn split(self, text: &str) -> Vec<&str> {
        match self {
            Self::None => [text].into_iter().filter(|text| !text.is_empty()).collect(),
            Self::Space => text.split(' ').filter(|name| !name.is_empty()).collect(),
            Self::Comma => text.split(',').map(str::trim_ascii).filter(|name| !name.is_empty()).collect(),
        }
    }
}
