//! Which rules a name falls under. Decisions are cached in a bounded table.

mod patterns;

use std::collections::HashMap;

use super::key_cache::{CachedKey, KeyCache};
use super::pairs::{PairNames, Pairs};
use crate::config::ConfigError;
use crate::csv::Spellings;
use crate::json::{Joints, RawKey};

use self::patterns::Patterns;

/// Rules by their number: bit n stands for rule n.
pub(super) type RuleMask = u64;

/// Most strip rules in one configuration.
pub const MAX_RULES: usize = 64;

/// What one rule takes away.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) exact: Vec<String>,
    pub(super) patterns: Vec<String>,
    pub(super) keep: Vec<String>,
    /// Taken as exact names are, and redacted where those are removed.
    pub(super) texts: Vec<String>,
    pub(super) pairs: Vec<PairNames>,
    pub(super) in_headers: bool,
}

/// All rules' names and patterns together.
#[derive(Debug)]
pub(super) struct Matcher {
    members: NameSet,
    headers: NameSet,
    /// The rules that list a member's name as a text.
    texts: HashMap<String, RuleMask>,
    /// The rules that list a name with these letters and digits among `keep` or `texts`.
    excepted: HashMap<String, RuleMask>,
    member_cache: KeyCache,
    /// What stands between the values of bodies.
    pub(super) joints: Joints,
    header_cache: KeyCache,
    /// Members whose text is judged as a name.
    pairs: Pairs,
    /// Of such texts; none without pairs.
    pair_cache: Option<KeyCache>,
    /// Where escaped names are decoded.
    space: String,
}

impl Matcher {
    pub(super) fn new(rules: &[Names]) -> Result<Self, ConfigError> {
        let members = NameSet::new(rules, str::to_owned, false)?;
        let headers = NameSet::new(rules, header_form, true)?;
        let pairs = Pairs::new(rules)?;
        let mut texts: HashMap<String, RuleMask> = HashMap::new();
        let mut excepted: HashMap<String, RuleMask> = HashMap::new();
        for (n, rule) in rules.iter().enumerate() {
            for name in &rule.texts {
                *texts.entry(name.clone()).or_default() |= 1 << n;
            }
            for name in rule.keep.iter().chain(&rule.texts) {
                *excepted.entry(letters(name)).or_default() |= 1 << n;
            }
        }
        Ok(Self {
            members,
            headers,
            texts,
            excepted,
            member_cache: KeyCache::new(9),
            joints: Joints::new(),
            header_cache: KeyCache::new(7),
            pair_cache: (!pairs.is_empty()).then(|| KeyCache::new(7)),
            pairs,
            space: String::new(),
        })
    }

    /// The rules that a member's name falls under.
    #[inline(always)]
    pub(super) fn member(&mut self, key: RawKey<'_>) -> RuleMask {
        let Some(slot) = CachedKey::of(key.bytes()) else {
            return self.members.rules(key.text(&mut self.space));
        };
        match self.member_cache.find(&slot) {
            Some(mask) => mask,
            None => self.look_up(key, slot),
        }
    }

    #[cold]
    #[inline(never)]
    fn look_up(&mut self, key: RawKey<'_>, slot: CachedKey) -> RuleMask {
        let mask = self.members.rules(key.text(&mut self.space));
        self.member_cache.put(slot, mask);
        mask
    }

    /// Whether any rule lists texts.
    #[inline]
    pub(super) fn has_texts(&self) -> bool {
        !self.texts.is_empty()
    }

    /// The rules that list a member's name as a text.
    pub(super) fn texts(&self, name: &[u8]) -> RuleMask {
        if self.has_texts() { self.texts_named(RawKey::new(name).text(&mut String::new())) } else { 0 }
    }

    /// As [`Matcher::texts`], of a decoded name.
    pub(super) fn texts_named(&self, name: &str) -> RuleMask {
        self.texts.get(name).copied().unwrap_or_default()
    }

