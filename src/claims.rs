//! The claims of a token (RFC 7519): JSON values with their types, and paths to them.

mod number;
mod read;

use crate::config::ConfigError;

pub use self::number::Decimal;
pub use self::read::{Fault, Limits};

/// Longest path to a claim, in bytes.
pub const MAX_CLAIM_PATH_BYTES: usize = 512;

/// A JSON value. Members keep their order; no name stands twice in one object.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A string, its escapes undone.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// The member of this name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(members) => members.iter().find(|(given, _)| given == name).map(|(_, value)| value),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// The one value of a JSON text (RFC 8259), read to the letter: see [`Fault`] for what is refused.
    ///
    /// # Errors
    /// The first fault.
    pub fn read(text: &[u8], limits: Limits) -> Result<Self, Fault> {
        read::read(text, limits)
    }

    /// Whether two values are the same in type and value: 42 is 42.0 and is not `"42"`; the order of members does not
    /// matter, that of elements does.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::Number(one), Self::Number(two)) => match (Decimal::read(one), Decimal::read(two)) {
                (Some(one), Some(two)) => one == two,
                (_, _) => one == two,
            },
            (Self::List(one), Self::List(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.same(two))
            }
            (Self::Object(one), Self::Object(two)) => {
                let has = |(name, value): &(String, Value)| other.member(name).is_some_and(|there| value.same(there));
                one.len() == two.len() && one.iter().all(has)
            }
            (Self::Null | Self::Bool(_) | Self::Text(_) | Self::Number(_) | Self::List(_) | Self::Object(_), _) => {
                false
            }
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Object(_) => None,
        }
    }
}

/// Its type alone: claims are about people.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Bool(_) => "Bool(..)",
            Self::Number(_) => "Number(..)",
            Self::Text(_) => "Text(..)",
            Self::List(_) => "List(..)",
            Self::Object(_) => "Object(..)",
        })
    }
}

/// The way to a claim, through objects only: names joined with dots (`systems.onboarding.role`), or a JSON Pointer (RFC
/// 6901) where the text begins with `/`, for names that have dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// Reads a path. The error's path is empty: the caller knows the field.
    ///
    /// # Errors
    /// Empty, an empty step between dots, `~` in a pointer that is neither `~0` nor `~1`, or longer than
    /// [`MAX_CLAIM_PATH_BYTES`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        crate::identity::claim_path(text).map(Self)
    }

    /// The steps from the payload to the claim.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.0
    }

    /// The same way with every step that is `step` named `name` instead.
    pub(crate) fn with_step(mut self, step: &str, name: &str) -> Self {
        for given in self.0.iter_mut().filter(|given| *given == step) {
            name.clone_into(given);
        }
        self
    }

    /// The claim.
    #[must_use]
    pub fn find<'a>(&self, payload: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(payload, |value, step| value.member(step))
    }
}
