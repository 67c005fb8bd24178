//! Members that stand for each other: `{"name": "unit_cost", "value": 5}`. A rule lists the two names; what stands under the
//! first is judged as a name, and what stands under the second is its value.

use std::rc::Rc;

use serde::Deserialize;

use super::config::Limits;
use super::matcher::{Names, RuleMask};
use crate::config::ConfigError;
use crate::json::RawKey;

/// Most pairs of one rule.
pub const MAX_PAIRS: usize = 8;
/// Most different pairs of all rules.
pub const MAX_ALL_PAIRS: usize = PairSet::BITS as usize;
/// Longest name of a pair's member, in bytes.
pub const MAX_PAIR_NAME_BYTES: usize = 64;

/// Pairs by their number: bit n stands for pair n.
pub(super) type PairSet = u64;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PairWire {
    name: String,
    value: String,
}

/// The names of a pair's two members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PairNames {
    pub(super) name: String,
    pub(super) value: String,
}

/// A pair and the rules that list it.
#[derive(Debug)]
struct Pair {
    names: PairNames,
    rules: RuleMask,
}

/// What a member is to the pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Other,
    /// The name of these pairs.
    Name(PairSet),
    /// The value of these pairs.
    Value(PairSet),
}

/// All pairs of all rules. No member is the name of one and the value of another.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    list: Rc<[Pair]>,
    /// What a text may hold while it is open whether a value goes.
    pub(super) max_bytes: usize,
}

impl PairNames {
    /// Checks the list of one rule; `path` is that of the list.
    pub(super) fn check(list: Option<Vec<PairWire>>, path: &str) -> Result<Vec<Self>, ConfigError> {
        let Some(list) = list else { return Ok(Vec::new()) };
        if list.is_empty() || list.len() > MAX_PAIRS {
            return Err(ConfigError::new(path, format_args!("must have 1..={MAX_PAIRS} entries, or be left out")));
        }
        let mut checked: Vec<Self> = Vec::with_capacity(list.len());
        for (n, PairWire { name, value }) in list.into_iter().enumerate() {
            for (field, text) in [("name", &name), ("value", &value)] {
                if text.is_empty() || text.len() > MAX_PAIR_NAME_BYTES {
                    return Err(ConfigError::new(
                        format!("{path}[{n}].{field}"),
                        format_args!("must have 1..={MAX_PAIR_NAME_BYTES} bytes"),
                    ));
                }
            }
            if name == value {
                return Err(ConfigError::new(
                    format!("{path}[{n}].value"),
                    format_args!("`{value}` is the pair's name as well: they must be two members"),
                ));
            }
            let pair = Self { name, value };
            if let Some(first) = checked.iter().position(|other| *other == pair) {
                return Err(ConfigError::new(format!("{path}[{n}]"), format_args!("is the same as {path}[{first}]")));
            }
            checked.push(pair);
        }
        Ok(checked)
    }
}

impl Pairs {
    /// Puts the pairs of all rules together.
    ///
    /// # Errors
    /// There are too many, or a member would be both a name and a value.
    pub(super) fn new(rules: &[Names]) -> Result<Self, ConfigError> {
        let mut pairs: Vec<Pair> = Vec::new();
        for (n, rule) in rules.iter().enumerate() {
            for (m, names) in rule.pairs.iter().enumerate() {
                let path = |field| format!("rules[{n}].pairs[{m}]{field}");
                if let Some(known) = pairs.iter_mut().find(|pair| pair.names == *names) {
                    known.rules |= 1 << n;
                    continue;
                }
                if pairs.iter().any(|pair| pair.names.value == names.name) {
                    return Err(ConfigError::new(path(".name"), "is the value of another pair"));
                }
                if pairs.iter().any(|pair| pair.names.name == names.value) {
                    return Err(ConfigError::new(path(".value"), "is the name of another pair"));
                }
                if pairs.len() == MAX_ALL_PAIRS {
                    return Err(ConfigError::new(
                        path(""),
                        format_args!("is one too many: all rules may have {MAX_ALL_PAIRS} different pairs"),
                    ));
                }
                pairs.push(Pair { names: names.clone(), rules: 1 << n });
            }
        }
        Ok(Self { list: pairs.into(), max_bytes: Limits::default().max_pair_bytes })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The pairs that any of these rules lists.
    pub(super) fn of(&self, rules: RuleMask) -> PairSet {
        self.set(|pair| pair.rules & rules != 0)
    }

    /// The rules that list this pair.
    pub(super) fn rules(&self, number: u32) -> RuleMask {
        self.list.get(number as usize).map_or(0, |pair| pair.rules)
    }

    /// What a member of this name is to those of the pairs that are in `among`.
    pub(super) fn role(&self, key: RawKey<'_>, among: PairSet) -> Role {
        // Hardly any name has escapes, which only the slower way reads.
        if key.bytes().contains(&b'\\') {
            self.role_of(key.text(&mut String::new()).as_bytes(), among)
        } else {
            self.role_of(key.bytes(), among)
        }
    }

    fn role_of(&self, name: &[u8], among: PairSet) -> Role {
        let names = self.set(|pair| pair.names.name.as_bytes() == name) & among;
        if names != 0 {
            return Role::Name(names);
        }
        match self.set(|pair| pair.names.value.as_bytes() == name) & among {
            0 => Role::Other,
            values => Role::Value(values),
        }
    }

    fn set(&self, fits: impl Fn(&Pair) -> bool) -> PairSet {
        (0..).zip(self.list.iter()).fold(0, |set, (n, pair)| if fits(pair) { set | 1 << n } else { set })
    }
}