    /// The rules that a column falls under, which is known by several spellings: taken by one is taken, kept by one is
    /// kept.
    pub(super) fn column<'a>(&mut self, spellings: impl Iterator<Item = &'a str>) -> RuleMask {
        let (mut taken, mut kept) = (0, 0);
        for spelling in spellings {
            taken |= self.members.rules(spelling);
            kept |= self.members.kept(spelling);
        }
        taken & !kept
    }

    /// Members that stand for each other.
    pub(super) fn pairs(&self) -> &Pairs {
        &self.pairs
    }

    /// What a text may hold while it is open whether a pair's value goes, in bytes.
    pub(super) fn limit_pairs(&mut self, max_bytes: usize) {
        self.pairs.max_bytes = max_bytes;
    }

    /// The rules that take what a text under a pair's name stands for. People write such texts as they write the names of
    /// columns: it is known by several spellings.
    pub(super) fn pair_name(&mut self, text: RawKey<'_>) -> RuleMask {
        let slot = CachedKey::of(text.bytes());
        if let (Some(cache), Some(slot)) = (&mut self.pair_cache, &slot)
            && let Some(mask) = cache.find(slot)
        {
            return mask;
        }
        let mask = self.column(Spellings::of(text.text(&mut String::new())).iter());
        if let (Some(cache), Some(slot)) = (&mut self.pair_cache, slot) {
            cache.put(slot, mask);
        }
        mask
    }

    /// The rules that list what a text under a pair's name stands for as a text.
    pub(super) fn pair_texts(&self, text: RawKey<'_>) -> RuleMask {
        if !self.has_texts() {
            return 0;
        }
        let spellings = Spellings::of(text.text(&mut String::new()));
        spellings.iter().fold(0, |texts, spelling| texts | self.texts_named(spelling))
    }

    /// The rules with an exception for a name that differs from this one in case and signs at most.
    pub(super) fn excepted_like(&self, name: &str) -> RuleMask {
        self.excepted.get(&letters(name)).copied().unwrap_or_default()
    }

    /// The rules that a decoded name falls under, by a way without the cache.
    pub(super) fn member_named(&mut self, name: &str) -> RuleMask {
        self.members.rules(name)
    }

    /// The rules that a header's name falls under.
    pub(super) fn header(&mut self, name: &[u8]) -> RuleMask {
        // What a message is made of is no field of its content.
        if name.starts_with(b":") {
            return 0;
        }
        let slot = CachedKey::of(name);
        if let Some(mask) = slot.as_ref().and_then(|slot| self.header_cache.find(slot)) {
            return mask;
        }
        // Patterns see the name with and without its `x-`: `^x-cost` and `^cost` both find `x-cost`.
        let name = String::from_utf8_lossy(name);
        let (form, whole) = (header_form(&name), name.to_ascii_lowercase());
        let mask = (self.headers.rules(&form) | self.headers.rules(&whole)) & !self.headers.kept(&form);
        if let Some(slot) = slot {
            self.header_cache.put(slot, mask);
        }
        mask
    }
}

/// A name's letters and digits, in lower case.
fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A header's name as exact names are compared: lower case, `_` for `-`, a leading `x-` dropped.
fn header_form(name: &str) -> String {
    let form = name.to_ascii_lowercase().replace('-', "_");
    match form.strip_prefix("x_") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        Some(_) | None => form,
    }
}

/// Exact names and patterns with the rules that each stands for.
#[derive(Debug)]
struct NameSet {
    /// For each exact name: the rules that take it and the rules that keep it.
    exact: HashMap<String, (RuleMask, RuleMask)>,
    patterns: Patterns,
    /// The rule of each pattern.
    pattern_rules: Vec<RuleMask>,
}

impl NameSet {
    fn new(rules: &[Names], form: fn(&str) -> String, headers: bool) -> Result<Self, ConfigError> {
        let mut exact: HashMap<String, (RuleMask, RuleMask)> = HashMap::new();
        let mut patterns = Vec::new();
        let mut pattern_rules = Vec::new();
        for (n, rule) in rules.iter().enumerate().filter(|(_, rule)| !headers || rule.in_headers) {
            let bit = 1 << n;
            for name in rule.exact.iter().chain(&rule.texts) {
                exact.entry(form(name)).or_default().0 |= bit;
            }
            for name in &rule.keep {
                exact.entry(form(name)).or_default().1 |= bit;
            }
            for (m, pattern) in rule.patterns.iter().enumerate() {
                Patterns::new(&[pattern], headers)
                    .map_err(|why| ConfigError::new(format!("rules[{n}].patterns[{m}]"), why))?;
                patterns.push(pattern);
                pattern_rules.push(bit);
            }
        }
        let patterns = Patterns::new(&patterns, headers)
            .map_err(|why| ConfigError::new("rules", format_args!("all patterns together: {why}")))?;
        Ok(Self { exact, patterns, pattern_rules })
    }

    fn rules(&mut self, name: &str) -> RuleMask {
        let (taken, kept) = self.exact.get(name).copied().unwrap_or_default();
        let mut mask = taken;
        for pattern in self.patterns.matching(name).iter() {
            mask |= self.pattern_rules.get(pattern.as_usize()).copied().unwrap_or_default();
        }
        mask & !kept
    }

    fn kept(&self, name: &str) -> RuleMask {
        self.exact.get(name).map(|&(_, kept)| kept).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
